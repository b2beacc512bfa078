"""The one store of what is held: accounts, positions, balances and orders, sorted when built."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Integers
from crossmargin.instruments import Instruments
from crossmargin.portfolio import tables
from crossmargin.portfolio.accounts import Account, Accounts, Index
from crossmargin.portfolio.tables import Columns, Table
from crossmargin.portfolio.units import Pairs, Units

POSITION = {"account": None, "pocket": 0, "instrument": None, "lots": None, "open_cost": 0,
            "funding_index": 0, "leverage": 0}  # fmt: skip
BALANCE = {"account": None, "pocket": 0, "asset": None, "atoms": None, "location": 0, "available_from": 0}
ORDER = {"account": None, "pocket": 0, "id": None, "instrument": None, "side": None, "lots": None,
         "ticks": None, "flags": 0}  # fmt: skip

FIELDS = {"positions": POSITION, "balances": BALANCE, "orders": ORDER}
KEYS = {"positions": ("instrument", "pocket"), "balances": ("asset", "location", "available_from", "pocket"),
        "orders": ("instrument", "side", "ticks", "id")}  # fmt: skip


@dataclass(frozen=True)
class Book:
    """Tables over *units*: an account, or one of its pockets with balances of its own.

    Columns are int64. positions: lots (signed), open_cost (atoms of the settlement asset; profit =
    value at mark - open cost). balances: atoms (negative is debt). orders: side +1 buys and -1 sells,
    lots open > 0, ticks the limit. Row order of the input does not matter: tables are sorted by key.
    """

    instruments: Instruments
    accounts: Accounts
    unit_account: Integers
    unit_pocket: Integers
    positions: Table
    balances: Table
    orders: Table

    @classmethod
    def of(
        cls,
        instruments: Instruments,
        accounts: Sequence[Account],
        *,
        positions: Columns | None = None,
        balances: Columns | None = None,
        orders: Columns | None = None,
        pockets: Columns | None = None,
        copy: bool = False,
    ) -> "Book":
        """Check and sort; ``account`` columns are rows of ``accounts``, ``instrument`` and ``asset`` of
        ``instruments``. ``pockets`` (account, pocket, uses) names pockets that use another's balances.

        A table that comes in order, accounts by id and rows by account, pocket of the balances and key
        (positions: instrument, pocket; balances: asset, location, available_from, pocket; orders:
        instrument, side, ticks, id) is not copied: its contiguous int64 arrays become the book's columns
        and, once all is checked, read-only, so that writing to one raises instead of changing a checked
        book. Who writes through another view of that memory breaks the book. ``copy`` leaves the
        caller's arrays alone and the book with its own. Out of order, or of another type, is copied, and so
        is memory that an object other than an array hands out, unless it is read-only.
        """
        holders = Accounts.from_rows(accounts)
        owners, rank = holders.in_order()
        holders.check_currency(instruments.asset_index)
        given = {"positions": positions or {}, "balances": balances or {}, "orders": orders or {}}
        raw = {name: tables.read(name, given[name], fields, copy=copy) for name, fields in FIELDS.items()}
        check_columns(raw, len(owners), instruments)
        if rank is not None:
            for columns in raw.values():
                columns["account"] = rank[columns["account"]]
        cross = pockets_on_cross(pockets, len(owners), rank)
        book = build(instruments, owners, raw, cross)
        for name in given if not copy else ():
            tables.lock(given[name], getattr(book, name))
        return book

    def __len__(self) -> int:
        return len(self.unit_account)

    @property
    def account_index(self) -> Index:
        """Rows of ``accounts`` by id."""
        return Index(self.accounts.ids)

    def unit(self, account: str, pocket: int = 0) -> int:
        """Row of an account's unit in every result."""
        row = check.known("account", account, self.account_index, "account")
        first, last = np.searchsorted(self.unit_account, (row, row + 1))
        found = np.flatnonzero(self.unit_pocket[first:last] == pocket)
        if not len(found):
            raise check.refuse("pocket", f"be a pocket of {account!r}", pocket)
        return int(first + found[0])

    def taken(self, units: Integers) -> "Book":
        """Some of the units, ascending, in a book of their own."""
        owners, account = np.unique(self.unit_account[units], return_inverse=True)
        cut = {name: getattr(self, name).taken(units) for name in FIELDS}
        return Book(self.instruments, self.accounts.taken(owners), account, self.unit_pocket[units], **cut)

    @cached_property
    def currency(self) -> Integers:
        """Asset row of each unit's account currency."""
        labels = self.accounts.column("currency")
        rows = np.array([self.instruments.asset_index[name] for name in labels.values], dtype=np.int64)
        if labels.codes is None:
            return np.full(len(self), rows[0] if len(rows) else 0)
        return rows[labels.codes[self.unit_account]]


