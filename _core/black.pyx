"""Black-76 on columns of float64: value, Greeks, implied volatility, revaluation over scenarios.

Three rings: a point (``normal.pxd``, ``black_point.pxd``, ``black_inverse.pxd``, inline) and the same in lanes
(``*_lanes.pxd``), a loop over pointers (``*_kernel`` here), a face on memoryviews. Lanes answer options far from every
limit, the scalar point the others; which one depends on the option alone. Elements are independent.

Notation: forward ``F``, strike ``K``, volatility ``sigma`` a square root of a year, years ``T``, discount
factor ``D``, ``sign`` +1.0 call and -1.0 put, ``v = sigma sqrt(T)``, ``d1 = ln(F/K) / v + v / 2``,
``d2 = d1 - v``.

Faces take contiguous arrays of equal length, write to the arrays given last (which must not overlap the others), and
answer ``(status, index)``: ``index`` is the first element without an answer, else -1. That element is NaN in every
output and the rest is computed. ``Status.SHAPE`` writes nothing. Domain: ``F, K, sigma, T >= 0``, ``D > 0``, ``sign``
+1 or -1, else ``DOMAIN``; NaN or infinite input is ``NOT_FINITE``; a price that overflows is ``RANGE``. Bounds of the
domain are answered by their limits.

Accuracy of a price, u = 2^-53: within 1e-15 of the larger of F and K, and relatively within (8 + kappa) u,
kappa = sum of ``|x dV/dx / V|`` over F, K, sigma, T; a price below 1e-290 of the forward may underflow.

References: Black (1976), J. Financial Economics 3, 167-179; the methods are cited where they are used.
"""
from libc.math cimport NAN, isfinite, isnan
from libc.stdint cimport uint32_t

from crossmargin._core.black_inverse cimport implied_point
from crossmargin._core.black_point cimport (
    Greeks, check_option, check_point, greeks_point, intrinsic_value, value_point,
)
from crossmargin._core.black_inverse_lanes cimport lane_implied
from crossmargin._core.black_lanes cimport LaneGreeks, LaneOptions, lane_greeks, lane_value
from crossmargin._core.simd cimport (
    LANES, lanes, lanes_all, lanes_bits, lanes_eq, lanes_load, lanes_load_part, lanes_mask, lanes_max, lanes_store,
    lanes_store_part, lowest_bit,
)
from crossmargin._core.status cimport Status


cdef inline void first_bad(Status status, Py_ssize_t i, Status* answer, Py_ssize_t* bad) noexcept nogil:
    """Keep the first failure and where it was."""
    if status != Status.OK and answer[0] == Status.OK:
        answer[0] = status
        bad[0] = i


cdef inline Status value_or_nan(
    double F, double K, double sigma, double T, double D, double sign, double* out,
) noexcept nogil:
    """One checked price."""
    cdef Status status = check_point(F, K, sigma, T, D, sign)
    out[0] = NAN
    if status != Status.OK:
        return status
    out[0] = value_point(F, K, sigma, T, D, sign)
    if isfinite(out[0]):
        return Status.OK
    out[0] = NAN
    return Status.RANGE


cdef inline Greeks no_greeks() noexcept nogil:
    """The answer of an element without one."""
    cdef Greeks g
    g.value = g.delta = g.gamma = g.vega = g.theta = NAN
    return g


cdef inline Status greeks_or_nan(
    double F, double K, double sigma, double T, double D, double sign, Greeks* g,
) noexcept nogil:
    """One checked set; gamma and theta may be infinite by limit, nothing may be NaN."""
    cdef Status status = check_point(F, K, sigma, T, D, sign)
    g[0] = no_greeks()
    if status != Status.OK:
        return status
    g[0] = greeks_point(F, K, sigma, T, D, sign)
    if isfinite(g.value) and not (isnan(g.delta) or isnan(g.gamma) or isnan(g.vega) or isnan(g.theta)):
        return Status.OK
    g[0] = no_greeks()
    return Status.RANGE


cdef inline Status implied_or_nan(
    double price, double F, double K, double T, double D, double sign, double* out,
) noexcept nogil:
    """One checked volatility; the intrinsic value is discounted as ``value`` does it, so 0 stays 0."""
    cdef Status status = check_option(F, K, T, D, sign)
    out[0] = NAN
    if not isfinite(price):
        return Status.NOT_FINITE
    if status != Status.OK:
        return status
    return implied_point(price - D * intrinsic_value(F, K, sign), F, K, T, D, out)


