"""Black-76 the slow and obvious way, in 50 digits: what ``crossmargin._core.black`` is checked against.

Float64 arguments enter exactly; results are numbers of the context ``digits``. Notation and limits as
in the kernels. Prices are differences here: 50 digits carry ``v`` down to about 1e-14.
"""

from mpmath import MPContext

digits = MPContext()
digits.dps = 50
mpf = digits.mpf

UNIT = mpf(2) ** -53


def distances(F, K, sigma, T):
    """(d1, d2); infinite at the limits, and 0 at the money without volatility."""
    if K == 0:
        return digits.inf, digits.inf
    if F == 0:
        return -digits.inf, -digits.inf
    x = digits.log(mpf(F) / mpf(K))
    v = mpf(sigma) * digits.sqrt(mpf(T))
    if v == 0:
        return (x * digits.inf, x * digits.inf) if x else (x, x)
    return x / v + v / 2, x / v - v / 2


def value(F, K, sigma, T, D, sign):
    """V = D sign (F Phi(sign d1) - K Phi(sign d2))."""
    d1, d2 = distances(F, K, sigma, T)
    return mpf(D) * sign * (mpf(F) * digits.ncdf(sign * d1) - mpf(K) * digits.ncdf(sign * d2))


def outer_sign(F, K):
    """The side out of the money: +1 call, -1 put."""
    return 1 if F <= K else -1


def time_value(F, K, sigma, T, D):
    """The discounted price of the side out of the money."""
    return value(F, K, sigma, T, D, outer_sign(F, K))


def greeks(F, K, sigma, T, D, sign):
    """(value, delta, gamma, vega, theta) for v > 0; theta with the rate -ln(D) / T held."""
    F, K, sigma, T, D = map(mpf, (F, K, sigma, T, D))
    d1, _ = distances(F, K, sigma, T)
    root = digits.sqrt(T)
    density = D * digits.npdf(d1)
    price = value(F, K, sigma, T, D, sign)
    return (
        price,
        D * sign * digits.ncdf(sign * d1),
        density / (F * sigma * root),
        density * F * root,
        -digits.log(D) / T * price - density * F * sigma / (2 * root),
    )


def sensitivities(F, K, sigma, T, D, sign):
    """|x dV/dx| for x in F, K, sigma, T."""
    d1, d2 = distances(F, K, sigma, T)
    by_sigma = sigma * greeks(F, K, sigma, T, D, sign)[3]
    return (
        D * F * digits.ncdf(sign * d1),
        D * K * digits.ncdf(sign * d2),
        by_sigma,
        by_sigma / 2,
    )


def condition(F, K, sigma, T, D, sign):
    """kappa of the price: sum of |x dV/dx / V| over F, K, sigma, T."""
    return sum(sensitivities(F, K, sigma, T, D, sign)) / value(F, K, sigma, T, D, sign)


def implied_condition(F, K, sigma, T, D):
    """kappa of the inverse: sum of |x dsigma/dx / sigma| over time value, F, K, T."""
    sign = outer_sign(F, K)
    by_forward, by_strike, by_sigma, by_time = sensitivities(F, K, sigma, T, D, sign)
    return (value(F, K, sigma, T, D, sign) + by_forward + by_strike + by_time) / by_sigma


def implied_volatility(price, F, K, T, D, sign):
    """sigma of a price strictly between its bounds."""
    intrinsic = mpf(D) * max(sign * (mpf(F) - mpf(K)), 0)
    return implied_from_time_value(mpf(price) - intrinsic, F, K, T, D)


def implied_from_time_value(price, F, K, T, D):
    """sigma of a time value in (0, D min(F, K)): bisection on ln(v), then Newton on ln(sigma)."""
    low, high = mpf(-40), mpf(6)
    root = digits.sqrt(mpf(T))
    for _ in range(40):
        middle = (low + high) / 2
        if time_value(F, K, digits.exp(middle) / root, T, D) < price:
            low = middle
        else:
            high = middle
    sigma = digits.exp(high) / root
    for _ in range(4):
        now, _, _, vega, _ = greeks(F, K, sigma, T, D, outer_sign(F, K))
        sigma *= digits.exp((price - now) / (vega * sigma))
    return sigma
