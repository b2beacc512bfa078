"""Who a price move can have made liquidatable, without revaluing those it cannot.

Every account has an exposure: ``G = sum of |amount| unit[item]``, where ``unit`` is what one unit of an item can change
a surplus by when the markets move by one per cent. Between two marks the plan itself bounds every item's change
(``margin.plan.change``); the largest of ``change / unit`` over what an account's underlyings move is how far the
market *travelled* for it. Then ``|surplus(now) - surplus(then)| <= G (travelled(now) - travelled(then))``, whatever the
method and whatever moved, and an account sleeps until the market has travelled ``surplus / G`` further. Sound by
construction: a poor choice of ``unit`` wakes too many and misses none.
"""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from crossmargin._checks import Floats, Integers
from crossmargin.instruments import Instruments
from crossmargin.margin import Prepared
from crossmargin.margin.plan.change import SurplusChange, UnboundedError, surplus_change
from crossmargin.market import Market
from crossmargin.portfolio import Book
from crossmargin.portfolio.feeds import FEEDS
from crossmargin.scenario.revalue import moved_market

MAINTENANCE = 1
PROBES = (-0.20, -0.05, -0.01, 0.01, 0.05, 0.20)  # moves from which units are taken, each per one per cent
BITS = 62
CLASSES = 1024  # sets of underlyings that are told apart; beyond, all accounts share one
CHUNK = 1 << 16  # accounts that are valued together
EARLY = 1e-6  # of a distance, and 1e-9 per cent: figures in float64 are no finer

Holdings = Callable[[Integers], Book]  # the book of some accounts, ascending


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """After a mark: who is below maintenance, and how many were revalued to know it."""

    liquidatable: Integers
    revalued: Integers
    surplus: Floats  # surplus_maintenance of those revalued, quote currency
    n_accounts: int

    @property
    def share(self) -> float:
        return len(self.revalued) / max(self.n_accounts, 1)


def unit_change(prepared: Prepared) -> SurplusChange | None:
    """Per item what a move of one per cent can change, the largest over ``PROBES``; ``None`` where no bound exists."""
    underlyings = sorted(moving(prepared))
    found: list[SurplusChange] = []
    try:
        for move in PROBES:
            market = moved_market(prepared.instruments, prepared.market, dict.fromkeys(underlyings, move))
            change = surplus_change(prepared.bound, prepared.remark(market).bound, MAINTENANCE)
            found.append(scaled(change, 0.01 / abs(move)))
    except UnboundedError:
        return None
    return SurplusChange(
        {name: np.maximum.reduce([c.by_source[name] for c in found]) for name in found[0].by_source},
        max(c.constant for c in found),
    )


def moving(prepared: Prepared) -> set[str]:
    """Underlyings that have an index."""
    return {row.underlying for row in prepared.instruments if prepared.market.has("index", row.underlying)}


def scaled(change: SurplusChange, by: float) -> SurplusChange:
    return SurplusChange({name: values * by for name, values in change.by_source.items()}, change.constant * by)


def bits_of(instruments: Instruments) -> dict[str, Integers]:
    """A bit for the underlying of each instrument and asset, by kind of item; shared from the 62nd name on."""
    names = {row.underlying for row in instruments} | {a.underlying or a.id for a in instruments.assets}
    bit = {name: number % BITS for number, name in enumerate(sorted(names))}
    of_rows = [bit[row.underlying] for row in instruments]
    of_assets = [bit[a.underlying or a.id] for a in instruments.assets]
    return {"instrument": np.array(of_rows, dtype=np.int64), "asset": np.array(of_assets, dtype=np.int64)}


