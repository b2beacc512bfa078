"""Hyperliquid perpetuals: margin tiers with deductions, account figures, liquidation price.

    initial        |q| mark / leverage
    maintenance    |N| rate_n - deduction_n,  rate = 1 / (2 most leverage)
    transfer       max(initial, 10 % of the notional)              what must stay after a transfer
    withdrawable   cross account value - initial                   as the API answers it
    liquidation    price - side (margin available / |q|) / (1 - rate side)

An isolated position is a pocket with balances of its own: its margin used is its equity, raw dollars and signed
position value. Charges of resting orders are not stated and stand at 0. Source: ``hyperliquid_parameters``.
"""

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from crossmargin import _checks as check
from crossmargin.instruments import Instrument, Instruments, Kind, Payoff
from crossmargin.margin.brackets import Brackets, bracket_charge, bracket_rows, bracket_tables, position_price
from crossmargin.margin.listing import Listing
from crossmargin.margin.method import Method
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.expression import Expression
from crossmargin.margin.plan.program import Program
from crossmargin.margin.prepared import Prepared
from crossmargin.market import Market
from crossmargin.portfolio import Book, Portfolio
from crossmargin.scenario.revalue import asset_prices, lot_values, marks
from crossmargin.venues.hyperliquid_parameters import DATE, MAIN_NET, SOURCE


class CrossMargin(Method, frozen=True, kw_only=True, tag="hyperliquid_cross"):
    """Linear perpetuals of underlyings with tiers, settled in one asset, whose balance counts.

    ``leverage`` is the account's choice by instrument; without one the most of the first tier.
    """

    tiers: dict[str, Brackets]
    settlement: str = "USDC"
    leverage: dict[str, float] = msgspec.field(default_factory=dict)
    transfer_rate: float = 0.1

    def __post_init__(self) -> None:
        check.fraction("transfer_rate", self.transfer_rate)
        for name, chosen in self.leverage.items():
            check.positive("leverage", chosen, f"of {name!r}")

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        balances = m.holding("balance", source="balance", axis="asset")
        at_initial, at_maintenance = m.given("at_initial", rows="level"), m.given("at_maintenance", rows="level")

        notional = positions.sum("notional", by="each")
        used, kept = perpetual_margin(m, notional)
        m.charge("position margin", m.max(used, kept) * at_initial + kept * at_maintenance)

        value = m.equity("positions", positions.sum("value") - costs.sum("cost_price"))
        value = value + m.equity("balance", balances.sum("unit_value"))
        total = (abs(notional) * m.given("settlement_price", key="instrument")).total()
        required = m.max(used, total * m.given("transfer_rate"))
        m.output("notional", total)
        m.output("margin_used", used)
        m.output("withdrawable", (value - used).positive())
        m.output("transfer_requirement", required)
        m.output("transferable", (value - required).positive())
        return m.build()

    def takes(self, row: Instrument) -> bool:
        linear = row.kind is Kind.PERPETUAL and row.payoff is Payoff.LINEAR
        return linear and row.settlement == self.settlement and row.underlying in self.tiers

    def listing(self, instruments: Instruments) -> Listing:
        return Listing.of(instruments, self.takes, lambda asset: asset.id == self.settlement)

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        listing = self.listing(instruments)
        keys = listing.keys(("position", "cost"))
        keys.rows |= bracket_rows(self.schedules(listing.instruments))
        return keys.shape()

    def schedules(self, taken: Instruments) -> list[Brackets]:
        return [self.tiers[row.underlying] for row in taken]

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Notional of one lot in the settlement asset, as tiers have it, and what the chosen leverage asks of 1."""
        taken = self.listing(instruments).instruments
        price = asset_prices(taken, market)
        settled, notional = price[taken.settlement], lot_values(taken, marks(taken, market))
        return {
            **bracket_tables(self.schedules(taken)),
            "notional": notional,
            "settlement_price": settled,
            "value": notional * settled,
            "cost_price": settled * taken.atom[taken.settlement],
            "unit_value": price * taken.atom,
            "per_leverage": [1.0 / self.leverage_of(row) for row in taken],
            "transfer_rate": self.transfer_rate,
            "at_initial": [1.0, 0.0],
            "at_maintenance": [0.0, 1.0],
        }

    def leverage_of(self, row: Instrument) -> float:
        return self.leverage.get(row.id, self.tiers[row.underlying].leverage[0])


def perpetual_margin(m: Builder, notional: Expression) -> tuple[Expression, Expression]:
    """What the chosen leverages use, and what the tiers keep, of all perpetuals, quote currency."""
    per_leverage, price = (m.given(name, key="instrument") for name in ("per_leverage", "settlement_price"))
    return (abs(notional) * per_leverage * price).total(), (bracket_charge(notional) * price).total()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """An account's figures over its pockets, quote currency: margin used by pocket, 0 being cross."""

    account_value: float
    withdrawable: float
    margin_used: dict[int, float]


def account_state(prepared: Prepared, book: Book, account: str) -> AccountState:
    """Account value: that of the cross pocket and of every isolated one; only the cross one can be withdrawn."""
    number = check.known("account", account, book.account_index, "account")
    found = prepared.values(book, ("equity", "margin_used", "withdrawable"))
    equity, used, free = (found[name][:, 0] for name in ("equity", "margin_used", "withdrawable"))
    units = {int(book.unit_pocket[unit]): unit for unit in np.flatnonzero(book.unit_account == number)}
    return AccountState(
        account_value=float(sum(equity[unit] for unit in units.values())),
        withdrawable=float(free[units[0]]),
        margin_used={pocket: float((equity if pocket else used)[unit]) for pocket, unit in units.items()},
    )


def liquidation_price(portfolio: Portfolio, market: Market, method: CrossMargin, instrument: str) -> float | None:
    """Mark of one perpetual at which its pocket is liquidated, others at their marks; the rate of the tier there."""
    row = portfolio.instruments.instrument(instrument)
    return position_price(portfolio, market, method, method.tiers[row.underlying], row)


def cross_margin(leverage: dict[str, float] | None = None) -> CrossMargin:
    return CrossMargin(
        name="Hyperliquid cross margin", date=DATE, source=SOURCE, tiers=MAIN_NET, leverage=leverage or {}
    )
