"""Scalar Black-76 and the time to an expiry, for the twins of the venues' margin rules."""

from math import erfc, log, sqrt

DAY_NS = 86_400 * 10**9
YEAR_NS = 365 * DAY_NS

SIGN = {"call": 1, "put": -1}


def normal(x):
    return 0.5 * erfc(-x / sqrt(2.0))


def black(F, K, v, T, D, sign):
    """D sign (F Phi(sign d1) - K Phi(sign d2)) at volatility ``v``; intrinsic value of F at the limits."""
    spread = v * sqrt(T)
    if spread == 0 or F == 0 or K == 0:
        return D * max(sign * (F - K), 0.0)
    d1 = log(F / K) / spread + spread / 2
    return D * sign * (F * normal(sign * d1) - K * normal(sign * (d1 - spread)))


def delta(F, K, v, T, D, sign):
    """D sign Phi(sign d1); at the limits a step, one half where F meets K, so that call - put stays D."""
    spread = v * sqrt(T)
    if spread == 0 or F == 0 or K == 0:
        reached = 1.0 if sign * (F - K) > 0 else 0.0 if F != K else 0.5
        return D * sign * reached
    return D * sign * normal(sign * (log(F / K) / spread + spread / 2))


def years(expiry_ns, as_of_ns):
    """Years of 365 days that are left; none without an expiry or after it."""
    if expiry_ns is None:
        return 0.0
    return max(expiry_ns - as_of_ns, 0) / YEAR_NS


def option_value(p, market, *, move=0.0, volatility=None, passed=0.0):
    """Undiscounted value per coin: after a move of the forward, at a volatility, ``passed`` years on."""
    v = p["volatility"] if volatility is None else volatility
    T = max(years(p["expiry_ns"], market["as_of_ns"]) - passed, 0.0)
    return black(p["forward"] * (1 + move), p["strike"], v, T, 1.0, SIGN[p["right"]])


def option_delta(p, market):
    """Derivative of that value by the forward."""
    T = years(p["expiry_ns"], market["as_of_ns"])
    return delta(p["forward"], p["strike"], p["volatility"], T, 1.0, SIGN[p["right"]])


def grouped(items, key):
    """{key: [items]} in the order of first appearance."""
    groups = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups
