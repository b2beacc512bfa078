"""Evaluates a plan over the units of a book, a block of units at a time.

Within a block every key axis is a list of *pairs* (unit, held key), and each node is an array
(pairs, rows). An operation is dispatched once a block, so its cost vanishes against the pairs.
Sums run in the order of the book's rows: the result of a unit depends on nothing but the unit.
Complexity: rows of the book x rows of their tables, plus held keys x rows a node.
"""

from libc.math cimport fabs, sqrt
from libc.stdint cimport int64_t
from libc.string cimport memset
from crossmargin._core.scenario cimport accumulate, accumulate_rounded, least_row
from crossmargin._core.status cimport Status
from crossmargin._core.elements cimport (
    Element, OP_AT, OP_CONCAT, OP_EACH, OP_GROUP, OP_LEAST, OP_MATCH, OP_MOST, OP_NORM, OP_SLOT, OP_TOTAL, OP_WORST,
    along_rows, element, elementwise_operation, rounded, stride_of,
)
from crossmargin._core.matched cimport matched
from crossmargin._core.pairs cimport find_leaders, find_links, load_rows
from crossmargin._core.operands cimport Operand, operand, parents, row_of

cdef enum:
    FEW_ROWS = 4  # of a value: above, a loop over its rows pays

# ---- a unit --------------------------------------------------------------------------------

cdef Status load_unit(Batch* b, const Source* sources, Py_ssize_t unit, Py_ssize_t local) noexcept nogil:
    """Add a unit's rows to the block: pairs, and the quantity of each holding.

    Holdings that read the same items (positions and their costs) find their pairs together.
    """
    cdef Py_ssize_t h
    b.pair_key[local] = 0
    b.pair_unit[local] = local
    b.count[0] = local + 1
    for h in range(b.n_holdings):
        if b.leader[h] == h:
            load_rows(b, sources, h, unit, local)
    return Status.OK


# ---- operations ----------------------------------------------------------------------------

cdef void counted(const double* q, const int64_t* up, Py_ssize_t n, double* out) noexcept nogil:
    """Sums of the quantities themselves."""
    cdef Py_ssize_t i
    for i in range(n):
        out[i if up == NULL else up[i]] += q[i]


cdef void plain_slot(
    const double* table, const int64_t* key, const int64_t* up, const double* q, Py_ssize_t n, double* out
) noexcept nogil:
    """One row without rounding: runs of pairs of one parent add up in a register, in the same order."""
    cdef Py_ssize_t i = 0, j
    cdef double sum
    if up == NULL:
        for i in range(n):
            out[i] = q[i] * table[key[i]]
        return
    while i < n:
        j = up[i]
        sum = out[j]
        while i < n and up[i] == j:
            sum += q[i] * table[key[i]]
            i += 1
        out[j] = sum


cdef inline Py_ssize_t run_end(const int64_t* up, Py_ssize_t first, Py_ssize_t n) noexcept nogil:
    """End of the pairs from ``first`` on that have one parent; each pair is its own without parents."""
    cdef Py_ssize_t i = first + 1
    while up != NULL and i < n and up[i] == up[first]:
        i += 1
    return i


cdef Status slot(Batch* b, const Node* node, double magic, double* out) noexcept nogil:
    """Sums of quantity times row; ``RANGE`` where a term or a sum is too large for its quantum.

    Runs of pairs of one parent add up in registers, in the order of the pairs.
    """
    cdef Py_ssize_t axis = b.holding[4 * node.holding + 1], R = node.rows, n = b.count[axis], i = 0, end
    cdef const double* q = b.quantity + node.holding * b.capacity
    cdef const int64_t* key = b.pair_key + axis * b.capacity
    cdef const int64_t* up = NULL
    cdef const double* table = b.constants + node.table
    cdef double* to
    cdef bint beyond = False
    if node.relation != IDENTITY:
        up = parents(b, node.relation, axis)
    memset(out, 0, b.count[node.axis] * R * sizeof(double))
    if node.table < 0:
        counted(q, up, n, out)
    elif magic == 0.0 and R == 1:
        plain_slot(table, key, up, q, n, out)
    else:
        while i < n:
            end = run_end(up, i, n)
            to = out + (i if up == NULL else up[i]) * R
            if magic == 0.0:
                accumulate(table, stride_of(R), R, key + i, q + i, end - i, True, to)
            else:
                beyond |= accumulate_rounded(table, stride_of(R), R, key + i, q + i, end - i, magic, to)
            i = end
    return Status.RANGE if beyond else Status.OK


