"""Roots of a surplus along a market path."""

import json
from math import cos, pi

import numpy as np
import pytest
from margin import cases

from crossmargin.margin import load_method
from crossmargin.margin.frontier import TOP, Roots, roots, search_points, surplus_path
from crossmargin.scenario.revalue import moved_market


@pytest.mark.parametrize("root", [-0.999, -0.5, -0.123456789, -1e-6, 0.0, 1e-12, 0.3, 2.5, 8.99])
def test_a_line_has_its_root(root):
    found = roots(lambda x: 3.0 * (x - root))
    assert found.moves == pytest.approx([root], abs=2e-12)


def test_every_root_of_a_cubic_is_found():
    found = roots(lambda x: (x + 0.6) * (x - 0.2) * (x - 4.0))
    assert found.moves == pytest.approx([-0.6, 0.2, 4.0], abs=1e-11)
    assert (found.below, found.above) == pytest.approx((-0.6, 0.2), abs=1e-11)


def test_roots_two_percent_apart_are_told_apart():
    found = roots(lambda x: cos(pi * x / 0.02))
    near = [x for x in found.moves if -0.5 < x < 0.5]
    assert near == pytest.approx([-0.49 + 0.02 * i for i in range(50)], abs=1e-11)


def test_a_root_on_a_point_is_found_once():
    points = np.array([-1.0, 0.0, 1.0])
    assert roots(lambda x: x, points).moves == (0.0,)
    assert roots(lambda x: x * (x - 1.0), points).moves == (0.0, 1.0)


def test_a_jump_counts_where_the_sign_changes():
    found = roots(lambda x: -1.0 if x < 0.25 else 1.0)
    assert found.moves == pytest.approx([0.25], abs=1e-11)


@pytest.mark.parametrize("value", [1.0, -1.0])
def test_no_crossing_no_root(value):
    found = roots(lambda x: value)
    assert (found.moves, found.below, found.above) == ((), None, None)


def test_beyond_ten_times_the_mark_nothing_is_sought():
    assert roots(lambda x: x - TOP - 0.1).moves == ()


def test_nearest_on_each_side():
    found = Roots((-0.7, -0.2, 0.0, 0.4))
    assert (found.below, found.above) == (-0.2, 0.0)
    assert (Roots((-0.1,)).above, Roots((0.1,)).below) == (None, None)


def test_points_ascend_and_surround_the_market():
    points = search_points()
    assert (np.diff(points) > 0).all()
    assert -1 < points[0] < -0.999
    assert points[-1] == pytest.approx(TOP)
    assert 0.0 in points


# ---------------------------------------------------------------- paths of a surplus
SCHEDULE = {"kind": "linear", "base": [0.1, 0.05]}


def linear_margin(desk):
    raw = {
        "method": "tiered",
        "name": "line",
        "collateral": [{"asset": "USD"}, {"asset": "USDC"}],
        "schedules": {row.id: SCHEDULE for row in desk.instruments if row.kind != "option"},
    }
    return load_method(json.dumps(raw).encode()).prepare(desk.instruments, desk.market)


def test_the_liquidation_move_of_a_linear_book_is_exact():
    """10 BTC long at cost: 100000 + 659105.7 x = 0.05 x 656661.9 (1 + x)."""
    desk = cases.desk("crypto")
    cost = round(10_000 * 65.91057 * 10**6)
    held = cases.plain_portfolio(
        desk.instruments, {"BTC-USDC-PERPETUAL": cases.lots(10_000, cost)}, {"USD": "100000"}
    )
    settled, value, notional = desk.world.price("USDC"), 659_105.7, 656_661.9
    expected = (0.05 * notional - 100_000) / (value * settled - 0.05 * notional)
    found = roots(surplus_path(linear_margin(desk), held, {"BTC": 1.0}))
    assert found.moves == pytest.approx([expected], rel=1e-6)


def test_every_position_is_counted():
    """A second, hedging position and one in another underlying move the threshold."""
    desk, legs = cases.desk("crypto"), {}
    method = linear_margin(desk)
    moves = []
    for name, lots in (
        ("BTC-USDC-PERPETUAL", 10_000),
        ("BTC-PERPETUAL", -20_000),
        ("ETH-USDC-PERPETUAL", 10_000),
    ):
        value = lots * desk.world.lot_value(desk.world.row[name], desk.world.mark(desk.world.row[name]))
        decimals = desk.world.asset[desk.world.row[name].settlement].decimals
        legs[name] = cases.lots(lots, round(value * 10**decimals))
        held = cases.plain_portfolio(desk.instruments, legs, {"USD": "150000"})
        moves.append(roots(surplus_path(method, held, {"BTC": 1.0})).below)
    long, hedged, more = moves
    assert hedged < more < 0  # what ETH requires is not there for BTC
    assert hedged < long


@pytest.mark.parametrize("name", ["crypto", "market-maker"])
def test_the_surplus_vanishes_at_every_root_of_a_seed(name):
    desk, held = cases.desk(name), cases.account(name)
    underlying = "ETH" if name == "crypto" else "SPX"
    method = desk.method("portfolio")
    prepared = method.prepare(desk.instruments, desk.market)
    found = roots(surplus_path(prepared, held, {underlying: 1.0}))
    assert found.moves
    for x in found.moves:
        market = moved_market(desk.instruments, desk.market, {underlying: x})
        fresh = method.requirement(held, market)
        assert abs(fresh.surplus_maintenance) < 1e-8 * abs(fresh.equity_maintenance) + 1e-2


def test_a_path_moves_several_underlyings_together():
    desk, held = cases.desk("crypto"), cases.account("crypto")
    path = surplus_path(desk.prepared("portfolio"), held, {"BTC": 1.0, "ETH": 1.5})
    market = moved_market(desk.instruments, desk.market, {"BTC": -0.1, "ETH": -0.15})
    assert path(-0.1) == desk.method("portfolio").requirement(held, market).surplus_maintenance
    assert path(-0.9) > -1e12  # ETH is kept above a total loss


def test_a_path_may_follow_the_equity():
    desk, held = cases.desk("crypto"), cases.account("crypto")
    path = surplus_path(desk.prepared("portfolio"), held, {"BTC": 1.0}, "equity_maintenance")
    assert path(0.0) == pytest.approx(
        desk.prepared("portfolio").requirement(held).equity_maintenance, rel=1e-12
    )


def test_at_no_move_the_path_is_the_account():
    desk, held = cases.desk("market-maker"), cases.account("market-maker")
    here = desk.prepared("portfolio").requirement(held).surplus_maintenance
    assert surplus_path(desk.prepared("portfolio"), held, {"SPX": 1.0})(0.0) == pytest.approx(here, rel=1e-12)
