"""The one checker: wording, places, and what it lets through."""

import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin import _checks as check
from crossmargin.errors import InvalidInputError, UnknownReferenceError
from strategies import NOT_FINITE, NOT_NUMBERS, NOT_TEXT


def refusal(function, *arguments, **keywords):
    with pytest.raises(InvalidInputError) as error:
        function(*arguments, **keywords)
    return str(error.value)


def test_message_names_argument_rule_value_and_place():
    assert (
        refusal(check.floats, "quantity", [1.0] * 17 + [np.nan])
        == "quantity must be finite, was nan at row 17"
    )
    assert (
        refusal(check.floats, "gain", [[0.0, 1.0], [2.0, np.inf]], ndim=2)
        == "gain must be finite, was inf at (1, 1)"
    )
    assert (
        refusal(check.fraction, "haircut", 1.5, "of 'BTC'") == "haircut must lie in [0, 1], was 1.5 of 'BTC'"
    )
    assert refusal(check.positive, "tick", 0) == "tick must be > 0, was 0"
    assert refusal(check.number, "rate", -1, low=0.0) == "rate must be >= 0, was -1"
    assert (
        refusal(check.one_of, "side", "hold", ("buy", "sell")) == "side must be one of buy, sell, was 'hold'"
    )
    assert refusal(check.unique, "id", "aba") == "id must be unique, was 'a' at row 2"
    assert refusal(check.known, "asset", "X", {}, "asset") == "asset must name a known asset, was 'X'"
    assert (
        refusal(check.ascending, "edges", np.array([0.0, 1.0, 1.0]))
        == "edges must ascend strictly, was 1.0 at row 1"
    )


@pytest.mark.parametrize("value", NOT_FINITE)
def test_number_must_be_finite(value):
    assert refusal(check.number, "price", value).startswith("price must be finite, was ")


@pytest.mark.parametrize("value", NOT_NUMBERS)
def test_number_must_be_a_number(value):
    assert refusal(check.number, "price", value).startswith("price must be a number, was ")


@pytest.mark.parametrize("value", NOT_TEXT)
def test_text_is_printable_and_of_bearable_length(value):
    assert refusal(check.text, "id", value).startswith(
        "id must be a printable text of 1 to 200 characters, was "
    )


def test_message_is_one_short_line():
    for value in ("x" * 500, "a\nb", np.zeros((9, 9)), "\x1b[0m", 10**5000):
        message = refusal(check.number, "price", value)
        assert len(message) < 130
        assert message.isprintable()


@pytest.mark.parametrize(
    "values",
    [
        "abc",
        None,
        [["a"]],
        [1j],
        ["1.5"],
        [[1.0], [1.0, 2.0]],
        [object()],
        [True],
        np.array(["2020-01-01"], dtype="datetime64[D]"),
    ],
)
def test_floats_refuses_what_is_no_column_of_numbers(values):
    assert re.match(r"x must (hold numbers|be finite|have 1 dimension)", refusal(check.floats, "x", values))


def test_floats_checks_dimension_and_length():
    assert refusal(check.floats, "x", [[1.0]]) == "x must have 1 dimension(s), was 2"
    assert refusal(check.floats, "x", 1.0) == "x must have 1 dimension(s), was 0"
    assert refusal(check.floats, "x", [1.0], size=2) == "x must have length 2, was 1"


@pytest.mark.parametrize(
    "values",
    [
        [1, 2],
        (1.0, 2.0),
        np.arange(3),
        [Fraction(1, 2)],
        [Decimal("0.25")],
        [],
        np.arange(4, dtype=np.float32)[::2],
    ],
)
def test_floats_takes_every_column_and_freezes_it(values):
    found = check.floats("x", values)
    assert found.dtype == np.float64
    assert found.flags.c_contiguous
    assert found.tolist() == [float(v) for v in values]
    with pytest.raises(ValueError, match="read-only"):
        found[:1] = 0.0


def test_floats_does_not_share_memory_with_the_caller():
    given_array = np.ones(3)
    found = check.floats("x", given_array)
    given_array[0] = 7.0
    assert found[0] == 1.0


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ([1, 2.5], "was 2.5 at row 1"),
        ([2**63], f"was {2**63} at row 0"),
        (np.array([2**64 - 1], dtype=np.uint64), "at row 0"),
        ([float("nan")], "was nan at row 0"),
        ([1, "2"], "was '2' at row 1"),
        ([True], "was True at row 0"),
        ([[1.5]], "at (0, 0)"),
        ([None], "was None at row 0"),
        ([[1], [1, 2]], "was [[1], [1, 2]]"),
        ("abc", "abc"),
    ],
)
def test_integers_refuses_without_truncating(values, place):
    message = refusal(check.integers, "lots", values)
    assert message.startswith("lots must be 64-bit integers, ")
    assert place in message


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=8))
def test_integers_keeps_every_64_bit_integer(values):
    assert check.integers("lots", values).tolist() == values


def test_integers_takes_small_types():
    assert check.integers("lots", np.array([3, 4], dtype=np.uint8)).tolist() == [3, 4]
    assert check.integers("lots", []).dtype == np.int64


@pytest.mark.parametrize("value", [1.0, True, "1", None, np.float64(1)])
def test_integer_must_be_one(value):
    assert refusal(check.integer, "lots", value).startswith("lots must be an integer, was ")


def test_integer_stays_within_its_range():
    assert check.integer("lots", np.int64(3)) == 3
    assert refusal(check.integer, "lots", 2**63) == f"lots must lie in [{-(2**63)}, {2**63 - 1}], was {2**63}"
    assert refusal(check.integer, "lots", 0, low=1, high=5) == "lots must lie in [1, 5], was 0"


def test_unknown_reference_is_also_a_key_error_with_a_readable_message():
    with pytest.raises(KeyError) as error:
        check.known("asset", ["no key"], {}, "asset", "at row 2")
    assert isinstance(error.value, UnknownReferenceError)
    assert str(error.value) == "asset must name a known asset, was ['no key'] at row 2"
