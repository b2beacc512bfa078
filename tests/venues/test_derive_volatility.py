"""Derive's volatility surface by hand: the formula, its clamp, its cap, and where a market reads it."""

from math import exp, sqrt

import pytest

from crossmargin import Asset, Instrument, Instruments, InvalidInputError, Market, Observation
from crossmargin.errors import MissingPriceError
from crossmargin.instruments import YEAR_NS, Kind, Right, expiry_key
from crossmargin.venues.derive_volatility import FIELDS, Slice, svi_volatility, with_surface

FORWARD = 2000.0
# sqrt(a + b s) = sqrt(0.04 + 0.5 * 0.1) = 0.3: log-moneyness is clamped at 1.2 either way.
SLICE = Slice(a=0.04, b=0.5, rho=-0.4, m=0.3, sigma=0.1, forward=FORWARD, years=0.25)
AS_OF = 1_700_000_000 * 10**9


@pytest.mark.parametrize(("k", "variance"), [
    (0.0, 0.04 + 0.5 * (0.12 + sqrt(0.1))),  # -0.4 * -0.3 = 0.12; 0.3^2 + 0.1^2 = 0.1
    (0.3, 0.04 + 0.5 * 0.1),  # at m the root is s alone
    (1.2, 0.04 + 0.5 * (-0.36 + sqrt(0.82))),  # -0.4 * 0.9; 0.9^2 + 0.1^2
    (-1.2, 0.04 + 0.5 * (0.6 + sqrt(2.26))),  # -0.4 * -1.5; 1.5^2 + 0.1^2
])  # fmt: skip
def test_variance_over_the_time_of_the_slice(k, variance):
    assert svi_volatility(SLICE, FORWARD * exp(k)) == pytest.approx(sqrt(variance / 0.25))


def test_beyond_the_clamp_and_at_no_strike_volatility_is_that_of_its_ends():
    high, low = (svi_volatility(SLICE, FORWARD * exp(k)) for k in (1.2, -1.2))
    assert svi_volatility(SLICE, FORWARD * exp(1.5)) == pytest.approx(high)
    assert [svi_volatility(SLICE, strike) for strike in (FORWARD * exp(-1.5), 0.0, None)] == pytest.approx([low] * 3)


def test_a_slice_of_no_width_has_one_volatility():
    """a + b s < 0 leaves k = 0: -0.06 + 0.5 (0.12 + sqrt(0.1))."""
    narrow = Slice(a=-0.06, b=0.5, rho=-0.4, m=0.3, sigma=0.1, forward=FORWARD, years=0.25)
    expected = sqrt((0.5 * sqrt(0.1)) / 0.25)
    assert [svi_volatility(narrow, strike) for strike in (1000.0, 3000.0)] == pytest.approx([expected] * 2)


@pytest.mark.parametrize(("a", "volatility"), [(200.0, sqrt(144 / 0.25)), (143.9, sqrt(143.9 / 0.25)), (0.001, sqrt(0.004))])
def test_variance_up_to_144(a, volatility):
    """Source: the chain's cap. A slice with b = 0 is flat."""
    flat = Slice(a=a, b=0.0, rho=0.0, m=0.0, sigma=0.1, forward=FORWARD, years=0.25)
    assert svi_volatility(flat, 2500.0) == pytest.approx(volatility)


@pytest.mark.parametrize(("changed", "word"), [
    ({"a": -0.001, "b": 0.0}, "total variance"), ({"forward": 0.0}, "svi_forward"), ({"years": 0.0}, "svi_years"),
])  # fmt: skip
def test_senseless_slices_are_refused(changed, word):
    figures = {"a": 0.04, "b": 0.5, "rho": -0.4, "m": 0.3, "sigma": 0.1, "forward": FORWARD, "years": 0.25} | changed
    with pytest.raises(InvalidInputError, match=f"{word} must be"):
        svi_volatility(Slice(**figures), 2000.0)


# ---- where a market reads it ------------------------------------------------------------------

NAME, EXPIRY = "2000-C", expiry_key("ETH", AS_OF + YEAR_NS)
LISTED = Instruments.of([
    Instrument(id=NAME, kind=Kind.OPTION, underlying="ETH", settlement="USDC", strike=2000.0, right=Right.CALL,
               expiry=AS_OF + YEAR_NS),
    Instrument(id="F", kind=Kind.FUTURE, underlying="ETH", settlement="USDC", expiry=AS_OF + YEAR_NS),
], [Asset(id="USDC")])  # fmt: skip


def market(*, without=(), volatility=None, confidence=None):
    figures = (SLICE.a, SLICE.b, SLICE.rho, SLICE.m, SLICE.sigma, SLICE.forward, SLICE.years)
    seen = [Observation(subject=EXPIRY, field=name, value=value, confidence=(confidence or {}).get(name, 1.0))
            for name, value in zip(FIELDS, figures, strict=True) if name not in without]  # fmt: skip
    if volatility is not None:
        seen.append(Observation(subject=NAME, field="volatility", value=volatility, confidence=0.3))
    return with_surface(LISTED, Market.of(seen, as_of=AS_OF))


def test_an_option_without_a_volatility_takes_that_of_the_slice():
    found = market()
    assert found.value("volatility", NAME) == pytest.approx(sqrt((0.04 + 0.5 * (0.12 + sqrt(0.1))) / 0.25))
    assert not found.has("volatility", "F")


def test_a_volatility_of_its_own_stands():
    found = market(volatility=0.9)
    assert (found.value("volatility", NAME), found.confidence("volatility", NAME)) == (0.9, 0.3)


@pytest.mark.parametrize("name", FIELDS)
def test_confidence_is_the_least_of_the_slice_and_each_figure_is_needed(name):
    assert market(confidence={name: 0.4}).confidence("volatility", NAME) == 0.4
    with pytest.raises(MissingPriceError, match=f"market must hold {name} "):
        market(without=(name,))


def test_no_slice_gives_none():
    assert not market(without=FIELDS).has("volatility", NAME)
