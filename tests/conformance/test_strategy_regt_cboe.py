"""Strategy margin: every published row, margin and cash, exactly grouped and by pairs and sets."""

import msgspec
import pytest

from conformance.clearing_accounts import strategy_account, strategy_method
from conformance.rows import rows

ACCOUNTS = {"margin_requirement": "margin", "cash_requirement": "cash"}
ROWS = rows("strategy_regt_cboe")


def cases(row):
    """(prepared, portfolio, expected) of each account that the row has a figure for."""
    assert set(row["expected"]) <= set(ACCOUNTS)
    portfolio, market, product = strategy_account(row)
    for name, expected in row["expected"].items():
        yield strategy_method(ACCOUNTS[name], product), portfolio, market, expected


@pytest.mark.parametrize("row", ROWS)
def test_batch(row):
    for method, portfolio, market, expected in cases(row):
        found = method.requirement(portfolio, market)
        assert abs(found.initial - expected) <= row["tolerance"], (method.account, found.initial)
        assert found.outputs["gap"][0] == 0


@pytest.mark.parametrize("row", ROWS)
def test_pairs_and_sets_find_the_same(row):
    """Without trying every grouping; the lower bound stays below."""
    for method, portfolio, market, expected in cases(row):
        found = msgspec.structs.replace(method, exact_contracts=0).requirement(portfolio, market)
        assert abs(found.initial - expected) <= row["tolerance"], (method.account, found.initial)
        assert found.outputs["gap"][0] >= 0


@pytest.mark.parametrize("row", ROWS)
def test_slow_evaluator_and_explanation(row):
    for method, portfolio, market, _ in cases(row):
        prepared = method.prepare(portfolio.instruments, market)
        trace, requirement = prepared.trace(portfolio), prepared.requirement(portfolio)
        for name, _ in prepared.program.outputs:
            assert requirement.outputs[name] == pytest.approx(
                trace.output(name).tolist(), rel=1e-12, abs=1e-9
            )
        for level in ("initial", "maintenance"):
            parts = sum(leaf.value for leaf in prepared.explain(portfolio, level).leaves())
            assert parts == pytest.approx(getattr(requirement, level), rel=1e-12, abs=1e-9)
