"""Mango v4 health read a second time from the rule: case by case, one market at a time.

``account``: balances by token, swap (base, quote), swap_orders (side, quantity), spot (pair, side, quantity, limit).
"""


class Health:
    """One level: prices and weights against the account. ``weights[token]`` and ``swap`` are (own, owe[, profit])."""

    def __init__(self, account, oracle, slow, weights, swap, settle, underlying):
        self.low = {name: min(oracle[name], slow[name]) for name in oracle}
        self.high = {name: max(oracle[name], slow[name]) for name in oracle}
        self.account, self.weights = account, weights
        self.reserved = {pair: self.either(pair) for pair in {order[0] for order in account["spot"]}}
        self.amount = {name: float(balance) for name, balance in account["balances"].items()}
        self.amount[settle] += self.profit(swap, underlying)

    def profit(self, weights, name):
        """Base with all buys, or with all sells; a profit counts in part."""
        own, owe, trusted = weights
        base, quote = self.account["swap"]

        def case(orders, price):
            n = base + orders
            return n * (self.high[name] * owe if n < 0 else self.low[name] * own) - orders * price

        buys, sells = (sum(q for side, q in self.account["swap_orders"] if side == s) for s in ("buy", "sell"))
        found = quote + min(case(buys, self.high[name]), case(-sells, self.low[name]))
        return found * trusted if found > 0 else found

    def either(self, pair):
        """Everything as base, everything as quote, of one market."""
        base, quote = pair
        bids, asks = ([(q, limit) for p, s, q, limit in self.account["spot"] if (p, s) == (pair, side)]
                      for side in ("buy", "sell"))
        reserved_base, reserved_quote = sum(q for q, _ in asks), sum(q * limit for q, limit in bids)
        bought = [reserved_quote * self.low[quote] / self.high[base]] + [reserved_quote / limit for _, limit in bids]
        sold = [reserved_base * self.low[base] / self.high[quote]] + [reserved_base * limit for _, limit in asks]
        return reserved_base + min(bought), reserved_quote + min(sold)

    def contribution(self, token, reserve):
        """Value of a reserve on top of all that the token could become."""
        most = self.amount[token] + sum(r[p.index(token)] for p, r in self.reserved.items() if token in p)
        asset, debt = self.asset(token), self.debt(token)
        if most >= reserve:
            return reserve * asset
        return reserve * debt if most < 0 else most * asset + (reserve - most) * debt

    def asset(self, token):
        return self.weights[token][0] * self.low[token]

    def debt(self, token):
        return self.weights[token][1] * self.high[token]

    def value(self):
        tokens = sum(x * (self.debt(n) if x < 0 else self.asset(n)) for n, x in self.amount.items())
        return tokens + sum(
            min(self.contribution(token, r) for token, r in zip(pair, both)) for pair, both in self.reserved.items()
        )


def scaled(own, owe, price, start, deposits, borrows):
    """Initial weights of a token while its pool is worth more than a start; ``price`` the higher of two."""
    if deposits * price > start:
        own = own * start / (deposits * price)
    return own, owe * (borrows * price) / start if borrows * price > start else owe


def shifted(weights, target, start, end, now):
    """Maintenance weights that move linearly in time, first and last ones outside of it."""
    if now <= start:
        return weights
    if now >= end:
        return target
    return tuple((a * (end - now) + b * (now - start)) / (end - start) for a, b in zip(weights, target))


def without(account, bad, settle, perpetual_fails=False):
    """The account as it is valued while the oracles of the tokens ``bad`` fail; ``None`` where it is refused."""
    base, quote = account["swap"]
    held = base or quote or account["swap_orders"]
    if any(account["balances"].get(name, 0) < 0 for name in bad) or (held and (perpetual_fails or settle in bad)):
        return None
    return account | {
        "balances": {name: 0 if name in bad else n for name, n in account["balances"].items()},
        "spot": [order for order in account["spot"] if not bad & set(order[0])],
    }


class StablePrice:
    """The stable price by the hours of the calendar; seconds. ``hours``: figure of each hour that is closed."""

    def __init__(self, price, at, *, slot_growth=0.06, growth=0.0003, chained=True):
        self.start, self.stable, self.at, self.hour = price, price, at, at // 3600
        self.hours, self.seen, self.since = {}, [], at
        self.slot_growth, self.growth, self.chained = slot_growth, growth, chained

    def delayed(self, hour):
        return self.hours.get(hour, self.start)

    def clamp(self, x, around, share):
        low, high = around - around * share, around + around * share
        return low if x < low else high if x > high else x

    def show(self, price, at):
        gap = at - self.at
        if gap < 10:
            return
        seconds, hour = min(gap, 600), at // 3600
        self.seen.append(price * seconds)
        if (hour - self.hour) % 24:
            mean = sum(self.seen) / (at - self.since)
            self.close(mean, hour, gap > 24 * 3600)
            self.seen, self.since = [], at
        elif hour != self.hour:  # a day later the ring stands at the same slot
            for slot in range(24):
                self.hours[hour - 24 + slot] = self.delayed(self.hour - 24 + slot)
        self.at, self.hour = at, hour
        day_ago = self.delayed(hour - 24)
        fraction = min(self.stable / day_ago, day_ago / self.stable)
        self.stable = self.clamp(price, self.stable, self.growth * fraction**2 * seconds)

    def close(self, mean, hour, whole_day):
        figure = self.clamp(mean, self.delayed(self.hour - 1), self.slot_growth)
        first = hour - 24 if whole_day else self.hour
        for closing in range(first, hour):
            if closing > self.hour and self.chained and not whole_day:
                figure = self.clamp(mean, figure, self.slot_growth)
            self.hours[closing] = figure
