"""Automatic deleveraging: whose positions close a bankrupt one, in which order, how many lots, and at what price.

A *ranking* is a score a counterparty, float64, greater first, ``EXCLUDED`` never; equal scores go by account id,
ascending, so that nothing depends on where an account is stored. An *allocation* takes lots by the scores (``by_rank``)
or by size (``by_size``). All trade at the bankrupt account's bankruptcy price, the one at which its loss is theirs.

==========================  ======================================================================================
ranking                     source
==========================  ======================================================================================
``leveraged_price_ratio``   Hyperliquid: ``(mark / entry) (notional / equity)`` (specs/exchanges.md 5, onchain.md 5)
``leveraged_return``        profit share times effective leverage: Bybit names the two, the product is inferred
no score                    dYdX v4 walks accounts in a pseudo-random order (specs/onchain.md 2.6): here by account id;
                            ``overlapping`` leaves out whose own bankruptcy price does not overlap
``by_size``, any score      pro rata
==========================  ======================================================================================
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossmargin import _checks as check
from crossmargin._checks import Floats, Integers
from crossmargin.instruments import MAX_DECIMALS, Instrument
from crossmargin.liquidation.socialisation import exact, pro_rata
from crossmargin.portfolio.portfolio import fill_cost
from crossmargin.portfolio.tables import MAX_LOTS, at_most

MAX_TICKS = 2**63 - 1
EXCLUDED = -np.inf  # the score of who is never deleveraged
Allocation = Callable[[int, Integers, Floats], Integers]

# ---- rankings ---------------------------------------------------------------------------------


def leveraged_price_ratio(mark: float, entry: ArrayLike, notional: ArrayLike, equity: ArrayLike) -> Floats:
    """``(mark / entry) (|notional| / equity)``, shape (n,): prices > 0, money in one unit; no equity: ``EXCLUDED``."""
    opened, leverage = check.floats("entry", entry), effective_leverage(notional, equity)
    check.require_all("entry", "be > 0", opened, opened > 0)
    return check.frozen(check.positive("mark", mark) / opened * leverage)


def leveraged_return(profit: ArrayLike, cost: ArrayLike, notional: ArrayLike, equity: ArrayLike) -> Floats:
    """``(profit / |cost|) (|notional| / equity)``, shape (n,), of positions in profit; others are ``EXCLUDED``.

    ``profit`` is value at mark less open cost, ``cost`` the open cost, not 0; all in one unit of money.
    """
    leverage = effective_leverage(notional, equity)
    gain = check.floats("profit", profit, size=len(leverage))
    paid = np.abs(check.floats("cost", cost, size=len(leverage)))
    check.require_all("cost", "differ from 0", paid, paid > 0)
    share = np.maximum(gain, 0.0) / paid
    return check.frozen(np.where((gain > 0) & (leverage >= 0), share * np.maximum(leverage, 0.0), EXCLUDED))


def effective_leverage(notional: ArrayLike, equity: ArrayLike) -> Floats:
    """``|notional| / equity``; ``EXCLUDED`` without equity: who is bankrupt bears nothing for others."""
    size = np.abs(check.floats("notional", notional))
    worth = check.floats("equity", equity, size=len(size))
    return np.where(worth > 0, size / np.where(worth > 0, worth, 1.0), EXCLUDED)


def overlapping(per_lot: Fraction, held: ArrayLike, backing: ArrayLike) -> NDArray[np.bool_]:
    """Whose bankruptcy price overlaps with the bankrupt account's: ``per_lot |held| <= backing``, shape (n,), exact.

    ``per_lot``: atoms a lot by which the bankrupt account's price is worse than the mark; ``backing`` (n,): atoms of
    a counterparty's equity behind its position, for dYdX ``floor(TNC |dMMR| / TMMR)`` of the whole of it.
    """
    lots, behind = check.integers("held", held), check.integers("backing", backing)
    at_most("held", lots, MAX_LOTS)
    owed = exact(np.abs(lots), abs(per_lot.numerator)) * per_lot.numerator
    return (owed <= behind.astype(object) * per_lot.denominator).astype(np.bool_)


# ---- lots -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Deleveraged:
    """Lots taken from each counterparty, shape (n,), >= 0 and at most its own; lots for which there was nobody."""

    taken: Integers
    uncovered: int


def scores(score: ArrayLike, size: int) -> Floats:
    """Scores of a ranking: numbers or ``EXCLUDED``."""
    found = check.as_array("score", score, np.float64, "hold numbers")
    check.shape_check("score", found, 1, size)
    check.require_all("score", "be a number or -inf", found, found < np.inf)
    return check.frozen(found)


def by_rank(lots: int, size: Integers, score: Floats) -> Integers:
    """All of the greatest score, then of the next, equal ones by row, until ``lots`` are taken; shape (n,)."""
    order = np.argsort(-score, kind="stable")
    most = exact(size[order])
    before = np.cumsum(most) - most
    taken = np.zeros(len(size), dtype=np.int64)
    taken[order] = np.minimum(np.maximum(lots - before, 0), most).astype(np.int64)
    return taken


def by_size(lots: int, size: Integers, score: Floats) -> Integers:
    """Lots in proportion to the size of each (``pro_rata``), of all of them at most; the score only excludes."""
    return pro_rata(min(lots, int(exact(size).sum())), size)


def deleverage(lots: int, held: ArrayLike, score: ArrayLike, *, allocation: Allocation = by_rank) -> Deleveraged:
    """Close a position of signed ``lots`` against holders of the opposite side, at most what each holds.

    ``held`` (n,) signed lots and ``score`` (n,) in the order of account ids. ``taken.sum() + uncovered == |lots|``;
    who holds the same side, nothing, or is ``EXCLUDED`` gives nothing, and nobody's position changes its sign.
    """
    lots = check.integer("lots", lots, low=-MAX_LOTS, high=MAX_LOTS)
    others = check.integers("held", held)
    at_most("held", others, MAX_LOTS)
    ranks = scores(score, len(others))
    against = (others < 0) if lots > 0 else (others > 0)
    size = np.where(against & (ranks != EXCLUDED), np.abs(others), 0)
    taken = allocation(abs(lots), size, ranks) if lots else np.zeros(len(size), np.int64)
    return Deleveraged(taken=check.frozen(taken), uncovered=abs(lots) - int(taken.sum()))


# ---- prices -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPosition:
    """A position that the account could not close in the market: signed ``lots`` (not 0), the mark in ``ticks``.

    ``decimals`` are those of the settlement asset. ``weight`` (> 0) divides the loss among several positions: their
    maintenance margins, as dYdX divides it; ratios alone count.
    """

    instrument: Instrument
    decimals: int
    lots: int
    ticks: int
    weight: int = 1

    def __post_init__(self) -> None:
        where = f"of {self.instrument.id}"
        check.integer("decimals", self.decimals, where, low=0, high=MAX_DECIMALS)
        check.integer("ticks", self.ticks, where)
        check.integer("weight", self.weight, where, low=1)
        if not check.integer("lots", self.lots, where, low=-MAX_LOTS, high=MAX_LOTS):
            raise check.refuse("lots", "differ from 0", 0, where)
        self.value(0)  # an inverse payoff needs a price > 0

    @property
    def side(self) -> int:
        """1 for a long, -1 for a short."""
        return 1 if self.lots > 0 else -1

    def value(self, size: int, ticks: int | None = None) -> int:
        """Atoms that ``size`` lots of the position, >= 0, are worth at a price, at the mark if none is given."""
        return fill_cost(self.instrument, self.decimals, self.side * size, self.ticks if ticks is None else ticks)

    def bankruptcy_ticks(self, size: int, atoms: int) -> int:
        """Price at which closing ``size`` lots of the position brings ``atoms`` (>= 0) more than at the mark m.

        Linear ``b = m + atoms / (lots v)``, inverse ``1 / b = 1 / m - atoms / (lots v)`` with lots signed and v atoms
        a lot and tick: above the mark for a long, below for a short, rounded toward the mark, so that the trade never
        brings more. Where no positive price of 64 bits brings it, the mark.
        """
        if not size or not atoms:
            return self.ticks
        each = atoms / (self.side * size * self.instrument.value_ratio(self.decimals))
        if not self.instrument.costs_inversely:
            price = self.ticks + each
        elif each * self.ticks < 1:
            price = self.ticks / (1 - each * self.ticks)
        else:
            return self.ticks
        whole = floor(price) if self.lots > 0 else ceil(price)
        return self.ticks if whole <= 0 < self.ticks or abs(whole) > MAX_TICKS else whole


# ---- counterparties ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counterparties:
    """Positions of accounts in one instrument, columns by account id, ascending; made by ``of``.

    ``lots`` (n,) signed; ``score`` (n,) of a ranking; ``backing`` (n,) atoms of equity behind each position, if who
    could not pay is to be left out (``overlapping``).
    """

    account: tuple[str, ...]
    lots: Integers
    score: Floats
    backing: Integers | None = None

    @classmethod
    def of(
        cls, account: Sequence[str], lots: ArrayLike, score: ArrayLike | None = None, backing: ArrayLike | None = None
    ) -> "Counterparties":
        """Sort columns by account; without a score all are equal, so that they go by account id."""
        names = [check.text("account", name, f"at row {row}") for row, name in enumerate(account)]
        check.unique("account", names)
        order = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)
        held = check.integers("lots", lots, size=len(names))
        at_most("lots", held, MAX_LOTS)
        ranks = scores(np.zeros(len(names)) if score is None else score, len(names))
        behind = None if backing is None else check.integers("backing", backing, size=len(names))[order]
        return cls(account=tuple(sorted(names)), lots=held[order], score=ranks[order], backing=behind)

    def without(self, accounts: frozenset[str]) -> "Counterparties":
        """The same, but that these accounts are never deleveraged."""
        places = [(bisect_left(self.account, name), name) for name in accounts]
        rows = [row for row, name in places if row < len(self.account) and self.account[row] == name]
        if not rows:
            return self
        ranks = self.score.copy()
        ranks[rows] = EXCLUDED
        return replace(self, score=ranks)

    def close(self, lots: int, per_lot: Fraction, allocation: Allocation) -> Deleveraged:
        """Deleverage against signed ``lots`` at a price worse than the mark by ``per_lot`` atoms a lot."""
        ranks = self.score
        if self.backing is not None:
            ranks = np.where(overlapping(per_lot, self.lots, self.backing), ranks, EXCLUDED)
        return deleverage(lots, self.lots, ranks, allocation=allocation)

    def after(self, taken: Integers, given: Integers) -> "Counterparties":
        """What is held once these lots are closed and these atoms given: the signs stay, and so do the scores."""
        backing = None if self.backing is None else self.backing - given
        return replace(self, lots=self.lots + np.where(self.lots > 0, -taken, taken), backing=backing)
