"""The pieces of a concave normal form: linear forms, terms by key, alternatives of the account.

A *part* is the least over alternatives; an alternative has rows, a linear form, and terms, each the sum
over a key axis of the least of its forms; a form is the greatest of linear forms.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossmargin.margin.plan.program import ACCOUNT

Array = NDArray[Any]
MOST_PEAKS = 8


class OpaqueError(Exception):
    """No concave form exists, or it has too many pieces."""


class Path(NamedTuple):
    """Where a factor comes from, a holding or a node, and the keys that it climbed by; () is the shortest way."""

    origin: str | int
    route: tuple[str, ...] = ()

    def climbed(self, key: str) -> "Path":
        return Path(self.origin, () if key == ACCOUNT else (*self.route, key))


class Point(NamedTuple):
    """A node that no order moves, read from the trace: factor (its keys or 1, rows), and the row to take if one."""

    path: Path
    factor: Array
    row: int | None = None


@dataclass(frozen=True)
class Linear:
    """``const + sum over items of q C + sum over keys of v P``; ``coefficient`` by holding, shape (items, rows)."""

    const: Array  # (keys or 1, rows)
    coefficient: dict[Path, Array]
    points: tuple[Point, ...] = ()

    def mapped(self, change: Callable[[Array, Path | None], Array]) -> "Linear":
        """Change every factor; the second argument is its path, None for the constant."""
        return Linear(
            change(self.const, None),
            {path: change(c, path) for path, c in self.coefficient.items()},
            tuple(point._replace(factor=change(point.factor, point.path)) for point in self.points),
        )

    def climbed(self, key: str) -> "Linear":
        """The same sum read at a parent; constants are 0 where nothing is held."""
        coefficient = {path.climbed(key): c for path, c in self.coefficient.items()}
        points = tuple(point._replace(path=point.path.climbed(key)) for point in self.points)
        return Linear(np.zeros((1, 1)), coefficient, points)

    def times(self, factor: Array | float) -> "Linear":
        return self.mapped(lambda c, _: c * factor)

    def plus(self, other: "Linear") -> "Linear":
        found = dict(self.coefficient)
        for path, c in other.coefficient.items():
            found[path] = found[path] + c if path in found else c
        return Linear(self.const + other.const, found, self.points + other.points)

    def row(self, row: int) -> "Linear":
        """One row alone."""
        alone = self.mapped(lambda c, _: c[:, [row if c.shape[1] > 1 else 0]])
        return replace(alone, points=tuple(p._replace(row=row if p.row is None else p.row) for p in alone.points))

    def rows(self) -> int:
        factors = [self.const, *self.coefficient.values(), *(point.factor for point in self.points)]
        return max(factor.shape[1] for factor in factors)


Form = tuple[Linear, ...]  # the greatest of linear forms; one of them where nothing is convex


def form_plus(a: Form, b: Form) -> Form:
    if len(a) * len(b) > MOST_PEAKS:
        raise OpaqueError("too many peaks")
    return tuple(x.plus(y) for x, y in product(a, b))


@dataclass(frozen=True)
class Term:
    """Sum over the held keys of an axis of the least of its forms."""

    axis: str
    forms: tuple[Form, ...]

    def rows(self) -> int:
        return max(x.rows() for form in self.forms for x in form)

    def mapped(self, change: Callable[[Linear], Linear]) -> "Term":
        return Term(self.axis, tuple(tuple(map(change, form)) for form in self.forms))


@dataclass(frozen=True)
class Alternative:
    """Row by row, a linear form of the account plus its terms, plus opaque scalars (node, factor).

    ``reduced``: its least row has been taken, so its rows pair up with no others.
    """

    linear: Linear
    terms: tuple[Term, ...] = ()
    opaque: tuple[tuple[int, float], ...] = ()
    reduced: bool = False

    def plus(self, other: "Alternative") -> "Alternative":
        reduced = self.reduced or other.reduced
        linear, opaque = self.linear.plus(other.linear), self.opaque + other.opaque
        return Alternative(linear, self.terms + other.terms, opaque, reduced)

    def apart(self, rows: int) -> "Part":
        """Each row an alternative of its own, where reduced rows would meet other ones."""
        if not self.reduced or rows == 1:
            return (self,)
        return tuple(self.row(r) for r in range(self.rows()))

    def row(self, row: int) -> "Alternative":
        terms = tuple(t.mapped(lambda x: x.row(row)) for t in self.terms)
        return Alternative(self.linear.row(row), terms, self.opaque)

    def times(self, factor: Array) -> "Alternative":
        """Times a row of factors >= 0."""
        if self.opaque and factor.size > 1:
            raise OpaqueError("an opaque scalar along rows")
        opaque = tuple((n, f * float(factor.ravel()[0])) for n, f in self.opaque)
        terms = tuple(t.mapped(lambda x: x.times(factor)) for t in self.terms)
        return Alternative(self.linear.times(factor), terms, opaque, self.reduced)

    def rows(self) -> int:
        return max([self.linear.rows(), *(t.rows() for t in self.terms)])


Part = tuple[Alternative, ...]  # the least of all rows of all alternatives
NOTHING = Linear(np.zeros((1, 1)), {})


def crossed(left: Part, right: Part) -> Part:
    """Sum of two minima: every pair. Rows pair up, but those of a side that has been reduced stand alone."""
    return tuple(x.plus(y) for a, b in product(left, right) for x in a.apart(b.rows()) for y in b.apart(x.rows()))


def only(form: Form) -> Linear:
    if len(form) != 1:
        raise OpaqueError("convex at the account")
    return form[0]
