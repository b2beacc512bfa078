"""Slow twins of ``_core.scenario``: one holding and one scenario at a time."""

from math import fsum


def gains(array, item, quantity):
    """Exact sums rounded once, so that a twin errs less than what it judges."""
    n_scenarios = array.shape[1]
    return [fsum(q * array[i][s] for i, q in zip(item, quantity, strict=True)) for s in range(n_scenarios)]


def scan(array, start, item, quantity):
    """Scan loss of each unit."""
    units = zip(start[:-1], start[1:], strict=True)
    return [max(0.0, -min(gains(array, item[a:b], quantity[a:b]), default=0.0)) for a, b in units]
