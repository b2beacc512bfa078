"""Where an account would be liquidated: along each underlying, along common moves, over price and volatility.

Everything else that the account holds counts at every point: positions, scenarios, collateral, options revalued.
Prices along one underlying are ``account.liquidation_prices``; this adds bankruptcy, beta-weighted moves and surfaces.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.account.liquidation import LiquidationPrices, held_underlyings, liquidation_prices
from crossmargin.margin import Method, Prepared
from crossmargin.margin.frontier import BOTTOM, roots, surplus_path
from crossmargin.market import Market
from crossmargin.portfolio import Portfolio
from crossmargin.scenario.revalue import moved_market

LIQUIDATION, BANKRUPTCY = "surplus_maintenance", "equity_maintenance"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPrices:
    """Both prices of one underlying, every other position counted; each side ``None`` where there is none."""

    liquidation: LiquidationPrices
    bankruptcy: LiquidationPrices


def account_prices(portfolio: Portfolio, market: Market, method: Method) -> tuple[AccountPrices, ...]:
    """Liquidation and bankruptcy prices along each underlying that the account moves with."""
    found = (liquidation_prices(portfolio, market, method, threshold=name) for name in (LIQUIDATION, BANKRUPTCY))
    return tuple(AccountPrices(liquidation=a, bankruptcy=b) for a, b in zip(*found, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonMoves:
    """Moves x at which a surplus reaches 0 where every underlying moves by ``beta x``; the nearest on each side.

    ``prices`` names each underlying's index there, below and above, ``None`` where no move in the range does it.
    """

    betas: Mapping[str, float]
    below: float | None
    above: float | None
    all_moves: tuple[float, ...]
    prices: Mapping[str, tuple[float | None, float | None]]


def common_moves(
    portfolio: Portfolio,
    market: Market,
    method: Method,
    betas: Mapping[str, float] | None = None,
    *,
    threshold: str = LIQUIDATION,
) -> CommonMoves:
    """Along a common move of all underlyings held, each by its beta (1 where none is named).

    A fall is cut at a total loss; the range of x is (-1, 9].
    """
    held = held_underlyings(portfolio)
    for name in betas or {}:
        check.one_of("beta", name, held)
    weights = {name: check.number("beta", (betas or {}).get(name, 1.0), f"of {name!r}") for name in held}
    found = roots(surplus_path(method.prepare(portfolio.instruments, market), portfolio, weights, threshold))
    ends = (found.below, found.above)

    def price(name: str, x: float | None) -> float | None:
        return None if x is None else market.value("index", name) * (1.0 + max(weights[name] * x, BOTTOM))

    prices = {name: (price(name, ends[0]), price(name, ends[1])) for name in held}
    return CommonMoves(betas=weights, below=ends[0], above=ends[1], all_moves=found.moves, prices=prices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """A surplus over moves of the price and points of volatility, shape (n_volatilities, n_moves), account currency."""

    underlyings: tuple[str, ...]
    moves: Floats
    volatilities: Floats
    surplus: Floats
    currency: str
    index: Mapping[str, float]


def surface(
    portfolio: Portfolio,
    market: Market,
    method: Method,
    *,
    underlying: str | None = None,
    moves: Sequence[float] | Floats | None = None,
    volatilities: Sequence[float] | Floats | None = None,
    threshold: str = LIQUIDATION,
) -> Surface:
    """The surplus if the index of one underlying (all that are held if none is named) moves and volatility shifts.

    ``moves`` relative, > -1; ``volatilities`` points (0.1 is ten) added to every option's of these underlyings.
    """
    held = held_underlyings(portfolio)
    names = held if underlying is None else [check.one_of("underlying", underlying, held)]
    x = check.floats("moves", np.linspace(-0.5, 0.5, 41) if moves is None else moves)
    v = check.floats("volatilities", np.linspace(-0.2, 0.4, 13) if volatilities is None else volatilities)
    check.require_all("moves", "be > -1", x, x > -1.0)
    prepared = method.prepare(portfolio.instruments, market)
    trusted = replace(prepared, method=prepared.method.trusting())
    rows = [
        [surplus_at(trusted, portfolio, dict.fromkeys(names, float(move)), float(points), threshold) for move in x]
        for points in v
    ]
    return Surface(
        underlyings=tuple(names), moves=x, volatilities=v, surplus=np.array(rows).reshape(len(v), len(x)),
        currency=portfolio.account.currency, index={name: market.value("index", name) for name in names},
    )  # fmt: skip


def surplus_at(
    prepared: Prepared, portfolio: Portfolio, moves: Mapping[str, float], points: float, threshold: str
) -> float:
    """A surplus at one point."""
    market = moved_market(portfolio.instruments, prepared.market, moves, points)
    return float(getattr(prepared.remark(market).requirement(portfolio), threshold))
