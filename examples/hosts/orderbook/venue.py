"""The venue: a few instruments of the market maker's seed under one of its methods, and accounts with cash."""

from dataclasses import dataclass
from pathlib import Path

from crossmargin import load
from crossmargin.account import Capacity, RiskEngine
from crossmargin.errors import raise_for_status
from crossmargin.margin import Prepared, load_method

SEED = Path(__file__).resolve().parents[3] / "seeds" / "market-maker.json"
LISTED = (
    "SPX-20160318", "GOOG", "SPX-20160115-2045-P", "SPX-20160115-2120-C", "SPX-20160219-2035-C", "SPX-20160219-2110-P",
    "SPX-20160318-2080-C", "SPX-20160617-1975-P",
)  # fmt: skip
N_ACCOUNTS = 300
CASH = ("400000", "2000000", "4000000", "10000000", "40000000")  # USD, by turns: the first are refused at times
MOST_RESTING = 16384


@dataclass(frozen=True)
class Listing:
    """One instrument as order messages name it: its handle and its mark, ticks."""

    instrument: int
    ticks: int


def prepared(method: str) -> Prepared:
    """A method of the seed at its market."""
    desk = load(SEED)
    return load_method(desk.methods[method]).prepare(desk.instruments, desk.market)


def listings(base: Prepared) -> list[Listing]:
    """What trades here; a future is marked at its forward."""
    return [Listing(row, mark_of(base, row)) for row in map(base.instruments.index.__getitem__, LISTED)]


def mark_of(base: Prepared, row: int) -> int:
    """Mark of an instrument, ticks."""
    terms, market = base.instruments.rows[row], base.market
    index = market.value("index", terms.underlying)
    forward = market.get("forward", base.instruments.expiry_keys[row], index)
    return round(market.get("mark", terms.id, forward) / float(terms.tick))


def opened(base: Prepared) -> RiskEngine:
    """An engine with funded accounts: orders are judged at the worst fill of everything that rests. No journal."""
    capacity = Capacity(accounts=N_ACCOUNTS, slots=len(LISTED), orders=MOST_RESTING, journal=0)
    engine = RiskEngine(base, orders="worst_fill", capacity=capacity)
    for n in range(N_ACCOUNTS):
        account = engine.open(f"account {n}")
        raise_for_status(engine.deposit(account, "USD", CASH[n % len(CASH)]), "deposit")
    return engine
