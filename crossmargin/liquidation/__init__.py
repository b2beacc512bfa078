"""Liquidation: who is liquidated, at what price, in which steps, who pays, and what it does to the market.

Nothing here moves money: what is decided comes out as trades and transfers, which the one ledger applies.
"""
