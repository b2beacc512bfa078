"""Rows 1, 3, 4 and 5: the kernels of the scenario reduce beside C floors, NumPy, scipy.sparse and numba."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from timeit import Timer

import numpy as np

from crossmargin._core import scenario
from crossmargin._core.risk_table import RiskTable
from floors.library import bound, library
from harness import Case, Entry, Gain, aligned, by_level, together
from machine import CORES, level
from peers import scenarios as peers
from sizes import FAR, HOT, INSTRUMENTS, MOST_POSITIONS, PADDED, POSITIONS, SCENARIOS, Sizes

TOLERANCE = {"rtol": 1e-12, "atol": 1e-11}  # sums of 64 terms of size 10, in other orders
READ = "random rows read"


def padded(array: np.ndarray, width: int | None = None) -> np.ndarray:
    """Rows in whole lanes, as the floors read them; spare columns repeat the last scenario."""
    width = width or -(-array.shape[1] // 8) * 8
    return aligned(np.pad(array, ((0, 0), (0, width - array.shape[1])), mode="edge"))


@dataclass(frozen=True)
class Batch:
    """Holdings of many accounts over one risk array (instruments, scenarios)."""

    array: np.ndarray
    start: np.ndarray
    item: np.ndarray
    quantity: np.ndarray

    @classmethod
    def random(cls, accounts: int, instruments: int, seed: int = 0) -> "Batch":
        rng = np.random.default_rng(seed)
        start = np.concatenate([[0], rng.integers(1, MOST_POSITIONS + 1, accounts).cumsum()])
        return cls(aligned(rng.standard_normal((instruments, SCENARIOS))), start,
                   rng.integers(0, instruments, start[-1]), rng.integers(-10, 11, start[-1]).astype(float))  # fmt: skip

    @classmethod
    def hot(cls, accounts: int) -> "Batch":
        """Every account holds the same positions."""
        rng = np.random.default_rng(1)
        array, quantity = rng.standard_normal((INSTRUMENTS, SCENARIOS)), rng.integers(-10, 11, POSITIONS)
        return cls(aligned(array), np.arange(accounts + 1) * POSITIONS, np.tile(np.arange(POSITIONS), accounts),
                   np.tile(quantity.astype(float), accounts))  # fmt: skip

    @property
    def figures(self) -> int:
        """Positions times scenarios."""
        return len(self.item) * self.array.shape[1]

    @cached_property
    def rows(self) -> np.ndarray:
        return padded(self.array)

    @cached_property
    def table(self) -> RiskTable:
        return RiskTable(self.array)

    def parts(self, number: int) -> list["Batch"]:
        """Ranges of accounts, each with starts from 0."""
        cuts = [(len(self.start) - 1) * k // number for k in range(number + 1)]
        found = []
        for first, last in zip(cuts, cuts[1:], strict=False):
            held = slice(self.start[first], self.start[last])
            found.append(Batch(self.array, self.start[first : last + 1] - self.start[first], self.item[held],
                               self.quantity[held]))  # fmt: skip
        return found


class Scan:
    """Ours over one range of accounts or several at a time."""

    def __init__(self, batch: Batch, threads: int = 1):
        self.calls, self.losses = [], []
        for part in batch.parts(threads):
            loss, row = np.empty(len(part.start) - 1), np.empty(len(part.start) - 1, dtype=np.int64)
            self.calls.append(partial(batch.table.scan, part.start, part.item, part.quantity, loss, row))
            self.losses.append(loss)
        self.run = self.calls[0] if threads == 1 else partial(together, *self.calls)

    def result(self) -> np.ndarray:
        return np.concatenate(self.losses)


def floor(batch: Batch) -> tuple[object, object]:
    """The C loop over the same holdings, and its losses."""
    loss = np.zeros(len(batch.start) - 1)
    call = bound(library(level()), "batch", batch.start, batch.item.astype(np.int32), batch.quantity, batch.rows,
                 batch.rows.shape[1], loss, len(loss))  # fmt: skip
    return call, lambda: np.maximum(loss, 0.0)


def reading(batch: Batch, sizes: Sizes, threads: int = 1) -> object:
    """Reads random rows of the same table, on each core as many."""
    item = np.random.default_rng(2).integers(0, len(batch.rows), sizes.reads).astype(np.int32)
    calls = [bound(library(level()), "read_rows", batch.rows, item, len(item)) for _ in range(threads)]
    return None if calls[0] is None else (calls[0] if threads == 1 else partial(together, *calls))


def incremental(sizes: Sizes) -> Iterator[Case]:
    """Row 1: the least gain after an order, of many orders in one call and of one from Python."""
    rng = np.random.default_rng(0)
    array, gain = aligned(rng.standard_normal((INSTRUMENTS, SCENARIOS))), aligned(rng.standard_normal(SCENARIOS))
    quantity = rng.standard_normal(sizes.orders)
    state = aligned(np.append(gain, np.full(PADDED - SCENARIOS, np.inf)))
    many, rows = scenario.contemplate_many, padded(array)
    for label, instruments in ((f"{HOT} hot rows", HOT), (f"random rows of {INSTRUMENTS:,}", INSTRUMENTS)):
        item = rng.integers(0, instruments, sizes.orders)
        ours, theirs = np.zeros(sizes.orders), np.zeros(sizes.orders)
        entries = [
            Entry("contemplate_many", "ours", partial(many, gain, array, item, quantity, ours), sizes.orders,
                  lambda ours=ours: ours),
            Entry("C", "floor", bound(library(level()), "incremental_many", state, rows, PADDED, item.astype(np.int32),
                                      quantity, theirs, sizes.orders),
                  sizes.orders, lambda theirs=theirs: theirs, target=1.2),
        ]  # fmt: skip
        yield Case(1, "incremental check, kernel", label, "order", entries, **TOLERANCE)
    yield one_order(gain, array[7].copy(), 2.0)


def one_order(gain: np.ndarray, row: np.ndarray, quantity: float) -> Case:
    """One call from Python."""
    names = {"f": scenario.contemplate, "g": gain, "r": row, "q": quantity}
    timer, result = peers.incremental(gain, row, quantity)
    entries = [
        Entry("contemplate", "ours", Timer("f(g, r, q)", globals=names), 1,
              lambda: scenario.contemplate(gain, row, quantity)[1]),
        Entry("NumPy with out=", "peer", timer, 1, result),
    ]  # fmt: skip
    return Case(1, "incremental check, from Python", f"{SCENARIOS} scenarios", "order", entries, **TOLERANCE)


def full_margin(sizes: Sizes) -> Iterator[Case]:
    """Row 3: one account of 64 positions, in a batch of such accounts and from Python."""
    many, one = Batch.hot(sizes.units), Batch.hot(1)
    ours, (call, result) = Scan(many), floor(many)
    size = f"{POSITIONS} x {SCENARIOS}"
    entries = [Entry("scan", "ours", ours.run, sizes.units, ours.result),
               Entry("C", "floor", call, sizes.units, result, target=1.3)]  # fmt: skip
    yield Case(3, "full margin, kernel", size, "account", entries, **TOLERANCE)
    timer, result = peers.full(one.array, one.item, one.quantity)
    names = {"f": one.table.loss, "i": one.item.astype(np.int64), "q": one.quantity}
    entries = [Entry("RiskTable.loss", "ours", Timer("f(i, q)", globals=names), 1,
                     lambda: one.table.loss(names["i"], names["q"])),
               Entry("NumPy with gather", "peer", timer, 1, result, target=15.0)]  # fmt: skip
    yield Case(3, "full margin, from Python", size, "account", entries, **TOLERANCE)


def entries_of(batch: Batch, sizes: Sizes, *, targets: bool) -> list[Entry]:
    """A batch on one thread: ours, the floor, the peers, and the rate of reading."""
    ours, (call, result), n = Scan(batch), floor(batch), batch.figures
    sparse = peers.Sparse(batch.array, batch.start, batch.item, batch.quantity)
    compiled = peers.Compiled(batch.array, batch.start, batch.item, batch.quantity)
    set_by = lambda *bounds: by_level(*bounds) if targets else None  # noqa: E731
    return [
        Entry("scan", "ours", ours.run, n, ours.result),
        Entry("C", "floor", call, n, result),
        Entry("scipy.sparse", "peer", sparse, n, lambda: np.maximum(sparse.loss, 0.0), set_by(5.0, 3.8)),
        Entry("numba", "peer", compiled if peers.numba else None, n, lambda: np.maximum(compiled.loss, 0.0),
              set_by(3.3, 2.3)),
        Entry(READ, "limit", reading(batch, sizes), sizes.reads * SCENARIOS, None, 0.65 if targets else None),
    ]  # fmt: skip


def two_threads(row: int, work: str, batch: Batch, sizes: Sizes, target: float | None) -> Case:
    """A batch on two threads beside the gain that reading rows has of the second core."""
    one, two, n, reads = Scan(batch), Scan(batch, 2), batch.figures, sizes.reads * SCENARIOS
    entries = [
        Entry("scan", "ours", two.run, n, two.result, threads=2),
        Entry("scan, one thread", "ours", one.run, n, one.result),
        Entry(f"{READ}, two threads", "limit", reading(batch, sizes, 2), 2 * reads, threads=2),
        Entry(f"{READ}, one thread", "limit", reading(batch, sizes), reads),
    ]  # fmt: skip
    gain = Gain(("scan, one thread", "scan"), (f"{READ}, one thread", f"{READ}, two threads"), target)
    return Case(row, work, size_of(batch), "position x scenario", entries, **TOLERANCE, gain=gain)


def size_of(batch: Batch) -> str:
    return f"{len(batch.start) - 1:,} accounts, {len(batch.array):,} instruments"


def near(sizes: Sizes) -> Iterator[Case]:
    """Row 4: accounts of 20 positions on average, the table in the second-level cache."""
    for accounts in sizes.batches:
        batch, judged = Batch.random(accounts, INSTRUMENTS), accounts == max(sizes.batches)
        entries = entries_of(batch, sizes, targets=judged)
        yield Case(4, "batch", size_of(batch), "position x scenario", entries, **TOLERANCE)
        if len(CORES) > 1:
            yield two_threads(4, "batch", batch, sizes, 0.9 if judged else None)


def far(sizes: Sizes) -> Iterator[Case]:
    """Row 5: the same where the table does not fit, beside ours where it does."""
    batch, close = Batch.random(sizes.far_batch, FAR), Batch.random(sizes.far_batch, INSTRUMENTS)
    ours = Scan(close)
    inside = Entry(f"scan of {INSTRUMENTS:,} instruments", "ours", ours.run, close.figures, target=2.0)
    entries = [*entries_of(batch, sizes, targets=False), inside]
    yield Case(5, "batch", size_of(batch), "position x scenario", entries, **TOLERANCE)
    if len(CORES) > 1:
        yield two_threads(5, "batch", batch, sizes, None)


ROWS = {1: incremental, 3: full_margin, 4: near, 5: far}
