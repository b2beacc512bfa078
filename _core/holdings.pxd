# What a ledger holds, in rows for Python.
from crossmargin._core.ledger cimport Ledger

cdef list positions_of(const Ledger* b)
cdef list balances_of(const Ledger* b)
cdef list orders_of(const Ledger* b)
cdef list totals_of(const Ledger* b)
cdef list contracts_of(const Ledger* b)
cdef list modes_of(const Ledger* b)
