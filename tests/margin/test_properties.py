"""What holds for every account: order, threads and blocks never matter; deposits, scale, names, scenarios."""

from dataclasses import replace
from functools import cache
from math import ulp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from margin import cases
from reference import margin as twin

import strategies
from crossmargin import Account, Asset, Book, Instrument, Instruments, Market, Observation, Portfolio

METHODS = ("isolated", "portfolio", "tiered")
NAMES = ("crypto", "market-maker", "zoo")
QUANTUM = 2.0**-20
each_desk = pytest.mark.parametrize("name", NAMES)
each_method = pytest.mark.parametrize("method", METHODS)
seeds = st.integers(0, 2**32 - 1)


# ---------------------------------------------------------------- order of insertion
def shuffled(desk, held, rng):
    """The same accounts and rows, given in another order."""
    order = rng.permutation(len(held))
    accounts = [Account(id=f"a{i:05}", currency="USD") for i in order.tolist()]
    again = [held[i] for i in order.tolist()]
    tables = [cases.positions_of(desk, again), cases.balances_of(desk, again)]
    positions, balances = (mixed(table, rng) for table in tables)
    return Book.of(desk.instruments, accounts, positions=positions, balances=balances)


def mixed(table, rng):
    size = len(next(iter(table.values())))
    order = rng.permutation(size)
    return {name: np.array(column, dtype=np.int64)[order] for name, column in table.items()} if size else None


@each_desk
@each_method
@cases.examples(8)
@given(seed=seeds)
def test_insertion_order_does_not_matter(name, method, seed):
    desk, rng = cases.desk(name), np.random.default_rng(seed)
    held = [cases.draw_holdings(rng, desk) for _ in range(9)]
    one = desk.prepared(method).requirements(cases.book_of(desk, held))
    other = desk.prepared(method).requirements(shuffled(desk, held, rng))
    assert cases.bits(one) == cases.bits(other)


# ---------------------------------------------------------------- batch, one account, slow evaluator
def one_by_one(prepared, book):
    """Figures of each unit asked for alone."""
    found = [prepared.requirement(Portfolio(book, unit)) for unit in range(len(book))]
    return {name: np.array([getattr(one, name) for one in found]).tobytes() for name in cases.FIGURES}


@each_desk
@each_method
@cases.examples(8)
@given(seed=seeds)
def test_batch_equals_each_account_to_the_bit(name, method, seed):
    desk = cases.desk(name)
    book = cases.random_book(desk, 12, seed)
    assert cases.bits(desk.prepared(method).requirements(book)) == one_by_one(desk.prepared(method), book)


@each_desk
@each_method
@cases.examples(8)
@given(seed=seeds)
def test_batch_equals_the_slow_evaluator(name, method, seed):
    desk = cases.desk(name)
    prepared, book = desk.prepared(method), cases.random_book(desk, 6, seed)
    found = prepared.values(book, ("equity", "requirement"))
    for unit in range(len(book)):
        portfolio = Portfolio(book, unit)
        slack = 1e-12 * twin.gross(desk.world, *cases.holdings_of(portfolio))
        for output, values in found.items():
            assert values[unit] == pytest.approx(
                prepared.trace(portfolio).output(output), rel=1e-12, abs=slack
            )


@each_desk
@each_method
@pytest.mark.parametrize("quantum", [None, QUANTUM])
def test_threads_do_not_matter(name, method, quantum):
    desk = cases.desk(name)
    prepared, book = desk.prepared(method), cases.random_book(desk, 201, 7)
    one = cases.bits(prepared.requirements(book, quantum=quantum))
    for threads in (2, 3, 7, 1000):
        assert cases.bits(prepared.requirements(book, threads=threads, quantum=quantum)) == one


