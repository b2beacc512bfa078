# Which keys the units of a block hold: pairs (unit, held key) of every axis, with their parents and quantities.
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy
from crossmargin._core.plan cimport DEAD, KEYS_ARE_ITEMS, Batch, Source

cdef inline int64_t new_pair(Batch* b, Py_ssize_t axis, int64_t key, Py_ssize_t unit, Py_ssize_t local) noexcept nogil:
    """The pair of a key that this unit was not seen to hold, made with its ancestors where they are new."""
    cdef Py_ssize_t at = b.key_start[axis] + key, k, r
    cdef int64_t pair = b.count[axis]
    if pair >= b.capacity:  # the caller reserved less than an axis may hold
        b.full = 1
        return 0
    b.count[axis] = pair + 1
    b.stamp[at] = unit + 1
    b.place[at] = pair
    b.pair_key[axis * b.capacity + pair] = key
    b.pair_unit[axis * b.capacity + pair] = local
    for k in range(b.link_start[axis], b.link_start[axis + 1]):
        r = b.link[k]
        b.parent[r * b.capacity + pair] = pair_of(
            b, b.relation[3 * r + 1], b.maps[b.relation[3 * r + 2] + key], unit, local)
    return pair


cdef inline int64_t pair_of(Batch* b, Py_ssize_t axis, int64_t key, Py_ssize_t unit, Py_ssize_t local) noexcept nogil:
    """The pair of a key held by this unit; most were made by an earlier row."""
    cdef Py_ssize_t at = b.key_start[axis] + key
    return b.place[at] if b.stamp[at] == unit + 1 else new_pair(b, axis, key, unit, local)


cdef inline Py_ssize_t last_follower(Batch* b, Py_ssize_t h) noexcept nogil:
    """The last holding that this one leads; itself if none."""
    cdef Py_ssize_t g, last = h
    for g in range(h + 1, b.n_holdings):
        if b.leader[g] == h:
            last = g
    return last


cdef inline void load_rows(
    Batch* b, const Source* sources, Py_ssize_t h, Py_ssize_t unit, Py_ssize_t local
) noexcept nogil:
    """The rows of one holding, and of those that follow it."""
    cdef Py_ssize_t row, g, axis = b.holding[4 * h + 1], last = last_follower(b, h)
    cdef const int64_t* items = b.items + b.holding[4 * h + 2]
    cdef const int64_t* item = sources[h].item
    cdef const int64_t* amount = sources[h].amount
    cdef double* quantity = b.quantity + h * b.capacity
    cdef int64_t key, pair
    if not rows_are_sound(&sources[h], unit, b.holding[4 * h + 3]):
        b.unknown = 1
        return
    if sources[h].start[unit] == sources[h].start[unit + 1]:
        return
    if b.sole[axis] and b.holding[4 * h] and one_key_a_row(b.holding[4 * h], items, &sources[h], unit):
        load_distinct(b, sources, h, last, unit, local)
        return
    for row in range(sources[h].start[unit], sources[h].start[unit + 1]):
        key = items[item[row]]
        if key < 0:
            continue
        pair = pair_of(b, axis, key, unit, local)
        quantity[pair] += <double>amount[row]
        for g in range(h + 1, last + 1):
            if b.leader[g] == h:
                b.quantity[g * b.capacity + pair] += <double>sources[g].amount[row]


cdef inline bint rows_are_sound(const Source* source, Py_ssize_t unit, int64_t n_items) noexcept nogil:
    """Whether a unit's rows lie in their column and name items: they may have changed since they were checked."""
    cdef Py_ssize_t row, first = source.start[unit], last = source.start[unit + 1]
    cdef const int64_t* item = source.item
    cdef uint64_t wrong = 0
    if first < 0 or first > last or last > source.n_rows:
        return False
    for row in range(first, last):
        wrong |= <uint64_t>item[row] | (<uint64_t>n_items - 1 - <uint64_t>item[row])
    return not wrong >> 63


cdef inline bint one_key_a_row(
    int64_t order, const int64_t* items, const Source* source, Py_ssize_t unit
) noexcept nogil:
    """Whether the items of a unit ascend and all have a key."""
    cdef Py_ssize_t row, first = source.start[unit], last = source.start[unit + 1]
    cdef const int64_t* item = source.item
    cdef int64_t wrong = 0
    for row in range(first, last - 1):
        wrong |= item[row + 1] - item[row] - 1
    if order != KEYS_ARE_ITEMS:
        for row in range(first, last):
            wrong |= items[item[row]]
    return wrong >= 0


