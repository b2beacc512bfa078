"""A cascade in NumPy alone: every round revalues every account, as one would write it over arrays of a whole book."""

import numpy as np

STEPS = (0.2, 0.4, 0.6, 0.8, 1.0)


class NumpyCascade:
    """Perpetuals in one cash asset, one scenario set for all, linear permanent impact; the rules of the engine's run.

    ``total``: "reduceat" adds in NumPy alone, "sparse" by SciPy's compressed rows.
    """

    def __init__(self, book, instruments, price, moves, factor, *, total="reduceat", chunk=20_000):
        held, owned = book.positions, book.balances
        self.start, self.item = held.start, held["instrument"]
        self.lots, self.cost = held["lots"].astype(float), held["open_cost"] / 1e6
        self.cash = np.bincount(np.repeat(np.arange(len(book)), np.diff(owned.start)), owned["atoms"] / 1e6, len(book))
        self.size = np.array([float(row.contract_size * row.lot) for row in instruments])
        self.tick = np.array([float(row.tick) for row in instruments])
        self.price, self.moves, self.factor = price.copy(), moves, factor
        self.total, self.chunk = total, chunk
        self.open = np.ones(len(book), dtype=bool)  # holds positions: what owes without them is the fund's

    def sums(self, item, lots, start):
        """Gains by account and scenario, and the value of positions."""
        value = self.size * self.price
        rows = np.concatenate([value[:, None] * self.moves, value[:, None]], axis=1)
        if self.total == "sparse":
            from scipy.sparse import csr_matrix

            return csr_matrix((lots, item, start), shape=(len(start) - 1, len(rows))) @ rows
        return np.concatenate([
            np.add.reduceat(lots[a:b, None] * rows[item[a:b]], start[i:j] - a, axis=0)
            for i in range(0, len(start) - 1, self.chunk)
            for j in [min(i + self.chunk, len(start) - 1)] for a, b in [(start[i], start[j])]
        ])  # fmt: skip

    def surplus(self, item, lots, cost, start, cash):
        found = self.sums(item, lots, start)
        loss = -np.minimum(found[:, :-1].min(axis=1), 0.0)
        return found[:, -1] - np.add.reduceat(cost, start[:-1]) + cash - self.factor * loss

    def ticks(self, price, item, lots):
        """Longs sell at a whole tick below a price, shorts buy above it."""
        low, high = np.floor(price / self.tick * (1 + 1e-15)), np.ceil(price / self.tick * (1 - 1e-15))
        return np.where(lots > 0, low[item], high[item])

    def round(self, slip):
        """Accounts closed and the lots traded by instrument; ``slip``: what the flow moves prices while it trades."""
        now = self.surplus(self.item, self.lots, self.cost, self.start, self.cash)
        due = np.flatnonzero(self.open & (np.rint(now * 1e6) < 0))
        rows = np.concatenate([np.zeros(0, int), *(np.arange(self.start[a], self.start[a + 1]) for a in due)])
        start = np.concatenate([[0], np.cumsum(np.diff(self.start)[due])])
        item, lots, cost = self.item[rows], self.lots[rows], self.cost[rows]
        ticks = self.ticks(self.price, item, lots)
        share, traded = np.zeros(len(due)), np.zeros(len(lots))
        for step in STEPS if len(due) else ():
            trade = -np.sign(lots) * np.ceil(np.abs(lots) * step * (1 - 1e-12))
            paid = trade * ticks * self.tick[item] * self.size[item]
            after = self.surplus(item, lots + trade, cost + paid, start, self.cash[due])
            open_ = share == 0
            good = open_ & ((np.rint(after * 1e6) >= 0) | (step == 1.0))
            share[good] = step
            traded = np.where(np.repeat(good, np.diff(start)), trade, traded)
        ticks = self.ticks(self.price * (1 + slip), item, lots)
        self.lots[rows] += traded
        self.cost[rows] += traded * ticks * self.tick[item] * self.size[item]
        self.open[due] = share < 1.0
        return due, np.bincount(item, traded, len(self.size))
