"""The slow evaluator: one account, every node kept, in float64 or exact numbers.

It is the reference of the compiled evaluators, the trace that explanations walk back over, and,
with ``exact`` tables, the reference path of venues that compute in integers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmargin._checks import Integers
from crossmargin.margin.plan.binding import Binding
from crossmargin.margin.plan.elements import ELEMENTS, fold, mul_div, root
from crossmargin.margin.plan.matchers import spreads, strategies
from crossmargin.margin.plan.program import ACCOUNT, Node

Array = NDArray[Any]
Quantities = Mapping[str, tuple[Integers, Array]]  # holding: (item keys, quantities)


@dataclass(frozen=True)
class Trace:
    """Every node's value, shape (held keys, rows), with the keys held on each axis."""

    bound: Binding
    keys: dict[str, Integers]
    quantity: dict[str, Array]
    values: list[Array]
    row_of: dict[str, dict[int, int]]

    def parents(self, child: str, parent: str) -> Integers:
        """Row of the parent of each held child key."""
        if parent == ACCOUNT:
            return np.zeros(len(self.keys[child]), dtype=np.int64)
        mapped = self.bound.maps[child, parent][self.keys[child]]
        return np.array([self.row_of[parent][key] for key in mapped.tolist()], dtype=np.int64)

    def output(self, name: str) -> Array:
        """Rows of an output of the account."""
        return self.values[dict(self.bound.program.outputs)[name]][0]

    def operand(self, number: int, key: str) -> Array:
        """Value of a node as an argument at the held keys of ``key``; tables are gathered."""
        node = self.bound.program.nodes[number]
        if not node.free:
            return self.values[number]
        folded = self.bound.folded[number]
        return folded if node.key == ACCOUNT or len(folded) == 1 else folded[self.keys[key]]


def evaluate(bound: Binding, quantities: Quantities) -> Trace:
    """Run the program for one account."""
    keys = held_keys(bound, quantities)
    row_of = {axis: {key: row for row, key in enumerate(found.tolist())} for axis, found in keys.items()}
    trace = Trace(bound, keys, {}, [], row_of)
    for holding in bound.program.holdings:
        trace.quantity[holding.name] = spread(trace, holding.axis, *quantities[holding.name])
    for _, node in bound.program:
        trace.values.append(node_value(trace, node))
    return trace


def spread(trace: Trace, axis: str, items: Integers, amounts: Array) -> Array:
    """Quantity at each held item, shape (held items, 1); repeated items are summed."""
    out = np.zeros((len(trace.keys[axis]), 1), dtype=amounts.dtype)
    for item, amount in zip(items.tolist(), amounts.tolist(), strict=True):
        out[trace.row_of[axis][item], 0] += amount
    return out


def held_keys(bound: Binding, quantities: Quantities) -> dict[str, Integers]:
    """Keys that something is held under, in order of first appearance."""
    held: dict[str, dict[int, None]] = {axis: {} for axis in bound.program.axes}
    held[ACCOUNT] = {0: None}
    for holding in bound.program.holdings:
        held[holding.axis] |= dict.fromkeys(quantities[holding.name][0].tolist())
    for child, parent in climbing_order(bound.program.relations):
        mapped = bound.maps[child, parent][list(held[child])] if held[child] else np.zeros(0, dtype=np.int64)
        held[parent] |= dict.fromkeys(mapped.tolist())
    return {axis: np.array(list(found), dtype=np.int64) for axis, found in held.items()}


