"""Order statistics over the rows of one value: a stable merge sort, bottom up, O(n log n).

Ties keep their order, so that equal rows give equal results on every machine.
"""

from libc.string cimport memcpy


cdef void merge(const double* x, Py_ssize_t low, Py_ssize_t mid, Py_ssize_t high, double* out) noexcept nogil:
    cdef Py_ssize_t i = low, j = mid, k
    for k in range(low, high):
        if i < mid and (j >= high or not x[j] < x[i]):
            out[k] = x[i]
            i += 1
        else:
            out[k] = x[j]
            j += 1


cdef void ascending_select(double* x, Py_ssize_t n, double* work) noexcept nogil:
    """Sort n doubles ascending in place; ``work`` holds n doubles."""
    cdef Py_ssize_t width = 1, low
    while width < n:
        low = 0
        while low < n:
            merge(x, low, min(low + width, n), min(low + 2 * width, n), work)
            low += 2 * width
        memcpy(x, work, n * sizeof(double))
        width *= 2
