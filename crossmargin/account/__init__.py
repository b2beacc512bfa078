"""The account API: health, impact of orders, liquidation prices, comparison of methods, the engine of the gate."""

from crossmargin.account.comparison import Comparison, compare, only_held
from crossmargin.account.decision import Decision
from crossmargin.account.engine import RiskEngine
from crossmargin.account.health import Health, State, health, states
from crossmargin.account.impact import Impact, impact
from crossmargin.account.liquidation import LiquidationPrices, liquidation_prices
from crossmargin.account.tables import Capacity

__all__ = [
    "Capacity", "Comparison", "Decision", "Health", "Impact", "LiquidationPrices", "RiskEngine", "State", "compare",
    "health", "impact", "liquidation_prices",
    "only_held", "states",
]  # fmt: skip
