"""Row 10: margins under a covariance, beside NumPy with BLAS in blocks and the peak of multiply-and-add."""

from collections.abc import Iterator

import numpy as np

from crossmargin.margin.sensitivity.quadratic import Covariance
from floors.library import bound, library
from harness import Case, Entry
from machine import level
from peers.covariance import Blocked
from sizes import Sizes

BLOCKS = (512, 2048)
ROUNDS, VECTORS = 100_000, 12  # of the loop of multiply-and-adds
JUDGED = 500  # factors at which the share of the peak counts


def exposures(factors: int, accounts: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Covariance, its lower triangular root, exposures."""
    rng = np.random.default_rng(1)
    half = rng.standard_normal((factors, 2 * factors))
    covariance = half @ half.T / (2 * factors)
    return covariance, np.linalg.cholesky(covariance), rng.standard_normal((accounts, factors))


def operations(factors: int) -> int:
    """Of one account by a triangular root: products and sums, then squares and sums."""
    return factors * factors + 2 * factors


class Norms:
    """Ours, and what it found last."""

    def __init__(self, w: np.ndarray, covariance: np.ndarray, threads: int = 1):
        self.w, self.covariance, self.threads = w, Covariance.of(covariance), threads
        self.found = np.zeros(len(w))

    def __call__(self) -> None:
        self.found = self.covariance.norms(self.w, threads=self.threads)


def peak(factors: int) -> Entry:
    """What the operations of one account take at the peak of the instruction level."""
    run = bound(library(level()), "multiply_add", ROUNDS)
    width = 1 if run is None else run()
    items = 2.0 * VECTORS * ROUNDS * width / operations(factors)
    return Entry("multiply-and-add peak", "limit", run, items, None, 0.6 if factors == JUDGED else None)


def covariances(sizes: Sizes) -> Iterator[Case]:
    """Row 10."""
    for factors, accounts in sizes.covariances:
        covariance, root, w = exposures(factors, accounts)
        ours = Norms(w, covariance)
        entries = [Entry("norms", "ours", ours, accounts, lambda ours=ours: ours.found)]
        for rows in BLOCKS:
            peer = Blocked(w, root, rows)
            name = f"NumPy, blocks of {rows:,}"
            entries.append(Entry(name, "peer", peer.norms, accounts, lambda peer=peer: peer.found, 2.0))
        entries.append(peak(factors))
        yield Case(10, "covariance margin", f"{factors} factors, {accounts:,} accounts", "account", entries, rtol=1e-9)


ROWS = {10: covariances}
