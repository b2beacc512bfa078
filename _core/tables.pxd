# What a market and a parameter set give an engine.
from libc.stdint cimport int64_t
from crossmargin._core.bounds cimport Interval
from crossmargin._core.integers cimport Integral
from crossmargin._core.single cimport Single
from crossmargin._core.standing cimport Engine
from crossmargin._core.worst cimport Worst

cdef class Tables:
    cdef Worst worst
    cdef Single whole
    cdef Single fixed
    cdef Interval opaque
    cdef Integral integral
    cdef tuple arrays             # keeps what ``worst`` points to
    cdef const double* plain
    cdef const double* most_lots
    cdef const double* most_cost
    cdef const double* atom
    cdef const int64_t* doubted_instruments
    cdef const int64_t* doubted_assets
    cdef bint doubts
    cdef Py_ssize_t rows
    cdef readonly Py_ssize_t n_opaque
    cdef bint fits(self, Tables other)
    cdef bint rounds_as(self, Tables other)
    cdef void load(self, Engine* e)