cdef inline double outer_sign(double F, double K) noexcept nogil:
    """The side out of the money: +1 call, -1 put."""
    return 1.0 if F <= K else -1.0


cdef inline lanes some(const double* x, Py_ssize_t n) noexcept nogil:
    """The next lanes of a column, 1 where it has ended."""
    return lanes_load(x) if n >= LANES else lanes_load_part(x, n, lanes_all(1.0))


cdef inline void put(double* x, lanes v, Py_ssize_t n) noexcept nogil:
    """Write lanes as far as the column goes."""
    if n >= LANES:
        lanes_store(x, v)
    else:
        lanes_store_part(x, v, n)


cdef inline uint32_t others(lanes_mask plain, Py_ssize_t n) noexcept nogil:
    """Which of the next n elements the lanes do not answer, a bit each."""
    cdef uint32_t held = (1 << LANES) - 1 if n >= LANES else (1 << n) - 1
    return held & ~lanes_bits(plain)


cdef Status value_kernel(
    const double* F, const double* K, const double* sigma, const double* T, const double* D,
    const double* sign, Py_ssize_t n, double* out, Py_ssize_t* bad,
) noexcept nogil:
    """Loop of ``value``; O(n)."""
    cdef Status answer = Status.OK
    cdef LaneOptions o
    cdef lanes_mask plain
    cdef uint32_t left
    cdef Py_ssize_t i = 0, k, m
    bad[0] = -1
    while i < n:
        m = n - i
        o.F, o.K, o.sigma = some(F + i, m), some(K + i, m), some(sigma + i, m)
        o.T, o.D, o.sign = some(T + i, m), some(D + i, m), some(sign + i, m)
        put(out + i, lane_value(&o, &plain), m)
        left = others(plain, m)
        while left:
            k = i + lowest_bit(left)
            left &= left - 1
            first_bad(value_or_nan(F[k], K[k], sigma[k], T[k], D[k], sign[k], &out[k]), k, &answer, bad)
        i += LANES
    return answer


cdef Status greeks_kernel(
    const double* F, const double* K, const double* sigma, const double* T, const double* D,
    const double* sign, Py_ssize_t n,
    double* value, double* delta, double* gamma, double* vega, double* theta,
    Py_ssize_t* bad,
) noexcept nogil:
    """Loop of ``greeks``; O(n)."""
    cdef Status answer = Status.OK
    cdef LaneOptions o
    cdef LaneGreeks found
    cdef Greeks g
    cdef uint32_t left
    cdef Py_ssize_t i = 0, k, m
    bad[0] = -1
    while i < n:
        m = n - i
        o.F, o.K, o.sigma = some(F + i, m), some(K + i, m), some(sigma + i, m)
        o.T, o.D, o.sign = some(T + i, m), some(D + i, m), some(sign + i, m)
        found = lane_greeks(&o)
        put(value + i, found.value, m)
        put(delta + i, found.delta, m)
        put(gamma + i, found.gamma, m)
        put(vega + i, found.vega, m)
        put(theta + i, found.theta, m)
        left = others(found.plain, m)
        while left:
            k = i + lowest_bit(left)
            left &= left - 1
            first_bad(greeks_or_nan(F[k], K[k], sigma[k], T[k], D[k], sign[k], &g), k, &answer, bad)
            value[k] = g.value
            delta[k] = g.delta
            gamma[k] = g.gamma
            vega[k] = g.vega
            theta[k] = g.theta
        i += LANES
    return answer


cdef Status implied_volatility_kernel(
    const double* price, const double* F, const double* K, const double* T, const double* D,
    const double* sign, Py_ssize_t n, double* out, Py_ssize_t* bad,
) noexcept nogil:
    """Loop of ``implied_volatility``; O(n), at most four steps an element where tested.

    ``sign`` NULL: the price is a time value.
    """
    cdef Status answer = Status.OK
    cdef lanes value, f, k_, d, side
    cdef lanes_mask found
    cdef uint32_t left
    cdef Py_ssize_t i = 0, k, m
    bad[0] = -1
    while i < n:
        m = n - i
        f, k_, d, value = some(F + i, m), some(K + i, m), some(D + i, m), some(price + i, m)
        if sign != NULL:
            side = some(sign + i, m)
            value = value - d * lanes_max(side * (f - k_), lanes_all(0.0))
        put(out + i, lane_implied(value, f, k_, some(T + i, m), d, &found), m)
        if sign != NULL:
            found = found & lanes_eq(side * side, lanes_all(1.0))
        left = others(found, m)
        while left:
            k = i + lowest_bit(left)
            left &= left - 1
            first_bad(implied_or_nan(price[k], F[k], K[k], T[k], D[k], outer_sign(F[k], K[k]) if sign == NULL
                                     else sign[k], &out[k]), k, &answer, bad)
        i += LANES
    return answer


