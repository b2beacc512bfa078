"""Every method that a venue's published set makes without more being said, to hold one book at all of them.

A method takes what an account holds: its underlyings and the asset that stands for cash. Left to files, since they
want more: Mango, Drift and Vega (a set a token and market), Binance (brackets are the API's answer to each account),
Hyperliquid's portfolio margin (which token is borrowed), clearing methods (ranges of a house, what kind of index or
stock).
"""

from collections import Counter
from collections.abc import Callable

from msgspec import structs

from crossmargin.instruments import Instruments, Payoff
from crossmargin.margin import Method
from crossmargin.venues import (
    aevo,
    bybit,
    bybit_options,
    deribit,
    deribit_standard,
    derive,
    derive_parameters,
    derive_standard,
    derive_standard_parameters,
    dydx,
    hyperliquid,
    kraken,
    okx,
    okx_options,
    paradex,
    paradex_cross,
)

Maker = Callable[[Instruments], Method]


def derive_portfolio(held: Instruments) -> Method:
    """Derive's manager of the underlying that most of the book is in."""
    return derive.PortfolioMargin2(
        name="Derive portfolio margin v2", date=derive_standard_parameters.VERSION, source="scripts/config-mainnet.sol",
        underlying=main_underlying(held), cash=cash_of(held), rules=derive_parameters.MAINNET,
    )  # fmt: skip


def derive_manager(held: Instruments) -> Method:
    found = derive_standard_parameters
    return derive_standard.StandardManager(
        name="Derive standard manager", date=found.VERSION, source=found.MAINNET_SOURCE, markets=found.MAINNET_MARKETS,
        depeg=found.MAINNET_DEPEG, cash=cash_of(held),
    )  # fmt: skip


def in_cash(method: Method, held: Instruments) -> Method:
    """A method of contracts in one settlement asset, for the one that most contracts settle in."""
    return structs.replace(method, settlement=cash_of(held))


def main_underlying(held: Instruments) -> str:
    counted = Counter(row.underlying for row in held)
    return max(sorted(counted), key=counted.__getitem__) if counted else ""


def cash_of(held: Instruments) -> str:
    """The asset that most linear contracts settle in."""
    counted = Counter(row.settlement for row in held if row.payoff is Payoff.LINEAR)
    return max(sorted(counted), key=counted.__getitem__) if counted else held.assets[0].id


MAKERS: dict[str, Maker] = {
    "Derive portfolio v2": derive_portfolio,
    "Derive standard": derive_manager,
    "Deribit portfolio": lambda _: deribit.portfolio_margin(),
    "Deribit standard": lambda _: deribit_standard.standard_margin(),
    "dYdX cross": lambda held: dydx.cross_margin(cash_of(held)),
    "OKX portfolio": lambda _: okx.portfolio_margin(),
    "OKX options": lambda _: okx_options.option_margin(),
    "Bybit portfolio": lambda _: bybit.portfolio_margin(),
    "Bybit options": lambda _: bybit_options.option_margin(),
    "Paradex portfolio": lambda _: paradex.portfolio_margin(),
    "Paradex cross": lambda _: paradex_cross.cross_margin(),
    "Hyperliquid cross": lambda held: in_cash(hyperliquid.cross_margin(), held),
    "Kraken multi-collateral": lambda _: kraken.multi_collateral(),
    "Aevo portfolio": lambda held: aevo.portfolio_margin(*(a.id for a in held.assets if a.underlying is None)),
}


def shipped(held: Instruments) -> dict[str, Method]:
    """Methods by name for a book over these instruments."""
    return {name: make(held) for name, make in MAKERS.items()}
