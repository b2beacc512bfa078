"""The journal: what the engine applied, in blocks on SQLite, so that a host acknowledges only what will be found again.

A thread of its own takes events out of the engine's ring and writes one row a block, chained by SHA-256 to the one
before; then it tells the engine up to where events are durable. The writer never waits for it: a full ring is
``Status.BACKPRESSURE``, and no event is lost.
"""

import sqlite3
import zlib
from hashlib import sha256
from pathlib import Path
from threading import Event as Signal
from threading import Thread
from typing import Self

import msgspec
import numpy as np

from crossmargin._checks import Integers
from crossmargin.account.archive import JournalError, instruments_text, market_text
from crossmargin.account.engine import RiskEngine

FORMAT = b"crossmargin journal 2"
BLOCK = 4096  # events
WORDS = 12
TABLES = """
CREATE TABLE IF NOT EXISTS header (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS texts (digest BLOB PRIMARY KEY, text BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS blocks (
    first INTEGER PRIMARY KEY, last INTEGER NOT NULL, events BLOB NOT NULL, chain BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS snapshots (
    sequence INTEGER PRIMARY KEY, state BLOB NOT NULL, names BLOB NOT NULL, market BLOB NOT NULL, method BLOB NOT NULL,
    digest BLOB NOT NULL
) STRICT;
"""


def connected(path: Path) -> sqlite3.Connection:
    """A connection whose commits are on the disk when they return."""
    base = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    base.execute("PRAGMA journal_mode = WAL")
    base.execute("PRAGMA synchronous = FULL")
    return base


def header_of(engine: RiskEngine) -> dict[str, bytes]:
    """What a replay starts from, and must agree with."""
    return {
        "format": FORMAT,
        "plan": engine.prepared.program.hash.encode(),
        "options": msgspec.json.encode(engine.options),
        "capacity": msgspec.json.encode(engine.opened),
        "instruments": instruments_text(engine.instruments),
        "market": market_text(engine.market),
        "method": msgspec.json.encode(engine.prepared.method),
    }


class Journal:
    """Writes an engine's events to a file until it is closed; use it as a context.

    ``window``: the longest that an applied event waits for its block, in seconds. A file that holds events is gone on
    with if the engine stands where it ends, as ``replay`` leaves it.
    """

    def __init__(self, path: str | Path, engine: RiskEngine, *, window: float = 0.005) -> None:
        if not engine.capacity.journal:
            raise JournalError("capacity.journal must be above 0 for an engine with a journal")
        self.engine, self.window = engine, window
        self.base = connected(Path(path))
        self.base.executescript(TABLES)
        self.chain, self.written = self.begin()
        self.known: set[bytes] = set()
        self.room: Integers = np.zeros((BLOCK, WORDS), dtype=np.int64)
        self.fault: Exception | None = None
        self.stop, self.thread = Signal(), Thread(target=self.run, name="crossmargin journal", daemon=True)
        engine.set_durable(self.written)
        self.thread.start()

    def begin(self) -> tuple[bytes, int]:
        """Write the header of a new file, or find the end of one that fits; the last chain and event."""
        found = dict(self.base.execute("SELECT name, value FROM header"))
        header = header_of(self.engine)
        if not found:
            self.require_end(0)
            self.base.executemany("INSERT INTO header VALUES (?, ?)", header.items())
            return sha256(b"".join(header.values())).digest(), 0
        for name in ("format", "plan", "options", "capacity", "instruments"):
            if found[name] != header[name]:
                raise JournalError(f"journal must be of an engine with the same {name}")
        last = self.base.execute("SELECT last, chain FROM blocks ORDER BY first DESC LIMIT 1").fetchone()
        end, chain = last or (0, sha256(b"".join(found[name] for name in header)).digest())
        self.require_end(end)
        return chain, end

    def require_end(self, end: int) -> None:
        if self.engine.sequence() != end:
            stands = self.engine.sequence()
            raise JournalError(f"engine must stand at event {end} where the journal ends, was at {stands}", end)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self) -> None:
        """Drain until closed, then once more."""
        try:
            while not self.stop.is_set():
                if not self.write():
                    self.stop.wait(self.window)
            while self.write():
                pass
        except Exception as fault:  # noqa: BLE001 - it is raised where the writer looks, at flush and close
            self.fault = fault

    def write(self) -> int:
        """One block, if there are events; how many. Durable once it is committed."""
        n = self.engine.drain(self.room)
        if not n:
            return 0
        events = self.room[:n].astype("<i8").tobytes()
        chain = sha256(self.chain + events).digest()
        first, last = int(self.room[0, 0]), int(self.room[n - 1, 0])
        new = {digest: text for digest, text in list(self.engine.texts.items()) if digest not in self.known}
        with self.base:
            self.base.execute("BEGIN")
            self.base.executemany("INSERT OR IGNORE INTO texts VALUES (?, ?)", new.items())
            self.base.execute("INSERT INTO blocks VALUES (?, ?, ?, ?)", (first, last, events, chain))
        self.known |= new.keys()
        self.chain, self.written = chain, last
        self.engine.set_durable(last)
        return n

    def flush(self) -> int:
        """Wait until every event applied so far is durable; the last one. Raises what stopped the journal's thread."""
        wanted = self.engine.sequence()
        while self.engine.durable() < wanted and self.thread.is_alive():
            self.thread.join(self.window / 4)
        if self.fault is not None:
            raise JournalError(f"journal must be writable, but {self.fault}", self.engine.durable()) from self.fault
        return wanted

    def snapshot(self) -> int:
        """Keep the engine's state as it stands, so that a replay need not start from the first event; by the writer."""
        sequence = self.flush()
        state = zlib.compress(self.engine.snapshot(), level=1)
        names, market = msgspec.json.encode(self.engine.account_names), market_text(self.engine.market)
        method = msgspec.json.encode(self.engine.prepared.method)
        digest = sha256(b"\0".join((state, names, market, method))).digest()
        row = (sequence, state, names, market, method, digest)
        self.base.execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?, ?)", row)
        return sequence

    def close(self) -> None:
        """Write what is left, end the thread and close the file."""
        self.stop.set()
        self.thread.join()
        self.base.close()
        if self.fault is not None:
            raise JournalError(f"journal must be writable, but {self.fault}", self.engine.durable()) from self.fault
