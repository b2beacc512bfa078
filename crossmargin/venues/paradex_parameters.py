"""Parameter sets of Paradex portfolio and cross margin, of the documentation of 2026-08-20 (commit 9b82a75)."""

import msgspec

from crossmargin import _checks as check
from crossmargin.errors import ImprudentParametersError
from crossmargin.margin.method import Parameters


class AssetRules(Parameters, frozen=True, kw_only=True):
    """One underlying: steps of the scan, volatility, tails (move, weight), least margin of its delta."""

    step: float
    volatility_up: float
    volatility_down: float
    minimum_up: float
    tails: tuple[tuple[float, float], ...]
    unhedged: float
    hedged: float
    short_power: float = 0.30
    long_power: float = 0.13

    def __post_init__(self) -> None:
        for name in ("volatility_up", "minimum_up", "short_power", "long_power"):
            check.number(name, getattr(self, name), "of asset rules", low=0.0)
        for name in ("step", "volatility_down", "unhedged", "hedged"):
            check.fraction(name, getattr(self, name), "of asset rules")
        if self.step >= 0.25:
            raise check.refuse("step", "leave a price above zero after four", self.step, "of asset rules")
        for move, weight in self.tails:
            check.number("tail move", move, "of asset rules", low=-1.0, strict=True)
            check.fraction("tail weight", weight, "of asset rules")


class OptionRates(Parameters, frozen=True, kw_only=True):
    """Options in cross margin, fractions of the index, initial; maintenance is half of each."""

    long_itm: float = 0.20
    short_itm: float = 0.15
    short_otm: float = 0.10

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            check.fraction(name, getattr(self, name), "of option rates")


class Rules(Parameters, frozen=True, kw_only=True):
    """Figures of one date; ``funding_hours`` of funding and ``fee_rate`` of notional are provided at both levels."""

    assets: dict[str, AssetRules]
    mm_factor: float = 0.5
    funding_hours: float = 8.0
    fee_rate: float = 0.0
    allow_imprudent: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("mm_factor", "funding_hours", "fee_rate"):
            check.number(name, getattr(self, name), "of rules", low=0.0)
        if len({len(rules.tails) for rules in self.assets.values()}) > 1:
            raise check.refuse("tails", "be as many for every asset", {k: len(r.tails) for k, r in self.assets.items()})
        check_maintenance(self.mm_factor, self.allow_imprudent)


class CrossRules(Parameters, frozen=True, kw_only=True):
    """Cross margin: initial margin fraction by underlying, options, provisions; position ``limits`` in contracts."""

    imf: dict[str, float]
    options: dict[str, OptionRates] = msgspec.field(default_factory=dict)
    mm_factor: float = 0.5
    fee_rate: float = 0.0
    limits: dict[str, float] = msgspec.field(default_factory=dict)
    allow_imprudent: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for underlying, rate in self.imf.items():
            check.fraction("imf", rate, f"of {underlying!r}")
        for name, limit in self.limits.items():
            check.number("limit", limit, f"of {name!r}", low=0.0)
        for name in ("mm_factor", "fee_rate"):
            check.number(name, getattr(self, name), "of cross rules", low=0.0)
        check_maintenance(self.mm_factor, self.allow_imprudent)


def check_maintenance(factor: float, allowed: tuple[str, ...]) -> None:
    if factor > 1 and "initial >= maintenance" not in allowed:
        raise ImprudentParametersError("initial >= maintenance", f"mm_factor must be at most 1, was {factor}")


MAJOR = AssetRules(
    step=0.04, volatility_up=0.40, volatility_down=0.22, minimum_up=0.40, unhedged=0.02, hedged=0.01,
    tails=((-0.66, 0.18), (-0.33, 0.36), (0.5, 0.24), (1.0, 0.12), (2.0, 0.06), (3.0, 0.04), (4.0, 0.03), (5.0, 0.024)),
)  # fmt: skip
MINOR = AssetRules(
    step=0.07, volatility_up=0.64, volatility_down=0.352, minimum_up=0.60, unhedged=0.03, hedged=0.015,
    tails=((-0.66, 0.30), (-0.33, 0.50), (0.5, 0.40), (1.0, 0.20), (2.0, 0.10), (3.0, 0.07), (4.0, 0.05), (5.0, 0.04)),
)  # fmt: skip
RULES = Rules(assets={"BTC": MAJOR, "ETH": MAJOR, "HYPE": MINOR, "CL": MINOR})
MINOR_OPTIONS = OptionRates(long_itm=0.30, short_itm=0.225, short_otm=0.15)
CROSS = CrossRules(
    imf={"BTC": 0.02, "ETH": 0.02},  # ETH's fraction is not on the page that gives BTC's: read as the same
    options={"BTC": OptionRates(), "ETH": OptionRates(), "HYPE": MINOR_OPTIONS, "CL": MINOR_OPTIONS},
)  # fmt: skip
DATE = "2026-08-20"
SOURCE = "tradeparadex/paradex-docs at 9b82a75, risk-system"
