"""The ledger's rules: what a fill, a payment and a settlement do to slots and balances, in integers.

A fill's cost is one integer, rounded half to even once a trade; closing part of a position releases its
share of the open cost, rounded toward zero, and the rest stays, so nothing is lost over a round trip.
Every function checks before it changes: what answers other than OK has changed nothing. Sum of balances
less open costs, plus what the totals hold, less deposits is 0 for every asset, always.
"""

from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint64_t
from libc.string cimport memcpy
from crossmargin._core.exact cimport EXACT_CEIL, EXACT_EVEN, EXACT_FLOOR, EXACT_TRUNC, exact_add, exact_mul_div
from crossmargin._core.status cimport Status

cdef enum:
    FUNDING_BITS = 32
    BUYS = 1  # of a level

# ---- what things cost -----------------------------------------------------------------------

cdef Status rounded_cost(const Contract* c, int64_t lots, int64_t ticks, int mode, int64_t* cost) noexcept nogil:
    cdef int wrong
    if not c.inverse:
        wrong = exact_mul_div(lots, ticks, c.num, c.den, mode, cost)
    elif ticks <= 0:
        return Status.PRICE
    else:
        wrong = inverse_cost(c, lots, ticks, mode, cost)
    return Status.OVERFLOW if wrong else Status.OK


cdef int inverse_cost(const Contract* c, int64_t lots, int64_t ticks, int mode, int64_t* cost) noexcept nogil:
    """``-lots num / (ticks den)``: a long is short the coin value of its notional."""
    cdef int64_t divisor
    if exact_mul_div(ticks, c.den, 1, 1, EXACT_TRUNC, &divisor):
        return 1
    return exact_mul_div(-lots, c.num, 1, divisor, mode, cost)


cdef Status fill_cost(const Contract* c, int64_t lots, int64_t ticks, int64_t* cost) noexcept nogil:
    """Atoms paid for lots at a price, half to even."""
    return rounded_cost(c, lots, ticks, EXACT_EVEN, cost)


cdef Status reserved_cost(const Contract* c, int64_t lots, int64_t ticks, int64_t* cost) noexcept nogil:
    """The same with the fee that a fill is held to cost, rounded up."""
    cdef int64_t fee
    cdef Status status = fill_cost(c, lots, ticks, cost)
    if status != Status.OK or c.fee == 0:
        return status
    if exact_mul_div(cost[0] if cost[0] >= 0 else -cost[0], c.fee, 1, <int64_t>1 << FUNDING_BITS, EXACT_CEIL, &fee):
        return Status.OVERFLOW
    return Status.OVERFLOW if exact_add(cost[0], fee, cost) else Status.OK


# ---- slots ----------------------------------------------------------------------------------

cdef Slot* slot_of(const Ledger* g, int64_t account, int32_t slot) noexcept nogil:
    return g.slot + account * g.n_slots + slot


cdef int32_t find_slot(const Ledger* g, int64_t account, int64_t instrument) noexcept nogil:
    """The slot of an instrument, -1 if the account has none; one pass without a branch."""
    cdef const int32_t* held = g.held + account * g.n_slots
    cdef int32_t wanted = <int32_t>instrument, found = -1, i, n = <int32_t>g.owner[account].n_slots
    for i in range(n):
        found = i if held[i] == wanted else found
    return found


cdef int32_t take_slot(Ledger* g, int64_t account, int64_t instrument) noexcept nogil:
    """The slot of an instrument, a free one where there is none yet; -1 if all are taken."""
    cdef int32_t at = find_slot(g, account, instrument)
    cdef Slot* s
    if at >= 0:
        return at
    at = find_slot(g, account, -1)
    if at < 0:
        if g.owner[account].n_slots == g.n_slots:
            return -1
        at = <int32_t>g.owner[account].n_slots
        g.owner[account].n_slots += 1
    s = slot_of(g, account, at)
    s.lots, s.open_cost, s.funding = 0, 0, g.contract[instrument].funding
    s.first_level, s.first_order, s.last_order, s.n_orders, s.n_reducing = -1, -1, -1, 0, 0
    g.held[account * g.n_slots + at] = <int32_t>instrument
    return at


