"""A quantum for every sum, in the sum's own unit, chosen from what an account may hold.

The quantum of a sum bounded by B is the power of two ``2^(ceil(log2 B) - 51)``: sums of its multiples
are exact in float64, and a sum of n terms errs by at most n h / 2. Quantities count integer lots and
need none. Bounds come from the largest lots and the number of items held, node by node.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, inf, log2

import numpy as np

from crossmargin._checks import Floats
from crossmargin.margin.plan.binding import Binding
from crossmargin.margin.plan.matchers import greatest_alone
from crossmargin.margin.plan.program import ACCOUNT, CLIMBING, Node

MAGIC = 1.5 * 2.0**52
BITS = 51


@dataclass(frozen=True)
class Quanta:
    """``of_node``: quantum of each node's sum, 0 where nothing is rounded; ``lots``: largest |lots| by holding, one
    figure
    or one a key of its axis.
    """

    of_node: Floats
    lots: Mapping[str, float | Floats]

    @property
    def magic(self) -> Floats:
        """Constants that round by addition and subtraction."""
        return self.of_node * MAGIC

    @classmethod
    def of(cls, bound: Binding, lots: Mapping[str, float | Floats] | float, items: int = 64) -> "Quanta":
        """Quanta for at most ``items`` held of each holding, each of at most ``lots``."""
        most = {h.name: lots if isinstance(lots, (int, float)) else lots[h.name] for h in bound.program.holdings}
        found, sizes = np.zeros(len(bound.program.nodes)), Sizes(bound, most, items)
        with np.errstate(invalid="ignore"):  # nothing times what has no bound has none either, and no quantum
            for number, node in bound.program:
                size = sizes.of(number)
                if is_sum(bound, node):
                    found[number] = quantum(float(size.max(initial=0.0)))
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
    """A bound on the absolute value of each node at each key, any row, shape (keys,) or (1,).

    Over a key or an account at most ``items`` items are held, so a sum is bounded by its largest terms.
    """

    def __init__(self, bound: Binding, lots: Mapping[str, float | Floats], items: int) -> None:
        self.bound, self.lots, self.items = bound, lots, items
        self.known: dict[int, Floats] = {}

    def of(self, number: int) -> Floats:
        if number not in self.known:
            node = self.bound.program.nodes[number]
            self.known[number] = greatest(self.bound.folded[number]) if node.free else self.of_value(node)
        return self.known[number]

    def of_value(self, node: Node) -> Floats:
        if node.op in {"slot", "each"}:
            axis = self.bound.item_axis[node.holding]
            return self.climbed(self.lots[node.holding] * greatest(self.bound.coefficient(node)), axis, node.key)
        sizes = [self.of(a) for a in node.args]
        child = self.bound.program.nodes[node.args[0]].key
        if node.op == "group":
            return self.climbed(sizes[0] * greatest_alone(self.bound.folded[node.args[1]])[:, 0], child, node.key)
        if node.op in CLIMBING:
            return self.climbed(sizes[0], child, node.key)
        if node.op == "at":
            return sizes[0] if child == ACCOUNT else sizes[0][self.bound.maps[node.key, child]]
        if node.op == "min":
            return self.of_min(node, sizes)
        if node.op == "mul_div":
            sizes[1] = sizes[1] / self.least_divisor(node.args[2])
        return np.asarray(FACTORS.get(node.op, sum)(sizes))

    def of_min(self, node: Node, sizes: list[Floats]) -> Floats:
        """Beside what is never negative a minimum is no larger than the other argument, whatever caps it."""
        first, second = map(self.never_negative, node.args)
        if first != second:
            return np.broadcast_to(sizes[int(first)], np.broadcast(*sizes).shape)
        return np.minimum(*sizes) if first else np.maximum(*sizes)

    def least_divisor(self, number: int) -> Floats:
        """Least absolute row of a table at each key; what is held divides by a whole number, so by 1 or more."""
        node = self.bound.program.nodes[number]
        if not node.free:
            return np.ones(1)
        least = np.abs(self.bound.folded[number]).min(axis=1, initial=inf)
        return np.where(least > 0, least, 1.0)

    def never_negative(self, number: int) -> bool:
        """Whether a node is >= 0 whatever is held: then a minimum is no larger than its smallest argument."""
        node = self.bound.program.nodes[number]
        if node.free:
            return bool((self.bound.folded[number] >= 0).all())
        if node.op == "max":
            return any(map(self.never_negative, node.args))
        arguments = node.args[1:] if node.op == "pick" else node.args
        return node.op in BENT or (node.op in KEEPS_SIGN and all(map(self.never_negative, arguments)))

    def climbed(self, sizes: Floats, axis: str, key: str) -> Floats:
        """The largest terms that may meet at each parent."""
        if axis == key:
            return sizes
        if key == ACCOUNT:
            return np.array([np.sort(sizes)[::-1][: self.items].sum()])
        up = self.bound.maps[axis, key]
        return np.array([np.sort(sizes[up == k])[::-1][: self.items].sum() for k in range(self.bound.size(key))])


def greatest(table: Floats) -> Floats:
    """Greatest absolute row of each key."""
    return np.abs(table).max(axis=1, initial=0.0)


BENT = {"abs", "positive", "short", "root"}
KEEPS_SIGN = {
    "add", "scale", "product", "quotient", "mul_div", "min", "pick", "worst", "best", "total", "at", "least", "most",
}  # fmt: skip
FACTORS: dict[str, Callable[[list[Floats]], Floats]] = {
    "min": lambda s: np.maximum(s[0], s[1]),
    "max": lambda s: np.maximum(s[0], s[1]),
    "scale": lambda s: s[0] * s[1],
    "product": lambda s: s[0] * s[1],
    "quotient": lambda s: np.full_like(s[0], inf),
    "pick": lambda s: np.maximum(np.maximum(s[1], s[2]), s[3]),
    "sided": lambda s: s[0] * np.maximum(s[1], s[2]),
    "root": lambda s: np.sqrt(s[0]),
    "tiers": lambda s: s[0] * s[2],
    "mul_div": lambda s: s[0] * s[1] + 1.0,
    "kth": lambda s: s[0],
    "tail_mean": lambda s: s[0],
    "fold": lambda s: s[0],
    "at_worst": lambda s: s[0],
    "residual": lambda s: np.broadcast_to(s[1], s[0].shape),
}
