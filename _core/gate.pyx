"""The gate's door: applies events one after the other, on one engine with one writer; and its faces.

What answers other than OK has changed nothing. Nothing is allocated and no clock is read; an event carries its
time. An applied event gets the next sequence number and goes to the journal's ring.
"""

from cpython.pycapsule cimport PyCapsule_New
from cpython.pythread cimport PyThread_get_thread_ident
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcpy, memset
from crossmargin._core.events cimport (
    ADJUST, AMEND, BAND, BRING, CANCEL, DEPOSIT, ENROL, EXPIRE, FUND, INTEREST, LIST, MARK, MODE, OBSERVE, PARAMETERS,
    PLACE, RESERVE, REST, TRADE, TRANSFER, TRIGGER, WITHDRAW, Event, State, known_account, known_asset,
)
from crossmargin._core.ledger cimport GONE, Contract, Ledger
from crossmargin._core.memory cimport Block, Memory, Room
from crossmargin._core.resting cimport amend, ask_resting, cancel, check, check_many, place_bound, trigger
from crossmargin._core.settling cimport (
    adjust, bring, bump, enrol, expire, fund, interest, money, move, remember, terms, trade,
)
from crossmargin._core.standing cimport (
    N_FIGURES, Engine, figures_of, fresh, gate_copy, gate_load, gate_load_words, gate_store, publish,
)
from crossmargin._core.status cimport Status
from crossmargin._core.tables cimport Tables

cdef enum:
    WORDS = 12
    MOST = 2147483647  # accounts or orders

# ---- one door -------------------------------------------------------------------------------

cdef Status dispatch(State* g, const Event* v) noexcept nogil:
    cdef int64_t kind = v.kind
    if kind == PLACE or kind == REST:
        return place_bound(g, v.account, v.a, v.b, v.c, v.d, v.e, v.f, True, kind == PLACE)
    if kind == CANCEL:
        return cancel(g, v.account, v.a)
    if kind == AMEND:
        return amend(g, v.account, v.a, v.b, v.c)
    if kind == TRADE:
        return trade(g, v)
    if kind == TRIGGER:
        return trigger(g, v.account, v.a)
    if kind == ENROL:
        return enrol(g, v)
    if kind == DEPOSIT or kind == WITHDRAW or kind == TRANSFER:
        return money(g, v)
    if kind == FUND:
        return fund(g, v)
    if kind == EXPIRE:
        return expire(g, v)
    if kind == INTEREST:
        return interest(g, v)
    if kind == LIST or kind == MODE or kind == BAND:
        return terms(g, v)
    if kind == BRING:
        return bring(g, v)
    if kind == ADJUST:
        return adjust(g, v)
    if kind == OBSERVE:
        return Status.OK
    if kind == MARK or kind == PARAMETERS or kind == RESERVE:
        return Status.OK if g.ready else Status.MALFORMED  # the face takes the tables or the room that it made ready
    return Status.MALFORMED


cdef Status apply(State* g, const Event* v) noexcept nogil:
    """Apply one event; what is applied is numbered and goes to the journal."""
    cdef Event* to
    cdef Status status
    if v.time < g.time:
        return Status.TIME
    if g.ring_mask >= 0 and g.head - gate_load(&g.tail) > g.ring_mask:
        return Status.BACKPRESSURE
    status = dispatch(g, v)
    if status != Status.OK:
        return status
    g.time = v.time
    remember(g, v)
    if g.ring_mask >= 0:
        to = &g.ring[g.head & g.ring_mask]
        to[0] = v[0]
        to.sequence = g.sequence + 1
        gate_store(&g.head, g.head + 1)
    gate_store(&g.sequence, g.sequence + 1)
    return Status.OK


# ---- hosts ----------------------------------------------------------------------------------
cdef api int gate_check(void* gate, int64_t account, int64_t instrument, int64_t lots, int64_t ticks) noexcept nogil:
    """Ask whether an account may place an order; changes nothing."""
    return check(<State*>gate, account, instrument, lots, ticks)


cdef api int gate_place(
    void* gate, int64_t time, int64_t account, int64_t order, int64_t instrument, int64_t lots, int64_t ticks,
    int64_t flags
) noexcept nogil:
    cdef Event v
    v.time, v.kind, v.account, v.a, v.b, v.c, v.d, v.e = time, PLACE, account, order, instrument, lots, ticks, flags
    v.sequence = v.f = v.g = v.h = 0
    return apply(<State*>gate, &v)


