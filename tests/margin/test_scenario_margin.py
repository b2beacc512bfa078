"""Scenario portfolio margin against its slow twin, and figures worked by hand."""

import json

import numpy as np
import pytest
from margin import cases
from margin.twins import agree, agree_on_random

from crossmargin.margin import load_method

DESKS = ("crypto", "market-maker", "zoo")
VARIANTS = {
    "sum": {"between_groups": "sum", "offsets": {}},
    "joint": {"between_groups": "joint", "offsets": {}},
    "tail": {"tail": 0.17},
    "joint tail": {"between_groups": "joint", "offsets": {}, "tail": 0.31},
    "tail below one scenario": {"tail": 0.001},
    "whole tail": {"tail": 1.0},
    "own groups": {"groups": {}},
    "no collateral": {"collateral": []},
    "no charges": {"charges": {}},
}


@pytest.mark.parametrize("name", ["crypto", "market-maker"])
def test_seed_equals_its_twin(name):
    desk = cases.desk(name)
    found = agree(desk, desk.method("portfolio"), desk.prepared("portfolio"), cases.account(name))
    assert 0 < found.maintenance < found.initial < found.equity_initial


@pytest.mark.parametrize("name", DESKS)
def test_random_accounts_equal_their_twins(name):
    desk = cases.desk(name)
    assert agree_on_random(desk, desk.method("portfolio"), 80, 11) > 60


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", DESKS)
def test_every_variant_equals_its_twin(name, variant):
    desk = cases.desk(name)
    assert (
        agree_on_random(desk, desk.method("portfolio", **VARIANTS[variant]), 12, 12, without=("QUANTO",)) > 6
    )


