"""Bybit cross options worked by hand: both rights, entry against mark, what maintenance adds to initial."""

from fractions import Fraction

import pytest

from conformance.simple_accounts import account, linear_option
from crossmargin import InvalidInputError, Position
from crossmargin.venues.bybit_options import OptionRates, option_margin

INDEX, PEG = 50_000.0, 0.98
LOTS = -5  # of a tenth of a coin


def asked(options, held, balances=None):
    """Options by (right, strike, mark); lots and money paid of each."""
    listed = [linear_option(f"O{n}", "BTC", strike, right, "USDC", days=30, lot=Fraction(1, 10))
              for n, (right, strike, _) in enumerate(options)]  # fmt: skip
    positions = {f"O{n}": Position(lots, int(paid * 10**9)) for n, (lots, paid) in enumerate(held)}
    marks = {f"O{n}": mark for n, (*_, mark) in enumerate(options)}
    book, market = account(listed, positions, {"BTC": INDEX}, marks, volatility=0.5, currency="USD", balances=balances or {},
                           prices={"USDC": PEG})  # fmt: skip
    return option_margin().requirement(book, market)


@pytest.mark.parametrize(("option", "entry", "initial", "maintenance"), [
    (("call", 60_000.0, 700.0), 900.0, 5_900.0, 2_300.0),  # 10 % and the entry; 3 %, the mark and the fee
    (("call", 51_000.0, 3_000.0), 2_000.0, 9_500.0, 4_600.0),  # 15 % less 1,000, and the mark
    (("put", 49_000.0, 3_000.0), 2_000.0, 9_500.0, 4_600.0),
    (("put", 30_000.0, 100.0), 0.0, 5_100.0, 1_700.0),
    (("call", 40_000.0, 12_000.0), 11_000.0, 19_500.0, 13_600.0),
    (("call", 100.0, 400_000.0), 0.0, 412_100.0, 412_100.0),  # 3 % of the mark: maintenance binds at initial
])  # fmt: skip
def test_a_short_option(option, entry, initial, maintenance):
    found = asked([option], [(LOTS, 0.5 * -entry)])
    assert found.initial == pytest.approx(0.5 * initial * PEG, rel=1e-9)
    assert found.maintenance == pytest.approx(0.5 * maintenance * PEG, rel=1e-9)


def test_a_long_option_and_a_paid_short_have_no_entry():
    long = asked([("call", 60_000.0, 700.0)], [(5, 450.0)])
    assert (long.initial, long.maintenance) == (0.0, 0.0)
    paid = asked([("call", 60_000.0, 700.0)], [(LOTS, 450.0)])
    assert paid.initial == pytest.approx(0.5 * 5_700.0 * PEG)  # the mark, as nothing was received
    debt = asked([("call", 60_000.0, 700.0)], [(5, -450.0)])  # a long that left a credit is no short
    assert debt.initial == 0.0


def test_two_options_add_up_and_premiums_are_cash():
    found = asked([("call", 60_000.0, 700.0), ("put", 49_000.0, 3_000.0)], [(LOTS, -450.0), (LOTS, -1_000.0)], {"USDC": "1000"})
    assert found.initial == pytest.approx(0.5 * (5_900.0 + 9_500.0) * PEG)
    assert found.equity_initial == pytest.approx(2_450.0 * PEG)


def test_refused():
    with pytest.raises(InvalidInputError, match="mm_factor must lie in"):
        OptionRates(mm_factor=1.5)
