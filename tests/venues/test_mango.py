"""Mango v4 health, published figures written in, so that a lone clone proves the method; and explanations."""

import pytest

from conformance.mango_accounts import prepared_of
from crossmargin.venues.mango_parameters import Shift, TokenRule
from venues.mango_desk import PRICES, health_of, market_of, method_of, token_rule

# Weights of the tests in mango-v4 at commit 1303a4a, programs/mango-v4/src/health/cache.rs: T1, and T2 = T3.
FIRST = {"init_asset_w": 0.8, "init_liab_w": 1.2, "maint_asset_w": 0.9, "maint_liab_w": 1.1}
OTHER = {"init_asset_w": 0.5, "init_liab_w": 1.5, "maint_asset_w": 0.7, "maint_liab_w": 1.3}
PERP = {
    "settle": "T1", "init_base_asset_w": 0.8, "init_base_liab_w": 1.2, "maint_base_asset_w": 0.9,
    "maint_base_liab_w": 1.1, "init_overall_asset_w": 0.95, "maint_overall_asset_w": 0.98, "base_lot_size": 10,
    "quote_lot_size": 100, "price": 5,
}  # fmt: skip
SETS = {"health": {"tokens": [{"id": "T1"} | FIRST, {"id": "T2"} | OTHER, {"id": "T3"} | OTHER], "perp": PERP}}


def row(*balances, t2=None, t3=None, perp=(0, 0, 0, 0), totals=None):
    """A row in the form of the vector files; t2, t3: (reserved base, reserved quote, lowest ask or highest bid)."""
    held = dict(zip(("T1", "T2", "T3"), balances))
    orders = [
        {"base": base, "quote": "T1", "reserved_base": given[0], "reserved_quote": given[1], limit: given[2]}
        for base, given, limit in (("T2", t2, "lowest_ask"), ("T3", t3, "highest_bid")) if given
    ]
    lots = dict(zip(("base_lots", "quote_native", "bids_lots", "asks_lots"), perp))
    return {
        "name": "row", "source": "cache.rs", "params": {"param_set": "health"},
        "portfolio": held | {"spot_orders": orders, "perp": lots, "bank_totals": totals},
        "market": {"prices": [1, 5, 10][: len(balances)]},
    }  # fmt: skip


def deposits(total, start, potential=0):
    return {"total_deposits": total, "scale_start_quote": start, "potential_order_tokens": potential}


def borrows(total, start):
    return {"total_borrows": total, "scale_start_quote": start}


# Case of cache.rs::test_health1, and its initial health.
PUBLISHED = {
    0: (row(100, -10, 0, t2=(15, 20, None), perp=(3, -131, 7, 11)), 16.2),
    2: (row(0, 0, 0, perp=(-1, 100, 0, 0)), 30.4),
    4: (row(0, 0, 0, perp=(10, 100, 0, 0)), 380.0),
    5: (row(0, 0, 0, perp=(30, -100, 0, 0)), 836.0),
    6: (row(-100, -10, -10, t2=(1, 1, None), t3=(1, 1, None)), -324.6),
    9: (row(-100, -100, -1, t2=(0, 100, None), t3=(1, 10, None)), -757.0),
    10: (row(100, 100, 100, totals=[deposits(100, 1000), deposits(1500, 5000), deposits(10000, 10000)]),
         296.666666667),
    11: (row(-100, -100, -100, totals=[borrows(100, 1000), borrows(1500, 5000), borrows(10000, 10000)]), -16245.0),
    12: (row(-100, 0, 0, perp=(1, 100, 0, 0)), 26.4),
    15: (row(-100, -10, 0, t2=(1, 1, 6), t3=(1, 11, 9)), -177.3),
    16: (row(100, 100, 100, t2=(100, 0, None), t3=(100, 0, None)), 1580.0),
    17: (row(100, 100, 100, t2=(100, 0, None), t3=(100, 0, None),
             totals=[None, deposits(100, 500, 100), deposits(600, 5000, 100)]), 1044.285714286),
}  # fmt: skip


