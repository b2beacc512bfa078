"""The tables of a book: what each column holds, and how one is checked and sorted.

Checks look at stretches of rows: beside a table that comes in order there is never another of its size.
"""

from collections.abc import Iterator, Mapping, Sequence
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

    def taken(self, units: Integers) -> "Table":
        """The rows of some units, in their order."""
        first, count = self.start[units], np.diff(self.start)[units]
        start = np.concatenate([[0], np.cumsum(count)])
        rows = np.repeat(first - start[:-1], count) + np.arange(start[-1])
        return Table({name: check.frozen(column[rows]) for name, column in self.columns.items()}, start)


def owners(start: Integers) -> Integers:
    """Unit of each row of a table that is cut at ``start``."""
    return np.repeat(np.arange(len(start) - 1), np.diff(start))


def read(name: str, given: Columns, fields: Mapping[str, int | None], *, copy: bool = False) -> dict[str, Integers]:
    """Take the columns that ``fields`` names; a default of None means required.

    Contiguous int64 columns stay where they are unless a ``copy`` is asked for; absent ones of one default are one
    array, and zeros are memory that the system maps when it is written to, so never.
    """
    unknown = set(given) - set(fields)
    if unknown:
        raise check.refuse(f"{name} columns", f"be among {', '.join(fields)}", min(unknown))
    first = next(iter(given), None)
    taken = {} if first is None else {first: check.integers(f"{name}.{first}", given[first], copy=copy)}
    size = 0 if first is None else len(taken[first])
    for field, default in fields.items():
        if field in given and field != first:
            taken[field] = check.integers(f"{name}.{field}", given[field], size=size, copy=copy)
        elif default is None and given and field not in given:
            raise check.refuse(f"{name}.{field}", "be given", None)
    absent = {field: default or 0 for field, default in fields.items() if field not in given}
    filled = {value: constant(value, size) for value in set(absent.values())}
    return {field: filled[absent[field]] if field in absent else taken[field] for field in fields}


def constant(value: int, size: int) -> Integers:
    return check.frozen(np.full(size, value, dtype=np.int64) if value else np.zeros(size, dtype=np.int64))


def lock(given: Columns, table: Table) -> None:
    """Make the caller's arrays read-only where the table stands on their memory."""
    for name, column in given.items():
        if isinstance(column, np.ndarray) and np.may_share_memory(column, table[name]):
            column.flags.writeable = False


def within(name: str, values: Integers, size: int, of: str) -> None:
    """Row numbers must lie in [0, size)."""
    check.require_each(name, f"be a row of {size} {of}", values, lambda part: (part >= 0) & (part < size))


def at_most(name: str, values: Integers, limit: int) -> None:
    check.require_each(name, f"stay within ±{limit}", values, lambda part: (part <= limit) & (part >= -limit))


def ascends(keys: Sequence[Integers]) -> bool:
    """Whether rows ascend strictly by these columns, the first one before the second."""
    return all(rises([key[rows] for key in keys]) for rows in check.stretches(len(keys[0]), overlap=1))


def rises(keys: Sequence[Integers]) -> bool:
    tied = np.ones(len(keys[0]) - 1, dtype=np.bool_)
    for key in keys:
        if (tied & (key[1:] < key[:-1])).any():
            return False
        tied &= key[1:] == key[:-1]
        if not tied.any():
            return True
    return False


def sort(columns: dict[str, Integers], unit: Integers, n_units: int, key: Sequence[str], name: str) -> Table:
    """Sort by unit and key; a repeated key is refused with the row it was given at.

    Columns in order stay as they are.
    """
    if not ascends([unit, *(columns[field] for field in key)]):
        order = np.lexsort([columns[field] for field in reversed(key)] + [unit])
        refuse_repeated(columns, unit, order, key, name)
        columns = reordered(columns, order)
    start = np.zeros(n_units + 1, dtype=np.int64)
    np.cumsum(np.bincount(unit, minlength=n_units), out=start[1:])
    return table(columns, start)


def table(columns: dict[str, Integers], start: Integers) -> Table:
    return Table({field: check.frozen(column) for field, column in columns.items()}, check.frozen(start))


def reordered(columns: dict[str, Integers], order: NDArray[np.intp]) -> dict[str, Integers]:
    """Every column in another order; those that are one array stay one."""
    made = {id(column): np.ascontiguousarray(column[order]) for column in columns.values()}
    return {field: made[id(column)] for field, column in columns.items()}


def require_unique(columns: dict[str, Integers], group: Integers, key: Sequence[str], name: str) -> None:
    """Refuse a key that a group has twice."""
    for rows in whole_groups(group):
        part = {field: columns[field][rows] for field in key}
        order = np.lexsort([part[field] for field in reversed(key)] + [group[rows]])
        refuse_repeated(part, group[rows], order, key, name, rows.start)


def whole_groups(group: Integers) -> Iterator[slice]:
    """Stretches that part no group; all rows at once where the groups are not in order."""
    n_rows, start = len(group), 0
    parts = (group[rows] for rows in check.stretches(n_rows, overlap=1))
    in_order = all((part[1:] >= part[:-1]).all() for part in parts)
    while start < n_rows:
        last = group[min(start + check.STRETCH, n_rows) - 1]
        end = int(np.searchsorted(group, last, side="right")) if in_order else n_rows
        yield slice(start, end)
        start = end


def refuse_repeated(
    columns: Mapping[str, Integers],
    unit: Integers,
    order: NDArray[np.intp],
    key: Sequence[str],
    name: str,
    first_row: int = 0,
) -> None:
    """Refuse rows that are equal to their predecessor in this order."""
    tied = np.ones(max(len(order) - 1, 0), dtype=np.bool_)
    for column in (unit, *(columns[field] for field in key)):
        ordered = column[order]
        tied &= ordered[1:] == ordered[:-1]
    if tied.any():
        row = int(order[check.first(tied) + 1])
        shown = ", ".join(f"{field} {columns[field][row]}" for field in key)
        raise check.refuse(f"{name} key", "be unique within an account", shown, f"at row {first_row + row}")
