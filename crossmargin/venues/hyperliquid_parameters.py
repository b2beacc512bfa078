"""Parameter sets of Hyperliquid, documentation of 2026-08-22: leverage tiers of main net, portfolio margin."""

from crossmargin import _checks as check
from crossmargin.margin.brackets import Brackets, half_of_initial
from crossmargin.margin.method import Parameters

DATE = "2026-08-22"
SOURCE = "hyperliquid.gitbook.io: margining, margin tiers, liquidations, portfolio margin"
MAIN_NET = {
    "BTC": half_of_initial((0.0, 150e6), (40.0, 20.0)),
    "ETH": half_of_initial((0.0, 100e6), (25.0, 15.0)),
    "SOL": half_of_initial((0.0, 70e6), (20.0, 10.0)),
    "XRP": half_of_initial((0.0, 40e6), (20.0, 10.0)),
}
SINGLE_TIERS = 50  # ids of margin tables below are single tiers, with the id as most leverage


def table_of(number: int, tiers: tuple[tuple[float, float], ...] = ()) -> Brackets:
    """Margin table of the answer ``meta``: tiers of lower bound and most leverage; below 50 the id says it all."""
    if number < SINGLE_TIERS:
        return half_of_initial((0.0,), (float(check.integer("margin table", number, low=1)),))
    return half_of_initial([low for low, _ in tiers], [most for _, most in tiers])


class TokenRule(Parameters, frozen=True, kw_only=True):
    """A token as collateral: loan-to-value ratio and the supply that counts at most, in tokens."""

    ltv: float
    supply_cap: float

    def __post_init__(self) -> None:
        check.fraction("ltv", self.ltv, "of token")
        check.number("supply_cap", self.supply_cap, "of token", low=0.0)

    @property
    def threshold(self) -> float:
        """Share of its worth that carries a debt before liquidation: ``0.5 + 0.5 LTV``."""
        return 0.5 + 0.5 * self.ltv

    def borrow_threshold(self, share: float) -> float:
        """Share of its worth at which a part of a borrow is liquidated: ``LTV + (1 - LTV) share``."""
        return self.ltv + (1.0 - self.ltv) * share


class PoolRules(Parameters, frozen=True, kw_only=True):
    """Portfolio margin of one borrowed token, amounts in dollars; ``ratio``: liquidation starts above it."""

    borrowed: str = "USDC"
    collateral: dict[str, TokenRule]
    borrow_cap: float = 50e6
    offset: float = 20.0
    ratio: float = 0.95
    partial: float = 0.5
    full: float = 2.0 / 3.0

    def __post_init__(self) -> None:
        for name in ("borrow_cap", "offset"):
            check.number(name, getattr(self, name), "of pool rules", low=0.0)
        for name in ("partial", "full"):
            check.fraction(name, getattr(self, name), "of pool rules")
        check.number("ratio", self.ratio, "of pool rules", low=0.0, high=1.0, strict=True)


POOL = PoolRules(collateral={"BTC": TokenRule(ltv=0.5, supply_cap=200.0), "HYPE": TokenRule(ltv=0.5, supply_cap=1e6)})
