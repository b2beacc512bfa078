"""Bybit's portfolio margin, one position and one scenario at a time: the slow, obvious twin.

A unit is one base coin. Marks and forwards are in the settlement currency, results in USD.
"""

from reference.venues_black import DAY_NS, grouped, option_value


def volatility_factors(unit, p, market):
    """Up, same, down; the term counts whole days, rounded up, at least one."""
    days = max(-((market["as_of_ns"] - p["expiry_ns"]) // DAY_NS), 1)
    stretch = (30 / days) ** unit["power"]
    return 1 + unit["volatility_up"] * stretch, 1.0, max(1 - unit["volatility_down"] * stretch, 0.0)


def profit(unit, market, p, move, column):
    """Profit in USD; an option's is counted from its mark, not from its model value."""
    price = market["price"][p["settlement"]]
    if p["kind"] != "option":
        return p["coins"] * move * p["mark"] * price
    volatility = p["volatility"] * volatility_factors(unit, p, market)[column]
    return p["coins"] * price * (option_value(p, market, move=move, volatility=volatility) - p["mark"])


def spot_hedge(rules, market, underlying, balances, move):
    """The own coin may reduce the loss of a price and never adds to it."""
    if not rules["spot_hedge"]:
        return 0.0
    return max(0.0, balances.get(underlying, 0.0) * move * market["index"][underlying])


def worst_column(unit, market, held, move):
    """One volatility for the whole unit at each price: the least favourable."""
    return min(sum(profit(unit, market, p, move, column) for p in held) for column in range(3))


def all_profits(rules, market, underlying, held, balances):
    """What is left at each price."""
    unit = rules["units"][underlying]
    return [
        worst_column(unit, market, held, move) + spot_hedge(rules, market, underlying, balances, move)
        for move in unit["moves"]
    ]


def future_contingency(rules, market, underlying, held):
    coins = sum(abs(p["coins"]) for p in held if p["kind"] != "option")
    return coins * rules["units"][underlying]["future_rate"] * market["index"][underlying]


def option_contingency(rules, market, underlying, held):
    """A charge on options sold, net of those bought."""
    net = sum(p["coins"] for p in held if p["kind"] == "option")
    return max(0.0, -net) * rules["units"][underlying]["option_rate"] * market["index"][underlying]


def unit_margin(rules, market, underlying, held, balances):
    profits = all_profits(rules, market, underlying, held, balances)
    loss = max(0.0, -min(profits))
    futures = future_contingency(rules, market, underlying, held)
    options = option_contingency(rules, market, underlying, held)
    maintenance = loss + futures + options
    return {
        "all_pnl": profits,
        "max_loss": loss,
        "future_contingency": futures,
        "option_contingency": options,
        "maintenance": maintenance,
        "initial": rules["im_factor"] * maintenance,
    }


def portfolio_margin(rules, market, positions, balances):
    units = {
        underlying: unit_margin(rules, market, underlying, held, balances)
        for underlying, held in grouped(positions, lambda p: p["underlying"]).items()
    }
    return {
        "units": units,
        "maintenance": sum(unit["maintenance"] for unit in units.values()),
        "initial": sum(unit["initial"] for unit in units.values()),
    }
