# The batch evaluator of plans: one program over the units of a book, in blocks.
from libc.stdint cimport int64_t
from crossmargin._core.status cimport Status

# One row of the node table, in order of evaluation; the face lays it out as int64 columns.
cdef struct Node:
    int64_t op        # operation code
    int64_t axis      # key axis, 0 the account
    int64_t rows      # rows of the value
    int64_t arg       # first argument, in the argument list
    int64_t n_args
    int64_t holding   # of a slot or each
    int64_t relation  # along which a slot, total, least, most climbs or an at reads
    int64_t offset    # of the value: in constants if keys > 0, else in scratch
    int64_t keys      # keys of a constant table; 1 is one row for all; 0 is computed, DEAD is not
    int64_t table     # of a slot: offset of its coefficients in constants, -1 counts

cdef enum:
    IDENTITY = -1
    TO_ACCOUNT = -2
    DEAD = -1           # in place of keys, a child axis or a holding's axis: no wanted output needs it
    KEYS_ARE_ITEMS = 2  # order of a holding's keys; 1 where they ascend with the items, 0 otherwise
    MAX_HOLDINGS = 32
    MAX_ARGUMENTS = 4   # of an elementwise node

# One program with everything that an evaluation reads and the memory it writes.
cdef struct Batch:
    const Node* nodes
    const int64_t* args       # argument node numbers
    const double* constants   # folded tables and coefficients
    const double* magic       # per node: 1.5 * 2^52 * quantum, or 0 for no rounding
    Py_ssize_t n_nodes
    Py_ssize_t n_axes
    Py_ssize_t n_relations
    Py_ssize_t n_holdings
    const int64_t* relation   # per relation: child axis, parent axis, offset of its map
    const int64_t* maps       # parent key of each child key
    const int64_t* holding    # per holding: order of its keys, axis, offset of its items, how many
    const int64_t* items      # key of each source item, or -1
    const int64_t* key_start  # per axis: offset of its keys in stamp and place
    int64_t* stamp            # per key: the unit that last touched it
    int64_t* place            # per key: its pair in the block
    int64_t* count            # per axis: pairs in the block
    int64_t* pair_key         # per axis x capacity
    int64_t* pair_unit        # per axis x capacity, block-local
    int64_t* parent           # per relation x capacity: parent's pair
    int64_t* sole             # per axis: whether one holding alone makes its pairs
    double* quantity          # per holding x capacity
    double* gathered          # per argument, and one more, x capacity: columns of arguments and of the result
    int64_t* leader           # per holding: the first one with the same rows, DEAD if nobody reads it
    int64_t* link             # live relations, by child axis
    int64_t* link_start       # per axis: its first link
    double* scratch
    Py_ssize_t capacity       # pairs of an axis
    bint full                 # an axis holds more
    bint unknown              # a row names no item of its holding, or lies outside its column

# Rows of a book that feed one source: item and amount per row, cut by unit.
cdef struct Source:
    const int64_t* start
    const int64_t* item
    const int64_t* amount
    Py_ssize_t n_rows

cdef Status load_unit(Batch* b, const Source* sources, Py_ssize_t unit, Py_ssize_t local) noexcept nogil
cdef Status run_block(Batch* b) noexcept nogil
cdef void carve_batch(Batch* b, Py_ssize_t keys, int64_t* integers, double* doubles) noexcept nogil
cdef Status run_node(Batch* b, Py_ssize_t number) noexcept nogil