cdef Status climb(Batch* b, const Node* node, double magic, double* out) noexcept nogil:
    """Sum, least or greatest of the held children of each parent; ``RANGE`` as in ``slot``."""
    cdef const Node* child = &b.nodes[b.args[node.arg]]
    cdef Py_ssize_t R = node.rows, n = b.count[node.axis] * R, i, r
    cdef const int64_t* up = parents(b, node.relation, child.axis)
    cdef const double* x = b.scratch + child.offset
    cdef double* to
    cdef double most = magic / 3.0
    cdef int64_t beyond = 0
    cdef int64_t op = node.op
    if op == OP_TOTAL:
        memset(out, 0, n * sizeof(double))
        for i in range(b.count[child.axis]):
            to = out + up[i] * R
            for r in range(R):
                to[r] += rounded(x[i * R + r], magic)
                if magic != 0.0:
                    beyond += fabs(x[i * R + r]) > most or fabs(to[r]) > most
        return Status.RANGE if beyond else Status.OK
    for i in range(n):
        out[i] = EMPTY
    for i in range(b.count[child.axis]):
        to = out + up[i] * R
        for r in range(R):
            if to[r] != to[r] or (x[i * R + r] < to[r] if op == OP_LEAST else x[i * R + r] > to[r]):
                to[r] = x[i * R + r]
    for i in range(n):
        if out[i] != out[i]:
            out[i] = 0.0
    return Status.OK


cdef double EMPTY = float("nan")  # marks a parent whose children were not seen yet


cdef inline double concordance(double c, double d) noexcept nogil:
    cdef double most = c if c > d else d
    return 1.0 if most == 0.0 else (d if c > d else c) / most


cdef void norm(Batch* b, const Node* node, double* out) noexcept nogil:
    """``sqrt(max(0, sum_ij rho_ij c_ij x_i x_j))`` of the held children of each parent."""
    cdef const int64_t* args = &b.args[node.arg]
    cdef Py_ssize_t axis = b.nodes[args[0]].axis, i, j, first = 0
    cdef const int64_t* up = parents(b, node.relation, axis)
    cdef const int64_t* unit = b.pair_unit + axis * b.capacity
    cdef const int64_t* key = b.pair_key + axis * b.capacity
    cdef Operand x = operand(b, args[0], axis), rho = operand(b, args[1], axis)
    cdef Operand c = operand(b, args[2], axis), square = operand(b, args[3], axis)
    cdef double row
    memset(out, 0, b.count[node.axis] * sizeof(double))
    for i in range(b.count[axis]):
        if unit[i] != unit[first]:
            first = i
        row = 0.0
        j = first
        while j < b.count[axis] and unit[j] == unit[i]:
            if j != i and up[j] == up[i]:
                row += row_of(&rho, i)[key[j]] * concordance(row_of(&c, i)[0], row_of(&c, j)[0]) * row_of(&x, j)[0]
            j += 1
        out[up[i]] += row * row_of(&x, i)[0] + row_of(&square, i)[0]
    for i in range(b.count[node.axis]):
        out[i] = sqrt(out[i]) if out[i] > 0.0 else 0.0


cdef void read_parent(Batch* b, const Node* node, double* out) noexcept nogil:
    cdef const double* x = b.scratch + b.nodes[b.args[node.arg]].offset
    cdef const int64_t* up = parents(b, node.relation, node.axis)
    cdef Py_ssize_t R = node.rows, i, r
    for i in range(b.count[node.axis]):
        for r in range(R):
            out[i * R + r] = x[up[i] * R + r]


