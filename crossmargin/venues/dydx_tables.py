"""Tables of dYdX v4: what oracle, open interest, tier and the user's own rates decide, as exact ratios.

A ratio stands in two tables, numerator and denominator in lowest terms: a float64 product then stays below 2^53, and
so exact, for as long as it can.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from crossmargin import _checks as check
from crossmargin.instruments import Instrument, Instruments, exact
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.expression import Expression
from crossmargin.market import Market
from crossmargin.venues.dydx_parameters import ONE, PerpMarket
from crossmargin.venues.dydx_rules import QUOTE_DECIMALS, scaled_rate

Taken = Sequence[tuple[Instrument, PerpMarket]]
TERMS = {"by": "numerator", "over": "denominator"}


def ratio(m: Builder, name: str, rows: str = "") -> tuple[Expression, Expression]:
    """Numerator and denominator of an instrument's ratio, for ``mul_div``."""
    by, over = (m.given(f"{name} {term}", key="instrument", **({"rows": rows} if rows else {})) for term in TERMS)
    return by, over


def terms(name: str, ratios: Sequence[Sequence[Fraction]], width: int) -> dict[str, Any]:
    """The two tables of a ratio; there may be no instrument."""

    def table(part: str) -> Any:
        return np.array([[getattr(value, part) for value in row] for row in ratios], dtype=object).reshape(-1, width)

    return {f"{name} {term}": table(part) for term, part in TERMS.items()}


def rate_tables(taken: Taken, chosen: Sequence[int], market: Market) -> dict[str, Any]:
    """By level, the rate of a notional and the part of that which is charged."""
    initial = [max(initial_rate(row, perp, market), own) for (row, perp), own in zip(taken, chosen, strict=True)]
    tiers = [perp.tier for _, perp in taken]
    rates = [[Fraction(first, ONE), Fraction(tier.initial, ONE)] for first, tier in zip(initial, tiers, strict=True)]
    parts = [[Fraction(1), Fraction(tier.maintenance_fraction, ONE)] for tier in tiers]
    return terms("rate", rates, 2) | terms("part", parts, 2)


def initial_rate(row: Instrument, perp: PerpMarket, market: Market) -> int:
    """The market's initial rate; open interest is read only where it scales."""
    if perp.tier.upper_cap == 0:
        return perp.tier.initial
    return scaled_rate(perp.tier, open_interest(row, perp, market))


def oracle_price(perp: PerpMarket, market: Market) -> Fraction:
    """Price of a coin, exactly as its decimal reads; a price of 0 is a price."""
    if perp.price is not None:
        return exact("price", perp.price)
    where = f"of {perp.underlying!r}"
    return exact("price", check.number("price", market.value("index", perp.underlying), where, low=0.0), where)


def lot_base(row: Instrument, perp: PerpMarket) -> int:
    """Base quanta of one lot, which must be whole."""
    size = row.lot * row.contract_size / Fraction(10) ** perp.atomic_resolution
    if size.denominator != 1:
        raise check.refuse("lot", "hold whole base quanta", row.lot, f"of {row.id!r}")
    return int(size)


def lot_quanta(row: Instrument, perp: PerpMarket, market: Market) -> Fraction:
    """Quote quanta of one lot at the oracle's price."""
    coins = lot_base(row, perp) * Fraction(10) ** perp.atomic_resolution
    return coins * oracle_price(perp, market) * 10**QUOTE_DECIMALS


def open_interest(row: Instrument, perp: PerpMarket, market: Market) -> int:
    """Open interest of a market in whole quote quanta, at the oracle's price."""
    coins = perp.open_interest
    if coins is None:
        contracts = exact("open_interest", market.value("open_interest", row.id), f"of {row.id!r}")
        return int(contracts * row.contract_size * oracle_price(perp, market) * 10**QUOTE_DECIMALS)
    return int(exact("open_interest", coins) * oracle_price(perp, market) * 10**QUOTE_DECIMALS)


def quote_atom(quote: str, instruments: Instruments, market: Market) -> Fraction:
    """Quote currency of one quote quantum, which must be an atom of the quote asset."""
    asset = instruments.asset(quote)
    check.one_of("decimals", asset.decimals, (QUOTE_DECIMALS,), f"of {quote!r}")
    price = check.positive("price", market.price(quote, asset.underlying), f"of {quote!r}")
    return exact("price", price) / 10**QUOTE_DECIMALS
