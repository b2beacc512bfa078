"""The rules of dYdX v4 on integers of any size: rates of a tier, funding, and the order of two accounts by risk.

Units: rates in parts per million, money in quote quanta (1e-6 USDC), sizes in base quanta. Rules:
dydxprotocol/v4-chain ``x/perpetuals``, ``x/subaccounts``, ``lib/margin``, ``x/clob`` (equity tiers).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from crossmargin.margin.requirement import Requirement
from crossmargin.venues.dydx_parameters import ONE, EquityTier, LiquidityTier

QUOTE_DECIMALS = 6


class Outcome(StrEnum):
    """What becomes of a change of an account."""

    SUCCESS = "Success"
    NEWLY_UNDERCOLLATERALIZED = "NewlyUndercollateralized"
    STILL_UNDERCOLLATERALIZED = "StillUndercollateralized"
    EQUITY_TIER_LIMIT = "EquityTierLimit"
    ISOLATED_MARKET = "ViolatesIsolatedSubaccountConstraints"


# ---- rates of a tier ---------------------------------------------------------------------------


def scaled_rate(tier: LiquidityTier, open_interest: int) -> int:
    """Initial rate at an open interest in quote quanta: the base rate up to the lower cap, 100 % from the upper on.

    Between them ``base + floor((1 - base) (OI - lower) / (upper - lower))``.
    """
    if tier.upper_cap == 0 or open_interest <= tier.lower_cap:
        return tier.initial
    if open_interest >= tier.upper_cap:
        return ONE
    span, above = tier.upper_cap - tier.lower_cap, open_interest - tier.lower_cap
    return tier.initial + (ONE - tier.initial) * above // span


def maintenance_rate(tier: LiquidityTier) -> int:
    """``floor(base fraction)``: the rate as it is reported. Amounts round up twice instead and may be larger."""
    return tier.initial * tier.maintenance_fraction // ONE


def funding_cap(tier: LiquidityTier, clamp_factor: int) -> int:
    """Largest absolute funding rate: ``floor(clamp (initial - maintenance rate))``, on the base rates."""
    return clamp_factor * (tier.initial - maintenance_rate(tier)) // ONE


def clamped_funding(tier: LiquidityTier, clamp_factor: int, rate: int) -> int:
    """A funding rate within its cap, either way."""
    cap = funding_cap(tier, clamp_factor)
    return max(-cap, min(rate, cap))


def settlement(base: int, last: int, now: int) -> int:
    """What a position receives between two funding indices, 1e-6 of quote quanta: ``-(now - last) base``."""
    return -(now - last) * base


def most_orders(tiers: Iterable[EquityTier], equity: int) -> int:
    """Stateful orders that an account of this equity may have: those of the highest tier that it reaches, else 0."""
    reached = [tier for tier in tiers if tier.equity <= equity]
    return max(reached, key=lambda tier: tier.equity).orders if reached else 0


# ---- two states of accounts ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """Net collateral, initial and maintenance margin of an account, quote quanta."""

    net_collateral: int
    initial: int
    maintenance: int

    @classmethod
    def of(cls, found: Requirement) -> "Risk":
        """A requirement in USDC as integers, each to the nearest: exact while every figure is below 2^49 quanta."""
        figures = (found.equity_maintenance, found.initial, found.maintenance)
        net, initial, maintenance = (round(figure * 10**QUOTE_DECIMALS) for figure in figures)
        return cls(net_collateral=net, initial=initial, maintenance=maintenance)

    @property
    def initially_collateralized(self) -> bool:
        return self.net_collateral >= self.initial

    @property
    def liquidatable(self) -> bool:
        """Something is required and not covered; without positions nothing can be liquidated, whatever is owed."""
        return self.maintenance > 0 and self.maintenance > self.net_collateral


def risk_order(first: Risk, second: Risk) -> int:
    """1 where the first state is riskier, -1 where the second is, 0 where they are alike.

    Collateral per maintenance margin, compared without a division: ``NC_1 MMR_2`` with ``NC_2 MMR_1``. On a tie the
    smaller collateral is riskier if nothing is required of either, else the larger requirement.
    """
    left, right = first.net_collateral * second.maintenance, second.net_collateral * first.maintenance
    if left == right and first.maintenance == second.maintenance == 0:
        left, right = first.net_collateral, second.net_collateral
    elif left == right:
        left, right = second.maintenance, first.maintenance
    return (left < right) - (left > right)


def allowed_change(before: Risk, after: Risk) -> Outcome:
    """Whether an account may go from one state to another: to initial margin always, below it only at less risk."""
    if after.initially_collateralized:
        return Outcome.SUCCESS
    return undercollateralized_change(before, after)


def undercollateralized_change(before: Risk, after: Risk) -> Outcome:
    """The rule for a new state below initial margin; newly or still, by whether the old one covered its own."""
    if improves(before, after):
        return Outcome.SUCCESS
    newly = before.initially_collateralized
    return Outcome.NEWLY_UNDERCOLLATERALIZED if newly else Outcome.STILL_UNDERCOLLATERALIZED


def improves(before: Risk, after: Risk) -> bool:
    """Maintenance may not rise. Where either is 0, both must be and collateral rise; else risk may not grow."""
    if after.maintenance > before.maintenance:
        return False
    if before.maintenance == 0 or after.maintenance == 0:
        return before.maintenance == after.maintenance and after.net_collateral > before.net_collateral
    return risk_order(after, before) <= 0
