"""What Mango v4 health refuses, and by which name."""

import pytest

from crossmargin import (
    Account, ImprudentParametersError, Instrument, Instruments, InvalidInputError, Market, Portfolio,
)
from crossmargin.errors import MissingPriceError
from crossmargin.instruments import Kind
from crossmargin.venues.mango import Health
from crossmargin.venues.mango_parameters import Shift, TokenRule
from venues.mango_desk import INSTRUMENTS, MARKET, PRICES, health_of, market_of, method_of, token_rule

@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        ("initial >= maintenance", {"initial_asset": 0.95}),
        ("initial >= maintenance", {"initial_debt": 1.05}),
        ("initial >= maintenance", {"shift": Shift(start=0, end=1, asset=0.7, debt=1.1)}),
        ("weight on the losing side", {"maintenance_asset": 1.1}),
        ("weight on the losing side", {"maintenance_debt": 0.9}),
        ("weight on the losing side", {"shift": Shift(start=0, end=1, asset=0.9, debt=0.9)}),
    ],
)
def test_lenient_token_weights_are_refused_by_name(rule, changed):
    weights = dict(initial_asset=0.8, initial_debt=1.2, maintenance_asset=0.9, maintenance_debt=1.1) | changed
    changed_rule = TokenRule(asset="A", **weights)
    with pytest.raises(ImprudentParametersError, match="'A' must be at") as refused:
        method_of(changed_rule)
    assert refused.value.rule == rule
    assert method_of(changed_rule, allow=(rule,))


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        ("initial >= maintenance", {"initial_long": 0.95}),
        ("initial >= maintenance", {"initial_short": 1.05}),
        ("initial >= maintenance", {"initial_profit": 0.8}),
        ("weight on the losing side", {"maintenance_long": 1.1}),
        ("weight on the losing side", {"maintenance_short": 0.9}),
        ("weight on the losing side", {"maintenance_profit": 1.1}),
    ],
)
def test_lenient_perpetual_weights_are_refused_by_name(rule, changed):
    with pytest.raises(ImprudentParametersError) as refused:
        method_of(swap=changed)
    assert refused.value.rule == rule
    assert method_of(swap=changed, allow=(rule,))


@pytest.mark.parametrize("changed", [{"initial_asset": -0.1}, {"maintenance_debt": float("nan")},
                                     {"deposit_scale_start": 0.0}, {"borrow_scale_start": -1.0}])  # fmt: skip
def test_malformed_weights_are_refused(changed):
    weights = dict(initial_asset=0.8, initial_debt=1.2, maintenance_asset=0.9, maintenance_debt=1.1) | changed
    with pytest.raises(InvalidInputError, match="of token 'A'"):
        TokenRule(asset="A", **weights)


def test_a_shift_must_end_after_it_starts():
    with pytest.raises(InvalidInputError, match="end"):
        Shift(start=5, end=5, asset=0.8, debt=1.2)


def test_rules_are_unique():
    with pytest.raises(InvalidInputError, match="token rule must be unique"):
        Health(name="test", tokens=(token_rule("A"), token_rule("A")))


def test_a_token_without_rule_cannot_be_held():
    with pytest.raises(InvalidInputError, match="USD"):
        health_of(method_of(), USD=1)


def test_a_spot_market_holds_orders_alone():
    portfolio = Portfolio.of(INSTRUMENTS, account=Account(id="a", currency="USD"), positions={"A/Q": 1})
    with pytest.raises(InvalidInputError, match="A/Q"):
        method_of().requirement(portfolio, MARKET)


@pytest.mark.parametrize(
    "row",
    [
        Instrument(id="X", kind=Kind.SPOT, underlying="none", settlement="Q"),
        Instrument(id="X", kind=Kind.SPOT, underlying="A", settlement="USD"),
        Instrument(id="X", kind=Kind.PERPETUAL, underlying="A", settlement="Q"),
        Instrument(id="X", kind=Kind.PERPETUAL, underlying="A", settlement="Q", payoff="inverse"),
        Instrument(id="X", kind=Kind.FUTURE, underlying="A", settlement="Q", expiry=1),
    ],
)
def test_an_instrument_that_is_not_listed_is_refused(row):
    with pytest.raises(InvalidInputError, match="of instrument 'X'"):
        method_of().prepare(Instruments.of([row], INSTRUMENTS.assets), MARKET)


@pytest.mark.parametrize("gone", [("B", "index"), ("B", "slow_price"), ("U", "slow_price")])
def test_a_price_that_is_needed_and_absent_is_named(gone):
    seen = [o for key, o in MARKET.seen.items() if key != gone]
    with pytest.raises(MissingPriceError, match=f"{gone[1]} of '{gone[0]}'"):
        method_of().prepare(INSTRUMENTS, Market.of(seen, as_of=0, quote="USD"))


def test_a_total_is_needed_only_where_weights_scale():
    with pytest.raises(MissingPriceError, match="deposits of 'A'"):
        method_of(token_rule("A", deposit_scale_start=1.0)).prepare(INSTRUMENTS, MARKET)


def test_the_quote_currency_needs_no_slow_price():
    """It is 1 at any level, so that a debt of 100 at weight 1 is a health of -100."""
    weights = dict.fromkeys(("initial_asset", "initial_debt", "maintenance_asset", "maintenance_debt"), 1.0)
    assert health_of(method_of(TokenRule(asset="USD", **weights)), USD=-100) == (-100.0,) * 3


def test_a_pool_is_worth_its_total_at_the_higher_price():
    """100 tokens at the slow 30 are worth twice the start of 1,500: 0.8 counts 0.4, of the lower price 20."""
    market = market_of(PRICES, PRICES | {"A": 30.0}, [("A", "deposits", 100.0)])
    assert health_of(method_of(token_rule("A", deposit_scale_start=1500.0)), market, A=1)[0] == pytest.approx(0.4 * 20)


def test_a_price_of_zero_is_refused():
    with pytest.raises(InvalidInputError, match="must be > 0"):
        method_of().prepare(INSTRUMENTS, market_of(PRICES, PRICES | {"C": 0.0}))
