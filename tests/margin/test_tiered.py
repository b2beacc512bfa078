"""Tiered cross margin against its slow twin (tiers in the deduction form), and figures worked by hand."""

import json

import pytest
from margin import cases
from margin.twins import agree, agree_on_random
from reference import margin as twin

from crossmargin.margin import load_method


@pytest.mark.parametrize("name", ["crypto", "market-maker"])
def test_seed_equals_its_twin(name):
    desk = cases.desk(name)
    found = agree(desk, desk.method("tiered"), desk.prepared("tiered"), cases.account(name))
    assert 0 < found.maintenance < found.initial


@pytest.mark.parametrize("name", ["crypto", "market-maker", "zoo"])
def test_random_accounts_equal_their_twins(name):
    desk = cases.desk(name)
    assert agree_on_random(desk, desk.method("tiered"), 80, 31, without=("QUANTO",)) > 60


def test_random_accounts_netted_by_underlying_equal_their_twins():
    desk = cases.desk("crypto")
    schedules = {
        "BTC": {"kind": "scaled", "base": [0.05, 0.03], "slope": [0.01, 0.01]},
        "ETH": {"kind": "tiers", "edges": [0, 1e5], "initial": [0.1, 0.2], "maintenance": [0.05, 0.1]},
    }
    method = desk.method("tiered", net_by="underlying", schedules=schedules)
    assert agree_on_random(desk, method, 60, 32) > 45


def test_quanto_notional_is_in_quote_currency():
    desk = cases.desk("zoo")
    prepared = desk.prepared("tiered")
    agree(desk, desk.method("tiered"), prepared, cases.plain_portfolio(desk.instruments, {"QUANTO": 40}))


# ---------------------------------------------------------------- by hand, on a perpetual of 300 USD a lot
def tiered(schedule, **changes):
    desk = cases.desk("zoo")
    raw = {
        "method": "tiered",
        "name": "hand",
        "collateral": [{"asset": "USD"}],
        "schedules": dict.fromkeys(cases.ZOO_SCHEDULES, schedule),
    }
    return load_method(json.dumps(raw | changes).encode()).prepare(desk.instruments, desk.market)


def charged(prepared, held):
    found = prepared.requirement(cases.plain_portfolio(cases.desk("zoo").instruments, held))
    return found.initial, found.maintenance


TIERS = {
    "kind": "tiers",
    "edges": [0, 30_000, 90_000],
    "initial": [0.1, 0.2, 0.5],
    "maintenance": [0.05, 0.1, 0.4],
}


@pytest.mark.parametrize(
    ("lots", "initial", "maintenance"),
    [
        (0, 0, 0),
        (50, 15_000 * 0.1, 15_000 * 0.05),
        (100, 3_000, 1_500),  # at the edge both forms meet
        (200, 60_000 * 0.2 - 3_000, 60_000 * 0.1 - 1_500),
        (300, 15_000, 7_500),
        (-1000, 300_000 * 0.5 - 30_000, 300_000 * 0.4 - 28_500),
    ],
)
def test_tiers_are_marginal(lots, initial, maintenance):
    """Deductions: 30000 x 0.1 = 3000 and 3000 + 90000 x 0.3 = 30000; maintenance 1500 and 28500."""
    assert charged(tiered(TIERS), {"LINEAR": lots}) == pytest.approx((initial, maintenance), rel=1e-12)


@pytest.mark.parametrize("notional", [0.0, 1.0, 29_999.0, 30_000.0, 30_001.0, 90_000.0, 1e7])
def test_marginal_and_deduction_forms_agree(notional):
    edges, rates = TIERS["edges"], TIERS["initial"]
    assert twin.deduction_form(notional, edges, rates) == pytest.approx(
        twin.marginal(notional, edges, rates), rel=1e-12
    )


@pytest.mark.parametrize("lots", [1, -4, 250])
def test_linear_rate_charges_the_whole_size(lots):
    prepared = tiered({"kind": "linear", "base": [0.04, 0.02], "slope": [0.03, 0.02]})
    size = abs(lots) / 100
    expected = [30_000 * size * (base + slope * size) for base, slope in ((0.04, 0.03), (0.02, 0.02))]
    assert charged(prepared, {"LINEAR": lots}) == pytest.approx(expected, rel=1e-12)


def test_scaled_rate_grows_with_the_root():
    prepared = tiered({"kind": "scaled", "base": [0.04, 0.02], "slope": [0.03, 0.02]})
    expected = [30_000 * 4 * (0.04 + 0.03 * 2), 30_000 * 4 * (0.02 + 0.02 * 2)]
    assert charged(prepared, {"LINEAR": 400}) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("kind", ["linear", "scaled"])
def test_a_rate_never_passes_one(kind):
    prepared = tiered({"kind": kind, "base": [0.04, 0.02], "slope": [0.5, 0.5]})
    assert charged(prepared, {"LINEAR": 100_000}) == pytest.approx((30_000_000, 30_000_000), rel=1e-12)


def test_long_and_short_of_a_market_net_by_underlying():
    prepared = tiered(TIERS, net_by="underlying", schedules={"BTC": TIERS})
    assert charged(prepared, {"SPOT": 1000, "LINEAR": -100}) == pytest.approx((0, 0), abs=1e-9)
    assert charged(tiered(TIERS), {"SPOT": 1000, "LINEAR": -100}) == pytest.approx((6_000, 3_000))


def test_short_options_pay_their_distance_and_their_mark():
    """Strike 32000 at 30000 is 2/30 out of the money; 0.15 - 2/30 = 0.0833 is below the floor of 0.1."""
    prepared = tiered(TIERS)
    short = 10 * 0.1 * (0.1 * 30_000 + 900), 10 * 0.1 * (0.075 * 30_000 + 900)
    assert charged(prepared, {"CALL": -10}) == pytest.approx(short, rel=1e-12)


def test_a_premium_is_never_borrowed_against():
    prepared = tiered(TIERS)
    found = prepared.requirement(
        cases.plain_portfolio(cases.desk("zoo").instruments, {"CALL": cases.lots(10, 85_000)})
    )
    assert found.equity_initial == pytest.approx(900 - 850)
    assert found.initial == found.maintenance == pytest.approx(900)


def test_options_never_net_with_each_other():
    prepared = tiered(TIERS)
    both = charged(prepared, {"CALL": -10, "PUT": 3})
    alone = charged(prepared, {"CALL": -10}), charged(prepared, {"PUT": 3})
    assert both == pytest.approx([sum(pair) for pair in zip(*alone, strict=True)], rel=1e-12)
