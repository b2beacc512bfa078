"""Scenario reduce on arrays: ``G = q A`` over a risk array A (gain > 0), and the scan loss ``-min_s G_s``.

Sums run in the order of the holdings, left to right; ties of the worst take the first row. A quantity
that is not finite answers ``NOT_FINITE``, an item outside the array ``UNKNOWN``, each with its place;
nothing is written for that unit and those after it. A risk array is checked when it is published.
Complexity: holdings x scenarios. Reference for the worst of a scenario array: CFTC/CME, SPAN parameters.
"""

from libc.math cimport isfinite
from libc.stdint cimport int64_t
from libc.string cimport memset
from crossmargin._core.status cimport Status


cdef Status gains_kernel(
    const double* array, Py_ssize_t n_items, Py_ssize_t S, const int64_t* item, const double* quantity,
    Py_ssize_t n, double* out, Py_ssize_t* bad
) noexcept nogil:
    """``out[s] = sum_i quantity[i] array[item[i], s]``."""
    cdef Py_ssize_t i
    for i in range(n):
        bad[0] = i
        if not isfinite(quantity[i]):
            return Status.NOT_FINITE
        if item[i] < 0 or item[i] >= n_items:
            return Status.UNKNOWN
    bad[0] = -1
    if S == 0:
        return Status.OK
    memset(out, 0, S * sizeof(double))
    for i in range(n):
        accumulate(array + item[i] * S, quantity[i], S, out)
    return Status.OK


cdef Py_ssize_t worst_row(const double* gain, Py_ssize_t S) noexcept nogil:
    """The first row of the least gain; -1 of none."""
    cdef Py_ssize_t found = 0 if S > 0 else -1, s
    for s in range(1, S):
        if gain[s] < gain[found]:
            found = s
    return found


cdef Status scan_kernel(
    const double* array, Py_ssize_t n_items, Py_ssize_t S, const int64_t* start, const int64_t* item,
    const double* quantity, Py_ssize_t n_units, double* work, double* loss, int64_t* row, Py_ssize_t* bad
) noexcept nogil:
    """Scan loss ``max(0, -min_s G_s)`` and its row for every unit; ``work`` holds S doubles."""
    cdef Py_ssize_t unit, first
    cdef Status status
    for unit in range(n_units):
        first = start[unit]
        status = gains_kernel(array, n_items, S, item + first, quantity + first, start[unit + 1] - first, work, bad)
        if status != Status.OK:
            bad[0] += first
            return status
        row[unit] = worst_row(work, S)
        loss[unit] = -work[row[unit]] if row[unit] >= 0 and work[row[unit]] < 0.0 else 0.0
    return Status.OK


cdef double contemplate_kernel(const double* gain, const double* row, double quantity, Py_ssize_t S) noexcept nogil:
    """``min_s (gain_s + quantity row_s)``: what an order would leave; 0 of no scenarios."""
    cdef double found = gain[0] + quantity * row[0] if S > 0 else 0.0, g
    cdef Py_ssize_t s
    for s in range(1, S):
        g = gain[s] + quantity * row[s]
        found = g if g < found else found
    return found


def gains(
    const double[:, ::1] array not None, const int64_t[::1] item not None, const double[::1] quantity not None,
    double[::1] out not None,
):
    """Gain of one account in every scenario; see ``scenario.pyi``."""
    cdef Py_ssize_t bad = -1, n = item.shape[0], S = array.shape[1]
    cdef Status status
    if quantity.shape[0] != n or out.shape[0] != S:
        return Status.SHAPE, -1
    if S == 0:
        return Status.OK, -1
    with nogil:
        status = gains_kernel(&array[0, 0] if array.shape[0] else NULL, array.shape[0], S,
                              &item[0] if n else NULL, &quantity[0] if n else NULL, n, &out[0], &bad)
    return status, bad


def scan(
    const double[:, ::1] array not None, const int64_t[::1] start not None, const int64_t[::1] item not None,
    const double[::1] quantity not None, double[::1] work not None, double[::1] loss not None,
    int64_t[::1] row not None,
):
    """Scan loss of every unit of a book; see ``scenario.pyi``."""
    cdef Py_ssize_t bad = -1, n = item.shape[0], S = array.shape[1], units = start.shape[0] - 1
    cdef Status status
    if quantity.shape[0] != n or work.shape[0] != S or not loss.shape[0] == row.shape[0] == units or units < 0:
        return Status.SHAPE, -1
    if not ascending(start, n):
        return Status.SHAPE, -1
    if units == 0:
        return Status.OK, -1
    with nogil:
        status = scan_kernel(&array[0, 0] if array.shape[0] and S else NULL, array.shape[0], S, &start[0],
                             &item[0] if n else NULL, &quantity[0] if n else NULL, units,
                             &work[0] if S else NULL, &loss[0], &row[0], &bad)
    return status, bad


cdef bint ascending(const int64_t[::1] start, Py_ssize_t n) noexcept:
    """Whether starts run from 0 to n without falling."""
    cdef Py_ssize_t unit
    if start[0] != 0 or start[start.shape[0] - 1] != n:
        return False
    for unit in range(start.shape[0] - 1):
        if start[unit + 1] < start[unit]:
            return False
    return True


def contemplate(const double[::1] gain not None, const double[::1] row not None, double quantity):
    """Least gain if ``quantity`` of one instrument were added: (status, value)."""
    cdef Py_ssize_t S = gain.shape[0]
    if row.shape[0] != S:
        return Status.SHAPE, 0.0
    if not isfinite(quantity):
        return Status.NOT_FINITE, 0.0
    if S == 0:
        return Status.OK, 0.0
    return Status.OK, contemplate_kernel(&gain[0], &row[0], quantity, S)
