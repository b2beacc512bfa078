"""Least and greatest value of every node of one account over all fills, partial ones too: sound, and loose.

The twin is ``margin.plan.intervals``, which gives the reasons. A node that rises with its arguments is run over
their lower ends and over their upper ones; one that is monotone or bilinear in each argument over all corners; what
is bent at 0 also at 0; a divisor that may be 0 makes it unbounded.
"""

from libc.math cimport INFINITY, fabs, sqrt
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset
from crossmargin._core.elements cimport (
    Element, OP_ABS, OP_ADD, OP_AT, OP_AT_WORST, OP_BEST, OP_CONCAT, OP_EACH, OP_GROUP, OP_KTH, OP_LEAST, OP_MATCH,
    OP_MAX,
    OP_MIN, OP_MOST, OP_MUL_DIV, OP_NORM, OP_PICK, OP_POSITIVE, OP_QUOTIENT, OP_RESIDUAL, OP_ROOT, OP_ROUND, OP_SIDED,
    OP_SLOT, OP_TAIL_MEAN, OP_TIERS, OP_TOTAL, OP_WORST, element, stride_of, tiers,
)
from crossmargin._core.operands cimport Operand, operand, parents, row_of
from crossmargin._core.plan cimport IDENTITY, Batch, Node, run_node
from crossmargin._core.single cimport N_FEEDS, load_single
from crossmargin._core.status cimport Status

cdef enum:
    POSITION = 0  # the feeds that a fill changes
    COST = 1


cdef inline void take(double x, double* low, double* high) noexcept nogil:
    """Widen an interval by a value; what is no number is unbounded."""
    if x != x:
        low[0], high[0] = -INFINITY, INFINITY
    low[0] = x if x < low[0] else low[0]
    high[0] = x if x > high[0] else high[0]


cdef inline int64_t pair_at(const Batch* b, Py_ssize_t axis, int64_t key) noexcept nogil:
    """The pair of a key, -1 if it is not held; pairs that were loaded as they stood have no place to be looked up by.
    """
    cdef int64_t pair
    for pair in range(b.count[axis]):
        if b.pair_key[axis * b.capacity + pair] == key:
            return pair
    return -1


cdef void filled(
    Bounds* s, const Node* node, const Fill* fills, Py_ssize_t n, double* low, double* high
) noexcept nogil:
    """Every fill that lowers, every fill that raises."""
    cdef Batch* b = &s.run.b
    cdef const int64_t* holding = b.holding + 4 * node.holding
    cdef int64_t feed = s.run.feed[node.holding], key, pair
    cdef const int64_t* up = NULL
    cdef const double* row
    cdef Py_ssize_t i, r
    cdef double x, y
    if feed != POSITION and feed != COST:
        return
    if node.op == OP_SLOT and node.relation != IDENTITY:
        up = parents(b, node.relation, holding[1])
    for i in range(n):
        key = b.items[holding[2] + fills[i].instrument] if 0 <= fills[i].instrument < holding[3] else -1
        pair = pair_at(b, holding[1], key) if key >= 0 else -1
        if pair < 0:
            continue
        pair = pair if up == NULL else up[pair]
        row = NULL if node.table < 0 or node.op == OP_EACH else b.constants + node.table + key * stride_of(node.rows)
        for r in range(node.rows):
            x = (fills[i].lots if feed == POSITION else fills[i].cost) * (1.0 if row == NULL else row[r])
            y = (fills[i].other_lots if feed == POSITION else fills[i].other_cost) * (1.0 if row == NULL else row[r])
            low[pair * node.rows + r] += min(min(x, y), 0.0)
            high[pair * node.rows + r] += max(max(x, y), 0.0)


cdef void both_ends(Bounds* s, Py_ssize_t number) noexcept nogil:
    """A node that rises with every argument: over the lower ends, and over the upper ones."""
    cdef double* scratch = s.run.b.scratch
    s.run.b.scratch = s.low
    run_node(&s.run.b, number)
    s.run.b.scratch = s.high
    run_node(&s.run.b, number)
    s.run.b.scratch = scratch


