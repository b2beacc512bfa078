"""The only argument checker: convert once, refuse with one wording, then trust the types.

Wording: ``<name> must <rule>, was <value>`` and where, ``at row 17``.
"""

import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossmargin.errors import InvalidInputError, UnknownReferenceError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
STRETCH = 1 << 16  # rows that are looked at together where a column is checked in place


def refuse(name: str, rule: str, value: object, place: str = "") -> InvalidInputError:
    """Build the error of the one wording."""
    where = f" {place}" if place else ""
    return InvalidInputError(f"{name} must {rule}, was {shown(value)}{where}")


def shown(value: object) -> str:
    """Print a value on one short line."""
    try:
        text = repr(str(value)) if isinstance(value, str) else " ".join(str(value).split())
    except ValueError:  # more digits than the interpreter prints
        text = "an integer of thousands of digits"
    return text if len(text) <= 80 else f"{text[:77]}..."


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Make an array read-only; views made from it are too."""
    array.flags.writeable = False
    return array


def first(mask: NDArray[np.bool_]) -> int:
    return int(np.flatnonzero(mask)[0])


def place_of(mask: NDArray[np.bool_]) -> str:
    """Name the first offending element: ``at row 3`` or ``at (3, 1)``."""
    index = np.argwhere(mask)[0]
    return f"at row {index[0]}" if len(index) == 1 else f"at {tuple(int(i) for i in index)}"


def require_all(name: str, rule: str, values: NDArray[Any], valid: NDArray[np.bool_]) -> None:
    """Refuse with the first value for which ``valid`` is false."""
    if not valid.all():
        bad = ~valid
        place = place_of(bad) if values.ndim else ""
        raise refuse(name, rule, values[bad].ravel()[0], place)


def stretches(n_rows: int, *, overlap: int = 0) -> Iterator[slice]:
    """Slices that cover the rows, so that what is computed of them never has the size of the input."""
    for start in range(0, n_rows, STRETCH):
        yield slice(start, start + STRETCH + overlap)


def require_each(name: str, rule: str, values: NDArray[Any], good: Callable[[Any], NDArray[np.bool_]]) -> None:
    """Refuse the first value of a column that is not good, a stretch at a time."""
    for rows in stretches(len(values)):
        valid = good(values[rows])
        if not valid.all():
            row = rows.start + first(~valid)
            raise refuse(name, rule, values[row], f"at row {row}")


def floats(name: str, values: ArrayLike, *, ndim: int = 1, size: int | None = None) -> Floats:
    """Finite float64 values, C-contiguous and read-only, of the wanted dimension and length."""
    raw = as_array(name, values, None, "hold numbers")
    if raw.dtype.kind not in "fiuO":
        raise refuse(name, "hold numbers", values)
    array = as_array(name, raw, np.float64, "hold numbers")
    shape_check(name, array, ndim, size)
    require_all(name, "be finite", array, np.isfinite(array))
    return frozen(array)


def as_array(name: str, values: ArrayLike, dtype: Any, rule: str) -> NDArray[Any]:
    """Convert to a copy of its own, since the caller could still write to what was given."""
    try:
        return np.array(values, dtype=dtype, order="C")
    except (TypeError, ValueError, OverflowError) as error:
        raise refuse(name, rule, values) from error


def shape_check(name: str, array: NDArray[Any], ndim: int, size: int | None) -> None:
    if array.ndim != ndim:
        raise refuse(name, f"have {ndim} dimension(s)", array.ndim)
    if size is not None and len(array) != size:
        raise refuse(name, f"have length {size}", len(array))


def integers(name: str, values: ArrayLike, *, size: int | None = None, copy: bool = True) -> Integers:
    """int64 values, read-only; a fractional or too large number is refused, not truncated or wrapped.

    Without ``copy``, contiguous int64 of an array, or of read-only memory that something else hands out, stays
    where it is: the answer is a read-only view.
    """
    raw = plain(name, values)
    if raw.dtype.kind == "u":
        require_all(name, "be 64-bit integers", raw, raw <= np.uint64(2**63 - 1))
    elif raw.size and raw.dtype.kind != "i":
        raw = np.array(values, dtype=object)
        whole = np.array([is_int64(value) for value in raw.ravel().tolist()])
        require_all(name, "be 64-bit integers", raw, whole.reshape(raw.shape))
    mine = isinstance(values, np.ndarray) or not raw.flags.writeable  # nobody writes who is not told
    kept = mine and raw.flags.aligned and not copy
    array = np.asarray(raw, np.int64, order="C") if kept else as_array(name, raw, np.int64, "be 64-bit integers")
    shape_check(name, array, 1, size)
    return frozen(array.view())


def plain(name: str, values: ArrayLike) -> NDArray[Any]:
    """What was given as an array of the type it has, on its own memory where it is one."""
    try:
        return np.asarray(values)
    except (TypeError, ValueError, OverflowError) as error:
        raise refuse(name, "be 64-bit integers", values) from error


def is_int64(value: object) -> bool:
    return is_integer(value) and -(2**63) <= value < 2**63  # type: ignore[operator]


def is_integer(value: object) -> bool:
    """Tell integers from truth values, which Python counts among them."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def integer(name: str, value: int, place: str = "", *, low: int = -(2**63), high: int = 2**63 - 1) -> int:
    """One integer within [low, high]."""
    if not is_integer(value):
        raise refuse(name, "be an integer", value, place)
    if not low <= value <= high:
        raise refuse(name, f"lie in [{low}, {high}]", value, place)
    return int(value)


