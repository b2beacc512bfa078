import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

class Engine:
    """A bound program laid out for changes, see ``crossmargin.margin.plan.incremental``."""

    def __init__(
        self,
        steps: Ints,
        step_start: Ints,
        consts: Ints,
        const_start: Ints,
        joined: Ints,
        links: Ints,
        node_rows: Ints,
        constants: Floats,
        magic: Floats,
        axes: Ints,
        maps: Ints,
        item_axis: Ints,
        column: Ints,
        most: Floats,
        width: Ints,
        reg: Ints,
        outputs: Ints,
        registers: int,
    ) -> None: ...

class Account:
    """The state of one account: quantities and sums over held keys, in ``n_bytes`` of memory."""

    engine: Engine
    n_bytes: int

    def __init__(self, engine: Engine, capacity: Ints) -> None: ...
    def apply(self, holding: int, item: int, lots: float) -> int:
        """Set the quantity of an item; returns a ``Status``; refused, nothing changed."""
    def quantity(self, holding: int, item: int) -> float:
        """What is held of an item."""
    def values(self, out: Floats) -> int:
        """Write the outputs at the present state, side by side."""
    def contemplate(self, holding: int, item: int, lots: float, out: Floats) -> int:
        """Write the outputs as if an item's quantity were ``lots``; the state stays."""
    def contemplate_many(self, holding: int, item: Ints, lots: Floats, out: Floats) -> int:
        """``contemplate`` for arrays, each from the present state; stops at the first refusal."""
    def state(self) -> dict[tuple[int, int], bytes]:
        """Every block that is not all zero, to compare states to the bit."""
