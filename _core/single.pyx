"""The batch evaluator over one account, without an interpreter: memory is laid out once, rows are given at each run."""

from libc.stdint cimport int64_t
from libc.string cimport memset
from crossmargin._core.operands cimport Operand, operand, row_of
from crossmargin._core.pairs cimport find_leaders, find_links
from crossmargin._core.plan cimport MAX_ARGUMENTS, MAX_HOLDINGS, Batch, Node, Source, carve_batch, load_unit, run_block
from crossmargin._core.status cimport Status


cdef class Single:
    """A laid-out program that runs over the rows of one account; arguments as of ``plan.evaluate``."""

    def __cinit__(
        self, const int64_t[:, ::1] nodes not None, const int64_t[::1] args not None,
        const double[::1] constants not None, const double[::1] magic not None,
        const int64_t[:, ::1] relation not None, const int64_t[::1] maps not None,
        const int64_t[:, ::1] holding not None, const int64_t[::1] items not None,
        const int64_t[::1] key_start not None, const int64_t[::1] feed not None, const int64_t[::1] wanted not None,
        Py_ssize_t capacity, int64_t[::1] integers not None, double[::1] doubles not None,
        int64_t[::1] leader not None,
    ):
        cdef Batch* b = &self.program.b
        cdef Py_ssize_t keys = key_start[key_start.shape[0] - 1], h
        self.arrays = (nodes, args, constants, magic, relation, maps, holding, items, key_start, feed, wanted, integers,
                       doubles, leader)
        if holding.shape[0] > MAX_HOLDINGS or nodes.shape[1] * sizeof(int64_t) != sizeof(Node):
            raise ValueError("nodes must have the fields of the interface file, and holdings be few")
        b.n_nodes, b.n_axes = nodes.shape[0], key_start.shape[0] - 1
        b.n_relations, b.n_holdings, b.capacity = relation.shape[0], holding.shape[0], capacity
        if integers.shape[0] < 2 * keys + b.n_axes * (3 + 2 * capacity) + b.n_relations * (1 + capacity) + 1:
            raise ValueError("integers must have room for the keys and pairs")
        b.nodes, b.args = <const Node*>&nodes[0, 0], &args[0]
        b.constants, b.magic = &constants[0], &magic[0]
        b.relation = &relation[0, 0] if b.n_relations else NULL
        b.maps = &maps[0]
        b.holding, b.items, b.key_start = &holding[0, 0], &items[0], &key_start[0]
        carve_batch(b, keys, &integers[0], &doubles[0])
        b.leader = &leader[0]
        self.capacity, self.scratch = capacity, doubles.shape[0] - (b.n_holdings + MAX_ARGUMENTS + 1) * capacity
        self.program.wanted, self.program.n_wanted, self.program.pointed = &wanted[0], wanted.shape[0], False
        for h in range(b.n_holdings):
            self.program.feed[h] = feed[h]


cdef Status load_single(Run* s, const Source* feeds) noexcept nogil:
    """Find what these rows hold; feeds of the same items share their arrays."""
    cdef Batch* b = &s.b
    cdef Py_ssize_t h
    for h in range(b.n_holdings):
        s.source[h] = feeds[s.feed[h]]
    if not s.pointed:
        find_leaders(b, s.source)
        find_links(b)
        s.pointed = True
    forget(b)
    b.full = b.unknown = 0
    load_unit(b, s.source, 0, 0)
    if b.full or b.unknown:
        return Status.CAPACITY if b.full else Status.UNKNOWN
    return Status.OK


cdef Status run_single(Run* s, const Source* feeds) noexcept nogil:
    """Evaluate the wanted nodes over these rows."""
    cdef Status status = load_single(s, feeds)
    return run_block(&s.b) if status == Status.OK else status


cdef void forget(Batch* b) noexcept nogil:
    """Take back what the last run stamped and loaded."""
    cdef Py_ssize_t axis, i, h
    for h in range(b.n_holdings):
        if b.holding[4 * h + 1] >= 0:
            memset(b.quantity + h * b.capacity, 0, b.count[b.holding[4 * h + 1]] * sizeof(double))
    for axis in range(b.n_axes):
        for i in range(b.count[axis]):
            b.stamp[b.key_start[axis] + b.pair_key[axis * b.capacity + i]] = 0
        b.count[axis] = 0


cdef const double* single_value(Run* s, Py_ssize_t wanted, Py_ssize_t pair) noexcept nogil:
    """Rows of a wanted node at one of its pairs."""
    cdef Operand x = operand(&s.b, s.wanted[wanted], s.b.nodes[s.wanted[wanted]].axis)
    return row_of(&x, pair)


cdef Py_ssize_t single_pairs(const Run* s, Py_ssize_t wanted) noexcept nogil:
    """How many keys of its axis are held."""
    return s.b.count[s.b.nodes[s.wanted[wanted]].axis]


cdef int64_t single_key(const Run* s, Py_ssize_t wanted, Py_ssize_t pair) noexcept nogil:
    """The key of a pair."""
    return s.b.pair_key[s.b.nodes[s.wanted[wanted]].axis * s.b.capacity + pair]
