"""Desks of the latency table: a plan of one slot and ``worst``, its options, and engines filled by events."""

import numpy as np

import desk
from crossmargin import Asset, Instrument, Instruments, Market, Observation
from crossmargin._core.events import Kind
from crossmargin.account import Capacity, RiskEngine
from crossmargin.instruments import Kind as Sort
from crossmargin.instruments import Right, expiry_key
from crossmargin.liquidation.holdings import events
from crossmargin.margin import Method, Prepared
from crossmargin.margin.keys import Keys
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.program import Program
from crossmargin.margin.scenarios import Grid
from crossmargin.scenario.revalue import risk_array
from latency_host import Host, Questions
from sizes import GRID

AS_OF, DAY, INDEX, EXPIRIES = 1_700_000_000 * 10**9, 86_400 * 10**9, 2000.0, 5
CASH = 8 * 10**12  # atoms of each account, so that checks are accepted: of a million accounts less than 2^63
LOW, HIGH = 900, 1100  # ticks of orders


class OneSlot(Method, frozen=True, kw_only=True, tag="one slot"):
    """The least plan: surplus = cash - open cost + worst over the scenarios of what the positions are worth."""

    scenarios: Grid

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        cash = m.holding("balance", source="balance", axis="asset")
        m.equity("cash less costs", cash.sum("price") - costs.sum("cost_price"))
        worst = positions.sum("worth", rows="scenario").worst()
        m.charge("worst", -worst * m.given("factor", rows="level"))
        return m.build()

    def axes(self, instruments: Instruments) -> dict:
        keys = Keys.of(instruments)
        keys.rows["scenario"] = self.scenarios.build(self.name).labels
        return keys.shape()

    def tables(self, instruments: Instruments, market: Market) -> dict:
        array = risk_array(instruments, market, self.scenarios.build(self.name))
        return {
            "worth": array.lots + (array.value * array.settlement_price)[:, None],
            "cost_price": array.settlement_price * instruments.atom[instruments.settlement],
            "price": [market.price(a.id, a.underlying) * 10.0**-a.decimals for a in instruments.assets],
            "factor": (1.0, 1.0),
        }


def options(underlyings: int, each: int) -> Instruments:
    """Calls and puts of five expiries on strikes around the index, for every underlying."""
    strikes = np.linspace(0.7 * INDEX, 1.3 * INDEX, each // (2 * EXPIRIES)).round(2).tolist()
    names = [f"U{number:02d}" for number in range(underlyings)]
    rows = [
        Instrument(
            id=f"{name}-{week}-{strike:.2f}-{right[0].upper()}", kind=Sort.OPTION, underlying=name, settlement="USDC",
            strike=strike, right=Right(right), expiry=AS_OF + 7 * week * DAY,
        )
        for name in names for week in range(1, EXPIRIES + 1) for strike in strikes for right in ("call", "put")
    ]  # fmt: skip
    return Instruments.of(rows, [Asset(id="USDC", decimals=6)])


def market(table: Instruments) -> Market:
    names = sorted({row.underlying for row in table})
    seen = [Observation(subject="USDC", field="index", value=1.0)]
    for name in names:
        seen.append(Observation(subject=name, field="index", value=INDEX))
        seen += [Observation(subject=expiry_key(name, AS_OF + 7 * week * DAY), field="forward", value=INDEX)
                 for week in range(1, EXPIRIES + 1)]  # fmt: skip
    for field, value in (("volatility", 0.5), ("mark", 10.0)):
        seen += [Observation(subject=row.id, field=field, value=value) for row in table]
    return Market.of(seen, as_of=AS_OF, quote="USD")


def moved(name: str, index: float) -> list[Observation]:
    """A mark of one underlying: its index and its forwards."""
    keys = [expiry_key(name, AS_OF + 7 * week * DAY) for week in range(1, EXPIRIES + 1)]
    return [Observation(subject=name, field="index", value=index),
            *(Observation(subject=key, field="forward", value=index) for key in keys)]  # fmt: skip


def one_slot(underlyings: int, each: int) -> Prepared:
    moves, volatility = np.linspace(-0.15, 0.15, GRID[0]), np.linspace(-0.3, 0.3, GRID[1])
    grid = Grid(moves=tuple(moves.tolist()), volatility=tuple(volatility.tolist()))
    table = options(underlyings, each)
    return OneSlot(name="one slot", scenarios=grid).prepare(table, market(table))


def derive() -> Prepared:
    table = desk.instruments()
    return desk.method().prepare(table, desk.market(table))


def engine_of(prepared: Prepared, accounts: int, slots: int, orders: int) -> RiskEngine:
    capacity = Capacity(accounts=accounts, slots=slots, orders=orders, journal=0, notional=1e8)
    return RiskEngine(prepared, capacity=capacity)


def enrol(host: Host, engine: RiskEngine, accounts: int, atoms: int = CASH) -> np.ndarray:
    """Open accounts with cash; handles, for events: no names are kept, a million of them would take a while."""
    handles = np.arange(accounts)
    cash = engine.instruments.asset_index["USDC"]
    host.load(engine, events(Kind.ENROL, handles, cash, handles + 1))
    host.load(engine, events(Kind.DEPOSIT, handles, cash, atoms))
    return handles


def holdings(rng: np.random.Generator, accounts: int, each: int, n_items: int) -> np.ndarray:
    """Distinct instruments of every account, (accounts, each)."""
    if each * 4 > n_items:
        return np.argsort(rng.random((accounts, n_items)), axis=1)[:, :each]
    start, step = rng.integers(0, n_items, accounts), rng.integers(1, n_items // each, accounts)
    return (start[:, None] + step[:, None] * np.arange(each)) % n_items


def bring(host: Host, engine: RiskEngine, items: np.ndarray, lots: np.ndarray, cost: int = 10**6) -> None:
    """Give every account positions."""
    owner = np.repeat(np.arange(len(items)), items.shape[1])
    host.load(engine, events(Kind.BRING, owner, items.ravel(), lots.ravel(), cost))


def rest(host: Host, engine: RiskEngine, items: np.ndarray, levels: int, rng: np.random.Generator) -> None:
    """Give every account one order in each of its first instruments, each a level of its own."""
    owner, chosen = np.repeat(np.arange(len(items)), levels), items[:, :levels].ravel()
    lots = rng.integers(1, 4, owner.size) * rng.choice((-1, 1), owner.size)
    ticks = rng.integers(LOW, HIGH, owner.size)
    host.load(engine, events(Kind.REST, owner, np.arange(owner.size) + 1, chosen, lots, ticks))


def signed(rng: np.random.Generator, shape: tuple[int, ...], most: int = 9) -> np.ndarray:
    """Lots, never 0."""
    return rng.integers(1, most + 1, shape) * rng.choice((-1, 1), shape)


def questions(rng: np.random.Generator, m: int, accounts: int, items: np.ndarray) -> Questions:
    """Orders of random accounts in random ones of the instruments."""
    return (rng.integers(0, accounts, m), items[rng.integers(0, len(items), m)], rng.integers(1, 4, m),
            rng.integers(LOW, HIGH, m))  # fmt: skip
