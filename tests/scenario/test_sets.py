"""Scenario sets: checks and broadcasting, grids, tails, joining, the term rule of volatility."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.errors import InvalidInputError
from crossmargin.scenario import ScenarioSet, VolatilityRule, grid, tails
from crossmargin.scenario.sets import EVERY, label

moves = st.floats(-0.99, 5.0)
shocks = st.floats(-2.0, 2.0)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"move": [0.1, np.nan]}, r"move must be finite, was nan at \(1, 0\)"),
        ({"move": [0.1, np.inf]}, r"move must be finite, was inf at \(1, 0\)"),
        ({"move": [-1.0]}, r"move must be > -1, was -1.0 at \(0, 0\)"),
        ({"move": []}, "scenario set 'x' must hold at least one scenario, was 0"),
        ({"move": 0.1}, r"move must have one column or 1, was 'shape \(\)'"),
        ({"move": [[[0.1]]]}, r"move must have one column or 1, was 'shape \(1, 1, 1\)'"),
        ({"move": [[0.1, 0.2]]}, r"move must have one column or 1, was 'shape \(1, 2\)'"),
        ({"move": "up"}, "move must hold numbers, was 'up'"),
        (
            {"move": [0.1], "volatility": [0.1, 0.2]},
            r"volatility must have 1 rows and one column or 1, was 'shape \(2, 1\)'",
        ),
        ({"move": [0.1], "volatility": np.nan}, r"volatility must be finite, was nan at \(0, 0\)"),
        ({"move": [0.1], "weight": 0.0}, r"weight must lie in \(0, 1\], was 0.0 at row 0"),
        ({"move": [0.1, 0.2], "weight": [0.5, 1.5]}, r"weight must lie in \(0, 1\], was 1.5 at row 1"),
        ({"move": [0.1], "weight": [0.5, 0.5]}, "weight must have 1 rows and one column or 1, was"),
        ({"move": [0.1], "weight": [np.nan]}, "weight must be finite, was nan"),
        ({"move": [0.1], "labels": ["a", "b"]}, "labels must have length 1, was 2"),
        (
            {"move": [0.1], "labels": [""]},
            "label must be a printable text of 1 to 200 characters, was '' at row 0",
        ),
        ({"move": [[0.1, 0.2]], "underlyings": ("A", "A")}, "underlying must be unique, was 'A' at row 1"),
        ({"move": [0.1], "name": "\n"}, "name must be a printable text"),
    ],
)
def test_bad_sets_are_refused(terms, message):
    with pytest.raises(InvalidInputError, match=f"^{message}"):
        ScenarioSet.of(**{"name": "x"} | terms)


def test_one_column_serves_every_underlying():
    found = ScenarioSet.of("x", move=[0.1, -0.1], volatility=0.3, weight=[1, 0.5], underlyings=("A", "B"))
    np.testing.assert_array_equal(found.move, [[0.1, 0.1], [-0.1, -0.1]])
    np.testing.assert_array_equal(found.volatility, np.full((2, 2), 0.3))
    np.testing.assert_array_equal(found.weight, [1.0, 0.5])
    assert not any(a.flags.writeable for a in (found.move, found.volatility, found.weight))
    assert found.labels == ("+10% vol+30%", "-10% vol+30%")


def test_columns_by_underlying_and_the_star():
    found = ScenarioSet.of("x", move=[[0.1, 0.2]], underlyings=("A", EVERY))
    move, shock = found.columns(["A", "B", "A"])
    np.testing.assert_array_equal(move, [[0.1, 0.2, 0.1]])
    assert shock.shape == (1, 3)
    with pytest.raises(
        InvalidInputError, match="^scenario set 'y' must move every underlying held, was 'B'$"
    ):
        ScenarioSet.of("y", move=[0.1], underlyings=("A",)).column("B")


@given(
    st.lists(moves, min_size=1, max_size=5),
    st.lists(shocks, min_size=1, max_size=4),
    st.dictionaries(st.sampled_from("ABC"), st.floats(0.01, 0.9), min_size=1),
)
def test_a_grid_is_every_move_with_every_shock(given_moves, given_shocks, scale):
    given_moves = [min(max(m, -1.0), 1.0) for m in given_moves]
    found = grid("g", moves=given_moves, volatility=given_shocks, scale=scale)
    assert len(found) == len(given_moves) * len(given_shocks)
    row = 0
    for move in given_moves:
        for shock in given_shocks:
            for underlying, reach in scale.items():
                at = found.column(underlying)
                assert found.move[row, at] == move * reach
                assert found.volatility[row, at] == shock
            row += 1


def test_an_empty_grid_is_refused():
    for terms in ({"moves": ()}, {"moves": (0.1,), "volatility": ()}):
        with pytest.raises(InvalidInputError, match="must hold at least one scenario, was 0$"):
            grid("g", **terms)
    with pytest.raises(InvalidInputError, match="must hold at least one scenario, was 0$"):
        tails("t", [])


@given(st.lists(st.tuples(moves, shocks, st.floats(0.01, 1.0)), min_size=1, max_size=5))
def test_tails_carry_their_weight(rows):
    found = tails("t", rows)
    np.testing.assert_array_equal(
        np.stack([found.move[:, 0], found.volatility[:, 0], found.weight], axis=1), rows
    )
    assert found.labels[0].endswith(f" x{rows[0][2]:.4g}")


@given(
    st.lists(moves, min_size=1, max_size=4),
    st.lists(st.tuples(moves, shocks, st.floats(0.01, 1.0)), min_size=1, max_size=4),
)
def test_a_joined_set_is_one_after_the_other(given_moves, rows):
    one, other = grid("g", moves=given_moves), tails("t", rows)
    found = one + other
    assert (found.name, found.labels, len(found)) == ("g+t", one.labels + other.labels, len(one) + len(other))
    for name in ("move", "volatility", "weight"):
        np.testing.assert_array_equal(
            getattr(found, name), np.concatenate([getattr(one, name), getattr(other, name)])
        )
        assert not getattr(found, name).flags.writeable


def test_only_like_sets_join():
    one = grid("g", moves=(0.1,))
    for other in (
        grid("h", moves=(0.1,), scale={"A": 1.0}),
        grid("h", moves=(0.1,), rule=VolatilityRule(mode="absolute")),
    ):
        with pytest.raises(
            InvalidInputError,
            match="^scenario sets must share underlyings and volatility rule to be joined, was 'h'$",
        ):
            one + other


def test_labels_read_as_reports_print_them():
    assert label(-0.045, 0.4) == "-4.5% vol+40%"
    assert label(0.0, 0.0) == "+0%"
    assert grid("g", moves=(1.0,), volatility=(-0.25,), scale={"A": 0.1, "B": 0.2}).labels == (
        "+1 range vol-25%",
    )


# ---------------------------------------------------------------- volatility rule
@given(
    st.floats(0.0, 3.0),
    st.floats(0.0, 900.0),
    shocks,
    st.sampled_from(["relative", "absolute"]),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(1.0, 90.0),
    st.floats(0.1, 10.0),
    st.floats(0.0, 1.0),
)
def test_the_term_rule_by_its_formula(sigma, days, shock, mode, short, long, reference, floor, up):
    rule = VolatilityRule(
        mode=mode, short_power=short, long_power=long, reference_days=reference, floor_days=floor, floor_up=up
    )
    term = (reference / max(days, floor)) ** (short if days <= reference else long)
    moved = sigma * (1 + shock * term) if mode == "relative" else sigma + shock * term
    expected = max(moved, up if shock > 0 else 0.0)
    found = rule.shocked(np.array([sigma]), np.array([days]), np.array([[shock]]))
    assert found.shape == (1, 1)
    np.testing.assert_allclose(found[0, 0], expected, rtol=1e-14)
    assert found[0, 0] >= 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mode", "both"),
        ("short_power", -0.1),
        ("long_power", np.nan),
        ("floor_up", np.inf),
        ("reference_days", 0.0),
        ("floor_days", -1.0),
        ("short_power", "0.3"),
    ],
)
def test_bad_rules_are_refused(name, value):
    with pytest.raises(InvalidInputError, match=f"^{name} must"):
        VolatilityRule(**{name: value})


def test_a_shock_beyond_all_figures_is_refused():
    rule = VolatilityRule(short_power=1e300)
    with pytest.raises(InvalidInputError, match="^shocked volatility must be finite, was inf at"):
        rule.shocked(np.array([0.5]), np.array([2.0]), np.array([[0.5]]))
