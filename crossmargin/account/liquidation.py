"""Liquidation and bankruptcy prices of an account, every other position counted."""

from collections.abc import Sequence
from dataclasses import dataclass

from crossmargin.margin import Method
from crossmargin.margin.frontier import roots, surplus_path
from crossmargin.market import Market
from crossmargin.portfolio import Portfolio


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidationPrices:
    """Nearest prices below and above the index at which the account reaches a threshold, or ``None``.

    ``all_prices`` holds every crossing found in (0, 10] times the index.
    """

    underlying: str
    index: float
    below: float | None
    above: float | None
    all_prices: tuple[float, ...]


def liquidation_prices(
    portfolio: Portfolio,
    market: Market,
    method: Method,
    *,
    underlying: str | None = None,
    threshold: str = "surplus_maintenance",
) -> tuple[LiquidationPrices, ...]:
    """Prices of each underlying held (or the one named) at which ``surplus_maintenance`` reaches 0.

    The path is a relative move of the underlying's index: forwards, linear marks and coins follow,
    options are revalued, all else stays. ``threshold="equity_maintenance"`` gives bankruptcy prices.
    """
    prepared = method.prepare(portfolio.instruments, market)
    found = []
    for name in [underlying] if underlying is not None else held_underlyings(portfolio):
        index = market.value("index", name)
        crossings = roots(surplus_path(prepared, portfolio, {name: 1.0}, threshold))
        found.append(nearest(name, index, [index * (1.0 + x) for x in crossings.moves]))
    return tuple(found)


def nearest(name: str, index: float, prices: Sequence[float]) -> LiquidationPrices:
    """Sort crossings by price; below zero a rising move is a falling price."""
    ordered = tuple(sorted(set(prices)))
    return LiquidationPrices(
        underlying=name,
        index=index,
        below=max((price for price in ordered if price < index), default=None),
        above=min((price for price in ordered if price >= index), default=None),
        all_prices=ordered,
    )


def held_underlyings(portfolio: Portfolio) -> Sequence[str]:
    """Underlyings that a position or a balance of the account moves with."""
    instruments = portfolio.instruments
    names = {instruments.instrument(name).underlying for name, held in portfolio.positions.items() if held.lots}
    moved = {instruments.asset(name).underlying for name, atoms in portfolio.balances.items() if atoms}
    return sorted(names | {name for name in moved if name is not None})
