"""Kraken Futures against its twin: a thousand random accounts, two sets of levels."""

from functools import cache

import numpy as np
import pytest
from reference import kraken as twin

from crossmargin.margin import Haircut
from crossmargin.margin.brackets import half_of_initial
from crossmargin.venues.kraken import MultiCollateral
from crossmargin.venues.kraken_parameters import haircut
from venues.desks import Desk, agree, check_incremental, check_slow_evaluator
from venues.ordered import positions_of

NAMES = "BTC-USD BTC-USD-30 BTC-USD-90 BTC-BTC BTC-BTC-30 ETH-USD ETH-USD-30 ETH-ETH-90 SOL-USD SOL-SOL".split()
LEVELS = [
    {"BTC": ((0.0, 50.0), (1e4, 25.0), (3e5, 10.0)), "ETH": ((0.0, 50.0), (5e4, 10.0)), "SOL": ((0.0, 25.0),)},
    {"BTC": ((0.0, 20.0),), "ETH": ((0.0, 30.0), (1e3, 20.0), (2e4, 4.0)), "SOL": ((0.0, 25.0), (1e5, 2.0))},
]
HAIRCUTS = {"USD": 0.0, "BTC": 0.03, "ETH": 0.05, "SOL": 0.075}
PER_CASE, CASES = 500, range(2)


def tiered(asset, rate):
    """One rate in two tiers."""
    return Haircut(asset=asset, edges=(0.0, 1.0), initial=(rate, rate), maintenance=(rate, rate))


@cache
def desk(k):
    return Desk.of(NAMES, 250 + k, PER_CASE)


@cache
def prepared(k):
    schedules = {name: half_of_initial([low for low, _ in t], [most for _, most in t]) for name, t in LEVELS[k].items()}
    rates = tuple(tiered(asset, rate) if asset == "ETH" else haircut(asset, rate) for asset, rate in HAIRCUTS.items())
    made = MultiCollateral(name="random", schedules=schedules, haircuts=rates)
    return made.prepare(desk(k).instruments, desk(k).market)


@cache
def expected(k):
    own, price = desk(k), desk(k).facts()["coin_price"]
    levels = {name: [(low, 0.5 / most) for low, most in t] for name, t in LEVELS[k].items()}
    return [twin.requirement(levels, HAIRCUTS, positions_of(own, u), own.balances(u), price) for u in range(len(own))]


@pytest.mark.parametrize("k", CASES)
def test_requirement_and_equity(k):
    found = prepared(k).requirements(desk(k).book)
    margin = np.array([row["maintenance"] for row in expected(k)])
    agree(found.maintenance, margin)
    agree(found.initial, 2 * margin)
    agree(found.equity_maintenance, [row["equity"] for row in expected(k)])


def test_both_sides_decide_and_net():
    longs = [s[0] > s[1] for k in CASES for row in expected(k) for s in row["sides"].values() if min(s) > 0]
    assert 50 <= sum(longs) <= len(longs) - 50


@pytest.mark.parametrize("k", CASES)
def test_slow_evaluator_and_incremental(k):
    check_slow_evaluator(prepared(k), desk(k).book)
    check_incremental(prepared(k), desk(k).book)
