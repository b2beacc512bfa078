"""Slow twins of ``_core.netting``; tiers in the form with deductions."""

from fractions import Fraction


def group_sums(group, amount, n_groups):
    """(net, long, short) of each group, exactly."""
    found = []
    for g in range(n_groups):
        mine = [Fraction(x) for k, x in zip(group, amount, strict=True) if k == g]
        long = sum((x for x in mine if x > 0), Fraction(0))
        short = sum((-x for x in mine if x < 0), Fraction(0))
        found.append((long - short, long, short))
    return found


def tiers(size, edges, rates):
    """``rate |x| - deduction`` of the tier that |x| lies in; deductions make the charge continuous."""
    size = abs(Fraction(size))
    deduction, before = Fraction(0), Fraction(0)
    charge = Fraction(0)
    for edge, rate in zip(map(Fraction, edges), map(Fraction, rates), strict=True):
        deduction += (rate - before) * edge
        before = rate
        if size >= edge:
            charge = rate * size - deduction
    return charge


def size_rate(size, base, slope, cap):
    size = abs(Fraction(size))
    return size * min(Fraction(base) + Fraction(slope) * size, Fraction(cap))
