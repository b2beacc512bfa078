"""How a surplus changes between two markets for the same holdings: a linear part as it is, and a bound on the rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from crossmargin._checks import Floats
from crossmargin.margin.plan.binding import Binding
from crossmargin.margin.plan.change import Array, Changes, Reach, UnboundedError, own_key
from crossmargin.margin.plan.program import Node

__all__ = ["SurplusChange", "UnboundedError", "surplus_change"]

# ---- linear parts ----------------------------------------------------------------------------

Linear = dict[str, tuple[Array, Array]]  # by holding, what a unit of each key counts before and after


def linear(changes: Changes, number: int) -> Linear | None:
    """A node as a sum of amounts times figures, ``None`` where it is none."""
    node = changes.old.program.nodes[number]
    if node.op in {"slot", "each"}:
        before, after = (np.asarray(b.coefficient(node), dtype=np.float64) for b in (changes.old, changes.new))
        return {node.holding: (before, after)}
    if node.free or node.op not in {"add", "sub", "neg", "scale", "total"}:
        return None
    if node.op == "scale":
        return scaled_linear(changes, node)
    parts = [linear(changes, argument) for argument in node.args]
    if any(part is None for part in parts):
        return None
    signs = (-1.0,) if node.op == "neg" else (1.0, -1.0 if node.op == "sub" else 1.0)
    return summed_linear([part for part in parts if part is not None], signs)


def summed_linear(parts: list[Linear], signs: tuple[float, ...]) -> Linear:
    found: Linear = {}
    for part, sign in zip(parts, signs, strict=False):
        for name, pair in part.items():
            old = found.get(name, (np.zeros((1, 1)), np.zeros((1, 1))))
            found[name] = (old[0] + sign * pair[0], old[1] + sign * pair[1])
    return found


def scaled_linear(changes: Changes, node: Node) -> Linear | None:
    """A linear part times a table of its own keys."""
    if not changes.old.program.nodes[node.args[1]].free:
        return None
    inner, tables = linear(changes, node.args[0]), changes.tables(node.args[1])
    if inner is None or changes.old.program.nodes[node.args[0]].key != node.key:
        return None
    return {
        name: tuple(x * changes.along(name, node.key, t, spread=False) for x, t in zip(pair, tables, strict=True))  # type: ignore[misc]
        for name, pair in inner.items()
    }


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
    exact: list[Linear] = []
    rest = Reach({})
    for name, sign in (("equity", 1.0), ("requirement", -1.0)):
        for number, side in addends(changes, outputs[name], sign):
            part = linear(changes, number)
            if part is None:
                rest = rest.plus(at_level(changes.of(number)[1], level))
            else:
                exact.append(summed_linear([part], (side,)))
    whole = summed_linear(exact, (1.0,) * len(exact))
    moved = Reach({name: pair[1] - pair[0] for name, pair in whole.items()})
    return SurplusChange(
        changes.source_items(at_level(moved, level)), changes.source_items(rest), rest.constant
    )


def addends(changes: Changes, number: int, sign: float) -> list[tuple[int, float]]:
    """What a node adds up, each with its sign: linear parts whole, sums apart."""
    node = changes.old.program.nodes[number]
    if node.op not in {"add", "sub"} or linear(changes, number) is not None:
        return [(number, sign)]
    own_key(changes, node, node.args[0])
    right = -sign if node.op == "sub" else sign
    return [*addends(changes, node.args[0], sign), *addends(changes, node.args[1], right)]


def at_level(reach: Reach, level: int) -> Reach:
    def pick(_: str, x: Any) -> Array:
        return x[:, [level]] if x.shape[1] > 1 else x

    return reach.mapped(pick, reach.constant)
