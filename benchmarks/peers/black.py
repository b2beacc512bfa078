"""Black-76 in NumPy with SciPy and in numba, and lbriv's inverse. Six columns: F, K, sigma, T, D, sign."""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.special import ndtr

from peers.optional import optional

numba, lbriv = optional("numba"), optional("lbriv")
ROOT, DENSITY = 0.7071067811865476, 0.3989422804014327


class Vectors:
    """NumPy and SciPy over whole columns."""

    def __init__(self, columns: tuple[np.ndarray, ...]):
        self.columns, self.found = columns, np.zeros((4, len(columns[0])))

    def price(self) -> None:
        F, K, sigma, T, D, sign = self.columns
        v = sigma * np.sqrt(T)
        d1 = np.log(F / K) / v + 0.5 * v
        self.found = (D * sign * (F * ndtr(sign * d1) - K * ndtr(sign * (d1 - v))),)

    def greeks(self) -> None:
        """Price, delta, gamma, vega."""
        F, K, sigma, T, D, sign = self.columns
        root = np.sqrt(T)
        v = sigma * root
        d1 = np.log(F / K) / v + 0.5 * v
        n1, density = ndtr(sign * d1), np.exp(-0.5 * d1 * d1) * DENSITY
        self.found = (D * sign * (F * n1 - K * ndtr(sign * (d1 - v))), D * sign * n1, D * density / (F * v),
                      D * F * density * root)  # fmt: skip


class Compiled:
    """A loop compiled by numba into arrays that are made before."""

    def __init__(self, columns: tuple[np.ndarray, ...], loop: Callable, outputs: int, *, fastmath: bool):
        self.columns, self.found = columns, np.zeros((outputs, len(columns[0])))
        self.loop = compiled(loop, fastmath)

    def __call__(self) -> None:
        self.loop(*self.columns, *self.found)


@cache
def compiled(loop: Callable, fastmath: bool) -> Callable:
    """Compiled once, whatever the number of sizes."""
    return numba.njit(fastmath=fastmath, error_model="numpy")(loop)


def price_loop(F, K, sigma, T, D, sign, out):
    for i in range(F.size):
        v = sigma[i] * math.sqrt(T[i])
        d1 = math.log(F[i] / K[i]) / v + 0.5 * v
        n1, n2 = 0.5 * math.erfc(-sign[i] * d1 * ROOT), 0.5 * math.erfc(-sign[i] * (d1 - v) * ROOT)
        out[i] = D[i] * sign[i] * (F[i] * n1 - K[i] * n2)


def greeks_loop(F, K, sigma, T, D, sign, out, delta, gamma, vega):
    for i in range(F.size):
        root = math.sqrt(T[i])
        v = sigma[i] * root
        d1 = math.log(F[i] / K[i]) / v + 0.5 * v
        n1, n2 = 0.5 * math.erfc(-sign[i] * d1 * ROOT), 0.5 * math.erfc(-sign[i] * (d1 - v) * ROOT)
        density = DENSITY * math.exp(-0.5 * d1 * d1)
        out[i] = D[i] * sign[i] * (F[i] * n1 - K[i] * n2)
        delta[i] = D[i] * sign[i] * n1
        gamma[i] = D[i] * density / (F[i] * v)
        vega[i] = D[i] * F[i] * density * root


class Rational:
    """lbriv ("Let's be rational"): total volatilities of undiscounted calls on one forward."""

    def __init__(self, price: np.ndarray, forward: float, strike: np.ndarray):
        self.given, self.found = (price, forward, strike, 1), np.zeros(len(price))

    def __call__(self) -> None:
        self.found = lbriv.vectorized_implied_vol_strikes(*self.given)
