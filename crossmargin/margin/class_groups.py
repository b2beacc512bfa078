"""Ten-point margin by class and product groups, TIMS-style: customer portfolio margin of US options.

Every class (underlying) is repriced at ten points of its range, volatility unchanged. At each point i a product group p
of classes g with offset o, and a portfolio group of products likewise, count gains in part:

    N_p,i = sum_g max(L_g,i, 0) - o sum_g max(-L_g,i, 0);   requirement = max(max_i N_i, 0, minimum per option contract)

Ranges: high-capitalisation broad index +6 % / -8 %, other broad index 10 %, equity and narrow index 15 % either way
(SEC release 34-46576, FINRA 4210(g)). Where the ten points lie, offsets and minimums are known from general
descriptions alone.
"""

from typing import Any

import msgspec
import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.instruments import Instruments, Kind, Payoff
from crossmargin.margin.keys import Keys
from crossmargin.margin.method import Method, Parameters
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.program import Program
from crossmargin.margin.scenario_array_tables import value_tables
from crossmargin.market import Market
from crossmargin.scenario.revalue import Options, asset_prices, lot_values, marks

STEPS = 5  # points either way


class Range(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """Greatest fall and rise of a class, fractions."""

    down: float
    up: float

    def __post_init__(self) -> None:
        check.fraction("down", self.down, "of range")
        check.number("up", self.up, "of range", low=0.0)


class ProductGroup(Parameters, frozen=True, kw_only=True):
    """Classes, or products of a portfolio group, whose losses the gains of the others carry at a rate."""

    members: tuple[str, ...]
    offset: float

    def __post_init__(self) -> None:
        check.fraction("offset", self.offset, "of group")


EQUITY, BROAD, HIGH_CAP = Range(0.15, 0.15), Range(0.10, 0.10), Range(0.08, 0.06)


class TenPointMargin(Method, frozen=True, kw_only=True, tag="ten_point"):
    """``ranges`` by underlying, others as equity; ``minimum`` is money per unit of an option contract's size."""

    ranges: dict[str, Range] = {}  # noqa: RUF012  msgspec copies it
    products: dict[str, ProductGroup] = {}  # noqa: RUF012
    portfolios: dict[str, ProductGroup] = {}  # noqa: RUF012
    minimum: float = 0.375

    def __post_init__(self) -> None:
        check.number("minimum", self.minimum, f"of {self.name!r}", low=0.0)
        check.unique("class in products", (name for group in self.products.values() for name in group.members))
        check.unique("product in portfolios", (name for group in self.portfolios.values() for name in group.members))

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        balances = m.holding("balance", source="balance", axis="asset")
        gain = positions.sum("gain", by="class", rows="point")
        product = gain.sided(below=1, above=m.given("class_offset", key="class")).total("product")
        group = product.sided(below=1, above=m.given("product_offset", key="product")).total("group")
        scan = -m.min(group.worst(), 0)
        floor = abs(positions.sum("minimum", by="each")).total("group")
        whole = m.max(scan, floor)
        m.charges(whole.total(), {"scan": scan.total(), "minimum": (whole - scan).total()})
        m.equity("positions", positions.sum("option_value") + positions.sum("future_value"))
        m.equity("costs", -costs.sum("premium") - costs.sum("future_cost"))
        m.equity("balances", balances.sum("unit_value"))
        m.output("points", gain.total())
        return m.build()

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        """Instruments by class, product group and portfolio group; what is in no group is its own."""
        for row in instruments:
            check.one_of("payoff", row.payoff, (Payoff.LINEAR,), f"of instrument {row.id!r}")
        keys = Keys.of(instruments)
        keys.add("instrument", "class", instruments.column("underlying"))
        keys.add("class", "product", [group_of(self.products, name) for name in keys.labels["class"]])
        keys.add("product", "group", [group_of(self.portfolios, name) for name in keys.labels["product"]])
        keys.rows["point"] = tuple(
            f"{i - STEPS if i < STEPS else i - STEPS + 1:+d}/{STEPS} of range" for i in range(2 * STEPS)
        )
        return keys.shape()

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Gains at the ten points, offsets, minimums, values."""
        labels = self.axes(instruments)["labels"]
        option = np.array([row.kind is Kind.OPTION for row in instruments])
        settled = asset_prices(instruments, market)[instruments.settlement]
        return {
            "gain": self.gains(instruments, market),
            "class_offset": [offset_of(self.products, name) for name in labels["class"]],
            "product_offset": [offset_of(self.portfolios, name) for name in labels["product"]],
            "minimum": instruments.multiplier * self.minimum * option * settled,
            **value_tables(instruments, market),
        }

    def gains(self, instruments: Instruments, market: Market) -> Floats:
        """Gain of one lot at each point, quote currency; rates as they are, time does not pass."""
        settled = asset_prices(instruments, market)[instruments.settlement]
        moves = np.array([points(self.ranges.get(row.underlying, EQUITY)) for row in instruments]).reshape(
            -1, 2 * STEPS
        )
        out = lot_values(instruments, marks(instruments, market))[:, None] * moves
        o = Options.of(instruments, market)
        if len(o):
            same = np.repeat(o.volatility[:, None], 2 * STEPS, axis=1)
            change = o.values(o.forward[:, None] * (1.0 + moves[o.row]), same) - o.values(
                o.forward[:, None], o.volatility[:, None]
            )
            out[o.row] = instruments.multiplier[o.row][:, None] * change
        gains: Floats = out * settled[:, None]
        return gains


def points(r: Range) -> tuple[float, ...]:
    """Ten relative moves: fifths of the fall, then fifths of the rise."""
    return (*(-r.down * k / STEPS for k in range(STEPS, 0, -1)), *(r.up * k / STEPS for k in range(1, STEPS + 1)))


def group_of(groups: dict[str, ProductGroup], name: str) -> str:
    return next((group for group, found in groups.items() if name in found.members), name)


def offset_of(groups: dict[str, ProductGroup], name: str) -> float:
    """Rate of the group that a member stands in; alone, its own gains count in full."""
    return next((found.offset for found in groups.values() if name in found.members), 1.0)
