"""The gate: checks and applies events, one after the other, on one engine with one writer.

Rules of each event stand at its function. What answers other than OK has changed nothing. Nothing is
allocated and no clock is read; an event carries its time. An applied event gets the next sequence number
and goes to the journal's ring.
"""

from cpython.pycapsule cimport PyCapsule_New
from cpython.pythread cimport PyThread_get_thread_ident
from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memset
from crossmargin._core.bounds cimport Fill, Interval
from crossmargin._core.exact cimport EXACT_CEIL, EXACT_FLOOR, exact_add, exact_mul_div
from crossmargin._core.ledger cimport (
    CLEARING, EXTERNAL, FEES, GONE, HALTED_NOW, INTEREST as INTEREST_TOTAL, NO_LIMIT, N_TOTALS, OPEN, REDUCE_ONLY,
    REDUCING, ROUNDING, STOP, Contract, Ledger, Level, Order, Owner, Slot, Trading, carve_ledger, cut_reducing, fill,
    fill_cost, find_level, find_order, find_slot, join_level, leave_level, ledger_bytes, left_to_reduce, pay,
    release_slot, remove_order, reserved_cost, rest, settle, shrink, slot_of, take_slot, wake,
)
from crossmargin._core.single cimport Run, Single
from crossmargin._core.standing cimport (
    EQUITY_MAINTENANCE, INITIAL, MAINTENANCE, N_FIGURES, NONE, SURPLUS_INITIAL, VENUE, WORST_FILL, Engine, Standing, derive,
    figures_of, fresh, gate_copy, gate_load, gate_prefetch, gate_store, newest, note, oversize, publish, put, put_slot, standing_of,
    state_of, surplus_of,
)
from crossmargin._core.status cimport Status
from crossmargin._core.worst cimport Alternative, Change, Point, Term, Touch, Worst, worst_contemplate

cdef enum:
    AHEAD = 8             # accounts whose lines are asked for before they are needed
    NOWHERE = -1          # a side of a trade whose account lies on another engine
    WORDS = 12

cdef int64_t MOST_LOTS = <int64_t>1 << 53
cdef int64_t MOST_INDEX = <int64_t>1 << 62
cdef int64_t ONE = <int64_t>1 << 32


# ---- what an event may name ------------------------------------------------------------------

cdef inline bint known_account(const State* g, int64_t account) noexcept nogil:
    return <uint64_t>account < <uint64_t>g.engine.ledger.n_accounts and g.engine.ledger.owner[account].trading != GONE


cdef inline bint known_instrument(const State* g, int64_t instrument) noexcept nogil:
    """Listed, and one that the method can hold."""
    return (<uint64_t>instrument < <uint64_t>g.engine.ledger.n_instruments
            and g.engine.ledger.contract[instrument].settlement >= 0)


cdef inline bint known_asset(const State* g, int64_t asset) noexcept nogil:
    """Listed, and one that the method can hold."""
    return <uint64_t>asset < <uint64_t>g.engine.ledger.n_assets and g.engine.bit[asset] >= 0


cdef inline bint sound_lots(int64_t lots) noexcept nogil:
    return lots != 0 and -MOST_LOTS <= lots <= MOST_LOTS


cdef inline bint carries(const Engine* e, int64_t account, double surplus) noexcept nogil:
    """Whether a surplus, to the nearest atom of the account's currency, is 0 or more."""
    return surplus >= -e.atom[e.ledger.owner[account].currency]


# ---- orders ---------------------------------------------------------------------------------

cdef Status may_order(const State* g, int64_t account, int64_t instrument, int64_t lots, int64_t ticks, int64_t flags) noexcept nogil:
    """What can be said of an order without looking at margin."""
    cdef const Contract* c
    if not known_account(g, account) or not known_instrument(g, instrument):
        return Status.UNKNOWN
    c = &g.engine.ledger.contract[instrument]
    if not sound_lots(lots):
        return Status.MALFORMED
    if flags & NO_LIMIT or (c.inverse and ticks <= 0):
        return Status.PRICE
    if c.trading == GONE or c.trading == HALTED_NOW or g.engine.ledger.owner[account].trading == HALTED_NOW:
        return Status.HALTED
    if c.trading == REDUCING or g.engine.ledger.owner[account].trading == REDUCING:
        return Status.OK if flags & REDUCE_ONLY or not g.refused_in_trouble else Status.HALTED
    return Status.OK


cdef Status level_with(const State* g, int64_t account, int32_t slot, int64_t instrument, int64_t lots, int64_t ticks,
                       int64_t flags, const Level** old, int64_t* total, int64_t* cost) noexcept nogil:
    """The level that an order would join, NULL if none, and what the level would then fill and cost."""
    cdef int32_t at = -1
    if slot >= 0:
        at = find_level(&g.engine.ledger, slot_of(&g.engine.ledger, account, slot), lots, ticks, flags)
    old[0] = NULL if at < 0 else &g.engine.ledger.level[at]
    total[0] = lots if at < 0 else lots + old[0].lots
    if not sound_lots(total[0]):
        return Status.RANGE
    return reserved_cost(&g.engine.ledger.contract[instrument], total[0], ticks, cost)


cdef void put_level(State* g, int64_t account, int32_t slot, int64_t lots, int64_t ticks, int64_t flags, double sign) noexcept nogil:
    """Add or take away what an order's change moves: its level's term, or all of the slot for a reduce-only one."""
    cdef Ledger* b = &g.engine.ledger
    cdef int32_t at
    if flags & STOP:
        return
    if flags & REDUCE_ONLY:
        put_slot(&g.engine, account, slot, sign)
        return
    at = find_level(b, slot_of(b, account, slot), lots, ticks, flags)
    if at >= 0:
        put(&g.engine, account, b.held[account * b.n_slots + slot], b.level[at].lots, b.level[at].cost, True, sign)


cdef int32_t put_order(
    State* g, int64_t account, int32_t slot, int64_t id, int64_t lots, int64_t ticks, int64_t flags
) noexcept nogil:
    """Rest an order and its terms; its number."""
    cdef int32_t number
    put_level(g, account, slot, lots, ticks, flags, -1.0)
    number = rest(&g.engine.ledger, account, slot, id, lots, ticks, flags)
    put_level(g, account, slot, lots, ticks, flags, 1.0)
    return number


cdef void take_order(State* g, int32_t number) noexcept nogil:
    """Remove an order and its terms."""
    cdef Order o = g.engine.ledger.order[number]
    put_level(g, o.account, o.slot, o.lots, o.ticks, o.flags, -1.0)
    remove_order(&g.engine.ledger, number)
    put_level(g, o.account, o.slot, o.lots, o.ticks, o.flags, 1.0)


cdef struct Touched:      # what a fill may change, to put it back
    Slot slot
    int64_t balance
    int64_t base          # balance of a spot pair's asset
    int64_t fees
    int64_t rounding


cdef void keep(const State* g, int64_t account, int32_t slot, int64_t asset, Touched* old) noexcept nogil:
    cdef const Ledger* b = &g.engine.ledger
    cdef int64_t base = b.contract[b.held[account * b.n_slots + slot]].base
    old.base = 0 if base < 0 else b.balance[account * b.n_assets + base]
    old.slot = slot_of(b, account, slot)[0]
    old.balance = b.balance[account * b.n_assets + asset]
    old.fees, old.rounding = b.total[FEES * b.n_assets + asset], b.total[ROUNDING * b.n_assets + asset]


cdef void give_back(State* g, int64_t account, int32_t slot, int64_t asset, const Touched* old) noexcept nogil:
    cdef Ledger* b = &g.engine.ledger
    cdef Slot* s = slot_of(b, account, slot)
    cdef int64_t base = b.contract[b.held[account * b.n_slots + slot]].base
    if base >= 0:
        b.balance[account * b.n_assets + base] = old.base
    s.lots, s.open_cost, s.funding = old.slot.lots, old.slot.open_cost, old.slot.funding
    b.balance[account * b.n_assets + asset] = old.balance
    b.total[FEES * b.n_assets + asset], b.total[ROUNDING * b.n_assets + asset] = old.fees, old.rounding


