"""Kraken Futures' multi-collateral margin, one position and one balance at a time: the slow, obvious twin."""

from reference.binance import maintenance


def requirement(levels, haircuts, positions, balances, price):
    """Maintenance and equity in dollars; initial is twice the first. Levels are (floor, maintenance rate)."""
    sides = {}
    equity = 0.0
    for p in positions:
        settled = price[p["settlement"]]
        worth = abs(p["size"]) / p["mark"] if p["inverse"] else abs(p["size"]) * p["mark"]
        value = (-p["size"] / p["mark"] if p["inverse"] else p["size"] * p["mark"]) * settled
        equity += value - p["cost"] * settled
        side = sides.setdefault(p["underlying"], [0.0, 0.0])
        side[p["size"] < 0] += worth * settled
    for asset, amount in balances.items():
        counted = 1 - haircuts[asset] if amount > 0 else 1.0
        equity += amount * counted * price[asset]
    margin = sum(max(maintenance(levels[name], side) for side in both) for name, both in sides.items())
    return {"maintenance": margin, "equity": equity, "sides": sides}
