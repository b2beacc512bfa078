"""Drift v2 for one perpetual, one token and quote, as plain loops over integers: the slow, obvious twin."""

from math import isqrt


def trunc(a, b):
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def at(level, initial, maintenance):
    return {"initial": initial, "maintenance": maintenance, "fill": (initial + maintenance) // 2}[level]


def premium(weight, size, imf, *, bounded=True):
    if imf == 0:
        return weight
    raised = weight - weight // 5 + isqrt(10 * size + 1) * imf // 10**7
    return max(weight, raised) if bounded else raised


def discount(weight, size, imf):
    if imf == 0:
        return weight
    return min(weight, 11 * 10**9 // (10**6 + isqrt(10 * size + 1) * imf // 10**5))


def perp_ratio(p, user, size, level):
    if p.settled_at is not None:
        return 0
    mode = user.high_leverage and p.leveraged_initial > 0 and p.leveraged_maintenance > 0
    plain, low = at(level, p.initial, p.maintenance), at(level, p.leveraged_initial, p.leveraged_maintenance)
    if not mode:
        ratio = premium(plain, size, p.imf)
    elif level == "maintenance":
        ratio = premium(low, size, p.imf)
    else:
        ratio = leveraged(plain, low, premium(plain, size, p.imf, bounded=False))
    return max(ratio, user_ratio(user, level, p.instrument))


def leveraged(plain, low, raised):
    if raised > plain:
        return raised
    if raised == plain:
        return low
    pct = max(0, 10**6 - (plain - raised) * 10**6 // (plain // 5))
    room = max(1, plain - low)
    return low + (room - room * (10**6 - pct) // 10**6 if pct > 500_000 else room * pct // 10**6)


def user_ratio(user, level, instrument=""):
    own = max(user.ratio, user.positions.get(instrument, 0)) if level == "initial" else 0
    return max(own, user.override)


def perpetual(p, user, level, held, price, quote, profit_cap):
    """Requirement, unweighted notional and counted profit; ``quote`` is (oracle, average) as the level reads them."""
    base, cost, bids, asks = held

    def liability(x):
        unit = 10**6 - price if x < 0 and p.contract == "prediction" else price
        return abs(x) * unit // 10**9

    worst = base + bids if liability(base + bids) > liability(base - asks) else base - asks
    notional = liability(worst) * max(quote) // 10**6
    requirement = notional * perp_ratio(p, user, abs(worst), level) // 10**4
    profit = trunc(base * price, 10**9) - cost
    if profit > 0:
        weight = p.profit_maintenance if level == "maintenance" else p.profit_initial
        if level != "maintenance":
            if p.max_imbalance and p.net_profit > p.max_imbalance:
                weight = weight * p.max_imbalance // p.net_profit
            weight = discount(weight, profit * 1000, p.profit_imf)
        profit = profit * weight // 10**4
    counted = trunc(profit * (min(quote) if profit > 0 else max(quote)), 10**6)
    return requirement, notional, min(counted, profit_cap) if level == "initial" else counted


def token(s, user, level, held, prices, one, *, is_quote=False, deposits=0):
    """Weighted value, unweighted value and order value of the worse side; ``deposits`` of the pool, in whole tokens."""
    amount, bids, asks = held
    initial, pool = s.initial_asset, deposits * prices[0]
    if s.scale_start and pool > s.scale_start:
        initial = initial * s.scale_start // pool
    strict = amount * (min(prices) if amount > 0 else max(prices)) // one

    def side(opened):
        order = -opened * max(prices) // one
        value, size = strict - order, abs(amount + opened) * 10**9 // one
        if value >= 0:
            weight = discount(at(level, initial, s.maintenance_asset), size, s.imf)
        else:
            weight = premium(at(level, s.initial_liability, s.maintenance_liability), size, s.imf)
        return trunc(value * weight, 10**4) + order, weight, value, order

    bought, sold = side(bids), side(-asks)
    _, weight, value, order = bought if bought[0] < sold[0] else sold
    own = 0 if is_quote else user_ratio(user, level)
    if own:
        weight = min(weight, max(0, 10**4 - own)) if value >= 0 else max(weight, 10**4 + own)
    return trunc(value * weight, 10**4), value, order


def account(method, level, perp_held, token_held, quote_held, n_orders, perp_price, token_prices, quote_prices, deposits):
    """Equity and requirement, then the same with the liquidation buffer, in 1e-6 of quote."""
    if level == "maintenance":
        token_prices, quote_prices = token_prices[:1], quote_prices[:1]
    p, user, spot = method.perps[0], method.user, method.spot_of
    perp_price = perp_price if p.settled_at is None else p.settled_at
    required, notional, counted = perpetual(p, user, level, perp_held, perp_price, quote_prices, method.profit_cap)
    equity, debts = counted, [notional]
    requirement = required + n_orders * method.order_charge
    for name, held, prices, one in (("SOL", token_held, token_prices, 10**9),
                                    ("USDC", (quote_held, 0, 0), quote_prices, 10**6)):  # fmt: skip
        weighted, value, order = token(spot[name], user, level, held, prices, one, is_quote=name == method.quote,
                                       deposits=deposits)  # fmt: skip
        equity += max(weighted, 0) + max(order, 0)
        requirement += max(-weighted, 0) + max(-order, 0)
        debts += [max(-value, 0), max(-order, 0)]
    more = sum(debt * method.buffer // 10**4 for debt in debts)
    return equity, requirement, equity - max(-counted, 0) * method.buffer // 10**4, requirement + more


def accepts(action, price, average, deviation, age, tier, stable):
    """Whether an action takes a price; integers of one unit, age in slots."""
    if price <= 0:
        return False
    if action == "average":
        return True
    if max(price, average) > 5 * min(price, average):
        return False
    if action in ("liquidation", "trigger"):
        return True
    share = {"a": 2, "b": 2, "c": 4, "speculative": 20}.get(tier, 100)
    if 100 * deviation > share * price:
        return False
    return action in ("match", "settle") or age <= (360 if stable else 120)