cdef Status as_filled(State* g, int64_t account, int32_t slot, int64_t lots, int64_t ticks, double* figures,
                      bint whole) noexcept nogil:
    """The account's figures, or its surplus alone, if an order were filled at its limit and its fee paid; all is put back."""
    cdef Ledger* b = &g.engine.ledger
    cdef const Contract* c = &b.contract[b.held[account * b.n_slots + slot]]
    cdef Standing* st = standing_of(&g.engine, account)
    cdef Touched old
    cdef bint moved
    cdef int64_t cost, owned, paid = st.paid
    cdef Status status = reserved_cost(c, lots, ticks, &cost)
    if status != Status.OK:
        return status
    owned = b.balance[account * b.n_assets + c.settlement]
    keep(g, account, slot, c.settlement, &old)
    put_slot(&g.engine, account, slot, -1.0)
    status = fill(b, account, slot, lots, cost, 0)
    cut_reducing(b, account, slot)
    put_slot(&g.engine, account, slot, 1.0)
    moved = c.base >= 0 or b.balance[account * b.n_assets + c.settlement] != owned
    st.paid |= moved
    if status == Status.OK:
        status = figures_of(&g.engine, account, figures) if whole else surplus_of(&g.engine, account, figures)
    put_slot(&g.engine, account, slot, -1.0)
    give_back(g, account, slot, c.settlement, &old)
    cut_reducing(b, account, slot)
    put_slot(&g.engine, account, slot, 1.0)
    st.paid |= moved | paid
    return status


cdef Status reduces(State* g, int64_t account, int32_t slot, int64_t lots, int64_t ticks) noexcept nogil:
    """OK if the order filled leaves the account no riskier: requirement not higher and surplus not lower, or by ratio
    ``equity / maintenance`` not lower; and its limit lies inside the venue's band."""
    cdef double before[N_FIGURES]
    cdef double after[N_FIGURES]
    cdef const Ledger* b = &g.engine.ledger
    cdef const Contract* c = &b.contract[b.held[account * b.n_slots + slot]]
    cdef bint better
    cdef double now, then
    cdef Status status = Status.OK
    if not g.engine.by_ratio:  # what most orders fail by is asked first, and alone
        status = surplus_of(&g.engine, account, &now)
        if status == Status.OK:
            status = as_filled(g, account, slot, lots, ticks, &then, False)
        if status == Status.OK and then < now:
            return Status.RANGE if g.engine.beyond else Status.REFUSED
    if status == Status.OK:
        status = figures_of(&g.engine, account, before)
    if status == Status.OK:
        status = as_filled(g, account, slot, lots, ticks, after, True)
    if status != Status.OK:
        return status
    if g.engine.by_ratio:
        better = (after[EQUITY_MAINTENANCE] * before[MAINTENANCE] >= before[EQUITY_MAINTENANCE] * after[MAINTENANCE])
    else:
        better = after[INITIAL] <= before[INITIAL] and after[SURPLUS_INITIAL] >= before[SURPLUS_INITIAL]
    if not better:
        return Status.RANGE if g.engine.beyond else Status.REFUSED
    return Status.OK if c.low <= ticks <= c.high else Status.PRICE


cdef Status judge(State* g, int64_t account, bint* accepted) noexcept nogil:
    """Whether the account as it now stands carries everything that rests."""
    cdef double surplus
    cdef Status status = surplus_of(&g.engine, account, &surplus)
    accepted[0] = status == Status.OK and not g.engine.beyond and carries(&g.engine, account, surplus)
    if g.engine.ledger.owner[account].trading == REDUCING:
        accepted[0] = False  # only what reduces is taken from an account in liquidation
    return status


cdef Status place(State* g, int64_t account, int64_t id, int64_t instrument, int64_t lots, int64_t ticks, int64_t flags,
                  bint commit, bint judged) noexcept nogil:
    """Rest an order if the account carries it at its worst fill, or if it reduces; reserves the slot that a fill needs.

    A stop reserves nothing until it is triggered. Without ``commit`` it only answers; unless ``judged`` it may leave the
    account below its margin.
    """
    cdef Ledger* b = &g.engine.ledger
    cdef int32_t slot, number
    cdef const Level* old
    cdef int64_t total, cost
    cdef bint accepted = True
    cdef Status status = may_order(g, account, instrument, lots, ticks, flags)
    if status != Status.OK:
        return status
    if id <= 0 or (commit and id == INT64_MAX) or flags & ~<int64_t>15:
        return Status.MALFORMED
    if find_order(b, account, id) >= 0:
        return Status.DUPLICATE
    status = level_with(g, account, find_slot(b, account, instrument), instrument, lots, ticks, flags, &old, &total, &cost)
    if status != Status.OK:
        return status
    if b.free_order < 0:
        return Status.CAPACITY
    status = fresh(&g.engine, account)
    if status != Status.OK:
        return status
    slot = take_slot(b, account, instrument)
    if slot < 0:
        return Status.CAPACITY
    number = put_order(g, account, slot, id, lots, ticks, flags)
    if not flags & STOP and judged:
        status = judge(g, account, &accepted)
    if status == Status.OK and accepted and commit:
        note(&g.engine, account, instrument)
        return Status.OK
    take_order(g, number)
    if status == Status.OK and not accepted:
        status = reduces(g, account, slot, lots, ticks)
        if status == Status.OK and commit:
            put_order(g, account, slot, id, lots, ticks, flags)
            note(&g.engine, account, instrument)
            return Status.OK
    release_slot(b, account, slot)
    return status


cdef Status ask_resting(State* g, int64_t account, int64_t instrument, int64_t lots, int64_t ticks, double* figures) noexcept nogil:
    """``place`` without placing, and the figures with the order resting, if it can be written down at all."""
    cdef Ledger* b = &g.engine.ledger
    cdef int32_t slot, number
    cdef Status status = place(g, account, INT64_MAX, instrument, lots, ticks, 0, False, True), after
    if status != Status.OK and status != Status.REFUSED and status != Status.PRICE and status != Status.RANGE:
        return status
    slot = take_slot(b, account, instrument) if may_order(g, account, instrument, lots, ticks, 0) == Status.OK else -1
    if slot < 0:
        return status
    number = put_order(g, account, slot, INT64_MAX, lots, ticks, 0)
    after = figures_of(&g.engine, account, figures)
    take_order(g, number)
    release_slot(b, account, slot)
    return status if after == Status.OK else after


cdef Status check(State* g, int64_t account, int64_t instrument, int64_t lots, int64_t ticks) noexcept nogil:
    """``place`` without placing; where the surplus has linear forms, in one pass that writes nothing."""
    cdef Change change
    cdef const Level* old
    cdef int64_t total, cost
    cdef int32_t slot = -1
    cdef Engine* e = &g.engine
    cdef Ledger* b = &e.ledger
    cdef double surplus
    cdef Status status
    if e.policy != WORST_FILL or e.opaque != NULL:
        return place(g, account, INT64_MAX, instrument, lots, ticks, 0, False, True)
    status = may_order(g, account, instrument, lots, ticks, 0)
    if status == Status.OK:
        status = fresh(e, account)
    if status != Status.OK:
        return status
    if b.owner[account].n_slots:
        slot = find_slot(b, account, instrument)
    if slot < 0 and b.owner[account].n_slots == b.n_slots and find_slot(b, account, -1) < 0:
        return Status.CAPACITY
    if b.owner[account].trading != OPEN or standing_of(e, account).beyond:
        return place(g, account, INT64_MAX, instrument, lots, ticks, 0, False, True)
    status = level_with(g, account, slot, instrument, lots, ticks, 0, &old, &total, &cost)
    if status != Status.OK:
        return status
    if oversize(e, instrument, total, cost):
        return place(g, account, INT64_MAX, instrument, lots, ticks, 0, False, True)
    e.checks += 1
    change.lots, change.cost = <double>total, <double>cost
    change.had_lots, change.had_cost = (0.0, 0.0) if old == NULL else (<double>old.lots, <double>old.cost)
    surplus = worst_contemplate(&e.worst, state_of(e, account), instrument, &change, e.shares, e.sums)
    if carries(e, account, surplus):
        return Status.OK
    return place(g, account, INT64_MAX, instrument, lots, ticks, 0, False, True)


