"""Mango v4: a perpetual closed out lot by lot, and its profit turned into settle tokens.

Notation: h LiquidationEnd health, u the profit with weighted base, w the share of a profit that counts, e the
effective balance of the settle token, f the share of a settled profit that the liquidator keeps. A step that crosses
e = 0 is computed in two pieces: ``Token.rise``. Rules: mango-v4, instructions/perp_liq_base_or_positive_pnl.rs.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf

from crossmargin import _checks as check
from crossmargin.liquidation.venues.mango_rules import NATIVE, NOISE, Limit, Perpetual, Token, whole

EPSILON = 2.0**-50  # of the amounts that a health is the sum of: what its sum may be off


@dataclass(frozen=True, slots=True, kw_only=True)
class PerpetualCloseOut:
    """A trade of the account with the liquidator, and the profit that the liquidator takes over.

    ``lots``: signed, what the account trades; ``quote`` what it receives for them and ``platform`` (>= 0) what the
    platform does, the liquidator pays both; ``settled`` (>= 0): quote that goes from account to liquidator, who pays
    ``paid`` settle tokens for it.
    """

    instrument: str
    lots: int
    quote: float
    platform: float
    settled: float
    paid: float
    limit: Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How far a close-out has come: lots closed and profit settled, both >= 0, and the most of each."""

    perpetual: Perpetual
    token: Token
    before: float
    most_lots: int
    most_profit: float
    native: float
    lots: int = 0
    settled: float = 0.0

    @property
    def kept(self) -> float:
        """Settle tokens that the account has for a token of profit: ``1 - f``."""
        return 1.0 - self.perpetual.penalty.profit

    @property
    def gain(self) -> float:
        """Rise of u by a lot closed: ``lot P (1 - f_b - w_long)``, of a short ``lot P (w_short - 1 - f_b)``."""
        held = self.perpetual
        paid = held.price * held.penalty.total
        gap = held.price - held.long_value if held.lots > 0 else held.short_value - held.price
        return held.size * (gap - paid)

    @property
    def profit(self) -> float:
        """Profit with weighted base, u, as it stands."""
        return self.perpetual.profit + self.lots * self.gain - self.settled

    @property
    def effective(self) -> float:
        """Effective balance e as it stands."""
        held = self.perpetual
        return self.token.effective + self.settled * self.kept + (held.counted(self.profit) - held.counted(held.profit))

    @property
    def health(self) -> float:
        """Health h as it stands: what the settle token counts for now in place of what it counted for."""
        return self.before + (self.token.value(self.effective) - self.token.value(self.token.effective))

    @property
    def rounding(self) -> float:
        """What float64 may leave of a health that was brought to 0: no step goes on for it."""
        token, profit = self.token, self.perpetual.profit
        settled = abs(token.effective) + abs(token.balance) + abs(profit)  # they may cancel
        return EPSILON * (abs(self.before) - token.value(-settled))

    @property
    def missing(self) -> float:
        """Rise of e that brings health to 0, or to within half of what no step goes on for."""
        return self.token.rise(self.effective, -self.health - 0.5 * self.rounding)

    @property
    def lots_left(self) -> int:
        return min(abs(self.perpetual.lots), self.most_lots) - self.lots

    @property
    def profit_left(self) -> float:
        return self.most_profit - self.settled

    @property
    def settling_gains(self) -> bool:
        return self.kept > self.perpetual.profit_weight


def close_out_perpetual(
    health: float, perpetual: Perpetual, token: Token, *, most_lots: int, most_profit: float, native: float = NATIVE
) -> PerpetualCloseOut:
    """Close lots, and have the liquidator take over profit, until health is 0: five steps, each while h < 0.

    With g the rise of u a lot, m the rise of e that is missing to h = 0, l what is left of ``most_profit``:
    (1) if u < 0, ``min(ceil(-u / g), ceil(m / g))`` lots; (2) if ``1 - f > w``, settle ``min(u, l, m / (1 - f - w))``;
    (3) if ``1 - f > w`` and l > 0, ``min(ceil(l / g), ceil(m / (g (1 - f))))`` lots; (4) as (2); (5) if w > 0 and h is
    below minus half a native unit, ``ceil(m / (g w))`` lots. Lots are those there are, and ``most_lots`` in all.

    ``most_lots``, ``most_profit``: the most that the liquidator takes over. A lot of a long brings
    ``lot P (1 - f_b)`` quote, one of a short costs ``lot P (1 + f_b)``, f_b liquidator's and platform's penalty.
    Refused: penalties that eat up what a lot closed gains.
    """
    course = Course(
        perpetual=perpetual,
        token=token,
        before=check.number("health", health),
        most_lots=check.integer("most lots", most_lots, low=0),
        most_profit=check.number("most profit", most_profit, low=0.0),
        native=check.positive("native", native),
    )
    if perpetual.lots:
        check.positive("health of closing a lot", course.gain, f"of perpetual {perpetual.instrument!r}")
    for step in STEPS:
        course = step(course) if course.health < -course.rounding else course
    return outcome(course)


def lots_closed(course: Course, rise: float, rate: float) -> Course:
    """Close lots until u has risen so far, or until each settle token of it, counted at ``rate``, brings h to 0."""
    if not course.lots_left:
        return course
    wanted = min(rise, course.missing / rate) / course.gain
    lots = course.lots_left if wanted >= course.lots_left else whole(wanted)
    return replace(course, lots=course.lots + lots)


def loss_closed(course: Course) -> Course:
    """Step (1)."""
    return lots_closed(course, -course.profit, 1.0) if course.profit < 0 else course


def profit_settled(course: Course) -> Course:
    """Steps (2) and (4)."""
    if not course.settling_gains or course.profit <= 0:
        return course
    wanted = course.missing / (course.kept - course.perpetual.profit_weight)
    return replace(course, settled=course.settled + min(course.profit, course.profit_left, wanted))


def settleable_closed(course: Course) -> Course:
    """Step (3)."""
    if not course.settling_gains or course.profit_left <= 0:
        return course
    return lots_closed(course, course.profit_left, course.kept)


def trusted_closed(course: Course) -> Course:
    """Step (5)."""
    weight = course.perpetual.profit_weight
    return lots_closed(course, inf, weight) if weight > 0 and course.health < -0.5 * course.native else course


STEPS: tuple[Callable[[Course], Course], ...] = (
    loss_closed, profit_settled, settleable_closed, profit_settled, trusted_closed,
)  # fmt: skip


def outcome(course: Course) -> PerpetualCloseOut:
    """What is traded and transferred over the whole course."""
    held = course.perpetual
    lots = -course.lots if held.lots > 0 else course.lots
    worth = course.lots * held.size * held.price
    return PerpetualCloseOut(
        instrument=held.instrument,
        lots=lots,
        quote=-lots * held.size * held.price - worth * held.penalty.total,
        platform=worth * held.penalty.platform,
        settled=course.settled,
        paid=course.settled * course.kept,
        limit=limit_of(course),
    )


def limit_of(course: Course) -> Limit:
    """What the course ended at; half a native unit below 0 is as good as 0, and so is the rounding of a lot."""
    held, rounding = course.perpetual, 2.0 * NOISE * abs(course.before) + course.rounding
    if course.health >= -0.5 * course.native - rounding:
        return Limit.HEALTH
    if course.lots_left and course.profit_left <= 0:
        return Limit.SETTLE_LIMIT
    if course.lots < abs(held.lots):
        return Limit.CALLER
    return Limit.SETTLE_LIMIT if course.settling_gains and course.profit > 0 else Limit.POSITION
