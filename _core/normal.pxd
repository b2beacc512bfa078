"""The normal distribution at one point, accurate in its own tail, and exact tails of products.

Everything is inline: there is no module of this name at run time. Notation: ``phi`` is the density,
``Phi`` the distribution function, ``M(y) = (1 - Phi(y)) / phi(y)`` the Mills ratio, ``y >= 0``.

``M(y) = P(y) / Q(y)`` and ``-M'(y) = 1 - y M(y) = N(y) / Q(y)`` with ``Q = N + y P``. The coefficients
interpolate ``1 - y M(y)`` at 23 Chebyshev points of ``(y - 3.5) / (y + 3.5)`` in 80 digits and err by less
than 6e-18 of the ratio on [0, 60]. All are positive, so neither ratio loses a digit by cancellation,
which is what the difference of two nearly equal tails needs.
"""
from libc.math cimport exp, fabs


cdef struct Pair:
    double high  # a figure, rounded
    double low   # what the rounding left out, to first order


cdef inline double product_low(double a, double b, double product) noexcept nogil:
    """``a b - product`` exactly, for ``product = fl(a b)`` (Dekker 1971); NaN beyond 2^996."""
    cdef double split_a = 134217729.0 * a
    cdef double split_b = 134217729.0 * b
    cdef double high_a = split_a - (split_a - a)
    cdef double high_b = split_b - (split_b - b)
    cdef double low_a = a - high_a
    cdef double low_b = b - high_b
    return ((high_a * high_b - product) + high_a * low_b + low_a * high_b) + low_a * low_b


cdef inline Pair pair_sum(double a, double b) noexcept nogil:
    """``a + b`` exactly, as the rounded sum and its rounding error (Knuth)."""
    cdef Pair total
    cdef double part
    total.high = a + b
    part = total.high - a
    total.low = (a - (total.high - part)) + (b - part)
    return total


cdef inline Pair pair(double high, double low) noexcept nogil:
    """``high`` with its remainder; one that is not a remainder (an overflow inside) counts as 0."""
    cdef Pair figure
    figure.high = high
    figure.low = low if fabs(low) < 1e-15 * fabs(high) else 0.0
    return figure


cdef inline double mills_denominator(double y) noexcept nogil:
    """``Q(y)``."""
    cdef double q = y + 35.486453670514294
    q = q * y + 632.915834370033
    q = q * y + 7388.67691106346
    q = q * y + 62336.08297334658
    q = q * y + 398391.7625234425
    q = q * y + 1973259.171947864
    q = q * y + 7635639.918234378
    q = q * y + 23000961.50732802
    q = q * y + 53113750.66909937
    q = q * y + 91161344.60890482
    q = q * y + 109891612.8343577
    q = q * y + 83236606.51284955
    return q * y + 29870445.103283092


cdef inline double mills(double y) noexcept nogil:
    """``M(y) = (1 - Phi(y)) / phi(y)`` for ``y >= 0``, falling from sqrt(pi/2) as 1/y."""
    cdef double p = y + 35.486453670514294
    p = p * y + 631.915834370033
    p = p * y + 7353.190457392945
    p = p * y + 61706.16713897655
    p = p * y + 391109.54497339047
    p = p * y + 1912806.8364776638
    p = p * y + 7258881.889634857
    p = p * y + 21205321.847080242
    p = p * y + 46566181.94860576
    p = p * y + 73210630.99277805
    p = p * y + 74451170.5814387
    p = p * y + 37437051.13585126
    return p / mills_denominator(y)


cdef inline double mills_fall(double y) noexcept nogil:
    """``-M'(y) = 1 - y M(y)`` for ``y >= 0``, falling from 1 as 1/y^2."""
    cdef double n = y + 35.486453670514294
    n = n * y + 629.9158343700327
    n = n * y + 7282.217550052078
    n = n * y + 60452.335470200225
    n = n * y + 376758.0285995212
    n = n * y + 1795639.6602477748
    n = n * y + 6547568.720493608
    n = n * y + 17950713.616126765
    n = n * y + 35440442.25291899
    n = n * y + 45799555.3769983
    n = n * y + 29870445.103283092
    return n / mills_denominator(y)


cdef inline double normal_density(Pair z) noexcept nogil:
    """``phi(z) = exp(-z^2 / 2) / sqrt(2 pi)``; 0 beyond 40, where the true figure underflows."""
    cdef double square = z.high * z.high
    cdef double low
    if fabs(z.high) > 40.0:
        return 0.0
    low = product_low(z.high, z.high, square) + 2.0 * z.high * z.low
    return 0.3989422804014327 * exp(-0.5 * square) * (1.0 - 0.5 * low)


cdef inline double normal_distribution(Pair z) noexcept nogil:
    """``Phi(z)``, relatively accurate in both tails that a float64 can tell from 0 and 1."""
    if fabs(z.high) > 40.0:
        return 1.0 if z.high > 0.0 else 0.0
    if z.high <= 0.0:
        return normal_density(z) * mills(-z.high)
    return 1.0 - normal_density(z) * mills(z.high)
