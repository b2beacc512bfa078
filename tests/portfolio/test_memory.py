"""The boundary copies nothing that comes in order: columns keep their address down to the kernels, peaks stay low."""

import importlib.util
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from crossmargin import Account, Book
from crossmargin.errors import InvalidInputError
from crossmargin.margin.plan import batch
from crossmargin.portfolio import Accounts
from crossmargin.portfolio.feeds import FEEDS
from margin import cases
from strategies import instruments

TABLE = instruments()
BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
MOST = 1.2  # peak over the input columns


def address(array):
    return array.__array_interface__["data"][0]


def tables():
    """Two accounts in order, every column given."""
    return {
        "positions": {
            "account": [0, 0, 1], "pocket": [0, 2, 0], "instrument": [1, 0, 3], "lots": [4, -2, 7],
            "open_cost": [1, 2, 3], "funding_index": [0, 5, 0], "leverage": [0, 0, 9],
        },
        "balances": {
            "account": [0, 1, 1], "pocket": [0, 0, 0], "asset": [0, 0, 0], "atoms": [5, -6, 7],
            "location": [0, 0, 1], "available_from": [0, 0, 0],
        },
        "orders": {
            "account": [0, 1], "pocket": [0, 0], "id": [8, 8], "instrument": [1, 1], "side": [1, -1],
            "lots": [2, 3], "ticks": [10, 11], "flags": [0, 0],
        },
    }  # fmt: skip


def arrays():
    return {name: {field: np.array(v) for field, v in columns.items()} for name, columns in tables().items()}


ACCOUNTS = [Account(id=name, currency="USD") for name in ("adam", "mia")]


def test_columns_in_order_keep_their_address():
    given = arrays()
    book = Book.of(TABLE, ACCOUNTS, **given)
    for name, columns in given.items():
        for field, column in columns.items():
            assert address(getattr(book, name)[field]) == address(column), (name, field)
            assert not getattr(book, name)[field].flags.writeable
        assert getattr(book, name)["balance_pocket"] is getattr(book, name)["pocket"]
    assert book.positions.start.tolist() == [0, 1, 2, 3]  # adam, his pocket 2, mia


def test_adopted_arrays_are_locked_and_copied_ones_are_the_callers():
    given = arrays()
    Book.of(TABLE, ACCOUNTS, **given)
    with pytest.raises(ValueError, match="read-only"):
        given["positions"]["lots"][0] = 99
    given = arrays()
    book = Book.of(TABLE, ACCOUNTS, **given, copy=True)
    for name, columns in given.items():
        for field, column in columns.items():
            assert address(getattr(book, name)[field]) != address(column)
            column[:] = 77
    assert book.positions["lots"].tolist() == [4, -2, 7]


def test_a_refusal_locks_nothing():
    given = arrays()
    given["orders"]["side"][1] = 0
    with pytest.raises(InvalidInputError, match="^orders.side must be .*, was 0 at row 1$"):
        Book.of(TABLE, ACCOUNTS, **given)
    assert all(column.flags.writeable for columns in given.values() for column in columns.values())


def test_columns_out_of_order_are_copied_and_left_alone():
    given = {name: {field: column[::-1].copy() for field, column in t.items()} for name, t in arrays().items()}
    book = Book.of(TABLE, ACCOUNTS, **given)
    assert book.positions["lots"].tolist() == [4, -2, 7]
    for name, columns in given.items():
        for field, column in columns.items():
            assert not np.may_share_memory(getattr(book, name)[field], column)
            assert column.flags.writeable


@pytest.mark.parametrize(
    "convert",
    [
        lambda column: column.astype(np.int32),
        lambda column: column.astype(">i8"),
        lambda column: np.repeat(column, 2)[::2],
        lambda column: column.astype(np.uint64),
        lambda column: column.tolist(),
    ],
    ids=["int32", "big-endian", "strided", "unsigned", "list"],
)
def test_other_forms_are_converted_and_the_rest_adopted(convert):
    given = arrays()
    given["positions"]["leverage"] = convert(given["positions"]["leverage"])
    book = Book.of(TABLE, ACCOUNTS, **given)
    assert book.positions["leverage"].tolist() == [0, 0, 9]
    assert book.positions["leverage"].dtype == np.int64
    assert book.positions["leverage"].flags.c_contiguous
    assert not np.may_share_memory(book.positions["leverage"], np.asarray(given["positions"]["leverage"]))
    assert address(book.positions["lots"]) == address(given["positions"]["lots"])


class Handed:
    """Something that hands out its memory, as data frames do."""

    def __init__(self, values, writeable):
        self.values = np.array(values)
        self.values.flags.writeable = writeable

    def __array__(self, dtype=None, copy=None):
        return self.values