cdef Status implied_from_time_value_kernel(
    const double* time_value, const double* F, const double* K, const double* T, const double* D,
    Py_ssize_t n, double* out, Py_ssize_t* bad,
) noexcept nogil:
    """``implied_volatility_kernel`` of prices without intrinsic value."""
    return implied_volatility_kernel(time_value, F, K, T, D, NULL, n, out, bad)


cdef Status revalue_kernel(
    const double* K, const double* T, const double* D, const double* sign,
    const double* forward, const double* volatility,
    Py_ssize_t n, Py_ssize_t scenarios, double* out, Py_ssize_t* bad,
) noexcept nogil:
    """Loop of ``revalue``, rows outside, lanes of scenarios inside; O(n scenarios), one pass."""
    cdef Status answer = Status.OK
    cdef LaneOptions o
    cdef lanes_mask plain
    cdef uint32_t left
    cdef Py_ssize_t i, j, k, m
    bad[0] = -1
    for i in range(n):
        o.K, o.T, o.D, o.sign = lanes_all(K[i]), lanes_all(T[i]), lanes_all(D[i]), lanes_all(sign[i])
        j = i * scenarios
        while j < (i + 1) * scenarios:
            m = (i + 1) * scenarios - j
            o.F, o.sigma = some(forward + j, m), some(volatility + j, m)
            put(out + j, lane_value(&o, &plain), m)
            left = others(plain, m)
            while left:
                k = j + lowest_bit(left)
                left &= left - 1
                first_bad(value_or_nan(forward[k], K[i], volatility[k], T[i], D[i], sign[i], &out[k]), k, &answer, bad)
            j += LANES
    return answer


def value(
    const double[::1] F not None, const double[::1] K not None, const double[::1] sigma not None,
    const double[::1] T not None, const double[::1] D not None, const double[::1] sign not None,
    double[::1] out not None,
):
    """``V = D sign (F Phi(sign d1) - K Phi(sign d2))``, in the unit of ``F``; all shapes (n,).

    Limits: K = 0 call D F, put 0 (also where F = 0); F = 0 call 0, put D K; ``v = 0`` discounted
    intrinsic value; ``v`` large call D F, put D K. A price never exceeds these last bounds.
    """
    cdef Py_ssize_t n = F.shape[0]
    cdef Py_ssize_t bad = -1
    cdef Status status = Status.OK
    if not (n == K.shape[0] == sigma.shape[0] == T.shape[0] == D.shape[0] == sign.shape[0] == out.shape[0]):
        return Status.SHAPE, -1
    if n > 0:
        with nogil:
            status = value_kernel(&F[0], &K[0], &sigma[0], &T[0], &D[0], &sign[0], n, &out[0], &bad)
    return status, bad


def greeks(
    const double[::1] F not None, const double[::1] K not None, const double[::1] sigma not None,
    const double[::1] T not None, const double[::1] D not None, const double[::1] sign not None,
    double[::1] value not None, double[::1] delta not None, double[::1] gamma not None,
    double[::1] vega not None, double[::1] theta not None,
):
    """Price and its derivatives into five arrays of shape (n,); ``D`` discounts each of them.

    ========  =============================================  ========================================
    value     ``V`` of the function ``value``                unit of F
    delta     ``dV/dF = D sign Phi(sign d1)``                per unit of forward
    gamma     ``d2V/dF2 = D phi(d1) / (F v)``                per squared unit of forward
    vega      ``dV/dsigma = D F phi(d1) sqrt(T)``            per 1.00 of sigma
    theta     ``-dV/dT = r V - D F phi(d1) sigma / (2 sqrt(T))``, ``r = -ln(D) / T``     per year
    ========  =============================================  ========================================

    Theta is the derivative in calendar time with ``F``, ``sigma`` and the rate ``r`` held (so D = exp(-r T)
    moves). Limits at ``v = 0``: delta is D sign where the option ends in the money, 0 where it does not,
    D sign / 2 at F = K > 0; gamma is 0 off the money and plus infinity at F = K > 0. At T = 0 the rate
    is unknown, so ``r V`` counts as 0, and theta is 0 except minus infinity at F = K > 0 with sigma > 0.
    """
    cdef Py_ssize_t n = F.shape[0]
    cdef Py_ssize_t bad = -1
    cdef Status status = Status.OK
    if not (n == K.shape[0] == sigma.shape[0] == T.shape[0] == D.shape[0] == sign.shape[0]):
        return Status.SHAPE, -1
    if not (n == value.shape[0] == delta.shape[0] == gamma.shape[0] == vega.shape[0] == theta.shape[0]):
        return Status.SHAPE, -1
    if n > 0:
        with nogil:
            status = greeks_kernel(
                &F[0], &K[0], &sigma[0], &T[0], &D[0], &sign[0], n,
                &value[0], &delta[0], &gamma[0], &vega[0], &theta[0], &bad,
            )
    return status, bad


