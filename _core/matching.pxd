# Discrete matchers on the children of one parent: spreads by priority, and the cheapest grouping into strategies.
from crossmargin._core.status cimport Status

cdef enum:
    MAX_PLACES = 256    # children of one parent that spreads may be formed of
    MAX_TYPES = 128     # distinct contracts of one underlying that strategies may be formed of
    MAX_UNITS = 12      # contracts up to which every grouping is tried

# Fields of a contract for ``group_kernel``; money is of one unit (one contract, one round lot of stock).
cdef enum:
    KIND = 0       # 0 call, 1 put, 2 stock
    UNITS = 1      # units per lot
    STRIKE = 2
    SIZE = 3       # underlying per unit
    PREMIUM = 4    # price paid or received
    EXPIRY = 5     # any number that ascends with time
    NAKED = 6      # requirement of one short alone
    OWNED = 7      # requirement of one long alone
    FEATURES = 8

cdef Status spreads_kernel(const double* code, double* delta, double* out) noexcept nogil
cdef Status group_kernel(
    const double* lots, const double** feature, Py_ssize_t n, const double* rule, double* out
) noexcept nogil
