# Black-76 in lanes: black_point.pxd, form by form, for options whose figures are far from every limit. Not installed.
#
# Notation, forms and references as there. Quotients share divisions: 1 / (a b) gives a / b and both reciprocals, 1 / v
# gives h and 1 / sqrt(T), and the gap of Mills ratios is one fraction whatever the case. `plain` names the lanes for
# which that is sound; black.pyx answers the others point by point. A lane never depends on its neighbours.
from crossmargin._core.normal_lanes cimport (
    LaneMills, LanePair, lane_density, lane_log, lane_mills, lane_renormal, lane_residual, lane_sum,
)
from crossmargin._core.simd cimport (
    lanes, lanes_abs, lanes_all, lanes_fma, lanes_le, lanes_lt, lanes_mask, lanes_max, lanes_min, lanes_product_low,
    lanes_select, lanes_sqrt,
)

cdef extern from *:
    """
    /* 1 / ((n + 1)(n + 2)) for n = 3, 5, ..., 23 */
    static const double SERIES[11] = {
        1.0 / 20, 1.0 / 42, 1.0 / 72, 1.0 / 110, 1.0 / 156, 1.0 / 210, 1.0 / 272, 1.0 / 342, 1.0 / 420, 1.0 / 506,
        1.0 / 600};
    """
    const double* SERIES


# Options as they are given.
cdef struct LaneOptions:
    lanes F
    lanes K
    lanes sigma
    lanes T
    lanes D
    lanes sign


# What value and Greeks share.
cdef struct LanePoint:
    lanes a          # min(F, K)
    lanes per_ab     # 1 / (F K)
    lanes ratio      # a / max(F, K)
    lanes root       # sqrt(T)
    lanes per_v      # 1 / v
    lanes t          # v / 2
    lanes h
    LanePair near
    LanePair far
    lanes density    # phi(near)
    lanes_mask plain


cdef inline lanes_mask within(lanes x, double low, double high) noexcept nogil:
    """Where ``low <= x <= high``; not where x is NaN."""
    return lanes_le(lanes_all(low), x) & lanes_le(x, lanes_all(high))


cdef inline lanes_mask plain_options(const LaneOptions* o, lanes v, lanes near) noexcept nogil:
    """Figures of a size at which no product, quotient or exponential under- or overflows or loses its low part."""
    cdef lanes_mask m = within(o.F, 1e-100, 1e100) & within(o.K, 1e-100, 1e100) & within(o.D, 1e-100, 1e100)
    m = m & within(o.T, 1e-100, 1e100) & within(o.sigma, 1e-100, 1e100) & within(o.sign * o.sign, 1.0, 1.0)
    return m & within(v, 1e-10, 70.0) & within(near, -37.0, 37.0)


cdef inline LanePair lane_log_ratio(LanePoint* p, lanes b) noexcept nogil:
    """``x = ln(a / b)``, with what the rounded ratio left out."""
    cdef LanePair x
    p.per_ab = lanes_all(1.0) / (p.a * b)
    p.ratio = p.a * (p.a * p.per_ab)
    x = lane_log(p.ratio)
    return lane_renormal(x.high, x.low + lane_residual(p.a, p.ratio, b) * (b * p.per_ab))


cdef inline void placed(LanePoint* p, lanes v, lanes v_low, lanes h_low) noexcept nogil:
    """Near, far and density at ``v`` and ``h`` with what their rounding left out."""
    p.t = 0.5 * v
    p.near = lane_sum(p.h, p.t)
    p.near.low = p.near.low + (h_low + 0.5 * v_low)
    p.far = lane_sum(p.h, -p.t)
    p.far.low = p.far.low + (h_low - 0.5 * v_low)
    p.density = lane_density(p.near)


cdef inline LanePoint lane_point(const LaneOptions* o) noexcept nogil:
    """Distances and density of options."""
    cdef LanePoint p
    cdef LanePair x
    cdef lanes v, v_low
    p.a = lanes_min(o.F, o.K)
    x = lane_log_ratio(&p, lanes_max(o.F, o.K))
    p.root = lanes_sqrt(o.T)
    v = o.sigma * p.root
    p.per_v = lanes_all(1.0) / v
    v_low = (lanes_product_low(o.sigma, p.root, v)
             + lane_residual(o.T, p.root, p.root) * (0.5 * o.sigma * o.sigma * p.per_v))
    p.h = x.high * p.per_v
    placed(&p, v, v_low, (lane_residual(x.high, p.h, v) + x.low - p.h * v_low) * p.per_v)
    p.plain = plain_options(o, v, p.near.high)
    return p


