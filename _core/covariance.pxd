# Correlated norms: y = R x with R a sum of block terms, one entry or column of R.
from libc.stdint cimport int64_t
from crossmargin._core.status cimport Status

cdef struct Term:  # coefficient of the group times table[level, level'], over pairs of one group
    const int64_t* group  # of each factor, -1: not in the term
    const int64_t* level
    const int64_t* start  # places of each group in scratch, n_groups + 1; its levels are their difference
    const int64_t* table  # where the group's table begins in figures, -1: every entry is 1
    const double* coefficient
    const double* figures
    Py_ssize_t n
    Py_ssize_t n_groups

cdef Status correlate_kernel(const Term* t, const double* x, double* scratch, double* y) noexcept nogil

cdef Status concordant_kernel(
    const Term* t, const double* x, const int64_t* order, const double* weight, double* scratch, double* y
) noexcept nogil

cdef double entry(const Term* t, Py_ssize_t i, Py_ssize_t j) noexcept nogil
