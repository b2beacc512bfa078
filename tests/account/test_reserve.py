"""An engine that grows: what was full takes more, and everything else is as if it had been that large from the start."""

from threading import Thread

import numpy as np
import pytest
from account import journal_host as host
from account.gate_desks import prepared
from account.test_journal import KEPT, state

from crossmargin._core.events import Kind
from crossmargin._core.status import Status
from crossmargin.account import Capacity, RiskEngine
from crossmargin.account.archive import JournalError
from crossmargin.account.journal import WORDS, Journal
from crossmargin.account.replay import replay
from crossmargin.errors import InvalidInputError, KernelError
from crossmargin.margin import load_method

FEW = Capacity(accounts=4, slots=16, orders=2, journal=1024)
STEPS = 600


def host_engine(capacity):
    desk = host.load(host.SEED)
    method = load_method(desk.methods["portfolio"]).prepare(desk.instruments, desk.market)
    return RiskEngine(method, capacity=capacity, fee="0.0002")


def opened(policy="worst_fill", desk="scenario", **room):
    engine = RiskEngine(prepared(desk), orders=policy, capacity=Capacity(**{"accounts": 2, "slots": 8, "orders": 2, "journal": 0} | room))
    for n in range(2):
        handle = engine.open(f"a{n}")
        engine.event(Kind.DEPOSIT, 0, handle, engine.instruments.asset_index[engine.market.quote], 10**9)
    return engine


def held(engine):
    return {what: getattr(engine, what)() for what in KEPT if what not in ("modes", "sequence")}


def test_what_was_full_takes_more():
    engine = opened()
    assert [engine.place(0, n, 0, 1, 1000 + n) for n in (1, 2, 3)] == [Status.OK, Status.OK, Status.CAPACITY]
    with pytest.raises(KernelError, match="CAPACITY"):
        engine.open("eve")
    before, figures, small = held(engine), engine.figures(0), engine.n_bytes_reserved
    assert engine.reserve(accounts=5, orders=70) == Status.OK
    assert (held(engine), engine.figures(0)) == (before, figures)
    assert (engine.capacity.accounts, engine.capacity.orders) == engine.room() == (5, 70)
    assert (engine.opened.accounts, engine.opened.orders, engine.capacity.slots) == (2, 2, 8)
    assert engine.n_bytes_reserved > small
    assert [engine.open(name) for name in ("eve", "dan", "may")] == [2, 3, 4]
    with pytest.raises(KernelError, match="CAPACITY"):
        engine.open("pat")
    assert [engine.place(n % 2, n, 0, 1, 1000 + n) for n in range(3, 72)] == [Status.OK] * 68 + [Status.CAPACITY]
    assert [engine.cancel(n % 2 if n > 2 else 0, n) for n in range(1, 71)] == [Status.OK] * 70
    assert engine.orders() == []
    assert engine.figures(4)["surplus_initial"] == 0.0


def test_it_never_shrinks_and_what_grows_nothing_is_no_event():
    engine = opened(orders=16)
    first = engine.sequence()
    assert engine.reserve(accounts=1, orders=16) == engine.reserve() == Status.OK
    assert engine.sequence() == first
    assert engine.reserve(accounts=7, orders=1) == Status.OK
    assert (engine.room(), engine.sequence()) == ((7, 16), first + 1)
    for wrong in ({"accounts": 0}, {"orders": -1}, {"accounts": 2**31}, {"orders": 1.5}):
        with pytest.raises(InvalidInputError):
            engine.reserve(**wrong)
    assert super(RiskEngine, engine).reserve(-1, 0) == Status.MALFORMED
    assert super(RiskEngine, engine).reserve(0, 2**31) == Status.MALFORMED
    assert engine.event(Kind.RESERVE, 0, 0, 9, 99) == Status.MALFORMED  # it comes with room, by ``reserve``
    assert engine.reserve(8, 16, engine.time - 1 or -1) == Status.TIME
    assert engine.room() == (7, 16)


def test_only_its_writer_grows_it_and_only_if_the_journal_has_room():
    engine = opened(journal=8)
    answers = []
    thread = Thread(target=lambda: answers.append(engine.reserve(orders=9)))
    thread.start()
    thread.join()
    while engine.event(Kind.DEPOSIT, 0, 0, 0, 1) == Status.OK:
        pass
    before = state(engine)
    assert [*answers, engine.reserve(orders=9)] == [Status.BUSY, Status.BACKPRESSURE]
    assert state(engine) == before
    assert engine.room() == (2, 2)
    rows = np.zeros((16, WORDS), dtype=np.int64)
    assert engine.drain(rows) == 8
    assert engine.reserve(orders=9) == Status.OK
    assert engine.drain(rows) == 1
    assert rows[0].tolist() == [9, engine.time, Kind.RESERVE, 0, 2, 9, 0, 0, 0, 0, 0, 0]


def grown(engine, step):
    """Apply a step; where the orders are full, one more of what there is, and again."""
    status = step()
    while status == Status.BACKPRESSURE or (status == Status.CAPACITY and len(engine.orders()) == engine.room()[1]):
        if status == Status.CAPACITY:
            accounts, orders = engine.room()
            assert engine.reserve(accounts + 1, orders + 1) == Status.OK
        status = step()
    return status


def emptied(engine):
    room = np.zeros((1024, WORDS), dtype=np.int64)
    while engine.drain(room):
        pass


