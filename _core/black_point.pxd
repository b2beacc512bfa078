"""Black-76 at one point: the scalar ring under the loops of ``black``. Inline, no module at run time.

Notation. ``a = min(F, K)``, ``b = max(F, K)``, ``x = ln(a / b) <= 0``, ``v = sigma sqrt(T)``,
``h = x / v <= 0``, ``t = v / 2``, ``near = h + t``, ``far = h - t``. Of call and put the one out of the money
costs, per ``a``,

    beta = phi(near) (M(-near) - M(-far)),        b phi(far) = a phi(near),

with ``M`` the Mills ratio continued to the left of 0. The other side is beta plus intrinsic value, never a
difference. ``h``, ``t`` and ``near`` carry their rounding errors: ``exp(-near^2 / 2)`` would magnify them.

References: Black (1976), J. Financial Economics 3, 167-179; Jaeckel (2015), Let's Be Rational, Wilmott 75,
section 6 for the form phi * (difference of Mills ratios) and the series at small t.
"""
from libc.math cimport INFINITY, fabs, isfinite, log, log1p, sqrt

from crossmargin._core.normal cimport (
    Pair, mills, mills_fall, normal_density, normal_distribution, pair, pair_sum, product_low,
)
from crossmargin._core.status cimport Status


cdef struct Point:
    double h     # x / v, minus infinity where the option cannot end in the money
    double t     # v / 2
    Pair near    # h + t
    Pair far     # h - t


cdef struct Greeks:
    double value  # as black.value
    double delta  # per unit of forward
    double gamma  # per squared unit of forward
    double vega   # per 1.00 of sigma
    double theta  # per year of calendar time


cdef inline Status check_option(double F, double K, double T, double D, double sign) noexcept nogil:
    """Finite figures, ``F, K, T >= 0``, ``D > 0``, ``sign`` +1 or -1."""
    if not (isfinite(F) and isfinite(K) and isfinite(T) and isfinite(D) and isfinite(sign)):
        return Status.NOT_FINITE
    if F < 0.0 or K < 0.0 or T < 0.0 or D <= 0.0 or (sign != 1.0 and sign != -1.0):
        return Status.DOMAIN
    return Status.OK


cdef inline Status check_point(
    double F, double K, double sigma, double T, double D, double sign,
) noexcept nogil:
    """``check_option`` and a finite ``sigma >= 0``; what is not finite is named first."""
    cdef Status status = check_option(F, K, T, D, sign)
    if status == Status.NOT_FINITE or not isfinite(sigma):
        return Status.NOT_FINITE
    return Status.DOMAIN if sigma < 0.0 else status


cdef inline Pair log_ratio(double a, double b) noexcept nogil:
    """``x = ln(a / b)`` for ``0 <= a <= b``; by ``log1p`` of the exact difference from ``b / 2`` up."""
    cdef bint close = a >= 0.5 * b
    cdef double top = a - b if close else a
    cdef double ratio = top / b
    cdef double product = ratio * b
    cdef double rest = (top - product) - product_low(ratio, b, product)
    if not close and ratio < 1e-290:
        return pair(log(a) - log(b), 0.0)
    return pair(log1p(ratio) if close else log(ratio), rest / a)


cdef inline Pair total_volatility(double sigma, double T) noexcept nogil:
    """``v = sigma sqrt(T)``, at most 1000: from there on no float64 moves the price."""
    cdef double root = sqrt(T)
    cdef double v = sigma * root
    cdef double root_low = (T - root * root) - product_low(root, root, root * root)
    if v > 1000.0:
        return pair(1000.0, 0.0)
    return pair(v, product_low(sigma, root, v) + sigma * (root_low / (2.0 * root)))


cdef inline Pair distance(Pair x, Pair v) noexcept nogil:
    """``h = x / v``; 0 at the money whatever ``v``, and minus infinity below -2000."""
    cdef double h = x.high / v.high
    cdef double product = h * v.high
    cdef double rest = (x.high - product) - product_low(h, v.high, product)
    if x.high == 0.0:
        return pair(0.0, 0.0)
    if h < -2000.0:
        return pair(-INFINITY, 0.0)
    return pair(h, (rest + x.low - h * v.low) / v.high)


cdef inline Pair shifted(Pair h, double t, double t_low) noexcept nogil:
    """``h + t`` with both rounding errors; an infinite ``h`` stays."""
    cdef Pair z = pair_sum(h.high, t)
    if h.high == -INFINITY:
        return h
    z.low += h.low + t_low
    return z


cdef inline Point point(Pair x, Pair v) noexcept nogil:
    """The standardised distances at ``x = ln(a / b)`` and total volatility ``v``."""
    cdef Point p
    cdef Pair h = distance(x, v)
    p.h = h.high
    p.t = 0.5 * v.high
    p.near = shifted(h, p.t, 0.5 * v.low)
    p.far = shifted(h, -p.t, -0.5 * v.low)
    return p


