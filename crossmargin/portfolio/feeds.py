"""What a book feeds into plans: per source, an item and an integer amount a row, cut by unit.

======== =============== ====================================================================
source   item            amount
======== =============== ====================================================================
position instrument      signed lots
cost     instrument      open cost, atoms of the settlement asset
balance  asset           atoms
buy      instrument      open lots of resting buy orders
sell     instrument      open lots of resting sell orders, > 0
buy_at   instrument      sum of lots x limit ticks of resting buys
sell_at  instrument      the same of resting sells
high_buy instrument      highest limit among resting buys, ticks
low_sell instrument      lowest limit among resting sells, ticks
orders   instrument      number of resting orders
======== =============== ====================================================================

Orders of flag ``NO_LIMIT`` count in lots but not in limits. Columns of positions and balances are not copied.
"""

from collections.abc import Callable, Iterable

import numpy as np

from crossmargin._checks import Integers
from crossmargin.portfolio.book import Book
from crossmargin.portfolio.tables import owners

Feed = tuple[Integers, Integers, Integers]  # start of each unit, item, amount
NO_LIMIT = 1


def columns(table: str, item: str, amount: str) -> Callable[[Book], Feed]:
    """A feed that is a column of the book as it stands."""

    def read(book: Book) -> Feed:
        rows = getattr(book, table)
        return rows.start, rows[item], rows[amount]

    return read


def orders(side: int, amount: Callable[[Book], Integers], *, limited: bool = False) -> Callable[[Book], Feed]:
    """A feed of resting orders of one side (0: both)."""

    def read(book: Book) -> Feed:
        table = book.orders
        if not len(table):
            return table.start, table["instrument"], table["lots"]
        kept = np.full(len(table), fill_value=True) if side == 0 else table["side"] == side
        if limited:
            kept &= (table["flags"] & NO_LIMIT) == 0
        return cut(table.start, kept), table["instrument"][kept], amount(book)[kept]

    return read


def cut(start: Integers, kept: np.ndarray) -> Integers:
    """Starts of the units after rows were left out."""
    return np.concatenate([[0], np.cumsum(kept)])[start].astype(np.int64)


def extreme(side: int) -> Callable[[Book], Feed]:
    """One row per unit and instrument: the best limit of a side (orders are sorted by limit)."""
    every = orders(side, lambda book: book.orders["ticks"], limited=True)

    def read(book: Book) -> Feed:
        start, item, ticks = every(book)
        if not len(item):
            return start, item, ticks
        unit = owners(start)
        group = np.stack([unit, item])
        change = (np.diff(group, axis=1) != 0).any(axis=0)
        first = np.concatenate([[True], change])
        last = np.concatenate([change, [True]])
        kept = last if side > 0 else first
        return cut(start, kept), item[kept], ticks[kept]

    return read


FEEDS: dict[str, Callable[[Book], Feed]] = {
    "position": columns("positions", "instrument", "lots"),
    "cost": columns("positions", "instrument", "open_cost"),
    "balance": columns("balances", "asset", "atoms"),
    "buy": orders(1, lambda book: book.orders["lots"]),
    "sell": orders(-1, lambda book: book.orders["lots"]),
    "buy_at": orders(1, lambda book: book.orders["lots"] * book.orders["ticks"], limited=True),
    "sell_at": orders(-1, lambda book: book.orders["lots"] * book.orders["ticks"], limited=True),
    "high_buy": extreme(1),
    "low_sell": extreme(-1),
    "orders": orders(0, lambda book: np.ones(len(book.orders), dtype=np.int64)),
}


def holds(book: Book, sources: Iterable[str], item: int) -> bool:
    """Whether any unit has an amount of an item in one of these sources."""
    feeds = (FEEDS[source](book) for source in sources)
    return any(bool(((items == item) & (amounts != 0)).any()) for _, items, amounts in feeds)
