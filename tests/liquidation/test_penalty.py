"""Penalties of a close-out: exact rates, whole atoms, a split that conserves them, growth with time."""

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.errors import InvalidInputError
from crossmargin.liquidation.penalty import Charge, Penalty

rates = st.fractions(0, 1, max_denominator=10**6)
atoms = st.integers(0, 2**63 - 1)


def test_a_penalty_by_hand():
    penalty = Penalty(rate="0.025", liquidator="0.3", fund="0.7")
    assert penalty.of(1_000_000) == Charge(liquidator=7_500, fund=17_500)
    # 2.5 % of 999 is 24.975: 25 atoms, of which the liquidator's 30 % are 7.5: 7, the rest is the fund's
    assert penalty.of(999) == Charge(liquidator=7, fund=18)
    assert penalty.of(0) == Charge() == Penalty().of(10**18)


@given(rates, rates, atoms)
def test_atoms_are_conserved_and_rounded_against_the_account(rate, part, base):
    charge = Penalty(rate=rate, liquidator=part, fund=1 - part).of(base)
    assert charge.liquidator + charge.fund == charge.total == ceil(rate * base)
    assert charge.liquidator >= 0
    assert 0 <= charge.fund - (1 - part) * charge.total < 1  # the remainder of less than an atom is the fund's


@given(rates, st.lists(atoms, max_size=5))
def test_charges_add_up(rate, bases):
    penalty = Penalty(rate=rate, liquidator="0.5", fund="0.5")
    charges = [penalty.of(base) for base in bases]
    total = sum(charges, Charge())
    assert total.total == sum(charge.total for charge in charges)
    assert total.fund == sum(charge.fund for charge in charges)


def test_a_rate_reads_as_its_decimals():
    assert Penalty(rate=0.1).rate == Fraction(1, 10) == Penalty(rate="0.1").rate
    assert ceil(0.07 * 100) == 8  # in doubles a little more than 7
    assert Penalty(rate=0.07).of(100) == Charge(fund=7)


# Drift v2 (specs 3.6): base 2 %, one millionth a slot after 1,500 slots, at most 5 %
DRIFT = Penalty(rate="0.02", growth="0.000001", grace=1_500, cap="0.05", liquidator=1, fund=0)


@pytest.mark.parametrize(
    ("elapsed", "rate"),
    [
        (0, "0.02"),
        (10, "0.02"),
        (1_499, "0.02"),
        (1_500, "0.0215"),  # all slots count, so the grace ends with a jump
        (10_000, "0.03"),
        (30_000, "0.05"),
        (10**9, "0.05"),
    ],
)
def test_a_penalty_grows_after_the_grace(elapsed, rate):
    then = DRIFT.after(elapsed)
    assert then.rate == Fraction(rate)
    assert then.of(10**6) == Charge(liquidator=int(Fraction(rate) * 10**6))
    assert then.after(10**6) == then  # taken at one moment, it grows no more


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_it_never_falls_with_time(first, more):
    assert DRIFT.after(first).rate <= DRIFT.after(first + more).rate <= DRIFT.cap


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"rate": 1.5}, r"^rate must lie in \[0, 1\], was 1.5$"),
        ({"rate": -0.1}, r"^rate must lie in \[0, 1\], was -0.1$"),
        ({"rate": float("nan")}, "^rate must be a decimal number, was nan$"),
        ({"growth": "2"}, r"^growth must lie in \[0, 1\], was 2.0$"),
        ({"liquidator": "0.5"}, r"^liquidator \+ fund must be 1, was 3/2$"),
        ({"liquidator": "0.5", "fund": "0.4"}, r"^liquidator \+ fund must be 1, was 9/10$"),
        ({"rate": "0.1", "cap": "0.05"}, "^cap must be at least the rate 1/10, was 1/20$"),
        ({"grace": -1}, "^grace must lie in "),
        ({"grace": 1.5}, "^grace must be an integer, was 1.5$"),
        ({"base": "equity"}, "^base must be one of notional, released, was 'equity'$"),
    ],
)
def test_terms_out_of_their_range_are_refused(terms, message):
    with pytest.raises(InvalidInputError, match=message):
        Penalty(**terms)


def test_a_base_or_a_time_below_zero_is_refused():
    with pytest.raises(InvalidInputError, match="^base must lie in"):
        Penalty(rate="0.1").of(-1)
    with pytest.raises(InvalidInputError, match="^elapsed must lie in"):
        Penalty(rate="0.1").after(-1)