@pytest.mark.parametrize("rate", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("tail", [0.0, 0.2])
def test_offsets_between_groups_equal_their_twin(rate, tail):
    desk = cases.desk("crypto")
    changes = {
        "groups": {},
        "between_groups": "joint",
        "offsets": {"BTC": rate, "ETH": rate / 2},
        "tail": tail,
    }
    assert agree_on_random(desk, desk.method("portfolio", **changes), 20, 13) > 15


@pytest.mark.parametrize("inside", [True, False])
def test_collateral_in_or_outside_the_scenarios_equals_its_twin(inside):
    desk = cases.desk("crypto")
    rows = [
        {"asset": "USD"},
        {"asset": "BTC", "initial": [0.1], "maintenance": [0.05], "in_scenario": inside},
    ]
    assert agree_on_random(desk, desk.method("portfolio", collateral=rows), 20, 14) > 15


# ---------------------------------------------------------------- by hand
GRID = {"moves": [-0.1, 0.0, 0.2]}
PLAIN = {"method": "scenario", "name": "plain", "scenarios": GRID, "collateral": [{"asset": "USD"}]}


def plain(portfolio, **changes):
    desk = cases.desk("zoo")
    method = load_method(json.dumps(PLAIN | changes).encode())
    return method.prepare(desk.instruments, desk.market).requirement(portfolio)


def account(positions, balances=None):
    return cases.plain_portfolio(cases.desk("zoo").instruments, positions, balances)


def test_a_long_loses_its_worst_move():
    """1 BTC at mark 30010, settled in USDC at 0.999, falls by 10 %."""
    assert plain(account({"LINEAR": 100})).initial == pytest.approx(30_010 * 0.1 * 0.999, rel=1e-12)


def test_a_short_loses_the_other_way():
    assert plain(account({"LINEAR": -100})).initial == pytest.approx(30_010 * 0.2 * 0.999, rel=1e-12)


def test_a_gain_carries_a_loss_of_the_same_underlying():
    """1 BTC of spot at 30000 against 1 BTC short at 30010 x 0.999: 20.01 USD long are left."""
    found = plain(account({"SPOT": 1000, "LINEAR": -100}))
    assert found.initial == pytest.approx(0.1 * (30_000 - 30_010 * 0.999), rel=1e-9)


def test_an_inverse_long_is_paid_in_the_shocked_coin():
    """-(10 / P) coin a lot: 10 USD (1 - 1 / 0.9) / 30150 coin at 27000 USD."""
    loss = 10 / 30_150 * (1 / 0.9 - 1) * 27_000
    cost = -round(3 * 10 / 30_150 * 10**8)  # bought at the mark: no profit to move, but for less than an atom
    found = plain(account({"INVERSE": cases.lots(3, cost)}))
    assert found.initial == pytest.approx(3 * loss, abs=1e-4)


def test_unrealised_profit_in_coin_moves_with_the_coin():
    """A profit of 0.5 BTC and nothing else: 10 % of 15000 USD is lost."""
    flat = {"INVERSE": cases.lots(0, -50_000_000)}
    found = plain(account(flat))
    assert found.equity_initial == pytest.approx(15_000)
    assert found.initial == pytest.approx(1_500)


def test_factor_scales_the_scan_by_level():
    found = plain(account({"LINEAR": 100}), factor=[1.5, 0.75])
    assert found.initial == pytest.approx(1.5 * 30_010 * 0.1 * 0.999)
    assert found.maintenance == pytest.approx(found.initial / 2)


def test_the_mean_of_the_tail_takes_the_last_row_in_part():
    """Gains -10 %, 0, +20 %; k = 0.5 x 3 = 1.5 rows: (-10 % + half of 0) / 1.5."""
    found = plain(account({"LINEAR": 100}), tail=0.5)
    assert found.initial == pytest.approx(30_010 * 0.999 * 0.1 / 1.5)


def test_a_move_that_gains_in_every_scenario_requires_nothing():
    found = plain(account({"LINEAR": 100}), scenarios={"moves": [0.1, 0.2]})
    assert (found.initial, found.maintenance, found.worst_scenario) == (0.0, 0.0, "+10%")


def test_the_worst_scenario_is_named():
    assert plain(account({"LINEAR": 100})).worst_scenario == "-10%"
    assert plain(account({"LINEAR": -100})).worst_scenario == "+20%"


def test_groups_net_and_others_do_not():
    desk = cases.desk("crypto")
    portfolio = cases.plain_portfolio(
        desk.instruments, {"BTC-USDC-PERPETUAL": 100, "ETH-USDC-PERPETUAL": -20_000}
    )
    initial = {
        name: desk.method("portfolio", charges={}, **changes).requirement(portfolio, desk.market).initial
        for name, changes in {
            "one group": {},
            "apart": {"groups": {}},
            "joint": {"groups": {}, "between_groups": "joint"},
            "half": {"groups": {}, "between_groups": "joint", "offsets": {"BTC": 0.5, "ETH": 0.5}},
            "full": {"groups": {}, "between_groups": "joint", "offsets": {"BTC": 1.0, "ETH": 1.0}},
        }.items()
    }
    assert initial["one group"] == pytest.approx(initial["full"], rel=1e-12)
    assert initial["full"] < initial["half"] < initial["joint"] < initial["apart"]


def test_a_group_that_is_not_held_changes_nothing():
    desk = cases.desk("crypto")
    portfolio = cases.plain_portfolio(desk.instruments, {"BTC-USDC-PERPETUAL": 100})
    whole = desk.method("portfolio", groups={"majors": ["BTC", "ETH"], "minors": ["DOGE"]})
    assert (
        whole.requirement(portfolio, desk.market).initial
        == desk.prepared("portfolio").requirement(portfolio).initial
    )


def test_minimum_counts_a_quanto_lot_in_quote_currency():
    """One lot of 1e-6 BTC a point at an index of 30000 is 0.03 BTC: 900 USD of notional."""
    found = plain(account({"QUANTO": 10}), charges={"minimum": [0.5, 0.5]})
    assert found.initial == pytest.approx(0.5 * 10 * 900)


def test_a_remark_equals_a_new_preparation():
    desk = cases.desk("crypto")
    moved = desk.market.replacing({("BTC", "index"): 70_000.0, ("BTC-PERPETUAL", "mark"): 70_100.0})
    fresh = (
        desk.method("portfolio")
        .prepare(desk.instruments, moved)
        .requirements(book := cases.random_book(desk, 20, 5))
    )
    again = desk.prepared("portfolio").remark(moved).requirements(book)
    assert cases.bits(fresh) == cases.bits(again)
    assert not np.array_equal(again.initial, desk.prepared("portfolio").requirements(book).initial)
