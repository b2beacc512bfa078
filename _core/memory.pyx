"""The memory of an engine and what lies in it: reserved when it opens, grown outside the order path, kept as bytes.

Nothing moves in the path. Growing lays every table anew and keeps what was outgrown until the engine dies: a reader
on another thread may be at it. The journal's ring never moves.
"""

from cpython.pythread cimport PyThread_get_thread_ident
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy
from crossmargin._core.bounds cimport Fill
from crossmargin._core.events cimport Event
from crossmargin._core.holdings cimport balances_of, contracts_of, modes_of, orders_of, positions_of, totals_of
from crossmargin._core.ledger cimport Ledger, carve_ledger, copy_ledger, ledger_bytes, lines, move_ledger
from crossmargin._core.standing cimport Engine, Standing, gate_store, gate_store_words
from crossmargin._core.status cimport Status
from crossmargin._core.tables cimport Tables

cdef enum:
    FIGURES = 8               # words of an account for readers
    HEAD = 8                  # words before the tables of a snapshot
    STANDING = 8              # doubles before the rows of a state
    SHARES = 64


cdef class Block:
    """Zeroed memory from a cache line on, as long as this lives."""

    def __cinit__(self, Py_ssize_t size):
        self.start = <char*>calloc(size + 64, 1)
        if self.start == NULL:
            raise MemoryError(f"no memory for {size} bytes of an engine")
        self.size = size
        self.at = self.start + (64 - <size_t>self.start % 64) % 64

    def __dealloc__(self):
        free(self.start)


cdef class Room:
    """Tables of one capacity, all free."""

    @staticmethod
    cdef Room of(Ledger sizes):
        cdef Room room = Room()
        cdef Ledger* b = &room.ledger
        cdef Py_ssize_t n, figures, rows
        b[0] = sizes
        b.mask = 1
        while b.mask + 1 < <size_t>(2 * b.n_orders):
            b.mask = 2 * b.mask + 1
        n, figures = ledger_bytes(b), lines(b.n_accounts * FIGURES * sizeof(int64_t))
        rows = lines((16 + 14 * b.n_slots + 2 * b.n_assets) * sizeof(int64_t))
        room.n_fills = min(b.n_orders, 64 * b.n_slots + 64)
        room.block = Block(n + figures + rows + lines(room.n_fills * sizeof(Fill)))
        carve_ledger(b, room.block.at)
        room.figures = <int64_t*>(room.block.at + n)
        room.rows = <int64_t*>(room.block.at + n + figures)
        room.fills = <Fill*>(room.block.at + n + figures + rows)
        return room


cdef Py_ssize_t stride_of(Tables tables):
    """Doubles of an account's state: how it stands, then its rows."""
    return STANDING + lines(tables.worst.state * sizeof(double)) // sizeof(double)


