"""Explains a value: the reverse pass over a trace, along active branches.

Everything homogeneous of degree one passes its value down to the quantities held, in full (Euler);
what is not (products, tiers, roots) stops and is reported under its key; a constant that wins a
minimum or maximum is a floor. The parts sum to the value.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmargin.margin.plan.binding import Binding
from crossmargin.margin.plan.evaluate import Trace
from crossmargin.margin.plan.program import ACCOUNT, Node

Array = NDArray[Any]


@dataclass
class Attribution:
    """Shares of one value: by item held, by what stopped the pass, and the rows that bound it."""

    items: dict[str, Any] = field(default_factory=lambda: defaultdict(int))
    stops: dict[str, Any] = field(default_factory=lambda: defaultdict(int))
    active: list[tuple[str, str, float]] = field(default_factory=list)  # key, row label, share of the value

    def total(self) -> Any:
        return sum(self.items.values()) + sum(self.stops.values())


def attribute(trace: Trace, number: int, row: int) -> Attribution:
    """Attribute one row of an account node to the quantities held."""
    walk = Walk(trace)
    seed = np.zeros_like(trace.values[number])
    seed[0, row if seed.shape[1] > 1 else 0] = 1
    walk.gradient[number] = seed
    for current in range(number, -1, -1):
        if current in walk.gradient:
            walk.visit(current, walk.gradient.pop(current))
    return walk.found


class Walk:
    """One reverse pass: gradients flow from a node to its arguments."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.bound: Binding = trace.bound
        self.gradient: dict[int, Array] = {}
        self.found = Attribution()
        self.number = {node: number for number, node in self.bound.program}  # nodes are interned, so unique

    def visit(self, number: int, gradient: Array) -> None:
        node = self.bound.program.nodes[number]
        if node.free:
            self.floor(node, gradient * self.trace.values[number])
        elif node.operation.explain == "stop":
            self.stop(node, gradient * self.trace.values[number])
        else:
            RULES[node.op](self, node, gradient)

    def own(self, node: Node) -> Array:
        return self.trace.values[self.number[node]]

    def value(self, node: Node, position: int) -> Array:
        return self.trace.operand(node.args[position], node.key)

    def value_at(self, node: Node, position: int, key: str) -> Array:
        return self.trace.operand(node.args[position], key)

    def give(self, node: Node, position: int, gradient: Array) -> None:
        """Pass a gradient to an argument, summing where it was broadcast; a table keeps it as a floor."""
        number = node.args[position]
        argument = self.bound.program.nodes[number]
        if argument.free:
            self.floor(node, gradient * self.value(node, position))
            return
        if argument.rows != node.rows and self.bound.n_rows(argument) == 1:
            gradient = gradient.sum(axis=1, keepdims=True)
        old = self.gradient.get(number)
        self.gradient[number] = gradient if old is None else old + gradient

    def floor(self, node: Node, shares: Array) -> None:
        total = shares.sum()
        if total != 0:
            self.found.stops["floor" if node.op in {"min", "max", "pick"} else "constant"] += total

    def stop(self, node: Node, shares: Array) -> None:
        for key, share in zip(self.trace.keys[node.key].tolist(), shares.sum(axis=1), strict=True):
            if share != 0:
                name = "account" if node.key == ACCOUNT else self.bound.labels[node.key][key]
                self.found.stops[name] += share

    def choose(self, node: Node, gradient: Array, first: Array) -> None:
        """Give the gradient to the first argument where ``first`` holds, else to the second."""
        self.give(node, 0, np.where(first, gradient, 0))
        self.give(node, 1, np.where(first, 0, gradient))

    def rows(self, node: Node, gradient: Array, weights: Array) -> None:
        """Pass a reduced value's gradient to its rows; note which row was active for which key."""
        self.give(node, 0, gradient * weights)
        rows = self.bound.program.nodes[node.args[0]].rows
        values = self.value(node, 0)
        for pair, key in enumerate(self.trace.keys[node.key].tolist()):
            name = "" if node.key == ACCOUNT else self.bound.labels[node.key][key]
            for row in np.flatnonzero(weights[pair] * gradient[pair]):
                share = float(gradient[pair, 0] * weights[pair, row] * values[pair, row])
                self.found.active.append((name, self.bound.rows[rows][row], share))


