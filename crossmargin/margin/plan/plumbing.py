"""Lays a bound program out for changes: the path of each holding, the account's steps, and their arrays.

The fields of a step, a link and a constant are those of ``_core/increment.pxd``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from crossmargin._checks import Integers
from crossmargin._core import increment
from crossmargin.margin.plan.binding import Binding
from crossmargin.margin.plan.fusion import Fusion, Link
from crossmargin.margin.plan.layout import VARIANTS, Layout
from crossmargin.margin.plan.program import ACCOUNT, Node
from crossmargin.margin.plan.quantum import Quanta

SORTS = {"kth", "tail_mean"}
LOTS, ITEM, SLOT, TOTAL, ELEMENT, JOIN, FEW_ROWS, CHAIN = range(8)
FEW = 4  # rows up to which a loop per operation costs more than it saves
SCALAR = {"add", "sub", "scale", "product", "neg", "abs", "positive", "short", "min", "max", "sided", "pick"}


@dataclass(frozen=True)
class Paths:
    """Which nodes a change of each holding touches, and where sums lie in a key's block."""

    bound: Binding
    fusion: Fusion
    depends: tuple[frozenset[str], ...]  # per node: holdings that it depends on

    @classmethod
    def of(cls, bound: Binding, wanted: Sequence[int]) -> "Paths":
        depends: list[frozenset[str]] = []
        for node in bound.program.nodes:
            own = frozenset({node.holding}) if node.holding else frozenset()
            depends.append(own.union(*(depends[a] for a in node.args)))
        return cls(bound, Fusion(bound, frozenset(wanted)), tuple(depends))

    def on_path(self, holding: str) -> list[int]:
        """Nodes to evaluate when an item of a holding changes, in order."""
        nodes, wanted = self.bound.program.nodes, set()
        for number, node in self.bound.program:
            if node.free or holding not in self.depends[number]:
                continue
            if node.op == "total":
                wanted |= {number, *self.operands(self.fusion.link(node.args[0]).node)}
            elif node.op == "slot" and not self.of_item(node):
                wanted.add(number)
        return sorted(n for n in wanted if not nodes[n].free)

    def operands(self, number: int) -> set[int]:
        """A keyed node and everything computed that it reads at its key."""
        node = self.bound.program.nodes[number]
        if node.op in {"slot", "each", "total"} or node.free:
            return {number}
        return {number}.union(*(self.operands(a) for a in self.fusion.inputs(number)))

    def of_account(self, wanted: Sequence[int]) -> list[int]:
        """Nodes of the account that the wanted ones are computed from, in order."""
        needed, left = set(), list(wanted)
        while left:
            number = left.pop()
            node = self.bound.program.nodes[number]
            if number not in needed and node.key == ACCOUNT and not node.free:
                needed.add(number)
                left += [] if node.op in {"total", "slot"} else self.fusion.inputs(number)
        return sorted(needed)

    def of_item(self, node: Node) -> bool:
        """A slot that keeps its items apart is a function of the quantity, not a sum."""
        return node.op == "slot" and node.key == self.bound.item_axis[node.holding]

    @cached_property
    def columns(self) -> tuple[dict[str, int], dict[int, int], dict[str, int]]:
        """Column of each holding's quantity, offset of each sum, and width of each axis' block."""
        width = dict.fromkeys(self.bound.program.axes, 0)
        column, offset = {}, {}
        for holding in self.bound.program.holdings:
            column[holding.name] = width[holding.axis]
            width[holding.axis] += 1
        for number, node in self.bound.program:
            if node.op == "total" or (node.op == "slot" and not self.of_item(node)):
                offset[number] = width[node.key]
                width[node.key] += self.bound.n_rows(node)
        return column, offset, width


