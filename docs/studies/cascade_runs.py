"""One crash day under three margin methods for cascade.py: the made crowd, the methods, the market, and the run."""

from dataclasses import dataclass

import numpy as np
from cascade_days import EQUITY, FIRST, OIL, Case

from crossmargin import Asset, Instrument, Instruments, Market, Observation
from crossmargin.instruments import Kind
from crossmargin.liquidation.cascade import CascadeRules
from crossmargin.liquidation.comparison import MethodOutcome, compare_methods, gross, same_cash, same_usage
from crossmargin.liquidation.crowd import Crowd
from crossmargin.liquidation.impact import Contagion, LinearImpact, Liquidators, Liquidity, Oracle, SquareRootImpact
from crossmargin.margin import Haircut, IsolatedMargin, ScenarioMargin, TieredMargin, Tiers
from crossmargin.margin.scenarios import Grid

OFFSET, EDGE, STEEPER = 0.8, 100_000.0, 2.0  # of a gain against others' losses; where the tier rises, and how much
PENALTY, SPREAD, FUND = 0.005, 0.0005, 0.01  # of closed notional, of the price, of gross notional
ACCOUNTS, POSITIONS, SIZE, LONG = 10_000, {OIL: 3, EQUITY: 4}, 10_000.0, 0.6
ROUNDS = 100  # at most
VIEWS = {"same cash": same_cash, "same usage": same_usage}
METHODS = ("isolated", "tiered", "portfolio")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is assumed of a run; ``traded``: gross notional of the crowd in average days of the market's volume."""

    traded: float = 4.0
    headroom: float = 0.5
    contagion: bool = True
    root: bool = False
    exponent: float | None = None  # None: as calibrated
    lag: int = 0
    delay: int = 0
    capacity: float = np.inf  # of gross notional, a round
    long: float = LONG
    seed: int = 0
    accounts: int = ACCOUNTS

    def rules(self, case, total):
        exponent = (0.0 if self.root else case.exponent) if self.exponent is None else self.exponent
        return CascadeRules(
            penalty=PENALTY * case.scale, half_spread=SPREAD * case.scale,
            impact=SquareRootImpact() if self.root else LinearImpact(),
            liquidity=Liquidity(calm=case.calm, exponent=exponent),
            contagion=case.contagion if self.contagion else Contagion(),
            oracle=Oracle(lag=self.lag), liquidators=Liquidators(delay=self.delay, capacity=self.capacity * total),
            max_rounds=ROUNDS,
        )  # fmt: skip

    def depth(self, case, held):
        """By underlying, as the impact model reads it: for a move of 100 per cent, or the volume of a day."""
        volume = {name: amount / self.traded for name, amount in held.items()}
        return volume if self.root else {name: volume[name] / case.impact[name] for name in volume}


@dataclass(frozen=True, kw_only=True)
class Found:
    """What came of a run; fractions of prices before the day and of the gross notional at them."""

    case: Case
    gross: float
    row: MethodOutcome

    @property
    def path(self):
        """Price of the market's first underlying before the day, after the shock, and after each round."""
        factor = np.concatenate([[1.0], self.row.path[FIRST[self.case.market]]])
        return 1.0 + (factor - 1.0) / self.case.scale

    @property
    def further(self):
        return float(self.path[1] - self.path[-1])

    @property
    def n_rounds(self):
        """Rounds until nobody was left, or that it was stopped."""
        return self.row.n_rounds if self.row.result.ended else f"{ROUNDS}, not ended"

    @property
    def leverage(self):
        return self.gross / self.row.equity

    @property
    def closed(self):
        return self.row.closed * self.case.scale / self.gross

    @property
    def liquidated(self):
        return self.row.liquidated / self.row.accounts

    @property
    def fund(self):
        return self.row.insurance_used / self.gross

    @property
    def socialised(self):
        return self.row.socialised / self.gross

    @property
    def deficits(self):
        """By round, cumulated: what the fund paid, and what nobody could."""
        return np.cumsum([r.from_fund + r.socialised for r in self.row.result.rounds]) / self.gross