def slot(walk: Walk, node: Node, gradient: Array) -> None:
    """Quantity times coefficient times gradient: the share of each item held."""
    axis = walk.bound.item_axis[node.holding]
    keys = walk.trace.keys[axis]
    quantity = walk.trace.quantity[node.holding]
    here = gradient if node.key == axis else gradient[walk.trace.parents(axis, node.key)]
    shares = (quantity * walk.bound.coefficient(node)[keys] * here).sum(axis=1)
    give_items(walk, node, keys.tolist(), shares)


def each(walk: Walk, node: Node, gradient: Array) -> None:
    keys = walk.trace.keys[node.key].tolist()
    give_items(walk, node, keys, (walk.trace.quantity[node.holding] * gradient).sum(axis=1))


def give_items(walk: Walk, node: Node, keys: list[int], shares: Array) -> None:
    """Add shares by label: a position's lots and its open cost are one line."""
    labels = walk.bound.labels[walk.bound.item_axis[node.holding]]
    for key, share in zip(keys, shares, strict=True):
        if share != 0:
            walk.found.items[labels[key]] += share


def add(walk: Walk, node: Node, gradient: Array) -> None:
    walk.give(node, 0, gradient)
    walk.give(node, 1, gradient if node.op == "add" else -gradient)


def scale(walk: Walk, node: Node, gradient: Array) -> None:
    walk.give(node, 0, gradient * walk.value(node, 1))


def sign(walk: Walk, node: Node, gradient: Array) -> None:
    x = walk.value(node, 0)
    slope = {"neg": -1, "abs": np.sign(x), "positive": x > 0, "short": -1 * (x < 0)}[node.op]
    walk.give(node, 0, gradient * slope)


def smaller(walk: Walk, node: Node, gradient: Array) -> None:
    x, y = walk.value(node, 0), walk.value(node, 1)
    walk.choose(node, gradient, x <= y if node.op == "min" else x >= y)


def sided(walk: Walk, node: Node, gradient: Array) -> None:
    x = walk.value(node, 0)
    walk.give(node, 0, gradient * np.where(x < 0, walk.value(node, 1), walk.value(node, 2)))


def pick(walk: Walk, node: Node, gradient: Array) -> None:
    x = walk.value(node, 0)
    for position, active in ((1, x < 0), (2, x == 0), (3, x > 0)):
        walk.give(node, position, np.where(active, gradient, 0))


def rounding(walk: Walk, node: Node, gradient: Array) -> None:
    x, unit = walk.value(node, 0), walk.value(node, 1)
    walk.give(node, 0, gradient)
    residual = (gradient * (np.rint(x / unit) * unit - x)).sum()
    if residual != 0:
        walk.found.stops["rounding"] += residual


def mul_div(walk: Walk, node: Node, gradient: Array) -> None:
    """Pass to the first argument; rounding is a line of its own. Of two held values it stops."""
    x, by, over = (walk.value(node, i) for i in range(3))
    if not all(walk.bound.program.nodes[a].free for a in node.args[1:]):
        walk.stop(node, gradient * walk.own(node))
        return
    walk.give(node, 0, ratio(gradient * by, over))
    residual = (gradient * (walk.own(node) - ratio(x * by, over))).sum()
    if residual != 0:
        walk.found.stops["rounding"] += residual


def ratio(x: Array, y: Array) -> Array:
    """``x / y``, a fraction where the plan runs in integers."""
    if x.dtype.kind == "O" or y.dtype.kind == "O":
        return np.asarray(np.frompyfunc(Fraction, 2, 1)(x, y))
    return x / y


def fold(walk: Walk, node: Node, gradient: Array) -> None:
    """A mean shares among its rows; least and most go to the first row that attains it."""
    x, target = walk.value(node, 0), walk.value(node, 1).ravel().astype(int)
    weights = np.zeros(x.shape)
    for row in range(gradient.shape[1]):
        columns = np.flatnonzero(target == row)
        if node.name in {"mean", "sum"}:
            weights[:, columns] = gradient[:, [row]] / (len(columns) if node.name == "mean" else 1)
        elif len(columns):
            part = x[:, columns]
            at = part.argmin(axis=1) if node.name == "least" else part.argmax(axis=1)
            weights[np.arange(len(x)), columns[at]] = gradient[:, row]
    walk.give(node, 0, weights)


