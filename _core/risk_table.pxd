# A risk array kept ready for scans.
from libc.stdint cimport int64_t

cdef class RiskTable:
    cdef void* memory        # to be freed
    cdef const double* rows  # on cache lines, padded with zeros
    cdef Py_ssize_t n_items
    cdef Py_ssize_t S
    cdef readonly int64_t row
    cdef double loss_of(self, const Py_buffer* items, const Py_buffer* quantities) noexcept
