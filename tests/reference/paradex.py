"""Paradex's portfolio margin, one position and one scenario at a time: the slow, obvious twin.

A unit is one underlying; ``rules`` holds the parameters of each. Results are in USD.
"""

from reference.venues_black import grouped, option_delta, option_value, years


def is_option(p):
    return p["kind"] == "option"


def scenarios(unit):
    """(move, direction of the volatility, weight): 16 standard rows, then the tails with volatility up."""
    rows = [(steps * unit["spot"], d, 1.0) for steps in (-3, -2, -1, 0, 1, 2, 3) for d in (1, -1)]
    rows += [(steps * unit["spot"], 1, 1.0) for steps in (-4, 4)]
    return rows + [(move, 1, weight) for move, weight in unit["tails"]]


def shocked_volatility(unit, market, p, direction):
    """Up is at least a minimum, however long the term; down stops at 0."""
    days = max(years(p["expiry_ns"], market["as_of_ns"]) * 365, 1.0)
    stretch = (30 / days) ** (0.30 if days < 30 else 0.13)
    if direction > 0:
        return p["volatility"] * (1 + max(unit["up"] * stretch, unit["minimum_up"]))
    return max(p["volatility"] * (1 - unit["down"] * stretch), 0.0)


def profit(unit, market, p, move, direction):
    if not is_option(p):
        return p["coins"] * p["mark"] * move
    volatility = shocked_volatility(unit, market, p, direction)
    return p["coins"] * (option_value(p, market, move=move, volatility=volatility) - option_value(p, market))


def outcomes(unit, market, held):
    """Weighted profit of the unit in each of the rows."""
    return [
        weight * sum(profit(unit, market, p, move, direction) for p in held)
        for move, direction, weight in scenarios(unit)
    ]


def coin_delta(market, p):
    return p["coins"] * (option_delta(p, market) if is_option(p) else 1.0)


def minimum_delta(unit, market, underlying, held):
    """A charge on the net delta and a smaller one on what is hedged, counted once per hedged pair."""
    deltas = [coin_delta(market, p) for p in held]
    net, gross = abs(sum(deltas)), sum(abs(d) for d in deltas)
    return (unit["unhedged"] * net + unit["hedged"] * (gross - net) / 2) * market["index"][underlying]


def funding_provision(provisions, market, held):
    """Funding to be paid over some hours; what would be received does not count."""
    perpetuals = [p for p in held if p["kind"] == "perpetual"]
    rates = [market["funding"].get(p["id"], 0.0) for p in perpetuals]
    hours = provisions["funding_hours"]
    due = [p["coins"] * p["mark"] * rate * hours for p, rate in zip(perpetuals, rates, strict=True)]
    return sum(max(0.0, x) for x in due)


def fee_provision(provisions, market, underlying, held):
    index = market["index"][underlying]
    notional = sum(abs(p["coins"]) * (index if is_option(p) else p["mark"]) for p in held)
    return provisions["fee_rate"] * notional


def unit_margin(rules, market, underlying, held, provisions):
    unit = rules[underlying]
    profits = outcomes(unit, market, held)
    scan, least = max(0.0, -min(profits)), minimum_delta(unit, market, underlying, held)
    net = max(scan, least)
    funding = funding_provision(provisions, market, held)
    fee = fee_provision(provisions, market, underlying, held)
    return {
        "outcomes": profits,
        "scan": scan,
        "minimum_delta": least,
        "net": net,
        "funding_provision": funding,
        "fee_provision": fee,
        "initial": net + funding + fee,
        "maintenance": 0.5 * net + funding + fee,
    }


def portfolio_margin(rules, market, positions, provisions):
    units = {
        underlying: unit_margin(rules, market, underlying, held, provisions)
        for underlying, held in grouped(positions, lambda p: p["underlying"]).items()
    }
    return {
        "units": units,
        "maintenance": sum(unit["maintenance"] for unit in units.values()),
        "initial": sum(unit["initial"] for unit in units.values()),
    }
