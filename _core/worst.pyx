"""Keeps an account's surplus at the worst fill of its orders, term by term and exactly reversible.

A position moves a linear form by ``lots P + cost K``, an order by ``min(0, lots P + cost K)``: the maximum
over subsets of fills separates per row (docs/decisions/orders.md). Every term is a pure function of lots, cost
and row, rounded once to its sum's quantum, so that adding and taking away leave no trace. Source of the
forms: ``margin.plan.forms``; laid out by ``margin.plan.worst``. Complexity: rows of what an instrument touches.
"""

from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy, memset
from crossmargin._core.simd cimport LANES, lanes, lanes_all, lanes_least, lanes_load, lanes_max, lanes_min, lanes_store
from crossmargin._core.status cimport Status

cdef enum:
    FREE = -1  # in place of a key


cdef struct Keys:            # of a term: which it holds, by place
    int32_t used             # places below this one
    int32_t unused
    int32_t key[1]


cdef void worst_clear(const Worst* w, double* state) noexcept nogil:
    """Nothing is held: constants alone; padding is infinite, so that it is never the least."""
    cdef const Alternative* a
    cdef Py_ssize_t i, r
    for i in range(w.n_alternatives):
        a = w.alternatives + i
        memcpy(state + a.at, w.figures + a.constant, a.rows * sizeof(double))
        memset(state + a.base, 0, a.stride * sizeof(double))
        for r in range(a.rows, a.stride):
            state[a.at + r] = INFINITY
    memset(state + w.sums, 0, w.n_sums * sizeof(double))
    for i in range(w.n_terms):
        (<Keys*>(state + w.terms[i].keys)).used = 0


cdef inline lanes share(
    const double* P, const double* K, lanes lots, lanes cost, lanes magic, lanes most
) noexcept nogil:
    """One line of a term, rounded; ``most`` 0 for an order, infinity for a position."""
    cdef lanes x = lots * lanes_load(P) + cost * lanes_load(K)
    return lanes_min((x + magic) - magic, most)


cdef void add_pair(
    const double* P, Py_ssize_t stride, const Legs* x, double magic, double sign, double* to
) noexcept nogil:
    """``add_rows`` of two legs of which at most one fills: in each row the worse of both."""
    cdef lanes q = lanes_all(x.lots), c = lanes_all(x.cost), m = lanes_all(magic), s = lanes_all(sign)
    cdef lanes other_q = lanes_all(x.other_lots), other_c = lanes_all(x.other_cost), worse
    cdef Py_ssize_t r = 0
    while r < stride:
        worse = share(P + r, P + stride + r, other_q, other_c, m, lanes_all(0.0))
        worse = share(P + r, P + stride + r, q, c, m, worse)
        lanes_store(to + r, lanes_load(to + r) + s * worse)
        r += LANES


cdef void add_rows(
    const double* P, Py_ssize_t stride, const Legs* x, double magic, double sign, double* to
) noexcept nogil:
    """``to += sign * term``, whole lines."""
    cdef lanes q = lanes_all(x.lots), c = lanes_all(x.cost), m = lanes_all(magic), top = lanes_all(x.most)
    cdef lanes s = lanes_all(sign)
    cdef Py_ssize_t r = 0
    if x.paired:
        add_pair(P, stride, x, magic, sign, to)
        return
    while r < stride:
        lanes_store(to + r, lanes_load(to + r) + s * share(P + r, P + stride + r, q, c, m, top))
        r += LANES


cdef inline double least_rows(const double* x, Py_ssize_t stride) noexcept nogil:
    """The least of rows in whole lines."""
    cdef lanes low = lanes_all(INFINITY)
    cdef Py_ssize_t r = 0
    while r < stride:
        low = lanes_min(lanes_load(x + r), low)
        r += LANES
    return lanes_least(low)


# ---- terms ----------------------------------------------------------------------------------

