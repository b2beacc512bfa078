"""What accounts of an engine hold, as a book, and runs of events for it: how liquidation reads and writes a ledger."""

import numpy as np

from crossmargin._checks import Integers
from crossmargin._core import cascade
from crossmargin._core.events import Kind
from crossmargin._core.ledger import Flag
from crossmargin._core.status import Status
from crossmargin.account import RiskEngine
from crossmargin.errors import raise_for_status
from crossmargin.portfolio import Book
from crossmargin.portfolio.accounts import Accounts

WORDS = 12
KIND, TIME, ACCOUNT, FIRST = 2, 1, 3, 4  # columns of an event; its fields begin at FIRST
ELSEWHERE = -1  # a side of a trade that lies on no account of this engine


class EngineHoldings:
    """Books over some accounts of an engine, as they stand; a unit is its account's place among those asked for."""

    def __init__(self, engine: RiskEngine) -> None:
        self.engine = engine
        self.currency: Integers = np.zeros(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.engine.account_names)

    def currencies(self, accounts: Integers) -> Integers:
        """Asset row of each account's currency, which never changes."""
        if len(self.currency) < len(self):
            self.currency = np.array([row for _, row in self.engine.modes()[: len(self)]], dtype=np.int64)
        return self.currency[accounts]

    def __call__(self, accounts: Integers) -> Book:
        """Positions, balances with the funding that is due, and resting orders; ``accounts`` ascending handles."""
        instruments, n = self.engine.instruments, len(accounts)
        start, orders = (np.zeros(n + 1, dtype=np.int64) for _ in range(2))
        status, bad = cascade.counts(self.engine, accounts, start, orders)
        raise_for_status(status, f"holdings of account {accounts[bad] if bad >= 0 else ''}")
        item, lots, cost = (np.zeros(start[-1] + 1, dtype=np.int64) for _ in range(3))
        atoms = np.zeros((n, len(instruments.assets)), dtype=np.int64)
        raise_for_status(cascade.holdings(self.engine, accounts, start, item, lots, cost, atoms), "holdings")
        owner, asset = np.nonzero(atoms)
        names = tuple(asset.id for asset in instruments.assets)
        held = Accounts.of(np.char.mod("%010d", accounts), currency=[names[row] for row in self.currencies(accounts)])
        return Book.of(
            instruments, held,
            positions={"account": np.repeat(np.arange(n), np.diff(start)), "instrument": item[:-1], "lots": lots[:-1],
                       "open_cost": cost[:-1]},
            balances={"account": owner, "asset": asset, "atoms": atoms[owner, asset]},
            orders=self.orders(accounts, np.flatnonzero(np.diff(orders))),
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
