"""Curvature of two shocks a factor: in each bucket the worse side, then the buckets together.

    K_b = max(K_up, K_down),  K_side = sqrt(max(0, sum_k max(CVR_k, 0)^2 + sum_{k != l} rho_kl^2 CVR_k CVR_l psi))
    total = sqrt(max(0, sum K_b^2 + sum_{b != c} gamma_bc^2 S_b S_c psi(S_b, S_c)))

psi is 0 where both arguments are negative, else 1; a tie takes the side with the larger sum. Source: MAR21.5.
"""

import numpy as np
from numpy.typing import NDArray

from crossmargin._checks import Floats, Integers
from crossmargin.margin.sensitivity.correlation import Correlation
from crossmargin.margin.sensitivity.nested import Nested, Norm, summed


def curvature(
    up: Floats, down: Floats, within: Correlation, bucket: Integers, between: Correlation
) -> tuple[Nested, NDArray[np.bool_]]:
    """Total of one class, and whether each bucket takes its upward side; correlations come squared.

    ``up``, ``down`` (n,): losses beyond delta of each factor, > 0 where money is lost; ``between`` has no diagonal.
    """
    n = between.n
    sides = [Norm.of(x, within, bucket, n, masked=True).value for x in (up, down)]
    sums = [summed(x, bucket, n) for x in (up, down)]
    upward = (sides[0] > sides[1]) | ((sides[0] == sides[1]) & (sums[0] >= sums[1]))
    chosen = np.where(upward[bucket], up, down)
    norm = Norm.of(chosen, within, bucket, n, masked=True)
    whole = np.zeros(n, dtype=np.int64)
    return Nested.of(norm, between, whole, 1, clip="never", masked=True), upward
