"""How dYdX v4 closes an account out, in integers of any size: prices, insurance fund, limits of a block, queue.

    bankruptcy quote = -dN - floor(TNC |dMMR| / TMMR)
    fillable price   = (N - ABR SMMR PMMR) / q          ABR = min(max(BA (1 - TNC / TMMR), 0), 1)

N, q, PMMR: signed notional, signed size and maintenance margin of the whole position; dN, dMMR: what closing a part
changes; TNC, TMMR: net collateral and maintenance margin of the account. Units: quote quanta (1e-6 USDC, an atom of
the quote asset), base quanta, rates in parts per million. Every margin is the venue's own plan's (``dydx.risk``); a
lot is the venue's step of a size. What no fill can close: ``dydx_deleveraging``. Source: dydxprotocol/v4-chain
``x/clob/keeper/liquidations.go``, ``protocol/testing/genesis.sh``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import ceil, floor

from crossmargin import _checks as check
from crossmargin.instruments import Instrument
from crossmargin.margin import Prepared
from crossmargin.margin.method import Parameters
from crossmargin.portfolio import Portfolio, Position
from crossmargin.venues.dydx import CrossMargin, risk
from crossmargin.venues.dydx_parameters import ONE, PerpMarket
from crossmargin.venues.dydx_rules import Risk
from crossmargin.venues.dydx_tables import lot_base, lot_quanta

MAX_SUBTICKS = 2**64 - 1


class LiquidationRules(Parameters, frozen=True, kw_only=True):
    """Rates (parts per million) and limits of a block (quote quanta); the defaults are those of the main net's genesis.

    ``max_fee`` of a fill's quote goes to the insurance fund; ``bankruptcy_adjustment`` and ``spread_to_maintenance``
    place the fillable price. The chain's code has 5,000, 1,000,000 and 100,000 where genesis says nothing.
    """

    max_fee: int = 15_000
    bankruptcy_adjustment: int = ONE
    spread_to_maintenance: int = 1_500_000
    min_position_notional: int = 1_000 * 10**6
    max_position_portion: int = 100_000
    max_account_notional: int = 100_000 * 10**6
    max_insurance_lost: int = 1_000_000 * 10**6

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            check.integer(name, getattr(self, name), "of liquidation rules", low=0)
        check.integer("max_position_portion", self.max_position_portion, "of liquidation rules", high=ONE)


class ClobPair(Parameters, frozen=True, kw_only=True):
    """How a book counts prices: ``quote quanta = base quanta x subticks x 10^exponent``; a ``tick`` is of subticks."""

    exponent: int
    tick: int = 1

    def __post_init__(self) -> None:
        check.integer("exponent", self.exponent, low=-60, high=60)
        check.integer("tick", self.tick, low=1, high=MAX_SUBTICKS)

    @property
    def quote(self) -> Fraction:
        """Quote quanta of a base quantum at a price of one subtick."""
        return Fraction(10) ** self.exponent


# ---- a position and the part of it that closes ------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """A position before a part of it closes, and the account it stands in."""

    size: int  # base quanta, signed; the whole position's, as the next two
    notional: int
    maintenance: int
    base_change: int  # base quanta, of the opposite sign
    notional_change: int
    maintenance_change: int  # <= 0
    account: Risk

    @property
    def sells(self) -> bool:
        return self.size > 0


def closing(prepared: Prepared, portfolio: Portfolio, instrument: str, lots: int) -> Closing:
    """What trading ``lots`` (signed, against the position, at most all of it) would close, by the venue's plan."""
    held = portfolio.positions.get(instrument, Position(0)).lots
    if not (0 < -lots <= held or held <= -lots < 0):
        raise check.refuse("lots", f"close at most the position of {held}", lots, f"of {instrument!r}")
    row, perp = contract(prepared, instrument)
    before, after = (alone(prepared, portfolio, instrument, size) for size in (held, held + lots))
    return Closing(
        size=held * lot_base(row, perp), notional=before.net_collateral, maintenance=before.maintenance,
        base_change=lots * lot_base(row, perp), notional_change=after.net_collateral - before.net_collateral,
        maintenance_change=after.maintenance - before.maintenance, account=risk(prepared, portfolio),
    )  # fmt: skip


