"""Plans: a margin method as one program over five operations, and what evaluates and explains it."""

from crossmargin.margin.plan.binding import Binding
from crossmargin.margin.plan.builder import Builder, Held
from crossmargin.margin.plan.evaluate import Trace, evaluate
from crossmargin.margin.plan.expression import Expression
from crossmargin.margin.plan.operations import OPERATIONS, Operation
from crossmargin.margin.plan.program import ACCOUNT, ONE, Program

__all__ = [
    "ACCOUNT", "ONE", "OPERATIONS", "Binding", "Builder", "Expression", "Held", "Operation", "Program", "Trace",
    "evaluate",
]  # fmt: skip
