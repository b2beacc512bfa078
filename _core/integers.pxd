# A plan in 64-bit integers over one account, for venues that compute in them.
from libc.stdint cimport int64_t
from crossmargin._core.plan cimport Source
from crossmargin._core.single cimport Run, Single
from crossmargin._core.status cimport Status

cdef struct Whole:
    Run* run
    const int64_t* constants  # tables as integers, where the run's lie
    const int64_t* real       # per node: whether a figure in it is no integer
    int64_t* value            # of every integer node, laid out as the run's scratch
    int64_t* quantity         # of every holding, by pair

cdef Status run_integers(Whole* s, const Source* feeds) noexcept nogil

cdef class Integral:
    cdef Whole whole
    cdef tuple arrays
