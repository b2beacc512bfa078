"""The journal: what was acknowledged is found again, replay gives the same bits, and damage is named."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from account import journal_host as host

from crossmargin import _core
from crossmargin._core.events import Kind
from crossmargin._core.status import Status
from crossmargin.account import Capacity, RiskEngine
from crossmargin.account.archive import JournalError, instruments_of, instruments_text, market_of, market_text
from crossmargin.account.journal import WORDS, Journal
from crossmargin.account.replay import replay
from crossmargin.margin import load_method

HOST = Path(host.__file__)
KEPT = ("positions", "balances", "orders", "totals", "contracts", "modes", "sequence")


def state(engine):
    """Everything that events decide, figures to the bit."""
    found = {name: getattr(engine, name)() for name in KEPT}
    return found | {"figures": [list(engine.figures(n).values()) for n in range(len(engine.account_names))]}


def held(engine):
    """What marks do not change: the same one event before a mark and after it."""
    return {name: getattr(engine, name)() for name in ("positions", "balances", "orders", "totals")}


def applied(events):
    """The host's engine after at least so many events, without a journal's thread: the ring is emptied by hand."""
    engine, room = host.engine(), np.zeros((4096, WORDS), dtype=np.int64)
    for step in host.stream(engine):
        if engine.sequence() >= events:
            return engine
        step()
        while engine.drain(room):
            pass


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A journal of some two thousand events, with a snapshot at half, and the engine that wrote it."""
    path = tmp_path_factory.mktemp("journal") / "events.sqlite"
    engine = host.engine()
    with Journal(path, engine, window=0.001) as journal:
        for step in host.stream(engine):
            host.wait(step)
            if engine.sequence() >= 900:
                break
            if engine.sequence() == 450:
                journal.snapshot()
        assert journal.flush() == engine.durable() == engine.sequence()
    return path, engine


def copied(written, tmp_path):
    """The same in one file of its own, to be damaged."""
    path = tmp_path / "copy.sqlite"
    source, target = sqlite3.connect(written[0]), sqlite3.connect(path)
    source.backup(target)
    target.execute("PRAGMA journal_mode = DELETE")
    target.close()
    source.close()
    return path


def damage(path, statement, *values):
    base = sqlite3.connect(path)
    base.execute(statement, values)
    base.commit()
    base.close()


def test_replay_gives_the_same_bits(written):
    path, engine = written
    assert state(replay(path, from_snapshot=False)) == state(engine)


def test_a_snapshot_gives_the_same(written):
    path, engine = written
    [(kept,)] = sqlite3.connect(path).execute("SELECT sequence FROM snapshots").fetchall()
    assert 0 < kept < engine.sequence()
    assert state(replay(path)) == state(engine)


def test_it_goes_on(written, tmp_path):
    path = copied(written, tmp_path)
    engine = replay(path)
    with Journal(path, engine) as journal:
        assert engine.event(Kind.DEPOSIT, 0, 0, 0, 77) in (Status.OK, Status.UNKNOWN)
        journal.flush()
    assert state(replay(path)) == state(engine)


@pytest.mark.parametrize("level", [name for name in _core.LEVELS if name != _core.level])
def test_another_instruction_level_gives_the_same_bits(written, level):
    path, engine = written
    code = (
        "import sys, json; sys.path[:0] = sys.argv[2:]; from account.test_journal import state, replay;"
        "print(json.dumps(state(replay(sys.argv[1], from_snapshot=False))))"
    )
    environ = os.environ | {"CROSSMARGIN_ISA": level}
    command = [sys.executable, "-P", "-c", code, str(path), str(HOST.parents[1])]
    done = subprocess.run(command, env=environ, text=True, capture_output=True)
    if "CROSSMARGIN_ISA must be" in done.stderr:
        pytest.skip(f"level {level} is not built or does not run here")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(json.dumps(state(engine)))


@pytest.mark.parametrize("delay", [0.0, 0.03, 0.1, 0.2, 0.4])
def test_what_was_acknowledged_survives_a_kill(tmp_path, delay):
    """The host prints what is durable and is killed, with no chance to say more; what it printed is there, and sound."""
    path = tmp_path / "killed.sqlite"
    process = subprocess.Popen(
        [sys.executable, "-P", str(HOST), str(path), "1000000"], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(HOST.parents[1]), os.environ.get("PYTHONPATH")]))},
    )  # fmt: skip
    with process:
        first = process.stdout.readline()
        time.sleep(delay)
        process.kill()
        said = [first, *process.stdout.read().splitlines()]
    acknowledged = max(int(line) for line in said if line.strip().isdigit())
    found = replay(path)
    assert found.sequence() >= acknowledged > 0
    expected = applied(found.sequence())
    assert held(found) == held(expected)
    if expected.sequence() == found.sequence():  # else it was killed between a mark and its observations
        assert state(found) == state(expected)


