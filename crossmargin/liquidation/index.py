"""Who a price move can have made liquidatable, without revaluing those it cannot.

Every account has an exposure: ``G = sum of |amount| unit[item]``, where ``unit`` is what one unit of an item can change
a surplus by when the markets move by one per cent. Between two marks the plan itself bounds every item's change
(``margin.plan.change``); the largest of ``change / unit`` over the items of an underlying is how far that underlying
*travelled*. Then ``|surplus(now) - surplus(then)| <= sum over u of G_u (travelled_u(now) - travelled_u(then))``
whatever the method and whatever moved, and an account sleeps while none of its underlyings has travelled
``surplus / G`` further. Sound by construction: a poor choice of ``unit`` wakes too many and misses none. A mark costs
what it moves: accounts lie sorted by distance under each underlying, and those woken once are looked at together.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossmargin._checks import Floats, Integers
from crossmargin.instruments import Instruments
from crossmargin.liquidation.market_path import BITS, BookHoldings, Holdings, Path
from crossmargin.margin import Prepared
from crossmargin.margin.plan.surplus_change import SurplusChange, UnboundedError, surplus_change
from crossmargin.market import Market
from crossmargin.portfolio import Book
from crossmargin.portfolio.feeds import FEEDS
from crossmargin.scenario.revalue import moved_market

MAINTENANCE = 1
PROBES = (-0.20, -0.05, -0.01, 0.01, 0.05, 0.20)  # moves from which units are taken, each per one per cent
MARKS = 256  # after so many everybody is valued, and the path begins anew
CHUNK = 1 << 16  # accounts that are valued together
EARLY = 1e-6  # of a distance, and 1e-9 per cent: figures in float64 are no finer


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
            found.append(surplus_change(prepared.bound, prepared.remark(market).bound, MAINTENANCE))
    except UnboundedError:
        return None
    per_cent = [0.01 / abs(move) for move in PROBES]
    return SurplusChange(
        {},
        {
            source: np.maximum.reduce([c.size(source) * by for c, by in zip(found, per_cent, strict=True)])
            for source in found[0].sources
        },
        max(c.constant * by for c, by in zip(found, per_cent, strict=True)),
    )


def moving(prepared: Prepared) -> set[str]:
    """Underlyings that have an index."""
    return {row.underlying for row in prepared.instruments if prepared.market.has("index", row.underlying)}


def bits_of(instruments: Instruments) -> dict[str, Integers]:
    """A bit for the underlying of each instrument and asset, by kind of item; shared from the 62nd name on."""
    names = {row.underlying for row in instruments} | {a.underlying or a.id for a in instruments.assets}
    bit = {name: number % BITS for number, name in enumerate(sorted(names))}
    of_rows = [bit[row.underlying] for row in instruments]
    of_assets = [bit[a.underlying or a.id] for a in instruments.assets]
    return {"instrument": np.array(of_rows, dtype=np.int64), "asset": np.array(of_assets, dtype=np.int64)}


class LiquidationIndex:
    """The distance at which each account may have no surplus left, and whom a mark has carried so far."""

    def __init__(self, prepared: Prepared, holdings: Holdings, n_accounts: int) -> None:
        self.prepared, self.holdings, self.n_accounts = prepared, holdings, n_accounts
        self.unit = unit_change(prepared)
        self.bits = bits_of(prepared.instruments)
        self.exposure, self.surplus = np.zeros(n_accounts), np.zeros(n_accounts)
        self.moved_by = np.zeros(n_accounts, dtype=np.int64)
        self.begin()

    def begin(self) -> None:
        """Value everybody, and set all distances from here on."""
        everybody = np.arange(self.n_accounts)
        for part in chunks(everybody):
            self.take(part)
        self.room = self.rooms(everybody)
        self.path = Path(self.sizes())
        self.anchor = np.zeros(self.n_accounts, dtype=np.int64)  # its place in the path; 0: armed at first
        self.watched = self.room == -np.inf  # armed again since, or always to be looked at
        self.anchor[self.watched] = -1
        self.first = self.room.copy()  # what queues are sorted by, whenever they are made
        self.order = np.argsort(self.first, kind="stable")
        self.queues: dict[int, Queue] = {}

    @classmethod
    def of_book(cls, prepared: Prepared, book: Book) -> "LiquidationIndex":
        """Over the units of a book."""
        return cls(prepared, BookHoldings(book), len(book))

    def sizes(self) -> dict[str, int]:
        """How many items each source has whose changes are summed."""
        return {} if self.unit is None else {name: len(each) for name, each in self.unit.by_source.items()}

    def take(self, accounts: Integers) -> None:
        """Value accounts anew, with their exposure and what moves them."""
        book = self.holdings(accounts)
        values = self.prepared.values(book, ("equity", "requirement"), doubted=True)
        equity, required = (value[:, -1 if value.shape[1] == 1 else MAINTENANCE] for value in values.values())
        self.surplus[accounts] = equity - required
        if self.unit is not None:
            self.exposure[accounts], self.moved_by[accounts] = exposures(book, self.unit, self.bits)

    def rooms(self, accounts: Integers) -> Floats:
        """Distance to travel until an account may have no surplus left; none where it has none now."""
        surplus, exposure = self.surplus[accounts], self.exposure[accounts]
        room = np.divide(surplus, exposure, out=np.full(len(accounts), np.inf), where=exposure > 0)
        lasting = (surplus > 0) | ((surplus == 0) & (exposure == 0))
        return np.where(lasting, room * (1.0 - EARLY) - 1e-9, -np.inf)

    def update(self, accounts: Integers) -> None:
        """Take in that these accounts hold something else now."""
        for part in chunks(accounts):
            self.take(part)
        self.arm(accounts)

    def arm(self, accounts: Integers) -> None:
        """Set the distance of accounts anew, from here on."""
        self.room[accounts], self.anchor[accounts] = self.rooms(accounts), len(self.path) - 1
        self.anchor[accounts[self.anchor[accounts] == 0]] = -1  # at the start of the path, and yet not at first
        self.watched[accounts] = True

    def move(self, market: Market) -> Found:
        """Take a market's figures: revalue whom they can have carried far enough, and name who is below maintenance."""
        return self.remark(self.prepared.remark(market))

    def remark(self, fresh: Prepared) -> Found:
        """The same for a method that was made ready over the new market."""
        change = self.change(fresh) if len(self.path) < MARKS else None
        self.prepared = fresh
        if change is None:  # no bound, or a path so long that it is worth beginning anew
            woken = np.arange(self.n_accounts)
            self.begin()
        else:
            self.path.add(change, self.steps(change))
            woken = self.left_in_doubt(self.reached())
            self.update(woken)
        surplus = self.surplus[woken]
        return Found(
            liquidatable=woken[self.below(woken)], revalued=woken, surplus=surplus, n_accounts=self.n_accounts
        )

    def below(self, accounts: Integers) -> NDArray[np.bool_]:
        """Whose surplus, to the nearest atom of the currency, is below 0."""
        found = np.zeros(len(accounts), dtype=bool)
        some = np.flatnonzero(self.surplus[accounts] < 0)
        if len(some):
            book = self.holdings(accounts[some])
            atom = book.instruments.atom[book.currency] * self.prepared.currency_prices(book)
            found[some] = np.rint(self.surplus[accounts[some]] / atom) < 0
        return found

    def change(self, fresh: Prepared) -> SurplusChange | None:
        """The change since the last mark; ``None`` where there is no bound, or where something without a unit moved."""
        if self.unit is None:
            return None
        try:
            found = surplus_change(self.prepared.bound, fresh.bound, MAINTENANCE)
        except UnboundedError:
            return None
        return found if np.isfinite(self.steps(found)).all() else None

    def steps(self, change: SurplusChange) -> Floats:
        """By bit, the largest change of an item per unit of it."""
        assert self.unit is not None
        return np.maximum(distances(change, self.unit, self.bits), ratio(change.constant, self.unit.constant))

    def left_in_doubt(self, accounts: Integers) -> Integers:
        """Those among accounts whose surplus may be gone; the others sleep on, by what is left of it at least.

        The distance takes every item against the account; here what is linear in the holdings counts as it fell.
        """
        anchor = np.maximum(self.anchor[accounts], 0)
        certain = self.room[accounts] > -np.inf
        least = self.surplus[accounts] + self.holdings.moved(accounts, anchor, self.path)
        least -= EARLY * (np.abs(self.surplus[accounts]) + self.exposure[accounts])
        safe = certain & (least > 0)
        self.surplus[accounts[safe]] = least[safe]
        self.arm(accounts[safe])
        return accounts[~safe]

    def reached(self) -> Integers:
        """Accounts that one of their underlyings carried far enough, ascending."""
        hit, near = np.zeros(self.n_accounts, dtype=bool), self.within_reach()
        hit[near] = self.carried(near) >= self.room[near]
        for bit in np.flatnonzero(self.path.travelled[-1] > self.path.travelled[-2]).tolist():
            if bit not in self.queues:
                moved = self.order[(self.moved_by[self.order] >> bit) & 1 == 1]
                self.queues[bit] = Queue(moved, self.first[moved])
            account = self.queues[bit].reached(float(self.path.travelled[-1][bit]))
            hit[account[self.anchor[account] == 0]] = True
        return np.flatnonzero(hit)

    def within_reach(self) -> Integers:
        """Of those armed again whoever the farthest of all underlyings could carry far enough."""
        path, watched = np.array(self.path.travelled), np.flatnonzero(self.watched)
        most = (path[-1] - path).max(axis=1)[np.maximum(self.anchor[watched], 0)]
        return watched[most >= self.room[watched]]

    def carried(self, accounts: Integers) -> Floats:
        """The farthest that one of its underlyings travelled since each account was armed."""
        path, anchor = np.array(self.path.travelled), np.maximum(self.anchor[accounts], 0)
        farthest = np.zeros(len(accounts))
        for bit in np.flatnonzero(path[-1]).tolist():
            since = np.where((self.moved_by[accounts] >> bit) & 1, path[-1, bit] - path[anchor, bit], 0.0)
            np.maximum(farthest, since, out=farthest)
        return farthest


def chunks(accounts: Integers) -> list[Integers]:
    return np.array_split(accounts, -(-len(accounts) // CHUNK)) if len(accounts) else []


@dataclass
class Queue:
    """Accounts that an underlying moves, by the distance that reaches them; each is taken out once."""

    account: Integers
    room: Floats
    place: int = 0

    def reached(self, distance: float) -> Integers:
        first, self.place = self.place, int(np.searchsorted(self.room, distance, side="right"))
        return self.account[first : self.place]


# ---- figures ---------------------------------------------------------------------------------


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
    for source in change.sources:
        np.maximum.at(found, item_bits(source, bits), ratios(change.size(source), unit.by_source[source]))
    return found


def ratios(change: Floats, unit: Floats) -> Floats:
    """What has no unit must not change."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(change == 0, 0.0, np.nan_to_num(change / unit, nan=np.inf, posinf=np.inf))


def ratio(change: float, unit: float) -> float:
    return float(ratios(np.array([change]), np.array([unit]))[0])
