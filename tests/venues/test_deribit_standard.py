"""Deribit standard margin worked by hand: short options of each kind, futures by size, profit and balances."""

from fractions import Fraction

import pytest

from conformance.simple_accounts import account, linear_option, perpetual
from crossmargin import ImprudentParametersError, InvalidInputError, Position
from crossmargin.instruments import Payoff
from crossmargin.venues.deribit_standard import Schedule, StandardMargin, standard_margin

INDEX, PEG = 50_000.0, 0.98
COIN = {"payoff": Payoff.INVERSE}
METHOD = standard_margin()


def asked(listed, held, marks, balances=None, method=METHOD):
    book, market = account(listed, held, {"BTC": INDEX}, marks, volatility=0.5, currency="USD", balances=balances or {},
                           prices={"USDC": PEG})  # fmt: skip
    return method.requirement(book, market)


@pytest.mark.parametrize(("right", "strike", "mark", "initial", "maintenance"), [
    ("call", 60_000.0, 0.03, 0.13, 0.105),  # 20 % out of the money: the floor of 10 %
    ("call", 51_000.0, 0.05, 0.18, 0.125),  # 2 % out: 13 %
    ("call", 40_000.0, 0.25, 0.40, 0.325),  # in the money: 15 %
    ("put", 48_000.0, 0.02, 0.13, 0.095),  # 4 % out: 11 %
    ("put", 30_000.0, 0.01, 0.11, 0.085),
    ("put", 60_000.0, 0.25, 0.40, 0.325),
    ("put", 150_000.0, 3.0, 3.225, 3.225),  # 7.5 % of the mark is more than 7.5 % of a coin, and binds at initial too
    ("call", 1_000.0, 3.0, 3.15, 3.075),  # a call has no such rule
])  # fmt: skip
@pytest.mark.parametrize("coin", [True, False])
def test_a_short_option(coin, right, strike, mark, initial, maintenance):
    """25 lots of a tenth of a contract; in coin, or in USDC with the mark in dollars."""
    terms = COIN if coin else {}
    listed = [linear_option("C", "BTC", strike, right, "BTC" if coin else "USDC", days=30, lot=Fraction(1, 10), **terms)]
    found = asked(listed, {"C": Position(-25, 0)}, {"C": mark if coin else mark * INDEX})
    worth = 2.5 * INDEX * (1.0 if coin else PEG)
    assert found.initial == pytest.approx(initial * worth, rel=1e-9)
    assert found.maintenance == pytest.approx(maintenance * worth, rel=1e-9)
    long = asked(listed, {"C": Position(25, 0)}, {"C": mark if coin else mark * INDEX})
    assert (long.initial, long.maintenance) == (0.0, 0.0)


@pytest.mark.parametrize(("size", "initial", "maintenance"), [
    (40, 0.022, 0.012), (-40, 0.022, 0.012), (1, 0.02005, 0.01005), (30_000, 1.0, 1.0),  # 2 % and 0.005 % a coin, at most all
])  # fmt: skip
def test_a_linear_future_by_its_size(size, initial, maintenance):
    found = asked([perpetual("P", "BTC", "USDC")], {"P": Position(size, size * 51_000 * 10**9)}, {"P": 51_000})
    assert found.initial == pytest.approx(abs(size) * INDEX * initial)
    assert found.maintenance == pytest.approx(abs(size) * INDEX * maintenance)
    assert found.outputs["futures rate"][0] == pytest.approx(initial)


def test_an_inverse_future_counts_coins_at_its_mark():
    """100,000 contracts of 10 USD at 40,000: 25 coins, 2.125 %."""
    swap = perpetual("P", "BTC", "BTC", contract_size=Fraction(10), **COIN)
    found = asked([swap], {"P": Position(100_000, 0)}, {"P": 40_000})
    assert found.initial == pytest.approx(25 * INDEX * (0.02 + 25 * 0.00005))


def test_profit_and_balances():
    """Two coins bought at 49,000, marked at 51,000, and 1,000 USDC."""
    found = asked([perpetual("P", "BTC", "USDC")], {"P": Position(2, 2 * 49_000 * 10**9)}, {"P": 51_000}, {"USDC": "1000"})
    assert found.equity_initial == pytest.approx((4_000 + 1_000) * PEG)


def test_parameters():
    with pytest.raises(InvalidInputError, match="base"):
        Schedule(base=(1.1, 0.5), increment=0.0)
    with pytest.raises((InvalidInputError, ImprudentParametersError)):
        Schedule(base=(0.01, 0.02), increment=0.0)
    assert Schedule(base=(1.0, 0.5), increment=0.0).base == (1.0, 0.5)
    assert isinstance(standard_margin("USDC"), StandardMargin)
    with pytest.raises(InvalidInputError, match="position must be one that the method can hold, was 'P'"):
        asked([perpetual("P", "BTC", "USDC")], {"P": Position(1, 0)}, {"P": 50_000}, method=standard_margin("BTC"))
