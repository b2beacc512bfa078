"""Trades and money at the gate: fills, deposits, funding, interest, expiry, and what instruments and accounts take.

A trade is never refused for margin. What answers other than OK has changed nothing, on no side.
"""

from libc.stdint cimport int32_t, int64_t, uint64_t
from crossmargin._core.events cimport (
    BAND, DEPOSIT, EXPIRE, FUND, INTEREST, LIST, MARK, MODE, OBSERVE, PARAMETERS, TRADE, TRANSFER, Event, State,
    known_account, known_asset, known_instrument, sound_lots, stale_or_kept,
)
from crossmargin._core.exact cimport EXACT_FLOOR, exact_add, exact_mul_div
from crossmargin._core.ledger cimport (
    CLEARING, EXTERNAL, GONE, INTEREST as INTEREST_TOTAL, OPEN, REDUCING, ROUNDING, Contract, Ledger, Order, Owner,
    cut_reducing, fill, fill_cost, find_order, find_slot, pay, release_slot, remove_order, settle, shrink, slot_of,
    take_slot,
)
from crossmargin._core.legs cimport unbind
from crossmargin._core.resting cimport Touched, give_back, judge, keep
from crossmargin._core.standing cimport note, put_slot, standing_of
from crossmargin._core.status cimport Status

cdef enum:
    NOWHERE = -1          # a side of a trade whose account lies on another engine

cdef int64_t MOST_LOTS = <int64_t>1 << 53
cdef int64_t MOST_INDEX = <int64_t>1 << 62
cdef int64_t ONE = <int64_t>1 << 32


# ---- trades ---------------------------------------------------------------------------------

cdef struct Side:
    int64_t balance       # of the settlement asset, before
    int64_t account       # NOWHERE: on another engine
    int32_t order         # -1: none
    int32_t slot
    int64_t lots          # signed
    int64_t cost
    int64_t fee


cdef Status side_of(
    State* g, const Event* v, int64_t account, int64_t id, int64_t sign, int64_t fee, Side* s
) noexcept nogil:
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
    """What is filled no longer rests, nor what it is bound to; reduce-only orders follow the position."""
    cdef Ledger* b = &g.engine.ledger
    if s.account == NOWHERE:
        return
    if s.order >= 0 and b.order[s.order].other >= 0:
        remove_order(b, b.order[s.order].other)
        unbind(b, s.order)
    if s.order >= 0 and b.order[s.order].lots == s.lots:
        remove_order(b, s.order)
    elif s.order >= 0:
        shrink(b, s.order, s.lots)
    cut_reducing(b, s.account, s.slot)


cdef void fill_orders(State* g, const Side* buy, const Side* sell) noexcept nogil:
    """Both sides' orders; of an account that trades with itself, two that are bound end each other."""
    cdef Ledger* b = &g.engine.ledger
    if buy.order >= 0 and sell.order >= 0 and b.order[buy.order].other == sell.order:
        remove_order(b, buy.order)
        remove_order(b, sell.order)
        cut_reducing(b, buy.account, buy.slot)
        return
    fill_order(g, buy)
    fill_order(g, sell)


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
        fill_orders(g, &buy, &sell)
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
    """Deposit, withdraw and transfer; amounts are positive. What a liquidation takes is not judged."""
    cdef Status status
    cdef bint seized
    if not known_account(g, v.account) or not known_asset(g, v.a):
        return Status.UNKNOWN
    if v.b <= 0 or v.b > MOST_INDEX or (v.kind == TRANSFER and not 0 <= v.d <= 1):
        return Status.MALFORMED
    if v.kind == DEPOSIT:
        return move(g, v.account, v.a, v.b)
    if v.kind == TRANSFER and not known_account(g, v.c):
        return Status.UNKNOWN
    seized = v.kind == TRANSFER and v.d == 1
    status = move(g, v.account, v.a, -v.b) if seized else leave(g, v.account, v.a, v.b)
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


cdef void named(State* g, int64_t account, int64_t sequence) noexcept nogil:
    if <uint64_t>account < <uint64_t>g.engine.ledger.n_accounts:
        standing_of(&g.engine, account).changed = sequence


cdef void remember(State* g, const Event* v) noexcept nogil:
    """Note whom an event changed, so that who watches the accounts looks at those alone."""
    cdef int64_t sequence = g.sequence + 1
    if v.kind == FUND or v.kind == EXPIRE or v.kind == INTEREST or v.kind == PARAMETERS:
        g.everyone = sequence
    elif v.kind != MARK and v.kind != OBSERVE and v.kind != LIST and v.kind != BAND:
        named(g, v.account, sequence)
        if v.kind == TRADE:
            named(g, v.b, sequence)
        if v.kind == TRANSFER:
            named(g, v.c, sequence)


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
