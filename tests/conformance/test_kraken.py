"""Kraken Futures: haircuts, liquidation and bankruptcy prices, margin levels; every published row."""

import pytest

from conformance.bracket_accounts import LOT, atoms, inverse_account, linear_account, lots_of
from conformance.rows import agree, called, rows
from conformance.simple_accounts import account, perpetual
from crossmargin import InvalidInputError, Position
from crossmargin.account import liquidation_prices
from crossmargin.margin.brackets import Brackets, half_of_initial
from crossmargin.venues import kraken
from crossmargin.venues.kraken_parameters import haircut


def one_rate(im_rate, mm_rate, coin="BTC"):
    """A single-collateral account: its coin counts in full."""
    levels = {coin: Brackets(maintenance=(mm_rate,), leverage=(1.0 / im_rate,))}
    return kraken.MultiCollateral(name="row", schedules=levels, haircuts=(haircut(coin, 0.0),), initial_multiple=im_rate / mm_rate)


def dollars(expected, found):
    """Prices are printed in whole dollars; nearest and down agree in the examples."""
    agree(int(found), expected)


@pytest.mark.parametrize("row", rows("kraken", called("kraken-haircut")))
def test_haircut(row):
    i, expected = row["inputs"], row["expected"]
    method = kraken.MultiCollateral(name="row", schedules={}, haircuts=(haircut("BTC", i["haircut"]),))
    found = method.requirement(*account([], {}, {"BTC": i["index"]}, {}, currency="USD", balances={"BTC": str(i["btc"])}))
    agree(found.outputs["balance_value"][0], expected["balance_value"])
    agree(found.equity["collateral"].initial, expected["collateral_value"])


def inverse(row):
    """Contracts of one dollar at their entry; an initial rate that the row leaves out decides nothing that it asks."""
    i = row["inputs"]
    method = one_rate(i.get("im_rate", i["mm_rate"]), i["mm_rate"])
    return method, *inverse_account("BTC", i["contracts"], size=1, entry=i["entry"], mark=i["entry"], wallet=i["margin_btc"])


@pytest.mark.parametrize("row", rows("kraken", called("kraken-inverse-bankruptcy")))
def test_bankruptcy_price(row):
    method, portfolio, market = inverse(row)
    found, expected = method.requirement(portfolio, market), row["expected"]
    agree(found.initial, expected["im_btc"])
    agree(found.maintenance, expected["mm_btc"])
    agree(found.maintenance / row["inputs"]["mm_rate"], expected["position_value_btc"])
    price = kraken.bankruptcy_price(portfolio, market, method, "P")
    dollars(expected["ioc_limit"], price)
    [general] = liquidation_prices(portfolio, market, method, threshold="equity_maintenance")
    agree(price, general.below, tolerance=1e-6)


@pytest.mark.parametrize("row", rows("kraken", called("kraken-inverse-liquidation")))
def test_liquidation_price(row):
    method, portfolio, market = inverse(row)
    agree(method.requirement(portfolio, market).maintenance, row["inputs"]["mm_btc"])
    price = kraken.liquidation_price(portfolio, market, method, "P")
    dollars(row["expected"]["liquidation_price"], price)
    [general] = liquidation_prices(portfolio, market, method)
    agree(price, general.below, tolerance=1e-6)


@pytest.mark.parametrize("row", rows("frameworks", called("kraken-tiers"), kind="fragment"))
def test_margin_levels(row):
    """Tiers as a framework shows them: maintenance is half of what the most leverage asks."""
    tiers = row["expected"]["tiers"]
    found = half_of_initial([t["min"] for t in tiers], [t["lev"] for t in tiers])
    for rate, tier, following in zip(found.maintenance, tiers, tiers[1:] + [None], strict=True):
        agree(rate, tier["mmr"])
        assert following is None or following["min"] == tier["max"]
    assert kraken.SCHEDULES[row["inputs"]["symbol"].partition("/")[0]] == found


@pytest.mark.parametrize("contracts", [400_000, -400_000])
def test_levels_of_an_inverse_contract_hang_on_its_dollars(contracts):
    method = kraken.MultiCollateral(name="two levels", schedules=kraken.SCHEDULES, haircuts=(haircut("BTC", 0.0),))
    portfolio, market = inverse_account("BTC", contracts, size=10, entry=40_000, mark=40_000, wallet=10, lot=5)
    [general] = liquidation_prices(portfolio, market, method)
    expected = general.below if contracts > 0 else general.above
    agree(kraken.liquidation_price(portfolio, market, method, "P"), expected, tolerance=1e-5)
    assert kraken.liquidation_price(portfolio.holding(positions={}), market, method, "P") is None


@pytest.mark.parametrize("size", [30.0, -30.0])
def test_the_level_at_the_price_counts_for_a_linear_contract(size):
    method = kraken.MultiCollateral(name="linear", schedules=kraken.SCHEDULES, haircuts=(haircut("USD", 0.0),))
    portfolio, market = linear_account([("BTC", size, 33_400, 33_400)], wallet=100_000, settlement="USD")
    [general] = liquidation_prices(portfolio, market, method)
    agree(kraken.liquidation_price(portfolio, market, method, "BTC"), general.below if size > 0 else general.above, tolerance=1e-6)


def test_a_closed_form_wants_one_contract_and_its_settlement_asset():
    method = kraken.multi_collateral()
    two, market = linear_account([("BTC", 1, 100, 100), ("ETH", 1, 100, 100)], wallet=1, settlement="USD")
    with pytest.raises(InvalidInputError, match="positions must be in 'BTC' and its settlement asset alone .* was 'ETH'"):
        kraken.liquidation_price(two, market, method, "BTC")
    portfolio, market = account([perpetual("P", "BTC", "USD")], {"P": 1}, {"BTC": 9}, {"P": 9}, balances={"BTC": "1"}, currency="USD")
    with pytest.raises(InvalidInputError, match="balances must be in 'P' .* was 'BTC'"):
        kraken.bankruptcy_price(portfolio, market, method, "P")


@pytest.mark.parametrize("size", [150.0, -150.0])
def test_levels_stand_in_dollars_whatever_a_linear_contract_settles_in(size):
    swap = perpetual("P", "BTC", "USDC", lot=LOT)
    method = kraken.MultiCollateral(name="linear", schedules=kraken.SCHEDULES, haircuts=(haircut("USDC", 0.0),))
    held = {"P": Position(lots_of(size), atoms(size * 33_400))}
    portfolio, market = account([swap], held, {"BTC": 33_400}, {"P": 33_400}, currency="USDC", balances={"USDC": "900000"}, prices={"USDC": 0.9})
    [general] = liquidation_prices(portfolio, market, method)
    agree(kraken.liquidation_price(portfolio, market, method, "P"), general.below if size > 0 else general.above, tolerance=1e-5)
