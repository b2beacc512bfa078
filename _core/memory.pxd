# The memory of an engine.
from libc.stdint cimport int64_t
from crossmargin._core.bounds cimport Fill
from crossmargin._core.events cimport State
from crossmargin._core.ledger cimport Ledger
from crossmargin._core.tables cimport Tables

cdef class Block:
    cdef char* start
    cdef char* at             # the first whole cache line
    cdef readonly Py_ssize_t size

cdef class Room:              # all tables of one capacity, but the states of the margin
    cdef Ledger ledger
    cdef Block block
    cdef int64_t* figures
    cdef int64_t* rows
    cdef Fill* fills
    cdef Py_ssize_t n_fills

    @staticmethod
    cdef Room of(Ledger sizes)

cdef class Memory:
    cdef State g
    cdef unsigned long owner  # the thread that writes
    cdef list rooms           # the last one is in use
    cdef Block states
    cdef Block ring
    cdef Tables tables        # what the engine points to
    cdef object bits
    cdef bint foreign(self)
    cdef reserve_first(self, Py_ssize_t journal)
    cdef Room larger(self, Py_ssize_t accounts, Py_ssize_t orders)
    cdef take(self, Room room, Block states)
    cdef Block states_of(self, Tables tables, Py_ssize_t accounts, Py_ssize_t kept)
    cdef lay_states(self, Tables tables, Block states)
    cdef renew_states(self, Tables tables)
