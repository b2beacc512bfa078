"""An order's change and the terms that it moves: taken away before, added after, nothing asked."""

from libc.stdint cimport int32_t, int64_t
from crossmargin._core.events cimport State
from crossmargin._core.ledger cimport (
    PAIRED, REDUCE_ONLY, STOP, Ledger, Order, cut_reducing, find_level, join_level, leave_level, remove_order, rest,
    slot_of,
)
from crossmargin._core.legs cimport bind, unbind
from crossmargin._core.standing cimport put, put_slot

cdef int64_t WHOLE = REDUCE_ONLY | PAIRED


cdef void put_level(
    State* g, int64_t account, int32_t slot, int64_t lots, int64_t ticks, int64_t flags, double sign
) noexcept nogil:
    """What an order's change moves: its level's term, or all of the slot where other levels may follow."""
    cdef Ledger* b = &g.engine.ledger
    cdef int32_t at
    if flags & STOP and not flags & PAIRED:
        return
    if flags & WHOLE:
        put_slot(&g.engine, account, slot, sign)
        return
    at = find_level(b, slot_of(b, account, slot), lots, ticks, flags)
    if at >= 0:
        put(&g.engine, account, b.held[account * b.n_slots + slot], b.level[at].lots, b.level[at].cost, True, sign)


cdef int32_t put_order(
    State* g, int64_t account, int32_t slot, int64_t id, int64_t lots, int64_t ticks, int64_t flags, int32_t other
) noexcept nogil:
    """Rest an order, bound to another one (-1: none), and its terms; its number."""
    cdef int32_t number
    cdef int64_t kind = flags if other < 0 else flags | PAIRED
    put_level(g, account, slot, lots, ticks, kind, -1.0)
    number = rest(&g.engine.ledger, account, slot, id, lots, ticks, kind)
    if other >= 0:
        bind(&g.engine.ledger, number, other)
    put_level(g, account, slot, lots, ticks, kind, 1.0)
    return number


cdef void take_order(State* g, int32_t number) noexcept nogil:
    """Remove an order and its terms; one that was bound to it rests alone."""
    cdef Order o = g.engine.ledger.order[number]
    put_level(g, o.account, o.slot, o.lots, o.ticks, o.flags, -1.0)
    remove_order(&g.engine.ledger, number)
    if o.other >= 0:
        unbind(&g.engine.ledger, o.other)
    put_level(g, o.account, o.slot, o.lots, o.ticks, o.flags, 1.0)


cdef void requote(State* g, int32_t number, int64_t lots, int64_t ticks) noexcept nogil:
    """Give an order another size and limit; its place by arrival stays."""
    cdef Ledger* b = &g.engine.ledger
    cdef Order* o = &b.order[number]
    cdef bint moves = o.ticks != ticks
    cdef int64_t moved_from
    put_level(g, o.account, o.slot, o.lots, o.ticks, o.flags, -1.0)
    if moves and not o.flags & WHOLE:
        put_level(g, o.account, o.slot, lots, ticks, o.flags, -1.0)
    if o.level >= 0:
        leave_level(b, number)
    o.lots, o.ticks, moved_from = lots, ticks, o.ticks
    if not o.flags & STOP:
        join_level(b, number)
    if o.flags & REDUCE_ONLY:
        cut_reducing(b, o.account, o.slot)
    elif moves and not o.flags & PAIRED:
        put_level(g, o.account, o.slot, lots, moved_from, o.flags, 1.0)
    put_level(g, o.account, o.slot, lots, ticks, o.flags, 1.0)
