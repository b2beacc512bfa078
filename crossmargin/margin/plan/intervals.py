"""Intervals of every node over all fills of resting orders: sound for any operation, and loose.

The fall-back where a node has no linear forms. Each rule gives the least and greatest value that the
operation takes when its arguments range over their intervals.
"""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmargin.margin.plan.elements import ELEMENTS, fold, mul_div
from crossmargin.margin.plan.evaluate import Trace
from crossmargin.margin.plan.matchers import greatest_alone, least_ratio
from crossmargin.margin.plan.program import CLIMBING, Node

Array = NDArray[Any]
Interval = tuple[Array, Array]
RISING = {"add", "min", "max", "positive", "root", "worst", "best", "kth", "tail_mean", "concat", "round"}


class Intervals:
    """Intervals of one account, node by node; holdings that no order touches are points."""

    def __init__(self, trace: Trace, orders: Sequence[dict[str, tuple[int, float]]]) -> None:
        self.trace, self.orders = trace, orders
        self.known: dict[int, Interval] = {}

    def of(self, number: int) -> Interval:
        if number not in self.known:
            with np.errstate(invalid="ignore", divide="ignore"):
                low, high = self.compute(self.trace.bound.program.nodes[number], number)
            unknown = np.isnan(low) | np.isnan(high)  # inf - inf and 0 * inf of unbounded arguments
            self.known[number] = np.where(unknown, -np.inf, low), np.where(unknown, np.inf, high)
        return self.known[number]

    def compute(self, node: Node, number: int) -> Interval:
        if node.op in {"slot", "each"}:
            return self.holding(node, self.trace.values[number])
        if node.op in CLIMBING or node.op == "at":
            return self.along(node, number)
        arguments = [self.argument(a, node.key) for a in node.args]
        if node.op in RISING:
            return self.rising(node, arguments)
        if node.op == "fold":
            count, target = self.trace.bound.n_rows(node), arguments[1][0]
            return tuple(fold(node.name, count, end, target) for end in arguments[0])  # type: ignore[return-value]
        return SPECIAL.get(node.op, corners)(node, arguments)

    def argument(self, number: int, key: str) -> Interval:
        if self.trace.bound.program.nodes[number].free:
            value = self.trace.operand(number, key)
            return value, value
        return self.of(number)

    def holding(self, node: Node, value: Array) -> Interval:
        """Every fill that lowers, every fill that raises."""
        low, high = value.copy(), value.copy()
        axis = self.trace.bound.item_axis[node.holding]
        table = self.trace.bound.coefficient(node)
        up = np.arange(len(self.trace.keys[axis])) if node.key == axis else self.trace.parents(axis, node.key)
        for order in self.orders:
            if node.holding in order:
                item, amount = order[node.holding]
                effect = table[item] * amount
                row = up[self.trace.row_of[axis][item]]
                low[row] += np.minimum(effect, 0)
                high[row] += np.maximum(effect, 0)
        return low, high

    def rising(self, node: Node, arguments: list[Interval]) -> Interval:
        shape = (len(self.trace.keys[node.key]), 1)
        ends = []
        for end in (0, 1):
            values = [a[end] for a in arguments]
            if node.op == "concat":
                values = [np.broadcast_to(v, (shape[0], v.shape[1])) for v in values]
            ends.append(ELEMENTS[node.op](*values))
        return ends[0], ends[1]

    def along(self, node: Node, number: int) -> Interval:
        """Sums and extremes over keys, and reads of a parent, rise with each argument."""
        child = self.trace.bound.program.nodes[node.args[0]]
        low, high = self.of(node.args[0])
        if node.op == "at":
            up = self.trace.parents(node.key, child.key)
            return low[up], high[up]
        if node.op == "norm":
            return self.norm(node, number)
        if node.op in {"match", "group"}:
            return self.matched(node)
        up = self.trace.parents(child.key, node.key)
        step = {"total": np.add, "least": np.minimum, "most": np.maximum}[node.op]
        return tuple(climbed(step, end, up, len(self.trace.keys[node.key])) for end in (low, high))  # type: ignore[return-value]

    def matched(self, node: Node) -> Interval:
        """No spread is counted more often than all sizes allow; no grouping costs more than every contract alone."""
        child = self.trace.bound.program.nodes[node.args[0]].key
        low, high = self.of(node.args[0])
        size, up = np.maximum(np.abs(low), np.abs(high)), self.trace.parents(child, node.key)
        table, rule = (self.argument(a, k)[0] for a, k in ((node.args[1], child), (node.args[2], node.key)))
        n, rows = len(self.trace.keys[node.key]), self.trace.bound.n_rows(node)
        if node.op == "group":
            alone = climbed(np.add, size * greatest_alone(table), up, n)
            return -np.repeat(alone, rows, axis=1), np.repeat(alone, rows, axis=1)
        most = climbed(np.add, size, up, n) / np.array(
            [[least_ratio(r)] for r in np.broadcast_to(rule, (n, rule.shape[1]))]
        )
        return -np.repeat(most, rows, axis=1), np.repeat(most, rows, axis=1)

    def norm(self, node: Node, number: int) -> Interval:
        """Between 0 and the sum of the greatest sizes (correlations are at most 1), with the diagonal's root."""
        child = self.trace.bound.program.nodes[node.args[0]].key
        low, high = self.of(node.args[0])
        square = self.argument(node.args[3], child)[1]
        up = self.trace.parents(child, node.key)
        size = climbed(np.add, np.maximum(np.abs(low), np.abs(high)), up, len(self.trace.keys[node.key]))
        diagonal = climbed(np.add, np.maximum(square, 0), up, len(self.trace.keys[node.key]))
        value = self.trace.values[number]
        arguments = [self.argument(a, child) for a in node.args]
        same = all((least == most).all() for least, most in arguments)
        return (value, value) if same else (np.zeros_like(size), np.sqrt(size**2 + diagonal))


