import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

class RiskTable:
    """A risk array (n_instruments, n_scenarios), gain > 0, copied once to rows on cache lines; one that is not finite is refused.

    ``row`` is the worst row of the last ``loss``, or the place of its first bad holding. One thread at a time.
    """

    row: int
    def __init__(self, array: Floats) -> None: ...
    def loss(self, item: Ints, quantity: Floats) -> float:
        """Scan loss ``max(0, -min_s G_s)`` of holdings (n,), or minus the ``Status`` where there is no answer.

        Takes any buffers of int64 and float64; what a call costs is the arithmetic and three Python objects.
        """

    def scan(self, start: Ints, item: Ints, quantity: Floats, loss: Floats, row: Ints) -> tuple[int, int]:
        """``scenario.scan`` of a book over this table: (status, first bad holding or -1)."""
