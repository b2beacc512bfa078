"""Many accounts of an engine at once: what they hold, in columns, and runs of events, without the interpreter.

Positions come by account and instrument, balances with the funding that is due; both may be made a book as they stand.
"""

from libc.stdint cimport int32_t, int64_t
from crossmargin._core.exact cimport exact_add
from crossmargin._core.gate cimport Gate, gate_apply
from crossmargin._core.ledger cimport GONE, Ledger, Slot, accrued, slot_of
from crossmargin._core.standing cimport standing_of
from crossmargin._core.status cimport Status

cdef enum:
    WORDS = 12


cdef inline bint held(const Ledger* b, int64_t account, Py_ssize_t slot) noexcept nogil:
    cdef const Slot* s = slot_of(b, account, <int32_t>slot)
    return b.held[account * b.n_slots + slot] >= 0 and (s.lots or s.open_cost)


cdef Status count(const Ledger* b, const int64_t* account, Py_ssize_t n, int64_t* positions, int64_t* orders,
                  Py_ssize_t* bad) noexcept nogil:
    """Positions and resting orders up to each account."""
    cdef Py_ssize_t i, j
    positions[0] = orders[0] = 0
    for i in range(n):
        if not (0 <= account[i] < b.n_accounts) or b.owner[account[i]].trading == GONE:
            bad[0] = i
            return Status.UNKNOWN
        positions[i + 1], orders[i + 1] = positions[i], orders[i] + b.owner[account[i]].n_orders
        for j in range(b.owner[account[i]].n_slots):
            positions[i + 1] += held(b, account[i], j)
    return Status.OK


cdef void take_positions(
    const Ledger* b, int64_t account, int64_t first, int64_t* instrument, int64_t* lots, int64_t* cost
) noexcept nogil:
    """One account's positions by instrument."""
    cdef const int32_t* row = b.held + account * b.n_slots
    cdef const Slot* s
    cdef Py_ssize_t i, at, n = 0
    for i in range(b.owner[account].n_slots):
        if not held(b, account, i):
            continue
        s = slot_of(b, account, <int32_t>i)
        at = first + n
        while at > first and instrument[at - 1] > row[i]:
            instrument[at], lots[at], cost[at] = instrument[at - 1], lots[at - 1], cost[at - 1]
            at -= 1
        instrument[at], lots[at], cost[at] = row[i], s.lots, s.open_cost
        n += 1


cdef Status take_balances(const Ledger* b, int64_t account, int64_t* atoms) noexcept nogil:
    """One account's balances in all assets, with the funding that is due."""
    cdef Py_ssize_t i
    cdef int64_t due, settlement
    for i in range(b.n_assets):
        atoms[i] = b.balance[account * b.n_assets + i]
    for i in range(b.owner[account].n_slots):
        if b.held[account * b.n_slots + i] < 0:
            continue
        settlement = b.contract[b.held[account * b.n_slots + i]].settlement
        if (accrued(&b.contract[b.held[account * b.n_slots + i]], slot_of(b, account, <int32_t>i), &due) != Status.OK
                or exact_add(atoms[settlement], due, &atoms[settlement])):
            return Status.OVERFLOW
    return Status.OK


def counts(Gate gate not None, const int64_t[::1] account not None, int64_t[::1] positions not None,
           int64_t[::1] orders not None):
    """Where each account's positions and orders begin, n + 1 figures each: (status, first unknown account)."""
    cdef Py_ssize_t bad = -1, n = account.shape[0]
    cdef Status status
    if positions.shape[0] != n + 1 or orders.shape[0] != n + 1:
        return <int>Status.SHAPE, -1
    if n == 0:
        positions[0] = orders[0] = 0
        return <int>Status.OK, -1
    with nogil:
        status = count(&gate.g.engine.ledger, &account[0], n, &positions[0], &orders[0], &bad)
    return <int>status, bad


def holdings(Gate gate not None, const int64_t[::1] account not None, const int64_t[::1] start not None,
             int64_t[::1] instrument not None, int64_t[::1] lots not None, int64_t[::1] cost not None,
             int64_t[:, ::1] atoms not None):
    """Positions of accounts that ``counts`` counted, and their balances (n, assets); a status."""
    cdef const Ledger* b = &gate.g.engine.ledger
    cdef Py_ssize_t i, n = account.shape[0]
    cdef Status status = Status.OK
    if start.shape[0] != n + 1 or atoms.shape[0] != n or atoms.shape[1] != b.n_assets:
        return <int>Status.SHAPE
    if n == 0:
        return <int>Status.OK
    if not (instrument.shape[0] == lots.shape[0] == cost.shape[0] == start[n] + 1):  # one to spare: never empty
        return <int>Status.SHAPE
    with nogil:
        for i in range(n):
            take_positions(b, account[i], start[i], &instrument[0], &lots[0], &cost[0])
            status = take_balances(b, account[i], &atoms[i, 0])
            if status != Status.OK:
                break
    return <int>status


