"""Sets from returns, from stress by hand, and from a correlation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crossmargin.errors import InvalidInputError, UnknownReferenceError
from crossmargin.scenario import correlated, historical, stress

NAMES = ("A", "B", "C")


# ---------------------------------------------------------------- historical
@given(
    arrays(float, st.tuples(st.integers(1, 12), st.integers(1, 3)), elements=st.floats(-0.5, 0.5)),
    st.data(),
    st.booleans(),
)
def test_every_window_compounds_its_days(returns, data, log):
    horizon = data.draw(st.integers(1, len(returns)))
    found = historical("h", returns, NAMES[: returns.shape[1]], horizon=horizon, log=log)
    assert len(found) == len(returns) - horizon + 1
    for start in range(len(found)):
        window = returns[start : start + horizon]
        expected = np.exp(window.sum(axis=0)) - 1 if log else np.prod(1 + window, axis=0) - 1
        np.testing.assert_allclose(found.move[start], expected, rtol=1e-12, atol=1e-14)


def test_a_window_is_named_by_its_last_day():
    found = historical("h", [[0.1], [0.2], [0.3]], ["A"], labels=["mon", "tue", "wed"], horizon=2)
    assert found.labels == ("tue", "wed")
    assert historical("h", [[0.1], [0.2]], ["A"]).labels == ("day 0", "day 1")


def test_a_day_does_not_depend_on_the_days_before():
    rng = np.random.default_rng(5)
    days = rng.normal(0, 0.05, (400, 2))
    days[0] = 0.9999
    whole, late = (historical("h", rows, NAMES[:2], horizon=5).move for rows in (days, days[300:]))
    np.testing.assert_array_equal(whole[300:], late)


@pytest.mark.parametrize(
    ("returns", "terms", "message"),
    [
        ([[np.nan]], {}, r"returns must be finite, was nan at \(0, 0\)"),
        ([[-1.0]], {}, r"returns must be > -1, was -1.0 at \(0, 0\)"),
        ([[-2000.0]], {"log": True}, r"move must be > -1, was -1.0"),
        ([[2000.0]], {"log": True}, r"move must be finite, was inf"),
        ([0.1], {}, "returns must have 2 dimension"),
        ([[0.1, 0.2]], {}, "returns must have 1 columns, was 2"),
        ([[0.1]], {"horizon": 0}, r"horizon must lie in \[1, 1\], was 0"),
        ([[0.1]], {"horizon": 2}, r"horizon must lie in \[1, 1\], was 2"),
        ([[0.1]], {"horizon": 1.0}, "horizon must be an integer, was 1.0"),
        ([[0.1]], {"labels": ["a", "b"]}, "labels must have length 1, was 2"),
        (np.zeros((0, 1)), {}, r"horizon must lie in \[1, 0\], was 1"),
        ("abc", {}, "returns must hold numbers"),
    ],
)
def test_bad_histories_are_refused(returns, terms, message):
    with pytest.raises(InvalidInputError, match=f"^{message}"):
        historical("h", returns, ["A"], **terms)


# ---------------------------------------------------------------- stress
def test_stress_moves_what_it_names():
    found = stress("s", {"crash": {"B": -0.4, "A": -0.2}, "squeeze": {"A": 0.3}}, volatility={"crash": 0.5})
    assert (found.labels, found.underlyings) == (("crash", "squeeze"), ("A", "B"))
    np.testing.assert_array_equal(found.move, [[-0.2, -0.4], [0.3, 0.0]])
    np.testing.assert_array_equal(found.volatility, [[0.5, 0.5], [0.0, 0.0]])


@pytest.mark.parametrize(
    ("rows", "volatility", "message"),
    [
        ({}, None, "stress rows must move at least one underlying"),
        ({"a": {}}, None, "stress rows must move at least one underlying"),
        ({"a": {"A": np.nan}}, None, "move must be finite, was nan"),
        ({"a": {"A": -1.0}}, None, "move must be > -1, was -1.0"),
        ({"": {"A": 0.1}}, None, "label must be a printable text"),
        ({"a": {"A": 0.1}}, {"a": np.inf}, "volatility must be finite, was inf"),
    ],
)
def test_bad_stress_is_refused(rows, volatility, message):
    with pytest.raises(InvalidInputError, match=f"^{message}"):
        stress("s", rows, volatility=volatility)


def test_a_volatility_shock_must_have_its_scenario():
    with pytest.raises(
        UnknownReferenceError, match="^volatility label must name a known scenario, was 'crahs'$"
    ):
        stress("s", {"crash": {"A": 0.1}}, volatility={"crahs": 0.1})


# ---------------------------------------------------------------- correlated
@st.composite
def correlations(draw, n=3):
    """A correlation matrix by construction: rows of unit length."""
    rows = draw(arrays(float, (n, n), elements=st.floats(-1, 1))) + np.eye(n) * 2.5
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    matrix = rows @ rows.T
    matrix = (matrix + matrix.T) / 2
    np.fill_diagonal(matrix, 1.0)
    return matrix


@given(
    correlations(),
    arrays(float, 3, elements=st.floats(0, 0.3)),
    st.lists(st.floats(-3, 3), min_size=1, max_size=3),
    st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=2),
)
def test_each_underlying_leads_and_the_rest_follow(rho, sigma, multiples, shocks):
    found = correlated("c", NAMES, deviation=sigma, correlation=rho, multiples=multiples, volatility=shocks)
    assert len(found) == 3 * len(multiples) * len(shocks)
    row = 0
    for lead in range(3):
        for k in multiples:
            for shock in shocks:
                expected = [max(rho[lead, j] * sigma[j] * k, -0.99) for j in range(3)]
                np.testing.assert_allclose(found.move[row], expected, rtol=1e-14, atol=1e-300)
                np.testing.assert_array_equal(found.volatility[row], shock)
                row += 1


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[1, 0.5]], "correlation must have length 2, was 1"),
        ([[1, 0.5, 0], [0.5, 1, 0]], r"correlation must have shape \(2, 2\), was \(2, 3\)"),
        ([[1, 0.5], [0.4, 1]], r"correlation must be symmetric, was 0.5 at \(0, 1\)"),
        ([[2, 0], [0, 1]], "correlation diagonal must be 1, was 2.0 at row 0"),
        ([[1, 1.1], [1.1, 1]], "correlation must be positive semi-definite, was 'least eigenvalue -0.1'"),
        ([[1, np.nan], [np.nan, 1]], r"correlation must be finite, was nan at \(0, 1\)"),
        ([1, 1], "correlation must have 2 dimension"),
        ("rho", "correlation must hold numbers"),
    ],
)
def test_bad_matrices_are_refused(matrix, message):
    with pytest.raises(InvalidInputError, match=f"^{message}"):
        correlated("c", NAMES[:2], deviation=[0.1, 0.1], correlation=matrix)


def test_three_by_three_may_be_inconsistent_though_each_pair_is_not():
    matrix = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])
    with pytest.raises(
        InvalidInputError, match="^correlation must be positive semi-definite, was 'least eigenvalue -0.8'$"
    ):
        correlated("c", NAMES, deviation=[0.1] * 3, correlation=matrix)


def test_perfect_correlation_is_semi_definite():
    found = correlated("c", NAMES, deviation=[0.1] * 3, correlation=np.ones((3, 3)), multiples=(1.0,))
    np.testing.assert_array_equal(found.move, np.full((3, 3), 0.1))


@pytest.mark.parametrize(
    ("deviation", "message"),
    [
        ([0.1], "deviation must have length 2, was 1"),
        ([0.1, -0.1], "deviation must be >= 0, was -0.1 at row 1"),
        ([0.1, np.inf], "deviation must be finite, was inf at row 1"),
    ],
)
def test_bad_deviations_are_refused(deviation, message):
    with pytest.raises(InvalidInputError, match=f"^{message}$"):
        correlated("c", NAMES[:2], deviation=deviation, correlation=np.eye(2))


def test_no_leads_is_no_set():
    with pytest.raises(InvalidInputError, match="must hold at least one scenario"):
        correlated("c", NAMES[:2], deviation=[0.1, 0.1], correlation=np.eye(2), multiples=())
