# The gate: events in, statuses out; and the question that a matching engine asks before it accepts an order.
# All functions run without the interpreter. One thread writes; ``gate_read`` may be called by any.
from libc.stdint cimport int32_t, int64_t
from crossmargin._core.memory cimport Memory

# What hosts call: ``gate`` is the address that ``Gate.address`` gives, an event twelve words as in events.pxd; a status
# is returned. Time is taken as given: 0 stands for nothing here.
cdef api int gate_check(void* gate, int64_t account, int64_t instrument, int64_t lots, int64_t ticks) noexcept nogil
cdef api int gate_place(
    void* gate, int64_t time, int64_t account, int64_t order, int64_t instrument, int64_t lots, int64_t ticks,
    int64_t flags
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
cdef api void gate_set_durable(void* gate, int64_t sequence) noexcept nogil

cdef class Gate(Memory):
    pass
