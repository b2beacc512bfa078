"""Binance's futures margin and portfolio margin, one position and one order at a time: the slow, obvious twin.

A bracket is (floor, rate); notionals, cumulative amounts and margins are in the settlement asset.
"""


def cumulative(brackets):
    """cum_n = cum_{n-1} + floor_n (rate_n - rate_{n-1})"""
    found = [0.0]
    for (_, before), (floor, rate) in zip(brackets, brackets[1:], strict=False):
        found.append(found[-1] + floor * (rate - before))
    return found


def maintenance(brackets, notional):
    """The bracket that the whole notional falls into, its rate and its amount."""
    n = max(i for i, (floor, _) in enumerate(brackets) if abs(notional) >= floor)
    return abs(notional) * brackets[n][1] - cumulative(brackets)[n]


def notional_at(p, price):
    """Of ``size``: units of the underlying, or dollars of an inverse contract."""
    return abs(p["size"]) / price if p["inverse"] else abs(p["size"]) * price


def profit_at(p, price):
    worth = -p["size"] / price if p["inverse"] else p["size"] * price
    return worth - p["cost"]


def open_loss(order, mark):
    side = 1 if order["side"] == "buy" else -1
    if order["inverse"]:
        return order["size"] * abs(min(0.0, side * (1 / order["limit"] - 1 / mark)))
    return order["size"] * abs(min(0.0, side * (mark - order["limit"])))


def cross(rules, leverage, positions, orders, wallet):
    """Initial, maintenance, equity in the settlement asset."""
    initial = total = 0.0
    equity = wallet
    for p in positions:
        kept = maintenance(rules[p["underlying"]], notional_at(p, p["mark"]))
        initial += max(notional_at(p, p["mark"]) / leverage[p["id"]], kept)
        total += kept
        equity += profit_at(p, p["mark"])
    for o in orders:
        initial += notional_at(o, o["limit"]) / leverage[o["id"]] + open_loss(o, o["mark"])
    return {"initial": initial, "maintenance": total, "equity": equity}


def surplus_at(rules, positions, wallet, name, price):
    """Equity less maintenance margin with one contract at another price."""
    prices = {p["id"]: price if p["id"] == name else p["mark"] for p in positions}
    equity = wallet + sum(profit_at(p, prices[p["id"]]) for p in positions)
    return equity - sum(maintenance(rules[p["underlying"]], notional_at(p, prices[p["id"]])) for p in positions)


def liquidation_price(surplus, low=1e-7, high=1e9, steps=200):
    """Bisection of a surplus that changes its sign at most once; None where it does not."""
    at_low = surplus(low)
    if at_low * surplus(high) > 0:
        return None
    for _ in range(steps):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if surplus(middle) * at_low > 0 else (low, middle)
    return (low * high) ** 0.5


def collateral_value(rates, net, price):
    """``min(net P rate, net P)``, rates by slices of the amount: a haircut never improves a debt."""
    if net <= 0:
        return net * price
    value, edges = 0.0, [edge for edge, _ in rates[1:]] + [float("inf")]
    for (low, rate), high in zip(rates, edges, strict=True):
        value += max(min(net, high) - low, 0.0) * rate * price
    return value


def portfolio(rules, price, positions, orders, balances):
    """``rules``: brackets by settlement and underlying, rates by asset, loans, loan_rate. Dollars."""
    net = {asset: 0.0 for asset in rules["rates"]}
    owed = dict.fromkeys(net, 0.0)
    for name, amount in balances.items():
        asset = rules["loans"].get(name, name)
        net[asset] += -amount if name in rules["loans"] else amount
        owed[asset] += amount if name in rules["loans"] else max(-amount, 0.0)
    margin = sum(owed[a] * rules["loan_rate"] * price[a] for a in owed)
    for p in positions:
        net[p["settlement"]] += profit_at(p, p["mark"])
        brackets = rules["brackets"][p["settlement"]][p["underlying"]]
        margin += maintenance(brackets, notional_at(p, p["mark"])) * price[p["settlement"]]
    equity = sum(collateral_value(rules["rates"][a], amount, price[a]) for a, amount in net.items())
    equity -= sum(open_loss(o, o["mark"]) * price[o["settlement"]] for o in orders)
    return {"equity": equity, "margin": margin}