def implied_volatility(
    const double[::1] price not None, const double[::1] F not None, const double[::1] K not None,
    const double[::1] T not None, const double[::1] D not None, const double[::1] sign not None,
    double[::1] out not None,
):
    """``sigma`` with ``value(F, K, sigma, T, D, sign) = price``; all shapes (n,).

    ``price`` is discounted; pass D = 1 for an undiscounted one. It is reduced by ``D max(sign (F - K), 0)``
    and solved as a time value: what an in-the-money price lost in rounding stays lost.
    """
    cdef Py_ssize_t n = price.shape[0]
    cdef Py_ssize_t bad = -1
    cdef Status status = Status.OK
    if not (n == F.shape[0] == K.shape[0] == T.shape[0] == D.shape[0] == sign.shape[0] == out.shape[0]):
        return Status.SHAPE, -1
    if n > 0:
        with nogil:
            status = implied_volatility_kernel(
                &price[0], &F[0], &K[0], &T[0], &D[0], &sign[0], n, &out[0], &bad)
    return status, bad


def implied_from_time_value(
    const double[::1] time_value not None, const double[::1] F not None, const double[::1] K not None,
    const double[::1] T not None, const double[::1] D not None, double[::1] out not None,
):
    """``sigma`` at which the option out of the money costs ``time_value``, discounted; all shapes (n,).

    Call and put of a strike share it. 0 answers 0. ``DOMAIN``: negative, at or above D min(F, K), or positive
    at T = 0; ``RANGE``: positive at F = K but below 1e-290 D F. Relative error: (8 + kappa) u, kappa the sum
    of ``|x dsigma/dx / sigma|`` over time value, F, K, T. Method: ``black_inverse.pxd``.
    """
    cdef Py_ssize_t n = time_value.shape[0]
    cdef Py_ssize_t bad = -1
    cdef Status status = Status.OK
    if not (n == F.shape[0] == K.shape[0] == T.shape[0] == D.shape[0] == out.shape[0]):
        return Status.SHAPE, -1
    if n > 0:
        with nogil:
            status = implied_from_time_value_kernel(
                &time_value[0], &F[0], &K[0], &T[0], &D[0], n, &out[0], &bad)
    return status, bad


def revalue(
    const double[::1] K not None, const double[::1] T not None, const double[::1] D not None,
    const double[::1] sign not None, const double[:, ::1] forward not None,
    const double[:, ::1] volatility not None, double[:, ::1] out not None,
):
    """``out[i, s] = V(forward[i, s], K[i], volatility[i, s], T[i], D[i], sign[i])``, discounted prices.

    ``K, T, D, sign``: shape (n,); the others (n, scenarios). ``index`` counts row by row: option
    ``index // scenarios``, scenario ``index % scenarios``. Bit for bit what ``value`` answers.
    """
    cdef Py_ssize_t n = forward.shape[0]
    cdef Py_ssize_t scenarios = forward.shape[1]
    cdef Py_ssize_t bad = -1
    cdef Status status = Status.OK
    if not (n == K.shape[0] == T.shape[0] == D.shape[0] == sign.shape[0]):
        return Status.SHAPE, -1
    if volatility.shape[0] != n or out.shape[0] != n:
        return Status.SHAPE, -1
    if volatility.shape[1] != scenarios or out.shape[1] != scenarios:
        return Status.SHAPE, -1
    if n > 0 and scenarios > 0:
        with nogil:
            status = revalue_kernel(
                &K[0], &T[0], &D[0], &sign[0], &forward[0, 0], &volatility[0, 0],
                n, scenarios, &out[0, 0], &bad)
    return status, bad
