"""Which oracles Mango v4 may read, and whom it refuses where one fails: 4.3.

A price that is too old, too doubtful, absent or not positive is an error, for the whole market here. With
``skip_bad_oracles`` a balance that is not negative counts as nothing, and every spot order of a market with that
token as nothing in both of its tokens: health is then never more than the true one. Who owes such a token is refused.
A perpetual is never skipped: one whose oracle, or whose settle token's oracle, fails is refused where it is held.
Source: mango-v4, health/cache.rs, health/account_retriever.rs, state/oracle.rs; the rule of perpetuals is inferred.
"""

from typing import TYPE_CHECKING

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Integers
from crossmargin.instruments import Asset, Instruments, Kind
from crossmargin.market import Market, OracleGuard
from crossmargin.portfolio import Book
from crossmargin.portfolio.feeds import FEEDS

if TYPE_CHECKING:
    from crossmargin.venues.mango import Health

Faults = dict[str, str]  # token or perpetual, and what is wrong with its oracle
ABSENT = ("missing", "not positive")  # what reading the price refuses by its own name
HELD = ("position", "buy", "sell")
SLOT = 450_000_000  # ns that the venue counts for a slot


def age_of(slots: int) -> int:
    """Nanoseconds of a limit that the venue states in slots."""
    return check.integer("slots", slots, low=0) * SLOT


def faults(method: "Health", instruments: Instruments, market: Market) -> Faults:
    """Tokens and perpetuals whose oracle fails, with the first fault of each."""
    tokens = [asset for asset in instruments.assets if asset.id in method.rule_of_token]
    found = {a.id: token_fault(method.rule_of_token[a.id].oracle, a, market) for a in tokens}
    for row in instruments:
        if row.kind is Kind.PERPETUAL:
            guard = method.rule_of_perpetual[row.id].oracle
            found[row.id] = found[row.settlement] or first_fault(guard, market, row.underlying)
    return {name: fault for name, fault in found.items() if fault}


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
    for name, fault in found.items():
        if fault not in ABSENT:
            raise check.refuse("oracle", "be usable", fault, f"of {name!r}")
    return {}


def check_book(found: Faults, book: Book) -> None:
    """Refuse a book with an account that no skipping helps: a debt in such a token, or such a perpetual."""
    for name in found:
        if name in book.instruments.asset_index:
            least = int(totals("balance", book, book.instruments.asset_index[name]).min(initial=0))
            if least < 0:
                raise check.refuse("balance", "be >= 0 where its oracle is skipped", least, f"of {name!r}")
        if name in book.instruments.index:
            check_unheld(name, found[name], book)


def check_unheld(name: str, fault: str, book: Book) -> None:
    """Refuse any position or order of a perpetual."""
    if any((FEEDS[source](book)[1] == book.instruments.index[name]).any() for source in HELD):
        raise check.refuse("oracle", "be usable where its perpetual is held", fault, f"of {name!r}")


def totals(source: str, book: Book, item: int) -> Integers:
    """The sum of one item's amounts in each unit."""
    start, items, amounts = FEEDS[source](book)
    kept, found = items == item, np.zeros(len(book), dtype=np.int64)
    np.add.at(found, np.repeat(np.arange(len(book)), np.diff(start))[kept], amounts[kept])
    return found
