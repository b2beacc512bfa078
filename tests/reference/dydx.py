"""dYdX v4 as plain loops over integers in the venue's own form, price and exponent apart: the slow, obvious twin."""

from fractions import Fraction
from typing import NamedTuple

MILLION = 10**6


class Perp(NamedTuple):
    """One market: integers as the chain stores them."""

    price: int
    exponent: int
    resolution: int
    initial: int
    fraction: int
    lower: int
    upper: int
    interest: int  # base quanta
    chosen: int


def ceiling(a, b):
    return (a + b - 1) // b


def quote(perp, base):
    power = perp.exponent + perp.resolution + 6
    if power >= 0:
        return base * perp.price * 10**power
    size = abs(base) * perp.price // 10**-power
    return size if base > 0 else -size


def initial_rate(perp):
    rate, interest = perp.initial, quote(perp, perp.interest)
    if perp.upper == 0 or interest <= perp.lower:
        pass
    elif interest >= perp.upper:
        rate = MILLION
    else:
        share = Fraction(interest - perp.lower, perp.upper - perp.lower)
        rate += int((MILLION - rate) * share)
    return max(rate, perp.chosen)


def account(cash, held):
    """Net collateral, initial and maintenance margin of pairs (market, base quanta)."""
    net, initial, maintenance = cash, 0, 0
    for perp, base in held:
        n = quote(perp, base)
        net += n
        initial += ceiling(abs(n) * initial_rate(perp), MILLION)
        maintenance += ceiling(ceiling(abs(n) * perp.initial, MILLION) * perp.fraction, MILLION)
    return net, initial, maintenance


def filled(cash, base, sign, size, limit, fee):
    """Cash and base after a fill of ``size`` base quanta; ``limit`` is quote quanta a base quantum."""
    notional = int(size * limit)
    cost = ceiling(notional * fee, MILLION)
    return cash - sign * notional - cost, base + sign * size


def riskier(a, b):
    """1, 0, -1 by cases, for states of which each asks some maintenance margin."""
    ratio_a, ratio_b = Fraction(a[0], a[2]), Fraction(b[0], b[2])
    if ratio_a != ratio_b:
        return 1 if ratio_a < ratio_b else -1
    return (a[2] > b[2]) - (a[2] < b[2])


def change(old, new):
    if new[0] >= new[1]:
        return "Success"
    refused = "NewlyUndercollateralized" if old[0] >= old[1] else "StillUndercollateralized"
    if new[2] > old[2]:
        return refused
    if not old[2] or not new[2]:
        return "Success" if old[2] == new[2] and new[0] > old[0] else refused
    return refused if riskier(new, old) > 0 else "Success"


def settle(cash, held):
    """Cash after funding of (base, index last, index now): rounded down once."""
    total = sum(base * (last - now) for base, last, now in held)
    rest = total % MILLION
    return cash + (total - rest) // MILLION
