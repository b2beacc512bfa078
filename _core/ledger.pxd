# The ledger: who holds, owes and has ordered what, in integers, in tables of fixed capacity.
# Money is in atoms of an asset; lots and ticks are integers; profit of a position = value at mark - open cost.
from libc.stdint cimport int32_t, int64_t, uint64_t
from crossmargin._core.status cimport Status

cpdef enum Flag:      # of an order
    NO_LIMIT = 1      # a market order: refused, since it names no protection price
    REDUCE_ONLY = 2   # fills no more than the position leaves, never flips it
    STOP = 4          # reserves nothing until it is triggered
    ICEBERG = 8       # charged whole, whatever it shows
    PAIRED = 16       # bound to another order: one cancels the other; the engine's to set

cpdef enum Trading:   # what an instrument or an account takes
    OPEN = 0
    HALTED_NOW = 1    # cancels only
    REDUCING = 2      # orders that reduce
    GONE = 3          # expired, delisted or never opened

cdef struct Contract:
    int64_t num           # atoms of the settlement asset per lot and tick: num / den (inverse: lot over tick)
    int64_t den
    int64_t settlement    # row of the asset
    int64_t inverse
    int64_t underlying    # row of what moves it
    int64_t funding       # index a lot, 2^-32 atoms, growing where longs pay
    int64_t trading
    int64_t low           # ticks of the venue's band
    int64_t high
    int64_t fee           # reserved for a fill: 2^-32 of its cost
    int64_t base          # of a spot pair: row of the asset that a fill brings; -1: a fill makes a position
    int64_t base_atoms    # of it, a lot

cdef struct Slot:         # one instrument of an account: its position and its orders
    int64_t lots
    int64_t open_cost
    int64_t funding       # the index up to which funding was paid
    int32_t first_level
    int32_t first_order   # in order of arrival
    int32_t last_order
    int32_t n_orders
    int32_t n_reducing    # reduce-only ones among them
    int32_t unused

cdef struct Level:        # resting orders of one side and limit of a slot: one term
    int64_t ticks
    int64_t lots          # signed, what may still fill
    int64_t cost          # of filling them, fees included, atoms of the settlement asset
    int32_t next          # of the slot
    int32_t n_orders
    int32_t flags         # REDUCE_ONLY and PAIRED, and 1 for buys
    int32_t other         # of the order that its one order is bound to; -1: none, or dormant

cdef struct Order:
    int64_t account
    int64_t id
    int64_t lots          # signed, open
    int64_t effective     # what of it may fill: less than open for a reduce-only order that exceeds the position
    int64_t ticks
    int64_t flags
    int32_t slot          # of the account
    int32_t level         # -1: dormant
    int32_t next          # of the slot, by arrival
    int32_t previous
    int32_t other         # the order that this one is bound to, -1: none
    int32_t spare

cdef struct Owner:
    int64_t trading
    int64_t currency      # row of the asset
    int64_t n_orders
    int64_t n_slots       # slots in use are below this one

cdef enum Total:          # where money is that no account has
    EXTERNAL = 0          # deposits less withdrawals
    FEES = 1
    ROUNDING = 2          # remainders of funding and settlement
    CLEARING = 3          # the legs of trades whose other side lies elsewhere
    INTEREST = 4
    N_TOTALS = 5

cdef struct Ledger:
    Py_ssize_t n_accounts     # capacity
    Py_ssize_t n_slots        # of an account
    Py_ssize_t n_instruments
    Py_ssize_t n_assets
    Py_ssize_t n_orders       # capacity; levels as many
    Contract* contract
    Owner* owner
    int64_t* balance          # account x asset
    int32_t* held             # account x slot: instrument, or -1
    Slot* slot                # account x slot
    Level* level
    Order* order
    int32_t* hashed           # entry + 1 of a hashed order, or 0
    uint64_t mask
    int32_t free_level        # lists of what is free, through ``next``
    int32_t free_order
    int64_t* total            # Total x asset

cdef Status fill_cost(const Contract* c, int64_t lots, int64_t ticks, int64_t* cost) noexcept nogil
cdef Status reserved_cost(const Contract* c, int64_t lots, int64_t ticks, int64_t* cost) noexcept nogil
cdef int32_t find_slot(const Ledger* g, int64_t account, int64_t instrument) noexcept nogil
cdef int32_t take_slot(Ledger* g, int64_t account, int64_t instrument) noexcept nogil
cdef void release_slot(Ledger* g, int64_t account, int32_t slot) noexcept nogil
cdef int32_t find_order(const Ledger* g, int64_t account, int64_t id) noexcept nogil
cdef int32_t find_level(const Ledger* g, const Slot* s, int64_t lots, int64_t ticks, int64_t flags) noexcept nogil
cdef int32_t rest(
    Ledger* g, int64_t account, int32_t slot, int64_t id, int64_t lots, int64_t ticks, int64_t flags
) noexcept nogil
cdef void remove_order(Ledger* g, int32_t number) noexcept nogil
cdef void shrink(Ledger* g, int32_t number, int64_t lots) noexcept nogil
cdef void resize(Ledger* g, int64_t account, int32_t slot, int32_t level, int64_t lots) noexcept nogil
cdef void join_level(Ledger* g, int32_t number) noexcept nogil
cdef void leave_level(Ledger* g, int32_t number) noexcept nogil
cdef void wake(Ledger* g, int32_t number) noexcept nogil
cdef void cut_reducing(Ledger* g, int64_t account, int32_t slot) noexcept nogil
cdef Status accrued(const Contract* c, const Slot* s, int64_t* atoms) noexcept nogil
cdef Status fill(Ledger* g, int64_t account, int32_t slot, int64_t lots, int64_t cost, int64_t fee) noexcept nogil
cdef Status settle(Ledger* g, int64_t account, int32_t slot, int64_t ticks, bint commit) noexcept nogil
cdef Status pay(Ledger* g, int64_t account, int64_t asset, int64_t atoms, Total source) noexcept nogil
cdef Slot* slot_of(const Ledger* g, int64_t account, int32_t slot) noexcept nogil
cdef Py_ssize_t lines(Py_ssize_t n_bytes) noexcept nogil
cdef Py_ssize_t ledger_bytes(const Ledger* g) noexcept nogil
cdef void carve_ledger(Ledger* g, char* memory) noexcept nogil
cdef void copy_ledger(Ledger* to, const Ledger* g) noexcept nogil
cdef void move_ledger(Ledger* to, const Ledger* g) noexcept nogil