cdef void release_slot(Ledger* g, int64_t account, int32_t slot) noexcept nogil:
    """Give a slot back once it holds nothing."""
    cdef const Slot* s = slot_of(g, account, slot)
    cdef int32_t* held = g.held + account * g.n_slots
    if s.lots or s.open_cost or s.n_orders:
        return
    held[slot] = -1
    while g.owner[account].n_slots and held[g.owner[account].n_slots - 1] < 0:
        g.owner[account].n_slots -= 1


# ---- orders ---------------------------------------------------------------------------------

cdef inline uint64_t hash_of(int64_t account, int64_t id) noexcept nogil:
    cdef uint64_t x = (<uint64_t>id * 0x9E3779B97F4A7C15ULL) ^ (<uint64_t>account * 0xC2B2AE3D27D4EB4FULL)
    return x ^ (x >> 29)


cdef inline uint64_t place_of(const Ledger* g, int64_t account, int64_t id) noexcept nogil:
    """Where an order is hashed, or the free place where it would be."""
    cdef uint64_t at = hash_of(account, id) & g.mask
    cdef const Order* o
    while g.hashed[at]:
        o = &g.order[g.hashed[at] - 1]
        if o.id == id and o.account == account:
            break
        at = (at + 1) & g.mask
    return at


cdef int32_t find_order(const Ledger* g, int64_t account, int64_t id) noexcept nogil:
    return g.hashed[place_of(g, account, id)] - 1


cdef void forget(Ledger* g, int64_t account, int64_t id) noexcept nogil:
    """Take an order out of the hash; what was pushed behind it moves up."""
    cdef uint64_t hole = place_of(g, account, id), at = hole, home
    cdef const Order* o
    while True:
        at = (at + 1) & g.mask
        if not g.hashed[at]:
            break
        o = &g.order[g.hashed[at] - 1]
        home = hash_of(o.account, o.id) & g.mask
        if ((at - home) & g.mask) >= ((at - hole) & g.mask):
            g.hashed[hole] = g.hashed[at]
            hole = at
    g.hashed[hole] = 0


cdef int32_t find_level(const Ledger* g, const Slot* s, int64_t lots, int64_t ticks, int64_t flags) noexcept nogil:
    """The level that an order of this side, limit and kind joins, -1 if there is none."""
    cdef int32_t at = s.first_level if not flags & PAIRED else -1  # bound orders have levels of their own
    cdef int64_t kind = (flags & REDUCE_ONLY) | (BUYS if lots > 0 else 0)
    while at >= 0:
        if g.level[at].ticks == ticks and g.level[at].flags == kind:
            return at
        at = g.level[at].next
    return -1


cdef void resize(Ledger* g, int64_t account, int32_t slot, int32_t level, int64_t lots) noexcept nogil:
    """Change what a level may fill, and what that costs; a cost beyond 64 bits is as large as they go."""
    cdef Level* v = &g.level[level]
    v.lots += lots
    if reserved_cost(&g.contract[g.held[account * g.n_slots + slot]], v.lots, v.ticks, &v.cost) != Status.OK:
        v.cost = INT64_MAX


