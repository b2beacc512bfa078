# Worst fills: an account's surplus as sums of minima of linear forms, kept per row and changed term by term.
from libc.stdint cimport int64_t
from crossmargin._core.status cimport Status

# The least over its rows of a linear form of the account and of the sums of its terms.
cdef struct Alternative:
    int64_t part
    int64_t rows
    int64_t stride        # rows padded to whole lines
    int64_t at            # of its rows in an account's state
    int64_t base          # of the share that balances give
    int64_t table         # of lots' figures in an instrument's block; those of costs follow
    int64_t constant      # in figures
    int64_t first_term    # in lists
    int64_t n_terms
    int64_t first_opaque  # in lists: places among the opaque shares
    int64_t n_opaque

# The sum over held keys of the least of its forms; a form is the greatest of its linear forms. A term of one row whose
# forms are linear is ``reduced``: its forms lie side by side as rows of one, and the sum has one row.
cdef struct Term:
    int64_t rows
    int64_t stride        # rows padded to whole lines
    int64_t reduced
    int64_t width         # doubles of a sum: 1 if reduced, else the stride
    int64_t at            # of the sum in an account's state
    int64_t keys          # which are held: 32-bit words, the places in use, a spare one, the key of each
    int64_t blocks        # of each: linear forms, what the key adds to the sum, its number of holdings
    int64_t size          # doubles of a block
    int64_t capacity      # keys
    int64_t first_form    # pairs (first linear form, how many) in lists
    int64_t n_forms
    int64_t n_linears
    int64_t constant      # in figures, by key
    int64_t n_keys        # 1: one row for all

# What an instrument moves in a term.
cdef struct Touch:
    int64_t term
    int64_t key
    int64_t table         # in figures: for each linear form lots' rows, then costs'

# A node that no fill moves, in a linear form.
cdef struct Point:
    int64_t keyed         # whether it stands in a term
    int64_t target        # alternative or term
    int64_t linear
    int64_t wanted        # place among the wanted nodes
    int64_t factor        # in figures
    int64_t factor_keys   # 1: one row for all
    int64_t row           # of the node, -1: row by row
    int64_t map           # in lists: the term's key of each key of the node; -1 for the account

# What a level fills and costs, before and after an order.
cdef struct Change:
    double lots
    double cost
    double had_lots
    double had_cost

# What a term is made of: a position, orders of one side and limit, or two of which one cancels the other.
cdef struct Legs:
    double lots
    double cost
    double other_lots
    double other_cost
    double most           # 0 for orders, infinity for a position
    bint paired           # whether there is an other

cdef struct Worst:
    const Alternative* alternatives
    const Term* terms
    const Touch* touches
    const int64_t* touch_start   # by instrument
    const int64_t* moves         # by instrument: a bit for each alternative that it moves; the 64th for all from there
    const Point* points
    const int64_t* lists
    const double* figures
    const double* alternative_magic
    const double* term_magic     # of linear forms
    const double* sum_magic
    Py_ssize_t n_alternatives
    Py_ssize_t n_terms
    Py_ssize_t n_points
    Py_ssize_t sums              # where the sums of terms lie in a state, and how many doubles
    Py_ssize_t n_sums
    Py_ssize_t block             # doubles of an instrument's alternatives in figures, from 0
    Py_ssize_t state             # doubles of an account

cdef void worst_clear(const Worst* w, double* state) noexcept nogil
cdef Status worst_add(
    const Worst* w, double* state, int64_t instrument, double lots, double cost, bint order, double sign, bint exact
) noexcept nogil
cdef Status worst_gather(
    const Worst* w, double* state, int64_t instrument, double lots, double cost, bint order, bint exact
) noexcept nogil
cdef Legs one_leg(double lots, double cost, bint order) noexcept nogil
cdef Status worst_add_legs(
    const Worst* w, double* state, int64_t instrument, const Legs* legs, double sign, bint exact
) noexcept nogil
cdef Status worst_gather_legs(
    const Worst* w, double* state, int64_t instrument, const Legs* legs, bint exact
) noexcept nogil
cdef void worst_sum(const Worst* w, double* state, bint exact) noexcept nogil
cdef double worst_least(const Worst* w, const double* state, const double* opaque) noexcept nogil
cdef double worst_contemplate(
    const Worst* w, const double* state, int64_t instrument, const Change* change, const double* opaque, double* sums
) noexcept nogil
cdef void worst_base(const Worst* w, double* state, Py_ssize_t a, const double* base, bint exact) noexcept nogil
cdef Status worst_point(
    const Worst* w, double* state, const Point* p, int64_t key, const double* value, bint exact
) noexcept nogil
