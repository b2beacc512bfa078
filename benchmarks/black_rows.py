"""Rows 6 to 9: Black-76 prices, Greeks, revaluation over scenarios and implied volatility."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from crossmargin._core import black, black_strict
from floors.library import bound, library
from harness import Case, Entry, aligned, by_level
from machine import level
from peers import black as peers
from sizes import GRID, Sizes

FORWARD = 100.0
FLOORS = ("polynomial", "table")
PRICE = {"rtol": 0.0, "atol": 4e-15 * FORWARD}  # within 1e-15 of the forward ours, floors and peers within 3e-15
GREEKS = {"rtol": 0.0, "atol": 1e-12}  # in the unit of a forward of 1


def options(n: int) -> tuple[np.ndarray, ...]:
    """F, K, sigma, T, D, sign: strikes of 0.67 to 1.49 forwards, volatilities 0.1 to 1, 0.02 to 2 years."""
    rng = np.random.default_rng(7)
    T = 0.02 + 2 * rng.random(n)
    strike, sigma = FORWARD * np.exp(0.8 * (rng.random(n) - 0.5)), 0.1 + 0.9 * rng.random(n)
    columns = (np.full(n, FORWARD), strike, sigma, T, np.exp(-0.03 * T), np.where(rng.random(n) < 0.5, 1.0, -1.0))
    return tuple(map(aligned, columns))


def compiled(columns: tuple, loop: object, outputs: int) -> list[tuple[str, peers.Compiled | None]]:
    """numba with and without fast mathematics."""
    names = {"numba": False, "numba, fastmath": True}
    if peers.numba is None:
        return [(name, None) for name in names]
    return [(name, peers.Compiled(columns, loop, outputs, fastmath=fast)) for name, fast in names.items()]


def prices(sizes: Sizes) -> Iterator[Case]:
    """Row 6."""
    for n in sizes.options:
        columns, out, strict = options(n), aligned(np.zeros(n)), aligned(np.zeros(n))
        vectors = peers.Vectors(columns)
        set_by = lambda *bounds, n=n: by_level(*bounds) if n == max(sizes.options) else None  # noqa: E731
        entries = [
            Entry("value", "ours", partial(black.value, *columns, out), n, lambda out=out: out),
            Entry("strict", "ours", partial(black_strict.value, *columns, strict), n, lambda strict=strict: strict),
            Entry("NumPy + scipy ndtr", "peer", vectors.price, n, lambda v=vectors: v.found[0], set_by(6.0, 3.5)),
        ]
        for name, call in compiled(columns, peers.price_loop, 1):
            entries.append(Entry(name, "peer", call, n, lambda call=call: call.found[0], set_by(5.0, 3.0)))
        for name in FLOORS:
            found = aligned(np.zeros(n))
            run = bound(library(level()), f"{name}_price", *columns, found, n)
            entries.append(Entry(f"C, {name}", "floor", run, n, lambda found=found: found))
        yield Case(6, "Black-76 price", f"{n:,}", "option", entries, **PRICE)


def scaled(found: np.ndarray) -> np.ndarray:
    """Price, delta, gamma and vega for a forward of 1."""
    return np.array(found)[:4] * np.array([1 / FORWARD, 1.0, FORWARD, 1 / FORWARD])[:, None]


def greeks(sizes: Sizes) -> Iterator[Case]:
    """Row 7: price, delta, gamma, vega (ours: theta too)."""
    for n in sizes.options:
        columns, out = options(n), [aligned(np.zeros(n)) for _ in range(5)]
        vectors, judged = peers.Vectors(columns), n == max(sizes.options)
        entries = [Entry("greeks", "ours", partial(black.greeks, *columns, *out), n, partial(scaled, out)),
                   Entry("NumPy + scipy ndtr", "peer", vectors.greeks, n, lambda v=vectors: scaled(v.found))]
        for name, call in compiled(columns, peers.greeks_loop, 4):
            target = by_level(5.0, 3.5) if judged else None
            entries.append(Entry(name, "peer", call, n, lambda call=call: scaled(call.found), target))
        for name in FLOORS:
            found = [aligned(np.zeros(n)) for _ in range(4)]
            run = bound(library(level()), f"{name}_greeks", *columns, *found, n)
            entries.append(Entry(f"C, {name}", "floor", run, n, partial(scaled, found)))
        yield Case(7, "price, delta, gamma, vega", f"{n:,}", "option", entries, **GREEKS)


def revaluation(sizes: Sizes) -> Iterator[Case]:
    """Row 8: contracts over 9 moves by 5 volatilities, beside what the floor takes for one price alone."""
    n = sizes.contracts
    columns = F, K, sigma, T, D, sign = options(n)
    move, vol = np.repeat(np.linspace(0.85, 1.15, GRID[0]), GRID[1]), np.tile(np.linspace(0.7, 1.3, GRID[1]), GRID[0])
    out, rows, alone, base = np.zeros((n, len(move))), n * len(move), np.zeros(n), np.zeros(n)
    shocked, volatility = aligned(F[:, None] * move), aligned(sigma[:, None] * vol)
    entries = [Entry("revalue", "ours", partial(black.revalue, K, T, D, sign, shocked, volatility, out), rows,
                     lambda: out)]  # fmt: skip
    v, c = sigma * np.sqrt(T), library(level())
    for name in FLOORS:
        found = aligned(np.zeros((len(move), n)))
        run = bound(c, f"{name}_scenarios", F, K, np.log(F / K), v, D, sign, base, 1 / v, move, np.log(move), vol,
                    1 / vol, len(move), found, n)  # fmt: skip
        entries += [Entry(f"C, {name}, alone", "floor", bound(c, f"{name}_price", *columns, alone, n), n,
                          target=by_level(0.45, 0.50)),
                    Entry(f"C, {name}, scenarios", "floor", run, rows, lambda found=found: found.T)]  # fmt: skip
    yield Case(8, "revaluation over scenarios", f"{n:,} x {len(move)}", "price", entries, **PRICE)


def implied(sizes: Sizes) -> Iterator[Case]:
    """Row 9: time values of calls out of the money, undiscounted, on one forward; total volatilities."""
    n, rng = sizes.implied, np.random.default_rng(9)
    v, strike = (0.1 + 0.9 * rng.random(n)) * np.sqrt(0.02 + 2 * rng.random(n)), FORWARD * np.exp(0.4 * rng.random(n))
    v = np.maximum(v, np.log(strike / FORWARD) / 8)  # within 8 deviations of the money
    F, ones, value, out = np.full(n, FORWARD), np.ones(n), np.zeros(n), np.zeros(n)
    black.value(F, strike, v, ones, ones, ones, value)
    run = partial(black.implied_from_time_value, value, F, strike, ones, ones, out)
    peer = peers.Rational(value, FORWARD, strike)
    entries = [
        Entry("implied_from_time_value", "ours", run, n, lambda: out / v),
        Entry("lbriv", "peer", peer if peers.lbriv else None, n, lambda: peer.found / v, by_level(5.0, 2.5)),
    ]
    yield Case(9, "implied volatility", f"{n:,}", "option", entries, rtol=1e-13, expected=ones)


ROWS = {6: prices, 7: greeks, 8: revaluation, 9: implied}
