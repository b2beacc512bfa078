import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

def group_sums(group: Ints, amount: Floats, net: Floats, long_pool: Floats, short_pool: Floats) -> tuple[int, int]:
    """Net, long and short sums of amounts by group, shape (n_groups,); (status, first bad row or -1).

    ``net = long_pool - short_pool``; pools are >= 0. ``NOT_FINITE``: an amount; ``UNKNOWN``: a group.
    """

def tiers(size: Floats, edges: Floats, rates: Floats, out: Floats) -> tuple[int, int]:
    """Marginal charge of each size: ``sum_j (rate_j - rate_{j-1}) max(|x| - edge_j, 0)``; (status, bad).

    ``edges`` ascend from 0, as many as ``rates``; equal to ``rate_i |x| - deduction_i`` in tier i.
    """

def size_rate(size: Floats, base: float, slope: float, cap: float, out: Floats) -> tuple[int, int]:
    """``|x| min(base + slope |x|, cap)``: a rate of the whole size, by size; (status, bad)."""
