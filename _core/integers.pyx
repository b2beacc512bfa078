"""Evaluates a plan in 64-bit integers, as venues on chains do: products over 128 bits, rounded where the plan says.

The twin is the slow evaluator over Python's integers (``Prepared.exact``). What leaves 64 bits is ``RANGE``. Nodes that
a fraction enters (the last step, from atoms to the quote currency) run in float64 on the exact values.
"""

from libc.math cimport sqrt
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t
from libc.string cimport memset
from crossmargin._core.elements cimport (
    OP_ABS, OP_ADD, OP_AT, OP_BEST, OP_EACH, OP_LEAST, OP_MAX, OP_MIN, OP_MOST, OP_MUL_DIV, OP_NEG, OP_PICK,
    OP_POSITIVE, OP_PRODUCT, OP_ROOT, OP_SCALE, OP_SHORT, OP_SIDED, OP_SLOT, OP_SUB, OP_TOTAL, OP_WORST, stride_of,
)
from crossmargin._core.exact cimport EXACT_TRUNC, exact_add, exact_mul_div
from crossmargin._core.operands cimport parents
from crossmargin._core.plan cimport IDENTITY, Batch, Node, run_node
from crossmargin._core.single cimport load_single

cdef struct Rows:             # an argument: computed values by pair, tables by key, or one row for all
    const int64_t* base
    const int64_t* key
    Py_ssize_t stride
    Py_ssize_t step


cdef inline Rows rows_of(const Whole* s, Py_ssize_t number, Py_ssize_t axis) noexcept nogil:
    cdef const Batch* b = &s.run.b
    cdef const Node* node = b.nodes + number
    cdef Rows x
    x.step, x.stride, x.key = 1 if node.rows != 1 else 0, node.rows, NULL
    x.base = (s.value if node.keys == 0 else s.constants) + node.offset
    if node.keys != 0:
        x.key = b.pair_key + axis * b.capacity
        x.stride = 0 if node.keys == 1 else x.stride
    return x


cdef inline const int64_t* row(const Rows* x, Py_ssize_t pair) noexcept nogil:
    return x.base if x.stride == 0 else x.base + (pair if x.key == NULL else x.key[pair]) * x.stride


cdef inline int64_t square_root(int64_t x) noexcept nogil:
    """The largest integer whose square is no more than x."""
    cdef int64_t r = <int64_t>sqrt(<double>x)
    while r > 0 and r > x // r:
        r -= 1
    while (r + 1) <= x // (r + 1):
        r += 1
    return r


cdef inline bint without_end(int64_t x) noexcept nogil:
    """Whether a figure stands for one beyond 64 bits: it may be compared, and nothing else."""
    return x == INT64_MAX or x == -INT64_MAX


cdef inline int ratio(int64_t a, int64_t b, int64_t c, int mode, int64_t* out) noexcept nogil:
    """``a b / c``, 1 where it is not known."""
    if without_end(c) or ((without_end(a) or without_end(b)) and a != 0 and b != 0):
        return 1
    return exact_mul_div(a, b, 1, c, mode, out)


cdef inline int times(int64_t a, int64_t b, int64_t* out) noexcept nogil:
    return ratio(a, b, 1, EXACT_TRUNC, out)


cdef inline int plus(int64_t a, int64_t b, int64_t* out) noexcept nogil:
    return without_end(a) or without_end(b) or exact_add(a, b, out)


