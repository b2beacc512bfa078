"""A quantum for every sum, in the sum's own unit, chosen from what an account may hold.

The quantum of a sum bounded by B is the power of two ``2^(ceil(log2 B) - 51)``: sums of its multiples
are exact in float64, and a sum of n terms errs by at most n h / 2. Quantities count integer lots and
need none. Bounds come from the largest lots and the number of items held, node by node.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, inf, log2, sqrt

import numpy as np

from crossmargin._checks import Floats
from crossmargin.margin.plan.binding import Binding
from crossmargin.margin.plan.program import Node

MAGIC = 1.5 * 2.0**52
BITS = 51


@dataclass(frozen=True)
class Quanta:
    """``of_node``: quantum of each node's sum, 0 where nothing is rounded; ``lots``: largest |lots| by holding."""

    of_node: Floats
    lots: Mapping[str, float]

    @property
    def magic(self) -> Floats:
        """Constants that round by addition and subtraction."""
        return self.of_node * MAGIC

    @classmethod
    def of(cls, bound: Binding, lots: Mapping[str, float] | float, items: int = 64) -> "Quanta":
        """Quanta for at most ``items`` held of each holding, each of at most ``lots``."""
        most = {h.name: lots if isinstance(lots, (int, float)) else lots[h.name] for h in bound.program.holdings}
        found, sizes = np.zeros(len(bound.program.nodes)), Sizes(bound, most, items)
        for number, node in bound.program:
            size = sizes.of(number)
            if is_sum(bound, node):
                found[number] = quantum(size)
        return cls(found, most)

    @classmethod
    def uniform(cls, bound: Binding, value: float) -> "Quanta":
        """One quantum for every sum of money, for comparison with venues."""
        sums = [is_sum(bound, node) for _, node in bound.program]
        return cls(np.where(sums, value, 0.0), {h.name: inf for h in bound.program.holdings})


def is_sum(bound: Binding, node: Node) -> bool:
    """Sums round their terms; counts are integers, and a slot that keeps its items apart adds nothing up."""
    if node.op == "slot":
        return bool(node.name) and node.key != bound.item_axis[node.holding]
    return node.op == "total"


def quantum(size: float) -> float:
    return 2.0 ** (ceil(log2(size)) - BITS) if 0 < size < inf else 0.0


class Sizes:
    """A bound on each node: on the sum over the held keys of its absolute value, any row.

    An item lies under one key, so a slot's bound is that of all items together; operations that keep zero at
    zero and steepen by at most a factor keep it within that factor.
    """

    def __init__(self, bound: Binding, lots: Mapping[str, float], items: int) -> None:
        self.bound, self.lots, self.items = bound, lots, items
        self.known: dict[int, float] = {}

    def of(self, number: int) -> float:
        if number not in self.known:
            node = self.bound.program.nodes[number]
            self.known[number] = self.of_table(number) if node.free else self.of_value(node)
        return self.known[number]

    def of_table(self, number: int) -> float:
        folded = self.bound.folded[number]
        return float(np.abs(folded).max()) if folded.size else 0.0

    def of_value(self, node: Node) -> float:
        if node.op == "slot":
            table = self.bound.coefficient(node)
            return self.items * self.lots[node.holding] * (float(np.abs(table).max()) if table.size else 0.0)
        if node.op == "each":
            return self.items * self.lots[node.holding]
        sizes = [self.of(a) for a in node.args]
        if node.op in FACTORS:
            return FACTORS[node.op](sizes, self.items)
        return sum(size * self.weight(a) for a, size in zip(node.args, sizes, strict=True))

    def weight(self, number: int) -> float:
        """A table counts once for every key that may be held."""
        node = self.bound.program.nodes[number]
        return self.items if node.free else 1.0


FACTORS = {
    "scale": lambda s, n: s[0] * s[1],
    "product": lambda s, n: s[0] * s[1],
    "quotient": lambda s, n: inf,
    "sided": lambda s, n: s[0] * max(s[1:]),
    "root": lambda s, n: sqrt(n * s[0]),
    "tiers": lambda s, n: s[0] * s[2],
    "mul_div": lambda s, n: s[0] * s[1] + n,
    "round": lambda s, n: s[0] + n * s[1],
    "kth": lambda s, n: s[0],
    "tail_mean": lambda s, n: s[0],
    "fold": lambda s, n: s[0],
    "at": lambda s, n: n * s[0],
    "norm": lambda s, n: n * s[0],
}
