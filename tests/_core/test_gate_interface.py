"""The gate's C interface as hosts meet it: the header, the capsules, and checks beside a held interpreter lock."""

import ctypes
import re
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from account.gate_desks import DESKS, prepared
from account.test_gate_machine import near, sized

from crossmargin import _core
from crossmargin._core import gate
from crossmargin._core.events import Kind
from crossmargin._core.status import Status
from crossmargin.account import Capacity, RiskEngine
from crossmargin.errors import CrossmarginError

FOLDER = Path(_core.get_include())
N_ACCOUNTS = 4
UNASKED = -1
BATCH = 0.1  # seconds that a batch takes about

capsule_name = ctypes.pythonapi.PyCapsule_GetName
capsule_name.restype, capsule_name.argtypes = ctypes.c_char_p, [ctypes.py_object]


# ---- the header ------------------------------------------------------------------------------


def declared():
    """Functions that the interface file gives to hosts."""
    return re.findall(r"^cdef api \w+ (\w+)\(", (FOLDER / "gate.pxd").read_text(), re.M)


def test_the_header_names_the_public_module():
    """A level's own name would bind a host to one instruction set."""
    text = (FOLDER / "gate_api.h").read_text()
    assert re.findall(r'PyImport_ImportModule\("([^"]*)"\)', text) == ["crossmargin._core.gate"]
    assert "static int import_crossmargin___core__gate(void)" in text
    for level in _core.LEVELS:
        assert level not in text


def test_the_header_has_every_function_with_the_signature_of_its_capsule():
    """Another signature would fail only when a host starts."""
    text = (FOLDER / "gate_api.h").read_text()
    imported = dict(re.findall(r'__Pyx_ImportFunction\w*\(module, "(\w+)", .*?, "([^"]*)"\)', text))
    assert len(declared()) == 12
    assert set(imported) == set(re.findall(r"^#define (gate_\w+) ", text, re.M)) == set(declared())
    assert imported == {name: capsule_name(gate.__pyx_capi__[name]).decode() for name in declared()}


def test_what_the_header_needs_is_beside_it():
    """Compilers of hosts and of Cython packages get this one folder."""
    for name in ("gate_api.h", "gate.h", "exact.h", "gate.pxd", "standing.pxd", "status.pxd"):
        assert (FOLDER / name).is_file(), name


# ---- an engine with something in it ----------------------------------------------------------


def cash(engine, account):
    """300,000 in each asset that has a price."""
    for row, asset in enumerate(engine.instruments.assets):
        try:
            price = engine.market.price(asset.id, asset.underlying) or 1.0
        except CrossmarginError:
            continue
        engine.event(Kind.DEPOSIT, 0, account, row, max(round(3e5 / price * 10**asset.decimals), 1))


def tradable(engine):
    """Instruments that the method can hold."""
    return [i for i in range(len(engine.instruments)) if engine.event(Kind.BAND, 0, 0, i, -(2**40), 2**60) == Status.OK]


def engine_of(name, policy, rng):
    """Accounts with cash, positions and resting orders, and the instruments they trade."""
    base = prepared(name)
    found = RiskEngine(base, orders=policy, capacity=Capacity(accounts=N_ACCOUNTS, slots=16, orders=64, journal=0))
    items = tradable(found)
    quote = base.market.quote
    currency = quote if quote in base.instruments.asset_index else base.instruments.assets[0].id
    for n in range(N_ACCOUNTS):
        cash(found, found.open(f"account {n}", currency))
    for order, item in enumerate(rng.choice(items, 12).tolist(), 1):
        held_and_resting(found, order, item, rng)
    assert found.positions()
    assert found.orders()
    return found, items


def held_and_resting(engine, order, item, rng):
    """A trade between two accounts, and an order of one of them that rests unjudged."""
    buyer, seller = rng.choice(N_ACCOUNTS, 2, replace=False).tolist()
    lots, ticks = one(engine, item, rng, 5)
    assert engine.trade(buyer, 0, seller, 0, item, abs(lots), ticks) == Status.OK
    assert engine.event(Kind.REST, 0, buyer, order, item, lots, ticks) == Status.OK


def one(engine, item, rng, most):
    """Lots and ticks of an order of up to 10^most dollars, at a price about the instrument's own."""
    lots = sized(engine, item, 10 ** rng.uniform(3, most)) * int(rng.choice([-1, 1]))
    return lots, near(engine, item, float(rng.choice([0.95, 1.0, 1.05])))


def questions(engine, items, rng, n=64):
    """Columns (account, instrument, lots, ticks): from small orders to more than an account carries."""
    drawn = zip(rng.integers(N_ACCOUNTS, size=n).tolist(), rng.choice(items, n).tolist(), strict=True)
    rows = [(account, item, *one(engine, item, rng, 7.5)) for account, item in drawn]
    return [np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)]


