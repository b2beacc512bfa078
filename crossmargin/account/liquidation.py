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
        prices = tuple(index * (1.0 + x) for x in crossings.moves)
        found.append(
            LiquidationPrices(
                underlying=name,
                index=index,
                below=price_at(index, crossings.below),
                above=price_at(index, crossings.above),
                all_prices=prices,
            )
        )
    return tuple(found)


def price_at(index: float, move: float | None) -> float | None:
    return None if move is None else index * (1.0 + move)


def held_underlyings(portfolio: Portfolio) -> Sequence[str]:
    """Underlyings that a position or a balance of the account moves with."""
    instruments = portfolio.instruments
    names = {instruments.instrument(name).underlying for name, held in portfolio.positions.items() if held.lots}
    moved = {instruments.asset(name).underlying for name, atoms in portfolio.balances.items() if atoms}
    return sorted(names | {name for name in moved if name is not None})
