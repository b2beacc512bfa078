"""The stable price of Mango v4: an oracle's price that follows slowly, against manipulation.

Twenty-four hourly slots hold averages of the oracle, each within a share of the one before; the stable price moves
toward the oracle at a rate that falls with its distance from the slot of a day ago. The model is pure: a state and
an oracle price give the next state, whose figure is the observation ``slow_price`` that ``mango.Health`` reads at
initial. Prices are positive, in the oracle's unit; times are ns UTC. Source: mango-v4, state/stable_price.rs.
"""

from dataclasses import dataclass
from typing import Literal

from crossmargin import _checks as check
from crossmargin.margin.method import Parameters, check_choices
from crossmargin.market import Observation

SECOND = 10**9
SLOTS = 24


class StablePriceRule(Parameters, frozen=True, kw_only=True):
    """Limits of the model; seconds, and shares of the price before.

    ``slot_growth``: of a slot against the one before; ``growth``: of the stable price a second. Updates closer than
    ``least_step`` are ignored, longer ones count as ``most_step``. ``passed_slots``: what several slots that one update
    closes get: each its own limit against the one before, or all the first one's figure.
    """

    slot_seconds: int = 3_600
    slot_growth: float = 0.06
    growth: float = 0.0003
    least_step: int = 10
    most_step: int = 600
    passed_slots: Literal["chained", "one figure"] = "chained"

    def __post_init__(self) -> None:
        check_choices(self, "of stable price rule")
        for name in ("slot_seconds", "least_step"):
            check.integer(name, getattr(self, name), "of stable price rule", low=1)
        check.integer("most_step", self.most_step, "of stable price rule", low=self.least_step)
        for name in ("slot_growth", "growth"):
            check.number(name, getattr(self, name), "of stable price rule", low=0.0)

    def slot_of(self, at: int) -> int:
        """Place of a moment in the ring of slots: ``floor(t / slot) mod 24``."""
        return at // (self.slot_seconds * SECOND) % SLOTS


DEFAULT = StablePriceRule()


def within(target: float, around: float, share: float) -> float:
    """The target, or the nearer of ``around (1 - share)`` and ``around (1 + share)``."""
    return min(max(target, around * (1.0 - share)), around * (1.0 + share))


@dataclass(frozen=True, slots=True)
class StablePrice:
    """State at ``at``: the stable price, the delayed price of each slot, the open slot and its sum since ``since``.

    ``summed`` is the sum of oracle price times seconds.
    """

    price: float
    slots: tuple[float, ...]
    slot: int
    at: int
    summed: float
    since: int

    @classmethod
    def starting(cls, price: float, at: int = 0, rule: StablePriceRule = DEFAULT) -> "StablePrice":
        """Start all slots and the stable price at one price."""
        start = check.positive("price", price)
        return cls(start, (start,) * SLOTS, rule.slot_of(check.integer("at", at, low=0)), at, 0.0, at)

    def updated(self, price: float, at: int, rule: StablePriceRule = DEFAULT) -> "StablePrice":
        """The state after the oracle shows ``price`` at ``at``; it stands for the time since the last update."""
        passed = check.integer("at", at) - self.at
        if passed < rule.least_step * SECOND:
            return self
        seconds = min(passed, rule.most_step * SECOND) / SECOND
        summed = self.summed + check.positive("price", price) * seconds
        slot, slots, since = rule.slot_of(at), self.slots, self.since
        if slot != self.slot:
            slots, summed, since = self.closed(summed, at, rule), 0.0, at
        stable = follow(self.price, price, slots[slot], seconds, rule)
        return StablePrice(stable, slots, slot, at, summed, since)

    def closed(self, summed: float, at: int, rule: StablePriceRule) -> tuple[float, ...]:
        """The slots once the open one, and those that passed unseen before the new one, have their figures.

        ``slot = within(average since the last was closed, slot before, slot_growth)``, round the ring; after more
        than a day without an update all slots get the first one's figure.
        """
        slots, average = list(self.slots), summed / ((at - self.since) / SECOND)
        whole_day = at - self.at > SLOTS * rule.slot_seconds * SECOND
        chained = rule.passed_slots == "chained" and not whole_day
        figure = slots[self.slot - 1]
        for step in range(SLOTS if whole_day else (rule.slot_of(at) - self.slot) % SLOTS):
            figure = within(average, figure, rule.slot_growth) if chained or step == 0 else figure
            slots[(self.slot + step) % SLOTS] = figure
        return tuple(slots)

    def observation(self, subject: str) -> Observation:
        """The stable price as a market holds it."""
        return Observation(subject=subject, field="slow_price", value=self.price, published=self.at)


def follow(stable: float, oracle: float, delayed: float, seconds: float, rule: StablePriceRule) -> float:
    """Move toward the oracle by at most ``growth f^2 seconds``, ``f = min(stable / delayed, delayed / stable)``."""
    share = min(stable, delayed) / max(stable, delayed)
    return within(oracle, stable, rule.growth * share * share * seconds)