cdef Status cancel(State* g, int64_t account, int64_t id) noexcept nogil:
    """Always accepted."""
    cdef Ledger* b = &g.engine.ledger
    cdef int32_t number, slot
    if not known_account(g, account):
        return Status.UNKNOWN
    number = find_order(b, account, id)
    if number < 0:
        return Status.UNKNOWN
    slot = b.order[number].slot
    stale_or_kept(g, account)
    take_order(g, number)
    release_slot(b, account, slot)
    return Status.OK


cdef inline void stale_or_kept(State* g, int64_t account) noexcept nogil:
    """Before a change that is not judged: a state that the marks overtook is not worth keeping up."""
    cdef Standing* st = standing_of(&g.engine, account)
    if st.seen != g.engine.now and st.seen < newest(&g.engine, st.moved_by):
        st.seen = -1


cdef void requote(State* g, int32_t number, int64_t lots, int64_t ticks) noexcept nogil:
    """Give an order another size and limit; its place by arrival stays."""
    cdef Ledger* b = &g.engine.ledger
    cdef Order* o = &b.order[number]
    cdef bint moves = o.ticks != ticks
    cdef int64_t moved_from
    put_level(g, o.account, o.slot, o.lots, o.ticks, o.flags, -1.0)
    if moves and not o.flags & REDUCE_ONLY:
        put_level(g, o.account, o.slot, lots, ticks, o.flags, -1.0)
    if o.level >= 0:
        leave_level(b, number)
    o.lots, o.ticks, moved_from = lots, ticks, o.ticks
    if not o.flags & STOP:
        join_level(b, number)
    if o.flags & REDUCE_ONLY:
        cut_reducing(b, o.account, o.slot)
    elif moves:
        put_level(g, o.account, o.slot, lots, moved_from, o.flags, 1.0)
    put_level(g, o.account, o.slot, lots, ticks, o.flags, 1.0)


cdef Status amend(State* g, int64_t account, int64_t id, int64_t lots, int64_t ticks) noexcept nogil:
    """Cancel and place in one step: refused leaves the order as it was; less at the same limit is always accepted."""
    cdef Ledger* b = &g.engine.ledger
    cdef int32_t number
    cdef Order old
    cdef const Level* level
    cdef int64_t instrument, total, cost
    cdef bint accepted = True, smaller
    cdef Status status
    if not known_account(g, account):
        return Status.UNKNOWN
    number = find_order(b, account, id)
    if number < 0:
        return Status.UNKNOWN
    old = b.order[number]
    if not sound_lots(lots) or (lots > 0) != (old.lots > 0):
        return Status.MALFORMED
    smaller = ticks == old.ticks and (lots <= old.lots if lots > 0 else lots >= old.lots)
    instrument = b.held[account * b.n_slots + old.slot]
    if not smaller:
        status = may_order(g, account, instrument, lots, ticks, old.flags)
        if status == Status.OK:
            status = level_with(g, account, old.slot, instrument, lots, ticks, old.flags, &level, &total, &cost)
        if status == Status.OK:
            status = fresh(&g.engine, account)
        if status != Status.OK:
            return status
    stale_or_kept(g, account)
    requote(g, number, lots, ticks)
    if smaller or old.flags & STOP:
        return Status.OK
    status = judge(g, account, &accepted)
    if status == Status.OK and accepted:
        return Status.OK
    if status == Status.OK:
        status = amend_reduces(g, number, lots, ticks, &old)
        if status == Status.OK:
            return status
    requote(g, number, old.lots, old.ticks)
    return status


cdef Status amend_reduces(State* g, int32_t number, int64_t lots, int64_t ticks, const Order* old) noexcept nogil:
    """Whether the order as amended reduces, beside an account without it."""
    cdef Ledger* b = &g.engine.ledger
    cdef Order* o = &b.order[number]
    cdef Status status
    put_slot(&g.engine, o.account, o.slot, -1.0)
    leave_level(b, number)
    put_slot(&g.engine, o.account, o.slot, 1.0)
    status = reduces(g, o.account, o.slot, lots, ticks)
    put_slot(&g.engine, o.account, o.slot, -1.0)
    join_level(b, number)
    cut_reducing(b, o.account, o.slot)
    put_slot(&g.engine, o.account, o.slot, 1.0)
    return status


cdef Status trigger(State* g, int64_t account, int64_t id) noexcept nogil:
    """A stop becomes an order if the account carries it; refused, it stays dormant."""
    cdef Ledger* b = &g.engine.ledger
    cdef int32_t number
    cdef Order* o
    cdef const Level* level
    cdef int64_t total, cost
    cdef bint accepted = True
    cdef Status status
    if not known_account(g, account):
        return Status.UNKNOWN
    number = find_order(b, account, id)
    if number < 0 or not b.order[number].flags & STOP:
        return Status.UNKNOWN
    o = &b.order[number]
    status = may_order(g, account, b.held[account * b.n_slots + o.slot], o.lots, o.ticks, o.flags)
    if status == Status.OK:
        status = level_with(g, account, o.slot, b.held[account * b.n_slots + o.slot], o.lots, o.ticks, o.flags, &level,
                            &total, &cost)
    if status == Status.OK:
        status = fresh(&g.engine, account)
    if status != Status.OK:
        return status
    put_slot(&g.engine, account, o.slot, -1.0)
    wake(b, number)
    put_slot(&g.engine, account, o.slot, 1.0)
    status = judge(g, account, &accepted)
    if status == Status.OK and not accepted:
        status = amend_reduces(g, number, o.lots, o.ticks, o)
    if status != Status.OK:
        put_slot(&g.engine, account, o.slot, -1.0)
        leave_level(b, number)
        o.flags |= STOP
        cut_reducing(b, account, o.slot)
        put_slot(&g.engine, account, o.slot, 1.0)
    return status


# ---- trades ---------------------------------------------------------------------------------

cdef struct Side:
    int64_t balance       # of the settlement asset, before
    int64_t account       # NOWHERE: on another engine
    int32_t order         # -1: none
    int32_t slot
    int64_t lots          # signed
    int64_t cost
    int64_t fee


cdef Status side_of(State* g, const Event* v, int64_t account, int64_t id, int64_t sign, int64_t fee, Side* s) noexcept nogil:
    """Find a side's order, or its slot."""
    cdef Ledger* b = &g.engine.ledger
    cdef const Order* o
    s.account, s.order, s.slot, s.lots, s.fee = account, -1, -1, sign * v.e, fee
    if account == NOWHERE:
        return Status.OK if id == 0 and fee == 0 else Status.MALFORMED
    if not known_account(g, account):
        return Status.UNKNOWN
    if id == 0:
        s.slot = take_slot(b, account, v.d)
        return Status.OK if s.slot >= 0 else Status.CAPACITY
    s.order = find_order(b, account, id)
    if s.order < 0:
        return Status.UNKNOWN
    o = &b.order[s.order]
    s.slot = o.slot
    if b.held[account * b.n_slots + o.slot] != v.d or (o.lots > 0) != (sign > 0):
        return Status.UNKNOWN
    return Status.OVERFILL if v.e > sign * o.effective else Status.OK


cdef Status clear_base(Ledger* b, const Contract* c, int64_t lots) noexcept nogil:
    """The asset of a spot pair whose other side lies elsewhere."""
    cdef int64_t* clearing = b.total + CLEARING * b.n_assets + c.base
    cdef int64_t atoms
    if exact_mul_div(lots, c.base_atoms, 1, 1, EXACT_FLOOR, &atoms) or exact_add(clearing[0], atoms, clearing):
        return Status.OVERFLOW
    return Status.OK


