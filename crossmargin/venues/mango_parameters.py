"""Parameters of Mango v4 health: weights of tokens and perpetuals by level, and totals from which they scale.

Weights are fractions of a price: at most 1 for what is owned, at least 1 for what is owed. Scale starts are
in quote currency. Rules: mango-v4, state/bank.rs and state/perp_market.rs.
"""

from collections.abc import Iterator

from crossmargin import _checks as check
from crossmargin.errors import ImprudentParametersError
from crossmargin.margin.method import Parameters
from crossmargin.market import OracleGuard


class Shift(Parameters, frozen=True, kw_only=True):
    """Maintenance weights on their way to new ones, linear in time between two moments (ns UTC)."""

    start: int
    end: int
    asset: float
    debt: float

    def __post_init__(self) -> None:
        where = "of weight shift"
        check.integer("end", self.end, where, low=check.integer("start", self.start, where) + 1)
        for name in ("asset", "debt"):
            check.number(f"{name} weight", getattr(self, name), where, low=0.0)

    def share(self, now: int) -> float:
        """How much of the way is done, in [0, 1]."""
        return min(max((now - self.start) / (self.end - self.start), 0.0), 1.0)


class TokenRule(Parameters, frozen=True, kw_only=True):
    """Weights of one token; initial ones scale once deposits or borrows are worth more than a scale start.

    ``oracle`` limits the age (the venue counts slots of 450 ms) and the deviation of its price, 4.3.
    """

    asset: str
    initial_asset: float
    initial_debt: float
    maintenance_asset: float
    maintenance_debt: float
    deposit_scale_start: float | None = None
    borrow_scale_start: float | None = None
    shift: Shift | None = None
    oracle: OracleGuard = OracleGuard()

    def __post_init__(self) -> None:
        where = f"of token {self.asset!r}"
        for name in ("initial_asset", "initial_debt", "maintenance_asset", "maintenance_debt"):
            check.number(f"{name} weight", getattr(self, name), where, low=0.0)
        for name in ("deposit_scale_start", "borrow_scale_start"):
            if getattr(self, name) is not None:
                check.positive(name, getattr(self, name), where)

    def maintenance(self, now: int) -> tuple[float, float]:
        """Asset and debt weight at a moment: ``w + share (target - w)``."""
        if self.shift is None:
            return self.maintenance_asset, self.maintenance_debt
        share = self.shift.share(now)
        return (
            self.maintenance_asset * (1.0 - share) + self.shift.asset * share,
            self.maintenance_debt * (1.0 - share) + self.shift.debt * share,
        )

    def pairs(self) -> Iterator[tuple[str, float, float]]:
        """Each pair (what, initial, maintenance) that prudence orders, with both ends of a shift."""
        yield "asset", self.initial_asset, self.maintenance_asset
        yield "debt", self.initial_debt, self.maintenance_debt
        if self.shift is not None:
            yield "asset", self.initial_asset, self.shift.asset
            yield "debt", self.initial_debt, self.shift.debt


WEIGHTS = ("initial_long", "initial_short", "maintenance_long", "maintenance_short", "initial_profit",
           "maintenance_profit")  # fmt: skip


class PerpetualRule(Parameters, frozen=True, kw_only=True):
    """Weights of one perpetual: of base long and short, and of a profit (0: the market is not trusted)."""

    instrument: str
    initial_long: float
    initial_short: float
    maintenance_long: float
    maintenance_short: float
    initial_profit: float
    maintenance_profit: float
    oracle: OracleGuard = OracleGuard()

    def __post_init__(self) -> None:
        for name in WEIGHTS:
            check.number(f"{name} weight", getattr(self, name), f"of perpetual {self.instrument!r}", low=0.0)

    def pairs(self) -> Iterator[tuple[str, float, float]]:
        """Each pair (what, initial, maintenance) that prudence orders."""
        yield "long", self.initial_long, self.maintenance_long
        yield "short", self.initial_short, self.maintenance_short
        yield "profit", self.initial_profit, self.maintenance_profit


ORDER, SIDE = "initial >= maintenance", "weight on the losing side"  # names of the rules
OWED = {"debt", "short"}


def check_prudence(rule: TokenRule | PerpetualRule, allowed: tuple[str, ...]) -> None:
    """Refuse weights that ask less at initial than at maintenance, or that improve a price."""
    subject = rule.asset if isinstance(rule, TokenRule) else rule.instrument
    for what, initial, maintenance in rule.pairs():
        sign, side = (-1.0, "least") if what in OWED else (1.0, "most")
        if ORDER not in allowed and sign * initial > sign * maintenance:
            message = f"initial {what} weight of {subject!r} must be at {side} {maintenance}, was {initial}"
            raise ImprudentParametersError(ORDER, message)
        if SIDE not in allowed and sign * maintenance > sign:
            message = f"maintenance {what} weight of {subject!r} must be at {side} 1, was {maintenance}"
            raise ImprudentParametersError(SIDE, message)
