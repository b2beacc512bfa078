# Operation codes of plans, and what each computes on the rows of one key: shared by both evaluators.
from libc.math cimport ceil, fabs, floor, rint, sqrt, trunc
from libc.stdint cimport int64_t
from crossmargin._core.rows cimport ascending_select

cdef enum:
    OP_SLOT = 2
    OP_EACH = 3
    OP_ADD = 4
    OP_SUB = 5
    OP_SCALE = 6
    OP_PRODUCT = 7
    OP_QUOTIENT = 8
    OP_NEG = 9
    OP_ABS = 10
    OP_POSITIVE = 11
    OP_SHORT = 12
    OP_MIN = 13
    OP_MAX = 14
    OP_SIDED = 15
    OP_PICK = 16
    OP_ROOT = 17
    OP_TIERS = 18
    OP_ROUND = 19
    OP_WORST = 20
    OP_BEST = 21
    OP_KTH = 22
    OP_TAIL_MEAN = 23
    OP_CONCAT = 24
    OP_TOTAL = 25
    OP_LEAST = 26
    OP_MOST = 27
    OP_AT = 28
    OP_MUL_DIV = 29
    OP_FOLD = 30
    OP_NORM = 31
    OP_AT_WORST = 32
    OP_MATCH = 33
    OP_GROUP = 34
    OP_RESIDUAL = 35

cdef inline Py_ssize_t stride_of(Py_ssize_t rows) noexcept nogil:
    """Doubles from one key to the next in a slot's table: longer rows begin on cache lines, padded with zeros."""
    return rows if rows < 8 else (rows + 7) // 8 * 8


cdef inline double rounded(double x, double magic) noexcept nogil:
    """Nearest multiple of the quantum; exact while sums stay below 2^53 quanta."""
    return (x + magic) - magic if magic != 0.0 else x


cdef inline void unary(int64_t op, const double* x, Py_ssize_t R, double* out) noexcept nogil:
    cdef Py_ssize_t r
    if op == OP_NEG:
        for r in range(R):
            out[r] = -x[r]
    elif op == OP_ABS:
        for r in range(R):
            out[r] = fabs(x[r])
    elif op == OP_POSITIVE:
        for r in range(R):
            out[r] = x[r] if x[r] > 0.0 else 0.0
    elif op == OP_SHORT:
        for r in range(R):
            out[r] = -x[r] if x[r] < 0.0 else 0.0
    else:
        for r in range(R):
            out[r] = sqrt(x[r]) if x[r] > 0.0 else 0.0


cdef inline void rows_rows(int64_t op, const double* x, const double* y, Py_ssize_t R, double* out) noexcept nogil:
    """Two values of the same rows."""
    cdef Py_ssize_t r
    if op == OP_ADD:
        for r in range(R):
            out[r] = x[r] + y[r]
    elif op == OP_SUB:
        for r in range(R):
            out[r] = x[r] - y[r]
    elif op == OP_SCALE or op == OP_PRODUCT:
        for r in range(R):
            out[r] = x[r] * y[r]
    elif op == OP_MIN:
        for r in range(R):
            out[r] = y[r] if y[r] < x[r] else x[r]
    elif op == OP_MAX:
        for r in range(R):
            out[r] = y[r] if y[r] > x[r] else x[r]
    elif op == OP_QUOTIENT:
        for r in range(R):
            out[r] = 0.0 if x[r] == 0.0 and y[r] == 0.0 else x[r] / y[r]
    elif op == OP_RESIDUAL:
        for r in range(R):
            out[r] = rint(x[r] / y[r]) * y[r] - x[r]
    else:
        for r in range(R):
            out[r] = rint(x[r] / y[r]) * y[r]


cdef inline void rows_scalar(int64_t op, const double* x, double y, Py_ssize_t R, double* out) noexcept nogil:
    """Rows with one figure for all."""
    cdef Py_ssize_t r
    if op == OP_ADD:
        for r in range(R):
            out[r] = x[r] + y
    elif op == OP_SUB:
        for r in range(R):
            out[r] = x[r] - y
    elif op == OP_SCALE or op == OP_PRODUCT:
        for r in range(R):
            out[r] = x[r] * y
    elif op == OP_MIN:
        for r in range(R):
            out[r] = y if y < x[r] else x[r]
    elif op == OP_MAX:
        for r in range(R):
            out[r] = y if y > x[r] else x[r]
    elif op == OP_QUOTIENT:
        for r in range(R):
            out[r] = 0.0 if x[r] == 0.0 and y == 0.0 else x[r] / y
    elif op == OP_RESIDUAL:
        for r in range(R):
            out[r] = rint(x[r] / y) * y - x[r]
    else:
        for r in range(R):
            out[r] = rint(x[r] / y) * y


