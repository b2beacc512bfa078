"""Mango v4 debts: repaid out of another token, or insured and socialised; health from the plan, value conserved."""

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from conftest import FACTOR
from crossmargin import InvalidInputError
from crossmargin.liquidation.venues.mango import Step
from crossmargin.liquidation.venues.mango_rules import InsuranceFund, Limit, PenaltyRates, Rules
from crossmargin.liquidation.venues.mango_tokens import close_out_tokens, cover_debt, deposit_factor
from liquidation.mango_steps import NEAR, below_zero, check_step, equity, funds, mosts, standing_of, standings


@settings(max_examples=100 * FACTOR)
@given(standings, mosts)
def test_a_debt_is_repaid_out_of_a_token(standing, most):
    below_zero(standing)
    pairs = [names for step, names in standing.open_steps() if step is Step.TOKENS]
    assume(pairs)
    owed, owned = map(standing.token, pairs[0])
    found = close_out_tokens(standing.health(), owed, owned, most=most)
    account, liquidator = check_step(standing, found, away=found.platform * owned.price)
    after_owed, after_owned = account.token(owed.asset), account.token(owned.asset)
    left = {
        Limit.HEALTH: account.health(),
        Limit.DEBT: max(after_owed.balance, after_owed.effective),
        Limit.COLLATERAL: min(after_owned.balance, after_owned.effective),
        Limit.CALLER: found.repaid - most,
    }
    assert left[found.limit] == pytest.approx(0, abs=NEAR)
    assert account.health() <= NEAR
    premium = (1 + owed.penalty.liquidator) * (1 + owned.penalty.liquidator) - 1
    assert equity(liquidator) == pytest.approx(found.repaid * owed.price * premium, rel=1e-9, abs=NEAR)


def pair(debt=-15, owned=10, **more):
    """h = 10 x 4 x 0.5 - 15 x 2 x 1.2 = -16."""
    rates = PenaltyRates(subject="L", liquidator=0.05, platform=0.01), PenaltyRates(subject="A", liquidator=0.02)
    rules = Rules(tokens=rates)
    given = {
        "L": {"balance": debt, "price": 2, "weights": (1, 1.2) * 2},
        "A": {"balance": owned, "price": 4, "weights": (0.5, 1) * 2},
    }
    return standing_of(given | more, {}, rules)


def repay(standing, most=100.0):
    return close_out_tokens(standing.health(), standing.token("L"), standing.token("A"), most=most)


def test_penalties_multiply_and_the_platform_has_its_part():
    found = repay(pair())  # F = 1.06 x 1.02 = 1.0812; a token repaid gains 2 x 1.2 - 2 x 1.0812 x 0.5 = 1.3188
    assert found.repaid == pytest.approx(16 / 1.3188)
    assert found.taken == pytest.approx(16 / 1.3188 * 0.5406)
    assert found.platform == pytest.approx(16 / 1.3188 * 0.5 * (1.0812 - 1.071))
    assert found.limit is Limit.HEALTH


@pytest.mark.parametrize(
    ("debt", "owned", "most", "repaid", "limit"),
    [
        (-15, 10, 3.0, 3.0, Limit.CALLER),
        (-40, 10, 100.0, 10 / 0.5406, Limit.COLLATERAL),
        (-15, 100, 100.0, 0.0, Limit.HEALTH),
        (-1, 1, 100.0, 0.4 / 1.3188, Limit.HEALTH),
    ],
)
def test_what_ends_an_exchange(debt, owned, most, repaid, limit):
    found = repay(pair(debt, owned), most)
    assert (found.repaid, found.limit) == (pytest.approx(repaid), limit)


def test_a_debt_is_repaid_and_no_more():
    found = repay(pair(-5, 10, X={"balance": -100}))
    assert (found.repaid, found.limit) == (5.0, Limit.DEBT)


@pytest.mark.parametrize(
    ("debt", "owned", "message"),
    [
        (0, 10, "balance must be < 0, was 0.0 of owed token 'L'"),
        (-1, 0, "balance must be > 0, was 0.0 of owned token 'A'"),
    ],
)
def test_an_exchange_without_debt_or_collateral_is_refused(debt, owned, message):
    with pytest.raises(InvalidInputError, match=message):
        repay(pair(debt, owned))


def with_perpetuals(token, quote):
    """The pair with a profit or loss of a perpetual that settles in one of its tokens."""
    perp = {"P": {"settle": token, "quote": quote, "weights": (1, 1, 1, 1, 1, 1)}}
    given = {"L": {"balance": -15, "weights": (1, 1.2) * 2}, "A": {"balance": 10, "weights": (0.5, 1) * 2}}
    return standing_of(given, perp)


