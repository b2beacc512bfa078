"""Rebuilds, keeps and reads the margin of one account of the engine.

Under worst fills an account's state is a pure function of its slots, balances and the tables: a change takes
its old terms away and adds the new ones, a mark makes the state stale and the next touch rebuilds it anew. Under
the venue's own order policy the plan runs over the account's rows at each question.
"""

from libc.math cimport fabs
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcpy, memset
from crossmargin._core.bounds cimport run_bounds
from crossmargin._core.feeds cimport effective_balances, feed
from crossmargin._core.integers cimport run_integers
from crossmargin._core.ledger cimport Slot, slot_of
from crossmargin._core.legs cimport next_term
from crossmargin._core.single cimport run_single, single_key, single_pairs, single_value
from crossmargin._core.worst cimport (
    Alternative, Legs, Point, one_leg, worst_add_legs, worst_base, worst_clear, worst_gather, worst_gather_legs,
    worst_least, worst_point, worst_sum,
)

cdef enum:
    STALE = -1
    LINE = 8
    DEBTS = 2  # of a doubted asset: only what is owed cannot be valued


cdef Standing* standing_of(const Engine* e, int64_t account) noexcept nogil:
    return <Standing*>(e.state + account * e.stride)


cdef double* state_of(const Engine* e, int64_t account) noexcept nogil:
    return e.state + account * e.stride + LINE


# ---- state ----------------------------------------------------------------------------------

cdef bint oversize(const Engine* e, int64_t instrument, int64_t lots, int64_t cost) noexcept nogil:
    return fabs(<double>lots) > e.most_lots[instrument] or fabs(<double>cost) > e.most_cost[instrument]


cdef bint oversize_legs(const Engine* e, int64_t instrument, const Legs* x) noexcept nogil:
    return (max(fabs(x.lots), fabs(x.other_lots)) > e.most_lots[instrument]
            or max(fabs(x.cost), fabs(x.other_cost)) > e.most_cost[instrument])


cdef void put(
    Engine* e, int64_t account, int64_t instrument, int64_t lots, int64_t cost, bint order, double sign
) noexcept nogil:
    """Add or take away a position's or a level's terms; a state that is stale is left to be rebuilt.

    Beyond the range of exact sums, or without room for a key, the account becomes stale: rebuilding it says why.
    """
    cdef Legs legs = one_leg(<double>lots, <double>cost, order)
    put_legs(e, account, instrument, &legs, sign)


cdef inline bint is_nothing(const Legs* x) noexcept nogil:
    return x.lots == 0.0 and x.cost == 0.0 and x.other_lots == 0.0 and x.other_cost == 0.0


cdef void put_legs(Engine* e, int64_t account, int64_t instrument, const Legs* legs, double sign) noexcept nogil:
    """The same of any term."""
    cdef Standing* st = standing_of(e, account)
    cdef Status status = Status.RANGE
    if e.policy != WORST_FILL or st.seen == STALE or is_nothing(legs):
        return
    if not st.beyond and not oversize_legs(e, instrument, legs):
        status = worst_add_legs(&e.worst, state_of(e, account), instrument, legs, sign, True)
    if status != Status.OK:
        st.seen = STALE


cdef void put_slot(Engine* e, int64_t account, int slot, double sign) noexcept nogil:
    """The same for everything of a slot: its position and the levels of its orders."""
    cdef const Slot* s = slot_of(&e.ledger, account, slot)
    cdef int64_t instrument = e.ledger.held[account * e.ledger.n_slots + slot]
    cdef int32_t at = s.first_level
    cdef Legs legs
    put(e, account, instrument, s.lots, s.open_cost, False, sign)
    while next_term(&e.ledger, &at, &legs):
        put_legs(e, account, instrument, &legs, sign)


cdef void note(Engine* e, int64_t account, int64_t instrument) noexcept nogil:
    """The account is moved by this instrument from now on."""
    standing_of(e, account).moved_by |= <uint64_t>1 << e.ledger.contract[instrument].underlying


cdef int64_t newest(const Engine* e, uint64_t bits) noexcept nogil:
    cdef int64_t latest = 0
    cdef Py_ssize_t i
    for i in range(64):
        if bits >> i & 1 and e.epoch[i] > latest:
            latest = e.epoch[i]
    return latest


