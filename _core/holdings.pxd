# What a ledger holds, in rows for Python: for files, tests and people, not for the order path.
from crossmargin._core.ledger cimport N_TOTALS, Ledger, Order, Slot, slot_of


cdef inline list positions_of(const Ledger* b):
    """Rows (account, instrument, lots, open cost, funding index)."""
    cdef const Slot* s
    found = []
    for account in range(b.n_accounts):
        for i in range(b.owner[account].n_slots):
            s = slot_of(b, account, i)
            if b.held[account * b.n_slots + i] >= 0 and s.lots:
                found.append((account, b.held[account * b.n_slots + i], s.lots, s.open_cost, s.funding))
    return found


cdef inline list balances_of(const Ledger* b):
    """Rows (account, asset, atoms) that are not 0."""
    return [(account, asset, b.balance[account * b.n_assets + asset]) for account in range(b.n_accounts)
            for asset in range(b.n_assets) if b.balance[account * b.n_assets + asset]]


cdef inline list orders_of(const Ledger* b):
    """Rows (account, id, instrument, lots open, lots that may fill, ticks, flags, id of the order bound to it)."""
    cdef const Order* o
    found = []
    for account in range(b.n_accounts):
        for i in range(b.owner[account].n_slots):
            at = slot_of(b, account, i).first_order if b.held[account * b.n_slots + i] >= 0 else -1
            while at >= 0:
                o = &b.order[at]
                other = b.order[o.other].id if o.other >= 0 else 0
                item = b.held[account * b.n_slots + i]
                found.append((account, o.id, item, o.lots, o.effective, o.ticks, o.flags, other))
                at = o.next
    return found


cdef inline list totals_of(const Ledger* b):
    """Atoms by total (EXTERNAL, FEES, ROUNDING, CLEARING, INTEREST) and asset."""
    return [[b.total[total * b.n_assets + asset] for asset in range(b.n_assets)] for total in range(N_TOTALS)]


cdef inline list contracts_of(const Ledger* b):
    """Of each instrument: (funding index, what it takes, lowest, highest ticks)."""
    return [(b.contract[i].funding, b.contract[i].trading, b.contract[i].low, b.contract[i].high)
            for i in range(b.n_instruments)]


cdef inline list modes_of(const Ledger* b):
    """Of each account: (what it takes, row of its currency)."""
    return [(b.owner[i].trading, b.owner[i].currency) for i in range(b.n_accounts)]
