"""A made crowd: accounts over given instruments, with cash for a drawn headroom; and a book loaded into an engine.

For studies, benchmarks and stress tests where real books are private: what is drawn is assumed, and a seed repeats it.
"""

from dataclasses import dataclass

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats, Integers
from crossmargin._core.events import Kind
from crossmargin.account import Capacity, RiskEngine
from crossmargin.liquidation.holdings import apply, events
from crossmargin.margin import Prepared
from crossmargin.margin.charges import index_notionals
from crossmargin.portfolio import Book
from crossmargin.portfolio.accounts import Accounts
from crossmargin.portfolio.tables import owners
from crossmargin.scenario.revalue import lot_values, marks

FUND, SHORTFALL = "fund", "shortfall"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """``accounts`` with ``positions`` each, of notional ``size`` times a lognormal of spread ``sizes``; ``long`` is
    the chance that a position is long; equity is initial margin times ``1 + headroom``, headroom exponential.
    """

    accounts: int = 10_000
    positions: int = 5
    size: float = 10_000.0
    sizes: float = 1.0
    long: float = 0.6
    headroom: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        check.integer("accounts", self.accounts, low=1)
        check.integer("positions", self.positions, low=1)
        for name in ("size", "sizes", "headroom"):
            check.positive(name, getattr(self, name))
        check.fraction("long", self.long)

    def book(self, prepared: Prepared, cash: str) -> Book:
        """The accounts under one method, with their cash in one asset, opened at the marks."""
        instruments, random = prepared.instruments, np.random.default_rng(self.seed)
        n, most = self.accounts, min(self.positions, len(instruments))
        item = drawn(random, n, most, len(instruments))
        lots = self.lots(prepared, random, item)
        owner = np.repeat(np.arange(n), most)
        kept = lots != 0
        value = lot_values(instruments, marks(instruments, prepared.market)) / instruments.atom[instruments.settlement]
        held = {"account": owner[kept], "instrument": item[kept], "lots": lots[kept],
                "open_cost": np.rint(lots * value[item])[kept].astype(np.int64)}  # fmt: skip
        ids = np.char.mod("%010d", np.arange(n))
        bare = Book.of(instruments, Accounts.of(ids, currency=cash), positions=held)
        return self.funded(prepared, bare, held, cash, random)

    def lots(self, prepared: Prepared, random: np.random.Generator, item: Integers) -> Integers:
        """Signed lots of the drawn notional, a lot at least."""
        each = np.abs(index_notionals(prepared.instruments, prepared.market))[item]
        size = self.size * random.lognormal(0.0, self.sizes, len(item))
        side = np.where(random.random(len(item)) < self.long, 1, -1)
        return side * np.maximum(np.rint(size / each), 1).astype(np.int64)

    def funded(
        self, prepared: Prepared, bare: Book, held: dict[str, Integers], cash: str, random: np.random.Generator
    ) -> Book:
        """Cash for the initial margin and a headroom on it."""
        found = prepared.values(bare, ("equity", "requirement"))
        needed = found["requirement"][:, 0] - found["equity"][:, 0]
        wanted = needed + found["requirement"][:, 0] * random.exponential(self.headroom, len(bare))
        asset = bare.instruments.asset_index[cash]
        price = prepared.market.price(cash, bare.instruments.assets[asset].underlying)
        unit = float(bare.instruments.atom[asset]) * price
        atoms = np.ceil(wanted / unit).astype(np.int64)
        owned = {"account": np.arange(len(bare)), "asset": np.full(len(bare), asset), "atoms": atoms}
        return Book.of(bare.instruments, Accounts.of(bare.accounts.ids, currency=cash), positions=held, balances=owned)


def drawn(random: np.random.Generator, n: int, most: int, size: int) -> Integers:
    """``most`` different instruments for each of n accounts, ascending."""
    start = random.integers(0, size, (n, 1))
    step = np.cumsum(random.integers(1, max(size // most, 1) + 1, (n, most)), axis=1)
    return np.sort((start + step - step[:, :1]) % size, axis=1).ravel()


def engine_of(prepared: Prepared, book: Book, *, fund: Floats | float = 0.0, notional: float = 1e9) -> RiskEngine:
    """An engine that holds a book, and two accounts behind it: the insurance fund and the shortfall.

    ``fund``: what the fund holds, in the currency of the first account. Resting orders charge nothing.
    """
    capacity = Capacity(accounts=len(book) + 2, slots=slots_of(book), orders=1, journal=0, notional=notional)
    engine = RiskEngine(prepared, orders="none", capacity=capacity)
    instruments = prepared.instruments
    names = [instruments.assets[row].id for row in book.currency.tolist()]
    for account, currency in zip(book.unit_account.tolist(), names, strict=True):
        engine.open(book.accounts.ids[account], currency)
    for name in (FUND, SHORTFALL):
        engine.open(name, names[0])
    load(engine, book)
    atoms = round(float(fund) / instruments.atom[book.currency[0]])
    if atoms:
        apply(engine, events(Kind.ADJUST, np.array([len(book)]), int(book.currency[0]), atoms))
    return engine


def slots_of(book: Book) -> int:
    """Room for every account's positions, and for a fund that may take over one of each instrument."""
    return max(int(np.diff(book.positions.start).max(initial=0)), len(book.instruments), 1)


def load(engine: RiskEngine, book: Book) -> None:
    """Bring every position and balance of a book to the accounts of the same place."""
    held, owned = book.positions, book.balances
    apply(engine, events(Kind.BRING, owners(held.start), held["instrument"], held["lots"], held["open_cost"]))
    owner, some = owners(owned.start), owned["atoms"] != 0
    apply(engine, events(Kind.ADJUST, owner[some], owned["asset"][some], owned["atoms"][some]))