cdef Status fill_sides(State* g, Side* buy, Side* sell, const Contract* c) noexcept nogil:
    """Both fills, or none; a side that lies elsewhere leaves its leg in CLEARING."""
    cdef Ledger* b = &g.engine.ledger
    cdef int64_t asset = c.settlement
    cdef int64_t* clearing = b.total + CLEARING * b.n_assets + asset
    cdef int64_t kept = clearing[0], base = 0 if c.base < 0 else b.total[CLEARING * b.n_assets + c.base]
    cdef Side* side[2]
    cdef Touched old[2]
    cdef Py_ssize_t i, done = 0
    cdef Status status = Status.OK
    side[0], side[1] = buy, sell
    for i in range(2):
        if side[i].account == NOWHERE:
            status = Status.OVERFLOW if exact_add(clearing[0], -side[i].cost, clearing) else Status.OK
            if status == Status.OK and c.base >= 0:
                status = clear_base(b, c, side[i].lots)
        else:
            keep(g, side[i].account, side[i].slot, asset, &old[i])
            status = fill(b, side[i].account, side[i].slot, side[i].lots, side[i].cost, side[i].fee)
            if status == Status.OK and not -MOST_LOTS <= slot_of(b, side[i].account, side[i].slot).lots <= MOST_LOTS:
                give_back(g, side[i].account, side[i].slot, asset, &old[i])
                status = Status.RANGE
        if status != Status.OK:
            break
        done += 1
    if status != Status.OK:
        clearing[0] = kept
        if c.base >= 0:
            b.total[CLEARING * b.n_assets + c.base] = base
        for i in range(done - 1, -1, -1):
            if side[i].account != NOWHERE:
                give_back(g, side[i].account, side[i].slot, asset, &old[i])
    return status


cdef void fill_order(State* g, const Side* s) noexcept nogil:
    """What is filled no longer rests; reduce-only orders follow the position."""
    cdef Ledger* b = &g.engine.ledger
    if s.account == NOWHERE:
        return
    if s.order >= 0 and b.order[s.order].lots == s.lots:
        remove_order(b, s.order)
    elif s.order >= 0:
        shrink(b, s.order, s.lots)
    cut_reducing(b, s.account, s.slot)


cdef Status trade(State* g, const Event* v) noexcept nogil:
    """Fill both sides at the trade's own price: never refused for margin, and neither side alone.

    One cost, half to even: the buyer's open cost or realised loss grows by it, the seller's shrinks by it.
    """
    cdef Ledger* b = &g.engine.ledger
    cdef const Contract* c
    cdef Side buy, sell
    cdef int64_t cost
    cdef Status status
    cdef bint same
    if not known_instrument(g, v.d):
        return Status.UNKNOWN
    c = &b.contract[v.d]
    if v.e <= 0 or v.e > MOST_LOTS or v.g < -MOST_INDEX or v.h < -MOST_INDEX or v.g > MOST_INDEX or v.h > MOST_INDEX:
        return Status.MALFORMED
    if c.trading == GONE:
        return Status.HALTED
    if v.account == NOWHERE and v.b == NOWHERE:
        return Status.MALFORMED
    status = fill_cost(c, v.e, v.f, &cost)
    if status != Status.OK:
        return status
    status = side_of(g, v, v.account, v.a, 1, v.g, &buy)
    if status == Status.OK:
        status = side_of(g, v, v.b, v.c, -1, v.h, &sell)
        if status != Status.OK and buy.account != NOWHERE:
            release_slot(b, buy.account, buy.slot)
    if status != Status.OK:
        return status
    buy.cost, sell.cost = cost, -cost
    same = buy.account == sell.account and buy.slot == sell.slot
    before_trade(g, &buy, v.d)
    if not same:
        before_trade(g, &sell, v.d)
    status = fill_sides(g, &buy, &sell, c)
    if status == Status.OK:
        fill_order(g, &buy)
        fill_order(g, &sell)
    after_trade(g, &buy, v.d)
    if not same:
        after_trade(g, &sell, v.d)
    return status


cdef inline int64_t settled(const State* g, int64_t account, int64_t instrument) noexcept nogil:
    """Balance of the asset that an instrument settles in."""
    cdef const Ledger* b = &g.engine.ledger
    return b.balance[account * b.n_assets + b.contract[instrument].settlement]


cdef void before_trade(State* g, Side* s, int64_t instrument) noexcept nogil:
    if s.account != NOWHERE:
        s.balance = settled(g, s.account, instrument)
        stale_or_kept(g, s.account)
        put_slot(&g.engine, s.account, s.slot, -1.0)


cdef inline bint moves_balances(const State* g, const Side* s, int64_t instrument) noexcept nogil:
    return g.engine.ledger.contract[instrument].base >= 0 or settled(g, s.account, instrument) != s.balance


cdef void after_trade(State* g, const Side* s, int64_t instrument) noexcept nogil:
    if s.account != NOWHERE:
        put_slot(&g.engine, s.account, s.slot, 1.0)
        note(&g.engine, s.account, instrument)
        standing_of(&g.engine, s.account).paid |= moves_balances(g, s, instrument)
        release_slot(&g.engine.ledger, s.account, s.slot)


# ---- money ----------------------------------------------------------------------------------

cdef Status enrol(State* g, const Event* v) noexcept nogil:
    """Open an account that was never open, stated in a currency."""
    cdef Owner* o
    if <uint64_t>v.account >= <uint64_t>g.engine.ledger.n_accounts:
        return Status.CAPACITY
    if <uint64_t>v.a >= <uint64_t>g.engine.ledger.n_assets:
        return Status.UNKNOWN
    o = &g.engine.ledger.owner[v.account]
    if o.trading != GONE:
        return Status.DUPLICATE
    o.trading, o.currency = OPEN, v.a
    standing_of(&g.engine, v.account).seen = -1
    return Status.OK


cdef Status move(State* g, int64_t account, int64_t asset, int64_t atoms) noexcept nogil:
    """Deposit, or withdraw where atoms are negative, unjudged."""
    cdef Status status = pay(&g.engine.ledger, account, asset, atoms, EXTERNAL)
    if status == Status.OK:
        standing_of(&g.engine, account).paid = 1
        standing_of(&g.engine, account).moved_by |= <uint64_t>1 << g.engine.bit[asset]
    return status


cdef Status leave(State* g, int64_t account, int64_t asset, int64_t atoms) noexcept nogil:
    """Take atoms out if surplus_initial is 0 or more afterwards, at the worst fill."""
    cdef bint accepted
    cdef Status status = move(g, account, asset, -atoms)
    if status != Status.OK:
        return status
    status = judge(g, account, &accepted)
    if status == Status.OK and accepted:
        return Status.OK
    move(g, account, asset, atoms)
    return Status.REFUSED if status == Status.OK else status


cdef Status money(State* g, const Event* v) noexcept nogil:
    """Deposit, withdraw and transfer; amounts are positive."""
    cdef Status status
    if not known_account(g, v.account) or not known_asset(g, v.a):
        return Status.UNKNOWN
    if v.b <= 0 or v.b > MOST_INDEX:
        return Status.MALFORMED
    if v.kind == DEPOSIT:
        return move(g, v.account, v.a, v.b)
    if v.kind == TRANSFER and not known_account(g, v.c):
        return Status.UNKNOWN
    status = leave(g, v.account, v.a, v.b)
    if status == Status.OK and v.kind == TRANSFER:
        status = move(g, v.c, v.a, v.b)
        if status != Status.OK:
            move(g, v.account, v.a, v.b)
    return status


cdef Status adjust(State* g, const Event* v) noexcept nogil:
    """Credit or charge what comes from elsewhere."""
    if not known_account(g, v.account) or not known_asset(g, v.a):
        return Status.UNKNOWN
    if v.b == 0 or not -MOST_INDEX <= v.b <= MOST_INDEX:
        return Status.MALFORMED
    return move(g, v.account, v.a, v.b)


