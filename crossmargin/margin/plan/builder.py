"""Builds a program from expressions: a margin method reads as sentences, each beside its line.

    m = Builder()
    positions = m.holding("positions", source="position", axis="instrument")
    scan = positions.sum("gain", by="group", rows="scenario").worst()
    m.charge("scan risk", -m.min(scan, 0).total())

An expression has one key (an axis of things held, or the account) and one row axis. No builder
tests a figure: tables are known by name, and the program is the same for every market.
"""

from dataclasses import dataclass
from math import isfinite

from crossmargin.errors import PlanError
from crossmargin.margin.plan.expression import Expression, Operand
from crossmargin.margin.plan.program import ACCOUNT, ONE, Holding, Node, Part, Program
from crossmargin.portfolio.feeds import FEEDS


@dataclass(frozen=True)
class Held:
    """A holding inside a builder; ``sum`` makes its slots."""

    builder: "Builder"
    holding: Holding

    def sum(self, table: str = "", *, by: str = ACCOUNT, rows: str = ONE) -> Expression:
        """Sum ``quantity * table[item]`` by a key; ``by="each"`` keeps the items; no table counts lots."""
        key = self.holding.axis if by == "each" else by
        if table:
            self.builder.shape("of holdings", table, self.holding.axis, rows)
        if by == "each" and not table:
            return self.builder.add(Node("each", (), key, ONE, holding=self.holding.name))
        return self.builder.add(Node("slot", (), key, rows, name=table, holding=self.holding.name))


