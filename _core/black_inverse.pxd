"""Black-76 implied volatility at one point: the scalar ring under ``black.implied_volatility``.

Inline, no module at run time; notation of ``black_point``. Given ``beta`` in (0, 1) and ``x <= 0`` the
total volatility ``v`` solves ``beta(x, v) = beta``. ``beta`` grows with ``v``, convex below
``v_c = sqrt(-2 x)``, where ``near = 0``, and concave above (Manaster and Koehler 1982). Each stretch has a
function that is nearly straight, and Halley's third-order step (kept inside a bracket) runs on it:

    TAIL    v < v_c                 ln(-ln beta)   against ln v
    MIDDLE  v >= v_c, beta <= 1/2   beta           against v
    BOUND   v >= v_c, beta > 1/2    ln(1 - beta)   against v

References: Jaeckel (2015), Let's Be Rational, Wilmott 75, for three stretches with their own functions;
Manaster and Koehler (1982), J. Finance 37, 227-230; Abramowitz and Stegun 26.2.23 for a first quantile.
"""
from libc.math cimport NAN, exp, fabs, log, log1p, sqrt

from crossmargin._core.black_point cimport (
    Point, log_ratio, mills_gap, point, shortfall, time_value,
)
from crossmargin._core.normal cimport Pair, normal_density, pair
from crossmargin._core.status cimport Status


cdef enum Stretch:
    TAIL
    MIDDLE
    BOUND


cdef struct Aim:
    Pair x           # ln(min(F, K) / max(F, K))
    double beta      # time value per min(F, K)
    double rest      # 1 - beta
    double logarithm  # ln(beta), also where beta itself underflows
    Stretch stretch


cdef struct Step:
    double newton  # Newton's step in v, or in ln v on TAIL
    double bend    # second derivative over first


cdef inline Step tail_step(Aim aim, Point p, double v) noexcept nogil:
    """On ``ln(L / L*)``, ``L = ln beta = -near^2 / 2 - ln(sqrt(2 pi)) + ln(gap)``, in ``w = ln v``."""
    cdef Step step
    cdef double gap = mills_gap(p)
    cdef double near = p.near.high
    cdef double L = log(gap) - 0.5 * near * near - near * p.near.low - 0.9189385332046728
    cdef double slope = v / gap
    step.newton = -log1p((L - aim.logarithm) / aim.logarithm) * L / slope
    step.bend = 1.0 + near * p.far.high - slope - slope / L
    return step


cdef inline Step middle_step(Aim aim, Point p, double v) noexcept nogil:
    """On ``beta - beta*``; its slope is ``phi(near)``."""
    cdef Step step
    step.newton = (aim.beta - time_value(p)) / normal_density(p.near)
    step.bend = p.near.high * p.far.high / v
    return step


cdef inline Step bound_step(Aim aim, Point p, double v) noexcept nogil:
    """On ``ln((1 - beta) / (1 - beta*))``; its slope is ``-phi(near) / (1 - beta)``."""
    cdef Step step
    cdef double rest = shortfall(p)
    cdef double slope = normal_density(p.near) / rest
    step.newton = log1p((rest - aim.rest) / aim.rest) / slope
    step.bend = p.near.high * p.far.high / v + slope
    return step


cdef inline Step step_at(Aim aim, double v) noexcept nogil:
    """The step of the aim's stretch."""
    cdef Point p = point(aim.x, pair(v, 0.0))
    if aim.stretch == Stretch.TAIL:
        return tail_step(aim, p, v)
    if aim.stretch == Stretch.MIDDLE:
        return middle_step(aim, p, v)
    return bound_step(aim, p, v)


cdef inline double halley(Stretch stretch, Step step, double v) noexcept nogil:
    """The next ``v``; plain Newton where the correction would be large."""
    cdef double correction = 1.0 + 0.5 * step.newton * step.bend
    cdef double move = step.newton / min(max(correction, 0.5), 2.0)
    return v * exp(move) if stretch == Stretch.TAIL else v + move


