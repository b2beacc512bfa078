"""Why an order is accepted or refused, and what it would take: computed on demand, by asking the engine again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from crossmargin._checks import Floats
from crossmargin._core.status import Status
from crossmargin.margin.requirement import health_factor
from crossmargin.portfolio.tables import MAX_LOTS

if TYPE_CHECKING:
    from crossmargin.account.engine import RiskEngine

REASONS = {
    Status.OK: "the account carries it at the worst fill of everything that rests",
    Status.REFUSED: "surplus_initial would fall below 0, and the order does not reduce",
    Status.PRICE: "the limit is missing or lies outside the venue's band",
    Status.HALTED: "the instrument or the account takes no such order now",
    Status.CAPACITY: "the engine has no room for one more order or instrument of this account",
    Status.RANGE: "beyond the range in which sums are exact",
    Status.OVERFLOW: "money beyond 64 bits",
    Status.MALFORMED: "lots must be a whole number other than 0, at most 2^53",
    Status.UNKNOWN: "no such account or instrument",
    Status.ORACLE: "the account would hold what an oracle values that is in doubt",
    Status.BUSY: "another thread owns the engine",
}
FIGURES = ("surplus_initial", "initial", "equity_initial", "surplus_maintenance", "maintenance", "equity_maintenance")


@dataclass(frozen=True)
class Decision:
    """The answer to one order, its figures in quote currency as if it rested beside all others.

    ``largest`` and ``deposit`` are found when they are read, by asking the engine as it then stands.
    """

    status: Status
    reason: str
    surplus_initial: float
    initial: float
    equity_initial: float
    surplus_maintenance: float
    maintenance: float
    equity_maintenance: float
    lots: int
    engine: "RiskEngine" = field(repr=False, compare=False)
    order: tuple[int, int, int] = field(repr=False)  # account, instrument, ticks

    @property
    def accepted(self) -> bool:
        return self.status == Status.OK

    @property
    def health_factor(self) -> float:
        return health_factor(self.equity_maintenance, self.maintenance)

    @cached_property
    def largest(self) -> int:
        """The largest size of this side and limit that is accepted, in signed lots, 0 if none."""
        account, instrument, ticks = self.order
        sign, check = 1 if self.lots > 0 else -1, self.engine.check
        return sign * last_true(lambda n: check(account, instrument, sign * n, ticks) == Status.OK, MAX_LOTS)

    @cached_property
    def deposit(self) -> Decimal | None:
        """The least deposit of the account's currency that would make it acceptable, ``None`` if no deposit does."""
        account = self.order[0]
        asset = self.engine.modes()[account][1]
        if self.accepted:
            return Decimal(0)
        refused = last_true(lambda n: not self.accepted_with(asset, n), 2**61) + 1
        unit = Decimal(10) ** -self.engine.instruments.assets[asset].decimals
        return refused * unit if self.accepted_with(asset, refused) else None

    def accepted_with(self, asset: int, atoms: int) -> bool:
        """Whether the order would be accepted with atoms more."""
        account, instrument, ticks = self.order
        status, _ = ask(self.engine, account, instrument, self.lots, ticks, asset, atoms)
        return status == Status.OK


def last_true(holds: Callable[[int], bool], most: int) -> int:
    """The largest n in [1, most] up to which a condition holds, 0 if it fails at 1: by doubling, then by halving."""
    low, high = 0, 1
    while high <= most and holds(high):
        low, high = high, 2 * high
    high = min(high, most + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def ask(
    engine: "RiskEngine", account: int, instrument: int, lots: int, ticks: int, asset: int, atoms: int
) -> tuple[Status, Floats]:
    """Status and figures of an order with some atoms more; NaN where it cannot rest at all."""
    figures = np.full(len(FIGURES), np.nan)
    return Status(engine.ask(account, instrument, lots, ticks, asset, atoms, figures)), figures


def decide(engine: "RiskEngine", account: int, instrument: int, lots: int, ticks: int) -> Decision:
    """Ask the engine about one order, by handles."""
    status, figures = ask(engine, account, instrument, lots, ticks, engine.modes()[account][1], 0)
    named = dict(zip(FIGURES, figures.tolist(), strict=True))
    reason = REASONS.get(status, status.name or str(int(status)))
    return Decision(status=status, reason=reason, lots=lots, engine=engine, order=(account, instrument, ticks), **named)
