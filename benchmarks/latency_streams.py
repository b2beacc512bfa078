"""Streams of work: (c) events of all kinds between marks, the sweep running; (d) a mark and the sweep after it."""

import numpy as np

from crossmargin import Account, Book
from crossmargin._core.events import Kind
from latency_desks import HIGH, LOW, bring, engine_of, enrol, holdings, moved, one_slot, questions, rest, signed
from latency_host import FAR, KINDS, WORDS, Host, agree, plain, timed
from latency_report import Row
from latency_sizes import Sizes

UNDERLYINGS, OF_EACH, LISTED = 20, 100, 12  # instruments that an account trades
SHARES = {"amend": 0.47, "cancel": 0.23, "place": 0.25, "fill": 0.05}
SLICES = 4  # of a batch: events, then a quarter of the sweep


class Flow:
    """Events of accounts drawn by Zipf's law; it knows which orders live, so that all of them name one that does.

    About as many are cancelled or filled as are placed, so that the number of those that rest stays about the same.
    """

    def __init__(self, rng: np.random.Generator, accounts: int, n_items: int) -> None:
        self.rng, self.accounts, self.n_items = rng, accounts, n_items
        self.chance = np.cumsum(1.0 / np.arange(1, accounts + 1))
        self.chance /= self.chance[-1]
        self.scattered = rng.permutation(accounts)  # the busy ones are no neighbours in memory
        self.live: list[list[int]] = []  # account, order, instrument, lots, ticks
        self.last = 0

    def zipf(self, n: int) -> np.ndarray:
        return self.scattered[np.searchsorted(self.chance, self.rng.random(n))]

    def draw(self, n: int, kinds: np.ndarray) -> np.ndarray:
        """Rows of events of these kinds, by place in SHARES."""
        rows = np.zeros((n, WORDS), dtype=np.int64)
        accounts, pick = self.zipf(n).tolist(), self.rng.random(n).tolist()
        other, some = self.rng.integers(0, self.accounts, n).tolist(), self.rng.integers(0, 2**40, n).tolist()
        for number, kind in enumerate(kinds.tolist()):
            row = rows[number]
            if kind == 2 or not self.live:
                row[2:9] = self.place(accounts[number], some[number])
            else:
                row[2:] = self.change(kind, int(pick[number] * len(self.live)), other[number], some[number])
        return rows

    def place(self, account: int, some: int) -> tuple[int, ...]:
        self.last += 1
        item = (account * 7 + some % LISTED * 131) % self.n_items
        lots = (some // 16 % 4 + 2) * (1 if some // 64 % 2 else -1)
        ticks = LOW + some // 128 % 8 * ((HIGH - LOW) // 8)
        self.live.append([account, self.last, item, lots, ticks])
        return Kind.PLACE, account, self.last, item, lots, ticks, 0

    def change(self, kind: int, at: int, other: int, some: int) -> tuple[int, ...]:
        account, order, item, lots, ticks = row = self.live[at]
        sign = 1 if lots > 0 else -1
        if kind == 1 or (kind == 3 and abs(lots) == 1):
            self.live[at] = self.live[-1]
            self.live.pop()
        if kind == 0:
            row[3], row[4] = sign * (some % 4 + 2), LOW + some // 8 % 8 * ((HIGH - LOW) // 8)
            return Kind.AMEND, account, order, row[3], row[4], *(0,) * 5
        if kind == 1:
            return Kind.CANCEL, account, order, *(0,) * 7
        row[3] -= sign
        sides = (account, order, other, 0) if sign > 0 else (other, 0, account, order)
        return Kind.TRADE, *sides, item, 1, ticks, 0, 0


def mixed(host: Host, sizes: Sizes, empty) -> tuple[list[Row], int]:
    """Marks are made by the host between batches and are not timed; the C events are, one by one."""
    rng, prepared, n = np.random.default_rng(5), one_slot(UNDERLYINGS, OF_EACH), sizes.stream_accounts
    engine = engine_of(prepared, n, 16, 2**20)
    enrol(host, engine, n, min(8 * 10**18 // n, 10**14))  # the busiest has a twelfth of all orders
    items = (np.arange(n)[:, None] * 7 + np.arange(3) * 131) % len(prepared.instruments)
    bring(host, engine, items, signed(rng, items.shape))
    engine.sweep(0, n)
    flow = Flow(rng, n, len(prepared.instruments))
    refused = host.apply(engine, flow.draw(n, np.full(n, 2)))
    bucket = np.zeros((KINDS, FAR), dtype=np.int64)
    index, rebuilt = np.full(UNDERLYINGS, 2_000.0), 0
    for batch in range(sizes.batches):
        name = batch % UNDERLYINGS
        index[name] *= 1.0 + 0.001 * rng.standard_normal()
        kinds = rng.choice(len(SHARES), sizes.events, p=list(SHARES.values()))
        given = flow.draw(sizes.events, kinds)
        assert engine.mark(moved(f"U{name:02d}", float(index[name]))) == 0
        given[:, 1] = engine.time
        for part, rows in enumerate(np.array_split(given, SLICES)):
            refused += host.apply(engine, rows, bucket)
            rebuilt += engine.sweep(part * n // SLICES, n // SLICES)
    agreed = agree(engine, questions(rng, 2_000, n, np.arange(len(prepared.instruments))))
    assert refused.sum() < 0.05 * sizes.batches * sizes.events, refused
    work = f"mixed stream, {n:,} accounts by Zipf, {UNDERLYINGS} underlyings, {sizes.batches} marks"
    counts = {Kind.AMEND: "amend", Kind.CANCEL: "cancel", Kind.PLACE: "place", Kind.TRADE: "fill"}
    rows = [Row("c", f"{work}: {word}", host.spread(bucket[kind]), beside=f"refused {refused[kind]:,}")
            for kind, word in counts.items()]  # fmt: skip
    everything = host.spread(bucket.sum(axis=0))
    return [*rows, Row("c", f"{work}: all; {rebuilt:,} rebuilt by the sweep", everything)], agreed


def swept(host: Host, sizes: Sizes, empty) -> tuple[list[Row], int]:
    """One underlying with 500 options: the mark, the sweep of all accounts, and the batch of the same positions."""
    rng, prepared, n = np.random.default_rng(6), one_slot(1, 500), sizes.swept
    engine = engine_of(prepared, n, 20, 10 * n)
    enrol(host, engine, n)
    items = holdings(rng, n, 20, len(prepared.instruments))
    lots = signed(rng, items.shape)
    bring(host, engine, items, lots)
    rest(host, engine, items, 10, rng)
    engine.sweep(0, n)
    marks, sweeps = [], []
    for index in (2_010.0, 1_990.0, 2_005.0):
        marks.append(timed(lambda given=moved("U00", index): engine.mark(given)))
        before = engine.counts()[2]
        sweeps.append(timed(lambda: engine.sweep(0, n)))
        assert engine.counts()[2] - before == n
    each = min(sweeps) / n
    book, prepared = book_of(prepared, items, lots, engine), engine.prepared
    batch = host.least(lambda: prepared.requirements(book)) / n
    alike(engine, prepared, book, n)
    compiled = engine.source.compiled(prepared)
    account = 8 * (compiled.laid.state + 8) + 20 * (48 + 4) + 10 * 40 + 32 + 8
    touched = account + 30 * 8 * compiled.block
    rate, near, far = touched / each, *(read_rate(host, rows, sizes.cold) for rows in (1_000, 1_000_000))
    work = f"sweep of {n:,} accounts, 20 positions and 10 levels each"
    agreed = agree(engine, questions(rng, 2_000, n, np.arange(len(prepared.instruments))))
    return [
        Row("d", "`engine.mark` of one underlying, 500 options, 45 scenarios, from Python", None, min(marks),
            count=len(marks)),
        Row("d", f"{work}, an account", None, each, "`requirements(book)`, an account", batch, each / batch, 2.0,
            count=n),
        Row("d", f"{work}, a term (30; the batch: 20)", None, each / 30, "the batch, a position", batch / 20,
            (each / 30) / (batch / 20), count=30 * n),
        Row("d", f"bytes touched, GB/s ({touched:,} an account, {account:,} of them its own)", None, rate,
            "random rows read from the caches, GB/s", near, rate / near),
        Row("d", "the same", None, rate, "random rows read from memory, GB/s", far, rate / far),
    ], agreed  # fmt: skip


def book_of(prepared, items: np.ndarray, lots: np.ndarray, engine) -> Book:
    """The positions and the cash of the engine's accounts, as a book."""
    n, owner = len(items), np.repeat(np.arange(len(items)), items.shape[1])
    cash = np.array([atoms for *_, atoms in engine.balances()])
    return Book.of(
        prepared.instruments, [Account(id=f"{row:07d}", currency="USDC") for row in range(n)],
        positions={"account": owner, "instrument": items.ravel(), "lots": lots.ravel(),
                   "open_cost": np.full(owner.size, 10**6)},
        balances={"account": np.arange(n), "asset": np.zeros(n, dtype=np.int64), "atoms": cash},
    )  # fmt: skip


def alike(engine, prepared, book: Book, n: int, most: int = 200) -> None:
    """The engine's figures of positions are the batch's."""
    found = prepared.requirements(book)
    for account in np.linspace(0, n - 1, min(n, most)).astype(int).tolist():
        figures = engine.figures(account)
        ours = [figures["maintenance"], figures["equity_maintenance"]]
        theirs = [found.maintenance[account], found.equity_maintenance[account]]
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-3)


def read_rate(host: Host, rows: int, n: int) -> float:
    """GB/s of reading random rows of 48 doubles of a table of so many."""
    table = plain((rows, 48))
    item = np.random.default_rng(7).integers(0, rows, min(n, 2_000_000)).astype(np.int32)
    return 384 * len(item) / host.least(lambda: host.call("read_rows", table, item, len(item)))