cdef inline double tail_quantile(double tail) noexcept nogil:
    """``z`` with ``Phi(-z) = tail`` to 5e-4, for ``0 < tail <= 1/2``."""
    cdef double s = sqrt(-2.0 * log(tail))
    cdef double top = 2.515517 + s * (0.802853 + s * 0.010328)
    return s - top / (1.0 + s * (1.432788 + s * (0.189269 + s * 0.001308)))


cdef inline double first_guess(Aim aim, double turn, double beta_turn) noexcept nogil:
    """TAIL: the larger of two lower estimates; MIDDLE: the tangent at v_c; BOUND: a quantile for near."""
    cdef double near
    if aim.stretch == Stretch.TAIL:
        near = sqrt(-2.0 * aim.logarithm - aim.x.high)
        return min(turn, max(2.5066282746310002 * aim.beta, -aim.x.high / near))
    if aim.stretch == Stretch.MIDDLE:
        return turn + 2.5066282746310002 * (aim.beta - beta_turn)
    near = tail_quantile(aim.rest / 1.5)
    return near + sqrt(near * near + turn * turn)


cdef inline double midpoint(double low, double high) noexcept nogil:
    """The geometric mean; 1/16 of the upper end while the lower is still 0."""
    return sqrt(low) * sqrt(high) if low > 0.0 else 0.0625 * high


cdef inline Status solve(Aim aim, double low, double high, double v, double* root) noexcept nogil:
    """Halley's steps from ``v`` in the bracket ``[low, high]``; a step that leaves it bisects."""
    cdef Step step
    cdef double after
    cdef int _
    for _ in range(100):
        step = step_at(aim, v)
        if step.newton > 0.0:
            low = v
        else:
            high = v
        after = halley(aim.stretch, step, v)
        if fabs(after - v) <= 1e-7 * v:
            root[0] = after
            return Status.OK
        v = after if low < after < high else midpoint(low, high)
    return Status.NO_ROOT


cdef inline Status total_from_aim(Aim aim, double* v) noexcept nogil:
    """Choose the stretch and its bracket; the upper end leaves ``1 - beta`` below 2^-53.

    ``RANGE`` where ``beta`` itself underflows at the money; on TAIL its logarithm is enough.
    """
    cdef double turn = sqrt(-2.0 * aim.x.high)
    cdef double beta_turn = time_value(point(aim.x, pair(turn, 0.0))) if turn > 0.0 else 0.0
    cdef double low = turn
    cdef double high = turn + 18.0
    aim.stretch = Stretch.MIDDLE if aim.beta <= 0.5 else Stretch.BOUND
    if aim.beta < beta_turn:
        aim.stretch = Stretch.TAIL
        low = 0.0
        high = turn
    elif aim.beta < 1e-290:
        return Status.RANGE
    return solve(aim, low, high, first_guess(aim, turn, beta_turn), v)


cdef inline Status implied_point(
    double price, double F, double K, double T, double D, double* sigma,
) noexcept nogil:
    """Volatility of a discounted time value; see ``black.implied_from_time_value``."""
    cdef Aim aim
    cdef double a = min(F, K)
    cdef double undiscounted = price / D
    cdef double v = NAN
    cdef Status status
    sigma[0] = NAN
    if price == 0.0:
        sigma[0] = 0.0
        return Status.OK
    if price < 0.0 or T == 0.0 or undiscounted >= a:
        return Status.DOMAIN
    aim.x = log_ratio(a, max(F, K))
    aim.beta = undiscounted / a
    aim.rest = (a - undiscounted) / a
    aim.logarithm = log(aim.beta) if aim.beta > 1e-290 else log(price) - log(D) - log(a)
    status = total_from_aim(aim, &v)
    sigma[0] = v / sqrt(T)
    return status
