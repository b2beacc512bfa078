# The functions of normal.pxd in lanes, for arguments where nothing under- or overflows; not installed, as simd.pxd.
from crossmargin._core.simd cimport (
    lanes, lanes_all, lanes_fma, lanes_mantissa, lanes_polynomial, lanes_power_of_two, lanes_product_low,
)

cdef extern from *:
    """
    /* (exp(x) - 1 - x) / x^2 on [-ln(2)/2, ln(2)/2] and (log(1 + x) - x) / x^2 on [sqrt(1/2) - 1, sqrt(2) - 1],
       interpolated at Chebyshev points in 60 digits; both err by less than 2^-53 of the function. */
    static const double EXPONENTIAL[10] = {
        0x1.0000000000001p-1, 0x1.5555555555556p-3, 0x1.5555555553d37p-5, 0x1.11111111109a6p-7, 0x1.6c16c1789d1d7p-10,
        0x1.a01a01a7cebcdp-13, 0x1.a019b8ca26fcfp-16, 0x1.71de0d85293b8p-19, 0x1.2891d4ffbb0f9p-22,
        0x1.af390ba7e6f47p-26};
    static const double LOGARITHM[21] = {
        -0x1.0000000000000p-1, 0x1.555555555555cp-2, -0x1.fffffffffff34p-3, 0x1.999999999772bp-3,
        -0x1.5555555561dddp-3, 0x1.249249261f2ccp-3, -0x1.fffffff7e955cp-4, 0x1.c71c70c1303cbp-4,
        -0x1.99999a6364b62p-4, 0x1.745d460eacbc4p-4, -0x1.55556c388aeddp-4, 0x1.3b0eda8f5d75cp-4,
        -0x1.248b2a78bff20p-4, 0x1.115b4daceee38p-4, -0x1.00b0e81fd59f4p-4, 0x1.dd3093b701211p-5,
        -0x1.b635ac30a3dacp-5, 0x1.bb08e0be73d94p-5, -0x1.fc84a09888c57p-5, 0x1.ceab3eecb74d9p-5,
        -0x1.8e8f5f6d78efbp-6};
    /* P and N of normal.pxd, lowest power first. */
    static const double MILLS_P[13] = {
        37437051.13585126, 74451170.5814387, 73210630.99277805, 46566181.94860576, 21205321.847080242,
        7258881.889634857, 1912806.8364776638, 391109.54497339047, 61706.16713897655, 7353.190457392945,
        631.915834370033, 35.486453670514294, 1.0};
    static const double MILLS_N[12] = {
        29870445.103283092, 45799555.3769983, 35440442.25291899, 17950713.616126765, 6547568.720493608,
        1795639.6602477748, 376758.0285995212, 60452.335470200225, 7282.217550052078, 629.9158343700327,
        35.486453670514294, 1.0};
    """
    const double* EXPONENTIAL
    const double* LOGARITHM
    const double* MILLS_P
    const double* MILLS_N


# A sum or product with what its rounding left out.
cdef struct LanePair:
    lanes high
    lanes low


# M(y) = p / q and -M'(y) = n / q.
cdef struct LaneMills:
    lanes p
    lanes n
    lanes q


cdef inline LanePair lane_sum(lanes a, lanes b) noexcept nogil:
    """``a + b`` exactly (Knuth)."""
    cdef LanePair s
    cdef lanes part
    s.high = a + b
    part = s.high - a
    s.low = (a - (s.high - part)) + (b - part)
    return s


cdef inline LanePair lane_renormal(lanes high, lanes low) noexcept nogil:
    """``high + low`` as a pair, for a low part that is the smaller one."""
    cdef LanePair s
    s.high = high + low
    s.low = low - (s.high - high)
    return s


cdef inline lanes lane_residual(lanes a, lanes q, lanes b) noexcept nogil:
    """``a - q b`` for ``q`` near ``a / b``."""
    cdef lanes product = q * b
    return (a - product) - lanes_product_low(q, b, product)


cdef inline lanes lane_exp(lanes x) noexcept nogil:
    """``exp(x)`` within 1.3 units of 2^-53 for ``-700 <= x <= 700``."""
    cdef lanes shifted = lanes_fma(x, lanes_all(1.4426950408889634), lanes_all(6755399441055744.0))
    cdef lanes k = shifted - 6755399441055744.0
    cdef lanes r = lanes_fma(k, lanes_all(-0.6931471803691238), x)
    cdef lanes s = lanes_power_of_two(shifted)
    r = lanes_fma(k, lanes_all(-1.9082149292705877e-10), r)
    return lanes_fma(s, lanes_fma(r * r, lanes_polynomial(r, EXPONENTIAL, 10), r), s)


cdef inline LanePair lane_log(lanes x) noexcept nogil:
    """``ln(x)`` of a normal ``x > 0``; the pair errs by less than half a unit of 2^-53."""
    cdef LanePair s
    cdef lanes k
    cdef lanes f = lanes_mantissa(x, &k) - 1.0
    s = lane_sum(k * 0.6931471803691238, f)
    s.low = s.low + lanes_fma(k, lanes_all(1.9082149292705877e-10), f * f * lanes_polynomial(f, LOGARITHM, 21))
    return lane_renormal(s.high, s.low)


cdef inline LaneMills lane_mills(lanes y) noexcept nogil:
    """The Mills ratio and its fall at ``y >= 0``, as ratios of one denominator ``q = n + y p``."""
    cdef LaneMills m
    m.p = lanes_polynomial(y, MILLS_P, 13)
    m.n = lanes_polynomial(y, MILLS_N, 12)
    m.q = lanes_fma(y, m.p, m.n)
    return m


cdef inline lanes lane_density(LanePair z) noexcept nogil:
    """``exp(-z^2 / 2) / sqrt(2 pi)`` for ``|z| <= 37``."""
    cdef lanes square = z.high * z.high
    cdef lanes low = lanes_product_low(z.high, z.high, square) + 2.0 * z.high * z.low
    return 0.3989422804014327 * lane_exp(-0.5 * square) * (1.0 - 0.5 * low)
