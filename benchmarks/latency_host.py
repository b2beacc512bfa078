"""A host in C: functions of the gate by their addresses, timed by the time-stamp counter into histograms."""

import ctypes
import mmap
from dataclasses import dataclass
from time import perf_counter_ns

import numpy as np

from crossmargin._core import gate
from crossmargin.account import RiskEngine
from floors.library import argument, library
from machine import level

QUANTILES = (0.5, 0.99, 0.999)
NEAR, FAR = 1 << 13, 1 << 21  # buckets, one a tick: those of hot calls fit the caches, the others reach 500 us
WORDS, KINDS = 12, 24
Questions = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # accounts, instruments, lots, ticks


@dataclass(frozen=True)
class Spread:
    """Quantiles of single calls, ns, the counter's own cost included."""

    quantiles: tuple[float, ...]
    count: int
    most: float  # the last bucket: a quantile there is that or more

    def __sub__(self, other: "Spread") -> tuple[float, ...]:
        return tuple(max(a - b, 0.0) for a, b in zip(self.quantiles, other.quantiles, strict=True))


def address(name: str) -> int:
    """Address of a function of the C interface."""
    capsule, api = gate.__pyx_capi__[name], ctypes.pythonapi
    api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))


def plain(shape: tuple[int, ...], dtype: type = np.float64) -> np.ndarray:
    """Memory in pages of the usual size, as the engine has its own; NumPy asks for huge ones."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    block = mmap.mmap(-1, size)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        block.madvise(mmap.MADV_NOHUGEPAGE)
    found = np.frombuffer(block, dtype=dtype).reshape(shape)
    found[...] = 1
    return found


class Host:
    """Calls the gate as a program in C would."""

    def __init__(self) -> None:
        self.library = library(level())
        if self.library is None:
            raise SystemExit("latency is timed from C: it needs a C compiler and an x86-64 processor")
        self.library.ticks_per_ns.restype = ctypes.c_double
        self.ticks_per_ns = self.library.ticks_per_ns()
        self.has_kernel = hasattr(self.library, "kernels")

    def call(self, name: str, *arguments: np.ndarray | int | float) -> int:
        given = [ctypes.c_double(a) if isinstance(a, float) else argument(a) for a in arguments]
        return int(getattr(self.library, name)(*given))

    def spread(self, bucket: np.ndarray) -> Spread:
        """Quantiles of a histogram."""
        total = int(bucket.sum())
        at = np.searchsorted(np.cumsum(bucket), np.array(QUANTILES) * total)
        return Spread(tuple((at / self.ticks_per_ns).tolist()), total, (len(bucket) - 1) / self.ticks_per_ns)

    def empty(self, n: int) -> Spread:
        bucket = np.zeros(NEAR, dtype=np.int64)
        self.call("empty", n, bucket, len(bucket))
        return self.spread(bucket)

    def tick(self) -> float:
        """The step of the counter, ns: the least distance of two readings of an empty loop."""
        bucket = np.zeros(NEAR, dtype=np.int64)
        self.call("empty", 100_000, bucket, len(bucket))
        seen = np.flatnonzero(bucket > 10)
        return float(np.gcd.reduce(seen) / self.ticks_per_ns) if len(seen) else 0.0

    def time(self, engine: RiskEngine, n: int, asked: Questions, bucket: np.ndarray) -> None:
        """Every call timed alone, into a histogram."""
        self.call("checks", address("gate_check"), engine.address, n, len(asked[0]), *asked, bucket, len(bucket))

    def checks(self, engine: RiskEngine, n: int, asked: Questions, buckets: int = NEAR) -> Spread:
        bucket = np.zeros(buckets, dtype=np.int64)
        self.time(engine, n, asked, bucket)
        return self.spread(bucket)

    def stream(self, engine: RiskEngine, n: int, asked: Questions) -> float:
        """Back to back, ns a call."""
        head = address("gate_check"), engine.address
        return self.least(lambda: self.call("stream", *head, n, len(asked[0]), *asked)) / n

    def least(self, run, rounds: int = 3) -> float:
        """Least ns of some rounds."""
        return float(min(timed(run) for _ in range(rounds)))

    def apply(self, engine: RiskEngine, events: np.ndarray, bucket: np.ndarray | None = None) -> np.ndarray:
        """Apply events; how many of each kind were refused."""
        bucket = np.zeros((KINDS, 1), dtype=np.int64) if bucket is None else bucket
        refused = np.zeros(KINDS, dtype=np.int64)
        head = address("gate_apply"), engine.address, len(events)
        self.call("events", *head, events, bucket, bucket.shape[1], refused)
        return refused

    def load(self, engine: RiskEngine, events: np.ndarray) -> None:
        """Apply events that all must be taken."""
        assert not self.apply(engine, events).any()


def timed(run) -> int:
    start = perf_counter_ns()
    run()
    return perf_counter_ns() - start


def agree(engine: RiskEngine, asked: Questions, most: int = 2_000) -> int:
    """C, Python and ``check_many`` answer alike; how many questions were compared."""
    some = tuple(np.ascontiguousarray(column[:most]) for column in asked)
    call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, *[ctypes.c_int64] * 4)(address("gate_check"))
    rows = list(zip(*(column.tolist() for column in some), strict=True))
    from_c = [call(engine.address, *row) for row in rows]
    many = np.zeros(len(rows), dtype=np.int32)
    assert engine.check_many(*some, many) == 0
    assert from_c == [int(engine.check(*row)) for row in rows] == many.tolist()
    return len(rows)
