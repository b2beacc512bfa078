"""A repeatable stream of order messages, drawn beside books without a gate so that it names orders that rest."""

from collections.abc import Iterator, Sequence

import numpy as np
from host import AMEND, CANCEL, PLACE, Host, Message
from venue import Listing

SHARES = {"cancel or amend": 0.70, "place": 0.25, "take": 0.05}
DEPTH = 20  # ticks from the mark at which resting orders lie, at most
CROSS = 6  # ticks beyond the mark up to which a marketable order takes
MOST_LOTS = 8
RESTING = 4096  # orders that the books hold, about; fewer in a short stream
BLOCK = 4096  # messages whose random figures are drawn at once


class Stream:
    """Draws messages one by one and tells its own books, which refuse nothing."""

    def __init__(self, listings: Sequence[Listing], n_accounts: int, resting: int, seed: int) -> None:
        self.listings, self.n_accounts, self.resting = listings, n_accounts, resting
        self.random = np.random.default_rng(seed)
        self.host = Host(row.instrument for row in listings)
        self.mark = {row.instrument: row.ticks for row in listings}
        self.known: list[tuple[int, int]] = []  # order and instrument; some may have been filled
        self.last = 0

    def draw(self, n: int) -> Iterator[Message]:
        """The next n messages."""
        for start in range(0, n, BLOCK):
            kinds = self.random.choice(3, BLOCK, p=list(SHARES.values())).tolist()
            figures = self.random.integers(0, 2**31, (BLOCK, 5)).tolist()
            for kind, figure in zip(kinds[: n - start], figures, strict=False):
                message = self.message(kind, figure)
                self.host.run([message])
                yield message

    def message(self, kind: int, figure: list[int]) -> Message:
        """A change of an order that rests where the kind says so and one does."""
        found = self.pick(figure[0]) if kind == 0 else None
        if found is None:
            return self.new(figure, takes=kind == 2)
        place, order, instrument = found
        if len(self.known) > self.resting:
            return self.cancelled(place, order, instrument)
        return self.amended(order, instrument, figure)

    def pick(self, figure: int) -> tuple[int, int, int] | None:
        """A resting order at random and its place in the list; filled ones met on the way leave the list."""
        while self.known:
            place = figure % len(self.known)
            order, instrument = self.known[place]
            if order in self.host.lots:
                return place, order, instrument
            self.drop(place)
        return None

    def drop(self, place: int) -> None:
        """The last order of the list takes the place."""
        self.known[place] = self.known[-1]
        self.known.pop()

    def new(self, figure: list[int], *, takes: bool) -> Message:
        account, listing, lots, side, away = figure
        instrument = self.listings[listing % len(self.listings)].instrument
        signed = (1 + lots % MOST_LOTS) * (1 if side % 2 else -1)
        self.last += 1
        self.known.append((self.last, instrument))
        ticks = self.limit(instrument, signed, -1 - away % CROSS if takes else 1 + away % DEPTH)
        return (PLACE, account % self.n_accounts, self.last, instrument, signed, ticks)

    def limit(self, instrument: int, lots: int, away: int) -> int:
        """Ticks below the mark for a buyer, above it for a seller."""
        return max(self.mark[instrument] + (-away if lots > 0 else away), 1)

    def amended(self, order: int, instrument: int, figure: list[int]) -> Message:
        """Less at the same limit, or the same size at another one."""
        account, lots, ticks = self.host.account[order], self.host.lots[order], self.host.ticks[order]
        if figure[1] % 2 and abs(lots) > 1:
            return (AMEND, account, order, instrument, int(lots / 2), ticks)
        return (AMEND, account, order, instrument, lots, self.limit(instrument, lots, 1 + figure[4] % DEPTH))

    def cancelled(self, place: int, order: int, instrument: int) -> Message:
        self.drop(place)
        return (CANCEL, self.host.account[order], order, instrument, self.host.lots[order], self.host.ticks[order])


def stream(listings: Sequence[Listing], n_accounts: int, n: int, seed: int = 1) -> list[Message]:
    """Messages, as many as n; the same for the same arguments."""
    return list(Stream(listings, n_accounts, min(RESTING, n // 8), seed).draw(n))
