"""Deribit's portfolio margin engine, one position and one scenario at a time: the slow, obvious twin.

``rules`` has the shape of the venue's ``model_params``. A bucket is (underlying, settlement); its vectors
are in the settlement currency, results are in USD. Standard vectors are price-major, volatilities inside.
"""

from math import exp

from reference.venues_black import grouped, option_delta, option_value, years

EXTENDED = (-0.66, -0.33, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0)
WINDOW_NS = 30 * 60 * 10**9  # deltas fade out over the last half hour before an expiry


def round9(x):
    """Nine decimals, half to even on the float that the division gives."""
    return round(x / 1e-9) * 1e-9


def sign(x):
    return (x > 0) - (x < 0)


def currency_key(settlement):
    return settlement.lower() if settlement.lower() in ("btc", "eth") else "usd"


def in_coin(p):
    return currency_key(p["settlement"]) != "usd"


def pair_of(rules, underlying):
    return rules["currency_pair"][underlying.lower() + "_usd"]


# --- profit and loss of one position


def shocked_volatility(rules, readings, market, p, direction):
    """The volatility of a scenario; direction -1 down, 0 same, 1 up."""
    pair, base = pair_of(rules, p["underlying"]), p["volatility"]
    days = max(years(p["expiry_ns"], market["as_of_ns"]) * 365, 1.0)
    power = pair["short_term_vega_power"] if days < 30 else pair["long_term_vega_power"]
    stretch = (30 / days) ** power
    if direction == 0:
        return base
    if direction < 0:
        return max(base * (1 - pair["volatility_range_down"] * stretch), 0.0)
    floor, up = pair["min_volatility_for_shock_up"], 1 + pair["volatility_range_up"] * stretch
    return max(base, floor) * up if readings["volatility_floor"] == "base" else max(base * up, floor)


def profit(rules, readings, market, p, move, direction):
    """Profit in the settlement currency; a coin is worth S (1 + move) when a coin settled profit is paid."""
    S = market["index"][p["underlying"]]
    if p["kind"] != "option":
        return p["base"] * move / (1 + move) if in_coin(p) else p["base"] * S * move
    volatility = shocked_volatility(rules, readings, market, p, direction)
    change = option_value(p, market, move=move, volatility=volatility) - option_value(p, market)
    return p["base"] * (change / (S * (1 + move)) if in_coin(p) else change)


def extended_profit(rules, readings, market, p, move):
    """The profit of a tail move, scaled back to the edge of the ordinary range; volatility up only."""
    pair = pair_of(rules, p["underlying"])
    reach = pair["price_range"]
    scaled = profit(rules, readings, market, p, move, 1) * pair["extended_table_factor"] * reach / abs(move)
    return scaled * (1 + move) / (1 + sign(move) * reach) if in_coin(p) else scaled


# --- vectors of a bucket


def standard_vector(rules, readings, market, held):
    count, reach = rules["general"]["buckets_count"], pair_of(rules, held[0]["underlying"])["price_range"]
    vector = []
    for k in range(-count, count + 1):
        for direction in (-1, 0, 1):
            vector.append(sum(profit(rules, readings, market, p, reach * k / count, direction) for p in held))
    return vector


def extended_vector(rules, readings, market, held):
    return [sum(extended_profit(rules, readings, market, p, move) for p in held) for move in EXTENDED]


def dampened(rules, market, bucket, vector):
    """Extended entries drawn towards 0 by an amount that grows with the move."""
    underlying, settlement = bucket
    reach = pair_of(rules, underlying)["price_range"]
    dollars = rules["currency"][currency_key(settlement)]["extended_dampener"]
    result = []
    for move, x in zip(EXTENDED, vector, strict=True):
        damp = (max(abs(move) / reach, 1) - 1) * dollars
        if currency_key(settlement) != "usd":
            damp /= market["index"][underlying] * (1 + sign(move) * reach)
        result.append(sign(x) * max(abs(x) - damp, 0.0))
    return result


def offset(rules, market, settlement, vector):
    """Losses whole, gains in part and up to a cap."""
    currency = rules["currency"][currency_key(settlement)]
    cap = currency["max_offsetable_pnl"] / market["coin_price"][settlement]
    return [min(x * currency["pnl_offset"], cap) if x > 0 else x for x in vector]


def worst(vector):
    return max(0.0, -min(vector))


# --- deltas and the charges on them


def remaining(p, market):
    """1, falling to 0 over the last half hour before an expiry."""
    if p["expiry_ns"] is None:
        return 1.0
    return min(max(p["expiry_ns"] - market["as_of_ns"], 0) / WINDOW_NS, 1.0)


