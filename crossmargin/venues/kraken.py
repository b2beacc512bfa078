"""Kraken Futures: collateral in many assets, contracts of one underlying netted by side.

    equity        sum balance (1 - haircut) P + open profit
    requirement   sum over underlyings of max(margin of all longs, margin of all shorts), whatever the maturity
    initial       levels by notional in dollars; maintenance half of it
    liquidation   of an inverse contract N (1 + mm) / (N / E + m), short N (1 - mm) / (N / E - m);  bankruptcy mm = 0

N contracts of one dollar, E entry, m margin in coin: the maintenance margin is valued again at the price of
liquidation. The short form is inferred, and that levels are marginal (the deduction of a schedule). A single-collateral
account is the same method with a haircut of 0 on its coin. Source: ``kraken_parameters``.
"""

from typing import Any

import numpy as np

from crossmargin import _checks as check
from crossmargin.instruments import Instrument, Instruments, Kind, Payoff
from crossmargin.margin.brackets import Brackets, bracket_charge, bracket_rows, bracket_tables, position_price
from crossmargin.margin.collateral import Haircut, collateral, collateral_tables
from crossmargin.margin.keys import Keys
from crossmargin.margin.listing import Listing
from crossmargin.margin.method import Method
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.program import Program
from crossmargin.market import Market
from crossmargin.portfolio import Portfolio
from crossmargin.scenario.revalue import asset_prices, lot_values, marks
from crossmargin.venues.kraken_parameters import DATE, HAIRCUTS, SCHEDULES, SOURCE

NONE = Brackets(maintenance=(0.0,), leverage=(1.0,))  # nothing is kept: the price of bankruptcy


class MultiCollateral(Method, frozen=True, kw_only=True, tag="kraken"):
    """Linear and inverse contracts whose underlying has a schedule, in dollars; assets with a haircut."""

    schedules: dict[str, Brackets]
    haircuts: tuple[Haircut, ...]
    initial_multiple: float = 2.0

    def __post_init__(self) -> None:
        check.number("initial_multiple", self.initial_multiple, low=1.0)

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        balances = m.holding("balance", source="balance", axis="asset")

        # The larger side of an underlying pays; a spread between maturities pays once.
        held = positions.sum("dollars", by="each")
        long, short = held.positive().total("underlying"), held.short().total("underlying")
        sides = (bracket_charge(side, "underlying") for side in (long, short))
        m.charge("contracts", m.max(*sides).total() * m.given("multiple", rows="level"))
        m.equity("open profit", positions.sum("value") - costs.sum("cost_price"))
        collateral(m, balances)
        m.output("balance_value", balances.sum("unit_value"))
        return m.build()

    def takes(self, row: Instrument) -> bool:
        dated = row.kind in (Kind.PERPETUAL, Kind.FUTURE) and row.payoff is not Payoff.QUANTO
        return dated and row.underlying in self.schedules

    def listing(self, instruments: Instruments) -> Listing:
        counted = {rate.asset for rate in self.haircuts}
        return Listing.of(instruments, self.takes, lambda asset: asset.id in counted)

    def rates(self, taken: Instruments) -> tuple[Haircut, ...]:
        return tuple(rate for rate in self.haircuts if rate.asset in taken.asset_index)

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        listing = self.listing(instruments)
        taken, keys = listing.instruments, listing.keys(("position", "cost"))
        keys.add("instrument", "underlying", taken.column("underlying"))
        keys.rows |= bracket_rows(self.levels(keys))
        width = max([1, *(len(rate.edges) for rate in self.rates(taken))]) + 1
        keys.rows["collateral_edges tier"] = tuple(str(n) for n in range(width))
        return keys.shape()

    def levels(self, keys: Keys) -> list[Brackets]:
        return [self.schedules[name] for name in keys.labels["underlying"]]

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Dollars of one lot, levels by underlying, haircuts."""
        taken = self.listing(instruments).instruments
        keys, mark, price = Keys.of(taken), marks(taken, market), asset_prices(taken, market)
        settled = price[taken.settlement]
        value = lot_values(taken, mark) * settled
        return {
            **bracket_tables(self.levels(keys)),
            **collateral_tables(self.rates(taken), taken, market),
            "dollars": np.abs(value),
            "value": value,
            "cost_price": settled * taken.atom[taken.settlement],
            "multiple": [self.initial_multiple, 1.0],
            "unit_value": price * taken.atom,
        }


def liquidation_price(portfolio: Portfolio, market: Market, method: MultiCollateral, instrument: str) -> float | None:
    """Mark at which the account is liquidated, of the one contract that it holds in its underlying.

    The level of an inverse contract hangs on its dollars alone, of a linear one on the price looked for.
    """
    row = lone(portfolio, instrument)
    held = portfolio.positions.get(row.id)
    if held is None or not held.lots:
        return None
    brackets, asset = method.schedules[row.underlying], portfolio.instruments.asset(row.settlement)
    if row.payoff is Payoff.INVERSE:
        brackets = at_size(brackets, abs(held.lots) * float(row.contract_size * row.lot))
    else:
        brackets = brackets.in_unit(market.price(asset.id, asset.underlying))
    return position_price(portfolio, market, method, brackets, row)


def bankruptcy_price(portfolio: Portfolio, market: Market, method: MultiCollateral, instrument: str) -> float | None:
    """Mark at which nothing is left: the limit of the order that liquidates."""
    return position_price(portfolio, market, method, NONE, lone(portfolio, instrument))


def at_size(brackets: Brackets, dollars: float) -> Brackets:
    """One rate: what the levels ask of this notional as a whole."""
    row = int(np.searchsorted(brackets.edges, dollars, side="right")) - 1
    rate = brackets.maintenance[row] - brackets.deductions[row] / dollars
    return Brackets(maintenance=(rate,), leverage=(brackets.leverage[row],))


def lone(portfolio: Portfolio, instrument: str) -> Instrument:
    """Refuse what a closed form does not hold for: other contracts, collateral that moves otherwise."""
    row = portfolio.instruments.instrument(instrument)
    others = [name for name, held in portfolio.positions.items() if held.lots and name != instrument]
    foreign = [name for name, atoms in portfolio.balances.items() if atoms and name != row.settlement]
    for name, found in (("positions", others), ("balances", foreign)):
        if found:
            rule = f"be in {instrument!r} and its settlement asset alone for a closed form"
            raise check.refuse(name, rule, found[0], "(account.liquidation_prices takes any)")
    return row


def multi_collateral() -> MultiCollateral:
    return MultiCollateral(
        name="Kraken multi-collateral", date=DATE, source=SOURCE, schedules=SCHEDULES, haircuts=HAIRCUTS
    )
