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
from typing import Union

from crossmargin.errors import PlanError
from crossmargin.margin.plan.program import ACCOUNT, ONE, Holding, Node, Part, Program
from crossmargin.portfolio.feeds import FEEDS

Operand = Union["Expression", float, int]
MODES = ("trunc", "floor", "ceil", "nearest")
FOLDS = ("mean", "least", "most", "sum")


@dataclass(frozen=True, eq=False)
class Expression:
    """A node under construction; operators and methods add nodes to its builder."""

    builder: "Builder"
    number: int

    @property
    def node(self) -> Node:
        return self.builder.nodes[self.number]

    def __add__(self, other: Operand) -> "Expression":
        return self.builder.combine("add", self, other)

    def __radd__(self, other: Operand) -> "Expression":
        return self.builder.combine("add", other, self)

    def __sub__(self, other: Operand) -> "Expression":
        return self.builder.combine("sub", self, other)

    def __rsub__(self, other: Operand) -> "Expression":
        return self.builder.combine("sub", other, self)

    def __mul__(self, other: Operand) -> "Expression":
        """Scale by a table or constant; of two holdings' values it is a ``product``."""
        return self.builder.multiply(self, self.builder.expression(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Operand) -> "Expression":
        """Quotient; 0 / 0 is 0, so that an empty key stays empty."""
        return self.builder.combine("quotient", self, other)

    def __neg__(self) -> "Expression":
        return self.builder.combine("neg", self)

    def __abs__(self) -> "Expression":
        return self.builder.combine("abs", self)

    def positive(self) -> "Expression":
        """``max(x, 0)``."""
        return self.builder.combine("positive", self)

    def short(self) -> "Expression":
        """``max(-x, 0)``: the size of a short quantity."""
        return self.builder.combine("short", self)

    def sided(self, *, below: Operand, above: Operand) -> "Expression":
        """``x * below`` where x < 0, else ``x * above``; both tables or constants."""
        return self.builder.combine("sided", self, below, above)

    def pick(self, *, neg: Operand, zero: Operand, pos: Operand) -> "Expression":
        """Choose by the sign of x; at an exact zero, ``zero``."""
        return self.builder.combine("pick", self, neg, zero, pos)

    def root(self) -> "Expression":
        """``sqrt(max(x, 0))``."""
        return self.builder.combine("root", self)

    def round(self, unit: Operand) -> "Expression":
        """Round to the nearest multiple of ``unit``, half to even."""
        return self.builder.combine("round", self, unit)

    def residual(self, unit: Operand) -> "Expression":
        """What rounding to the nearest multiple of ``unit`` adds: a line of its own, at most half a unit."""
        return self.builder.combine("residual", self, unit)

    def tiers(self, edges: str, rates: str, *, key: str = ACCOUNT) -> "Expression":
        """Marginal tiers: ``sum_j (rate_j - rate_{j-1}) max(|x| - edge_j, 0)``.

        Tables (key, tier): edges ascend from 0; equal to ``rate_i |x| - deduction_i`` in tier i.
        """
        if self.node.rows != ONE:
            raise PlanError(f"tiers must read one row, had rows {self.node.rows!r}")
        tables = (self.builder.given(name, key=key, rows=f"{edges} tier") for name in (edges, rates))
        return self.builder.combine("tiers", self, *tables, rows=ONE)

    def worst(self) -> "Expression":
        """The least row; the first where several tie. Of no rows: 0."""
        return self.builder.reduce("worst", self)

    def best(self) -> "Expression":
        """The greatest row."""
        return self.builder.reduce("best", self)

    def kth(self, k: str) -> "Expression":
        """The k-th least row, k a table of one figure."""
        return self.builder.reduce("kth", self, self.builder.given(k))

    def tail_mean(self, k: str) -> "Expression":
        """Mean of the k least rows, k a table of one figure (the last row in part if k is fractional)."""
        return self.builder.reduce("tail_mean", self, self.builder.given(k))

    def mul_div(self, by: Operand, over: Operand, mode: str = "trunc") -> "Expression":
        """``x * by / over`` in one step, rounded to an integer: floor, ceil, trunc or nearest (half to even).

        For venues that compute in integers: the product is never rounded before the division.
        """
        if mode not in MODES:
            raise PlanError(f"mode must be one of {', '.join(MODES)}, was {mode!r}")
        return self.builder.combine("mul_div", self, by, over, name=mode)

    def size_rate(self, base: Operand, slope: Operand, cap: Operand = 1) -> "Expression":
        """``|x| min(base + slope |x|, cap)``: the rate of the whole size grows with the size."""
        size = abs(self)
        return size * self.builder.min(size * slope + base, cap)

    def fold(self, rows: str, how: str) -> "Expression":
        """Fewer rows: those with one target in the table ``<from> to <rows>`` become their mean, least, most or sum."""
        if how not in FOLDS:
            raise PlanError(f"how must be one of {', '.join(FOLDS)}, was {how!r}")
        source = self.node.rows
        target = self.builder.given(f"{source} to {rows}", rows=source)
        numbers = (self.number, target.number)
        return self.builder.add(Node("fold", numbers, self.node.key, rows, name=how, free=self.node.free))

    def at_worst(self, gain: "Expression") -> "Expression":
        """Value in the row where ``gain`` is least; the first where several tie."""
        if gain.node.rows != self.node.rows or gain.node.free:
            raise PlanError(f"at_worst must read the rows of its gain, had {self.node.rows!r} and {gain.node.rows!r}")
        return self.builder.combine("at_worst", self, gain, rows=ONE)

    def match(self, rule: str, rows: str, to: str = ACCOUNT) -> "Expression":
        """Form spreads among the held children of each parent, by priority.

        Tables: ``<rule> place`` (children,), the place of a child in its parent; ``<rule>`` (parents, ``<rule> code``),
        what ``crossmargin.margin.plan.matchers.spread_code`` writes. Rows: the number of spreads of each kind,
        then what is left at each place, then what was used there.
        """
        return self.builder.matched("match", self, (f"{rule} place", ONE), (rule, f"{rule} code"), to, rows)

    def group(self, feature: str, rule: str, to: str = ACCOUNT) -> "Expression":
        """Cheapest grouping of the held children of each parent into strategies, and a lower bound: rows ``bound``.

        Tables: ``feature`` (children, ``feature``) and ``rule`` (parents, ``rule code``), see
        ``crossmargin.margin.plan.matchers``.
        """
        return self.builder.matched("group", self, (feature, feature), (rule, f"{rule} code"), to, "bound")

    def norm(
        self, correlation: str, to: str = ACCOUNT, *, concord: Operand = 1, diagonal: "Expression | None" = None
    ) -> "Expression":
        """``sqrt(max(0, sum_ij rho_ij c_ij x_i x_j))`` over the held children i, j of each parent.

        ``correlation`` is a table (keys, keys); ``c_ij = min(c_i, c_j) / max(c_i, c_j)`` with ``concord``;
        ``diagonal`` replaces ``x_i^2`` (nested norms: K_b^2).
        """
        node = self.node
        if node.rows != ONE or node.key in {ACCOUNT, to}:
            raise PlanError(f"norm must read scalars of a key below {to!r}, had key {node.key!r}, rows {node.rows!r}")
        table = self.builder.given(correlation, key=node.key, rows=f"{node.key} pair")
        square = self * self if diagonal is None else diagonal
        numbers = (self.number, table.number, self.builder.expression(concord).number, square.number)
        return self.builder.add(Node("norm", numbers, to, ONE))

    def total(self, to: str = ACCOUNT) -> "Expression":
        """Sum over the held keys to their parent."""
        return self.builder.climb("total", self, to)

    def least(self, to: str = ACCOUNT) -> "Expression":
        """Least of the held keys of each parent."""
        return self.builder.climb("least", self, to)

    def most(self, to: str = ACCOUNT) -> "Expression":
        """Greatest of the held keys of each parent."""
        return self.builder.climb("most", self, to)

    def at(self, key: str) -> "Expression":
        """Read a parent's value at each of its held children; a change fans out to all of them."""
        node = self.node
        return self.builder.add(Node("at", (self.number,), key, node.rows, free=node.free))


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
