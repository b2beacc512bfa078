"""What positions and accounts are worth at the marks, without haircuts: what a deficit is measured by."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from crossmargin._checks import Floats, Integers
from crossmargin.instruments import Instrument, Kind
from crossmargin.market import Market
from crossmargin.portfolio import Book
from crossmargin.portfolio.tables import owners
from crossmargin.scenario.revalue import asset_prices, lot_values, mark_of


@dataclass(frozen=True)
class Worth:
    """A book at a market's marks; money in quote currency."""

    book: Book
    market: Market

    @cached_property
    def marks(self) -> Floats:
        """Price of each instrument that is held, NaN of others."""
        instruments = self.book.instruments
        found = np.full(len(instruments), np.nan)
        for item in np.unique(self.book.positions["instrument"]).tolist():
            found[item] = closing_mark(instruments.rows[item], self.market)
        return found

    @cached_property
    def prices(self) -> Floats:
        """Of a unit of each asset."""
        return asset_prices(self.book.instruments, self.market)

    @cached_property
    def atoms(self) -> Floats:
        """Of an atom of each asset."""
        return np.asarray(self.book.instruments.atom * self.prices)

    @cached_property
    def owner(self) -> Integers:
        """Unit of each position."""
        return owners(self.book.positions.start)

    @cached_property
    def notional(self) -> Floats:
        """Signed value of each position."""
        instruments, held = self.book.instruments, self.book.positions
        value = lot_values(instruments, self.marks) * self.prices[instruments.settlement]
        return np.asarray(held["lots"] * value[held["instrument"]], dtype=np.float64)

    @cached_property
    def cost(self) -> Floats:
        """Open cost of each position."""
        held = self.book.positions
        settlement = self.book.instruments.settlement[held["instrument"]]
        return np.asarray(held["open_cost"] * self.atoms[settlement], dtype=np.float64)

    @cached_property
    def of_units(self) -> Floats:
        """Balances and the profit of positions, by unit."""
        owned, n = self.book.balances, len(self.book)
        balances = np.bincount(owners(owned.start), owned["atoms"] * self.atoms[owned["asset"]], n)
        return (balances + np.bincount(self.owner, self.notional - self.cost, n)).astype(np.float64)

    @cached_property
    def currency_atoms(self) -> Floats:
        """Of an atom of each unit's currency."""
        return self.atoms[self.book.currency]

    @cached_property
    def owing(self) -> NDArray[np.bool_]:
        """Which units are worth less than nothing, to the nearest atom of their currency."""
        return np.rint(self.of_units / self.currency_atoms) < 0


def closing_mark(instrument: Instrument, market: Market) -> float:
    """The mark; a perpetual of a venue without marks is closed at its index."""
    if instrument.kind is Kind.PERPETUAL and not market.has("mark", instrument.id):
        return market.value("index", instrument.underlying)
    return mark_of(instrument.id, instrument.kind, instrument.underlying, market)