@pytest.mark.parametrize("writeable", [True, False])
def test_memory_of_others_is_adopted_where_nobody_can_write_to_it(writeable):
    given = arrays()
    lots = given["positions"]["lots"] = Handed([4, -2, 7], writeable)
    book = Book.of(TABLE, ACCOUNTS, **given)
    assert np.may_share_memory(book.positions["lots"], lots.values) is not writeable
    assert lots.values.flags.writeable is writeable
    assert book.positions["lots"].tolist() == [4, -2, 7]


def test_unaligned_columns_are_copied():
    given = arrays()
    raw = np.zeros(3 * 8 + 1, dtype=np.uint8)
    lots = given["positions"]["lots"] = raw[1:].view(np.int64)
    lots[:] = [4, -2, 7]
    assert not lots.flags.aligned
    book = Book.of(TABLE, ACCOUNTS, **given)
    assert book.positions["lots"].flags.aligned
    assert book.positions["lots"].tolist() == [4, -2, 7]


def test_accounts_out_of_order_are_renumbered_in_a_copy():
    given = arrays()
    book = Book.of(TABLE, ACCOUNTS[::-1], **given)
    assert book.positions["lots"].tolist() == [7, 4, -2]
    assert given["positions"]["account"].tolist() == [0, 0, 1]
    assert given["positions"]["account"].flags.writeable


def test_feeds_and_kernels_read_the_columns_that_were_given(monkeypatch):
    desk = cases.desk("crypto")
    given = {
        "positions": {"account": np.array([0, 0, 1]), "instrument": np.array([0, 1, 0]), "lots": np.array([1, 2, 3]),
                      "open_cost": np.array([0, 0, 0])},
        "balances": {"account": np.array([0, 1]), "asset": np.array([0, 0]), "atoms": np.array([10**9, 10**9])},
    }  # fmt: skip
    accounts = [Account(id=name, currency=desk.instruments.assets[0].id) for name in ("adam", "mia")]
    book = Book.of(desk.instruments, accounts, **given)
    columns = {
        "position": ("positions", "instrument", "lots"), "cost": ("positions", "instrument", "open_cost"),
        "balance": ("balances", "asset", "atoms"),
    }  # fmt: skip
    expected = {s: (address(given[t][item]), address(given[t][amount])) for s, (t, item, amount) in columns.items()}
    for source, addresses in expected.items():
        start, item, amount = FEEDS[source](book)
        assert (address(item), address(amount)) == addresses
        assert start is getattr(book, columns[source][0]).start

    seen, kernel = [], batch.plan.evaluate
    monkeypatch.setattr(batch.plan, "evaluate", lambda *args: (seen.append(args[9]), kernel(*args))[1])
    prepared = desk.prepared("portfolio")
    prepared.requirements(book)
    sources = [holding.source for holding in prepared.program.holdings]
    assert set(columns) <= set(sources)
    for source, (_, item, amount) in zip(sources, seen[0], strict=True):
        if source in expected:
            assert (address(item), address(amount)) == expected[source]


@pytest.fixture(scope="module")
def memory():
    """The benchmark as a module."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location("memory_benchmark", BENCHMARKS / "memory.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(BENCHMARKS))


def traced(call):
    """What a call gives, and the most bytes beyond those before that it held at a time."""
    tracemalloc.start()
    try:
        made = call()
        return made, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def peaks(memory, method, accounts):
    """Bytes of the input, the most a book takes beside it, and the most its requirements take beside both.

    Apart: absent columns, which are zeros that the system never maps (tracemalloc counts them, the benchmark, which
    reads resident memory, shows that they are not there), and the columns of the result.
    """
    held, cash = memory.columns(accounts, 20)
    names = Accounts.of(memory.ids(accounts), currency="USDC")
    book, grown = traced(lambda: Book.of(method.instruments, names, positions=held, balances=cash))
    zeros = book.positions["leverage"].nbytes + book.balances["location"].nbytes
    found, more = traced(lambda: method.requirements(book))
    outputs = sum(getattr(found, name).size * 8 for name in memory.NAMES)
    return memory.bytes_of(held, cash), grown - zeros, more - outputs


def test_peaks_stay_within_a_fifth_of_the_input(memory):
    """The evaluator's blocks have one size from a few thousand rows on: what 2,000 accounts take is taken off."""
    method = memory.prepared()
    given, book, requirements = peaks(memory, method, 20_000)
    working = peaks(memory, method, 2_000)[2]
    kept = 7 * 8 * 20_000  # units, starts and currency of each account
    print(f"{given:,} bytes in columns: book {1 + book / given:.3f}, requirements "
          f"{1 + (kept + requirements - working) / given:.3f} and {working:,} of blocks")  # fmt: skip
    assert 0 < book <= (MOST - 1) * given
    assert 0 < kept + max(requirements - working, 0) <= (MOST - 1) * given


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_resident_peak_of_a_book_stays_within_a_fifth(memory):
    found = memory.run("book", 20_000, 20)
    print(found)
    assert found["growth"] <= (MOST - 1) * found["input"]