cdef inline Operand end_of(Bounds* s, Py_ssize_t number, Py_ssize_t axis, bint upper) noexcept nogil:
    """An argument's lower or upper ends; a table is both."""
    cdef double* scratch = s.run.b.scratch
    cdef Operand x
    s.run.b.scratch = s.high if upper else s.low
    x = operand(&s.run.b, number, axis)
    s.run.b.scratch = scratch
    return x


cdef inline bint computed(const Batch* b, int64_t number) noexcept nogil:
    return b.nodes[number].keys == 0


cdef inline bint rises(int64_t op) noexcept nogil:
    """Whether a node rises with every argument: its lower end is that of theirs."""
    return (op == OP_ADD or op == OP_MIN or op == OP_MAX or op == OP_POSITIVE or op == OP_ROOT or op == OP_WORST
            or op == OP_BEST or op == OP_KTH or op == OP_TAIL_MEAN or op == OP_ROUND or op == OP_TOTAL or op == OP_LEAST
            or op == OP_MOST or op == OP_AT or op == OP_CONCAT)


cdef inline Py_ssize_t moving_arguments(const Bounds* s, const Node* node) noexcept nogil:
    """A bit for each argument whose ends differ."""
    cdef const int64_t* args = s.run.b.args + node.arg
    cdef Py_ssize_t a, found = 0
    for a in range(node.n_args):
        found |= <Py_ssize_t>(computed(&s.run.b, args[a]) and s.moved[args[a]]) << a
    return found


cdef inline bint follows_one(int64_t op, Py_ssize_t moving, Py_ssize_t n_args) noexcept nogil:
    """Whether a node goes one way with the only argument that moves, but for a bend at 0; no divisor moves."""
    if op == OP_PICK or op == OP_TIERS or op == OP_AT_WORST or op == OP_RESIDUAL or moving & (moving - 1):
        return False
    return not (op == OP_QUOTIENT or op == OP_MUL_DIV) or moving != 1 << (n_args - 1)


cdef void follow(
    Bounds* s, const Node* node, Py_ssize_t number, Py_ssize_t moving, double* low, double* high
) noexcept nogil:
    """Both ends of the argument, whichever is lower, and 0 where a bend lies between them."""
    cdef Batch* b = &s.run.b
    cdef Operand x, y
    cdef Py_ssize_t i, r, R = node.rows
    cdef double least, most
    cdef bint bent = (node.op == OP_ABS or node.op == OP_SIDED) and moving == 1
    both_ends(s, number)
    if bent:
        x, y = end_of(s, b.args[node.arg], node.axis, False), end_of(s, b.args[node.arg], node.axis, True)
    for i in range(b.count[node.axis]):
        for r in range(R):
            least, most = low[i * R + r], high[i * R + r]
            low[i * R + r], high[i * R + r] = (most, least) if most < least else (least, most)
            if bent and row_of(&x, i)[r * x.step] < 0.0 < row_of(&y, i)[r * y.step]:
                low[i * R + r] = 0.0 if low[i * R + r] > 0.0 else low[i * R + r]
                high[i * R + r] = 0.0 if high[i * R + r] < 0.0 else high[i * R + r]


cdef void corners(
    Bounds* s, const Node* node, Py_ssize_t i, const Operand (*x)[2], double* low, double* high
) noexcept nogil:
    """The ends over every corner of the arguments at one pair, at 0 too where the first is bent there."""
    cdef const int64_t* args = s.run.b.args + node.arg
    cdef const double* row[4]
    cdef Py_ssize_t step[4]
    cdef Py_ssize_t a, r, mask, zero, rows_in = s.run.b.nodes[args[0]].rows
    cdef Element e
    cdef bint bent = node.op == OP_ABS or node.op == OP_SIDED
    cdef Py_ssize_t moving = moving_arguments(s, node)
    e.op, e.n_args, e.rows, e.rows_in, e.variant = node.op, node.n_args, node.rows, rows_in, node.table
    e.tiers = s.run.b.nodes[args[1]].rows if node.n_args > 1 else 0
    for mask in range(1 << node.n_args):
        if mask & ~moving:
            continue
        for zero in range(2 if bent else 1):
            for a in range(node.n_args):
                row[a], step[a] = row_of(&x[a][mask >> a & 1], i), x[a][0].step
            if zero:
                for r in range(rows_in):
                    s.room[r] = 0.0 if row_of(&x[0][0], i)[r] < 0.0 < row_of(&x[0][1], i)[r] else row[0][r]
                row[0] = s.room
            element(&e, row, step, s.room + s.width)
            for r in range(node.rows):
                take(s.room[s.width + r], low + r, high + r)


