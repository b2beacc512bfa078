"""Mango v4 while oracles fail: what is skipped, who is refused, what still counts."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import FACTOR
from crossmargin import Account, Book, InvalidInputError, Market
from crossmargin.market import OracleGuard
from crossmargin.margin.plan.quantum import Quanta
from crossmargin.venues import load_method
from crossmargin.venues.mango_oracles import SLOT, age_of
from reference.mango import without
from venues.mango_desk import (
    INSTRUMENTS, MARKET, PRICES, TOKENS, accounts, book_of, market_of, method_of, portfolio_of, prices, token_rule,
)
from venues.test_mango_properties import expected

GUARD = OracleGuard(max_age=age_of(10), max_deviation=0.1)
GUARDED = {name: token_rule(name, oracle=GUARD) for name in TOKENS}
SKIPPING = msgspec.structs.replace(method_of(*GUARDED.values(), swap={"oracle": GUARD}), skip_bad_oracles=True)
NAMES = {*TOKENS, "U"}
AS_OF = 100 * SLOT


def failing(index, slow, bad, how):
    """A market whose oracles of ``bad`` fail: absent, a slot too old, or in too much doubt."""
    seen = dict(market_of(index, slow).seen)
    for name in bad:
        price = seen.pop((name, "index"))
        if how != "missing":
            seen[name, "index"] = replace(price, confidence=0.89) if how == "uncertain" else price
    fresh = [o if (o.subject in bad and how == "stale") else replace(o, published=AS_OF - 10 * SLOT) for o in seen.values()]
    aged = [replace(o, published=AS_OF - 10 * SLOT - 1) if o.published == 0 else o for o in fresh]
    return Market.of(aged, as_of=AS_OF, quote="USD")


hows = st.sampled_from(["missing", "stale", "uncertain"])


@settings(max_examples=1000 * FACTOR)
@given(accounts, prices, prices, st.sets(st.sampled_from(sorted(NAMES)), max_size=2), hows)
def test_against_a_second_reading_of_the_rule(account, index, slow, bad, how):
    prepared, portfolio = SKIPPING.prepare(INSTRUMENTS, failing(index, slow, bad, how)), portfolio_of(account)
    left = without(account, bad - {"U"}, "Q", perpetual_fails="U" in bad)
    if left is None:
        for ask in (prepared.requirement, prepared.trace, lambda p: prepared.incremental(p, Quanta.of(prepared.bound, 2.0**20))):
            with pytest.raises(InvalidInputError, match="oracle"):
                ask(portfolio)
        return
    found, health = prepared.requirement(portfolio), expected(left, index, slow)
    assert found.outputs["surplus"] == pytest.approx(health, rel=1e-11, abs=1e-8)
    assert found.outputs["unvalued"] == (0.0,)
    assert prepared.trace(portfolio).output("surplus") == pytest.approx(health, rel=1e-11, abs=1e-8)


@given(accounts, prices, st.sampled_from(TOKENS))
def test_a_skipped_deposit_takes_its_own_value_away(account, index, bad):
    """Without orders and perpetuals, nothing else."""
    held = account | {"swap": (0, 0), "swap_orders": [], "spot": []}
    held = held | {"balances": held["balances"] | {bad: abs(held["balances"][bad])}}
    portfolio = portfolio_of(held)
    whole = method_of().prepare(INSTRUMENTS, market_of(index, index)).requirement(portfolio)
    part = SKIPPING.prepare(INSTRUMENTS, failing(index, index, {bad}, "missing")).requirement(portfolio)
    lost = whole.surplus_maintenance - part.surplus_maintenance
    assert lost == pytest.approx(held["balances"][bad] * index[bad] * token_rule(bad).maintenance_asset, abs=1e-6)


def account_of(*, swap=(0, 0), orders=(), spot=(), **balances):
    return {"balances": balances, "swap": swap, "swap_orders": list(orders), "spot": list(spot)}


def test_both_legs_of_an_order_drop():
    """A bid for B in Q reserves 6 x 4 of Q; a bid for A in Q stays."""
    prepared = SKIPPING.prepare(INSTRUMENTS, failing(PRICES, PRICES, {"B"}, "stale"))
    held = account_of(Q=10, spot=[(("B", "Q"), "buy", 6, 4), (("A", "Q"), "buy", 1, 20)])
    found = prepared.requirement(portfolio_of(held))
    assert found.surplus_initial == pytest.approx(10 + min(20, 20 * 0.8))
    assert found.equity["reserved in spot orders"].initial == 20


def test_one_account_refuses_a_book():
    prepared = SKIPPING.prepare(INSTRUMENTS, failing(PRICES, PRICES, {"A"}, "missing"))
    fine, owing = (portfolio_of(account_of(A=n), name=str(n)) for n in (3, -3))
    assert prepared.requirements(book_of([fine])).surplus_initial.tolist() == [0.0]
    with pytest.raises(InvalidInputError, match="balance of 'A' must be >= 0 where its oracle is skipped, was -300 at row 0"):
        prepared.requirements(book_of([fine, owing]))


@pytest.mark.parametrize("bad", ["U", "Q"])
@pytest.mark.parametrize("held", [{"swap": (1, 0)}, {"swap": (0, 5)}, {"orders": [("buy", 1)]}, {"orders": [("sell", 1)]}])
def test_a_perpetual_is_never_skipped(bad, held):
    prepared = SKIPPING.prepare(INSTRUMENTS, failing(PRICES, PRICES, {bad}, "uncertain"))
    with pytest.raises(InvalidInputError, match="usable where its perpetual is held, was 'uncertain' of 'SWAP'"):
        prepared.requirement(portfolio_of(account_of(**held)))
    assert prepared.requirement(portfolio_of(account_of(A=1))).surplus_initial == pytest.approx(16)


def test_an_engine_sees_what_no_oracle_values():
    """What an account comes to hold later shows in an output of the plan."""
    prepared = SKIPPING.prepare(INSTRUMENTS, failing(PRICES, PRICES, {"A", "U"}, "missing"))
    account = prepared.incremental(portfolio_of(account_of(B=1)), Quanta.of(prepared.bound, 2.0**20))
    assert account.outputs()["unvalued"][0] == 0
    account.apply("balances", prepared.bound.labels["token"].index("A"), -200.0)
    assert account.outputs()["unvalued"][0] == 2
    swap, unvalued = prepared.bound.labels["perpetual"].index("SWAP"), 2
    for what, held in (("sells", 3), ("buys", 7), ("base", -1), ("cost", -4)):
        account.apply(what, swap, float(held))
        unvalued += abs(held)
        assert account.outputs()["unvalued"][0] == unvalued


@pytest.mark.parametrize("how", ["stale", "uncertain"])
def test_without_skipping_a_bad_oracle_is_named(how):
    method = msgspec.structs.replace(SKIPPING, skip_bad_oracles=False)
    with pytest.raises(InvalidInputError, match=f"oracle must be usable, was '{how}' of 'B'"):
        method.prepare(INSTRUMENTS, failing(PRICES, PRICES, {"B"}, how))
    assert method.prepare(INSTRUMENTS, failing(PRICES, PRICES, set(), how))


def test_a_price_of_zero_is_skipped():
    prepared = SKIPPING.prepare(INSTRUMENTS, failing(PRICES | {"C": 0.0}, PRICES, set(), "stale"))
    assert prepared.requirement(portfolio_of(account_of(C=5, A=1))).surplus_initial == pytest.approx(16)


def test_an_oracle_that_recovers_counts_again():
    prepared = SKIPPING.prepare(INSTRUMENTS, failing(PRICES, PRICES, {"A"}, "stale"))
    portfolio = portfolio_of(account_of(A=-1))
    fresh = prepared.remark(failing(PRICES, PRICES, set(), "stale"))
    assert fresh.requirement(portfolio).surplus_initial == pytest.approx(-24)
    with pytest.raises(InvalidInputError):
        fresh.remark(failing(PRICES, PRICES, {"A"}, "stale")).requirement(portfolio)


@pytest.mark.parametrize(("there", "taken"), [(-300, True), (-301, False)])
def test_what_an_account_has_in_all_places_counts(there, taken):
    prepared = SKIPPING.prepare(INSTRUMENTS, failing(PRICES, PRICES, {"A"}, "missing"))
    rows = {"account": [0, 0], "asset": [INSTRUMENTS.asset_index["A"]] * 2, "location": [0, 1], "atoms": [300, there]}
    book = Book.of(INSTRUMENTS, [Account(id="a", currency="USD")], balances=rows)
    if taken:
        assert prepared.requirements(book).surplus_initial.tolist() == [0.0]
    else:
        with pytest.raises(InvalidInputError, match="was -1 at row 0"):
            prepared.requirements(book)


def test_ages_are_counted_in_slots():
    assert [age_of(slots) for slots in (0, 2)] == [0, 900_000_000]
    with pytest.raises(InvalidInputError, match="slots must lie in"):
        age_of(-1)


def test_a_balance_of_nothing_is_not_refused():
    prepared = SKIPPING.prepare(INSTRUMENTS, failing(PRICES, PRICES, {"A"}, "missing"))
    assert prepared.requirement(portfolio_of(account_of(A=0, B=1))).surplus_initial > 0


def test_guards_are_parameters_of_the_method():
    assert load_method(msgspec.json.encode(SKIPPING)) == SKIPPING
    assert MARKET  # the desk's market has no limits and is read as before