def asked_singly(engine, columns):
    return [engine.check(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def test_the_capsule_is_the_address():
    engine, _ = engine_of("isolated", "worst_fill", np.random.default_rng(0))
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    assert pointer(engine.capsule(), b"crossmargin.gate") == engine.address


# ---- numba -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["isolated", "scenario"])
def test_a_numba_loop_asks_without_the_lock(name):
    numba = pytest.importorskip("numba", reason="numba is in the extra bench: pip install '.[bench]'")
    from numba.extending import get_cython_function_address

    words = [ctypes.c_int64] * 4
    ask = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_size_t, *words)(
        get_cython_function_address("crossmargin._core.gate", "gate_check")
    )

    @numba.njit(nogil=True)
    def loop(address, account, instrument, lots, ticks, status):
        for i in range(status.shape[0]):
            status[i] = ask(address, account[i], instrument[i], lots[i], ticks[i])

    rng = np.random.default_rng(1)
    engine, items = engine_of(name, "worst_fill", rng)
    columns = questions(engine, items, rng, 1000)
    status = np.full(1000, UNASKED, dtype=np.int32)
    loop(engine.address, *columns, status)
    assert status.tolist() == asked_singly(engine, columns)
    assert len(set(status.tolist())) > 1


# ---- beside a held lock ----------------------------------------------------------------------


def finished_beside(work, status, limit=60.0):
    """Whether ``work`` of another thread writes the last status while this one keeps the interpreter lock.

    None: it had ended before this thread had the lock, which shows nothing. Python asks a thread to give the lock up
    only after the switch interval, here longer than the test; nothing in the loop gives it up by itself.
    """
    entered, before = [], sys.getswitchinterval()

    def run():
        entered.append(True)
        work()

    thread = threading.Thread(target=run)
    sys.setswitchinterval(100 * limit)
    try:
        thread.start()
        while not entered:
            time.sleep(0.001)  # the last time that this thread gives the lock up
        if status[-1] != UNASKED:
            return None
        end = time.monotonic() + limit
        while status[-1] == UNASKED and time.monotonic() < end:
            pass
        return bool(status[-1] != UNASKED)
    finally:
        sys.setswitchinterval(before)
        thread.join()


def long_batch(engine, columns):
    """The questions again and again, for about ``BATCH`` seconds."""
    engine.checks(*columns)
    start = time.perf_counter()
    engine.checks(*columns)
    each = time.perf_counter() - start
    times = int(min(max(BATCH / each, 4), 20_000))
    return [np.tile(column, times) for column in columns]


@pytest.mark.parametrize("policy", ["venue", "worst_fill"])
@pytest.mark.parametrize("name", DESKS)
def test_checks_end_while_another_thread_holds_the_lock(name, policy):
    rng = np.random.default_rng(2)
    engine, items = engine_of(name, policy, rng)
    columns = questions(engine, items, rng)
    many = long_batch(engine, columns)
    status = np.full(len(many[0]), UNASKED, dtype=np.int32)
    answers = []

    def batch():
        engine.adopt()
        answers.append(engine.check_many(*many, status))

    before = engine.counts()
    assert finished_beside(batch, status) is True
    checks, recomputed, derived = (now - then for now, then in zip(engine.counts(), before, strict=True))
    engine.adopt()
    assert answers == [Status.OK]
    assert np.array_equal(status, np.resize(asked_singly(engine, columns), len(status)))
    refused = np.mean(status != Status.OK)
    assert 0 < refused < 1 or policy == "venue"  # a method without a charge of resting orders takes any
    print(f"{name}, {policy}: {len(status)} questions, {refused:.0%} refused; {checks} surpluses, "
          f"{recomputed / checks:.0%} recomputed, {derived} states derived")  # fmt: skip


def test_work_that_needs_the_lock_does_not_end():
    """What the test above would see of a check that asks for the lock."""
    status = np.full(1, UNASKED, dtype=np.int32)

    def asks_for_the_lock():
        time.sleep(0.05)
        status[-1] = Status.OK

    assert finished_beside(asks_for_the_lock, status, limit=0.3) is False


def test_a_thread_that_does_not_own_the_engine_is_answered_busy():
    rng = np.random.default_rng(3)
    engine, items = engine_of("isolated", "worst_fill", rng)
    columns = questions(engine, items, rng)
    status, answers = np.full(64, UNASKED, dtype=np.int32), []
    thread = threading.Thread(target=lambda: answers.append(engine.check_many(*columns, status)))
    thread.start()
    thread.join()
    assert answers == [Status.BUSY]
    assert (status == UNASKED).all()
