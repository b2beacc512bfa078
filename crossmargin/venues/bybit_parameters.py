"""Parameter sets of Bybit portfolio margin, dated.

The rules of the delta, vega and USDT-USDC contingencies are not public in full: their amounts are ``reported`` ones.
The coefficient of short options is named (``option_rate``) and not known: 0 charges nothing.
"""

import msgspec

from crossmargin import _checks as check
from crossmargin.errors import ImprudentParametersError
from crossmargin.margin.method import Parameters
from crossmargin.venues.dated import LATEST, in_force


class UnitRules(Parameters, frozen=True, kw_only=True):
    """One risk unit, a base coin: prices of the grid, volatility moves, contingencies."""

    moves: tuple[float, ...]
    volatility_up: float = 0.24
    volatility_down: float = 0.20
    power: float = 0.30
    future_rate: float = 0.0003
    option_rate: float = 0.0

    def __post_init__(self) -> None:
        moves = check.floats("moves", self.moves)
        check.require_all("moves", "be > -1", moves, moves > -1.0)
        check.ascending("moves", moves)
        for name in ("volatility_up", "power", "future_rate", "option_rate"):
            check.number(name, getattr(self, name), "of unit rules", low=0.0)
        check.fraction("volatility_down", self.volatility_down, "of unit rules")


class Reported(Parameters, frozen=True, kw_only=True):
    """Contingencies that the venue reports and whose rule it does not publish, quote currency."""

    futureDeltaContingency: float = 0.0  # noqa: N815  the venue's names
    optionVegaContingency: float = 0.0  # noqa: N815
    usdtUsdcContingency: float = 0.0  # noqa: N815

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            check.number(name, getattr(self, name), "of reported amounts", low=0.0)


class Rules(Parameters, frozen=True, kw_only=True):
    """Figures of one date; ``units`` names the base coins that the set knows."""

    units: dict[str, UnitRules]
    im_factor: float = 1.2
    spot_hedge: bool = True
    allow_imprudent: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check.number("im_factor", self.im_factor, "of rules", low=0.0)
        if len({len(unit.moves) for unit in self.units.values()}) > 1:
            raise check.refuse("moves", "be as many in every unit", {k: len(u.moves) for k, u in self.units.items()})
        if self.im_factor < 1 and "initial >= maintenance" not in self.allow_imprudent:
            raise ImprudentParametersError("initial >= maintenance", f"im_factor must be >= 1, was {self.im_factor}")


def grid(widest: float, steps: int = 10) -> tuple[float, ...]:
    """Equidistant moves from -widest to +widest."""
    return tuple(round(widest * (2 * k / steps - 1.0), 12) for k in range(steps + 1))


def rules(widest: float) -> Rules:
    unit = UnitRules(moves=grid(widest))
    return Rules(units={"BTC": unit, "ETH": msgspec.structs.replace(unit)})


SOURCE = "bybit-exchange/docs v5/asset/portfolio-margin; risk parameter adjustment of 2025-01-10"
SETS = (("2024", rules(0.15)), ("2025-01-10", rules(0.10)))


def parameters(as_of: str = LATEST) -> tuple[str, Rules]:
    """Date and figures of the set in force."""
    return in_force("Bybit portfolio margin", [(date, (date, found)) for date, found in SETS], as_of)
