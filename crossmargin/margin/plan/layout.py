"""A bound program laid out in arrays, as the compiled evaluators read it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from crossmargin._checks import Floats, Integers
from crossmargin.margin.plan.binding import Binding, total_items
from crossmargin.margin.plan.expression import FOLDS, MODES
from crossmargin.margin.plan.program import ACCOUNT, CLIMBING, Node
from crossmargin.margin.plan.quantum import Quanta
from crossmargin.margin.plan.zeros import zero_nodes
from crossmargin.portfolio.feeds import FEEDS

IDENTITY, TO_ACCOUNT = -1, -2


class Column(IntEnum):
    """Fields of a node, in the order of ``_core.plan.Node``."""

    OP = 0
    AXIS = 1
    ROWS = 2
    ARG = 3
    N_ARGS = 4
    HOLDING = 5
    RELATION = 6
    OFFSET = 7
    KEYS = 8
    TABLE = 9


DEAD = -1
LINE = 8  # doubles of a cache line
ARGUMENTS = 5  # columns that an operation may gather, and its result
SORTS = {"kth", "tail_mean"}
PRESENT = {"at", "least", "most", "norm", "match", "group"}  # a key may count by being there
VARIANTS = {"mul_div": MODES, "fold": FOLDS}


class Arena:
    """Hands out offsets in one array and takes them back when a value was last read."""

    def __init__(self) -> None:
        self.size = 0
        self.free: dict[int, list[int]] = {}

    def take(self, size: int) -> int:
        if self.free.get(size):
            return self.free[size].pop()
        self.size += size
        return self.size - size

    def give(self, offset: int, size: int) -> None:
        self.free.setdefault(size, []).append(offset)


@dataclass(frozen=True)
class Needs:
    """What the evaluator reads for some wanted nodes: where values lie, and what need not be looked at."""

    nodes: Integers
    scratch: int  # doubles
    relation: Integers  # child axis DEAD where nobody climbs
    held: NDArray[np.bool_]  # holdings that are read


@dataclass(frozen=True)
class Layout:
    """The arrays that ``_core.plan`` reads, but for the capacity-dependent offsets."""

    bound: Binding
    nodes: Integers
    args: Integers
    constants: Floats
    magic: Floats
    relation: Integers
    maps: Integers
    holding: Integers
    items: Integers
    key_start: Integers
    checked: bool = False  # every sum was found to be 0 on an empty key (plan/empty.py)
    refusals: dict[str, NDArray[np.bool_]] = field(default_factory=dict, compare=False, repr=False)
    known: dict[tuple[int, tuple[int, ...]], Needs] = field(default_factory=dict, compare=False, repr=False)

    def rounded(self, quanta: Quanta) -> "Layout":
        """The same program with every term of every sum rounded."""
        return replace(self, magic=quanta.magic)

    def needs(self, capacity: int, kept: tuple[int, ...]) -> Needs:
        """What these nodes need at this capacity; found once for each."""
        if (capacity, kept) not in self.known:
            program = self.bound.program
            ever = {*kept, *(number for _, number in program.outputs), *(part.node for part in program.parts)}
            nodes, size = self.lay_scratch(capacity, kept)
            # what is loaded must not follow what is asked: sums keep their order
            self.known[capacity, kept] = Needs(nodes, size, *self.read(needed(self.bound, sorted(ever), self.zeros)))
        return self.known[capacity, kept]

    def read(self, computed: Collection[int]) -> tuple[Integers, NDArray[np.bool_]]:
        """Relations and holdings that the computed nodes go along; all where a key may count that holds nothing."""
        nodes, holdings = self.bound.program.nodes, self.bound.program.holdings
        if not self.checked or any(nodes[number].op in PRESENT for number in computed):
            return self.relation, np.ones(len(holdings), dtype=bool)
        relation, used = self.relation.copy(), {int(self.nodes[number, Column.RELATION]) for number in computed}
        relation[[row for row in range(len(relation)) if row not in used], 0] = DEAD
        names = {nodes[number].holding for number in computed}
        return relation, np.array([holding.name in names for holding in holdings], dtype=bool)

    @cached_property
    def zeros(self) -> frozenset[int]:
        """Nodes that are zero under the figures bound: read as a constant, never computed."""
        return zero_nodes(self.bound)

    def lay_scratch(self, capacity: int, kept: tuple[int, ...]) -> tuple[Integers, int]:
        """Give every node that the kept ones need a place until it was last read; the others are dead."""
        nodes, arena = self.nodes.copy(), Arena()
        nodes[list(self.zeros), Column.OFFSET], nodes[list(self.zeros), Column.KEYS] = 0, 1
        last = last_reads(self.bound, kept, self.zeros)
        ending: dict[int, list[int]] = {}
        for number, end in last.items():
            ending.setdefault(end, []).append(number)
        for number, node in self.bound.program:
            if node.free or number in self.zeros:
                continue
            if number not in last and number not in kept:
                nodes[number, Column.KEYS] = DEAD
                continue
            nodes[number, Column.OFFSET] = arena.take(self.buffer(number, capacity))
            for done in ending.get(number, ()):
                arena.give(int(nodes[done, Column.OFFSET]), self.buffer(done, capacity))
        return nodes, arena.size

    def refused(self, n_instruments: int, n_assets: int) -> dict[str, NDArray[np.bool_]]:
        """Which items of a table no holding takes, by what a book holds of them."""
        if not self.refusals:
            orders = set(FEEDS) - {"cost", "balance"}
            takers = (("position", {"position"}, n_instruments), ("order", orders, n_instruments))
            for what, sources, size in (*takers, ("balance", {"balance"}, n_assets)):
                self.refusals[what] = ~total_items(self.bound, sources, size)
        return self.refusals

    @cached_property
    def keyed(self) -> "Layout":
        """The same program over items that are keys already."""
        items = [np.arange(self.bound.size(h.axis), dtype=np.int64) for h in self.bound.program.holdings]
        holding = laid_holdings([(2, axis) for axis in self.holding[:, 1].tolist()], items)
        return replace(self, items=joined(items), holding=holding)

    @cached_property
    def breadth(self) -> int:
        """Most keys of one axis that one item may be held under: the ways that lead from its axis there."""
        ways = {}
        for holding in self.bound.program.holdings:
            count = dict.fromkeys(self.bound.program.axes, 0) | {holding.axis: 1}
            for child, parent in self.ordered():
                count[parent] += count[child]
            ways[holding.axis] = max(count.values())
        return max(ways.values(), default=1)

    def ordered(self) -> list[tuple[str, str]]:
        """Relations with those into an axis before those out of it."""
        left, found = list(self.bound.program.relations), []
        while left:
            into = {parent for _, parent in left}
            found += [pair for pair in left if pair[0] not in into]
            left = [pair for pair in left if pair[0] in into]
        return found

    def buffer(self, number: int, capacity: int) -> int:
        """Doubles of a node's value; sorting needs working rows behind it."""
        node = self.bound.program.nodes[number]
        work = 2 * self.bound.n_rows(self.bound.program.nodes[node.args[0]]) if node.op in SORTS else 0
        return capacity * self.bound.n_rows(node) + work


