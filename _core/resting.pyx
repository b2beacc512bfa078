"""Orders at the gate: what may rest, what is taken because it reduces, and what changing or taking one away does.

What answers other than OK has changed nothing. Margin is asked of ``standing``, the tables are the ledger's.
"""

from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint64_t
from crossmargin._core.events cimport State, carries, known_account, known_instrument, sound_lots, stale_or_kept
from crossmargin._core.ledger cimport (
    FEES, GONE, HALTED_NOW, ICEBERG, NO_LIMIT, OPEN, PAIRED, REDUCE_ONLY, REDUCING, ROUNDING, STOP, Contract, Ledger,
    Level, Order, Slot, cut_reducing, fill, find_level, find_order, find_slot, join_level, leave_level, release_slot,
    remove_order, reserved_cost, slot_of, take_slot, wake,
)
from crossmargin._core.legs cimport find_other, mute, unmute
from crossmargin._core.quoting cimport put_order, requote, take_order
from crossmargin._core.standing cimport (
    EQUITY_MAINTENANCE, INITIAL, MAINTENANCE, N_FIGURES, SURPLUS_INITIAL, WORST_FILL, Engine, Standing, figures_of,
    fresh, gate_prefetch, note, oversize, put_slot, standing_of, state_of, surplus_of, valued,
)
from crossmargin._core.status cimport Status
from crossmargin._core.worst cimport Change, worst_contemplate


cdef enum:
    AHEAD = 8  # accounts whose lines are asked for before they are needed


cdef Status may_order(
    const State* g, int64_t account, int64_t instrument, int64_t lots, int64_t ticks, int64_t flags
) noexcept nogil:
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
    """The account's figures, or its surplus alone, were an order filled at its limit with its fee; all is put back."""
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


cdef Status judge_order(
    State* g, int64_t account, int64_t instrument, int64_t ticks, int64_t flags, bint* accepted
) noexcept nogil:
    """``judge`` after an order changed: a dormant one reserves nothing.

    While an oracle is in doubt margin cannot be asked: what can only shrink a position is taken inside the band.
    """
    cdef const Contract* c = &g.engine.ledger.contract[instrument]
    cdef Status status = valued(&g.engine, account)
    accepted[0] = True
    if status == Status.ORACLE and flags & REDUCE_ONLY and c.low <= ticks <= c.high:
        return Status.OK
    if status != Status.OK or flags & STOP:
        return status
    return judge(g, account, accepted)


cdef Status may_rest(State* g, int64_t account, int64_t id, int64_t instrument, int64_t lots, int64_t ticks,
                     int64_t flags, bint commit) noexcept nogil:
    """What can be said of a new order before its account's state is looked at."""
    cdef const Ledger* b = &g.engine.ledger
    cdef const Level* old
    cdef int64_t total, cost
    cdef Status status = may_order(g, account, instrument, lots, ticks, flags)
    if status != Status.OK:
        return status
    if id <= 0 or (commit and id == INT64_MAX) or flags & ~<int64_t>(NO_LIMIT | REDUCE_ONLY | STOP | ICEBERG):
        return Status.MALFORMED
    if find_order(b, account, id) >= 0:
        return Status.DUPLICATE
    status = level_with(g, account, find_slot(b, account, instrument), instrument, lots, ticks, flags, &old, &total,
                        &cost)
    return Status.CAPACITY if status == Status.OK and b.free_order < 0 else status


cdef Status place(State* g, int64_t account, int64_t id, int64_t instrument, int64_t lots, int64_t ticks, int64_t flags,
                  bint commit, bint judged) noexcept nogil:
    """Rest an order if the account carries it at its worst fill, or if it reduces; reserves the slot that a fill needs.

    A stop reserves nothing until it is triggered. Without ``commit`` it only answers; unless ``judged`` it may leave
    the account below its margin.
    """
    return place_bound(g, account, id, instrument, lots, ticks, flags, 0, commit, judged)


cdef Status place_bound(
    State* g, int64_t account, int64_t id, int64_t instrument, int64_t lots, int64_t ticks, int64_t flags,
    int64_t other_id, bint commit, bint judged
) noexcept nogil:
    """The same, bound to an order of this account and instrument (0: none): a fill or the end of one ends the other."""
    cdef Ledger* b = &g.engine.ledger
    cdef int32_t slot, number, other
    cdef bint accepted = True
    cdef Status status = may_rest(g, account, id, instrument, lots, ticks, flags, commit)
    if status == Status.OK:
        status = find_other(b, account, find_slot(b, account, instrument), other_id, &other)
    if status == Status.OK:
        status = fresh(&g.engine, account)
    if status != Status.OK:
        return status
    slot = take_slot(b, account, instrument)
    if slot < 0:
        return Status.CAPACITY
    number = put_order(g, account, slot, id, lots, ticks, flags, other)
    if judged:
        status = judge_order(g, account, instrument, ticks, flags, &accepted)
    if status == Status.OK and accepted and commit:
        note(&g.engine, account, instrument)
        return Status.OK
    take_order(g, number)
    if status == Status.OK and not accepted:
        status = reduces(g, account, slot, lots, ticks)
        if status == Status.OK and commit:
            put_order(g, account, slot, id, lots, ticks, flags, other)
            note(&g.engine, account, instrument)
            return Status.OK
    release_slot(b, account, slot)
    return status


