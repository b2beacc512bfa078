"""OKX portfolio margin, one position and one scenario at a time: the slow, obvious twin.

A unit is one underlying with all its contracts and, where spot hedges, the balance of its own coin that is
in use. Results are in USD. ``coins`` is signed; ``index`` and ``price`` of the market are in USD.
"""

from reference.venues_black import grouped, option_delta, option_value, years

TERM = ((0, 0.50, 0.30), (30, 0.35, 0.25), (60, 0.25, 0.20))  # days, relative and absolute change
PAIRS = (("USDT", "USD"), ("USDT", "USDC"), ("USDC", "USD"))


def is_option(p):
    return p["kind"] == "option"


def marginal(size, slices, beyond):
    """Each slice of (width, rate) charges its part of the size; what is left takes the rate ``beyond``."""
    total = 0.0
    for width, rate in slices:
        part = min(size, width)
        total += part * rate
        size -= part
        if size <= 0:
            return total
    return total + size * beyond


# --- one position


def between(days, column):
    """Linear in days from knot to knot, flat after the last."""
    for low, high in zip(TERM, TERM[1:], strict=False):
        if days <= high[0]:
            share = (days - low[0]) / (high[0] - low[0])
            return low[column] + (high[column] - low[column]) * share
    return TERM[-1][column]


def volatility_change(rules, market, p):
    days = years(p["expiry_ns"], market["as_of_ns"]) * 365
    relative, absolute = between(days, 1) * p["volatility"], between(days, 2)
    if rules["volatility"] == "larger":
        return max(relative, absolute)
    return relative if rules["volatility"] == "relative" else absolute


def profit(rules, market, p, move, direction):
    """Profit in USD; a future moves with the index, not with its mark. Direction -1 down, 0 same, 1 up."""
    if not is_option(p):
        return p["coins"] * market["index"][p["underlying"]] * move
    volatility = max(p["volatility"] + direction * volatility_change(rules, market, p), 0.0)
    return p["coins"] * (option_value(p, market, move=move, volatility=volatility) - option_value(p, market))


def coin_delta(market, p):
    return p["coins"] * (option_delta(p, market) if is_option(p) else 1.0)


def cash_delta(market, p):
    """Delta in USD: of a future at its mark, of an option at the index."""
    if is_option(p):
        return coin_delta(market, p) * market["index"][p["underlying"]]
    return p["coins"] * p["mark"] * (1.0 if p["inverse"] else market["price"][p["quote"]])


def option_mark(market, p):
    """USD per coin; a coin settled option is marked in coin, which the index turns into USD."""
    if p["settlement"] == p["underlying"]:
        return p["mark"] * market["index"][p["underlying"]]
    return p["mark"] * market["price"][p["quote"]]


# --- the charges of a unit


def spot_in_use(rules, market, underlying, held, balances):
    """The part of the own coin, signed, that offsets the delta of the derivatives."""
    if rules["spot"] == "none":
        return 0.0
    balance, net = balances.get(underlying, 0.0), sum(coin_delta(market, p) for p in held)
    if balance > 0 and net < 0:
        return min(balance, -net)
    if balance < 0 and net > 0:
        return max(balance, -net)
    return 0.0


def unit_profit(rules, market, underlying, held, spot, move, direction):
    derivatives = sum(profit(rules, market, p, move, direction) for p in held)
    return derivatives + spot * market["index"][underlying] * move


def grid_loss(rules, market, underlying, held, spot):
    """MR1: the worst of seven moves by three volatilities."""
    reach = rules["units"][underlying]["max_move"]
    moves = [reach * k / 3 for k in range(-3, 4)]
    grid = [(move, direction) for move in moves for direction in (-1, 0, 1)]
    outcomes = [unit_profit(rules, market, underlying, held, spot, *scenario) for scenario in grid]
    return max(0.0, -min(outcomes))


def extreme_loss(rules, market, underlying, held, spot):
    """MR6: half of the worst of the two extreme moves."""
    reach = rules["units"][underlying]["extreme_move"]
    outcomes = [unit_profit(rules, market, underlying, held, spot, x, 0) for x in (-reach, reach)]
    return max(0.0, -min(outcomes)) / 2


def time_loss(market, held):
    """MR2: what the options lose in a day."""
    options = [p for p in held if is_option(p)]
    decays = [option_value(p, market, passed=1 / 365) - option_value(p, market) for p in options]
    return max(0.0, -sum(p["coins"] * decay for p, decay in zip(options, decays, strict=True)))