def norm(walk: Walk, node: Node, gradient: Array) -> None:
    """Euler: the share of x_i is x_i (R x)_i / K; with ``diagonal`` or ``concord`` it stops."""
    nodes = walk.bound.program.nodes
    child = nodes[node.args[0]].key
    square, plain = nodes[node.args[3]], nodes[node.args[2]].op == "const"
    if square.op != "product" or square.args != (node.args[0], node.args[0]) or not plain:
        walk.stop(node, gradient * walk.own(node))
        return
    keys, up = walk.trace.keys[child], walk.trace.parents(child, node.key)
    rho = walk.bound.folded[node.args[1]][np.ix_(keys, keys)]
    rho = np.where((up[:, None] == up) & ~np.eye(len(keys), dtype=bool), rho, np.eye(len(keys)))
    size = walk.own(node)[up]
    slope = np.where(size == 0, 0, (rho @ walk.value_at(node, 0, child)) / np.where(size == 0, 1, size))
    walk.give(node, 0, gradient[up] * slope)


def extreme_row(walk: Walk, node: Node, gradient: Array) -> None:
    x = walk.value(node, 0)
    if x.shape[1]:
        at = x.argmin(axis=1) if node.op == "worst" else x.argmax(axis=1)
        walk.rows(node, gradient, np.arange(x.shape[1]) == at[:, None])


def at_worst(walk: Walk, node: Node, gradient: Array) -> None:
    """The value in the row where the gain is least; which row that is stays as it is."""
    gain = walk.value(node, 1)
    if gain.shape[1]:
        walk.rows(node, gradient, np.arange(gain.shape[1]) == gain.argmin(axis=1)[:, None])


def tail(walk: Walk, node: Node, gradient: Array) -> None:
    x, k = walk.value(node, 0), walk.value(node, 1).ravel()[0]
    rank = np.argsort(np.argsort(x, axis=1, kind="stable"), axis=1, kind="stable")
    weights = rank == int(k) - 1 if node.op == "kth" else np.clip(k - rank, 0, 1) / k
    walk.rows(node, gradient, weights)


def concat(walk: Walk, node: Node, gradient: Array) -> None:
    start = 0
    for position, argument in enumerate(node.args):
        width = walk.bound.n_rows(walk.bound.program.nodes[argument])
        walk.give(node, position, gradient[:, start : start + width])
        start += width


def climb(walk: Walk, node: Node, gradient: Array) -> None:
    """Children of a total get its gradient; of least and most, the first that attains it."""
    child = walk.bound.program.nodes[node.args[0]]
    up = walk.trace.parents(child.key, node.key)
    here = gradient[up]
    if node.op != "total":
        values, reached = walk.trace.values[node.args[0]], walk.own(node)[up]
        hit = values == reached
        earlier = np.array([(hit[:i] & (up[:i] == up[i])[:, None]).any(axis=0) for i in range(len(up))])
        here = here * (hit & ~earlier.reshape(hit.shape))
    walk.give(node, 0, here)


def at(walk: Walk, node: Node, gradient: Array) -> None:
    parent = walk.bound.program.nodes[node.args[0]].key
    out = np.zeros((len(walk.trace.keys[parent]), gradient.shape[1]), dtype=gradient.dtype)
    np.add.at(out, walk.trace.parents(node.key, parent), gradient)
    walk.give(node, 0, out)


RULES: dict[str, Callable[[Walk, Node, Array], None]] = {
    "slot": slot,
    "each": each,
    "add": add,
    "sub": add,
    "scale": scale,
    "neg": sign,
    "abs": sign,
    "positive": sign,
    "short": sign,
    "min": smaller,
    "max": smaller,
    "sided": sided,
    "pick": pick,
    "round": rounding,
    "worst": extreme_row,
    "best": extreme_row,
    "at_worst": at_worst,
    "kth": tail,
    "tail_mean": tail,
    "concat": concat,
    "total": climb,
    "least": climb,
    "most": climb,
    "at": at,
    "mul_div": mul_div,
    "fold": fold,
    "norm": norm,
}
