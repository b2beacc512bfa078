"""Random desks with resting orders: at most one of a side and instrument in each account."""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from crossmargin import Book, Portfolio
from crossmargin.instruments import Payoff


def with_orders(desk, seed, chance=0.5):
    """The same desk with orders around the marks, on both sides of them."""
    rng, n = np.random.default_rng(seed), len(desk.book)
    columns = {name: [] for name in ("account", "id", "instrument", "side", "lots", "ticks")}
    for unit in range(2, n):
        for item, row in enumerate(desk.instruments):
            for side in (1, -1):
                if rng.random() < chance:
                    limit = desk.market.value("mark", row.id) * rng.uniform(0.9, 1.1)
                    lots = max(int(rng.lognormal(8.0, 2.0)), 1)
                    made = (unit, len(columns["id"]), item, side, lots, int(limit / float(row.tick)))
                    for name, value in zip(columns, made, strict=True):
                        columns[name].append(value)
    held = {name: desk.book.positions[name] for name in ("instrument", "lots", "open_cost")}
    owned = {name: desk.book.balances[name] for name in ("asset", "atoms")}
    held["account"], owned["account"] = (units_of(t) for t in (desk.book.positions, desk.book.balances))
    book = Book.of(desk.instruments, desk.book.accounts, positions=held, balances=owned, orders=columns)
    return replace(desk, book=book)


def units_of(table):
    """The unit of each row of a table."""
    return np.repeat(np.arange(len(table.start) - 1), np.diff(table.start))


def size_of(row, lots):
    """Units of the underlying (inverse: dollars) of lots."""
    return lots * float(row.contract_size * row.lot)


def positions_of(desk, unit):
    """Positions as the twins of brackets read them."""
    held = Portfolio(desk.book, unit).positions
    return [part_of(desk, name, p.lots) | {"cost": cost_of(desk, name, p)} for name, p in held.items()]


def cost_of(desk, name, held):
    settlement = desk.instruments.instrument(name).settlement
    return held.open_cost / 10 ** desk.instruments.asset(settlement).decimals


def orders_of(desk, unit):
    found = Portfolio(desk.book, unit).orders
    return [part_of(desk, o.instrument, o.lots) | {"side": o.side, "limit": float(Fraction(o.limit))} for o in found]


def part_of(desk, name, lots):
    row = desk.instruments.instrument(name)
    return {"id": name, "underlying": row.underlying, "settlement": row.settlement, "size": size_of(row, lots),
            "inverse": row.payoff is Payoff.INVERSE, "mark": desk.market.value("mark", name)}  # fmt: skip
