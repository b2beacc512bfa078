"""The book: order of input is irrelevant, units, and refusals that change nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin import Account, Book
from crossmargin.errors import InvalidInputError, UnknownReferenceError
from strategies import ALL, ASSETS, instruments

TABLE = instruments()
ACCOUNTS = [Account(id=name, currency="USD") for name in ("zoe", "adam", "mia")]
SMALL = st.integers(-(10**9), 10**9)

position_rows = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, len(ALL) - 1), SMALL, SMALL),
    unique_by=lambda row: row[:3],
    max_size=12,
)
balance_rows = st.lists(
    st.tuples(
        st.integers(0, 2), st.integers(0, 2), st.integers(0, len(ASSETS) - 1), st.integers(0, 1), SMALL
    ),
    unique_by=lambda row: row[:4],
    max_size=8,
)
order_rows = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 99),
        st.integers(0, len(ALL) - 1),
        st.sampled_from([1, -1]),
        st.integers(1, 100),
        SMALL,
    ),
    unique_by=lambda row: row[:2],
    max_size=8,
)


def columns(names, rows):
    return {name: [row[i] for row in rows] for i, name in enumerate(names.split())} if rows else None


def book(positions=(), balances=(), orders=(), accounts=ACCOUNTS, pockets=None, table=TABLE):
    return Book.of(
        table,
        accounts,
        positions=columns("account pocket instrument lots open_cost", positions),
        balances=columns("account pocket asset location atoms", balances),
        orders=columns("account id instrument side lots ticks", orders),
        pockets=pockets,
    )


def same(one, other):
    assert one.accounts == other.accounts
    np.testing.assert_array_equal(one.unit_account, other.unit_account)
    np.testing.assert_array_equal(one.unit_pocket, other.unit_pocket)
    for name in ("positions", "balances", "orders"):
        left, right = getattr(one, name), getattr(other, name)
        assert left.columns.keys() == right.columns.keys()
        for field in left.columns:
            np.testing.assert_array_equal(left[field], right[field])
        np.testing.assert_array_equal(left.start, right.start)


@given(position_rows, balance_rows, order_rows, st.permutations(range(3)), st.randoms(use_true_random=False))
def test_insertion_order_does_not_matter(positions, balances, orders, order, shuffler):
    def renumbered(rows):
        moved = [(order.index(row[0]), *row[1:]) for row in rows]
        shuffler.shuffle(moved)
        return moved

    accounts = [ACCOUNTS[i] for i in order]
    other = book(renumbered(positions), renumbered(balances), renumbered(orders), accounts)
    same(book(positions, balances, orders), other)


@given(position_rows, balance_rows)
def test_every_row_stands_in_the_unit_of_its_account_and_pocket(positions, balances):
    found = book(positions, balances)
    held = {(ACCOUNTS[row[0]].id, row[1]) for row in [*positions, *balances]} | {(a.id, 0) for a in ACCOUNTS}
    assert len(found) == len(held)
    for account, pocket in held:
        unit = found.unit(account, pocket)
        rows = found.positions.rows(unit)
        expected = sorted(
            (r[2], r[3], r[4]) for r in positions if (ACCOUNTS[r[0]].id, r[1]) == (account, pocket)
        )
        names = ("instrument", "lots", "open_cost")
        assert list(zip(*(found.positions[n][rows].tolist() for n in names), strict=True)) == expected


def test_the_order_of_instruments_and_assets_does_not_matter():
    reverse = instruments(ALL[::-1], ASSETS[::-1])
    assert reverse == TABLE
    rows = [(0, 0, reverse.index["CALL"], 3, 0)]
    same(book(rows), book(rows, table=reverse))


def test_hedge_mode_shares_balances():
    pockets = {"account": [0, 0], "pocket": [1, 2], "uses": [0, 2]}
    found = book([(0, 0, 1, 5, 0), (0, 1, 1, -3, 0), (0, 2, 1, 7, 0)], pockets=pockets)
    cross, own = found.unit("zoe"), found.unit("zoe", 2)
    assert found.positions["lots"][found.positions.rows(cross)].tolist() == [5, -3]
    assert found.positions["lots"][found.positions.rows(own)].tolist() == [7]
    with pytest.raises(InvalidInputError, match="^pocket must be a pocket of 'zoe', was 1$"):
        found.unit("zoe", 1)


@pytest.mark.parametrize(
    ("pockets", "message"),
    [
        (
            {"account": [0], "pocket": [1], "uses": [2]},
            "pockets.uses must be the pocket itself or 0, was 2 at row 0",
        ),
        (
            {"account": [0], "pocket": [0], "uses": [1]},
            "pockets.uses must be the pocket itself or 0, was 1 at row 0",
        ),
        (
            {"account": [3], "pocket": [1], "uses": [0]},
            "pockets.account must be a row of 3 accounts, was 3 at row 0",
        ),
        (
            {"account": [1, 1], "pocket": [1, 1], "uses": [0, 1]},
            "pockets key must be unique within an account, was 'pocket 1' at row 1",
        ),
    ],
)
def test_bad_pockets_are_refused(pockets, message):
    with pytest.raises(InvalidInputError) as error:
        book(pockets=pockets)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"positions": [(3, 0, 0, 1, 0)]}, "positions.account must be a row of 3 accounts, was 3 at row 0"),
        (
            {"positions": [(0, 0, 8, 1, 0)]},
            "positions.instrument must be a row of 8 instruments, was 8 at row 0",
        ),
        (
            {"positions": [(0, 0, -1, 1, 0)]},
            "positions.instrument must be a row of 8 instruments, was -1 at row 0",
        ),
        ({"balances": [(0, 0, 3, 0, 1)]}, "balances.asset must be a row of 3 assets, was 3 at row 0"),
        ({"positions": [(0, -1, 0, 1, 0)]}, "positions.pocket must be >= 0, was -1 at row 0"),
        (
            {"positions": [(0, 0, 0, 2**53 + 1, 0)]},
            f"positions.lots must stay within ±{2**53}, was {2**53 + 1} at row 0",
        ),
        (
            {"positions": [(0, 0, 0, float("inf"), 0)]},
            "positions.lots must be 64-bit integers, was inf at row 0",
        ),
        (
            {"positions": [(0, 0, 0, 1, 2**63)]},
            f"positions.open_cost must be 64-bit integers, was {2**63} at row 0",
        ),
        (
            {"positions": [(0, 0, 0, 1, 0), (1, 0, 0, 1, 0), (0, 0, 0, 1, 0)]},
            "positions key must be unique within an account, was 'instrument 0, pocket 0' at row 2",
        ),
        (
            {"balances": [(0, 0, 1, 0, 1), (0, 0, 1, 0, 2)]},
            "balances key must be unique within an account, "
            "was 'asset 1, location 0, available_from 0, pocket 0' at row 1",
        ),
        (
            {"orders": [(0, 5, 0, 1, 1, 1), (0, 5, 1, -1, 2, 2)]},
            "orders key must be unique within an account, was 'id 5' at row 1",
        ),
        ({"orders": [(0, 5, 0, 0, 1, 1)]}, "orders.side must be +1 (buy) or -1 (sell), was 0 at row 0"),
        (
            {"orders": [(0, 5, 0, -(2**63), 1, 1)]},
            f"orders.side must be +1 (buy) or -1 (sell), was {-(2**63)} at row 0",
        ),
        ({"orders": [(0, 5, 0, 1, 0, 1)]}, "orders.lots must be > 0, was 0 at row 0"),
    ],
)
def test_bad_rows_are_refused_with_their_place(rows, message):
    with pytest.raises(InvalidInputError) as error:
        book(**rows)
    assert str(error.value) == message


def test_accounts_are_unique_and_their_currency_known():
    with pytest.raises(InvalidInputError, match="^account id must be unique, was 'adam' at row 3$"):
        book(accounts=[*ACCOUNTS, ACCOUNTS[1]])
    with pytest.raises(UnknownReferenceError, match="^currency must name a known asset, was 'EUR' of 'eve'$"):
        book(accounts=[Account(id="eve", currency="EUR")])
    with pytest.raises(InvalidInputError, match="^account id must be a printable text"):
        Account(id="", currency="USD")


def test_empty_books_are_books():
    assert len(book(accounts=[])) == 0
    found = book()
    assert len(found) == 3
    assert found.currency.tolist() == [TABLE.asset_index["USD"]] * 3
    assert len(found.positions) == len(found.balances) == len(found.orders) == 0
    with pytest.raises(UnknownReferenceError, match="^account must name a known account, was 'nobody'$"):
        found.unit("nobody")


def test_a_refusal_leaves_the_given_columns_alone():
    given_columns = {"account": np.array([0, 0]), "instrument": np.array([0, 99]), "lots": np.array([1, 1])}
    before = {name: column.copy() for name, column in given_columns.items()}
    with pytest.raises(InvalidInputError, match="99 at row 1"):
        Book.of(TABLE, ACCOUNTS, positions=given_columns)
    for name, column in before.items():
        np.testing.assert_array_equal(given_columns[name], column)
        assert given_columns[name].flags.writeable


def test_tables_are_read_only():
    found = book([(0, 0, 0, 1, 0)])
    for column in (
        *found.positions.columns.values(),
        found.positions.start,
        found.unit_account,
        found.unit_pocket,
    ):
        assert not column.flags.writeable
