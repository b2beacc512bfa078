"""Hyperliquid's account figures and portfolio margin, one position and one token at a time: the slow, obvious twin.

A tier is (lower bound, most leverage).
"""


def maintenance(tiers, notional):
    """``N rate_n - ded_n``, rate 1 / (2 most leverage), deductions by their recursion."""
    rates = [1 / (2 * most) for _, most in tiers]
    deduction = 0.0
    for n, (lower, _) in enumerate(tiers):
        if abs(notional) < lower:
            return abs(notional) * rates[n - 1] - deduction
        deduction += lower * (rates[n] - rates[n - 1]) if n else 0.0
    return abs(notional) * rates[-1] - deduction


def perpetuals(rules, leverage, positions, price):
    """Dollars of all positions: profit, notional, initial and maintenance margin; tiers in the settlement asset."""
    found = dict.fromkeys(("profit", "notional", "used", "kept"), 0.0)
    for p in positions:
        value = p["size"] * p["mark"]
        found["profit"] += (value - p["cost"]) * price
        found["notional"] += abs(value) * price
        found["used"] += abs(value) / leverage[p["id"]] * price
        found["kept"] += maintenance(rules[p["underlying"]], value) * price
    return found


def account(rules, leverage, positions, wallet, price):
    at = perpetuals(rules, leverage, positions, price)
    value = wallet * price + at["profit"]
    needed = max(at["used"], 0.1 * at["notional"])
    return {"equity": value, "initial": max(at["used"], at["kept"]), "maintenance": at["kept"],
            "withdrawable": max(value - at["used"], 0.0), "transfer_requirement": needed,
            "transferable": max(value - needed, 0.0)}  # fmt: skip


def surplus_at(rules, positions, wallet, name, price):
    """Account value less maintenance margin with one mark moved, in the settlement asset."""
    moved = [p | {"mark": price} if p["id"] == name else p for p in positions]
    at = perpetuals(rules, {p["id"]: 1.0 for p in moved}, moved, 1.0)
    return wallet + at["profit"] - at["kept"]


def portfolio(pool, rules, leverage, positions, balances, price):
    """``pool``: borrowed token, collateral (ltv, supply cap) by token, borrow_cap, offset. Dollars, by level."""
    cash = pool["borrowed"]
    at = perpetuals(rules, leverage, positions, price[cash])
    net = balances.get(cash, 0.0) * price[cash] + at["profit"]
    debt, spare = max(-net, 0.0), max(net, 0.0)
    margins = {"initial": max(at["used"], at["kept"]), "maintenance": at["kept"]}
    found = {"borrowed": debt, "collateral_value": 0.0, "weighted_value": 0.0, "partial_threshold": 0.0, "full_threshold": 0.0}
    carried = dict.fromkeys(margins, 0.0)
    for token, (ltv, cap) in pool["collateral"].items():
        owned = max(balances.get(token, 0.0), 0.0)
        worth = owned * price[token]
        found["collateral_value"] += worth
        found["weighted_value"] += worth * ltv
        found["partial_threshold"] += worth * (ltv + (1 - ltv) / 2)
        found["full_threshold"] += worth * (ltv + (1 - ltv) * 2 / 3)
        carried["initial"] += min(owned, cap) * price[token] * ltv
        carried["maintenance"] += min(owned, cap) * price[token] * (0.5 + 0.5 * ltv)
    for level, margin in margins.items():
        needed = debt + margin
        needed += pool["offset"] if needed > 0 else 0.0
        found[f"requirement_{level}"] = needed
        found[f"value_{level}"] = spare + min(carried[level], pool["borrow_cap"])
    found["net_balance"] = found["collateral_value"] + net
    return found
