"""Which oracles Mango v4 may read, and whom it refuses where one fails: 4.3.

A price that is too old, too doubtful, absent or not positive is an error, for the whole market here. With
``skip_bad_oracles`` a balance that is not negative counts as nothing, and every spot order of a market with that
token as nothing in both of its tokens: health is then never more than the true one. Who owes such a token is refused.
A perpetual is never skipped: one whose oracle, or whose settle token's oracle, fails is refused where it is held.
Source: mango-v4, health/cache.rs, health/account_retriever.rs, state/oracle.rs; the rule of perpetuals is inferred.
"""

from typing import TYPE_CHECKING, NamedTuple

from crossmargin import _checks as check
from crossmargin.instruments import Asset, Instruments, Kind
from crossmargin.margin.doubts import Doubt, Doubts
from crossmargin.market import Market, OracleGuard

if TYPE_CHECKING:
    from crossmargin.venues.mango import Health

ABSENT = ("missing", "not positive")  # what reading the price refuses by its own name
HELD, OWED = "be usable where its perpetual is held", "be >= 0 where its oracle is skipped"  # how a refusal says it
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


def doubted(found: Faults) -> Doubts:
    """Whom no skipping helps: who owes such a token, or holds such a perpetual."""
    return Doubts(
        instruments={name: Doubt(fault, name, HELD) for name, fault in found.perpetuals.items()},
        debts={name: Doubt(fault, name, OWED) for name, fault in found.tokens.items()},
    )
