from typing import Any

from numpy import float64, int32, int64
from numpy.typing import NDArray

from crossmargin._core.memory import Memory
from crossmargin._core.tables import Tables

Integers = NDArray[int64]
Floats = NDArray[float64]

class Gate(Memory):
    """An engine over tables, with room that only ``reserve`` changes; see ``crossmargin.account.RiskEngine`` for the face with names."""

    def __init__(
        self, tables: Tables, contracts: Integers, bits: Integers, *, accounts: int, slots: int, orders: int, journal: int,
        policy: int, by_ratio: bool, strict: bool,
    ) -> None: ...
    @property
    def address(self) -> int:
        """Where hosts find the engine: the first argument of every function of the C interface."""

    def capsule(self) -> Any:
        """The same as a capsule, named "crossmargin.gate"; it lives no longer than the engine."""

    def check(self, account: int, instrument: int, lots: int, ticks: int) -> int:
        """Whether ``account`` may place an order: a ``Status``, 0 accepted. Changes nothing; lots > 0 buys."""

    def check_many(
        self, account: Integers, instrument: Integers, lots: Integers, ticks: Integers, status: NDArray[int32]
    ) -> int:
        """``check`` of each of n orders alone, written to ``status``; releases the interpreter."""

    def place(
        self, account: int, order: int, instrument: int, lots: int, ticks: int, flags: int = 0, time: int = 0,
        other: int = 0,
    ) -> int:
        """Check and rest an order in one step. ``time`` 0: that of the last event, here and in every event below.

        ``other``: one of this account and instrument that is there; a fill or the end of either ends the other.
        """

    def amend(self, account: int, order: int, lots: int, ticks: int, time: int = 0) -> int:
        """Another size (signed) and limit, or nothing changes."""

    def cancel(self, account: int, order: int, time: int = 0) -> int: ...
    def trigger(self, account: int, order: int, time: int = 0) -> int:
        """A stop becomes an order, if the account carries it."""

    def trade(
        self, buyer: int, buy: int, seller: int, sell: int, instrument: int, lots: int, ticks: int, buy_fee: int = 0,
        sell_fee: int = 0, time: int = 0,
    ) -> int:
        """A trade: each side an account and its order, 0 for none; account -1 lies on another engine."""

    def apply(self, event: Integers) -> int:
        """Apply an event of twelve words: sequence (ignored), time, kind, account and its fields."""

    def event(
        self, kind: int, time: int, account: int = 0, a: int = 0, b: int = 0, c: int = 0, d: int = 0, e: int = 0, f: int = 0,
        g: int = 0, h: int = 0,
    ) -> int:
        """Apply an event of any ``Kind`` but those that come with tables."""

    def load(self, kind: int, time: int, tables: Tables, bits: int, words: Integers) -> int:
        """Take new tables, as a MARK or a PARAMETERS event; ``bits`` of what they move. The next touch of an account that
        one of them moves rebuilds it anew."""

    def reserve(self, accounts: int = 0, orders: int = 0, time: int = 0) -> int:
        """Room for at least so many accounts and orders, as an event. It allocates: outside the order path.

        What is held, its order and every handle stay; what there is room for never shrinks.
        """

    def ask(
        self, account: int, instrument: int, lots: int, ticks: int, asset: int, atoms: int, figures: Floats
    ) -> int:
        """What ``place`` would answer with ``atoms`` of an asset more, and the figures with the order resting."""

    def sweep(self, first: int, n: int) -> int:
        """Bring accounts [first, first + n) up to the last marks; how many had to be rebuilt. By the writer."""

    def health(self, account: int, figures: Floats) -> int:
        """Write every ``Figure``, quote currency; by the writer."""

    def read(self, account: int, figures: Floats) -> int:
        """The figures that ``health`` last wrote, by any thread, never half of them."""

    def drain(self, to: Integers) -> int:
        """Take events out of the ring, rows of twelve words; how many."""

    def set_durable(self, sequence: int) -> None:
        """The journal holds every event up to this one; by its thread."""

    def sequence(self) -> int:
        """Number of the last event applied."""

    def durable(self) -> int:
        """Number of the last event that the journal holds: what a host may acknowledge."""
