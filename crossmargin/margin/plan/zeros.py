"""Which nodes are zero whatever is held, under the figures bound: what a parameter set leaves out costs nothing.

A node is zero by its operation and by what is zero below it; slots are where their coefficients are. A product with
zero counts only where the other side is finite whatever is held: a quotient below it could be infinite.
"""

from collections.abc import Callable

import numpy as np

from crossmargin.margin.plan.binding import Binding
from crossmargin.margin.plan.program import Node

Known = list[bool]
UNBOUNDED = {"quotient", "mul_div", "residual", "round"}
ALL = {"add", "sub", "min", "max", "concat"}  # zero where all arguments are
FIRST = {
    "neg", "abs", "positive", "short", "root", "worst", "best", "kth", "tail_mean", "at_worst",
    "fold", "total", "least", "most", "at",
}  # fmt: skip


def product(node: Node, zero: Known, unbounded: Known) -> bool:
    """Zero times what is finite."""
    one, other = node.args
    return (zero[one] and not unbounded[other]) or (zero[other] and not unbounded[one])


def sided(node: Node, zero: Known, unbounded: Known) -> bool:
    """Nothing to weigh, by figures that are finite."""
    return zero[node.args[0]] and not (unbounded[node.args[1]] or unbounded[node.args[2]])


def tiered(node: Node, zero: Known, unbounded: Known) -> bool:
    """No size, or no rates."""
    size, _, rates = node.args
    return (zero[size] and not unbounded[rates]) or (zero[rates] and not unbounded[size])


RULES: dict[str, Callable[[Node, Known, Known], bool]] = {
    **dict.fromkeys(ALL, lambda node, zero, _: all(zero[a] for a in node.args)),
    **dict.fromkeys(FIRST, lambda node, zero, _: zero[node.args[0]]),
    "scale": product,
    "product": product,
    "sided": sided,
    "tiers": tiered,
    "pick": lambda node, zero, _: (zero[node.args[0]] and zero[node.args[2]]) or all(zero[a] for a in node.args[1:]),
    "norm": lambda node, zero, _: zero[node.args[0]] and zero[node.args[3]],
}


def zero_nodes(bound: Binding) -> frozenset[int]:
    """Numbers of the nodes that hold no given figure and are zero all the same."""
    zero: Known = []
    unbounded: Known = []
    for number, node in bound.program:
        unbounded.append(may_be_infinite(bound, number, node, unbounded))
        zero.append(is_zero(bound, number, node, zero, unbounded))
    return frozenset(number for number, node in bound.program if zero[number] and not node.free)


def may_be_infinite(bound: Binding, number: int, node: Node, unbounded: Known) -> bool:
    if node.free:
        return not np.isfinite(bound.folded[number].astype(np.float64)).all()
    return node.op in UNBOUNDED or any(unbounded[argument] for argument in node.args)


def is_zero(bound: Binding, number: int, node: Node, zero: Known, unbounded: Known) -> bool:
    if node.free:
        return not np.any(bound.folded[number])
    if node.op == "slot":
        return bool(node.name) and not np.any(bound.tables[node.name])
    return node.op in RULES and RULES[node.op](node, zero, unbounded)
