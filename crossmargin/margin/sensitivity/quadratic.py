"""Norms of many accounts under one covariance: ``sqrt(diag(W S W'))``, block by block."""

import numpy as np
from numpy.typing import ArrayLike

from crossmargin import _checks as check
from crossmargin._checks import Floats

ROWS = 512  # accounts at once: their exposures and products stay in the second-level cache up to some 100 factors


def root_of(covariance: Floats) -> Floats:
    """Lower triangular L with ``L L' = S``, of a positive semi-definite S of any rank."""
    from scipy.linalg import qr

    values, vectors = np.linalg.eigh(covariance)
    bound = 1e-12 * max(float(np.abs(values).max(initial=0.0)), 1e-300) * max(len(values), 1)
    check.require_all("covariance", "be positive semi-definite (least eigenvalues)", values, values >= -bound)
    upper = qr((vectors * np.sqrt(np.maximum(values, 0.0))).T, mode="r")[0]
    return np.asarray(upper.T)


def norms(exposures: ArrayLike, covariance: ArrayLike) -> Floats:
    """``sqrt(w'S w)`` of each row w of ``exposures`` (accounts, factors), shape (accounts,).

    The triangular product by BLAS ``dtrmm`` does half the work of a full one, ``|w L|^2 = w'S w``. A covariance that is
    not finite, not symmetric or not positive semi-definite is refused.
    """
    from scipy.linalg.blas import dtrmm

    s = check.floats("covariance", covariance, ndim=2)
    if s.shape[0] != s.shape[1]:
        raise check.refuse("covariance", f"have shape {(len(s),) * 2}", s.shape)
    check.require_all("covariance", "be symmetric", s, np.abs(s - s.T) <= 1e-12 * np.abs(s).max(initial=0.0))
    w = np.asarray(exposures, dtype=np.float64)
    if w.ndim != 2 or w.shape[1] != len(s):
        raise check.refuse("exposures", f"have {len(s)} columns", w.shape)
    root, found = np.asfortranarray(root_of(s)), np.empty(len(w))
    for first in range(0, len(w), ROWS):
        part = w[first : first + ROWS]
        turned = dtrmm(1.0, root, part.T, trans_a=1, lower=1)  # (L'w) of each account, a column
        np.sqrt(np.einsum("ij,ij->j", turned, turned), out=found[first : first + ROWS])
    check.require_all("exposures", "be finite", found, np.isfinite(found))
    return found