cdef Status fresh(Engine* e, int64_t account) noexcept nogil:
    """Bring the state up to the last marks and balances."""
    cdef Standing* st = standing_of(e, account)
    cdef Status status = Status.OK
    if e.policy != WORST_FILL or (st.seen == e.now and not st.paid and not st.beyond):
        return Status.OK
    if st.seen == STALE or st.beyond or st.seen < newest(e, st.moved_by):
        return rebuild(e, account)
    if st.paid:
        status = rebase(e, account)
    if status == Status.OK:
        st.seen, st.paid = e.now, 0
    return status


cdef Status run_fixed(Engine* e, const Source* feeds, bint exact) noexcept nogil:
    """The nodes that no fill moves; unrounded if not ``exact``."""
    cdef const double* magic = e.fixed.b.magic
    cdef Status status
    e.fixed.b.magic = magic if exact else e.plain
    status = run_single(e.fixed, feeds)
    e.fixed.b.magic = magic
    return status


cdef Status rebase(Engine* e, int64_t account) noexcept nogil:
    """Take in balances that changed."""
    cdef Source feeds[N_FEEDS]
    cdef Status status
    cdef Py_ssize_t i, j
    cdef const Alternative* a
    cdef bint exact = standing_of(e, account).beyond == 0
    if e.keyed_points and standing_of(e, account).paid:
        return rebuild(e, account)
    if e.worst.n_points == 0:
        return Status.OK
    status = feed(e, account, False, False, feeds)
    if status == Status.OK:
        status = run_fixed(e, feeds, exact)
        if status == Status.RANGE:  # balances beyond what sums are exact for
            standing_of(e, account).beyond, exact = 1, False
            status = run_fixed(e, feeds, exact)
    if status != Status.OK:
        return status
    for i in range(e.worst.n_alternatives):
        a = e.worst.alternatives + i
        memset(e.room, 0, a.rows * sizeof(double))
        for j in range(e.worst.n_points):
            if not e.worst.points[j].keyed and e.worst.points[j].target == i:
                add_point(e, e.worst.points + j, a.rows, e.room)
        worst_base(&e.worst, state_of(e, account), i, e.room, exact)
    return Status.OK


cdef void add_point(Engine* e, const Point* p, Py_ssize_t rows, double* out) noexcept nogil:
    """Sum over its held keys of a node's value times its factor."""
    cdef Py_ssize_t i, r, stride = e.fixed.b.nodes[e.fixed.wanted[p.wanted]].rows
    cdef const double* factor
    cdef const double* value
    for i in range(single_pairs(e.fixed, p.wanted)):
        factor = e.worst.figures + p.factor
        if p.factor_keys > 1:
            factor += single_key(e.fixed, p.wanted, i) * rows
        value = single_value(e.fixed, p.wanted, i) + (p.row if p.row > 0 else 0)
        for r in range(rows):
            out[r] += value[r if p.row < 0 and stride > 1 else 0] * factor[r]


cdef Status rebuild(Engine* e, int64_t account) noexcept nogil:
    """The state anew from slots, balances and tables."""
    cdef Standing* st = standing_of(e, account)
    cdef Py_ssize_t i
    cdef Status status = Status.OK
    e.rebuilt += 1
    st.beyond, st.moved_by, st.seen, st.paid = 0, 0, STALE, 0
    for i in range(e.ledger.owner[account].n_slots):
        if e.ledger.held[account * e.ledger.n_slots + i] >= 0:
            note(e, account, e.ledger.held[account * e.ledger.n_slots + i])
            st.beyond += slot_beyond(e, account, <int32_t>i)
    for i in range(e.ledger.n_assets):
        if e.ledger.balance[account * e.ledger.n_assets + i]:
            st.moved_by |= <uint64_t>1 << e.bit[i]
    worst_clear(&e.worst, state_of(e, account))
    status = rebase(e, account)
    if status == Status.OK:
        status = rebuild_terms(e, account)
    if status == Status.OK:
        st.seen = e.now
    return status


