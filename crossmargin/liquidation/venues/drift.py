"""How Drift v2 closes a perpetual of an account that fell below maintenance, in the venue's integers.

    shortage = requirement + buffer - (collateral + buffer of losses)          both at maintenance, by the plan
    base     = floor(shortage 1e9 / (floor(p (ratio - fee) / 1e6) - floor(oracle insurance fee / 1e6)))

p: oracle price times quote price; ratio: the position's maintenance ratio and the buffer. A liquidation begins where
collateral is below the requirement and ends where the shortage is 0. A liquidator takes base at the oracle's price and
a fee. Units: base 1e-9, quote and prices 1e-6, ratios 1e-4, fees 1e-6, time in slots; divisions floor. Borrowed
tokens: ``drift_spot``; what no collateral covers: ``drift_bankruptcy``. Source: drift-labs/protocol-v2
``math/liquidation.rs``, ``controller/liquidation.rs``.
"""

from dataclasses import dataclass

import msgspec

from crossmargin import _checks as check
from crossmargin.margin import Prepared
from crossmargin.margin.method import Parameters
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.evaluate import evaluate
from crossmargin.margin.plan.program import Program
from crossmargin.margin.prepared import quantities
from crossmargin.portfolio import Portfolio, Position
from crossmargin.venues.drift import DriftMargin
from crossmargin.venues.drift_parameters import ONE
from crossmargin.venues.drift_rules import in_quote, perpetuals
from crossmargin.venues.drift_tables import BASE_ONE, LEVELS, PRICE_ONE, QUOTE_DECIMALS

DOLLAR = 10**QUOTE_DECIMALS
FEE_ONE = 10**6
FEE_OF_RATIO = FEE_ONE // ONE
MAINTENANCE = LEVELS.index("maintenance")
GRACE = 1_500  # slots in which the liquidator's fee does not grow
FEE_PER_SLOT = 1
FEE_MULTIPLE = 3  # of the liquidator's base fee, at most
SMALL = 50 * DOLLAR  # a shortage below it, and a position of at most it, are not portioned
INSURANCE_SHARE = (19, 20)  # of what margin leaves, so that the fee itself makes nobody bankrupt
DIVERGENCE = (1, 2)  # of oracle and average, from which nothing is liquidated


class LiquidationRules(Parameters, frozen=True, kw_only=True):
    """Fees of a perpetual, 1e-6 (``insurance_fee`` at most), and the pace at which accounts are liquidated.

    ``initial_share`` (1e-4) of a shortage may be covered at once, all of it ``duration`` slots after the account was
    last active.
    """

    liquidator_fee: int
    insurance_fee: int
    initial_share: int = ONE
    duration: int = 0

    def __post_init__(self) -> None:
        for name, high in (("liquidator_fee", FEE_ONE), ("insurance_fee", FEE_ONE), ("initial_share", ONE)):
            check.integer(name, getattr(self, name), "of liquidation rules", low=0, high=high)
        check.integer("duration", self.duration, "of liquidation rules", low=0)


# ---- where a liquidation begins and ends, by the venue's plan -----------------------------------


def shortage(prepared: Prepared, portfolio: Portfolio) -> int:
    """Quote 1e-6 that collateral with its buffer lacks of the requirement with its own; 0: a liquidation ends."""
    return max(lacking(prepared, portfolio, "requirement_with_buffer", "equity_with_buffer"), 0)


def liquidatable(prepared: Prepared, portfolio: Portfolio) -> bool:
    """Whether a liquidation may begin: collateral below the requirement, without buffers."""
    return lacking(prepared, portfolio, "requirement", "equity") > 0


def lacking(prepared: Prepared, portfolio: Portfolio, required: str, held: str) -> int:
    method_of(prepared)
    values = prepared.exact(portfolio)
    return int((values[required][MAINTENANCE] - values[held][MAINTENANCE]) * DOLLAR)


def method_of(prepared: Prepared) -> DriftMargin:
    """The venue's own method; another is refused."""
    if not isinstance(prepared.method, DriftMargin):
        raise check.refuse("method", "be Drift margin", prepared.method.method_name)
    return prepared.method


