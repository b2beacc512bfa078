"""Joins nodes that are read once into chains of products, so that a change runs fewer steps.

``((a t + b) - c u) + ...`` is one chain of links; a total of a product takes the product with it. Additions
keep the order of the plan and a sign is exact, so the bits are those of the separate nodes.
"""

from dataclasses import dataclass
from functools import cached_property

from crossmargin.margin.plan.binding import Binding

SUMS = {"add", "sub"}


@dataclass(frozen=True, slots=True)
class Link:
    """``value * factor``, negated or not; factor -1 is none."""

    node: int
    factor: int = -1
    negative: bool = False


@dataclass(frozen=True)
class Fusion:
    """Which nodes disappear into others, given those whose values are wanted."""

    bound: Binding
    wanted: frozenset[int]

    @cached_property
    def uses(self) -> dict[int, int]:
        """How often each node is read."""
        found: dict[int, int] = {}
        for node in self.bound.program.nodes:
            for argument in node.args:
                found[argument] = found.get(argument, 0) + 1
        return found

    def inner(self, number: int) -> bool:
        """Read once, by nobody outside: it need not have a value of its own."""
        node = self.bound.program.nodes[number]
        return not node.free and number not in self.wanted and self.uses.get(number, 0) == 1

    def link(self, number: int, *, negative: bool = False) -> Link:
        """Peel signs and one product off a node."""
        nodes, factor = self.bound.program.nodes, -1
        while self.inner(number) and (nodes[number].op == "neg" or (nodes[number].op == "scale" and factor < 0)):
            if nodes[number].op == "neg":
                negative = not negative
            else:
                factor = nodes[number].args[1]
            number = nodes[number].args[0]
        return Link(number, factor, negative)

    def chain(self, number: int) -> list[Link]:
        """Links of a sum, from the left; empty where nothing is gained."""
        node = self.bound.program.nodes[number]
        if node.op not in SUMS:
            return []
        links = self.links(number)
        plain = len(links) == 2 and all(link.factor < 0 for link in links)
        return [] if plain else links

    def links(self, number: int) -> list[Link]:
        nodes = self.bound.program.nodes
        left, right = nodes[number].args
        deeper = nodes[left].op in SUMS and self.inner(left) and nodes[left].key == nodes[number].key
        first = self.links(left) if deeper else [self.link(left)]
        return [*first, self.link(right, negative=nodes[number].op == "sub")]

    def inputs(self, number: int) -> tuple[int, ...]:
        """Nodes that a step reads once the others are joined into it."""
        node = self.bound.program.nodes[number]
        links = [self.link(node.args[0])] if node.op == "total" else self.chain(number)
        if not links:
            return node.args
        return tuple(n for link in links for n in (link.node, link.factor) if n >= 0)