cdef Status bring(State* g, const Event* v) noexcept nogil:
    """Add a position from elsewhere at what it cost there; its other leg stays in CLEARING."""
    cdef Ledger* b = &g.engine.ledger
    cdef Side s, none
    cdef Status status
    if not known_account(g, v.account) or not known_instrument(g, v.a):
        return Status.UNKNOWN
    if not sound_lots(v.b) or not -MOST_INDEX <= v.c <= MOST_INDEX:
        return Status.MALFORMED
    if b.contract[v.a].trading == GONE or b.contract[v.a].base >= 0:
        return Status.HALTED
    s.account, s.order, s.slot, s.lots, s.cost, s.fee = v.account, -1, take_slot(b, v.account, v.a), v.b, v.c, 0
    none.account, none.cost = NOWHERE, -v.c
    if s.slot < 0:
        return Status.CAPACITY
    before_trade(g, &s, v.a)
    status = fill_sides(g, &s, &none, &b.contract[v.a])
    if status == Status.OK:
        cut_reducing(b, s.account, s.slot)
    after_trade(g, &s, v.a)
    return status


cdef int64_t interest_on(const Event* v, int64_t balance) noexcept nogil:
    """What a balance earns: debts pay rounded up, credits earn rounded down. Rates are at most 1: it fits."""
    cdef int64_t atoms = 0
    if balance < 0:
        exact_mul_div(balance, v.b, 1, ONE, EXACT_FLOOR, &atoms)
    else:
        exact_mul_div(balance, v.c, 1, ONE, EXACT_FLOOR, &atoms)
    return atoms


cdef Status interest(State* g, const Event* v) noexcept nogil:
    """Charge every debt in an asset and pay every credit, all or none; what is left of it goes to INTEREST."""
    cdef Ledger* b = &g.engine.ledger
    cdef int64_t account, sum = 0, after, atoms
    if not known_asset(g, v.a):
        return Status.UNKNOWN
    if not (0 <= v.b <= ONE and 0 <= v.c <= ONE):
        return Status.MALFORMED
    sum = b.total[INTEREST_TOTAL * b.n_assets + v.a]
    for account in range(b.n_accounts):
        atoms = interest_on(v, b.balance[account * b.n_assets + v.a])
        if exact_add(sum, -atoms, &sum) or exact_add(b.balance[account * b.n_assets + v.a], atoms, &after):
            return Status.OVERFLOW
    for account in range(b.n_accounts):
        atoms = interest_on(v, b.balance[account * b.n_assets + v.a])
        if atoms:
            pay(b, account, v.a, atoms, INTEREST_TOTAL)
            standing_of(&g.engine, account).paid = 1
    return Status.OK


cdef void bump(State* g, uint64_t bits) noexcept nogil:
    """What depends on these bits is stale from now on."""
    cdef Py_ssize_t i
    g.engine.now += 1
    for i in range(64):
        if bits >> i & 1:
            g.engine.epoch[i] = g.engine.now


cdef Status fund(State* g, const Event* v) noexcept nogil:
    """Move an instrument's funding index; accounts owe or own the difference from now on."""
    cdef Contract* c
    if not known_instrument(g, v.a):
        return Status.UNKNOWN
    c = &g.engine.ledger.contract[v.a]
    if v.b < -MOST_INDEX or v.b > MOST_INDEX:
        return Status.MALFORMED
    if c.trading == GONE:
        return Status.HALTED
    c.funding = v.b
    bump(g, <uint64_t>1 << c.underlying)
    return Status.OK


cdef Status expire(State* g, const Event* v) noexcept nogil:
    """Settle every position of an instrument at a price, cancel its orders and free its slots; all or none."""
    cdef Ledger* b = &g.engine.ledger
    cdef int64_t account, sum, cost
    cdef int32_t slot
    cdef Contract* c
    cdef Status status
    if not known_instrument(g, v.a):
        return Status.UNKNOWN
    c = &b.contract[v.a]
    if c.trading == GONE:
        return Status.HALTED
    sum = b.total[ROUNDING * b.n_assets + c.settlement]
    sum = sum if sum >= 0 else -sum
    for account in range(b.n_accounts):
        slot = find_slot(b, account, v.a)
        if slot < 0:
            continue
        status = settle(b, account, slot, v.b, False)
        if status == Status.OK:
            status = fill_cost(c, -slot_of(b, account, slot).lots, v.b, &cost)
        if status == Status.OK and exact_add(sum, (cost if cost >= 0 else -cost) + 1, &sum):
            status = Status.OVERFLOW
        if status != Status.OK:
            return status
    for account in range(b.n_accounts):
        slot = find_slot(b, account, v.a)
        if slot >= 0:
            expire_slot(g, account, slot, v.b)
    c.trading = GONE
    return Status.OK


cdef void expire_slot(State* g, int64_t account, int32_t slot, int64_t ticks) noexcept nogil:
    cdef Ledger* b = &g.engine.ledger
    while slot_of(b, account, slot).first_order >= 0:
        remove_order(b, slot_of(b, account, slot).first_order)
    settle(b, account, slot, ticks, True)
    release_slot(b, account, slot)
    standing_of(&g.engine, account).seen = -1


cdef Status terms(State* g, const Event* v) noexcept nogil:
    """What an instrument or an account takes, and an instrument's band."""
    cdef Contract* c
    if v.kind == MODE:
        if not known_account(g, v.account):
            return Status.UNKNOWN
        if not OPEN <= v.a <= REDUCING:
            return Status.MALFORMED
        g.engine.ledger.owner[v.account].trading = v.a
        return Status.OK
    if not known_instrument(g, v.a):
        return Status.UNKNOWN
    c = &g.engine.ledger.contract[v.a]
    if v.kind == BAND:
        if v.b > v.c:
            return Status.MALFORMED
        c.low, c.high = v.b, v.c
        return Status.OK
    if not OPEN <= v.b <= GONE:
        return Status.MALFORMED
    c.trading = v.b
    return Status.OK


# ---- one door -------------------------------------------------------------------------------

cdef Status dispatch(State* g, const Event* v) noexcept nogil:
    cdef int64_t kind = v.kind
    if kind == PLACE or kind == REST:
        return place(g, v.account, v.a, v.b, v.c, v.d, v.e, True, kind == PLACE)
    if kind == CANCEL:
        return cancel(g, v.account, v.a)
    if kind == AMEND:
        return amend(g, v.account, v.a, v.b, v.c)
    if kind == TRADE:
        return trade(g, v)
    if kind == TRIGGER:
        return trigger(g, v.account, v.a)
    if kind == ENROL:
        return enrol(g, v)
    if kind == DEPOSIT or kind == WITHDRAW or kind == TRANSFER:
        return money(g, v)
    if kind == FUND:
        return fund(g, v)
    if kind == EXPIRE:
        return expire(g, v)
    if kind == INTEREST:
        return interest(g, v)
    if kind == LIST or kind == MODE or kind == BAND:
        return terms(g, v)
    if kind == BRING:
        return bring(g, v)
    if kind == ADJUST:
        return adjust(g, v)
    if kind == OBSERVE:
        return Status.OK
    if kind == MARK or kind == PARAMETERS:
        return Status.OK if g.tables else Status.MALFORMED  # the face swaps the tables that it made ready
    return Status.MALFORMED


cdef Status apply(State* g, const Event* v) noexcept nogil:
    """Apply one event; what is applied is numbered and goes to the journal."""
    cdef Event* to
    cdef Status status
    if v.time < g.time:
        return Status.TIME
    if g.ring_mask >= 0 and g.head - gate_load(&g.tail) > g.ring_mask:
        return Status.BACKPRESSURE
    status = dispatch(g, v)
    if status != Status.OK:
        return status
    g.time = v.time
    if g.ring_mask >= 0:
        to = &g.ring[g.head & g.ring_mask]
        to[0] = v[0]
        to.sequence = g.sequence + 1
        gate_store(&g.head, g.head + 1)
    gate_store(&g.sequence, g.sequence + 1)
    return Status.OK


# ---- hosts ----------------------------------------------------------------------------------

cdef api int gate_check(void* gate, int64_t account, int64_t instrument, int64_t lots, int64_t ticks) noexcept nogil:
    """Ask whether an account may place an order; changes nothing."""
    return check(<State*>gate, account, instrument, lots, ticks)


