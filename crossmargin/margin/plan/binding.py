"""Binds a program to one list of instruments and one market: axes, maps, tables, and their checks."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmargin import _checks as check
from crossmargin._checks import Integers
from crossmargin.errors import PlanError
from crossmargin.margin.plan.elements import ELEMENTS, mul_div
from crossmargin.margin.plan.program import ACCOUNT, ONE, Node, Program

Labels = Mapping[str, tuple[str, ...]]
Tables = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Binding:
    """A program with everything it names.

    ``labels``: keys of each axis. ``rows``: labels of each row axis. ``maps``: (child, parent) to
    the parent of each child key. ``items``: per holding, the key of each source item or -1.
    ``tables``: figures by name, shape (keys, rows); a table of the account has one key.
    """

    program: Program
    labels: Labels
    rows: Labels
    maps: Mapping[tuple[str, str], Integers]
    items: Mapping[str, Integers]
    tables: Tables
    folded: Mapping[int, NDArray[Any]] = field(repr=False, default_factory=dict)

    @classmethod
    def of(
        cls,
        program: Program,
        *,
        labels: Labels,
        rows: Labels,
        maps: Mapping[tuple[str, str], Any],
        items: Mapping[str, Any],
        tables: Mapping[str, Any],
        exact: bool = False,
    ) -> "Binding":
        """Check names, shapes and figures; ``exact`` keeps integers and fractions as they are."""
        sizes = {ACCOUNT: 1} | {axis: len(keys) for axis, keys in labels.items()}
        found_rows = joined_rows(program, {**rows, ONE: ("",)}, labels)
        checked_maps = {pair: map_of(pair, maps, sizes) for pair in program.relations}
        held = {h.name: items_of(h.name, items, sizes[h.axis]) for h in program.holdings}
        shapes = {name: (sizes[key], len(found_rows[axis])) for name, (key, axis) in program.tables.items()}
        read = {name: table(name, tables, shape, exact=exact) for name, shape in shapes.items()}
        bound = cls(program, labels, found_rows, checked_maps, held, read)
        bound = replace(bound, folded=fold(bound))
        check_figures(bound)
        return bound

    def size(self, axis: str) -> int:
        return 1 if axis == ACCOUNT else len(self.labels[axis])

    def n_rows(self, node: Node) -> int:
        return len(self.rows[node.rows])

    def remarked(self, tables: Mapping[str, Any]) -> "Binding":
        """Return the same program over new figures of the same shapes."""
        read = {name: table(name, tables, old.shape, exact=old.dtype == object) for name, old in self.tables.items()}
        fresh = replace(self, tables=read)
        fresh = replace(fresh, folded=fold(fresh))
        check_figures(fresh)
        return fresh

    def exactly(self, tables: Mapping[str, Any]) -> "Binding":
        """Return the same program over integers or fractions."""
        read = {name: table(name, tables, old.shape, exact=True) for name, old in self.tables.items()}
        fresh = replace(self, tables=read)
        return replace(fresh, folded=fold(fresh, exact=True))

    def coefficient(self, node: Node) -> NDArray[Any]:
        """Table of a slot, shape (items, rows); counting slots have ones."""
        if node.name:
            return self.tables[node.name]
        axis = next(h.axis for h in self.program.holdings if h.name == node.holding)
        exact = any(table.dtype == object for table in self.tables.values())
        return np.ones((self.size(axis), 1), dtype=object if exact else np.float64)

    @cached_property
    def item_axis(self) -> dict[str, str]:
        return {h.name: h.axis for h in self.program.holdings}


def map_of(pair: tuple[str, str], maps: Mapping[tuple[str, str], Any], sizes: Mapping[str, int]) -> Integers:
    """The parents of a child axis; maps compose along the key tree."""
    child, parent = pair
    if pair in maps:
        found = check.integers(f"map {child}>{parent}", maps[pair], size=sizes[child])
        check.require_all(f"map {child}>{parent}", "name a parent key", found, (found >= 0) & (found < sizes[parent]))
        return found
    for (first, middle), step in maps.items():
        if first == child:
            rest = {key: value for key, value in maps.items() if key != (first, middle)}
            try:
                return map_of((middle, parent), rest, sizes)[np.asarray(step)]
            except PlanError:
                continue
    raise PlanError(f"no map leads from {child!r} to {parent!r}")


def items_of(name: str, items: Mapping[str, Any], size: int) -> Integers:
    if name not in items:
        raise PlanError(f"holding {name!r} must be bound to items")
    found = check.integers(f"items of {name}", items[name])
    check.require_all(f"items of {name}", "be a key or -1", found, (found >= -1) & (found < size))
    return found


def table(name: str, tables: Mapping[str, Any], shape: tuple[int, int], *, exact: bool) -> NDArray[Any]:
    """One table in its full shape; figures of an account may be given as one number or one row."""
    if name not in tables:
        raise PlanError(f"table {name!r} must be given")
    if exact:
        array = np.array(tables[name], dtype=object)
    else:
        array = check.as_array(f"table {name}", tables[name], np.float64, "hold numbers")
        check.require_all(f"table {name}", "be finite", array, np.isfinite(array))
    if array.ndim < 2:
        array = array.reshape((-1, 1) if shape[1] == 1 else (1, -1))
    if array.shape != shape:
        raise check.refuse(f"table {name}", f"have shape {shape}", array.shape)
    return check.frozen(np.ascontiguousarray(array))


def joined_rows(program: Program, rows: Labels, labels: Labels) -> dict[str, tuple[str, ...]]:
    """Add the labels of row axes that ``concat`` makes."""
    found = dict(rows)
    for node in program.nodes:
        if node.op == "norm":
            child = program.nodes[node.args[0]].key
            found[f"{child} pair"] = labels[child]
    for node in program.nodes:
        if node.op == "concat":
            found[node.rows] = tuple(label for a in node.args for label in found[program.nodes[a].rows])
        elif node.rows not in found:
            raise PlanError(f"row axis {node.rows!r} must be bound to labels")
    return found


def fold(bound: Binding, *, exact: bool = False) -> dict[int, NDArray[Any]]:
    """Compute every node without a holding once: shape (keys, rows)."""
    values: dict[int, NDArray[Any]] = {}
    for number, node in bound.program:
        if node.op == "const":
            value = Fraction(node.value) if exact else node.value
            whole = exact and Fraction(node.value).denominator == 1
            values[number] = np.array([[int(node.value) if whole else value]], dtype=object if exact else np.float64)
        elif node.free:
            values[number] = fold_node(bound, node, values)
    return values


def fold_node(bound: Binding, node: Node, values: Mapping[int, NDArray[Any]]) -> NDArray[Any]:
    if node.op == "given":
        return bound.tables[node.name]
    if node.op == "at":
        parent = bound.program.nodes[node.args[0]].key
        return values[node.args[0]][bound.maps[node.key, parent]] if parent != ACCOUNT else values[node.args[0]]
    if node.op == "mul_div":
        return mul_div(node.name, *(values[a] for a in node.args))
    return ELEMENTS[node.op](*(values[a] for a in node.args))


def check_figures(bound: Binding) -> None:
    """The k of an order statistic lies among the rows (of a tail it may be a fraction); correlations in [-1, 1]."""
    for node in bound.program.nodes:
        if node.op == "norm":
            rho = np.asarray(bound.folded[node.args[1]], dtype=np.float64)
            name = f"table {bound.program.nodes[node.args[1]].name}"
            check.require_all(name, "lie in [-1, 1]", rho, np.abs(rho) <= 1.0)
        if node.op in {"kth", "tail_mean"}:
            k, rows = float(bound.folded[node.args[1]].ravel()[0]), bound.n_rows(bound.program.nodes[node.args[0]])
            if not 0 < k <= rows or (node.op == "kth" and k != int(k)):
                raise check.refuse(f"table {bound.program.nodes[node.args[1]].name}", f"lie in (0, {rows}]", k)


def total_items(bound: Binding, sources: Collection[str], size: int) -> NDArray[np.bool_]:
    """Which items some holding of these sources takes."""
    taken = np.zeros(size, dtype=bool)
    for holding in bound.program.holdings:
        if holding.source in sources:
            taken |= bound.items[holding.name] >= 0
    return taken
