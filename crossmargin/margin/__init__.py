"""Margin methods that are no venue's, and what every method answers."""

from typing import Any

from crossmargin.margin.charges import Charges
from crossmargin.margin.class_groups import TenPointMargin
from crossmargin.margin.collateral import Haircut
from crossmargin.margin.delta_gamma_vega import DeltaGammaVegaMargin
from crossmargin.margin.explanation import Explanation
from crossmargin.margin.isolation import Netting, netting
from crossmargin.margin.method import Method, decode
from crossmargin.margin.prepared import Prepared
from crossmargin.margin.requirement import Component, Requirement, Requirements
from crossmargin.margin.scenario_array import ScenarioArrayMargin
from crossmargin.margin.scenario_margin import IsolatedMargin, ScenarioMargin
from crossmargin.margin.scenarios import Grid, Tail
from crossmargin.margin.strategy import StrategyMargin
from crossmargin.margin.tiered import LinearRate, OptionRates, ScaledRate, TieredMargin, Tiers

AnyMethod = (
    IsolatedMargin | TieredMargin | ScenarioMargin | ScenarioArrayMargin | TenPointMargin | StrategyMargin
    | DeltaGammaVegaMargin
)  # fmt: skip


def load_method(data: bytes) -> Any:
    """Read any method of this package from the JSON text of its parameters."""
    return decode(data, AnyMethod)


__all__ = [
    "Charges", "Component", "DeltaGammaVegaMargin", "Explanation", "Grid", "Haircut", "IsolatedMargin",
    "LinearRate", "Method", "Netting", "OptionRates", "Prepared", "Requirement", "Requirements", "ScaledRate",
    "ScenarioArrayMargin", "ScenarioMargin", "StrategyMargin", "Tail", "TenPointMargin", "TieredMargin", "Tiers",
    "load_method", "netting",
]  # fmt: skip
