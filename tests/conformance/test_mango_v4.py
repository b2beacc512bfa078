"""Mango v4: every published figure of health, in the batch, the incremental and the slow evaluator; the stable price."""

import re

import pytest

from conformance.mango_accounts import (
    LEVELS, LIQUIDATING, STABLE, is_refused, is_valued, prepared_of, stable_prices,
)
from conformance.rows import LIQUIDATION, called, load, rows
from crossmargin import InvalidInputError, Market
from crossmargin.margin.plan.quantum import Quanta

SETS = load("mango_v4").get("param_sets", {})
ROWS = rows("mango_v4", is_valued)


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


@pytest.mark.parametrize("row", rows("mango_v4", is_refused))
def test_refused(row):
    """No evaluator values the account, and an account that an engine holds already shows what it lacks."""
    prepared, portfolio = prepared_of(row, SETS)
    quanta = Quanta.of(prepared.bound, 2.0**20)
    empty = prepared.incremental(portfolio.holding(balances={}, orders=()), quanta)
    for name, atoms in portfolio.balances.items():
        empty.apply("balances", prepared.bound.labels["token"].index(name), float(atoms))
    assert empty.outputs()["unvalued"][0] > 0
    for ask in (prepared.requirement, prepared.trace, prepared.explain, lambda p: prepared.incremental(p, quanta)):
        with pytest.raises(InvalidInputError, match="must be >= 0 where its oracle is skipped"):
            ask(portfolio)


@pytest.mark.parametrize("row", rows("mango_v4", called(STABLE), kind="fragment"))
def test_stable_price(row):
    """The market holds the model's price; ``delay`` and a number is the figure of a slot, after a phase if it says one."""
    models, expected, allowed = stable_prices(row), dict(row["expected"]), row["tolerance"]
    markets = [Market.of([model.observation("T")], as_of=model.at) for model in models]
    found = [market.value("slow_price", "T") for market in markets]
    stable = expected.pop("stable_after_phase", None)
    assert stable is None or found == pytest.approx(stable, rel=0, abs=allowed["abs"])
    assert [model.slot for model in models] == expected.pop("last_index", [model.slot for model in models])
    for name, figure in expected.items():
        slot, phase = re.fullmatch(r"delay(\d+)(?:_after_phase(\d+))?", name).groups()
        model = models[int(phase) - 1 if phase else -1]
        assert model.slots[int(slot)] == pytest.approx(figure, rel=0, abs=allowed.get("abs_delay", allowed["abs"]))


@pytest.mark.parametrize("row", rows("mango_v4", called(*LIQUIDATING), kind="fragment", skip=LIQUIDATION))
def test_liquidation(row):
    raise AssertionError(row)
