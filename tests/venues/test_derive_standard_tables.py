"""Derive's standard manager by hand: charges between their bounds, and expiries of different lengths."""

import pytest

from crossmargin.venues.derive_standard_tables import isolated_call, isolated_put
from venues.derive_standard_desk import RULES, run, surplus


@pytest.mark.parametrize(("away", "rate"), [(0.0, 0.15), (-300.0, 0.15), (45.0, 0.12), (75.0, 0.10), (90.0, 0.10)])
def test_a_short_option_pays_less_the_further_out_of_the_money(away, rate):
    """At an index of 1500: 15 % less what it is away, 45 / 1500 = 3 %, and never less than 10 %; maintenance 7.5 %."""
    assert isolated_call(RULES, 1500.0 + away, 1500.0, 20.0) == pytest.approx([20 + rate * 1500, 20 + 112.5])
    assert isolated_put(RULES, 1500.0 - away, 1500.0, 20.0) == pytest.approx([20 + rate * 1500, 20 + 112.5])


@pytest.mark.parametrize("held", [
    {"ETH-892800-1-P": -1}, {"ETH-892800-1-P": -1, "ETH-1497600-2000-C": 0, "ETH-1497600-1500-C": 0, "ETH-1497600-1000-P": 0},
])  # fmt: skip
def test_a_put_struck_at_one_loses_one(held):
    """Other expiries may list more strikes: the loss at settlement is its own, and it is worth nothing."""
    assert surplus(held) == pytest.approx((-1, -1))


def test_every_expiry_lists_its_own_prices():
    """A spread of puts loses 500 at 0, a spread of calls 300 from its upper strike on, each in its own expiry."""
    held = {"ETH-892800-2000-P": -1, "ETH-892800-1500-P": 1, "ETH-4953600-1800-C": -1, "ETH-4953600-2100-C": 1,
            "ETH-4953600-5000-C": 0}  # fmt: skip
    prepared, portfolio = run(held)
    found = prepared.requirement(portfolio).outputs["loss at settlement"]
    assert found == pytest.approx((800, 800))
    assert len(prepared.bound.rows["price"]) == 4
