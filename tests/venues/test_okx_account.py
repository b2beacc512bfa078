"""OKX portfolio margin worked by hand: terms of vega and rates, what each adds, MR9's place, shocks, discounts."""

from fractions import Fraction
from math import exp, pi, sqrt
from statistics import NormalDist

import pytest

from conformance.simple_accounts import account, future, linear_option, perpetual
from crossmargin.venues.okx import PortfolioMargin
from crossmargin.venues.okx_parameters import Rules, UnitRules

INDEX, PEG = 50_000.0, 0.98
below = NormalDist().cdf
UNIT = {"max_move": 0.12, "extreme_move": 0.24, "basis_minimum": 0.002, "basis_annualised": 0.05, "close_rate": 0.0}


def asked(listed, held, marks, *, balances=None, prices=None, unit=None, **terms):
    """What an account requires at an index of 50,000 and a volatility of 40 %."""
    other = UnitRules(**UNIT | (unit or {}))
    rules = Rules(units={}, other=other, close_edges=(0.0,), close_multipliers=(1.0,), **terms)
    book, market = account(listed, held, {"BTC": INDEX}, marks, volatility=0.4, currency="USD", balances=balances,
                           prices=prices)  # fmt: skip
    prepared = PortfolioMargin(name="test", rules=rules).prepare(book.instruments, market)
    return prepared.requirement(book), prepared.bound.rows["mr1"]


def lines(found, level):
    return {part.name: part.value for part in found.explain(level)}


def option(name, right, years, strike):
    return linear_option(name, "BTC", strike, right, days=365 * years, lot=Fraction(1, 10))


def test_vega_and_rates_net_within_an_expiry_and_add_up_across():
    """At strikes F exp(s^2 / 2), s = 40 % sqrt(t), d1 is 0 and d2 is -s: a vega is F sqrt(t) / sqrt(2 pi)."""
    near, far = INDEX * exp(0.2**2 / 2), INDEX * exp(0.4**2 / 2)
    listed = [option("C", "call", 0.25, near), option("P", "put", 0.25, near), option("D", "call", 1, far)]
    held = {"C": 30, "P": -10, "D": -20}  # 3, -1 and -2 coins
    found, _ = asked(listed, held, dict.fromkeys(held, 1.0), vega_rate=0.02, rate_move=0.03)
    vega = INDEX / sqrt(2 * pi)
    mr3 = 0.02 * vega * ((3 - 1) * 0.5 + 2 * 1.0)  # square roots of a quarter and of a year
    call, later = INDEX / 2 - near * below(-0.2), INDEX / 2 - far * below(-0.4)
    put = call - INDEX + near
    mr5 = 0.03 * ((3 * call - put) * 0.25 + 2 * later * 1.0)  # time times value
    assert found.outputs["mr3"][0] == pytest.approx(mr3, rel=1e-9)
    assert found.outputs["mr5"][0] == pytest.approx(mr5, rel=1e-9)
    for level, factor in (("initial", 1.3), ("maintenance", 1.0)):
        made = lines(found, level)
        assert made["mr3"] == pytest.approx(factor * mr3, rel=1e-9)
        assert made["mr5"] == pytest.approx(factor * mr5, rel=1e-9)
        assert made.get("mr7", 0.0) == pytest.approx(0.0, abs=1e-6)  # closing costs nothing here
    beside = sum(found.outputs[name][0] for name in ("mr3", "mr4", "mr5"))
    assert found.maintenance == pytest.approx(max(found.outputs[n][0] for n in ("mr1", "mr2", "mr6")) + beside)


@pytest.mark.parametrize(("extreme", "close", "expected"), [  # of ten coins, 500,000
    (0.24, 0.0, {"mr1": 60_000, "mr6": 0, "mr7": 0}),  # MR1 12 %, MR6 half of 24 %
    (0.10, 0.0, {"mr1": 60_000, "mr6": 0, "mr7": 0}),
    (0.50, 0.0, {"mr1": 60_000, "mr6": 65_000, "mr7": 0}),  # 125,000
    (0.10, 0.30, {"mr1": 60_000, "mr6": 0, "mr7": 89_000}),  # 150,000 to close instead of 61,000
])  # fmt: skip
def test_what_each_term_adds(extreme, close, expected):
    unit = {"extreme_move": extreme, "close_rate": close}
    found, _ = asked([perpetual("P", "BTC")], {"P": 10}, {"P": INDEX}, unit=unit)
    stated = {"mr2": 0, "mr3": 0, "mr4": 1_000, "mr5": 0, "mr9": 0, "mr8": 0, **expected}
    for name, value in stated.items():
        assert lines(found, "maintenance").get(name, 0.0) == pytest.approx(value, abs=1e-6), name
    assert found.maintenance == pytest.approx(sum(stated.values()))


@pytest.mark.parametrize(("within", "close", "expected"), [
    (False, 0.001, 3_500), (True, 0.001, 2_500), (False, 0.01, 12_500), (True, 0.01, 10_000),
])  # fmt: skip
def test_depeg_stands_beside_the_maximum_or_within(within, close, expected):
    """500,000 hedged across currencies at 0.5 %: 2,500; closing both sides: 1,000 or 10,000; nothing else."""
    listed = [perpetual("T", "BTC", "USDT"), perpetual("C", "BTC", "USDC")]
    found, _ = asked(listed, {"T": 10, "C": -10}, dict.fromkeys("TC", INDEX), unit={"close_rate": close},
                     depeg=((1e6, 0.005),), depeg_in_maximum=within, borrow_mmr=0.0)  # fmt: skip
    assert found.maintenance == pytest.approx(expected)


def test_the_order_of_shocks():
    """At the money a call is worth F (2 N(s / 2) - 1); after a quarter year volatility moves by 20 points."""
    found, labels = asked([option("C", "call", 0.25, INDEX)], {"C": 10}, {"C": 1.0})
    scenarios = dict(zip(labels, found.outputs["mr1_scenarios"], strict=True))
    worth = {name: INDEX * (2 * below(s / 2) - 1) for name, s in (("down", 0.1), ("same", 0.2), ("up", 0.3))}
    for name, value in worth.items():
        assert scenarios[f"+0 max move vol {name}"] == pytest.approx(value - worth["same"], rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(("days", "rate"), [(-1, 0.002), (7.3, 0.002), (73, 0.01)])
def test_basis_of_a_future(days, rate):
    """5 % a year, at least 0.2 %: what expired a day ago pays that."""
    found, _ = asked([future("F", "BTC", days=days)], {"F": -2}, {"F": 51_000.0})
    assert found.outputs["mr4"][0] == pytest.approx(rate * 2 * 51_000)


@pytest.mark.parametrize(("peg", "expected"), [(0.98, 1_470.0), (1.02, 1_530.0), (0.0, 0.0)])
def test_slices_of_a_discount_are_amounts_of_the_asset(peg, expected):
    """Of 3,000 the first 1,000 count whole, the next half, the rest nothing."""
    found, _ = asked([perpetual("P", "BTC", "USDT")], {}, {"P": INDEX}, balances={"USDT": 3_000}, prices={"USDT": peg},
                     discount={"USDT": ((1_000.0, 1.0), (1_000.0, 0.5)), "USD": ((1.0, 1.0),)})  # fmt: skip
    assert found.equity_initial == pytest.approx(expected)
