from numpy import float64, int64
from numpy.typing import NDArray

from crossmargin._core.bounds import Interval
from crossmargin._core.integers import Integral
from crossmargin._core.single import Single

Integers = NDArray[int64]
Floats = NDArray[float64]

class Tables:
    """What a market and a parameter set give an engine: compiled worst fills, the plan, ranges, half atoms."""

    n_opaque: int  # parts without linear forms

    def __init__(
        self, alternatives: Integers, keyed: Integers, touches: Integers, touch_start: Integers, moves: Integers, points: Integers,
        lists: Integers, figures: Floats, alternative_magic: Floats, term_magic: Floats, sum_magic: Floats, sums: int, n_sums: int,
        block: int, state: int, whole: Single, fixed: Single | None, opaque: Interval | None, integral: Integral | None, plain: Floats, most_lots: Floats, most_cost: Floats, atom: Floats,
        doubted_instruments: Integers, doubted_assets: Integers,
    ) -> None: ...
