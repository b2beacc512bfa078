"""Scenario portfolio margin, and isolated margin beside it: the worst loss over a scenario set.

In scenario s a group g of underlyings gains ``G_gs``, gains of one position carrying losses of
another. With ``between_groups="sum"`` the scan loss is ``sum_g -min(0, worst_s G_gs)``; with "joint"
all groups meet the same scenario and a gaining group offsets others at its rate:
``-min(0, worst_s sum_g G_gs (offset_g if G_gs > 0 else 1))``. ``tail`` replaces the worst by the mean
of the worst share of scenarios. Isolated margin scans every position alone.
"""

from typing import Any, Literal

import msgspec

from crossmargin import _checks as check
from crossmargin.instruments import Instruments
from crossmargin.margin.charges import (
    Charges,
    basis_charge,
    charge_tables,
    contract_minimum,
    short_minimum,
    size_charge,
)
from crossmargin.margin.collateral import Haircut, asset_scenarios, by_level, collateral, collateral_tables
from crossmargin.margin.keys import Keys
from crossmargin.margin.method import Method
from crossmargin.margin.plan.builder import Builder, Held
from crossmargin.margin.plan.expression import Expression
from crossmargin.margin.plan.program import Program
from crossmargin.margin.requirement import LEVELS, level_pair
from crossmargin.margin.scenarios import Grid
from crossmargin.market import Market
from crossmargin.scenario.revalue import asset_moves, risk_array


class ScanMethod(Method, frozen=True, kw_only=True):
    """What isolated and portfolio scans share: scenarios, collateral, factors, charges."""

    scenarios: Grid
    collateral: tuple[Haircut, ...]
    factor: tuple[float, float] = (1.0, 1.0)  # of the scan loss, by level
    tail: float = 0.0  # share of scenarios whose mean is taken; 0 takes the worst
    charges: Charges = Charges()

    def __post_init__(self) -> None:
        level_pair("factor", self.factor, f"of {self.name!r}")
        check.positive("factor maintenance", self.factor[1], f"of {self.name!r}")
        check.fraction("tail", self.tail, f"of {self.name!r}")

    def reduce(self, gain: Expression) -> Expression:
        """Worst gain over the scenarios, or the mean of the tail."""
        return gain.tail_mean("tail_count") if self.tail > 0 else gain.worst()

    def equity(self, m: Builder, positions: Held, costs: Held) -> dict[str, Expression]:
        """Equity: unrealised profit in full, collateral after haircuts; returns the latter by asset."""
        balances = m.holding("balance", source="balance", axis="asset")
        m.equity("positions", positions.sum("value") - costs.sum("cost_price"))
        return collateral(m, balances)

    def shared_axes(self, instruments: Instruments) -> Keys:
        keys = Keys.of(instruments)
        keys.rows["scenario"] = self.scenarios.build(self.name).labels
        width = max([1, *(len(h.edges) for h in self.collateral)]) + 1
        keys.rows["collateral_edges tier"] = tuple(str(i) for i in range(width))
        keys.rows["size_edges tier"] = tuple(str(i) for i in range(len(self.charges.size_edges)))
        return keys

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Risk rows, prices, haircuts and rates."""
        scenarios = self.scenarios.build(self.name)
        array = risk_array(instruments, market, scenarios)
        atoms = instruments.atom[instruments.settlement]
        moves = asset_moves(instruments, scenarios) * scenarios.weight
        return {
            "gain": array.lots,
            "value": array.value * array.settlement_price,
            "cost_price": array.settlement_price * atoms,
            "asset_move": asset_scenarios(self.collateral, instruments, moves),
            "tail_count": max(self.tail * len(scenarios), 1.0),
            "factor": self.factor,
            **collateral_tables(self.collateral, instruments, market),
            **charge_tables(self.charges, instruments, market),
        }


class IsolatedMargin(ScanMethod, frozen=True, kw_only=True, tag="isolated"):
    """Every position scanned alone: no offset of any kind, collateral outside the scenarios."""

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        self.equity(m, positions, m.holding("cost", source="cost", axis="instrument"))
        gain = positions.sum("gain", by="each", rows="scenario")
        loss = -m.min(self.reduce(gain), 0)
        m.charge("scan loss", loss.total() * m.given("factor", rows="level"))
        m.floor("short option minimum", short_minimum(m, positions))
        m.floor("minimum", contract_minimum(m, positions))
        return m.build()

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        return self.shared_axes(instruments).shape()


class ScenarioMargin(ScanMethod, frozen=True, kw_only=True, tag="scenario"):
    """Portfolio margin: groups net within each scenario, with charges for what a scan does not see."""

    # Groups name underlyings, one without a group is its own; offsets: what a gain counts against other losses.
    groups: dict[str, list[str]] = msgspec.field(default_factory=dict)
    between_groups: Literal["sum", "joint"] = "sum"
    offsets: dict[str, float] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        ScanMethod.__post_init__(self)
        check.unique("underlying in groups", (u for members in self.groups.values() for u in members))
        for group, rate in self.offsets.items():
            check.fraction("offset", rate, f"of group {group!r}")
        if self.offsets and self.between_groups != "joint":
            raise check.refuse("offsets", 'be given with between_groups "joint"', self.offsets)

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        counted = self.equity(m, positions, costs)
        profit = positions.sum("value", by="asset") - costs.sum("cost_price", by="asset")
        losses = {level: self.scan(m, positions, counted[level] + profit) for level in LEVELS}
        m.charge("scan loss", by_level(m, losses) * m.given("factor", rows="level"))
        m.charge("basis across expiries", basis_charge(m, positions))
        m.charge("size", size_charge(m, positions))
        m.floor("short option minimum", short_minimum(m, positions))
        m.floor("minimum", contract_minimum(m, positions))
        return m.build()

    def scan(self, m: Builder, positions: Held, exposed: Expression) -> Expression:
        """Scan loss of the account at one level; ``exposed`` (collateral counted and unrealised profit,
        by settlement asset) moves with its asset.
        """
        gain = positions.sum("gain", by="group", rows="scenario")
        gain += (exposed * m.given("asset_move", key="asset", rows="scenario")).total("group")
        if self.between_groups == "sum":
            return (-m.min(self.reduce(gain), 0)).total()
        carried = gain.sided(below=1, above=m.given("offset", key="group"))
        return -m.min(self.reduce(carried.total()), 0)

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        keys = self.shared_axes(instruments)
        keys.add_groups(instruments, self.groups)
        return keys.shape()

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        keys = Keys.of(instruments)
        keys.add_groups(instruments, self.groups)
        known = keys.labels["group"]
        for group in self.offsets:
            check.one_of("offset group", group, known)
        base = ScanMethod.tables(self, instruments, market)
        return base | {"offset": [self.offsets.get(group, 0.0) for group in known]}
