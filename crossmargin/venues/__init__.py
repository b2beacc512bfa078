"""One file a venue: its dated parameter sets and the plan that it builds.

``crossmargin.venues.derive`` and its neighbours load when they are first named.
"""

from importlib import import_module
from typing import Any

VENUES = (
    "aevo", "bybit", "dederi", "deribit", "derive", "derive_1", "derive_standard", "drift", "mango", "okx", "paradex",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in VENUES:
        return import_module(f"crossmargin.venues.{name}")
    raise AttributeError(f"crossmargin.venues must hold one of {', '.join(VENUES)}, was {name!r}")


def load_method(data: bytes) -> Any:
    """Read any method, a venue's or none's, from the JSON text of its parameters."""
    from crossmargin.margin import AnyMethod
    from crossmargin.margin.method import decode
    from crossmargin.venues.derive import PortfolioMargin2
    from crossmargin.venues.derive_standard import StandardManager
    from crossmargin.venues.drift import DriftMargin
    from crossmargin.venues.mango import Health

    return decode(data, AnyMethod | PortfolioMargin2 | StandardManager | DriftMargin | Health)