cdef const double* as_column(Batch* b, const Operand* x, Py_ssize_t n, double* room) noexcept nogil:
    """An argument of one row as an array along the pairs; a table by key is gathered."""
    cdef Py_ssize_t i
    if x.stride == 0 or x.key == NULL:
        return x.base
    for i in range(n):
        room[i] = x.base[x.key[i]]
    return room


cdef inline bint in_one_piece(const Node* node, const Operand* x) noexcept nogil:
    """Whether arguments are arrays of all pairs and rows (one at least), or one figure for all.

    One row a pair is such an array where that is all.
    """
    cdef Py_ssize_t a
    cdef bint some = False
    for a in range(node.n_args):
        if x[a].stride == 0 and x[a].step == 0:
            continue
        if x[a].stride != node.rows or (x[a].key != NULL and node.rows != 1):
            return False
        some = True
    return some


cdef inline bint in_columns(const Node* node, const Operand* x) noexcept nogil:
    """Whether a few rows are better worked row by row over all pairs: one argument at least goes by pair or key."""
    cdef Py_ssize_t a
    for a in range(node.n_args):
        if x[a].stride != 0:
            return node.rows <= FEW_ROWS
    return False


cdef void by_columns(Batch* b, const Node* node, const Operand* x, Element* e, double* out) noexcept nogil:
    """One row of all pairs at a time: gathered, computed in one call, put back."""
    cdef const double* row[MAX_ARGUMENTS]
    cdef Py_ssize_t step[MAX_ARGUMENTS]
    cdef Py_ssize_t n = b.count[node.axis], R = node.rows, r, a, i, at
    cdef double* room
    cdef double* found = b.gathered + MAX_ARGUMENTS * b.capacity
    e.rows = n
    for r in range(R):
        for a in range(node.n_args):
            at = r if x[a].step else 0
            step[a] = 0 if x[a].stride == 0 else 1
            row[a] = x[a].base + at
            if step[a]:
                room = b.gathered + a * b.capacity
                for i in range(n):
                    room[i] = row_of(&x[a], i)[at]
                row[a] = room
        element(e, row, step, found)
        for i in range(n):
            out[i * R + r] = found[i]


cdef Status elementwise(Batch* b, const Node* node, double* out) noexcept nogil:
    """Operations within one key: read the arguments of each pair, write its rows."""
    cdef Operand x[MAX_ARGUMENTS]
    cdef const double* row[4]
    cdef Py_ssize_t step[4]
    cdef Py_ssize_t i, a
    cdef const int64_t* args = &b.args[node.arg]
    cdef Element e
    if node.n_args > MAX_ARGUMENTS:
        return Status.PROGRAM
    e.op, e.n_args, e.rows, e.variant = node.op, node.n_args, node.rows, node.table
    e.rows_in = b.nodes[args[0]].rows
    e.tiers = b.nodes[args[1]].rows if node.n_args > 1 else 0
    for a in range(node.n_args):
        x[a] = operand(b, args[a], node.axis)
        step[a] = x[a].step
    if along_rows(node.op) and in_one_piece(node, x):  # the pairs are as good as rows: one call for all
        e.rows = b.count[node.axis] * node.rows
        for a in range(node.n_args):
            step[a] = 0 if x[a].stride == 0 else 1
            row[a] = as_column(b, &x[a], b.count[node.axis], b.gathered + a * b.capacity)
        element(&e, row, step, out)
        return Status.OK
    if along_rows(node.op) and in_columns(node, x):
        by_columns(b, node, x, &e, out)
        return Status.OK
    if node.op == OP_WORST and e.rows_in > FEW_ROWS:
        for i in range(b.count[node.axis]):
            out[i] = least_row(row_of(&x[0], i), e.rows_in)
        return Status.OK
    for i in range(b.count[node.axis]):
        for a in range(node.n_args):
            row[a] = row_of(&x[a], i)
        element(&e, row, step, out + i * node.rows)
    return Status.OK