cdef inline Py_ssize_t find_key(const Term* t, const double* state, int64_t key) noexcept nogil:
    """Place of a held key, -1 if it is not held; one pass without a branch."""
    cdef const Keys* k = <const Keys*>(state + t.keys)
    cdef int32_t wanted = <int32_t>key, found = -1, i, n = k.used
    for i in range(n):
        found = i if k.key[i] == wanted else found
    return found


cdef inline double* adds_of(const Term* t, double* block) noexcept nogil:
    """What a key adds to the sums, behind its linear forms; its number of holdings comes after."""
    return block + t.n_linears * t.stride


cdef double* held_block(const Worst* w, const Term* t, double* state, int64_t key) noexcept nogil:
    """The block of a key, made where it is not held; NULL without room."""
    cdef Keys* k = <Keys*>(state + t.keys)
    cdef double* block
    cdef Py_ssize_t i = find_key(t, state, key), size = t.n_linears * t.stride
    if i >= 0:
        return state + t.blocks + i * t.size
    i = find_key(t, state, FREE)
    if i < 0:
        if k.used == t.capacity:
            return NULL
        i = k.used
        k.used += 1
    k.key[i] = <int32_t>key
    block = state + t.blocks + i * t.size
    memcpy(block, w.figures + t.constant + (key if t.n_keys > 1 else 0) * size, size * sizeof(double))
    memset(block + size, 0, (t.size - size) * sizeof(double))
    return block


