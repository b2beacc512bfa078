from numpy import float64, int64
from numpy.typing import NDArray

Integers = NDArray[int64]
Floats = NDArray[float64]

class Single:
    """A laid-out program that runs over the rows of one account; arguments as of ``plan.evaluate``."""

    scratch: int
    capacity: int

    def __init__(
        self, nodes: Integers, args: Integers, constants: Floats, magic: Floats, relation: Integers, maps: Integers,
        holding: Integers, items: Integers, key_start: Integers, feed: Integers, wanted: Integers, capacity: int,
        integers: Integers, doubles: Floats, leader: Integers,
    ) -> None: ...
