"""Dederi portfolio margin: every published row."""

import pytest

from conformance.rows import agree, called, rows
from conformance.simple_accounts import account, future
from crossmargin import Market, Observation
from crossmargin.venues import dederi


def with_rate(market, key, rate):
    seen = dict(market.seen)
    seen[key, "rate"] = Observation(subject=key, field="rate", value=rate)
    return Market(market.as_of, market.quote, seen)


@pytest.mark.parametrize("row", rows("dederi", called("dederi-future-contingency")))
def test_future_contingency(row):
    inputs, method = row["inputs"], dederi.portfolio_margin()
    assert method.future_rate == inputs["factor"]
    portfolio, market = account([future("F", "ETH", days=20)], {"F": inputs["contracts"]}, {"ETH": inputs["index"]}, {"F": inputs["index"]})
    agree(method.requirement(portfolio, market).components["future contingency"].initial, row["expected"]["contingency"])


@pytest.mark.parametrize("row", rows("dederi", called("dederi-forward"), kind="fragment"))
def test_forward(row):
    inputs = row["inputs"]
    agree(dederi.forward(inputs["index"], inputs["abr"], inputs["days"]), row["expected"]["forward"])


@pytest.mark.parametrize("row", rows("dederi", called("dederi-future-grid")))
def test_future_grid(row):
    """The forward is an input: the index with a basis of nothing; profits are printed in whole units."""
    inputs, method = row["inputs"], dederi.portfolio_margin()
    assert list(method.moves) == inputs["shocks"]
    portfolio, market = account([future("F", "ETH", days=20)], {"F": inputs["contracts"]}, {"ETH": inputs["forward"]}, {"F": inputs["forward"]})
    found = method.requirement(portfolio, with_rate(market, portfolio.instruments.expiry_keys[0], 0.0))
    profits = found.outputs["scenarios"][1::3]  # three volatilities a move
    for value, figure in zip(profits, row["expected"]["pnl"], strict=True):
        agree(value, figure)
