# Lanes for loops of this package; not installed, since their width follows the flags of whoever includes simd.h.
# To Cython a lane type is a double: formulas read as formulas, and one source serves every width. Hence two rules:
# a quotient's constant is lanes_all(1.0), and a condition is a mask, never an `if`.
from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef extern from "simd.h" nogil:
    enum:
        LANES
    ctypedef double lanes
    ctypedef int64_t lanes_mask
    lanes lanes_load(const double* p) noexcept
    lanes lanes_load_part(const double* p, int64_t n, lanes rest) noexcept
    void lanes_store(double* p, lanes v) noexcept
    void lanes_store_part(double* p, lanes v, int64_t n) noexcept
    lanes lanes_all(double x) noexcept
    void lanes_row_load(lanes* to, int64_t width, const double* p, int64_t rest) noexcept
    void lanes_row_store(double* p, const lanes* row, int64_t width, int64_t rest) noexcept
    void lanes_row_zero(lanes* to, int64_t width) noexcept
    void lanes_row_fma(lanes* to, int64_t width, lanes q, const double* p, int64_t rest) noexcept
    double lanes_row_least(const lanes* row, int64_t width, int64_t rest, int64_t* place) noexcept
    lanes lanes_fma(lanes a, lanes b, lanes c) noexcept
    lanes lanes_product_low(lanes a, lanes b, lanes p) noexcept
    lanes lanes_polynomial(lanes x, const double* c, int64_t n) noexcept
    lanes lanes_power_of_two(lanes k) noexcept
    lanes lanes_mantissa(lanes x, lanes* k) noexcept
    lanes lanes_sqrt(lanes x) noexcept
    lanes lanes_min(lanes a, lanes b) noexcept
    lanes lanes_max(lanes a, lanes b) noexcept
    lanes lanes_abs(lanes x) noexcept
    lanes_mask lanes_lt(lanes a, lanes b) noexcept
    lanes_mask lanes_le(lanes a, lanes b) noexcept
    lanes_mask lanes_eq(lanes a, lanes b) noexcept
    lanes lanes_select(lanes_mask m, lanes yes, lanes no) noexcept
    uint32_t lanes_bits(lanes_mask m) noexcept
    double lanes_least(lanes v) noexcept
    int64_t lowest_bit(uint64_t bits) noexcept
    uint64_t double_bits(double x) noexcept
