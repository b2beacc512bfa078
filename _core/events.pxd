# Events, and the engine that they change: what the modules of the gate share.
from libc.stdint cimport int64_t, uint64_t
from crossmargin._core.ledger cimport GONE
from crossmargin._core.standing cimport Engine, Standing, newest, standing_of

cpdef enum Kind:          # of an event, and what its fields a to h are
    ENROL = 1             # account, a currency, b.. digest of its name
    DEPOSIT = 2           # account, a asset, b atoms
    WITHDRAW = 3          # account, a asset, b atoms
    TRANSFER = 4          # account, a asset, b atoms, c receiving account, d 1: unjudged, as a liquidation takes it
    PLACE = 5             # account, a order, b instrument, c lots, d ticks, e flags, f an order to be bound to
    AMEND = 6             # account, a order, b lots, c ticks
    CANCEL = 7            # account, a order
    TRIGGER = 8           # account, a order
    # buyer, a its order, b seller, c its order, d instrument, e lots, f ticks, g buyer's fee, h seller's
    TRADE = 9
    FUND = 10             # a instrument, b index
    EXPIRE = 11           # a instrument, b settlement ticks
    INTEREST = 12         # a asset, b rate of debts, c rate of credits, 2^-32
    LIST = 13             # a instrument, b what it takes (Trading)
    MODE = 14             # account, a what it takes (Trading)
    BAND = 15             # a instrument, b lowest, c highest ticks
    OBSERVE = 16          # a bits of a figure, b.. digest of its subject and field
    MARK = 17             # e how many of the last observations it takes
    PARAMETERS = 18       # a.. digest of a parameter set
    BRING = 19            # account, a instrument, b lots, c open cost: a position from elsewhere, unjudged
    ADJUST = 20           # account, a asset, b atoms, negative too: unjudged
    REST = 21             # as PLACE, unjudged: an order that rests already where the account comes from
    RESERVE = 22          # a accounts, b orders that there is room for from now on

cdef struct Event:
    int64_t sequence
    int64_t time          # ns, never going back
    int64_t kind
    int64_t account
    int64_t a
    int64_t b
    int64_t c
    int64_t d
    int64_t e
    int64_t f
    int64_t g
    int64_t h

cdef struct State:
    Engine engine
    int64_t time          # of the last event
    int64_t sequence      # events applied
    int64_t durable       # events that the journal has
    Event* ring
    int64_t ring_mask     # -1: no journal
    int64_t head          # events put into the ring
    int64_t tail          # events taken out of it
    int64_t ready         # whether what a MARK, PARAMETERS or RESERVE takes lies ready
    int64_t refused_in_trouble  # whether an account in liquidation may not reduce either
    int64_t everyone      # sequence of the last event that may have changed every account, marks apart


cdef inline bint known_account(const State* g, int64_t account) noexcept nogil:
    return <uint64_t>account < <uint64_t>g.engine.ledger.n_accounts and g.engine.ledger.owner[account].trading != GONE


cdef inline bint known_instrument(const State* g, int64_t instrument) noexcept nogil:
    """Listed, and one that the method can hold."""
    return (<uint64_t>instrument < <uint64_t>g.engine.ledger.n_instruments
            and g.engine.ledger.contract[instrument].settlement >= 0)


cdef inline bint known_asset(const State* g, int64_t asset) noexcept nogil:
    """Listed, and one that the method can hold."""
    return <uint64_t>asset < <uint64_t>g.engine.ledger.n_assets and g.engine.bit[asset] >= 0


cdef inline bint sound_lots(int64_t lots) noexcept nogil:
    return lots != 0 and -((<int64_t>1) << 53) <= lots <= (<int64_t>1) << 53


cdef inline bint carries(const Engine* e, int64_t account, double surplus) noexcept nogil:
    """Whether a surplus, to the nearest atom of the account's currency, is 0 or more."""
    return surplus >= -e.atom[e.ledger.owner[account].currency]


cdef inline void stale_or_kept(State* g, int64_t account) noexcept nogil:
    """Before a change that is not judged: a state that the marks overtook is not worth keeping up."""
    cdef Standing* st = standing_of(&g.engine, account)
    if st.seen != g.engine.now and st.seen < newest(&g.engine, st.moved_by):
        st.seen = -1
