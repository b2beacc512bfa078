"""Liquidation: who is liquidated, at what price, in which steps, who pays, and what it does to the market.

Nothing here moves money: what is decided comes out as trades and transfers, which the one ledger applies.
"""

from crossmargin.liquidation.auction import Auction, AuctionTerms
from crossmargin.liquidation.cascade import Cascade, CascadeRules
from crossmargin.liquidation.close_out import (
    CloseOut,
    CommonShare,
    Costs,
    Penalty,
    Smallest,
    Staged,
    Whole,
    close_out,
)
from crossmargin.liquidation.index import LiquidationIndex
from crossmargin.liquidation.liquidator import Liquidator
from crossmargin.liquidation.prices import account_prices, common_moves, surface
from crossmargin.liquidation.trigger import Thresholds
from crossmargin.liquidation.waterfall import Waterfall

__all__ = [
    "Auction", "AuctionTerms", "Cascade", "CascadeRules", "CloseOut", "CommonShare", "Costs", "LiquidationIndex",
    "Liquidator", "Penalty", "Smallest", "Staged", "Thresholds", "Waterfall", "Whole", "account_prices", "close_out",
    "common_moves", "surface",
]  # fmt: skip
