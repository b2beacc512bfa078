"""Parameter sets of Derive portfolio margin v2, as data with a date and a source."""

from typing import Literal

import msgspec

from crossmargin import _checks as check
from crossmargin.errors import ImprudentParametersError

Direction = Literal["up", "none", "down", "linear", "abs"]


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """A spot multiplier, a volatility direction, and the share of gain and loss that counts."""

    spot: float
    direction: Direction
    dampening: float = 1.0

    @property
    def skew(self) -> bool:
        return self.direction in {"linear", "abs"}

    def __post_init__(self) -> None:
        check.positive("spot multiplier", self.spot, "of scenario")
        check.number("dampening", self.dampening, "of scenario", low=0.0)  # above 1 it amplifies
        if self.skew and self.spot != 1.0:
            raise check.refuse("spot multiplier", "be 1 in a skew scenario", self.spot)


class CollateralRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Haircuts of a collateral: of maintenance, and what initial adds; a cancelling one moves with spot."""

    asset: str
    maintenance: float
    initial_extra: float
    risk_cancelling: bool = False

    def __post_init__(self) -> None:
        for name in ("maintenance", "initial_extra"):
            check.fraction(name, getattr(self, name), f"of collateral {self.asset!r}")


class Portfolio2(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Figures of PMRM v2; names as in the venue's contracts, rates as fractions, spots as multipliers.

    ``*_extra`` comes on top of the maintenance figure at initial.
    """

    scenarios: tuple[Scenario, ...]
    basis_spot_up: float
    basis_spot_down: float
    basis_add_factor: float
    basis_mult_factor: float
    im_factor: float
    mm_factor: float
    mm_perp: float
    im_perp_extra: float
    mm_option: float
    im_option_extra: float
    peg_loss_threshold: float
    peg_loss_factor: float
    conf_threshold: float
    conf_margin: float
    long_base_static_discount: float
    long_rate_mult: float
    long_rate_add: float
    short_base_static_discount: float
    short_rate_mult: float
    short_rate_add: float
    vol_range_up: float
    vol_range_down: float
    short_term_power: float
    long_term_power: float
    dte_floor_days: float
    min_vol_up_shock: float
    skew_linear_base_cap: float
    skew_linear_c: float
    skew_abs_base_cap: float
    skew_abs_c: float
    skew_min_k_star: float
    skew_width_scale: float
    skew_vol_param_static: float
    skew_vol_param_scale: float
    allow_imprudent: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if name not in {"scenarios", "allow_imprudent"}:
                check.number(name, getattr(self, name))
        directions = [scenario.skew for scenario in self.scenarios]
        if directions != sorted(directions) or sum(directions) > 2:
            raise check.refuse("scenarios", "end with at most two skew scenarios", directions)
        for rule, message in imprudence(self):
            if rule not in self.allow_imprudent:
                raise ImprudentParametersError(rule, message)


def imprudence(p: Portfolio2) -> list[tuple[str, str]]:
    """Rules of prudence that a set breaks: the losing side of a discount, initial below maintenance."""
    broken = []
    if p.im_factor < p.mm_factor:
        broken.append(("initial >= maintenance", f"im_factor must be >= mm_factor, was {p.im_factor}"))
    if p.long_base_static_discount > 1:
        broken.append(
            (
                "discount on the losing side",
                f"long_base_static_discount must be <= 1, was {p.long_base_static_discount}",
            )
        )
    if p.short_base_static_discount < 1:
        broken.append(
            (
                "discount on the losing side",
                f"short_base_static_discount must be >= 1, was {p.short_base_static_discount}",
            )
        )
    return broken  # fmt: skip


def grid(tails: tuple[tuple[float, float], ...]) -> tuple[Scenario, ...]:
    """The main-net grid: ±18 % with volatility up, nine moves by three volatilities, tails, two skews."""
    inner = [(spot, d) for spot in (1.135, 1.09, 1.045, 1.0, 0.955, 0.91, 0.865) for d in ("down", "none", "up")]
    regular = [(1.18, "up"), *inner, (0.82, "up")]
    return (
        *(Scenario(spot, direction) for spot, direction in regular),  # type: ignore[arg-type]
        *(Scenario(spot, "up", dampening) for spot, dampening in tails),
        Scenario(1.0, "linear"),
        Scenario(1.0, "abs"),
    )


TAILS = ((0.34, 0.21), (0.67, 0.42), (1.5, 0.2772), (2, 0.1386), (3, 0.0693), (4, 0.0462), (5, 0.03465), (6, 0.02772))

# v2-core at commit 7736900, scripts/config-mainnet.sol. The script's discounts (short 0.95, long 1.05) are on the
# gaining side and would be refused as imprudent; the tests' figures, kept by 131 of 139 cases, stand here instead.
MAINNET = Portfolio2(
    scenarios=grid(TAILS),
    basis_spot_up=1.045, basis_spot_down=0.955, basis_add_factor=0.5, basis_mult_factor=2.0,
    im_factor=1.0, mm_factor=0.8, mm_perp=0.03, im_perp_extra=0.01, mm_option=0.003, im_option_extra=0.002,
    peg_loss_threshold=0.99, peg_loss_factor=4.0, conf_threshold=0.55, conf_margin=1.0,
    long_base_static_discount=0.95, long_rate_mult=0.0, long_rate_add=0.16,
    short_base_static_discount=1.04, short_rate_mult=0.0, short_rate_add=0.16,
    vol_range_up=0.5, vol_range_down=0.3, short_term_power=0.3, long_term_power=0.13, dte_floor_days=1.0,
    min_vol_up_shock=0.4, skew_linear_base_cap=0.25, skew_linear_c=-0.1, skew_abs_base_cap=0.25, skew_abs_c=-0.1,
    skew_min_k_star=0.01, skew_width_scale=4.0, skew_vol_param_static=0.6, skew_vol_param_scale=0.0,
)  # fmt: skip