cdef void join_level(Ledger* g, int32_t number) noexcept nogil:
    """Put an order with the others of its side, limit and kind. There are as many levels as orders."""
    cdef Order* o = &g.order[number]
    cdef Slot* s = slot_of(g, o.account, o.slot)
    cdef int32_t at = find_level(g, s, o.lots, o.ticks, o.flags)
    if at < 0:
        at = g.free_level
        g.free_level = g.level[at].next
        g.level[at].ticks, g.level[at].lots, g.level[at].cost, g.level[at].n_orders = o.ticks, 0, 0, 0
        g.level[at].flags = <int32_t>(o.flags & (REDUCE_ONLY | PAIRED)) | (BUYS if o.lots > 0 else 0)
        g.level[at].other = -1
        g.level[at].next = s.first_level
        s.first_level = at
    g.level[at].n_orders += 1
    o.level = at
    if o.other >= 0 and g.order[o.other].level >= 0:
        g.level[at].other = g.order[o.other].level
        g.level[g.level[at].other].other = at
    o.effective = 0 if o.flags & REDUCE_ONLY else o.lots
    resize(g, o.account, o.slot, at, o.effective)


cdef void leave_level(Ledger* g, int32_t number) noexcept nogil:
    cdef Order* o = &g.order[number]
    cdef Slot* s = slot_of(g, o.account, o.slot)
    cdef int32_t* link = &s.first_level
    if o.level < 0:
        return
    resize(g, o.account, o.slot, o.level, -o.effective)
    g.level[o.level].n_orders -= 1
    if g.level[o.level].n_orders == 0:
        if g.level[o.level].other >= 0:
            g.level[g.level[o.level].other].other = -1
        while link[0] != o.level:
            link = &g.level[link[0]].next
        link[0] = g.level[o.level].next
        g.level[o.level].next = g.free_level
        g.free_level = o.level
    o.level, o.effective = -1, 0


cdef int32_t rest(
    Ledger* g, int64_t account, int32_t slot, int64_t id, int64_t lots, int64_t ticks, int64_t flags
) noexcept nogil:
    """Make an order; the caller saw that there is room. A stop is dormant, and joins no level."""
    cdef int32_t number = g.free_order
    cdef Order* o = &g.order[number]
    cdef Slot* s = slot_of(g, account, slot)
    g.free_order = o.next
    o.account, o.id, o.lots, o.ticks, o.flags, o.slot = account, id, lots, ticks, flags, slot
    o.level, o.effective, o.next, o.previous, o.other = -1, 0, -1, s.last_order, -1
    if s.last_order >= 0:
        g.order[s.last_order].next = number
    else:
        s.first_order = number
    s.last_order = number
    s.n_orders += 1
    s.n_reducing += 1 if flags & REDUCE_ONLY else 0
    g.owner[account].n_orders += 1
    g.hashed[place_of(g, account, id)] = number + 1
    if not flags & STOP:
        join_level(g, number)
    if flags & REDUCE_ONLY:
        cut_reducing(g, account, slot)
    return number


cdef void remove_order(Ledger* g, int32_t number) noexcept nogil:
    cdef Order* o = &g.order[number]
    cdef Slot* s = slot_of(g, o.account, o.slot)
    leave_level(g, number)
    if o.other >= 0:
        g.order[o.other].other = -1
    forget(g, o.account, o.id)
    if o.previous >= 0:
        g.order[o.previous].next = o.next
    else:
        s.first_order = o.next
    if o.next >= 0:
        g.order[o.next].previous = o.previous
    else:
        s.last_order = o.previous
    s.n_orders -= 1
    s.n_reducing -= 1 if o.flags & REDUCE_ONLY else 0
    g.owner[o.account].n_orders -= 1
    o.next = g.free_order
    g.free_order = number
    if o.flags & REDUCE_ONLY:
        cut_reducing(g, o.account, o.slot)


cdef void shrink(Ledger* g, int32_t number, int64_t lots) noexcept nogil:
    """Take filled or given-up lots (of its sign) from an order that keeps some; ``remove_order`` takes all."""
    cdef Order* o = &g.order[number]
    o.lots -= lots
    if o.level >= 0 and not o.flags & REDUCE_ONLY:
        o.effective -= lots
        resize(g, o.account, o.slot, o.level, -lots)


