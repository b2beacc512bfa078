# A plan over one account at a time: the batch evaluator on rows that its owner fills.
from libc.stdint cimport int64_t
from crossmargin._core.plan cimport MAX_HOLDINGS, Batch, Source
from crossmargin._core.status cimport Status

cdef enum:
    N_FEEDS = 10       # of a book, in the order of ``portfolio.feeds``

cdef struct Run:
    Batch b
    Source source[MAX_HOLDINGS]
    int64_t feed[MAX_HOLDINGS]    # of each holding
    const int64_t* wanted
    Py_ssize_t n_wanted
    bint pointed                  # whether leaders and links are known

cdef Status load_single(Run* s, const Source* feeds) noexcept nogil
cdef Status run_single(Run* s, const Source* feeds) noexcept nogil
cdef const double* single_value(Run* s, Py_ssize_t wanted, Py_ssize_t pair) noexcept nogil
cdef Py_ssize_t single_pairs(const Run* s, Py_ssize_t wanted) noexcept nogil
cdef int64_t single_key(const Run* s, Py_ssize_t wanted, Py_ssize_t pair) noexcept nogil

cdef class Single:
    cdef Run program
    cdef readonly Py_ssize_t scratch   # doubles of its nodes
    cdef readonly Py_ssize_t capacity  # pairs of an axis
    cdef tuple arrays             # keeps the memory that the program points to
