# The matchers as nodes of a plan: what each parent's held children form.
from libc.stdint cimport int64_t
from libc.string cimport memset
from crossmargin._core.elements cimport OP_MATCH
from crossmargin._core.matching cimport MAX_PLACES, MAX_TYPES, group_kernel, spreads_kernel
from crossmargin._core.operands cimport Operand, operand, parents, row_of
from crossmargin._core.plan cimport Batch, Node
from crossmargin._core.status cimport Status

cdef inline Status spreads_of(
    Batch* b, const Node* node, int64_t parent, Py_ssize_t i, int64_t unit, const double* code, double* out
) noexcept nogil:
    """Form spreads of the children of one parent, each at its place."""
    cdef const int64_t* args = &b.args[node.arg]
    cdef Py_ssize_t axis = b.nodes[args[0]].axis
    cdef const int64_t* up = parents(b, node.relation, axis)
    cdef Operand x = operand(b, args[0], axis), place = operand(b, args[1], axis)
    cdef double delta[MAX_PLACES]
    if code[1] > MAX_PLACES or node.rows != <Py_ssize_t>(code[0] + 2.0 * code[1]):
        return Status.CAPACITY
    memset(delta, 0, <Py_ssize_t>code[1] * sizeof(double))
    while i < b.count[axis] and b.pair_unit[axis * b.capacity + i] == unit:
        if up[i] == parent:
            delta[<Py_ssize_t>row_of(&place, i)[0]] += row_of(&x, i)[0]
        i += 1
    return spreads_kernel(code, delta, out)


cdef inline Status strategies_of(
    Batch* b, const Node* node, int64_t parent, Py_ssize_t i, int64_t unit, const double* rule, double* out
) noexcept nogil:
    """Group the contracts of one parent."""
    cdef const int64_t* args = &b.args[node.arg]
    cdef Py_ssize_t axis = b.nodes[args[0]].axis, n = 0
    cdef const int64_t* up = parents(b, node.relation, axis)
    cdef Operand x = operand(b, args[0], axis), feature = operand(b, args[1], axis)
    cdef double lots[MAX_TYPES]
    cdef const double* row[MAX_TYPES]
    while i < b.count[axis] and b.pair_unit[axis * b.capacity + i] == unit:
        if up[i] == parent and row_of(&x, i)[0] != 0.0:
            if n == MAX_TYPES:
                return Status.CAPACITY
            lots[n], row[n] = row_of(&x, i)[0], row_of(&feature, i)
            n += 1
        i += 1
    return group_kernel(lots, row, n, rule, out)


cdef inline Status matched(Batch* b, const Node* node, double* out) noexcept nogil:
    """Spreads or strategies of the held children of each parent; pairs of every axis ascend by unit."""
    cdef const int64_t* args = &b.args[node.arg]
    cdef Py_ssize_t axis = b.nodes[args[0]].axis, p, first = 0
    cdef const int64_t* unit = b.pair_unit + axis * b.capacity
    cdef const int64_t* own = b.pair_unit + node.axis * b.capacity
    cdef Operand rule = operand(b, args[2], node.axis)
    cdef Status status
    for p in range(b.count[node.axis]):
        while first < b.count[axis] and unit[first] < own[p]:
            first += 1
        if node.op == OP_MATCH:
            status = spreads_of(b, node, p, first, own[p], row_of(&rule, p), out + p * node.rows)
        else:
            status = strategies_of(b, node, p, first, own[p], row_of(&rule, p), out + p * node.rows)
        if status != Status.OK:
            return status
    return Status.OK
