"""Units of a book: the pairs (account, pocket of its own balances) that occur, numbered in order."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Integers

Pair = tuple[Integers, Integers]  # account, pocket, row by row


@dataclass(frozen=True, slots=True)
class Pairs:
    """Distinct pairs in order; a pair is found by its key, account x number of pockets + row of the pocket."""

    pockets: Integers  # distinct, ascending
    key: Integers  # ascending

    @classmethod
    def of(cls, rows: Iterable[Pair]) -> "Pairs":
        """Pairs that occur in any of these rows."""
        given = list(rows)
        pockets = distinct(pocket[part] for _, pocket in given for part in check.stretches(len(pocket)))
        keys = (
            account[part] * len(pockets) + np.searchsorted(pockets, pocket[part])
            for account, pocket in given
            for part in check.stretches(len(pocket))
        )
        return cls(pockets, distinct(keys))

    @property
    def account(self) -> Integers:
        return self.key // max(len(self.pockets), 1)

    @property
    def pocket(self) -> Integers:
        return self.pockets[self.key % max(len(self.pockets), 1)]

    def row(self, account: Integers, pocket: Integers) -> Integers:
        """Where each pair stands or would stand."""
        return np.searchsorted(self.key, self.keys_of(account, pocket))

    def holds(self, account: Integers, pocket: Integers) -> np.ndarray:
        """Whether each pair is one of these."""
        if not len(self.key):
            return np.zeros(len(account), dtype=np.bool_)
        key, known = self.keys_of(account, pocket), self.pockets[self.at(pocket)] == pocket
        return known & (self.key[np.minimum(np.searchsorted(self.key, key), len(self.key) - 1)] == key)

    def keys_of(self, account: Integers, pocket: Integers) -> Integers:
        return account * len(self.pockets) + self.at(pocket)

    def at(self, pocket: Integers) -> Integers:
        return np.minimum(np.searchsorted(self.pockets, pocket), len(self.pockets) - 1)


@dataclass(frozen=True, slots=True)
class Units:
    """Every account's own unit, and those of its pockets; ``pairs`` is absent where no pocket has a unit."""

    account: Integers
    pocket: Integers
    pairs: Pairs | None

    @classmethod
    def of(cls, n_accounts: int, rows: list[Pair]) -> "Units":
        accounts, zeros = np.arange(n_accounts), np.zeros(n_accounts, dtype=np.int64)
        if not any(pocket[part].any() for _, pocket in rows for part in check.stretches(len(pocket))):
            return cls(check.frozen(accounts), check.frozen(zeros), None)
        pairs = Pairs.of([(accounts, zeros), *rows])
        return cls(check.frozen(pairs.account), check.frozen(pairs.pocket), pairs)

    def __len__(self) -> int:
        return len(self.account)

    def number(self, account: Integers, pocket: Integers) -> Integers:
        """The unit of each row."""
        return account if self.pairs is None else self.pairs.row(account, pocket)

    def starts(self, account: Integers, pocket: Integers) -> Integers:
        """Where each unit's rows start, of rows in the order of units; shape (n_units + 1,)."""
        start = np.zeros(len(self) + 1, dtype=np.int64)
        for part in check.stretches(len(account)):
            unit = self.number(account[part], pocket[part])
            found = np.bincount(unit - unit[0])
            start[unit[0] + 1 : unit[0] + 1 + len(found)] += found
        return np.cumsum(start, out=start)


def distinct(parts: Iterable[Integers]) -> Integers:
    """Values that occur, ascending, taken from stretches."""
    return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *(np.unique(part) for part in parts)]))