class LiquidationIndex:
    """Alarms of all accounts, set by their surplus and rung by how far the market travelled."""

    def __init__(self, prepared: Prepared, holdings: Holdings, n_accounts: int) -> None:
        self.prepared, self.holdings, self.n_accounts = prepared, holdings, n_accounts
        self.unit = unit_change(prepared)
        self.bits = bits_of(prepared.instruments)
        self.exposure, self.surplus = np.zeros(n_accounts), np.zeros(n_accounts)
        self.moved_by = np.zeros(n_accounts, dtype=np.int64)
        for first in range(0, n_accounts, CHUNK):
            self.take(np.arange(first, min(first + CHUNK, n_accounts)))
        self.masks, self.kind = classes(self.moved_by)
        self.travelled = np.zeros(len(self.masks))
        self.alarm = self.alarms(np.arange(n_accounts))
        self.queues = [self.queue(np.flatnonzero(self.kind == kind)) for kind in range(len(self.masks))]

    def queue(self, accounts: Integers) -> "Queue":
        order = accounts[np.argsort(self.alarm[accounts], kind="stable")]
        return Queue(order, self.alarm[order])

    @classmethod
    def of_book(cls, prepared: Prepared, book: Book) -> "LiquidationIndex":
        """Over the units of a book."""
        return cls(prepared, book.taken, len(book))

    def take(self, accounts: Integers) -> None:
        """Value accounts anew, with their exposure and what moves them."""
        book = self.holdings(accounts)
        values = self.prepared.values(book, ("equity", "requirement"))
        equity, required = (value[:, -1 if value.shape[1] == 1 else MAINTENANCE] for value in values.values())
        self.surplus[accounts] = equity - required
        if self.unit is not None:
            self.exposure[accounts], self.moved_by[accounts] = exposures(book, self.unit, self.bits)

    def alarms(self, accounts: Integers) -> Floats:
        """Distance travelled at which each account may have no surplus left; at once where it has none now."""
        if self.unit is None:
            return np.full(len(accounts), -np.inf)
        surplus, exposure = self.surplus[accounts], self.exposure[accounts]
        room = np.divide(surplus, exposure, out=np.full(len(accounts), np.inf), where=exposure > 0)
        alarm = self.travelled[self.kind[accounts]] + room * (1.0 - EARLY) - 1e-9
        return np.where((surplus > 0) | ((surplus == 0) & (exposure == 0)), alarm, -np.inf)

    def set(self, accounts: Integers) -> None:
        """Arm accounts again after they were valued."""
        self.alarm[accounts] = self.alarms(accounts)
        figures = zip(self.kind[accounts].tolist(), self.alarm[accounts].tolist(), accounts.tolist(), strict=True)
        for kind, alarm, account in figures:
            heapq.heappush(self.queues[kind].again, (alarm, account))

    def update(self, accounts: Integers) -> None:
        """Take in that these accounts hold something else now; what new underlyings move them wakes them too."""
        self.take(accounts)
        unknown = (self.moved_by[accounts] & ~self.masks[self.kind[accounts]]) != 0
        for account in accounts[unknown].tolist():
            self.kind[account] = self.kind_of(int(self.moved_by[account]))
        self.set(accounts)

    def kind_of(self, mask: int) -> int:
        """The class of a set of underlyings, made where there is none yet."""
        found = np.flatnonzero(self.masks == mask)
        if len(found):
            return int(found[0])
        self.masks, self.travelled = np.append(self.masks, mask), np.append(self.travelled, 0.0)
        self.queues.append(self.queue(np.zeros(0, dtype=np.int64)))
        return len(self.masks) - 1

    def move(self, market: Market) -> Found:
        """Take a market's figures: ring, revalue who woke, and name who is below maintenance."""
        return self.remark(self.prepared.remark(market))

    def remark(self, fresh: Prepared) -> Found:
        """The same for a method that was made ready over the new market."""
        self.travel(fresh)
        self.prepared = fresh
        woken = self.ring()
        for part in np.array_split(woken, max(1, -(-len(woken) // CHUNK))) if len(woken) else ():
            self.take(part)
        self.set(woken)
        surplus = self.surplus[woken]
        return Found(
            liquidatable=woken[self.below(woken)], revalued=woken, surplus=surplus, n_accounts=self.n_accounts
        )

    def below(self, accounts: Integers) -> NDArray[np.bool_]:
        """Whose surplus, to the nearest atom of the currency, is below 0."""
        if not len(accounts):
            return np.zeros(0, dtype=bool)
        book = self.holdings(accounts)
        atom = book.instruments.atom[book.currency] * self.prepared.currency_prices(book)
        return np.asarray(np.rint(self.surplus[accounts] / atom) < 0)

    def travel(self, fresh: Prepared) -> None:
        """Move every class on by the largest change per unit among what moves it."""
        if self.unit is None:
            return
        try:
            change = surplus_change(self.prepared.bound, fresh.bound, MAINTENANCE)
        except UnboundedError:
            self.travelled += np.inf
            return
        steps = distances(change, self.unit, self.bits)
        alike = [np.where((self.masks >> bit) & 1, step, 0.0) for bit, step in enumerate(steps.tolist())]
        self.travelled += np.maximum(np.maximum.reduce(alike), ratio(change.constant, self.unit.constant))

    def ring(self) -> Integers:
        """Accounts whose alarm the distance has reached, ascending; all of them where there is no bound."""
        if self.unit is None:
            return np.arange(self.n_accounts)
        found = [np.zeros(0, dtype=np.int64)]
        for kind, queue in enumerate(self.queues):
            account, alarm = queue.reached(float(self.travelled[kind]))
            current = (self.alarm[account] == alarm) & (self.kind[account] == kind)  # not set anew since, or elsewhere
            found.append(account[current])
        return np.unique(np.concatenate(found))


@dataclass
class Queue:
    """Alarms of one class: those set at first, in order, and a heap of those set again."""

    account: Integers
    alarm: Floats
    place: int = 0
    again: list[tuple[float, int]] = field(default_factory=list)

    def reached(self, distance: float) -> tuple[Integers, Floats]:
        """Take out what a distance reaches."""
        first, self.place = self.place, int(np.searchsorted(self.alarm, distance, side="right"))
        rung = []
        while self.again and self.again[0][0] <= distance:
            rung.append(heapq.heappop(self.again))
        account = np.array([a for _, a in rung], dtype=np.int64)
        alarm = np.array([at for at, _ in rung], dtype=np.float64)
        part = slice(first, self.place)
        return np.concatenate([self.account[part], account]), np.concatenate([self.alarm[part], alarm])


# ---- figures ---------------------------------------------------------------------------------


def classes(moved_by: Integers) -> tuple[Integers, Integers]:
    """The distinct sets of underlyings, and the one of each account; one for all where there are too many."""
    masks, kind = np.unique(moved_by, return_inverse=True)
    if len(masks) > CLASSES:
        return np.array([np.bitwise_or.reduce(masks)]), np.zeros(len(moved_by), dtype=np.int64)
    return masks, kind


def item_bits(source: str, bits: Mapping[str, Integers]) -> Integers:
    return bits["asset" if source == "balance" else "instrument"]


def exposures(book: Book, unit: SurplusChange, bits: Mapping[str, Integers]) -> tuple[Floats, Integers]:
    """``sum of |amount| unit[item]`` of each unit, and the underlyings that move it."""
    exposure, moved_by = np.full(len(book), unit.constant), np.zeros(len(book), dtype=np.int64)
    for source, each in unit.by_source.items():
        start, item, amount = FEEDS[source](book)
        held = start[:-1] < start[1:]
        first = start[:-1][held]
        if len(first):
            exposure[held] += np.add.reduceat(np.abs(amount) * each[item], first)
            moved_by[held] |= np.bitwise_or.reduceat(np.int64(1) << item_bits(source, bits)[item], first)
    return exposure, moved_by


def distances(change: SurplusChange, unit: SurplusChange, bits: Mapping[str, Integers]) -> Floats:
    """By bit, the largest change of an item in units of it."""
    found = np.zeros(BITS)
    for source, each in change.by_source.items():
        np.maximum.at(found, item_bits(source, bits), ratios(each, unit.by_source[source]))
    return found


def ratios(change: Floats, unit: Floats) -> Floats:
    """What has no unit must not change."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(change > 0, change / unit, 0.0)


def ratio(change: float, unit: float) -> float:
    return float(ratios(np.array([change]), np.array([unit]))[0])
