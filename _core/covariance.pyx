"""Correlated norms on arrays: ``y = R x`` where R is a sum of terms and nobody builds the matrix.

A term has groups of factors, a coefficient a group and, where a group has levels, a table between them:
``R_ij += coefficient_g table_g[level_i, level_j]`` for i and j of one group g. A dense matrix is one group with
as many levels as factors; constant plus diagonal is two terms without levels; a Kronecker product of tables and
constants expands into terms (`margin.sensitivity.correlation`). Complexity: factors + sum of levels^2.

Concordance multiplies an entry by ``min(c_i, c_j) / max(c_i, c_j)``. In the order of c this is a prefix sum of
``c_i x_i`` and a suffix sum of ``x_j / c_j``, factors times levels.
"""

from libc.math cimport isfinite
from libc.stdint cimport int64_t
from libc.string cimport memset
from crossmargin._core.status cimport Status


cdef double across(const double* row, const double* z, Py_ssize_t m) noexcept nogil:
    """A row of a table times the sums of the levels; without a table their plain sum."""
    cdef Py_ssize_t j
    cdef double found = 0.0
    if row == NULL:
        for j in range(m):
            found += z[j]
    else:
        for j in range(m):
            found += row[j] * z[j]
    return found


cdef const double* table_row(const Term* t, int64_t g, int64_t level) noexcept nogil:
    if t.table[g] < 0:
        return NULL
    return t.figures + t.table[g] + level * (t.start[g + 1] - t.start[g])


cdef Status correlate_kernel(const Term* t, const double* x, double* scratch, double* y) noexcept nogil:
    """``y += R x`` of one term; ``scratch``: twice the places of its groups."""
    cdef Py_ssize_t k, m, level
    cdef int64_t g
    cdef double* sums = scratch
    cdef double* mixed = scratch + t.start[t.n_groups]
    memset(sums, 0, t.start[t.n_groups] * sizeof(double))
    for k in range(t.n):
        if t.group[k] >= 0:
            sums[t.start[t.group[k]] + t.level[k]] += x[k]
    for g in range(t.n_groups):
        m = t.start[g + 1] - t.start[g]
        for level in range(m):
            mixed[t.start[g] + level] = t.coefficient[g] * across(table_row(t, g, level), sums + t.start[g], m)
    for k in range(t.n):
        if t.group[k] >= 0:
            y[k] += mixed[t.start[t.group[k]] + t.level[k]]
    return Status.OK


cdef void gather_one(
    const Term* t, Py_ssize_t k, double amount, double scale, bint before, double* sums, double* y
) noexcept nogil:
    """Add what the sums say at factor k and the factor's own amount to the sums, in the order asked."""
    cdef int64_t g = t.group[k]
    cdef double* own = sums + t.start[g]
    if before:
        own[t.level[k]] += amount
    y[k] += t.coefficient[g] * scale * across(table_row(t, g, t.level[k]), own, t.start[g + 1] - t.start[g])
    if not before:
        own[t.level[k]] += amount


cdef Status concordant_kernel(
    const Term* t, const double* x, const int64_t* order, const double* weight, double* scratch, double* y
) noexcept nogil:
    """``y += (R o F) x`` with ``F_ij = min(c_i, c_j) / max(c_i, c_j)``; ``order`` sorts ``c = weight`` upwards."""
    cdef Py_ssize_t i, k
    memset(scratch, 0, t.start[t.n_groups] * sizeof(double))
    for i in range(t.n):
        k = order[i]
        if t.group[k] >= 0:
            gather_one(t, k, weight[k] * x[k], 1.0 / weight[k], True, scratch, y)
    memset(scratch, 0, t.start[t.n_groups] * sizeof(double))
    for i in range(t.n - 1, -1, -1):
        k = order[i]
        if t.group[k] >= 0:
            gather_one(t, k, x[k] / weight[k], weight[k], False, scratch, y)
    return Status.OK


