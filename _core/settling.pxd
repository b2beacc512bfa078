# Trades and money at the gate.
from libc.stdint cimport int64_t, uint64_t
from crossmargin._core.events cimport Event, State
from crossmargin._core.status cimport Status

cdef Status trade(State* g, const Event* v) noexcept nogil
cdef Status enrol(State* g, const Event* v) noexcept nogil
cdef Status move(State* g, int64_t account, int64_t asset, int64_t atoms) noexcept nogil
cdef Status money(State* g, const Event* v) noexcept nogil
cdef Status adjust(State* g, const Event* v) noexcept nogil
cdef Status bring(State* g, const Event* v) noexcept nogil
cdef Status interest(State* g, const Event* v) noexcept nogil
cdef void bump(State* g, uint64_t bits) noexcept nogil
cdef Status fund(State* g, const Event* v) noexcept nogil
cdef Status expire(State* g, const Event* v) noexcept nogil
cdef Status terms(State* g, const Event* v) noexcept nogil
cdef void remember(State* g, const Event* v) noexcept nogil