cdef class Memory:
    """What an engine holds, and the thread that may change it; the faces are those of ``gate.Gate``."""

    cdef bint foreign(self):
        return PyThread_get_thread_ident() != self.owner

    def adopt(self):
        """The calling thread writes from now on; another one is answered BUSY."""
        self.owner = PyThread_get_thread_ident()

    # ---- room -------------------------------------------------------------------------------

    cdef reserve_first(self, Py_ssize_t journal):
        """Room for the sizes that stand in the ledger, and the journal's ring."""
        cdef Ledger sizes = self.g.engine.ledger
        self.ring = Block(journal * sizeof(Event))
        self.g.ring, self.g.ring_mask = <Event*>self.ring.at, journal - 1
        self.rooms = []
        self.take(Room.of(sizes), self.states_of(self.tables, sizes.n_accounts, 0))

    cdef Room larger(self, Py_ssize_t accounts, Py_ssize_t orders):
        """Room for more, with what is held laid into it."""
        cdef const Engine* e = &self.g.engine
        cdef Ledger sizes = e.ledger
        cdef Room room
        sizes.n_accounts, sizes.n_orders = max(accounts, sizes.n_accounts), max(orders, sizes.n_orders)
        room = Room.of(sizes)
        copy_ledger(&room.ledger, &e.ledger)
        memcpy(room.figures, e.figures, e.ledger.n_accounts * FIGURES * sizeof(int64_t))
        return room

    cdef take(self, Room room, Block states):
        """Use this room from now on. Readers see accounts only once there are figures of them."""
        cdef Engine* e = &self.g.engine
        self.rooms.append(room)
        move_ledger(&e.ledger, &room.ledger)
        e.rows, e.fills, e.n_fills = room.rows, room.fills, room.n_fills
        gate_store_words(&e.figures, room.figures)
        gate_store(<int64_t*>&e.ledger.n_accounts, room.ledger.n_accounts)
        self.lay_states(self.tables, states)

    cdef Block states_of(self, Tables tables, Py_ssize_t accounts, Py_ssize_t kept):
        """States of so many accounts under these tables: some of today's, the others stale."""
        cdef Py_ssize_t stride = stride_of(tables), i
        cdef Block states = Block((accounts * stride + SHARES + 2 * (tables.rows + 8)) * sizeof(double))
        if kept:
            memcpy(states.at, self.g.engine.state, kept * stride * sizeof(double))
        for i in range(kept, accounts):
            (<Standing*>(states.at + i * stride * sizeof(double))).seen = -1
        return states

    cdef lay_states(self, Tables tables, Block states):
        cdef Engine* e = &self.g.engine
        self.states, self.tables = states, tables
        e.state, e.stride = <double*>states.at, stride_of(tables)
        e.shares = e.state + e.ledger.n_accounts * e.stride
        e.room = e.shares + SHARES
        e.sums = e.room + tables.rows + 8

    cdef renew_states(self, Tables tables):
        """States for the forms of other tables, all stale."""
        self.g.everyone = self.g.sequence + 1  # states made anew forget what changed
        self.lay_states(tables, self.states_of(tables, self.g.engine.ledger.n_accounts, 0))

    @property
    def n_bytes_reserved(self):
        """Memory of the engine, with what it has outgrown."""
        cdef Room room
        cdef Py_ssize_t n = 0
        for room in self.rooms:
            n += room.block.size
        return n + self.states.size + self.ring.size

    def room(self):
        """How many accounts and orders there is room for: (accounts, orders)."""
        return self.g.engine.ledger.n_accounts, self.g.engine.ledger.n_orders

    # ---- what is held -----------------------------------------------------------------------

    @property
    def time(self):
        """Time of the last event, ns."""
        return self.g.time

    def counts(self):
        """Surpluses asked for, those that ran the plan anew, and states rebuilt: (checks, recomputed, rebuilt)."""
        return self.g.engine.checks, self.g.engine.recomputed, self.g.engine.rebuilt

    def positions(self):
        """Rows (account, instrument, lots, open cost, funding index)."""
        return positions_of(&self.g.engine.ledger)

    def balances(self):
        """Rows (account, asset, atoms) that are not 0."""
        return balances_of(&self.g.engine.ledger)

    def orders(self):
        """Rows (account, id, instrument, lots open, lots that may fill, ticks, flags, id of the order bound to it)."""
        return orders_of(&self.g.engine.ledger)

    def totals(self):
        """Atoms by total (EXTERNAL, FEES, ROUNDING, CLEARING, INTEREST) and asset."""
        return totals_of(&self.g.engine.ledger)

    def contracts(self):
        """Of each instrument: (funding index, what it takes, lowest, highest ticks)."""
        return contracts_of(&self.g.engine.ledger)

    def modes(self):
        """Of each account: (what it takes, row of its currency)."""
        return modes_of(&self.g.engine.ledger)

    # ---- as bytes ---------------------------------------------------------------------------

    def snapshot(self):
        """Everything but the tables, as bytes that ``restore`` of an engine of no more room takes."""
        cdef const Ledger* b = &self.g.engine.ledger
        cdef int64_t head[HEAD]
        cdef Room room = self.rooms[len(self.rooms) - 1]
        head[0], head[1], head[2] = ledger_bytes(b), self.g.time, self.g.sequence
        head[3], head[4] = b.free_level, b.free_order
        head[5], head[6], head[7] = b.n_accounts, b.n_orders, 0
        return <bytes>(<char*>&head[0])[:sizeof(head)] + <bytes>room.block.at[:head[0]]

    def restore(self, bytes data not None):
        """Take a snapshot, with the room that it had; every state is rebuilt anew at its next touch."""
        cdef Engine* e = &self.g.engine
        cdef int64_t head[HEAD]
        cdef Ledger sizes = e.ledger
        cdef Room room
        if self.foreign():
            return <int>Status.BUSY
        if len(data) < <Py_ssize_t>sizeof(head):
            return <int>Status.SHAPE
        memcpy(head, <const char*>data, sizeof(head))
        if not (sizes.n_accounts <= head[5] <= len(data) and sizes.n_orders <= head[6] <= len(data)):
            return <int>Status.SHAPE
        sizes.n_accounts, sizes.n_orders = head[5], head[6]
        room = Room.of(sizes)
        if ledger_bytes(&room.ledger) != head[0] or len(data) != <Py_ssize_t>sizeof(head) + head[0]:
            return <int>Status.SHAPE
        memcpy(room.block.at, <const char*>data + sizeof(head), head[0])
        room.ledger.free_level, room.ledger.free_order = <int32_t>head[3], <int32_t>head[4]
        memcpy(room.figures, e.figures, e.ledger.n_accounts * FIGURES * sizeof(int64_t))
        self.take(room, self.states_of(self.tables, sizes.n_accounts, 0))
        self.g.time, self.g.sequence, self.g.durable = head[1], head[2], head[2]
        self.g.everyone = head[2] + 1
        return <int>Status.OK
