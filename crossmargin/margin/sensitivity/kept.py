"""A correlated norm that follows its sensitivities change by change, with ``y = R x`` kept."""

from collections.abc import Sequence

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.margin.sensitivity.correlation import Correlation


class KeptNorm:
    """``K = sqrt(max(0, x'Rx))`` of one set of factors, its state x, y = R x and x'y.

    What one order would do is ``K'^2 = K^2 + 2 d y_k + d^2 R_kk`` where it moves one factor, in constant time whatever
    the number of factors; ``K^2 + 2 d'y + d'R d`` over the few that it moves. A commit is one pass, ``y += d R[:, k]``.
    Rounding gathers with commits, unlike in the quanta of the incremental evaluator: `rebuild` computes y afresh.
    """

    def __init__(self, correlation: Correlation, x: Floats) -> None:
        self.correlation = correlation
        self.x = check.floats("x", x, size=correlation.n).copy()
        self.rebuild()

    def rebuild(self) -> None:
        """Compute ``y`` and the square from x."""
        self.y = self.correlation.times(self.x)
        self.square = float(self.x @ self.y)

    @property
    def value(self) -> float:
        return float(np.sqrt(max(self.square, 0.0)))

    def square_after(self, factors: Sequence[int], changes: Sequence[float]) -> float:
        """``x'Rx`` if these factors, each named once, changed by these amounts."""
        places, moved = self.checked(factors, changes)
        among = np.stack([self.correlation.column(k, places) for k in places], axis=1)
        return float(self.square + 2.0 * (moved @ self.y[places]) + moved @ among @ moved)

    def after(self, factors: Sequence[int], changes: Sequence[float]) -> float:
        """The norm if these factors changed by these amounts; nothing is changed."""
        return float(np.sqrt(max(self.square_after(factors, changes), 0.0)))

    def commit(self, factors: Sequence[int], changes: Sequence[float]) -> float:
        """Change these factors; returns the norm."""
        square = self.square_after(factors, changes)
        for k, change in zip(*self.checked(factors, changes), strict=True):
            self.x[k] += change
            self.y += change * self.correlation.column(int(k))
        self.square = square
        return self.value

    def checked(self, factors: Sequence[int], changes: Sequence[float]) -> tuple[np.ndarray, Floats]:
        places = check.integers("factors", factors)
        check.unique("factors", places.tolist())
        valid = (places >= 0) & (places < self.correlation.n)
        check.require_all("factors", f"lie in [0, {self.correlation.n})", places, valid)
        return places, check.floats("changes", changes, size=len(places))
