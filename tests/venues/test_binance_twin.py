"""Binance against its twin: a thousand random accounts with orders, in dollars and in coin, and one pool of both."""

from functools import cache

import numpy as np
import pytest
from reference import binance as twin

import crossmargin as cm
from crossmargin import Asset, Instruments, Portfolio
from crossmargin.margin.brackets import Brackets
from crossmargin.margin.collateral import Haircut
from crossmargin.venues import binance, binance_portfolio
from crossmargin.venues.binance_parameters import PoolRules, States
from venues import desks
from venues.desks import Desk, agree, check_incremental, check_slow_evaluator
from venues.ordered import orders_of, positions_of, with_orders

PER_CASE = 250
FUTURES = {"USDC": "BTC-USDC ETH-USDC SOL-USDC BTC-USDC-30".split(), "BTC": "BTC-BTC BTC-BTC-30 BTC-BTC-90".split()}
CASES = [(settlement, k) for settlement in FUTURES for k in range(2)]
EDGES = {"USDC": (0.0, 5e3, 3e4, 2e5), "BTC": (0.0, 0.1, 1.0, 5.0)}
RATES, LEVERAGE = (0.004, 0.01, 0.05, 0.25), (125.0, 50.0, 10.0, 2.0)


def brackets(settlement, stretch=1.0):
    return Brackets(edges=tuple(e * stretch for e in EDGES[settlement]), maintenance=RATES, leverage=LEVERAGE)


def twin_brackets(settlement, stretch=1.0):
    return [(edge * stretch, rate) for edge, rate in zip(EDGES[settlement], RATES, strict=True)]


STRETCH = {"BTC": 1.0, "ETH": 0.5, "SOL": 2.0}


def chosen(settlement, k):
    return {name: (7.0, 33.0, 125.0)[(n + k) % 3] for n, name in enumerate(FUTURES[settlement])}


@cache
def desk(case):
    settlement, k = case
    return with_orders(Desk.of(FUTURES[settlement], 60 + k, PER_CASE, currency=settlement), 90 + k)


@cache
def prepared(case):
    settlement, k = case
    schedules = {name: brackets(settlement, by) for name, by in STRETCH.items()}
    made = binance.CrossMargin(name="random", settlement=settlement, brackets=schedules, leverage=chosen(settlement, k))
    return made.prepare(desk(case).instruments, desk(case).market)


def rules(settlement):
    return {name: twin_brackets(settlement, by) for name, by in STRETCH.items()}


def wallet(case, unit):
    return desk(case).balances(unit).get(case[0], 0.0)


@pytest.mark.parametrize("case", CASES)
def test_requirement_and_equity(case):
    own, (settlement, k) = desk(case), case
    found = prepared(case).requirements(own.book)
    expected = [
        twin.cross(rules(settlement), chosen(settlement, k), positions_of(own, u), orders_of(own, u), wallet(case, u))
        for u in range(len(own))
    ]
    for name in ("initial", "maintenance"):
        agree(getattr(found, name), [row[name] for row in expected], floor=1e-8)
    agree(found.equity_maintenance, [row["equity"] for row in expected], floor=1e-8)
    assert (found.initial >= found.maintenance).all()


@pytest.mark.parametrize("case", CASES)
def test_liquidation_prices(case):
    """A bisection of the twin's surplus, tier by whole notional, for every position of some accounts."""
    own, count = desk(case), 0
    for unit in range(0, PER_CASE, 5):
        portfolio = Portfolio(own.book, unit).alone()
        for name in portfolio.positions:
            found = binance.liquidation_price(portfolio, own.market, prepared(case).method, name)
            held, cash = positions_of(own, unit), wallet(case, unit)
            expected = twin.liquidation_price(lambda p: twin.surplus_at(rules(case[0]), held, cash, name, p))
            assert (found is None) == (expected is None), (unit, name, found, expected)
            assert found is None or abs(found - expected) <= 1e-7 * expected, (unit, name, found, expected)
            count += found is not None
    assert count >= 60