cdef inline double mills_series(double h, double t) noexcept nogil:
    """``M(-h - t) - M(-h + t)``: twice the odd terms of Taylor's series at ``h``, to ``t^25``.

    With ``Y(z) = M(-z)`` and ``c_n = Y^(n)(h) t^n / n!``: ``c_1 = t Y'``,
    ``c_3 = t^3 ((h^2 + 3) Y' - 1) / 6``,
    ``c_(n+2) = ((h^2 + 2 n + 1) t^2 c_n - t^4 c_(n-2)) / ((n + 1)(n + 2))``; ``Y' = mills_fall(-h)``.
    """
    cdef double square = t * t
    cdef double fall = mills_fall(-h)
    cdef double before = t * fall
    cdef double term = t * square * ((h * h + 3.0) * fall - 1.0) / 6.0
    cdef double after
    cdef double rest = term
    cdef int n
    for n in range(3, 25, 2):
        after = square * ((h * h + (2 * n + 1)) * term - square * before) / ((n + 1) * (n + 2))
        before = term
        term = after
        rest += after
    return 2.0 * (t * fall + rest)


cdef inline bint narrow(Point p) noexcept nogil:
    """Where the series is the better form: the difference would cancel, and its terms do not grow."""
    return p.t < 0.5 and p.h * p.t > -1.5


cdef inline double mills_gap(Point p) noexcept nogil:
    """``M(y) - M(z)`` at ``y = -near``, ``z = -far``, for ``near <= 0`` or a narrow gap.

    From ``y = 1`` on as ``(2 t + z M'(y) - y M'(z)) / (y z)``, where the leading ``1 / y - 1 / z`` is exact.
    """
    cdef double y = -p.near.high
    cdef double z = -p.far.high
    if narrow(p):
        return mills_series(p.h, p.t)
    if y < 1.0:
        return mills(y) - mills(z)
    return (2.0 * p.t - (z * mills_fall(y) - y * mills_fall(z))) / (y * z)


cdef inline double shortfall(Point p) noexcept nogil:
    """``1 - beta`` for ``near >= 0``, without the cancellation."""
    return normal_density(p.near) * (mills(p.near.high) + mills(-p.far.high))


cdef inline double time_value(Point p) noexcept nogil:
    """``beta``: the option out of the money per ``min(F, K)``, in [0, 1]."""
    if p.near.high < -40.0:
        return 0.0
    if p.near.high > 40.0:
        return 1.0
    if p.near.high > 0.0 and not narrow(p):
        return 1.0 - shortfall(p)
    return normal_density(p.near) * mills_gap(p)


cdef inline double intrinsic_value(double F, double K, double sign) noexcept nogil:
    """``max(sign (F - K), 0)``, undiscounted."""
    return max(sign * (F - K), 0.0)


cdef inline Point point_of(double F, double K, double sigma, double T) noexcept nogil:
    """The distances of an option; with ``F`` or ``K`` zero, those of one that is never exercised in time."""
    cdef double a = min(F, K)
    cdef Pair x = pair(-INFINITY, 0.0)
    if a > 0.0:
        x = log_ratio(a, max(F, K))
    return point(x, total_volatility(sigma, T))


cdef inline double discounted(
    double F, double K, double D, double sign, double beta,
) noexcept nogil:
    """``D (intrinsic + min(F, K) beta)``, at most ``D F`` for a call and ``D K`` for a put."""
    cdef double limit = F if sign > 0.0 else K
    return D * min(intrinsic_value(F, K, sign) + min(F, K) * beta, limit)


cdef inline double value_point(
    double F, double K, double sigma, double T, double D, double sign,
) noexcept nogil:
    """The price of one option; see ``black.value``."""
    return discounted(F, K, D, sign, time_value(point_of(F, K, sigma, T)))


cdef inline Pair first_distance(Point p, double F, double K, double sign) noexcept nogil:
    """``sign d1``. ``F <= K``: d1 = near; ``F > K``: d1 = -far; ``K = 0``: plus infinity."""
    cdef Pair d = p.near
    if F > K or K == 0.0:
        d.high = -p.far.high
        d.low = -p.far.low
    d.high *= sign
    d.low *= sign
    return d


cdef inline double decay(double dollar_density, double sigma, double T) noexcept nogil:
    """``a phi(near) sigma / (2 sqrt(T))``; 0 where the density or sigma is."""
    if dollar_density == 0.0 or sigma == 0.0:
        return 0.0
    return dollar_density * sigma / (2.0 * sqrt(T))


cdef inline double carry(double value, double T, double D) noexcept nogil:
    """``r value`` with ``r = -ln(D) / T``; 0 at ``T = 0``, where D holds no rate."""
    if T == 0.0 or value == 0.0:
        return 0.0
    return -log(D) / T * value


cdef inline Greeks greeks_point(
    double F, double K, double sigma, double T, double D, double sign,
) noexcept nogil:
    """Value and sensitivities of one option; see ``black.greeks``."""
    cdef Greeks g
    cdef Point p = point_of(F, K, sigma, T)
    cdef double density = normal_density(p.near)
    cdef double money = min(F, K) * density
    g.value = discounted(F, K, D, sign, time_value(p))
    g.delta = D * sign * normal_distribution(first_distance(p, F, K, sign))
    g.gamma = D * (money / F / F) / (2.0 * p.t) if money > 0.0 else 0.0
    g.vega = D * money * sqrt(T)
    g.theta = carry(g.value, T, D) - D * decay(money, sigma, T)
    return g
