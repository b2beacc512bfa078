"""Drift v2: every published row of weights, ratios, order simulation, accounts and liquidation, to the integer."""

import pytest

from conformance.drift_accounts import (
    LIQUIDATING,
    PASSES,
    READERS,
    case_of,
    is_account,
    is_buffered,
    is_liquidation,
    kind_of,
)
from conformance.rows import load, rows
from crossmargin import Portfolio
from crossmargin.liquidation.venues.drift import liquidatable, shortage
from crossmargin.venues.drift_tables import LEVELS

ROWS = load("drift_v2")["vectors"]
ACCOUNTS = rows("drift_v2", is_account)
RUN = [*ACCOUNTS, *rows("drift_v2", lambda row: not is_account(row) and not is_liquidation(row), kind="fragment")]


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


@pytest.mark.parametrize("row", rows("drift_v2", is_liquidation, kind="fragment"))
def test_liquidation(row):
    """A row says "max" where no amount covers the shortage."""
    expected = row["expected"]["value"]
    assert LIQUIDATING[kind_of(row)](row) == (None if expected == "max" else expected)


@pytest.mark.parametrize("row", rows("drift_v2", is_buffered))
def test_a_liquidation_ends_above_where_it_begins(row):
    """The row's account has a loss, no requirement and no collateral: enough not to begin, too little to end one."""
    case = case_of(row)
    prepared, portfolio = case.prepared, pocket(case, 0)
    assert shortage(prepared, portfolio) == -row["expected"]["total_collateral_plus_buffer"] > 0
    assert not liquidatable(prepared, portfolio)


def test_one_program_for_all_rows():
    prepared = [case_of(case.values[0]).prepared for case in RUN]
    assert len({(p.method.method_name, p.program.hash) for p in prepared}) == 2  # the plan; with figures as outputs


def test_every_row_runs():
    assert {kind_of(row) for row in ROWS} <= READERS.keys() | LIQUIDATING.keys()