@pytest.mark.parametrize("case", PUBLISHED)
def test_published_initial_health(case):
    account, health = PUBLISHED[case]
    prepared, portfolio = prepared_of(account, SETS)
    found = prepared.requirement(portfolio)
    assert found.surplus_initial == pytest.approx(health, rel=0, abs=1e-3)
    assert prepared.trace(portfolio).output("surplus")[0] == pytest.approx(health, rel=0, abs=1e-3)


@pytest.mark.parametrize("case", PUBLISHED)
@pytest.mark.parametrize("level", ["initial", "maintenance", "liquidation end"])
def test_parts_sum_to_the_whole(case, level):
    prepared, portfolio = prepared_of(PUBLISHED[case][0], SETS)
    found = prepared.explain(portfolio, level)
    assert {child.name for child in found} == {"token weights", "perpetual weights", "spot orders"}
    for child in found:
        assert sum(leaf.value for leaf in child) == pytest.approx(child.value, rel=1e-12, abs=1e-12)


def test_explanation_names_tokens_perpetuals_and_markets():
    prepared, portfolio = prepared_of(PUBLISHED[0][0], SETS)
    weights, perpetual, orders = prepared.requirement(portfolio).explain()
    assert {leaf.name for leaf in weights} == {"T1", "T2", "PERP"}
    assert {leaf.name for leaf in perpetual} == {"PERP"}
    assert {leaf.name for leaf in orders} >= {"T2/T1"}


def test_one_program_whatever_is_held_or_seen():
    assert len({prepared_of(account, SETS)[0].program.hash for account, _ in PUBLISHED.values()}) == 1


def test_equity_is_mark_to_market_at_every_level():
    prepared, portfolio = prepared_of(PUBLISHED[0][0], SETS)
    found = prepared.requirement(portfolio)
    worth = 100 - 10 * 5 + (30 * 5 - 131) + (15 * 5 + 20)  # balances, perpetual, reserved in orders
    assert found.equity_initial == found.equity_maintenance == worth
    assert found.equity["reserved in spot orders"].initial == 95


# ---- figures that prepare decides -----------------------------------------------------------------


def test_liquidation_end_is_unscaled_at_the_oracle():
    """token_liq_with_token.rs::test_liq_with_token_stable_price: -44.75, -0.8 and -2.6."""
    owned = TokenRule(asset="A", initial_asset=1, maintenance_asset=1, initial_debt=1, maintenance_debt=1,
                      deposit_scale_start=505)
    owed = TokenRule(asset="Q", initial_asset=1, maintenance_asset=1, initial_debt=1.4, maintenance_debt=1.2,
                     borrow_scale_start=3.75)
    totals = [("A", "deposits", 1010), ("Q", "borrows", 9)]
    market = market_of(PRICES | {"A": 1.0}, PRICES | {"A": 0.5, "Q": 1.25}, totals)
    found = health_of(method_of(owned, owed), market, A=10, Q=-9)
    assert found == pytest.approx((-44.75, -0.8, -2.6), rel=1e-12)


def test_weights_below_a_scale_start_stay():
    method = method_of(token_rule("A", deposit_scale_start=2_000.0, borrow_scale_start=1.0))
    market = market_of(PRICES, PRICES, [("A", "deposits", 100.0), ("A", "borrows", 0.0)])
    assert health_of(method, market, A=10)[0] == pytest.approx(10 * 20 * 0.8)
    assert health_of(method, market, A=-10)[0] == pytest.approx(-10 * 20 * 1.2)


@pytest.mark.parametrize(("start", "end", "weight"), [(1, 2, 0.9), (-1, 1, 0.85), (-3, 1, 0.825), (-2, -1, 0.8)])
def test_maintenance_weights_move_linearly_in_time(start, end, weight):
    shift = Shift(start=start, end=end, asset=0.8, debt=1.2)
    assert health_of(method_of(token_rule("A", shift=shift)), A=10)[1] == pytest.approx(10 * 20 * weight, rel=1e-12)
