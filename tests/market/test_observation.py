"""Observations: a closed vocabulary and checked figures."""

import pytest
from hypothesis import given

from crossmargin import Observation
from crossmargin.errors import InvalidInputError
from crossmargin.market import FIELDS
from crossmargin.market.observation import POSITIVE
from strategies import NOT_FINITE, NOT_NUMBERS, NOT_TEXT, finite

WHERE = "of observation 'BTC' 'index'"


def observation(**changes):
    return Observation(**{"subject": "BTC", "field": "index", "value": 1.0} | changes)


@pytest.mark.parametrize("value", NOT_FINITE + NOT_NUMBERS)
@pytest.mark.parametrize("name", ["value", "confidence"])
def test_figures_are_finite_numbers(name, value):
    with pytest.raises(InvalidInputError, match=f"^{name} must be (a number|finite), was .* {WHERE}$"):
        observation(**{name: value})


@pytest.mark.parametrize("field", sorted(POSITIVE))
def test_some_figures_are_never_negative(field):
    assert observation(field=field, value=0.0).value == 0.0
    with pytest.raises(InvalidInputError, match="^value must be >= 0, was -0.1 of observation"):
        observation(field=field, value=-0.1)


@given(finite)
def test_a_price_may_be_any_finite_number(value):
    for field in sorted(FIELDS.keys() - POSITIVE):
        assert observation(field=field, value=value).value == value


@pytest.mark.parametrize("field", ["price", "", None, 3])
def test_the_vocabulary_is_closed(field):
    with pytest.raises(InvalidInputError, match="^field must be one of index, mark, "):
        observation(field=field)


@pytest.mark.parametrize("subject", NOT_TEXT)
def test_a_subject_is_printable_text(subject):
    with pytest.raises(InvalidInputError, match="^subject must be a printable text"):
        observation(subject=subject)


@pytest.mark.parametrize("confidence", [-0.01, 1.01])
def test_confidence_is_a_fraction(confidence):
    with pytest.raises(InvalidInputError, match=r"^confidence must lie in \[0, 1\], was "):
        observation(confidence=confidence)


@pytest.mark.parametrize("published", [1.5, None, "2024-01-01T00:00:00Z", 2**63])
def test_publication_is_64_bit_nanoseconds(published):
    with pytest.raises(InvalidInputError, match="^published must .* of observation"):
        observation(published=published)
