"""What Drift v2 does with a loss that nothing of the account covers: insurance, the market's fees, then its holders.

A perpetual's loss becomes funding that both sides pay, a token's loss lowers the index of its deposits. Units: quote
1e-6, base 1e-9, funding 1e-9 of quote a base, token balances 1e-9, indices 1e-10. Divisions round up: what holders
give is never less than the loss. Source: drift-labs/protocol-v2 ``math/liquidation.rs``, ``math/bankruptcy.rs``,
``controller/liquidation.rs``.
"""

from dataclasses import dataclass

from crossmargin import _checks as check
from crossmargin.portfolio import Portfolio
from crossmargin.venues.drift_tables import BASE_ONE

FUNDING_OF_QUOTE = 1_000
BALANCE_DECIMALS, INDEX_DECIMALS = 9, 10


def is_bankrupt(portfolio: Portfolio) -> bool:
    """Something is owed, no token is held, no perpetual is open or has quote to claim, no order rests."""
    positions, balances = portfolio.positions.values(), portfolio.balances.values()
    held = any(amount > 0 for amount in balances) or any(p.lots != 0 or p.open_cost < 0 for p in positions)
    owed = any(amount < 0 for amount in balances) or any(p.open_cost > 0 for p in positions)
    return owed and not held and not portfolio.orders


@dataclass(frozen=True, slots=True, kw_only=True)
class PerpLoss:
    """Who bears a perpetual's loss, quote 1e-6, in this order; ``funding``: what both sides' funding indices move."""

    insurance: int
    fees: int
    socialised: int
    funding: int


def perp_loss(
    loss: int, *, insurance_fund: int, insurance_left: int, fee_pool: int, base_long: int, base_short: int
) -> PerpLoss:
    """Divide a loss (quote 1e-6, >= 0) over who bears it.

    ``insurance_left``: what the market may still draw; the fund keeps one unit. ``fee_pool``: of the market's maker.
    """
    check.integer("loss", loss, low=0)
    insurance = min(loss, max(insurance_left, 0), max(insurance_fund - 1, 0))
    fees = min(loss - insurance, max(fee_pool, 0))
    left = loss - insurance - fees
    funding = funding_delta(left, base_long, base_short) if left else 0
    return PerpLoss(insurance=insurance, fees=fees, socialised=left, funding=funding)


def funding_delta(loss: int, base_long: int, base_short: int) -> int:
    """``ceil(|loss| 1e9 / (long + |short|)) 1000``: what a base of each side pays, funding 1e-9."""
    held = abs(base_long) + abs(base_short)
    if held == 0:
        raise check.refuse("open interest", "be > 0 where a loss is shared", held)
    return -(-abs(loss) * BASE_ONE // held) * FUNDING_OF_QUOTE


def deposits_of(balance: int, index: int, decimals: int) -> int:
    """Token atoms of deposits: ``floor(balance index / 10^(19 - decimals))``."""
    return balance * index // 10 ** (BALANCE_DECIMALS + INDEX_DECIMALS - decimals)


def deposit_index_delta(loss: int, balance: int, index: int, decimals: int) -> int:
    """``ceil(index loss / deposits)``: what the deposit index loses to a loss in token atoms; 0 without deposits.

    At most ``index - 1``: deposits can lose all, and no more.
    """
    deposits = deposits_of(balance, index, check.integer("decimals", decimals, low=0, high=19))
    return min(-(-index * abs(loss) // deposits), index - 1) if deposits else 0
