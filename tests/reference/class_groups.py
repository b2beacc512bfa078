"""Ten-point margin by class, product, portfolio group (TIMS-style), as plain loops. Losses are positive."""

from math import erf, log, sqrt

POINTS = 10


def points(down, up):
    """Ten moves, ascending: five equal steps down to -down, five up to +up, none at zero."""
    return [-down * k / 5 for k in range(5, 0, -1)] + [up * k / 5 for k in range(1, 6)]


def normal(x):
    return (1 + erf(x / sqrt(2))) / 2


def black(kind, forward, strike, volatility, years):
    """Undiscounted Black-76."""
    sign = 1 if kind == "call" else -1
    width = volatility * sqrt(years)
    if width == 0:
        return max(sign * (forward - strike), 0.0)
    d1 = log(forward / strike) / width + width / 2
    return sign * (forward * normal(sign * d1) - strike * normal(sign * (d1 - width)))


def option(kind, forward, strike, volatility, years, multiplier=1.0):
    """The value of one contract as a function of the move, at constant volatility."""
    return lambda move: multiplier * black(kind, forward * (1 + move), strike, volatility, years)


def losses(moves, value):
    """Loss of one long contract at every move; ``value`` gives its money value after a move."""
    return [value(0.0) - value(move) for move in moves]


def offset_sum(vectors, offset):
    """At each point: losses of the members in full, and their gains at the share ``offset`` only."""
    total = []
    for i in range(POINTS):
        lost = sum(max(vector[i], 0.0) for vector in vectors)
        gained = sum(max(-vector[i], 0.0) for vector in vectors)
        total.append(lost - offset * gained)
    return total


def class_losses(name, positions):
    """Everything on one underlying nets in full."""
    own = [p for p in positions if p["class"] == name]
    return [sum(p["qty"] * p["losses"][i] for p in own) for i in range(POINTS)]


def product_losses(name, groups, positions, offset):
    members = [g for g, entry in groups.items() if entry["product"] == name]
    return offset_sum([class_losses(g, positions) for g in members], offset)


def minimum(positions, per_unit):
    """A charge for every option contract, long or short, whatever offsets it."""
    return sum(abs(p["qty"]) * per_unit * p["multiplier"] for p in positions if p["option"])


def portfolio_requirements(groups, positions, product_offset, portfolio_of, portfolio_offset, per_unit=0.375):
    """Requirement by portfolio group: the worst point or the minimum, whichever is more."""
    for p in positions:
        assert p["class"] in groups
    answer = {}
    for portfolio, offset in portfolio_offset.items():
        products = [p for p in product_offset if portfolio_of[p] == portfolio]
        vectors = [product_losses(p, groups, positions, product_offset[p]) for p in products]
        worst = offset_sum(vectors, offset)
        own = [p for p in positions if groups[p["class"]]["product"] in products]
        answer[portfolio] = max(0.0, *worst, minimum(own, per_unit))
    return answer


def requirement(groups, positions, product_offset, portfolio_of, portfolio_offset, per_unit=0.375):
    """The sum over the portfolio groups, which offset nothing between them.

    ``groups`` {class: {"product": name}}, ``product_offset`` {product: share}, ``portfolio_of`` {product:
    portfolio group}, ``portfolio_offset`` {portfolio group: share}. A position has class, qty (signed
    contracts), losses (ten, of one long contract), option (bool) and multiplier.
    """
    by_group = portfolio_requirements(
        groups, positions, product_offset, portfolio_of, portfolio_offset, per_unit
    )
    return sum(by_group.values())