def climbed(step: np.ufunc, values: Array, up: Array, n: int) -> Array:
    neutral = 0.0 if step is np.add else (np.inf if step is np.minimum else -np.inf)
    out = np.full((n, values.shape[1]), neutral)
    step.at(out, up, values)
    out[~np.isin(np.arange(n), up)] = 0.0  # a parent without children
    return out


def corners(node: Node, arguments: list[Interval]) -> Interval:
    """Least and greatest over the ends of every argument; operations bilinear or monotone in each."""
    apply: Callable[..., Array] = ELEMENTS.get(node.op, lambda *v: mul_div(node.name, *v))
    values = np.broadcast_arrays(*(apply(*ends) for ends in product(*arguments)))
    return np.minimum.reduce(values), np.maximum.reduce(values)


def falling(node: Node, arguments: list[Interval]) -> Interval:
    if node.op == "sub":
        (a, b), (c, d) = arguments
        return a - d, b - c
    low, high = arguments[0]
    apply = ELEMENTS[node.op]
    return apply(high), apply(low)


def folded_at_zero(node: Node, arguments: list[Interval]) -> Interval:
    """Bent at zero: the ends, and zero where the interval holds it."""
    low, high = arguments[0]
    tables = [a[0] for a in arguments[1:]]
    inside = (low < 0) & (high > 0)
    points = [low, high, np.where(inside, 0.0, low)]
    values = np.broadcast_arrays(*(ELEMENTS[node.op](p, *tables) for p in points))
    return np.minimum.reduce(values), np.maximum.reduce(values)


def bent_by_edges(node: Node, arguments: list[Interval]) -> Interval:
    """Tiers: also every edge inside the range of sizes."""
    (low, high), (edges, _), (rates, _) = arguments
    least = np.where((low <= 0) & (high >= 0), 0.0, np.minimum(np.abs(low), np.abs(high)))
    most = np.maximum(np.abs(low), np.abs(high))
    points = [least, most, *(np.clip(edges[:, [j]], least, most) for j in range(edges.shape[1]))]
    values = [ELEMENTS["tiers"](p, edges, rates) for p in points]
    return np.minimum.reduce(values), np.maximum.reduce(values)


def picked(node: Node, arguments: list[Interval]) -> Interval:
    """Every branch that can be reached."""
    low, high = arguments[0]
    reach = (low < 0, (low <= 0) & (high >= 0), high > 0)
    ends = [np.where(r, a[0], np.inf) for r, a in zip(reach, arguments[1:], strict=True)]
    tops = [np.where(r, a[1], -np.inf) for r, a in zip(reach, arguments[1:], strict=True)]
    return np.minimum.reduce(np.broadcast_arrays(*ends)), np.maximum.reduce(np.broadcast_arrays(*tops))


def half_a_unit(node: Node, arguments: list[Interval]) -> Interval:
    """Rounding adds at most half a unit either way, whatever is rounded; nothing where nothing moves."""
    (low, high), (unit, _) = arguments
    found = ELEMENTS["residual"](low, unit)
    half = np.where(low == high, 0.0, np.abs(unit) / 2 * (1 + 1e-9))
    return np.where(low == high, found, -half), np.where(low == high, found, half)


def of_some_row(node: Node, arguments: list[Interval]) -> Interval:
    """Whichever row is the worst."""
    low, high = arguments[0]
    return low.min(axis=1, keepdims=True, initial=0.0), high.max(axis=1, keepdims=True, initial=0.0)


def divided(node: Node, arguments: list[Interval]) -> Interval:
    """A quotient is unbounded where its divisor (the last argument) can be 0 but is not fixed there."""
    low, high = arguments[-1]
    crosses = (low <= 0) & (high >= 0) & (low != high)
    least, most = corners(node, arguments)
    return np.where(crosses, -np.inf, least), np.where(crosses, np.inf, most)


SPECIAL: dict[str, Callable[[Node, list[Interval]], Interval]] = {
    "sub": falling,
    "neg": falling,
    "short": falling,
    "abs": folded_at_zero,
    "sided": folded_at_zero,
    "tiers": bent_by_edges,
    "pick": picked,
    "quotient": divided,
    "at_worst": of_some_row,
    "residual": half_a_unit,
    "mul_div": divided,
}