cdef int64_t slot_beyond(const Engine* e, int64_t account, int32_t slot) noexcept nogil:
    """Whether a term of a slot is beyond the range of exact sums."""
    cdef const Slot* s = slot_of(&e.ledger, account, slot)
    cdef int64_t instrument = e.ledger.held[account * e.ledger.n_slots + slot]
    cdef int32_t at = s.first_level
    cdef Legs legs
    cdef bint found = oversize(e, instrument, s.lots, s.open_cost)
    while not found and next_term(&e.ledger, &at, &legs):
        found = oversize_legs(e, instrument, &legs)
    return found


cdef Status rebuild_terms(Engine* e, int64_t account) noexcept nogil:
    """Add the terms of all slots, and of the nodes that balances move, key by key."""
    cdef bint exact = standing_of(e, account).beyond == 0
    cdef double* state = state_of(e, account)
    cdef const Slot* s
    cdef Legs legs
    cdef int64_t instrument
    cdef int32_t at
    cdef Py_ssize_t i, j
    cdef Status status = Status.OK
    for i in range(e.ledger.owner[account].n_slots):
        instrument = e.ledger.held[account * e.ledger.n_slots + i]
        if instrument < 0:
            continue
        s = slot_of(&e.ledger, account, <int32_t>i)
        if s.lots or s.open_cost:
            status = worst_gather(&e.worst, state, instrument, <double>s.lots, <double>s.open_cost, False, exact)
        at = s.first_level
        while status == Status.OK and next_term(&e.ledger, &at, &legs):
            if not is_nothing(&legs):
                status = worst_gather_legs(&e.worst, state, instrument, &legs, exact)
        if status != Status.OK:
            return status
    worst_sum(&e.worst, state, exact)
    for j in range(e.worst.n_points if e.keyed_points else 0):
        if e.worst.points[j].keyed:
            for i in range(single_pairs(e.fixed, e.worst.points[j].wanted)):
                status = worst_point(
                    &e.worst, state, e.worst.points + j, single_key(e.fixed, e.worst.points[j].wanted, i),
                    single_value(e.fixed, e.worst.points[j].wanted, i) + max(e.worst.points[j].row, 0), exact)
                if status != Status.OK:
                    return status
    return status


# ---- doubted oracles ------------------------------------------------------------------------

cdef Status valued(const Engine* e, int64_t account) noexcept nogil:
    """ORACLE for an account that holds what an oracle values that is in doubt."""
    cdef Py_ssize_t i
    cdef int32_t held
    if not e.doubts:
        return Status.OK
    for i in range(e.ledger.owner[account].n_slots):
        held = e.ledger.held[account * e.ledger.n_slots + i]
        if held >= 0 and e.doubted_instruments[held] and moves(e, slot_of(&e.ledger, account, <int32_t>i)):
            return Status.ORACLE
    return balances_valued(e, account)


cdef bint moves(const Engine* e, const Slot* s) noexcept nogil:
    """Whether a slot has a position, a cost, or an order that may fill, where orders count."""
    cdef int32_t at = s.first_level if e.policy != NONE else -1
    while at >= 0 and e.ledger.level[at].lots == 0:
        at = e.ledger.level[at].next
    return s.lots != 0 or s.open_cost != 0 or at >= 0


cdef Status balances_valued(const Engine* e, int64_t account) noexcept nogil:
    """The same of balances, with the funding that is due."""
    cdef int64_t* atoms = e.rows + e.ledger.n_assets
    cdef Py_ssize_t i
    cdef Status status = effective_balances(e, account, e.rows, atoms)
    for i in range(e.ledger.n_assets if status == Status.OK else 0):
        if e.doubted_assets[i] and (atoms[i] < 0 or atoms[i] > 0 and e.doubted_assets[i] != DEBTS):
            return Status.ORACLE
    return status


# ---- figures --------------------------------------------------------------------------------

cdef Status run_whole(Engine* e, const Source* feeds) noexcept nogil:
    """The plan over these rows; in float64 and unrounded where a sum or a figure is beyond its range."""
    cdef const double* magic = e.whole.b.magic
    cdef Status status = run_single(e.whole, feeds) if e.integers == NULL else run_integers(e.integers, feeds)
    e.beyond = status == Status.RANGE
    if e.beyond:
        e.whole.b.magic = e.plain
        status = run_single(e.whole, feeds)
        e.whole.b.magic = magic
    return status


