"""What closing a position costs beside its mark: half the spread, the impact of the trade, the fee."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.instruments import Instrument, Instruments, exact
from crossmargin.market import Market
from crossmargin.portfolio import Portfolio

Figures = float | Sequence[float] | Floats | Mapping[str, float]
FIELDS = ("half_spread", "impact", "fee")


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Fractions by instrument: one number for all, one for each (in the order of ``Instruments``), or a mapping by id.

        a sale trades at  floor((mark - |mark| (half_spread + impact)) / tick)  ticks
        a purchase at     ceil((mark + |mark| (half_spread + impact)) / tick)
        the fee is        ceil(fee |cost of the trade|)  atoms of the settlement asset

    Every figure lies in [0, 1], and half spread and impact together below 1; instruments that a mapping does not name
    take ``default``. The cost of a lot does not depend on how many are closed, so costs are linear: for an impact that
    grows, give that of the size to be closed, as ``observed`` does. Prices and the fee are rounded against the account.
    """

    half_spread: Figures = 0.0
    impact: Figures = 0.0
    fee: Figures = 0.0
    default: float = 0.0

    def __post_init__(self) -> None:
        check.fraction("default", self.default)
        for name in FIELDS:
            object.__setattr__(self, name, checked(name, getattr(self, name)))

    @classmethod
    def observed(cls, portfolio: Portfolio, market: Market, *, fee: Figures = 0.0) -> "Costs":
        """Costs from the fields ``spread`` s and ``depth`` D of the market, where an instrument has them.

        Half of the spread, and for the whole position of q contracts the impact ``s |q| / (2 D)``: the price moves by
        one spread a depth and the average fill by half of that; at most what keeps a price above 0.
        """
        half, impact = {}, {}
        for name, held in portfolio.positions.items():
            spread, depth = market.get("spread", name, 0.0), market.get("depth", name, 0.0)
            size = abs(held.lots) * float(portfolio.instruments.instrument(name).lot)
            half[name] = min(spread / 2, 0.5)
            impact[name] = min(spread * size / (2 * depth), 0.49) if depth else 0.0
        return cls(half_spread=half, impact=impact, fee=fee)

    def of(self, instruments: Instruments, name: str) -> tuple[Fraction, Fraction]:
        """Half spread and impact together, and the fee, of one instrument, exactly as their decimals read."""
        half, impact, fee = (exact(field, self.figure(field, instruments, name)) for field in FIELDS)
        if half + impact >= 1:
            raise check.refuse("half_spread + impact", "be below 1", float(half + impact), f"of {name!r}")
        return half + impact, fee

    def figure(self, field: str, instruments: Instruments, name: str) -> float:
        given = getattr(self, field)
        if isinstance(given, Mapping):
            return float(given.get(name, self.default))
        if isinstance(given, tuple):
            if len(given) != len(instruments):
                raise check.refuse(field, f"have length {len(instruments)}", len(given))
            return float(given[instruments.index[name]])
        return float(given)


def checked(name: str, given: Figures) -> Figures:
    """Figures as they are kept: a number, a tuple of numbers, or a mapping."""
    if isinstance(given, Mapping):
        return {key: check.fraction(name, value, f"of {key!r}") for key, value in given.items()}
    if isinstance(given, Sequence | np.ndarray):
        return tuple(check.fraction(name, value, f"at row {row}") for row, value in enumerate(given))
    return check.fraction(name, given)


def closing_ticks(instrument: Instrument, mark: float, shift: Fraction, *, sells: bool) -> int:
    """The price of a close-out in whole ticks, rounded against the account; an inverse one is at least one tick."""
    price = exact("mark", mark, f"of {instrument.id!r}")
    moved = price - abs(price) * shift if sells else price + abs(price) * shift
    ticks = (floor if sells else ceil)(moved / instrument.tick)
    return max(ticks, 1) if instrument.costs_inversely else ticks