@pytest.mark.parametrize(
    ("token", "quote", "message"), [("L", 15, "of owed token 'L'"), ("A", -10, "of owned token 'A'")]
)
def test_what_perpetuals_make_of_a_token_counts(token, quote, message):
    with pytest.raises(InvalidInputError, match=f"effective balance must be . 0, was 0.0 {message}"):
        repay(with_perpetuals(token, quote))


def test_a_token_with_itself_and_penalties_beyond_the_haircut_are_refused():
    standing = pair()
    with pytest.raises(InvalidInputError, match="owned token must differ from the owed one, was 'L'"):
        close_out_tokens(-1.0, standing.token("L"), standing.token("L"), most=1.0)
    penalties = (PenaltyRates(subject="A", liquidator=1.0), PenaltyRates(subject="L", liquidator=0.2))
    dear = replace(standing, rules=Rules(tokens=penalties))
    with pytest.raises(InvalidInputError, match="health of repaying 'L' with 'A' must be > 0, was 0"):
        repay(dear)
    with pytest.raises(InvalidInputError, match="most must be >= 0, was -1"):
        repay(standing, -1.0)


# ---- debts that nothing is left to repay --------------------------------------------------------------


@settings(max_examples=100 * FACTOR)
@given(standings, mosts, funds)
def test_a_debt_is_insured_and_socialised(standing, most, fund):
    below_zero(standing)
    owed = [token for token in map(standing.token, "ABQ") if max(token.balance, token.effective) < -NEAR]
    assume(owed)
    token = owed[0]
    if token.asset == fund.asset:
        fund = replace(fund, price=token.price / 4)
    found, loss = cover_debt(token, most=most, fund=fund), -max(token.balance, token.effective)
    own = token.asset == fund.asset
    account, liquidator = check_step(standing, found, brought=(found.socialised + found.covered * own) * token.price)
    worth = token.price * (1 if own else 1 + token.penalty.liquidator)
    assert found.direct == own
    assert 0 <= found.insurance * fund.price - found.covered * worth + NEAR <= fund.price + 2 * NEAR
    assert found.covered <= most + fund.price / worth + NEAR
    assert found.socialised == (pytest.approx(loss - found.covered) if found.insurance == fund.atoms else 0)
    after = account.token(token.asset)
    assert max(after.balance, after.effective) == pytest.approx(0, abs=NEAR) or found.limit is Limit.CALLER
    assert found.limit is Limit.DEBT or (found.covered >= most - NEAR and found.insurance < fund.atoms)


def debt(fee=0.05):
    rules = Rules(tokens=(PenaltyRates(subject="L", liquidator=fee),))
    return standing_of({"L": {"balance": -10, "price": 2}}, {}, rules).token("L")


@pytest.mark.parametrize(
    ("most", "atoms", "insurance", "covered", "socialised"),
    [
        (100.0, 8, 7, 10.0, 0.0),  # 10 x 2 x 1.05 / 3 = 7 atoms
        (100.0, 7, 7, 10.0, 0.0),
        (100.0, 4, 4, 4 / 0.7, 10 - 4 / 0.7),
        (100.0, 0, 0, 0.0, 10.0),
        (1.0, 8, 1, 1 / 0.7, 0.0),  # a whole atom, and its worth
        (0.0, 8, 0, 0.0, 0.0),
        (0.0, 0, 0, 0.0, 10.0),
    ],
)
def test_the_fund_pays_whole_atoms_and_the_rest_is_socialised(most, atoms, insurance, covered, socialised):
    found = cover_debt(debt(), most=most, fund=InsuranceFund(asset="X", atoms=atoms, price=3.0))
    assert (found.insurance, found.direct) == (insurance, False)
    assert (found.covered, found.socialised) == (pytest.approx(covered), pytest.approx(socialised))


def test_the_funds_own_asset_needs_no_liquidator():
    found = cover_debt(debt(), most=100.0, fund=InsuranceFund(asset="L", atoms=25, price=0.5))  # 4 atoms a token
    assert (found.insurance, found.covered, found.socialised, found.direct) == (25, 6.25, 3.75, True)


def test_a_token_that_is_not_owed_has_no_debt_to_cover():
    standing = standing_of({"L": {"balance": 1}})
    with pytest.raises(InvalidInputError, match="debt must be > 0, was -1.0 of token 'L'"):
        cover_debt(standing.token("L"), most=1.0, fund=InsuranceFund(asset="X", atoms=1, price=1.0))


@given(st.lists(st.floats(0.1, 1e6), min_size=1), st.floats(0, 1))
def test_depositors_bear_a_loss_in_proportion(deposits, part):
    total = sum(deposits)
    factor = deposit_factor(total * part, total)
    assert sum(d * (1 - factor) for d in deposits) == pytest.approx(total * part, rel=1e-9, abs=1e-9)
    with pytest.raises(InvalidInputError, match="loss must lie in"):
        deposit_factor(total * 1.01, total)
