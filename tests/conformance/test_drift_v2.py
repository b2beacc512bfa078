"""Drift v2: every published row of weights, ratios, order simulation and accounts, to the integer.

57 rows and the 3 of the deposit-scaled weight run; 22 of the file belong to the liquidation layer (``LATER``).
"""

import pytest

from conformance.drift_accounts import LATER, PASSES, case_of, kind_of
from conformance.rows import load, rows
from crossmargin import Portfolio
from crossmargin.venues.drift_tables import LEVELS

ROWS = load("drift_v2")["vectors"]
RUN = [case for case in rows("drift_v2") if case.values[0] is None or kind_of(case.values[0]) not in LATER]
ACCOUNTS = [case for case in RUN if case.values[0] is None or kind_of(case.values[0]) == "account"]
present = pytest.mark.skipif(not ROWS, reason="drift_v2.json is not in CROSSMARGIN_VECTORS")


def pocket(case, number):
    return Portfolio(case.book, case.book.unit("row", number))


@pytest.mark.parametrize("row", RUN)
def test_integers(row):
    case = case_of(row)
    prepared = case.prepared
    for figure in case.figures:
        found = figure.of(prepared.exact(pocket(case, figure.pocket)))
        assert found == figure.expected, figure
    for key in PASSES.keys() & row["expected"].keys():
        assert passes(prepared, case, PASSES[key]) == row["expected"][key]


def passes(prepared, case, pockets):
    found = [prepared.exact(pocket(case, number)) for number in pockets]
    return all(values["equity"][0] >= values["requirement"][0] for values in found)


@pytest.mark.parametrize("row", RUN)
def test_slow_evaluator_in_floats(row):
    case = case_of(row)
    for figure in case.figures:
        trace = case.prepared.trace(pocket(case, figure.pocket))
        values = {name: trace.output(name) for name, _ in trace.bound.program.outputs}
        assert figure.of(values) == pytest.approx(figure.expected, abs=1, rel=0)


@pytest.mark.parametrize("row", RUN)
def test_batch_in_floats(row):
    case = case_of(row)
    found = case.prepared.values(case.book, [figure.output for figure in case.figures])
    for figure in case.figures:
        values = {name: column[case.book.unit("row", figure.pocket)] for name, column in found.items()}
        assert figure.of(values) == pytest.approx(figure.expected, abs=1, rel=0)


@pytest.mark.parametrize("row", ACCOUNTS)
def test_parts_sum_to_the_whole(row):
    """In floats through ``explain``; in integers part by part, at each level."""
    case = case_of(row)
    prepared, portfolio = case.prepared, pocket(case, 0)
    for level in LEVELS:
        explained = prepared.explain(portfolio, level)
        assert sum(leaf.value for leaf in explained.leaves()) == pytest.approx(explained.value, rel=1e-12, abs=1e-9)
    values = prepared.exact(portfolio)
    for output, side in (("equity", "equity"), ("requirement", "charge")):
        parts = [values[f"part {p.name}"] for p in prepared.program.parts if p.side == side]
        for i, whole in enumerate(values[output]):
            assert sum(part[i if len(part) > 1 else 0] for part in parts) == whole


@present
def test_one_program_for_all_rows():
    prepared = [case_of(case.values[0]).prepared for case in RUN]
    assert len({(p.method.method_name, p.program.hash) for p in prepared}) == 2  # the plan; with figures as outputs


@present
def test_rows_of_liquidation_are_not_run_yet():
    waiting = [row for row in ROWS if kind_of(row) in LATER]
    assert (len(RUN), len(waiting)) == (60, 22)
    assert {kind_of(row) for row in waiting} == LATER.keys()
