"""Rules of a close-out: which positions are reduced next, by how much, and why.

A rule is a frozen record with one method, ``next(closing, steps)``: a ``Proposal`` for the account as it stands after
the steps taken, or ``None`` where every step would lower the surplus. The driver takes the proposal, revalues, and
asks again while the target is not met.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from crossmargin import _checks as check
from crossmargin._checks import Integers
from crossmargin.instruments import exact
from crossmargin.liquidation.close_out_account import Closing, Reduced
from crossmargin.liquidation.close_out_smallest import Smallest
from crossmargin.liquidation.close_out_steps import Proposal, Step

__all__ = ["CommonShare", "Rule", "Smallest", "Staged", "Whole"]

SECOND = 10**9


class Rule(Protocol):
    """What a close-out asks."""

    def next(self, closing: Closing, steps: tuple[Step, ...]) -> Proposal | None: ...


@dataclass(frozen=True, slots=True)
class Whole:
    """The whole account at once, every position to zero."""

    def next(self, closing: Closing, steps: tuple[Step, ...]) -> Proposal | None:
        return whole(closing, "the whole account at once")


def whole(closing: Closing, reason: str) -> Proposal | None:
    """Everything closed, unless that lowers the surplus."""
    worse = closing.worse(closing.reduced(closing.lots).surplus)[0]
    return None if worse else Proposal(closed=closing.mapping(closing.lots), reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonShare:
    """All positions by one common share.

    The smallest of ``step``, ``2 step``, ... 1 with ``maintenance < below equity`` after the trades and the penalty,
    and the surplus at the target; the whole account where none gets there. Lots are rounded up. Source: Paradex
    (risk-system/liquidations): steps of 20 %, until the margin ratio is under 90 %.
    """

    step: Fraction = Fraction(1, 5)
    below: float = 0.9

    def __post_init__(self) -> None:
        step = exact("step", self.step)
        check.number("step", float(step), low=0.0, high=1.0, strict=True)
        object.__setattr__(self, "step", step)
        check.positive("below", self.below)

    def next(self, closing: Closing, steps: tuple[Step, ...]) -> Proposal | None:
        closed, found = self.considered(closing)
        enough = np.flatnonzero(self.restored(closing, found))
        if not len(enough):
            return whole(closing, f"no common share brings maintenance below {self.below:.0%} of equity: all is closed")
        share = float(self.shares[enough[0]])
        reason = (
            f"common share {share:.0%}: the smallest in steps of {float(self.step):.0%} "
            f"with maintenance below {self.below:.0%} of equity"
        )
        return Proposal(closed=closing.mapping(closed[enough[0]]), reason=reason)

    @property
    def shares(self) -> tuple[Fraction, ...]:
        return tuple(min(n * self.step, Fraction(1)) for n in range(1, ceil(1 / self.step) + 1))

    def considered(self, closing: Closing) -> tuple[Integers, Reduced]:
        """Lots closed at each share, ascending, and the margin after each."""
        closed = np.array([parts(share, closing.lots) for share in self.shares], dtype=np.int64)
        return closed, closing.reduced(closed)

    def restored(self, closing: Closing, found: Reduced) -> NDArray[np.bool_]:
        under = np.rint((self.below * found.equity - found.maintenance) / closing.atom) > 0
        return under & closing.met(found.surplus)


def parts(share: Fraction, lots: Iterable[int]) -> list[int]:
    """A share of each, rounded up to whole lots."""
    return [ceil(share * int(n)) for n in lots]


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """One position after the other, the largest notional first; of a large one a share at first, then all of it.

    A position above ``above`` (notional at its mark, account currency) loses ``share`` of its lots, rounded up, a
    smaller one all. For ``cool_down`` nanoseconds after such a part, and once every position had its turn, whatever is
    closed is closed whole. A position whose close would lower the surplus waits; where each would, all go at once.
    Source: Hyperliquid (docs, trading/liquidations): above 100,000 USDC 20 % first, then 30 s whole. Which position
    goes first is not said there: largest first is read so.
    """

    share: Fraction = Fraction(1, 5)
    above: float = 100_000.0
    cool_down: int = 30 * SECOND

    def __post_init__(self) -> None:
        share = exact("share", self.share)
        check.number("share", float(share), low=0.0, high=1.0, strict=True)
        object.__setattr__(self, "share", share)
        check.number("above", self.above, low=0.0)
        check.integer("cool_down", self.cool_down, low=0)

    def next(self, closing: Closing, steps: tuple[Step, ...]) -> Proposal | None:
        if not self.cooling(closing):
            had = {trade.instrument for step in steps for trade in step.trades}
            first = self.turn(closing, np.array([name not in had for name in closing.names]))
            if first is not None:
                return first
        place = largest_good(closing, closing.lots)
        if place is None:
            return whole(closing, "each position alone would lower the surplus: all go at once")
        return Proposal(closed={closing.names[place]: int(closing.lots[place])}, reason=self.why_whole(closing))

    def cooling(self, closing: Closing) -> bool:
        """Whether a part was closed shortly before; at this very time all positions have their turn."""
        return closing.last_part is not None and 0 < closing.time - closing.last_part < self.cool_down

    def turn(self, closing: Closing, fresh: NDArray[np.bool_]) -> Proposal | None:
        """The largest position that had no turn yet."""
        large = closing.notional > self.above
        lots = np.where(large, parts(self.share, closing.lots), closing.lots) * fresh
        place = largest_good(closing, lots)
        if place is None:
            return None
        part = bool(lots[place] < closing.lots[place])
        size = f"{float(self.share):.0%} of a notional above" if part else "whole: a notional of at most"
        reason = f"largest position without a turn, {size} {self.above:g}"
        return Proposal(closed={closing.names[place]: int(lots[place])}, reason=reason, part=part)

    def why_whole(self, closing: Closing) -> str:
        if self.cooling(closing):
            return f"largest position, whole: within {self.cool_down / SECOND:g} s of a part"
        return "largest position, whole: every position had its turn"


def largest_good(closing: Closing, lots: Integers) -> int | None:
    """The largest position whose reduction alone does not lower the surplus; ``None`` where each would."""
    good = ~closing.worse(closing.reduced(np.diag(lots)).surplus) & (lots > 0)
    if not good.any():
        return None
    return int(np.argmax(np.where(good, closing.notional, -1.0)))
