"""How far a plan's node can differ between two markets, for any account: a sum over what it holds.

For the same holdings ``|x(new) - x(old)| <= constant + sum over rows of |amount| change[item]``. Each node carries two
such functionals of the sizes held, one of the node itself and one of its change; they follow from
``|x' g' - x g| <= |g'| |x' - x| + |x| |g' - g|`` and from sums, minima and order statistics changing no faster than
their arguments do. What has no such bound (a branch that jumps, a product of two sums) raises ``UnboundedError``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from crossmargin._checks import Floats, Integers
from crossmargin.errors import PlanError
from crossmargin.margin.plan.binding import Binding
from crossmargin.margin.plan.program import ACCOUNT, Node

Array = NDArray[np.float64]


class UnboundedError(PlanError):
    """A node whose change has no bound of this form."""


Entry = tuple[str, bool]  # a holding, and whether its items are read beyond the keys that they climbed to


@dataclass(frozen=True)
class Reach:
    """A bound on a node: at each of its keys, a constant and a sum over what is held.

    ``held``: by entry, what a unit of each key of the holding's axis counts, shape (keys, rows). An item of its own
    entry counts at one key of the node, the one it climbed to (``keys``: by holding), whatever path it took there; one
    of a spread entry counts at some keys, as often as the figure says already. So what is chosen or scaled key by key
    is taken entry by entry, and two spread figures are added where two own ones may be compared.
    """

    held: Mapping[Entry, Array]
    keys: Mapping[str, Integers]
    constant: float = 0.0

    @classmethod
    def of_constant(cls, constant: float) -> "Reach":
        return cls({}, {}, constant)

    def plus(self, other: "Reach") -> "Reach":
        return joined(np.add, self, other, self.constant + other.constant)

    def most(self, other: "Reach") -> "Reach":
        return joined(np.maximum, self, other, max(self.constant, other.constant))

    def mapped(self, change: Callable[[Entry, Array], Array], constant: float) -> "Reach":
        held = {entry: change(entry, array) for entry, array in self.held.items()}
        return Reach(held, self.keys, constant)

    def spread(self, times: Callable[[str, Array], Array]) -> "Reach":
        """The same read at other keys: every entry becomes a spread one."""
        held: dict[Entry, Array] = {}
        for (name, _), array in self.held.items():
            held[name, True] = held.get((name, True), 0.0) + times(name, array)
        return Reach(held, {}, self.constant)


def joined(step: np.ufunc, a: Reach, b: Reach, constant: float) -> Reach:
    """Entry by entry; what one lacks is 0 there. Own figures that climbed to different keys become spread ones."""
    apart = {name for name in a.keys.keys() & b.keys.keys() if not np.array_equal(a.keys[name], b.keys[name])}
    a, b = (loosened(reach, apart) if apart else reach for reach in (a, b))
    held = {
        entry: (np.add if entry[1] else step)(a.held.get(entry, 0.0), b.held.get(entry, 0.0))
        for entry in {**a.held, **b.held}
    }
    return Reach(held, {**a.keys, **b.keys}, constant)


def loosened(reach: Reach, names: set[str]) -> Reach:
    """Own entries of some holdings as spread ones."""
    held: dict[Entry, Array] = {}
    for (name, beyond), array in reach.held.items():
        entry = (name, beyond or name in names)
        held[entry] = held.get(entry, 0.0) + array
    return Reach(held, {name: up for name, up in reach.keys.items() if name not in names}, reach.constant)


Both = tuple[Reach, Reach]  # of a node's size, of its change


class Changes:
    """Bounds of one program between two bindings of it."""

    def __init__(self, old: Binding, new: Binding) -> None:
        self.old, self.new = old, new
        self.sizes = {axis: old.size(axis) for axis in old.program.axes}
        self.known: dict[int, Both] = {}

    def of(self, number: int) -> Both:
        if number not in self.known:
            self.known[number] = self.compute(self.old.program.nodes[number], number)
        return self.known[number]

    def compute(self, node: Node, number: int) -> Both:
        if node.free:
            before, after = self.tables(number)
            return Reach.of_constant(largest(before, after)), Reach.of_constant(largest(after - before))
        rule = RULES.get(node.op)
        if rule is None:
            raise UnboundedError(f"{node.op} has no bound on its change")
        return rule(self, node)

    def tables(self, number: int) -> tuple[Array, Array]:
        """A node without holdings under both markets, shape (keys or 1, rows)."""
        before, after = (np.asarray(bound.folded[number], dtype=np.float64) for bound in (self.old, self.new))
        return before, after

    def moving(self, node: Node, count: int = 1) -> int:
        """The first argument, the only one with holdings in it, of the node's own key."""
        nodes = self.old.program.nodes
        if any(not nodes[a].free for a in node.args[count:]):
            raise UnboundedError(f"{node.op} of several sums has no bound on its change")
        if nodes[node.args[0]].key != node.key and node.key != ACCOUNT:
            raise UnboundedError(f"{node.op} reads a sum at many keys")
        return node.args[0]

    def along(self, entry: Entry, keys: Mapping[str, Integers], table: Array) -> Array:
        """A table by key of a node for each item of an entry; the largest where an item is read beyond its key."""
        if len(table) == 1:
            return table
        return table.max(axis=0, keepdims=True) if entry[1] else table[keys[entry[0]]]

    def climbed(self, child: str, parent: str, reach: Reach) -> dict[str, Integers]:
        """The keys of a parent that own items come to lie under."""
        if parent == ACCOUNT:
            return {name: np.zeros_like(up) for name, up in reach.keys.items()}
        step = self.old.maps[child, parent]
        return {name: step[up] for name, up in reach.keys.items()}

    def slot_keys(self, node: Node) -> Integers:
        """The key of a slot under which each item of its axis lies."""
        axis = self.old.item_axis[node.holding]
        size = self.sizes[axis]
        if node.key == axis:
            return np.arange(size)
        if node.key == ACCOUNT:
            return np.zeros(size, dtype=np.int64)
        return self.old.maps[axis, node.key]

    def source_items(self, reach: Reach) -> dict[str, Floats]:
        """By source, what one unit of each source item adds; one row."""
        found: dict[str, Floats] = {}
        for holding in self.old.program.holdings:
            for entry in ((holding.name, beyond) for beyond in (False, True) if (holding.name, beyond) in reach.held):
                items = self.old.items[holding.name]
                each = np.broadcast_to(reach.held[entry], (self.sizes[holding.axis], 1))[:, 0]
                value = np.where(items >= 0, each[np.maximum(items, 0)], 0.0) if len(each) else np.zeros(len(items))
                found[holding.source] = found.get(holding.source, 0.0) + value
        return found


