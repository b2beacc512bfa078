"""Who holds: accounts in columns, so that a million of them are not a million objects."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from crossmargin import _checks as check
from crossmargin._checks import Integers

DEFAULTS = {"currency": None, "owner": "", "parent": "", "mode": "cross", "method": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who holds: ``currency`` is the asset in which its figures are stated."""

    id: str
    currency: str
    owner: str = ""
    parent: str = ""
    mode: str = "cross"
    method: str = ""

    def __post_init__(self) -> None:
        check.text("account id", self.id)


@dataclass(frozen=True, slots=True)
class Labels:
    """A text of each account: the distinct ones, and which of them a row has (no codes: all have the first)."""

    values: tuple[str, ...]
    codes: Integers | None

    @classmethod
    def of(cls, given: Iterable[str], size: int) -> "Labels":
        rows: dict[str, int] = {}
        codes = np.fromiter((rows.setdefault(value, len(rows)) for value in given), dtype=np.int64, count=size)
        return cls.coded(tuple(rows), codes)

    @classmethod
    def coded(cls, values: tuple[str, ...], codes: Integers) -> "Labels":
        """Texts in the order in which they come first, each row by number."""
        return cls(values, check.frozen(codes) if len(values) > 1 else None)

    def __getitem__(self, row: int) -> str:
        return self.values[0 if self.codes is None else int(self.codes[row])]

    def taken(self, rows: Any) -> "Labels":
        return self if self.codes is None else Labels(self.values, check.frozen(self.codes[rows]))


Texts = str | Sequence[str] | Labels  # one for all, or one for each


@dataclass(frozen=True, slots=True, eq=False)
class Accounts(Sequence[Account]):
    """Accounts in columns: an ``Account`` is made when one is asked for.

    Ids in a NumPy array of text stay where they are, and the array becomes read-only; others become a tuple.
    """

    ids: Sequence[str]
    labels: dict[str, Labels]
    rows: tuple[Account, ...] = ()  # those that were given as objects, which have no labels

    @classmethod
    def of(
        cls,
        ids: Sequence[str] | NDArray[np.str_],
        *,
        currency: Texts,
        owner: Texts = "",
        parent: Texts = "",
        mode: Texts = "cross",
        method: Texts = "",
    ) -> "Accounts":
        """Accounts of these ids; every other field is one text for all, or one for each."""
        for row, name in enumerate(ids):
            check.text("account id", name, f"at row {row}")
        held = names(ids)
        given = {"currency": currency, "owner": owner, "parent": parent, "mode": mode, "method": method}
        return cls(held, {field: labels_of(field, value, len(held)) for field, value in given.items()})

    @classmethod
    def from_rows(cls, rows: Sequence[Account]) -> "Accounts":
        """Accounts that were made already."""
        return rows if isinstance(rows, Accounts) else cls(tuple(row.id for row in rows), {}, tuple(rows))

    def column(self, field: str) -> Labels:
        """One field of every account."""
        return self.labels.get(field) or Labels.of((getattr(row, field) for row in self.rows), len(self))

    def in_order(self) -> "tuple[Accounts, Integers | None]":
        """The accounts by id, and the new row of each; none where they stand in order already."""
        if all(one < other for one, other in pairwise(self.ids)):
            return self, None
        check.unique("account id", self.ids)
        order = sorted(range(len(self)), key=self.ids.__getitem__)
        rank = np.empty(len(self), dtype=np.int64)
        rank[order] = np.arange(len(self))
        return self.taken(order), rank

    def taken(self, rows: Sequence[int] | Integers) -> "Accounts":
        """Some of the accounts, in this order."""
        ids = self.ids[rows] if isinstance(self.ids, np.ndarray) else tuple(self.ids[row] for row in rows)
        kept = tuple(self.rows[row] for row in rows) if self.rows else ()
        return Accounts(ids, {field: labels.taken(rows) for field, labels in self.labels.items()}, kept)

    def check_currency(self, known: Mapping[str, int]) -> None:
        """Refuse the first account whose currency is no known asset."""
        for account in self.rows:
            check.known("currency", account.currency, known, "asset", f"of {account.id!r}")
        labels = self.labels.get("currency", Labels((), None))
        for code, name in enumerate(labels.values if len(self) else ()):
            if name not in known:
                row = 0 if labels.codes is None else check.first(labels.codes == code)
                check.known("currency", name, known, "asset", f"of {str(self.ids[row])!r}")

    @overload
    def __getitem__(self, row: int) -> Account: ...
    @overload
    def __getitem__(self, row: slice) -> "Accounts": ...
    def __getitem__(self, row: int | slice) -> "Account | Accounts":
        if isinstance(row, slice):
            return self.taken(range(len(self))[row])
        if self.rows:
            return self.rows[row]
        name = str(self.ids[row])
        return Account(id=name, **{field: labels[row] for field, labels in self.labels.items()})

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Accounts({len(self)})"


class Index(Mapping[str, int]):
    """The row of an id among ids in order, by binary search."""

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = ids

    def __getitem__(self, name: str) -> int:
        row = bisect_left(self.ids, name)
        if row == len(self.ids) or self.ids[row] != name:
            raise KeyError(name)
        return row

    def __iter__(self) -> Iterator[str]:
        return map(str, self.ids)

    def __len__(self) -> int:
        return len(self.ids)


def names(ids: Sequence[str] | NDArray[np.str_]) -> Sequence[str]:
    """Ids in a form that nobody writes to."""
    if isinstance(ids, np.ndarray) and ids.dtype.kind == "U":
        return check.frozen(ids)  # type: ignore[return-value]
    return tuple(ids)


def labels_of(field: str, given: Texts, size: int) -> Labels:
    if isinstance(given, str):
        return Labels((given,), None)
    if isinstance(given, Labels):
        return given
    if len(given) != size:
        raise check.refuse(f"account {field}", f"have length {size}", len(given))
    return Labels.of(map(str, given), size)