cdef void concat(Batch* b, const Node* node, double* out) noexcept nogil:
    cdef Py_ssize_t axis = node.axis, R = node.rows, i, a, r, at = 0, n
    cdef Operand x
    cdef const double* row
    for a in range(node.n_args):
        x = operand(b, b.args[node.arg + a], axis)
        n = b.nodes[b.args[node.arg + a]].rows
        for i in range(b.count[axis]):
            row = row_of(&x, i)
            for r in range(n):
                out[i * R + at + r] = row[r]
        at += n


cdef Status run_node(Batch* b, Py_ssize_t number) noexcept nogil:
    cdef const Node* node = &b.nodes[number]
    cdef double* out = b.scratch + node.offset
    cdef int64_t op = node.op
    cdef Py_ssize_t i
    if op == OP_SLOT:
        return slot(b, node, b.magic[number], out)
    elif op == OP_EACH:
        for i in range(b.count[node.axis]):
            out[i] = b.quantity[node.holding * b.capacity + i]
    elif op == OP_TOTAL or op == OP_LEAST or op == OP_MOST:
        return climb(b, node, b.magic[number], out)
    elif op == OP_AT:
        read_parent(b, node, out)
    elif op == OP_NORM:
        norm(b, node, out)
    elif op == OP_CONCAT:
        concat(b, node, out)
    elif op == OP_MATCH or op == OP_GROUP:
        return matched(b, node, out)
    elif elementwise_operation(op):
        return elementwise(b, node, out)
    else:
        return Status.PROGRAM
    return Status.OK


cdef Status run_block(Batch* b) noexcept nogil:
    """Run every computed node over the pairs of the block."""
    cdef Py_ssize_t number
    cdef Status status
    for number in range(b.n_nodes):
        if b.nodes[number].keys == 0:
            status = run_node(b, number)
            if status != Status.OK:
                return status
    return Status.OK


cdef void carve_batch(Batch* b, Py_ssize_t keys, int64_t* integers, double* doubles) noexcept nogil:
    """Lay what an evaluation writes into its memory; sizes and capacity are known."""
    b.stamp = integers
    b.place = b.stamp + keys
    b.count = b.place + keys
    b.link_start = b.count + b.n_axes
    b.link = b.link_start + b.n_axes + 1
    b.sole = b.link + b.n_relations
    b.pair_key = b.sole + b.n_axes
    b.pair_unit = b.pair_key + b.n_axes * b.capacity
    b.parent = b.pair_unit + b.n_axes * b.capacity
    b.quantity = doubles
    b.gathered = b.quantity + b.n_holdings * b.capacity
    b.scratch = b.gathered + (MAX_ARGUMENTS + 1) * b.capacity


# ---- face ----------------------------------------------------------------------------------

cdef Py_ssize_t block_end(
    const Source* sources, Py_ssize_t n_sources, Py_ssize_t first, Py_ssize_t last, Py_ssize_t n_units,
    Py_ssize_t n_rows
) noexcept nogil:
    """End of a block of at most n_units units and n_rows source rows, but at least one unit."""
    cdef Py_ssize_t unit = first, s, rows = 0
    while unit < last and unit - first < n_units:
        for s in range(n_sources):
            rows += sources[s].start[unit + 1] - sources[s].start[unit]
        if rows > n_rows and unit > first:
            break
        unit += 1
    return unit


cdef void copy_out(
    Batch* b, const int64_t[::1] wanted, double* out, Py_ssize_t width, Py_ssize_t first, Py_ssize_t n
) noexcept nogil:
    """Write the wanted nodes' rows of each unit side by side."""
    cdef Py_ssize_t w, i, r, R, at = 0
    cdef Operand x
    for w in range(wanted.shape[0]):
        R = b.nodes[wanted[w]].rows
        x = operand(b, wanted[w], 0)
        for i in range(n):
            for r in range(R):
                out[(first + i) * width + at + r] = row_of(&x, i)[r] + 0.0  # no negative zero
        at += R