cdef int one_row(
    int64_t op, int64_t variant, int64_t a, int64_t b, int64_t c, int64_t d, int64_t* out
) noexcept nogil:
    """One row of an operation; 1 beyond 64 bits. The least integer is never met: its negative has no place."""
    cdef int beyond = 0
    if op == OP_ADD:
        beyond = plus(a, b, out)
    elif op == OP_SUB:
        beyond = plus(a, -b, out)
    elif op == OP_SCALE or op == OP_PRODUCT:
        beyond = times(a, b, out)
    elif op == OP_SIDED:
        beyond = times(a, b if a < 0 else c, out)
    elif op == OP_MUL_DIV:
        beyond = ratio(a, b, c, <int>variant, out)
    elif op == OP_NEG:
        out[0] = -a
    elif op == OP_ABS:
        out[0] = -a if a < 0 else a
    elif op == OP_POSITIVE:
        out[0] = a if a > 0 else 0
    elif op == OP_SHORT:
        out[0] = -a if a < 0 else 0
    elif op == OP_MIN:
        out[0] = b if b < a else a
    elif op == OP_MAX:
        out[0] = b if b > a else a
    elif op == OP_PICK:
        out[0] = b if a < 0 else (d if a > 0 else c)
    elif op == OP_ROOT:
        beyond = without_end(a)
        out[0] = square_root(a) if a > 0 else 0
    else:
        return 1
    return beyond or out[0] == INT64_MIN


cdef int elementwise(Whole* s, const Node* node, int64_t* out) noexcept nogil:
    """Operations within one key; the extremes take their argument's rows together."""
    cdef const Batch* b = &s.run.b
    cdef const int64_t* args = b.args + node.arg
    cdef Rows x[4]
    cdef const int64_t* at[4]
    cdef int64_t v[4]
    cdef Py_ssize_t i, r, a, R = b.nodes[args[0]].rows if is_extreme(node.op) else node.rows
    cdef int beyond = 0
    for a in range(node.n_args):
        x[a] = rows_of(s, args[a], node.axis)
    for i in range(b.count[node.axis]):
        for a in range(4):
            at[a] = row(&x[a if a < node.n_args else 0], i)
        if is_extreme(node.op):
            out[i] = at[0][0] if R else 0
        for r in range(R):
            for a in range(4):
                v[a] = at[a][r * x[a if a < node.n_args else 0].step]
            if is_extreme(node.op):
                out[i] = v[0] if (v[0] < out[i] if node.op == OP_WORST else v[0] > out[i]) else out[i]
            else:
                beyond |= one_row(node.op, node.table, v[0], v[1], v[2], v[3], out + i * R + r)
    return beyond


cdef inline bint is_extreme(int64_t op) noexcept nogil:
    return op == OP_WORST or op == OP_BEST


cdef int slot(Whole* s, const Node* node, int64_t* out) noexcept nogil:
    """Sums of quantity times coefficient, or of quantities."""
    cdef Batch* b = &s.run.b
    cdef Py_ssize_t axis = b.holding[4 * node.holding + 1], i, r, R = node.rows
    cdef const int64_t* up = NULL if node.relation == IDENTITY else parents(b, node.relation, axis)
    cdef const int64_t* key = b.pair_key + axis * b.capacity
    cdef const int64_t* q = s.quantity + node.holding * b.capacity
    cdef int64_t term
    cdef int64_t* to
    cdef int beyond = 0
    memset(out, 0, b.count[node.axis] * R * sizeof(int64_t))
    for i in range(b.count[axis]):
        to = out + (i if up == NULL else up[i]) * R
        for r in range(R):
            term = q[i]
            if node.table >= 0:
                beyond |= times(q[i], s.constants[node.table + key[i] * stride_of(R) + r], &term)
            beyond |= plus(to[r], term, to + r)
    return beyond


cdef int climb(Whole* s, const Node* node, int64_t* out) noexcept nogil:
    """Sum, least or greatest of the held children of each parent."""
    cdef Batch* b = &s.run.b
    cdef Py_ssize_t number = b.args[node.arg], axis = b.nodes[number].axis, i, j, r, R = node.rows
    cdef const int64_t* up = parents(b, node.relation, axis)
    cdef Rows x = rows_of(s, number, axis)
    cdef int64_t v
    cdef bint first
    cdef int beyond = 0
    memset(out, 0, b.count[node.axis] * R * sizeof(int64_t))
    for j in range(b.count[node.axis]):
        first = True
        for i in range(b.count[axis]):
            if up[i] != j:
                continue
            for r in range(R):
                v = row(&x, i)[r * x.step]
                if node.op == OP_TOTAL:
                    beyond |= plus(out[j * R + r], v, out + j * R + r)
                elif first or (v < out[j * R + r] if node.op == OP_LEAST else v > out[j * R + r]):
                    out[j * R + r] = v
            first = False
    return beyond


