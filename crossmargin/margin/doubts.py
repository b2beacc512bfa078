"""What a method cannot value here because it doubts an oracle: asked of books, and of accounts at the gate."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Integers
from crossmargin.instruments import Instruments
from crossmargin.portfolio import Book, Portfolio
from crossmargin.portfolio.feeds import FEEDS, holds
from crossmargin.portfolio.tables import owners

HELD = ("position", "cost", "orders")


class Doubt(NamedTuple):
    """A fault, whose oracle has it, and how a refusal says what it breaks."""

    fault: str
    of: str
    rule: str = "be usable where it is read"


class Doubts(NamedTuple):
    """What no account may hold by instrument (a position, its cost or a resting order) and by asset (a balance).

    Of an asset in ``debts`` only what is owed is refused: it counts for nothing where it is owned.
    """

    instruments: Mapping[str, Doubt] = {}
    assets: Mapping[str, Doubt] = {}
    debts: Mapping[str, Doubt] = {}

    def __bool__(self) -> bool:
        return bool(self.instruments or self.assets or self.debts)

    def check_book(self, book: Book) -> None:
        """Refuse a book with an account that holds what is doubted."""
        known = book.instruments
        for name, doubt in self.debts.items():
            held = balances_of(book, known.asset_index[name])
            check.require_all(f"balance of {doubt.of!r}", doubt.rule, held, held >= 0)
        for name, doubt in self.assets.items():
            refuse_held(doubt, held=holds(book, ("balance",), known.asset_index[name]))
        for name, doubt in self.instruments.items():
            refuse_held(doubt, held=holds(book, HELD, known.index[name]))

    def of_account(self, portfolio: Portfolio) -> dict[str, tuple[str, ...]]:
        """Faults of the oracles that an account cannot be valued by, by what each is about."""
        owed = (name for name, atoms in portfolio.balances.items() if atoms < 0)
        pairs = ((self.instruments, portfolio.positions), (self.assets, portfolio.balances), (self.debts, owed))
        found = (doubts[name] for doubts, names in pairs for name in names if name in doubts)
        return {doubt.of: (doubt.fault,) for doubt in found}

    def of_instruments(self, instruments: Instruments) -> Integers:
        """Of each instrument, whether any holding of it is refused: 1 or 0."""
        return np.array([int(row.id in self.instruments) for row in instruments], dtype=np.int64)

    def of_assets(self, instruments: Instruments) -> Integers:
        """Of each asset, what is refused: 0 nothing, 1 any balance, 2 debts."""
        doubted = [1 if a.id in self.assets else 2 if a.id in self.debts else 0 for a in instruments.assets]
        return np.array(doubted, dtype=np.int64)


def refuse_held(doubt: Doubt, *, held: bool) -> None:
    if held:
        raise check.refuse("oracle", doubt.rule, doubt.fault, f"of {doubt.of!r}")


def balances_of(book: Book, asset: int) -> Integers:
    """Each unit's balance of one asset, over all locations."""
    start, items, amounts = FEEDS["balance"](book)
    kept, found = items == asset, np.zeros(len(book), dtype=np.int64)
    np.add.at(found, owners(start)[kept], amounts[kept])
    return found
