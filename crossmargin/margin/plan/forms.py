"""Concave normal form of a surplus: sums of minima of linear forms, so that a worst fill separates.

A linear form of a key is ``c + sum_i q_i C_i`` over the items below it. Concave operations become
minima of linear forms (a weight that is smaller on the gaining side, -|x|, worst), convex ones maxima,
whose worst fill is bounded by the best of their own bounds; at the account a
*part* is a minimum over alternatives, each with rows (scenarios), a linear form, and terms: sums over
a key axis of minima of forms. ``worst(x) f + l = worst(x f + l)`` moves linear terms inside; a linear
term goes into the key that its items lie under. What has no such form is left opaque, to be bounded
by intervals. Curvature follows the rules of disciplined convex programming (Grant, Boyd, Ye 2006).
"""

from dataclasses import replace
from functools import cached_property
from itertools import product

import numpy as np

from crossmargin.errors import PlanError
from crossmargin.margin.plan.binding import Binding, map_of
from crossmargin.margin.plan.linear import (
    MOST_PEAKS,
    NOTHING,
    Alternative,
    Array,
    Form,
    Linear,
    OpaqueError,
    Part,
    Path,
    Point,
    Term,
    crossed,
    form_plus,
    only,
)
from crossmargin.margin.plan.program import ONE, Node

FILLED = ("position", "cost")  # the sources that a fill changes
MOST_FORMS, MOST_ALTERNATIVES = 64, 64