def largest(*tables: Array) -> float:
    return max(float(np.abs(table).max(initial=0.0)) for table in tables)


# ---- rules -----------------------------------------------------------------------------------


def slot(changes: Changes, node: Node) -> Both:
    before, after = (np.asarray(b.coefficient(node), dtype=np.float64) for b in (changes.old, changes.new))
    keys, entry = {node.holding: changes.slot_keys(node)}, (node.holding, False)
    size = np.maximum(np.abs(before), np.abs(after))
    return Reach({entry: size}, keys), Reach({entry: np.abs(after - before)}, keys)


def summed(changes: Changes, node: Node) -> Both:
    (a, b), (c, d) = (own_key(changes, node, argument) for argument in node.args)
    return a.plus(c), b.plus(d)


def either(changes: Changes, node: Node) -> Both:
    (a, b), (c, d) = (own_key(changes, node, argument) for argument in node.args)
    return a.most(c), b.most(d)


def own_key(changes: Changes, node: Node, number: int) -> Both:
    """An argument with holdings in it must be of the node's key."""
    argument = changes.old.program.nodes[number]
    if not argument.free and argument.key != node.key:
        raise UnboundedError(f"{node.op} reads a sum at many keys")
    return changes.of(number)


def unchanged(changes: Changes, node: Node) -> Both:
    return changes.of(changes.moving(node))


def weighted(changes: Changes, node: Node, weight: Array, moved: Array) -> Both:
    """Size times weight; change times weight, and size times the weight's own change."""
    size, change = changes.of(changes.moving(node))

    def times(reach: Reach, by: Array) -> Reach:
        return reach.mapped(
            lambda entry, x: x * changes.along(entry, reach.keys, by), reach.constant * largest(by)
        )

    return times(size, weight), times(change, weight).plus(times(size, moved))


def scaled(changes: Changes, node: Node) -> Both:
    """By a table, or by the steeper of two slopes that a sign chooses."""
    changes.moving(node)
    pairs = [changes.tables(argument) for argument in node.args[1:]]
    weight = np.maximum.reduce(np.broadcast_arrays(*(np.maximum(np.abs(a), np.abs(b)) for a, b in pairs)))
    moved = np.maximum.reduce(np.broadcast_arrays(*(np.abs(b - a) for a, b in pairs)))
    return weighted(changes, node, weight, moved)


def divided(changes: Changes, node: Node) -> Both:
    changes.moving(node)
    before, after = changes.tables(node.args[1])
    if not (before.all() and after.all()):
        raise UnboundedError("quotient by 0 has no bound on its change")
    return weighted(changes, node, np.maximum(np.abs(1 / before), np.abs(1 / after)), np.abs(1 / after - 1 / before))


def tiered(changes: Changes, node: Node) -> Both:
    """An integral of a rate over sizes: the rates of one size differ by no more than any two rates do."""
    changes.moving(node)
    (edges, other_edges), (rates, other_rates) = (changes.tables(argument) for argument in node.args[1:])
    weight = np.maximum(np.abs(rates), np.abs(other_rates)).max(axis=1, keepdims=True, initial=0.0)
    if np.array_equal(edges, other_edges):
        moved = np.abs(other_rates - rates).max(axis=1, keepdims=True, initial=0.0)
    else:
        every = np.concatenate([rates, other_rates, np.zeros((len(rates), 1))], axis=1)
        moved = every.max(axis=1, keepdims=True) - every.min(axis=1, keepdims=True)
    return weighted(changes, node, weight, moved)