cdef void leave_key(const Term* t, double* state, const double* block) noexcept nogil:
    """Give the place of a key back that holds nothing."""
    cdef Keys* k = <Keys*>(state + t.keys)
    k.key[(block - state - t.blocks) // t.size] = FREE
    while k.used and k.key[k.used - 1] == FREE:
        k.used -= 1


cdef inline lanes least_form(const Worst* w, const Term* t, const double* block) noexcept nogil:
    """The least of a key's forms in one line, row by row."""
    cdef const int64_t* form = w.lists + t.first_form
    cdef Py_ssize_t _, j
    cdef lanes least = lanes_all(INFINITY), most
    for _ in range(t.n_forms):
        most = lanes_load(block + form[0] * t.stride)
        for j in range(1, form[1]):
            most = lanes_max(lanes_load(block + (form[0] + j) * t.stride), most)
        least = lanes_min(most, least)
        form += 2
    return least


cdef void sum_block(const Worst* w, const Term* t, double* block, double* sums, double magic, bint held) noexcept nogil:
    """Replace what a key adds to the sums by the least of its forms, rounded; by nothing where it is no longer held."""
    cdef double* adds = adds_of(t, block)
    cdef Py_ssize_t r = 0
    cdef double least = 0.0
    cdef lanes x, m = lanes_all(magic)
    if t.reduced:
        least = least_rows(block, t.stride) if held else 0.0
        least = (least + magic) - magic
        sums[0] += least - adds[0]
        adds[0] = least
        return
    while r < t.stride:
        x = least_form(w, t, block + r) if held else lanes_all(0.0)
        x = (x + m) - m
        lanes_store(sums + r, lanes_load(sums + r) + (x - lanes_load(adds + r)))
        lanes_store(adds + r, x)
        r += LANES


cdef Status touch_term(
    const Worst* w, double* state, const Touch* touch, const Legs* legs, double sign, bint exact, bint summed
) noexcept nogil:
    """Add or take away what a holding moves in one key of a term; unless ``summed`` the sums are left as they were."""
    cdef Py_ssize_t number = touch.term, j
    cdef const Term* t = w.terms + number
    cdef double magic = w.term_magic[number] if exact else 0.0
    cdef double* count
    cdef double* block = held_block(w, t, state, touch.key)
    if block == NULL:
        return Status.CAPACITY
    for j in range(t.n_linears):
        add_rows(w.figures + touch.table + 2 * j * t.stride, t.stride, legs, magic, sign, block + j * t.stride)
    count = adds_of(t, block) + t.width
    count[0] += sign
    if summed:
        sum_block(w, t, block, state + t.at, w.sum_magic[number] if exact else 0.0, count[0] != 0.0)
    if count[0] == 0.0:
        leave_key(t, state, block)
    return Status.OK


# ---- an account -----------------------------------------------------------------------------

cdef Legs one_leg(double lots, double cost, bint order) noexcept nogil:
    """A term of a position, or of orders of one side and limit."""
    cdef Legs legs
    legs.lots, legs.cost, legs.most, legs.paired = lots, cost, 0.0 if order else INFINITY, False
    legs.other_lots = legs.other_cost = 0.0
    return legs


cdef Status worst_add(
    const Worst* w, double* state, int64_t instrument, double lots, double cost, bint order, double sign, bint exact
) noexcept nogil:
    """Add (sign 1) or take away (-1) a position, or orders of one side and limit."""
    cdef Legs legs = one_leg(lots, cost, order)
    return worst_add_legs(w, state, instrument, &legs, sign, exact)


cdef Status worst_add_legs(
    const Worst* w, double* state, int64_t instrument, const Legs* legs, double sign, bint exact
) noexcept nogil:
    """The same of any term."""
    cdef Py_ssize_t i
    cdef Status status
    for i in range(w.touch_start[instrument], w.touch_start[instrument + 1]):
        status = touch_term(w, state, w.touches + i, legs, sign, exact, True)
        if status != Status.OK:
            while i > w.touch_start[instrument]:
                i -= 1
                touch_term(w, state, w.touches + i, legs, -sign, exact, True)
            return status
    add_alternatives(w, state, instrument, legs, sign, exact)
    return Status.OK


cdef inline bint is_moved(const Worst* w, int64_t instrument, Py_ssize_t alternative) noexcept nogil:
    return w.moves[instrument] >> (alternative if alternative < 62 else 62) & 1


cdef void add_alternatives(
    const Worst* w, double* state, int64_t instrument, const Legs* legs, double sign, bint exact
) noexcept nogil:
    """The share of a holding in the account's own linear forms."""
    cdef const double* table = w.figures + instrument * w.block
    cdef const Alternative* a
    cdef Py_ssize_t i
    cdef double magic
    for i in range(w.n_alternatives):
        if is_moved(w, instrument, i):
            a = w.alternatives + i
            magic = w.alternative_magic[i] if exact else 0.0
            add_rows(table + a.table, a.stride, legs, magic, sign, state + a.at)


cdef Status worst_gather(
    const Worst* w, double* state, int64_t instrument, double lots, double cost, bint order, bint exact
) noexcept nogil:
    """``worst_add`` for a state that is made anew: sums wait for ``worst_sum``. What fails leaves it to be made again.
    """
    cdef Legs legs = one_leg(lots, cost, order)
    return worst_gather_legs(w, state, instrument, &legs, exact)


cdef Status worst_gather_legs(
    const Worst* w, double* state, int64_t instrument, const Legs* legs, bint exact
) noexcept nogil:
    """The same of any term."""
    cdef Py_ssize_t i
    cdef Status status
    for i in range(w.touch_start[instrument], w.touch_start[instrument + 1]):
        status = touch_term(w, state, w.touches + i, legs, 1.0, exact, False)
        if status != Status.OK:
            return status
    add_alternatives(w, state, instrument, legs, 1.0, exact)
    return Status.OK


cdef void worst_sum(const Worst* w, double* state, bint exact) noexcept nogil:
    """The sums of all terms over what was gathered."""
    cdef const Term* t
    cdef const Keys* k
    cdef Py_ssize_t i, place
    for i in range(w.n_terms):
        t = w.terms + i
        k = <const Keys*>(state + t.keys)
        for place in range(k.used):
            if k.key[place] != FREE:
                sum_block(w, t, state + t.blocks + place * t.size, state + t.at, w.sum_magic[i] if exact else 0.0, True)


cdef inline lanes with_sums(
    const Worst* w, const Alternative* a, lanes x, const double* sums, Py_ssize_t r
) noexcept nogil:
    """A line of an alternative with the sums of its terms."""
    cdef const Term* t
    cdef Py_ssize_t j
    for j in range(a.n_terms):
        t = w.terms + w.lists[a.first_term + j]
        x = x + (lanes_all(sums[t.at - w.sums]) if t.reduced or t.rows == 1 else lanes_load(sums + (t.at - w.sums) + r))
    return x


cdef inline double least_of(
    const Worst* w, const Alternative* a, const double* state, const double* sums
) noexcept nogil:
    """Least row of an alternative with its terms."""
    cdef Py_ssize_t r = 0
    cdef lanes low = lanes_all(INFINITY)
    while r < a.stride:
        low = lanes_min(with_sums(w, a, lanes_load(state + a.at + r), sums, r), low)
        r += LANES
    return lanes_least(low)


cdef inline double with_opaque(const Worst* w, const Alternative* a, double x, const double* opaque) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(a.n_opaque):
        x += opaque[w.lists[a.first_opaque + j]]
    return x


cdef double worst_least(const Worst* w, const double* state, const double* opaque) noexcept nogil:
    """The surplus: sum over parts of the least of their alternatives; ``opaque``: least of each opaque node's share."""
    cdef const Alternative* a
    cdef Py_ssize_t i
    cdef double total = 0.0, least = INFINITY, x
    for i in range(w.n_alternatives):
        a = w.alternatives + i
        x = with_opaque(w, a, least_of(w, a, state, state + w.sums), opaque)
        least = x if x < least else least
        if i + 1 == w.n_alternatives or w.alternatives[i + 1].part != a.part:
            total += least
            least = INFINITY
    return total


# ---- what an order would do -----------------------------------------------------------------

cdef struct Shift:           # a change of a level in lanes
    lanes lots
    lanes cost
    lanes had_lots
    lanes had_cost
    lanes magic
    int64_t had


cdef inline Shift shift_of(const Change* c, double magic) noexcept nogil:
    cdef Shift s
    s.lots, s.cost, s.magic = lanes_all(c.lots), lanes_all(c.cost), lanes_all(magic)
    s.had_lots, s.had_cost, s.had = lanes_all(c.had_lots), lanes_all(c.had_cost), c.had_lots != 0.0
    return s


cdef inline lanes shifted(const double* x, const double* P, const double* K, const Shift* s) noexcept nogil:
    """A line of a state with the level's term replaced."""
    cdef lanes none = lanes_all(0.0), to = lanes_load(x)
    if s.had:
        to = to - share(P, K, s.had_lots, s.had_cost, s.magic, none)
    return to + share(P, K, s.lots, s.cost, s.magic, none)


cdef inline lanes form_shifted(
    const Worst* w, const Term* t, const double* block, const double* table, const Shift* s
) noexcept nogil:
    """``least_form`` with the level's term replaced."""
    cdef const int64_t* form = w.lists + t.first_form
    cdef Py_ssize_t _, _j, at
    cdef lanes least = lanes_all(INFINITY), most
    for _ in range(t.n_forms):
        at = form[0] * t.stride
        most = shifted(block + at, table + 2 * at, table + 2 * at + t.stride, s)
        for _j in range(1, form[1]):
            at += t.stride
            most = lanes_max(shifted(block + at, table + 2 * at, table + 2 * at + t.stride, s), most)
        least = lanes_min(most, least)
        form += 2
    return least


cdef inline double reduced_shifted(const double* x, const double* P, Py_ssize_t stride, const Shift* s) noexcept nogil:
    """Least of some rows with the level's term replaced."""
    cdef lanes low = lanes_all(INFINITY)
    cdef Py_ssize_t r = 0
    while r < stride:
        low = lanes_min(shifted(x + r, P + r, P + stride + r, s), low)
        r += LANES
    return lanes_least(low)


cdef void shift_sums(
    const Worst* w, const double* state, const Touch* touch, const Change* c, double* sums
) noexcept nogil:
    """What a term's sums would be."""
    cdef const Term* t = w.terms + touch.term
    cdef Py_ssize_t place = find_key(t, state, touch.key), size = t.n_linears * t.stride, r = 0
    cdef const double* block = w.figures + t.constant + (touch.key if t.n_keys > 1 else 0) * size
    cdef const double* adds = NULL
    cdef const double* table = w.figures + touch.table
    cdef double magic = w.sum_magic[touch.term], least
    cdef lanes x, m = lanes_all(magic)
    cdef Shift s = shift_of(c, w.term_magic[touch.term])
    if place >= 0:
        block = state + t.blocks + place * t.size
        adds = block + size
    sums += t.at - w.sums
    if t.reduced:
        least = (reduced_shifted(block, table, t.stride, &s) + magic) - magic
        sums[0] += least - (0.0 if adds == NULL else adds[0])
        return
    while r < t.stride:
        x = form_shifted(w, t, block + r, table + r, &s)
        x = (x + m) - m
        lanes_store(sums + r, lanes_load(sums + r) + (x if adds == NULL else x - lanes_load(adds + r)))
        r += LANES


cdef inline double alternative_shifted(
    const Worst* w, const Alternative* a, const double* state, const double* P, const double* sums, const Shift* s
) noexcept nogil:
    """``least_of`` with the level's term replaced."""
    cdef Py_ssize_t r = 0
    cdef lanes low = lanes_all(INFINITY)
    while r < a.stride:
        low = lanes_min(with_sums(w, a, shifted(state + a.at + r, P + r, P + a.stride + r, s), sums, r), low)
        r += LANES
    return lanes_least(low)


cdef double worst_contemplate(
    const Worst* w, const double* state, int64_t instrument, const Change* c, const double* opaque, double* sums
) noexcept nogil:
    """The surplus if the orders of a level changed, with nothing written but ``sums``, room for all sums."""
    cdef const double* table = w.figures + instrument * w.block
    cdef const Alternative* a
    cdef Py_ssize_t i
    cdef double total = 0.0, least = INFINITY, x
    cdef Shift s
    if w.n_terms:
        memcpy(sums, state + w.sums, w.n_sums * sizeof(double))
        for i in range(w.touch_start[instrument], w.touch_start[instrument + 1]):
            shift_sums(w, state, w.touches + i, c, sums)
    for i in range(w.n_alternatives):
        a = w.alternatives + i
        if is_moved(w, instrument, i):
            s = shift_of(c, w.alternative_magic[i])
            x = alternative_shifted(w, a, state, table + a.table, sums, &s)
        else:
            x = least_of(w, a, state, sums)
        x = with_opaque(w, a, x, opaque)
        least = x if x < least else least
        if i + 1 == w.n_alternatives or w.alternatives[i + 1].part != a.part:
            total += least
            least = INFINITY
    return total


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
    cdef double magic = w.term_magic[p.target] if exact else 0.0
    cdef Py_ssize_t rows = 1 if t.reduced else t.rows, r, stride = 1 if t.reduced else t.stride
    cdef const double* factor = w.figures + p.factor + (key if p.factor_keys > 1 else 0) * stride
    cdef double* block = held_block(w, t, state, w.lists[p.map + key])
    cdef double* to
    if block == NULL:
        return Status.CAPACITY
    to = block + (p.linear if t.reduced else p.linear * t.stride)
    for r in range(rows):
        to[r] += (value[r if p.row < 0 else 0] * factor[r] + magic) - magic
    adds_of(t, block)[t.width] += 1.0
    sum_block(w, t, block, state + t.at, w.sum_magic[p.target] if exact else 0.0, True)
    return Status.OK
