# How the nodes of a block read their arguments: by pair, by key, or one row for all.
from libc.stdint cimport int64_t
from crossmargin._core.plan cimport Batch, Node, TO_ACCOUNT

# How an argument is read at a pair: computed values by pair, tables by key, or one row for all.
cdef struct Operand:
    const double* base
    const int64_t* key   # NULL: by pair
    Py_ssize_t stride    # doubles a pair or key; 0 for one row for all
    Py_ssize_t step      # 0 broadcasts a scalar over the rows


cdef inline const double* row_of(const Operand* x, Py_ssize_t pair) noexcept nogil:
    if x.stride == 0:
        return x.base
    return x.base + (pair if x.key == NULL else x.key[pair]) * x.stride


cdef inline Operand operand(Batch* b, Py_ssize_t number, Py_ssize_t axis) noexcept nogil:
    cdef const Node* node = &b.nodes[number]
    cdef Operand x
    x.step = 1 if node.rows != 1 else 0
    x.stride = node.rows
    x.key = NULL
    if node.keys == 0:
        x.base = b.scratch + node.offset
    else:
        x.base = b.constants + node.offset
        x.key = b.pair_key + axis * b.capacity
        if node.keys == 1:
            x.stride = 0
    return x


cdef inline const int64_t* parents(Batch* b, int64_t relation, Py_ssize_t child) noexcept nogil:
    """Parent's pair of each child pair."""
    if relation == TO_ACCOUNT:
        return b.pair_unit + child * b.capacity
    return b.parent + relation * b.capacity
