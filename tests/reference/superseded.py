"""Deribit's superseded portfolio margin and Dederi's copy of it: the slow, obvious twin.

The worst of a grid of moves and volatilities, plus contingencies counted in coins and priced at the index.
``rules``: moves, volatility_move, power, volatility ("relative" or "absolute"), future_rate, future_count
("offsetting" or "gross"), option_rate, option_count ("net short per strike" or "gross"). Results are in USD.
"""

from math import exp

from reference.venues_black import grouped, option_value, years


def is_option(p):
    return p["kind"] == "option"


def forward(index, basis, days):
    """Index grown at an annualised basis, continuously."""
    return index * exp(basis * days / 365)


def volatility_move(rules, days):
    """Size of the volatility's move, larger for short terms; days count from one."""
    return rules["volatility_move"] * (30 / max(days, 1.0)) ** rules["power"]


def shocked_volatility(rules, market, p, direction):
    size = volatility_move(rules, years(p["expiry_ns"], market["as_of_ns"]) * 365)
    if rules["volatility"] == "relative":
        size *= p["volatility"]
    return max(p["volatility"] + direction * size, 0.0)


def profit(rules, market, p, move, direction):
    """Profit in USD; the move acts on the forward. Direction -1 down, 0 same, 1 up."""
    if not is_option(p):
        return p["coins"] * p["forward"] * move
    volatility = shocked_volatility(rules, market, p, direction)
    return p["coins"] * (option_value(p, market, move=move, volatility=volatility) - option_value(p, market))


def outcomes(rules, market, held):
    """Move-major, volatilities down, same, up inside."""
    return [
        sum(profit(rules, market, p, move, direction) for p in held)
        for move in rules["moves"]
        for direction in (-1, 0, 1)
    ]


def offsetting_futures(held):
    """Coins of the smaller side, once the futures of each expiry are netted."""
    by_expiry = grouped((p for p in held if not is_option(p)), lambda p: p["expiry_ns"])
    nets = [sum(p["coins"] for p in same) for same in by_expiry.values()]
    return min(sum(max(net, 0.0) for net in nets), sum(max(-net, 0.0) for net in nets))


def counted_futures(rules, held):
    if rules["future_count"] == "offsetting":
        return offsetting_futures(held)
    return sum(abs(p["coins"]) for p in held if not is_option(p))


def counted_options(rules, held):
    """Coins of options sold net, calls and puts of a strike together; or all, long and short."""
    options = [p for p in held if is_option(p)]
    if rules["option_count"] == "gross":
        return sum(abs(p["coins"]) for p in options)
    strikes = grouped(options, lambda p: p["strike"]).values()
    return sum(max(-sum(p["coins"] for p in same), 0.0) for same in strikes)


def unit_margin(rules, market, underlying, held):
    index = market["index"][underlying]
    profits = outcomes(rules, market, held)
    loss = max(0.0, -min(profits))
    futures = rules["future_rate"] * counted_futures(rules, held) * index
    options = rules["option_rate"] * counted_options(rules, held) * index
    return {
        "outcomes": profits,
        "worst_loss": loss,
        "future_contingency": futures,
        "option_contingency": options,
        "maintenance": loss + futures + options,
    }


def portfolio_margin(rules, market, positions):
    units = {
        underlying: unit_margin(rules, market, underlying, held)
        for underlying, held in grouped(positions, lambda p: p["underlying"]).items()
    }
    return {"units": units, "maintenance": sum(unit["maintenance"] for unit in units.values())}
