"""What host.c runs in its interpreter: the engine, its accounts, and the checks in Python. ``argv``: seed, method."""

import sys
from time import monotonic

from crossmargin import load
from crossmargin.account import Capacity, RiskEngine
from crossmargin.margin import Prepared, load_method

LISTED = ("SPX-20160318", "GOOG", "SPX-20160115-2045-P", "SPX-20160219-2035-C", "SPX-20160617-1975-P")
N_ACCOUNTS = 48
SECONDS = 120  # after which checks that do not end are taken to wait for the lock


def prepared(seed: str, method: str) -> Prepared:
    """A method of the seed at its market."""
    desk = load(seed)
    return load_method(desk.methods[method]).prepare(desk.instruments, desk.market)


def mark_of(base: Prepared, row: int) -> int:
    """Mark of an instrument, ticks; a future's is its forward."""
    terms, market = base.instruments.rows[row], base.market
    index = market.value("index", terms.underlying)
    forward = market.get("forward", base.instruments.expiry_keys[row], index)
    return round(market.get("mark", terms.id, forward) / float(terms.tick))


def opened(base: Prepared) -> RiskEngine:
    """An engine whose ring another thread drains."""
    capacity = Capacity(accounts=N_ACCOUNTS, slots=len(LISTED), orders=4 * N_ACCOUNTS, journal=8192)
    found = RiskEngine(base, capacity=capacity)
    for n in range(N_ACCOUNTS):
        found.open(f"account {n}")
    return found


def hold(flags: memoryview) -> int:
    """Turns of a loop that keeps the interpreter lock: whoever asked for it would wait longer than the loop runs."""
    sys.setswitchinterval(10 * SECONDS)
    end, turns = monotonic() + SECONDS, 0
    flags[0] = 1
    while not flags[1]:
        turns += 1
        if monotonic() > end:
            raise TimeoutError(f"no end of the checks after {SECONDS} s")
    return turns


def verify(sequence: int, trades: int) -> str:
    """What holds after any session, or an exception."""
    left, lots = engine.imbalance(), dict.fromkeys(range(len(engine.instruments)), 0)
    for _, instrument, held, *_ in engine.positions():
        lots[instrument] += held
    if any(left.values()) or any(lots.values()):
        raise ValueError(f"money or lots appeared or vanished: {left}, {lots}")
    if engine.orders() or engine.sequence() != sequence:
        raise ValueError("orders rest that were cancelled, or events were applied that the host does not know")
    return f"verified after {trades} trades: imbalance {left}, lots sum to 0, no order rests"


base = prepared(*sys.argv[1:])
engine = opened(base)
gate, time = engine.capsule(), engine.time
asset = base.instruments.asset_index[base.market.quote]
listed = [(row, mark_of(base, row)) for row in map(base.instruments.index.__getitem__, LISTED)]
