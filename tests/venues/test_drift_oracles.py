"""Validity of Drift's oracles by action against a twin, and who is refused: 3.8."""

from typing import get_args

import msgspec
import numpy as np
import pytest

from conformance.drift_accounts import MICRO, NANO, PAIR, PERP, QUOTE, TOKEN, simple
from crossmargin import InvalidInputError, Market, Observation, Portfolio, liquidation_prices
from crossmargin.venues import load_method
from crossmargin.venues.drift import DriftMargin
from crossmargin.venues.drift_oracles import DEVIATIONS, Action, OracleRules
from reference import drift as twin

ACTIONS = get_args(Action)
SLOT = 400 * 10**6
NOW = 10_000 * SLOT


def market_of(price, average, deviation, age, name=TOKEN):
    seen = Observation(subject=name, field="index", value=price, confidence=1.0 - deviation / abs(price),
                       published=NOW - age * SLOT)  # fmt: skip
    return Market.of([seen, Observation(subject=name, field="average_price", value=average)], as_of=NOW)


@pytest.mark.parametrize("action", ACTIONS)
def test_against_the_twin(action):
    """A thousand prices with averages, deviations (odd, so at no limit) and ages about their limits."""
    random, rules = np.random.default_rng(7), OracleRules(action=action)
    outcomes = set()
    for _ in range(1_000):
        price = int(random.integers(1, 100)) * 1_000 * (-1 if random.random() < 0.05 else 1)
        average = max(1, int(abs(price) * random.choice([0.19, 0.2, 0.21, 1.0, 4.9, 5.0, 5.1])))
        deviation = int(abs(price) * random.choice([0, 0.019, 0.021, 0.039, 0.041, 0.19, 0.21, 0.99])) // 2 * 2 + 1
        age = int(random.choice([0, 119, 120, 121, 359, 360, 361]))
        tier, stable = str(random.choice(list(DEVIATIONS))), bool(random.random() < 0.3)
        market = market_of(price, average, deviation, age)
        taken = rules.refused(market, TOKEN, tier, stable=stable) == ""
        assert taken == twin.accepts(action, price, average, deviation, age, tier, stable), (price, average, deviation, age, tier)
        outcomes.add(taken)
    assert outcomes == {True, False}


@pytest.mark.parametrize(("tier", "most"), [("a", 0.98), ("b", 0.98), ("c", 0.96), ("speculative", 0.8), ("isolated", 0.0)])
def test_a_deviation_at_its_limit_is_taken(tier, most):
    for confidence, fault in ((most, ""), (most - 1e-6, "uncertain")):
        seen = Observation(subject=TOKEN, field="index", value=1.0, confidence=max(confidence, 0.0), published=NOW)
        found = OracleRules().refused(Market.of([seen], as_of=NOW), TOKEN, tier)
        assert found == (fault if most > 0 else "")


@pytest.mark.parametrize(("tier", "share"), [("a", 0.01), ("c", 0.02), ("highly speculative", 0.5), ("isolated", 0.5)])
def test_limits_grow_with_the_tier(tier, share):
    guard = OracleRules(max_deviation=100).guard(tier, stable=False)
    assert (guard.max_deviation, guard.max_age, guard.max_ratio) == (share, 48 * 10**9, 5.0)


def test_a_share_of_more_than_the_whole_price_is_the_whole():
    guard = OracleRules(max_deviation=300, max_age=1, stable_factor=1, max_ratio=1, slot_milliseconds=1).guard("isolated", stable=True)
    assert (guard.max_deviation, guard.max_age) == (1.0, 10**6)
    assert OracleRules(max_deviation=1).guard("a", stable=True).max_age == 3 * 48 * 10**9


# ---- accounts ------------------------------------------------------------------------------------


def case_with(old, *, action="margin", token=None, perp=None, **held):
    """A case in whose market one price is 121 slots old, or 361 (``old``: name to slots)."""
    case = simple([], kind=DriftMargin, oracles=OracleRules(action=action), token=token, perp=perp, **held)
    seen = [aged(o, old.get(o.subject, 0)) for o in case.market.seen.values()]
    return case, case.method.prepare(case.instruments, Market.of(seen, as_of=NOW))


