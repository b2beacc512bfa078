"""Integer money for Python: what the ledger computes with, one figure at a time."""

from libc.stdint cimport int64_t
from crossmargin._core.exact cimport exact_mul_div
from crossmargin._core.status cimport Status


def mul_div(int64_t a, int64_t b, int64_t num, int64_t den, int mode):
    """``a b num / den`` rounded by mode (0 trunc, 1 floor, 2 ceil, 3 half to even): (status, figure)."""
    cdef int64_t out = 0
    if exact_mul_div(a, b, num, den, mode, &out):
        return Status.OVERFLOW, 0
    return Status.OK, out
