"""Scenario margins in NumPy, SciPy and numba: an order, one account, a batch. Gain > 0; figures are ``-min_s G_s``."""

from collections.abc import Callable
from functools import cache
from timeit import Timer

import numpy as np
from scipy.sparse import csr_array

from peers.optional import optional

numba = optional("numba")


def incremental(gain: np.ndarray, row: np.ndarray, quantity: float) -> tuple[Timer, Callable[[], np.ndarray]]:
    """``min_s (gain_s + quantity row_s)`` with buffers that are made before."""
    held = np.empty_like(gain)
    names = {"multiply": np.multiply, "add": np.add, "least": np.minimum.reduce, "g": gain, "r": row, "q": quantity,
             "t": held}  # fmt: skip
    return Timer("multiply(r, q, t); add(t, g, t); least(t)", globals=names), held.min


def full(array: np.ndarray, item: np.ndarray, quantity: np.ndarray) -> tuple[Timer, Callable[[], float]]:
    """One account, its rows gathered."""
    names = {"A": array, "ids": item, "q": quantity}
    return Timer("-(q @ A[ids]).min()", globals=names), lambda: -(quantity @ array[item]).min()


class Sparse:
    """The whole batch as one product with a sparse matrix."""

    def __init__(self, array: np.ndarray, start: np.ndarray, item: np.ndarray, quantity: np.ndarray):
        self.array, shape = array, (len(start) - 1, len(array))
        self.held = csr_array((quantity, item.astype(np.int32), start.astype(np.int32)), shape=shape)
        self.loss = np.zeros(shape[0])

    def __call__(self) -> None:
        self.loss = -(self.held @ self.array).min(axis=1)


class Compiled:
    """The batch by a loop over accounts, positions and scenarios, compiled by numba."""

    def __init__(self, array: np.ndarray, start: np.ndarray, item: np.ndarray, quantity: np.ndarray):
        self.given = (start, item.astype(np.int32), quantity, array)
        self.loss = np.zeros(len(start) - 1)

    def __call__(self) -> None:
        batch()(*self.given, self.loss)


@cache
def batch() -> Callable:
    """The compiled loop."""
    return numba.njit(fastmath=True)(loop)


def loop(start, item, quantity, array, loss):
    """Accumulates the rows of each account, then takes the least."""
    for unit in range(loss.size):
        total = np.zeros(array.shape[1])
        for at in range(start[unit], start[unit + 1]):
            weight, row = quantity[at], array[item[at]]
            for s in range(array.shape[1]):
                total[s] += weight * row[s]
        least = total[0]
        for s in range(1, array.shape[1]):
            least = min(least, total[s])
        loss[unit] = -least