def desk(case):
    """Two contracts an underlying, so that there is something to net within one."""
    listed, seen = [], [Observation(subject="USD", field="index", value=1.0)]
    for name, price in case.price.items():
        seen.append(Observation(subject=name, field="index", value=price))
        for item in (f"{name} future", f"{name} swap"):
            terms = {"underlying": name, "settlement": "USD", "lot": "0.01", "tick": "0.01"}
            listed.append(Instrument(id=item, kind=Kind.PERPETUAL, **terms))
            seen.append(Observation(subject=item, field="mark", value=price))
    return Instruments.of(listed, [Asset(id="USD", decimals=6)]), Market.of(seen, as_of=10**18, quote="USD")


def methods_of(case):
    """One rate an underlying, three ways to add: each position alone, by size of the net, joint scenarios."""
    cash, levels = (Haircut(asset="USD"),), (1.0, case.maintenance)
    scan = {"scenarios": Grid(moves=(-1.0, -0.5, 0.5, 1.0), ranges=case.initial), "collateral": cash, "factor": levels}
    tiers = {}
    for name, rate in case.initial.items():
        steps = np.minimum([rate, STEEPER * rate], 1.0)
        initial, maintenance = (tuple((level * steps).tolist()) for level in levels)
        tiers[name] = Tiers(edges=(0.0, EDGE / case.scale), initial=initial, maintenance=maintenance)
    offsets = dict.fromkeys(case.price, OFFSET)
    made = (
        IsolatedMargin(name="isolated", **scan),
        TieredMargin(name="tiered", collateral=cash, schedules=tiers, net_by="underlying"),
        ScenarioMargin(name="portfolio", between_groups="joint", offsets=offsets, **scan),
    )
    return {method.name: method.prepare(*desk(case)) for method in made}


def accounts_of(case, view, setting):
    """Methods made ready, each one's book, and gross notional by underlying."""
    ready = methods_of(case)
    crowd = Crowd(accounts=setting.accounts, positions=POSITIONS[case.market], size=SIZE / case.scale,
                  long=setting.long, headroom=setting.headroom, seed=setting.seed)  # fmt: skip
    books = VIEWS[view](ready, crowd, "USD")
    return ready, books, gross(ready[METHODS[0]], books[METHODS[0]])


def apart(case, view, setting):
    """Accounts that are long the market's first underlying and short all others together."""
    ready, books, _ = accounts_of(case, view, setting)
    table, rows = books[METHODS[0]].positions, list(ready[METHODS[0]].instruments)
    first = np.array([row.underlying == FIRST[case.market] for row in rows])[table["instrument"]]
    value = table["lots"] * np.array([case.price[row.underlying] for row in rows])[table["instrument"]]
    owner = np.repeat(np.arange(setting.accounts), np.diff(table.start))
    one, others = (np.bincount(owner, value * part, setting.accounts) for part in (first, ~first))
    return (one > 0) & (others < 0)


def run(case, view, setting):
    """Each method's outcome on one day."""
    ready, books, held = accounts_of(case, view, setting)
    true = sum(amount * case.unshifted(name) for name, amount in held.items())
    found = compare_methods(
        ready, books, case.shock, depth=setting.depth(case, held), fund=FUND * true,
        rules=setting.rules(case, sum(held.values())), seed=setting.seed,
    )  # fmt: skip
    return {name: Found(case=case, gross=true, row=row) for name, row in found.items()}


def arithmetic(case, view, setting):
    """A day's prices on the books, whatever their sign, nothing after: deficits of gross, and whose equity is < 0."""
    ready, books, held = accounts_of(case, view, setting)
    moved = {(name, "index"): p * (1.0 + case.shock[name]) for name, p in case.price.items()}
    moved |= {(f"{name} {kind}", "mark"): moved[name, "index"] for name in case.price for kind in ("future", "swap")}
    found = {}
    for name, prepared in ready.items():
        values = prepared.remark(prepared.market.replacing(moved)).values(books[name], ("equity",))
        equity = values["equity"][:, -1]
        found[name] = (float(-np.minimum(equity, 0.0).sum() / sum(held.values())), float((equity < 0).mean()))
    return found
