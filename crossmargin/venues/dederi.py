"""Dederi portfolio margin: Deribit's superseded model on eleven moves of the forward, every future paying.

Source: wiki.dederi.io/RiskControlRules/portfolio_margin. The page's volatility move is not known in figures; that of
the superseded model stands in its place.
"""

from crossmargin.venues.superseded import SupersededMargin, forward, grid

__all__ = ["forward", "portfolio_margin"]

SOURCE = "wiki.dederi.io/RiskControlRules/portfolio_margin"


def portfolio_margin() -> SupersededMargin:
    """Moves of 3 % up to 15 % of ``forward``; 0.6 % of the index for every future."""
    return SupersededMargin(
        name="Dederi portfolio margin", source=SOURCE, moves=grid(0.15, 0.03), volatility_move=0.38, power=0.3,
        future_rate=0.006, future_count="gross", forwards="basis",
    )  # fmt: skip
