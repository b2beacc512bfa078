"""crossmargin: the margin of whole accounts, computed, checked, explained and improved.

Layers, from the ground up: ``_core`` (compiled kernels), ``instruments``, ``market``, ``portfolio``, ``snapshot``,
``calibration``, ``scenario``, ``margin``, ``venues``, ``account``, ``liquidation``, ``validation``, ``interop``,
``reports``, ``cli``. Each imports only downwards.
"""

from crossmargin import account, liquidation, margin, market, portfolio, scenario, venues
from crossmargin.account import health, impact, liquidation_prices
from crossmargin.errors import CrossmarginError, ImprudentParametersError, InvalidInputError
from crossmargin.instruments import Asset, Instrument, Instruments
from crossmargin.market import Market, Observation
from crossmargin.portfolio import Account, Book, Order, Portfolio, Position
from crossmargin.snapshot import Snapshot, load

__version__ = "0.1.0"
__all__ = [
    "Account", "Asset", "Book", "CrossmarginError", "ImprudentParametersError", "Instrument", "Instruments",
    "InvalidInputError", "Market", "Observation", "Order", "Portfolio", "Position", "Snapshot", "account", "health",
    "impact", "liquidation", "liquidation_prices", "load", "margin", "market", "portfolio", "scenario", "venues",
]  # fmt: skip
