"""Norms of many accounts in NumPy with BLAS: ``|w L|``, some accounts at a time, so that products stay in cache."""

import numpy as np


class Blocked:
    """``w`` (accounts, factors), ``root`` L with L L' = S; buffers are made before."""

    def __init__(self, w: np.ndarray, root: np.ndarray, rows: int = 2048):
        self.w, self.root, self.rows = w, np.ascontiguousarray(root), rows
        self.turned, self.found = np.empty((rows, len(root))), np.empty(len(w))

    def norms(self) -> np.ndarray:
        """Norms of all accounts."""
        for first in range(0, len(self.w), self.rows):
            part = self.w[first : first + self.rows]
            turned, out = self.turned[: len(part)], self.found[first : first + self.rows]
            np.matmul(part, self.root, out=turned)
            np.einsum("ij,ij->i", turned, turned, out=out)
        return np.sqrt(self.found, out=self.found)
