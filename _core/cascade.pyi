from numpy import float64, int64
from numpy.typing import NDArray

from crossmargin._core.gate import Gate

Integers = NDArray[int64]
Floats = NDArray[float64]

def counts(gate: Gate, account: Integers, positions: Integers, orders: Integers) -> tuple[int, int]:
    """Where each account's positions and orders begin, n + 1 figures each: (status, first unknown account)."""

def holdings(
    gate: Gate, account: Integers, start: Integers, instrument: Integers, lots: Integers, cost: Integers, atoms: Integers
) -> int:
    """Positions of accounts that ``counts`` counted, and their balances (n, assets); a status."""

def resting(gate: Gate, account: int) -> list[tuple[int, int, int, int, int]]:
    """Rows (id, instrument, lots that may fill, ticks, flags) of one account's orders, by arrival in each slot."""

def moved(
    gate: Gate, account: Integers, place: Integers, position: Floats, position_bound: Floats, cost: Floats,
    cost_bound: Floats, balance: Floats, balance_bound: Floats, atoms: Integers, out: Floats,
) -> int:
    """Add to ``out`` what each account's surplus changed by at least since its place in a path of marks; a status."""

def changed(gate: Gate, since: int, to: Integers) -> int:
    """Write the accounts that events after a sequence number named, ascending; how many, -1: any may have changed."""

def apply_many(gate: Gate, events: Integers) -> tuple[int, int]:
    """Apply events of twelve words until one is refused: (how many were applied, the status of the one that was not)."""
