"""Tables looked at in stretches of a few rows: order, units and refusals are those of plain Python."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin import Account, Book
from crossmargin import _checks as check
from crossmargin.errors import InvalidInputError
from crossmargin.margin.plan import batch
from crossmargin.portfolio import tables
from margin import cases
from strategies import ALL, ASSETS, instruments

TABLE = instruments()
ACCOUNTS = [Account(id=name, currency="USD") for name in "abcd"]
SIZES = st.integers(1, 5)
NUMBER = st.integers(0, 3)
positions = st.lists(
    st.tuples(NUMBER, NUMBER, st.integers(0, len(ALL) - 1), st.integers(-9, 9)), unique_by=lambda r: r[:3], max_size=30
)
balances = st.lists(
    st.tuples(NUMBER, NUMBER, st.integers(0, len(ASSETS) - 1), st.integers(-9, 9)), unique_by=lambda r: r[:3], max_size=20
)
orders = st.lists(
    st.tuples(NUMBER, st.integers(0, 9), st.sampled_from([1, -1]), st.integers(0, 2)), unique_by=lambda r: r[:2], max_size=20
)
uses = st.lists(st.tuples(NUMBER, st.integers(1, 3), st.booleans()), unique_by=lambda r: r[:2], max_size=6)


@contextmanager
def stretches_of(size):
    before, check.STRETCH = check.STRETCH, size
    try:
        yield
    finally:
        check.STRETCH = before


def columns(names, rows):
    return {name: np.array([row[i] for row in rows], dtype=np.int64) for i, name in enumerate(names.split())}


@given(SIZES, positions, balances, orders, uses, st.booleans())
def test_a_book_is_what_plain_python_makes_of_its_rows(size, positions, balances, orders, uses, in_order):
    cross = {(account, pocket) for account, pocket, shared in uses if shared}

    def unit_of(account, pocket):
        return (account, 0 if (account, pocket) in cross else pocket)

    if in_order:
        positions, balances = (sorted(t, key=lambda r: (*unit_of(*r[:2]), r[2], r[1])) for t in (positions, balances))
        orders = sorted(orders, key=lambda r: (r[0], r[2], r[3], r[1]))
    with stretches_of(size):
        book = Book.of(
            TABLE,
            ACCOUNTS,
            positions=columns("account pocket instrument lots", positions),
            balances=columns("account pocket asset atoms", balances),
            orders=columns("account id side ticks", orders) | {"instrument": np.full(len(orders), 1)}
            | {"lots": np.ones(len(orders), dtype=np.int64)},
            pockets=columns("account pocket uses", [(a, p, 0 if shared else p) for a, p, shared in uses]),
        )  # fmt: skip
    held = {unit_of(*row[:2]) for row in [*positions, *balances]}
    units = sorted({(account, 0) for account in range(4)} | held)
    assert list(zip(book.unit_account.tolist(), book.unit_pocket.tolist(), strict=True)) == units
    for number, unit in enumerate(units):
        assert book.unit(ACCOUNTS[unit[0]].id, unit[1]) == number
        for table, item, amount, rows in (
            (book.positions, "instrument", "lots", positions), (book.balances, "asset", "atoms", balances)
        ):  # fmt: skip
            part = table.rows(number)
            found = zip(*(table[name][part].tolist() for name in (item, "pocket", amount)), strict=True)
            assert list(found) == sorted((r[2], r[1], r[3]) for r in rows if unit_of(*r[:2]) == unit)
        part = book.orders.rows(number)
        found = zip(*(book.orders[name][part].tolist() for name in ("side", "ticks", "id")), strict=True)
        assert list(found) == sorted((s, t, i) for a, i, s, t in orders if (a, 0) == unit)
    for table in (book.positions, book.balances, book.orders):
        assert table.start[-1] == len(table["account"])


@given(SIZES, st.lists(st.tuples(NUMBER, NUMBER), max_size=20), st.booleans())
def test_rows_ascend_or_not(size, rows, in_order):
    rows = sorted(rows) if in_order else rows
    with stretches_of(size):
        found = tables.ascends(list(columns("a b", rows).values()))
    assert found == all(one < other for one, other in zip(rows, rows[1:], strict=False))


@given(SIZES, st.lists(st.tuples(NUMBER, st.integers(0, 5)), max_size=20), st.booleans())
def test_a_repeated_id_is_refused_where_it_was_given_again(size, rows, in_order):
    rows = sorted(rows, key=lambda row: row[0]) if in_order else rows
    again = sorted((row, at) for at, row in enumerate(rows) if row in rows[:at])
    given_columns = columns("account id", rows)
    with stretches_of(size):
        if not again:
            tables.require_unique(given_columns, given_columns["account"], ("id",), "orders")
            return
        with pytest.raises(InvalidInputError) as error:
            tables.require_unique(given_columns, given_columns["account"], ("id",), "orders")
    (row, at) = again[0]
    assert str(error.value) == f"orders key must be unique within an account, was 'id {row[1]}' at row {at}"


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_bad_row_of_a_later_stretch_is_named(size):
    for column, bad, message in (
        ("account", 4, "positions.account must be a row of 4 accounts, was 4 at row 5"),
        ("instrument", 8, "positions.instrument must be a row of 8 instruments, was 8 at row 5"),
        ("lots", 2**53 + 1, f"positions.lots must stay within ±{2**53}, was {2**53 + 1} at row 5"),
        ("pocket", -1, "positions.pocket must be >= 0, was -1 at row 5"),
    ):
        given_columns = {name: np.zeros(7, dtype=np.int64) for name in ("account", "pocket", "instrument", "lots")}
        given_columns[column][5] = bad
        with stretches_of(size), pytest.raises(InvalidInputError) as error:
            Book.of(TABLE, ACCOUNTS, positions=given_columns)
        assert str(error.value) == message


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_the_evaluator_looks_at_units_and_rows_in_stretches(size):
    desk = cases.desk("crypto")
    prepared = desk.prepared("portfolio")
    book = cases.random_book(desk, 7, 1)
    sources = batch.sources_of(prepared.layout, book)
    counts = np.sum([np.diff(start) for start, _, _ in sources], axis=0)
    with stretches_of(size):
        units = list(check.stretches(len(book), overlap=1))
        assert max(batch.largest_unit(sources, part) for part in units) == counts.max()
        items = {**prepared.bound.items, "position": np.where(np.arange(18) == 4, -1, np.arange(18))}
        narrow = replace(prepared, bound=replace(prepared.bound, items=items))
        name = desk.instruments.rows[4].id
        held = [({"BTC-PERPETUAL": (1, 0)}, {})] * 5 + [({name: (1, 0)}, {})]
        with pytest.raises(InvalidInputError, match=f"position must be .* the method can hold, was '{name}'"):
            narrow.requirements(cases.book_of(desk, held))