cdef void picked(const Node* node, Py_ssize_t i, const Operand (*x)[2], double* low, double* high) noexcept nogil:
    """Every branch that can be reached."""
    cdef Py_ssize_t r, a
    cdef double least, most
    for r in range(node.rows):
        least, most = row_of(&x[0][0], i)[r * x[0][0].step], row_of(&x[0][1], i)[r * x[0][0].step]
        for a in range(1, 4):
            if least < 0.0 if a == 1 else (least <= 0.0 <= most if a == 2 else most > 0.0):
                take(row_of(&x[a][0], i)[r * x[a][0].step], low + r, high + r)
                take(row_of(&x[a][1], i)[r * x[a][0].step], low + r, high + r)


cdef void tiered(
    const Node* node, Py_ssize_t i, Py_ssize_t n, const Operand (*x)[2], double* low, double* high
) noexcept nogil:
    """Also every edge inside the range of sizes."""
    cdef double a = row_of(&x[0][0], i)[0], b = row_of(&x[0][1], i)[0], edge
    cdef double most = max(fabs(a), fabs(b)), least = 0.0 if a <= 0.0 <= b else min(fabs(a), fabs(b))
    cdef const double* edges = row_of(&x[1][0], i)
    cdef const double* rates = row_of(&x[2][0], i)
    cdef Py_ssize_t j
    take(tiers(least, edges, rates, n), low, high)
    take(tiers(most, edges, rates, n), low, high)
    for j in range(n):
        edge = min(max(edges[j], least), most)
        take(tiers(edge, edges, rates, n), low, high)


cdef void at_some_row(
    const Node* node, Py_ssize_t i, Py_ssize_t n, const Operand (*x)[2], double* low, double* high
) noexcept nogil:
    """Whichever row is the worst."""
    cdef Py_ssize_t r
    if n == 0:
        take(0.0, low, high)
    for r in range(n):
        take(row_of(&x[0][0], i)[r], low, high)
        take(row_of(&x[0][1], i)[r], low, high)
    low[0] = min(low[0], 0.0)
    high[0] = max(high[0], 0.0)


cdef void residual(const Node* node, Py_ssize_t i, const Operand (*x)[2], double* low, double* high) noexcept nogil:
    """Rounding adds at most half a unit either way; nothing new where nothing moves."""
    cdef Py_ssize_t r
    cdef double a, b, half
    for r in range(node.rows):
        a, b = row_of(&x[0][0], i)[r * x[0][0].step], row_of(&x[0][1], i)[r * x[0][0].step]
        if a != b:
            half = fabs(row_of(&x[1][0], i)[r * x[1][0].step]) / 2.0 * (1.0 + 1e-9)
            low[r], high[r] = -half, half


cdef void divided(
    const Node* node, Py_ssize_t i, const Operand* low_end, const Operand* high_end, double* low, double* high
) noexcept nogil:
    """A quotient is unbounded where its divisor can be 0 but is not fixed there."""
    cdef Py_ssize_t r
    cdef double a, b
    for r in range(node.rows):
        a, b = row_of(low_end, i)[r * low_end.step], row_of(high_end, i)[r * high_end.step]
        if a <= 0.0 <= b and a != b:
            low[r], high[r] = -INFINITY, INFINITY