# ---------------------------------------------------------------- block boundaries
@cache
def thousand(name):
    """1000 random accounts and their figures, asked for alone at some places."""
    desk = cases.desk(name)
    rng = np.random.default_rng(99)
    return [cases.draw_holdings(rng, desk, 5) for _ in range(1000)]


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 127, 128, 129, 1000])
@each_method
def test_blocks_have_no_edges(method, n):
    """A book of n accounts gives each what a book of others gives it."""
    desk, held = cases.desk("crypto"), thousand("crypto")
    prepared = desk.prepared(method)
    found = prepared.requirements(cases.book_of(desk, held[:n]))
    assert len(found) == n
    for unit in {0, n // 2, n - 1, min(63, n - 1), min(64, n - 1)}:
        alone = prepared.requirement(cases.portfolio_of(desk, *held[unit]))
        assert [getattr(found, f)[unit] for f in cases.FIGURES] == [getattr(alone, f) for f in cases.FIGURES]


@each_method
def test_accounts_without_rows_stand_among_others(method):
    desk, held = cases.desk("crypto"), thousand("crypto")[:40]
    empty = ({}, {})
    spread = [empty] * 70 + [h for pair in zip(held, [empty] * 40, strict=True) for h in pair] + [empty] * 70
    found = desk.prepared(method).requirements(cases.book_of(desk, spread))
    full = desk.prepared(method).requirements(cases.book_of(desk, held))
    rows = np.arange(70, 150, 2)
    for name in cases.FIGURES:
        assert getattr(found, name)[rows].tobytes() == getattr(full, name).tobytes()
        assert not np.delete(getattr(found, name), rows).any()


@each_desk
@each_method
def test_nothing_held_requires_nothing(name, method):
    desk = cases.desk(name)
    found = desk.prepared(method).requirement(cases.plain_portfolio(desk.instruments))
    assert [getattr(found, figure) for figure in cases.FIGURES] == [0.0] * 4
    assert found.health_factor == float("inf")
    assert (found.margin_usage, found.free_collateral, found.shortfall) == (0.0, 0.0, 0.0)


@each_desk
@each_method
def test_a_book_without_accounts_has_no_figures(name, method):
    desk = cases.desk(name)
    assert len(desk.prepared(method).requirements(Book.of(desk.instruments, []))) == 0


# ---------------------------------------------------------------- deposits
@cache
def cash_desk():
    """The small market with an asset of 2 decimals (USD) and one that counts in whole units."""
    points = Asset(id="POINT", decimals=0)
    instruments = Instruments.of(strategies.ALL, (*strategies.ASSETS, points))
    market = strategies.market(strategies.FIGURES | {("POINT", "index"): 1.0})
    collateral = [*cases.ZOO_COLLATERAL, {"asset": "POINT"}]
    methods = {name: raw | {"collateral": collateral} for name, raw in cases.ZOO_METHODS.items()}
    return cases.Desk(instruments, market, methods)


def after_deposit(method, seed, asset, atoms, **how):
    """Figures of an account before and after a deposit of some atoms of an asset of weight 1."""
    desk = cash_desk()
    positions, balances = cases.draw_holdings(np.random.default_rng(seed), desk)
    more = balances | {asset: balances.get(asset, 0) + atoms}
    book = cases.book_of(desk, [(positions, balances), (positions, more)])
    found = desk.prepared(method).requirements(book, **how)
    return {name: getattr(found, name) for name in cases.FIGURES}


@each_method
@cases.examples(40)
@given(seed=seeds, atoms=st.integers(-(10**9), 10**9))
def test_a_deposit_raises_equity_by_itself_exactly(method, seed, atoms):
    """Whole units and a quantum: every term is a multiple of it, so that the difference is the deposit."""
    found = after_deposit(method, seed, "POINT", atoms, quantum=QUANTUM)
    assert found["equity_initial"][1] - found["equity_initial"][0] == atoms
    assert found["equity_maintenance"][1] - found["equity_maintenance"][0] == atoms
    assert found["initial"][0] == found["initial"][1]
    assert found["maintenance"][0] == found["maintenance"][1]


@each_method
@cases.examples(40)
@given(seed=seeds, atoms=st.integers(-(10**9), 10**9))
def test_a_deposit_raises_equity_by_itself_within_rounding(method, seed, atoms):
    """Without a quantum, and cents: within two units in the last place of the largest part."""
    found = after_deposit(method, seed, "USD", atoms)
    for name in ("equity_initial", "equity_maintenance"):
        before, after = found[name]
        assert abs(after - before - atoms / 100) <= 2 * ulp(largest_part(seed, atoms))
    assert found["initial"][0] == found["initial"][1]


def largest_part(seed, atoms):
    desk = cash_desk()
    held = cases.draw_holdings(np.random.default_rng(seed), desk)
    return twin.gross(desk.world, *held) + abs(atoms) / 100


@each_method
def test_a_deposit_in_cents_is_off_by_a_quantum_at_most(method):
    """A cent is no multiple of 2^-20: the balance is rounded to one, once."""
    for seed in range(20):
        found = after_deposit(method, seed, "USD", 12_345, quantum=QUANTUM)
        assert abs(found["equity_initial"][1] - found["equity_initial"][0] - 123.45) <= QUANTUM


# ---------------------------------------------------------------- more scenarios
@each_desk
@pytest.mark.parametrize("method", ["isolated", "portfolio"])
@cases.examples(15)
@given(seed=seeds, moves=st.lists(st.floats(-0.9, 3.0), min_size=1, max_size=3))
def test_more_scenarios_never_lower_a_worst_loss(name, method, seed, moves):
    desk = cases.desk(name)
    grid = {"moves": [-0.1, 0.0, 0.15], "volatility": [0.0, 0.2]}
    narrow = desk.method(method, scenarios=grid)
    wide = desk.method(method, scenarios=grid | {"moves": [-0.1, 0.0, 0.15, *moves]})
    book = cases.random_book(desk, 4, seed)
    less, more = (
        m.prepare(desk.instruments, desk.market).values(book, ("part scan loss", "requirement"))
        for m in (narrow, wide)
    )
    assert (more["part scan loss"] >= less["part scan loss"]).all()
    assert (more["requirement"] >= less["requirement"] * (1 - 1e-12)).all()


# ---------------------------------------------------------------- scale
FLAT = [{"asset": "USD"}, {"asset": "BTC", "initial": [0.1], "maintenance": [0.05], "debt_weight": 0.125}]
EVEN = {
    "short_option": [0.02, 0.01],
    "basis": [0.02, 0.01],
    "minimum": [0.05, 0.02],
    "size_edges": [0.0],
    "size_rates": [0.01],
}
HOMOGENEOUS = {
    "isolated": {"collateral": FLAT, "charges": EVEN},
    "portfolio": {"collateral": FLAT, "charges": EVEN, "tail": 0.3},
    "joint": {"collateral": FLAT, "charges": EVEN, "between_groups": "joint", "offsets": {}},
    "tiered": {
        "collateral": FLAT,
        "schedules": {name: {"kind": "linear", "base": [0.1, 0.05]} for name in cases.ZOO_SCHEDULES},
    },
}


def scaled(held, factor):
    positions, balances = held
    return (
        {n: (lots * factor, cost * factor) for n, (lots, cost) in positions.items()},
        {n: atoms * factor for n, atoms in balances.items()},
    )


@pytest.mark.parametrize("method", HOMOGENEOUS)
@cases.examples(25)
@given(held=cases.holdings("zoo"), power=st.integers(1, 20))
def test_twice_the_book_is_twice_the_margin_to_the_bit(method, held, power):
    desk, factor = cases.desk("zoo"), 2**power
    prepared = homogeneous(method)
    found = prepared.requirements(cases.book_of(desk, [held, scaled(held, factor)]))
    for name in cases.FIGURES:
        one, many = getattr(found, name)
        assert many == one * factor


@cache
def homogeneous(name):
    desk = cases.desk("zoo")
    base = "portfolio" if name == "joint" else name
    return desk.method(base, **HOMOGENEOUS[name]).prepare(desk.instruments, desk.market)


# ---------------------------------------------------------------- names
@cache
def renamed(name, seed):
    """The desk with its instruments renamed so that they sort in another order, and the new names."""
    desk = cases.desk(name)
    order = np.random.default_rng(seed).permutation(len(desk.instruments)).tolist()
    names = {row.id: f"x{place:03}" for place, row in zip(order, desk.instruments, strict=True)}
    rows = [replace(row, id=names[row.id]) for row in desk.instruments]
    seen = [replace(o, subject=new_subject(o, names)) for o in desk.market.seen.values()]
    market = Market.of(seen, as_of=desk.market.as_of, quote=desk.market.quote)
    return cases.Desk(
        Instruments.of(rows, desk.instruments.assets), market, with_names(desk.methods, names)
    ), names


def new_subject(observation, names):
    """Marks and volatilities are of instruments; a stock and its underlying share one name."""
    of_instrument = observation.field in {"mark", "volatility"}
    return names[observation.subject] if of_instrument else observation.subject


def with_names(methods, names):
    tiered = methods["tiered"]
    if tiered.get("net_by") == "underlying":
        return methods
    schedules = {names.get(market, market): schedule for market, schedule in tiered["schedules"].items()}
    return methods | {"tiered": tiered | {"schedules": schedules}}


def under_both_names(name, method, seed, n, **how):
    desk = cases.desk(name)
    other, names = renamed(name, seed % 3)
    rng = np.random.default_rng(seed)
    held = [cases.draw_holdings(rng, desk) for _ in range(n)]
    again = [({names[i]: row for i, row in positions.items()}, balances) for positions, balances in held]
    return [
        d.prepared(method).requirements(cases.book_of(d, h), **how) for d, h in ((desk, held), (other, again))
    ]


@each_desk
@each_method
@cases.examples(10)
@given(seed=seeds)
def test_with_a_quantum_names_do_not_matter(name, method, seed):
    one, other = under_both_names(name, method, seed, 10, quantum=QUANTUM)
    assert cases.bits(one) == cases.bits(other)


def test_without_a_quantum_the_order_of_a_sum_shows():
    """Else the test above would prove nothing."""
    one, other = under_both_names("crypto", "portfolio", 5, 200)
    assert cases.bits(one) != cases.bits(other)
    assert other.initial == pytest.approx(one.initial, rel=1e-12, abs=1e-6)


@each_desk
@each_method
def test_a_quantum_moves_a_figure_by_little(name, method):
    """One quantum serves money and coins: half of it at the price of each asset, and a cent of terms."""
    desk, book = cases.desk(name), cases.random_book(cases.desk(name), 50, 3)
    exact, plain = (desk.prepared(method).requirements(book, quantum=q) for q in (QUANTUM, None))
    prices = sum(desk.world.price(asset.id) for asset in desk.instruments.assets)
    for figure in cases.FIGURES:
        assert getattr(exact, figure) == pytest.approx(
            getattr(plain, figure), rel=0, abs=(prices + 200) * QUANTUM
        )


# ---------------------------------------------------------------- figures beside the requirement
@each_desk
@each_method
@cases.examples(15)
@given(data=st.data())
def test_derived_figures_follow_their_definitions(name, method, data):
    desk = cases.desk(name)
    found = desk.prepared(method).requirement(cases.portfolio_of(desk, *data.draw(cases.holdings(name))))
    assert 0 <= found.maintenance
    if method != "portfolio":  # there collateral moves too, and more of it counts at maintenance: it may lose more
        assert found.maintenance <= found.initial * (1 + 1e-12)
    assert found.surplus_initial <= found.surplus_maintenance + 1e-9 * abs(found.equity_maintenance)
    assert found.surplus_initial == found.equity_initial - found.initial
    assert found.surplus_maintenance == found.equity_maintenance - found.maintenance
    assert found.free_collateral == max(found.surplus_initial, 0.0)
    assert found.shortfall == max(-found.surplus_maintenance, 0.0)
    if found.maintenance > 0:
        assert (found.health_factor < 1) == (found.surplus_maintenance < 0)
    if found.maintenance > 0 and found.equity_maintenance > 0:
        assert found.margin_usage * found.health_factor == pytest.approx(1.0)


def test_a_margin_without_equity_has_no_usage():
    desk = cases.desk("crypto")
    found = desk.prepared("tiered").requirement(
        cases.plain_portfolio(desk.instruments, {"BTC-PERPETUAL": 10}, {"USD": "-5000"})
    )
    assert found.margin_usage == float("inf")
    assert found.health_factor < 0


def test_a_debt_without_positions_is_infinitely_unhealthy():
    desk = cases.desk("crypto")
    found = desk.prepared("tiered").requirement(
        cases.plain_portfolio(desk.instruments, balances={"USD": "-5"})
    )
    assert (found.maintenance, found.health_factor, found.shortfall) == (0.0, -float("inf"), 5.0)


# ---------------------------------------------------------------- one very large account
@cache
def wide_desk(n):
    """n perpetuals of one underlying."""
    rows = [Instrument(id=f"P{i:05}", kind="perpetual", underlying="U", settlement="USD") for i in range(n)]
    seen = [Observation(subject=row.id, field="mark", value=100.0 + i / 64) for i, row in enumerate(rows)]
    market = Market.of([*seen, Observation(subject="U", field="index", value=100.0)], as_of=0)
    scan = {"name": "w", "scenarios": {"moves": [-0.25, 0.5]}, "collateral": [{"asset": "USD"}]}
    methods = {"isolated": {"method": "isolated", **scan}, "portfolio": {"method": "scenario", **scan}}
    return cases.Desk(Instruments.of(rows, [Asset(id="USD")]), market, methods)


@pytest.mark.parametrize("method", ["isolated", "portfolio"])
@pytest.mark.parametrize("n", [1023, 1024, 1025, 3000])
def test_one_account_may_fill_many_blocks(method, n):
    """All figures are multiples of 1/256: the sums are exact."""
    desk = wide_desk(3000)
    lots = np.random.default_rng(n).integers(-9, 10, n)
    large = {f"P{i:05}": (int(lots[i]), 0) for i in range(n)}
    small = ({"P00000": (4, 0)}, {"USD": 100})
    found = desk.prepared(method).requirements(cases.book_of(desk, [small, (large, {}), small]))
    value = lots * (100.0 + np.arange(n) / 64)
    loss = (
        np.where(value > 0, 0.25 * value, -0.5 * value).sum()
        if method == "isolated"
        else max(0.25 * value.sum(), -0.5 * value.sum())
    )
    assert found.initial.tolist() == [100.0, loss, 100.0]
    assert found.equity_initial.tolist() == [401.0, value.sum(), 401.0]


def test_hedge_mode_pockets_fill_many_rows():
    """3000 rows of one account in 500 pockets over 6 instruments, on the balances of the cross pocket."""
    desk = wide_desk(3000)
    rows = [(0, pocket, item, (-1) ** pocket * (item + 1)) for pocket in range(500) for item in range(6)]
    positions = cases.columns(("account", "pocket", "instrument", "lots"), rows)
    pockets = {"account": [0] * 499, "pocket": list(range(1, 500)), "uses": [0] * 499}
    owner = Account(id="a", currency="USD")
    book = Book.of(desk.instruments, [owner], positions=positions, pockets=pockets)
    assert len(book) == 1
    found = desk.prepared("portfolio").requirements(book)
    assert (found.initial.tolist(), found.equity_initial.tolist()) == ([0.0], [0.0])