cdef void wake(Ledger* g, int32_t number) noexcept nogil:
    """A stop that was triggered rests like any other order."""
    cdef Order* o = &g.order[number]
    o.flags &= ~(<int64_t>STOP)
    join_level(g, number)
    if o.flags & REDUCE_ONLY:
        cut_reducing(g, o.account, o.slot)


cdef void cut_reducing(Ledger* g, int64_t account, int32_t slot) noexcept nogil:
    """Cut reduce-only orders, the earliest first, to what the position leaves them."""
    cdef Slot* s = slot_of(g, account, slot)
    cdef int64_t left = s.lots if s.lots > 0 else -s.lots, size
    cdef int32_t at = s.first_order
    cdef Order* o
    while at >= 0 and s.n_reducing:
        o = &g.order[at]
        if o.level >= 0 and o.flags & REDUCE_ONLY:
            size = 0
            if s.lots and (s.lots > 0) != (o.lots > 0):
                size = min(left, o.lots if o.lots > 0 else -o.lots)
            left -= size
            size = size if o.lots > 0 else -size
            resize(g, account, slot, o.level, size - o.effective)
            o.effective = size
        at = o.next


# ---- money ----------------------------------------------------------------------------------

cdef Status pay(Ledger* g, int64_t account, int64_t asset, int64_t atoms, Total source) noexcept nogil:
    """Credit an account from a total, or charge it into one where atoms are negative."""
    cdef int64_t* balance = g.balance + account * g.n_assets + asset
    cdef int64_t* total = g.total + source * g.n_assets + asset
    cdef int64_t owned, left
    if atoms == -atoms and atoms:
        return Status.OVERFLOW
    if exact_add(balance[0], atoms, &owned) or exact_add(total[0], atoms if source == EXTERNAL else -atoms, &left):
        return Status.OVERFLOW
    balance[0], total[0] = owned, left
    return Status.OK


cdef Status accrued(const Contract* c, const Slot* s, int64_t* atoms) noexcept nogil:
    """Funding since the slot was last paid: ``floor(-lots difference / 2^32)``, against the account."""
    cdef int64_t difference
    atoms[0] = 0
    if c.funding == s.funding or s.lots == 0:
        return Status.OK
    if exact_add(c.funding, -s.funding, &difference):
        return Status.OVERFLOW
    if exact_mul_div(-s.lots, difference, 1, <int64_t>1 << FUNDING_BITS, EXACT_FLOOR, atoms):
        return Status.OVERFLOW
    return Status.OK


cdef Status closing(const Slot* s, int64_t lots, int64_t cost, Slot* after, int64_t* realised) noexcept nogil:
    """What lots at a cost make of a position: closed lots release their share of the open cost."""
    cdef int64_t size = lots if lots > 0 else -lots, held = s.lots if s.lots > 0 else -s.lots
    cdef int64_t closed, paid = cost, released = 0
    after[0] = s[0]
    realised[0] = 0
    if exact_add(s.lots, lots, &after.lots):
        return Status.OVERFLOW
    if s.lots == 0 or (s.lots > 0) == (lots > 0):
        return Status.OVERFLOW if exact_add(s.open_cost, cost, &after.open_cost) else Status.OK
    closed = min(size, held)
    if exact_mul_div(cost, closed, 1, size, EXACT_TRUNC, &paid):
        return Status.OVERFLOW
    if exact_mul_div(s.open_cost, closed, 1, held, EXACT_TRUNC, &released):
        return Status.OVERFLOW
    after.open_cost = s.open_cost - released + (cost - paid)  # one of them is 0: both shares shrink toward it
    if exact_add(-paid, -released, realised):
        return Status.OVERFLOW
    return Status.OK


