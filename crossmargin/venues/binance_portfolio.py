"""Binance portfolio margin: one pool of collateral behind USD-M, COIN-M and loans, in dollars.

    uniMMR = adjusted equity / maintenance margin
    adjusted equity = sum_a min(net_a P_a rate_a, net_a P_a) - open loss       rates marginal by size of net_a
    net_a = assets - loans + futures wallets + open profit settled in a
    maintenance margin = sum (|N| rate - cum) P + sum loan x loan rate x P

Nothing nets between instruments and the venue states no initial margin: the levels are multiples of the maintenance
margin, 1.2 below which nothing may be opened, 1.05 at which liquidation starts. A loan is a balance of an asset
that ``loans`` names, or a balance below zero. Options are not known. Source: FAQ 4868b2f1..., 5e33af8e....
"""

from typing import Any

import numpy as np

from crossmargin import _checks as check
from crossmargin.instruments import Asset, Instrument, Instruments, Kind, Payoff
from crossmargin.margin.brackets import Brackets, bracket_charge, bracket_rows, bracket_tables
from crossmargin.margin.collateral import Haircut, collateral_tables, counted_amount
from crossmargin.margin.listing import Listing, places
from crossmargin.margin.method import Method
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.program import Program
from crossmargin.margin.requirement import Requirement, health_factor
from crossmargin.market import Market
from crossmargin.scenario.revalue import asset_prices, lot_values, marks
from crossmargin.venues.binance_orders import ORDERS, Resting, notional_tables
from crossmargin.venues.binance_parameters import PoolRules, States


class PortfolioMargin(Method, frozen=True, kw_only=True, tag="binance_portfolio"):
    """Assets with a collateral rate, loans, and futures whose settlement asset and underlying have brackets."""

    rules: PoolRules

    def __post_init__(self) -> None:
        for name, asset in self.rules.loans.items():
            known = {rate.asset: rate for rate in self.rules.collateral}
            check.known("asset owed", asset, known, "collateral asset", f"of {name!r}")

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        balances = m.holding("balance", source="balance", axis="asset")
        loans = m.holding("loan", source="balance", axis="loan")
        asset_price, price = m.given("asset_price", key="asset"), m.given("settlement_price", key="instrument")

        # One amount of each asset: what is owned, owed, in futures wallets, and won or lost in it.
        owned, owed = balances.sum("unit", by="each"), loans.sum("loan_unit", by="each").total("asset")
        profit = positions.sum("points", by="each") - costs.sum("point", by="each")
        counted_amount(m, owned - owed + profit.total("asset"))
        m.equity("open loss", -(Resting.of(m).loss * price).total())

        futures = (bracket_charge(positions.sum("notional", by="each")) * price).total()
        borrowed = ((owed + owned.short()) * asset_price).total()
        multiple = m.given("multiple", rows="level")
        m.charge("futures", futures * multiple)
        m.charge("loans", borrowed * m.given("loan_rate") * multiple)
        m.output("maintenance_margin", futures + borrowed * m.given("loan_rate"))
        m.output("borrowed", borrowed)
        return m.build()

    def takes(self, row: Instrument) -> bool:
        linear = row.kind in (Kind.PERPETUAL, Kind.FUTURE) and row.payoff is not Payoff.QUANTO
        return linear and row.underlying in self.rules.brackets.get(row.settlement, ())

    def takes_asset(self, asset: Asset) -> bool:
        return any(rate.asset == asset.id for rate in self.rules.collateral)

    def listing(self, instruments: Instruments) -> Listing:
        return Listing.of(instruments, self.takes, self.takes_asset)

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        """Contracts and loans stand below the asset that they are paid in."""
        listing = self.listing(instruments)
        taken, keys = listing.instruments, listing.keys(("position", "cost", *ORDERS))
        rows = self.loan_rows(instruments)
        keys.labels["loan"] = tuple(instruments.assets[row].id for row in rows)
        keys.items["loan"] = places(np.array(rows, dtype=np.int64), len(instruments.assets))
        keys.maps["instrument", "asset"] = taken.settlement
        owed = [self.rules.loans[name] for name in keys.labels["loan"]]
        keys.maps["loan", "asset"] = np.array([taken.asset_index[name] for name in owed], dtype=np.int64)
        keys.rows |= bracket_rows(self.schedules(taken))
        width = max([1, *(len(rate.edges) for rate in self.rates(taken))]) + 1
        keys.rows["collateral_edges tier"] = tuple(str(n) for n in range(width))
        return keys.shape()

    def loan_rows(self, instruments: Instruments) -> list[int]:
        return [row for row, asset in enumerate(instruments.assets) if asset.id in self.rules.loans]

    def rates(self, taken: Instruments) -> tuple[Haircut, ...]:
        return tuple(rate for rate in self.rules.collateral if rate.asset in taken.asset_index)

    def schedules(self, taken: Instruments) -> list[Brackets]:
        return [self.rules.brackets[row.settlement][row.underlying] for row in taken]

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Values in settlement assets, brackets, rates of collateral."""
        taken = self.listing(instruments).instruments
        return {
            **notional_tables(taken, market),
            **bracket_tables(self.schedules(taken)),
            **collateral_tables(self.rates(taken), taken, market),
            "points": lot_values(taken, marks(taken, market)),
            "point": taken.atom[taken.settlement],
            "loan_unit": instruments.atom[self.loan_rows(instruments)],
            "asset_price": asset_prices(taken, market),
            "loan_rate": self.rules.loan_rate,
            "multiple": [self.rules.initial, self.rules.maintenance],
        }


def uni_mmr(found: Requirement) -> float:
    """Adjusted equity over maintenance margin; infinite where nothing is required."""
    return health_factor(found.equity_maintenance, found.outputs["maintenance_margin"][0])


def state(ratio: float, states: States) -> str:
    """What the venue does at this uniMMR: the state of the least bound that it is below; on the last one, the last."""
    passed = [name for name, below in zip(states.names, states.below, strict=True) if ratio < below]
    if ratio <= states.below[-1]:
        return states.names[-1]
    return passed[-1] if passed else "free"
