"""Nested norms against loops, and their contributions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.margin.sensitivity.correlation import Correlation, Same
from crossmargin.margin.sensitivity.curvature import curvature
from crossmargin.margin.sensitivity.margin import bare
from crossmargin.margin.sensitivity.nested import Nested, Norm


def sound(rng, n):
    rows = rng.normal(size=(n, n + 1))
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    return rows @ rows.T


def loop(x, rho, bucket, gamma, clip, masked=False):
    """The formulas, one pair at a time."""
    def radicand(values, matrix, own):
        total = sum(own)
        for i, a in enumerate(values):
            for j, b in enumerate(values):
                if i != j and not (masked and a < 0 and b < 0):
                    total += matrix[i][j] * a * b
        return total

    norms, sums = [], []
    for b in range(len(gamma)):
        inside = [i for i in range(len(x)) if bucket[i] == b]
        values = [x[i] for i in inside]
        own = [max(v, 0.0) ** 2 if masked else v * v for v in values]
        norms.append(max(radicand(values, [[rho[i][j] for j in inside] for i in inside], own), 0.0) ** 0.5)
        sums.append(sum(values))
    clipped = [min(max(s, -k), k) for s, k in zip(sums, norms, strict=True)]
    squares = [k * k for k in norms]
    plain = radicand(sums, gamma, squares)
    chosen = clipped if clip == "always" or (clip == "where negative" and plain < 0) else sums
    return max(radicand(chosen, gamma, squares), 0.0) ** 0.5


@st.composite
def books(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, n_buckets = draw(st.integers(1, 9)), draw(st.integers(1, 4))
    bucket, rho = rng.integers(0, n_buckets, n), sound(rng, n)
    return rng.normal(size=n) * 100, rho * (bucket[:, None] == bucket), bucket, sound(rng, n_buckets)


def nested_of(x, rho, bucket, gamma, clip, masked=False):
    norm = Norm.of(x, Correlation.dense(rho), bucket, len(gamma), masked=masked)
    return Nested.of(norm, bare(gamma), np.zeros(len(gamma), dtype=np.int64), 1, clip=clip, masked=masked)


@pytest.mark.parametrize("clip", ["always", "where negative", "never"])
@given(books())
def test_equals_the_loops(clip, book):
    assert nested_of(*book, clip).value[0] == pytest.approx(loop(*book, clip), rel=1e-10, abs=1e-4)


@pytest.mark.parametrize("clip", ["always", "where negative", "never"])
@given(books())
def test_contributions_sum_to_the_norm(clip, book):
    found = nested_of(*book, clip)
    for norm, parts in ((found.value, found.shares.sum()), (found.buckets.value.sum(), found.buckets.shares.sum())):
        assert parts == pytest.approx(norm.sum(), rel=1e-12, abs=1e-9)


@given(books())
def test_a_contribution_is_a_slope(book):
    """Euler: x_k dT/dx_k, by central differences away from kinks."""
    x, rho, bucket, gamma = book
    found = nested_of(x, rho, bucket, gamma, "always")
    room = np.abs(np.abs(np.bincount(bucket, x, len(gamma))) - found.buckets.value)
    if found.value[0] < 1.0 or room.min() < 1e-2 or found.buckets.value[bucket].min() < 1.0:
        return
    for k in range(len(x)):
        step = np.zeros(len(x))
        step[k] = 1e-4
        up, down = (nested_of(x + s, rho, bucket, gamma, "always").value[0] for s in (step, -step))
        assert found.shares[k] == pytest.approx(x[k] * (up - down) / 2e-4, rel=1e-4, abs=1e-3)


@given(books())
def test_masked_pairs(book):
    found = nested_of(*book, "never", masked=True)
    assert found.value[0] == pytest.approx(loop(*book, "never", masked=True), rel=1e-10, abs=1e-4)


def test_a_small_case_by_hand():
    """Two factors of 3 and 4 with rho 0.5 in one bucket, 12 alone in another, gamma 0.25."""
    rho = np.array([[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]])
    gamma = np.array([[1.0, 0.25], [0.25, 1.0]])
    found = nested_of(np.array([3.0, 4.0, 12.0]), rho, np.array([0, 0, 1]), gamma, "always")
    k = (9 + 16 + 2 * 0.5 * 12) ** 0.5
    assert found.buckets.value == pytest.approx([k, 12.0])
    assert found.sums == pytest.approx([k, 12.0])  # 7 is more than K of 6.08
    assert found.value[0] == pytest.approx((37 + 144 + 2 * 0.25 * k * 12) ** 0.5)


def test_curvature_takes_the_worse_side_of_each_bucket():
    """By hand: bucket 0 loses 100 up and 40 down; bucket 1 loses 10 up and 30 down; squared gamma 0.36."""
    up, down = np.array([100.0, 10.0]), np.array([40.0, 30.0])
    within, bucket = Correlation.product([Same(np.arange(2), 0.0)]), np.arange(2)
    found, upward = curvature(up, down, within, bucket, bare(np.array([[1.0, 0.36], [0.36, 1.0]])))
    assert upward.tolist() == [True, False]
    assert found.value[0] == pytest.approx((100.0**2 + 30.0**2 + 2 * 0.36 * 100 * 30) ** 0.5)


def test_curvature_of_gains_is_nothing():
    """Both sides negative: the norm is 0, and psi drops the pair of negative sums."""
    gains = np.array([-5.0, -7.0])
    within = Correlation.product([Same(np.arange(2), 0.0)])
    found, _ = curvature(gains, gains, within, np.arange(2), bare(np.ones((2, 2))))
    assert found.value[0] == 0.0
    assert found.shares.tolist() == [0.0, 0.0]
