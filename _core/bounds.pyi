from crossmargin._checks import Floats, Integers
from crossmargin._core.single import Single

class Interval:
    """Memory for the intervals of a program; ``width``: doubles of its widest node."""

    def __init__(
        self, single: Single, low: Floats, high: Floats, room: Floats, width: int, plain: Floats, weight: Integers,
        weights: Floats, factor: Floats,
    ) -> None: ...
