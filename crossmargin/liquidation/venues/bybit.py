"""When Bybit deleverages, how much of a loss it passes on, and to whom.

    drawdown ratio = (symbol's profit - its 8 h maximum) / the pool's 8 h maximum balance
    begins         balance <= 0, or balance > threshold and ratio <= -30 %
    ends           balance > 0 and ratio > -25 %
    passed on      what lies beyond -30 %, all of it while the balance is <= 0

A symbol that the risk team takes out of its pool has a pool of its own, to which the same applies. At exactly -30 %
nothing lies beyond, so whether equality begins (as specs/exchanges.md 3 has it) or not (as the venue's page) moves no
money. Money is in atoms, ratios are exact fractions. Source: bybit-exchange/docs ``v5/market/adl-alert``.

The venue ranks "in order of highest profit and effective leverage" and closes positions in profit; that the order is
the product of the two (``ranking``) is inferred.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import floor

from crossmargin import _checks as check
from crossmargin.instruments import exact
from crossmargin.liquidation.deleveraging import leveraged_return as ranking

__all__ = ["DrawdownRules", "Pool", "deleverages", "fund_limit", "ranking"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawdownRules:
    """``trigger`` and ``stop`` ratios in [-1, 0], trigger <= stop; the drawdown counts while the pool holds more than
    ``threshold`` atoms. As the venue answers: ``insurancePnlRatio``, ``adlStopRatio``, ``adlTriggerThreshold``.
    """

    trigger: Fraction = Fraction(-3, 10)
    stop: Fraction = Fraction(-1, 4)
    threshold: int = 0

    def __post_init__(self) -> None:
        for name in ("trigger", "stop"):
            ratio = exact(name, getattr(self, name))
            if not -1 <= ratio <= 0:
                raise check.refuse(name, "lie in [-1, 0]", ratio)
            object.__setattr__(self, name, ratio)
        if self.trigger > self.stop:
            raise check.refuse("trigger", f"be <= stop {self.stop}", self.trigger)
        check.integer("threshold", self.threshold, low=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """An insurance pool as one symbol sees it, atoms: ``balance`` now, ``largest`` (> 0) of the last 8 h, and what the
    symbol's liquidations brought the pool: ``profit`` now, ``peak`` of the last 8 h (>= profit).
    """

    balance: int
    largest: int
    profit: int = 0
    peak: int = 0

    def __post_init__(self) -> None:
        for name in ("balance", "profit", "peak"):
            check.integer(name, getattr(self, name))
        check.integer("largest", self.largest, low=1)
        if self.peak < self.profit:
            raise check.refuse("peak", f"be >= profit {self.profit}", self.peak)

    @property
    def drawdown(self) -> Fraction:
        """The ratio, <= 0."""
        return Fraction(self.profit - self.peak, self.largest)


def deleverages(pool: Pool, rules: DrawdownRules, *, active: bool = False) -> bool:
    """Whether the symbol is deleveraged now; ``active``: whether it was until now."""
    if pool.balance <= 0:
        return True
    if pool.balance <= rules.threshold:
        return False
    return pool.drawdown <= (rules.stop if active else rules.trigger)


def fund_limit(pool: Pool, rules: DrawdownRules) -> int:
    """The most that the pool pays for further losses of the symbol, atoms, rounded down; what is beyond is passed on.

    Down to the trigger ratio while the drawdown counts, else to its last atom; ``Waterfall.bear(limit=...)`` takes it.
    """
    if pool.balance <= rules.threshold:
        return max(pool.balance, 0)
    most = floor(-rules.trigger * pool.largest) - (pool.peak - pool.profit)
    return max(0, min(most, pool.balance))
