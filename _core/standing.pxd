# Where an account stands: its margin, kept as state or recomputed, as of the last marks.
from libc.stdint cimport int64_t, uint64_t
from crossmargin._core.bounds cimport Bounds, Fill
from crossmargin._core.integers cimport Whole
from crossmargin._core.ledger cimport Ledger
from crossmargin._core.plan cimport Source
from crossmargin._core.single cimport N_FEEDS, Run
from crossmargin._core.status cimport Status
from crossmargin._core.worst cimport Legs, Worst

cdef extern from "gate.h" nogil:
    int64_t gate_load(const int64_t* p) noexcept
    void gate_store(int64_t* p, int64_t x) noexcept
    int64_t* gate_load_words(int64_t* const* p) noexcept
    void gate_store_words(int64_t** p, int64_t* x) noexcept
    void gate_prefetch(const void* p) noexcept
    void gate_publish(int64_t* lock, int64_t* words, const int64_t* source, int n) noexcept
    int gate_copy(const int64_t* lock, const int64_t* words, int64_t* to, int n) noexcept

cdef enum Policy:
    WORST_FILL = 0
    VENUE = 1
    NONE = 2

cdef enum:                  # what is published of an account, quote currency
    SURPLUS_INITIAL = 0     # at the order policy
    INITIAL = 1             # equity_initial less surplus
    EQUITY_INITIAL = 2
    SURPLUS_MAINTENANCE = 3
    MAINTENANCE = 4
    EQUITY_MAINTENANCE = 5
    N_FIGURES = 6

cdef struct Standing:       # one line, before the account's rows
    int64_t seen            # epoch of the state; what is older is rebuilt anew
    uint64_t moved_by       # bits of what moves it; several underlyings may share one
    int64_t beyond          # slots beyond the range in which sums are exact: valued unrounded
    int64_t paid            # whether balances changed since the state was rebuilt
    int64_t changed         # sequence of the last event that named the account
    int64_t spare[3]

# Everything that a decision reads and writes; one writer.
cdef struct Engine:
    Ledger ledger
    Worst worst
    double* state           # account x stride: a Standing, then the rows of ``worst``
    Py_ssize_t stride       # doubles
    int64_t* figures        # account x 8 words for readers: a lock, odd while they are written, and figures as bits
    Run* whole              # equity and requirement
    Whole* integers         # the same in 64-bit integers; NULL: in float64
    Run* fixed              # what no fill moves
    Bounds* opaque          # what has no forms, in intervals; NULL: nothing
    int64_t policy
    int64_t by_ratio        # reducing is judged by equity / maintenance
    int64_t epoch[64]       # of each bit
    int64_t now             # the latest epoch
    const double* most_lots  # by instrument: sums are exact up to here
    const double* most_cost
    const double* atom      # by asset: half an atom, quote currency
    const int64_t* bit      # of each asset
    Py_ssize_t keyed_points  # points in terms: balances move what they touch
    const double* plain     # no rounding, for sums beyond the range of exact ones
    int64_t* rows           # room for the feeds of one account
    double* room            # rows of the widest alternative
    double* sums            # room for the sums of all terms
    double* shares          # lower ends of opaque shares
    Fill* fills             # room for the levels of one account
    Py_ssize_t n_fills
    const int64_t* doubted_instruments  # by instrument: 1 where nobody may hold it while an oracle is in doubt
    const int64_t* doubted_assets       # by asset: 1 any balance, 2 debts alone
    bint doubts             # whether there is any
    bint beyond             # whether the last surplus was valued unrounded
    int64_t checks
    int64_t recomputed
    int64_t rebuilt

cdef Standing* standing_of(const Engine* e, int64_t account) noexcept nogil
cdef double* state_of(const Engine* e, int64_t account) noexcept nogil
cdef bint oversize(const Engine* e, int64_t instrument, int64_t lots, int64_t cost) noexcept nogil
cdef int64_t newest(const Engine* e, uint64_t bits) noexcept nogil
cdef void put(
    Engine* e, int64_t account, int64_t instrument, int64_t lots, int64_t cost, bint order, double sign
) noexcept nogil
cdef void put_legs(Engine* e, int64_t account, int64_t instrument, const Legs* legs, double sign) noexcept nogil
cdef void put_slot(Engine* e, int64_t account, int slot, double sign) noexcept nogil
cdef void note(Engine* e, int64_t account, int64_t instrument) noexcept nogil
cdef Status fresh(Engine* e, int64_t account) noexcept nogil
cdef Status rebuild(Engine* e, int64_t account) noexcept nogil
cdef Status valued(const Engine* e, int64_t account) noexcept nogil
cdef Status surplus_of(Engine* e, int64_t account, double* surplus) noexcept nogil
cdef Status figures_of(Engine* e, int64_t account, double* figures) noexcept nogil
cdef void publish(Engine* e, int64_t account, const double* figures) noexcept nogil
