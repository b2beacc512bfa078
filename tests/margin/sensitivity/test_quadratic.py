"""Norms of many accounts against one account at a time."""

import numpy as np
import pytest

from crossmargin import InvalidInputError
from crossmargin.margin.sensitivity.quadratic import Covariance, norms


@pytest.mark.parametrize("rank", [1, 3, 8])
@pytest.mark.parametrize("accounts", [0, 1, 15, 16, 17, 67])
def test_each_account(accounts, rank):
    rng = np.random.default_rng(rank)
    half = rng.normal(size=(8, rank))
    s, w = half @ half.T, rng.normal(size=(accounts, 8)) * 100
    expected = [float(row @ s @ row) for row in w]
    assert norms(w, s) ** 2 == pytest.approx(np.array(expected), rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("factors", [1, 5, 6, 7, 12, 13, 50])
def test_an_account_depends_on_nothing_but_itself(factors):
    """Alone, in any place of a block, and on threads: the same bits."""
    rng = np.random.default_rng(factors)
    half, w = rng.normal(size=(factors, factors)), rng.normal(size=(53, factors))
    prepared = Covariance.of(half @ half.T)
    whole = prepared.norms(w)
    assert whole == pytest.approx(np.linalg.norm(w @ half, axis=1), rel=1e-9)
    assert prepared.norms(w, threads=3).tobytes() == whole.tobytes()
    assert prepared.norms(w[::-1])[::-1].tobytes() == whole.tobytes()
    assert np.concatenate([prepared.norms(w[i : i + 1]) for i in range(53)]).tobytes() == whole.tobytes()


@pytest.mark.parametrize(("w", "s", "message"), [
    (np.ones((2, 2)), [[1.0, 2.0], [2.0, 1.0]], "covariance must be positive semi-definite"),
    (np.ones((2, 2)), [[1.0, 0.5], [0.4, 1.0]], "covariance must be symmetric"),
    (np.ones((2, 2)), np.ones((2, 3)), "covariance must have shape"),
    (np.ones((2, 2)), [[np.nan, 0.0], [0.0, 1.0]], "covariance must be finite"),
    (np.ones((2, 3)), np.eye(2), "exposures must have 2 columns"),
    ([[np.inf, 0.0]], np.eye(2), "exposures must have finite norms"),
])  # fmt: skip
def test_refused(w, s, message):
    with np.errstate(invalid="ignore"), pytest.raises(InvalidInputError, match=message):
        norms(w, s)
