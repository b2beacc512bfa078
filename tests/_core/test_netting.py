"""Netting beside its slow twin, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import netting as twin

from crossmargin._core import netting
from crossmargin._core.status import Status

finite = st.floats(-1e9, 1e9, allow_nan=False)


def group_sums(group, amount, n_groups):
    outs = [np.full(n_groups, np.nan) for _ in range(3)]
    status = netting.group_sums(np.array(group, dtype=np.int64), np.array(amount, dtype=np.float64), *outs)
    return status, outs


@given(rows=st.lists(st.tuples(st.integers(0, 4), finite), max_size=40))
def test_group_sums_equal_the_twin(rows):
    group, amount = [g for g, _ in rows], [x for _, x in rows]
    status, outs = group_sums(group, amount, 5)
    assert status == (Status.OK, -1)
    scale = sum(map(abs, amount)) + 1
    for g, exact in enumerate(twin.group_sums(group, amount, 5)):
        assert all(abs(float(want) - out[g]) <= 1e-14 * scale for want, out in zip(exact, outs, strict=True))
    assert (outs[1] >= 0).all() and (outs[2] >= 0).all()


@pytest.mark.parametrize(("group", "amount", "expected"), [
    ([0, 5], [1.0, 1.0], (Status.UNKNOWN, 1)), ([-1], [1.0], (Status.UNKNOWN, 0)),
    ([0, 1, 1], [1.0, 1.0, float("nan")], (Status.NOT_FINITE, 2)), ([0], [float("inf")], (Status.NOT_FINITE, 0)),
    ([0], [1.0, 2.0], (Status.SHAPE, -1)),
])  # fmt: skip
def test_bad_rows_are_named_and_nothing_is_written(group, amount, expected):
    status, outs = group_sums(group, amount, 5)
    assert status == expected
    assert all(np.isnan(out).all() for out in outs)


EDGES, RATES = [0.0, 50_000.0, 250_000.0, 1e6], [0.004, 0.005, 0.01, 0.025]


@given(size=st.lists(finite, max_size=20))
def test_tiers_equal_the_form_with_deductions(size):
    out = np.empty(len(size))
    assert netting.tiers(np.array(size), np.array(EDGES), np.array(RATES), out) == (Status.OK, -1)
    for x, found in zip(size, out, strict=True):
        assert found == pytest.approx(float(twin.tiers(x, EDGES, RATES)), rel=1e-13, abs=1e-9)


def test_tiers_by_hand():
    """Marginal tiers with deductions: 0.5 % of 100,000 less 50, and 2.5 % of 2,000,000 less 16,300."""
    out = np.empty(2)
    netting.tiers(np.array([100_000.0, -2_000_000.0]), np.array(EDGES), np.array(RATES), out)
    assert out == pytest.approx([0.005 * 100_000 - 50, 0.025 * 2_000_000 - 16_300])


@given(size=st.lists(finite, max_size=20))
def test_size_rates_equal_the_twin(size):
    out = np.empty(len(size))
    assert netting.size_rate(np.array(size), 0.02, 5e-9, 0.5, out) == (Status.OK, -1)
    for x, found in zip(size, out, strict=True):
        assert found == pytest.approx(float(twin.size_rate(x, 0.02, 5e-9, 0.5)), rel=1e-13, abs=1e-12)


def test_a_size_that_is_not_finite_is_named():
    out, size = np.empty(2), np.array([1.0, np.nan])
    assert netting.tiers(size, np.array(EDGES), np.array(RATES), out) == (Status.NOT_FINITE, 1)
    assert netting.size_rate(size, 0.1, 0.0, 1.0, out) == (Status.NOT_FINITE, 1)
    assert netting.size_rate(size, float("nan"), 0.0, 1.0, out) == (Status.NOT_FINITE, -1)
    assert netting.tiers(size, np.array(EDGES), np.array(RATES[:-1]), out) == (Status.SHAPE, -1)