cdef inline void scalar_rows(int64_t op, double x, const double* y, Py_ssize_t R, double* out) noexcept nogil:
    """One figure for all rows first."""
    cdef Py_ssize_t r
    if op == OP_ADD:
        for r in range(R):
            out[r] = x + y[r]
    elif op == OP_SUB:
        for r in range(R):
            out[r] = x - y[r]
    elif op == OP_SCALE or op == OP_PRODUCT:
        for r in range(R):
            out[r] = x * y[r]
    elif op == OP_MIN:
        for r in range(R):
            out[r] = y[r] if y[r] < x else x
    elif op == OP_MAX:
        for r in range(R):
            out[r] = y[r] if y[r] > x else x
    elif op == OP_QUOTIENT:
        for r in range(R):
            out[r] = 0.0 if x == 0.0 and y[r] == 0.0 else x / y[r]
    elif op == OP_RESIDUAL:
        for r in range(R):
            out[r] = rint(x / y[r]) * y[r] - x
    else:
        for r in range(R):
            out[r] = rint(x / y[r]) * y[r]


cdef inline void binary(
    int64_t op, const double* x, Py_ssize_t sx, const double* y, Py_ssize_t sy, Py_ssize_t R, double* out
) noexcept nogil:
    """Strides are 1, or 0 for one figure for all rows; known strides let the loops vectorise."""
    if sx and sy:
        rows_rows(op, x, y, R, out)
    elif sx:
        rows_scalar(op, x, y[0], R, out)
    else:
        scalar_rows(op, x[0], y, R, out)


cdef inline void sided(
    const double* x, Py_ssize_t sx, const double* below, Py_ssize_t sb, const double* above, Py_ssize_t sa,
    Py_ssize_t R, double* out
) noexcept nogil:
    cdef Py_ssize_t r
    cdef double low = below[0], high = above[0]
    if sx and not sb and not sa:
        for r in range(R):
            out[r] = x[r] * (low if x[r] < 0.0 else high)
        return
    for r in range(R):
        out[r] = x[r * sx] * (below[r * sb] if x[r * sx] < 0.0 else above[r * sa])


cdef inline void pick(
    const double* x, Py_ssize_t sx, const double* neg, Py_ssize_t sn, const double* zero, Py_ssize_t sz,
    const double* pos, Py_ssize_t sp, Py_ssize_t R, double* out
) noexcept nogil:
    cdef Py_ssize_t r
    cdef double v
    for r in range(R):
        v = x[r * sx]
        out[r] = neg[r * sn] if v < 0.0 else (pos[r * sp] if v > 0.0 else zero[r * sz])


cdef inline void mul_div(
    int64_t mode, const double* x, Py_ssize_t sx, const double* y, Py_ssize_t sy, const double* z, Py_ssize_t sz,
    Py_ssize_t R, double* out
) noexcept nogil:
    """``x y / z`` rounded to an integer: 0 trunc, 1 floor, 2 ceil, 3 nearest (half to even)."""
    cdef Py_ssize_t r
    cdef double v
    for r in range(R):
        v = x[r * sx] * y[r * sy] / z[r * sz]
        out[r] = trunc(v) if mode == 0 else (floor(v) if mode == 1 else (ceil(v) if mode == 2 else rint(v)))


cdef inline void fold(
    int64_t how, const double* x, const double* target, Py_ssize_t n, Py_ssize_t R, double* out
) noexcept nogil:
    """Mean (0), least (1), most (2) or sum (3) of the rows that share a target; none: 0."""
    cdef Py_ssize_t r, row, seen
    for row in range(R):
        seen = 0
        out[row] = 0.0
        for r in range(n):
            if <Py_ssize_t>target[r] != row:
                continue
            if how == 0 or how == 3:
                out[row] += x[r]
            elif seen == 0 or (x[r] < out[row] if how == 1 else x[r] > out[row]):
                out[row] = x[r]
            seen += 1
        if how == 0 and seen > 1:
            out[row] /= seen


cdef inline double tiers(double x, const double* edges, const double* rates, Py_ssize_t n) noexcept nogil:
    cdef double size = fabs(x), charge = 0.0, before = 0.0
    cdef Py_ssize_t j
    for j in range(n):
        charge += (rates[j] - before) * (size - edges[j] if size > edges[j] else 0.0)
        before = rates[j]
    return charge


cdef inline double least(const double* x, Py_ssize_t R) noexcept nogil:
    """Four chains, so that comparisons overlap; the value does not depend on how rows are grouped."""
    cdef double a = x[0], b = x[0], c = x[0], d = x[0]
    cdef Py_ssize_t r = 0
    while r + 4 <= R:
        a = x[r] if x[r] < a else a
        b = x[r + 1] if x[r + 1] < b else b
        c = x[r + 2] if x[r + 2] < c else c
        d = x[r + 3] if x[r + 3] < d else d
        r += 4
    while r < R:
        a = x[r] if x[r] < a else a
        r += 1
    a = b if b < a else a
    c = d if d < c else c
    return c if c < a else a


