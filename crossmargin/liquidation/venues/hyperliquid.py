"""How Hyperliquid deleverages: its sorting index, and trades at the previous mark.

Deleveraging comes where the value of an account, or of an isolated position, is below 0: the venue has no socialised
loss. What the venue's page leaves open are named readings, the printed one first:

=============  =========================  =====================================================================
parameter      readings                   question
=============  =========================  =====================================================================
``shorts``     ``printed``, ``mirrored``  ``mark / entry`` ranks the short that lost most first: or its inverse?
``in_profit``  False, True                the page speaks of "users in profit": do others stand behind, or aside?
=============  =========================  =====================================================================

Source: hyperliquid.gitbook.io, trading/auto-deleveraging; specs/exchanges.md 5, onchain.md 5.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.liquidation import deleveraging as adl
from crossmargin.liquidation.deleveraging import EXCLUDED, Counterparties, OpenPosition
from crossmargin.liquidation.waterfall import Closed, Trade, trades_of

SHORTS = ("printed", "mirrored")


def ranking(
    lots: ArrayLike,
    mark: float,
    entry: ArrayLike,
    equity: ArrayLike,
    *,
    size: float = 1.0,
    shorts: str = "printed",
    in_profit: bool = False,
) -> Floats:
    """``(mark / entry) (notional / account value)`` of signed ``lots``, shape (n,), greatest first.

    Prices > 0; ``size``: quote currency a lot and price unit, so that ``notional = |lots| mark size``; ``equity``:
    account value, of the isolated position where it is isolated. Who has none is ``EXCLUDED``.
    """
    held, opened = check.floats("lots", lots), check.floats("entry", entry)
    check.one_of("shorts", shorts, SHORTS)
    score = adl.leveraged_price_ratio(mark, opened, held * (mark * check.positive("size", size)), equity)
    if shorts == "mirrored":
        score = np.where(held < 0, score * (opened / mark) ** 2, score)
    return check.frozen(np.where((held * (mark - opened) > 0) | (not in_profit), score, EXCLUDED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleveraging:
    """Trades that close a position; ``brings``: atoms that it is then worth more than at the mark, either sign.

    ``uncovered`` lots stay open. An account of value v ends at ``v + brings``: positive where the mark has moved
    through its bankruptcy price since the previous one.
    """

    trades: tuple[Trade, ...]
    brings: int
    uncovered: int


def deleverage_at(previous: int, account: str, position: OpenPosition, others: Counterparties) -> Deleveraging:
    """Close a position of an account of negative value against others, by score, at the ``previous`` mark in ticks."""
    found = adl.deleverage(position.lots, others.lots, others.without(frozenset({account})).score)
    closed = Closed(position=position, others=others, found=found)
    trades = trades_of(account, closed, check.integer("previous", previous))
    at_mark = position.value(abs(position.lots)) - position.value(found.uncovered)
    brings = sum(position.value(trade.lots, previous) for trade in trades) - at_mark
    return Deleveraging(trades=tuple(trades), brings=brings, uncovered=found.uncovered)
