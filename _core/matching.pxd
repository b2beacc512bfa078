# Discrete matchers on the children of one parent: spreads by priority, and the cheapest grouping into strategies.
from crossmargin._core.contracts cimport MAX_TYPES
from crossmargin._core.status cimport Status

cdef enum:
    MAX_PLACES = 256    # children of one parent that spreads may be formed of

cdef Status spreads_kernel(const double* code, double* delta, double* out) noexcept nogil
cdef Status group_kernel(
    const double* lots, const double** feature, Py_ssize_t n, const double* rule, double* out
) noexcept nogil