cdef void elementwise(Bounds* s, const Node* node, double* low, double* high) noexcept nogil:
    """Operations within one key, pair by pair."""
    cdef Batch* b = &s.run.b
    cdef const int64_t* args = b.args + node.arg
    cdef Operand x[4][2]
    cdef Py_ssize_t i, r, a, R = node.rows
    for a in range(node.n_args):
        x[a][0], x[a][1] = end_of(s, args[a], node.axis, False), end_of(s, args[a], node.axis, True)
    for i in range(b.count[node.axis]):
        for r in range(R):
            low[i * R + r], high[i * R + r] = INFINITY, -INFINITY
        if node.op == OP_PICK:
            picked(node, i, x, low + i * R, high + i * R)
        elif node.op == OP_TIERS:
            tiered(node, i, b.nodes[args[1]].rows, x, low + i, high + i)
        elif node.op == OP_AT_WORST:
            at_some_row(node, i, b.nodes[args[0]].rows, x, low + i, high + i)
        else:
            corners(s, node, i, x, low + i * R, high + i * R)
        if node.op == OP_RESIDUAL:
            residual(node, i, x, low + i * R, high + i * R)
        elif node.op == OP_QUOTIENT or node.op == OP_MUL_DIV:
            divided(node, i, &x[node.n_args - 1][0], &x[node.n_args - 1][1], low + i * R, high + i * R)


cdef void norm(Bounds* s, const Node* node, Py_ssize_t number, double* low, double* high) noexcept nogil:
    """Between 0 and the root of the squared sum of sizes (correlations are at most 1) and the diagonal."""
    cdef Batch* b = &s.run.b
    cdef const int64_t* args = b.args + node.arg
    cdef Py_ssize_t axis = b.nodes[args[0]].axis, i, a, n = b.count[node.axis]
    cdef const int64_t* up = parents(b, node.relation, axis)
    cdef Operand x[4][2]
    cdef bint fixed = True
    for a in range(4):
        x[a][0], x[a][1] = end_of(s, args[a], axis, False), end_of(s, args[a], axis, True)
    for i in range(b.count[axis]):
        for a in range(4):
            fixed &= row_of(&x[a][0], i)[0] == row_of(&x[a][1], i)[0]
    if fixed:
        both_ends(s, number)
        return
    memset(low, 0, n * sizeof(double))
    memset(high, 0, n * sizeof(double))
    for i in range(b.count[axis]):
        low[up[i]] += max(fabs(row_of(&x[0][0], i)[0]), fabs(row_of(&x[0][1], i)[0]))
        high[up[i]] += max(row_of(&x[3][1], i)[0], 0.0)
    for i in range(n):
        high[i] = sqrt(low[i] * low[i] + high[i])
        low[i] = 0.0


cdef void matcher(Bounds* s, const Node* node, Py_ssize_t number, double* low, double* high) noexcept nogil:
    """No more than the weighted sizes of all children, either way."""
    cdef Batch* b = &s.run.b
    cdef const int64_t* args = b.args + node.arg
    cdef Py_ssize_t axis = b.nodes[args[0]].axis, i, r, R = node.rows
    cdef const int64_t* up = parents(b, node.relation, axis)
    cdef const int64_t* key = b.pair_key + axis * b.capacity
    cdef Operand x = end_of(s, args[0], axis, False), y = end_of(s, args[0], axis, True)
    cdef double size
    memset(high, 0, b.count[node.axis] * R * sizeof(double))
    for i in range(b.count[axis]):
        size = max(fabs(row_of(&x, i)[0]), fabs(row_of(&y, i)[0])) * s.weights[s.weight[number] + key[i]]
        for r in range(R):
            high[up[i] * R + r] += size
    for i in range(b.count[node.axis] * R):
        low[i] = -high[i]


cdef void clean(double* low, double* high, Py_ssize_t n) noexcept nogil:
    """Infinity less infinity is unbounded."""
    cdef Py_ssize_t i
    for i in range(n):
        if low[i] != low[i] or high[i] != high[i]:
            low[i], high[i] = -INFINITY, INFINITY


