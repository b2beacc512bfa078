"""A desk for the scenario method: options on one underlying settled in its quote currency, 45 scenarios."""

import numpy as np

from crossmargin import Account, Asset, Book, Instrument, Instruments, Market, Observation
from crossmargin.instruments import Kind, Right, expiry_key
from crossmargin.margin.prepared import Prepared
from crossmargin.margin.scenario_margin import ScenarioMargin
from crossmargin.margin.scenarios import Grid
from sizes import GRID, MOST_POSITIONS, POSITIONS

AS_OF, DAY = 1_700_000_000 * 10**9, 86_400 * 10**9
INDEX, EXPIRIES = 2000.0, 25


def instruments(number: int) -> Instruments:
    """Calls and puts of 25 expiries on strikes around the index."""
    strikes = np.linspace(0.7 * INDEX, 1.3 * INDEX, number // (2 * EXPIRIES)).round(2)
    options = [
        Instrument(
            id=f"U-{week:02d}-{strike:.2f}-{right[0].upper()}", kind=Kind.OPTION, underlying="U", settlement="USDC",
            strike=float(strike), right=Right(right), expiry=AS_OF + 7 * week * DAY,
        )
        for week in range(1, EXPIRIES + 1) for strike in strikes for right in ("call", "put")
    ]  # fmt: skip
    return Instruments.of(options, [Asset(id="USDC", decimals=6)])


def market(table: Instruments) -> Market:
    """Forwards at the index, one volatility, one mark for all."""
    seen = [Observation(subject="U", field="index", value=INDEX),
            Observation(subject="USDC", field="index", value=1.0)]  # fmt: skip
    for week in range(1, EXPIRIES + 1):
        seen.append(Observation(subject=expiry_key("U", AS_OF + 7 * week * DAY), field="forward", value=INDEX))
    for field, value in (("volatility", 0.5), ("mark", 10.0)):
        seen += [Observation(subject=row.id, field=field, value=value) for row in table]
    return Market.of(seen, as_of=AS_OF, quote="USD")


def prepared(number: int) -> Prepared:
    """The worst of 45 scenarios, no charges beside it: what is measured is the scan."""
    moves, volatility = np.linspace(-0.15, 0.15, GRID[0]), np.linspace(-0.3, 0.3, GRID[1])
    grid = Grid(moves=tuple(moves.tolist()), volatility=tuple(volatility.tolist()))
    table = instruments(number)
    return ScenarioMargin(name="scan", scenarios=grid, collateral=()).prepare(table, market(table))


def random_book(table: Instruments, accounts: int) -> Book:
    """Accounts of 1 to 39 positions in random instruments, 20 on average, less those drawn twice."""
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(accounts), rng.integers(1, MOST_POSITIONS + 1, accounts))
    owner, item = np.divmod(np.unique(owner * len(table) + rng.integers(0, len(table), owner.size)), len(table))
    return book(table, accounts, owner, item, rng.integers(-10, 11, owner.size))


def hot_book(table: Instruments, accounts: int) -> Book:
    """Accounts that all hold the same 64 positions."""
    lots = np.random.default_rng(1).integers(-10, 11, POSITIONS)
    owner, item = np.repeat(np.arange(accounts), POSITIONS), np.tile(np.arange(POSITIONS), accounts)
    return book(table, accounts, owner, item, np.tile(lots, accounts))


def book(table: Instruments, accounts: int, owner: np.ndarray, item: np.ndarray, lots: np.ndarray) -> Book:
    held = [Account(id=f"{n:07d}", currency="USDC") for n in range(accounts)]
    return Book.of(table, held, positions={"account": owner, "instrument": item, "lots": lots})
