"""What both Binance plans read of positions and orders: notionals in the settlement asset, and open losses.

A notional is ``q z P`` (linear) or ``q z / P`` (inverse), z the contract size. Orders of one instrument and side are
charged at their average limit, which is exact for linear contracts and for one order. Open loss of an order:
``q z |min(0, side (mark - limit))|``, inverse ``side (1 / limit - 1 / mark)``; of the orders of one side together.
Limits of inverse contracts below a tenth of the mark, which a price filter refuses, count as a tenth of it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from crossmargin.instruments import Instruments, Payoff
from crossmargin.margin.plan.builder import Builder, Held
from crossmargin.margin.plan.expression import Expression
from crossmargin.market import Market
from crossmargin.scenario.revalue import asset_prices, lot_values, marks

LEAST_LIMIT = 0.1  # of the mark
ORDERS = ("buy", "sell", "buy_at", "sell_at")


@dataclass(frozen=True)
class Resting:
    """Resting orders of each instrument, settlement asset: notional at the limits, and loss against the mark."""

    notional: Expression
    loss: Expression

    @classmethod
    def of(cls, m: Builder) -> "Resting":
        held = {name: m.holding(name, source=name, axis="instrument") for name in ORDERS}
        sign = m.given("payoff_sign", key="instrument")
        sides = []
        for side, at in (("buy", "buy_at"), ("sell", "sell_at")):
            at_mark = held[side].sum("notional", by="each").positive()
            coins = at_average(m, held[side], held[at].sum("tick", by="each").positive())
            ordered = held[at].sum("limit", by="each") + coins
            sides.append((ordered, (ordered - at_mark) * sign))
        (bought, dear), (sold, high) = sides
        return cls(bought + sold, dear.positive() + high.short())


def at_average(m: Builder, orders: Held, limits: Expression) -> Expression:
    """Coins of inverse orders at their average limit, ``q z / P``, P at least a fraction of the mark."""
    average = limits / orders.sum("lot", by="each").positive()
    most = orders.sum("most_coins", by="each").positive()
    return m.min(orders.sum("dollars", by="each").positive() / average, most)


def notional_tables(taken: Instruments, market: Market) -> dict[str, Any]:
    """Values and notionals of one lot, and the multipliers of orders."""
    mark, price = marks(taken, market), asset_prices(taken, market)
    settled = price[taken.settlement]
    inverse = np.array([row.payoff is Payoff.INVERSE for row in taken], dtype=bool)
    tick = np.array([float(row.tick) for row in taken])
    dollars = np.where(inverse, taken.multiplier, 0.0)
    return {
        "value": lot_values(taken, mark) * settled,
        "cost_price": settled * taken.atom[taken.settlement],
        "notional": np.abs(lot_values(taken, mark)),
        "settlement_price": settled,
        "lot": np.ones(len(taken)),
        "tick": tick,
        "limit": np.where(inverse, 0.0, taken.multiplier * tick),
        "dollars": dollars,
        "most_coins": dollars / (LEAST_LIMIT * mark),
        "payoff_sign": np.where(inverse, -1.0, 1.0),
    }
