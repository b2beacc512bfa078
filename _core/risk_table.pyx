"""A risk array kept ready: rows on cache lines, for books and for one account at a time from Python.

A memoryview costs more than the arithmetic of an account; ``loss`` takes plain buffers.
"""

from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBuffer_Release, PyObject_GetBuffer
from libc.math cimport isfinite
from libc.stdint cimport int64_t
from libc.stdlib cimport free
from crossmargin._core.scenario cimport aligned_rows, ascending, least_gain, padded, scan_rows, unsound
from crossmargin._core.status cimport Status


cdef class RiskTable:

    def __cinit__(self, const double[:, ::1] array not None):
        cdef Py_ssize_t i, s
        self.n_items, self.S, self.row = array.shape[0], array.shape[1], -1
        for i in range(self.n_items):
            for s in range(self.S):
                if not isfinite(array[i, s]):
                    raise ValueError(f"array must be finite, was {array[i, s]} at row {i}")
        if self.n_items and self.S:
            self.rows = aligned_rows(&array[0, 0], self.n_items, self.S, &self.memory)
            if self.rows == NULL:
                raise MemoryError

    def __dealloc__(self):
        free(self.memory)

    def loss(self, item, quantity):
        """Scan loss of some holdings; see ``risk_table.pyi``."""
        cdef Py_buffer items
        cdef Py_buffer quantities
        cdef double found
        PyObject_GetBuffer(item, &items, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS)
        try:
            PyObject_GetBuffer(quantity, &quantities, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS)
            found = self.loss_of(&items, &quantities)
            PyBuffer_Release(&quantities)
        finally:
            PyBuffer_Release(&items)
        return found

    cdef double loss_of(self, const Py_buffer* items, const Py_buffer* quantities) noexcept:
        cdef Py_ssize_t n = items.len // 8, bad = -1
        cdef const int64_t* item = <const int64_t*>items.buf
        cdef const double* quantity = <const double*>quantities.buf
        cdef Status status
        cdef double least
        self.row = -1
        if not is_column(items, b"lq") or not is_column(quantities, b"d") or quantities.len != items.len:
            return -<double>Status.SHAPE
        status = unsound(item, quantity, 0, n, self.n_items, &bad)
        if status != Status.OK:
            self.row = bad
            return -<double>status
        if self.S == 0:
            return 0.0
        least = least_gain(self.rows, padded(self.S), self.S, item, quantity, n, &self.row)
        return -least if least < 0.0 else 0.0

    def scan(
        self, const int64_t[::1] start not None, const int64_t[::1] item not None, const double[::1] quantity not None,
        double[::1] loss not None, int64_t[::1] row not None,
    ):
        """Scan loss of every unit of a book; see ``risk_table.pyi``."""
        cdef Py_ssize_t bad = -1, n = item.shape[0], units = start.shape[0] - 1
        cdef Status status
        if quantity.shape[0] != n or not loss.shape[0] == row.shape[0] == units or units < 0:
            return Status.SHAPE, -1
        if not ascending(&start[0], units, n):
            return Status.SHAPE, -1
        if units == 0:
            return Status.OK, -1
        with nogil:
            status = scan_rows(self.rows, padded(self.S), self.n_items, self.S, &start[0], &item[0] if n else NULL,
                               &quantity[0] if n else NULL, units, &loss[0], &row[0], &bad)
        return status, bad


cdef bint is_column(const Py_buffer* column, const char* formats) noexcept:
    """Whether a buffer is one row of numbers of eight bytes in one of these formats."""
    if column.ndim != 1 or column.itemsize != 8 or column.format[1] != 0:
        return False
    while formats[0]:
        if formats[0] == column.format[0]:
            return True
        formats += 1
    return False
