import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

def gains(array: Floats, item: Ints, quantity: Floats, out: Floats) -> tuple[int, int]:
    """``out[s] = sum_i quantity[i] array[item[i], s]``; returns (status, first bad holding or -1).

    ``array`` (n_instruments, n_scenarios) is a risk array, gain > 0; ``item`` and ``quantity`` (n,) are
    holdings; ``out`` (n_scenarios,). ``NOT_FINITE``: a quantity; ``UNKNOWN``: an item outside the array.
    """

def scan(
    array: Floats, start: Ints, item: Ints, quantity: Floats, work: Floats, loss: Floats, row: Ints
) -> tuple[int, int]:
    """Scan loss ``max(0, -min_s G_s)`` and the first worst row of every unit; (status, bad holding or -1).

    ``start`` (n_units + 1,) cuts the holdings by unit; ``loss`` and ``row`` (n_units,); ``work`` (n_scenarios,) is not
    used any more. Of no scenarios the loss is 0 and the row -1.
    """

def contemplate(gain: Floats, row: Floats, quantity: float) -> tuple[int, float]:
    """``min_s (gain[s] + quantity row[s])``: the least gain if an order were filled; (status, value)."""

def contemplate_many(gain: Floats, array: Floats, item: Ints, quantity: Floats, out: Floats) -> tuple[int, int]:
    """``out[i] = min_s (gain[s] + quantity[i] array[item[i], s])``: each order alone; (status, first bad order or -1)."""
