# Intervals of a plan's nodes over all fills of resting orders: what worst fills fall back on.
from libc.stdint cimport int64_t
from crossmargin._core.plan cimport Source
from crossmargin._core.single cimport Run, Single
from crossmargin._core.status cimport Status

# What a whole fill of resting orders adds to positions and costs; or of another one instead, 0 if there is none.
cdef struct Fill:
    int64_t instrument
    double lots
    double cost
    double other_lots
    double other_cost

cdef struct Bounds:
    Run* run
    double* low               # of every computed node, laid out as the run's scratch
    double* high
    double* room              # three rows of the widest node, with its working rows
    Py_ssize_t width
    const double* plain       # no rounding
    const int64_t* weight     # per node: of a matcher, where its children's weights lie in ``weights``
    const double* weights
    const int64_t* moved      # per node: whether a fill moves it
    const double* factor      # of each wanted node, in the surplus
    Py_ssize_t n_wanted

cdef Status run_bounds(Bounds* s, const Source* feeds, const Fill* fills, Py_ssize_t n, double* share) noexcept nogil

cdef class Interval:
    cdef Bounds bounds
    cdef tuple arrays
