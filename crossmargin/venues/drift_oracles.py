"""Which oracle prices Drift v2 accepts, by action: 3.8.

A price may be too old (``max_age`` slots, three times that of a stable asset), too doubtful (its deviation over a
share of it that grows with the tier of the market) or too far from its average; each action refuses some of these.
A market in settlement reads no oracle. Source: drift-labs/protocol-v2 ``math/oracle.rs``, ``state/state.rs``.
Inferred: the average is the five-minute one, a slot lasts 400 ms, matching and settlement refuse a volatile price.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from crossmargin import _checks as check
from crossmargin.instruments import Asset, Instrument, Instruments, Kind
from crossmargin.margin.doubts import Doubt, Doubts
from crossmargin.margin.method import Parameters, check_choices
from crossmargin.market import Market, OracleGuard
from crossmargin.venues.drift_parameters import ONE, Tier

if TYPE_CHECKING:
    from crossmargin.venues.drift import DriftMargin

Action = Literal["margin", "liquidation", "trigger", "match", "settle", "average"]

# Multiples of the greatest deviation, by tier.
DEVIATIONS: dict[Tier, int] = {"a": 1, "b": 1, "c": 2, "speculative": 10, "highly speculative": 50, "isolated": 50}

ALWAYS = {"missing", "not positive"}
REFUSED: dict[Action, set[str]] = {
    "margin": ALWAYS | {"volatile", "uncertain", "stale"},
    "liquidation": ALWAYS | {"volatile"},
    "trigger": ALWAYS | {"volatile"},
    "match": ALWAYS | {"volatile", "uncertain"},
    "settle": ALWAYS | {"volatile", "uncertain"},
    "average": ALWAYS,
}
MILLISECOND = 10**6  # ns


class OracleRules(Parameters, frozen=True, kw_only=True):
    """Limits of oracles and what the account is asked for: the action.

    ``max_age`` in slots, ``max_deviation`` 1e-4 of the price, ``max_ratio`` of price and average.
    """

    action: Action = "margin"
    max_age: int = 120
    stable_factor: int = 3
    max_deviation: int = 200
    max_ratio: int = 5
    slot_milliseconds: int = 400

    def __post_init__(self) -> None:
        check_choices(self, "of oracle rules")
        for name in ("max_age", "stable_factor", "max_deviation", "max_ratio", "slot_milliseconds"):
            check.integer(name, getattr(self, name), "of oracle rules", low=1)

    def guard(self, tier: Tier, *, stable: bool) -> OracleGuard:
        """Limits of one market."""
        slots = self.max_age * (self.stable_factor if stable else 1)
        deviation = min(self.max_deviation * DEVIATIONS[tier] / ONE, 1.0)
        age = slots * self.slot_milliseconds * MILLISECOND
        return OracleGuard(max_age=age, max_deviation=deviation, max_ratio=float(self.max_ratio))

    def refused(self, market: Market, subject: str, tier: Tier, *, stable: bool = False) -> str:
        """The first fault for which the action refuses a price; nothing where it takes it."""
        faults = self.guard(tier, stable=stable).faults(market, subject)
        return next((fault for fault in faults if fault in REFUSED[self.action]), "")


def doubted(method: "DriftMargin", rules: OracleRules, instruments: Instruments, market: Market) -> Doubts:
    """Tokens that the action refuses, orders in their pairs, and perpetuals, by their own oracle or their quote's."""
    tokens = dict(refused_tokens(method, rules, instruments, market))
    found: dict[str, Doubt] = {}
    for row in instruments:
        if row.id in method.perp_of:
            fault, of = tokens.get(row.settlement, "") or refused_perpetual(method, rules, row, market), row.id
        else:
            fault, of = tokens.get(row.underlying, "") if row.kind is Kind.SPOT else "", row.underlying
        if fault:
            found[row.id] = Doubt(fault, of)
    return Doubts(instruments=found, assets={name: Doubt(fault, name) for name, fault in tokens.items()})


def refused_tokens(
    method: "DriftMargin", rules: OracleRules, instruments: Instruments, market: Market
) -> Iterator[tuple[str, str]]:
    """Tokens whose price the action refuses, and why; the quote currency has no oracle."""
    for asset in instruments.assets:
        spot = method.spot_of.get(asset.id)
        if spot is not None and asset.id != market.quote:
            fault = rules.refused(market, subject_of(asset, market), spot.tier, stable=spot.stable)
            if fault:
                yield asset.id, fault


def subject_of(asset: Asset, market: Market) -> str:
    """What the oracle of a token is about: itself, or its underlying."""
    own = asset.underlying is None or market.has("index", asset.id)
    return asset.id if own else str(asset.underlying)


def refused_perpetual(method: "DriftMargin", rules: OracleRules, row: Instrument, market: Market) -> str:
    found = method.perp_of[row.id]
    return "" if found.settled_at is not None else rules.refused(market, row.underlying, found.tier)
