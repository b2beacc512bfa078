# An order's change and the terms that it moves.
from libc.stdint cimport int32_t, int64_t
from crossmargin._core.events cimport State

cdef int32_t put_order(
    State* g, int64_t account, int32_t slot, int64_t id, int64_t lots, int64_t ticks, int64_t flags, int32_t other
) noexcept nogil
cdef void take_order(State* g, int32_t number) noexcept nogil
cdef void requote(State* g, int32_t number, int64_t lots, int64_t ticks) noexcept nogil