def test_it_is_as_if_it_had_been_that_large():
    """The same stream beside an engine with room from the start: every answer, figure and count of rebuilt states."""
    small, large = host_engine(FEW), host_engine(host.CAPACITY)
    pairs = zip(host.stream(small), host.stream(large), strict=True)
    for number, (mine, other) in zip(range(STEPS), pairs, strict=False):
        assert grown(small, mine) == other()
        emptied(small)
        emptied(large)
        if number % 20 == 0:
            assert held(small) == held(large)
            names = range(len(large.account_names))
            assert [small.figures(n) for n in names] == [large.figures(n) for n in names]
            assert small.counts() == large.counts()
    assert small.room()[1] > 20
    assert small.sequence() - large.sequence() == small.room()[1] - FEW.orders


@pytest.mark.parametrize("policy", ["worst_fill", "venue"])
@pytest.mark.parametrize("desk", ["isolated", "tiered", "scenario of coins", "Derive v2"])
def test_every_policy_grows(desk, policy):
    """A position, a full book of orders, a mark that makes states stale, then room: figures stay, a fresh copy agrees."""
    engine = opened(policy, desk, orders=6)
    for n in range(2):
        for asset in range(len(engine.instruments.assets)):
            engine.event(Kind.DEPOSIT, 0, n, asset, 10**12)
    items = [i for i in range(len(engine.instruments)) if engine.event(Kind.BAND, 0, 0, i, -(2**40), 2**60) == 0]
    engine.trade(0, 0, 1, 0, items[0], 3, 1000)
    placed = [engine.event(Kind.REST, 0, n % 2, n + 1, items[n % len(items)], 1 - 2 * (n % 2), 1000) for n in range(7)]
    assert placed == [Status.OK] * 6 + [Status.CAPACITY]
    figures = [engine.figures(n) for n in range(2)]
    assert engine.reserve(orders=7, accounts=3) == Status.OK
    assert [engine.figures(n) for n in range(2)] == figures
    assert engine.event(Kind.REST, 0, 0, 7, items[-1], 1, 1000) == Status.OK
    other = RiskEngine(engine.prepared, orders=policy, capacity=engine.opened)
    assert other.restore(engine.snapshot()) == Status.OK
    assert other.room() == (3, 7)
    assert held(other) == held(engine)
    assert [other.figures(n) for n in range(2)] == [engine.figures(n) for n in range(2)]


def test_a_snapshot_brings_its_room():
    engine, small = opened(), opened()
    fresh, whole = engine.snapshot(), opened(orders=20)
    assert engine.reserve(orders=20) == Status.OK
    assert small.restore(engine.snapshot()) == Status.OK
    assert small.room() == (2, 20)
    assert whole.restore(fresh) == Status.SHAPE  # what there is room for never shrinks
    data = engine.snapshot()
    before = held(small)
    for place in range(0, 64, 8):
        if place in (8, 16, 24, 32, 56):
            continue  # time, sequence, lists and nothing
        for wrong in (0, 1, 2**40, 2**63 - 1):
            damaged = data[:place] + wrong.to_bytes(8, "little") + data[place + 8 :]
            assert small.restore(damaged) == Status.SHAPE
    assert small.restore(data[:-1]) == small.restore(data[:40]) == small.restore(b"") == Status.SHAPE
    assert held(small) == before


def test_a_replay_grows_where_the_engine_grew(tmp_path):
    path = tmp_path / "events.sqlite"
    engine = host_engine(FEW)
    with Journal(path, engine, window=0.001) as journal:
        for number, step in zip(range(STEPS), host.stream(engine), strict=False):
            grown(engine, step)
            if number in (STEPS // 4, STEPS // 2):
                journal.snapshot()
        journal.flush()
    for from_snapshot in (False, True):
        found = replay(path, from_snapshot=from_snapshot)
        assert state(found) == state(engine)
        assert (found.room(), found.opened, found.capacity) == (engine.room(), engine.opened, engine.capacity)
    with Journal(path, found) as journal:  # the header says what it opened with
        assert found.reserve(orders=found.room()[1] + 5) == Status.OK
        assert found.event(Kind.DEPOSIT, 0, 0, 0, 7) == Status.OK
        journal.flush()
    assert state(replay(path)) == state(found)
    with pytest.raises(JournalError, match="same capacity"):
        Journal(path, host_engine(found.capacity))


def test_readers_read_on_while_it_grows():
    """Whole figures of accounts that are there, while every table moves many times."""
    engine, seen, done = opened(), [0, 0], []

    def read(place):
        figures = np.zeros(6)
        while not done:
            assert engine.read(place, figures) == Status.OK
            surplus, initial, equity, *_ = figures.tolist()
            assert abs(surplus - (equity - initial)) <= 1e-9 * abs(equity)
            assert engine.read(10**6, figures) == Status.UNKNOWN
            seen[place] += 1

    readers = [Thread(target=read, args=(place,)) for place in range(2)]
    for reader in readers:
        reader.start()
    figures = np.zeros(6)
    for number in range(300):
        assert engine.reserve(accounts=3 + number, orders=3 + number) == Status.OK
        engine.place(number % 2, number + 1, number % 3, 1 + number % 5, 1000)
        assert engine.health(number % 2, figures) == Status.OK
    done.append(True)
    for reader in readers:
        reader.join()
    assert min(seen) > 0
    published = np.zeros(6)
    assert engine.reserve(accounts=400) == engine.read(1, published) == Status.OK
    assert published.tolist() == figures.tolist()  # what was published stays
