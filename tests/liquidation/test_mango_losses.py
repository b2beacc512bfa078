"""Mango v4 losses: settled as far as tokens back them, then insured, then socialised; value conserved."""

from dataclasses import replace
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import FACTOR
from crossmargin import InvalidInputError
from crossmargin.liquidation.socialisation import by_funding_index
from crossmargin.liquidation.venues.mango_losses import close_out_loss, funding_after
from crossmargin.liquidation.venues.mango_rules import InsuranceFund, Limit, PenaltyRates, Rules, Token
from liquidation.mango_steps import (
    NEAR, bear, below_zero, check_step, funds, mosts, penalties, perpetuals, quote, standing_of, tokens,
)

lossy = st.builds(
    lambda tokens, losing, other, rules: standing_of(tokens, {"P": losing | {"lots": 0}, "R": other}, rules),
    st.fixed_dictionaries(dict.fromkeys("ABQ", tokens)), perpetuals.filter(lambda p: p["quote"] < 0), perpetuals,
    penalties,
)  # fmt: skip


def without_perpetuals(standing):
    return replace(standing, portfolio=standing.portfolio.holding(positions={})).health("maintenance")


@settings(max_examples=200 * FACTOR)
@given(lossy, mosts, mosts, funds)
def test_a_loss_is_settled_insured_and_socialised(standing, settle_limit, most, fund):
    below_zero(standing)
    found, price = bear(standing, settle_limit, most, fund), standing.token("Q").price
    account, liquidator = check_step(standing, found, brought=found.socialised * price)
    penalty = standing.perpetual("P").penalty.liquidator
    assert liquidator.health() >= -found.covered * price * 1.5 - NEAR

    # What is settled is backed by tokens, and nothing else keeps more from being settled.
    assert without_perpetuals(account) >= min(without_perpetuals(standing), 0) - NEAR
    if found.settled < min(settle_limit, most, -quote(standing, "P")) - NEAR:
        assert without_perpetuals(account) <= NEAR

    # The fund pays what is covered, to an atom; others bear a loss only once it has paid all it has.
    assert 0 <= found.insurance <= fund.atoms
    assert -NEAR <= found.insurance * fund.price - found.covered * price * (1 + penalty) <= fund.price + NEAR
    assert found.socialised == 0 or found.insurance == fund.atoms
    assert found.settled + found.covered <= most + NEAR
    left = {
        Limit.HEALTH: account.health(),
        Limit.POSITION: quote(account, "P"),
        Limit.CALLER: found.settled + found.covered - most,
    }
    assert left[found.limit] == pytest.approx(0, abs=NEAR)


def losing(quote=-10.0, settle=4.0, other=0.0, fee=0.0):
    """h = 2 e x (1.5 or 0.5) + other."""
    given = {"Q": {"balance": settle, "price": 2, "weights": (0.5, 1.5) * 2}, "X": {"balance": other}}
    perp = {"settle": "Q", "quote": quote, "weights": (1, 1, 1, 1, 0, 0)}
    return standing_of(given, {"P": perp}, Rules(perpetuals=(PenaltyRates(subject="P", liquidator=fee),)))


@pytest.mark.parametrize(
    ("amount", "health", "owned_value", "fall"),
    [
        (4.0, 3.0, 1.0, 3.0), (4.0, 4.0, 1.0, 4.0), (4.0, 10.0, 1.0, 6.0), (4.0, -1.0, 1.0, 0.0), (-4.0, 3.0, 1.0, 1.0),
        (4.0, 3.0, 0.0, 5.0), (4.0, 0.0, 0.0, 4.0), (4.0, -1.0, 0.0, 0.0), (-4.0, 0.0, 0.0, 0.0),
    ],
)  # fmt: skip
def test_what_can_be_paid_before_health_is_zero(amount, health, owned_value, fall):
    """A debt costs 3 a token, what is owned counts for 1, or for nothing."""
    token = Token(asset="Q", balance=0.0, effective=0.0, price=2.0, owned_value=owned_value, owed_value=3.0)
    assert token.fall(amount, health) == fall
    assert token.value(amount) - token.value(amount - fall) == max(health, 0)


def test_what_is_owned_for_nothing_raises_no_health():
    token = Token(asset="Q", balance=0.0, effective=0.0, price=2.0, owned_value=0.0, owed_value=3.0)
    assert [token.rise(-4.0, gain) for gain in (0.0, 6.0, 12.0, 12.5)] == [0.0, 2.0, 4.0, inf]


def test_the_penalty_raises_what_the_fund_pays():
    """Without perpetuals health is 4 x 2 x 0.5 - 6 < 0: nothing is settled. h is 0 after 6 tokens at 3 and 6 at 1."""
    found = bear(losing(other=-6.0, fee=0.25), fund=InsuranceFund(asset="X", atoms=100, price=3.0))
    assert (found.settled, found.covered, found.insurance, found.socialised) == (0, 10, 9, 0)  # ceil(10 x 2 x 1.25 / 3)
    assert found.limit is Limit.POSITION
    short = bear(losing(other=-6.0, fee=0.25), fund=InsuranceFund(asset="X", atoms=5, price=3.0))
    assert (short.covered, short.insurance, short.socialised) == (6, 5, 4)


def test_others_pay_for_nothing_that_a_larger_liquidator_could_settle():
    """7 tokens are backed: a caller of 3 settles 3, and the empty fund ruins nobody yet."""
    small, large = (bear(losing(other=9.0), most=most) for most in (3.0, 100.0))
    assert (small.settled, small.socialised, small.limit) == (3, 0, Limit.CALLER)
    assert (large.settled, large.socialised, large.limit) == (7, 3, Limit.POSITION)


def test_an_account_that_misses_nothing_is_covered_by_nobody():
    standing = losing()
    found = close_out_loss(
        0.0, standing.perpetual("P"), standing.token("Q"), room=0.0, settle_limit=0.0, most=100.0,
        fund=InsuranceFund(asset="X", atoms=9, price=1.0),
    )  # fmt: skip
    assert (found.settled, found.covered, found.insurance, found.socialised, found.limit) == (0, 0, 0, 0, Limit.HEALTH)


@pytest.mark.parametrize(
    ("quote", "lots", "message"),
    [(-1, 3, "lots must be 0"), (0, 0, "loss must be > 0"), (5, 0, "loss must be > 0, was -5")],
)
def test_only_a_loss_without_base_is_settled(quote, lots, message):
    standing = standing_of({"Q": {}}, {"P": {"settle": "Q", "quote": quote, "lots": lots}})
    with pytest.raises(InvalidInputError, match=message):
        bear(standing)


@given(st.lists(st.integers(-50, 50), min_size=1), st.integers(0, 10**6))
def test_a_socialised_loss_is_what_all_holders_pay(held, loss):
    interest = sum(map(abs, held))
    long_index, short_index = funding_after(3.0, 2.0, loss, interest)
    paid = sum(n * ((long_index - 3.0) if n > 0 else (short_index - 2.0)) for n in held)
    assert paid == pytest.approx(loss if interest else 0, rel=1e-9, abs=1e-9)
    assert all(n * ((long_index - 3.0) if n > 0 else (short_index - 2.0)) >= 0 for n in held)
    atoms = by_funding_index(loss, held, unit=2**48, round_up=False)
    assert int(atoms.paid.sum()) == pytest.approx(paid, abs=len(held) + 1)
