"""Vega margin: one size of position and orders a market, funding due, four levels.

    maintenance = mark max(long (slippage + risk_long), short (slippage + risk_short))
                  + max(0, funding factor x funding payment x position)
    long = max(position + buys, 0),  short = max(sells - position, 0)
    search, initial, release = multiples of it, rising
    funding payment = f - s + clamp((1 + dt interest) s - f, lower s, upper s)

s and f are time-weighted spot and future prices, feeds ``average_price`` of the underlying and of the instrument; a
bound that is not given does not bind. Margin is charged for each market alone. Orders at auction prices are not
told apart, that slippage is asked of orders too is inferred. Source: ``vegaprotocol/specs`` at 5fea1f3, 0019-MCAL.
"""

from typing import Any

import numpy as np

from crossmargin import _checks as check
from crossmargin.errors import ImprudentParametersError
from crossmargin.instruments import Asset, Instrument, Instruments, Kind, Payoff
from crossmargin.margin.listing import Listing
from crossmargin.margin.method import Method, Parameters
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.program import Program
from crossmargin.market import Market
from crossmargin.scenario.revalue import asset_prices, lot_values, marks

SOURCE = "vegaprotocol/specs at 5fea1f3, protocol/0019-MCAL-margin_calculator.md"
LEVELS = ("initial", "maintenance", "search", "release")


class MarketRules(Parameters, frozen=True, kw_only=True):
    """Factors of one market; ``years`` since the last funding payment, ``lower`` and ``upper`` bounds of its clamp."""

    slippage: float = 0.0
    risk_long: float
    risk_short: float
    funding_factor: float = 0.0
    interest: float = 0.0
    years: float = 0.0
    lower: float | None = None
    upper: float | None = None

    def __post_init__(self) -> None:
        for name in ("slippage", "risk_long", "risk_short", "years"):
            check.number(name, getattr(self, name), "of market rules", low=0.0)
        check.fraction("funding_factor", self.funding_factor, "of market rules")
        check.number("interest", self.interest, "of market rules")
        for bound in (self.lower, self.upper):
            if bound is not None:
                check.number("bound", bound, "of market rules")
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            raise check.refuse("lower", "be at most upper", self.lower, "of market rules")


def funding_payment(rules: MarketRules, spot: float, future: float) -> float:
    """What one contract pays at the end of the period; below 0 it receives."""
    low = -np.inf if rules.lower is None else rules.lower * spot
    high = np.inf if rules.upper is None else rules.upper * spot
    drift = (1.0 + rules.years * rules.interest) * spot - future
    return future - spot + min(max(drift, low), high)


class MarginCalculator(Method, frozen=True, kw_only=True, tag="vega"):
    """Linear perpetuals and futures that ``markets`` names; balances of their settlement assets count."""

    markets: dict[str, MarketRules]
    search: float = 1.1
    initial: float = 1.2
    release: float = 1.4

    def __post_init__(self) -> None:
        multiples = (1.0, self.search, self.initial, self.release)
        for name, low, value in zip(("search", "initial", "release"), multiples, multiples[1:], strict=False):
            check.number(name, value)
            if value < low:
                raise ImprudentParametersError("initial >= maintenance", f"{name} must be at least {low}, was {value}")

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        balances = m.holding("balance", source="balance", axis="asset")
        held = {name: m.holding(name, source=name, axis="instrument") for name in ("buy", "sell")}

        # The worse of all buys and all sells fills.
        position = positions.sum("contracts", by="each")
        buys, sells = (held[name].sum("contracts", by="each") for name in ("buy", "sell"))
        long, short = (position + buys).positive(), (sells - position).positive()
        long_rate, short_rate = (m.given(name, key="instrument") for name in ("long_rate", "short_rate"))
        size = m.max(long * long_rate, short * short_rate).total()
        due = (position * m.given("funding", key="instrument")).positive().total()
        multiple = m.given("multiple", rows="level")
        m.charge("position and orders", size * multiple)
        m.charge("funding", due * multiple)
        m.equity("open profit", positions.sum("value") - costs.sum("cost_price"))
        m.equity("balances", balances.sum("unit_value"))
        return m.build()

    def takes(self, row: Instrument) -> bool:
        dated = row.kind in (Kind.PERPETUAL, Kind.FUTURE) and row.payoff is Payoff.LINEAR
        return dated and row.id in self.markets

    def listing(self, instruments: Instruments) -> Listing:
        return settled_listing(instruments, self.takes)

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        keys = self.listing(instruments).keys(("position", "cost", "buy", "sell"))
        keys.rows["level"] = LEVELS
        return keys.shape()

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Rates and funding of one contract, quote currency."""
        taken = self.listing(instruments).instruments
        mark, price = marks(taken, market), asset_prices(taken, market)
        settled = price[taken.settlement]
        worth = np.array([float(row.contract_size) for row in taken]) * settled
        rules = [self.markets[row.id] for row in taken]
        return {
            "contracts": taken.lot_size,
            "long_rate": worth * mark * np.array([r.slippage + r.risk_long for r in rules]),
            "short_rate": worth * mark * np.array([r.slippage + r.risk_short for r in rules]),
            "funding": worth * np.array([self.funding_due(row, market) for row in taken]),
            "multiple": [self.initial, 1.0, self.search, self.release],
            "value": lot_values(taken, mark) * settled,
            "cost_price": settled * taken.atom[taken.settlement],
            "unit_value": price * taken.atom,
        }

    def funding_due(self, row: Instrument, market: Market) -> float:
        """Part of the payment of one contract that is asked as margin; without it no average price is read."""
        rules = self.markets[row.id]
        if not rules.funding_factor:
            return 0.0
        spot, future = (market.value("average_price", subject) for subject in (row.underlying, row.id))
        return rules.funding_factor * funding_payment(rules, spot, future)


def settled_listing(instruments: Instruments, takes: Any) -> Listing:
    """Contracts by a rule, and the assets that they settle in."""
    settled = {row.settlement for row in instruments if takes(row)}

    def counted(asset: Asset) -> bool:
        return asset.id in settled

    return Listing.of(instruments, takes, counted)
