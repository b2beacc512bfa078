import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

def evaluate(
    nodes: Ints,
    args: Ints,
    constants: Floats,
    magic: Floats,
    relation: Ints,
    maps: Ints,
    holding: Ints,
    items: Ints,
    key_start: Ints,
    sources: tuple[tuple[Ints, Ints, Ints], ...],
    wanted: Ints,
    first: int,
    last: int,
    block_units: int,
    block_rows: int,
    block_pairs: int,
    integers: Ints,
    doubles: Floats,
    out: Floats,
) -> int:
    """Run a program over units [first, last) of a book and write the wanted nodes' rows side by side.

    ``nodes`` (n_nodes, 10), a row a ``Node`` of the interface file, with ``args`` is the program; ``constants`` holds
    folded tables and coefficients; ``magic`` is 1.5 * 2**52 * quantum a node, 0 for no rounding. ``relation``
    (n, 3): child axis, parent axis, offset in ``maps``. ``holding`` (n, 3): source, axis, offset in
    ``items``. ``sources``: start, item and amount of each holding. ``block_rows`` is at least the rows of the largest
    unit, ``block_pairs`` what an axis may hold of a block, else ``CAPACITY``. ``integers`` and ``doubles`` are scratch:
    2 keys + axes (1 + 2 pairs) + relations x pairs, and holdings x pairs plus the node buffers. Units do not share
    anything: any split over threads gives the same bits. Returns a ``Status``.
    """
