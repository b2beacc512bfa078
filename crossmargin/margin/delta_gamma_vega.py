"""Delta-gamma-vega margin: a normal approximation of the loss under a covariance of underlyings and volatilities.

For relative moves of underlyings and of their volatilities, normal with deviations ``s = vol sqrt(days / 365)`` and
correlation R, the gain is ``x'xi + 1/2 sum_i y_i xi_i^2`` with ``x = (delta s, vega s)`` and ``y = gamma s^2``, so that

    mean = 1/2 sum y,  variance = x'Rx + 1/2 y'(R o R) y,  requirement = factor max(0, z sqrt(variance) - mean)

The lines are "deviation", ``z sqrt(variance)``, with the Euler share of every contract, and "mean of gamma".
Sensitivities are money per relative move, by central differences of the full revaluation (Black-76, conversion of the
settlement asset included); counted collateral and unrealised profit move with their asset. Cross gammas, vanna and
the decay of time are left out. Source: J.P. Morgan/Reuters, RiskMetrics Technical Document (1996), section 6.3.3.
"""

from statistics import NormalDist
from typing import Any

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.calibration import Indefinite, check_correlation
from crossmargin.instruments import Instruments
from crossmargin.margin.collateral import Haircut, asset_scenarios, by_level, collateral, collateral_tables
from crossmargin.margin.keys import NO_GROUP, Keys
from crossmargin.margin.method import Method, Parameters, check_choices
from crossmargin.margin.plan.builder import Builder, Held
from crossmargin.margin.plan.expression import Expression
from crossmargin.margin.plan.program import Program
from crossmargin.margin.requirement import LEVELS, level_pair
from crossmargin.market import Market
from crossmargin.scenario import ScenarioSet
from crossmargin.scenario.revalue import asset_moves, risk_array

STEP = 1e-3  # relative move of the central differences
BUMPS = ScenarioSet.of(
    "bumps", move=[STEP, -STEP, 0.0, 0.0], volatility=[[0.0], [0.0], [STEP], [-STEP]],
    labels=("up", "down", "volatility up", "volatility down"),
)  # fmt: skip


class Factor(Parameters, frozen=True, kw_only=True):
    """Yearly deviations of an underlying's return and of the relative move of its volatility, fractions."""

    underlying: str
    volatility: float
    volatility_of_volatility: float = 0.0

    def __post_init__(self) -> None:
        check.number("volatility", self.volatility, f"of {self.underlying!r}", low=0.0)
        check.number("volatility_of_volatility", self.volatility_of_volatility, f"of {self.underlying!r}", low=0.0)


def volatility_of(underlying: str) -> str:
    return f"{underlying} volatility"


def gamma_of(underlying: str) -> str:
    return f"{underlying} gamma"


