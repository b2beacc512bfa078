"""Columns of a book: required fields, lengths, keys, sorting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.errors import InvalidInputError
from crossmargin.portfolio import tables

FIELDS = {"account": None, "lots": None, "pocket": 3}


def test_absent_columns_take_their_default_and_an_empty_table_is_empty():
    found = tables.read("positions", {"account": [0, 0], "lots": [1, 2]}, FIELDS)
    assert found["pocket"].tolist() == [3, 3]
    assert all(len(column) == 0 for column in tables.read("positions", {}, FIELDS).values())


@pytest.mark.parametrize(
    ("given_columns", "message"),
    [
        ({"account": [0]}, "positions.lots must be given, was None"),
        (
            {"account": [0], "lots": [1], "size": [1]},
            "positions columns must be among account, lots, pocket, was 'size'",
        ),
        ({"account": [0], "lots": [1, 2]}, "positions.lots must have length 1, was 2"),
        ({"account": 0, "lots": [1]}, "positions.account must have 1 dimension(s), was 0"),
        ({"account": [[0]], "lots": [1]}, "positions.account must have 1 dimension(s), was 2"),
        ({"account": [0], "lots": [1.5]}, "positions.lots must be 64-bit integers, was 1.5 at row 0"),
        (
            {"account": [0], "lots": [float("nan")]},
            "positions.lots must be 64-bit integers, was nan at row 0",
        ),
    ],
)
def test_bad_columns_are_refused(given_columns, message):
    with pytest.raises(InvalidInputError) as error:
        tables.read("positions", given_columns, FIELDS)
    assert str(error.value) == message


rows = st.lists(st.tuples(st.integers(0, 3), st.integers(-5, 5)), unique=True, max_size=20)


@given(rows)
def test_sorting_cuts_by_unit(pairs):
    columns = {
        "unit": np.array([p[0] for p in pairs], dtype=np.int64),
        "key": np.array([p[1] for p in pairs], dtype=np.int64),
    }
    table = tables.sort(columns, columns["unit"], 4, ("key",), "rows")
    assert len(table) == len(pairs)
    found = list(zip(table["unit"].tolist(), table["key"].tolist(), strict=True))
    assert found == sorted(pairs)
    for unit in range(4):
        assert table["key"][table.rows(unit)].tolist() == sorted(k for u, k in pairs if u == unit)


def test_a_repeated_key_names_its_second_row():
    columns = {"key": np.array([5, 1, 5, 1])}
    with pytest.raises(
        InvalidInputError, match="^rows key must be unique within an account, was 'key 1' at row 3$"
    ):
        tables.sort(columns, np.zeros(4, dtype=np.int64), 1, ("key",), "rows")


def test_row_numbers_and_lots_stay_in_range():
    with pytest.raises(
        InvalidInputError, match="^positions.account must be a row of 2 accounts, was -1 at row 1$"
    ):
        tables.within("positions.account", np.array([0, -1]), 2, "accounts")
    with pytest.raises(InvalidInputError, match="^lots must stay within ±5, was -6 at row 0$"):
        tables.at_most("lots", np.array([-6]), 5)
    with pytest.raises(
        InvalidInputError, match="^lots must stay within ±5, was -9223372036854775808 at row 0$"
    ):
        tables.at_most("lots", np.array([-(2**63)]), 5)
