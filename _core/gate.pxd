# The gate: events in, statuses out; and the question that a matching engine asks before it accepts an order.
# All functions run without the interpreter. One thread writes; ``gate_read`` may be called by any.
from libc.stdint cimport int32_t, int64_t
from crossmargin._core.bounds cimport Interval
from crossmargin._core.single cimport Single
from crossmargin._core.standing cimport Engine
from crossmargin._core.status cimport Status
from crossmargin._core.worst cimport Worst

cpdef enum Kind:          # of an event, and what its fields a to h are
    ENROL = 1             # account, a currency, b.. digest of its name
    DEPOSIT = 2           # account, a asset, b atoms
    WITHDRAW = 3          # account, a asset, b atoms
    TRANSFER = 4          # account, a asset, b atoms, c receiving account
    PLACE = 5             # account, a order, b instrument, c lots, d ticks, e flags
    AMEND = 6             # account, a order, b lots, c ticks
    CANCEL = 7            # account, a order
    TRIGGER = 8           # account, a order
    TRADE = 9             # buyer, a its order, b seller, c its order, d instrument, e lots, f ticks, g buyer's fee, h seller's
    FUND = 10             # a instrument, b index
    EXPIRE = 11           # a instrument, b settlement ticks
    INTEREST = 12         # a asset, b rate of debts, c rate of credits, 2^-32
    LIST = 13             # a instrument, b what it takes (Trading)
    MODE = 14             # account, a what it takes (Trading)
    BAND = 15             # a instrument, b lowest, c highest ticks
    OBSERVE = 16          # a bits of a figure, b.. digest of its subject and field
    MARK = 17             # e how many of the last observations it takes
    PARAMETERS = 18       # a.. digest of a parameter set
    BRING = 19            # account, a instrument, b lots, c open cost: a position from elsewhere, unjudged
    ADJUST = 20           # account, a asset, b atoms, negative too: unjudged
    REST = 21             # as PLACE, unjudged: an order that rests already where the account comes from

cdef struct Event:
    int64_t sequence
    int64_t time          # ns, never going back
    int64_t kind
    int64_t account
    int64_t a
    int64_t b
    int64_t c
    int64_t d
    int64_t e
    int64_t f
    int64_t g
    int64_t h

cdef struct State:
    Engine engine
    int64_t time          # of the last event
    int64_t sequence      # events applied
    int64_t durable       # events that the journal has
    Event* ring
    int64_t ring_mask     # -1: no journal
    int64_t head          # events put into the ring
    int64_t tail          # events taken out of it
    int64_t tables        # whether tables of a MARK or PARAMETERS lie ready
    int64_t refused_in_trouble  # whether an account in liquidation may not reduce either

# What hosts call: ``gate`` is the address that ``Gate.address`` gives, an event twelve words as above; a status is returned.
cdef api int gate_check(void* gate, int64_t account, int64_t instrument, int64_t lots, int64_t ticks) noexcept nogil
cdef api int gate_place(
    void* gate, int64_t time, int64_t account, int64_t order, int64_t instrument, int64_t lots, int64_t ticks, int64_t flags
) noexcept nogil
cdef api int gate_cancel(void* gate, int64_t time, int64_t account, int64_t order) noexcept nogil
cdef api int gate_apply(void* gate, const int64_t* event) noexcept nogil
cdef api int gate_check_many(
    void* gate, const int64_t* account, const int64_t* instrument, const int64_t* lots, const int64_t* ticks, int64_t n,
    int32_t* status
) noexcept nogil
cdef api int gate_health(void* gate, int64_t account, double* figures) noexcept nogil
cdef api int gate_read(const void* gate, int64_t account, double* figures) noexcept nogil
cdef api int64_t gate_sweep(void* gate, int64_t first, int64_t n) noexcept nogil
cdef api int64_t gate_drain(void* gate, int64_t* to, int64_t most) noexcept nogil
cdef api int64_t gate_sequence(const void* gate) noexcept nogil
cdef api int64_t gate_durable(const void* gate) noexcept nogil

cdef class Tables:
    cdef Worst worst
    cdef Single whole
    cdef Single fixed
    cdef Interval opaque
    cdef tuple arrays             # keeps what ``worst`` points to
    cdef const double* plain
    cdef const double* most_lots
    cdef const double* most_cost
    cdef const double* atom
    cdef Py_ssize_t rows
    cdef bint fits(self, Tables other)
    cdef void load(self, Engine* e)

cdef class Gate:
    cdef State g
    cdef char* memory
    cdef char* ledger
    cdef char* states
    cdef Py_ssize_t n_ledger
    cdef Py_ssize_t n_bytes
    cdef unsigned long owner      # the thread that writes
    cdef Tables tables            # what the engine points to
    cdef object bits
    cdef reserve_states(self, Tables tables)
    cdef reserve(self, Engine* e, Py_ssize_t journal)
    cdef bint foreign(self)
