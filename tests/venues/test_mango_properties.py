"""Mango v4 health against a second reading of the rule; order of levels and markets, marks, books."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import FACTOR
from crossmargin import Account, Book, Instruments, Portfolio
from crossmargin.portfolio.feeds import NO_LIMIT
from crossmargin.venues.mango_parameters import Shift
from reference import mango as reference
from reference.mango import Health
from venues.mango_desk import (
    INSTRUMENTS, MARKET, PRICES, SWAP, TOKENS, WEIGHTS, accounts, book_of, health_of, instruments_of, market_of,
    method_of, portfolio_of, prices, token_rule,
)

LEVELS = ("initial", "maintenance", "liquidation end")


def expected(account, index, slow, initial=None, maintenance=None):
    """Health at each level by the reference: liquidation end is initial at the oracle, unscaled.

    ``initial`` and ``maintenance``: weights by token where they are other ones than the desk's.
    """
    found = []
    for level in LEVELS:
        step, first = ("maintenance", 2) if level == "maintenance" else ("initial", 0)
        weights = {name: figures[first : first + 2] for name, figures in WEIGHTS.items()}
        weights |= {"initial": initial, "maintenance": maintenance}.get(level) or {}
        swap = [SWAP[f"{step}_{what}"] for what in ("long", "short", "profit")]
        stable = slow if level == "initial" else index
        found.append(float(Health(account, index, stable, weights, swap, "Q", "U").value()))
    return found


@settings(max_examples=1000 * FACTOR)
@given(accounts, prices, prices)
def test_against_a_second_reading_of_the_rule(account, index, slow):
    prepared, portfolio = method_of().prepare(INSTRUMENTS, market_of(index, slow)), portfolio_of(account)
    health = expected(account, index, slow)
    close = {"rel": 1e-11, "abs": 1e-8}
    assert prepared.bound.rows["level"] == LEVELS
    assert prepared.requirement(portfolio).outputs["surplus"] == pytest.approx(health, **close)
    assert prepared.trace(portfolio).output("surplus") == pytest.approx(health, **close)


pools = st.fixed_dictionaries({name: st.tuples(st.integers(1, 5000), st.integers(0, 900), st.integers(0, 900))
                               for name in TOKENS})  # fmt: skip


@settings(max_examples=300 * FACTOR)
@given(accounts, prices, prices, pools, st.tuples(st.integers(-9, 9), st.integers(1, 9)))
def test_weights_that_scale_and_move_against_the_reference(account, index, slow, pools, moves):
    start, end = moves[0], moves[0] + moves[1]
    shift = {name: Shift(start=start, end=end, asset=w[0], debt=w[1]) for name, w in WEIGHTS.items()}
    rules = [token_rule(name, deposit_scale_start=float(pool[0]), borrow_scale_start=float(pool[0]), shift=shift[name])
             for name, pool in pools.items()]  # fmt: skip
    totals = [(name, field, pool[n]) for name, pool in pools.items() for n, field in ((1, "deposits"), (2, "borrows"))]
    prepared = method_of(*rules).prepare(INSTRUMENTS, market_of(index, slow, totals))
    initial = {name: reference.scaled(*WEIGHTS[name][:2], max(index[name], slow[name]), *pool) for name, pool in pools.items()}
    now = {name: reference.shifted(w[2:], w[:2], start, end, 0) for name, w in WEIGHTS.items()}
    health = expected(account, index, slow, initial, now)
    assert prepared.requirement(portfolio_of(account)).outputs["surplus"] == pytest.approx(health, rel=1e-11, abs=1e-8)


@given(accounts, prices, prices, st.sampled_from(LEVELS))
def test_parts_sum_to_the_whole(account, index, slow, level):
    """Within 1e-12 of the largest value on the way: a part may be the difference of two that cancel."""
    prepared, portfolio = method_of().prepare(INSTRUMENTS, market_of(index, slow)), portfolio_of(account)
    largest = max(float(abs(value).max(initial=0.0)) for value in prepared.trace(portfolio).values)
    for part in prepared.explain(portfolio, level):
        parts = sum(leaf.value for leaf in part)
        assert parts == pytest.approx(part.value, rel=1e-12, abs=1e-12 * largest + 1e-12)


@given(accounts, prices)
def test_levels_are_in_order_at_one_price(account, index):
    """With the stable price at the oracle, liquidation ends above initial and starts below that."""
    found = method_of().prepare(INSTRUMENTS, market_of(index, index)).requirement(portfolio_of(account))
    initial, maintenance, end = found.outputs["surplus"]
    assert initial <= end + 1e-9
    assert end <= maintenance + 1e-9


@given(accounts, prices, prices)
def test_nothing_is_required_below_zero(account, index, slow):
    found = method_of().prepare(INSTRUMENTS, market_of(index, slow)).requirement(portfolio_of(account))
    assert min(found.outputs["requirement"]) >= -1e-8


@pytest.mark.parametrize("order", list(permutations("1234"))[1::5])
@given(accounts)
def test_order_of_markets_does_not_matter(order, account):
    other = instruments_of(order)
    here = method_of().prepare(INSTRUMENTS, MARKET).requirement(portfolio_of(account))
    there = method_of().prepare(other, MARKET).requirement(portfolio_of(account, other))
    assert there.outputs["surplus"] == pytest.approx(here.outputs["surplus"], rel=1e-12, abs=1e-9)


@given(accounts, prices, prices)
def test_a_new_mark_keeps_the_program_and_gives_the_same_figures(account, index, slow):
    fresh = method_of().prepare(INSTRUMENTS, market_of(index, slow))
    marked = method_of().prepare(INSTRUMENTS, MARKET).remark(fresh.market)
    assert marked.program.hash == fresh.program.hash
    portfolio = portfolio_of(account)
    assert marked.requirement(portfolio).outputs == fresh.requirement(portfolio).outputs


@given(st.lists(accounts, min_size=1, max_size=5))
def test_a_book_gives_every_account_its_own_figures(held):
    portfolios = [portfolio_of(account, name=f"{number}") for number, account in enumerate(held)]
    prepared = method_of().prepare(INSTRUMENTS, MARKET)
    found = prepared.requirements(book_of(portfolios))
    alone = [prepared.requirement(portfolio) for portfolio in portfolios]
    assert found.initial.tolist() == [one.initial for one in alone]
    assert found.maintenance.tolist() == [one.maintenance for one in alone]
    assert found.equity_initial.tolist() == [one.equity_initial for one in alone]
    rounded = prepared.requirements(book_of(portfolios), quantum=2.0**-30)
    assert rounded.surplus_initial == pytest.approx(found.surplus_initial, abs=1e-6)


def test_an_ask_of_unknown_limit_is_converted_at_the_price():
    """A book may flag it; an ask at a limit of one tick would be converted at that."""
    ask = {"account": 0, "id": 0, "instrument": INSTRUMENTS.index["A/Q"], "side": -1, "lots": 10, "ticks": 1}
    prepared = method_of().prepare(INSTRUMENTS, market_of(PRICES, PRICES))
    for flags, health in ((0, 10 * 0.25), (NO_LIMIT, 10 * 20.0 * 0.8)):
        columns = {name: [value] for name, value in (ask | {"flags": flags}).items()}
        book = Book.of(INSTRUMENTS, [Account(id="a", currency="USD")], orders=columns)
        assert prepared.requirements(book).surplus_initial[0] == pytest.approx(health, rel=1e-12)


def test_nothing_held_needs_nothing():
    assert health_of(method_of()) == (0, 0, 0)


def test_no_markets_at_all():
    bare = Instruments.of([], INSTRUMENTS.assets)
    portfolio = Portfolio.of(bare, account=Account(id="a", currency="USD"), balances={"A": 1, "Q": -1})
    found = method_of().requirement(portfolio, MARKET)
    assert found.outputs["surplus"] == pytest.approx((18 * 0.8 - 1, 20 * 0.9 - 1, 20 * 0.8 - 1))


def test_the_fan_out_of_reads_is_told():
    """A change of a token touches every market that reads it: the program says so before it runs."""
    lines = method_of().program().fan_out()
    assert lines
    assert all("read by every held" in line for line in lines)
