"""Isolated margin against its slow twin: every position alone, collateral outside the scenarios."""

import pytest
from margin import cases
from margin.twins import agree, agree_on_random


@pytest.mark.parametrize("name", ["crypto", "market-maker"])
def test_seed_equals_its_twin(name):
    desk = cases.desk(name)
    found = agree(desk, desk.method("isolated"), desk.prepared("isolated"), cases.account(name))
    assert 0 < found.maintenance < found.initial


@pytest.mark.parametrize("name", ["crypto", "market-maker", "zoo"])
@pytest.mark.parametrize(
    "changes", [{}, {"tail": 0.2}, {"charges": {"short_option": [0.05, 0.02], "minimum": [0.3, 0.2]}}]
)
def test_random_accounts_equal_their_twins(name, changes):
    desk = cases.desk(name)
    assert agree_on_random(desk, desk.method("isolated", **changes), 40, 21, without=("QUANTO",)) > 25


def test_positions_add_without_offset():
    desk = cases.desk("crypto")
    prepared = desk.prepared("isolated")
    held = cases.account("crypto").positions
    alone = [prepared.requirement(cases.plain_portfolio(desk.instruments, {n: p})) for n, p in held.items()]
    whole = prepared.requirement(cases.plain_portfolio(desk.instruments, held))
    assert whole.initial == pytest.approx(sum(one.initial for one in alone), rel=1e-12)
    assert whole.maintenance == pytest.approx(sum(one.maintenance for one in alone), rel=1e-12)


def test_a_perfect_hedge_costs_both_sides():
    desk = cases.desk("zoo")
    prepared = desk.method("isolated", charges={}).prepare(desk.instruments, desk.market)
    legs = [
        cases.plain_portfolio(desk.instruments, {name: n}) for name, n in (("SPOT", 1000), ("LINEAR", -100))
    ]
    both = cases.plain_portfolio(desk.instruments, {"SPOT": 1000, "LINEAR": -100})
    assert prepared.requirement(both).initial == sum(prepared.requirement(leg).initial for leg in legs)


def test_collateral_alone_requires_nothing():
    desk = cases.desk("crypto")
    held = cases.plain_portfolio(desk.instruments, balances={"BTC": "3", "ETH": "-20", "USDC": "5"})
    found = desk.prepared("isolated").requirement(held)
    assert (found.initial, found.maintenance) == (0.0, 0.0)


def test_worst_scenario_names_the_heaviest():
    desk = cases.desk("crypto")
    held = cases.plain_portfolio(desk.instruments, {"ETH-USDC-PERPETUAL": 100, "BTC-USDC-PERPETUAL": -5000})
    assert desk.prepared("isolated").requirement(held).worst_scenario.startswith("+1 range")
