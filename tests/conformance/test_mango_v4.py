"""Mango v4 health: every published health figure, in the batch, the incremental and the slow evaluator."""

import pytest

from conformance.mango_accounts import LEVELS, later, prepared_of
from conformance.rows import load, rows
from crossmargin.margin.plan.quantum import Quanta

FILE = load("mango_v4")
SETS = FILE.get("param_sets", {})
ROWS = [row for row in rows("mango_v4") if row.values[0] is None or not later(row.values[0])]


def compare(found, row):
    expected = {name: figure for name, figure in row["expected"].items() if name in LEVELS}
    assert expected
    for name, figure in expected.items():
        assert found[LEVELS[name]] == pytest.approx(figure, rel=0, abs=row["tolerance"]["abs"]), name


@pytest.mark.parametrize("row", ROWS)
def test_batch(row):
    prepared, portfolio = prepared_of(row, SETS)
    found = prepared.requirement(portfolio)
    compare([found.surplus_initial, found.surplus_maintenance, found.outputs["surplus"][2]], row)


@pytest.mark.parametrize("row", ROWS)
def test_slow_evaluator_and_explanation(row):
    prepared, portfolio = prepared_of(row, SETS)
    compare(prepared.trace(portfolio).output("surplus"), row)
    for level in prepared.bound.rows["level"]:
        explained = prepared.explain(portfolio, level)
        parts = sum(leaf.value for leaf in explained.leaves())
        assert parts == pytest.approx(explained.value, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("row", ROWS)
def test_incremental(row):
    prepared, portfolio = prepared_of(row, SETS)
    quanta = Quanta.of(prepared.bound, 2.0**20)
    found = prepared.incremental(portfolio, quanta).outputs()
    batch = prepared.values(portfolio.book, tuple(prepared.wanted), quantum=quanta)
    compare(found["surplus"], row)
    assert all((found[name] == batch[name][0]).all() for name in found)


@pytest.mark.parametrize("row", ROWS)
def test_levels_are_in_order_and_nothing_is_required_below_zero(row):
    prepared, portfolio = prepared_of(row, SETS)
    found = prepared.requirement(portfolio)
    initial, maintenance, end = found.outputs["surplus"]
    assert initial <= end <= maintenance
    assert found.initial >= found.maintenance >= 0


def test_one_program_for_all_rows():
    assert len({prepared_of(row.values[0], SETS)[0].program.hash for row in ROWS if row.values[0]}) <= 1


@pytest.mark.skipif(not FILE["vectors"], reason="mango_v4.json is not in CROSSMARGIN_VECTORS")
def test_every_row_runs_or_says_why_not():
    names = [row.values[0]["name"] for row in ROWS]
    assert sum(name.startswith("health") for name in names) == 13
    assert set(names) >= {"skip_baseline", "liq_token_stable_price_ignored"}
    assert len(names) == 15 and len(FILE["vectors"]) == 57