cdef api int gate_cancel(void* gate, int64_t time, int64_t account, int64_t order) noexcept nogil:
    cdef Event v
    memset(&v, 0, sizeof(v))
    v.time, v.kind, v.account, v.a = time, CANCEL, account, order
    return apply(<State*>gate, &v)


cdef api int gate_apply(void* gate, const int64_t* event) noexcept nogil:
    """Apply an event of twelve words."""
    return apply(<State*>gate, <const Event*>event)


cdef api int gate_check_many(
    void* gate, const int64_t* account, const int64_t* instrument, const int64_t* lots, const int64_t* ticks, int64_t n,
    int32_t* status
) noexcept nogil:
    """Ask for each of n orders, alone; memory is asked for ahead."""
    check_many(<State*>gate, account, instrument, lots, ticks, n, status)
    return Status.OK


cdef api int gate_health(void* gate, int64_t account, double* figures) noexcept nogil:
    """Every ``Figure`` at the last marks, written for readers too; by the writer."""
    cdef State* g = <State*>gate
    cdef Status status
    if not known_account(g, account):
        return Status.UNKNOWN
    status = figures_of(&g.engine, account, figures)
    if status == Status.OK:
        publish(&g.engine, account, figures)
    return status


cdef api int gate_read(const void* gate, int64_t account, double* figures) noexcept nogil:
    """What ``gate_health`` last wrote, by any thread; BUSY if the writer is at it."""
    cdef const State* g = <const State*>gate
    cdef int64_t words[N_FIGURES]
    cdef const int64_t* line
    if <uint64_t>account >= <uint64_t>gate_load(<const int64_t*>&g.engine.ledger.n_accounts):
        return Status.UNKNOWN
    line = gate_load_words(&g.engine.figures) + account * 8
    if not gate_copy(line, line + 1, words, N_FIGURES):
        return Status.BUSY
    memcpy(figures, words, sizeof(words))
    return Status.OK


cdef api int64_t gate_sweep(void* gate, int64_t first, int64_t n) noexcept nogil:
    """Bring the accounts [first, first + n) up to the last marks; how many had to be rebuilt."""
    cdef State* g = <State*>gate
    cdef int64_t account, before = g.engine.rebuilt
    for account in range(max(first, 0), min(first + n, g.engine.ledger.n_accounts)):
        if g.engine.ledger.owner[account].trading != GONE:
            fresh(&g.engine, account)
    return g.engine.rebuilt - before


cdef api int64_t gate_drain(void* gate, int64_t* to, int64_t most) noexcept nogil:
    """Take up to ``most`` events out of the ring; how many. By the journal's thread."""
    cdef State* g = <State*>gate
    cdef int64_t tail = g.tail, n = min(gate_load(&g.head) - tail, most), i
    if g.ring_mask < 0:
        return 0
    for i in range(n):
        memcpy(to + WORDS * i, &g.ring[(tail + i) & g.ring_mask], sizeof(Event))
    gate_store(&g.tail, tail + n)
    return n


cdef api int64_t gate_sequence(const void* gate) noexcept nogil:
    return gate_load(&(<const State*>gate).sequence)


cdef api int64_t gate_durable(const void* gate) noexcept nogil:
    return gate_load(&(<const State*>gate).durable)


cdef api void gate_set_durable(void* gate, int64_t sequence) noexcept nogil:
    """A host's own journal holds every event up to this one."""
    gate_store(&(<State*>gate).durable, sequence)


# ---- faces ----------------------------------------------------------------------------------