cdef api int gate_place(
    void* gate, int64_t time, int64_t account, int64_t order, int64_t instrument, int64_t lots, int64_t ticks, int64_t flags
) noexcept nogil:
    cdef Event v
    v.time, v.kind, v.account, v.a, v.b, v.c, v.d, v.e = time, PLACE, account, order, instrument, lots, ticks, flags
    v.sequence = v.f = v.g = v.h = 0
    return apply(<State*>gate, &v)


cdef api int gate_cancel(void* gate, int64_t time, int64_t account, int64_t order) noexcept nogil:
    cdef Event v
    memset(&v, 0, sizeof(v))
    v.time, v.kind, v.account, v.a = time, CANCEL, account, order
    return apply(<State*>gate, &v)


cdef api int gate_apply(void* gate, const int64_t* event) noexcept nogil:
    """Apply an event of twelve words."""
    return apply(<State*>gate, <const Event*>event)


cdef void ask_ahead(const State* g, int64_t account, int64_t instrument) noexcept nogil:
    """Ask the memory for the lines that a check of this account will read."""
    cdef const Engine* e = &g.engine
    cdef const char* state
    cdef const char* row
    cdef Py_ssize_t i
    if not known_instrument(g, instrument) or <uint64_t>account >= <uint64_t>e.ledger.n_accounts:
        return
    gate_prefetch(&e.ledger.owner[account])
    gate_prefetch(e.ledger.held + account * e.ledger.n_slots)
    state = <const char*>standing_of(e, account)
    row = <const char*>(e.worst.figures + instrument * e.worst.block)
    if e.policy == WORST_FILL:
        for i in range(min(e.stride, 64) // 8):
            gate_prefetch(state + 64 * i)
        for i in range(min(e.worst.block, 112) // 8):
            gate_prefetch(row + 64 * i)


cdef api int gate_check_many(
    void* gate, const int64_t* account, const int64_t* instrument, const int64_t* lots, const int64_t* ticks, int64_t n,
    int32_t* status
) noexcept nogil:
    """Ask for each of n orders, alone; memory is asked for ahead."""
    cdef State* g = <State*>gate
    cdef int64_t i
    for i in range(min(n, AHEAD)):
        ask_ahead(g, account[i], instrument[i])
    for i in range(n):
        if i + AHEAD < n:
            ask_ahead(g, account[i + AHEAD], instrument[i + AHEAD])
        status[i] = check(g, account[i], instrument[i], lots[i], ticks[i])
    return Status.OK


cdef api int gate_health(void* gate, int64_t account, double* figures) noexcept nogil:
    """Every ``Figure`` at the last marks, written for readers too; by the writer."""
    cdef State* g = <State*>gate
    cdef Status status
    if not known_account(g, account):
        return Status.UNKNOWN
    status = figures_of(&g.engine, account, figures)
    if status == Status.OK:
        publish(&g.engine, account, figures)
    return status


cdef api int gate_read(const void* gate, int64_t account, double* figures) noexcept nogil:
    """What ``gate_health`` last wrote, by any thread; BUSY if the writer is at it."""
    cdef const State* g = <const State*>gate
    cdef int64_t words[N_FIGURES]
    if <uint64_t>account >= <uint64_t>g.engine.ledger.n_accounts:
        return Status.UNKNOWN
    if not gate_copy(g.engine.figures + account * 8, g.engine.figures + account * 8 + 1, words, N_FIGURES):
        return Status.BUSY
    memcpy(figures, words, sizeof(words))
    return Status.OK


cdef api int64_t gate_sweep(void* gate, int64_t first, int64_t n) noexcept nogil:
    """Bring the accounts [first, first + n) up to the last marks; how many had to be derived."""
    cdef State* g = <State*>gate
    cdef int64_t account, before = g.engine.derived
    for account in range(max(first, 0), min(first + n, g.engine.ledger.n_accounts)):
        if g.engine.ledger.owner[account].trading != GONE:
            fresh(&g.engine, account)
    return g.engine.derived - before


cdef api int64_t gate_drain(void* gate, int64_t* to, int64_t most) noexcept nogil:
    """Take up to ``most`` events out of the ring; how many. By the journal's thread."""
    cdef State* g = <State*>gate
    cdef int64_t tail = g.tail, n = min(gate_load(&g.head) - tail, most), i
    if g.ring_mask < 0:
        return 0
    for i in range(n):
        memcpy(to + WORDS * i, &g.ring[(tail + i) & g.ring_mask], sizeof(Event))
    gate_store(&g.tail, tail + n)
    return n


cdef api int64_t gate_sequence(const void* gate) noexcept nogil:
    return gate_load(&(<const State*>gate).sequence)


cdef api int64_t gate_durable(const void* gate) noexcept nogil:
    return gate_load(&(<const State*>gate).durable)


# ---- faces ----------------------------------------------------------------------------------

cdef class Tables:
    """What a market and a parameter set give an engine: compiled worst fills, the plan, ranges, half atoms."""

    def __init__(
        self, const int64_t[:, ::1] alternatives not None, const int64_t[:, ::1] terms not None,
        const int64_t[:, ::1] touches not None, const int64_t[::1] touch_start not None,
        const int64_t[:, ::1] points not None, const int64_t[::1] lists not None, const double[::1] figures not None,
        const double[::1] alternative_magic not None, const double[::1] term_magic not None,
        const double[::1] sum_magic not None, Py_ssize_t sums, Py_ssize_t n_sums, Py_ssize_t block, Py_ssize_t state, Single whole not None, Single fixed,
        Interval opaque, const double[::1] plain not None, const double[::1] most_lots not None, const double[::1] most_cost not None,
        const double[::1] atom not None,
    ):
        cdef Worst* w = &self.worst
        self.arrays = (alternatives, terms, touches, touch_start, points, lists, figures, alternative_magic, term_magic,
                       sum_magic, whole, fixed, opaque, plain, most_lots, most_cost, atom)
        if (alternatives.shape[1] * sizeof(int64_t) != sizeof(Alternative) or terms.shape[1] * sizeof(int64_t) != sizeof(Term)
                or touches.shape[1] * sizeof(int64_t) != sizeof(Touch) or points.shape[1] * sizeof(int64_t) != sizeof(Point)):
            raise ValueError("tables must have the fields of the interface file")
        w.alternatives = <const Alternative*>&alternatives[0, 0]
        w.terms, w.touches = <const Term*>&terms[0, 0], <const Touch*>&touches[0, 0]
        w.touch_start, w.points, w.lists = &touch_start[0], <const Point*>&points[0, 0], &lists[0]
        w.figures, w.alternative_magic = &figures[0], &alternative_magic[0]
        w.term_magic, w.sum_magic = &term_magic[0], &sum_magic[0]
        w.n_alternatives, w.n_terms, w.n_points = alternatives.shape[0] - 1, terms.shape[0] - 1, points.shape[0] - 1
        w.sums, w.n_sums, w.block, w.state = sums, n_sums, block, state
        self.whole, self.fixed, self.opaque, self.plain = whole, fixed, opaque, &plain[0]
        self.most_lots, self.most_cost, self.atom = &most_lots[0], &most_cost[0], &atom[0]
        self.rows = 0
        for i in range(w.n_alternatives):
            self.rows = max(self.rows, w.alternatives[i].stride)
        self.rows += w.n_sums

    cdef bint fits(self, Tables other):
        """Whether states under other tables lie as under these."""
        cdef const Worst* v = &self.worst
        cdef const Worst* w = &other.worst
        return (
            v.state == w.state and v.n_alternatives == w.n_alternatives and v.n_terms == w.n_terms and self.rows == other.rows
            and memcmp(v.alternatives, w.alternatives, v.n_alternatives * sizeof(Alternative)) == 0
            and memcmp(v.terms, w.terms, v.n_terms * sizeof(Term)) == 0
        )

    cdef void load(self, Engine* e):
        """Point an engine to these tables."""
        cdef Py_ssize_t i
        e.worst, e.plain = self.worst, self.plain
        e.whole = &self.whole.program
        e.fixed = NULL if self.fixed is None else &self.fixed.program
        e.opaque = NULL if self.opaque is None else &self.opaque.bounds
        e.most_lots, e.most_cost, e.atom = self.most_lots, self.most_cost, self.atom
        e.keyed_points = 0
        for i in range(self.worst.n_points):
            e.keyed_points += self.worst.points[i].keyed


cdef Py_ssize_t up_to_lines(Py_ssize_t n_bytes):
    return (n_bytes + 63) // 64 * 64


cdef class Gate:
    """An engine of fixed capacity over tables; see ``crossmargin.account.RiskEngine`` for the face with names."""

    def __init__(
        self, Tables tables not None, const int64_t[:, ::1] contracts not None, const int64_t[::1] bits not None, *,
        Py_ssize_t accounts, Py_ssize_t slots, Py_ssize_t orders, Py_ssize_t journal, int policy, bint by_ratio,
        bint strict,
    ):
        cdef Ledger* b = &self.g.engine.ledger
        cdef Engine* e = &self.g.engine
        if self.memory != NULL:
            raise ValueError("an engine is made once")
        if contracts.shape[1] * sizeof(int64_t) != sizeof(Contract):
            raise ValueError("contracts must have the fields of the interface file")
        b.n_accounts, b.n_slots, b.n_orders = accounts, slots, orders
        b.n_instruments, b.n_assets = contracts.shape[0], bits.shape[0]
        b.mask = 1
        while b.mask + 1 < <uint64_t>(2 * orders):
            b.mask = 2 * b.mask + 1
        self.n_ledger = ledger_bytes(b)
        self.reserve(e, journal)
        if contracts.shape[0]:
            memcpy(b.contract, &contracts[0, 0], contracts.shape[0] * sizeof(Contract))
        self.bits = bits
        e.bit = &bits[0]
        e.policy, e.by_ratio, self.g.refused_in_trouble = policy, by_ratio, strict
        self.g.ring_mask = journal - 1
        self.tables = tables
        tables.load(e)
        self.owner = PyThread_get_thread_ident()
        self.reserve_states(tables)

    cdef reserve_states(self, Tables tables):
        """State of all accounts for the forms of these tables, to be derived at the first touch."""
        cdef Engine* e = &self.g.engine
        cdef Py_ssize_t stride = 8 + up_to_lines(tables.worst.state * sizeof(double)) // sizeof(double), i
        cdef Py_ssize_t room = 64 + 2 * (tables.rows + 8)
        cdef char* fresh = <char*>calloc((e.ledger.n_accounts * stride + room) * sizeof(double) + 64, 1)
        if fresh == NULL:
            raise MemoryError(f"no memory for {e.ledger.n_accounts} states of {stride} doubles")
        free(self.states)
        self.states, e.stride = fresh, stride
        e.state = <double*>(fresh + (64 - <size_t>fresh % 64) % 64)
        e.shares = e.state + e.ledger.n_accounts * stride
        e.room = e.shares + 64
        e.sums = e.room + tables.rows + 8
        for i in range(e.ledger.n_accounts):
            standing_of(e, i).seen = -1

    cdef reserve(self, Engine* e, Py_ssize_t journal):
        """One allocation for everything; touched here, so that no page is new in the path."""
        cdef Ledger* b = &e.ledger
        cdef Py_ssize_t n_rows = 16 + 14 * b.n_slots + 2 * b.n_assets
        cdef Py_ssize_t n = self.n_ledger, figures = b.n_accounts * 8 * sizeof(int64_t)
        cdef char* at
        cdef Py_ssize_t fills = up_to_lines(min(b.n_orders, 64 * b.n_slots + 64) * sizeof(Fill))
        n += fills
        n += figures + up_to_lines(n_rows * sizeof(int64_t)) + journal * sizeof(Event) + 128
        self.n_bytes = n
        self.memory = <char*>calloc(n, 1)
        if self.memory == NULL:
            raise MemoryError(f"no memory for an engine of {n} bytes")
        at = self.memory + (64 - <size_t>self.memory % 64) % 64
        self.ledger = at
        carve_ledger(b, at)
        e.figures = <int64_t*>(at + self.n_ledger)
        e.rows = <int64_t*>(<char*>e.figures + figures)
        self.g.ring = <Event*>(<char*>e.rows + up_to_lines(n_rows * sizeof(int64_t)))
        e.fills, e.n_fills = <Fill*>(self.g.ring + journal), min(b.n_orders, 64 * b.n_slots + 64)

    def __dealloc__(self):
        free(self.memory)
        free(self.states)

    @property
    def address(self):
        """Where hosts find the engine: the first argument of every function of the C interface."""
        return <size_t>&self.g

    def capsule(self):
        """The same as a capsule, named "crossmargin.gate"; it lives no longer than the engine."""
        return PyCapsule_New(&self.g, "crossmargin.gate", NULL)

    def adopt(self):
        """The calling thread writes from now on; another one is answered BUSY."""
        self.owner = PyThread_get_thread_ident()

    cdef inline bint foreign(self):
        return PyThread_get_thread_ident() != self.owner

    def check(self, int64_t account, int64_t instrument, int64_t lots, int64_t ticks):
        """Whether ``account`` may place an order: a ``Status``, 0 accepted. Changes nothing; lots > 0 buys."""
        if self.foreign():
            return Status.BUSY
        return check(&self.g, account, instrument, lots, ticks)

    def check_many(
        self, const int64_t[::1] account not None, const int64_t[::1] instrument not None,
        const int64_t[::1] lots not None, const int64_t[::1] ticks not None, int32_t[::1] status not None,
    ):
        """``check`` of each of n orders alone, written to ``status``; releases the interpreter."""
        cdef int64_t n = account.shape[0]
        if not n == instrument.shape[0] == lots.shape[0] == ticks.shape[0] == status.shape[0]:
            return Status.SHAPE
        if self.foreign():
            return Status.BUSY
        if n:
            with nogil:
                gate_check_many(&self.g, &account[0], &instrument[0], &lots[0], &ticks[0], n, &status[0])
        return Status.OK

    def place(
        self, int64_t account, int64_t order, int64_t instrument, int64_t lots, int64_t ticks, int64_t flags=0,
        int64_t time=0,
    ):
        """Check and rest an order in one step. ``time`` 0: that of the last event, here and in every event below."""
        return self.event(PLACE, time, account, order, instrument, lots, ticks, flags)

    def amend(self, int64_t account, int64_t order, int64_t lots, int64_t ticks, int64_t time=0):
        """Another size (signed) and limit, or nothing changes."""
        return self.event(AMEND, time, account, order, lots, ticks)

    def cancel(self, int64_t account, int64_t order, int64_t time=0):
        return self.event(CANCEL, time, account, order)

    def trigger(self, int64_t account, int64_t order, int64_t time=0):
        """A stop becomes an order, if the account carries it."""
        return self.event(TRIGGER, time, account, order)

    def trade(
        self, int64_t buyer, int64_t buy, int64_t seller, int64_t sell, int64_t instrument, int64_t lots, int64_t ticks,
        int64_t buy_fee=0, int64_t sell_fee=0, int64_t time=0,
    ):
        """A trade: each side an account and its order, 0 for none; account -1 lies on another engine."""
        return self.event(TRADE, time, buyer, buy, seller, sell, instrument, lots, ticks, buy_fee, sell_fee)

    def apply(self, const int64_t[::1] event not None):
        """Apply an event of twelve words: sequence (ignored), time, kind, account and its fields."""
        if event.shape[0] != WORDS:
            return Status.SHAPE
        if self.foreign():
            return Status.BUSY
        if (<const Event*>&event[0]).kind == MARK or (<const Event*>&event[0]).kind == PARAMETERS:
            return Status.MALFORMED  # they come with tables, by ``mark``
        return apply(&self.g, <const Event*>&event[0])

    def event(self, int64_t kind, int64_t time, int64_t account=0, int64_t a=0, int64_t b=0, int64_t c=0, int64_t d=0,
              int64_t e=0, int64_t f=0, int64_t g=0, int64_t h=0):
        """Apply an event of any ``Kind`` but those that come with tables."""
        cdef Event v
        if self.foreign():
            return Status.BUSY
        if kind == MARK or kind == PARAMETERS:
            return Status.MALFORMED
        v.sequence, v.time, v.kind, v.account = 0, time if time else self.g.time, kind, account
        v.a, v.b, v.c, v.d, v.e, v.f, v.g, v.h = a, b, c, d, e, f, g, h
        return apply(&self.g, &v)

    def load(self, int64_t kind, int64_t time, Tables tables not None, uint64_t bits, const int64_t[::1] words not None):
        """Take new tables, as a MARK or a PARAMETERS event; ``bits`` of what they move. The next touch of an account that
        one of them moves derives it anew."""
        cdef Event v
        cdef Status status
        if self.foreign():
            return Status.BUSY
        if words.shape[0] != 5:
            return Status.SHAPE
        memset(&v, 0, sizeof(v))
        v.time, v.kind = time if time else self.g.time, kind
        v.a, v.b, v.c, v.d, v.e = words[0], words[1], words[2], words[3], words[4]
        self.g.tables = 1
        status = apply(&self.g, &v)
        self.g.tables = 0
        if status == Status.OK:
            if not tables.fits(self.tables):  # figures of another shape: every state is derived anew
                self.reserve_states(tables)
                bits = <uint64_t>-1
            self.tables = tables
            tables.load(&self.g.engine)
            bump(&self.g, bits)
        return status

    def ask(self, int64_t account, int64_t instrument, int64_t lots, int64_t ticks, int64_t asset, int64_t atoms,
            double[::1] figures not None):
        """What ``place`` would answer with ``atoms`` of an asset more, and the figures with the order resting."""
        cdef Status status
        if figures.shape[0] != N_FIGURES:
            return Status.SHAPE
        if self.foreign():
            return Status.BUSY
        if not known_account(&self.g, account) or not known_asset(&self.g, asset):
            return Status.UNKNOWN
        status = move(&self.g, account, asset, atoms)
        if status == Status.OK:
            status = ask_resting(&self.g, account, instrument, lots, ticks, &figures[0])
            move(&self.g, account, asset, -atoms)
        return status

    def sweep(self, int64_t first, int64_t n):
        """Bring accounts [first, first + n) up to the last marks; how many had to be derived. By the writer."""
        cdef int64_t found
        if self.foreign():
            return -1
        with nogil:
            found = gate_sweep(&self.g, first, n)
        return found

    def health(self, int64_t account, double[::1] figures not None):
        """Write every ``Figure``, quote currency; by the writer."""
        if figures.shape[0] != N_FIGURES:
            return Status.SHAPE
        if self.foreign():
            return Status.BUSY
        return gate_health(&self.g, account, &figures[0])

    def read(self, int64_t account, double[::1] figures not None):
        """The figures that ``health`` last wrote, by any thread, never half of them."""
        cdef int status
        if figures.shape[0] != N_FIGURES:
            return Status.SHAPE
        with nogil:
            status = gate_read(&self.g, account, &figures[0])
            while status == Status.BUSY:
                status = gate_read(&self.g, account, &figures[0])
        return status

    def drain(self, int64_t[:, ::1] to not None):
        """Take events out of the ring, rows of twelve words; how many."""
        cdef int64_t n
        if to.shape[1] != WORDS or to.shape[0] == 0:
            return 0
        with nogil:
            n = gate_drain(&self.g, &to[0, 0], to.shape[0])
        return n

    def set_durable(self, int64_t sequence):
        """The journal holds every event up to this one; by its thread."""
        gate_store(&self.g.durable, sequence)

    def sequence(self):
        """Number of the last event applied."""
        return gate_sequence(&self.g)

    def durable(self):
        """Number of the last event that the journal holds: what a host may acknowledge."""
        return gate_durable(&self.g)

    @property
    def time(self):
        """Time of the last event, ns."""
        return self.g.time

    @property
    def n_bytes_reserved(self):
        """Memory of the engine."""
        return self.n_bytes + self.g.engine.ledger.n_accounts * self.g.engine.stride * sizeof(double)

    def counts(self):
        """Surpluses asked for, those that ran the plan anew, and states derived: (checks, recomputed, derived)."""
        return self.g.engine.checks, self.g.engine.recomputed, self.g.engine.derived

    # ---- what is held -----------------------------------------------------------------------

    def positions(self):
        """Rows (account, instrument, lots, open cost, funding index)."""
        cdef Ledger* b = &self.g.engine.ledger
        cdef const Slot* s
        found = []
        for account in range(b.n_accounts):
            for i in range(b.owner[account].n_slots):
                s = slot_of(b, account, i)
                if b.held[account * b.n_slots + i] >= 0 and s.lots:
                    found.append((account, b.held[account * b.n_slots + i], s.lots, s.open_cost, s.funding))
        return found

    def balances(self):
        """Rows (account, asset, atoms) that are not 0."""
        cdef Ledger* b = &self.g.engine.ledger
        return [(account, asset, b.balance[account * b.n_assets + asset]) for account in range(b.n_accounts)
                for asset in range(b.n_assets) if b.balance[account * b.n_assets + asset]]

    def orders(self):
        """Rows (account, id, instrument, lots open, lots that may fill, ticks, flags)."""
        cdef Ledger* b = &self.g.engine.ledger
        cdef const Order* o
        found = []
        for account in range(b.n_accounts):
            for i in range(b.owner[account].n_slots):
                at = slot_of(b, account, i).first_order if b.held[account * b.n_slots + i] >= 0 else -1
                while at >= 0:
                    o = &b.order[at]
                    found.append((account, o.id, b.held[account * b.n_slots + i], o.lots, o.effective, o.ticks, o.flags))
                    at = o.next
        return found

    def totals(self):
        """Atoms by total (EXTERNAL, FEES, ROUNDING, CLEARING, INTEREST) and asset."""
        cdef Ledger* b = &self.g.engine.ledger
        return [[b.total[total * b.n_assets + asset] for asset in range(b.n_assets)] for total in range(N_TOTALS)]

    def contracts(self):
        """Of each instrument: (funding index, what it takes, lowest, highest ticks)."""
        cdef Ledger* b = &self.g.engine.ledger
        return [(b.contract[i].funding, b.contract[i].trading, b.contract[i].low, b.contract[i].high)
                for i in range(b.n_instruments)]

    def modes(self):
        """Of each account: (what it takes, row of its currency)."""
        cdef Ledger* b = &self.g.engine.ledger
        return [(b.owner[i].trading, b.owner[i].currency) for i in range(b.n_accounts)]

    def snapshot(self):
        """Everything but the tables, as bytes that ``restore`` of an engine of the same capacity takes."""
        cdef int64_t head[6]
        head[0], head[1], head[2] = self.n_ledger, self.g.time, self.g.sequence
        head[3], head[4], head[5] = self.g.engine.ledger.free_level, self.g.engine.ledger.free_order, 0
        return <bytes>(<char*>&head[0])[:sizeof(head)] + <bytes>self.ledger[:self.n_ledger]

    def restore(self, bytes data not None):
        """Take a snapshot; every state is derived anew at its next touch."""
        cdef int64_t head[6]
        cdef Py_ssize_t i
        if len(data) != sizeof(head) + self.n_ledger:
            return Status.SHAPE
        memcpy(head, <const char*>data, sizeof(head))
        if head[0] != self.n_ledger:
            return Status.SHAPE
        memcpy(self.ledger, <const char*>data + sizeof(head), self.n_ledger)
        self.g.time, self.g.sequence, self.g.durable = head[1], head[2], head[2]
        self.g.engine.ledger.free_level, self.g.engine.ledger.free_order = <int32_t>head[3], <int32_t>head[4]
        for i in range(self.g.engine.ledger.n_accounts):
            standing_of(&self.g.engine, i).seen = -1
        return Status.OK