def resting(Gate gate not None, int64_t account):
    """Rows (id, instrument, lots that may fill, ticks, flags) of one account's orders, by arrival in each slot."""
    cdef const Ledger* b = &gate.g.engine.ledger
    cdef int32_t at
    found = []
    if not 0 <= account < b.n_accounts:
        return found
    for i in range(b.owner[account].n_slots):
        at = slot_of(b, account, i).first_order if b.held[account * b.n_slots + i] >= 0 else -1
        while at >= 0:
            found.append((b.order[at].id, b.held[account * b.n_slots + i], b.order[at].effective, b.order[at].ticks,
                          b.order[at].flags))
            at = b.order[at].next
    return found


cdef inline double shifted(
    const double[:, ::1] signed, const double[:, ::1] bound, int64_t place, int64_t item, double amount
) noexcept nogil:
    """What an amount of an item moved a surplus by at least since a place in the path."""
    cdef Py_ssize_t last = signed.shape[0] - 1
    return (amount * (signed[last, item] - signed[place, item])
            - (amount if amount > 0.0 else -amount) * (bound[last, item] - bound[place, item]))


cdef Status moved_by(
    const Ledger* b, int64_t account, int64_t place, const double[:, ::1] position, const double[:, ::1] position_bound,
    const double[:, ::1] cost, const double[:, ::1] cost_bound, const double[:, ::1] balance,
    const double[:, ::1] balance_bound, int64_t* atoms, double* out
) noexcept nogil:
    """One account's least change since a place in the path."""
    cdef const Slot* s
    cdef int64_t item
    cdef Py_ssize_t i
    for i in range(b.owner[account].n_slots):
        if held(b, account, i):
            s, item = slot_of(b, account, <int32_t>i), b.held[account * b.n_slots + i]
            out[0] += (shifted(position, position_bound, place, item, <double>s.lots)
                       + shifted(cost, cost_bound, place, item, <double>s.open_cost))
    if take_balances(b, account, atoms) != Status.OK:
        return Status.OVERFLOW
    for i in range(b.n_assets):
        out[0] += shifted(balance, balance_bound, place, i, <double>atoms[i])
    return Status.OK


def moved(
    Gate gate not None, const int64_t[::1] account not None, const int64_t[::1] place not None,
    const double[:, ::1] position not None, const double[:, ::1] position_bound not None,
    const double[:, ::1] cost not None, const double[:, ::1] cost_bound not None,
    const double[:, ::1] balance not None, const double[:, ::1] balance_bound not None, int64_t[::1] atoms not None,
    double[::1] out not None,
):
    """Add to ``out`` what each account's surplus changed by at least since its place in a path of marks; a status.

    Tables are (marks, items): figures that amounts count with their sign, and bounds that they count against.
    """
    cdef const Ledger* b = &gate.g.engine.ledger
    cdef Py_ssize_t i, n = account.shape[0], m = position.shape[0]
    cdef Status status = Status.OK
    if (place.shape[0] != n or out.shape[0] != n or atoms.shape[0] != b.n_assets
            or not m == position_bound.shape[0] == cost.shape[0] == cost_bound.shape[0] == balance.shape[0]
            or balance_bound.shape[0] != m or balance_bound.shape[1] != b.n_assets or balance.shape[1] != b.n_assets
            or not b.n_instruments == position.shape[1] == position_bound.shape[1] == cost.shape[1]
            or cost_bound.shape[1] != b.n_instruments or b.n_assets == 0):
        return <int>Status.SHAPE
    with nogil:
        for i in range(n):
            if not (0 <= account[i] < b.n_accounts and 0 <= place[i] < m):
                status = Status.UNKNOWN
                break
            status = moved_by(b, account[i], place[i], position, position_bound, cost, cost_bound, balance,
                              balance_bound, &atoms[0], &out[i])
            if status != Status.OK:
                break
    return <int>status


def changed(Gate gate not None, int64_t since, int64_t[::1] to not None):
    """Write the accounts that events after a sequence number named, ascending; how many, -1: any may have changed."""
    cdef int64_t n = 0, account
    if gate.g.everyone > since or to.shape[0] < gate.g.engine.ledger.n_accounts:
        return -1
    with nogil:
        for account in range(gate.g.engine.ledger.n_accounts):
            if standing_of(&gate.g.engine, account).changed > since:
                to[n] = account
                n += 1
    return n


def apply_many(Gate gate not None, const int64_t[:, ::1] events not None):
    """Apply events of twelve words until one is refused: how many were applied, and the status of the one that was not.
    """
    cdef Py_ssize_t i = 0, n = events.shape[0]
    cdef int status = Status.OK
    if n and events.shape[1] != WORDS:
        return 0, <int>Status.SHAPE
    if gate.foreign():
        return 0, <int>Status.BUSY
    with nogil:
        while i < n:
            status = gate_apply(&gate.g, &events[i, 0])
            if status != Status.OK:
                break
            i += 1
    return i, status