class DeltaGammaVegaMargin(Method, frozen=True, kw_only=True, tag="delta_gamma_vega"):
    """``correlation``: of the underlyings in the order of ``factors``, then of their volatilities in that order.

    ``factor``: multiples of the loss at initial and maintenance; ``indefinite``: what becomes of a correlation matrix
    that is not positive semi-definite.
    """

    factors: tuple[Factor, ...]
    correlation: list[list[float]]
    collateral: tuple[Haircut, ...]
    confidence: float = 0.99
    days: float = 1.0
    factor: tuple[float, float] = (1.0, 0.8)
    indefinite: Indefinite = "refuse"

    def __post_init__(self) -> None:
        check_choices(self)
        where = f"of {self.name!r}"
        level_pair("factor", self.factor, where)
        check.number("confidence", self.confidence, where, low=0.5, high=1.0 - 1e-9)
        check.positive("days", self.days, where)
        check.unique("underlying of factors", (f.underlying for f in self.factors))
        if len(self.matrix) != 2 * len(self.factors):
            raise check.refuse("correlation", f"have {2 * len(self.factors)} rows", len(self.matrix), where)

    @property
    def matrix(self) -> Floats:
        """The correlation matrix, sound."""
        return check_correlation("correlation", np.array(self.correlation), indefinite=self.indefinite)

    @property
    def names(self) -> list[str]:
        """Factors in the order of the correlation matrix."""
        spots = [f.underlying for f in self.factors]
        return spots + [volatility_of(name) for name in spots]

    @property
    def deviations(self) -> dict[str, float]:
        """Deviation of each factor over the horizon."""
        root = float(np.sqrt(self.days / 365.0))
        yearly = [f.volatility for f in self.factors] + [f.volatility_of_volatility for f in self.factors]
        return {name: value * root for name, value in zip(self.names, yearly, strict=True)}

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        balances = m.holding("balance", source="balance", axis="asset")
        m.equity("positions", positions.sum("value") - costs.sum("cost_price"))
        counted = collateral(m, balances)
        profit = positions.sum("value", by="asset") - costs.sum("cost_price", by="asset")
        mean, scale = positions.sum("mean"), m.given("factor", rows="level")
        wide = by_level(m, {level: self.deviation(m, positions, counted[level] + profit) for level in LEVELS})
        deviation = wide * m.given("quantile") * scale
        whole = m.max(deviation - mean * scale, 0)
        m.charges(whole, {"deviation": deviation, "mean of gamma": whole - deviation})
        return m.build()

    def deviation(self, m: Builder, positions: Held, exposed: Expression) -> Expression:
        """Square root of the variance at one level: x and ``y / sqrt 2`` under one block matrix, R and ``R o R``."""
        spot = positions.sum("delta", by="underlying").total("factor")
        smile = positions.sum("vega", by="smile").total("factor")
        bend = positions.sum("gamma", by="bend").total("factor")
        held = (exposed * m.given("asset_delta", key="asset")).total("factor")
        return (spot + smile + bend + held).norm("correlation")

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        """Three keys an underlying: its move, that of its volatility, its gamma; what nothing moves has its own."""
        keys = Keys.of(instruments)
        for axis in ("smile", "bend"):
            keys.add("instrument", axis, instruments.column("underlying"))
        keys.labels["factor"] = self.labels
        for name in {*keys.labels["underlying"], *(a.underlying for a in instruments.assets if a.underlying)}:
            check.one_of("underlying", name, [f.underlying for f in self.factors])
        keys.add("underlying", "factor", keys.labels["underlying"])
        keys.add("smile", "factor", [volatility_of(name) for name in keys.labels["smile"]])
        keys.add("bend", "factor", [gamma_of(name) for name in keys.labels["bend"]])
        keys.add("asset", "factor", [asset.underlying or NO_GROUP for asset in instruments.assets])
        keys.rows["factor pair"] = keys.labels["factor"]
        width = max([1, *(len(h.edges) for h in self.collateral)]) + 1
        keys.rows["collateral_edges tier"] = tuple(str(i) for i in range(width))
        return keys.shape()

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Sensitivities of a lot times the deviation of their factor, correlations, values."""
        array = risk_array(instruments, market, BUMPS)
        up, down, rise, fall = array.lots.T
        spot = np.array([self.deviations[row.underlying] for row in instruments])
        curve = (up + down) / STEP**2 * spot**2
        smile = np.array([self.deviations[volatility_of(row.underlying)] for row in instruments])
        unit = asset_moves(instruments, ScenarioSet.of("unit", move=[1.0]))
        of_assets = [self.deviations[a.underlying] if a.underlying else 0.0 for a in instruments.assets]
        return {
            "delta": (up - down) / (2.0 * STEP) * spot,
            "gamma": curve / np.sqrt(2.0),
            "mean": curve / 2.0,
            "vega": (rise - fall) / (2.0 * STEP) * smile,
            "asset_delta": asset_scenarios(self.collateral, instruments, unit)[:, 0] * np.array(of_assets),
            "value": array.value * array.settlement_price,
            "cost_price": array.settlement_price * instruments.atom[instruments.settlement],
            "correlation": self.blocks(),
            "quantile": NormalDist().inv_cdf(self.confidence),
            "factor": self.factor,
            **collateral_tables(self.collateral, instruments, market),
        }

    @property
    def labels(self) -> tuple[str, ...]:
        """Keys of the norm, sorted."""
        return tuple(sorted([*self.names, *(gamma_of(f.underlying) for f in self.factors), NO_GROUP]))

    def blocks(self) -> Floats:
        """R of the factors and ``R o R`` of the gammas in the order of the keys; nothing else correlates."""
        found, n = np.eye(len(self.labels)), len(self.factors)
        moves = [self.labels.index(name) for name in self.names]
        bends = [self.labels.index(gamma_of(f.underlying)) for f in self.factors]
        found[np.ix_(moves, moves)] = self.matrix
        found[np.ix_(bends, bends)] = self.matrix[:n, :n] ** 2
        return found
