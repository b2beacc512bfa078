from numpy import float64, int64
from numpy.typing import NDArray

from crossmargin._core.single import Single

Integers = NDArray[int64]
Floats = NDArray[float64]

class Interval:
    """Memory for the intervals of a program; ``width``: doubles of its widest node."""

    def __init__(
        self, single: Single, low: Floats, high: Floats, room: Floats, width: int, plain: Floats, moved: Integers,
        weight: Integers,
        weights: Floats, factor: Floats,
    ) -> None: ...
    def shares(
        self, feeds: tuple[tuple[Integers, Integers, Integers], ...], instrument: Integers, lots: Floats, cost: Floats,
        out: Floats,
    ) -> int:
        """Write the lower end of each wanted node's share over all fills; ``feeds``: (start, item, amount) of each feed."""
