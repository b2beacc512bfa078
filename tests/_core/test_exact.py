"""Integer money beside Python's own integers, in every mode, at the ends of 64 and 128 bits."""

from fractions import Fraction
from math import ceil, floor, trunc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin._core.exact import mul_div
from crossmargin._core.status import Status

MODES = {0: trunc, 1: floor, 2: ceil, 3: round}
MOST = 2**63 - 1
sizes = st.one_of(st.integers(-MOST, MOST), st.integers(-1000, 1000), st.sampled_from([MOST, -MOST, 2**53, 2**32, 1, -1, 0]))


def expected(a, b, num, den, mode):
    """The figure, None where it leaves 64 bits or a product 128."""
    if den == 0 or abs(a * b * num) >= 2**128:
        return None
    found = MODES[mode](Fraction(a * b * num, den))
    return found if abs(found) <= MOST else None


@given(a=sizes, b=sizes, num=sizes, den=sizes, mode=st.sampled_from(sorted(MODES)))
def test_it_is_the_exact_quotient_rounded_once(a, b, num, den, mode):
    found = expected(a, b, num, den, mode)
    assert mul_div(a, b, num, den, mode) == ((Status.OVERFLOW, 0) if found is None else (Status.OK, found))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("a", "den"), [(1, 2), (3, 2), (5, 2), (-1, 2), (-3, 2), (-5, 2), (7, 3), (-7, 3), (6, 3)])
def test_halves_and_thirds(a, den, mode):
    assert mul_div(a, 1, 1, den, mode) == (Status.OK, MODES[mode](Fraction(a, den)))


def test_an_intermediate_beyond_64_bits():
    assert mul_div(2**53, 2**40, 1, 2**40, 3) == (Status.OK, 2**53)
    assert mul_div(2**62, 2**62, 16, 2**62, 0) == (Status.OVERFLOW, 0)
    assert mul_div(1, 1, 1, 0, 0) == (Status.OVERFLOW, 0)
