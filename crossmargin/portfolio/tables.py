"""The tables of a book: what each column holds, and how one is checked and sorted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmargin import _checks as check
from crossmargin._checks import Integers

Columns = Mapping[str, Any]
MAX_LOTS = 2**53  # beyond, float64 no longer counts in ones


@dataclass(frozen=True, slots=True)
class Table:
    """Named int64 columns of one length, sorted by their key; ``start`` cuts them by unit."""

    columns: dict[str, Integers]
    start: Integers

    def __getitem__(self, name: str) -> Integers:
        return self.columns[name]

    def __len__(self) -> int:
        return int(self.start[-1])

    def rows(self, unit: int) -> slice:
        """Rows of one unit."""
        return slice(int(self.start[unit]), int(self.start[unit + 1]))


def read(name: str, given: Columns, fields: Mapping[str, int | None]) -> dict[str, Integers]:
    """Take the columns that ``fields`` names; a default of None means required."""
    unknown = set(given) - set(fields)
    if unknown:
        raise check.refuse(f"{name} columns", f"be among {', '.join(fields)}", min(unknown))
    first = next(iter(given), None)
    size = len(check.integers(f"{name}.{first}", given[first])) if first is not None else 0
    return {field: read_one(name, given, field, default, size) for field, default in fields.items()}


def read_one(name: str, given: Columns, field: str, default: int | None, size: int) -> Integers:
    if field in given:
        return check.integers(f"{name}.{field}", given[field], size=size)
    if default is None and given:
        raise check.refuse(f"{name}.{field}", "be given", None)
    return np.full(size, default or 0, dtype=np.int64)


def within(name: str, values: Integers, size: int, of: str) -> None:
    """Row numbers must lie in [0, size)."""
    check.require_all(name, f"be a row of {size} {of}", values, (values >= 0) & (values < size))


def at_most(name: str, values: Integers, limit: int) -> None:
    check.require_all(name, f"stay within ±{limit}", values, (values <= limit) & (values >= -limit))


def sort(columns: dict[str, Integers], unit: Integers, n_units: int, key: Sequence[str], name: str) -> Table:
    """Sort by unit and key; a repeated key is refused with the row it was given at."""
    order = np.lexsort([columns[field] for field in reversed(key)] + [unit])
    keys = np.stack([unit, *(columns[field] for field in key)])[:, order]
    repeated = np.flatnonzero((np.diff(keys, axis=1) == 0).all(axis=0))
    if len(repeated):
        row = int(order[repeated[0] + 1])
        shown = ", ".join(f"{field} {columns[field][row]}" for field in key)
        raise check.refuse(f"{name} key", "be unique within an account", shown, f"at row {row}")
    start = np.zeros(n_units + 1, dtype=np.int64)
    np.cumsum(np.bincount(unit, minlength=n_units), out=start[1:])
    return Table({field: ordered(column, order) for field, column in columns.items()}, check.frozen(start))


def ordered(column: Integers, order: NDArray[np.intp]) -> Integers:
    return check.frozen(np.ascontiguousarray(column[order]))
