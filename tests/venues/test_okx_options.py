"""OKX options outside portfolio margin worked by hand: factors by size, both rights, four kinds of orders."""

from fractions import Fraction

import pytest

from conformance.simple_accounts import account, linear_option
from crossmargin import InvalidInputError, Order, Position
from crossmargin.instruments import Payoff
from crossmargin.venues.okx_options import OptionMargin, OptionRates, option_margin

INDEX, FORWARD, PEG = 50_000.0, 52_000.0, 0.98
RATES = OptionRates(factor_edges=(0.0, 10.0, 20.0), factors=(1.0, 1.5, 2.0))
METHOD = OptionMargin(name="test", rates=RATES)


def asked(right, strike, mark, lots, *, coin=True, orders=(), balances=None):
    """Lots of a tenth of a coin; the mark in coin, in dollars where the contract settles in USDC."""
    terms = {"payoff": Payoff.INVERSE} if coin else {}
    listed = [linear_option("C", "BTC", strike, right, "BTC" if coin else "USDC", days=30, lot=Fraction(1, 10), **terms)]
    held = {"C": lots if isinstance(lots, Position) else Position(lots, 0)} if lots else {}
    book, market = account(listed, held, {"BTC": INDEX}, {"C": mark * (1.0 if coin else INDEX)}, volatility=0.5, currency="USD",
                           balances=balances or {}, prices={"USDC": PEG}, forwards={"BTC": FORWARD}, orders=orders)  # fmt: skip
    return METHOD.requirement(book, market)


@pytest.mark.parametrize(("right", "strike", "mark", "lots", "initial", "maintenance"), [
    ("call", 60_000.0, 0.02, -50, 0.12, 0.05),  # out by 15 %: the least, 10 %; maintenance 3 %
    ("call", 53_040.0, 0.04, -50, 0.17, 0.07),  # out by 2 % of the forward
    ("call", 40_000.0, 0.25, -50, 0.40, 0.28),
    ("put", 50_960.0, 0.04, -50, 0.17, 0.07),
    ("put", 60_000.0, 0.25, -50, 0.40, 0.28),
    ("put", 250_000.0, 4.0, -50, 4.15, 4.12),  # a put's maintenance is 3 % of the mark where that is more
    ("call", 60_000.0, 0.02, -100, 0.12, 0.05),  # 10 coins do not pass the first edge
    ("call", 60_000.0, 0.02, -101, 0.17, 0.065),  # a factor of 1.5
    ("call", 60_000.0, 0.02, -201, 0.22, 0.08),
    ("call", 60_000.0, 0.02, 300, 0.0, 0.0),
])  # fmt: skip
@pytest.mark.parametrize("coin", [True, False])
def test_a_short_option(coin, right, strike, mark, lots, initial, maintenance):
    found = asked(right, strike, mark, lots, coin=coin)
    worth = abs(lots) / 10 * INDEX * (1.0 if coin else PEG)
    assert found.initial == pytest.approx(initial * worth, rel=1e-9, abs=1e-6)
    assert found.maintenance == pytest.approx(maintenance * worth, rel=1e-9, abs=1e-6)


def order(number, side, lots, limit):
    return Order(id=number, instrument="C", side=side, lots=lots, limit=str(limit))


@pytest.mark.parametrize(("lots", "orders", "per_coin", "coins"), [
    (0, [order(1, "buy", 50, "0.04")], 0.0402, 5),  # price and fee
    (0, [order(1, "sell", 50, "0.01")], 0.11, 5),  # 12 % less the price
    (0, [order(1, "sell", 50, "0.03")], 0.10, 5),  # at least 10 %
    (50, [order(1, "sell", 50, "0.03")], 0.0, 5),  # closes what is long
    (50, [order(1, "sell", 80, "0.03")], 0.10, 3),
    (-50, [order(1, "buy", 50, "0.04")], 0.0, 5),  # closes what is short, below its margin
    (-50, [order(1, "buy", 50, "0.2")], 0.0802, 5),  # above it
    (-50, [order(1, "buy", 80, "0.04")], 0.0402, 3),
    (0, [order(1, "buy", 30, "0.03"), order(2, "buy", 20, "0.05")], 0.0382, 5),  # the average of a side
])  # fmt: skip
@pytest.mark.parametrize("coin", [True, False])
def test_orders(coin, lots, orders, per_coin, coins):
    placed = [order(o.id, o.side, o.lots, float(o.limit) * (1.0 if coin else INDEX)) for o in orders]
    bare, found = asked("call", 60_000.0, 0.02, lots, coin=coin), asked("call", 60_000.0, 0.02, lots, coin=coin, orders=placed)
    worth = coins * INDEX * (1.0 if coin else PEG)
    assert found.initial - bare.initial == pytest.approx(per_coin * worth, rel=1e-9, abs=1e-5)
    assert found.maintenance == pytest.approx(bare.maintenance, abs=1e-6)


def test_equity_is_balances_less_premiums():
    found = asked("call", 60_000.0, 0.02, 0, coin=False, balances={"USDC": "1000"})
    assert found.equity_initial == pytest.approx(1_000 * PEG)
    paid = asked("call", 60_000.0, 0.02, Position(10, 300 * 10**9), coin=False, balances={"USDC": "1000"})
    assert paid.equity_initial == pytest.approx(700 * PEG)


def test_orders_of_a_large_short_pay_its_factor():
    """101 tenths are short: 12 % becomes 17 % for 10 coins more, less the limit of 3 %."""
    bare = asked("call", 60_000.0, 0.02, -101)
    found = asked("call", 60_000.0, 0.02, -101, orders=[order(1, "sell", 100, "0.03")])
    assert found.initial - bare.initial == pytest.approx(0.14 * 10 * INDEX)


def test_two_options_add_up_and_the_shipped_factor_is_one():
    listed = [linear_option(name, "BTC", strike, "call", "BTC", days=30, payoff=Payoff.INVERSE)
              for name, strike in (("C", 60_000.0), ("D", 40_000.0))]  # fmt: skip
    book, market = account(listed, {"C": Position(-1, 0), "D": Position(-200, 0)}, {"BTC": INDEX}, {"C": 0.02, "D": 0.25},
                           volatility=0.5, currency="USD", forwards={"BTC": FORWARD})  # fmt: skip
    assert option_margin().requirement(book, market).initial == pytest.approx((0.12 + 200 * 0.40) * INDEX)


@pytest.mark.parametrize(("changes", "message"), [
    ({"a": 1.5}, "a must lie in"), ({"c": {"BTC": -0.1}}, "c must lie in"),
    ({"factor_edges": (1.0,)}, "factor_edges must start at 0 and be as many as factors"),
    ({"factor_edges": (0.0, 5.0)}, "factor_edges must start at 0 and be as many as factors"),
    ({"factor_edges": (0.0, 0.0), "factors": (1.0, 2.0)}, "factor_edges must ascend"),
    ({"factors": (0.9,)}, "factor must be >= 1|factor must"),
])  # fmt: skip
def test_refused(changes, message):
    with pytest.raises(InvalidInputError, match=message):
        OptionRates(**changes)
