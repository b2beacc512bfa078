"""The portfolio margin that Deribit superseded in 2024, which other venues copied: a grid and contingencies.

    margin = -min over the grid + rate min(sum of long, sum of short futures) + rate (short options), in index coins

A future moves with its own forward, an option by Black-76; the volatility moves by ``move (30 / days)^power``. Futures
that offset across expiries pay on one side; options pay per net short of a strike, or on the gross count.
Sources: Deribit's superseded portfolio margin pages; Dederi's portfolio margin page.
"""

from dataclasses import replace
from math import exp
from typing import Any, Literal

import msgspec
import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.instruments import Instrument, Instruments, Kind, Payoff
from crossmargin.margin.listing import Listing
from crossmargin.margin.method import Method, check_choices
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.program import Program
from crossmargin.market import Market
from crossmargin.scenario.revalue import Options, asset_prices, lot_values, marks
from crossmargin.scenario.sets import label

DAYS_OF_POWER, YEAR = 30.0, 365.0
DAY_NS = 86_400 * 10**9
SHOCKS = (-1.0, 0.0, 1.0)


class SupersededMargin(Method, frozen=True, kw_only=True, tag="superseded_portfolio"):
    """Linear futures and options; one requirement for both levels."""

    moves: tuple[float, ...]
    volatility_move: float
    power: float
    mode: Literal["relative", "absolute"] = "relative"
    future_rate: float = 0.0
    future_count: Literal["offsetting", "gross"] = "offsetting"
    option_rate: float = 0.0
    option_count: Literal["short", "gross"] = "short"
    option_netting: Literal["strike", "series"] = "strike"  # across expiries, as the page's words say, or within one
    forwards: Literal["market", "basis"] = "market"  # of futures: observed, or the index grown at the expiry's rate

    def __post_init__(self) -> None:
        check_choices(self, f"of {self.name!r}")
        moves = check.floats("moves", self.moves)
        check.require_all("moves", "be > -1", moves, moves > -1.0)
        for name in ("volatility_move", "power", "future_rate", "option_rate"):
            check.number(name, getattr(self, name), f"of {self.name!r}", low=0.0)

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        balances = m.holding("balance", source="balance", axis="asset")
        gain = positions.sum("gain", by="underlying", rows="scenario")
        m.charge("worst loss", (-m.min(gain.worst(), 0)).total())

        # Futures that offset across expiries, one side counted; or every contract.
        future = positions.sum("future", by="expiry")
        both = m.min(future.positive().total("underlying"), future.short().total("underlying")).total()
        every = abs(positions.sum("future", by="each")).total()
        m.charge("future contingency", both * m.given("offsetting_rate") + every * m.given("gross_future_rate"))

        # Options: what is sold net of a strike, calls and puts together; or every contract.
        short = positions.sum("option", by="netted").short().total()
        gross = abs(positions.sum("option", by="each")).total()
        m.charge("option contingency", short * m.given("short_rate") + gross * m.given("gross_option_rate"))
        m.equity("positions", positions.sum("value") - costs.sum("cost_price"))
        m.equity("balances", balances.sum("unit_value"))
        m.output("scenarios", gain.total())
        return m.build()

    def takes(self, row: Instrument) -> bool:
        return row.payoff is Payoff.LINEAR and row.kind is not Kind.SPOT

    def listing(self, instruments: Instruments) -> Listing:
        return Listing.of(instruments, self.takes, lambda _: True)

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        listing = self.listing(instruments)
        keys = listing.keys(("position", "cost"))
        keys.add_tree(listing.instruments)
        series = [keys.labels["strike"][i] for i in keys.maps["instrument", "strike"]]
        strikes = [f"{row.underlying}:{row.strike!r}" for row in listing.instruments]
        keys.add("instrument", "netted", strikes if self.option_netting == "strike" else series)
        keys.rows["scenario"] = tuple(label(x, v * self.volatility_move) for x in self.moves for v in SHOCKS)
        return keys.shape()

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Profits over the grid, sizes in index coins, rates."""
        taken = self.listing(instruments).instruments
        mark, settled = marks(taken, market), asset_prices(taken, market)
        index = np.array([market.value("index", row.underlying) for row in taken])
        option = np.array([row.kind is Kind.OPTION for row in taken])
        price = settled[taken.settlement]
        offsetting, short = self.future_count == "offsetting", self.option_count == "short"
        return {
            "gain": self.profits(taken, market) * price[:, None],
            "future": taken.multiplier * index * ~option,
            "option": taken.multiplier * index * option,
            "offsetting_rate": self.future_rate if offsetting else 0.0,
            "gross_future_rate": 0.0 if offsetting else self.future_rate,
            "short_rate": self.option_rate if short else 0.0,
            "gross_option_rate": 0.0 if short else self.option_rate,
            "value": lot_values(taken, mark) * price,
            "cost_price": price * taken.atom[taken.settlement],
            "unit_value": settled * taken.atom,
        }

    def profits(self, taken: Instruments, market: Market) -> Floats:
        """Profit of one lot over the grid, settlement asset, price-major."""
        x = np.repeat(np.array(self.moves), len(SHOCKS))
        forwards = [self.forward(market, row, key) for row, key in zip(taken, taken.expiry_keys, strict=True)]
        out: Floats = taken.multiplier[:, None] * np.array(forwards)[:, None] * x
        o = self.options(taken, market, forwards)
        if len(o):
            moved = o.values(o.forward[:, None] * (1.0 + x), self.shocked(o))
            out[o.row] = taken.multiplier[o.row][:, None] * (
                moved - o.values(o.forward[:, None], o.volatility[:, None])
            )
        return out

    def options(self, taken: Instruments, market: Market, forwards: list[float]) -> Options:
        """Undiscounted, on the forward of their expiry as the method reads it."""
        o = Options.of(taken, market)
        on = np.array(forwards, dtype=np.float64)[o.row] if self.forwards == "basis" else o.forward
        return replace(o, forward=on, discount=np.ones(len(o)))

    def forward(self, market: Market, row: Instrument, key: str) -> float:
        """What a future moves with; without an observed forward its mark."""
        if self.forwards == "basis":
            days = 0.0 if row.expiry is None else max((row.expiry - market.as_of) / DAY_NS, 0.0)
            return forward(market.value("index", row.underlying), market.get("rate", key, 0.0), days)
        return market.value("forward", key) if market.has("forward", key) else market.value("mark", row.id)

    def shocked(self, o: Options) -> Floats:
        """Volatilities over the grid, (options, scenarios)."""
        change = volatility_move(self.volatility_move, self.power, o.years * 365.0)[:, None]
        shock = change * np.tile(SHOCKS, len(self.moves))
        base = o.volatility[:, None]
        return np.maximum(base * (1.0 + shock) if self.mode == "relative" else base + shock, 0.0)


def volatility_move(move: float, power: float, days: Floats) -> Floats:
    """``move (30 / days)^power``, days at least 1."""
    return move * (DAYS_OF_POWER / np.maximum(days, 1.0)) ** power


def forward(index: float, basis_rate: float, days: float) -> float:
    """``index exp(abr days / 365)``: abr is the annualised basis rate, read as continuous."""
    return index * exp(basis_rate * days / YEAR)


def grid(widest: float, step: float) -> tuple[float, ...]:
    """Moves from -widest to +widest."""
    n = round(widest / step)
    return tuple(round(k * step, 12) for k in range(-n, n + 1))


PAGES = "deribit.com/pages/docs/portfoliomargin, superseded"


def deribit(*, older: bool = False) -> SupersededMargin:
    """Deribit's model before 2024, or the older one before it (wider grid, gross option count, doubled futures)."""
    if older:
        return SupersededMargin(
            name="Deribit portfolio margin, older superseded", source=PAGES, moves=grid(0.125, 0.025),
            volatility_move=0.40, power=0.5, future_rate=0.02, option_rate=0.01, option_count="gross",
        )  # fmt: skip
    return SupersededMargin(
        name="Deribit portfolio margin, superseded", source=PAGES, moves=grid(0.10, 0.02),
        volatility_move=0.38, power=0.3, future_rate=0.01, option_rate=0.01,
    )  # fmt: skip


def blog_copy() -> SupersededMargin:
    """Deribit's superseded model as a blog quotes it: 0.5 % of the gross option count."""
    return msgspec.structs.replace(
        deribit(), name="Deribit portfolio margin, superseded, as quoted", source="riskingtime.com/tag/deribit",
        option_rate=0.005, option_count="gross",
    )  # fmt: skip
