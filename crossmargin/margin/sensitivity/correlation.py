"""The correlation of many factors as a sum of block terms, so that nobody builds the matrix."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from crossmargin import _checks as check
from crossmargin._checks import Floats, Integers
from crossmargin._core import covariance
from crossmargin.calibration import Indefinite, check_correlation
from crossmargin.errors import InvalidInputError, raise_for_status

NO_TABLE = -1


@dataclass(frozen=True, eq=False)
class Term:
    """``R_ij += coefficient_g table_g[level_i, level_j]`` over factors i, j of one group g; group -1 is outside.

    ``tables``: of each group the place of its table in ``shapes``, -1 for none (every entry 1, one level).
    """

    group: Integers
    coefficient: Floats
    level: Integers | None = None
    tables: Integers | None = None
    shapes: Sequence[Floats] = ()
    arrays: tuple[Integers, Integers, Integers, Integers, Floats, Floats] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        arrays = self.lay_out()
        status, bad = covariance.check_term(*arrays)
        if status:
            raise InvalidInputError(f"group, level and table of a term must lie inside it, did not at place {bad}")
        object.__setattr__(self, "arrays", arrays)

    def lay_out(self) -> tuple[Integers, Integers, Integers, Integers, Floats, Floats]:
        """Arrays as ``_core.covariance`` reads them."""
        n_groups = len(self.coefficient)
        tables = np.full(n_groups, NO_TABLE) if self.tables is None else np.asarray(self.tables, dtype=np.int64)
        sizes = np.array([1, *(len(shape) for shape in self.shapes)], dtype=np.int64)[tables + 1]
        begins = np.cumsum([0, *(shape.size for shape in self.shapes)])
        place = np.where(tables < 0, NO_TABLE, begins[tables])
        level = np.zeros(len(self.group), dtype=np.int64) if self.level is None else self.level
        figures = np.concatenate([np.zeros(0), *(np.ravel(shape) for shape in self.shapes)])
        start = np.concatenate([[0], np.cumsum(sizes)])
        integers = (np.ascontiguousarray(v, dtype=np.int64) for v in (self.group, level, start, place))
        group, level, start, place = integers
        return group, level, start, place, np.ascontiguousarray(self.coefficient, dtype=np.float64), figures


@dataclass(frozen=True, eq=False)
class Same:
    """One side of a product: 1 where the codes of two factors are equal, else ``rho``."""

    codes: Integers
    rho: float

    def squared(self) -> "Same":
        return Same(self.codes, self.rho**2)


@dataclass(frozen=True, eq=False)
class Table:
    """One side of a product: ``matrix[code_i, code_j]``."""

    codes: Integers
    matrix: Floats

    def squared(self) -> "Table":
        return Table(self.codes, self.matrix**2)


@dataclass(frozen=True, eq=False)
class Correlation:
    """``R`` of ``n`` factors: the sum of its terms."""

    n: int
    terms: tuple[Term, ...]

    @classmethod
    def dense(
        cls, matrix: ArrayLike, *, name: str = "correlation", indefinite: Indefinite = "refuse"
    ) -> "Correlation":
        """A whole matrix, checked; ``indefinite``: what becomes of one that is not positive semi-definite."""
        found = check_correlation(name, matrix, indefinite=indefinite)
        return cls.product([Table(np.arange(len(found)), found)])

    @classmethod
    def product(cls, sides: Sequence[Same | Table], group: ArrayLike | None = None) -> "Correlation":
        """``R_ij = prod_d side_d(i, j)`` within a group, 0 across groups: constants and one table, expanded.

        A constant side is ``rho + (1 - rho) [same]``, so that d of them make 2^d terms; empty ones are left out.
        """
        tables = [side for side in sides if isinstance(side, Table)]
        constants = [side for side in sides if isinstance(side, Same)]
        if len(tables) > 1:
            raise InvalidInputError(f"sides must hold at most one table, held {len(tables)}")
        n = len(sides[0].codes)
        base = np.zeros(n, dtype=np.int64) if group is None else np.asarray(group, dtype=np.int64)
        terms = []
        for count in range(len(constants) + 1):
            for same in combinations(constants, count):
                weight = np.prod([1 - c.rho if c in same else c.rho for c in constants])
                if weight:
                    codes = grouped(base, *(c.codes for c in same))
                    terms.append(block(codes, float(weight), tables[0] if tables else None))
        return cls(n, tuple(terms))

    def times(self, x: Floats, concordance: Floats | None = None) -> Floats:
        """``R x``; with ``concordance`` c each entry times ``min(c_i, c_j) / max(c_i, c_j)``."""
        y, amounts = np.zeros(self.n), check.floats("x", x, size=self.n)
        order = None if concordance is None else np.argsort(concordance, kind="stable").astype(np.int64)
        for term in self.terms:
            scratch = np.empty(2 * int(term.arrays[2][-1]))
            if order is None:
                status = covariance.correlate(*term.arrays, amounts, scratch, y)
            else:
                status = covariance.concordant(*term.arrays, amounts, order, np.asarray(concordance), scratch, y)
            raise_for_status(status, "correlated norm")
        return y

    def column(self, at: int, rows: ArrayLike | None = None) -> Floats:
        """``R[rows, at]``, all rows where none are named."""
        wanted = np.arange(self.n) if rows is None else np.asarray(rows, dtype=np.int64)
        out = np.zeros(len(wanted))
        for term in self.terms:
            raise_for_status(covariance.column(*term.arrays, at, wanted, out), "correlated norm")
        return out

    def matrix(self) -> Floats:
        """The whole matrix, for explanations and tests."""
        return np.stack([self.column(at) for at in range(self.n)], axis=1)


def grouped(*codes: Integers) -> Integers:
    """One code a combination of codes, numbered from 0; -1 where any is negative."""
    stacked = np.stack(codes)
    inside = (stacked >= 0).all(axis=0)
    found = np.full(stacked.shape[1], -1, dtype=np.int64)
    if inside.any():
        found[inside] = np.unique(stacked[:, inside], axis=1, return_inverse=True)[1].reshape(-1)
    return found


def block(group: Integers, weight: float, table: Table | None) -> Term:
    """A term of one coefficient, over one table or none."""
    coefficient = np.full(max(int(group.max(initial=0)) + 1, 1), weight)
    if table is None:
        return Term(group, coefficient)
    places = np.zeros(len(coefficient), dtype=np.int64)
    return Term(group, coefficient, table.codes, places, (table.matrix,))
