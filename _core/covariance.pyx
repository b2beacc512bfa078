"""Correlated norms on arrays: ``y = R x`` where R is a sum of terms and nobody builds the matrix.

A term has groups of factors, a coefficient a group and, where a group has levels, a table between them:
``R_ij += coefficient_g table_g[level_i, level_j]`` for i and j of one group g. A dense matrix is one group with
as many levels as factors; constant plus diagonal is two terms without levels; a Kronecker product of tables and
constants expands into terms (`margin.sensitivity.correlation`). Complexity: factors + sum of levels^2.

A covariance of many accounts is given by its lower triangular root L and never multiplied out: ``|L'w|`` with
accounts in lanes does half the work of a matrix product and writes no product (`triangular_norms`).

Concordance multiplies an entry by ``min(c_i, c_j) / max(c_i, c_j)``. In the order of c this is a prefix sum of
``c_i x_i`` and a suffix sum of ``x_j / c_j``, factors times levels.
"""

from libc.math cimport isfinite
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset
from crossmargin._core.simd cimport LANES, lanes, lanes_all, lanes_fma, lanes_load, lanes_sqrt, lanes_store
from crossmargin._core.status cimport Status

cdef enum:
    COLUMNS = 6          # of L at once; with two lanes of accounts they stay in registers
    MOST_ACCOUNTS = 16   # at once, at the widest level


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
    cdef Py_ssize_t i
    cdef Status status = described(&t, group, level, start, table, coefficient, figures)
    if status != Status.OK or x.shape[0] != t.n or y.shape[0] != t.n or scratch.shape[0] < start[t.n_groups]:
        return Status.SHAPE
    if order.shape[0] != t.n or weight.shape[0] != t.n:
        return Status.SHAPE
    for i in range(t.n):
        if not 0 <= order[i] < t.n:
            return Status.UNKNOWN
        if not weight[i] > 0.0:
            return Status.DOMAIN
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


# ---- many accounts under one covariance ---------------------------------------------------

cdef void pack_kernel(const double* L, Py_ssize_t K, double* packed) noexcept nogil:
    """Columns of L six at a time, each six from their diagonal down: what ``norms_of_block`` reads in order."""
    cdef Py_ssize_t first = 0, j, c, k
    while first < K:
        for j in range(first, K):
            for c in range(COLUMNS):
                k = first + c
                packed[c] = L[j * K + k] if k < K and j >= k else 0.0
            packed += COLUMNS
        first += COLUMNS


cdef void norms_of_block(const double* packed, const double* turned, Py_ssize_t K, double* out) noexcept nogil:
    """``|L'w|`` of 2 LANES accounts, ``turned`` (K, 2 LANES); sums run down the columns of L."""
    cdef lanes one[COLUMNS]
    cdef lanes other[COLUMNS]
    cdef lanes u, v, x, square = lanes_all(0.0), square_other = square
    cdef Py_ssize_t first = 0, j, c
    while first < K:
        for c in range(COLUMNS):
            one[c] = lanes_all(0.0)
            other[c] = lanes_all(0.0)
        for j in range(first, K):
            u, v = lanes_load(turned + j * 2 * LANES), lanes_load(turned + j * 2 * LANES + LANES)
            for c in range(COLUMNS):
                x = lanes_all(packed[c])
                one[c] = lanes_fma(u, x, one[c])
                other[c] = lanes_fma(v, x, other[c])
            packed += COLUMNS
        for c in range(COLUMNS):
            square = lanes_fma(one[c], one[c], square)
            square_other = lanes_fma(other[c], other[c], square_other)
        first += COLUMNS
    lanes_store(out, lanes_sqrt(square))
    lanes_store(out + LANES, lanes_sqrt(square_other))


cdef inline void turn(const double* w, Py_ssize_t n, Py_ssize_t K, double* turned) noexcept nogil:
    """Accounts side by side, factor by factor; those that are not there are 0."""
    cdef Py_ssize_t i, j
    if n < 2 * LANES:
        memset(turned, 0, K * 2 * LANES * sizeof(double))
        for j in range(K):
            for i in range(n):
                turned[j * 2 * LANES + i] = w[i * K + j]
        return
    for j in range(K):
        for i in range(2 * LANES):
            turned[j * 2 * LANES + i] = w[i * K + j]


cdef void norms_kernel(
    const double* w, Py_ssize_t n, Py_ssize_t K, const double* packed, double* turned, double* out
) noexcept nogil:
    """Norms of n accounts, block by block."""
    cdef double found[MOST_ACCOUNTS]
    cdef Py_ssize_t first = 0, held
    while first < n:
        held = min(n - first, 2 * LANES)
        turn(w + first * K, held, K, turned)
        norms_of_block(packed, turned, K, found)
        memcpy(out + first, found, held * sizeof(double))
        first += 2 * LANES


def packed_size(Py_ssize_t K):
    """Doubles that ``pack`` fills at most."""
    return K * (K + COLUMNS)


def turned_size(Py_ssize_t K):
    """Doubles of scratch that ``triangular_norms`` needs."""
    return MOST_ACCOUNTS * K


def pack(const double[:, ::1] L not None, double[::1] packed not None):
    """Lay a lower triangular root out for ``triangular_norms``; see ``covariance.pyi``."""
    cdef Py_ssize_t K = L.shape[0]
    if L.shape[1] != K or packed.shape[0] < packed_size(K):
        return Status.SHAPE
    if K:
        with nogil:
            pack_kernel(&L[0, 0], K, &packed[0])
    return Status.OK


def triangular_norms(
    const double[:, ::1] w not None, const double[::1] packed not None, double[::1] turned not None,
    double[::1] out not None,
):
    """``|L'w|`` of every account; see ``covariance.pyi``."""
    cdef Py_ssize_t n = w.shape[0], K = w.shape[1]
    if out.shape[0] != n or packed.shape[0] < packed_size(K) or turned.shape[0] < turned_size(K):
        return Status.SHAPE
    if n and K:
        with nogil:
            norms_kernel(&w[0, 0], n, K, &packed[0], &turned[0], &out[0])
    elif n:
        out[:] = 0.0
    return Status.OK
