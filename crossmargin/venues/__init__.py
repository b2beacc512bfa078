"""One file a venue: its dated parameter sets and the plan that it builds.

``crossmargin.venues.derive`` and its neighbours load when they are first named.
"""

from functools import reduce
from importlib import import_module
from operator import or_
from typing import Any

VENUES = (
    "aevo", "binance", "binance_portfolio", "bybit", "bybit_options", "catalogue", "dederi", "deribit",
    "deribit_standard", "derive", "derive_1", "derive_standard", "drift", "dydx", "hyperliquid",
    "hyperliquid_portfolio", "kraken", "mango", "mango_stable_price", "okx", "okx_options", "paradex",
    "paradex_cross", "superseded", "vega", "vega_capped",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in VENUES:
        return import_module(f"crossmargin.venues.{name}")
    raise AttributeError(f"crossmargin.venues must hold one of {', '.join(VENUES)}, was {name!r}")


# Where the methods of each module stand: module and class.
METHODS = {
    "binance": "CrossMargin", "binance_portfolio": "PortfolioMargin", "bybit": "PortfolioMargin",
    "bybit_options": "OptionMargin", "deribit": "PortfolioMargin", "deribit_standard": "StandardMargin",
    "derive": "PortfolioMargin2", "derive_1": "PortfolioMargin1", "derive_standard": "StandardManager",
    "drift": "DriftMargin", "dydx": "CrossMargin", "hyperliquid": "CrossMargin",
    "hyperliquid_portfolio": "PortfolioMargin", "kraken": "MultiCollateral", "mango": "Health",
    "okx": "PortfolioMargin", "okx_options": "OptionMargin", "paradex": "PortfolioMargin",
    "paradex_cross": "CrossMargin", "superseded": "SupersededMargin", "vega": "MarginCalculator",
    "vega_capped": "FullCollateral",
}  # fmt: skip


def load_method(data: bytes) -> Any:
    """Read any method, a venue's or none's, from the JSON text of its parameters."""
    from crossmargin.margin import AnyMethod
    from crossmargin.margin.method import decode

    kinds = [getattr(import_module(f"crossmargin.venues.{module}"), name) for module, name in METHODS.items()]
    return decode(data, reduce(or_, kinds, AnyMethod))
