"""Orders bound to each other: a fill of one, or its end, takes the other away; and terms of one leg or two.

Such an order shares no level. Whoever binds or unbinds takes the slot's terms away before and adds them after.
"""

from libc.stdint cimport int32_t, int64_t
from crossmargin._core.ledger cimport (
    PAIRED, REDUCE_ONLY, Ledger, Level, Order, cut_reducing, find_level, find_order, join_level, leave_level, resize,
    slot_of,
)
from crossmargin._core.status cimport Status
from crossmargin._core.worst cimport Legs, one_leg


cdef Status find_other(
    const Ledger* b, int64_t account, int32_t slot, int64_t id, int32_t* number
) noexcept nogil:
    """The order of a slot that one may be bound to; -1 for the id 0."""
    number[0] = -1 if id == 0 else find_order(b, account, id)
    if id == 0:
        return Status.OK
    if number[0] < 0 or b.order[number[0]].slot != slot:
        return Status.UNKNOWN
    return Status.MALFORMED if b.order[number[0]].flags & PAIRED else Status.OK


cdef void bind(Ledger* b, int32_t number, int32_t other) noexcept nogil:
    """Bind an order that was made PAIRED to one that was not: that one gets a level of its own."""
    cdef Order* o = &b.order[number]
    cdef Order* p = &b.order[other]
    cdef bint shared = p.level >= 0 and b.level[p.level].n_orders > 1
    o.other, p.other = other, number
    if shared:
        leave_level(b, other)
    p.flags |= PAIRED
    if shared:
        join_level(b, other)
    elif p.level >= 0:
        b.level[p.level].flags |= PAIRED
        if o.level >= 0:
            b.level[p.level].other, b.level[o.level].other = o.level, p.level
    if p.flags & REDUCE_ONLY:
        cut_reducing(b, p.account, p.slot)


cdef void unbind(Ledger* b, int32_t number) noexcept nogil:
    """An order whose other leg is gone rests like any other."""
    cdef Order* o = &b.order[number]
    cdef bint shared
    o.other = -1
    o.flags &= ~(<int64_t>PAIRED)
    if o.level < 0:
        return
    shared = find_level(b, slot_of(b, o.account, o.slot), o.lots, o.ticks, o.flags) >= 0
    if shared:
        leave_level(b, number)
        join_level(b, number)
    else:
        b.level[o.level].flags &= ~PAIRED
    if o.flags & REDUCE_ONLY:
        cut_reducing(b, o.account, o.slot)


cdef int32_t mute(Ledger* b, int32_t number) noexcept nogil:
    """Let a bound order fill nothing for a while; its level, -1 if it has none."""
    cdef Order* o
    cdef int32_t level
    if number < 0 or b.order[number].level < 0:
        return -1
    o = &b.order[number]
    level = o.level
    resize(b, o.account, o.slot, level, -o.effective)
    o.level, o.effective = -1, 0
    return level


cdef void unmute(Ledger* b, int32_t number, int32_t level) noexcept nogil:
    """As it was before; reduce-only ones are for the caller to cut."""
    cdef Order* o
    if level < 0:
        return
    o = &b.order[number]
    o.level, o.effective = level, 0 if o.flags & REDUCE_ONLY else o.lots
    resize(b, o.account, o.slot, level, o.effective)


cdef bint next_term(const Ledger* b, int32_t* at, Legs* legs) noexcept nogil:
    """What the next level of a slot may fill, both legs at once where both rest; False behind the last."""
    cdef const Level* v
    cdef int32_t here
    while at[0] >= 0:
        here, v = at[0], &b.level[at[0]]
        at[0] = v.next
        if v.other > here:
            continue  # it comes with its other leg
        legs[0] = one_leg(<double>v.lots, <double>v.cost, True)
        if v.other >= 0:
            legs.paired = True
            legs.other_lots, legs.other_cost = <double>b.level[v.other].lots, <double>b.level[v.other].cost
        return True
    return False
