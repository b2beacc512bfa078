"""A host with a journal: a deterministic stream of events; prints the last durable event, as one that acknowledges it.

    python journal_host.py FILE EVENTS    # until it is killed, or has applied so many
"""

import sys
from pathlib import Path

import numpy as np

from crossmargin import load
from crossmargin._core.events import Kind
from crossmargin._core.status import Status
from crossmargin.account import Capacity, RiskEngine
from crossmargin.account.journal import Journal
from crossmargin.margin import load_method
from crossmargin.market import Observation

SEED = Path(__file__).resolve().parents[2] / "seeds" / "market-maker.json"
CAPACITY = Capacity(accounts=8, slots=16, orders=256, journal=1024)


def engine():
    desk = load(SEED)
    prepared = load_method(desk.methods["portfolio"]).prepare(desk.instruments, desk.market)
    return RiskEngine(prepared, capacity=CAPACITY, fee="0.0002")


def stream(engine):
    """Steps, each of which applies one event at least or is refused; the same from the same engine every time."""
    rng = np.random.default_rng(5)
    index = next(o for o in engine.market.seen.values() if o.field == "index")
    for n in range(4):
        yield lambda n=n: engine.open(f"account {n}")
    for n in range(4):
        yield lambda n=n: engine.event(Kind.DEPOSIT, 0, n, engine.instruments.asset_index[engine.market.quote], 10**8 * (n + 1))
    order = 0
    while True:
        order += 1
        account, item, lots = (int(x) for x in (rng.integers(4), rng.integers(len(engine.instruments)), rng.integers(-5, 6) or 1))
        ticks, what, move = int(rng.integers(500, 2000)), int(rng.integers(10)), float(rng.uniform(0.98, 1.02))
        if what == 0:
            fresh = Observation(subject=index.subject, field="index", value=index.value * move)
            yield lambda fresh=fresh: engine.mark([fresh])
        elif what < 4:
            yield lambda n=order, a=account: engine.cancel(a, max(n - 7, 1))
        elif what < 5:
            yield lambda a=account, i=item, t=ticks: engine.trade(a, 0, (a + 1) % 4, 0, i, 3, t, 7, 2)
        else:
            yield lambda a=account, n=order, i=item, q=lots, t=ticks: engine.place(a, n, i, q, t)


def wait(step):
    """Apply a step, again while the journal has no room."""
    status = step()
    while status == Status.BACKPRESSURE:
        status = step()


def main(path, events):
    made = engine()
    with Journal(path, made, window=0.002):
        seen = 0
        for step in stream(made):
            wait(step)
            if made.durable() > seen:
                seen = made.durable()
                print(seen, flush=True)
            if made.sequence() >= events:
                break
    print("done", made.sequence(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
