"""Strategy margin of one underlying (Reg T and Cboe rules) by brute force over all set partitions.

Every contract is a unit of its own. The margin of a book is the cheapest partition of its units into
admissible groups. All money is decimal, so that ties and roundings to cents are exact. The work grows as
3 ** units: meant for books of up to nine units.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache

CENT = Decimal("0.01")


def exact(x):
    """The decimal number a reader sees, not the binary one behind it."""
    return Decimal(str(x))


def expand(legs, size):
    """Units, one a contract or ``size`` shares, in the order of the legs; and the leftover shares a leg."""
    units, leftover = [], []
    for number, leg in enumerate(legs):
        quantity = int(leg["quantity"])
        whole, rest = abs(quantity), 0
        if leg["type"] == "stock":
            whole, rest = divmod(abs(quantity), size)
        unit = {
            "leg": number,
            "type": leg["type"],
            "sign": 1 if quantity > 0 else -1,
            "price": exact(leg["price"]),
            "strike": exact(leg.get("strike") or 0),
            "days": leg.get("days", 0),
            "shares": size,
        }
        units += [unit] * whole
        if rest:
            leftover.append(unit | {"shares": rest})
    return units, leftover


# One unit alone -----------------------------------------------------------------------------------


def stock(unit, rules):
    """Part of the leg's own price; a cash account pays the full value on either side."""
    value = unit["price"] * unit["shares"]
    if rules["account"] == "cash":
        return value
    return value * exact(rules["stock_long"] if unit["sign"] > 0 else rules["stock_short"])


def premium(unit, rules):
    return unit["price"] * rules["multiplier"]


def long_option(unit, rules):
    """Paid in full; a margin account borrows on what lives long enough."""
    borrows = rules["account"] == "margin" and unit["days"] > rules["long_dated_days"]
    return premium(unit, rules) * (exact(rules["long_dated_rate"]) if borrows else 1)


def naked(unit, underlying, rules):
    """Short option in a margin account: the larger of two figures a share, rounded to cents, half to even."""
    spot, lever = exact(underlying["price"]), exact(underlying["leverage"])
    price, strike = unit["price"], unit["strike"]
    percent = exact(rules["percent"].get(underlying["kind"], 0.20))
    is_call = unit["type"] == "call"
    out = max(strike - spot if is_call else spot - strike, Decimal(0))
    usual = price + percent * lever * spot - out
    least = price + exact(rules["minimum"]) * lever * (spot if is_call else strike)
    return max(usual, least).quantize(CENT, ROUND_HALF_EVEN) * rules["multiplier"]


def secured(unit, underlying, rules):
    """Short option in a cash account: money to take delivery or to buy the stock, less the premium received.

    The stock of a broad index cannot be bought, so its call is secured by the strike. No floor at zero.
    """
    buys_stock = unit["type"] == "call" and underlying["kind"] != "broad"
    amount = exact(underlying["price"]) if buys_stock else unit["strike"]
    return (amount - unit["price"]) * rules["multiplier"]


def alone(unit, underlying, rules):
    if unit["type"] == "stock":
        return stock(unit, rules)
    if unit["sign"] > 0:
        return long_option(unit, rules)
    return (secured if rules["account"] == "cash" else naked)(unit, underlying, rules)


# Groups -------------------------------------------------------------------------------------------


def covered(group, rules):
    """Stock and the short option it delivers: the stock's margin alone. None for any other pair."""
    if len(group) != 2:
        return None
    for share, option in (group, group[::-1]):
        delivers = {1: "call", -1: "put"}[share["sign"]]
        if share["type"] == "stock" and option["type"] == delivers and option["sign"] < 0:
            return stock(share, rules)
    return None


def straddle(group, underlying, rules):
    """Short call and short put: the larger requirement and the other side's premium; never in a cash account.

    Two equal requirements take the larger premium.
    """
    if rules["account"] == "cash" or len(group) != 2:
        return None
    if {unit["type"] for unit in group} != {"call", "put"} or any(unit["sign"] > 0 for unit in group):
        return None
    sides = []
    for unit, other in (group, group[::-1]):
        sides.append((naked(unit, underlying, rules), premium(other, rules)))
    return sum(max(sides))


def payoff(group, spot):
    """At expiry of everything, a share."""
    total = Decimal(0)
    for unit in group:
        gain = spot - unit["strike"] if unit["type"] == "call" else unit["strike"] - spot
        total += unit["sign"] * max(gain, Decimal(0))
    return total


def is_spread(group):
    """Options with a short among them, which the longs outlive and outnumber on both sides.

    Longs alone are no spread: each would lose its long-dated rate.
    """
    longs = [unit for unit in group if unit["sign"] > 0]
    shorts = [unit for unit in group if unit["sign"] < 0]
    if not longs or not shorts or any(unit["type"] == "stock" for unit in group):
        return False
    for kind in ("call", "put"):
        if sum(unit["type"] == kind for unit in longs) < sum(unit["type"] == kind for unit in shorts):
            return False
    return min(unit["days"] for unit in longs) >= max(unit["days"] for unit in shorts)


def spread(group, rules):
    """The largest loss over the strikes and a spot of zero, and the net cost (a credit lowers it)."""
    if not is_spread(group):
        return None
    worst = min(payoff(group, spot) for spot in [Decimal(0)] + [unit["strike"] for unit in group])
    cost = sum(unit["sign"] * unit["price"] for unit in group)
    return (-min(Decimal(0), worst) + cost) * rules["multiplier"]


def charge(group, underlying, rules):
    """The cheapest admissible reading of a group; None if there is none."""
    if len(group) == 1:
        return alone(group[0], underlying, rules)
    readings = [covered(group, rules), straddle(group, underlying, rules), spread(group, rules)]
    return min((figure for figure in readings if figure is not None), default=None)


# Partitions ---------------------------------------------------------------------------------------


def subsets(mask):
    """All submasks of ``mask``, from the empty one up."""
    part = 0
    while True:
        yield part
        if part == mask:
            return
        part = (part - mask) & mask


def bits(mask):
    return [i for i in range(mask.bit_length()) if mask >> i & 1]


def cheapest(n, cost):
    """(total, groups) of the cheapest partition of n units; ``cost`` prices a mask or gives None.

    The first unit left goes with every subset of the others in turn. The first of equal partitions stays.
    """

    @lru_cache(maxsize=None)
    def best(mask):
        if not mask:
            return Decimal(0), ()
        first = mask & -mask
        found = None
        for others in subsets(mask ^ first):
            price = cost(first | others)
            if price is None:
                continue
            rest, groups = best(mask ^ first ^ others)
            if found is None or price + rest < found[0]:
                found = price + rest, ((first | others), *groups)
        return found

    return best((1 << n) - 1)


def margin(legs, underlying, rules):
    """Requirement of the book and its groups, as lists of unit numbers; leftover shares are in no group.

    A leg has type ("call", "put" or "stock"), strike, price a share, signed quantity
    (contracts or shares) and days to expiry.
    ``unit_legs`` names the leg of each unit.
    """
    units, leftover = expand(legs, rules["multiplier"])

    @lru_cache(maxsize=None)
    def cost(mask):
        return charge([units[i] for i in bits(mask)], underlying, rules)

    total, groups = cheapest(len(units), cost)
    total += sum(stock(unit, rules) for unit in leftover)
    return {
        "requirement": float(total),
        "groups": [bits(mask) for mask in groups],
        "unit_legs": [unit["leg"] for unit in units],
    }
