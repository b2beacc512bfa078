"""Bybit options in cross margin: each short position alone.

    MM = max(0.03 S, 0.03 m) + m + 0.2 % S;   IM = max(max(0.15 S - otm, 0.10 S) + max(entry, m), MM);   long: nothing

Options do not count in the equity. Source: the help centre's comparison of spread strategies (000001735).
"""

from typing import Any

import numpy as np

from crossmargin import _checks as check
from crossmargin.instruments import Instrument, Instruments, Kind, Payoff, Right
from crossmargin.margin.listing import Listing
from crossmargin.margin.method import Method, Parameters
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.program import Program
from crossmargin.market import Market
from crossmargin.scenario.revalue import asset_prices, marks


class OptionRates(Parameters, frozen=True, kw_only=True):
    """Fractions of the index: initial at the money and least, maintenance, fee of a liquidation."""

    im_max_factor: float = 0.15
    im_min_factor: float = 0.10
    mm_factor: float = 0.03
    liq_fee_rate: float = 0.002

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            check.fraction(name, getattr(self, name), "of option rates")


class OptionMargin(Method, frozen=True, kw_only=True, tag="bybit_options"):
    """Linear options in cross margin."""

    rates: OptionRates = OptionRates()

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        balances = m.holding("balance", source="balance", axis="asset")
        size = positions.sum("size", by="each").short()
        mark, received = m.given("mark", key="instrument"), costs.sum("cost", by="each").short()
        maintenance = size * m.given("maintenance", key="instrument")
        premium = m.max(received, size * mark)  # at the entry or the mark, whichever is dearer
        initial = m.max(size * m.given("initial", key="instrument") + premium, maintenance)
        # A short that was paid for at a loss has cost, not credit; a long has none of either.
        initial = size.pick(neg=0, zero=0, pos=initial)
        at_initial, at_maintenance = m.given("at_initial", rows="level"), m.given("at_maintenance", rows="level")
        m.charge("short options", initial.total() * at_initial + maintenance.total() * at_maintenance)
        m.equity("premiums", -costs.sum("cost"))
        m.equity("balances", balances.sum("unit_value"))
        return m.build()

    def takes(self, row: Instrument) -> bool:
        return row.kind is Kind.OPTION and row.payoff is Payoff.LINEAR

    def listing(self, instruments: Instruments) -> Listing:
        return Listing.of(instruments, self.takes, lambda _: True)

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        return self.listing(instruments).keys(("position", "cost")).shape()

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        taken = self.listing(instruments).instruments
        price, mark = asset_prices(taken, market), marks(taken, market)
        settled = price[taken.settlement]
        found = [
            short_rates(
                self.rates, row.right is Right.CALL, float(row.strike or 0.0), market.value("index", row.underlying), m
            )
            for row, m in zip(taken, mark, strict=True)
        ]
        rates = np.array(found).reshape(-1, 2) * settled[:, None]
        return {
            "size": taken.multiplier,
            "initial": rates[:, 0],
            "maintenance": rates[:, 1],
            "mark": mark * settled,
            "cost": settled * taken.atom[taken.settlement],
            "unit_value": price * taken.atom,
            "at_initial": [1.0, 0.0],
            "at_maintenance": [0.0, 1.0],
        }


def short_rates(p: OptionRates, call: bool, strike: float, index: float, mark: float) -> tuple[float, float]:
    """Initial before the premium, and maintenance with it, of one short coin."""
    otm = max(strike - index if call else index - strike, 0.0)
    maintenance = max(p.mm_factor * index, p.mm_factor * mark) + mark + p.liq_fee_rate * index
    return max(p.im_max_factor * index - otm, p.im_min_factor * index), maintenance


def option_margin() -> OptionMargin:
    source = "bybit help centre 000001735, Comparison of Spread Strategies in Cross Margin and Portfolio Margin"
    return OptionMargin(name="Bybit cross options", source=source)
