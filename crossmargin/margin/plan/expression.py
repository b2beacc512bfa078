"""What a builder hands out: a node under construction, and the operations that make new nodes of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from crossmargin.errors import PlanError
from crossmargin.margin.plan.program import ACCOUNT, ONE, Node

if TYPE_CHECKING:
    from crossmargin.margin.plan.builder import Builder

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
