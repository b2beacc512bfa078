"""Netting on arrays: sums by group with their long and short pools, marginal tiers, rates of the whole size.

Sums run left to right in the order given. An amount that is not finite answers ``NOT_FINITE``, a group
outside the range ``UNKNOWN``, with its place, before anything is written. Complexity: one pass.
"""

from libc.math cimport fabs, isfinite
from libc.stdint cimport int64_t
from libc.string cimport memset
from crossmargin._core.elements cimport tiers as tiers_of
from crossmargin._core.status cimport Status


cdef Status finite(const double* x, Py_ssize_t n, Py_ssize_t* bad) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        if not isfinite(x[i]):
            bad[0] = i
            return Status.NOT_FINITE
    return Status.OK


cdef Status group_sums_kernel(
    const int64_t* group, const double* amount, Py_ssize_t n, Py_ssize_t n_groups, double* net, double* long_pool,
    double* short_pool, Py_ssize_t* bad
) noexcept nogil:
    """``net_g = sum x``, ``long_g = sum max(x, 0)``, ``short_g = sum max(-x, 0)`` over the items of g."""
    cdef Py_ssize_t i
    cdef Status status = finite(amount, n, bad)
    if status != Status.OK:
        return status
    for i in range(n):
        if group[i] < 0 or group[i] >= n_groups:
            bad[0] = i
            return Status.UNKNOWN
    memset(net, 0, n_groups * sizeof(double))
    memset(long_pool, 0, n_groups * sizeof(double))
    memset(short_pool, 0, n_groups * sizeof(double))
    for i in range(n):
        net[group[i]] += amount[i]
        if amount[i] > 0.0:
            long_pool[group[i]] += amount[i]
        else:
            short_pool[group[i]] -= amount[i]
    return Status.OK


cdef Status tiers_kernel(
    const double* size, Py_ssize_t n, const double* edges, const double* rates, Py_ssize_t n_tiers, double* out,
    Py_ssize_t* bad
) noexcept nogil:
    """``sum_j (rate_j - rate_{j-1}) max(|x| - edge_j, 0)``, the same as ``rate_i |x| - deduction_i``."""
    cdef Py_ssize_t i
    cdef Status status = finite(size, n, bad)
    if status != Status.OK:
        return status
    for i in range(n):
        out[i] = tiers_of(size[i], edges, rates, n_tiers)
    return Status.OK


cdef Status size_rate_kernel(
    const double* size, Py_ssize_t n, double base, double slope, double cap, double* out, Py_ssize_t* bad
) noexcept nogil:
    """``|x| min(base + slope |x|, cap)``: the rate of the whole size grows with the size."""
    cdef Py_ssize_t i
    cdef double rate
    cdef Status status = finite(size, n, bad)
    if status != Status.OK:
        return status
    for i in range(n):
        rate = base + slope * fabs(size[i])
        out[i] = fabs(size[i]) * (cap if cap < rate else rate)
    return Status.OK


def group_sums(
    const int64_t[::1] group not None, const double[::1] amount not None, double[::1] net not None,
    double[::1] long_pool not None, double[::1] short_pool not None,
):
    """Net sums and pools by group; see ``netting.pyi``."""
    cdef Py_ssize_t n = group.shape[0], n_groups = net.shape[0], bad = -1
    cdef Status status
    if amount.shape[0] != n or not long_pool.shape[0] == short_pool.shape[0] == n_groups:
        return Status.SHAPE, -1
    if n_groups == 0:
        return (Status.OK, -1) if n == 0 else (Status.UNKNOWN, 0)
    with nogil:
        status = group_sums_kernel(&group[0] if n else NULL, &amount[0] if n else NULL, n, n_groups, &net[0],
                                   &long_pool[0], &short_pool[0], &bad)
    return status, bad


def tiers(
    const double[::1] size not None, const double[::1] edges not None, const double[::1] rates not None,
    double[::1] out not None,
):
    """Marginal tiers of many sizes; see ``netting.pyi``."""
    cdef Py_ssize_t n = size.shape[0], bad = -1
    cdef Status status
    if out.shape[0] != n or edges.shape[0] != rates.shape[0] or edges.shape[0] == 0:
        return Status.SHAPE, -1
    if n == 0:
        return Status.OK, -1
    with nogil:
        status = tiers_kernel(&size[0], n, &edges[0], &rates[0], edges.shape[0], &out[0], &bad)
    return status, bad


def size_rate(const double[::1] size not None, double base, double slope, double cap, double[::1] out not None):
    """Charges of whole sizes; see ``netting.pyi``."""
    cdef Py_ssize_t n = size.shape[0], bad = -1
    cdef Status status
    if out.shape[0] != n:
        return Status.SHAPE, -1
    if not (isfinite(base) and isfinite(slope)):
        return Status.NOT_FINITE, -1
    if n == 0:
        return Status.OK, -1
    with nogil:
        status = size_rate_kernel(&size[0], n, base, slope, cap, &out[0], &bad)
    return status, bad
