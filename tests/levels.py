"""What every kernel with lanes answers at one instruction level, in a process of its own: the first level loaded stays.

``python -P tests/levels.py CASES ANSWERS`` reads pickled cases of plans and writes arrays by name (.npz). Plans come
prepared: a risk array is priced, and prices differ between levels in the last place.
"""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np

from crossmargin import _core
from crossmargin._core import black, scenario, status
from crossmargin.margin.plan.batch import run
from crossmargin.margin.plan.layout import lay_out
from crossmargin.margin.prepared import quanta_of
from crossmargin.portfolio import Portfolio

USABLE = _core.LEVELS[: min(status.levels_here(), status.levels_built() + 1)]
SIZES = (0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 45, 47, 48, 49, 95, 96, 97, 272)  # around widths of strips
POOLS = (5, 120)  # instruments: of few, rows are copied to cache lines first


def holdings(pool, n_scenarios, seed=0, most=8):
    """A risk array and units of at most ``most`` holdings: (array, start, item, quantity)."""
    draw = np.random.default_rng([seed, pool, n_scenarios])
    start = np.concatenate([[0], np.cumsum(draw.integers(0, most + 1, 17))]).astype(np.int64)
    array = np.ldexp(draw.normal(size=(pool, n_scenarios)), draw.integers(-3, 10, (pool, 1)))
    return array, start, draw.integers(0, pool, start[-1]), draw.normal(size=start[-1]) * 7


def options(n=203, seed=0):
    """F, K, sigma, T, D, sign; every fourth lies where the lanes leave it to the scalar point."""
    draw = np.random.default_rng(seed)
    F, T = 10.0 ** draw.uniform(-2, 5, n), 10.0 ** draw.uniform(-3, 1, n)
    v = 10.0 ** draw.uniform(-1.5, 0.5, n)
    K = F * np.exp(v * draw.normal(size=n))
    far = np.arange(n) % 4 == 3
    v[far] *= draw.choice([0.0, 1e-9, 300.0], far.sum())
    return [F, K, v / np.sqrt(T), T, draw.uniform(0.7, 1.05, n), draw.choice([-1.0, 1.0], n)]


def time_values(F, K, D, seed=0):
    """Time values from a 1e-9 of their bound up to nearly all of it."""
    part = np.random.default_rng([seed, 1]).uniform(-9, 0, len(F))
    return D * np.minimum(F, K) * 10.0**part


def scan(array, start, item, quantity):
    """(status, bad), losses and rows; what is not written stays NaN and -7."""
    units = len(start) - 1
    loss, row = np.full(units, np.nan), np.full(units, -7, dtype=np.int64)
    return scenario.scan(array, start, item, quantity, np.empty(array.shape[1]), loss, row), loss, row


def gains(array, item, quantity):
    out = np.full(array.shape[1], np.nan)
    return scenario.gains(array, item, quantity, out), out


def contemplate_many(gain, array, item, quantity):
    out = np.full(len(item), np.nan)
    return scenario.contemplate_many(gain, array, item, quantity, out), out


def sums(pool, n_scenarios):
    """Answers of every face of ``scenario`` to one book."""
    array, start, item, quantity = holdings(pool, n_scenarios)
    _, loss, row = scan(array, start, item, quantity)
    _, gain = gains(array, item[: start[2]], quantity[: start[2]])
    _, least = contemplate_many(array[0], array, item, quantity)
    return {"loss": loss, "row": row, "gain": gain, "least": least}


def prices(columns):
    """Answers of every face of ``black``; statuses as figures."""
    F, K, sigma, T, D, _ = columns
    n, moves = len(F), np.linspace(0.5, 1.5, 11)
    value, implied, grid = np.empty(n), np.empty(n), np.empty((n, 11))
    greeks = [np.empty(n) for _ in range(5)]
    codes = [black.value(*columns, value), black.greeks(*columns, *greeks)]
    codes += [black.implied_from_time_value(time_values(F, K, D), F, K, T, D, implied)]
    shocked = [np.ascontiguousarray(np.outer(x, moves)) for x in (F, sigma)]
    codes += [black.revalue(K, T, D, columns[5], *shocked, grid)]
    names = ("value again", "delta", "gamma", "vega", "theta")
    found = dict(zip(names, greeks, strict=True)) | {"value": value, "implied": implied, "grid": grid}
    return found | {"codes": np.array(codes, dtype=np.int64)}


def mixed(seed=1):
    """Options of which each third is refused, of every kind."""
    columns = options(97, seed)
    for at in range(0, 97, 3):
        columns[at % 5][at] = [np.nan, np.inf, -1.0, -np.inf][at % 4]
    return columns


def batch(prepared, book, quantum):
    """Every output and part of every account."""
    return prepared.values(book, tuple(prepared.wanted), quantum=quantum)


def incremental(prepared, book, quanta, count=3):
    """Outputs of some accounts item by item, and what a few orders would leave."""
    found = {}
    for unit in range(count):
        account = prepared.incremental(Portfolio(book, unit).alone(), quanta)
        found |= {f"{unit} {name}": x for name, x in account.outputs().items()}
        for item in range(account.bound.size("instrument")):
            after = account.contemplate("position", item, 7)
            found |= {f"{unit} {item} {name}": x for name, x in after.items()}
    return found


def slots(bound, book, quantum):
    """Sums of rows over accounts."""
    nodes = [node for _, node in bound.program.outputs]
    return {"slots": run(lay_out(bound, quanta_of(bound, quantum)), book, nodes)}


PLANS = {"batch": batch, "incremental": incremental, "slots": slots}


def answers(cases):
    found = {f"sums/{pool}/{n}": sums(pool, n) for pool in POOLS for n in SIZES}
    found |= {"black/plain": prices(options()), "black/mixed": prices(mixed())}
    found |= {f"quantum/{name}": PLANS[how](*case) for name, (how, *case) in cases.items()}
    return {f"{name}/{key}": x for name, arrays in found.items() for key, x in arrays.items()}


def at_level(level):
    """Environment of a process that loads one level."""
    return os.environ | {"CROSSMARGIN_ISA": level}


def answered(cases, file, env):
    """Answers of a process with some environment, by name."""
    subprocess.run([sys.executable, "-P", __file__, str(cases), str(file)], env=env, check=True)
    with np.load(file) as found:
        return dict(found)


if __name__ == "__main__":
    np.savez(sys.argv[2], **answers(pickle.loads(Path(sys.argv[1]).read_bytes())))
