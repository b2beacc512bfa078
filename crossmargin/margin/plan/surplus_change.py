"""How a surplus changes between two markets for the same holdings: a linear part as it is, and a bound on the rest."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from crossmargin._checks import Floats, Integers
from crossmargin.margin.plan.binding import Binding
from crossmargin.margin.plan.change import Array, Changes, Entry, Reach, UnboundedError, own_key
from crossmargin.margin.plan.program import Node

__all__ = ["SurplusChange", "UnboundedError", "surplus_change"]

# ---- linear parts ----------------------------------------------------------------------------

@dataclass(frozen=True)
class Linear:
    """By holding, what a unit of each key of its axis counts before and after, and the key that it climbed to."""

    before: Mapping[str, Array]
    after: Mapping[str, Array]
    keys: Mapping[str, Integers]


def linear(changes: Changes, number: int) -> Linear | None:
    """A node as a sum of amounts times figures, ``None`` where it is none."""
    node = changes.old.program.nodes[number]
    if node.op in {"slot", "each"}:
        before, after = (np.asarray(b.coefficient(node), dtype=np.float64) for b in (changes.old, changes.new))
        return Linear({node.holding: before}, {node.holding: after}, {node.holding: changes.slot_keys(node)})
    if node.free or node.op not in {"add", "sub", "neg", "scale", "total"}:
        return None
    if node.op == "scale":
        return scaled_linear(changes, node)
    parts = [linear(changes, argument) for argument in node.args]
    if any(part is None for part in parts):
        return None
    signs = (-1.0,) if node.op == "neg" else (1.0, -1.0 if node.op == "sub" else 1.0)
    found = summed_linear([part for part in parts if part is not None], signs)
    return climbed_linear(changes, node, found) if node.op == "total" and found is not None else found


def climbed_linear(changes: Changes, node: Node, inner: Linear) -> Linear:
    child = changes.old.program.nodes[node.args[0]].key
    keys = changes.climbed(child, node.key, Reach({}, inner.keys))
    return Linear(inner.before, inner.after, keys)


def summed_linear(parts: list[Linear], signs: tuple[float, ...]) -> Linear | None:
    """``None`` where a holding climbed to different keys on its way."""
    before: dict[str, Array] = {}
    after: dict[str, Array] = {}
    keys: dict[str, Integers] = {}
    for part, sign in zip(parts, signs, strict=False):
        for name, up in part.keys.items():
            if not np.array_equal(keys.setdefault(name, up), up):
                return None
            before[name] = before.get(name, 0.0) + sign * part.before[name]
            after[name] = after.get(name, 0.0) + sign * part.after[name]
    return Linear(before, after, keys)


def scaled_linear(changes: Changes, node: Node) -> Linear | None:
    """A linear part times a table of its own keys."""
    if not changes.old.program.nodes[node.args[1]].free:
        return None
    inner, (old, new) = linear(changes, node.args[0]), changes.tables(node.args[1])
    if inner is None or changes.old.program.nodes[node.args[0]].key != node.key:
        return None
    by = {name: [changes.along((name, False), inner.keys, t) for t in (old, new)] for name in inner.keys}
    before = {name: inner.before[name] * by[name][0] for name in by}
    return Linear(before, {name: inner.after[name] * by[name][1] for name in by}, inner.keys)


@dataclass(frozen=True)
class SurplusChange:
    """How a surplus changes from one market to another, quote currency.

    ``|surplus(new) - surplus(old) - sum of amount signed[source][item]|`` is at most ``constant + sum of |amount|
    by_source[source][item]``; sums run over rows of (source, item, amount).
    """

    signed: Mapping[str, Floats]
    by_source: Mapping[str, Floats]
    constant: float

    def size(self, source: str) -> Floats:
        """What a unit of each item changes the surplus by at most."""
        found = np.abs(self.signed.get(source, 0.0)) + self.by_source.get(source, 0.0)
        return np.asarray(found, dtype=np.float64)

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.signed, *self.by_source)))


def surplus_change(old: Binding, new: Binding, level: int) -> SurplusChange:
    """The change of equity less requirement at a level (0 initial, 1 maintenance); ``UnboundedError`` without a bound.

    What is linear in the holdings is taken as it is; only the rest is bounded.
    """
    changes, outputs = Changes(old, new), dict(old.program.outputs)
    moved, rest = Reach.of_constant(0.0), Reach.of_constant(0.0)
    for name, sign in (("equity", 1.0), ("requirement", -1.0)):
        for number, side in addends(changes, outputs[name], sign):
            part = linear(changes, number)
            if part is None:
                rest = rest.plus(at_level(changes.of(number)[1], level))
            else:
                gone = {(h, False): side * (part.after[h] - part.before[h]) for h in part.keys}
                moved = moved.plus(at_level(Reach(gone, part.keys), level))
    return SurplusChange(changes.source_items(moved), changes.source_items(rest), rest.constant)


def addends(changes: Changes, number: int, sign: float) -> list[tuple[int, float]]:
    """What a node adds up, each with its sign: linear parts whole, sums apart."""
    node = changes.old.program.nodes[number]
    if node.op not in {"add", "sub"} or linear(changes, number) is not None:
        return [(number, sign)]
    own_key(changes, node, node.args[0])
    right = -sign if node.op == "sub" else sign
    return [*addends(changes, node.args[0], sign), *addends(changes, node.args[1], right)]


def at_level(reach: Reach, level: int) -> Reach:
    def pick(_: Entry, x: Array) -> Array:
        return x[:, [level]] if x.shape[1] > 1 else x

    return reach.mapped(pick, reach.constant)