def coin_delta(readings, market, p):
    """Delta in base coin."""
    each = 1.0
    if p["kind"] == "option":
        each = option_delta(p, market)
        if in_coin(p) and readings["option_delta"] == "net of premium":
            each -= p["mark"]
    return p["base"] * each * remaining(p, market)


def dollars_of(market, bucket):
    """What turns a charge in base coin into the settlement currency."""
    underlying, settlement = bucket
    return market["index"][underlying] if currency_key(settlement) == "usd" else 1.0


def roll_shock(rules, readings, market, bucket, held):
    """Net delta of each expiry times a move that grows with time; expiries do not net."""
    currency = rules["currency"][currency_key(bucket[1])]
    total = 0.0
    for expiry, same in grouped(held, lambda p: p["expiry_ns"]).items():
        grown = currency["annualised_move_risk"] * years(expiry, market["as_of_ns"])
        growth = grown if readings["roll_growth"] == "linear" else exp(grown) - 1
        net = sum(coin_delta(readings, market, p) for p in same)
        total += abs(net) * max(currency["min_annualised_move"], growth)
    return total * dollars_of(market, bucket)


def directional_delta(readings, market, held):
    """Long options may reduce the delta of the rest and never turn or raise it."""
    long_options = rest = 0.0
    for p in held:
        if p["kind"] == "option" and p["base"] > 0:
            long_options += coin_delta(readings, market, p)
        else:
            rest += coin_delta(readings, market, p)
    if rest < 0:
        return min(max(long_options + rest, rest), 0.0)
    return max(min(long_options + rest, rest), 0.0)


def delta_shock(rules, readings, market, bucket, held):
    """A charge on the part of the delta beyond a threshold, quadratic up to a cap."""
    pair, S = pair_of(rules, bucket[0]), market["index"][bucket[0]]
    D = abs(directional_delta(readings, market, held))
    beyond = max(D * S - pair["delta_total_liq_shock_threshold"], 0.0)
    dollars = min(pair["m_inc"] * D * beyond, pair["max_delta_shock"] * S * D)
    return dollars / S * dollars_of(market, bucket)


# --- the account


def bucket_parts(rules, readings, market, bucket, held):
    """Vectors and charges of one bucket, in its settlement currency."""
    standard = standard_vector(rules, readings, market, held)
    extended = extended_vector(rules, readings, market, held)
    counted = standard + dampened(rules, market, bucket, extended)
    return {
        "standard": standard,
        "extended": extended,
        "aggregated": offset(rules, market, bucket[1], counted),
        "roll": roll_shock(rules, readings, market, bucket, held),
        "delta": delta_shock(rules, readings, market, bucket, held),
    }


def in_dollars(market, bucket, parts):
    """The same parts at the price of the settlement currency."""
    price = market["coin_price"][bucket[1]]
    return {
        "aggregated": [x * price for x in parts["aggregated"]],
        "roll": parts["roll"] * price,
        "delta": parts["delta"] * price,
    }


def joined(parts):
    """The vectors added per scenario, the charges added."""
    return {
        "aggregated": [sum(column) for column in zip(*(p["aggregated"] for p in parts), strict=True)],
        "roll": sum(p["roll"] for p in parts),
        "delta": sum(p["delta"] for p in parts),
    }


def priced_units(readings, market, buckets):
    """What takes a worst case of its own: (price in USD of its currency, parts)."""
    if readings["between_buckets"] == "separate":
        return [(market["coin_price"][bucket[1]], parts) for bucket, parts in buckets.items()]
    same = grouped(buckets, lambda bucket: bucket[0]).values()
    return [(1.0, joined([in_dollars(market, b, buckets[b]) for b in names])) for names in same]


def portfolio_margin(rules, readings, market, positions):
    held = grouped(positions, lambda p: (p["underlying"], p["settlement"]))
    buckets = {bucket: bucket_parts(rules, readings, market, bucket, own) for bucket, own in held.items()}
    total = dict.fromkeys(("initial", "maintenance", "worst_case", "roll_shock", "delta_shock"), 0.0)
    for price, parts in priced_units(readings, market, buckets):
        loss = round9(worst(parts["aggregated"]))
        matrix = loss + parts["roll"] + parts["delta"]
        total["worst_case"] += loss * price
        total["roll_shock"] += parts["roll"] * price
        total["delta_shock"] += parts["delta"] * price
        total["initial"] += round9(matrix) * price
        total["maintenance"] += rules["general"]["mm_factor"] * matrix * price
    vectors = {name: {b: parts[name] for b, parts in buckets.items()} for name in ("standard", "extended")}
    return total | vectors