def aged(o, slots):
    return Observation(subject=o.subject, field=o.field, value=o.value, published=NOW - slots * SLOT)


def asks(case, prepared):
    portfolio = Portfolio(case.book, case.book.unit("row"))
    return (lambda: prepared.exact(portfolio), lambda: prepared.trace(portfolio),
            lambda: prepared.values(case.book, ["equity"]), lambda: prepared.requirement(portfolio))  # fmt: skip


def refused(case, prepared, name):
    for ask in asks(case, prepared):
        with pytest.raises(InvalidInputError, match=f"oracle must be usable where it is read, was 'stale' of '{name}'"):
            ask()


HELD = {
    "a deposit": ({"balances": [(0, TOKEN, NANO)]}, TOKEN),
    "a debt": ({"balances": [(0, TOKEN, -NANO)]}, TOKEN),
    "an order of its pair": ({"orders": [(PAIR, NANO)]}, TOKEN),
    "a position": ({"positions": [(0, NANO, 0)]}, PERP),
    "an order of its perpetual": ({"orders": [(PERP, -NANO)]}, PERP),
}


@pytest.mark.parametrize("held", HELD)
def test_a_stale_price_is_refused_where_it_is_read(held):
    holding, name = HELD[held]
    refused(*case_with({TOKEN: 121}, **holding), name)
    for action in ("liquidation", "match"):
        for ask in asks(*case_with({TOKEN: 121}, action=action, **holding)):
            ask()


def test_who_holds_nothing_there_is_not_refused():
    for ask in asks(*case_with({TOKEN: 121}, balances=[(0, QUOTE, MICRO)])):
        ask()


def test_a_perpetual_reads_the_oracle_of_its_quote():
    refused(*case_with({QUOTE: 121}, positions=[(0, NANO, 0)]), PERP)


def test_a_market_in_settlement_reads_no_oracle():
    for ask in asks(*case_with({TOKEN: 121}, perp={"settled_at": 80 * MICRO}, positions=[(0, NANO, 0)])):
        ask()


def test_a_stable_asset_has_three_times_the_age():
    for slots, taken in ((360, True), (361, False)):
        found = case_with({TOKEN: slots}, token={"stable": True}, balances=[(0, TOKEN, NANO)])
        if taken:
            asks(*found)[0]()
        else:
            refused(*found, TOKEN)


def test_a_supposed_price_is_trusted_and_a_real_one_is_not():
    """One unit short at 100 with 550 of quote: liquidated at 650 / 1.05, more than five times the average."""
    for slots, taken in ((0, True), (121, False)):
        case, prepared = case_with({TOKEN: slots}, balances=[(0, QUOTE, 550 * MICRO)], positions=[(0, -NANO, -100 * MICRO)])
        seen = [Observation(subject=name, field=field, value=100.0, published=NOW)
                for name, field in ((TOKEN, "average_price"), (PERP, "mark"))]  # fmt: skip
        market = Market.of([*prepared.market.seen.values(), *seen], as_of=NOW)
        portfolio = Portfolio(case.book, case.book.unit("row"))
        if not taken:
            with pytest.raises(InvalidInputError, match="oracle must be usable"):
                liquidation_prices(portfolio, market, case.method)
        else:
            (found,) = liquidation_prices(portfolio, market, case.method)
            assert found.above == pytest.approx(650 / 1.05, abs=1e-4)


def test_without_rules_no_oracle_is_refused():
    case = simple([], kind=DriftMargin, balances=[(0, TOKEN, NANO)])
    seen = [aged(o, 9_999) for o in case.market.seen.values()]
    assert case.method.prepare(case.instruments, Market.of(seen, as_of=NOW)).values(case.book, ["equity"])


def test_rules_are_parameters():
    method = simple([], kind=DriftMargin, oracles=OracleRules(action="match")).method
    assert load_method(msgspec.json.encode(method)) == method
    with pytest.raises(InvalidInputError, match="action must be one of margin, .* of oracle rules"):
        OracleRules(action="trade")
    with pytest.raises(InvalidInputError, match="max_age must lie in"):
        OracleRules(max_age=0)
    with pytest.raises(InvalidInputError, match="tier must be one of a, b, .* of 'SOL'"):
        simple([], token={"tier": "d"})
