"""Binance: the shipped figures beside their sources', and the bounds of portfolio margin's rules."""

from msgspec.structs import replace
import pytest

from crossmargin import InvalidInputError
from crossmargin.venues import binance_parameters as parameters
from figures import shipped

RULES = parameters.PoolRules(brackets={}, collateral=())


def test_the_bracket_of_the_observed_position():
    """Maintenance margin over notional is the rate; the position was opened at the leverage."""
    [(coin, found)] = parameters.COIN_M.items()
    seen = shipped.BINANCE_COIN
    assert (coin, found.edges, found.leverage) == ("ETH", (0.0,), (seen["leverage"],))
    assert found.maintenance == pytest.approx([seen["maintenanceMargin"] / seen["notional_eth"]], rel=1e-5)


def test_portfolio_margin():
    states = parameters.States()
    assert dict(zip(states.names, states.below, strict=True)) == shipped.BINANCE_STATES
    assert parameters.LOAN_RATES == shipped.BINANCE_LOANS
    assert {name: getattr(RULES, name) for name in shipped.BINANCE_POOL} == shipped.BINANCE_POOL


@pytest.mark.parametrize(("figures", "outside"), [
    ({"maintenance": 1.0}, {"maintenance": 0.99}), ({"initial": 1.05}, {"initial": 1.04}),
])  # fmt: skip
def test_multiples_rise_from_one(figures, outside):
    assert replace(RULES, **figures) != RULES
    with pytest.raises(InvalidInputError, match=f"{next(iter(outside))} must be >= "):
        replace(RULES, **outside)
