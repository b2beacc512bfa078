"""The one store of what is held: accounts, positions, balances and orders, sorted when built."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Integers
from crossmargin.instruments import Instruments
from crossmargin.portfolio import tables
from crossmargin.portfolio.tables import Columns, Table

POSITION = {"account": None, "pocket": 0, "instrument": None, "lots": None, "open_cost": 0,
            "funding_index": 0, "leverage": 0}  # fmt: skip
BALANCE = {"account": None, "pocket": 0, "asset": None, "atoms": None, "location": 0, "available_from": 0}
ORDER = {"account": None, "pocket": 0, "id": None, "instrument": None, "side": None, "lots": None,
         "ticks": None, "flags": 0}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who holds: ``currency`` is the asset in which its figures are stated."""

    id: str
    currency: str
    owner: str = ""
    parent: str = ""
    mode: str = "cross"
    method: str = ""

    def __post_init__(self) -> None:
        check.text("account id", self.id)


@dataclass(frozen=True)
class Book:
    """Tables over *units*: an account, or one of its pockets with balances of its own.

    Columns are int64. positions: lots (signed), open_cost (atoms of the settlement asset; profit =
    value at mark - open cost). balances: atoms (negative is debt). orders: side +1 buys and -1 sells,
    lots open > 0, ticks the limit. Row order of the input does not matter: tables are sorted by key.
    """

    instruments: Instruments
    accounts: tuple[Account, ...]
    unit_account: Integers
    unit_pocket: Integers
    positions: Table
    balances: Table
    orders: Table
    account_index: dict[str, int] = field(repr=False)

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
    ) -> "Book":
        """Check and sort; ``account`` columns are rows of ``accounts``, ``instrument`` and ``asset`` of
        ``instruments``. ``pockets`` (account, pocket, uses) names pockets that use another's balances.
        """
        check.unique("account id", (a.id for a in accounts))
        for account in accounts:
            check.known("currency", account.currency, instruments.asset_index, "asset", f"of {account.id!r}")
        order = sorted(range(len(accounts)), key=lambda row: accounts[row].id)
        rank = np.empty(len(accounts), dtype=np.int64)
        rank[order] = np.arange(len(accounts))
        raw = {
            "positions": tables.read("positions", positions or {}, POSITION),
            "balances": tables.read("balances", balances or {}, BALANCE),
            "orders": tables.read("orders", orders or {}, ORDER),
        }
        check_columns(raw, len(accounts), instruments)
        for columns in raw.values():
            columns["account"] = rank[columns["account"]]
        uses = pocket_uses(pockets, rank)
        return build(instruments, tuple(accounts[row] for row in order), raw, uses)

    def __len__(self) -> int:
        return len(self.unit_account)

    def unit(self, account: str, pocket: int = 0) -> int:
        """Row of an account's unit in every result."""
        row = check.known("account", account, self.account_index, "account")
        found = np.flatnonzero((self.unit_account == row) & (self.unit_pocket == pocket))
        if not len(found):
            raise check.refuse("pocket", f"be a pocket of {account!r}", pocket)
        return int(found[0])

    @cached_property
    def currency(self) -> Integers:
        """Asset row of each unit's account currency."""
        rows = [self.instruments.asset_index[a.currency] for a in self.accounts]
        return np.array(rows, dtype=np.int64)[self.unit_account]


def check_columns(raw: dict[str, dict[str, Integers]], n_accounts: int, instruments: Instruments) -> None:
    sizes = {"account": n_accounts, "instrument": len(instruments), "asset": len(instruments.assets)}
    for name, columns in raw.items():
        for column, size in sizes.items():
            if column in columns:
                tables.within(f"{name}.{column}", columns[column], size, f"{column}s")
        if "lots" in columns:
            tables.at_most(f"{name}.lots", columns["lots"], tables.MAX_LOTS)
        check.require_all(f"{name}.pocket", "be >= 0", columns["pocket"], columns["pocket"] >= 0)
    tables.sort(raw["orders"], raw["orders"]["account"], n_accounts, ("id",), "orders")  # ids: one an account
    for column, rule, good in (
        ("side", "be +1 (buy) or -1 (sell)", np.abs(raw["orders"]["side"]) == 1),
        ("lots", "be > 0", raw["orders"]["lots"] > 0),
    ):
        check.require_all(f"orders.{column}", rule, raw["orders"][column], good)


def pocket_uses(pockets: Columns | None, rank: Integers) -> dict[tuple[int, int], int]:
    """Which pocket's balances a pocket uses, where it is not its own."""
    columns = tables.read("pockets", pockets or {}, {"account": None, "pocket": None, "uses": None})
    tables.within("pockets.account", columns["account"], len(rank), "accounts")
    own_or_cross = (columns["uses"] == columns["pocket"]) | (columns["uses"] == 0)
    check.require_all("pockets.uses", "be the pocket itself or 0", columns["uses"], own_or_cross)
    tables.sort(columns, columns["account"], len(rank), ("pocket",), "pockets")
    rows = zip(rank[columns["account"]].tolist(), columns["pocket"].tolist(), columns["uses"].tolist(), strict=True)
    return {(account, pocket): uses for account, pocket, uses in rows}


def build(
    instruments: Instruments,
    accounts: tuple[Account, ...],
    raw: dict[str, dict[str, Integers]],
    uses: dict[tuple[int, int], int],
) -> Book:
    """Number the units and cut every table by them."""
    for columns in raw.values():
        apply_uses(columns, uses)
    cross = np.stack([np.arange(len(accounts)), np.zeros(len(accounts), dtype=np.int64)], axis=1)
    pairs = [cross, *(np.stack([c["account"], c["balance_pocket"]], axis=1) for c in raw.values())]
    units, number = np.unique(np.concatenate(pairs), axis=0, return_inverse=True)
    numbers = np.split(number.ravel(), np.cumsum([len(p) for p in pairs])[:-1])[1:]
    keys = {"positions": ("instrument", "pocket"), "balances": ("asset", "location", "available_from", "pocket"),
            "orders": ("instrument", "side", "ticks", "id")}  # fmt: skip
    cut = {
        name: tables.sort(columns, unit, len(units), keys[name], name)
        for (name, columns), unit in zip(raw.items(), numbers, strict=True)
    }
    account_index = {account.id: row for row, account in enumerate(accounts)}
    account, pocket = (check.frozen(np.ascontiguousarray(units[:, i])) for i in range(2))
    return Book(instruments, accounts, account, pocket, cut["positions"], cut["balances"], cut["orders"], account_index)


def apply_uses(columns: dict[str, Integers], uses: dict[tuple[int, int], int]) -> None:
    """Add the column ``balance_pocket``: the pocket whose balances stand behind each row."""
    pocket = columns["pocket"].copy()
    for (account, own), used in uses.items():
        pocket[(columns["account"] == account) & (columns["pocket"] == own)] = used
    columns["balance_pocket"] = pocket
