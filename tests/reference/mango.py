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