class Builder:
    """Collects nodes, interned by structure and name, never by figure."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.known: dict[Node, int] = {}
        self.holdings: list[Holding] = []
        self.tables: dict[str, tuple[str, str, str]] = {}
        self.parts: list[Part] = []
        self.outputs: dict[str, int] = {}
        self.requirement: Expression | None = None
        self.worth: Expression | None = None

    def add(self, node: Node) -> Expression:
        if node not in self.known:
            self.known[node] = len(self.nodes)
            self.nodes.append(node)
        return Expression(self, self.known[node])

    def holding(self, name: str, *, source: str, axis: str) -> Held:
        """Declare a kind of quantity, read from a column of the book."""
        if source not in FEEDS:
            raise PlanError(f"source must be one of {', '.join(FEEDS)}, was {source!r}")
        if any(h.name == name for h in self.holdings):
            raise PlanError(f"holding name must be unique, was {name!r}")
        self.holdings.append(Holding(name, source, axis))
        return Held(self, self.holdings[-1])

    def given(self, name: str, *, key: str = ACCOUNT, rows: str = ONE) -> Expression:
        """A named table of figures that ``prepare`` fills, shape (keys, rows)."""
        self.shape("given", name, key, rows)
        return self.add(Node("given", (), key, rows, name=name, free=True))

    def shape(self, kind: str, name: str, key: str, rows: str) -> None:
        """A table has one shape, and is either given or the coefficients of a holding."""
        old = self.tables.setdefault(name, (kind, key, rows))
        if old != (kind, key, rows):
            raise PlanError(f"table {name!r} must keep one shape and use, was {old} and {(kind, key, rows)}")

    def expression(self, value: Operand) -> Expression:
        """Turn a structural number (0, 1, one half) into a node; figures of a rule are tables."""
        if isinstance(value, Expression):
            if value.builder is not self:
                raise PlanError("expressions must belong to one builder")
            return value
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
            raise PlanError(f"constant must be a finite number, was {value!r}")
        return self.add(Node("const", (), ACCOUNT, ONE, value=float(value), free=True))

    def min(self, first: Operand, *others: Operand) -> Expression:
        """Elementwise minimum; a tie goes to the first argument."""
        return self.chain("min", first, *others)

    def max(self, first: Operand, *others: Operand) -> Expression:
        """Elementwise maximum; a tie goes to the first argument."""
        return self.chain("max", first, *others)

    def chain(self, op: str, first: Operand, *others: Operand) -> Expression:
        result = self.expression(first)
        for other in others:
            result = self.combine(op, result, other)
        return result

    def multiply(self, left: Expression, right: Expression) -> Expression:
        if left.node.free and not right.node.free:
            left, right = right, left
        return self.combine("scale" if right.node.free else "product", left, right)

    def combine(self, op: str, *operands: Operand, rows: str | None = None, name: str = "") -> Expression:
        """Add an elementwise node; keys and rows must agree, tables and constants broadcast."""
        arguments = [self.expression(operand) for operand in operands]
        if op in {"sided", "round", "residual", "tiers"} and not all(a.node.free for a in arguments[1:]):
            raise PlanError(f"{op} must take tables or constants after its first argument")
        key = self.common_key(op, arguments)
        free = all(a.node.free for a in arguments)
        shared = rows or self.common_rows(op, arguments)
        return self.add(Node(op, tuple(a.number for a in arguments), key, shared, name=name, free=free))

    def common_key(self, op: str, arguments: list[Expression]) -> str:
        bound = {a.node.key for a in arguments if not a.node.free}
        free = {a.node.key for a in arguments if a.node.free} - {ACCOUNT}
        keys = bound or free or {ACCOUNT}
        if len(keys) != 1 or not free <= keys:
            raise PlanError(f"{op} must combine one key, had {sorted(keys | free)}: use .at(...) or .total(...)")
        return keys.pop()

    def common_rows(self, op: str, arguments: list[Expression]) -> str:
        rows = {a.node.rows for a in arguments} - {ONE}
        if len(rows) > 1:
            raise PlanError(f"{op} must combine one row axis, had {sorted(rows)}")
        return rows.pop() if rows else ONE

    def reduce(self, op: str, argument: Expression, *tables: Expression) -> Expression:
        node = argument.node
        numbers = (argument.number, *(t.number for t in tables))
        return self.add(Node(op, numbers, node.key, ONE, free=node.free))

    def climb(self, op: str, argument: Expression, to: str) -> Expression:
        node = argument.node
        if node.free or node.key in {ACCOUNT, to}:
            raise PlanError(f"{op} must climb from a key to its parent, went from {node.key!r} to {to!r}")
        return self.add(Node(op, (argument.number,), to, node.rows))

    def matched(
        self, op: str, held: Expression, child: tuple[str, str], parent: tuple[str, str], to: str, rows: str
    ) -> Expression:
        """A matcher over the children of each parent, with a table (name, rows) of either."""
        node = held.node
        if node.rows != ONE or node.free or node.key in {ACCOUNT, to}:
            raise PlanError(f"{op} must read scalars of a key below {to!r}, had key {node.key!r}, rows {node.rows!r}")
        tables = (self.given(child[0], key=node.key, rows=child[1]), self.given(parent[0], key=to, rows=parent[1]))
        return self.add(Node(op, (held.number, *(t.number for t in tables)), to, rows))

    def concat(self, rows: str, *arguments: Expression) -> Expression:
        """Join rows, in order, into a row axis of this name."""
        keys = {a.node.key for a in arguments if not a.node.free}
        if len(keys) != 1:
            raise PlanError(f"concat must join one key, had {sorted(keys)}")
        return self.add(Node("concat", tuple(a.number for a in arguments), keys.pop(), rows))

    def charge(self, name: str, expression: Expression) -> Expression:
        """Name a line of the requirement; the lines sum to it."""
        line = self.part(name, "charge", expression)
        self.requirement = line if self.requirement is None else self.requirement + line
        return line

    def charges(self, whole: Expression, lines: "dict[str, Expression]") -> Expression:
        """Name the lines of a requirement that is no plain sum (a maximum): what each adds, so that they sum to it.

        The requirement keeps ``whole``, whose shape a worst fill can follow; the lines are for people.
        """
        for name, line in lines.items():
            self.part(name, "charge", line)
        self.requirement = whole if self.requirement is None else self.requirement + whole
        return whole

    def floor(self, name: str, expression: Expression) -> Expression:
        """Raise the requirement so far to at least this; the line is what that adds."""
        before = self.required()
        self.requirement = self.max(before, expression)
        return self.part(name, "charge", self.requirement - before)

    def required(self) -> Expression:
        """The requirement of the lines named so far."""
        if self.requirement is None:
            raise PlanError("plan must name at least one charge")
        return self.requirement

    def equity(self, name: str, expression: Expression) -> Expression:
        """Name a line of the equity; the lines sum to it."""
        line = self.part(name, "equity", expression)
        self.worth = line if self.worth is None else self.worth + line
        return line

    def part(self, name: str, side: str, expression: Expression) -> Expression:
        node = expression.node
        if node.key != ACCOUNT:
            raise PlanError(f"{side} {name!r} must be a value of the account, had key {node.key!r}")
        if any(p.name == name for p in self.parts):
            raise PlanError(f"part name must be unique, was {name!r}")
        self.parts.append(Part(name, side, expression.number))
        return expression

    def output(self, name: str, expression: Expression) -> None:
        """Publish a value of the account beside equity and requirement."""
        if name in self.outputs:
            raise PlanError(f"output name must be unique, was {name!r}")
        if expression.node.key != ACCOUNT:
            raise PlanError(f"output {name!r} must be a value of the account, had key {expression.node.key!r}")
        self.outputs[name] = expression.number

    def build(self) -> Program:
        """Close the program: requirement and equity are the sums of their lines, surplus their difference."""
        if self.worth is None:
            raise PlanError("plan must name at least one line of equity")
        self.output("equity", self.worth)
        self.output("requirement", self.required())
        self.output("surplus", self.worth - self.required())
        return Program(tuple(self.nodes), tuple(self.holdings), tuple(self.parts), tuple(self.outputs.items()))