def test_a_changed_event_is_found(written, tmp_path):
    path = copied(written, tmp_path)
    base = sqlite3.connect(path)
    first, events = base.execute("SELECT first, events FROM blocks ORDER BY first LIMIT 1 OFFSET 2").fetchone()
    changed = bytearray(events)
    changed[50] ^= 1
    base.close()
    damage(path, "UPDATE blocks SET events = ? WHERE first = ?", bytes(changed), first)
    with pytest.raises(JournalError, match=f"block from event {first} is not as it was written") as raised:
        replay(path, from_snapshot=False)
    assert raised.value.last_good < first
    partial = replay(path, from_snapshot=False, partial=True)
    assert partial.sequence() == first - 1
    assert held(partial) == held(applied(first - 1))


@pytest.mark.parametrize("missing", ["first", "middle"])
def test_a_missing_block_is_found(written, tmp_path, missing):
    path = copied(written, tmp_path)
    order = "ORDER BY first LIMIT 1" + (" OFFSET 3" if missing == "middle" else "")
    damage(path, f"DELETE FROM blocks WHERE first = (SELECT first FROM blocks {order})")
    with pytest.raises(JournalError, match="block from event"):
        replay(path, from_snapshot=False)


def test_a_truncated_file_is_reported(written, tmp_path):
    path = copied(written, tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.6)])
    with pytest.raises(JournalError, match="journal must"):
        replay(path, from_snapshot=False)
    path.write_bytes(data[:100])
    with pytest.raises(JournalError):
        replay(path)


def test_a_missing_text_is_reported(written, tmp_path):
    path = copied(written, tmp_path)
    damage(path, "DELETE FROM texts")
    with pytest.raises(JournalError, match="every text"):
        replay(path, from_snapshot=False)


def test_another_plan_is_refused(written, tmp_path):
    path = copied(written, tmp_path)
    other = host.load(host.SEED).methods["isolated"]
    damage(path, "UPDATE header SET value = ? WHERE name = 'method'", bytes(other))
    with pytest.raises(JournalError, match="plan"):
        replay(path, from_snapshot=False)


def test_a_damaged_snapshot_is_passed_over(written, tmp_path):
    path = copied(written, tmp_path)
    damage(path, "UPDATE snapshots SET names = ?", b"[]")
    assert state(replay(path)) == state(written[1])


def test_a_full_ring_refuses_and_loses_nothing(tmp_path):
    desk = host.load(host.SEED)
    prepared = load_method(desk.methods["isolated"]).prepare(desk.instruments, desk.market)
    engine = RiskEngine(prepared, capacity=Capacity(accounts=4, slots=4, orders=8, journal=8))
    alice = engine.open("alice")
    asset = engine.instruments.asset_index[engine.market.quote]
    answers = [engine.event(Kind.DEPOSIT, 0, alice, asset, 1) for _ in range(12)]
    assert answers == [Status.OK] * 7 + [Status.BACKPRESSURE] * 5
    assert engine.balances() == [(alice, asset, 7)]
    path = tmp_path / "full.sqlite"
    room = np.zeros((3, WORDS), dtype=np.int64)
    assert engine.drain(room) == 3
    assert room[:, 0].tolist() == [1, 2, 3]
    assert engine.event(Kind.DEPOSIT, 0, alice, asset, 1) == Status.OK
    with pytest.raises(JournalError, match="must stand at event 0"):
        Journal(path, engine)


def test_a_journal_needs_a_ring(tmp_path):
    desk = host.load(host.SEED)
    prepared = load_method(desk.methods["isolated"]).prepare(desk.instruments, desk.market)
    engine = RiskEngine(prepared, capacity=Capacity(accounts=1, slots=1, orders=1, journal=0))
    with pytest.raises(JournalError, match="journal must be above 0"):
        Journal(tmp_path / "none.sqlite", engine)


def test_a_fault_of_the_storage_is_raised(tmp_path):
    engine = host.engine()
    journal = Journal(tmp_path / "events.sqlite", engine)
    journal.base.execute("DROP TABLE blocks")
    engine.open("alice")
    with pytest.raises(JournalError, match="writable"):
        journal.flush()
    assert engine.durable() == 0
    with pytest.raises(JournalError, match="writable"):
        journal.close()


def test_texts_read_back_exactly():
    engine = host.engine()
    assert instruments_of(instruments_text(engine.instruments)) == engine.instruments
    assert market_of(market_text(engine.market)) == engine.market
