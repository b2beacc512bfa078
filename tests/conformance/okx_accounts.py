"""Turns rows of okx.json into instruments, market, portfolio and method."""

from fractions import Fraction

import msgspec

from crossmargin import Account, Asset, Instrument, Instruments, Market, Observation, Portfolio, Position
from crossmargin.instruments import Kind
from crossmargin.venues import okx

AS_OF = 1_735_000_000 * 10**9
ASSETS = [Asset(id="USDT", decimals=9), Asset(id="USD", decimals=9), Asset(id="BTC", decimals=9, underlying="BTC")]


def swap(contract_value: float, settlement: str = "USDT") -> Instrument:
    return Instrument(
        id=f"BTC-{settlement}-SWAP", kind=Kind.PERPETUAL, underlying="BTC", settlement=settlement,
        contract_size=Fraction(str(contract_value)), tick=Fraction(1, 10**9),
    )  # fmt: skip


def market_of(index: float, mark: float, usdt: float = 1.0, *, names=("BTC-USDT-SWAP",)) -> Market:
    """The venue prints index and mark in USDT; the market's quote is the dollar, so the index is converted."""
    seen = [Observation(subject="BTC", field="index", value=index * usdt), Observation(subject="USDT", field="index", value=usdt)]
    seen += [Observation(subject=name, field="mark", value=mark) for name in names]
    return Market.of(seen, as_of=AS_OF, quote="USD")


def portfolio_of(instruments: Instruments, *, positions=None, balances=None, orders=()) -> Portfolio:
    owner = Account(id="row", currency="USD")
    return Portfolio.of(instruments, account=owner, positions=positions or {}, balances=balances or {}, orders=orders)


def unit_account(row: dict):
    """The position builder's unit: prepared method and portfolio."""
    inputs = row["inputs"]
    table = Instruments.of([swap(inputs["contract_value_base"])], ASSETS)
    lots = inputs["amt_contracts"]
    cost = lots * Fraction(str(inputs["contract_value_base"])) * Fraction(str(inputs["avg_price"])) * 10**9
    market = market_of(inputs["index_price"], inputs["mark_price"], inputs["usdt_usd"])
    method = okx.portfolio_margin()
    return method.prepare(table, market), portfolio_of(table, positions={"BTC-USDT-SWAP": Position(lots, int(cost))})


def collateral_account(discount: dict, prices: dict, balances: dict):
    """An account of balances alone, with these discounts."""
    assets = [Asset(id=name, decimals=2) for name in sorted({*prices, "USD"})]
    table = Instruments.of([], assets)
    seen = [Observation(subject=name, field="index", value=price) for name, price in prices.items()]
    made = okx.portfolio_margin()
    method = msgspec.structs.replace(made, rules=msgspec.structs.replace(made.rules, discount=discount))
    return method.prepare(table, Market.of(seen, as_of=AS_OF, quote="USD")), portfolio_of(table, balances=balances)
