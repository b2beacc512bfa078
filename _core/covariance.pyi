import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

def check_term(
    group: Ints, level: Ints, start: Ints, table: Ints, coefficient: Floats, figures: Floats
) -> tuple[int, int]:
    """Whether groups, levels and tables of a term lie inside their arrays; (status, first bad group or factor).

    ``group``, ``level`` (n,): of each factor, group -1 is outside the term. ``start`` (n_groups + 1,): a group has
    ``start[g + 1] - start[g]`` levels. ``table`` (n_groups,): where the group's table begins in ``figures``, row by
    row, -1: every entry is 1. ``coefficient`` (n_groups,).
    """

def correlate(
    group: Ints, level: Ints, start: Ints, table: Ints, coefficient: Floats, figures: Floats,
    x: Floats, scratch: Floats, y: Floats,
) -> int:
    """``y_i += sum_j coefficient_g table_g[level_i, level_j] x_j`` over j of i's group g; ``scratch``: 2 start[-1]."""

def concordant(
    group: Ints, level: Ints, start: Ints, table: Ints, coefficient: Floats, figures: Floats,
    x: Floats, order: Ints, weight: Floats, scratch: Floats, y: Floats,
) -> int:
    """The same with each entry times ``min(c_i, c_j) / max(c_i, c_j)``, ``c = weight`` > 0 sorted by ``order``."""

def column(
    group: Ints, level: Ints, start: Ints, table: Ints, coefficient: Floats, figures: Floats,
    at: int, rows: Ints, out: Floats,
) -> int:
    """``out_i += R[rows_i, at]`` of one term, without concordance."""

def packed_size(n: int) -> int:
    """Doubles of a root of n factors laid out for ``triangular_norms``."""

def turned_size(n: int) -> int:
    """Doubles of scratch that ``triangular_norms`` needs at n factors."""

def pack(L: Floats, packed: Floats) -> int:
    """Lay a lower triangular L (n, n) out for ``triangular_norms``; ``packed``: ``packed_size(n)`` doubles. Status."""

def triangular_norms(w: Floats, packed: Floats, turned: Floats, out: Floats) -> int:
    """``out[a] = |L'w_a| = sqrt(w_a' L L' w_a)``; ``w`` (accounts, n), ``packed`` by ``pack``. Status.

    ``turned``: scratch, ``turned_size(n)`` doubles. Figures that are not finite give a norm that is not finite.
    """
