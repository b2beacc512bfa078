"""What dYdX v4 does where no fill can close an account out: deleveraging, and a gate before withdrawals.

An account of negative net collateral is closed against holders of the opposite position, at its own bankruptcy price
(``dydx.bankruptcy_quote``); in a market under final settlement an account of net collateral >= 0 is closed too, at
the oracle's price. Losses are shared no further. Money in quote quanta, an atom of the quote asset. Source:
dydxprotocol/v4-chain ``x/clob/keeper/deleveraging.go``, ``x/subaccounts``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from crossmargin import _checks as check
from crossmargin.liquidation.venues.dydx import alone, bankruptcy_quote, closing
from crossmargin.margin import Prepared
from crossmargin.portfolio import Portfolio, Position
from crossmargin.venues.dydx import CrossMargin, risk
from crossmargin.venues.dydx_rules import Outcome, Risk, allowed_change

GATED_BLOCKS = 50  # without withdrawals
OUTAGE = 5 * 60 * 10**9  # ns between two blocks
CROSS_POOL = ""


class DeleveragingPrice(StrEnum):
    """Where an account is closed against others, if it is."""

    BANKRUPTCY = "bankruptcy"
    ORACLE = "oracle"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleveragingFill:
    """A trade without fees: the account trades signed lots and receives ``quote``; the counterparty the reverse."""

    counterparty: str
    lots: int
    quote: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleveraging:
    """Fills in order, signed lots for which there was nobody, and who was skipped since the prices do not overlap."""

    fills: tuple[DeleveragingFill, ...]
    lots_left: int
    skipped: tuple[str, ...]


def deleveraging_price(account: Risk, *, settled: bool = False) -> DeleveragingPrice:
    """The price at which an account is deleveraged: ``settled`` tells a market under final settlement."""
    if account.net_collateral < 0:
        return DeleveragingPrice.BANKRUPTCY
    return DeleveragingPrice.ORACLE if settled else DeleveragingPrice.NONE


def deleverage(
    prepared: Prepared,
    account: Portfolio,
    counterparties: Sequence[Portfolio],
    instrument: str,
    *,
    start: int = 0,
    settled: bool = False,
) -> Deleveraging:
    """Close an account's whole position in an instrument against holders of the opposite one.

    Counterparties are walked by account id, once around from number ``start``: the chain draws that number. Each
    gives its whole position or what is left to close. One is skipped where the account's price does not overlap with
    its own bankruptcy price: where the trade is no allowed change of both accounts (``dydx_rules.allowed_change``).
    """
    price = deleveraging_price(risk(prepared, account), settled=settled)
    left = -account.positions.get(instrument, Position(0)).lots
    fills: list[DeleveragingFill] = []
    skipped: list[str] = []
    for other in walked(account, counterparties, start) if price != DeleveragingPrice.NONE else ():
        lots = offset(left, other.positions.get(instrument, Position(0)).lots)
        if lots == 0:
            continue
        quote = deleveraging_quote(prepared, account, instrument, lots, price)
        after, others = traded(account, instrument, lots, quote), traded(other, instrument, -lots, -quote)
        if not (allowed(prepared, account, after) and allowed(prepared, other, others)):
            skipped.append(other.account.id)
            continue
        account, left = after, left - lots
        fills.append(DeleveragingFill(counterparty=other.account.id, lots=lots, quote=quote))
    return Deleveraging(fills=tuple(fills), lots_left=left, skipped=tuple(skipped))


def walked(account: Portfolio, counterparties: Sequence[Portfolio], start: int) -> Iterator[Portfolio]:
    """Counterparties by id, once around from a number."""
    check.unique("account", (account.account.id, *(other.account.id for other in counterparties)))
    ordered = sorted(counterparties, key=lambda other: other.account.id)
    first = check.integer("start", start, low=0) % max(len(ordered), 1)
    yield from (*ordered[first:], *ordered[:first])


def offset(left: int, held: int) -> int:
    """Lots that a holder's position closes of ``left``: of its sign, the smaller size; 0 on the other side."""
    if left * held <= 0:
        return 0
    return min(left, held) if left > 0 else max(left, held)


def deleveraging_quote(
    prepared: Prepared, account: Portfolio, instrument: str, lots: int, price: DeleveragingPrice
) -> int:
    """Quote quanta that the account receives for ``lots`` (< 0: pays): at its bankruptcy price or at the oracle's."""
    if price == DeleveragingPrice.ORACLE:
        return alone(prepared, account, instrument, -lots).net_collateral
    return bankruptcy_quote(closing(prepared, account, instrument, lots))


def traded(account: Portfolio, instrument: str, lots: int, received: int) -> Portfolio:
    """The account after a trade: what it received lowers the cost of its position."""
    old = account.positions.get(instrument, Position(0))
    new = Position(old.lots + lots, old.open_cost - received)
    return account.holding(positions={**account.positions, instrument: new})


def allowed(prepared: Prepared, before: Portfolio, after: Portfolio) -> bool:
    """Whether an account may change so."""
    return allowed_change(risk(prepared, before), risk(prepared, after)) is Outcome.SUCCESS


# ---- withdrawals ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalGate:
    """When withdrawals and transfers stop: the last block that saw negative collateral, by pool, and an outage.

    An isolated market has a collateral pool of its own (``collateral_pool``); an outage closes all of them.
    """

    negative: Mapping[str, int] = field(default_factory=dict)
    outage: int | None = None

    def saw_negative(self, pool: str, block: int) -> "WithdrawalGate":
        """The gate after a block in which an account of a pool had negative net collateral."""
        return replace(self, negative={**self.negative, pool: max(block, self.negative.get(pool, block))})

    def after_block(self, block: int, previous: int, now: int) -> "WithdrawalGate":
        """The gate at a block of time ``now`` after one of time ``previous``, ns: 5 minutes between them close it."""
        return replace(self, outage=block) if now - previous >= OUTAGE else self

    def is_open(self, pool: str, block: int) -> bool:
        """Whether money may leave a pool in a block: again from the 50th after what closed the gate."""
        seen = (self.negative.get(pool), self.outage)
        return all(last is None or block - last >= GATED_BLOCKS for last in seen)


def collateral_pool(method: CrossMargin, underlying: str) -> str:
    """The pool that backs a market: its own if it is isolated, else the one of all others."""
    perp = check.known("underlying", underlying, method.market_of, "market")
    return underlying if perp.isolated else CROSS_POOL
