"""Scenario-array margin (SPAN-style) of a book of commodities, step by step and with plain loops.

Arrays hold losses of one long unit, so a positive figure is a loss. Scenario numbers start at 1.
"""

from reference.matching import rounded, spreads


def future_array(scenarios, scan_range):
    """Losses of one long future in whole money units; moves are in scan ranges, halves go to even."""
    return [-round(weight * move * scan_range) for move, _, weight in scenarios]


# Scan ---------------------------------------------------------------------------------------------


def scenario_losses(scenarios, held):
    return [sum(p["qty"] * p["array"][s] for p in held) for s in range(len(scenarios))]


def paired(scenarios, s):
    """The scenario of the same move and the opposite volatility; without one, the scenario itself."""
    move, direction, _ = scenarios[s]
    for t, (other_move, other_direction, _) in enumerate(scenarios):
        if direction and other_move == move and other_direction == -direction:
            return t
    return s


def scan(scenarios, held):
    """The largest loss and its parts; the lowest number of equal scenarios is the active one."""
    loss = scenario_losses(scenarios, held)
    active = loss.index(max(loss))
    pair = paired(scenarios, active)
    still = [loss[s] for s, (move, _, _) in enumerate(scenarios) if move == 0]
    time = sum(still) / len(still) if still else 0.0
    return {
        "scan_risk": loss[active],
        "active_scenario": active + 1,
        "paired_scenario": pair + 1,
        "time_risk": time,
        "volatility_risk": (loss[active] - loss[pair]) / 2,
        "price_risk": (loss[active] + loss[pair]) / 2 - time,
    }


# Deltas -------------------------------------------------------------------------------------------


def month_deltas(held):
    deltas = {}
    for p in held:
        deltas[p["month"]] = deltas.get(p["month"], 0.0) + p["qty"] * p["delta"]
    return {m: deltas[m] for m in sorted(deltas)}


def weighted_price_risk(method, price_risk, net_delta, scan_range):
    """Price risk a delta: 1 as it is, 2 at most the scan range, 3 the scan range itself."""
    if method == 3:
        return scan_range
    risk = max(price_risk, 0.0) / abs(net_delta) if net_delta else 0.0
    return min(risk, scan_range) if method == 2 else risk


# Charges ------------------------------------------------------------------------------------------


def spread_table(commodity):
    """[(legs, rate)], tiers as pairs of months; all spreads of single months stand before those of tiers."""
    tiers = {str(name): tuple(months) for name, months in commodity.get("tiers", {}).items()}
    table = [(with_ratio(entry["legs"]), entry["rate"]) for entry in commodity.get("series_spreads", [])]
    for entry in commodity.get("tier_spreads", []):
        legs = [(tiers[str(tier)], side, ratio) for tier, side, ratio in with_ratio(entry["legs"])]
        table.append((legs, entry["rate"]))
    return table


def with_ratio(legs):
    """The ratio of a leg that gives none is 1."""
    return [(leg[0], leg[1], leg[2] if len(leg) > 2 else 1) for leg in legs]


def intra(commodity, deltas):
    """Charge for spreads between months, the number of each spread, and the deltas left."""
    table = spread_table(commodity)
    counts, remaining = spreads(deltas, [legs for legs, _ in table], commodity["counting"])
    charge = sum(n * rate for n, (_, rate) in zip(counts, table))
    return charge, counts, remaining


def delivery(commodity, deltas, remaining):
    """Near delivery: one rate on the delta used in spreads, another on the outright delta left."""
    charge = 0.0
    for month, (used_rate, outright_rate) in commodity.get("delivery", {}).items():
        start = deltas.get(month, 0.0)
        if commodity["counting"] == "rounded":
            start = rounded(start)  # the spreads began with this figure
        left = abs(remaining.get(month, 0.0))
        charge += (abs(start) - left) * used_rate + left * outright_rate
    return charge


def short_option_minimum(commodity, held):
    calls = sum(max(-p["qty"], 0) for p in held if p["kind"] == "call")
    puts = sum(max(-p["qty"], 0) for p in held if p["kind"] == "put")
    number = max(calls, puts) if commodity["short_option_count"] == "larger" else calls + puts
    return commodity["short_option_minimum"] * number


def option_value(held):
    return sum(p["qty"] * p["value"] for p in held if p["kind"] != "future")


# Credits between commodities ----------------------------------------------------------------------


def spread_count(legs, left, turn):
    """Whole spreads that the remaining net deltas hold, legs on their sides (turn 1) or all reversed (-1)."""
    return min(int(max(turn * side * left[name], 0.0) / ratio) for name, side, ratio, _ in legs)


def credits_of(inter, net, risk):
    """Credit of each commodity: weighted price risk x spreads x ratio x rate, in order of priority."""
    left, credit = dict(net), dict.fromkeys(net, 0.0)
    for spread in inter:
        if any(name not in left for name, *_ in spread["legs"]):
            continue  # a leg that nobody describes forms nothing
        for turn in (1, -1):
            n = spread_count(spread["legs"], left, turn)
            for name, side, ratio, rate in spread["legs"]:
                left[name] -= turn * side * n * ratio
                credit[name] += risk[name] * n * ratio * rate
    return credit


# The whole ----------------------------------------------------------------------------------------


def before_credit(commodity, held):
    """Every figure of one commodity that the others do not touch."""
    figures = scan(commodity["scenarios"], held)
    deltas = month_deltas(held)
    net = sum(deltas.values())
    charge, counts, remaining = intra(commodity, deltas)
    method, scan_range = commodity.get("weighted_price_risk", 1), commodity.get("scan_range", 0)
    return figures | {
        "month_deltas": deltas,
        "net_delta": net,
        "weighted_price_risk": weighted_price_risk(method, figures["price_risk"], net, scan_range),
        "intra": charge,
        "spread_counts": counts,
        "remaining": remaining,
        "delivery": delivery(commodity, deltas, remaining),
        "short_option_minimum": short_option_minimum(commodity, held),
        "net_option_value": option_value(held),
    }


def requirement(commodities, positions):
    """Requirement, net option value, all figures by commodity; ``total`` is requirement less option value.

    ``commodities`` maps names to descriptions; its key "inter" lists the spreads between them by priority.
    """
    names = [name for name in commodities if name != "inter"]
    held = {name: [] for name in names}
    for p in positions:
        held[p["commodity"]].append(p)
    figures = {name: before_credit(commodities[name], held[name]) for name in names}
    net = {name: figures[name]["net_delta"] for name in names}
    risk = {name: figures[name]["weighted_price_risk"] for name in names}
    for name, credit in credits_of(commodities.get("inter", []), net, risk).items():
        own = figures[name]
        own["credit"] = credit
        charged = own["scan_risk"] + own["intra"] + own["delivery"] - credit
        own["requirement"] = max(charged, own["short_option_minimum"])
    total = sum(own["requirement"] for own in figures.values())
    value = sum(own["net_option_value"] for own in figures.values())
    return {"requirement": total, "net_option_value": value, "total": total - value, "commodities": figures}