def needed(bound: Binding, kept: Sequence[int], zeros: Collection[int]) -> set[int]:
    """Nodes to compute, the kept ones and what they are computed from."""
    found: set[int] = set()
    left = list(kept)
    while left:
        number = left.pop()
        if number not in found and number not in zeros and not bound.program.nodes[number].free:
            found.add(number)
            left += bound.program.nodes[number].args
    return found


def last_reads(bound: Binding, kept: Sequence[int], zeros: Collection[int]) -> dict[int, int]:
    """The last node that reads each computed and needed value; kept ones are never given back."""
    computed = needed(bound, kept, zeros)
    last = {number: number for number in computed}
    for number in sorted(computed):
        last |= {argument: number for argument in bound.program.nodes[number].args if argument in computed}
    return {number: end for number, end in last.items() if number not in kept}


def lay_out(bound: Binding, quanta: Quanta | None = None, *, checked: bool = False) -> Layout:
    """Flatten a bound program; ``quanta`` rounds every term of every sum to its multiples.

    ``checked``: its sums are 0 on empty keys, so that keys which only zeros would read need not be found.
    """
    program = bound.program
    axes = {axis: number for number, axis in enumerate(program.axes)}
    chunks: list[Floats] = [np.zeros(max(bound.n_rows(node) for node in program.nodes))]  # what is zero is read there
    rows = [node_row(bound, number, node, axes, chunks) for number, node in program]
    args = [argument for node in program.nodes for argument in node.args]
    starts = np.cumsum([0, *(len(node.args) for node in program.nodes)])[:-1]
    nodes = np.array(rows, dtype=np.int64)
    nodes[:, Column.ARG] = starts
    sizes = [bound.size(axis) for axis in program.axes]
    maps = [bound.maps[pair] for pair in program.relations]
    items = [bound.items[h.name] for h in program.holdings]
    return Layout(
        bound=bound,
        nodes=nodes,
        args=np.array([*args, 0], dtype=np.int64),
        constants=on_lines(chunks),
        magic=np.zeros(len(program.nodes)) if quanta is None else quanta.magic,
        relation=table3([(axes[c], axes[p]) for c, p in program.relations], maps),
        maps=joined(maps),
        holding=laid_holdings([(order_of(bound.items[h.name]), axes[h.axis]) for h in program.holdings], items),
        items=joined(items),
        key_start=np.cumsum([0, *sizes]).astype(np.int64),
        checked=checked,
    )