def contract(prepared: Prepared, instrument: str) -> tuple[Instrument, PerpMarket]:
    """An instrument and its market, of the venue's own method."""
    method = prepared.method
    if not isinstance(method, CrossMargin):
        raise check.refuse("method", "be dYdX cross margin", method.method_name)
    row = prepared.instruments.instrument(instrument)
    return row, check.known("underlying", row.underlying, method.market_of, "market", f"of {instrument!r}")


def alone(prepared: Prepared, portfolio: Portfolio, instrument: str, lots: int) -> Risk:
    """Notional (as net collateral) and margins of so many lots held by themselves."""
    return risk(prepared, portfolio.holding(positions={instrument: lots} if lots else {}, balances={}, orders=()))


def required(account: Risk) -> int:
    """The account's maintenance margin, without which it has no bankruptcy price."""
    if account.maintenance <= 0:
        raise check.refuse("maintenance margin", "be > 0 in an account that is closed out", account.maintenance)
    return account.maintenance


# ---- prices -----------------------------------------------------------------------------------


def bankruptcy_quote(part: Closing) -> int:
    """``-dN - floor(TNC |dMMR| / TMMR)``: the least quote quanta for a part that leave ``TNC / TMMR`` as it is.

    What the account receives where > 0, pays where < 0. It rounds up, to the account: the ratio of the rest never
    falls. An account of negative collateral is owed more than its position is worth.
    """
    account = part.account
    return -part.notional_change - account.net_collateral * abs(part.maintenance_change) // required(account)


def fillable_price(part: Closing, rules: LiquidationRules) -> Fraction:
    """``(N - ABR SMMR PMMR) / q``: quote quanta of a base quantum at which the liquidation order rests, exact."""
    shortfall = 1 - Fraction(part.account.net_collateral, required(part.account))
    rating = min(max(shortfall * Fraction(rules.bankruptcy_adjustment, ONE), Fraction(0)), Fraction(1))
    spread = rating * Fraction(rules.spread_to_maintenance, ONE) * part.maintenance
    return (part.notional - spread) / part.size


