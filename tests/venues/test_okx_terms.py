"""How OKX's terms of a unit add up: the largest of three shocks, four terms on it, and a floor."""

import pytest

from crossmargin.venues.okx import unit_margin


@pytest.mark.parametrize(("terms", "expected"), [
    ((5.0, 3.0, 1.0, 2.0, 4.0, 1.0, 0.0), 12.0), ((3.0, 5.0, 1.0, 2.0, 4.0, 1.0, 0.0), 12.0),
    ((1.0, 3.0, 1.0, 2.0, 4.0, 5.0, 0.0), 12.0), ((5.0, 3.0, 1.0, 2.0, 4.0, 1.0, 20.0), 20.0),
])  # fmt: skip
def test_margin_of_a_unit(terms, expected):
    """``max(max(MR1, MR2, MR6) + MR3 + MR4 + MR5, MR7)``."""
    assert unit_margin(max, *terms) == expected
