"""OKX options outside portfolio margin: each position alone, orders charged beside it.

Per coin, with F the same expiry's forward, m the mark, f the factor of the short size (1 in the first tier):

    short IM = max(a, b - otm / F) f + m;   call MM = c f + m;   put MM = max(c, c m) f + m;   long: nothing
    buy to open  price + fee;   sell to open  max(IM - price, a)
    buy to close  max(price - IM + fee, 0);   sell to close  0

Coin-settled contracts in coin; dollar-settled ones the same times the index, with m and prices as fractions of it.
Orders of one instrument and side are charged at their average limit, which is exact for one order. Options do not count
in the equity. Source: help/ii-option-margin, May 2026.
"""

from typing import Any

import msgspec
import numpy as np

from crossmargin import _checks as check
from crossmargin.instruments import Instrument, Instruments, Kind, Payoff, Right
from crossmargin.margin.listing import Listing
from crossmargin.margin.method import Method, Parameters
from crossmargin.margin.plan.builder import Builder, Held
from crossmargin.margin.plan.expression import Expression
from crossmargin.margin.plan.program import Program
from crossmargin.market import Market
from crossmargin.scenario.revalue import asset_prices, marks

ORDERS = ("buy", "sell", "buy_at", "sell_at")


class OptionRates(Parameters, frozen=True, kw_only=True):
    """``a`` least initial, ``b`` initial at the money, ``c`` maintenance by underlying; factors by short contracts."""

    a: float = 0.10
    b: float = 0.15
    c: dict[str, float] = msgspec.field(default_factory=lambda: {"BTC": 0.03, "ETH": 0.05})
    fee: float = 0.0002  # per coin
    factor_edges: tuple[float, ...] = (0.0,)
    factors: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        for name in ("a", "b", "fee"):
            check.fraction(name, getattr(self, name), "of option rates")
        for underlying, rate in self.c.items():
            check.fraction("c", rate, f"of {underlying!r}")
        if not self.factor_edges or self.factor_edges[0] != 0 or len(self.factors) != len(self.factor_edges):
            raise check.refuse("factor_edges", "start at 0 and be as many as factors", self.factor_edges)
        check.ascending("factor_edges", check.floats("factor_edges", self.factor_edges))
        for factor in self.factors:
            check.number("factor", factor, low=1.0)


class OptionMargin(Method, frozen=True, kw_only=True, tag="okx_options"):
    """Options of underlyings that ``rates.c`` names."""

    rates: OptionRates = OptionRates()

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        balances = m.holding("balance", source="balance", axis="asset")
        held = {name: m.holding(name, source=name, axis="instrument") for name in ORDERS}

        # The factor is that of the whole short size: 1, and a step more for every edge that the size passes.
        size = positions.sum("size", by="each")
        passed = size.short() - m.given("factor_edges", rows="factor tier")
        extra = (
            passed.pick(neg=0, zero=0, pos=m.given("factor_steps", rows="factor tier")).fold("factor", "sum").worst()
        )
        rate, mark = m.given("rate", key="instrument", rows="level"), m.given("mark", key="instrument")
        m.charge("short options", (size.short() * (extra * rate + rate + mark)).total())

        initial = m.given("initial_rate", key="instrument")
        orders = order_margin(m, held, size, extra * initial + initial + mark)
        m.charge("orders", orders.total() * m.given("initial_only", rows="level"))
        m.equity("premiums", -costs.sum("cost_price"))
        m.equity("balances", balances.sum("unit_value"))
        return m.build()

    def listing(self, instruments: Instruments) -> Listing:
        return Listing.of(instruments, self.takes, lambda _: True)

    def takes(self, row: Instrument) -> bool:
        return row.kind is Kind.OPTION and row.underlying in self.rates.c and row.payoff is not Payoff.QUANTO

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        keys = self.listing(instruments).keys(("position", "cost", *ORDERS))
        keys.rows["factor tier"] = tuple(f"{edge:g}" for edge in self.rates.factor_edges)
        keys.rows["factor"] = ("factor",)
        return keys.shape()

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Rates of one contract of each option, in quote currency; prices of orders."""
        taken = self.listing(instruments).instruments
        settled = asset_prices(taken, market)
        index = np.array([market.value("index", row.underlying) for row in taken])
        coin = np.array([row.payoff is Payoff.INVERSE for row in taken], dtype=bool)
        mark = marks(taken, market)
        worth = settled[taken.settlement] * np.where(coin, 1.0, index)  # of a figure per coin, quote currency
        per_lot = np.array([float(row.contract_size) for row in taken]) * worth
        rates = np.array([
            self.rate(row, market.value("forward", key), m / (1.0 if c else i))
            for row, key, i, m, c in zip(taken, taken.expiry_keys, index, mark, coin, strict=True)
        ]).reshape(-1, 2)  # fmt: skip
        tick = np.array([float(row.tick) for row in taken])
        per_coin = np.where(coin, 1.0, index)
        return {
            "size": taken.lot_size,
            "rate": rates * per_lot[:, None],
            "initial_rate": rates[:, 0] * per_lot,
            "mark": mark / per_coin * per_lot,
            "price": tick * taken.lot_size / per_coin * per_lot,
            "fee": self.rates.fee * per_lot,
            "least": self.rates.a * per_lot,
            "initial_only": [1.0, 0.0],
            "factor_edges": self.rates.factor_edges,
            "factor_steps": np.diff([1.0, *self.rates.factors]),
            "factor tier to factor": np.zeros(len(self.rates.factors)),
            "cost_price": settled[taken.settlement] * taken.atom[taken.settlement],
            "unit_value": settled * taken.atom,
        }

    def rate(self, row: Instrument, forward: float, mark: float) -> tuple[float, float]:
        """Initial and maintenance of one short coin before mark and factor; ``mark`` in coin."""
        return short_rates(self.rates, row.underlying, row.right is Right.CALL, float(row.strike or 0.0), forward, mark)


def short_rates(
    p: OptionRates, underlying: str, call: bool, strike: float, forward: float, mark: float
) -> tuple[float, float]:
    """``max(a, b - otm / F)`` and ``c`` (put: ``max(c, c m)``)."""
    otm = max(strike - forward if call else forward - strike, 0.0)
    c = p.c[underlying]
    return max(p.a, p.b - otm / forward), c if call else max(c, c * mark)


def order_margin(m: Builder, held: dict[str, Held], lots: Expression, initial: Expression) -> Expression:
    """Margin of resting orders of each instrument; ``initial`` is that of one short contract."""
    buys, sells = held["buy"].sum("size", by="each"), held["sell"].sum("size", by="each")
    fee, least = m.given("fee", key="instrument"), m.given("least", key="instrument")
    bought, sold = held["buy_at"].sum("price", by="each") / buys, held["sell_at"].sum("price", by="each") / sells
    closing = m.min(buys, lots.short())
    opening = sells - m.min(sells, lots.positive())
    to_open = (buys - closing) * (bought + fee)
    to_close = closing * (bought - initial + fee).positive()
    return to_open + to_close + opening * m.max(initial - sold, least)


def option_margin() -> OptionMargin:
    """Rates of the page of May 2026; its factors by size are not known and stand at 1."""
    return OptionMargin(name="OKX options", date="2026-05", source="help/ii-option-margin (May 2026)")
