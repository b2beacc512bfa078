"""A program: nodes in order of evaluation, named parts, and a hash that no figure enters."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from crossmargin.margin.plan.operations import OPERATIONS, Operation

ACCOUNT = "account"  # the key of a node that has one value an account
ONE = "one"  # the row axis of a scalar
CLIMBING = {"total", "least", "most", "norm", "match", "group"}  # from a key to its parent


@dataclass(frozen=True, slots=True)
class Node:
    """One operation. ``key`` and ``rows`` name axes; ``name`` a table or holding; ``free``: no holding in it."""

    op: str
    args: tuple[int, ...]
    key: str
    rows: str
    name: str = ""
    holding: str = ""
    value: float = 0.0
    free: bool = False

    @property
    def operation(self) -> Operation:
        return OPERATIONS[self.op]


@dataclass(frozen=True, slots=True)
class Holding:
    """A kind of quantity: ``source`` is a column of the book, ``axis`` the key of its items."""

    name: str
    source: str  # a feed of the book, see crossmargin.portfolio.feeds
    axis: str


@dataclass(frozen=True, slots=True)
class Part:
    """A named line of the result: ``side`` is "charge" (adds to the requirement) or "equity"."""

    name: str
    side: str
    node: int


@dataclass(frozen=True)
class Program:
    """What a method builds once; it knows axes and tables by name and holds no figure of a market."""

    nodes: tuple[Node, ...]
    holdings: tuple[Holding, ...]
    parts: tuple[Part, ...]
    outputs: tuple[tuple[str, int], ...]  # equity, requirement, and what a method names besides

    def __iter__(self) -> Iterator[tuple[int, Node]]:
        return iter(enumerate(self.nodes))

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the structure: equal for any market, instruments and parameter figures."""
        text = repr((self.nodes, self.holdings, self.parts, self.outputs))
        return sha256(text.encode()).hexdigest()

    @cached_property
    def relations(self) -> tuple[tuple[str, str], ...]:
        """Pairs (child axis, parent axis) that sums and reads go along, in order of first use."""
        found: dict[tuple[str, str], None] = {}
        items = {holding.name: holding.axis for holding in self.holdings}
        for node in self.nodes:
            if node.op == "slot" and node.key != items[node.holding]:
                found[items[node.holding], node.key] = None
            elif node.op in CLIMBING:
                found[self.nodes[node.args[0]].key, node.key] = None
            elif node.op == "at":
                found[node.key, self.nodes[node.args[0]].key] = None
        return tuple(pair for pair in found if ACCOUNT not in pair)

    @cached_property
    def tables(self) -> dict[str, tuple[str, str]]:
        """Key and row axes of every named table."""
        found = {node.name: (node.key, node.rows) for node in self.nodes if node.op == "given"}
        items = {holding.name: holding.axis for holding in self.holdings}
        found |= {node.name: (items[node.holding], node.rows) for node in self.nodes if node.op == "slot" and node.name}
        return found

    @cached_property
    def axes(self) -> tuple[str, ...]:
        """Key axes in use, the account first."""
        keys = [ACCOUNT, *(h.axis for h in self.holdings), *(node.key for node in self.nodes)]
        return tuple(dict.fromkeys([*keys, *(axis for pair in self.relations for axis in pair)]))

    def fan_out(self) -> tuple[str, ...]:
        """What each ``at`` costs: a change of the parent touches every held child."""
        lines = []
        for number, node in self:
            if node.op == "at" and not node.free:
                parent = self.nodes[node.args[0]].key
                lines.append(f"node {number}: {parent} read by every held {node.key}")
        return tuple(lines)
