"""Deribit standard margin, segregated and cross: every position alone, then summed; nothing nets.

    future: |q| min(base + increment |q|, 1) S, the rate of the whole size;   long option: nothing
    short call, in coin: IM = max(0.15 - otm, 0.10) + m,  MM = 0.075 + m
    short put: IM = max(max(0.15 - otm, 0.10) + m, MM),   MM = max(0.075, 0.075 m) + m

``otm`` is the out-of-the-money share of the index, m the mark in coin; dollar-settled options are the same times the
index. Options do not count in the equity: a short one requires its mark. Sources: the venue's Linear Perpetual page and
its notice of 2022-01-11 (futures); the option figures by third parties.
"""

from typing import Any

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.instruments import Instrument, Instruments, Kind, Payoff, Right
from crossmargin.margin.listing import Listing
from crossmargin.margin.method import Method, Parameters
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.program import Program
from crossmargin.margin.requirement import level_pair
from crossmargin.market import Market
from crossmargin.scenario.revalue import asset_prices, inverse_linear, lot_values, marks


class Schedule(Parameters, frozen=True, kw_only=True):
    """Rates of a future by size in base coins: ``base + increment |q|``, (initial, maintenance)."""

    base: tuple[float, float]
    increment: float

    def __post_init__(self) -> None:
        level_pair("base", self.base, "of schedule", high=1.0)
        check.number("increment", self.increment, "of schedule", low=0.0)


class OptionRates(Parameters, frozen=True, kw_only=True):
    """Short options, fractions of the index: ``rate`` less out-of-the-money, at least ``floor``, maintenance flat."""

    rate: float = 0.15
    floor: float = 0.10
    maintenance: float = 0.075

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            check.fraction(name, getattr(self, name), "of option rates")


class StandardMargin(Method, frozen=True, kw_only=True, tag="deribit_standard"):
    """Standard margin; ``schedules`` by ``underlying_settlement`` (``btc_btc``, ``sol_usdc``)."""

    schedules: dict[str, Schedule]
    options: OptionRates = OptionRates()
    currency: str | None = None

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        balances = m.holding("balance", source="balance", axis="asset")
        size = positions.sum("base", by="each")
        base, increment = (
            m.given("base_rate", key="instrument", rows="level"),
            m.given("increment", key="instrument", rows="level"),
        )
        notional = abs(size) * m.given("index", key="instrument")
        futures = (notional * m.min(abs(size) * increment + base, 1)).total()
        m.charge("futures", futures)
        m.output("futures rate", futures / notional.total())
        short = positions.sum(by="each").short()
        m.charge("options", (short * m.given("short_option", key="instrument", rows="level")).total())
        m.equity("futures profit", positions.sum("future_value") - costs.sum("cost_price"))
        m.equity("balances", balances.sum("unit_value"))
        return m.build()

    def listing(self, instruments: Instruments) -> Listing:
        return Listing.of(instruments, self.takes, lambda asset: self.currency in {None, asset.id})

    def takes(self, row: Instrument) -> bool:
        coin = row.payoff is Payoff.INVERSE and row.settlement == row.underlying
        known = f"{row.underlying}_{row.settlement}".lower() in self.schedules or row.kind is Kind.OPTION
        return row.kind is not Kind.SPOT and known and (coin or row.payoff is Payoff.LINEAR) and (
            self.currency in {None, row.settlement}
        )  # fmt: skip

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        return self.listing(instruments).keys(("position", "cost")).shape()

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Rates by size of futures, charges of short options, values."""
        taken = self.listing(instruments).instruments
        mark, settled = marks(taken, market), asset_prices(taken, market)
        future = np.array([row.kind is not Kind.OPTION for row in taken])
        index = np.array([market.value("index", row.underlying) for row in taken])
        found = [self.schedules.get(f"{row.underlying}_{row.settlement}".lower()) for row in taken]
        rates = [(0.0, 0.0) if s is None or not f else s.base for s, f in zip(found, future, strict=True)]
        steps = [0.0 if s is None or not f else s.increment for s, f in zip(found, future, strict=True)]
        return {
            "base": taken.multiplier / np.where(inverse_linear(taken), mark, 1.0),
            "index": index,
            "base_rate": np.array(rates).reshape(-1, 2),
            "increment": np.array([(s, s) for s in steps]).reshape(-1, 2),
            "short_option": option_table(self.options, taken, mark, index, settled[taken.settlement]),
            "future_value": lot_values(taken, mark) * settled[taken.settlement] * future,
            "cost_price": settled[taken.settlement] * taken.atom[taken.settlement],
            "unit_value": settled * taken.atom,
        }


def option_table(rates: OptionRates, taken: Instruments, mark: Floats, index: Floats, settled: Floats) -> Floats:
    """What one lot of each option requires when short, quote currency, by level."""
    out = np.zeros((len(taken), 2))
    for i in taken.select(Kind.OPTION).tolist():
        row = taken.rows[i]
        coin = row.payoff is Payoff.INVERSE
        m = mark[i] if coin else mark[i] / index[i]
        per_coin = short_option(rates, row.right is Right.CALL, float(row.strike or 0.0), index[i], m)
        out[i] = np.array(per_coin) * taken.multiplier[i] * (1.0 if coin else index[i]) * settled[i]
    return out


def short_option(rates: OptionRates, call: bool, strike: float, index: float, mark: float) -> tuple[float, float]:
    """Initial and maintenance of one short contract, in coin; ``mark`` in coin."""
    otm = max(0.0, strike - index if call else index - strike) / index
    initial = max(rates.rate - otm, rates.floor) + mark
    if call:
        return initial, rates.maintenance + mark
    maintenance = max(rates.maintenance, rates.maintenance * mark) + mark
    return max(initial, maintenance), maintenance


SOURCE = "support.deribit.com 25944826427293 (2022-01-11), Linear Perpetual (25944738177565)"
SCHEDULES = {
    "btc_btc": Schedule(base=(0.02, 0.01), increment=0.00005),
    "eth_eth": Schedule(base=(0.02, 0.01), increment=0.000004),
    "btc_usdc": Schedule(base=(0.02, 0.01), increment=0.00005),
    "sol_usdc": Schedule(base=(0.04, 0.02), increment=0.000005),
}


def standard_margin(currency: str | None = None) -> StandardMargin:
    """Schedules since 2022-01-11; segregated where a settlement currency is named."""
    kind = "cross" if currency is None else f"segregated {currency}"
    return StandardMargin(
        name=f"Deribit standard margin, {kind}", date="2022-01-11", source=SOURCE, schedules=SCHEDULES,
        currency=currency,
    )  # fmt: skip
