"""Scenario sets by name, as methods of the field are usually quoted."""

from collections.abc import Callable, Mapping

from crossmargin import _checks as check
from crossmargin.scenario.sets import EVERY, ScenarioSet, VolatilityRule, grid, tails

THIRDS = (0.0, 1 / 3, -1 / 3, 2 / 3, -2 / 3, 1.0, -1.0)


def array16(*, price_range: float, volatility_range: float, scale: Mapping[str, float] | None = None) -> ScenarioSet:
    """The 16 scenarios of scenario-array margin: 7 price moves by volatility up and down in thirds of
    the price scan range, and two extremes of three ranges counted at 33 % (CFTC/CME SPAN parameter
    description, scenarios 1 to 16). Volatility moves are absolute.
    """
    check.positive("price_range", price_range)
    check.number("volatility_range", volatility_range, low=0.0)
    rule = VolatilityRule(mode="absolute")
    ranges = {name: price_range * factor for name, factor in (scale or {EVERY: 1.0}).items()}
    regular = grid("scan", moves=THIRDS, volatility=(volatility_range, -volatility_range), scale=ranges, rule=rule)
    extreme = ScenarioSet.of(
        "extreme",
        move=[[3 * r for r in ranges.values()], [max(-3 * r, -0.99) for r in ranges.values()]],
        weight=0.33,
        underlyings=tuple(ranges),
        labels=("+3 range x0.33", "-3 range x0.33"),
        rule=rule,
    )
    return regular + extreme


def portfolio33() -> ScenarioSet:
    """A crypto portfolio-margin grid: ±18 % with volatility up, seven moves to ±13.5 % by three
    volatilities, and eight damped tails: 31 of the 33 scenarios of Derive's main-net deployment script;
    its two skews of volatility across strikes are not price and volatility moves and stay out.
    """
    rule = VolatilityRule(short_power=0.3, long_power=0.13, floor_up=0.4)
    inner = [round(-0.135 + 0.045 * i, 3) for i in range(7)]
    edges = grid("edges", moves=(-0.18, 0.18), volatility=(0.5,), rule=rule)
    center = grid("grid", moves=inner, volatility=(-0.3, 0.0, 0.5), rule=rule)
    rows = (
        (0.34, 0.21),
        (0.67, 0.42),
        (1.5, 0.2772),
        (2, 0.1386),
        (3, 0.0693),
        (4, 0.0462),
        (5, 0.03465),
        (6, 0.02772),
    )
    rare = tails("tails", [(multiple - 1.0, 0.5, weight) for multiple, weight in rows], rule=rule)
    return edges + center + rare


NAMED: dict[str, Callable[..., ScenarioSet]] = {"array16": array16, "portfolio33": portfolio33}


def named(name: str, **parameters: object) -> ScenarioSet:
    """Build a named set; parameters are those of its function."""
    return check.known("scenario set", name, NAMED, f"set ({', '.join(NAMED)})")(**parameters)
