"""Collateral: haircuts by marginal size, caps, debts, and its move in the scenarios."""

import json

import pytest
from margin import cases

from crossmargin.errors import MissingPriceError
from crossmargin.margin import load_method

TIERED = {"asset": "BTC", "edges": [0, 2, 5], "initial": [0.1, 0.3, 0.6], "maintenance": [0.05, 0.2, 0.5]}
BTC = 30_000.0


def requirement(collateral, balances, currency="USD", moves=(-0.1, 0.2), **changes):
    desk = cases.desk("zoo")
    raw = {"method": "scenario", "name": "c", "scenarios": {"moves": list(moves)}, "collateral": collateral}
    method = load_method(json.dumps(raw | changes).encode())
    portfolio = cases.plain_portfolio(desk.instruments, balances=balances, currency=currency)
    return method.prepare(desk.instruments, desk.market).requirement(portfolio)


def equity(collateral, balances, **changes):
    found = requirement(collateral, balances, **changes)
    return found.equity_initial, found.equity_maintenance


@pytest.mark.parametrize(
    ("amount", "initial", "maintenance"),
    [
        ("1", 0.9, 0.95),
        ("2", 1.8, 1.9),
        ("3", 1.8 + 0.7, 1.9 + 0.8),
        ("5", 1.8 + 2.1, 1.9 + 2.4),
        ("9", 1.8 + 2.1 + 1.6, 1.9 + 2.4 + 2.0),
    ],
)
def test_each_slice_has_its_own_haircut(amount, initial, maintenance):
    assert equity([TIERED], {"BTC": amount}) == pytest.approx((BTC * initial, BTC * maintenance), rel=1e-12)


@pytest.mark.parametrize(
    ("cap", "counted"), [(1.0, 0.9), (2.0, 1.8), (4.0, 1.8 + 1.4), (6.0, 1.8 + 2.1 + 0.4), (99.0, 5.5)]
)
def test_beyond_the_cap_nothing_counts(cap, counted):
    assert equity([TIERED | {"cap": cap}], {"BTC": "9"})[0] == pytest.approx(BTC * counted, rel=1e-12)


def test_a_debt_counts_in_full_and_more():
    collateral = [TIERED | {"debt_weight": 0.25, "cap": 1.0}]
    assert equity(collateral, {"BTC": "-4"}) == pytest.approx((-5 * BTC, -5 * BTC), rel=1e-12)


def test_a_haircut_never_improves_a_debt():
    assert equity([TIERED], {"BTC": "-4"}) == (-4 * BTC, -4 * BTC)


def test_an_asset_without_a_haircut_counts_only_as_debt():
    assert equity([{"asset": "USD"}], {"BTC": "3"}) == (0.0, 0.0)
    assert equity([{"asset": "USD"}], {"BTC": "-3"}) == (-3 * BTC, -3 * BTC)


def test_assets_add():
    collateral = [{"asset": "USD"}, {"asset": "USDC", "initial": [0.5], "maintenance": [0.25]}, TIERED]
    found = equity(collateral, {"USD": "-100.25", "USDC": "1000", "BTC": "1"})
    assert found == pytest.approx((-100.25 + 499.5 + 27_000, -100.25 + 749.25 + 28_500), rel=1e-12)


def test_counted_collateral_falls_with_its_asset():
    """The haircut comes first: 10 % of the 0.9 coin that count."""
    found = requirement([TIERED], {"BTC": "1"})
    assert (found.initial, found.maintenance) == pytest.approx((0.1 * 0.9 * BTC, 0.1 * 0.95 * BTC), rel=1e-12)


def test_a_debt_rises_with_its_asset():
    found = requirement([TIERED | {"debt_weight": 0.5}], {"BTC": "-1"})
    assert found.initial == pytest.approx(0.2 * 1.5 * BTC, rel=1e-12)


def test_collateral_outside_the_scenarios_stands_still():
    found = requirement([TIERED | {"in_scenario": False}], {"BTC": "1"})
    assert (found.initial, found.equity_initial) == (0.0, pytest.approx(0.9 * BTC))


def test_an_asset_without_an_underlying_stands_still():
    assert requirement([{"asset": "USDC"}], {"USDC": "-1000"}).initial == 0.0


def test_figures_are_in_the_account_currency():
    usd, coin = (
        requirement([TIERED, {"asset": "USD"}], {"BTC": "1", "USD": "60000"}, c) for c in ("USD", "BTC")
    )
    assert coin.currency == "BTC"
    for name in (*cases.FIGURES, "surplus_initial", "surplus_maintenance"):
        assert getattr(coin, name) == pytest.approx(getattr(usd, name) / BTC, rel=1e-12)
    assert coin.health_factor == pytest.approx(usd.health_factor, rel=1e-12)


def test_equity_parts_carry_their_names():
    found = requirement([{"asset": "USD"}], {"USD": "7"})
    assert {name: part.initial for name, part in found.equity.items()} == {
        "positions": 0.0,
        "collateral": 7.0,
    }


def test_a_missing_price_is_refused_when_prepared():
    desk = cases.desk("zoo")
    market = type(desk.market)(
        desk.market.as_of, "USD", {k: v for k, v in desk.market.seen.items() if k[0] != "USDC"}
    )
    with pytest.raises(MissingPriceError, match="index of 'USDC'"):
        desk.method("portfolio").prepare(desk.instruments, market)
