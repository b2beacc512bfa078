"""Times of hosts, and of the calls that they make to the books and to the gate, each alone."""

import gc
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import Any

from host import GatedHost, Host, Message
from orderly_chaos import LimitOrderBook

from crossmargin.account import RiskEngine

REPEATS = 3
ASKED = ("place", "amend", "cancel", "trade")  # of the gate
TOLD = ("limit", "reduce", "cancel")  # to the books
GATE = 0  # the gate's number in a log, where books have their instrument's
Log = list[tuple[int, str, tuple[int, ...]]]  # whose call, which, its arguments
Calls = Sequence[tuple[Callable[..., object], tuple[int, ...]]]


class Recorder:
    """Passes some methods of a target on and notes every call of them."""

    def __init__(self, target: object, names: Sequence[str], number: int, log: Log) -> None:
        for name in names:
            setattr(self, name, partial(self.noted, getattr(target, name), log, number, name))

    @staticmethod
    def noted(method: Callable[..., Any], log: Log, number: int, name: str, *fields: int) -> Any:
        log.append((number, name, fields))
        return method(*fields)


def seconds(run: Callable[[], object]) -> float:
    """Of one run; the collector of garbage rests, since lists of a million messages would keep it busy."""
    gc.collect()
    gc.disable()
    try:
        start = perf_counter()
        run()
        return perf_counter() - start
    finally:
        gc.enable()


def hosts(
    instruments: Sequence[int], opened: Callable[[], RiskEngine], messages: Sequence[Message]
) -> tuple[float, float, GatedHost]:
    """Best seconds without and with the gate, by turns, and the last host with one."""
    bare, gated = [], []
    for _ in range(REPEATS):
        bare.append(seconds(partial(Host(instruments).run, messages)))
        last = GatedHost(instruments, opened())
        gated.append(seconds(partial(last.run, messages)))
    return min(bare), min(gated), last


def recorded(instruments: Sequence[int], engine: RiskEngine, messages: Sequence[Message]) -> tuple[Log, Log]:
    """What a host with a gate calls: of the gate, and of the books."""
    asked: Log = []
    told: Log = []
    host: Any = GatedHost(instruments, engine)
    host.engine = Recorder(engine, ASKED, GATE, asked)
    host.books = {number: Recorder(book, TOLD, number, told) for number, book in host.books.items()}
    host.run(messages)
    return asked, told


def of_gate(opened: Callable[[], RiskEngine], log: Log) -> float:
    """Best seconds of the recorded calls, each time on an engine that is opened anew."""
    return best(log, lambda: {GATE: opened()})


def of_books(instruments: Sequence[int], log: Log) -> float:
    """The same on new books that report no trades: calls back into Python are not the book's own time."""
    return best(log, lambda: {number: LimitOrderBook() for number in instruments})


def best(log: Log, targets: Callable[[], Mapping[int, object]]) -> float:
    return min(seconds(partial(repeat, bound(log, targets()))) for _ in range(REPEATS))


def bound(log: Log, targets: Mapping[int, object]) -> Calls:
    return [(getattr(targets[number], name), fields) for number, name, fields in log]


def repeat(calls: Calls) -> None:
    for method, fields in calls:
        method(*fields)


def of_nothing(log: Log) -> float:
    """What as many calls cost by themselves."""
    return min(seconds(partial(repeat, [(nothing, fields) for _, _, fields in log])) for _ in range(REPEATS))


def nothing(*fields: int) -> None:
    pass
