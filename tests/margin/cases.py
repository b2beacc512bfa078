"""Desks, parameter sets and random books that the margin tests share."""

import json
import os
from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from reference import margin as twin

import strategies
from crossmargin import Account, load
from crossmargin.margin import load_method
from crossmargin.portfolio import Book, Portfolio, Position

FACTOR = int(os.environ.get("CROSSMARGIN_FUZZ", "1"))
SEEDS = Path(__file__).resolve().parents[2] / "seeds"


class Desk:
    """Instruments and market with the parameter sets that fit them."""

    def __init__(self, instruments, market, methods):
        self.instruments, self.market, self.methods = instruments, market, methods
        self.world = twin.World(instruments, market)

    def method(self, name, **changes):
        return load_method(json.dumps(self.methods[name] | changes).encode())

    @cache
    def prepared(self, name):
        return self.method(name).prepare(self.instruments, self.market)

    def currencies(self):
        return [asset.id for asset in self.instruments.assets]


ZOO_COLLATERAL = [
    {"asset": "USD"},
    {
        "asset": "USDC",
        "edges": [0, 5e4],
        "initial": [0.02, 0.1],
        "maintenance": [0.01, 0.05],
        "in_scenario": False,
    },
    {
        "asset": "BTC",
        "edges": [0, 2, 5, 9],
        "initial": [0.05, 0.1, 0.2, 0.4],
        "maintenance": [0.02, 0.05, 0.1, 0.3],
        "cap": 7.5,
        "debt_weight": 0.06,
    },
]
ZOO_GRID = {
    "moves": [-0.3, -0.1, 0.0, 0.1, 0.4],
    "volatility": [-0.2, 0.3],
    "short_power": 0.3,
    "floor_up": 0.4,
    "mode": "absolute",
    "tails": [{"move": -0.6, "volatility": 0.5, "weight": 0.4}],
}
ZOO_CHARGES = {
    "short_option": [0.02, 0.01],
    "basis": [0.02, 0.01],
    "minimum": [0.01, 0.005],
    "size_edges": [1e5, 1e6],
    "size_rates": [0.02, 0.07],
}
ZOO_SCAN = {
    "name": "zoo",
    "scenarios": ZOO_GRID,
    "collateral": ZOO_COLLATERAL,
    "charges": ZOO_CHARGES,
    "factor": [1.3, 0.9],
}
ZOO_SCHEDULES = {
    "SPOT": {
        "kind": "tiers",
        "edges": [0, 1e4, 1e5],
        "initial": [0.1, 0.2, 0.5],
        "maintenance": [0.05, 0.1, 0.2],
    },
    "LINEAR": {"kind": "scaled", "base": [0.05, 0.03], "slope": [0.004, 0.002]},
    "INVERSE": {"kind": "linear", "base": [0.04, 0.02], "slope": [0.03, 0.02]},
    "QUANTO": {"kind": "tiers", "edges": [0, 5e3], "initial": [0.1, 0.3], "maintenance": [0.08, 0.2]},
}
ZOO_METHODS = {
    "isolated": {"method": "isolated", **ZOO_SCAN},
    "portfolio": {"method": "scenario", **ZOO_SCAN},
    "tiered": {"method": "tiered", "name": "zoo", "collateral": ZOO_COLLATERAL, "schedules": ZOO_SCHEDULES},
}


@cache
def desk(name):
    if name == "zoo":
        return Desk(strategies.instruments(), strategies.market(), ZOO_METHODS)
    seed = load(SEEDS / f"{name}.json")
    return Desk(seed.instruments, seed.market, {key: json.loads(raw) for key, raw in seed.methods.items()})


@cache
def account(name):
    """The account of a seed."""
    return load(SEEDS / f"{name}.json").portfolio


def draw_size(rng, unit, low=1.0, high=6.0):
    """A count of units worth 10**low to 10**high together."""
    return max(1, round(10 ** rng.uniform(low, high) / unit))


def draw_positions(rng, desk, size):
    rows = [
        desk.instruments.rows[i] for i in sorted(rng.choice(len(desk.instruments), size=size, replace=False))
    ]
    found = {}
    for row in rows:
        lots = draw_size(rng, desk.world.notional(row)) * int(rng.choice([-1, 1]))
        value = lots * desk.world.lot_value(row, desk.world.mark(row))
        decimals = desk.world.asset[row.settlement].decimals
        found[row.id] = (lots, round(value * rng.normal(1.0, 0.05) * 10**decimals))
    return found


def draw_balances(rng, desk):
    found = {}
    for asset in desk.instruments.assets:
        if rng.random() < 0.7:
            atom = desk.world.price(asset.id) / 10**asset.decimals
            found[asset.id] = draw_size(rng, atom) * int(rng.choice([-1, 1, 1]))
    return found


def draw_holdings(rng, desk, most=12):
    """Random positions and balances, some accounts empty."""
    size = int(rng.integers(0, min(most, len(desk.instruments)) + 1))
    return draw_positions(rng, desk, size), draw_balances(rng, desk)


def holdings_of(portfolio):
    """Holdings of an account as the twins read them."""
    return {n: (p.lots, p.open_cost) for n, p in portfolio.positions.items()}, portfolio.balances


def book_of(desk, held, currencies=None):
    """One account per pair (positions, balances), in this order by name."""
    names = currencies or ["USD"] * len(held)
    accounts = [Account(id=f"a{i:05}", currency=c) for i, c in enumerate(names)]
    return Book.of(
        desk.instruments, accounts, positions=positions_of(desk, held), balances=balances_of(desk, held)
    )


def positions_of(desk, held):
    rows = [
        (i, desk.instruments.index[n], *p)
        for i, (positions, _) in enumerate(held)
        for n, p in positions.items()
    ]
    return columns(("account", "instrument", "lots", "open_cost"), rows)


def balances_of(desk, held):
    rows = [
        (i, desk.instruments.asset_index[n], a)
        for i, (_, balances) in enumerate(held)
        for n, a in balances.items()
    ]
    return columns(("account", "asset", "atoms"), rows)


def columns(names, rows):
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def portfolio_of(desk, positions, balances, currency="USD"):
    book = book_of(desk, [(positions, balances)], [currency])
    return Portfolio(book, 0)


def random_book(desk, n, seed, most=12):
    rng = np.random.default_rng(seed)
    return book_of(desk, [draw_holdings(rng, desk, most) for _ in range(n)])


def plain_portfolio(instruments, positions=None, balances=None, currency="USD"):
    """An account by lots and decimal amounts."""
    owner = Account(id="owner", currency=currency)
    return Portfolio.of(instruments, account=owner, positions=positions or {}, balances=balances or {})


def lots(count, cost=0):
    return Position(count, cost)


FIGURES = ("initial", "maintenance", "equity_initial", "equity_maintenance")


def bits(requirements):
    """The figures of a book as raw bytes, one array a figure."""
    return {name: getattr(requirements, name).tobytes() for name in FIGURES}


def holdings(name, most=8):
    """Hypothesis: random holdings of a desk, by the seed of a generator."""
    return st.integers(0, 2**32 - 1).map(
        lambda seed: draw_holdings(np.random.default_rng(seed), desk(name), most)
    )


def examples(n):
    """A fixed number of examples, multiplied in the long run."""
    return settings(max_examples=n * FACTOR)
