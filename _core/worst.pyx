"""Keeps an account's surplus at the worst fill of its orders, term by term and exactly reversible.

A position moves a linear form by ``lots P + cost K``, an order by ``min(0, lots P + cost K)``: the maximum
over subsets of fills separates per row (docs/decisions/orders.md). Every term is a pure function of lots, cost
and row, rounded once to its sum's quantum, so that adding and taking away leave no trace. Source of the
forms: ``margin.plan.forms``; laid out by ``margin.plan.worst``. Complexity: rows of what an instrument touches.
"""

from libc.math cimport INFINITY
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset
from crossmargin._core.simd cimport LANES, lanes, lanes_all, lanes_least, lanes_load, lanes_min, lanes_store
from crossmargin._core.status cimport Status

cdef enum:
    LINE = 8  # doubles; rows of as many or more are padded to whole lines


cdef void worst_clear(const Worst* w, double* state) noexcept nogil:
    """Nothing is held: constants alone; padding is infinite, so that it is never the least."""
    cdef const Alternative* a
    cdef const Term* t
    cdef Py_ssize_t i, r
    for i in range(w.n_alternatives):
        a = w.alternatives + i
        memcpy(state + a.at, w.figures + a.constant, a.rows * sizeof(double))
        memset(state + a.base, 0, a.stride * sizeof(double))
        for r in range(a.rows, a.stride):
            state[a.at + r] = INFINITY
    for i in range(w.n_terms):
        t = w.terms + i
        memset(state + t.at, 0, t.stride * sizeof(double))
        memset(state + t.keys, 0, 2 * t.capacity * sizeof(double))


cdef inline lanes share(const double* P, const double* K, lanes lots, lanes cost, lanes magic, lanes most) noexcept nogil:
    """One line of a term, rounded; ``most`` 0 for an order, infinity for a position."""
    cdef lanes x = lots * lanes_load(P) + cost * lanes_load(K)
    return lanes_min((x + magic) - magic, most)


cdef void add_lines(
    const double* P, Py_ssize_t stride, double lots, double cost, double magic, double most, double sign, double* to
) noexcept nogil:
    """``to += sign * term``, whole lines."""
    cdef lanes q = lanes_all(lots), c = lanes_all(cost), m = lanes_all(magic), top = lanes_all(most), s = lanes_all(sign)
    cdef Py_ssize_t r = 0
    while r < stride:
        lanes_store(to + r, lanes_load(to + r) + s * share(P + r, P + stride + r, q, c, m, top))
        r += LANES


cdef inline void add_few(
    const double* P, Py_ssize_t rows, double lots, double cost, double magic, double most, double sign, double* to
) noexcept nogil:
    cdef Py_ssize_t r
    cdef double x
    for r in range(rows):
        x = ((lots * P[r] + cost * P[rows + r]) + magic) - magic
        to[r] += sign * (x if x < most else most)


cdef inline void add_rows(
    const double* P, Py_ssize_t stride, double lots, double cost, double magic, double most, double sign, double* to
) noexcept nogil:
    if stride < LINE:
        add_few(P, stride, lots, cost, magic, most, sign, to)
    else:
        add_lines(P, stride, lots, cost, magic, most, sign, to)


# ---- terms ----------------------------------------------------------------------------------

cdef double* held_block(const Worst* w, const Term* t, double* state, int64_t key, bint make) noexcept nogil:
    """The linear forms of a key, made where there is room and the key is not held; else NULL. Counts its holdings."""
    cdef double* keys = state + t.keys
    cdef double* count = keys + t.capacity
    cdef double* block
    cdef Py_ssize_t i, free = -1, size = t.n_linears * t.stride
    for i in range(t.capacity):
        if count[i] == 0.0:
            free = i if free < 0 else free
        elif keys[i] == key:
            return state + t.blocks + i * size
    if not make or free < 0:
        return NULL
    keys[free] = key
    block = state + t.blocks + free * size
    memcpy(block, w.figures + t.constant + (key if t.n_keys > 1 else 0) * size, size * sizeof(double))
    return block


