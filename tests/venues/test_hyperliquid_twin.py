"""Hyperliquid against its twin: a thousand random accounts in cross margin, and as many in portfolio margin."""

from functools import cache

import numpy as np
import pytest
from reference import binance as solver
from reference import hyperliquid as twin

from crossmargin import Portfolio
from crossmargin.margin.brackets import half_of_initial
from crossmargin.venues import hyperliquid, hyperliquid_portfolio
from crossmargin.venues.hyperliquid_parameters import PoolRules, TokenRule
from venues.desks import Desk, agree, check_incremental, check_slow_evaluator
from venues.ordered import positions_of

NAMES = "BTC-USDC ETH-USDC SOL-USDC HYPE-USDC".split()
TIERS = {
    "BTC": ((0.0, 40.0), (1e5, 20.0)), "ETH": ((0.0, 25.0), (2e4, 15.0), (3e5, 5.0)), "SOL": ((0.0, 20.0), (5e3, 10.0)),
    "HYPE": ((0.0, 10.0),),
}  # fmt: skip
MADE = {name: half_of_initial([low for low, _ in t], [most for _, most in t]) for name, t in TIERS.items()}
LEVERAGE = [dict(zip(NAMES, figures, strict=True)) for figures in ((3.0, 25.0, 7.0, 10.0), (40.0, 2.0, 20.0, 5.0))]
PER_CASE, CASES = 500, range(2)


@cache
def desk(k):
    return Desk.of(NAMES, 150 + k, PER_CASE, currency="USDC")


@cache
def prepared(k):
    made = hyperliquid.CrossMargin(name="random", tiers=MADE, leverage=LEVERAGE[k])
    return made.prepare(desk(k).instruments, desk(k).market)


def wallet(own, unit):
    return own.balances(unit).get("USDC", 0.0)


@pytest.mark.parametrize("k", CASES)
def test_account_figures(k):
    own, price = desk(k), desk(k).facts()["price"]["USDC"]
    found = prepared(k).values(own.book, tuple(prepared(k).wanted))
    expected = [twin.account(TIERS, LEVERAGE[k], positions_of(own, u), wallet(own, u), price) for u in range(len(own))]
    for level, name in enumerate(("initial", "maintenance")):
        agree(found["requirement"][:, level], [row[name] for row in expected])
    for name in ("equity", "withdrawable", "transfer_requirement", "transferable"):
        agree(found[name][:, 0], [row[name] for row in expected])
        assert (found[name] > 0).sum() >= 50, name
    above = [row["transfer_requirement"] > row["initial"] for row in expected]
    assert 10 <= sum(above) <= PER_CASE - 10  # both sides of the maximum decide


@pytest.mark.parametrize("k", CASES)
def test_liquidation_prices(k):
    """A bisection of the twin's surplus, deductions by recursion."""
    own, count = desk(k), 0
    for unit in range(0, PER_CASE, 5):
        portfolio = Portfolio(own.book, unit).alone()
        held, cash = positions_of(own, unit), wallet(own, unit)
        for name in portfolio.positions:
            found = hyperliquid.liquidation_price(portfolio, own.market, prepared(k).method, name)
            expected = solver.liquidation_price(lambda p: twin.surplus_at(TIERS, held, cash, name, p))
            assert (found is None) == (expected is None), (unit, name, found, expected)
            assert found is None or abs(found - expected) <= 1e-7 * expected, (unit, name, found, expected)
            count += found is not None
    assert count >= 60


@pytest.mark.parametrize("k", CASES)
def test_slow_evaluator_and_incremental(k):
    check_slow_evaluator(prepared(k), desk(k).book)
    check_incremental(prepared(k), desk(k).book)


# ---- portfolio margin -------------------------------------------------------------------------

