"""Aevo portfolio margin: fifteen scenarios, spot moves up to 20 % by additive volatility moves.

Moves of 0, half and all of the greatest spot move; volatility up 50 points, unchanged, down 25 points. The page's floor
margin is not known and not charged; nor is what it requires at maintenance: one figure serves both levels.
Source: docs.aevo.xyz, options specifications, portfolio margin.
"""

from crossmargin import _checks as check
from crossmargin.margin.collateral import Haircut
from crossmargin.margin.scenario_margin import ScenarioMargin
from crossmargin.margin.scenarios import Grid

MAX_MOVE, POINTS_UP, POINTS_DOWN = 0.20, 0.50, 0.25
UNDERLYINGS = ("BTC", "ETH")
STEPS = (-1.0, -0.5, 0.0, 0.5, 1.0)
SOURCE = "docs.aevo.xyz/aevo-exchange/options-specifications/portfolio-margin"


def portfolio_margin(*assets: str, max_move: float = MAX_MOVE) -> ScenarioMargin:
    """A scenario margin with the venue's grid; ``assets`` count as collateral in full."""
    ranges = dict.fromkeys(UNDERLYINGS, check.fraction("max_move", max_move))
    grid = Grid(
        moves=STEPS, volatility=(POINTS_UP, 0.0, -POINTS_DOWN), mode="absolute", short_power=0.0, long_power=0.0,
        ranges=ranges,
    )  # fmt: skip
    collateral = tuple(Haircut(asset=name, in_scenario=False) for name in assets)
    return ScenarioMargin(name="Aevo portfolio margin", source=SOURCE, scenarios=grid, collateral=collateral)
