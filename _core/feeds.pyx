"""What an account feeds into a plan: its positions, balances and resting orders, as rows in the engine's room."""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset
from crossmargin._core.exact cimport exact_add
from crossmargin._core.ledger cimport Contract, Level, Slot, accrued, slot_of

cdef enum:
    POSITION = 0
    COST = 1
    BALANCE = 2
    BUY = 3
    SELL = 4
    BUY_AT = 5
    SELL_AT = 6
    HIGH_BUY = 7
    LOW_SELL = 8
    ORDERS = 9


cdef Py_ssize_t in_order(const Engine* e, int64_t account, int64_t* slots) noexcept nogil:
    """The account's slots by instrument; how many."""
    cdef const int32_t* held = e.ledger.held + account * e.ledger.n_slots
    cdef Py_ssize_t i, j, n = 0
    for i in range(e.ledger.owner[account].n_slots):
        if held[i] < 0:
            continue
        j = n
        while j > 0 and held[slots[j - 1]] > held[i]:
            slots[j] = slots[j - 1]
            j -= 1
        slots[j] = i
        n += 1
    return n


cdef inline Source column(
    const int64_t* start, const int64_t* item, const int64_t* amount, Py_ssize_t n
) noexcept nogil:
    cdef Source s
    s.start, s.item, s.amount, s.n_rows = start, item, amount, n
    return s


cdef Status effective_balances(const Engine* e, int64_t account, int64_t* asset, int64_t* atoms) noexcept nogil:
    """Balances with the funding that is due and not yet paid."""
    cdef Py_ssize_t i
    cdef const Contract* c
    cdef int64_t due
    cdef Status status = Status.OK
    for i in range(e.ledger.n_assets):
        asset[i], atoms[i] = i, e.ledger.balance[account * e.ledger.n_assets + i]
    for i in range(e.ledger.owner[account].n_slots):
        if e.ledger.held[account * e.ledger.n_slots + i] >= 0:
            c = &e.ledger.contract[e.ledger.held[account * e.ledger.n_slots + i]]
            status = accrued(c, slot_of(&e.ledger, account, <int32_t>i), &due)
            if status != Status.OK or exact_add(atoms[c.settlement], due, &atoms[c.settlement]):
                return Status.OVERFLOW
    return status


cdef void feed_orders(const Engine* e, const Slot* s, int64_t instrument, int64_t** to, Py_ssize_t* n) noexcept nogil:
    """Add a slot's resting orders to the feeds of both sides and of the number of orders."""
    cdef int32_t at = s.first_level
    cdef const Level* v
    cdef int64_t sums[2][3]
    cdef Py_ssize_t side
    memset(sums, 0, sizeof(sums))
    while at >= 0:
        v = &e.ledger.level[at]
        at = v.next
        if v.lots == 0:
            continue
        side = 0 if v.lots > 0 else 1
        if sums[side][0] == 0 or (v.ticks > sums[side][2] if side == 0 else v.ticks < sums[side][2]):
            sums[side][2] = v.ticks
        sums[side][0] += v.lots if side == 0 else -v.lots
        sums[side][1] += v.ticks * (v.lots if side == 0 else -v.lots)
    for side in range(2):
        if sums[side][0]:
            to[4 * side][n[side]] = instrument
            to[4 * side + 1][n[side]], to[4 * side + 2][n[side]], to[4 * side + 3][n[side]] = (
                sums[side][0], sums[side][1], sums[side][2])
            n[side] += 1
    if s.n_orders:
        to[8][n[2]], to[9][n[2]] = instrument, s.n_orders
        n[2] += 1


cdef Status feed(const Engine* e, int64_t account, bint with_positions, bint with_orders, Source* feeds) noexcept nogil:
    """The account's rows as a plan reads them, in the engine's room."""
    cdef Py_ssize_t i, n, m = e.ledger.n_slots
    cdef int64_t* start = e.rows
    cdef int64_t* slots = start + 16
    cdef int64_t* to = slots + m
    cdef int64_t* sides[10]
    cdef Py_ssize_t count[3]
    cdef const Slot* s
    cdef int64_t* instrument = to
    cdef int64_t* asset = to + 3 * m
    n = in_order(e, account, slots) if with_positions else 0
    for i in range(10):
        sides[i] = asset + 2 * e.ledger.n_assets + i * m
    count[0] = count[1] = count[2] = 0
    for i in range(n):
        s = slot_of(&e.ledger, account, <int32_t>slots[i])
        instrument[i] = e.ledger.held[account * e.ledger.n_slots + slots[i]]
        to[m + i], to[2 * m + i] = s.lots, s.open_cost
        if with_orders:
            feed_orders(e, s, instrument[i], sides, count)
    memset(start, 0, 16 * sizeof(int64_t))
    start[1], start[3], start[5], start[7], start[9] = n, e.ledger.n_assets, count[0], count[1], count[2]
    feeds[POSITION] = column(start, instrument, to + m, n)
    feeds[COST] = column(start, instrument, to + 2 * m, n)
    feeds[BALANCE] = column(start + 2, asset, asset + e.ledger.n_assets, e.ledger.n_assets)
    feeds[BUY] = column(start + 4, sides[0], sides[1], count[0])
    feeds[BUY_AT] = column(start + 4, sides[0], sides[2], count[0])
    feeds[HIGH_BUY] = column(start + 4, sides[0], sides[3], count[0])
    feeds[SELL] = column(start + 6, sides[4], sides[5], count[1])
    feeds[SELL_AT] = column(start + 6, sides[4], sides[6], count[1])
    feeds[LOW_SELL] = column(start + 6, sides[4], sides[7], count[1])
    feeds[ORDERS] = column(start + 8, sides[8], sides[9], count[2])
    return effective_balances(e, account, asset, asset + e.ledger.n_assets)