cdef void clear(Batch* b) noexcept nogil:
    """Forget a block: its pairs, and the quantities that it wrote."""
    cdef Py_ssize_t h
    for h in range(b.n_holdings):
        if b.holding[4 * h + 1] != DEAD:
            memset(b.quantity + h * b.capacity, 0, b.count[b.holding[4 * h + 1]] * sizeof(double))
    memset(b.count, 0, b.n_axes * sizeof(int64_t))


def evaluate(
    const int64_t[:, ::1] nodes not None,
    const int64_t[::1] args not None,
    const double[::1] constants not None,
    const double[::1] magic not None,
    const int64_t[:, ::1] relation not None,
    const int64_t[::1] maps not None,
    const int64_t[:, ::1] holding not None,
    const int64_t[::1] items not None,
    const int64_t[::1] key_start not None,
    tuple sources not None,
    const int64_t[::1] wanted not None,
    Py_ssize_t first,
    Py_ssize_t last,
    Py_ssize_t block_units,
    Py_ssize_t block_rows,
    Py_ssize_t block_pairs,
    int64_t[::1] integers not None,
    double[::1] doubles not None,
    double[:, ::1] out not None,
):
    """Run a program over units [first, last) of a book; see ``plan.pyi``."""
    cdef Batch b
    cdef Source feed[MAX_HOLDINGS]
    cdef int64_t leader[MAX_HOLDINGS]
    cdef const int64_t[::1] column
    cdef Py_ssize_t s, unit, local, end, keys = key_start[key_start.shape[0] - 1]
    cdef Status status = Status.OK
    if holding.shape[1] != 4:
        return Status.SHAPE
    if not len(sources) == holding.shape[0] <= MAX_HOLDINGS or nodes.shape[1] * sizeof(int64_t) != sizeof(Node):
        return Status.SHAPE
    for s in range(holding.shape[0]):
        column = sources[s][0]
        if column.shape[0] < last + 1:
            return Status.SHAPE
        feed[s].start = &column[0]
        column = sources[s][1]
        feed[s].n_rows = column.shape[0]
        feed[s].item = &column[0] if column.shape[0] else NULL
        column = sources[s][2]
        if column.shape[0] != feed[s].n_rows:
            return Status.SHAPE
        feed[s].amount = &column[0] if column.shape[0] else NULL
    b.n_nodes, b.n_axes = nodes.shape[0], key_start.shape[0] - 1
    b.n_relations, b.n_holdings = relation.shape[0], holding.shape[0]
    b.nodes, b.args = <const Node*>&nodes[0, 0], &args[0]
    b.constants, b.magic = &constants[0], &magic[0]
    b.relation = &relation[0, 0] if b.n_relations else NULL
    b.maps = &maps[0] if maps.shape[0] else NULL
    b.holding, b.items, b.key_start = &holding[0, 0], &items[0], &key_start[0]
    b.capacity, b.full, b.unknown = block_pairs, 0, 0
    if integers.shape[0] < 2 * keys + b.n_axes * (3 + 2 * b.capacity) + b.n_relations * (1 + b.capacity) + 1:
        return Status.SHAPE
    carve_batch(&b, keys, &integers[0], &doubles[0])
    b.leader = leader
    with nogil:
        find_leaders(&b, feed)
        find_links(&b)
        memset(b.stamp, 0, keys * sizeof(int64_t))
        memset(b.quantity, 0, b.n_holdings * b.capacity * sizeof(double))
        memset(b.count, 0, b.n_axes * sizeof(int64_t))
        unit = first
        while unit < last and status == Status.OK:
            end = block_end(feed, b.n_holdings, unit, last, block_units, block_rows)
            clear(&b)
            for local in range(end - unit):
                load_unit(&b, feed, unit + local, local)
            if b.full or b.unknown:
                status = Status.CAPACITY if b.full else Status.UNKNOWN
                break
            status = run_block(&b)
            copy_out(&b, wanted, &out[0, 0], out.shape[1], unit, end - unit)
            unit = end
    return status