def limit_subticks(price: Fraction, pair: ClobPair, *, sells: bool) -> int:
    """A price as subticks: up where the order sells, down where it buys, to ticks, within one tick and 64 bits."""
    ticks = (ceil if sells else floor)(price / pair.quote / pair.tick)
    return min(max(ticks, 1), MAX_SUBTICKS // pair.tick) * pair.tick


# ---- fills and the insurance fund -------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidationFill:
    """A fill of a liquidation order: the account's base and quote change, and what of it the insurance fund takes."""

    instrument: str
    base: int  # base quanta, signed
    notional: int  # of the base at the oracle's price, quote quanta, >= 0
    quote: int  # > 0 where the account sells
    insurance: int  # > 0 from the account to the fund, < 0 from the fund


def liquidation_fill(
    prepared: Prepared, portfolio: Portfolio, instrument: str, lots: int, *,
    pair: ClobPair, subticks: int, rules: LiquidationRules,
) -> LiquidationFill:  # fmt: skip
    """What ``lots`` (signed, against the position) filled at a price bring and cost."""
    part = closing(prepared, portfolio, instrument, lots)
    quote = fill_quote(pair, part.base_change, subticks)
    worth = abs(alone(prepared, portfolio, instrument, lots).net_collateral)
    return LiquidationFill(instrument=instrument, base=part.base_change, notional=worth, quote=quote,
                           insurance=insurance_change(part, quote, rules))  # fmt: skip


def fill_quote(pair: ClobPair, base: int, subticks: int) -> int:
    """``trunc(-base subticks 10^exponent)``: quote quanta received for selling base (< 0), paid for buying it."""
    return int(-base * subticks * pair.quote)


def insurance_change(part: Closing, quote: int, rules: LiquidationRules) -> int:
    """``quote - bankruptcy quote``: a gain at most ``floor(|quote| max_fee)``, a loss whatever it is."""
    return min(quote - bankruptcy_quote(part), abs(quote) * rules.max_fee // ONE)


# ---- limits of a block ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockUse:
    """What of an account's limits a block has used, quote quanta, and the perpetuals it liquidated."""

    notional: int = 0
    insurance_lost: int = 0
    instruments: frozenset[str] = frozenset()


class FillOutcome(StrEnum):
    """Whether a fill of a liquidation may stand, and what forbids it; an empty fund means deleveraging instead."""

    ACCEPTED = "accepted"
    LIQUIDATED = "the block liquidated this perpetual already"
    ACCOUNT_NOTIONAL = "past the account's notional of a block"
    INSURANCE_LOST = "past the insurance that an account may cost in a block"
    INSURANCE_FUND = "beyond the insurance fund"


def position_limits(rules: LiquidationRules, notional: int) -> tuple[int, int]:
    """Least and most notional of a position that a block liquidates, quote quanta.

    ``least = min(minimum, |N|)``, ``most = max(floor(|N| portion), least)``.
    """
    least = min(rules.min_position_notional, abs(notional))
    return least, max(abs(notional) * rules.max_position_portion // ONE, least)


def fill_outcome(fill: LiquidationFill, used: BlockUse, rules: LiquidationRules, fund: int) -> FillOutcome:
    """Whether a fill keeps within the account's limits of a block and the fund's balance, quote quanta."""
    lost = max(-fill.insurance, 0)
    if lost > fund:
        return FillOutcome.INSURANCE_FUND
    if fill.instrument in used.instruments:
        return FillOutcome.LIQUIDATED
    if used.notional + fill.notional > rules.max_account_notional:
        return FillOutcome.ACCOUNT_NOTIONAL
    if lost and used.insurance_lost + lost > rules.max_insurance_lost:
        return FillOutcome.INSURANCE_LOST
    return FillOutcome.ACCEPTED


def liquidated_lots(
    prepared: Prepared, portfolio: Portfolio, instrument: str, rules: LiquidationRules, used: BlockUse
) -> int:
    """Signed lots that a block's liquidation order trades: all, or what the least limit of notional allows.

    Whole lots below the limit, but at least one. 0 where the block liquidated the perpetual already.
    """
    held = portfolio.positions.get(instrument, Position(0)).lots
    if not held or instrument in used.instruments:
        return 0
    row, perp = contract(prepared, instrument)
    worth = abs(alone(prepared, portfolio, instrument, held).net_collateral)
    most = min(position_limits(rules, worth)[1], max(rules.max_account_notional - used.notional, 0))
    if worth <= most:
        return -held
    lots = min(max(int(most / lot_quanta(row, perp, prepared.market)), 1), abs(held))
    return -lots if held > 0 else lots


# ---- the queue --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidationOrder:
    """A liquidation order as it rests: signed lots, its limit, and the oracle's price, both in subticks."""

    account: str
    instrument: str
    lots: int
    subticks: int
    oracle: Fraction
    notional: int  # of the order at the oracle's price, quote quanta, >= 0
    digest: bytes = b""  # of the order; where two have the same, ids decide

    def __post_init__(self) -> None:
        if self.oracle <= 0:
            raise check.refuse("oracle", "be > 0", self.oracle, f"of {self.instrument!r}")

    @property
    def distance(self) -> Fraction:
        """``|limit - oracle| / oracle``."""
        return abs(self.subticks - self.oracle) / self.oracle


def liquidation_order(
    prepared: Prepared, portfolio: Portfolio, instrument: str, *,
    pair: ClobPair, rules: LiquidationRules, used: BlockUse | None = None,
) -> LiquidationOrder | None:  # fmt: skip
    """The order that liquidates a position of an account in a block; nothing where no lot may trade.

    Which position of an account comes first the chain draws; here the caller says.
    """
    lots = liquidated_lots(prepared, portfolio, instrument, rules, used or BlockUse())
    if lots == 0:
        return None
    row, perp = contract(prepared, instrument)
    part = closing(prepared, portfolio, instrument, lots)
    return LiquidationOrder(
        account=portfolio.account.id, instrument=instrument, lots=lots,
        subticks=limit_subticks(fillable_price(part, rules), pair, sells=part.sells),
        oracle=lot_quanta(row, perp, prepared.market) / lot_base(row, perp) / pair.quote,
        notional=abs(alone(prepared, portfolio, instrument, lots).net_collateral),
    )  # fmt: skip


def liquidation_queue(orders: Iterable[LiquidationOrder]) -> tuple[LiquidationOrder, ...]:
    """Orders as they are placed: farthest from the oracle first, then the larger, then the smaller digest, then ids."""
    return tuple(sorted(orders, key=lambda o: (-o.distance, -o.notional, o.digest, o.account, o.instrument)))
