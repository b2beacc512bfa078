"""Paradex cross margin: every market at the larger of its two open sizes, options alone, and the check of an order.

    net IMR = max(B + p, A - p, 0) IMF mark;   IMR = net + fee provision + open loss
    MMR = 0.5 |p| IMF mark + exit fee
    long option min(m, long_itm S);   short option max(short_itm S - otm, short_otm S);   maintenance half of it

B and A are resting buys and sells, p the position. The cap of a short put is not stated on the page and not applied.
Source: ``paradex_parameters``.
"""

from typing import Any

import numpy as np

from crossmargin import _checks as check
from crossmargin.instruments import Instrument, Instruments, Kind, Payoff, Right
from crossmargin.margin.listing import Listing
from crossmargin.margin.method import Method
from crossmargin.margin.plan.builder import Builder, Held
from crossmargin.margin.plan.expression import Expression
from crossmargin.margin.plan.program import Program
from crossmargin.market import Market
from crossmargin.portfolio import Order, Portfolio
from crossmargin.portfolio.portfolio import Position
from crossmargin.scenario.revalue import asset_prices, lot_values, marks
from crossmargin.venues.paradex_parameters import CROSS, DATE, SOURCE, CrossRules

ORDERS = ("buy", "sell", "buy_at", "sell_at")


