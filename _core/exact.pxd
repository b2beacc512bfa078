# Integer money: products and quotients over 128 bits, sums that say where they overflow. See exact.h.
from libc.stdint cimport int64_t

cdef extern from "exact.h" nogil:
    enum:
        EXACT_TRUNC
        EXACT_FLOOR
        EXACT_CEIL
        EXACT_EVEN
    int exact_mul_div(int64_t a, int64_t b, int64_t num, int64_t den, int mode, int64_t* out) noexcept
    int exact_add(int64_t a, int64_t b, int64_t* out) noexcept