cdef class Gate(Memory):
    """An engine over tables, with room that only ``reserve`` changes; ``crossmargin.account.RiskEngine`` has names."""

    def __init__(
        self, Tables tables not None, const int64_t[:, ::1] contracts not None, const int64_t[::1] bits not None, *,
        Py_ssize_t accounts, Py_ssize_t slots, Py_ssize_t orders, Py_ssize_t journal, int policy, bint by_ratio,
        bint strict,
    ):
        cdef Ledger* b = &self.g.engine.ledger
        cdef Engine* e = &self.g.engine
        if self.rooms is not None:
            raise ValueError("an engine is made once")
        if contracts.shape[1] * sizeof(int64_t) != sizeof(Contract):
            raise ValueError("contracts must have the fields of the interface file")
        b.n_accounts, b.n_slots, b.n_orders = accounts, slots, orders
        b.n_instruments, b.n_assets = contracts.shape[0], bits.shape[0]
        self.tables = tables
        self.reserve_first(journal)
        if contracts.shape[0]:
            memcpy(b.contract, &contracts[0, 0], contracts.shape[0] * sizeof(Contract))
        self.bits = bits
        e.bit = &bits[0]
        e.policy, e.by_ratio, self.g.refused_in_trouble = policy, by_ratio, strict
        tables.load(e)
        self.owner = PyThread_get_thread_ident()

    @property
    def address(self):
        """Where hosts find the engine: the first argument of every function of the C interface."""
        return <size_t>&self.g

    def capsule(self):
        """The same as a capsule, named "crossmargin.gate"; it lives no longer than the engine."""
        return PyCapsule_New(&self.g, "crossmargin.gate", NULL)

    def check(self, int64_t account, int64_t instrument, int64_t lots, int64_t ticks):
        """Whether ``account`` may place an order: a ``Status``, 0 accepted. Changes nothing; lots > 0 buys."""
        if self.foreign():
            return <int>Status.BUSY
        return <int>check(&self.g, account, instrument, lots, ticks)

    def check_many(
        self, const int64_t[::1] account not None, const int64_t[::1] instrument not None,
        const int64_t[::1] lots not None, const int64_t[::1] ticks not None, int32_t[::1] status not None,
    ):
        """``check`` of each of n orders alone, written to ``status``; releases the interpreter."""
        cdef int64_t n = account.shape[0]
        if not n == instrument.shape[0] == lots.shape[0] == ticks.shape[0] == status.shape[0]:
            return <int>Status.SHAPE
        if self.foreign():
            return <int>Status.BUSY
        if n:
            with nogil:
                gate_check_many(&self.g, &account[0], &instrument[0], &lots[0], &ticks[0], n, &status[0])
        return <int>Status.OK

    def place(
        self, int64_t account, int64_t order, int64_t instrument, int64_t lots, int64_t ticks, int64_t flags=0,
        int64_t time=0, int64_t other=0,
    ):
        """Check and rest an order in one step. ``time`` 0: that of the last event, here and in every event below.

        ``other``: one of this account and instrument that is there; a fill or the end of either ends the other.
        """
        return self.event(PLACE, time, account, order, instrument, lots, ticks, flags, other)

    def amend(self, int64_t account, int64_t order, int64_t lots, int64_t ticks, int64_t time=0):
        """Another size (signed) and limit, or nothing changes."""
        return self.event(AMEND, time, account, order, lots, ticks)

    def cancel(self, int64_t account, int64_t order, int64_t time=0):
        return self.event(CANCEL, time, account, order)

    def trigger(self, int64_t account, int64_t order, int64_t time=0):
        """A stop becomes an order, if the account carries it."""
        return self.event(TRIGGER, time, account, order)

    def trade(
        self, int64_t buyer, int64_t buy, int64_t seller, int64_t sell, int64_t instrument, int64_t lots, int64_t ticks,
        int64_t buy_fee=0, int64_t sell_fee=0, int64_t time=0,
    ):
        """A trade: each side an account and its order, 0 for none; account -1 lies on another engine."""
        return self.event(TRADE, time, buyer, buy, seller, sell, instrument, lots, ticks, buy_fee, sell_fee)

    def apply(self, const int64_t[::1] event not None):
        """Apply an event of twelve words: sequence (ignored), time, kind, account and its fields."""
        if event.shape[0] != WORDS:
            return <int>Status.SHAPE
        if self.foreign():
            return <int>Status.BUSY
        if (<const Event*>&event[0]).kind == MARK or (<const Event*>&event[0]).kind == PARAMETERS:
            return <int>Status.MALFORMED  # they come with tables, by ``mark``
        return <int>apply(&self.g, <const Event*>&event[0])

    def event(self, int64_t kind, int64_t time, int64_t account=0, int64_t a=0, int64_t b=0, int64_t c=0, int64_t d=0,
              int64_t e=0, int64_t f=0, int64_t g=0, int64_t h=0):
        """Apply an event of any ``Kind`` but those that come with tables."""
        cdef Event v
        if self.foreign() or kind == MARK or kind == PARAMETERS:
            return <int>Status.BUSY if self.foreign() else <int>Status.MALFORMED
        v.sequence, v.time, v.kind, v.account = 0, time if time else self.g.time, kind, account
        v.a, v.b, v.c, v.d, v.e, v.f, v.g, v.h = a, b, c, d, e, f, g, h
        return <int>apply(&self.g, &v)

    def load(
        self, int64_t kind, int64_t time, Tables tables not None, uint64_t bits, const int64_t[::1] words not None
    ):
        """Take new tables, as a MARK or a PARAMETERS event; ``bits`` of what they move. The next touch of an account
        that one of them moves rebuilds it anew."""
        cdef Event v
        cdef Status status
        if self.foreign():
            return <int>Status.BUSY
        if words.shape[0] != 5:
            return <int>Status.SHAPE
        memset(&v, 0, sizeof(v))
        v.time, v.kind = time if time else self.g.time, kind
        v.a, v.b, v.c, v.d, v.e = words[0], words[1], words[2], words[3], words[4]
        self.g.ready = 1
        status = apply(&self.g, &v)
        self.g.ready = 0
        if status == Status.OK:
            if not tables.rounds_as(self.tables):  # what is taken away must be what was added: every state anew
                bits = <uint64_t>-1
            if not tables.fits(self.tables):
                self.renew_states(tables)
            self.tables = tables
            tables.load(&self.g.engine)
            bump(&self.g, bits)
        return <int>status

    def reserve(self, int64_t accounts=0, int64_t orders=0, int64_t time=0):
        """Room for at least so many accounts and orders, as an event. It allocates: outside the order path.

        What is held, its order and every handle stay; what there is room for never shrinks.
        """
        cdef Event v
        cdef Room room
        cdef Block states
        cdef Status status
        if self.foreign():
            return <int>Status.BUSY
        if not (0 <= accounts <= MOST and 0 <= orders <= MOST):
            return <int>Status.MALFORMED
        if accounts <= self.g.engine.ledger.n_accounts and orders <= self.g.engine.ledger.n_orders:
            return <int>Status.OK
        room = self.larger(accounts, orders)
        states = self.states_of(self.tables, room.ledger.n_accounts, self.g.engine.ledger.n_accounts)
        memset(&v, 0, sizeof(v))
        v.time, v.kind = time if time else self.g.time, RESERVE
        v.a, v.b = room.ledger.n_accounts, room.ledger.n_orders
        self.g.ready = 1
        status = apply(&self.g, &v)
        self.g.ready = 0
        if status == Status.OK:
            self.take(room, states)
        return <int>status

    def ask(self, int64_t account, int64_t instrument, int64_t lots, int64_t ticks, int64_t asset, int64_t atoms,
            double[::1] figures not None):
        """What ``place`` would answer with ``atoms`` of an asset more, and the figures with the order resting."""
        cdef Status status
        if figures.shape[0] != N_FIGURES:
            return <int>Status.SHAPE
        if self.foreign():
            return <int>Status.BUSY
        if not known_account(&self.g, account) or not known_asset(&self.g, asset):
            return <int>Status.UNKNOWN
        status = move(&self.g, account, asset, atoms)
        if status == Status.OK:
            status = ask_resting(&self.g, account, instrument, lots, ticks, &figures[0])
            move(&self.g, account, asset, -atoms)
        return <int>status

    def sweep(self, int64_t first, int64_t n):
        """Bring accounts [first, first + n) up to the last marks; how many had to be rebuilt. By the writer."""
        cdef int64_t found
        if self.foreign():
            return -1
        with nogil:
            found = gate_sweep(&self.g, first, n)
        return found

    def health(self, int64_t account, double[::1] figures not None):
        """Write every ``Figure``, quote currency; by the writer."""
        if figures.shape[0] != N_FIGURES or self.foreign():
            return <int>Status.BUSY if self.foreign() else <int>Status.SHAPE
        return gate_health(&self.g, account, &figures[0])

    def read(self, int64_t account, double[::1] figures not None):
        """The figures that ``health`` last wrote, by any thread, never half of them."""
        cdef int status
        if figures.shape[0] != N_FIGURES:
            return <int>Status.SHAPE
        with nogil:
            status = gate_read(&self.g, account, &figures[0])
            while status == Status.BUSY:
                status = gate_read(&self.g, account, &figures[0])
        return <int>status

    def drain(self, int64_t[:, ::1] to not None):
        """Take events out of the ring, rows of twelve words; how many."""
        cdef int64_t n
        if to.shape[1] != WORDS or to.shape[0] == 0:
            return 0
        with nogil:
            n = gate_drain(&self.g, &to[0, 0], to.shape[0])
        return n

    def set_durable(self, int64_t sequence):
        """The journal holds every event up to this one; by its thread."""
        gate_set_durable(&self.g, sequence)

    def sequence(self):
        """Number of the last event applied."""
        return gate_sequence(&self.g)

    def durable(self):
        """Number of the last event that the journal holds: what a host may acknowledge."""
        return gate_durable(&self.g)
