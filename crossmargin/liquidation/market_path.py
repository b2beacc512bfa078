"""How far markets travelled since accounts were looked at, and what the accounts hold: what an index reads."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from crossmargin._checks import Floats, Integers
from crossmargin.margin.plan.surplus_change import SurplusChange
from crossmargin.portfolio import Book
from crossmargin.portfolio.feeds import FEEDS
from crossmargin.portfolio.tables import owners

BITS = 62  # underlyings that are told apart


class Holdings(Protocol):
    """What accounts hold; ``accounts`` ascending."""

    def __call__(self, accounts: Integers) -> Book:
        """Their book, a unit each."""
        ...

    def moved(self, accounts: Integers, anchor: Integers, path: "Path") -> Floats:
        """What each surplus changed by at least since its place in the path, shape (n,), quote currency."""
        ...


class BookHoldings:
    """The units of a book that does not change."""

    def __init__(self, book: Book) -> None:
        self.book = book

    def __call__(self, accounts: Integers) -> Book:
        return self.book.taken(accounts)

    def moved(self, accounts: Integers, anchor: Integers, path: "Path") -> Floats:
        book, found = self.book.taken(accounts), -path.constants(anchor)
        for source in path.signed:
            start, item, amount = FEEDS[source](book)
            unit = owners(start)
            signed, bound = (rows[-1, item] - rows[anchor[unit], item] for rows in path.of(source))
            found += np.bincount(unit, amount * signed - np.abs(amount) * bound, minlength=len(book))
        return np.asarray(found, dtype=np.float64)


class Path:
    """Changes since the first mark, summed: by source the signed figures and the bounds, a row a mark."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.signed = {source: [np.zeros(size)] for source, size in sizes.items()}
        self.bound = {source: [np.zeros(size)] for source, size in sizes.items()}
        self.constant = [0.0]
        self.travelled = [np.zeros(BITS)]

    def __len__(self) -> int:
        return len(self.constant)

    def add(self, change: SurplusChange, step: Floats) -> None:
        """One mark."""
        for rows, figures in ((self.signed, change.signed), (self.bound, change.by_source)):
            for source, at in rows.items():
                at.append(at[-1] + figures.get(source, 0.0))
        self.constant.append(self.constant[-1] + change.constant)
        self.travelled.append(self.travelled[-1] + step)

    def of(self, source: str, size: int = 0) -> tuple[Floats, Floats]:
        """Signed figures and bounds, shape (marks, items); zeros of a source that the method does not read."""
        none = [np.zeros(size)] * len(self)
        return np.array(self.signed.get(source, none)), np.array(self.bound.get(source, none))

    def constants(self, anchor: Integers) -> Floats:
        """What the constants summed to since each place."""
        return self.constant[-1] - np.array(self.constant)[anchor]
