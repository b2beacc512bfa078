"""The close-out of one account: steps that restore its surplus, in order, each with its reason.

    closed = close_out(prepared, portfolio, Smallest(), costs=Costs(half_spread=0.0005), penalty=Penalty(rate="0.01"))

Resting orders are cancelled first; then a rule of ``close_out_rules`` proposes steps until ``surplus_maintenance`` is
at the target. Margins, marks and prices stay where they are: what the trades do to the market belongs to a cascade.
"""

from dataclasses import replace

from crossmargin import _checks as check
from crossmargin.liquidation.close_out_account import Closing
from crossmargin.liquidation.close_out_costs import Costs
from crossmargin.liquidation.close_out_rules import CommonShare, Rule, Smallest, Staged, Whole
from crossmargin.liquidation.close_out_steps import CloseOut, ClosingTrade, Outcome, Payment, Proposal, Step
from crossmargin.liquidation.penalty import Penalty
from crossmargin.margin import Prepared
from crossmargin.portfolio import Portfolio

__all__ = [
    "CloseOut", "Closing", "ClosingTrade", "CommonShare", "Costs", "Outcome", "Payment", "Penalty", "Proposal", "Rule",
    "Smallest", "Staged", "Step", "Whole", "close_out",
]  # fmt: skip


def close_out(
    prepared: Prepared,
    portfolio: Portfolio,
    rule: Rule,
    *,
    target: float = 0.0,
    costs: Costs | None = None,
    penalty: Penalty | None = None,
    time: int = 0,
    last_part: int | None = None,
) -> CloseOut:
    """Close positions of one account by a rule until ``surplus_maintenance >= target``, account currency.

    Every figure is the method's own, of ``prepared.requirement``, rounded to the nearest atom of the account's currency
    before it is compared. Positions only shrink toward zero, by whole lots; no step that lowers the surplus is taken:
    where the rule has none other, the outcome is ``Outcome.TAKEOVER``. ``costs`` and ``penalty`` are 0 unless given;
    ``time`` and ``last_part`` (integer nanoseconds) matter to a rule with a cool-down. An account at the target or
    above is left alone. Raises ``InvalidInputError`` for a target that is not finite and as the valuation does.
    """
    standing = Closing(
        prepared=prepared, portfolio=portfolio, costs=costs or Costs(), penalty=penalty or Penalty(),
        target=check.number("target", target), time=check.integer("time", time), last_part=last_part,
    )  # fmt: skip
    steps, closing = without_orders(standing)
    while not closing.met(closing.surplus) and closing.legs:
        proposal = rule.next(closing, tuple(steps))
        step, after = closing.take(proposal) if proposal else (None, closing)
        if step is None or closing.worse(step.surplus_after):
            break
        steps.append(step)
        closing = after
    return CloseOut(
        steps=tuple(steps), account=closing.portfolio, requirement=closing.requirement, outcome=outcome(closing),
        last_part=closing.last_part,
    )  # fmt: skip


def without_orders(standing: Closing) -> tuple[list[Step], Closing]:
    """The account, its orders cancelled where it needs closing out: a step where they weigh on the surplus."""
    if standing.met(standing.surplus) or not standing.portfolio.orders:
        return [], standing
    cleared = replace(standing, portfolio=standing.portfolio.holding(orders=()))
    step = Step(
        margin_freed=standing.requirement.maintenance - cleared.requirement.maintenance,
        surplus_before=standing.surplus,
        surplus_after=cleared.surplus,
        reason="resting orders cancelled: their margin comes free at no cost",
    )
    return [step] if cleared.surplus != standing.surplus else [], cleared


def outcome(closing: Closing) -> Outcome:
    if closing.met(closing.surplus):
        return Outcome.RESTORED
    return Outcome.TAKEOVER if closing.legs else Outcome.CLOSED