class CrossMargin(Method, frozen=True, kw_only=True, tag="paradex_cross"):
    """Cross margin of linear perpetuals and options, in the quote currency."""

    rules: CrossRules

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        balances = m.holding("balance", source="balance", axis="asset")
        held = {name: m.holding(name, source=name, axis="instrument") for name in ORDERS}

        # A perpetual pays for the larger size that its orders may open, at maintenance for what is held.
        position = positions.sum("contracts", by="each")
        buys, sells = (held[name].sum("contracts", by="each") for name in ("buy", "sell"))
        buy_open, sell_open = (buys + position).positive(), (sells - position).positive()
        rate, notional = m.given("imf", key="instrument"), m.given("mark", key="instrument")
        at_initial, at_maintenance = m.given("at_initial", rows="level"), m.given("at_maintenance", rows="level")
        opened = (m.max(buy_open, sell_open) * rate).total()
        m.charge("net", opened * at_initial + (abs(position) * rate).total() * at_maintenance)

        long, short = (m.given(name, key="instrument", rows="level") for name in ("long_option", "short_option"))
        m.charge("options", (position.positive() * long + position.short() * short).total())
        size = m.max(buy_open, sell_open)
        fees = (size * notional).total() * at_initial + (abs(position) * notional).total() * at_maintenance
        m.charge("fee provision", fees * m.given("fee_rate"))
        m.charge("open loss", open_loss(m, held, buys, sells).total() * at_initial)
        m.equity("positions", positions.sum("value") - costs.sum("cost_price"))
        m.equity("balances", balances.sum("unit_value"))
        m.output("buy_open_size", buy_open.total())
        m.output("sell_open_size", sell_open.total())
        m.output("net_imr", opened)
        return m.build()

    def takes(self, row: Instrument) -> bool:
        known = {Kind.PERPETUAL: self.rules.imf.keys(), Kind.OPTION: self.rules.options.keys()}
        return row.payoff is Payoff.LINEAR and row.underlying in known.get(row.kind, ())

    def listing(self, instruments: Instruments) -> Listing:
        return Listing.of(instruments, self.takes, lambda _: True)

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        return self.listing(instruments).keys(("position", "cost", *ORDERS)).shape()

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Rates of one contract, prices of orders, values."""
        taken = self.listing(instruments).instruments
        mark, price = marks(taken, market), asset_prices(taken, market)
        settled = price[taken.settlement]
        perpetual = np.array([row.kind is Kind.PERPETUAL for row in taken], dtype=bool)
        worth = np.array([float(row.contract_size) for row in taken]) * settled  # of a price of one contract
        imf = np.array([self.rules.imf[row.underlying] if p else 0.0 for row, p in zip(taken, perpetual, strict=True)])
        tick = np.array([float(row.tick) for row in taken])
        options = [self.option_rates(row, market, m) for row, m in zip(taken, mark, strict=True)]
        levels = np.array([1.0, self.rules.mm_factor])
        long, short = (np.array([o[side] for o in options]).reshape(-1, 1) * worth[:, None] * levels for side in (0, 1))
        return {
            "contracts": taken.lot_size,
            "imf": imf * mark * worth,
            "mark": mark * worth,
            "limit": tick * taken.lot_size * worth,
            "long_option": long,
            "short_option": short,
            "fee_rate": self.rules.fee_rate,
            "at_initial": [1.0, 0.0],
            "at_maintenance": [0.0, self.rules.mm_factor],
            "value": lot_values(taken, mark) * settled,
            "cost_price": settled * taken.atom[taken.settlement],
            "unit_value": price * taken.atom,
        }

    def option_rates(self, row: Instrument, market: Market, mark: float) -> tuple[float, float]:
        """Initial margin of one long and one short contract per unit of size; 0 for a perpetual."""
        if row.kind is not Kind.OPTION:
            return 0.0, 0.0
        p, index, strike = (
            self.rules.options[row.underlying],
            market.value("index", row.underlying),
            float(row.strike or 0.0),
        )
        otm = max(strike - index if row.right is Right.CALL else index - strike, 0.0)
        return min(mark, p.long_itm * index), max(p.short_itm * index - otm, p.short_otm * index)


def open_loss(m: Builder, held: dict[str, Held], buys: Expression, sells: Expression) -> Expression:
    """What resting orders would lose at once: limits against the mark, of one market and side together."""
    mark = m.given("mark", key="instrument")
    bought, sold = held["buy_at"].sum("limit", by="each"), held["sell_at"].sum("limit", by="each")
    return (bought - buys * mark).positive() + (sells * mark - sold).positive()


def cross_margin() -> CrossMargin:
    return CrossMargin(name="Paradex cross margin", date=DATE, source=SOURCE, rules=CROSS)


# ---- the check of an order: a caller of the plan ----------------------------------------------


def opposite_orders(portfolio: Portfolio, order: Order) -> int:
    """Lots of all orders against the position, the new one included."""
    position = portfolio.positions.get(order.instrument, Position(0)).lots
    against = [
        o.lots for o in (*portfolio.orders, order) if o.instrument == order.instrument and o.signed_lots * position < 0
    ]
    return sum(against)


def position_limits(limit: float, position: float) -> tuple[float, float]:
    """Most that may be bought and sold within a limit of the position: ``L - p`` and ``L + p``."""
    return limit - position, limit + position


def order_accepted(portfolio: Portfolio, order: Order, market: Market, method: CrossMargin) -> bool:
    """Accept while the account value covers the initial margin with the order in it, or while it purely reduces.

    A reduction: all orders against the position together do not exceed it. The reading of one example of the page.
    """
    instrument = portfolio.instruments.instrument(order.instrument)
    held = portfolio.positions.get(order.instrument, Position(0)).lots
    if not within_limit(method, order, held * float(instrument.lot), order.lots * float(instrument.lot)):
        return False
    resting = portfolio.holding(orders=(*portfolio.orders, order))
    if method.requirement(resting, market).surplus_initial >= 0:
        return True
    reduces = order.signed_lots * held < 0
    return reduces and opposite_orders(portfolio, order) <= abs(held)


def within_limit(method: CrossMargin, order: Order, held: float, size: float) -> bool:
    """Whether a market's position limit, where there is one, allows an order."""
    if order.instrument not in method.rules.limits:
        return True
    check.number("size", size, low=0.0)
    most_bought, most_sold = position_limits(method.rules.limits[order.instrument], held)
    return size <= (most_bought if order.side == "buy" else most_sold)
