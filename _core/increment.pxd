# The incremental evaluator of plans: one account's accumulators, changed in place and exactly reversible.
from libc.stdint cimport int32_t, int64_t
from crossmargin._core.elements cimport Element
from crossmargin._core.status cimport Status

# How a step gets its value.
cdef enum Kind:
    LOTS = 0       # quantity of the item
    ITEM = 1       # quantity times the item's row
    SLOT = 2       # accumulator of a key, changed by the item's term
    TOTAL = 3      # accumulator of a parent, changed by what its child changed
    ELEMENT = 4    # computed from its arguments
    JOIN = 5       # rows of the arguments, side by side
    FEW_ROWS = 6   # computed row by row, without a loop per operation
    CHAIN = 7      # a sum of products, link by link from the left

# One node of a touched path or of the account; arguments are node numbers.
cdef struct Step:
    int64_t kind
    int64_t node
    int64_t changed   # whether the change of this holding reaches the node
    int64_t axis      # of the accumulator, 0 the account
    int64_t offset    # of the accumulator in its key's block; of LOTS and ITEM: the quantity's column
    int64_t table     # of SLOT and ITEM: offset of coefficients, -1 counts
    int64_t child     # of TOTAL: the link whose value is summed
    int64_t mine      # whether the accumulator's holding is the one that changes
    int64_t args[4]   # argument nodes; of JOIN and CHAIN: where its list starts, and how long it is
    int64_t steps     # bit a: argument a has rows
    Element element

# One link of a chain: ``sign * value * factor`` (no factor: -1); bits of rows as in a step.
cdef struct Link:
    int64_t node
    int64_t factor
    int64_t steps
    int64_t negative

# A constant of the program: where its row lies for the path's key on its axis.
cdef struct Constant:
    int64_t node
    int64_t axis
    int64_t offset
    int64_t stride    # 0: one row for all keys

cdef struct Plan:
    const Step* steps          # path of each holding, then the account's
    const int64_t* step_start  # n_holdings + 2
    const Constant* consts
    const int64_t* const_start
    const int64_t* joined      # arguments of JOIN steps
    const Link* links          # of CHAIN steps, and of totals of one product
    const int64_t* node_rows
    const double* constants
    const double* magic
    const int64_t* axes        # per holding, per axis: offset of item-to-key map in maps, -1 not on the path
    const int64_t* maps
    const int64_t* item_axis   # per holding
    const int64_t* column      # per holding: place of its quantity in an item's block
    const int64_t* width       # per axis: doubles of a key's block
    const int64_t* reg         # per node: register offset
    const int64_t* outputs     # wanted account nodes
    Py_ssize_t n_outputs
    Py_ssize_t n_holdings
    Py_ssize_t n_axes
    Py_ssize_t n_nodes
    const double* most         # per holding: largest quantity for which every sum stays exact

# Held keys of one axis: an open-addressing directory of blocks.
cdef struct Held:
    int32_t* table             # entry + 1 of a hashed key, or 0
    int64_t* key               # of each entry
    double* block              # entries x width
    Py_ssize_t mask
    Py_ssize_t count
    Py_ssize_t capacity

cdef struct Work:              # one thread's registers
    const double** old
    const double** new
    double* before
    double* after
    double* account

cdef Status change(
    const Plan* p, Held* held, Work* w, Py_ssize_t h, int64_t item, double lots, bint commit
) noexcept nogil
cdef void account_values(const Plan* p, Work* w, double* out) noexcept nogil