cdef inline void count_block(const Term* t, double* state, const double* block, double sign) noexcept nogil:
    state[t.keys + t.capacity + (block - state - t.blocks) // (t.n_linears * t.stride)] += sign


cdef void sum_block(
    const Worst* w, const Term* t, const double* block, double* state, double magic, double sign
) noexcept nogil:
    """Add the least of the key's forms to the sum, row by row."""
    cdef const int64_t* form
    cdef Py_ssize_t r, f, j
    cdef double least, most, x
    cdef double* to = state + t.at
    for r in range(t.rows):
        least = INFINITY
        for f in range(t.n_forms):
            form = w.lists + t.first_form + 2 * f
            most = block[form[0] * t.stride + r]
            for j in range(1, form[1]):
                x = block[(form[0] + j) * t.stride + r]
                most = x if x > most else most
            least = most if most < least else least
        to[r] += sign * ((least + magic) - magic)


cdef Status touch_term(
    const Worst* w, double* state, const Touch* touch, double lots, double cost, double most, double sign, bint exact
) noexcept nogil:
    cdef Py_ssize_t number = touch.term, j
    cdef const Term* t = w.terms + number
    cdef double magic = w.term_magic[number] if exact else 0.0, sum_magic = w.sum_magic[number] if exact else 0.0
    cdef double* block = held_block(w, t, state, touch.key, sign > 0)
    if block == NULL:
        return Status.CAPACITY
    if state[t.keys + t.capacity + (block - state - t.blocks) // (t.n_linears * t.stride)] != 0.0:
        sum_block(w, t, block, state, sum_magic, -1.0)
    for j in range(t.n_linears):
        add_rows(w.figures + touch.table + 2 * j * t.stride, t.stride, lots, cost, magic, most, sign, block + j * t.stride)
    count_block(t, state, block, sign)
    if state[t.keys + t.capacity + (block - state - t.blocks) // (t.n_linears * t.stride)] != 0.0:
        sum_block(w, t, block, state, sum_magic, 1.0)
    return Status.OK


# ---- an account -----------------------------------------------------------------------------

cdef Status worst_add(
    const Worst* w, double* state, int64_t instrument, double lots, double cost, bint order, double sign, bint exact
) noexcept nogil:
    """Add (sign 1) or take away (-1) a position, or orders of one side and limit."""
    cdef const double* table = w.figures + instrument * w.block
    cdef const Alternative* a
    cdef Py_ssize_t i
    cdef Status status
    cdef double most = 0.0 if order else INFINITY
    for i in range(w.touch_start[instrument], w.touch_start[instrument + 1]):
        status = touch_term(w, state, w.touches + i, lots, cost, most, sign, exact)
        if status != Status.OK:
            while i > w.touch_start[instrument]:
                i -= 1
                touch_term(w, state, w.touches + i, lots, cost, most, -sign, exact)
            return status
    for i in range(w.n_alternatives):
        a = w.alternatives + i
        add_rows(table + a.table, a.stride, lots, cost, w.alternative_magic[i] if exact else 0.0, most, sign, state + a.at)
    return Status.OK


cdef double least_of(const Worst* w, const Alternative* a, const double* state) noexcept nogil:
    """Least row of an alternative with its terms."""
    cdef const double* x = state + a.at
    cdef const Term* t
    cdef Py_ssize_t r, j
    cdef double sum, least = INFINITY
    cdef lanes low = lanes_all(INFINITY)
    if a.n_terms == 0 and a.stride >= LINE:
        r = 0
        while r < a.stride:
            low = lanes_min(lanes_load(x + r), low)
            r += LANES
        return lanes_least(low)
    for r in range(a.rows):
        sum = x[r]
        for j in range(a.n_terms):
            t = w.terms + w.lists[a.first_term + j]
            sum += state[t.at + (r if t.rows > 1 else 0)]
        least = sum if sum < least else least
    return least


cdef double worst_least(const Worst* w, const double* state, const double* opaque) noexcept nogil:
    """The surplus: sum over parts of the least of their alternatives; ``opaque``: least of each opaque node's share."""
    cdef const Alternative* a
    cdef Py_ssize_t i, j
    cdef double total = 0.0, least = INFINITY, x
    for i in range(w.n_alternatives):
        a = w.alternatives + i
        x = least_of(w, a, state)
        for j in range(a.n_opaque):
            x += opaque[w.lists[a.first_opaque + j]]
        least = x if x < least else least
        if i + 1 == w.n_alternatives or w.alternatives[i + 1].part != a.part:
            total += least
            least = INFINITY
    return total


cdef double worst_contemplate(
    const Worst* w, const double* state, int64_t instrument, double lots, double cost, double had_lots, double had_cost
) noexcept nogil:
    """The surplus of one alternative without terms if orders of a level came to be ``lots`` at ``cost``."""
    cdef const Alternative* a = w.alternatives
    cdef const double* P = w.figures + instrument * w.block + a.table
    cdef const double* x = state + a.at
    cdef lanes q = lanes_all(lots), c = lanes_all(cost), m = lanes_all(w.alternative_magic[0]), none = lanes_all(0.0)
    cdef lanes old_q = lanes_all(had_lots), old_c = lanes_all(had_cost), least = lanes_all(INFINITY)
    cdef Py_ssize_t r = 0
    if had_lots == 0.0:
        while r < a.stride:
            least = lanes_min(lanes_load(x + r) + share(P + r, P + a.stride + r, q, c, m, none), least)
            r += LANES
        return lanes_least(least)
    while r < a.stride:
        least = lanes_min(lanes_load(x + r) - share(P + r, P + a.stride + r, old_q, old_c, m, none)
                          + share(P + r, P + a.stride + r, q, c, m, none), least)
        r += LANES
    return lanes_least(least)


# ---- what balances give ---------------------------------------------------------------------

cdef void worst_base(const Worst* w, double* state, Py_ssize_t number, const double* base, bint exact) noexcept nogil:
    """Replace the share of balances in an alternative by these rows, rounded."""
    cdef const Alternative* a = w.alternatives + number
    cdef double magic = w.alternative_magic[number] if exact else 0.0, x
    cdef Py_ssize_t r
    for r in range(a.rows):
        x = (base[r] + magic) - magic
        state[a.at + r] += x - state[a.base + r]
        state[a.base + r] = x


cdef Status worst_point(
    const Worst* w, double* state, const Point* p, int64_t key, const double* value, bint exact
) noexcept nogil:
    """Add a node's value at one of its keys to the linear form of a term."""
    cdef const Term* t = w.terms + p.target
    cdef double magic = w.term_magic[p.target] if exact else 0.0, sum_magic = w.sum_magic[p.target] if exact else 0.0
    cdef const double* factor = w.figures + p.factor + (key if p.factor_keys > 1 else 0) * t.stride
    cdef double* block = held_block(w, t, state, w.lists[p.map + key], True)
    cdef double* to
    cdef Py_ssize_t r
    if block == NULL:
        return Status.CAPACITY
    if state[t.keys + t.capacity + (block - state - t.blocks) // (t.n_linears * t.stride)] != 0.0:
        sum_block(w, t, block, state, sum_magic, -1.0)
    to = block + p.linear * t.stride
    for r in range(t.rows):
        to[r] += (value[r if p.row < 0 else 0] * factor[r] + magic) - magic
    count_block(t, state, block, 1.0)
    sum_block(w, t, block, state, sum_magic, 1.0)
    return Status.OK
