"""What a close-out says: trades, payments, steps with their reasons, and how it ended. Nothing here moves money."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from crossmargin.liquidation.penalty import Charge
from crossmargin.margin import Requirement
from crossmargin.portfolio import Portfolio


class Outcome(StrEnum):
    """How a close-out ended."""

    RESTORED = "restored"  # the surplus meets the target; positions may be left or not
    CLOSED = "closed"  # no position is left, and the surplus is still below the target: a loss for the waterfall
    TAKEOVER = "takeover"  # every step would worsen the surplus: the account goes to the liquidator as it stands


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingTrade:
    """A trade of a close-out: signed ``lots`` (> 0 buys) at ``ticks``.

    ``cost`` is what the account pays for them (< 0: receives), ``fee`` what it pays on top, atoms of ``asset``.
    """

    instrument: str
    lots: int
    ticks: int
    asset: str
    cost: int
    fee: int


@dataclass(frozen=True, slots=True)
class Payment:
    """A penalty to be transferred from the account, atoms of ``asset``, by who receives it."""

    asset: str
    charge: Charge


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a rule would do next, at once: lots closed by instrument (> 0), and why.

    ``remaining`` is what the rule means to close after it; ``part`` says that a share of a position was closed where a
    cool-down follows.
    """

    closed: Mapping[str, int]
    reason: str
    remaining: Mapping[str, int] = field(default_factory=dict)
    part: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Trades that happen at once; usually one. No trades: resting orders were cancelled.

    Account currency: ``cost`` is what the trades lose against the marks, and fees; ``penalty`` the payments;
    ``margin_freed = maintenance before - maintenance after``; the surpluses are those of maintenance, before and after,
    cost and penalty paid.
    """

    trades: tuple[ClosingTrade, ...] = ()
    payments: tuple[Payment, ...] = ()
    cost: float = 0.0
    penalty: float = 0.0
    margin_freed: float
    surplus_before: float
    surplus_after: float
    reason: str
    remaining: Mapping[str, int] = field(default_factory=dict)
    part: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseOut:
    """The steps in order, the account after them, its margin, and how it ended.

    ``last_part``: nanoseconds at which a share of a position was last closed, for the next close-out's cool-down.
    """

    steps: tuple[Step, ...]
    account: Portfolio
    requirement: Requirement
    outcome: Outcome
    last_part: int | None = None

    @property
    def cost(self) -> float:
        return sum(step.cost for step in self.steps)

    @property
    def penalty(self) -> float:
        return sum(step.penalty for step in self.steps)

    @property
    def traded(self) -> dict[str, int]:
        """Signed lots by instrument over all steps."""
        found: dict[str, int] = {}
        for trade in (trade for step in self.steps for trade in step.trades):
            found[trade.instrument] = found.get(trade.instrument, 0) + trade.lots
        return found

    @property
    def payments(self) -> tuple[Payment, ...]:
        return merged(payment for step in self.steps for payment in step.payments)

    def explain(self) -> tuple[str, ...]:
        """One line a step, and one for the end."""
        return (*map(line, self.steps), f"{self.outcome}: surplus {self.requirement.surplus_maintenance:.2f}")


def line(step: Step) -> str:
    some = [f"{trade.lots:+d} {trade.instrument} at {trade.ticks} ticks" for trade in step.trades[:3]]
    more = [f"{len(step.trades) - 3} more"] if len(step.trades) > 3 else []
    moved = f"surplus {step.surplus_before:.2f} to {step.surplus_after:.2f}"
    return f"{', '.join(some + more) or 'no trade'}: {moved}; {step.reason}"


def merged(payments: Iterable[Payment]) -> tuple[Payment, ...]:
    """One payment an asset, by its id; none of nothing."""
    found: dict[str, Charge] = {}
    for payment in payments:
        found[payment.asset] = found.get(payment.asset, Charge()) + payment.charge
    return tuple(Payment(asset, charge) for asset, charge in sorted(found.items()) if charge.total)
