"""Vega capped futures, fully collateralised: the margin is the most that can be lost from the entry.

    position   long size x entry,  short size x (maximum - entry)
    orders     max(sum of buys size x limit, sum of sells size x (maximum - limit))

Nothing is marked to market: equity is the balance alone (inferred), and all levels are one. The larger side of
orders counts whole, though a part of it may close. Source: ``vegaprotocol/specs`` at 5fea1f3, 0019-MCAL.
"""

from typing import Any

import numpy as np

from crossmargin import _checks as check
from crossmargin.instruments import Instrument, Instruments, Kind, Payoff
from crossmargin.margin.listing import Listing
from crossmargin.margin.method import Method
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.program import Program
from crossmargin.market import Market
from crossmargin.scenario.revalue import asset_prices
from crossmargin.venues.vega import settled_listing

ORDERS = ("buy_at", "sell", "sell_at")


class FullCollateral(Method, frozen=True, kw_only=True, tag="vega_capped"):
    """Futures with a highest price each."""

    maximum: dict[str, float]

    def __post_init__(self) -> None:
        for name, price in self.maximum.items():
            check.positive("maximum", price, f"of {name!r}")

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        balances = m.holding("balance", source="balance", axis="asset")
        held = {name: m.holding(name, source=name, axis="instrument") for name in ORDERS}

        # A long can lose what it cost; a short the highest price, less what it was sold for.
        short = positions.sum("highest", by="each").short()
        lost = short + costs.sum("cost_price", by="each")
        bought = held["buy_at"].sum("limit", by="each")
        sold = held["sell"].sum("highest", by="each") - held["sell_at"].sum("limit", by="each")
        orders = m.max(bought, sold).total()
        m.charge("positions", lost.total())
        m.charge("orders", orders)
        m.equity("balances", balances.sum("unit_value"))
        m.output("order_margin", orders)
        return m.build()

    def takes(self, row: Instrument) -> bool:
        return row.kind is Kind.FUTURE and row.payoff is Payoff.LINEAR and row.id in self.maximum

    def listing(self, instruments: Instruments) -> Listing:
        return settled_listing(instruments, self.takes)

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        return self.listing(instruments).keys(("position", "cost", *ORDERS)).shape()

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """One lot at the highest price, and per tick of a limit, quote currency."""
        taken = self.listing(instruments).instruments
        price = asset_prices(taken, market)
        settled = price[taken.settlement]
        worth = taken.multiplier * settled
        return {
            "highest": worth * np.array([self.maximum[row.id] for row in taken]),
            "limit": worth * np.array([float(row.tick) for row in taken]),
            "cost_price": settled * taken.atom[taken.settlement],
            "unit_value": price * taken.atom,
        }
