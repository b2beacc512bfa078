"""Turns rows of okx.json into instruments, market, portfolio and method."""

from fractions import Fraction

import msgspec

from crossmargin import Account, Asset, Instrument, Instruments, Market, Observation, Portfolio, Position
from crossmargin.instruments import Kind, Payoff
from crossmargin.venues import okx, okx_options

DAY_NS = 86_400 * 10**9
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


def hedged_account(inputs: dict, price: float, *, basis: bool = True, depeg=()):
    """Spot against a swap of the same size, at one price for index and mark, under the set of 2024."""
    table = Instruments.of([swap(inputs["contract_value_base"])], ASSETS)
    made = okx.portfolio_margin("2024-05-31")
    unit = made.rules.unit("BTC")
    unit = unit if basis else msgspec.structs.replace(unit, basis_minimum=0.0)
    slices = tuple(map(tuple, depeg))
    method = msgspec.structs.replace(made, rules=msgspec.structs.replace(made.rules, units={"BTC": unit}, depeg=slices))
    lots, coins = inputs["perp_contracts"], Fraction(str(inputs["spot_btc"]))
    cost = lots * Fraction(str(inputs["contract_value_base"])) * Fraction(str(price)) * 10**9
    portfolio = portfolio_of(table, positions={"BTC-USDT-SWAP": Position(lots, int(cost))}, balances={"BTC": coins})
    return method.prepare(table, market_of(price, price)), portfolio


def option_account(inputs: dict, *, held: int, orders=(), short=None):
    """Calls on BTC settled in coin; the factor of the row as the first step of the tiers."""
    figures = inputs | (short or {})
    forward = figures.get("underlying_mark", 5900)
    factor = figures.get("margin_factor", 1.0)
    call = Instrument(
        id="C", kind=Kind.OPTION, underlying="BTC", settlement="BTC", payoff=Payoff.INVERSE, right="call",
        strike=forward + figures.get("otm_usd", 0.0), contract_size=Fraction(str(inputs["multiplier"])),
        tick=Fraction(1, 10**6), expiry=AS_OF + 30 * DAY_NS,
    )  # fmt: skip
    table = Instruments.of([call], ASSETS)
    fee = inputs.get("fee_rate", Fraction(str(inputs.get("fee_per_contract", 0))) / Fraction(str(inputs["multiplier"])))
    rates = okx_options.OptionRates(fee=float(fee), factor_edges=(0.0, 0.5), factors=(1.0, factor))
    method = okx_options.OptionMargin(name="row", rates=rates)
    seen = {("BTC", "index"): forward, ("C", "mark"): figures.get("option_mark_btc", 0.05), (table.expiry_keys[0], "forward"): forward}
    observations = [Observation(subject=s, field=f, value=float(v)) for (s, f), v in seen.items()]
    observations += [Observation(subject="USDT", field="index", value=1.0)]
    owner = Account(id="row", currency="BTC")
    portfolio = Portfolio.of(table, account=owner, positions={"C": held}, orders=orders)
    return method.prepare(table, Market.of(observations, as_of=AS_OF, quote="USD")), portfolio
