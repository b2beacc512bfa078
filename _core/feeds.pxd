# What an account feeds into a plan.
from libc.stdint cimport int64_t
from crossmargin._core.plan cimport Source
from crossmargin._core.standing cimport Engine
from crossmargin._core.status cimport Status

cdef Status effective_balances(const Engine* e, int64_t account, int64_t* asset, int64_t* atoms) noexcept nogil
cdef Status feed(
    const Engine* e, int64_t account, bint with_positions, bint with_orders, Source* feeds
) noexcept nogil
