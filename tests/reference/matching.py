"""Two matchers as plain recursion and loops: cheapest pairs by brute force, and spreads by priority."""

from functools import lru_cache

import numpy as np


def cheapest_pairs(cost_alone, pair_cost, count):
    """Least total cost of all units, each alone or in one pair.

    ``cost_alone`` and ``count`` are by type (dicts, or lists of types 0, 1, ...). ``pair_cost[i, j]`` is the
    cost of a pair of the types i and j, in either order; pairs it does not name are not allowed.
    """
    types = sorted(count) if isinstance(count, dict) else list(range(len(count)))
    price = {}
    for (i, j), cost in pair_cost.items():
        for key in ((types.index(i), types.index(j)), (types.index(j), types.index(i))):
            price[key] = min(cost, price.get(key, cost))

    @lru_cache(maxsize=None)
    def best(left):
        if not any(left):
            return 0
        first = next(i for i in range(len(left)) if left[i])
        others = take(left, first)
        found = cost_alone[types[first]] + best(others)
        for j in range(len(left)):
            if others[j] and (first, j) in price:
                found = min(found, price[first, j] + best(take(others, j)))
        return found

    return best(tuple(int(count[t]) for t in types))


def take(left, i):
    return (*left[:i], left[i] - 1, *left[i + 1 :])


# Spreads by priority ------------------------------------------------------------------------------


def rounded(x):
    """Nearest whole number, halves toward zero."""
    return float(np.sign(x) * np.ceil(abs(x) - 0.5))


def within(period, months):
    """The months of a leg, front first: a month is itself, a pair (first, last) is a tier with both ends."""
    if isinstance(period, (tuple, list)):
        first, last = period
        return sorted(m for m in months if first <= m <= last)
    return [m for m in months if m == period]


def merged(legs):
    """Legs of one period and side draw on one pool, so their ratios add up."""
    ratios = {}
    for period, side, ratio in legs:
        key = (tuple(period) if isinstance(period, (tuple, list)) else period), side
        ratios[key] = ratios.get(key, 0) + ratio
    return [(period, side, ratio) for (period, side), ratio in ratios.items()]


def available(remaining, period, sign):
    """Delta left on one side; a tier's long pool and its short pool are apart."""
    return sum(max(sign * remaining[m], 0) for m in within(period, remaining))


def consume(remaining, period, sign, amount):
    """Takes ``amount`` from one side, the front month first."""
    for m in within(period, remaining):
        used = min(max(sign * remaining[m], 0), amount)
        remaining[m] -= sign * used
        amount -= used


def form(remaining, legs, long_side, counting):
    """Forms as many spreads as there are, with ``long_side`` long; takes their deltas, gives the number."""
    signs = [1 if side == long_side else -1 for _, side, _ in legs]
    n = min(available(remaining, period, sign) / ratio for (period, _, ratio), sign in zip(legs, signs))
    if counting == "whole":
        n = float(int(n))
    for (period, _, ratio), sign in zip(legs, signs):
        consume(remaining, period, sign, n * ratio)
    return n


def spreads(deltas, spreads_list, counting):
    """(number of each spread, remaining delta a month): each spread in turn, A long first, then B long.

    ``deltas`` is by month; a spread is a list of legs [period, "A" or "B", ratio], a period being a month or
    a pair (first month, last month). ``counting``: "fraction", "whole" (numbers are cut to whole spreads) or
    "rounded" (deltas are rounded to whole ones first; numbers may still be fractions).
    """
    remaining = {m: rounded(x) if counting == "rounded" else x for m, x in deltas.items()}
    counts = []
    for legs in spreads_list:
        legs = merged(legs)
        counts.append(sum(form(remaining, legs, long_side, counting) for long_side in ("A", "B")))
    return counts, remaining
