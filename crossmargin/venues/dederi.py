"""Dederi portfolio margin: Deribit's superseded model on eleven moves of the forward, futures paying on every contract.

Source: wiki.dederi.io/RiskControlRules/portfolio_margin. The volatility move of the page is not known in figures;
the superseded model's stands in its place.
"""

from math import exp

from crossmargin import _checks as check
from crossmargin.market import Market, Observation
from crossmargin.venues.superseded import SupersededMargin, grid

SOURCE = "wiki.dederi.io/RiskControlRules/portfolio_margin"
YEAR = 365.0


def portfolio_margin() -> SupersededMargin:
    """Moves of 3 % up to 15 %; 0.6 % of the index for every future."""
    return SupersededMargin(
        name="Dederi portfolio margin", source=SOURCE, moves=grid(0.15, 0.03), volatility_move=0.38, power=0.3,
        future_rate=0.006, future_count="gross",
    )  # fmt: skip


def forward(index: float, basis_rate: float, days: float) -> float:
    """``index exp(abr days / 365)``: abr is the annualised basis rate, read as continuous."""
    return check.number("index", index) * exp(basis_rate * days / YEAR)


def with_forward(market: Market, expiry: str, underlying: str, basis_rate: float, days: float) -> Market:
    """The market with the venue's forward of an expiry."""
    value = forward(market.value("index", underlying), basis_rate, days)
    seen = {**market.seen, (expiry, "forward"): Observation(subject=expiry, field="forward", value=value)}
    return Market(market.as_of, market.quote, seen)
