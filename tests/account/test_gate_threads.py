"""One writer, readers that never block it, and a thread that drains the ring: nothing torn, nothing lost, nothing shared."""

from threading import Thread

import numpy as np
from account.gate_desks import prepared

from crossmargin._core.events import Kind
from crossmargin._core.status import Status
from crossmargin.account import Capacity, RiskEngine

EVENTS = 4000
WORDS = 12


def opened(journal=256):
    engine = RiskEngine(prepared("isolated"), capacity=Capacity(accounts=2, slots=8, orders=64, journal=journal))
    for n in range(2):
        handle = engine.open(f"a{n}")
        engine.event(Kind.DEPOSIT, 0, handle, engine.instruments.asset_index[engine.market.quote], 10**9)
    return engine


def step(engine, number):
    """One event; waits while the ring is full."""
    item = number % 3
    events = (
        lambda: engine.place(0, number + 1, item, 1 + number % 5, 1000 + number % 7),
        lambda: engine.cancel(0, number),
        lambda: engine.trade(0, 0, 1, 0, item, 1, 1000),
        lambda: engine.trade(1, 0, 0, 0, item, 1, 1001),
    )
    status = events[number % 4]()
    while status == Status.BACKPRESSURE:
        status = events[number % 4]()
    return status


def test_readers_see_whole_figures():
    """Surplus is equity less requirement in every read, whichever moment it was."""
    engine, seen, done = opened(journal=0), [0, 0], []

    def read(place):
        figures = np.zeros(6)
        while not done:
            assert engine.read(place, figures) == Status.OK
            surplus, initial, equity, below, maintenance, equity_below = figures.tolist()
            assert surplus == equity - initial or abs(surplus - (equity - initial)) <= 1e-9 * abs(equity)
            assert below == equity_below - maintenance
            seen[place] += 1

    readers = [Thread(target=read, args=(place,)) for place in range(2)]
    for reader in readers:
        reader.start()
    figures = np.zeros(6)
    for number in range(EVENTS):
        step(engine, number)
        engine.health(number % 2, figures)
    done.append(True)
    for reader in readers:
        reader.join()
    assert min(seen) > 0


def test_the_ring_gives_every_event_once():
    engine, found, done = opened(), [], []

    def drain():
        room = np.zeros((64, WORDS), dtype=np.int64)
        while True:
            last = bool(done)
            n = engine.drain(room)
            found.extend(room[:n, 0].tolist())
            engine.set_durable(found[-1] if found else 0)
            if last and not n:
                return

    thread = Thread(target=drain)
    thread.start()
    for number in range(EVENTS):
        step(engine, number)
    done.append(True)
    thread.join()
    assert found == list(range(1, engine.sequence() + 1))
    assert engine.durable() == engine.sequence() > EVENTS // 2


def test_another_thread_is_answered_busy_until_it_adopts():
    engine, answers = opened(journal=0), []

    def other():
        answers.append(engine.check(0, 0, 1, 1000))
        answers.append(engine.place(0, 1, 0, 1, 1000))
        engine.adopt()
        answers.append(engine.check(0, 0, 1, 1000))

    thread = Thread(target=other)
    thread.start()
    thread.join()
    assert answers == [Status.BUSY, Status.BUSY, Status.OK]
    assert engine.check(0, 0, 1, 1000) == Status.BUSY


def test_two_engines_clear_a_trade():
    """Each applies its side; the legs that they keep sum to 0 once both have."""
    engines = [opened(journal=0), opened(journal=0)]
    assert engines[0].trade(0, 0, -1, 0, 0, 5, 1003) == Status.OK
    assert any(engines[0].totals()[3])
    assert engines[1].trade(-1, 0, 1, 0, 0, 5, 1003) == Status.OK
    cleared = [sum(pair) for pair in zip(*(engine.totals()[3] for engine in engines), strict=True)]
    assert not any(cleared)
    assert not any(value for engine in engines for value in engine.imbalance().values())
    assert [engine.positions()[0][2] for engine in engines] == [5, -5]


def test_events_of_the_past_are_refused():
    engine = opened(journal=0)
    assert engine.place(0, 1, 0, 1, 1000, time=100) == Status.OK
    assert engine.place(0, 2, 0, 1, 1000, time=99) == Status.TIME
    assert engine.time == 100


def test_an_engine_says_what_its_checks_cost():
    """Nothing where the forms hold everything; else the nodes that are computed anew at each."""
    assert opened(journal=0).recomputed == "nothing"
    room = Capacity(accounts=1, slots=2, orders=2, journal=0)
    assert RiskEngine(prepared("tiered"), capacity=room).recomputed.startswith("intervals of 1 parts: ")
    assert RiskEngine(prepared("tiered"), orders="venue", capacity=room).recomputed.startswith("the plan: ")