cdef inline lanes lane_mills_series(lanes h, lanes t, lanes fall) noexcept nogil:
    """``M(-h - t) - M(-h + t)`` by Taylor's series, see ``mills_series``; ``fall = -M'(-h)``."""
    cdef lanes square = t * t, h2 = h * h
    cdef lanes before = t * fall
    cdef lanes term = t * square * (lanes_fma(h2 + 3.0, fall, lanes_all(-1.0)) * lanes_all(1.0 / 6.0))
    cdef lanes rest = term, after
    cdef int i
    for i in range(11):
        after = square * SERIES[i] * lanes_fma(h2 + (4 * i + 7.0), term, -(square * before))
        before = term
        term = after
        rest = rest + after
    return 2.0 * lanes_fma(t, fall, rest)


cdef inline lanes gap_of(const LanePoint* p, lanes_mask* above) noexcept nogil:
    """``beta / phi(near)``, or ``(1 - beta) / phi(near)`` where ``above`` is set; see ``mills_gap`` and ``shortfall``.

    Of a narrow gap the Mills ratio is taken at -h, otherwise at |near| and at -far.
    """
    cdef lanes_mask narrow = lanes_lt(p.t, lanes_all(0.5)) & lanes_lt(lanes_all(-1.5), p.h * p.t)
    cdef lanes y = lanes_select(narrow, -p.h, lanes_abs(p.near.high)), z = -p.far.high
    cdef LaneMills one = lane_mills(y), other = lane_mills(z)
    cdef lanes both = one.q * other.q, cross = one.p * other.q, top, bottom, gap
    cdef lanes_mask deep
    above[0] = lanes_lt(lanes_all(0.0), p.near.high) & ~narrow
    deep = lanes_le(lanes_all(1.0), y) & ~above[0] & ~narrow
    top = lanes_select(above[0], cross + other.p * one.q, cross - other.p * one.q)
    top = lanes_select(deep, 2.0 * p.t * both - (z * one.n * other.q - y * other.n * one.q), top)
    bottom = lanes_select(deep, both * (y * z), both)
    gap = lanes_select(narrow, one.n, top) / lanes_select(narrow, one.q, bottom)
    return lanes_select(narrow, lane_mills_series(p.h, p.t, gap), gap)


cdef inline lanes lane_time_value(const LanePoint* p) noexcept nogil:
    """``beta``, the option out of the money per a; see ``time_value``."""
    cdef lanes_mask above
    cdef lanes part = p.density * gap_of(p, &above)
    return lanes_select(above, 1.0 - part, part)


cdef inline lanes lane_discounted(const LaneOptions* o, const LanePoint* p, lanes beta) noexcept nogil:
    """``D (intrinsic + a beta)`` within its bound; see ``discounted``."""
    cdef lanes intrinsic = lanes_max(o.sign * (o.F - o.K), lanes_all(0.0))
    cdef lanes limit = lanes_select(lanes_lt(lanes_all(0.0), o.sign), o.F, o.K)
    return o.D * lanes_min(intrinsic + p.a * beta, limit)


cdef inline lanes lane_value(const LaneOptions* o, lanes_mask* plain) noexcept nogil:
    """Prices, and for which lanes they hold."""
    cdef LanePoint p = lane_point(o)
    plain[0] = p.plain
    return lane_discounted(o, &p, lane_time_value(&p))


# Prices and sensitivities, as black_point.Greeks.
cdef struct LaneGreeks:
    lanes value
    lanes delta
    lanes gamma
    lanes vega
    lanes theta
    lanes_mask plain


cdef inline lanes lane_distribution(const LaneOptions* o, const LanePoint* p) noexcept nogil:
    """``Phi(sign d1)``; d1 is near for F <= K and -far otherwise, where the density is ``phi(near) a / b``."""
    cdef lanes_mask lower = lanes_le(o.F, o.K)
    cdef lanes d = o.sign * lanes_select(lower, p.near.high, -p.far.high)
    cdef LaneMills m = lane_mills(lanes_abs(d))
    cdef lanes tail = lanes_select(lower, p.density, p.density * p.ratio) * (m.p / m.q)
    return lanes_select(lanes_lt(lanes_all(0.0), d), 1.0 - tail, tail)


cdef inline LaneGreeks lane_greeks(const LaneOptions* o) noexcept nogil:
    """Value and sensitivities; see ``greeks_point``."""
    cdef LaneGreeks g
    cdef LanePoint p = lane_point(o)
    cdef lanes money = o.D * (p.a * p.density), per_F = o.K * p.per_ab, per_root = o.sigma * p.per_v
    cdef LanePair logarithm = lane_log(o.D)
    g.plain = p.plain & within(o.T, 1e-10, 1e10) & within(o.F, 1e-50, 1e50) & within(o.K, 1e-50, 1e50)
    g.value = lane_discounted(o, &p, lane_time_value(&p))
    g.delta = o.D * o.sign * lane_distribution(o, &p)
    g.gamma = money * per_F * per_F * p.per_v
    g.vega = money * p.root
    g.theta = -((logarithm.high + logarithm.low) * (per_root * per_root) * g.value) - 0.5 * money * o.sigma * per_root
    return g
