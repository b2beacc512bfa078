"""The account API: health, impact of orders, liquidation prices, comparison of methods."""

from crossmargin.account.comparison import Comparison, compare, only_held
from crossmargin.account.health import Health, State, health, states
from crossmargin.account.impact import Impact, impact
from crossmargin.account.liquidation import LiquidationPrices, liquidation_prices

__all__ = [
    "Comparison", "Health", "Impact", "LiquidationPrices", "State", "compare", "health", "impact", "liquidation_prices",
    "only_held", "states",
]  # fmt: skip