def diverges(oracle: int, average: int) -> bool:
    """Whether the oracle is so far from its five-minute average that nothing is liquidated: half of it or more."""
    share, of = DIVERGENCE
    return abs(oracle - average) * of >= average * share


# ---- the perpetual that is closed, by the venue's plan ------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PerpPosition:
    """What a liquidation reads of a perpetual: base 1e-9 signed, prices 1e-6, ratios 1e-4.

    ``ratio``: maintenance ratio at its size and the buffer; ``maintenance``: the market's own; ``step``: base of a lot.
    """

    base: int
    oracle: int
    quote_price: int
    ratio: int
    maintenance: int
    step: int = 1

    @property
    def size(self) -> int:
        return abs(self.base)

    @property
    def price(self) -> int:
        """The oracle's price in quote currency, 1e-6."""
        return self.oracle * self.quote_price // PRICE_ONE

    def value(self, base: int) -> int:
        """Quote 1e-6 of a base at the oracle's price."""
        return base * self.oracle // BASE_ONE

    def whole_steps(self, base: int) -> int:
        """A base as whole lots, up."""
        return -(-base // self.step) * self.step


class PositionMargin(DriftMargin, frozen=True, kw_only=True, tag="drift_position"):
    """The venue's plan of one perpetual, with its ratio as an output."""

    def program(self) -> Program:
        m = Builder()
        perps = perpetuals(m)
        m.output("ratio", perps.ratio.total())
        m.equity("profit", in_quote(m, perps.counted))
        m.charge("margin", in_quote(m, perps.requirement))
        return m.build()

    @classmethod
    def of(cls, method: DriftMargin, instrument: str) -> "PositionMargin":
        """The method's figures, its one perpetual this one."""
        market = check.known("instrument", instrument, method.perp_of, "perpetual market")
        own = {name: ratio for name, ratio in method.user.positions.items() if name == instrument}
        figures = {name: getattr(method, name) for name in DriftMargin.__struct_fields__}
        return cls(**figures | {"perps": (market,), "user": msgspec.structs.replace(method.user, positions=own)})


def perp_position(prepared: Prepared, portfolio: Portfolio, instrument: str) -> PerpPosition:
    """The perpetual as the account holds it; resting orders, which are cancelled first, are not counted."""
    method = PositionMargin.of(method_of(prepared), instrument)
    figures = method.tables(prepared.instruments, prepared.market)
    lots = portfolio.positions.get(instrument, Position(0)).lots
    held = portfolio.holding(balances={}, orders=())
    bound = method.bind(prepared.instruments, prepared.market).bound.exactly(figures)
    ratio = int(evaluate(bound, quantities(bound, held, object)).output("ratio")[MAINTENANCE])
    return PerpPosition(
        base=lots * int(figures["lot_base"][0, 0]), oracle=int(figures["oracle"][0, 0]),
        quote_price=int(figures["quote"][0, MAINTENANCE]), ratio=ratio + method.buffer,
        maintenance=method.perps[0].maintenance, step=int(figures["lot_base"][0, 0]),
    )  # fmt: skip


# ---- fees and amounts -----------------------------------------------------------------------------


def max_liquidation_fee(base_fee: int, maintenance: int) -> int:
    """``min(3 base fee, maintenance ratio)``, 1e-6."""
    return min(FEE_MULTIPLE * base_fee, maintenance * FEE_OF_RATIO)


def liquidation_fee(base_fee: int, max_fee: int, elapsed: int) -> int:
    """``base`` for 1,500 slots without activity, then ``min(base + elapsed 1e-6, max)``: all slots count at once."""
    return base_fee if elapsed < GRACE else min(base_fee + elapsed * FEE_PER_SLOT, max_fee)


def allowed_share(shortage: int, freed: int, elapsed: int, rules: LiquidationRules) -> int:
    """Share of a shortage that may be covered now, 1e-4: ``((shortage + freed) pct - freed) / shortage``.

    ``pct = min(1, initial + elapsed / duration)``; ``freed``: quote 1e-6 that this liquidation covered so far. A
    shortage below $50 may be covered whole.
    """
    if shortage < SMALL:
        return ONE
    grown = ONE if rules.duration == 0 else rules.initial_share + elapsed * ONE // rules.duration
    allowed = (shortage + freed) * min(grown, ONE) // ONE - freed
    return max(allowed, 0) * ONE // shortage


def perp_insurance_fee(shortage: int, position: PerpPosition, liquidator_fee: int, max_fee: int) -> int:
    """``min(max, 95 % (ratio - liquidator's fee - shortage / value))``, 1e-6, at least 0; without value 0.

    Each division floors in turn, the one by size before the one by price, as in the source.
    """
    if position.price == 0 or position.size == 0:
        return 0
    used = shortage * BASE_ONE // position.size * PRICE_ONE // position.price
    share, of = INSURANCE_SHARE
    return min(max_fee, max(position.ratio * FEE_OF_RATIO - liquidator_fee - used, 0) * share // of)


def base_to_cover(shortage: int, position: PerpPosition, liquidator_fee: int, insurance_fee: int) -> int | None:
    """Base 1e-9 that frees a shortage after both fees; nothing where no size does. See the module's equation.

    The insurance term is not multiplied by the quote price, as at the venue.
    """
    margin = position.price * (position.ratio * FEE_OF_RATIO - liquidator_fee) // FEE_ONE
    freed = margin - position.oracle * insurance_fee // FEE_ONE
    return shortage * BASE_ONE // freed if freed > 0 else None


# ---- one step ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PerpStep:
    """What a liquidator takes over: base 1e-9, signed as the account's trade; quote 1e-6."""

    base: int
    value: int  # of the base at the oracle's price, >= 0
    liquidator_fee: int  # from the account to the liquidator
    insurance_fee: int  # from the account to the market's insurance
    whole: bool  # the position is closed
    covers: bool  # the shortage is covered: the venue ends the liquidation

    @property
    def quote(self) -> int:
        """What the account's quote amount of the perpetual changes by, fees paid."""
        received = -self.value if self.base > 0 else self.value
        return received - self.liquidator_fee - self.insurance_fee


def perp_step(
    position: PerpPosition, shortage: int, rules: LiquidationRules, *,
    elapsed: int = 0, freed: int = 0, market_shortage: int | None = None, most: int | None = None,
) -> PerpStep:  # fmt: skip
    """The partial liquidation of one perpetual of an account that lacks ``shortage``.

    ``elapsed``: slots since the account was last active; ``freed``: covered so far in this liquidation;
    ``market_shortage``: the market's share of the shortage, by its part of the requirement, which the insurance fee
    reads (default: all of it); ``most``: base that the liquidator takes at most (default: any). Whole lots, up.
    """
    check.integer("shortage", shortage, low=1)
    base_fee = rules.liquidator_fee
    fee = liquidation_fee(base_fee, max_liquidation_fee(base_fee, position.maintenance), elapsed)
    charged = shortage if market_shortage is None else market_shortage
    insurance = perp_insurance_fee(charged, position, fee, rules.insurance_fee)
    found = base_to_cover(shortage, position, fee, insurance)
    cover = None if found is None else position.whole_steps(found)
    allowed = allowed_base(position, cover, allowed_share(shortage, freed, elapsed, rules))
    taken = allowed if most is None else min(allowed, most // position.step * position.step)
    return step_of(position, taken, cover, fee, insurance)


def allowed_base(position: PerpPosition, cover: int | None, share: int) -> int:
    """Base that may close: the share of what covers, whole lots up; all where $50 or less is held or nothing covers."""
    if position.value(position.size) <= SMALL:
        return position.size
    if cover is None:
        return position.size if share else 0
    return position.whole_steps(min(cover * share // ONE, position.size))


def step_of(position: PerpPosition, taken: int, cover: int | None, fee: int, insurance: int) -> PerpStep:
    """A step of so much base: each fee is a floor of its value."""
    value = position.value(taken)
    return PerpStep(
        base=-taken if position.base > 0 else taken, value=value, liquidator_fee=value * fee // FEE_ONE,
        insurance_fee=value * insurance // FEE_ONE, whole=taken == position.size,
        covers=cover is not None and taken >= cover,
    )  # fmt: skip
