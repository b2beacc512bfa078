"""What each elementwise and row operation computes, once, on arrays of any scalar type.

Arrays are (pairs, rows); float64 for figures, object arrays of int or Fraction for exact ones.
The compiled evaluator computes the same functions in the same order.
"""

from collections.abc import Callable
from fractions import Fraction
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def quotient(x: Array, y: Array) -> Array:
    """``x / y``, 0 where both are 0, and an infinity of the sign of x where y alone is."""
    safe = np.where(y == 0, 1, y)
    return np.where(y == 0, np.where(x == 0, 0, np.where(x > 0, np.inf, -np.inf)), x / safe)


def sided(x: Array, below: Array, above: Array) -> Array:
    return x * np.where(x < 0, below, above)


def pick(x: Array, neg: Array, zero: Array, pos: Array) -> Array:
    return np.where(x < 0, neg, np.where(x > 0, pos, zero))


def root(x: Array) -> Array:
    if x.dtype == object:
        return np.frompyfunc(lambda v: isqrt(max(int(v), 0)), 1, 1)(x)
    return np.sqrt(np.maximum(x, 0.0))


def tiers(x: Array, edges: Array, rates: Array) -> Array:
    """Sum of hinges: ``sum_j (rate_j - rate_{j-1}) max(|x| - edge_j, 0)``."""
    steps = np.diff(rates, axis=1, prepend=rates[:, :1] * 0)
    return (steps * np.maximum(np.abs(x) - edges, 0)).sum(axis=1, keepdims=True)


def round_to(x: Array, unit: Array) -> Array:
    """Nearest multiple of ``unit``, half to even."""
    if x.dtype == object:
        return np.frompyfunc(lambda v, u: round(Fraction(v) / u) * u, 2, 1)(x, unit)
    return np.rint(x / unit) * unit


def mul_div(mode: str, x: Array, by: Array, over: Array) -> Array:
    """``x * by / over`` rounded once to an integer."""
    if x.dtype == object:
        return np.frompyfunc(lambda a, b, c: INTEGER[mode](int(a) * int(b), int(c)), 3, 1)(x, by, over)
    return FLOAT[mode](x * by / over)


def trunc_div(a: int, b: int) -> int:
    return a // b if (a < 0) == (b < 0) else -(-a // b)


def nearest_div(a: int, b: int) -> int:
    return round(Fraction(a, b))


INTEGER: dict[str, Callable[[int, int], int]] = {
    "trunc": trunc_div,
    "floor": lambda a, b: a // b,
    "ceil": lambda a, b: -(-a // b),
    "nearest": nearest_div,
}
FLOAT: dict[str, Callable[..., Array]] = {"trunc": np.trunc, "floor": np.floor, "ceil": np.ceil, "nearest": np.rint}


def fold(how: str, n_rows: int, x: Array, target: Array) -> Array:
    """Combine the rows that share a target; a row without any stays 0."""
    columns = []
    for row in range(n_rows):
        part = x[:, target.ravel().astype(int) == row]
        columns.append({"mean": mean, "least": worst, "most": best, "sum": summed}[how](part))
    return np.concatenate(columns, axis=1) if columns else np.zeros((len(x), 0), dtype=x.dtype)


def summed(x: Array) -> Array:
    return x.sum(axis=1, keepdims=True)


def at_worst(x: Array, gain: Array) -> Array:
    """X in the row where the gain is least, the first of several; of no rows: 0."""
    if not gain.shape[1]:
        return np.zeros((len(gain), 1), dtype=x.dtype)
    return np.take_along_axis(np.broadcast_to(x, gain.shape), gain.argmin(axis=1)[:, None], axis=1)


def mean(x: Array) -> Array:
    return x.sum(axis=1, keepdims=True) / max(x.shape[1], 1)


def worst(x: Array) -> Array:
    return x.min(axis=1, keepdims=True) if x.shape[1] else np.zeros((len(x), 1), dtype=x.dtype)


def best(x: Array) -> Array:
    return x.max(axis=1, keepdims=True) if x.shape[1] else np.zeros((len(x), 1), dtype=x.dtype)


def kth(x: Array, k: Array) -> Array:
    """The k-th least row, k from 1."""
    return np.sort(x, axis=1)[:, [int(k.ravel()[0]) - 1]]


def tail_mean(x: Array, k: Array) -> Array:
    """Mean of the k least rows; a fractional k takes that part of the next row."""
    return (np.sort(x, axis=1) * tail_weights(k.ravel()[0], x.shape[1])).sum(axis=1, keepdims=True)


def tail_weights(k: Any, n: int) -> Array:
    """Weights of sorted rows: 1/k for whole rows, the fraction for the last."""
    return np.clip(k - np.arange(n), 0, 1) / k


ELEMENTS: dict[str, Callable[..., Array]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "scale": lambda x, y: x * y,
    "product": lambda x, y: x * y,
    "quotient": quotient,
    "neg": lambda x: -x,
    "abs": np.abs,
    "positive": lambda x: np.maximum(x, 0),
    "short": lambda x: np.maximum(-x, 0),
    "min": np.minimum,
    "max": np.maximum,
    "sided": sided,
    "pick": pick,
    "root": root,
    "tiers": tiers,
    "round": round_to,
    "residual": lambda x, unit: round_to(x, unit) - x,
    "worst": worst,
    "best": best,
    "at_worst": at_worst,
    "kth": kth,
    "tail_mean": tail_mean,
    "concat": lambda *parts: np.concatenate(parts, axis=1),
}