cdef Status exchange(
    Ledger* g, int64_t account, const Contract* c, int64_t lots, int64_t cost, int64_t fee
) noexcept nogil:
    """A fill of a spot pair: one asset for another, and no position."""
    cdef int64_t* balance = g.balance + account * g.n_assets
    cdef int64_t* fees = g.total + FEES * g.n_assets + c.settlement
    cdef int64_t paid, got, earned, atoms
    if exact_mul_div(lots, c.base_atoms, 1, 1, EXACT_TRUNC, &atoms) or exact_add(balance[c.base], atoms, &got):
        return Status.OVERFLOW
    if exact_add(balance[c.settlement], -cost, &paid) or exact_add(paid, -fee, &paid):
        return Status.OVERFLOW
    if exact_add(fees[0], fee, &earned):
        return Status.OVERFLOW
    balance[c.base], balance[c.settlement], fees[0] = got, paid, earned
    return Status.OK


cdef Status fill(Ledger* g, int64_t account, int32_t slot, int64_t lots, int64_t cost, int64_t fee) noexcept nogil:
    """Add lots at a cost to a position; profit of what closes and the fee go to the balance.

    Funding up to now is paid first. Changes ``balance - open cost`` by ``-cost - fee``, of which the fee goes to FEES:
    the caller answers for the other ``-cost``.
    """
    cdef Slot* s = slot_of(g, account, slot)
    cdef Slot after
    cdef const Contract* c = &g.contract[g.held[account * g.n_slots + slot]]
    cdef int64_t* balance = g.balance + account * g.n_assets + c.settlement
    cdef int64_t* fees = g.total + FEES * g.n_assets + c.settlement
    cdef int64_t* rounding = g.total + ROUNDING * g.n_assets + c.settlement
    cdef int64_t realised, funding, owned, earned, left
    cdef Status status
    if c.base >= 0:
        return exchange(g, account, c, lots, cost, fee)
    status = accrued(c, s, &funding)
    if status == Status.OK:
        status = closing(s, lots, cost, &after, &realised)
    if status != Status.OK:
        return status
    if exact_add(balance[0], funding, &owned) or exact_add(owned, realised, &owned) or exact_add(owned, -fee, &owned):
        return Status.OVERFLOW
    if exact_add(fees[0], fee, &earned) or exact_add(rounding[0], -funding, &left):
        return Status.OVERFLOW
    after.funding = c.funding
    s[0] = after
    balance[0], fees[0], rounding[0] = owned, earned, left
    return Status.OK


cdef Status settle(Ledger* g, int64_t account, int32_t slot, int64_t ticks, bint commit) noexcept nogil:
    """Close a position at a settlement price, rounded against the account; the remainder goes to ROUNDING.

    Without ``commit`` it only answers whether it can.
    """
    cdef Slot* s = slot_of(g, account, slot)
    cdef Slot held = s[0]
    cdef const Contract* c = &g.contract[g.held[account * g.n_slots + slot]]
    cdef int64_t* balance = g.balance + account * g.n_assets + c.settlement
    cdef int64_t* rounding = g.total + ROUNDING * g.n_assets + c.settlement
    cdef int64_t owned = balance[0], left = rounding[0], cost
    cdef Status status
    if s.lots == 0:
        return Status.OK
    status = rounded_cost(c, -s.lots, ticks, EXACT_CEIL, &cost)
    if status != Status.OK:
        return status
    status = fill(g, account, slot, -s.lots, cost, 0)
    if status == Status.OK and exact_add(rounding[0], cost, rounding):
        status = Status.OVERFLOW
    if status != Status.OK or not commit:
        s[0], balance[0], rounding[0] = held, owned, left
    return status


# ---- memory ---------------------------------------------------------------------------------

cdef Py_ssize_t lines(Py_ssize_t n_bytes) noexcept nogil:
    """Bytes up to the next cache line."""
    return (n_bytes + 63) // 64 * 64