@pytest.mark.parametrize("case", CASES)
def test_slow_evaluator_and_incremental(case):
    check_slow_evaluator(prepared(case), desk(case).book, 10)
    check_incremental(prepared(case), desk(case).book, 10)


# ---- one pool ---------------------------------------------------------------------------------

COLLATERAL = {"USDC": ((0.0, 1.0),), "BTC": ((0.0, 0.95), (0.2, 0.9), (1.0, 0.0)), "USD": ((0.0, 0.8),)}
LOANS = {"USDC loan": "USDC", "BTC loan": "BTC"}
POOL = PoolRules(
    brackets={s: {name: brackets(s, by) for name, by in STRETCH.items()} for s in FUTURES},
    collateral=tuple(
        Haircut(asset=asset, edges=tuple(edge for edge, _ in rates), initial=tuple(1 - r for _, r in rates),
                maintenance=tuple(1 - r for _, r in rates)) for asset, rates in COLLATERAL.items()
    ), loans=LOANS, loan_rate=0.08,
)  # fmt: skip


@cache
def pool_desk():
    """Contracts of both settlements; loans are assets of their own."""
    rng, names = np.random.default_rng(7), ["BTC-USDC", "BTC-USDC-30", *FUTURES["BTC"]]
    plain = desks.listed(names)
    table = Instruments.of(plain.rows, [*plain.assets, *(Asset(id=name, decimals=8) for name in LOANS)])
    market = desks.market_of(plain, rng)
    extra = [cm.Observation(subject=name, field="index", value=desks.price_of(market, a)) for name, a in LOANS.items()]
    market = cm.Market.of([*market.seen.values(), *extra], as_of=market.as_of, quote="USD")
    made = Desk(table, market, desks.book_of(table, market, rng, 250))
    return with_orders(positive_loans(made), 8, 0.3)


def positive_loans(desk):
    """The same book with loans above zero."""
    atoms, asset = desk.book.balances["atoms"].copy(), desk.book.balances["asset"]
    owed = [desk.instruments.asset_index[name] for name in LOANS]
    atoms[np.isin(asset, owed)] = np.abs(atoms[np.isin(asset, owed)])
    positions = {n: desk.book.positions[n] for n in ("account", "instrument", "lots", "open_cost")}
    balances = {"account": desk.book.balances["account"], "asset": asset, "atoms": atoms}
    return Desk(desk.instruments, desk.market, cm.Book.of(desk.instruments, desk.book.accounts, positions=positions, balances=balances))


@cache
def pool():
    return binance_portfolio.PortfolioMargin(name="pool", rules=POOL).prepare(pool_desk().instruments, pool_desk().market)


def test_portfolio_margin():
    own, found = pool_desk(), pool().values(pool_desk().book, ("equity", "requirement", "maintenance_margin", "borrowed"))
    raw = {"brackets": {s: rules(s) for s in FUTURES}, "rates": COLLATERAL, "loans": LOANS, "loan_rate": POOL.loan_rate}
    price = own.facts()["coin_price"]
    expected = [twin.portfolio(raw, price, positions_of(own, u), orders_of(own, u), own.balances(u)) for u in range(len(own))]
    margin = np.array([row["margin"] for row in expected])
    agree(found["equity"][:, 1], [row["equity"] for row in expected])
    agree(found["maintenance_margin"][:, 0], margin)
    agree(found["requirement"], margin[:, None] * [1.2, 1.05])
    assert (found["borrowed"] > 0).sum() >= 50
    check_slow_evaluator(pool(), own.book, 10)
    check_incremental(pool(), own.book, 10)


def test_ratio_and_states():
    portfolio = Portfolio(pool_desk().book, 0).alone()
    assert binance_portfolio.uni_mmr(pool().requirement(portfolio)) == np.inf
    states = [binance_portfolio.state(ratio, States()) for ratio in (1.6, 1.5, 1.3, 1.1, 1.04, 1.0, -2.0)]
    assert states == ["free", "free", "reminder", "reduce-only", "liquidation", "loss claim", "loss claim"]
