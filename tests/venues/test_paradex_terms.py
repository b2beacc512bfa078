"""Paradex portfolio margin worked by hand: the funding provision, shocks of a volatility."""

import msgspec
import pytest

from conformance.simple_accounts import account, perpetual
from crossmargin import Market, Observation
from crossmargin.venues.paradex import portfolio_margin, volatility_shock
from crossmargin.venues.paradex_parameters import MAJOR


@pytest.mark.parametrize(("rate", "lots", "expected"), [
    (None, 2, 0.0), (1e-5, 2, 8.0), (1e-5, -2, 0.0), (-1e-5, -2, 8.0),
])  # fmt: skip
def test_funding_provision(rate, lots, expected):
    """Eight hours of 100,000 at a thousandth of a percent; what is received, or unknown, is not provided for."""
    book, market = account([perpetual("P", "BTC")], {"P": lots}, {"BTC": 50_000.0}, {"P": 50_000.0})
    seen = {} if rate is None else {("P", "funding"): Observation(subject="P", field="funding", value=rate)}
    found = portfolio_margin().requirement(book, Market(market.as_of, market.quote, {**market.seen, **seen}))
    parts = {part.name: part.value for part in found.explain("initial")}
    assert parts.get("funding provision", 0.0) == pytest.approx(expected)


@pytest.mark.parametrize(("down", "days", "expected"), [
    (0.22, 30.0, 0.39), (1.0, 30.0, 0.0), (1.0, 1.0, 0.0),  # 0.5 (1 - 0.22); all of it; 2.8 times that
])  # fmt: skip
def test_a_volatility_falls_to_nothing_at_most(down, days, expected):
    rules = msgspec.structs.replace(MAJOR, volatility_down=down)
    assert volatility_shock(rules, 0.5, days, ("down",)) == pytest.approx([expected], abs=1e-12)