cdef double entry(const Term* t, Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    """What one term adds to ``R_ij``."""
    cdef int64_t g = t.group[i]
    cdef const double* row
    if g < 0 or g != t.group[j]:
        return 0.0
    row = table_row(t, g, t.level[i])
    return t.coefficient[g] * (1.0 if row == NULL else row[t.level[j]])


cdef Status sound(const Term* t, Py_ssize_t n_figures, Py_ssize_t* bad) noexcept nogil:
    """Groups, levels and tables lie inside their arrays."""
    cdef Py_ssize_t k, m
    for k in range(t.n_groups):
        m = t.start[k + 1] - t.start[k]
        bad[0] = k
        if m < 1 or t.table[k] > n_figures - m * m:
            return Status.SHAPE
        if not isfinite(t.coefficient[k]):
            return Status.NOT_FINITE
    for k in range(t.n):
        bad[0] = k
        if t.group[k] >= t.n_groups:
            return Status.UNKNOWN
        if t.group[k] >= 0 and not 0 <= t.level[k] < t.start[t.group[k] + 1] - t.start[t.group[k]]:
            return Status.UNKNOWN
    bad[0] = -1
    return Status.OK


cdef Status described(
    Term* t, const int64_t[::1] group, const int64_t[::1] level, const int64_t[::1] start, const int64_t[::1] table,
    const double[::1] coefficient, const double[::1] figures,
):
    t.n, t.n_groups = group.shape[0], coefficient.shape[0]
    if level.shape[0] != t.n or start.shape[0] != t.n_groups + 1 or table.shape[0] != t.n_groups or not t.n_groups:
        return Status.SHAPE
    t.group, t.level, t.start = &group[0] if t.n else NULL, &level[0] if t.n else NULL, &start[0]
    t.table, t.coefficient = &table[0], &coefficient[0]
    t.figures = &figures[0] if figures.shape[0] else NULL
    return Status.OK


def check_term(
    const int64_t[::1] group not None, const int64_t[::1] level not None, const int64_t[::1] start not None,
    const int64_t[::1] table not None, const double[::1] coefficient not None, const double[::1] figures not None,
):
    """Whether a term is sound, and its first bad group or factor; see ``covariance.pyi``."""
    cdef Term t
    cdef Py_ssize_t bad = -1
    cdef Status status = described(&t, group, level, start, table, coefficient, figures)
    if status == Status.OK:
        status = sound(&t, figures.shape[0], &bad)
    return status, bad


def correlate(
    const int64_t[::1] group not None, const int64_t[::1] level not None, const int64_t[::1] start not None,
    const int64_t[::1] table not None, const double[::1] coefficient not None, const double[::1] figures not None,
    const double[::1] x not None, double[::1] scratch not None, double[::1] y not None,
):
    """``y += R x`` of one checked term; see ``covariance.pyi``."""
    cdef Term t
    cdef Status status = described(&t, group, level, start, table, coefficient, figures)
    if status != Status.OK or x.shape[0] != t.n or y.shape[0] != t.n or scratch.shape[0] < 2 * start[t.n_groups]:
        return Status.SHAPE
    if t.n:
        with nogil:
            status = correlate_kernel(&t, &x[0], &scratch[0], &y[0])
    return status


def concordant(
    const int64_t[::1] group not None, const int64_t[::1] level not None, const int64_t[::1] start not None,
    const int64_t[::1] table not None, const double[::1] coefficient not None, const double[::1] figures not None,
    const double[::1] x not None, const int64_t[::1] order not None, const double[::1] weight not None,
    double[::1] scratch not None, double[::1] y not None,
):
    """``y += (R o F) x`` of one checked term; see ``covariance.pyi``."""
    cdef Term t
    cdef Status status = described(&t, group, level, start, table, coefficient, figures)
    if status != Status.OK or x.shape[0] != t.n or y.shape[0] != t.n or scratch.shape[0] < start[t.n_groups]:
        return Status.SHAPE
    if order.shape[0] != t.n or weight.shape[0] != t.n:
        return Status.SHAPE
    if t.n:
        with nogil:
            status = concordant_kernel(&t, &x[0], &order[0], &weight[0], &scratch[0], &y[0])
    return status


def column(
    const int64_t[::1] group not None, const int64_t[::1] level not None, const int64_t[::1] start not None,
    const int64_t[::1] table not None, const double[::1] coefficient not None, const double[::1] figures not None,
    Py_ssize_t at, const int64_t[::1] rows not None, double[::1] out not None,
):
    """``out += R[rows, at]`` of one checked term; see ``covariance.pyi``."""
    cdef Term t
    cdef Py_ssize_t i
    cdef Status status = described(&t, group, level, start, table, coefficient, figures)
    if status != Status.OK or out.shape[0] != rows.shape[0] or not 0 <= at < t.n:
        return Status.SHAPE
    for i in range(rows.shape[0]):
        if not 0 <= rows[i] < t.n:
            return Status.UNKNOWN
    with nogil:
        for i in range(rows.shape[0]):
            out[i] += entry(&t, rows[i], at)
    return status
