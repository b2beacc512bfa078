"""Books as Arrow tables and Parquet files: the same book again, on the same memory, or a refusal with its place."""

import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin import Account, Book
from crossmargin.errors import CrossmarginError, InvalidInputError, MissingExtraError, UnknownReferenceError
from crossmargin.portfolio import Accounts, arrow
from portfolio.test_book import balance_rows, book, order_rows, position_rows, same
from strategies import ALL, ASSETS, instruments

TABLE = instruments()
ACCOUNTS = [
    Account(id="adam", currency="USD", owner="Ä", parent="mia", mode="isolated", method="portfolio"),
    Account(id="mia", currency="BTC"),
    Account(id="zoe", currency="USD", owner="z"),
]
POCKETS = {"account": [0, 0, 2], "pocket": [1, 2, 1], "uses": [0, 2, 0]}


class Stream:
    """Nothing but the protocol."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def address(array):
    return array.__array_interface__["data"][0]


def buffer(column):
    array = column.chunk(0)
    array = array.indices if pa.types.is_dictionary(array.type) else array
    return array.buffers()[1].address + 8 * array.offset


def example():
    return book(
        [(0, 0, 1, 5, 10), (0, 1, 1, -3, 11), (0, 2, 1, 7, 0), (2, 1, 3, 1, 2)],
        [(0, 0, 0, 0, 10**15), (1, 0, 2, 1, -7)],
        [(1, 4, 2, 1, 6, 100), (1, 3, 2, -1, 5, 101)],
        accounts=ACCOUNTS,
        pockets=POCKETS,
    )


def whole(one, other):
    same(one, other)
    assert list(one.accounts) == list(other.accounts)


@given(position_rows, balance_rows, order_rows, st.booleans())
def test_a_book_comes_back_whole(positions, balances, orders, shared):
    first = book(positions, balances, orders, ACCOUNTS, POCKETS if shared else None)
    whole(first, arrow.from_arrow(TABLE, **arrow.to_arrow(first)))
    streams = {name: Stream(table) for name, table in arrow.to_arrow(first).items()}
    whole(first, arrow.from_arrow(TABLE, **streams))


def test_a_pocket_on_the_balances_of_another_comes_back():
    pockets = {"account": [1, 2], "pocket": [3, 3], "uses": [0, 0]}
    first = book([(1, 3, 1, 5, 0), (2, 0, 1, 4, 0)], accounts=ACCOUNTS, pockets=pockets)
    tables = arrow.to_arrow(first)
    assert tables["pockets"].to_pydict() == {"account": [1], "pocket": [3], "uses": [0]}  # the other holds nothing
    whole(first, arrow.from_arrow(TABLE, **tables))


@pytest.mark.parametrize("made", [example, lambda: book(accounts=[]), book])
def test_files_give_the_same_book(made, tmp_path):
    first = made()
    arrow.write_parquet(first, tmp_path / "new" / "folder")
    whole(first, arrow.read_parquet(TABLE, tmp_path / "new" / "folder"))
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == sorted(
        f"{name}.parquet" for name in arrow.TABLES
    )


def test_columns_are_on_the_same_memory_both_ways():
    first = example()
    made = arrow.to_arrow(first)
    again = arrow.from_arrow(TABLE, **{name: Stream(table) for name, table in made.items()})
    for name in ("positions", "balances", "orders"):
        for field in made[name].column_names:
            column = getattr(first, name)[field]
            assert buffer(made[name].column(field)) == address(column), (name, field)
            assert address(getattr(again, name)[field]) == address(column), (name, field)


def test_accounts_in_columns_and_as_objects():
    tables = arrow.to_arrow(example())
    held = {name: table for name, table in tables.items() if name != "accounts"}
    whole(arrow.from_arrow(TABLE, ACCOUNTS, **held), example())
    light = Accounts.of([a.id for a in ACCOUNTS], currency="USD")
    assert [a.currency for a in arrow.from_arrow(TABLE, light, **held).accounts] == ["USD"] * 3
    few = pa.table({"currency": ["USD", "BTC"], "id": pa.array(["b", "a"]).dictionary_encode()})
    expected = [Account(id="a", currency="BTC"), Account(id="b", currency="USD")]
    assert list(arrow.from_arrow(TABLE, few).accounts) == expected


def test_chunks_are_joined_and_slices_stay():
    first = example()
    table = arrow.to_arrow(first)["positions"]
    parts = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    found = arrow.from_arrow(TABLE, ACCOUNTS, positions=parts, pockets=POCKETS_TABLE)
    np.testing.assert_array_equal(found.positions["lots"], first.positions["lots"])
    found = arrow.from_arrow(TABLE, ACCOUNTS, positions=table.slice(1, 2), pockets=POCKETS_TABLE)
    assert address(found.positions["lots"]) == address(first.positions["lots"]) + 8


POCKETS_TABLE = pa.table(POCKETS)


@pytest.mark.parametrize("kind", [pa.int8(), pa.int32(), pa.uint64(), pa.int64()])
def test_integers_of_any_width_are_taken(kind):
    given_table = pa.table({"account": [0, 1], "instrument": [2, 2], "lots": pa.array([3, 4], kind)})
    assert arrow.from_arrow(TABLE, ACCOUNTS, positions=given_table).positions["lots"].tolist() == [3, 4]


@pytest.mark.parametrize(
    "encode",
    [
        lambda ids: pa.array(ids, pa.string()),
        lambda ids: pa.array(ids, pa.string_view()),
        lambda ids: pa.array(ids, pa.large_string()),
        lambda ids: pa.array(ids, pa.string()).dictionary_encode(),
        lambda ids: pa.chunked_array([pa.array(ids[:1]).dictionary_encode(), pa.array(ids[1:]).dictionary_encode()]),
    ],
    ids=["text", "text views", "large text", "dictionary", "chunks of dictionaries"],
)
def test_ids_are_matched_by_name(encode):
    ids = [TABLE.rows[row].id for row in (5, 0, 5)]
    given_table = pa.table({"account": encode(["zoe", "mia", "adam"]), "instrument": encode(ids), "lots": [1, 2, 3]})
    found = arrow.from_arrow(TABLE, ACCOUNTS[::-1], positions=given_table)
    assert found.positions["instrument"].tolist() == [5, 0, 5]
    assert found.positions["lots"].tolist() == [3, 2, 1]


def test_a_book_beside_other_instruments_is_renumbered_or_refused_by_name(tmp_path):
    first = example()
    arrow.write_parquet(first, tmp_path)
    held = {TABLE.rows[row].id for row in first.positions["instrument"].tolist()}
    held |= {TABLE.rows[row].id for row in first.orders["instrument"].tolist()}
    unheld = next(row for row in ALL if row.id not in held)
    smaller = instruments([row for row in ALL if row.id != unheld.id], ASSETS)
    found = arrow.read_parquet(smaller, tmp_path)
    names = [smaller.rows[row].id for row in found.positions["instrument"].tolist()]
    assert names == [TABLE.rows[row].id for row in first.positions["instrument"].tolist()]
    assert found.positions["lots"].tolist() == first.positions["lots"].tolist()
    lost = TABLE.rows[int(first.positions["instrument"][3])].id
    fewer = instruments([row for row in ALL if row.id != lost], ASSETS)
    message = f"^positions.instrument must name a known instrument, was '{lost}' at row 3$"
    with pytest.raises(UnknownReferenceError, match=message):
        arrow.read_parquet(fewer, tmp_path)


def positions(**changed):
    return pa.table({"account": [0, 1], "instrument": [2, 2], "lots": [3, 4]} | changed)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (positions(lots=[3, None]), "positions.lots must be given in every row, was None at row 1"),
        (positions(instrument=["PUT", None]), "positions.instrument must be given in every row, was None at row 1"),
        (positions(lots=[3.0, 4.5]), "positions.lots must be 64-bit integers, was 3.0 at row 0"),
        (positions(lots=pa.array([3, 2**63], pa.uint64())), f"positions.lots must be 64-bit integers, was {2**63} at row 1"),
        (positions(lots=[True, False]), "positions.lots must be 64-bit integers, was True at row 0"),
        (positions(lots=["3", "4"]), "positions.lots must be 64-bit integers, was '3' at row 0"),
        (positions(instrument=["PUT", "TULIP"]), "positions.instrument must name a known instrument, was 'TULIP' at row 1"),
        (positions(account=["zoe", "eve"]), "positions.account must name a known account, was 'eve' at row 1"),
        (positions(instrument=[2, 8]), "positions.instrument must be a row of 8 instruments, was 8 at row 1"),
        (positions(instrument=pa.DictionaryArray.from_arrays(pa.array([0, 3]), ["PUT", None], safe=False)),
         "positions.instrument must be a row of 2 names, was 3 at row 1"),
        (positions(instrument=pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(["PUT", None]))),
         "positions.instrument must name a known instrument, was None at row 1"),
        (positions(size=[1, 2]), "positions columns must be among account, pocket, instrument, lots, open_cost, "
                                 "funding_index, leverage, was 'size'"),
        (pa.Table.from_arrays([pa.array([0])] * 2, ["lots", "lots"]), "positions column must be unique, was 'lots' at row 1"),
        ([1, 2], "positions must be an Arrow table or stream, was 'list'"),
    ],
)  # fmt: skip
def test_what_is_no_table_of_a_book_is_refused(table, message):
    with pytest.raises(InvalidInputError) as error:
        arrow.from_arrow(TABLE, ACCOUNTS, positions=table)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"id": ["a"]}), "accounts.currency must be given, was None"),
        (pa.table({"currency": ["USD"]}), "accounts.id must be given, was None"),
        (pa.table({"id": ["a"], "currency": ["USD"], "size": [1]}),
         "accounts columns must be among id, currency, owner, parent, mode, method, was 'size'"),
        (pa.table({"id": ["a", None], "currency": ["USD", "USD"]}), "accounts.id must be given in every row, was None at row 1"),
        (pa.table({"id": [5], "currency": ["USD"]}), "accounts.id must hold text, was 'int64'"),
        (pa.table({"id": ["a", "b"], "currency": ["USD", "EUR"]}), "currency must name a known asset, was 'EUR' of 'b'"),
        (pa.table({"id": ["a", ""], "currency": ["USD", "USD"]}),
         "account id must be a printable text of 1 to 200 characters, was '' at row 1"),
    ],
)  # fmt: skip
def test_what_is_no_table_of_accounts_is_refused(table, message):
    with pytest.raises(InvalidInputError) as error:
        arrow.from_arrow(TABLE, table)
    assert str(error.value) == message


def test_a_folder_without_a_table_is_refused(tmp_path):
    arrow.write_parquet(example(), tmp_path)
    (tmp_path / "balances.parquet").unlink()
    with pytest.raises(InvalidInputError, match=r"^folder must hold balances\.parquet, was "):
        arrow.read_parquet(TABLE, tmp_path)


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'crossmargin\[arrow\]'") as error:
        arrow.to_arrow(example())
    assert isinstance(error.value, CrossmarginError)
    assert isinstance(error.value, ImportError)
    assert isinstance(example(), Book)
