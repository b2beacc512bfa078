"""The common share of many accounts at once: the least step of a share of every position that restores each account.

What ``close_out.CommonShare`` decides of one account with every figure explained, here for thousands in a few passes of
the plan: for each step in turn the accounts that are still open are valued as if that share of each of their positions
had been closed at given prices, less the penalty.
"""

from dataclasses import dataclass, replace

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats, Integers
from crossmargin.instruments import Instrument, Instruments
from crossmargin.liquidation.trigger import Thresholds
from crossmargin.margin import Prepared
from crossmargin.margin.charges import index_notionals
from crossmargin.market import Market
from crossmargin.portfolio import Book
from crossmargin.portfolio.tables import Table, owners

RESTORED, CLOSED, TAKEOVER = range(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Where longs are sold and shorts bought back, ticks by instrument, and the notional of a lot, quote currency."""

    sell: Integers
    buy: Integers
    notional: Floats

    @classmethod
    def at(cls, instruments: Instruments, market: Market, price: Floats, half_spread: float = 0.0) -> "Prices":
        """Around prices (n_instruments,), less or more half a spread of them.

        Sales round down to a tick, purchases up; an inverse contract trades at a tick or more, an option not below 0.
        """
        tick = np.array([float(row.tick) for row in instruments])
        least = np.array([lowest(row) for row in instruments])
        spread = half_spread * np.abs(price)
        sell = np.maximum(np.floor((price - spread) / tick * (1 + 1e-15)), least)
        buy = np.maximum(np.ceil((price + spread) / tick * (1 - 1e-15)), least)
        notional = np.abs(index_notionals(instruments, market))
        return cls(sell=sell.astype(np.int64), buy=buy.astype(np.int64), notional=notional)

    def of(self, item: Integers, lots: Integers) -> Integers:
        """Price of trades of ``lots`` (> 0 buys)."""
        return np.where(lots < 0, self.sell[item], self.buy[item])


def lowest(instrument: Instrument) -> int:
    """The lowest price in ticks at which a contract can trade."""
    if instrument.costs_inversely:
        return 1
    return 0 if instrument.strike is not None else -(2**62)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Of each unit: the share to close, 0 where every step would worsen it, and what it ends as."""

    share: Floats
    outcome: Integers


def closing_lots(lots: Integers, share: Floats) -> Integers:
    """Trades that close a share of positions, in whole lots, rounded up; never more than is held."""
    size = np.minimum(np.ceil(np.abs(lots) * share * (1 - 1e-12)), np.abs(lots)).astype(np.int64)
    return -np.sign(lots) * size


def fill_costs(instruments: Instruments, item: Integers, lots: Integers, ticks: Integers) -> Floats:
    """What trades cost in atoms, to the nearest one that float64 can tell: to value, never to book."""
    decimals = [instruments.asset(row.settlement).decimals for row in instruments]
    ratio = np.array([float(row.value_ratio(d)) for row, d in zip(instruments, decimals, strict=True)])[item]
    inverse = np.array([row.costs_inversely for row in instruments], dtype=bool)[item]
    price = np.where(inverse, 1.0, ticks)
    safe = np.where(inverse, np.where(ticks == 0, 1, ticks), 1)
    cost = np.where(inverse, -lots * ratio / safe, lots * price * ratio)
    return np.asarray(np.rint(cost), dtype=np.float64)


def traded(book: Book, lots: Integers, prices: Prices) -> Book:
    """The book after a trade in every position; its cost joins the position's, so that equity moves by it alone."""
    table = book.positions
    cost = fill_costs(book.instruments, table["instrument"], lots, prices.of(table["instrument"], lots))
    columns = {**table.columns, "lots": table["lots"] + lots, "open_cost": table["open_cost"] + cost.astype(np.int64)}
    return replace(book, positions=Table(columns, table.start))


def by_unit(table: Table, amounts: Floats) -> Floats:
    """Sum of a table's rows by unit."""
    return np.bincount(owners(table.start), weights=amounts, minlength=len(table.start) - 1).astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Figures of units that a decision compares, quote currency: what the exit line still lacks, and both margins."""

    exit: Floats
    maintenance: Floats
    equity: Floats


def standing(prepared: Prepared, book: Book, thresholds: Thresholds, penalty: Floats | float) -> Standing:
    """Each unit's figures after it paid a penalty."""
    values = prepared.values(book, ("equity", "requirement"))
    equity, required = (np.broadcast_to(v, (len(v), 2)) if v.shape[1] == 1 else v for v in values.values())
    initial, maintenance = (equity[:, level] - required[:, level] - penalty for level in (0, 1))
    left = thresholds.exit_surplus(initial, maintenance, required[:, 1])
    return Standing(exit=left, maintenance=maintenance, equity=equity[:, 1] - penalty)


def common_shares(
    prepared: Prepared,
    book: Book,
    prices: Prices,
    *,
    steps: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8, 1.0),
    penalty: float = 0.0,
    thresholds: Thresholds | None = None,
) -> Shares:
    """The least step for each unit whose exit line is met with that share of every position closed.

    ``penalty``: rate of the closed notional. A unit that no step restores is closed whole, and where even the whole
    leaves a lower ``surplus_maintenance`` than it has now, it is left to be taken over.
    """
    check.ascending("steps", np.asarray(steps))
    if steps[-1] != 1.0 or steps[0] <= 0:
        raise check.refuse("steps", "rise from above 0 to 1", steps)
    lines, atom = thresholds or Thresholds(), currency_atoms(prepared, book)
    now = standing(prepared, book, lines, 0.0)
    share, outcome = np.zeros(len(book)), np.full(len(book), TAKEOVER)
    for step in steps:
        open_ = np.flatnonzero(outcome != RESTORED)
        if not len(open_):
            break
        then = after(prepared, book.taken(open_), prices, step, penalty, lines)
        better = then.maintenance >= now.maintenance[open_]
        restored = better & (np.rint(then.exit / atom[open_]) >= 0)
        share[open_[better]] = step
        outcome[open_[better]] = CLOSED
        outcome[open_[restored]] = RESTORED
    whole = share == 1.0
    outcome[(outcome == CLOSED) & ~whole] = TAKEOVER
    share[outcome == TAKEOVER] = 0.0
    return Shares(share=share, outcome=outcome)


def after(
    prepared: Prepared, book: Book, prices: Prices, step: float, penalty: float, lines: Thresholds
) -> Standing:
    """Figures with a share of every position closed."""
    table = book.positions
    lots = closing_lots(table["lots"], np.full(len(table), step))
    notional = by_unit(table, np.abs(lots) * prices.notional[table["instrument"]])
    return standing(prepared, traded(book, lots, prices), lines, penalty * notional)


def currency_atoms(prepared: Prepared, book: Book) -> Floats:
    """One atom of each unit's currency, quote currency."""
    return np.asarray(book.instruments.atom[book.currency] * prepared.currency_prices(book))