class Forms:
    """Finds forms of a bound program, for one level."""

    def __init__(self, bound: Binding, level: int) -> None:
        self.bound, self.level = bound, level
        self.mapped: dict[tuple[str, str], Array] = {}
        self.sizes = {axis: bound.size(axis) for axis in bound.program.axes}

    def node(self, number: int) -> Node:
        return self.bound.program.nodes[number]

    @cached_property
    def moved(self) -> list[bool]:
        """Which nodes a fill moves."""
        filled = {h.name for h in self.bound.program.holdings if h.source in FILLED}
        found: list[bool] = []
        for node in self.bound.program.nodes:
            found.append(node.holding in filled or any(found[a] for a in node.args))
        return found

    def table(self, number: int) -> Array:
        """A table at this level, (keys or 1, rows)."""
        folded = self.bound.folded[number]
        return folded[:, [self.level]] if self.node(number).rows == "level" else folded

    def scaled(self, form: Linear, factor: Array, key: str) -> Linear:
        """A form of a key times a table of that key."""

        def change(c: Array, path: Path | None) -> Array:
            return c * (factor if len(factor) == 1 or path is None else factor[self.along(path, key)])

        return form.mapped(change)

    def axis(self, path: Path) -> str:
        """Axis of the items or keys that a path starts from."""
        return self.bound.item_axis[path.origin] if isinstance(path.origin, str) else self.node(path.origin).key

    def along(self, path: Path, key: str) -> Array:
        """Key that each item of a path comes to lie under, by the keys that it climbed."""
        at = self.axis(path)
        found = np.arange(self.bound.size(at))
        for step in (*path.route, key):
            found, at = self.keys(at, step)[found], step
        return found

    def leads(self, axis: str, key: str) -> bool:
        """Whether items of an axis lie under keys of another."""
        try:
            return self.keys(axis, key) is not None
        except OpaqueError:
            return False

    def keys(self, axis: str, key: str) -> Array:
        """Key of each item of an axis; maps compose."""
        if axis == key:
            return np.arange(self.bound.size(axis))
        if (axis, key) not in self.mapped:
            try:
                self.mapped[axis, key] = map_of((axis, key), self.bound.maps, self.sizes)
            except PlanError as error:
                raise OpaqueError(f"no map from {axis} to {key}") from error
        return self.mapped[axis, key]

    # ---- forms of one key ------------------------------------------------------------------

    def forms(self, number: int, sign: int) -> tuple[Form, ...]:
        """Forms whose least is ``sign * node``."""
        node = self.node(number)
        if node.free:
            return ((Linear(self.table(number) * sign, {}),),)
        if not self.moved[number]:
            return ((Linear(np.zeros((1, 1)), {}, (Point(Path(number), self.ones(node) * sign),)),),)
        found = getattr(self, f"of_{node.op}", self.opaque)(node, sign)
        if len(found) > MOST_FORMS:
            raise OpaqueError(f"{node.op} has {len(found)} forms")
        return tuple(found)

    def ones(self, node: Node) -> Array:
        """Rows of a node that no order moves: each row once, the level's own where rows are levels."""
        return np.ones((1, 1 if node.rows == "level" else self.bound.n_rows(node)))

    def opaque(self, node: Node, sign: int) -> list[Form]:
        raise OpaqueError(node.op)

    def linear(self, number: int) -> Linear:
        found = self.forms(number, 1)
        if len(found) != 1 or len(found[0]) != 1:
            raise OpaqueError("not linear")
        return found[0][0]

    def greatest(self, *found: tuple[Form, ...]) -> list[Form]:
        """One form of all peaks; of minima no greatest is taken."""
        if any(len(forms) != 1 for forms in found):
            raise OpaqueError("greatest of minima")
        peaks = tuple(x for forms in found for x in forms[0])
        if len(peaks) > MOST_PEAKS:
            raise OpaqueError("too many peaks")
        return [peaks]

    def either(self, sign: int, *found: tuple[Form, ...]) -> list[Form]:
        """Least of all for a concave node (sign > 0), greatest for a convex one."""
        return [form for forms in found for form in forms] if sign > 0 else self.greatest(*found)

    def of_slot(self, node: Node, sign: int) -> list[Form]:
        table = self.bound.coefficient(node)
        table = table[:, [self.level]] if node.rows == "level" else table
        path = Path(node.holding).climbed(node.key)
        return [(Linear(np.zeros((1, 1)), {path: table * sign}),)]

    of_each = of_slot

    def of_add(self, node: Node, sign: int) -> list[Form]:
        left = self.forms(node.args[0], sign)
        right = self.forms(node.args[1], sign if node.op == "add" else -sign)
        return [form_plus(a, b) for a, b in product(left, right)]

    of_sub = of_add

    def of_neg(self, node: Node, sign: int) -> list[Form]:
        return list(self.forms(node.args[0], -sign))

    def of_scale(self, node: Node, sign: int) -> list[Form]:
        factor = self.table(node.args[1])
        if (factor >= 0).all():
            return self.all_scaled(self.forms(node.args[0], sign), factor, node.key)
        if (factor <= 0).all():
            return self.all_scaled(self.forms(node.args[0], -sign), -factor, node.key)
        return [(self.scaled(self.linear(node.args[0]), factor * sign, node.key),)]

    def all_scaled(self, forms: tuple[Form, ...], factor: Array, key: str) -> list[Form]:
        return [tuple(self.scaled(x, factor, key) for x in form) for form in forms]

    def of_tiers(self, node: Node, sign: int) -> list[Form]:
        """Rising rates: the greatest of 0 and ``rate_j |x| - deduction_j``, deduction the sum of steps times edges."""
        edges, rates = (self.table(a) for a in node.args[1:])
        steps = np.diff(rates, axis=1, prepend=0.0)
        if not (steps >= 0).all():
            raise OpaqueError("rates fall")
        inner, deduction = self.linear(node.args[0]), np.cumsum(steps * edges, axis=1)
        found: list[tuple[Form, ...]] = [((NOTHING,),)]
        for j, side in product(range(rates.shape[1]), (1, -1)):
            slope = self.scaled(inner, rates[:, [j]] * side * sign, node.key)
            found.append(((slope.plus(Linear(-deduction[:, [j]] * sign, {})),),))
        return self.either(-sign, *found)

    def of_min(self, node: Node, sign: int) -> list[Form]:
        return self.either(sign, self.forms(node.args[0], sign), self.forms(node.args[1], sign))

    def of_max(self, node: Node, sign: int) -> list[Form]:
        return self.either(-sign, self.forms(node.args[0], sign), self.forms(node.args[1], sign))

    def of_abs(self, node: Node, sign: int) -> list[Form]:
        """``|x| = max(x, -x)``."""
        return self.either(-sign, self.forms(node.args[0], 1), self.forms(node.args[0], -1))

    def of_positive(self, node: Node, sign: int) -> list[Form]:
        return self.either(-sign, self.forms(node.args[0], sign), ((NOTHING,),))

    def of_short(self, node: Node, sign: int) -> list[Form]:
        return self.either(-sign, self.forms(node.args[0], -sign), ((NOTHING,),))

    def of_sided(self, node: Node, sign: int) -> list[Form]:
        """The smaller of both slopes where losses weigh more than gains, else the greater."""
        below, above = (self.table(a) for a in node.args[1:])
        inner = self.linear(node.args[0]).times(sign)
        slopes = [((self.scaled(inner, factor, node.key),),) for factor in (below, above)]
        if (below >= above).all():
            return self.either(sign, *slopes)
        if (below <= above).all():
            return self.either(-sign, *slopes)
        raise OpaqueError("sided bends both ways")

    def of_worst(self, node: Node, sign: int) -> list[Form]:
        return self.either(sign, *(((x,),) for x in self.by_rows(node, sign, least=sign > 0)))

    def of_best(self, node: Node, sign: int) -> list[Form]:
        return self.either(-sign, *(((x,),) for x in self.by_rows(node, sign, least=sign < 0)))

    def by_rows(self, node: Node, sign: int, *, least: bool) -> list[Linear]:
        """Every row of every form of the argument, each one linear; of minima only the least is taken."""
        found = self.forms(self.rowed(node.args[0]), sign)
        if any(len(form) != 1 for form in found):
            raise OpaqueError("rows of a greatest")
        if len(found) > 1 and not least:
            raise OpaqueError("greatest of minima")
        count = self.bound.n_rows(self.node(node.args[0]))
        return [form[0].row(row) for form in found for row in range(count)] or [NOTHING]

    def rowed(self, number: int) -> int:
        """A node whose rows are read together; of levels only one is at hand."""
        if self.node(number).rows == "level":
            raise OpaqueError("rows are levels")
        return number

    def of_total(self, node: Node, sign: int) -> list[Form]:
        """A sum over keys of a linear form is linear in the parent; its constants are 0 where nothing is held."""
        inner = self.linear(node.args[0])
        if inner.const.any():
            raise OpaqueError("constants of keys")
        return [(inner.times(sign).climbed(node.key),)]

    # ---- parts of the account --------------------------------------------------------------

    def parts(self, number: int, sign: int) -> list[Part]:
        """``sign * node`` of the account as a sum of parts."""
        node = self.node(number)
        if self.moved[number] and node.op in {"add", "sub"}:
            right = sign if node.op == "add" else -sign
            return self.parts(node.args[0], sign) + self.parts(node.args[1], right)
        return [self.part_or_opaque(number, sign)]

    def part_or_opaque(self, number: int, sign: int) -> Part:
        """A part; a scalar without one is left to intervals."""
        try:
            return self.part(number, sign)
        except OpaqueError:
            if self.node(number).rows not in {ONE, "level"}:
                raise
            return (Alternative(NOTHING, (), ((number, float(sign)),)),)

    def part(self, number: int, sign: int) -> Part:
        """``sign * node`` as one minimum over alternatives."""
        node = self.node(number)
        if not self.moved[number]:
            return (Alternative(only(self.forms(number, sign)[0])),)
        rule = getattr(self, f"part_{node.op}", None)
        if rule is None:
            return tuple(Alternative(only(form)) for form in self.forms(number, sign))
        found: Part = rule(node, sign)
        if len(found) > MOST_ALTERNATIVES:
            raise OpaqueError("too many alternatives")
        return found

    def part_total(self, node: Node, sign: int) -> Part:
        forms = self.forms(node.args[0], sign)
        if len(forms) == 1 == len(forms[0]) and not forms[0][0].const.any():
            return (Alternative(forms[0][0].climbed(node.key)),)
        return (Alternative(NOTHING, (Term(self.node(node.args[0]).key, forms),)),)

    def part_add(self, node: Node, sign: int) -> Part:
        right = sign if node.op == "add" else -sign
        return crossed(self.part_or_opaque(node.args[0], sign), self.part_or_opaque(node.args[1], right))

    part_sub = part_add

    def part_neg(self, node: Node, sign: int) -> Part:
        return self.part(node.args[0], -sign)

    def part_scale(self, node: Node, sign: int) -> Part:
        """Times a table row by row; of a sign, so that a minimum stays one."""
        factor = self.table(node.args[1])
        if not ((factor >= 0).all() or (factor <= 0).all()):
            raise OpaqueError("scaled by both signs")
        if not factor.any():
            return (Alternative(NOTHING),)
        inner = self.part_or_opaque(node.args[0], sign if (factor >= 0).all() else -sign)
        return tuple(x.times(np.abs(factor)) for a in inner for x in a.apart(factor.shape[1]))

    def part_min(self, node: Node, sign: int) -> Part:
        if sign < 0:
            raise OpaqueError("min is not convex")
        return self.part(node.args[0], 1) + self.part(node.args[1], 1)

    def part_max(self, node: Node, sign: int) -> Part:
        if sign > 0:
            raise OpaqueError("max is not concave")
        return self.part(node.args[0], -1) + self.part(node.args[1], -1)

    def part_worst(self, node: Node, sign: int) -> Part:
        """The least over rows is what a part is; joined rows are alternatives."""
        if sign < 0:
            raise OpaqueError("worst is not convex")
        found = tuple(replace(a, reduced=a.rows() > 1) for a in self.unjoined(node.args[0]))
        return found or (Alternative(NOTHING),)

    def unjoined(self, number: int) -> Part:
        node = self.node(number)
        if node.op == "concat":
            return tuple(a for argument in node.args for a in self.unjoined(argument))
        return self.part(self.rowed(number), 1) if self.bound.n_rows(node) else ()

    def part_concat(self, node: Node, sign: int) -> Part:
        raise OpaqueError("joined rows are read under worst alone")


