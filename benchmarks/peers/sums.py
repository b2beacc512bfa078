"""Sums over the positions of many accounts in NumPy and SciPy, in three forms; a benchmark takes the fastest.

The columns are those of a book: ``start`` cuts rows by account, rows of one account ascend by instrument.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

FORMS = ("sparse", "dense", "reduceat")


@dataclass(frozen=True)
class Rows:
    """Positions and balances of some accounts; every account holds something."""

    start: np.ndarray
    item: np.ndarray
    lots: np.ndarray  # float64
    cost: np.ndarray
    asset_start: np.ndarray
    asset: np.ndarray
    atoms: np.ndarray

    @classmethod
    def of(cls, book, first: int, last: int) -> "Rows":
        """The columns of a book, cut to a range of accounts."""
        position, balance = book.positions, book.balances
        held = slice(position.start[first], position.start[last])
        owned = slice(balance.start[first], balance.start[last])
        return cls(
            position.start[first : last + 1] - position.start[first],
            position["instrument"][held], position["lots"][held].astype(np.float64),
            position["open_cost"][held],
            balance.start[first : last + 1] - balance.start[first],
            balance["asset"][owned], balance["atoms"][owned],
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.start) - 1

    @property
    def owner(self) -> np.ndarray:
        return np.repeat(np.arange(len(self)), np.diff(self.start))

    def total(self, term: np.ndarray) -> np.ndarray:
        """Sum of a figure of each position, shape (accounts, ...)."""
        return np.add.reduceat(term, self.start[:-1])

    def balances(self, n_assets: int) -> np.ndarray:
        """Atoms of each asset, shape (accounts, assets)."""
        row = np.repeat(np.arange(len(self)), np.diff(self.asset_start)) * n_assets + self.asset
        return np.bincount(row, self.atoms, len(self) * n_assets).reshape(-1, n_assets)


def by_account(form: str, rows: Rows, table: np.ndarray) -> np.ndarray:
    """``sum_i lots_i table[item_i]`` of each account, shape (accounts, columns)."""
    if form == "sparse":
        return csr_array((rows.lots, rows.item, rows.start), shape=(len(rows), len(table))) @ table
    if form == "dense":
        return spread(rows, len(table)) @ table
    return rows.total(rows.lots[:, None] * table[rows.item])


def by_key(form: str, rows: Rows, table: np.ndarray, key: np.ndarray, n_keys: int) -> np.ndarray:
    """The same by account and key, shape (accounts, keys, columns); keys ascend by instrument."""
    if form == "dense":
        return dense_by_key(rows, table, key, n_keys)
    group = rows.owner * n_keys + key[rows.item]
    if form == "sparse":
        start = np.concatenate([[0], np.cumsum(np.bincount(group, minlength=len(rows) * n_keys))])
        found = csr_array((rows.lots, rows.item, start), shape=(len(rows) * n_keys, len(table))) @ table
    else:
        first = np.flatnonzero(np.diff(group, prepend=-1))
        found = np.zeros((len(rows) * n_keys, table.shape[1]))
        found[group[first]] = np.add.reduceat(rows.lots[:, None] * table[rows.item], first)
    return found.reshape(len(rows), n_keys, -1)


def dense_by_key(rows: Rows, table: np.ndarray, key: np.ndarray, n_keys: int) -> np.ndarray:
    """One matrix product a key, over the instruments of that key."""
    lots, out = spread(rows, len(table)), np.empty((len(rows), n_keys, table.shape[1]))
    ends = np.searchsorted(key, np.arange(n_keys + 1))
    for k in range(n_keys):
        held = slice(ends[k], ends[k + 1])
        np.matmul(lots[:, held], table[held], out=out[:, k])
    return out


def spread(rows: Rows, n_items: int) -> np.ndarray:
    """Lots as a full matrix (accounts, instruments)."""
    lots = np.zeros((len(rows), n_items))
    lots[rows.owner, rows.item] = rows.lots
    return lots


@dataclass(frozen=True)
class Operators:
    """Elementwise operations, of arrays over accounts or of the plain numbers of one account."""

    least: object
    most: object
    nearest: object
    by_sign: object  # (x, where negative, where zero, where positive)


def pick(x: float, negative: float, zero: float, positive: float) -> float:
    return negative if x < 0 else (positive if x > 0 else zero)


def picks(x: np.ndarray, negative: object, zero: object, positive: object) -> np.ndarray:
    return np.where(x < 0, negative, np.where(x > 0, positive, zero))


ARRAYS = Operators(np.minimum, np.maximum, np.rint, picks)
NUMBERS = Operators(min, max, round, pick)
