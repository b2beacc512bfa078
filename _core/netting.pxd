# Linear maps: positions to net sums, long and short pools, tiers and size rates.
from libc.stdint cimport int64_t
from crossmargin._core.status cimport Status

cdef Status group_sums_kernel(
    const int64_t* group, const double* amount, Py_ssize_t n, Py_ssize_t n_groups, double* net, double* long_pool,
    double* short_pool, Py_ssize_t* bad
) noexcept nogil

cdef Status tiers_kernel(
    const double* size, Py_ssize_t n, const double* edges, const double* rates, Py_ssize_t n_tiers, double* out,
    Py_ssize_t* bad
) noexcept nogil

cdef Status size_rate_kernel(
    const double* size, Py_ssize_t n, double base, double slope, double cap, double* out, Py_ssize_t* bad
) noexcept nogil
