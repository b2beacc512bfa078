"""Accounts in columns: what they hold, their order, refusals with the place."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin import Account, Book
from crossmargin.errors import InvalidInputError, UnknownReferenceError
from crossmargin.portfolio import Accounts
from strategies import instruments

TABLE = instruments()
FIELDS = ("currency", "owner", "parent", "mode", "method")
texts = st.text("abxyz", max_size=2)
rows = st.lists(
    st.builds(Account, id=st.text("abc0é", min_size=1, max_size=3), currency=st.sampled_from(["USD", "BTC"]),
              owner=texts, parent=texts, mode=st.sampled_from(["cross", "isolated"]), method=texts),
    unique_by=lambda account: account.id, max_size=8,
)  # fmt: skip


def in_columns(accounts, array):
    names = [account.id for account in accounts]
    fields = {field: [getattr(account, field) for account in accounts] for field in FIELDS}
    return Accounts.of(np.array(names, dtype="U3") if array else names, **fields)


@given(rows, st.booleans())
def test_columns_hold_what_objects_hold(accounts, array):
    columns, objects = in_columns(accounts, array), Accounts.from_rows(accounts)
    assert len(columns) == len(accounts)
    assert columns == objects == accounts
    assert columns[1:] == accounts[1:]
    assert [type(account.id) for account in columns] == [str] * len(accounts)
    books = [Book.of(TABLE, given_accounts) for given_accounts in (columns, objects, accounts)]
    expected = sorted(accounts, key=lambda account: account.id)
    for book in books:
        assert list(book.accounts) == expected
        assert book.currency.tolist() == [TABLE.asset_index[account.currency] for account in expected]
        assert dict(book.account_index) == {account.id: row for row, account in enumerate(expected)}
        assert all(book.unit(account.id) == row for row, account in enumerate(expected))


def test_one_text_holds_for_all():
    found = Accounts.of(["b", "a"], currency="USD", owner=["x", "y"])
    assert found == [Account(id="b", currency="USD", owner="x"), Account(id="a", currency="USD", owner="y")]
    assert found != [Account(id="b", currency="USD", owner="x")]
    assert found[-1].owner == "y"
    assert repr(found) == "Accounts(2)"


def test_objects_stay_the_same_objects():
    owner = Account(id="one", currency="USD")
    assert Book.of(TABLE, [owner, Account(id="a", currency="USD")]).accounts[1] is owner


def test_ids_of_an_array_are_not_copied():
    ids = np.array(["adam", "mia"])
    book = Book.of(TABLE, Accounts.of(ids, currency="USD"))
    assert book.accounts.ids is ids
    assert not ids.flags.writeable
    assert book.accounts.labels["owner"].codes is None


@pytest.mark.parametrize("array", [False, True])
def test_rows_without_a_meaning_are_refused(array):
    def of(*names, **fields):
        return Accounts.of(np.array(names) if array else names, **{"currency": "USD"} | fields)

    with pytest.raises(InvalidInputError, match="^account id must be a printable text .*, was '' at row 1$"):
        of("a", "")
    with pytest.raises(InvalidInputError, match="^account owner must have length 2, was 1$"):
        of("a", "b", owner=["x"])
    with pytest.raises(InvalidInputError, match="^account id must be unique, was 'a' at row 2$"):
        Book.of(TABLE, of("b", "a", "a"))
    with pytest.raises(UnknownReferenceError, match="^currency must name a known asset, was 'EUR' of 'c'$"):
        Book.of(TABLE, of("a", "c", "b", currency=["USD", "EUR", "EUR"]))
    with pytest.raises(UnknownReferenceError, match="^currency must name a known asset, was 'EUR' of 'a'$"):
        Book.of(TABLE, of("a", "b", currency="EUR"))
    assert len(Book.of(TABLE, of(currency="EUR"))) == 0
    book = Book.of(TABLE, of("a", "c"))
    for name in ("b", "", "d", 5, None, ["a"]):
        with pytest.raises(UnknownReferenceError, match="^account must name a known account, was "):
            book.unit(name)
