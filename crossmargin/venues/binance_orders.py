"""What both Binance plans read of positions and orders: notionals in the settlement asset, and open losses.

A notional is ``q z P`` (linear) or ``q z / P`` (inverse), z the contract size. Orders of one instrument and side are
charged at their average limit, which is exact for linear contracts and for one order. Open loss of an order:
``q z |min(0, side (mark - limit))|``, inverse ``side (1 / limit - 1 / mark)``; of the orders of one side together.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from crossmargin.instruments import Instruments, Payoff
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.expression import Expression
from crossmargin.market import Market
from crossmargin.scenario.revalue import asset_prices, lot_values, marks

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
            lots, limits = held[side].sum("lot", by="each"), held[at].sum("tick", by="each")
            ordered = limits * m.given("linear", key="instrument")
            ordered = ordered + lots / (limits / lots) * m.given("inverse", key="instrument")
            sides.append((ordered, (ordered - held[side].sum("notional", by="each")) * sign))
        (bought, dear), (sold, high) = sides
        return cls(bought + sold, dear.positive() + high.short())


def notional_tables(taken: Instruments, market: Market) -> dict[str, Any]:
    """Values and notionals of one lot, and the multipliers of orders."""
    mark, price = marks(taken, market), asset_prices(taken, market)
    settled = price[taken.settlement]
    inverse = np.array([row.payoff is Payoff.INVERSE for row in taken], dtype=bool)
    return {
        "value": lot_values(taken, mark) * settled,
        "cost_price": settled * taken.atom[taken.settlement],
        "notional": np.abs(lot_values(taken, mark)),
        "settlement_price": settled,
        "lot": np.ones(len(taken)),
        "tick": np.array([float(row.tick) for row in taken]),
        "linear": np.where(inverse, 0.0, taken.multiplier),
        "inverse": np.where(inverse, taken.multiplier, 0.0),
        "payoff_sign": np.where(inverse, -1.0, 1.0),
    }