cdef inline void load_distinct(
    Batch* b, const Source* sources, Py_ssize_t h, Py_ssize_t last, Py_ssize_t unit, Py_ssize_t local
) noexcept nogil:
    """Rows that are pairs as they stand: nobody else makes pairs of their axis, and no key comes twice."""
    cdef Py_ssize_t g, k, axis = b.holding[4 * h + 1], first = sources[h].start[unit]
    cdef Py_ssize_t n = sources[h].start[unit + 1] - first, at = b.count[axis]
    cdef int64_t* key = b.pair_key + axis * b.capacity + at
    if at + n > b.capacity:
        b.full = 1
        return
    b.count[axis] = at + n
    copy_keys(b.holding[4 * h], b.items + b.holding[4 * h + 2], sources[h].item + first, n, key)
    fill(b.pair_unit + axis * b.capacity + at, n, local)
    for g in range(h, last + 1):
        if b.leader[g] == h:
            to_doubles(sources[g].amount + first, n, b.quantity + g * b.capacity + at)
    for k in range(b.link_start[axis], b.link_start[axis + 1]):
        link_distinct(b, b.link[k], key, n, at, unit, local)


# Loops over figures of one type of their own: what they write cannot change a pointer that they read by.

cdef inline void copy_keys(
    int64_t order, const int64_t* items, const int64_t* item, Py_ssize_t n, int64_t* key
) noexcept nogil:
    cdef Py_ssize_t i
    if order == KEYS_ARE_ITEMS:
        memcpy(key, item, n * sizeof(int64_t))
    else:
        for i in range(n):
            key[i] = items[item[i]]


cdef inline void fill(int64_t* to, Py_ssize_t n, int64_t value) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        to[i] = value


cdef inline void to_doubles(const int64_t* amount, Py_ssize_t n, double* quantity) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        quantity[i] = <double>amount[i]


cdef inline void link_distinct(
    Batch* b, Py_ssize_t r, const int64_t* key, Py_ssize_t n, Py_ssize_t at, Py_ssize_t unit, Py_ssize_t local
) noexcept nogil:
    """Parents of new pairs along one relation; a run of one parent asks once."""
    cdef const int64_t* up = b.maps + b.relation[3 * r + 2]
    cdef int64_t* parent = b.parent + r * b.capacity + at
    cdef Py_ssize_t axis = b.relation[3 * r + 1], i = 0, end
    cdef int64_t seen
    while i < n:
        seen = up[key[i]]
        end = i + 1
        while end < n and up[key[end]] == seen:
            end += 1
        fill(parent + i, end - i, pair_of(b, axis, seen, unit, local))
        i = end


cdef inline void find_leaders(Batch* b, const Source* sources) noexcept nogil:
    """The first holding whose rows have the same items under the same axis and keys as each holding's."""
    cdef Py_ssize_t h, g
    for h in range(b.n_holdings):
        b.leader[h] = h if b.holding[4 * h + 1] != DEAD else DEAD
        for g in range(h):
            if (sources[g].item == sources[h].item and sources[g].start == sources[h].start
                    and b.holding[4 * g + 1] == b.holding[4 * h + 1] and b.holding[4 * g + 2] == b.holding[4 * h + 2]):
                b.leader[h] = b.leader[g]
                break


cdef inline bint made_by_one(Batch* b, Py_ssize_t axis) noexcept nogil:
    """Whether one holding alone makes the pairs of an axis: no other does, and no child's."""
    cdef Py_ssize_t r, h, makers = 0
    for r in range(b.n_relations):
        if b.relation[3 * r] != DEAD and b.relation[3 * r + 1] == axis:
            return False
    for h in range(b.n_holdings):
        makers += b.leader[h] == h and b.holding[4 * h + 1] == axis
    return makers == 1


cdef inline void find_links(Batch* b) noexcept nogil:
    """Live relations in the order of their child axes, and which axes one holding alone fills."""
    cdef Py_ssize_t axis, r, n = 0
    for axis in range(b.n_axes):
        b.sole[axis] = axis != 0 and made_by_one(b, axis)
        b.link_start[axis] = n
        for r in range(b.n_relations):
            if b.relation[3 * r] == axis:
                b.link[n] = r
                n += 1
    b.link_start[b.n_axes] = n