def check_columns(raw: dict[str, dict[str, Integers]], n_accounts: int, instruments: Instruments) -> None:
    sizes = {"account": n_accounts, "instrument": len(instruments), "asset": len(instruments.assets)}
    for name, columns in raw.items():
        for column, size in sizes.items():
            if column in columns:
                tables.within(f"{name}.{column}", columns[column], size, f"{column}s")
        if "lots" in columns:
            tables.at_most(f"{name}.lots", columns["lots"], tables.MAX_LOTS)
        check.require_each(f"{name}.pocket", "be >= 0", columns["pocket"], lambda part: part >= 0)
    tables.require_unique(raw["orders"], raw["orders"]["account"], ("id",), "orders")  # ids: one an account
    good_side = "be +1 (buy) or -1 (sell)"
    check.require_each("orders.side", good_side, raw["orders"]["side"], lambda part: np.abs(part) == 1)
    check.require_each("orders.lots", "be > 0", raw["orders"]["lots"], lambda part: part > 0)


def pockets_on_cross(pockets: Columns | None, n_accounts: int, rank: Integers | None) -> Pairs:
    """Pockets other than 0 that use the balances of pocket 0."""
    columns = tables.read("pockets", pockets or {}, {"account": None, "pocket": None, "uses": None})
    account, pocket, uses = columns["account"], columns["pocket"], columns["uses"]
    tables.within("pockets.account", account, n_accounts, "accounts")
    check.require_all("pockets.uses", "be the pocket itself or 0", uses, (uses == pocket) | (uses == 0))
    tables.require_unique(columns, account, ("pocket",), "pockets")
    moved = uses != pocket
    account = account if rank is None else rank[account]
    return Pairs.of([(account[moved], pocket[moved])])


def build(instruments: Instruments, accounts: Accounts, raw: dict[str, dict[str, Integers]], cross: Pairs) -> Book:
    """Number the units and cut every table by them."""
    for columns in raw.values():
        columns["balance_pocket"] = balance_pocket(columns["account"], columns["pocket"], cross)
    units = Units.of(len(accounts), [(columns["account"], columns["balance_pocket"]) for columns in raw.values()])
    cut = {name: cut_by_unit(name, columns, units) for name, columns in raw.items()}
    return Book(instruments, accounts, units.account, units.pocket, **cut)


def cut_by_unit(name: str, columns: dict[str, Integers], units: Units) -> Table:
    """The table in order; as it stands where its rows are in order already."""
    account, pocket, key = columns["account"], columns["balance_pocket"], KEYS[name]
    if tables.ascends([account, pocket, *(columns[field] for field in key)]):
        return tables.table(columns, units.starts(account, pocket))
    return tables.sort(columns, units.number(account, pocket), len(units), key, name)


def balance_pocket(account: Integers, pocket: Integers, cross: Pairs) -> Integers:
    """The pocket whose balances stand behind each row: its own, but for those that use pocket 0."""
    if not len(cross.key):
        return pocket
    used = np.zeros(len(pocket), dtype=np.int64)  # where all use pocket 0, memory that is never mapped
    for part in check.stretches(len(pocket)):
        own = (pocket[part] != 0) & ~cross.holds(account[part], pocket[part])
        used[part][own] = pocket[part][own]
    return used
