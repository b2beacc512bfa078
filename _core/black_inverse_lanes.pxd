# Implied volatility in lanes: black_inverse.pxd, step by step, for the aims where its steps stay inside their bracket.
# Not installed. Each lane stops by itself, so that none depends on its neighbours; `found` names those that did stop,
# black.pyx solves the others point by point.
from crossmargin._core.black_lanes cimport LanePoint, gap_of, lane_log_ratio, lane_time_value, placed, within
from crossmargin._core.normal_lanes cimport LanePair, lane_exp, lane_log, lane_residual
from crossmargin._core.simd cimport (
    lanes, lanes_abs, lanes_all, lanes_bits, lanes_eq, lanes_le, lanes_lt, lanes_mask, lanes_max, lanes_min,
    lanes_select, lanes_sqrt,
)


# Of each lane the stretch is a mask: tail, bound, otherwise middle.
cdef struct LaneAim:
    LanePair x
    lanes beta
    lanes rest
    lanes logarithm
    lanes_mask tail
    lanes_mask bound


cdef struct LaneStep:
    lanes newton
    lanes bend


cdef inline lanes log_of(lanes x) noexcept nogil:
    cdef LanePair s = lane_log(x)
    return s.high + s.low


cdef inline lanes log_one_plus(lanes u) noexcept nogil:
    """``ln(1 + u)`` for ``u > -1``, also where u is small."""
    cdef lanes s = 1.0 + u
    return log_of(s) + (u - (s - 1.0)) / s


cdef inline LanePoint at_volatility(LanePair x, lanes v) noexcept nogil:
    """Distances at a total volatility that is exact."""
    cdef LanePoint p
    p.per_v = lanes_all(1.0) / v
    p.h = x.high * p.per_v
    placed(&p, v, lanes_all(0.0), (lane_residual(x.high, p.h, v) + x.low) * p.per_v)
    return p


cdef inline LaneStep lane_step(const LaneAim* aim, lanes v) noexcept nogil:
    """``tail_step``, ``middle_step`` or ``bound_step``, each lane its own."""
    cdef LaneStep step
    cdef LanePoint p = at_volatility(aim.x, v)
    cdef lanes_mask above
    cdef lanes gap = gap_of(&p, &above), near = p.near.high, product = near * p.far.high
    cdef lanes part = p.density * gap
    cdef lanes rest = lanes_select(above, part, 1.0 - part), beta = lanes_select(above, 1.0 - part, part)
    cdef lanes L = log_of(gap) - 0.5 * near * near - near * p.near.low - 0.9189385332046728
    cdef lanes slope = lanes_select(aim.tail, v, p.density) / lanes_select(aim.tail, gap, rest)
    cdef lanes off = (lanes_select(aim.tail, L - aim.logarithm, rest - aim.rest)
                      / lanes_select(aim.tail, aim.logarithm, aim.rest))
    cdef lanes bent = product * p.per_v
    off = log_one_plus(off)
    step.newton = (lanes_select(aim.tail, -(off * L), lanes_select(aim.bound, off, aim.beta - beta))
                   / lanes_select(aim.tail | aim.bound, slope, p.density))
    step.bend = lanes_select(aim.tail, 1.0 + product - slope - slope / L,
                             lanes_select(aim.bound, bent + slope, bent))
    return step


cdef inline lanes lane_halley(const LaneAim* aim, LaneStep step, lanes v) noexcept nogil:
    """The next ``v``; see ``halley``."""
    cdef lanes correction = lanes_min(lanes_max(1.0 + 0.5 * step.newton * step.bend, lanes_all(0.5)), lanes_all(2.0))
    cdef lanes move = step.newton / correction
    cdef lanes power = lanes_min(lanes_max(move, lanes_all(-600.0)), lanes_all(600.0))
    return lanes_select(aim.tail, v * lane_exp(power), v + move)


cdef inline lanes lane_guess(const LaneAim* aim, lanes turn, lanes beta_turn) noexcept nogil:
    """``first_guess``, each lane its own."""
    cdef lanes near = lanes_sqrt(-2.0 * aim.logarithm - aim.x.high)
    cdef lanes tail = lanes_min(turn, lanes_max(2.5066282746310002 * aim.beta, -aim.x.high / near))
    cdef lanes middle = turn + 2.5066282746310002 * (aim.beta - beta_turn)
    cdef lanes s = lanes_sqrt(-2.0 * log_of(aim.rest * lanes_all(1.0 / 1.5)))
    cdef lanes top = 2.515517 + s * (0.802853 + s * 0.010328)
    near = s - top / (1.0 + s * (1.432788 + s * (0.189269 + s * 0.001308)))
    return lanes_select(aim.tail, tail, lanes_select(aim.bound, near + lanes_sqrt(near * near + turn * turn), middle))


cdef inline lanes lane_solve(
    const LaneAim* aim, lanes low, lanes high, lanes v, lanes_mask wanted, lanes_mask* found
) noexcept nogil:
    """Halley's steps until each wanted lane has stopped or left its bracket; ``found`` are those that stopped."""
    cdef LaneStep step
    cdef lanes after
    cdef lanes_mask rising, stops
    cdef int _
    found[0] = wanted & ~wanted
    for _ in range(8):
        step = lane_step(aim, v)
        rising = lanes_lt(lanes_all(0.0), step.newton)
        low = lanes_select(rising, v, low)
        high = lanes_select(rising, high, v)
        after = lane_halley(aim, step, v)
        stops = wanted & lanes_le(lanes_abs(after - v), 1e-7 * v)
        wanted = wanted & ~stops & lanes_lt(low, after) & lanes_lt(after, high)
        v = lanes_select(stops | wanted, after, v)
        found[0] = found[0] | stops
        if not lanes_bits(wanted):
            break
    return v


cdef inline lanes lane_implied(lanes price, lanes F, lanes K, lanes T, lanes D, lanes_mask* found) noexcept nogil:
    """Volatility of a discounted time value; see ``implied_point`` and ``total_from_aim``."""
    cdef LaneAim aim
    cdef LanePoint p
    cdef lanes undiscounted = price / D, turn, beta_turn, low, high
    cdef lanes_mask wanted = within(F, 1e-100, 1e100) & within(K, 1e-100, 1e100) & within(D, 1e-100, 1e100)
    p.a = lanes_min(F, K)
    aim.x = lane_log_ratio(&p, lanes_max(F, K))
    aim.beta = undiscounted / p.a
    aim.rest = (p.a - undiscounted) / p.a
    aim.logarithm = log_of(aim.beta)
    wanted = wanted & within(T, 1e-100, 1e100) & within(aim.beta, 1e-280, 1.0) & within(aim.rest, 1e-15, 1.0)
    wanted = wanted & (within(aim.x.high, -300.0, -1e-300) | lanes_eq(F, K))
    turn = lanes_select(lanes_eq(F, K), lanes_all(0.0), lanes_sqrt(-2.0 * aim.x.high))
    p = at_volatility(aim.x, turn)
    beta_turn = lanes_select(lanes_lt(lanes_all(0.0), turn), lane_time_value(&p), lanes_all(0.0))
    aim.tail = lanes_lt(aim.beta, beta_turn)
    aim.bound = lanes_lt(lanes_all(0.5), aim.beta) & ~aim.tail
    low = lanes_select(aim.tail, lanes_all(0.0), turn)
    high = lanes_select(aim.tail, turn, turn + 18.0)
    return lane_solve(&aim, low, high, lane_guess(&aim, turn, beta_turn), wanted, found) / lanes_sqrt(T)
