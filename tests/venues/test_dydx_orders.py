"""dYdX v4: whether an order may be placed, equity tiers, isolated markets, funding."""

from fractions import Fraction

import msgspec
import pytest
from conformance.dydx_accounts import COIN, PERP, QUOTE, account

import crossmargin as cm
from crossmargin import InvalidInputError, Order, Portfolio, Position
from crossmargin.venues import dydx
from crossmargin.venues.dydx_parameters import EQUITY_TIERS, LiquidityTier, PerpMarket
from crossmargin.venues.dydx_rules import Outcome, most_orders

TENTH = LiquidityTier(initial=100_000, maintenance_fraction=400_000)
DOLLAR = 10**6


def order(side, lots, limit="1", *, number=1, flags=dydx.SHORT_TERM):
    return Order(id=number, instrument=PERP, side=side, lots=lots, limit=limit, flags=flags)


def outcome(case, *placed):
    return [dydx.order_outcome(case.portfolio, one, case.market, case.method) for one in placed]


def test_an_order_is_tested_alone_as_if_filled():
    """100 of collateral carry 1,000 at 10 %; what else rests does not matter."""
    case = account(tier=TENTH, balance=100, orders=[order("buy", 900)])
    assert outcome(case, order("buy", 1000, number=2), order("buy", 1001, number=2)) == [
        Outcome.SUCCESS, Outcome.NEWLY_UNDERCOLLATERALIZED,
    ]  # fmt: skip


def test_the_limit_and_the_fee_count():
    """A buy above the oracle's price loses at once; the fee is rounded up, a rebate down."""
    case = account(tier=TENTH, balance=100)
    assert outcome(case, order("buy", 900, "1.01"), order("buy", 900, "1.02")) == [
        Outcome.SUCCESS, Outcome.NEWLY_UNDERCOLLATERALIZED,
    ]  # fmt: skip
    for fee, cost in ((0, 1000), (1, 1001), (1000, 1001), (1001, 1002), (-1, 1000), (-1000, 999), (-1999, 999)):
        method = msgspec.structs.replace(case.method, maker_fee=fee)
        filled = dydx.filled_at_limit(method, case.portfolio, order("buy", 1000))
        assert filled.positions == {PERP: Position(1000, cost)}


def test_below_initial_margin_an_account_may_only_reduce_its_risk():
    case = account(base=1000, tier=TENTH, balance=-950)
    assert outcome(case, order("sell", 500), order("sell", 999), order("sell", 1), order("buy", 1)) == [
        Outcome.SUCCESS, Outcome.SUCCESS, Outcome.SUCCESS, Outcome.STILL_UNDERCOLLATERALIZED,
    ]  # fmt: skip
    assert outcome(case, order("sell", 500, "0.9")) == [Outcome.STILL_UNDERCOLLATERALIZED]


def test_the_last_position_cannot_be_closed_into_debt():
    case = account(base=1000, tier=TENTH, balance=-1010)
    assert outcome(case, order("sell", 1000), order("sell", 999)) == [
        Outcome.STILL_UNDERCOLLATERALIZED, Outcome.STILL_UNDERCOLLATERALIZED,
    ]  # fmt: skip
    assert outcome(account(base=1000, tier=TENTH, balance=-1000), order("sell", 1000)) == [Outcome.SUCCESS]


def test_equity_tiers_count_stateful_orders():
    assert [most_orders(EQUITY_TIERS, dollars * DOLLAR) for dollars in (-1, 0, 20, 100, 1_000, 10_000, 100_000)] == [
        0, 0, 1, 5, 10, 100, 1_000,
    ]  # fmt: skip
    assert [most_orders(EQUITY_TIERS, 20 * DOLLAR - 1), most_orders((), 10**12)] == [0, 0]
    resting = order("buy", 1, flags=0)
    poor, rich = (account(tier=TENTH, balance=n * DOLLAR, orders=[resting]) for n in (99, 100))
    placed = order("buy", 1, number=2, flags=0)
    assert [*outcome(poor, placed), *outcome(rich, placed)] == [Outcome.EQUITY_TIER_LIMIT, Outcome.SUCCESS]
    assert outcome(poor, order("buy", 1, number=2)) == [Outcome.SUCCESS]  # short term
    freed = account(tier=TENTH, balance=99 * DOLLAR, orders=[order("buy", 1)])
    assert outcome(freed, placed) == [Outcome.SUCCESS]


def test_an_isolated_market_stands_alone():
    case = account(base=1000, tier=TENTH, balance=DOLLAR)
    other = cm.Instrument(id="ETH-USD", kind="perpetual", underlying="ETH", settlement=QUOTE, lot=Fraction(1, 10**6),
                          tick=Fraction(1, 10**6))  # fmt: skip
    listed = cm.Instruments.of([*case.portfolio.instruments, other], case.portfolio.instruments.assets)
    market = cm.Market.of([cm.Observation(subject=s, field="index", value=1.0) for s in (COIN, "ETH")], as_of=0, quote=QUOTE)
    held = Portfolio.of(listed, account=case.portfolio.account, positions={PERP: 1000}, balances={QUOTE: 1})
    placed = buy_of("ETH-USD")
    for isolated, expected in ((False, Outcome.SUCCESS), (True, Outcome.ISOLATED_MARKET)):
        eth = PerpMarket(underlying="ETH", atomic_resolution=-6, tier=TENTH, isolated=isolated)
        method = msgspec.structs.replace(case.method, markets=(*case.method.markets, eth))
        assert dydx.order_outcome(held, placed, market, method) == expected


def buy_of(instrument):
    return Order(id=1, instrument=instrument, side="buy", lots=1, limit="1", flags=dydx.SHORT_TERM)


# ---- funding ----------------------------------------------------------------------------------------------


def test_funding_is_floored_once_against_the_holder():
    """1e-6 of a quantum is paid as a whole one; received, it is nothing."""
    case = account(base=1, tier=TENTH, balance=10)
    for index, balance in ((1, 9), (-1, 10), (10**6, 9), (10**6 + 1, 8), (-(10**6), 11)):
        settled = dydx.settle_funding(case.method, case.portfolio, {PERP: index})
        assert settled.balances == {QUOTE: balance}
    assert settled.orders == case.portfolio.orders
    bare = case.portfolio.holding(balances={})
    assert dydx.settle_funding(case.method, bare, {PERP: 10**6}).balances == {QUOTE: -1}
    with pytest.raises(InvalidInputError, match="funding index must name a known instrument, was 'BTC-USD'"):
        dydx.settle_funding(case.method, case.portfolio, {})


def test_funding_rates_are_bounded_by_the_tier():
    """5 % less its 60 % leaves 2 %: six times that, 12 %."""
    method = dydx.cross_margin()
    assert [dydx.funding_rate(method, "BTC", rate) for rate in (-130_000, -5, 130_000)] == [-120_000, -5, 120_000]
