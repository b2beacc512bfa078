"""What accounts of an engine hold, as a book, and runs of events for it: how liquidation reads and writes a ledger."""

import numpy as np
from numpy.typing import NDArray

from crossmargin._checks import Floats, Integers
from crossmargin._core import cascade
from crossmargin._core.events import Kind
from crossmargin._core.ledger import Flag
from crossmargin._core.status import Status
from crossmargin.account import RiskEngine
from crossmargin.errors import raise_for_status
from crossmargin.liquidation.market_path import Path
from crossmargin.portfolio import Book, Portfolio
from crossmargin.portfolio.accounts import Accounts
from crossmargin.portfolio.book import ORDER
from crossmargin.portfolio.tables import Table, owners

WORDS = 12
KIND, TIME, ACCOUNT, FIRST = 2, 1, 3, 4  # columns of an event; its fields begin at FIRST
ELSEWHERE = -1  # a side of a trade that lies on no account of this engine


class EngineHoldings:
    """Books over some accounts of an engine, as they stand; a unit is its account's place among those asked for."""

    def __init__(self, engine: RiskEngine) -> None:
        self.engine = engine
        self.everyone = Accounts.of([], currency="")

    def __len__(self) -> int:
        return len(self.engine.account_names)

    def owners(self, accounts: Integers) -> Accounts:
        """Accounts by handle in ten digits, so that the order of ids is that of handles; currencies never change."""
        if len(self.everyone) < len(self):
            names = [asset.id for asset in self.engine.instruments.assets]
            currency = [names[row] for _, row in self.engine.modes()[: len(self)]]
            self.everyone = Accounts.of(np.char.mod("%010d", np.arange(len(self))), currency=currency)
        return self.everyone.taken(accounts)

    def __call__(self, accounts: Integers) -> Book:
        """Positions, balances with the funding that is due, and resting orders; ``accounts`` ascending handles."""
        engine, n = self.engine, len(accounts)
        start, orders = (np.zeros(n + 1, dtype=np.int64) for _ in range(2))
        status, bad = cascade.counts(engine, accounts, start, orders)
        raise_for_status(status, f"holdings of account {accounts[bad] if bad >= 0 else ''}")
        item, lots, cost = (np.zeros(start[-1] + 1, dtype=np.int64) for _ in range(3))
        atoms = np.zeros((n, len(engine.instruments.assets)), dtype=np.int64)
        raise_for_status(cascade.holdings(engine, accounts, start, item, lots, cost, atoms), "holdings")
        owner, asset = map(np.ascontiguousarray, np.nonzero(atoms))
        held = {"instrument": item[:-1], "lots": lots[:-1], "open_cost": cost[:-1]}
        owned = {"asset": asset, "atoms": atoms[owner, asset]}
        if not orders[-1]:
            return self.in_order(accounts, Table(held, start), Table(owned, starts(owner, n)))
        return Book.of(
            engine.instruments, self.owners(accounts),
            positions={"account": owners(start), **held},
            balances={"account": owner, **owned}, orders=self.orders(accounts, np.flatnonzero(np.diff(orders))),
        )  # fmt: skip

    def portfolio(self, account: int) -> Portfolio:
        """One account."""
        return Portfolio(self(np.array([account])), 0)

    def moved(self, accounts: Integers, anchor: Integers, path: Path) -> Floats:
        """What each surplus changed by at least since its place in the path, shape (n,), quote currency."""
        instruments = self.engine.instruments
        sizes = {"position": len(instruments), "cost": len(instruments), "balance": len(instruments.assets)}
        position, cost, balance = (path.of(source, size) for source, size in sizes.items())
        atoms, out = np.zeros(sizes["balance"], dtype=np.int64), -path.constants(anchor)
        status = cascade.moved(self.engine, accounts, anchor, *position, *cost, *balance, atoms, out)
        raise_for_status(status, "moved")
        if set(path.signed) - set(sizes):  # what the method reads of resting orders is not summed here
            out[self.with_orders(accounts)] = -np.inf
        return out

    def with_orders(self, accounts: Integers) -> NDArray[np.bool_]:
        start, orders = (np.zeros(len(accounts) + 1, dtype=np.int64) for _ in range(2))
        raise_for_status(cascade.counts(self.engine, accounts, start, orders)[0], "orders")
        return np.diff(orders) > 0

    def in_order(self, accounts: Integers, held: Table, owned: Table) -> Book:
        """A book of what the ledger gives in order: nothing to sort, nothing to check again."""
        n, none = len(accounts), np.zeros(0, dtype=np.int64)
        resting = Table(dict.fromkeys(ORDER, none), np.zeros(n + 1, dtype=np.int64))
        pocket = np.zeros(n, dtype=np.int64)
        return Book(
            self.engine.instruments, self.owners(accounts), np.arange(n), pocket, positions=held, balances=owned,
            orders=resting,
        )  # fmt: skip

    def orders(self, accounts: Integers, which: Integers) -> dict[str, list[int]]:
        """Resting orders of those that have some, by what may still fill."""
        found: dict[str, list[int]] = {name: [] for name in ("account", "id", "instrument", "side", "lots", "ticks")}
        for place in which.tolist():
            for number, item, lots, ticks, flags in cascade.resting(self.engine, int(accounts[place])):
                if lots and not flags & Flag.STOP:
                    row = (place, number, item, 1 if lots > 0 else -1, abs(lots), ticks)
                    for name, value in zip(found, row, strict=True):
                        found[name].append(value)
        return found


