"""Binance: liquidation prices in cross and isolated margin, a coin-margined position; every published row."""

from math import floor

import pytest

from conformance.bracket_accounts import bracket, inverse_account, linear_account
from conformance.rows import agree, called, half_a_unit, rows
from crossmargin import Order
from crossmargin.account import liquidation_prices
from crossmargin.venues import binance


ATOM = 1e-9


def underlying_of(symbol):
    return symbol.removesuffix("USDT").removesuffix("USD_PERP")


def signed(position, inputs):
    """Sides are stated for all positions together unless a position has its own; long where nothing is said."""
    side = str(position.get("side", inputs.get("side", "long")))
    return -position["qty"] if side.startswith("short") else position["qty"]


def crossed(row):
    """Rate and cumulative amount of a position make the bracket that holds at the price looked for."""
    i = row["inputs"]
    held = i["positions"] if "positions" in i else [i["position"]]
    positions = [(underlying_of(p["symbol"]), signed(p, i), p["entry"], p["mark"]) for p in held]
    brackets = {underlying_of(p["symbol"]): bracket(p["mmr"], p["cum"]) for p in held}
    portfolio, market = linear_account(positions, wallet=i["wallet_balance"])
    return binance.CrossMargin(name="row", settlement="USDT", brackets=brackets), portfolio, market


def leg(row, portfolio):
    """The position that the row asks for: named at the end of its id."""
    asked = row["id"].rpartition("-")[2].upper()
    return next(name for name in portfolio.positions if name.startswith(asked))


@pytest.mark.parametrize("row", rows("binance", called("binance-um-")))
def test_liquidation_price(row):
    method, portfolio, market = crossed(row)
    name, expected = leg(row, portfolio), row["expected"]["liquidation_price"]
    agree(binance.liquidation_price(portfolio, market, method, name), expected)
    [general] = liquidation_prices(portfolio, market, method, underlying=name)
    agree(general.below if expected < general.index else general.above, expected)


@pytest.mark.parametrize("row", rows("binance", called("binance-cm-pm-position")))
def test_coin_margined_position(row):
    """The maintenance rate is that of the shipped first bracket; without a wallet there is no liquidation price."""
    i, expected = row["inputs"], row["expected"]
    coin = underlying_of(i["symbol"])
    portfolio, market = inverse_account(coin, i["contracts"], size=i["contract_size_usd"], entry=i["entry"], mark=i["mark"])
    found = binance.coin_margin(coin, {"P": i["leverage"]}).requirement(portfolio, market)
    agree(found.outputs["notional"][0], expected["notional_eth"])
    printed = half_a_unit(expected["unrealizedPnl"])  # and half an atom, to which an open cost is kept
    agree(found.equity["open profit"].initial, expected["unrealizedPnl"], tolerance=printed + 0.5 * ATOM)
    agree(found.maintenance, expected["maintenanceMargin"])
    agree(floor(found.initial * 1e8) / 1e8, expected["initialMargin"], tolerance=half_a_unit(1e-8))  # the API cuts it


@pytest.mark.parametrize(("limit", "counted"), [("200", 200.0), ("201", 201.0), ("20", 200.0)])
def test_an_inverse_order_counts_at_its_limit_down_to_a_tenth_of_the_mark(limit, counted):
    """Bought at that price it costs its notional over the leverage, and nothing at once."""
    portfolio, market = inverse_account("ETH", 0, size=10, entry=1, mark=2000)
    resting = portfolio.holding(positions={}, orders=[Order(id=1, instrument="P", side="buy", lots=3, limit=limit)])
    found = binance.coin_margin("ETH", {"P": 20.0}).requirement(resting, market)
    agree(found.outputs["order_cost"][0], 3 * 10 / counted / 20)
