"""The risk-scenario API: scenario sets, and risk arrays revalued over them."""

from crossmargin.scenario.history import correlated, historical, stress
from crossmargin.scenario.named import NAMED, named
from crossmargin.scenario.revalue import Options, RiskArray, dollar_deltas, moved_market, risk_array
from crossmargin.scenario.sets import ScenarioSet, VolatilityRule, grid, tails

__all__ = [
    "NAMED", "Options", "RiskArray", "ScenarioSet", "VolatilityRule", "correlated", "dollar_deltas", "grid",
    "historical", "moved_market", "named", "risk_array", "stress", "tails",
]  # fmt: skip
