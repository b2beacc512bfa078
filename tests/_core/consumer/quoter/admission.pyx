"""Asks the gate of crossmargin by its address, from a loop without the interpreter."""

from libc.stdint cimport int32_t, int64_t
from crossmargin._core.events cimport PLACE, Event
from crossmargin._core.gate cimport gate_apply, gate_check, gate_sequence
from crossmargin._core.status cimport Status


def asked(
    size_t address, const int64_t[::1] account, const int64_t[::1] instrument, const int64_t[::1] lots,
    const int64_t[::1] ticks, int32_t[::1] status,
):
    """How many of the orders would be accepted."""
    cdef Py_ssize_t i, accepted = 0
    with nogil:
        for i in range(status.shape[0]):
            status[i] = gate_check(<void*>address, account[i], instrument[i], lots[i], ticks[i])
            accepted += status[i] == Status.OK
    return accepted


def placed(size_t address, int64_t account, int64_t order, int64_t instrument, int64_t lots, int64_t ticks):
    """Rest an order by an event of the interface file: (status, sequence)."""
    cdef Event v
    v.sequence, v.time, v.kind, v.account = 0, 0, PLACE, account
    v.a, v.b, v.c, v.d, v.e, v.f, v.g, v.h = order, instrument, lots, ticks, 0, 0, 0, 0
    return gate_apply(<void*>address, <const int64_t*>&v), gate_sequence(<void*>address)