def positive(name: str, value: float, place: str = "") -> float:
    return number(name, value, place, low=0.0, strict=True)


def fraction(name: str, value: float, place: str = "") -> float:
    return number(name, value, place, low=0.0, high=1.0)


def number(
    name: str,
    value: float,
    place: str = "",
    *,
    low: float = -np.inf,
    high: float = np.inf,
    strict: bool = False,
) -> float:
    """One finite number within [low, high]; ``strict`` excludes the lower end."""
    if not (is_integer(value) or isinstance(value, (float, np.floating))):
        raise refuse(name, "be a number", value, place)
    if not abs(value) <= sys.float_info.max:  # NaN too; integers may be beyond any float
        raise refuse(name, "be finite", value, place)
    if value < low or value > high or (strict and value == low):
        raise refuse(name, interval_rule(low, high, strict=strict), value, place)
    return float(value)


def interval_rule(low: float, high: float, *, strict: bool) -> str:
    if high == np.inf:
        return f"be {'>' if strict else '>='} {low:g}"
    return f"lie in {'(' if strict else '['}{low:g}, {high:g}]"


def one_of(name: str, value: Hashable, allowed: Sequence[Hashable], place: str = "") -> Any:
    if value not in allowed:
        raise refuse(name, f"be one of {', '.join(map(str, allowed))}", value, place)
    return value


def text(name: str, value: object, place: str = "") -> str:
    """Identifiers: not empty, printable, at most 200 characters."""
    if not isinstance(value, str) or not value or len(value) > 200 or not value.isprintable():
        raise refuse(name, "be a printable text of 1 to 200 characters", value, place)
    return value


def unique(name: str, values: Iterable[Hashable]) -> None:
    seen: set[Hashable] = set()
    for row, value in enumerate(values):
        if value in seen:
            raise refuse(name, "be unique", value, f"at row {row}")
        seen.add(value)


def known(name: str, value: Hashable, table: Any, of: str, place: str = "") -> Any:
    """Look up ``value`` in ``table``; the error names what it should have been."""
    try:
        return table[value]
    except (KeyError, TypeError):  # absent, or nothing that could be a key
        where = f" {place}" if place else ""
        raise UnknownReferenceError(f"{name} must name a known {of}, was {shown(value)}{where}") from None


def ascending(name: str, values: Floats) -> None:
    require_all(name, "ascend strictly", values[1:], np.diff(values) > 0)
