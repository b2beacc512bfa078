"""The worst fill of resting orders: a lower bound of the surplus over every subset and part of fills.

An order filled by a share f in [0, 1] adds ``f`` times its lots to a position and ``f`` times its cost at
the limit to the open cost. Over a linear form the worst is ``L + sum_o min(0, L(o))``; a sum over keys of
minima separates where each order lies under one key. Parts that share orders, maxima and opaque nodes
make the result a bound; it is never above the true worst surplus.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmargin.margin.plan.binding import Binding
from crossmargin.margin.plan.evaluate import Quantities, Trace, evaluate
from crossmargin.margin.plan.forms import FILLED, Forms, merged
from crossmargin.margin.plan.intervals import Intervals
from crossmargin.margin.plan.linear import Alternative, Form, Linear, Part, Path, Point, Term

Array = NDArray[Any]


@dataclass(frozen=True)
class Fill:
    """What a whole fill of one order adds: signed lots and open cost of an instrument row."""

    instrument: int
    lots: float
    cost: float

    def amount(self, source: str) -> float:
        return self.lots if source == "position" else self.cost


@dataclass(frozen=True)
class Bound:
    """``surplus`` at the worst fill, and whether it is attained ("exact") or only not exceeded ("bound")."""

    surplus: float
    quality: str


@dataclass(frozen=True)
class WorstFill:
    """Normal forms of one level of a bound program, ready for any account."""

    bound: Binding
    level: int

    @cached_property
    def forms(self) -> Forms:
        return Forms(self.bound, self.level)

    @cached_property
    def parts(self) -> list[Part]:
        """Parts whose sum is the surplus."""
        return merged(self.forms, self.forms.parts(dict(self.bound.program.outputs)["surplus"], 1))

    def of(self, quantities: Quantities, fills: Sequence[Fill]) -> Bound:
        """Bound the surplus of an account with these fills outstanding."""
        orders = [self.placed(fill) for fill in fills]
        account = Account(self, evaluate(self.bound, touched(quantities, orders)), orders)
        surplus = sum(account.part(number, part) for number, part in enumerate(self.parts))
        return Bound(float(surplus), "bound" if account.inexact else "exact")

    def placed(self, fill: Fill) -> dict[str, tuple[int, float]]:
        """Item and amount that a fill adds to each holding."""
        found = {}
        for holding in self.bound.program.holdings:
            if holding.source in FILLED:
                item = int(self.bound.items[holding.name][fill.instrument])
                if item >= 0:
                    found[holding.name] = (item, fill.amount(holding.source))
        return found


def touched(quantities: Quantities, orders: Sequence[dict[str, tuple[int, float]]]) -> Quantities:
    """The same quantities with every ordered item present, be it with zero lots."""
    found = {}
    for name, (items, amounts) in quantities.items():
        extra = sorted({order[name][0] for order in orders if name in order} - set(items.tolist()))
        found[name] = (np.append(items, extra).astype(np.int64), np.append(amounts, np.zeros(len(extra))))
    return found


class Account:
    """One account's quantities and orders against the forms."""

    def __init__(self, worst: WorstFill, trace: Trace, orders: Sequence[dict[str, tuple[int, float]]]) -> None:
        self.worst, self.trace, self.orders = worst, trace, orders
        self.intervals = Intervals(trace, orders)
        self.inexact = False
        self.part_of: dict[int, int] = {}  # order: the part that it moves
        self.placed: dict[int, tuple[int, int]] = {}  # order: the place of this alternative and key that it moves
        self.part_number = self.place = 0

    def part(self, number: int, part: Part) -> float:
        """Least over alternatives and rows; the worst fill of each alternative is its own."""
        self.part_number = number
        return min(self.alternative(alternative) for alternative in part)

    def alternative(self, alternative: Alternative) -> float:
        self.place, self.placed = 0, {}
        rows = self.linear(alternative.linear)
        for term in alternative.terms:
            self.place += 1
            rows = rows + self.term(term)
        return float((rows + sum(self.opaque(*item) for item in alternative.opaque)).min())

    def linear(self, form: Linear) -> Array:
        """An account's linear form at its worst fill, (rows,)."""
        out = form.const[0].copy()
        for path, c in form.coefficient.items():
            out = out + self.held(path, c).sum(axis=0)
        for point in form.points:
            out = out + self.point(point).sum(axis=0)
        for number in range(len(self.orders)):
            effect = self.effect(form, number)
            self.note(number, effect, 0)
            out = out + np.minimum(effect, 0)
        return out

    def term(self, term: Term) -> Array:
        """Sum over held keys of the least of the forms at their worst fills, (rows,)."""
        found = [self.form(form, term.axis) for form in term.forms]
        rows = max(f.shape[1] for f in found)
        least = np.minimum.reduce([np.broadcast_to(f, (len(f), rows)) for f in found])
        return least.sum(axis=0)

    def form(self, form: Form, axis: str) -> Array:
        """The best of the bounds of the linear forms whose greatest it is, (held keys, rows)."""
        found = [self.keyed(x, axis, convex=len(form) > 1) for x in form]
        rows = max(f.shape[1] for f in found)
        return np.maximum.reduce([np.broadcast_to(f, (len(f), rows)) for f in found])

    def keyed(self, form: Linear, axis: str, *, convex: bool) -> Array:
        held = self.trace.keys[axis]
        const = form.const if len(form.const) == 1 else form.const[held]
        out = np.zeros((len(held), form.rows())) + const
        for path, c in form.coefficient.items():
            np.add.at(out, self.rows_of(path, axis), self.held(path, c))
        for point in form.points:
            np.add.at(out, self.rows_of(point.path, axis), self.point(point))
        for number in range(len(self.orders)):
            for key in self.key_rows(number, form, axis):
                effect = self.effect(form, number, axis, key)
                self.note(number, effect, key, convex=convex)
                out[key] += np.minimum(effect, 0)
        return out

    def held(self, path: Path, coefficient: Array) -> Array:
        """Quantity times coefficient of the held items, (held items, rows)."""
        return self.trace.quantity[str(path.origin)] * coefficient[self.trace.keys[self.worst.forms.axis(path)]]

    def point(self, point: Point) -> Array:
        """A node that no order moves, times its factor, (its held keys, rows)."""
        number, factor = int(point.path.origin), point.factor
        node, value = self.worst.bound.program.nodes[number], self.trace.values[number]
        chosen = self.worst.level if node.rows == "level" else point.row
        value = value if chosen is None or value.shape[1] == 1 else value[:, [chosen]]
        return value * (factor if len(factor) == 1 else factor[self.trace.keys[node.key]])

    def effect(self, form: Linear, number: int, axis: str = "", key: int = 0) -> Array:
        """What a whole fill of an order adds to a form, of an axis to one key of it, (rows,)."""
        order = self.orders[number]
        moved = [
            p for p in form.coefficient if p.origin in order and (not axis or self.key_row(number, p, axis) == key)
        ]
        effects = [form.coefficient[p][order[str(p.origin)][0]] * order[str(p.origin)][1] for p in moved]
        return sum(effects, start=np.zeros(1))

    def note(self, number: int, effect: Array, key: int, *, convex: bool = False) -> None:
        """An order that moves two parts, two places or keys of one, or a maximum makes the bound inexact."""
        if np.any(effect):
            self.inexact |= convex or self.part_of.setdefault(number, self.part_number) != self.part_number
            self.inexact |= self.placed.setdefault(number, (self.place, key)) != (self.place, key)

    def rows_of(self, path: Path, axis: str) -> Array:
        """Row of the key of an axis that each held item or key of a path lies under."""
        mapped = self.worst.forms.along(path, axis)[self.trace.keys[self.worst.forms.axis(path)]]
        return np.array([self.trace.row_of[axis][key] for key in mapped.tolist()], dtype=np.int64)

    def key_rows(self, number: int, form: Linear, axis: str) -> list[int]:
        """Rows of the keys that an order lies under; one, unless its holdings climb by several ways."""
        return sorted({self.key_row(number, p, axis) for p in form.coefficient if p.origin in self.orders[number]})

    def key_row(self, number: int, path: Path, axis: str) -> int:
        item = self.orders[number][str(path.origin)][0]
        return self.trace.row_of[axis][int(self.worst.forms.along(path, axis)[item])]

    def opaque(self, number: int, factor: float) -> float:
        """The lower end of a factor times a node, over all fills."""
        low, high = self.intervals.of(number)
        column = self.worst.level if low.shape[1] > 1 else 0
        if low[0, column] != high[0, column]:
            self.inexact = True
        return factor * float((low if factor >= 0 else high)[0, column])
