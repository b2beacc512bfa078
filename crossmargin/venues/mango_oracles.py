"""Which oracles Mango v4 may read, and whom it refuses where one fails: 4.3.

A price that is too old, too doubtful, absent or not positive is an error, for the whole market here. With
``skip_bad_oracles`` a balance that is not negative counts as nothing, and every spot order of a market with that
token as nothing in both of its tokens: health is then never more than the true one. Who owes such a token is refused.
A perpetual is never skipped: one whose oracle, or whose settle token's oracle, fails is refused where it is held.
Source: mango-v4, health/cache.rs, health/account_retriever.rs, state/oracle.rs; the rule of perpetuals is inferred.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Integers
from crossmargin.instruments import Asset, Instruments, Kind
from crossmargin.market import Market, OracleGuard
from crossmargin.portfolio import Book
from crossmargin.portfolio.feeds import FEEDS, holds

if TYPE_CHECKING:
    from crossmargin.venues.mango import Health

ABSENT = ("missing", "not positive")  # what reading the price refuses by its own name
HELD = ("position", "cost", "buy", "sell")
SLOT = 450_000_000  # ns that the venue counts for a slot


class Faults(NamedTuple):
    """Tokens and perpetuals whose oracle fails, each with its first fault."""

    tokens: dict[str, str]
    perpetuals: dict[str, str]


def age_of(slots: int) -> int:
    """Nanoseconds of a limit that the venue states in slots."""
    return check.integer("slots", slots, low=0) * SLOT


def faults(method: "Health", instruments: Instruments, market: Market) -> Faults:
    """Everything whose oracle fails; a perpetual's fails with its settle token's."""
    found = Faults({}, {})
    for asset in instruments.assets:
        rule = method.rule_of_token.get(asset.id)
        if rule is not None and (fault := token_fault(rule.oracle, asset, market)):
            found.tokens[asset.id] = fault
    for row in (row for row in instruments if row.kind is Kind.PERPETUAL):
        own = first_fault(method.rule_of_perpetual[row.id].oracle, market, row.underlying)
        if fault := found.tokens.get(row.settlement, own):
            found.perpetuals[row.id] = fault
    return found


def token_fault(guard: OracleGuard, asset: Asset, market: Market) -> str:
    """The fault of a token's price, its own or its underlying's; the quote currency has none."""
    own = asset.underlying is None or market.has("index", asset.id)
    return "" if asset.id == market.quote else first_fault(guard, market, asset.id if own else str(asset.underlying))


def first_fault(guard: OracleGuard, market: Market, subject: str) -> str:
    return next(iter(guard.faults(market, subject)), "")


def skipped(method: "Health", instruments: Instruments, market: Market) -> Faults:
    """Faults that the method skips; while it skips none, the first is refused, an absent price where it is read."""
    found = faults(method, instruments, market)
    if method.skip_bad_oracles:
        return found
    for name, fault in (found.tokens | found.perpetuals).items():
        if fault not in ABSENT:
            raise check.refuse("oracle", "be usable", fault, f"of {name!r}")
    return Faults({}, {})


def check_book(found: Faults, book: Book) -> None:
    """Refuse a book with an account that no skipping helps: a debt in such a token, or such a perpetual."""
    for name in found.tokens:
        held = balances_of(book, book.instruments.asset_index[name])
        check.require_all(f"balance of {name!r}", "be >= 0 where its oracle is skipped", held, held >= 0)
    for name, fault in found.perpetuals.items():
        if holds(book, HELD, book.instruments.index[name]):
            raise check.refuse("oracle", "be usable where its perpetual is held", fault, f"of {name!r}")


def balances_of(book: Book, asset: int) -> Integers:
    """Each unit's balance of one asset, over all locations."""
    start, items, amounts = FEEDS["balance"](book)
    kept, found = items == asset, np.zeros(len(book), dtype=np.int64)
    np.add.at(found, np.repeat(np.arange(len(book)), np.diff(start))[kept], amounts[kept])
    return found
