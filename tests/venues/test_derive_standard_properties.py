"""Derive's standard manager on random accounts: a second computation of its options, and order of levels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.instruments import Kind
from crossmargin.venues.derive_standard_tables import isolated_call, isolated_put
from venues.derive_standard_desk import FORWARDS, LOT, RULES, run

STRIKES, EXPIRIES = (1500, 2000, 2600), (892_800, 1_497_600)
NAMES = [f"ETH-{seconds}-{strike}-{right}" for seconds in EXPIRIES for strike in STRIKES for right in "CP"]
AMOUNTS = st.dictionaries(st.sampled_from([*NAMES, "ETH-PERP"]), st.integers(-3, 3), max_size=8)
DOUBTS = st.fixed_dictionaries(
    {
        ("ETH", "index"): st.tuples(st.just(2000.0), st.sampled_from([1.0, 0.3])),
        ("USDC", "peg"): st.tuples(st.sampled_from([1.0, 0.9]), st.just(1.0)),
    }
)


def by_hand(held, feeds, mark, level):
    """Surplus of the options at one level (0 initial, 1 maintenance), as a person would work it out."""
    unpaired = (RULES.unpaired_im_scale, RULES.unpaired_mm_scale)[level]
    total = 0.0
    for seconds in EXPIRIES:
        names = [name for name, amount in held.items() if name.split("-")[1] == str(seconds) and amount]
        short = [name for name in names if held[name] < 0]
        alone = -sum(isolated(name, mark[name])[level] * -held[name] for name in short)
        worst = min(0.0, *(paid(held, names, price) for price in [0.0, *map(strike_of, names)]))
        calls = sum(held[name] for name in names if name.endswith("C"))
        worst += min(calls, 0) * unpaired * FORWARDS["ETH", seconds]
        total += max(alone, worst) + doubt(feeds, level) * sum(held[name] for name in short)
    return total


def strike_of(name):
    return float(name.split("-")[2])


def paid(held, names, price):
    """Payoff of an expiry at one settlement price."""
    gain = {name: price - strike_of(name) for name in names}
    return sum(held[name] * max(gain[name] if name.endswith("C") else -gain[name], 0.0) for name in names)


def isolated(name, mark):
    return (isolated_call if name.endswith("C") else isolated_put)(RULES, strike_of(name), 2000.0, mark)


def doubt(feeds, level):
    """Index 2000, thresholds 0.4 and 0.98: what a short contract adds to initial."""
    confidence, stable = feeds["ETH", "index"][1], feeds["USDC", "peg"][0]
    added = (1 - confidence) * 0.4 * 2000 if confidence < 0.4 else 0.0
    return added + max(0.98 - stable, 0.0) * 1.2 * 2000 if level == 0 else 0.0


@given(AMOUNTS, DOUBTS)
def test_random_options_by_hand(amounts, feeds):
    held = {name: amounts[name] for name in amounts if name != "ETH-PERP"}
    prepared, portfolio = run(held, feeds=feeds)
    names = [row.id for row in prepared.instruments if row.kind is Kind.OPTION]
    mark = dict(zip(names, prepared.bound.tables["option_mark"][:, 0] / float(LOT), strict=True))
    found = prepared.requirement(portfolio)
    expected = [by_hand(held, feeds, mark, level) for level in (0, 1)]
    assert [found.surplus_initial, found.surplus_maintenance] == pytest.approx(expected, rel=1e-10, abs=1e-8)


@given(AMOUNTS, DOUBTS)
def test_initial_is_at_least_maintenance_and_evaluators_agree(held, feeds):
    prepared, portfolio = run(held, coins={"ETH": 2}, feeds=feeds)
    found, trace = prepared.requirement(portfolio), prepared.trace(portfolio)
    size = 1 + abs(found.equity_initial) + found.initial
    assert found.initial >= found.maintenance - 1e-12 * size
    assert np.allclose(trace.output("requirement"), [found.initial, found.maintenance], rtol=0, atol=1e-12 * size)
