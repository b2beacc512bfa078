"""Binance futures in cross margin, one-way mode: USD-M and COIN-M contracts of one settlement asset.

    maintenance   sum |N| rate - cum                              N notional in the settlement asset, brackets of it
    initial       sum |N| / leverage + order cost                 order cost = notional / leverage + open loss
                  (a leverage beyond what the bracket allows pays the maintenance margin)
    equity        wallet balance + open profit
    liquidation   (WB - TMM_others + UPNL_others + cum - side q EP) / (q rate - side q)

A wallet stands behind the contracts of one asset: each is a method of its own (single-asset mode). The API cuts
initial margins to 8 decimals; figures here are not rounded. An isolated position is a pocket with its margin as
balance. Source: ``binance_parameters``.
"""

from typing import Any

import msgspec

from crossmargin import _checks as check
from crossmargin.instruments import Instrument, Instruments, Kind, Payoff
from crossmargin.margin.brackets import Brackets, bracket_charge, bracket_rows, bracket_tables, position_price
from crossmargin.margin.listing import Listing
from crossmargin.margin.method import Method
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.program import Program
from crossmargin.market import Market
from crossmargin.portfolio import Portfolio
from crossmargin.scenario.revalue import asset_prices
from crossmargin.venues.binance_orders import ORDERS, Resting, notional_tables
from crossmargin.venues.binance_parameters import COIN_M, COIN_M_SOURCE


class CrossMargin(Method, frozen=True, kw_only=True, tag="binance_cross"):
    """Perpetuals and futures settled in one asset, brackets by underlying.

    ``leverage`` is the account's choice by instrument; without one the most of the first bracket.
    """

    settlement: str
    brackets: dict[str, Brackets]
    leverage: dict[str, float] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, chosen in self.leverage.items():
            check.positive("leverage", chosen, f"of {name!r}")

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        balances = m.holding("balance", source="balance", axis="asset")
        at_initial, at_maintenance = m.given("at_initial", rows="level"), m.given("at_maintenance", rows="level")
        price, per_leverage = (m.given(n, key="instrument") for n in ("settlement_price", "per_leverage"))

        # A position pays its leverage to be opened and its bracket to be kept; every contract by itself.
        notional = positions.sum("notional", by="each")
        kept = bracket_charge(notional)
        opened = m.max(abs(notional) * per_leverage, kept)
        m.charge("position margin", (opened * price).total() * at_initial + (kept * price).total() * at_maintenance)

        resting = Resting.of(m)
        cost = ((resting.notional * per_leverage + resting.loss) * price).total()
        m.charge("orders", cost * at_initial)
        m.equity("open profit", positions.sum("value") - costs.sum("cost_price"))
        m.equity("wallet", balances.sum("unit_value"))
        m.output("notional", (abs(notional) * price).total())
        m.output("order_cost", cost)
        return m.build()

    def takes(self, row: Instrument) -> bool:
        linear = row.kind in (Kind.PERPETUAL, Kind.FUTURE) and row.payoff is not Payoff.QUANTO
        return linear and row.settlement == self.settlement and row.underlying in self.brackets

    def listing(self, instruments: Instruments) -> Listing:
        return Listing.of(instruments, self.takes, lambda asset: asset.id == self.settlement)

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        listing = self.listing(instruments)
        keys = listing.keys(("position", "cost", *ORDERS))
        keys.rows |= bracket_rows(self.schedules(listing.instruments))
        return keys.shape()

    def schedules(self, taken: Instruments) -> list[Brackets]:
        return [self.brackets[row.underlying] for row in taken]

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Notionals of one lot, brackets, and what the chosen leverage asks of a notional of 1."""
        taken = self.listing(instruments).instruments
        return {
            **notional_tables(taken, market),
            **bracket_tables(self.schedules(taken)),
            "per_leverage": [1.0 / self.leverage_of(row) for row in taken],
            "at_initial": [1.0, 0.0],
            "at_maintenance": [0.0, 1.0],
            "unit_value": asset_prices(taken, market) * taken.atom,
        }

    def leverage_of(self, row: Instrument) -> float:
        return self.leverage.get(row.id, self.brackets[row.underlying].leverage[0])


def liquidation_price(portfolio: Portfolio, market: Market, method: CrossMargin, instrument: str) -> float | None:
    """Mark of one contract at which the account is liquidated, others at their marks.

    Rate and cumulative amount are those of the bracket that is valid at that price.
    """
    row = portfolio.instruments.instrument(instrument)
    return position_price(portfolio, market, method, method.brackets[row.underlying], row)


def usd_margin(
    brackets: dict[str, Brackets], settlement: str = "USDT", leverage: dict[str, float] | None = None
) -> CrossMargin:
    """USD-M by the brackets, by underlying, that the API answers to the account."""
    return CrossMargin(name="Binance USD-M", settlement=settlement, brackets=brackets, leverage=leverage or {})


def coin_margin(settlement: str, leverage: dict[str, float] | None = None) -> CrossMargin:
    return CrossMargin(
        name="Binance COIN-M", source=COIN_M_SOURCE, settlement=settlement, brackets=COIN_M, leverage=leverage or {}
    )
