"""Entries that do one work: compared before the clock runs, timed in turn over some rounds, the least of each kept.

A case is one line of work: the first entry is ours, the others are peers, floors and limits. Each runs on cores of its
own number (one for one thread); a ratio is one of least times, so that what else the machine did does not count.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from timeit import Timer

import numpy as np

from machine import CORES, level

Figures = dict[str, float]  # nanoseconds an item, by name of the entry
DIRECTION = {"floor": "<=", "ours": "<=", "peer": ">=", "limit": ">="}


@dataclass(frozen=True)
class Entry:
    """One way to do the work; ``run`` is None where it is absent.

    ``items``: how many a run does. ``result``: figures of the last run, compared with ours. ``target``: at most this
    many times the time of a floor or of another call of ours; a peer or a limit takes at least this many times ours.
    """

    name: str
    kind: str  # "ours", "peer", "floor" or "limit"
    run: Callable[[], object] | Timer | None
    items: float
    result: Callable[[], np.ndarray] | None = None
    target: float | None = None
    threads: int = 1

    @property
    def timer(self) -> Timer:
        return self.run if isinstance(self.run, Timer) else Timer(self.run)


@dataclass(frozen=True)
class Gain:
    """What the second core brings ours, as a share of what it brings a limit."""

    ours: tuple[str, str]  # names of the entries on one and on two cores
    limit: tuple[str, str]
    target: float


@dataclass(frozen=True)
class Case:
    """Work of one size; figures of all results agree within the tolerances."""

    row: int
    work: str
    size: str
    unit: str
    entries: Sequence[Entry]
    rtol: float = 0.0
    atol: float = 0.0
    gain: Gain | None = None
    expected: np.ndarray | None = None  # what all results are compared with; ours where it is None


@dataclass(frozen=True)
class Line:
    """Ours beside another entry."""

    case: Case
    ours: float | None
    kind: str
    name: str
    theirs: float | None
    ratio: float | None
    direction: str
    target: float | None

    @property
    def miss(self) -> float:
        """By which factor the target is missed; at most 1 where it is met."""
        if self.ratio is None or self.target is None:
            return 0.0
        return self.ratio / self.target if self.direction == "<=" else self.target / self.ratio

    @property
    def met(self) -> str:
        if self.target is None:
            return "-"
        return "absent" if self.ratio is None else ("yes" if self.miss <= 1.0 else "no")


@dataclass
class Clock:
    """How long to measure; ``least`` seconds a measure."""

    rounds: int
    least: float
    lines: list[Line] = field(default_factory=list)

    def measure(self, case: Case, *, keep: bool = True) -> Figures:
        """Nanoseconds an item of every entry that is present; ``keep``: as lines of the table."""
        present = [entry for entry in case.entries if entry.run is not None]
        agree(case, present)
        timers = {entry.name: entry.timer for entry in present}
        times = {entry.name: self.repeats(timers[entry.name], entry) for entry in present}
        found = dict.fromkeys(timers, float("inf"))
        for _ in range(self.rounds):
            for entry in present:
                pin(entry.threads)
                taken = timers[entry.name].timeit(times[entry.name]) / times[entry.name]
                found[entry.name] = min(found[entry.name], 1e9 * taken / entry.items)
        pin(len(CORES))
        self.lines += lines_of(case, found) if keep else []
        return found

    def repeats(self, timer: Timer, entry: Entry) -> int:
        """How often to run it, so that one measure takes the least time."""
        pin(entry.threads)
        times = 1
        while (taken := timer.timeit(times)) < self.least:
            times = max(2 * times, min(int(1.2 * times * self.least / max(taken, 1e-9)), 100 * times))
        return times


def agree(case: Case, present: Sequence[Entry]) -> None:
    """Run every entry once and compare its figures with what is expected, else with the first's."""
    expected = case.expected
    for entry in present:
        if entry.result is None:
            continue
        pin(entry.threads)
        entry.timer.timeit(1)
        found = np.array(entry.result(), dtype=np.float64)
        if expected is None:
            expected = found
        name = f"row {case.row}, {case.work}, {case.size}: {entry.name}"
        np.testing.assert_allclose(found, expected, rtol=case.rtol, atol=case.atol, err_msg=name)


def lines_of(case: Case, found: Figures) -> list[Line]:
    """Ours beside each other entry, and the gain of the second core."""
    first, *others = case.entries
    ours = found.get(first.name)
    shown = [entry for entry in others if entry.kind != "limit" or entry.threads == first.threads]
    lines = [beside(case, ours, entry, found.get(entry.name)) for entry in shown]
    if not lines:
        lines = [Line(case, ours, "-", "-", None, None, "", None)]
    if case.gain is not None:
        lines.append(shared_gain(case, case.gain, found))
    return lines


def beside(case: Case, ours: float | None, entry: Entry, theirs: float | None) -> Line:
    direction, ratio = DIRECTION[entry.kind], None
    if ours is not None and theirs is not None:
        ratio = ours / theirs if direction == "<=" else theirs / ours
    return Line(case, ours, entry.kind, entry.name, theirs, ratio, direction, entry.target)


def shared_gain(case: Case, gain: Gain, found: Figures) -> Line:
    """Ours of the second core over the limit's."""
    present = all(name in found for name in (*gain.ours, *gain.limit))
    one, two = ([found[n] for n in names] if present else [1.0, 1.0] for names in (gain.ours, gain.limit))
    ratio = (one[0] / one[1]) / (two[0] / two[1]) if present else None
    name = f"gain of two threads {one[0] / one[1]:.2f}, of the row read {two[0] / two[1]:.2f}" if present else "gain"
    return Line(case, found.get(gain.ours[1]), "gain", name, None, ratio, ">=", gain.target)


def by_level(avx512: float, avx2: float) -> float | None:
    """A target with two figures; none at the baseline."""
    return {"avx512": avx512, "avx2": avx2}.get(level())


def pin(threads: int) -> None:
    """Keep the calling thread, and those it starts, on the last cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, CORES[-threads:])


@cache
def workers() -> ThreadPoolExecutor:
    """Two threads, each on a core of its own."""
    left = CORES[-2:]

    def settle() -> None:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, [left.pop()])

    return ThreadPoolExecutor(2, initializer=settle)


def together(*calls: Callable[[], object]) -> None:
    """Run calls at the same time, each on its thread."""
    for done in [workers().submit(call) for call in calls]:
        done.result()


def aligned(values: np.ndarray) -> np.ndarray:
    """The same values where a row of the cache begins."""
    values = np.ascontiguousarray(values)
    block = np.empty(values.nbytes + 64, dtype=np.uint8)
    first = -block.ctypes.data % 64
    made = block[first : first + values.nbytes].view(values.dtype).reshape(values.shape)
    made[...] = values
    return made
