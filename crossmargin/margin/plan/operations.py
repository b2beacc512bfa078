"""The table of operations: everything that a plan may say, and what each evaluator must know.

Whoever needs an operation adds its row here first. Columns: ``code`` names it in ``_core.plan``;
``shape`` how key and rows change; ``homogeneous`` of degree one, so that Euler contributions apply;
``direction`` of each argument (+ rising, - falling, s by the sign of a constant, n none);
``curvature`` in the argument (L linear, C concave, V convex, n neither); ``orders`` how a worst fill
passes; ``explain`` whether the reverse pass goes through ("pass") or stops and reports ("stop").
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the table. ``mul_div`` passes to its first argument if the others are tables, else stops."""

    name: str
    code: int
    arity: int  # number of node arguments; -1: any
    shape: str  # same | rows->1 | key->parent | parent->key | joined | leaf
    homogeneous: bool
    direction: str
    curvature: str
    orders: str
    explain: str
    cost: str


def row(*fields: object) -> Operation:
    return Operation(*fields)  # type: ignore[arg-type]


TABLE = (
    # name, code, arity, shape, homogeneous, direction, curvature, orders, explain, cost per touched key
    row("given", 0, 0, "leaf", False, "", "", "none", "leaf", "none: replaced by a mark"),
    row("const", 1, 0, "leaf", False, "", "", "none", "leaf", "none"),
    row("slot", 2, 0, "leaf", True, "s", "L", "exact", "leaf", "rows; kept state"),
    row("each", 3, 0, "leaf", True, "+", "L", "exact", "leaf", "1; lots are the state"),
    row("add", 4, 2, "same", True, "++", "L", "exact if folded", "pass", "rows"),
    row("sub", 5, 2, "same", True, "+-", "L", "exact if folded", "pass", "rows"),
    row("scale", 6, 2, "same", True, "s", "L", "exact if folded", "pass", "rows"),
    row("product", 7, 2, "same", False, "n", "n", "bound by corners", "stop", "rows"),
    row("quotient", 8, 2, "same", False, "n", "n", "bound by corners", "stop", "rows"),
    row("neg", 9, 1, "same", True, "-", "L", "exact if folded", "pass", "rows"),
    row("abs", 10, 1, "same", True, "n", "V", "larger side", "pass", "rows"),
    row("positive", 11, 1, "same", True, "+", "V", "larger side", "pass", "rows"),
    row("short", 12, 1, "same", True, "-", "V", "larger side", "pass", "rows"),
    row("min", 13, 2, "same", True, "++", "C", "minimum of forms", "pass", "rows"),
    row("max", 14, 2, "same", True, "++", "V", "bound", "pass", "rows"),
    row("sided", 15, 3, "same", True, "+", "sided", "two forms", "pass", "rows"),
    row("pick", 16, 4, "same", False, "n", "n", "bound over branches", "pass", "rows"),
    row("root", 17, 1, "same", False, "+", "C", "larger side", "stop", "rows"),
    row("tiers", 18, 3, "same", False, "n", "V", "larger side", "stop", "tiers"),
    row("round", 19, 2, "same", False, "+", "n", "bound +- one unit", "pass", "rows"),
    row("worst", 20, 1, "rows->1", True, "+", "C", "exact per row", "pass", "rows"),
    row("best", 21, 1, "rows->1", True, "+", "V", "bound", "pass", "rows"),
    row("kth", 22, 2, "rows->1", True, "+", "n", "bound by rows", "pass", "rows log rows"),
    row("tail_mean", 23, 2, "rows->1", True, "+", "C", "bound by rows", "pass", "rows log rows"),
    row("concat", 24, -1, "joined", True, "+", "L", "row-wise", "pass", "rows"),
    row("total", 25, 1, "key->parent", True, "+", "L", "exact if an order touches one key", "pass",
        "rows; kept state"),
    row("least", 26, 1, "key->parent", True, "+", "C", "as min", "pass", "children x rows"),
    row("most", 27, 1, "key->parent", True, "+", "V", "as max", "pass", "children x rows"),
    row("at", 28, 1, "parent->key", True, "+", "L", "as argument", "pass", "every held child"),
    row("mul_div", 29, 3, "same", False, "n", "n", "bound by corners +- one unit", "pass", "1"),
    row("fold", 30, 2, "rows->rows", True, "+", "as how", "row-wise", "pass", "rows"),
    row("norm", 31, 4, "key->parent", True, "n", "V", "|x| + sum |d|", "pass", "children squared"),
    row("at_worst", 32, 2, "rows->1", True, "n", "n", "bound by rows", "pass", "rows"),
    row("residual", 35, 2, "same", False, "n", "n", "half a unit either way", "stop", "rows"),
    row("match", 33, 3, "key->parent", False, "n", "n", "bound by sizes", "stop", "the group, recomputed"),
    row("group", 34, 3, "key->parent", False, "n", "n", "bound by each alone", "stop", "the group, recomputed"),
)  # fmt: skip

OPERATIONS = {operation.name: operation for operation in TABLE}
CODES = {operation.name: operation.code for operation in TABLE}
