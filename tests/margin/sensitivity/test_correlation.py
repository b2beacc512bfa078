"""Block terms against the whole matrix, element by element."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin import InvalidInputError
from crossmargin.margin.sensitivity.correlation import Correlation, Same, Table, Term
from crossmargin.margin.sensitivity.kept import KeptNorm


@st.composite
def structures(draw):
    """A product of a table and up to three constants within groups, and the same as a whole matrix."""
    n, levels = draw(st.integers(1, 12)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = rng.normal(size=(levels, levels + 2))
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    table = rows @ rows.T
    codes, group = rng.integers(0, levels, n), rng.integers(0, 3, n)
    constants = [Same(rng.integers(0, 3, n), float(rng.choice([0.0, 0.4, 1.0, -0.3]))) for _ in range(draw(st.integers(0, 3)))]
    sides = [Table(codes, table), *constants] if draw(st.booleans()) or not constants else constants
    whole = (group[:, None] == group) * 1.0
    for side in sides:
        if isinstance(side, Table):
            whole = whole * table[np.ix_(codes, codes)]
        else:
            whole = whole * np.where(side.codes[:, None] == side.codes, 1.0, side.rho)
    return Correlation.product(sides, group), whole, rng


@given(structures())
def test_terms_are_the_matrix(drawn):
    found, whole, rng = drawn
    x = rng.normal(size=found.n)
    assert found.matrix() == pytest.approx(whole, abs=1e-14)
    assert found.times(x) == pytest.approx(whole @ x, abs=1e-13)


@given(structures())
def test_concordance_multiplies_every_entry(drawn):
    found, whole, rng = drawn
    x, c = rng.normal(size=found.n), rng.choice([1.0, 1.0, 1.7, 2.5, 9.0], found.n)
    ratio = np.minimum.outer(c, c) / np.maximum.outer(c, c)
    assert found.times(x, c) == pytest.approx((whole * ratio) @ x, abs=1e-13)


@given(structures(), st.integers(1, 4))
def test_a_kept_norm_follows(drawn, moves):
    found, whole, rng = drawn
    kept, x = KeptNorm(found, rng.normal(size=found.n)), None
    for _ in range(moves):
        factors = rng.permutation(found.n)[: rng.integers(1, found.n + 1)]
        changes = rng.normal(size=len(factors))
        x = kept.x.copy()
        x[factors] += changes
        expected = max(x @ whole @ x, 0.0)
        before = (kept.x.copy(), kept.y.copy(), kept.square)
        assert kept.after(factors, changes) ** 2 == pytest.approx(expected, abs=1e-11)
        assert (kept.x == before[0]).all() and (kept.y == before[1]).all() and kept.square == before[2]
        kept.commit(factors, changes)
        assert kept.value**2 == pytest.approx(expected, abs=1e-11)
        assert kept.y == pytest.approx(whole @ x, abs=1e-12)
    kept.rebuild()
    assert kept.value**2 == pytest.approx(max(x @ whole @ x, 0.0), abs=1e-11)


def test_dense_is_checked():
    with pytest.raises(InvalidInputError, match="correlation must be symmetric"):
        Correlation.dense([[1.0, 0.5], [0.4, 1.0]])
    assert Correlation.dense([[1.0, 0.5], [0.5, 1.0]]).times(np.array([1.0, 2.0])) == pytest.approx([2.0, 2.5])


def test_refused():
    with pytest.raises(InvalidInputError, match="must lie inside it, did not at place 1"):
        Term(np.array([0, 3]), np.ones(2))
    table = Table(np.array([0]), np.eye(1))
    with pytest.raises(InvalidInputError, match="at most one table, held 2"):
        Correlation.product([table, table])
    kept = KeptNorm(Correlation.dense(np.eye(2)), np.ones(2))
    with pytest.raises(InvalidInputError, match=r"factors must lie in \[0, 2\)"):
        kept.after([2], [1.0])
    with pytest.raises(InvalidInputError, match="factors must be unique"):
        kept.commit([0, 0], [1.0, 1.0])
    with pytest.raises(InvalidInputError, match="x"):
        Correlation.dense(np.eye(2)).times(np.array([1.0, np.nan]))
