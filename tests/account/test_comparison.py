"""One book under many methods: who holds it, who cannot and why; the book is never cut to fit."""

import pytest

import crossmargin as cm
from conformance.simple_accounts import linear_option, perpetual
from crossmargin.account import compare, only_held
from crossmargin.margin import netting
from crossmargin.venues import catalogue


def asked(name):
    desk = cm.load(f"seeds/{name}.json")
    portfolio = only_held(desk.portfolio)
    return portfolio, desk, compare(portfolio, desk.market, catalogue.shipped(portfolio.instruments))


@pytest.fixture(scope="module")
def options():
    return asked("eth-options")


def test_most_venues_hold_linear_options(options):
    _, _, found = options
    assert set(found.held) == {
        "Derive portfolio v2", "Derive standard", "Deribit portfolio", "OKX portfolio", "Bybit portfolio",
        "Paradex portfolio", "Paradex cross", "Aevo portfolio",
    }  # fmt: skip
    assert set(found.held) | set(found.left_out) == set(catalogue.MAKERS)


def test_figures_are_those_of_the_method_alone(options):
    portfolio, desk, found = options
    method = catalogue.shipped(portfolio.instruments)["OKX portfolio"]
    requirement, netted = found.held["OKX portfolio"]
    alone = method.requirement(desk.portfolio, desk.market)
    assert (requirement.initial, requirement.maintenance) == (alone.initial, alone.maintenance)
    assert netted.efficiency == netting(method.prepare(portfolio.instruments, desk.market), portfolio).efficiency > 1


def test_who_cannot_hold_it_names_the_instrument():
    portfolio, _, found = asked("crypto")
    assert "Paradex portfolio" not in found.held
    assert found.left_out["Paradex portfolio"] == "position must be one that the method can hold, was 'BTC-28JUN24'"
    assert "'BTC-28JUN24'" in found.left_out["Derive standard"]
    assert {"Deribit portfolio", "OKX portfolio", "Bybit portfolio"} <= set(found.held)
    assert len(portfolio.instruments) == len(portfolio.positions)


def test_only_what_is_held_is_listed():
    desk = cm.load("seeds/market-maker.json")
    kept = only_held(desk.portfolio)
    assert len(kept.instruments) < len(desk.instruments)
    ordered = {order.instrument for order in desk.portfolio.orders}
    assert {row.id for row in kept.instruments} == set(kept.positions) | ordered
    assert (kept.positions, kept.amounts, kept.orders) == (
        {n: p for n, p in desk.portfolio.positions.items() if p.lots}, desk.portfolio.amounts, desk.portfolio.orders,
    )  # fmt: skip
    method = cm.venues.load_method(desk.methods["portfolio"])
    whole, part = (method.requirement(p, desk.market) for p in (desk.portfolio, kept))
    assert part.initial == pytest.approx(whole.initial, rel=1e-12)


def test_managers_are_made_for_what_the_book_is_mostly_in():
    """Most contracts decide the underlying and the cash; without linear ones the first asset is cash."""
    listed = [perpetual("P", "BTC", "USDC"), linear_option("C", "ETH", 2_000.0, "call", "USDT", days=9),
              linear_option("D", "ETH", 2_500.0, "put", "USDT", days=9)]  # fmt: skip
    assets = [cm.Asset(id=name, decimals=6) for name in ("USDC", "USDT")]
    held = cm.Instruments.of(listed, assets)
    assert catalogue.main_underlying(held) == "ETH"
    assert catalogue.cash_of(held) == "USDT"
    assert catalogue.cash_of(cm.Instruments.of([], assets)) == "USDC"
    assert catalogue.main_underlying(cm.Instruments.of([], assets)) == ""