cdef void lengths(const Ledger* g, Py_ssize_t* size) noexcept nogil:
    """Bytes of each table, in order of the fields."""
    size[0] = lines(g.n_instruments * sizeof(Contract))
    size[1] = lines(g.n_accounts * sizeof(Owner))
    size[2] = lines(g.n_accounts * g.n_assets * sizeof(int64_t))
    size[3] = lines(g.n_accounts * g.n_slots * sizeof(int32_t))
    size[4] = lines(g.n_accounts * g.n_slots * sizeof(Slot))
    size[5] = lines(g.n_orders * sizeof(Level))
    size[6] = lines(g.n_orders * sizeof(Order))
    size[7] = lines((g.mask + 1) * sizeof(int32_t))
    size[8] = lines(N_TOTALS * g.n_assets * sizeof(int64_t))


cdef Py_ssize_t ledger_bytes(const Ledger* g) noexcept nogil:
    cdef Py_ssize_t size[9]
    cdef Py_ssize_t total = 0, i
    lengths(g, size)
    for i in range(9):
        total += size[i]
    return total


cdef void carve_ledger(Ledger* g, char* memory) noexcept nogil:
    """Lay the tables into zeroed memory, all of it free."""
    cdef Py_ssize_t size[9]
    cdef Py_ssize_t i
    lengths(g, size)
    g.contract = <Contract*>memory
    g.owner = <Owner*>(<char*>g.contract + size[0])
    g.balance = <int64_t*>(<char*>g.owner + size[1])
    g.held = <int32_t*>(<char*>g.balance + size[2])
    g.slot = <Slot*>(<char*>g.held + size[3])
    g.level = <Level*>(<char*>g.slot + size[4])
    g.order = <Order*>(<char*>g.level + size[5])
    g.hashed = <int32_t*>(<char*>g.order + size[6])
    g.total = <int64_t*>(<char*>g.hashed + size[7])
    for i in range(g.n_accounts):
        g.owner[i].trading = GONE
    for i in range(g.n_orders):
        g.level[i].next = g.order[i].next = <int32_t>(i + 1 if i + 1 < g.n_orders else -1)
    g.free_level = g.free_order = 0 if g.n_orders else -1


cdef void copy_ledger(Ledger* to, const Ledger* g) noexcept nogil:
    """Lay what a ledger holds into tables with more room; the numbers of slots, levels and orders stay."""
    cdef const Order* o
    cdef uint64_t i
    memcpy(to.contract, g.contract, g.n_instruments * sizeof(Contract))
    memcpy(to.owner, g.owner, g.n_accounts * sizeof(Owner))
    memcpy(to.balance, g.balance, g.n_accounts * g.n_assets * sizeof(int64_t))
    memcpy(to.held, g.held, g.n_accounts * g.n_slots * sizeof(int32_t))
    memcpy(to.slot, g.slot, g.n_accounts * g.n_slots * sizeof(Slot))
    memcpy(to.level, g.level, g.n_orders * sizeof(Level))
    memcpy(to.order, g.order, g.n_orders * sizeof(Order))
    memcpy(to.total, g.total, N_TOTALS * g.n_assets * sizeof(int64_t))
    for i in range(g.mask + 1):
        if g.hashed[i]:
            o = &g.order[g.hashed[i] - 1]
            to.hashed[place_of(to, o.account, o.id)] = g.hashed[i]
    to.free_level, to.free_order = g.free_level, g.free_order
    if to.n_orders > g.n_orders:  # what is new is free too, and taken first
        to.level[to.n_orders - 1].next, to.order[to.n_orders - 1].next = g.free_level, g.free_order
        to.free_level = to.free_order = <int32_t>g.n_orders


cdef void move_ledger(Ledger* to, const Ledger* g) noexcept nogil:
    """Point to other tables; how many accounts they have is for the caller to say, since readers look."""
    to.n_orders, to.mask, to.free_level, to.free_order = g.n_orders, g.mask, g.free_level, g.free_order
    to.contract, to.owner, to.balance, to.held, to.slot = g.contract, g.owner, g.balance, g.held, g.slot
    to.level, to.order, to.hashed, to.total = g.level, g.order, g.hashed, g.total
