"""The account API: health, impact of orders, liquidation prices."""

from crossmargin.account.health import Health, State, health, states
from crossmargin.account.impact import Impact, impact
from crossmargin.account.liquidation import LiquidationPrices, liquidation_prices

__all__ = [
    "Health", "Impact", "LiquidationPrices", "State", "health", "impact", "liquidation_prices", "states",
]  # fmt: skip
