"""Vega's margin, one market and one order at a time: the slow, obvious twin.

A position has a signed ``size``; orders of the account stand in one list.
"""


def funding(rule, spot, future):
    """Interest on the spot, clamped, beside the difference of the prices."""
    clamped = (1 + rule["years"] * rule["interest"]) * spot - future
    if rule["upper"] is not None and clamped > rule["upper"] * spot:
        clamped = rule["upper"] * spot
    if rule["lower"] is not None and clamped < rule["lower"] * spot:
        clamped = rule["lower"] * spot
    return future - spot + clamped


def of_market(positions, orders, name):
    held = [p for p in positions if p["id"] == name]
    resting = [o for o in orders if o["id"] == name]
    size = sum(p["size"] for p in held)
    buys = sum(o["size"] for o in resting if o["side"] == "buy")
    sells = sum(o["size"] for o in resting if o["side"] == "sell")
    return size, buys, sells


def maintenance(rules, averages, marks, positions, orders):
    """Settlement asset, market by market: the worse of all buys filled and all sells filled, and funding due."""
    whole = {"size": 0.0, "funding": 0.0}
    for name, rule in rules.items():
        size, buys, sells = of_market(positions, orders, name)
        long = max(size + buys, 0) * (rule["slippage"] + rule["risk_long"])
        short = max(-(size - sells), 0) * (rule["slippage"] + rule["risk_short"])
        whole["size"] += marks[name] * (long if long > short else short)
        due = rule["funding_factor"] * funding(rule, *averages[name]) * size
        whole["funding"] += due if due > 0 else 0.0
    return whole


def full_collateral(highest, positions, orders):
    """The most that positions can lose from their entries, and the larger side of the orders of each market."""
    lost = 0.0
    for p in positions:
        entry = p["cost"] / p["size"]
        lost += p["size"] * entry if p["size"] > 0 else -p["size"] * (highest[p["id"]] - entry)
    margin = 0.0
    for name, top in highest.items():
        resting = [o for o in orders if o["id"] == name]
        buys = sum(o["size"] * o["limit"] for o in resting if o["side"] == "buy")
        sells = sum(o["size"] * (top - o["limit"]) for o in resting if o["side"] == "sell")
        margin += max(buys, sells)
    return {"positions": lost, "orders": margin}
