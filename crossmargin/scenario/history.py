"""Scenario sets from returns, from hand-written stress, and from a correlation."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from crossmargin import _checks as check
from crossmargin.calibration import check_correlation
from crossmargin.scenario.sets import ScenarioSet, VolatilityRule


def historical(
    name: str,
    returns: ArrayLike,
    underlyings: Sequence[str],
    *,
    labels: Sequence[str] | None = None,
    horizon: int = 1,
    log: bool = False,
) -> ScenarioSet:
    """One scenario per overlapping window of ``horizon`` rows of ``returns`` (days, underlyings).

    Simple returns compound, log returns (``log=True``) add; every row keeps the joint move of its day.
    """
    rows = check.floats("returns", returns, ndim=2)
    if rows.shape[1] != len(underlyings):
        raise check.refuse("returns", f"have {len(underlyings)} columns", rows.shape[1])
    check.integer("horizon", horizon, low=1, high=len(rows))
    if not log:
        check.require_all("returns", "be > -1", rows, rows > -1.0)
    logs = rows if log else np.log1p(rows)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused as not finite
        moves = np.expm1(sliding_window_view(logs, horizon, axis=0).sum(axis=-1))
    names = labels[horizon - 1 :] if labels is not None else [f"day {day}" for day in range(len(moves))]
    return ScenarioSet.of(name, move=moves, underlyings=underlyings, labels=names)


def stress(
    name: str,
    rows: Mapping[str, Mapping[str, float]],
    *,
    volatility: Mapping[str, float] | None = None,
    rule: VolatilityRule | None = None,
) -> ScenarioSet:
    """Hand-written scenarios: label to moves by underlying (0 where unnamed) and a volatility shock."""
    underlyings = tuple(sorted({u for moves in rows.values() for u in moves}))
    if not underlyings:
        raise check.refuse("stress rows", "move at least one underlying", dict(rows))
    shocks = volatility or {}
    for text in shocks:
        check.known("volatility label", text, rows, "scenario")
    return ScenarioSet.of(
        name,
        move=[[moves.get(u, 0.0) for u in underlyings] for moves in rows.values()],
        volatility=[[shocks.get(label, 0.0)] for label in rows],
        underlyings=underlyings,
        labels=tuple(rows),
        rule=rule,
    )


def correlated(
    name: str,
    underlyings: Sequence[str],
    *,
    deviation: ArrayLike,
    correlation: ArrayLike,
    multiples: Sequence[float] = (-3.0, -2.0, -1.0, 1.0, 2.0, 3.0),
    volatility: Sequence[float] = (0.0,),
    rule: VolatilityRule | None = None,
) -> ScenarioSet:
    """Each underlying led by ``k`` deviations, all others at their expected move given it.

    ``x_j = rho_ij sigma_j k`` when i leads: the mean of a normal vector conditioned on ``x_i = k sigma_i``.
    ``deviation`` (n,) is the standard deviation of each move over the horizon.
    """
    sigma = check.floats("deviation", deviation, size=len(underlyings))
    check.require_all("deviation", "be >= 0", sigma, sigma >= 0)
    rho = check_correlation("correlation", correlation, size=len(underlyings))
    leads = [(i, k, v) for i in range(len(underlyings)) for k in multiples for v in volatility]
    moves = np.array([rho[i] * sigma * k for i, k, _ in leads]).reshape(len(leads), len(underlyings))
    return ScenarioSet.of(
        name,
        move=np.maximum(moves, -0.99),
        volatility=np.array([[v] for _, _, v in leads]).reshape(len(leads), 1),
        underlyings=underlyings,
        labels=[f"{underlyings[i]} {k:+.4g} sd" + (f" vol{100 * v:+.4g}%" if v else "") for i, k, v in leads],
        rule=rule,
    )