cdef inline double extreme(int64_t op, const double* x, Py_ssize_t R) noexcept nogil:
    cdef double found
    cdef Py_ssize_t r
    if R == 0:
        return 0.0
    if op == OP_WORST:
        return least(x, R)
    found = x[0]
    for r in range(1, R):
        found = x[r] if x[r] > found else found
    return found


cdef inline double at_worst(const double* x, const double* gain, Py_ssize_t R) noexcept nogil:
    """x in the row where the gain is least, the first of several; of no rows: 0."""
    cdef Py_ssize_t r, found = 0
    for r in range(1, R):
        if gain[r] < gain[found]:
            found = r
    return x[found] if R > 0 else 0.0


cdef inline double order_statistic(int64_t op, const double* x, Py_ssize_t R, double k, double* work) noexcept nogil:
    """The k-th least row, or the mean of the k least; ``work`` holds 2 R doubles."""
    cdef Py_ssize_t whole = <Py_ssize_t>k, r
    cdef double mean = 0.0
    for r in range(R):
        work[r] = x[r]
    ascending_select(work, R, work + R)
    if op == OP_KTH:
        return work[whole - 1]
    for r in range(R):
        mean += work[r] * ((1.0 if r + 1 <= k else (k - r if k > r else 0.0)) / k)
    return mean


# An elementwise or row operation on one key: argument pointers, their row steps, and what the node fixes.
cdef struct Element:
    int64_t op
    int64_t n_args
    int64_t rows      # of the result
    int64_t rows_in   # of the first argument
    int64_t variant   # of mul_div and fold
    int64_t tiers     # rows of the second argument


cdef inline double one_row(
    int64_t op, const double** value, const int64_t* args, Py_ssize_t i, Py_ssize_t j, Py_ssize_t k, Py_ssize_t l
) noexcept nogil:
    """One row of an operation; i, j, k, l are the rows read of its arguments."""
    cdef double a = value[args[0]][i]
    cdef double b = value[args[1]][j]  # of one argument: itself, unused
    if op == OP_ADD:
        return a + b
    elif op == OP_SUB:
        return a - b
    elif op == OP_SCALE or op == OP_PRODUCT:
        return a * b
    elif op == OP_NEG:
        return -a
    elif op == OP_ABS:
        return fabs(a)
    elif op == OP_POSITIVE:
        return a if a > 0.0 else 0.0
    elif op == OP_SHORT:
        return -a if a < 0.0 else 0.0
    elif op == OP_MIN:
        return b if b < a else a
    elif op == OP_MAX:
        return b if b > a else a
    elif op == OP_SIDED:
        return a * (b if a < 0.0 else value[args[2]][k])
    else:
        return b if a < 0.0 else (value[args[3]][l] if a > 0.0 else value[args[2]][k])


cdef inline void element(const Element* e, const double** x, const Py_ssize_t* step, double* out) noexcept nogil:
    """Write the rows of one operation; order statistics need 2 rows_in doubles behind ``out``."""
    if e.op == OP_SIDED:
        sided(x[0], step[0], x[1], step[1], x[2], step[2], e.rows, out)
    elif e.op == OP_PICK:
        pick(x[0], step[0], x[1], step[1], x[2], step[2], x[3], step[3], e.rows, out)
    elif e.op == OP_WORST or e.op == OP_BEST:
        out[0] = extreme(e.op, x[0], e.rows_in)
    elif e.op == OP_KTH or e.op == OP_TAIL_MEAN:
        out[0] = order_statistic(e.op, x[0], e.rows_in, x[1][0], out + 1)
    elif e.op == OP_AT_WORST:
        out[0] = at_worst(x[0], x[1], e.rows_in)
    elif e.op == OP_TIERS:
        out[0] = tiers(x[0][0], x[1], x[2], e.tiers)
    elif e.op == OP_MUL_DIV:
        mul_div(e.variant, x[0], step[0], x[1], step[1], x[2], step[2], e.rows, out)
    elif e.op == OP_FOLD:
        fold(e.variant, x[0], x[1], e.rows_in, e.rows, out)
    elif e.n_args == 1:
        unary(e.op, x[0], e.rows, out)
    else:
        binary(e.op, x[0], step[0], x[1], step[1], e.rows, out)


cdef inline bint elementwise_operation(int64_t op) noexcept nogil:
    if OP_ADD <= op <= OP_TAIL_MEAN:
        return True
    return op == OP_MUL_DIV or op == OP_FOLD or op == OP_AT_WORST or op == OP_RESIDUAL


cdef inline bint along_rows(int64_t op) noexcept nogil:
    """Row by row, each row of the result from the same row of every argument."""
    return (OP_ADD <= op <= OP_ROUND and op != OP_TIERS) or op == OP_MUL_DIV or op == OP_RESIDUAL
