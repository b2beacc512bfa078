"""Published figures that the project carries, so that a lone clone proves each method: files by name, as the vectors have them."""

from importlib import import_module

MODULES = {
    "deribit": ("deribit", "ROWS"), "okx": ("okx", "ROWS"), "bybit": ("bybit", "ROWS"), "paradex": ("paradex", "ROWS"),
    "dydx_v4": ("dydx", "ROWS"), "aevo": ("copies", "AEVO"), "dederi": ("copies", "DEDERI"),
    "drift_v2": ("drift", "ROWS"), "mango_v4": ("mango", "ROWS"),
    "binance": ("binance", "ROWS"), "hyperliquid": ("hyperliquid", "ROWS"), "kraken": ("kraken", "ROWS"),
    "frameworks": ("frameworks", "ROWS"),
}  # fmt: skip


def own(name):
    """Rows of a file that stand here."""
    if name == "derive_pmrm1":
        found = import_module("figures.derive_1")
        return {"vectors": found.ROWS, "scenario_grid": found.SCENARIOS, "param_sets": found.PARAMETERS}
    if name == "docs_examples":
        found = [import_module("figures.paradex").DOCUMENTED, import_module("figures.vega").ROWS]
        return {"vectors": [row for rows in found for row in rows]}
    if name not in MODULES:
        return {"vectors": []}
    module, variable = MODULES[name]
    found = import_module(f"figures.{module}")
    return {"vectors": getattr(found, variable), "param_sets": getattr(found, "PARAMETERS", {})}
