# Orders at the gate.
from libc.stdint cimport int32_t, int64_t
from crossmargin._core.events cimport State
from crossmargin._core.ledger cimport Slot
from crossmargin._core.status cimport Status

cdef struct Touched:      # what a fill may change, to put it back
    Slot slot
    int64_t balance
    int64_t base          # balance of a spot pair's asset
    int64_t fees
    int64_t rounding

cdef void keep(const State* g, int64_t account, int32_t slot, int64_t asset, Touched* old) noexcept nogil
cdef void give_back(State* g, int64_t account, int32_t slot, int64_t asset, const Touched* old) noexcept nogil
cdef Status judge(State* g, int64_t account, bint* accepted) noexcept nogil
cdef Status place(State* g, int64_t account, int64_t id, int64_t instrument, int64_t lots, int64_t ticks, int64_t flags,
                  bint commit, bint judged) noexcept nogil
cdef Status place_bound(
    State* g, int64_t account, int64_t id, int64_t instrument, int64_t lots, int64_t ticks, int64_t flags,
    int64_t other_id, bint commit, bint judged
) noexcept nogil
cdef Status check(State* g, int64_t account, int64_t instrument, int64_t lots, int64_t ticks) noexcept nogil
cdef Status ask_resting(
    State* g, int64_t account, int64_t instrument, int64_t lots, int64_t ticks, double* figures
) noexcept nogil
cdef Status cancel(State* g, int64_t account, int64_t id) noexcept nogil
cdef Status amend(State* g, int64_t account, int64_t id, int64_t lots, int64_t ticks) noexcept nogil
cdef Status trigger(State* g, int64_t account, int64_t id) noexcept nogil
cdef void check_many(
    State* g, const int64_t* account, const int64_t* instrument, const int64_t* lots, const int64_t* ticks, int64_t n,
    int32_t* status
) noexcept nogil