def merged(forms: Forms, parts: list[Part]) -> list[Part]:
    """Join parts into one where the pairs stay few, so that linear terms and charges meet their scenario.

    A part with rows is a minimum over them; two such cannot be paired row by row and stay apart.
    """
    with_rows = [p for p in parts if any(a.rows() > 1 for a in p)]
    main, apart = with_rows[:1] or [(Alternative(NOTHING),)], with_rows[1:]
    for part in sorted((p for p in parts if all(a.rows() == 1 for a in p)), key=len):
        if len(main[0]) * len(part) <= MOST_ALTERNATIVES:
            main = [crossed(main[0], part)]
        else:
            apart.append(part)
    return [tuple(inward(forms, a) for a in part) for part in main + apart]


def inward(forms: Forms, a: Alternative) -> Alternative:
    """Move the account's linear form into the widest term whose key its items lie under."""
    terms, left = list(a.terms), dict(a.linear.coefficient)
    for position in sorted(range(len(terms)), key=lambda i: -terms[i].rows() * len(terms[i].forms)):
        axis = terms[position].axis
        moving = {path: left.pop(path) for path in list(left) if forms.leads(forms.axis(path), axis)}
        extra = Linear(np.zeros((1, 1)), moving)
        terms[position] = terms[position].mapped(extra.plus)
    return replace(a, linear=Linear(a.linear.const, left, a.linear.points), terms=tuple(terms))
