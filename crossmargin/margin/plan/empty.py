"""What is checked when a plan is bound, before it answers anything."""

import numpy as np

from crossmargin.errors import PlanError
from crossmargin.margin.plan.binding import Binding
from crossmargin.margin.plan.evaluate import evaluate
from crossmargin.margin.plan.program import CLIMBING


def check_empty(bound: Binding) -> None:
    """Every summed expression must be 0 where nothing is held.

    Sums run over held keys alone; an expression that is not 0 on an empty key would count or not count
    depending on how the key came to be held. Evaluated once with every item held at quantity 0.
    """
    everything = {h.name: np.arange(bound.size(h.axis)) for h in bound.program.holdings}
    trace = evaluate(bound, {name: (keys, np.zeros(len(keys))) for name, keys in everything.items()})
    for _, node in bound.program:
        if node.op in CLIMBING:
            child = trace.values[node.args[0]]
            bad = np.flatnonzero((child != 0).any(axis=1))
            if len(bad):
                axis = bound.program.nodes[node.args[0]].key
                key = bound.labels[axis][int(trace.keys[axis][bad[0]])]
                raise PlanError(f"node {node.args[0]} must be 0 on an empty key, was {child[bad[0]].max()} at {key!r}")