cdef Status bound_opaque(Engine* e, int64_t account) noexcept nogil:
    """Lower ends of what has no linear forms, over the fills of all levels."""
    cdef Source feeds[N_FEEDS]
    cdef Legs legs
    cdef Py_ssize_t i, n = 0
    cdef int32_t at
    cdef Status status
    e.recomputed += 1
    for i in range(e.ledger.owner[account].n_slots):
        if e.ledger.held[account * e.ledger.n_slots + i] < 0:
            continue
        at = slot_of(&e.ledger, account, <int32_t>i).first_level
        while next_term(&e.ledger, &at, &legs):
            if n == e.n_fills:
                return Status.CAPACITY
            e.fills[n].instrument = e.ledger.held[account * e.ledger.n_slots + i]
            e.fills[n].lots, e.fills[n].cost = legs.lots, legs.cost
            e.fills[n].other_lots, e.fills[n].other_cost = legs.other_lots, legs.other_cost
            n += 1
    status = feed(e, account, True, False, feeds)
    return run_bounds(e.opaque, feeds, e.fills, n, e.shares) if status == Status.OK else status


cdef Status surplus_of(Engine* e, int64_t account, double* surplus) noexcept nogil:
    """surplus_initial at the engine's order policy, quote currency."""
    cdef Source feeds[N_FEEDS]
    cdef Status status = valued(e, account)
    if status == Status.OK:
        status = fresh(e, account)
    e.checks += 1
    if status != Status.OK:
        return status
    if e.policy == WORST_FILL:
        if e.opaque != NULL:
            status = bound_opaque(e, account)
            if status != Status.OK:
                return status
        surplus[0] = worst_least(&e.worst, state_of(e, account), e.shares)
        e.beyond = standing_of(e, account).beyond != 0
        return Status.OK
    e.recomputed += 1
    status = feed(e, account, True, e.policy == VENUE, feeds)
    if status == Status.OK:
        status = run_whole(e, feeds)
    if status == Status.OK:
        surplus[0] = single_value(e.whole, 0, 0)[0] - single_value(e.whole, 1, 0)[0]
    return status


cdef inline double level_of(const Engine* e, Py_ssize_t wanted, Py_ssize_t level) noexcept nogil:
    """A level of a wanted node; one without levels is the same at all."""
    return single_value(e.whole, wanted, 0)[level if e.whole.b.nodes[e.whole.wanted[wanted]].rows > 1 else 0]


cdef Status figures_of(Engine* e, int64_t account, double* figures) noexcept nogil:
    """Every ``Figure`` of an account."""
    cdef Source feeds[N_FEEDS]
    cdef double surplus
    cdef Status status = surplus_of(e, account, &surplus)
    cdef bint beyond = e.beyond
    if status == Status.OK and e.policy == WORST_FILL:
        status = feed(e, account, True, False, feeds)
        if status == Status.OK:
            status = run_whole(e, feeds)
        e.beyond |= beyond
    if status != Status.OK:
        return status
    figures[SURPLUS_INITIAL] = surplus
    figures[EQUITY_INITIAL] = level_of(e, 0, 0)
    figures[INITIAL] = level_of(e, 1, 0) if e.policy != WORST_FILL else figures[EQUITY_INITIAL] - surplus
    figures[EQUITY_MAINTENANCE] = level_of(e, 0, 1)
    figures[MAINTENANCE] = level_of(e, 1, 1)
    figures[SURPLUS_MAINTENANCE] = figures[EQUITY_MAINTENANCE] - figures[MAINTENANCE]
    return Status.OK


cdef void publish(Engine* e, int64_t account, const double* figures) noexcept nogil:
    """Let readers see these figures, all of them or none."""
    cdef int64_t bits[N_FIGURES]
    memcpy(bits, figures, sizeof(bits))
    gate_publish(e.figures + account * LINE, e.figures + account * LINE + 1, bits, N_FIGURES)