class Plumbing:
    """Lays a bound program out as the arrays of ``_core.increment``."""

    def __init__(self, bound: Binding, layout: Layout, wanted: Sequence[int]) -> None:
        self.bound, self.layout, self.wanted = bound, layout, wanted
        self.paths = Paths.of(bound, wanted)
        self.fusion = self.paths.fusion
        self.axis = {axis: number for number, axis in enumerate(bound.program.axes)}
        self.column, self.offset, self.width = self.paths.columns
        self.joined: list[int] = []
        self.links: list[list[int]] = []

    def engine(self, quanta: Quanta) -> increment.Engine:
        program, holdings = self.bound.program, self.bound.program.holdings
        paths = [self.paths.on_path(h.name) for h in holdings]
        account = self.paths.of_account(self.wanted)
        steps = [[self.step(n, h.name) for n in path] for h, path in zip(holdings, paths, strict=True)]
        steps.append([self.step(n, "") for n in account])
        consts = [self.constants(path) for path in paths] + [self.constants(account, self.wanted)]
        axes, maps = self.axes()
        registers, size = self.registers()
        return increment.Engine(
            stacked(steps, 19), starts(steps), stacked(consts, 4), starts(consts), whole([*self.joined, 0]),
            stacked([self.links], 4), self.layout.nodes[:, 2].copy(), self.layout.constants, quanta.magic, axes, maps,
            whole([self.axis[h.axis] for h in holdings]), whole([self.column[h.name] for h in holdings]),
            np.array([quanta.lots[h.name] for h in holdings]), whole([self.width[a] for a in program.axes]),
            registers, whole(self.wanted), size,
        )  # fmt: skip

    def step(self, number: int, holding: str) -> list[int]:
        """One row of the step table, see ``_core/increment.pxd``."""
        node = self.bound.program.nodes[number]
        kind = self.kind(number)
        offset = self.column[node.holding] if kind <= ITEM and node.holding else self.offset.get(number, 0)
        table = int(self.layout.nodes[number, 9]) if node.op == "slot" else -1
        args, steps = self.arguments(number, kind)
        rows = [self.bound.n_rows(self.bound.program.nodes[a]) for a in node.args]
        variant = VARIANTS[node.op].index(node.name) if node.op in VARIANTS else 0
        element = [
            node.operation.code, len(node.args), self.bound.n_rows(node), rows[0] if rows else 0, variant,
            rows[1] if len(rows) > 1 else 0,
        ]  # fmt: skip
        child = self.linked([self.fusion.link(node.args[0])]) if kind == TOTAL else 0
        return [
            kind, number, int(holding in self.paths.depends[number]), self.axis[node.key], offset, table, child,
            int(node.holding == holding), *args, steps, *element,
        ]  # fmt: skip

    def linked(self, links: Sequence[Link]) -> int:
        """Append links; returns where they start."""
        start = len(self.links)
        for link in links:
            rows = self.has_rows(link.node) | (self.has_rows(link.factor) << 1 if link.factor >= 0 else 0)
            self.links.append([link.node, link.factor, rows, int(link.negative)])
        return start

    def has_rows(self, number: int) -> int:
        return int(self.layout.nodes[number, 2] != 1)

    def arguments(self, number: int, kind: int) -> tuple[list[int], int]:
        """Argument nodes, and a bit for each that has rows; those of a join or chain lie in a list."""
        node = self.bound.program.nodes[number]
        if kind == CHAIN:
            links = self.fusion.chain(number)
            return [self.linked(links), len(links), 0, 0], 0
        if kind == JOIN:
            start = len(self.joined)
            self.joined += node.args
            return [start, len(node.args), 0, 0], 0
        if kind <= TOTAL:
            return [0, 0, 0, 0], 0
        filled = [*node.args, *[node.args[0]] * (4 - len(node.args))]
        return filled, sum(self.has_rows(a) << place for place, a in enumerate(node.args))

    def kind(self, number: int) -> int:
        node = self.bound.program.nodes[number]
        if self.fusion.chain(number):
            return CHAIN
        if node.op == "slot":
            return ITEM if self.paths.of_item(node) else SLOT
        if node.op in SCALAR and 0 < self.bound.n_rows(node) <= FEW:
            return FEW_ROWS
        return {"each": LOTS, "total": TOTAL, "concat": JOIN}.get(node.op, ELEMENT)

    def constants(self, path: Iterable[int], wanted: Iterable[int] = ()) -> list[list[int]]:
        """Tables that the nodes of a path read or that are wanted as they stand, and where the row of its key lies."""
        program = self.bound.program
        read = {a for n in path for a in self.fusion.inputs(n)}.union(wanted)
        free = sorted(a for a in read if program.nodes[a].free)
        return [self.constant(n) for n in free]

    def constant(self, number: int) -> list[int]:
        folded, node = self.bound.folded[number], self.bound.program.nodes[number]
        keyed = node.key != ACCOUNT and len(folded) > 1
        return [number, self.axis[node.key], int(self.layout.nodes[number, 7]), folded.shape[1] if keyed else 0]

    def axes(self) -> tuple[Integers, Integers]:
        """Per holding and axis: where the map from its items to the axis' keys starts, -1 if there is none."""
        chunks: list[Integers] = [np.zeros(1, dtype=np.int64)]
        table = np.full((len(self.bound.program.holdings), len(self.axis)), -1, dtype=np.int64)
        for row, holding in enumerate(self.bound.program.holdings):
            for axis, keys in self.reached(holding.axis).items():
                table[row, self.axis[axis]] = sum(map(len, chunks))
                chunks.append(keys)
        return table, np.concatenate(chunks)

    def reached(self, axis: str) -> dict[str, Integers]:
        """Key on every axis that an item axis leads to."""
        found = {axis: np.arange(self.bound.size(axis), dtype=np.int64)}
        grew = True
        while grew:
            grew = False
            for (child, parent), keys in self.bound.maps.items():
                if child in found and parent not in found:
                    found[parent], grew = keys[found[child]], True
        return found

    def registers(self) -> tuple[Integers, int]:
        """A register per node, with working rows behind those that sort."""
        sizes = [self.bound.n_rows(node) for _, node in self.bound.program]
        for number, node in self.bound.program:
            if node.op in SORTS:
                sizes[number] += 2 * self.bound.n_rows(self.bound.program.nodes[node.args[0]])
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        return offsets[:-1].astype(np.int64), int(offsets[-1])


def stacked(groups: Sequence[Sequence[Sequence[int]]], width: int) -> Integers:
    rows = [row for group in groups for row in group]
    return np.array(rows or [[0] * width], dtype=np.int64).reshape(-1, width)


def starts(groups: Sequence[Sequence[object]]) -> Integers:
    return np.cumsum([0, *(len(group) for group in groups)]).astype(np.int64)


def whole(values: Sequence[int]) -> Integers:
    return np.array(values or [0], dtype=np.int64)
