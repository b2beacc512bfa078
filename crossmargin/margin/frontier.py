"""Roots of a surplus along a market path: where an account would meet a threshold.

The path moves one or more underlyings by a relative move x; everything else of the market follows by
``moved_market``. All positions, balances and their scenarios are revalued at every point.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from crossmargin._checks import Floats
from crossmargin.margin.prepared import Prepared
from crossmargin.portfolio import Portfolio
from crossmargin.scenario.revalue import moved_market

TOP = 9.0  # x = 9 is ten times the mark
BOTTOM = -1.0 + 1e-9


@dataclass(frozen=True, slots=True)
class Roots:
    """Moves x at which the function crosses zero, ascending; nearest to 0 below and above."""

    moves: tuple[float, ...]

    @property
    def below(self) -> float | None:
        found = [x for x in self.moves if x < 0]
        return found[-1] if found else None

    @property
    def above(self) -> float | None:
        found = [x for x in self.moves if x >= 0]
        return found[0] if found else None


def surplus_path(
    prepared: Prepared, portfolio: Portfolio, direction: Mapping[str, float], name: str = "surplus_maintenance"
) -> Callable[[float], float]:
    """``x -> surplus`` after each underlying moved by ``direction[u] * x`` (kept above a total loss).

    Oracles are doubted where they stand, at x = 0; a price that is only supposed is trusted.
    """
    prepared.method.check_book(prepared.instruments, prepared.market, portfolio.alone().book)
    trusted = replace(prepared, method=prepared.method.trusting())

    def value(x: float) -> float:
        moves = {underlying: max(beta * x, BOTTOM) for underlying, beta in direction.items()}
        market = moved_market(portfolio.instruments, prepared.market, moves)
        return float(getattr(trusted.remark(market).requirement(portfolio), name))

    return value


def search_points(top: float = TOP) -> Floats:
    """Points at which the sign is looked at: dense near the market, geometric far from it."""
    below = -np.concatenate([[1e-9], np.linspace(0.01, 0.5, 50), 1.0 - np.geomspace(0.5, 1e-3, 24)[1:], [1 - 1e-9]])
    above = np.concatenate([np.linspace(0.0, 0.5, 51), np.geomspace(0.55, top, 48)])
    return np.sort(np.concatenate([below, above]))


def roots(function: Callable[[float], float], points: Floats | None = None) -> Roots:
    """Every sign change between neighbouring points, refined by Brent's method to 1e-12 of x.

    A function that is zero everywhere (nothing is held) crosses nothing. Two roots between neighbouring
    points cancel and are not seen; the points are 1 % apart within half of the market on either side.
    """
    from scipy.optimize import brentq

    at = search_points() if points is None else points
    values = np.array([function(float(x)) for x in at])
    found = [] if not values.any() else [float(x) for x, v in zip(at, values, strict=True) if v == 0.0]
    crossing = np.flatnonzero(np.sign(values[:-1]) * np.sign(values[1:]) < 0)
    found += [float(brentq(function, at[i], at[i + 1], xtol=1e-12, rtol=8.9e-16)) for i in crossing]
    return Roots(tuple(sorted(found)))
