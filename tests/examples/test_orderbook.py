"""The order book behind the gate: the example runs, is repeatable, and its checks notice what goes wrong."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from crossmargin._core.status import Status

pytest.importorskip("orderly_chaos", reason="the books of this example are in the extra hosts: pip install '.[hosts]'")

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "hosts" / "orderbook"
MODULES = ("host", "measure", "run", "stream", "venue", "verify")
N = 5000


@pytest.fixture
def example(monkeypatch):
    """The example's modules by name, none of which outlives the test."""
    monkeypatch.syspath_prepend(FOLDER)
    for name in MODULES:
        sys.modules.pop(name, None)
    yield {name: __import__(name) for name in MODULES}
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def taken(example):
    """A host with a gate that has taken a stream, and the stream."""
    venue = example["venue"]
    base = venue.prepared("portfolio")
    rows = venue.listings(base)
    messages = example["stream"].stream(rows, venue.N_ACCOUNTS, N)
    host = example["host"].GatedHost([row.instrument for row in rows], venue.opened(base))
    host.run(messages)
    return host, messages, rows


def test_the_command_prints_both_rates_and_verifies():
    done = subprocess.run([sys.executable, FOLDER / "run.py", str(N)], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert len(re.findall(r"host with(?:out)? the gate +[\d,]+ orders/s", done.stdout)) == 2
    assert "verified: imbalance 0, lots sum to 0" in done.stdout
    assert re.search(r"gate / books: \d+\.\d\d", done.stdout)


def test_the_stream_is_repeatable_and_mixed_as_said(example, taken):
    host, messages, rows = taken
    assert messages == example["stream"].stream(rows, example["venue"].N_ACCOUNTS, N)
    new = sum(kind == example["host"].PLACE for kind, *_ in messages)
    assert abs(new / N - 0.3) < 0.03
    assert host.trades > 0.02 * N
    assert set(host.refused) <= {Status.REFUSED}


def test_books_and_gate_agree_and_the_check_sees_when_not(example, taken):
    host, verify = taken[0], example["verify"].verify
    verify(host)
    order = next(iter(host.account))
    assert host.engine.cancel(host.account[order], order) == 0
    with pytest.raises(ValueError, match="rest on one side alone"):
        verify(host)


def test_what_the_gate_refuses_never_reaches_the_book(example, taken):
    host, _, rows = taken
    before, resting = host.refused[Status.REFUSED], sum(map(len, host.books.values()))
    host.place(0, 10**9, rows[0].instrument, 200, rows[0].ticks - 10)
    assert host.refused[Status.REFUSED] == before + 1
    assert sum(map(len, host.books.values())) == resting
    assert 10**9 not in host.lots


def test_a_refused_amendment_leaves_the_order_as_it_is(example, taken):
    host, _, rows = taken
    item, ticks = rows[0].instrument, rows[0].ticks - 50
    host.place(0, 10**9, item, 1, ticks)
    host.amend(0, 10**9, item, 200, ticks)
    assert (host.lots[10**9], host.books[item].get(10**9).quantity) == (1, 1)
    example["verify"].verify(host)


def test_recorded_calls_lead_another_engine_to_the_same_state(example, taken):
    host, messages, rows = taken
    measure, venue = example["measure"], example["venue"]
    base = host.engine.prepared
    asked, _ = measure.recorded([row.instrument for row in rows], venue.opened(base), messages)
    again = venue.opened(base)
    measure.repeat(measure.bound(asked, {measure.GATE: again}))
    assert again.snapshot() == host.engine.snapshot()
