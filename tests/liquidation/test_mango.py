"""Mango v4 liquidation: what is read of an account, order of the steps, entry and exit, whole runs, refusals."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import FACTOR
from crossmargin import InvalidInputError, Order
from crossmargin.liquidation.venues.mango import Open, Standing, Step
from crossmargin.liquidation.venues.mango_rules import InsuranceFund, PenaltyRates, Rules
from crossmargin.liquidation.venues.mango_tokens import close_out_tokens, cover_debt
from liquidation.mango_steps import NEAR, applied, bear, below_zero, close, empty, funds, standing_of, standings


@settings(max_examples=100 * FACTOR)
@given(standings, st.sampled_from(["initial", "maintenance", "liquidation end"]))
def test_what_a_step_reads_adds_up_to_the_plans_health(standing, level):
    read = [standing.token(name, level) for name in "ABQ"]
    found = sum(token.value(token.effective) for token in read)
    assert found == pytest.approx(standing.health(level), rel=1e-12, abs=1e-8)


@pytest.mark.parametrize(
    ("health", "starts", "goes_on"),
    [(0.0, False, False), (-0.5, True, False), (-0.999, True, False), (-1.0, True, True), (-2.0, True, True)],
)
def test_entry_and_exit(health, starts, goes_on):
    standing = standing_of({"Q": {"balance": health}})
    assert standing.in_liquidation(False) == starts
    assert standing.in_liquidation(True) == goes_on


@pytest.mark.parametrize(("health", "goes_on"), [(-1e-6, True), (-9e-7, False)])
def test_a_native_unit_is_a_millionth_where_no_rule_says_otherwise(health, goes_on):
    assert standing_of({"Q": {"balance": health}}, {}, Rules()).in_liquidation(True) == goes_on


def test_it_starts_at_maintenance_and_ends_at_liquidation_end():
    """12 x 0.9 - 10 x 1.05 > 0 > 12 x 0.8 - 10 x 1.1."""
    owned, owed = {"balance": 12, "weights": (0.8, 1, 0.9, 1)}, {"balance": -10, "weights": (1, 1.1, 1, 1.05)}
    standing = standing_of({"A": owned, "L": owed})
    assert not standing.in_liquidation(False)
    assert standing.in_liquidation(True)


FULL = {
    "A": {"balance": 10}, "B": {"balance": 1e-9}, "L": {"balance": -20}, "M": {"balance": -1}, "Q": {"balance": -5},
}  # fmt: skip
HELD = {
    "P": {"settle": "Q", "lots": -3, "quote": 1}, "R": {"settle": "Q", "quote": 0.5}, "S": {"settle": "Q", "quote": -2},
}  # fmt: skip


def steps_of(tokens=(), perpetuals=()):
    """Steps open with these changes of FULL and HELD."""
    return standing_of(FULL | dict(tokens), HELD | dict(perpetuals)).open_steps()


def test_orders_are_cancelled_first():
    standing = standing_of(FULL, HELD)
    orders = [Order(id=n, instrument=name, side="buy", lots=1, limit="1") for n, name in enumerate("PSP")]
    resting = replace(standing, portfolio=standing.portfolio.holding(orders=orders))
    assert resting.open_steps() == (Open(Step.CANCEL, ("P",)), Open(Step.CANCEL, ("S",)))
    for read in (resting.token, resting.perpetual):
        with pytest.raises(InvalidInputError, match="orders must be cancelled before a step, was 3"):
            read("Q" if read == resting.token else "P")


def test_then_tokens_perpetuals_and_profits():
    exchanges = [Open(Step.TOKENS, (owed, owned)) for owed in "LMQ" for owned in "AB"]
    assert steps_of() == (*exchanges, Open(Step.PERPETUAL, ("P",)), Open(Step.PROFIT, ("R",)))


def test_losses_and_debts_come_last():
    gone = {"P": {"settle": "Q"}, "R": {"settle": "Q"}}
    left = [Open(Step.LOSS, ("S",)), *(Open(Step.DEBT, (name,)) for name in "LMQ")]
    assert steps_of({"A": {}, "B": {}}, gone) == tuple(left)
    assert steps_of({"L": {}, "M": {}, "Q": {}}, gone) == (Open(Step.LOSS, ("S",)),)
    assert steps_of({"L": {}, "M": {}, "Q": {}}, gone | {"S": {"settle": "Q"}}) == ()


def test_a_debt_behind_a_profit_and_a_token_behind_a_loss_are_no_steps():
    trusted = {"settle": "Q", "quote": 5, "weights": (1, 1, 1, 1, 1, 1)}
    perpetuals = {"P": {"settle": "Q"}, "S": {"settle": "A", "quote": -10}, "R": trusted}
    assert steps_of({"L": {}, "M": {}, "B": {}}, perpetuals) == (Open(Step.PROFIT, ("R",)),)


def test_less_than_an_atom_is_no_collateral():
    """Of one atom of B a loss takes one, and a profit that counts for half of one gives it back."""
    half = {"settle": "B", "quote": 1e-9, "weights": (1, 1, 1, 1, 0.5, 0.5)}
    perpetuals = {"P": {"settle": "Q"}, "R": half, "S": {"settle": "B", "quote": -1e-9}}
    assert steps_of({"A": {}}, perpetuals) == (Open(Step.PROFIT, ("R",)),)
    assert Open(Step.TOKENS, ("L", "B")) in steps_of({"A": {}}, perpetuals | {"S": {"settle": "B"}})


def test_what_is_not_held_is_read_as_nothing():
    nothing = empty(standing_of(FULL, HELD))
    assert (nothing.perpetual("P").lots, nothing.perpetual("P").quote) == (0, 0)
    assert (nothing.token("A").balance, nothing.token("Q").effective) == (0, 0)
    assert nothing.open_steps() == ()


def test_another_method_and_unknown_names_are_refused():
    standing = standing_of({"Q": {}})
    with pytest.raises(InvalidInputError, match="method must be Mango health, was 'other'"):
        Standing(replace(standing.prepared, method=SimpleNamespace(method_name="other")), standing.portfolio)
    for ask, message in ((standing.token, "token must name a known token"), (standing.perpetual, "perpetual must name"),
                         (standing.health, "level must name a known level")):  # fmt: skip
        with pytest.raises(InvalidInputError, match=message):
            ask("nothing")


def test_rules_are_checked():
    for wrong, message in (
        (lambda: PenaltyRates(subject="A", platform=1.5), "platform penalty must lie in .0, 1., was 1.5 of 'A'"),
        (lambda: Rules(tokens=(PenaltyRates(subject="A"),) * 2), "token penalty must be unique"),
        (lambda: Rules(perpetuals=(PenaltyRates(subject="A"),) * 2), "perpetual penalty must be unique"),
        (lambda: Rules(native=0.0), "native must be > 0"),
        (lambda: InsuranceFund(asset="A", atoms=-1, price=1.0), "atoms must lie in"),
        (lambda: InsuranceFund(asset="A", atoms=1, price=0.0), "price must be > 0"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            wrong()


def next_step(standing, opened, fund):
    """The first open step, by a liquidator who takes over everything."""
    names = opened.names
    if opened.step is Step.TOKENS:
        return close_out_tokens(standing.health(), *map(standing.token, names), most=1e9)
    if opened.step in (Step.PERPETUAL, Step.PROFIT):
        return close(standing, *names, most_profit=1e9)
    if opened.step is Step.LOSS:
        return bear(standing, fund=fund, name=names[0])
    return cover_debt(standing.token(*names), most=1e9, fund=fund)


@settings(max_examples=100 * FACTOR)
@given(standings, funds, st.randoms(use_true_random=False))
def test_a_liquidation_ends_whatever_the_order_within_a_phase(standing, fund, random):
    below_zero(standing)
    for _ in range(60):
        if not standing.in_liquidation(True):
            break
        found = next_step(standing, random.choice(standing.open_steps()), fund)
        account, _ = applied(found, standing, empty(standing))
        was, now = standing.portfolio, account.portfolio
        assert (now.balances, now.positions) != (was.balances, was.positions)
        assert account.health() >= standing.health() - NEAR
        standing, fund = account, replace(fund, atoms=fund.atoms - getattr(found, "insurance", 0))
    assert not standing.in_liquidation(True)