cdef void bound_node(Bounds* s, Py_ssize_t number, const Fill* fills, Py_ssize_t n) noexcept nogil:
    cdef Batch* b = &s.run.b
    cdef const Node* node = b.nodes + number
    cdef double* low = s.low + node.offset
    cdef double* high = s.high + node.offset
    cdef double* scratch = b.scratch
    cdef int64_t op = node.op
    if not s.moved[number]:
        s.run.b.scratch = s.low
        run_node(&s.run.b, number)
        s.run.b.scratch = scratch
        memcpy(high, low, b.count[node.axis] * node.rows * sizeof(double))
        return
    if op == OP_SLOT or op == OP_EACH:
        both_ends(s, number)
        filled(s, node, fills, n, low, high)
    elif rises(op):
        both_ends(s, number)
    elif op == OP_NORM:
        norm(s, node, number, low, high)
    elif op == OP_MATCH or op == OP_GROUP:
        matcher(s, node, number, low, high)
    elif follows_one(op, moving_arguments(s, node), node.n_args):
        follow(s, node, number, moving_arguments(s, node), low, high)
    else:
        elementwise(s, node, low, high)
    clean(low, high, b.count[node.axis] * node.rows)


cdef Status run_bounds(Bounds* s, const Source* feeds, const Fill* fills, Py_ssize_t n, double* share) noexcept nogil:
    """Lower end of each wanted node's share of the surplus, over these fills; ordered instruments are among the rows.
    """
    cdef Batch* b = &s.run.b
    cdef const double* magic = b.magic
    cdef Operand x
    cdef Py_ssize_t number, i
    cdef Status status = load_single(s.run, feeds)
    if status != Status.OK:
        return status
    b.magic = s.plain
    for number in range(b.n_nodes):
        if computed(b, number):
            bound_node(s, number, fills, n)
    b.magic = magic
    for i in range(s.n_wanted):
        x = end_of(s, s.run.wanted[i], 0, s.factor[i] < 0.0)
        share[i] = s.factor[i] * x.base[0]
    return Status.OK


cdef class Interval:
    """Memory for the intervals of a program; ``size``: doubles of its scratch, ``width``: of its widest node."""

    def __init__(
        self, Single single not None, double[::1] low not None, double[::1] high not None, double[::1] room not None,
        Py_ssize_t width, const double[::1] plain not None, const int64_t[::1] moved not None,
        const int64_t[::1] weight not None, const double[::1] weights not None, const double[::1] factor not None,
    ):
        self.arrays = (single, low, high, room, plain, moved, weight, weights, factor)
        if room.shape[0] < 6 * width or factor.shape[0] != single.program.n_wanted:
            raise ValueError("room must hold six rows, and each wanted node have a factor")
        self.bounds.run = &single.program
        self.bounds.low, self.bounds.high, self.bounds.room = &low[0], &high[0], &room[0]
        self.bounds.width, self.bounds.plain, self.bounds.weight = width, &plain[0], &weight[0]
        self.bounds.moved = &moved[0]
        self.bounds.weights, self.bounds.factor, self.bounds.n_wanted = &weights[0], &factor[0], factor.shape[0]

    def shares(
        self, tuple feeds not None, const int64_t[::1] instrument not None, const double[::1] lots not None,
        const double[::1] cost not None, double[::1] out not None,
    ):
        """Write the lower end of each wanted node's share over all fills; ``feeds``: (start, item, amount) of each
        feed.
        """
        cdef Source source[N_FEEDS]
        cdef Fill fills[64]
        cdef const int64_t[::1] column
        cdef Py_ssize_t i, n = instrument.shape[0]
        if len(feeds) != N_FEEDS or n > 64 or not n == lots.shape[0] == cost.shape[0]:
            return Status.SHAPE
        if out.shape[0] != self.bounds.n_wanted:
            return Status.SHAPE
        for i in range(N_FEEDS):
            column = feeds[i][0]
            source[i].start = &column[0]
            column = feeds[i][1]
            source[i].item, source[i].n_rows = &column[0] if column.shape[0] else NULL, column.shape[0]
            column = feeds[i][2]
            source[i].amount = &column[0] if column.shape[0] else NULL
        for i in range(n):
            fills[i].instrument, fills[i].lots, fills[i].cost = instrument[i], lots[i], cost[i]
            fills[i].other_lots = fills[i].other_cost = 0.0
        return run_bounds(&self.bounds, source, fills, n, &out[0])
