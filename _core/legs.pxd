# Orders bound to each other.
from libc.stdint cimport int32_t, int64_t
from crossmargin._core.ledger cimport Ledger
from crossmargin._core.status cimport Status
from crossmargin._core.worst cimport Legs

cdef Status find_other(
    const Ledger* b, int64_t account, int32_t slot, int64_t id, int32_t* number
) noexcept nogil
cdef void bind(Ledger* b, int32_t number, int32_t other) noexcept nogil
cdef void unbind(Ledger* b, int32_t number) noexcept nogil
cdef int32_t mute(Ledger* b, int32_t number) noexcept nogil
cdef void unmute(Ledger* b, int32_t number, int32_t level) noexcept nogil
cdef bint next_term(const Ledger* b, int32_t* at, Legs* legs) noexcept nogil
