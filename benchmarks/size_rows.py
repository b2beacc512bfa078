"""Row 13: what an item of rows 4, 6 and 10 costs in works of 1e2 to 1e6 items, on one and two threads."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from black_rows import FORWARD, PRICE, options
from covariance_rows import Norms, exposures
from crossmargin._core import black
from floors.library import bound, library
from harness import Case, Clock, Entry, aligned, together
from machine import CORES, level
from peers.covariance import Blocked
from scenario_rows import TOLERANCE, Batch, Scan, floor
from sizes import INSTRUMENTS, Sizes

FACTORS = 50
LARGE = 10_000  # items from which on the cost should be flat
FLAT = 1.5  # most over least that counts as flat


@dataclass(frozen=True)
class Steps:
    """Costs of one work by its size, nanoseconds an item: ours by threads, and one that shares the memory's part."""

    row: int
    work: str
    beside: str
    why: str  # what a small work pays beside its items
    sizes: tuple[int, ...]
    first_items: float  # of the smallest size
    costs: dict[str, list[float]]

    def spread(self, name: str) -> float | None:
        """Most over least cost of the large sizes."""
        large = [cost for size, cost in zip(self.sizes, self.costs[name], strict=True) if size >= LARGE]
        return max(large) / min(large) if len(large) > 1 else None


def batches(accounts: int) -> Case:
    """Row 4: of positions x scenarios; 20 positions an account."""
    batch = Batch.random(accounts, INSTRUMENTS)
    one, (call, result), n = Scan(batch), floor(batch), batch.figures
    entries = [Entry("one thread", "ours", one.run, n, one.result), Entry("C", "floor", call, n, result)]
    if len(CORES) > 1:
        two = Scan(batch, 2)
        entries.append(Entry("two threads", "ours", two.run, n, two.result, threads=2))
    return Case(13, "scan", f"{accounts:,}", "position x scenario", entries, **TOLERANCE)


def halves(n: int) -> list[slice]:
    return [slice(0, n // 2), slice(n // 2, n)]


def prices(n: int) -> Case:
    """Row 6."""
    columns, out, both, found = options(n), np.zeros(n), np.zeros(n), aligned(np.zeros(n))
    calls = [partial(black.value, *(column[part] for column in columns), both[part]) for part in halves(n)]
    run = bound(library(level()), "polynomial_price", *columns, found, n)
    entries = [Entry("one thread", "ours", partial(black.value, *columns, out), n, lambda: out),
               Entry("C, polynomial", "floor", run, n, lambda: found)]  # fmt: skip
    if len(CORES) > 1:
        entries.append(Entry("two threads", "ours", partial(together, *calls), n, lambda: both, threads=2))
    return Case(13, f"Black-76 price at a forward of {FORWARD:g}", f"{n:,}", "option", entries, **PRICE)


def norms_of(accounts: int) -> Case:
    """Row 10 with 50 factors; each call factorises the covariance."""
    covariance, root, w = exposures(FACTORS, accounts)
    one, peer, parts = Norms(w, covariance), Blocked(w, root), [Norms(w[part], covariance) for part in halves(accounts)]
    entries = [Entry("one thread", "ours", one, accounts, lambda: one.found),
               Entry("NumPy in blocks", "peer", peer.norms, accounts, lambda: peer.found)]  # fmt: skip
    if len(CORES) > 1:
        entries.append(Entry("two threads", "ours", partial(together, *parts), accounts,
                             lambda: np.concatenate([part.found for part in parts]), threads=2))  # fmt: skip
    return Case(13, f"covariance margin, {FACTORS} factors", f"{accounts:,}", "account", entries, rtol=1e-9)


ARGUMENTS = "checks of the arguments"
WORKS: tuple[tuple[int, Callable[[int], Case], str], ...] = (
    (4, batches, ARGUMENTS), (6, prices, ARGUMENTS), (10, norms_of, "the covariance is factorised in every call"),
)  # fmt: skip


def steps(sizes: Sizes, clock: Clock) -> Iterator[Steps]:
    """Every work at every size."""
    for row, made, why in WORKS:
        costs: dict[str, list[float]] = {}
        items = made(sizes.steps[0]).entries[0].items
        for size in sizes.steps:
            case = made(size)
            for name, cost in clock.measure(case, keep=False).items():
                costs.setdefault(name, []).append(cost)
        work = f"{case.work}, ns a{'n' if case.unit[0] in 'aeio' else ''} {case.unit}"
        yield Steps(row, work, case.entries[1].name, why, sizes.steps, items, costs)
