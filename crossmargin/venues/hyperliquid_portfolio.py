"""Hyperliquid portfolio margin: perpetuals and spot in one account, one token borrowed against others.

    requirement = offset + cross maintenance + borrowed x P
    liquidation value = balance x P + min(borrow cap, sum_c min(balance_c, supply cap_c) P_c (0.5 + 0.5 LTV_c))
    ratio = requirement / liquidation value;   liquidation above 0.95

The page writes balance, cap and threshold of one token; read as: the balance of the borrowed token, and what each
collateral token carries. A borrowed token below zero, perpetuals' profit with it, is borrowed. The offset is asked
where something is borrowed or held. Initial (not stated): LTV for the threshold, initial margin, ratio 1. The venue
takes the greatest ratio over the tokens that can be borrowed: a method each. Which median price, the caller says.

Figures of the questions and answers: weighted value ``sum balance P LTV``, borrowable, net balance, thresholds of a
borrow's liquidation.
"""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.instruments import Asset, Instruments
from crossmargin.margin.brackets import Brackets, bracket_rows, bracket_tables
from crossmargin.margin.listing import Listing
from crossmargin.margin.method import Method
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.program import Program
from crossmargin.margin.requirement import Requirement, health_factor
from crossmargin.market import Market
from crossmargin.scenario.revalue import asset_prices
from crossmargin.venues.hyperliquid import CrossMargin, perpetual_margin
from crossmargin.venues.hyperliquid_parameters import DATE, MAIN_NET, POOL, SOURCE, PoolRules

NEAR = 1e-9  # of a threshold: a debt that stands on it in exact figures is not above it
OF_PERPETUALS = (
    "notional", "settlement_price", "value", "cost_price", "per_leverage", "at_initial", "at_maintenance",
)  # fmt: skip
SHARES = ("ltv", "partial", "full")  # of a token's worth


class PortfolioMargin(Method, frozen=True, kw_only=True, tag="hyperliquid_portfolio"):
    """Tokens of ``rules.collateral``, the borrowed one, and perpetuals settled in it."""

    rules: PoolRules
    tiers: dict[str, Brackets] = msgspec.field(default_factory=dict)
    leverage: dict[str, float] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.rules.borrowed in self.rules.collateral:
            raise check.refuse("collateral", "not hold the borrowed token", self.rules.borrowed)

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        balances = m.holding("balance", source="balance", axis="asset")
        at_initial, at_maintenance = m.given("at_initial", rows="level"), m.given("at_maintenance", rows="level")

        # What is below zero of the borrowed token is a debt, what is above stands beside the collateral.
        profit = positions.sum("value") - costs.sum("cost_price")
        cash = balances.sum("cash_value") + profit
        owned = balances.sum("unit", by="each").positive()
        price = m.given("asset_price", key="asset")
        worth = {name: (owned * price * m.given(name, key="asset")).total() for name in SHARES}
        capped = m.min(owned, m.given("supply_cap", key="asset")) * price
        share = m.given("ltv", key="asset") * at_initial + m.given("threshold", key="asset") * at_maintenance
        m.equity("balance", cash.positive())
        m.equity("collateral", m.min((capped * share).total(), m.given("borrow_cap")))

        used, kept = perpetual_margin(m, positions.sum("notional", by="each"))
        margin = m.max(used, kept) * at_initial + kept * at_maintenance
        debt, over = cash.short(), m.given("per_ratio", rows="level")
        held = debt + margin
        m.charge("borrowed", debt * over)
        m.charge("perpetuals", margin * over)
        m.charge("offset", held.pick(neg=0, zero=0, pos=m.given("offset")) * over)
        m.output("borrowed", debt)
        m.output("collateral_value", (owned * price).total())
        m.output("weighted_value", worth["ltv"])
        m.output("borrowable", worth["ltv"] - debt)
        m.output("net_balance", cash + (owned * price).total())
        m.output("partial_threshold", worth["partial"])
        m.output("full_threshold", worth["full"])
        return m.build()

    @property
    def perpetuals(self) -> CrossMargin:
        """What a perpetual pays in cross margin."""
        return CrossMargin(name=self.name, tiers=self.tiers, settlement=self.rules.borrowed, leverage=self.leverage)

    def takes_asset(self, asset: Asset) -> bool:
        return asset.id == self.rules.borrowed or asset.id in self.rules.collateral

    def listing(self, instruments: Instruments) -> Listing:
        return Listing.of(instruments, self.perpetuals.takes, self.takes_asset)

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        listing = self.listing(instruments)
        keys = listing.keys(("position", "cost"))
        keys.rows |= bracket_rows(self.perpetuals.schedules(listing.instruments))
        return keys.shape()

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        taken, rules = self.listing(instruments).instruments, self.rules
        price = asset_prices(taken, market)
        counts = np.array([asset.id in rules.collateral for asset in taken.assets], dtype=bool)
        tokens = [rules.collateral[asset.id] for asset in taken.assets if asset.id in rules.collateral]
        cash = np.array([asset.id == rules.borrowed for asset in taken.assets], dtype=float)
        of_perpetuals = self.perpetuals.tables(instruments, market)
        return {
            **bracket_tables(self.perpetuals.schedules(taken)),
            **{name: of_perpetuals[name] for name in OF_PERPETUALS},
            "unit": taken.atom * counts,
            "cash_value": taken.atom * price * cash,
            "asset_price": price,
            "supply_cap": placed([token.supply_cap for token in tokens], counts),
            "ltv": placed([token.ltv for token in tokens], counts),
            "threshold": placed([token.threshold for token in tokens], counts),
            "partial": placed([token.borrow_threshold(rules.partial) for token in tokens], counts),
            "full": placed([token.borrow_threshold(rules.full) for token in tokens], counts),
            "borrow_cap": rules.borrow_cap,
            "offset": rules.offset,
            "per_ratio": [1.0, 1.0 / rules.ratio],
        }


def placed(figures: list[float], rows: NDArray[np.bool_]) -> Floats:
    """Figures at the given rows, zero elsewhere."""
    found = np.zeros(len(rows))
    found[rows] = figures
    return found


def margin_ratio(found: Requirement, rules: PoolRules) -> float:
    """Requirement over liquidation value, as the venue states it; liquidation above ``rules.ratio``.

    Infinite where something is required of an account without value.
    """
    return found.margin_usage * rules.ratio


def borrow_health(found: Requirement) -> float:
    """Weighted value over what is borrowed; infinite where nothing is."""
    return health_factor(found.outputs["weighted_value"][0], found.outputs["borrowed"][0])


def borrow_liquidation(found: Requirement) -> str:
    """Name the threshold that the debt is above: "full", "partial" or "none"."""
    debt = found.outputs["borrowed"][0]
    for name in ("full", "partial"):
        if debt > found.outputs[f"{name}_threshold"][0] * (1.0 + NEAR):
            return name
    return "none"


def portfolio_margin() -> PortfolioMargin:
    return PortfolioMargin(name="Hyperliquid portfolio margin", date=DATE, source=SOURCE, rules=POOL, tiers=MAIN_NET)
