"""Random bytes as events: no crash, nothing lost, and what is refused changes nothing; and nothing is allocated."""

import ctypes
import os
import sys

import numpy as np
import pytest
from account.gate_desks import prepared
from conftest import FACTOR

from crossmargin._core import gate
from crossmargin._core.events import Kind
from crossmargin._core.ledger import Flag
from crossmargin._core.status import Status
from crossmargin.account import Capacity, RiskEngine

EVENTS = int(os.environ.get("CROSSMARGIN_EVENTS", 60_000 * FACTOR))
KEPT = ("positions", "balances", "orders", "totals", "contracts", "modes", "sequence")
OFTEN = (Kind.PLACE, Kind.PLACE, Kind.REST, Kind.AMEND, Kind.CANCEL, Kind.TRADE, Kind.TRADE, Kind.BRING, Kind.DEPOSIT,
         Kind.TRANSFER, Kind.WITHDRAW, Kind.TRADE)
WORDS, LIFE = 12, 500  # of an event; events of an engine: its instruments expire
ROOM = Capacity(accounts=3, slots=4, orders=12, journal=0, notional=1e12)


def opened(name="scenario of coins", policy="worst_fill"):
    engine = RiskEngine(prepared(name), orders=policy, capacity=ROOM)
    for n in range(2):
        handle = engine.open(f"a{n}")
        for asset in range(len(engine.instruments.assets)):
            engine.event(Kind.DEPOSIT, 0, handle, asset, 10**12)
    return engine


def random_event(rng, engine):
    """Bytes of any kind, nudged towards what exists: pure noise would stop at the first check of each event."""
    words = rng.integers(-(2**63), 2**63 - 1, WORDS, dtype=np.int64)
    words[1] = engine.time + int(rng.integers(-1, 5)) if rng.random() < 0.99 else words[1] >> 40
    words[2] = rng.choice(OFTEN) if rng.random() < 0.9 else (rng.integers(0, 23) if rng.random() < 0.8 else words[2])
    words[3] = rng.integers(-1, 4) if rng.random() < 0.95 else words[3]
    for place in range(4, WORDS):
        how = rng.random()
        if how < 0.9:
            words[place] = rng.integers(-1, 9)
        elif how < 0.97:
            words[place] = int(rng.normal() * 10.0 ** rng.integers(1, 12))
    if words[2] in (Kind.PLACE, Kind.REST) and rng.random() < 0.7:
        words[9] = 0  # bound to no other order
    if words[2] in (Kind.TRADE, Kind.TRANSFER) and rng.random() < 0.7:
        words[4:8:2], words[5:8:2] = 0, rng.integers(-1, 2, 2)  # sides without orders, between accounts that may exist
    return words


@pytest.mark.parametrize("policy", ["worst_fill", "venue"])
def test_random_events(policy):
    engine, rng = opened(policy=policy), np.random.default_rng(11)
    applied = dict.fromkeys(Kind, 0)
    figures = np.zeros(6)
    for number in range(EVENTS // 2):
        event = random_event(rng, engine)
        before = {name: getattr(engine, name)() for name in KEPT}
        status = engine.apply(event)
        assert status in tuple(Status)
        if status == Status.OK:
            applied[Kind(int(event[2]))] += 1
        else:
            assert {name: getattr(engine, name)() for name in KEPT} == before, event
        if number % 50 == 0:
            assert not any(engine.imbalance().values())
            engine.health(int(rng.integers(-1, 4)), figures)
        if number % LIFE == LIFE - 1:
            engine = opened(policy=policy)
    print({kind.name: n for kind, n in applied.items()})
    assert all(applied[kind] for kind in Kind if kind not in (Kind.MARK, Kind.PARAMETERS, Kind.RESERVE, Kind.TRIGGER))


def address(name):
    """Address of a function of the C interface."""
    capsule = gate.__pyx_capi__[name]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))


class Allocations:
    """Counts what the C library handed out: mallinfo2 where there is one."""

    def __init__(self):
        self.library = ctypes.CDLL(None)
        if not hasattr(self.library, "mallinfo2"):
            pytest.skip("the C library cannot say what it allocated")
        fields = [(name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks",
                                                       "uordblks", "fordblks", "keepcost")]  # fmt: skip
        self.library.mallinfo2.restype = type("Info", (ctypes.Structure,), {"_fields_": fields})

    def in_use(self):
        found = self.library.mallinfo2()
        return found.uordblks + found.hblkhd


def test_the_path_allocates_nothing():
    """Tens of thousands of events through the C interface, from one buffer: the heap stays as it was, block by block."""
    engine = opened()
    counted = Allocations()
    apply = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(address("gate_apply"))
    rng = np.random.default_rng(3)
    events = np.zeros((400, WORDS), dtype=np.int64)
    for row in range(0, 400, 4):
        order, item = row + 1, int(rng.integers(3))
        events[row, 2:9] = Kind.PLACE, 0, order, item, 2, 100, 0
        events[row + 1, 2:7] = Kind.AMEND, 0, order, 1, 101
        events[row + 2, 2:5] = Kind.CANCEL, 0, order
        events[row + 3, 2:11] = Kind.TRADE, 0, 0, 1, 0, item, 1, 100, 0
    statuses = np.zeros(400, dtype=np.int64)
    handle, pointers = engine.address, [int(row.ctypes.data) for row in events]

    def run():
        for place, pointer in enumerate(pointers):
            statuses[place] = apply(handle, pointer)

    run()
    before = counted.in_use()
    for _ in range(50):
        run()
    assert (statuses == Status.OK).sum() > 200
    assert counted.in_use() - before < 4096  # what Python itself holds in small change; an event that leaked would be 20,000 times


def test_what_never_was_an_engine_answers():
    """A gate that was never made has no accounts, and nothing to read."""
    empty = RiskEngine.__new__(RiskEngine)
    assert empty.check(0, 0, 1, 1) in (Status.UNKNOWN, Status.BUSY)
    assert empty.sequence() == 0


def test_flags_and_words_that_mean_nothing():
    engine = opened()
    assert engine.place(0, 1, 0, 1, 100, Flag.NO_LIMIT) == Status.PRICE
    assert engine.place(0, 1, 0, 1, 100, 16) == Status.MALFORMED
    assert engine.place(0, 0, 0, 1, 100) == Status.MALFORMED
    assert engine.place(0, sys.maxsize, 0, 1, 100) == Status.MALFORMED
    assert engine.place(0, 1, 0, 0, 100) == Status.MALFORMED
    assert engine.apply(np.zeros(3, dtype=np.int64)) == Status.SHAPE
    assert engine.event(Kind.MARK, 0) == Status.MALFORMED
    assert engine.event(99, 0) == Status.MALFORMED