def climbing_order(relations: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """Order relations so that a child axis is complete before its parents are read."""
    left, done = list(relations), []
    while left:
        targets = {parent for _, parent in left}
        ready = [pair for pair in left if pair[0] not in targets]
        done += ready
        left = [pair for pair in left if pair not in ready]
    return done


def node_value(trace: Trace, node: Node) -> Array:
    if node.free:
        return trace.bound.folded[len(trace.values)]
    if node.op in SPECIAL:
        return SPECIAL[node.op](trace, node)
    values = [trace.operand(a, node.key) for a in node.args]
    shape = (len(trace.keys[node.key]), 1)
    if node.op == "mul_div":
        return mul_div(node.name, *values)
    if node.op == "fold":
        return fold(node.name, trace.bound.n_rows(node), *values)
    if node.op == "concat":
        values = [np.broadcast_to(v, (shape[0], v.shape[1])) for v in values]
    return ELEMENTS[node.op](*values)


def slot(trace: Trace, node: Node) -> Array:
    """Sum of quantity times table by the key, in the order of held items."""
    axis = trace.bound.item_axis[node.holding]
    terms = trace.quantity[node.holding] * trace.bound.coefficient(node)[trace.keys[axis]]
    if node.key == axis:
        return terms
    return gather(trace, terms, axis, node.key, np.add)


def total(trace: Trace, node: Node) -> Array:
    child = trace.bound.program.nodes[node.args[0]]
    return gather(trace, trace.values[node.args[0]], child.key, node.key, np.add)


def extreme(trace: Trace, node: Node) -> Array:
    """Least or greatest of the held children of each parent; 0 for a parent without any."""
    child = trace.bound.program.nodes[node.args[0]]
    values, up = trace.values[node.args[0]], trace.parents(child.key, node.key)
    step = np.minimum if node.op == "least" else np.maximum
    out = np.zeros((len(trace.keys[node.key]), values.shape[1]), dtype=values.dtype)
    for parent in range(len(out)):
        if (up == parent).any():
            out[parent] = step.reduce(values[up == parent], axis=0)
    return out


def norm(trace: Trace, node: Node) -> Array:
    """Correlated norm of the children of each parent; see ``Expression.norm``."""
    child = trace.bound.program.nodes[node.args[0]].key
    x, rho, concord, diagonal = (trace.operand(a, child) for a in node.args)
    up, keys = trace.parents(child, node.key), trace.keys[child]
    rho = trace.bound.folded[node.args[1]][np.ix_(keys, keys)] * concordance(np.broadcast_to(concord, x.shape))
    rho = np.where((up[:, None] == up) & ~np.eye(len(keys), dtype=bool), rho, 0)
    products = (rho @ x) * x + diagonal
    out = np.zeros((len(trace.keys[node.key]), 1), dtype=x.dtype)
    np.add.at(out, up, products)
    return root(out)


def concordance(c: Array) -> Array:
    """``min(c_i, c_j) / max(c_i, c_j)``, 1 where both are 0."""
    least, most = np.minimum(c, c.T), np.maximum(c, c.T)
    return np.where(most == 0, 1, least / np.where(most == 0, 1, most))


def matched(trace: Trace, node: Node, kernel: Callable[[Array, Array, Array, int], Array]) -> Array:
    """A matcher's rows for each parent, from its held children."""
    child = trace.bound.program.nodes[node.args[0]].key
    x, table = trace.values[node.args[0]][:, 0], trace.operand(node.args[1], child)
    rule, up = trace.operand(node.args[2], node.key), trace.parents(child, node.key)
    table = np.broadcast_to(table, (len(x), table.shape[1]))
    found = np.zeros((len(trace.keys[node.key]), trace.bound.n_rows(node)))
    for parent in range(len(found)):
        mine = up == parent
        found[parent] = kernel(x[mine], table[mine], rule[parent if len(rule) > 1 else 0], found.shape[1])
    return found


def gather(trace: Trace, values: Array, child: str, parent: str, step: np.ufunc) -> Array:
    out = np.zeros((len(trace.keys[parent]), values.shape[1]), dtype=values.dtype)
    step.at(out, trace.parents(child, parent), values)
    return out


def read_parent(trace: Trace, node: Node) -> Array:
    parent = trace.bound.program.nodes[node.args[0]].key
    return trace.values[node.args[0]][trace.parents(node.key, parent)]


SPECIAL = {
    "slot": slot,
    "each": lambda trace, node: trace.quantity[node.holding],
    "total": total,
    "norm": norm,
    "match": lambda trace, node: matched(trace, node, spreads),
    "group": lambda trace, node: matched(trace, node, strategies),
    "least": extreme,
    "most": extreme,
    "at": read_parent,
}
