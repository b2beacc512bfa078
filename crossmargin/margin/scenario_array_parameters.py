"""Parameters of scenario-array margin: scenarios, arrays as a file gives them, spreads, credits, minimums.

Money is per contract in the settlement asset, ranges too unless they are a fraction; months read ``202509``.
"""

from typing import Literal

import msgspec

from crossmargin import _checks as check
from crossmargin.margin.method import Parameters, check_choices
from crossmargin.margin.plan.matchers import COUNTING


class Scan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """A price move in scan ranges, a volatility move (+1 up, -1 down, 0), the share of the loss that counts."""

    move: float
    volatility: float = 0.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        check.number("move", self.move, "of scan")
        check.number("volatility", self.volatility, "of scan", low=-1.0, high=1.0)
        check.number("weight", self.weight, "of scan", low=0.0)


def sixteen(extreme_multiplier: float = 3.0, extreme_cover: float = 0.33) -> tuple[Scan, ...]:
    """Thirds of the range with volatility up and down, then the extreme moves, which do not move volatility."""
    thirds = (0.0, 1 / 3, -1 / 3, 2 / 3, -2 / 3, 1.0, -1.0)
    regular = (Scan(move, shock) for move in thirds for shock in (1.0, -1.0))
    return (*regular, Scan(extreme_multiplier, 0.0, extreme_cover), Scan(-extreme_multiplier, 0.0, extreme_cover))


class Array(Parameters, frozen=True, kw_only=True):
    """A contract's array as the file prints it, loss positive, of one long contract; its composite delta and month."""

    losses: tuple[float, ...]
    delta: float = 1.0
    month: str = ""

    def __post_init__(self) -> None:
        check.floats("losses", self.losses)
        check.number("delta", self.delta, "of array")


class SpreadLeg(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """A month or the name of a tier, a side (A is long as written), deltas a spread."""

    period: str
    side: Literal["A", "B"]
    ratio: float = 1.0

    def __post_init__(self) -> None:
        check_choices(self, "of spread leg")


class Spread(Parameters, frozen=True, kw_only=True):
    """An inter-month spread and its charge."""

    legs: tuple[SpreadLeg, ...]
    rate: float

    def __post_init__(self) -> None:
        check.number("rate", self.rate, "of spread", low=0.0)


class Delivery(Parameters, frozen=True, kw_only=True):
    """Charge of a spot month: a delta used in spreads, and one that is left."""

    month: str
    spread_rate: float = 0.0
    outright_rate: float = 0.0

    def __post_init__(self) -> None:
        for name in ("spread_rate", "outright_rate"):
            check.number(name, getattr(self, name), f"of delivery {self.month!r}", low=0.0)


class Commodity(Parameters, frozen=True, kw_only=True):
    """A combined commodity, named by its underlying; spreads in priority order, series before tiers.

    ``price_scan_range`` is money per contract, or ``price_scan_fraction`` a share of the price.
    ``weighted_price_risk``: 1 price risk per delta, 2 at most the scan range, 3 the scan range itself.
    """

    price_scan_range: float | None = None
    price_scan_fraction: float | None = None
    volatility_scan_range: float = 0.0
    volatility_mode: Literal["relative", "absolute"] = "relative"
    lookahead_days: float = 0.0
    series_spreads: tuple[Spread, ...] = ()
    tiers: dict[str, tuple[str, str]] = msgspec.field(default_factory=dict)
    tier_spreads: tuple[Spread, ...] = ()
    counting: str = "fraction"
    weighted_price_risk: Literal[1, 2, 3] = 2
    delivery: tuple[Delivery, ...] = ()
    short_option_minimum: float = 0.0
    short_option_count: Literal["gross", "larger"] = "gross"

    def __post_init__(self) -> None:
        check_choices(self, "of commodity")
        ranges = (self.price_scan_range, self.price_scan_fraction)
        if (ranges[0] is None) == (ranges[1] is None):
            raise check.refuse("price_scan_range", "be given, or price_scan_fraction, not both", ranges)
        for name in ("volatility_scan_range", "lookahead_days", "short_option_minimum"):
            check.number(name, getattr(self, name), "of commodity", low=0.0)
        if self.price_scan_range is not None:
            check.number("price_scan_range", self.price_scan_range, "of commodity", low=0.0)
        if self.price_scan_fraction is not None:
            check.fraction("price_scan_fraction", self.price_scan_fraction, "of commodity")
        check.one_of("counting", self.counting, COUNTING, "of commodity")
        for spread in self.tier_spreads:
            for leg in spread.legs:
                check.known("tier", leg.period, self.tiers, "tier", "of commodity")

    def months(self, period: str, listed: tuple[str, ...]) -> tuple[int, ...]:
        """Places of a leg among the listed months: its month, or those of its tier, front month first."""
        first, last = self.tiers.get(period, (period, period))
        return tuple(place for place, month in enumerate(listed) if first <= month <= last)


class CreditLeg(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """A commodity's leg of an inter-commodity spread: side, deltas a spread, share of its price risk credited."""

    commodity: str
    side: Literal["A", "B"]
    ratio: float
    credit: float

    def __post_init__(self) -> None:
        check_choices(self, "of credit leg")
        check.positive("ratio", self.ratio, "of credit leg")
        check.fraction("credit", self.credit, "of credit leg")


class Credit(Parameters, frozen=True, kw_only=True):
    """An inter-commodity spread, formed in whole numbers over overall net deltas."""

    legs: tuple[CreditLeg, ...]