COLLATERAL = {"BTC": (0.5, 2.0), "HYPE": (0.65, 1e4)}
POOL = {"borrowed": "USDC", "collateral": COLLATERAL, "borrow_cap": 2e5, "offset": 20.0}
RULES = PoolRules(
    collateral={name: TokenRule(ltv=ltv, supply_cap=cap) for name, (ltv, cap) in COLLATERAL.items()}, borrow_cap=2e5
)
FIGURES = ("borrowed", "collateral_value", "weighted_value", "partial_threshold", "full_threshold", "net_balance")


@cache
def pool_desk(k):
    """Perpetuals with balances of their settlement asset and of two tokens."""
    made = Desk.of(["BTC-USDC", "HYPE-USDC", "HYPE-HYPE", "BTC-BTC"], 350 + k, PER_CASE)
    return kept(made, ("BTC-USDC", "HYPE-USDC"), ("USDC", "BTC", "HYPE"))


def kept(desk, names, assets):
    """The same desk without positions and balances that a method cannot hold."""
    book, index = desk.book, desk.instruments
    held, owned = ([table[name] for name in index] for table, index in ((index.index, names), (index.asset_index, assets)))
    tables = []
    for table, item, wanted, columns in (
        (book.positions, "instrument", held, ("account", "instrument", "lots", "open_cost")),
        (book.balances, "asset", owned, ("account", "asset", "atoms")),
    ):
        rows = np.isin(table[item], wanted)
        tables.append({name: table[name][rows] for name in columns})
    positions, balances = tables
    return Desk(index, desk.market, type(book).of(index, book.accounts, positions=positions, balances=balances))


@cache
def pool(k):
    leverage = {"BTC-USDC": 11.0 + k, "HYPE-USDC": 3.0}
    made = hyperliquid_portfolio.PortfolioMargin(name="random", rules=RULES, tiers=MADE, leverage=leverage)
    return made.prepare(pool_desk(k).instruments, pool_desk(k).market)


def expected_pool(k):
    own, leverage = pool_desk(k), pool(k).method.leverage
    price = own.facts()["coin_price"]
    return [twin.portfolio(POOL, TIERS, leverage, positions_of(own, u), own.balances(u), price) for u in range(len(own))]


@pytest.mark.parametrize("k", CASES)
def test_portfolio_margin(k):
    found, expected = pool(k).values(pool_desk(k).book, tuple(pool(k).wanted)), expected_pool(k)
    for level, (name, over) in enumerate((("initial", 1.0), ("maintenance", 0.95))):
        agree(found["requirement"][:, level], [row[f"requirement_{name}"] / over for row in expected])
        agree(found["equity"][:, level], [row[f"value_{name}"] for row in expected])
    for name in FIGURES:
        agree(found[name][:, 0], [row[name] for row in expected])
        assert (found[name] != 0).sum() >= 50, name
    agree(found["borrowable"][:, 0], [row["weighted_value"] - row["borrowed"] for row in expected])
    check_slow_evaluator(pool(k), pool_desk(k).book)
    check_incremental(pool(k), pool_desk(k).book)


def test_ratio_above_its_limit_is_a_lack_of_surplus():
    """The venue's ratio passes 0.95 exactly where the surplus is below 0."""
    seen = set()
    for unit, row in enumerate(expected_pool(0)):
        found = pool(0).requirement(Portfolio(pool_desk(0).book, unit).alone())
        if row["value_maintenance"] > 0:
            ratio = hyperliquid_portfolio.margin_ratio(found, RULES)
            assert abs(ratio - row["requirement_maintenance"] / row["value_maintenance"]) <= 1e-9 * max(ratio, 1)
            assert (ratio > RULES.ratio) == (found.surplus_maintenance < 0)
            seen.add(ratio > RULES.ratio)
    assert seen == {True, False}
    indebted = pool(0).requirement(Portfolio(pool_desk(0).book, 2).alone().holding(positions={}, balances={"USDC": "-10"}))
    assert hyperliquid_portfolio.margin_ratio(indebted, RULES) == np.inf