cdef void read_parent(Whole* s, const Node* node, int64_t* out) noexcept nogil:
    cdef Batch* b = &s.run.b
    cdef const int64_t* x = s.value + b.nodes[b.args[node.arg]].offset
    cdef const int64_t* up = parents(b, node.relation, node.axis)
    cdef Py_ssize_t i, r
    for i in range(b.count[node.axis]):
        for r in range(node.rows):
            out[i * node.rows + r] = x[up[i] * node.rows + r]


cdef int load_quantities(Whole* s, const Source* feeds) noexcept nogil:
    """What is held by pair, in integers: the run's own quantities are doubles."""
    cdef const Batch* b = &s.run.b
    cdef Py_ssize_t h, i, pair, axis
    cdef const Source* f
    cdef int64_t* q
    cdef int64_t key
    cdef int beyond = 0
    memset(s.quantity, 0, b.n_holdings * b.capacity * sizeof(int64_t))
    for h in range(b.n_holdings):
        axis, f, q = b.holding[4 * h + 1], feeds + s.run.feed[h], s.quantity + h * b.capacity
        for i in range(f.start[1] if axis >= 0 else 0):
            key = b.items[b.holding[4 * h + 2] + f.item[i]]
            for pair in range(b.count[axis] if key >= 0 else 0):
                if b.pair_key[axis * b.capacity + pair] == key:
                    beyond |= exact_add(q[pair], f.amount[i], q + pair)
    return beyond


cdef int integer_node(Whole* s, const Node* node, int64_t* out) noexcept nogil:
    cdef Py_ssize_t i
    if node.op == OP_SLOT:
        return slot(s, node, out)
    if node.op == OP_EACH:
        for i in range(s.run.b.count[node.axis]):
            out[i] = s.quantity[node.holding * s.run.b.capacity + i]
        return 0
    if node.op == OP_TOTAL or node.op == OP_LEAST or node.op == OP_MOST:
        return climb(s, node, out)
    if node.op == OP_AT:
        read_parent(s, node, out)
        return 0
    return elementwise(s, node, out)


cdef Status run_integers(Whole* s, const Source* feeds) noexcept nogil:
    """Evaluate the wanted nodes over these rows; the run's scratch holds every value, exact ones as nearest doubles."""
    cdef Batch* b = &s.run.b
    cdef const Node* node
    cdef Py_ssize_t number, i
    cdef Status status = load_single(s.run, feeds)
    if status != Status.OK:
        return status
    if load_quantities(s, feeds):
        return Status.RANGE
    for number in range(b.n_nodes):
        node = b.nodes + number
        if node.keys != 0:
            continue
        if s.real[number]:
            status = run_node(b, number)
            if status != Status.OK:
                return status
            continue
        if integer_node(s, node, s.value + node.offset):
            return Status.RANGE
        for i in range(b.count[node.axis] * node.rows):
            b.scratch[node.offset + i] = <double>s.value[node.offset + i]
    return Status.OK


cdef class Integral:
    """Memory for a program in integers; see ``integers.pyi``."""

    def __init__(
        self, Single single not None, const int64_t[::1] constants not None, const int64_t[::1] real not None,
        int64_t[::1] value not None, int64_t[::1] quantity not None,
    ):
        self.arrays = (single, constants, real, value, quantity)
        if value.shape[0] < single.scratch or real.shape[0] != single.program.b.n_nodes:
            raise ValueError("values must have room for the scratch, and each node be an integer or not")
        if quantity.shape[0] < single.program.b.n_holdings * single.program.b.capacity:
            raise ValueError("quantities must have room for every holding")
        self.whole.run, self.whole.constants = &single.program, &constants[0]
        self.whole.real, self.whole.value, self.whole.quantity = &real[0], &value[0], &quantity[0]