def node_row(bound: Binding, number: int, node: Node, axes: dict[str, int], chunks: list[Floats]) -> list[int]:
    row = [0] * len(Column)
    row[Column.OP] = node.operation.code
    row[Column.AXIS] = axes[node.key]
    row[Column.ROWS] = bound.n_rows(node)
    row[Column.N_ARGS] = len(node.args)
    row[Column.RELATION] = relation_of(bound, node)
    row[Column.TABLE] = -1
    if node.holding:
        row[Column.HOLDING] = [h.name for h in bound.program.holdings].index(node.holding)
    if node.op in VARIANTS:
        row[Column.TABLE] = VARIANTS[node.op].index(node.name)
    if node.op == "slot" and node.name:
        row[Column.TABLE] = append(chunks, padded(bound.tables[node.name]))
    if node.free:
        row[Column.OFFSET] = append(chunks, bound.folded[number])
        row[Column.KEYS] = max(len(bound.folded[number]), 1)  # an empty table is never read
        row[Column.ROWS] = bound.folded[number].shape[1]
    return row


def padded(table: Floats) -> Floats:
    """Rows of LINE doubles or more end in zeros up to the next multiple, as ``stride_of`` of the kernels reads them."""
    rest = -table.shape[1] % LINE if table.shape[1] >= LINE else 0
    return np.pad(table, ((0, 0), (0, rest))) if rest else table


def on_lines(chunks: Sequence[Floats]) -> Floats:
    """The chunks in one array that begins on a cache line."""
    size = sum(map(len, chunks))
    room = np.empty(size + LINE)
    skipped = -room.ctypes.data // 8 % LINE
    return np.concatenate(chunks, out=room[skipped : skipped + size])


def append(chunks: list[Floats], table: Floats) -> int:
    """Put a table at the end, on a cache line; where it stands."""
    chunks.append(np.zeros(-sum(map(len, chunks)) % LINE))
    offset = sum(map(len, chunks))
    chunks.append(np.ascontiguousarray(table, dtype=np.float64).ravel())
    return offset


def relation_of(bound: Binding, node: Node) -> int:
    """The relation that a node goes along: an index, IDENTITY or TO_ACCOUNT."""
    program = bound.program
    if node.op == "slot":
        pair = (bound.item_axis[node.holding], node.key)
    elif node.op in CLIMBING:
        pair = (program.nodes[node.args[0]].key, node.key)
    elif node.op == "at":
        pair = (node.key, program.nodes[node.args[0]].key)
    else:
        return IDENTITY
    if pair[0] == pair[1]:
        return IDENTITY
    return TO_ACCOUNT if ACCOUNT in pair else program.relations.index(pair)


def table3(pairs: Sequence[tuple[int, int]], arrays: Sequence[Integers]) -> Integers:
    """Rows (first, second, offset of the array among the joined ones)."""
    offsets = np.cumsum([0, *(len(a) for a in arrays)])[:-1]
    rows = [(*pair, int(offset)) for pair, offset in zip(pairs, offsets, strict=True)]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def laid_holdings(pairs: Sequence[tuple[int, int]], items: Sequence[Integers]) -> Integers:
    """Rows (order, axis, offset of the items, how many); equal items have one offset."""
    sizes = np.array([len(array) for array in items], dtype=np.int64)
    return np.column_stack([shared(table3(pairs, items), items), sizes])


def shared(rows: Integers, arrays: Sequence[Integers]) -> Integers:
    """Give equal arrays of items one offset, so that the kernel sees that they are equal."""
    for row, array in enumerate(arrays):
        same = next(i for i, other in enumerate(arrays) if np.array_equal(array, other))
        rows[row, 2] = rows[same, 2]
    return rows


def order_of(keys: Integers) -> int:
    """2 where keys are their items, 1 where they ascend with the items that have one, so that no two share one."""
    if np.array_equal(keys, np.arange(len(keys))):
        return 2
    return int((np.diff(keys[keys >= 0]) > 0).all())


def joined(arrays: Sequence[Integers]) -> Integers:
    return np.concatenate([*arrays, np.zeros(1, dtype=np.int64)]).astype(np.int64)
