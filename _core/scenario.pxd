# Scenario reduce: gains of holdings over a risk array, and their worst row.
from libc.stdint cimport int64_t
from crossmargin._core.status cimport Status


cdef void accumulate(
    const double* array, Py_ssize_t stride, Py_ssize_t S, const int64_t* item, const double* quantity, Py_ssize_t n,
    bint add, double* out
) noexcept nogil

cdef bint accumulate_rounded(
    const double* array, Py_ssize_t stride, Py_ssize_t S, const int64_t* item, const double* quantity, Py_ssize_t n,
    double magic, double* out
) noexcept nogil

cdef Status gains_kernel(
    const double* array, Py_ssize_t n_items, Py_ssize_t S, const int64_t* item, const double* quantity,
    Py_ssize_t n, double* out, Py_ssize_t* bad
) noexcept nogil

cdef double least_gain(
    const double* array, Py_ssize_t stride, Py_ssize_t S, const int64_t* item, const double* quantity, Py_ssize_t n,
    int64_t* row
) noexcept nogil

cdef Status scan_kernel(
    const double* array, Py_ssize_t n_items, Py_ssize_t S, const int64_t* start, const int64_t* item,
    const double* quantity, Py_ssize_t n_units, double* work, double* loss, int64_t* row, Py_ssize_t* bad
) noexcept nogil

cdef double contemplate_kernel(const double* gain, const double* row, double quantity, Py_ssize_t S) noexcept nogil

cdef Status unsound(
    const int64_t* item, const double* quantity, Py_ssize_t first, Py_ssize_t last, Py_ssize_t n_items, Py_ssize_t* bad
) noexcept nogil

cdef Status scan_rows(
    const double* array, Py_ssize_t stride, Py_ssize_t n_items, Py_ssize_t S, const int64_t* start,
    const int64_t* item, const double* quantity, Py_ssize_t n_units, double* loss, int64_t* row, Py_ssize_t* bad
) noexcept nogil

cdef Py_ssize_t padded(Py_ssize_t S) noexcept nogil
cdef double* aligned_rows(const double* array, Py_ssize_t n_items, Py_ssize_t S, void** memory) noexcept nogil
cdef bint ascending(const int64_t* start, Py_ssize_t units, Py_ssize_t n) noexcept nogil

cdef double least_row(const double* gain, Py_ssize_t S) noexcept nogil