cdef Status ask_resting(
    State* g, int64_t account, int64_t instrument, int64_t lots, int64_t ticks, double* figures
) noexcept nogil:
    """``place`` without placing, and the figures with the order resting, if it can be written down at all."""
    cdef Ledger* b = &g.engine.ledger
    cdef int32_t slot, number
    cdef Status status = place(g, account, INT64_MAX, instrument, lots, ticks, 0, False, True), after
    if status != Status.OK and status != Status.REFUSED and status != Status.PRICE and status != Status.RANGE:
        return status
    slot = take_slot(b, account, instrument) if may_order(g, account, instrument, lots, ticks, 0) == Status.OK else -1
    if slot < 0:
        return status
    number = put_order(g, account, slot, INT64_MAX, lots, ticks, 0, -1)
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
    if e.policy != WORST_FILL or e.opaque != NULL or e.doubts:
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
    """Always accepted; ends the order that it is bound to as well."""
    cdef Ledger* b = &g.engine.ledger
    cdef int32_t number, slot, other
    if not known_account(g, account):
        return Status.UNKNOWN
    number = find_order(b, account, id)
    if number < 0:
        return Status.UNKNOWN
    slot, other = b.order[number].slot, b.order[number].other
    stale_or_kept(g, account)
    take_order(g, number)
    if other >= 0:
        take_order(g, other)
    release_slot(b, account, slot)
    return Status.OK


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
    if smaller:
        return Status.OK
    status = judge_order(g, account, instrument, ticks, old.flags, &accepted)
    if status == Status.OK and accepted:
        return Status.OK
    if status == Status.OK:
        status = amend_reduces(g, number, lots, ticks)
        if status == Status.OK:
            return status
    requote(g, number, old.lots, old.ticks)
    return status


cdef Status amend_reduces(State* g, int32_t number, int64_t lots, int64_t ticks) noexcept nogil:
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


cdef Status may_wake(const State* g, int64_t account, int64_t id, int32_t* number) noexcept nogil:
    """Whether a stop may become an order, margin aside."""
    cdef const Ledger* b = &g.engine.ledger
    cdef const Order* o
    cdef const Level* level
    cdef int64_t total, cost, instrument
    cdef Status status
    if not known_account(g, account):
        return Status.UNKNOWN
    number[0] = find_order(b, account, id)
    if number[0] < 0 or not b.order[number[0]].flags & STOP:
        return Status.UNKNOWN
    o = &b.order[number[0]]
    instrument = b.held[account * b.n_slots + o.slot]
    status = may_order(g, account, instrument, o.lots, o.ticks, o.flags)
    if status != Status.OK:
        return status
    return level_with(g, account, o.slot, instrument, o.lots, o.ticks, o.flags & ~<int64_t>PAIRED, &level, &total,
                      &cost)


cdef Status trigger(State* g, int64_t account, int64_t id) noexcept nogil:
    """A stop becomes an order if the account carries it without the one that it is bound to, which then ends.

    Refused, it stays dormant and the other rests.
    """
    cdef Ledger* b = &g.engine.ledger
    cdef int32_t number, other, level
    cdef Order* o
    cdef bint accepted = True
    cdef Status status = may_wake(g, account, id, &number)
    if status == Status.OK:
        status = fresh(&g.engine, account)
    if status != Status.OK:
        return status
    o = &b.order[number]
    other = o.other
    put_slot(&g.engine, account, o.slot, -1.0)
    level = mute(b, other)
    o.flags &= ~<int64_t>PAIRED
    wake(b, number)
    put_slot(&g.engine, account, o.slot, 1.0)
    status = judge_order(g, account, b.held[account * b.n_slots + o.slot], o.ticks, o.flags, &accepted)
    if status == Status.OK and not accepted:
        status = amend_reduces(g, number, o.lots, o.ticks)
    if status != Status.OK:
        put_slot(&g.engine, account, o.slot, -1.0)
        leave_level(b, number)
        o.flags |= STOP if other < 0 else STOP | PAIRED
    unmute(b, other, level)
    if status == Status.OK and other >= 0:
        remove_order(b, other)  # what it may fill was taken away before
    cut_reducing(b, account, o.slot)
    if status != Status.OK:
        put_slot(&g.engine, account, o.slot, 1.0)
    return status


# ---- many -----------------------------------------------------------------------------------

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
        for i in range(min(e.worst.sums + e.worst.n_sums + 8, 128) // 8):
            gate_prefetch(state + 64 * i)
        for i in range(min(e.worst.block, 112) // 8):
            gate_prefetch(row + 64 * i)


cdef void check_many(
    State* g, const int64_t* account, const int64_t* instrument, const int64_t* lots, const int64_t* ticks, int64_t n,
    int32_t* status
) noexcept nogil:
    """``check`` of each of n orders alone; memory is asked for ahead."""
    cdef int64_t i
    for i in range(min(n, AHEAD)):
        ask_ahead(g, account[i], instrument[i])
    for i in range(n):
        if i + AHEAD < n:
            ask_ahead(g, account[i + AHEAD], instrument[i + AHEAD])
        status[i] = check(g, account[i], instrument[i], lots[i], ticks[i])
