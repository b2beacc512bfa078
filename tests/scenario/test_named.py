"""Named sets: counts, figures and parameters."""

import numpy as np
import pytest

from crossmargin.errors import InvalidInputError, UnknownReferenceError
from crossmargin.scenario import NAMED, named


def test_array16_is_seven_moves_by_two_volatilities_and_two_extremes():
    found = named("array16", price_range=0.12, volatility_range=0.05)
    assert len(found) == 16
    assert found.rule.mode == "absolute"
    thirds = [0, 1, -1, 2, -2, 3, -3]
    np.testing.assert_allclose(found.move[:14, 0], np.repeat([0.12 * t / 3 for t in thirds], 2), rtol=1e-15)
    np.testing.assert_array_equal(found.volatility[:14, 0], np.tile([0.05, -0.05], 7))
    np.testing.assert_allclose(found.move[14:, 0], [0.36, -0.36], rtol=1e-15)
    np.testing.assert_array_equal(found.weight, [1.0] * 14 + [0.33] * 2)
    np.testing.assert_array_equal(found.volatility[14:], 0.0)
    assert len(set(found.labels)) == 16


def test_array16_scales_each_underlying():
    found = named("array16", price_range=0.5, volatility_range=0.0, scale={"A": 1.0, "B": 0.2})
    np.testing.assert_allclose(
        found.move[:, 1], np.where(found.move[:, 0] == -0.99, -0.3, 0.2 * found.move[:, 0]), rtol=1e-14
    )
    assert found.move[15, 0] == -0.99  # three ranges below zero: no price falls by more than all


def test_portfolio33_without_its_two_skews():
    found = named("portfolio33")
    assert len(found) == 33 - 2
    np.testing.assert_array_equal(found.move[:2, 0], [-0.18, 0.18])
    np.testing.assert_allclose(found.move[2:23, 0], np.repeat(0.045 * np.arange(-3, 4), 3), atol=1e-15)
    np.testing.assert_array_equal(found.volatility[2:23, 0], np.tile([-0.3, 0.0, 0.5], 7))
    np.testing.assert_allclose(1 + found.move[23:, 0], [0.34, 0.67, 1.5, 2, 3, 4, 5, 6], rtol=1e-15)
    np.testing.assert_array_equal(
        found.weight[23:], [0.21, 0.42, 0.2772, 0.1386, 0.0693, 0.0462, 0.03465, 0.02772]
    )
    assert found.weight[:23].tolist() == [1.0] * 23
    assert len(set(found.labels)) == 31


def test_every_name_is_known():
    assert set(NAMED) == {"array16", "portfolio33"}
    with pytest.raises(
        UnknownReferenceError,
        match=r"^scenario set must name a known set \(array16, portfolio33\), was 'span'$",
    ):
        named("span")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("price_range", np.nan),
        ("price_range", 0.0),
        ("price_range", -0.1),
        ("price_range", "a"),
        ("volatility_range", np.inf),
        ("volatility_range", -0.1),
    ],
)
def test_ranges_are_checked(name, value):
    with pytest.raises(InvalidInputError, match=f"^{name} must"):
        named("array16", **{"price_range": 0.1, "volatility_range": 0.1} | {name: value})


def test_a_range_of_the_whole_price_is_refused():
    with pytest.raises(InvalidInputError, match=r"^move must be > -1, was -1.0 at"):
        named("array16", price_range=1.0, volatility_range=0.1)
