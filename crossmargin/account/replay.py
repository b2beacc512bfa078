"""Replay: the engine that a journal's events lead to, bit for bit, and where a journal stops being sound."""

import sqlite3
import zlib
from collections.abc import Iterator
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np

from crossmargin._checks import Integers
from crossmargin._core.events import Kind
from crossmargin._core.status import Status
from crossmargin.account.archive import JournalError, instruments_of, market_of
from crossmargin.account.engine import RiskEngine
from crossmargin.account.journal import FORMAT, WORDS
from crossmargin.account.tables import Capacity
from crossmargin.errors import CrossmarginError
from crossmargin.instruments import Instruments
from crossmargin.market import Observation
from crossmargin.venues import load_method

NAMES = ("format", "plan", "options", "capacity", "instruments", "market", "method")
DRAINED = 1000  # events between two emptyings of the ring, which a replay does not write anywhere


def replay(path: str | Path, *, from_snapshot: bool = True, partial: bool = False) -> RiskEngine:
    """The engine as of the journal's last event, ready for ``Journal`` to go on with the file.

    A journal that is damaged raises ``JournalError``, which names the last good event; ``partial`` gives the engine as
    of that event instead. A plan other than the one that wrote the journal is refused.
    """
    base = sqlite3.connect(f"file:{Path(path)}?mode=ro", uri=True)
    try:
        return Replay(base).run(from_snapshot=from_snapshot, partial=partial)
    finally:
        base.close()


class Replay:
    """One reading of a journal."""

    def __init__(self, base: sqlite3.Connection) -> None:
        self.base = base
        self.header = self.read_header()
        self.instruments: Instruments = instruments_of(self.header["instruments"])
        self.seen: list[Observation] = []
        self.good = 0

    def read_header(self) -> dict[str, bytes]:
        try:
            found = dict(self.base.execute("SELECT name, value FROM header"))
        except sqlite3.DatabaseError as error:
            raise JournalError(f"journal must be readable, but {error}") from error
        if found.get("format") != FORMAT or set(found) != set(NAMES):
            raise JournalError("journal must begin with a header of this format")
        return found

    def run(self, *, from_snapshot: bool, partial: bool) -> RiskEngine:
        engine = self.started(from_snapshot=from_snapshot)
        self.good = engine.sequence()
        room = np.zeros((4096, WORDS), dtype=np.int64)
        try:
            for number, event in enumerate(self.events(engine.sequence())):
                self.apply(engine, event)
                if number % DRAINED == 0:
                    empty(engine, room)
        except JournalError as error:
            error.last_good = self.good
            if not partial:
                raise
        empty(engine, room)
        engine.set_durable(engine.sequence())
        return engine

    # ---- where it starts -------------------------------------------------------------------

    def started(self, *, from_snapshot: bool) -> RiskEngine:
        """A new engine, or one as of the last sound snapshot."""
        query = "SELECT sequence, state, names, market, method, digest FROM snapshots ORDER BY sequence DESC"
        for _, *parts, digest in self.base.execute(query) if from_snapshot else ():
            if sha256(b"\0".join(parts)).digest() == digest:
                return self.restored(*parts)
        return self.engine(self.header["market"], self.header["method"])

    def engine(self, market: bytes, method: bytes) -> RiskEngine:
        prepared = load_method(method).prepare(self.instruments, market_of(market))
        if prepared.program.hash.encode() != self.header["plan"]:
            raise JournalError("journal must have been written by the plan that replays it")
        options = msgspec.json.decode(self.header["options"])
        options["fee"] = Fraction(options["fee"])
        return RiskEngine(prepared, capacity=msgspec.json.decode(self.header["capacity"], type=Capacity), **options)

    def restored(self, state: bytes, names: bytes, market: bytes, method: bytes) -> RiskEngine:
        engine = self.engine(market, method)
        if engine.restore(zlib.decompress(state)) != Status.OK:
            raise JournalError("snapshot must be of an engine of the same slots and instruments")
        engine.account_names = msgspec.json.decode(names)
        engine.accounts = {name: handle for handle, name in enumerate(engine.account_names)}
        return engine

    # ---- events ----------------------------------------------------------------------------

    def events(self, after: int) -> Iterator[Integers]:
        """Rows of twelve words, in order; every block's chain is checked, those before ``after`` too."""
        chain, expected = sha256(b"".join(self.header[name] for name in NAMES)).digest(), 1
        for first, last, events, linked in self.blocks():
            chain = sha256(chain + events).digest()
            whole = len(events) // (8 * WORDS) * WORDS
            rows = np.frombuffer(events, dtype="<i8", count=whole).reshape(-1, WORDS)
            if chain != linked or first != expected or len(rows) != last - first + 1:
                raise JournalError(f"journal must be whole, but its block from event {first} is not as it was written")
            expected = last + 1
            yield from (row.astype(np.int64) for row in rows if row[0] > after)

    def blocks(self) -> Iterator[tuple[int, int, bytes, bytes]]:
        try:
            yield from self.base.execute("SELECT first, last, events, chain FROM blocks ORDER BY first")
        except sqlite3.DatabaseError as error:
            raise JournalError(f"journal must be readable, but {error}") from error

    def apply(self, engine: RiskEngine, event: Integers) -> None:
        """Apply one event as it was applied; a mark takes the observations that it counts."""
        sequence, time, kind, account, *fields = event.tolist()
        try:
            status = self.status(engine, int(kind), time, account, fields)
        except CrossmarginError as error:
            raise JournalError(f"journal must hold what can be applied, but event {sequence}: {error}") from error
        if status != Status.OK:
            answer = Status(status).name
            raise JournalError(f"journal must hold what was applied, but event {sequence} answers {answer}")
        self.good = sequence

    def status(self, engine: RiskEngine, kind: int, time: int, account: int, fields: list[int]) -> int:
        if kind == Kind.OBSERVE:
            self.seen.append(self.observation(fields))
        if kind == Kind.MARK:
            taken, self.seen = self.seen[len(self.seen) - fields[4] :], []
            return engine.retake(taken, time)
        if kind == Kind.ENROL:
            engine.open(self.text(fields[1:5]).decode(), self.instruments.assets[fields[0]].id, time=time)
            return Status.OK
        if kind == Kind.PARAMETERS:
            return engine.parameters(load_method(self.text(fields[:4])), time=time)
        if kind == Kind.RESERVE:
            return engine.reserve(fields[0], fields[1], time)
        return engine.event(kind, time, account, *fields)

    def observation(self, fields: list[int]) -> Observation:
        value, *words, confidence, published = fields[:7]
        subject, field, source = self.text(words).decode().split("\0")
        value, confidence = np.array([value, confidence], dtype=np.int64).view(np.float64).tolist()
        return Observation(
            subject=subject, field=field, value=value, confidence=confidence, published=published, source=source
        )

    def text(self, words: list[int]) -> bytes:
        """What an event names by its digest."""
        digest = np.array(words, dtype="<i8").tobytes()
        found = self.base.execute("SELECT text FROM texts WHERE digest = ?", (digest,)).fetchone()
        if found is None or sha256(found[0]).digest() != digest:
            raise JournalError("journal must hold every text that an event names")
        return bytes(found[0])


def empty(engine: RiskEngine, room: Integers) -> None:
    """Drop what the ring holds: it is in the journal already."""
    while engine.drain(room):
        pass
