"""Norms of many accounts under one covariance: ``sqrt(diag(W S W'))``, accounts in lanes."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin._core import covariance as kernel
from crossmargin.errors import raise_for_status


def root_of(covariance: Floats) -> Floats:
    """Lower triangular L with ``L L' = S``, of a positive semi-definite S of any rank."""
    try:
        return np.asarray(np.linalg.cholesky(covariance))
    except np.linalg.LinAlgError:
        return root_of_singular(covariance)


def root_of_singular(covariance: Floats) -> Floats:
    """The same by eigenvalues, those below 0 within rounding counted as 0."""
    from scipy.linalg import qr

    values, vectors = np.linalg.eigh(covariance)
    bound = 1e-12 * max(float(np.abs(values).max(initial=0.0)), 1e-300) * max(len(values), 1)
    check.require_all("covariance", "be positive semi-definite (least eigenvalues)", values, values >= -bound)
    upper = qr((vectors * np.sqrt(np.maximum(values, 0.0))).T, mode="r")[0]
    return np.asarray(upper.T)


@dataclass(frozen=True)
class Covariance:
    """A covariance made ready: its lower triangular root, laid out for the kernel."""

    size: int
    packed: Floats

    @classmethod
    def of(cls, covariance: ArrayLike) -> "Covariance":
        """Refuses what is not finite, not symmetric or not positive semi-definite."""
        s = check.floats("covariance", covariance, ndim=2)
        if s.shape[0] != s.shape[1]:
            raise check.refuse("covariance", f"have shape {(len(s),) * 2}", s.shape)
        check.require_all("covariance", "be symmetric", s, np.abs(s - s.T) <= 1e-12 * np.abs(s).max(initial=0.0))
        packed = np.empty(kernel.packed_size(len(s)))
        raise_for_status(kernel.pack(np.ascontiguousarray(root_of(s)), packed), "covariance")
        return cls(len(s), check.frozen(packed))

    def norms(self, exposures: ArrayLike, *, threads: int = 1) -> Floats:
        """``sqrt(w'S w)`` of each row w of ``exposures`` (accounts, factors), shape (accounts,).

        ``|L'w|^2 = w'S w``: half the work of a product with S, and no product is written. Each account's figure
        depends on nothing but the account. An array of doubles in rows is not copied.
        """
        w = np.ascontiguousarray(exposures, dtype=np.float64)
        parts = max(1, min(check.integer("threads", threads, low=1), len(w)))
        if w.ndim != 2 or w.shape[1] != self.size:
            raise check.refuse("exposures", f"have {self.size} columns", w.shape)
        found = np.empty(len(w))
        cuts = [len(w) * part // parts for part in range(parts + 1)]
        if parts == 1:
            self.part(w, found)
        else:
            with ThreadPoolExecutor(parts) as pool:
                list(pool.map(lambda low, high: self.part(w[low:high], found[low:high]), cuts[:-1], cuts[1:]))
        check.require_all("exposures", "have finite norms", found, np.isfinite(found))
        return found

    def part(self, w: Floats, found: Floats) -> None:
        """Norms of some accounts, with scratch memory of their own."""
        room = np.empty(kernel.turned_size(self.size))
        raise_for_status(kernel.triangular_norms(w, self.packed, room, found), "covariance")


def norms(exposures: ArrayLike, covariance: ArrayLike) -> Floats:
    """``sqrt(w'S w)`` of each row w of ``exposures``; see ``Covariance``, which a covariance used twice should be."""
    return Covariance.of(covariance).norms(exposures)