def of_rows(changes: Changes, node: Node) -> Both:
    """A row, or a mean of rows, chosen by order: no more than the largest row, which changes no faster."""
    require_same(changes, node)
    size, change = changes.of(changes.moving(node))
    return widest(size), widest(change)


def widest(reach: Reach) -> Reach:
    return reach.mapped(lambda _, x: x.max(axis=1, keepdims=True, initial=0.0), reach.constant)


def require_same(changes: Changes, node: Node) -> None:
    for argument in node.args[1:]:
        if not np.array_equal(*changes.tables(argument)):
            raise UnboundedError(f"the table of {node.op} changed")


def folded(changes: Changes, node: Node) -> Both:
    size, change = of_rows(changes, node)
    count = changes.old.n_rows(changes.old.program.nodes[node.args[0]]) if node.name == "sum" else 1
    return tuple(r.mapped(lambda _, x: x * count, r.constant * count) for r in (size, change))  # type: ignore[return-value]


def concatenated(changes: Changes, node: Node) -> Both:
    pairs = [own_key(changes, node, argument) for argument in node.args]
    widths = [changes.old.n_rows(changes.old.program.nodes[argument]) for argument in node.args]
    return tuple(side_by_side([pair[i] for pair in pairs], widths) for i in (0, 1))  # type: ignore[return-value]


def side_by_side(parts: list[Reach], widths: list[int]) -> Reach:
    """Rows one after the other; first all parts are brought to the same entries by adding nothing."""
    empty = [part.mapped(lambda _, x: np.zeros((len(x), 1)), 0.0) for part in parts]
    nothing = reduce(Reach.plus, empty, Reach.of_constant(0.0))
    alike = [part.plus(nothing) for part in parts]
    held = {}
    for entry, array in nothing.held.items():
        rows = [np.broadcast_to(p.held[entry], (len(array), w)) for p, w in zip(alike, widths, strict=True)]
        held[entry] = np.concatenate(rows, axis=1)
    return Reach(held, nothing.keys, max((p.constant for p in parts), default=0.0))


def totalled(changes: Changes, node: Node) -> Both:
    """A sum over held keys; constants once for every key there is."""
    child = changes.old.program.nodes[node.args[0]].key
    count = changes.sizes[child]
    size, change = (
        Reach(r.held, changes.climbed(child, node.key, r), r.constant * count) for r in changes.of(node.args[0])
    )
    return size, change


def extreme_child(changes: Changes, node: Node) -> Both:
    """One of a parent's children: no more than all of them, so their sum, but for constants."""
    child = changes.old.program.nodes[node.args[0]].key
    size, change = (Reach(r.held, changes.climbed(child, node.key, r), r.constant) for r in changes.of(node.args[0]))
    return size, change


def read_by_children(changes: Changes, node: Node) -> Both:
    """A parent's value at each child: as often as a parent has children, beyond the items' own keys."""
    parent = changes.old.program.nodes[node.args[0]].key
    up = np.zeros(changes.sizes[node.key], dtype=np.int64) if parent == ACCOUNT else changes.old.maps[node.key, parent]
    most = float(np.bincount(up, minlength=1).max(initial=0))
    size, change = (r.spread(lambda _, x: x * most) for r in changes.of(node.args[0]))
    return size, change


def picked(changes: Changes, node: Node) -> Both:
    """A branch by the sign of a sum: the same branch where the sum cannot change, otherwise from any to any."""
    branches = [own_key(changes, node, argument) for argument in node.args[1:]]
    size, change = (reduce(Reach.most, (branch[i] for branch in branches)) for i in (0, 1))
    _, moved = own_key(changes, node, node.args[0])
    if moved.constant or any(array.any() for array in moved.held.values()):
        return size, size.plus(size)
    return size, change


def multiplied(changes: Changes, node: Node) -> Both:
    """``x by / over`` of tables, rounded to a unit."""
    changes.moving(node)
    (by, new_by), (over, new_over) = (changes.tables(argument) for argument in node.args[1:])
    before, after = by / over, new_by / new_over
    size, change = weighted(changes, node, np.maximum(np.abs(before), np.abs(after)), np.abs(after - before))
    unit = Reach.of_constant(1.0)
    return size.plus(unit), change.plus(unit).plus(unit)


def rounded(changes: Changes, node: Node) -> Both:
    """Half a unit either way, before and after."""
    size, change = changes.of(changes.moving(node))
    unit = Reach.of_constant(largest(*changes.tables(node.args[1])))
    return size.plus(unit), change.plus(unit)


RULES: dict[str, Callable[[Changes, Node], Both]] = {
    "slot": slot, "each": slot, "add": summed, "sub": summed, "min": either, "max": either, "neg": unchanged,
    "abs": unchanged, "positive": unchanged, "short": unchanged, "scale": scaled, "sided": scaled, "quotient": divided,
    "tiers": tiered, "worst": of_rows, "best": of_rows, "kth": of_rows, "tail_mean": of_rows, "fold": folded,
    "concat": concatenated, "total": totalled, "least": extreme_child, "most": extreme_child, "at": read_by_children,
    "round": rounded, "pick": picked, "mul_div": multiplied,
}  # fmt: skip