def basis_charge(rules, market, underlying, held, spot):
    """MR4: net cash delta of each expiry, gross between expiries; spot in use is a leg of its own."""
    unit = rules["units"][underlying]
    total = abs(spot * market["index"][underlying]) * unit["basis_minimum"]
    for expiry, same in grouped(held, lambda p: p["expiry_ns"]).items():
        move = max(unit["basis_minimum"], unit["basis_annualised"] * years(expiry, market["as_of_ns"]))
        total += abs(sum(cash_delta(market, p) for p in same)) * move
    return total


def closing_cost(rules, market, p):
    """Slippage and, for an option, the fee of closing one position."""
    rate = rules["units"][p["underlying"]]["close_rate"]
    if not is_option(p):
        return abs(cash_delta(market, p)) * rate
    index, mark = market["index"][p["underlying"]], option_mark(market, p)
    least = rate * index
    slippage = max(least, least * abs(option_delta(p, market)))
    if p["coins"] > 0:
        slippage = min(slippage, mark)  # a long option cannot cost more than itself
    fee = min(rules["taker_fee"] * index, rules["option_fee_cap"] * mark)
    return abs(p["coins"]) * (slippage + fee)


def minimum_charge(rules, market, held):
    """MR7: the cost of closing, each tier of it by its own multiplier; edges are where tiers begin."""
    raw = sum(closing_cost(rules, market, p) for p in held)
    edges, multipliers = rules["close_edges"], rules["close_multipliers"]
    widths = [high - low for low, high in zip(edges, edges[1:], strict=False)]
    return marginal(raw, zip(widths, multipliers, strict=False), multipliers[-1])


def depeg_charge(rules, market, underlying, held, spot):
    """MR9: cash deltas that hedge each other in different dollars."""
    net = {"USDT": 0.0, "USDC": 0.0, "USD": spot * market["index"][underlying]}
    for p in held:
        net[p["quote"]] += cash_delta(market, p)
    hedged = 0.0
    for a, b in PAIRS:
        if net[a] * net[b] < 0:
            size, sign = min(abs(net[a]), abs(net[b])), 1 if net[a] > 0 else -1
            hedged += size
            net[a] -= sign * size
            net[b] += sign * size
    return marginal(hedged, rules["depeg"], rules["depeg"][-1][1] if rules["depeg"] else 0.0)


def unit_margin(rules, market, underlying, held, balances):
    spot = spot_in_use(rules, market, underlying, held, balances)
    mr = {
        "mr1": grid_loss(rules, market, underlying, held, spot),
        "mr2": time_loss(market, held),
        "mr3": 0.0,
        "mr4": basis_charge(rules, market, underlying, held, spot),
        "mr5": 0.0,
        "mr6": extreme_loss(rules, market, underlying, held, spot),
        "mr7": minimum_charge(rules, market, held),
        "mr9": depeg_charge(rules, market, underlying, held, spot),
    }
    losses = max(mr["mr1"], mr["mr2"], mr["mr6"]) + mr["mr3"] + mr["mr4"] + mr["mr5"]
    mmr = max(losses, mr["mr7"]) + mr["mr9"]
    return mr | {"spot_in_use": spot, "mmr": mmr, "imr": rules["im_factor"] * mmr}


# --- the account


def equities(positions, balances):
    """Balance and open profit of each asset; an option is worth nothing here."""
    equity = dict(balances)
    for p in positions:
        equity[p["settlement"]] = equity.get(p["settlement"], 0.0) + p["value"] - p["cost"]
    return equity


def counted(rules, market, asset, amount):
    """USD of an equity: discounted slice by slice, nothing beyond the slices; a debt in full."""
    if amount < 0:
        return amount * market["price"][asset]
    return marginal(amount, rules["discount"].get(asset, ()), 0.0) * market["price"][asset]


def portfolio_margin(rules, market, positions, balances):
    units = {
        underlying: unit_margin(rules, market, underlying, held, balances)
        for underlying, held in grouped(positions, lambda p: p["underlying"]).items()
    }
    equity = equities(positions, balances)
    liability = sum(max(-amount, 0.0) * market["price"][asset] for asset, amount in equity.items())
    mr8 = rules["borrow_mmr"] * liability
    return {
        "units": units,
        "mr8": mr8,
        "maintenance": sum(unit["mmr"] for unit in units.values()) + mr8,
        "initial": sum(unit["imr"] for unit in units.values()) + rules["borrow_imr"] * liability,
        "equity": sum(counted(rules, market, asset, amount) for asset, amount in equity.items()),
        "liability": liability,
    }