def starts(owner: Integers, n: int) -> Integers:
    """Where the rows of each of n owners begin, rows by owner."""
    return np.searchsorted(owner, np.arange(n + 1)).astype(np.int64)


# ---- events ----------------------------------------------------------------------------------


def events(kind: Kind, account: Integers, *fields: Integers | int) -> Integers:
    """Rows of twelve words, one an account, at the engine's own time."""
    rows = np.zeros((len(account), WORDS), dtype=np.int64)
    rows[:, KIND], rows[:, ACCOUNT] = int(kind), account
    for place, field in enumerate(fields):
        rows[:, FIRST + place] = field
    return rows


def trades(
    account: Integers, instrument: Integers, lots: Integers, ticks: Integers, other: int = ELSEWHERE
) -> Integers:
    """Fills of ``lots`` (> 0 buys) by each account against ``other``; nothing where lots are 0."""
    some = lots != 0
    account, instrument, lots, ticks = account[some], instrument[some], lots[some], ticks[some]
    buyer, seller = np.where(lots > 0, account, other), np.where(lots > 0, other, account)
    return events(Kind.TRADE, buyer, 0, seller, 0, instrument, np.abs(lots), ticks)


def transfers(payer: Integers, asset: Integers | int, atoms: Integers, payee: Integers | int) -> Integers:
    """What a liquidation takes from one account for another, unjudged; nothing where atoms are 0."""
    some = atoms != 0
    given = np.broadcast_to(payee, len(payer))[some], np.broadcast_to(asset, len(payer))[some]
    return events(Kind.TRANSFER, payer[some], given[1], atoms[some], given[0], 1)


def apply(engine: RiskEngine, *runs: Integers, time: int = 0) -> int:
    """Apply runs of events in order; how many. One that is refused raises with its place: it was never valid."""
    rows = np.concatenate(runs) if runs else np.zeros((0, WORDS), dtype=np.int64)
    if not len(rows):
        return 0
    rows[:, TIME] = time or engine.time
    done, status = cascade.apply_many(engine, rows)
    if status != Status.OK:
        raise_for_status(status, f"event {done} of a liquidation, {Kind(int(rows[done, KIND])).name}")
    return done


def cancel_all(engine: RiskEngine, accounts: Integers) -> None:
    """Cancel every order of these accounts; one of a pair takes the other away."""
    for account in accounts.tolist():
        while resting := cascade.resting(engine, account):
            raise_for_status(engine.cancel(account, resting[0][0]), f"cancel of account {account}")
