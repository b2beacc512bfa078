"""The penalty of a close-out: how much, of what, who receives it, and how it grows while nobody acts."""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor

from crossmargin import _checks as check
from crossmargin.instruments import exact

BASES = ("notional", "released")
RATES = ("rate", "liquidator", "fund", "growth", "cap")


@dataclass(frozen=True, slots=True)
class Charge:
    """A penalty in atoms, >= 0, by who receives it."""

    liquidator: int = 0
    fund: int = 0

    @property
    def total(self) -> int:
        return self.liquidator + self.fund

    def __add__(self, other: "Charge") -> "Charge":
        return Charge(self.liquidator + other.liquidator, self.fund + other.fund)


@dataclass(frozen=True, slots=True, kw_only=True)
class Penalty:
    """A fee for being closed out, taken from the account's balances in whole atoms.

        total = ceil(rate base);   liquidator's part = floor(liquidator total);   fund's part = the rest

    ``base`` "notional": what the trades cost, ``|cost|`` atoms of the settlement asset, charged trade by trade;
    "released": the maintenance margin that a step frees, atoms of the account's currency. ``rate`` is a fraction of it
    in [0, 1]; the shares ``liquidator`` and ``fund`` (of insurance) sum to 1. Rounding goes against the account, and
    between the two the remainder goes to the fund, so that nothing appears or vanishes. Figures are given as decimals
    (texts, integers, floats) or fractions and kept exactly.

    ``growth`` a slot, as at Drift v2 (specs 3.6): after ``grace`` slots without activity the rate is
    ``min(rate + elapsed growth, cap)``; all slots count, so it jumps at the end of the grace. ``after`` answers the
    penalty at that moment.

    Raises ``InvalidInputError`` for a figure out of its range, for shares that do not sum to 1, for a cap below the
    rate. Sources: the 70 % of released maintenance of Paradex (risk-system/liquidations), the rates of notional of
    Deribit and Drift.
    """

    rate: Fraction = Fraction(0)
    base: str = "notional"
    liquidator: Fraction = Fraction(0)
    fund: Fraction = Fraction(1)
    growth: Fraction = Fraction(0)
    grace: int = 0
    cap: Fraction = Fraction(1)

    def __post_init__(self) -> None:
        check.one_of("base", self.base, BASES)
        check.integer("grace", self.grace, low=0)
        for name in RATES:
            object.__setattr__(self, name, share(name, getattr(self, name)))
        if self.liquidator + self.fund != 1:
            raise check.refuse("liquidator + fund", "be 1", self.liquidator + self.fund)
        if self.cap < self.rate:
            raise check.refuse("cap", f"be at least the rate {self.rate}", self.cap)

    def after(self, elapsed: int) -> "Penalty":
        """The same at the rate of ``elapsed`` slots since the account last acted, which grows no more."""
        check.integer("elapsed", elapsed, low=0)
        if elapsed < self.grace:
            return replace(self, growth=Fraction(0))
        return replace(self, rate=min(self.rate + elapsed * self.growth, self.cap), growth=Fraction(0))

    def of(self, base: int) -> Charge:
        """The penalty on a base in atoms."""
        total = ceil(self.rate * check.integer("base", base, low=0))
        liquidator = floor(self.liquidator * total)
        return Charge(liquidator, total - liquidator)


def share(name: str, value: object) -> Fraction:
    """An exact fraction in [0, 1]."""
    found = exact(name, value)
    check.fraction(name, float(found))
    return found
