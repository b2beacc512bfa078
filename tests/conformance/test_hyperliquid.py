"""Hyperliquid: account figures, margin tables, liquidation prices, portfolio margin; every published row."""

from fractions import Fraction

import pytest

from conformance.bracket_accounts import LOT, atoms, bracket, linear_account, lots_of
from conformance.rows import agree, called, rows
from conformance.simple_accounts import account, perpetual
from crossmargin import Account, Asset, Book, Instruments, Portfolio
from crossmargin.account import liquidation_prices
from crossmargin.margin.brackets import half_of_initial
from crossmargin.venues import hyperliquid, hyperliquid_portfolio
from crossmargin.venues.hyperliquid_parameters import PoolRules, TokenRule, table_of

MICRO = 5e-7  # margins are printed to a millionth of a dollar


def method_of(coin, tiers, **terms):
    return hyperliquid.CrossMargin(name="row", tiers={coin: tiers}, **terms)


def pockets(instrument, mark, *, cross, deposit, size, entry):
    """An account with cross balance and one isolated position in a pocket of its own."""
    name = instrument.underlying
    table = Instruments.of([instrument], [Asset(id="USDC", decimals=9)])
    _, market = account([instrument], {}, {name: mark}, {instrument.id: mark}, currency="USDC")
    book = Book.of(
        table, [Account(id="row", currency="USDC")],
        positions={"account": [0], "pocket": [1], "instrument": [0], "lots": [lots_of(size)],
                   "open_cost": [atoms(Fraction(str(size)) * Fraction(str(entry)))]},
        balances={"account": [0, 0], "pocket": [0, 1], "asset": [0, 0], "atoms": [atoms(cross), atoms(deposit)]},
    )  # fmt: skip
    return book, market


@pytest.mark.parametrize("row", rows("hyperliquid", called("hl-clearinghouse-isolated")))
def test_account_state(row):
    """``raw_usd`` is the deposit less the signed cost of entry; the mark is position value over size."""
    i, expected = row["inputs"], row["expected"]
    deposit = Fraction(str(i["raw_usd"])) + Fraction(str(i["szi"])) * Fraction(str(i["entryPx"]))
    swap = perpetual("P", i["coin"], "USDC", lot=LOT)
    book, market = pockets(swap, i["position_value"] / abs(i["szi"]), cross=i["cross_account_value"], deposit=deposit,
                           size=i["szi"], entry=i["entryPx"])  # fmt: skip
    method = method_of(i["coin"], half_of_initial((0.0,), (i["max_leverage"],)), leverage={"P": i["leverage"]})
    prepared, isolated = method.prepare(book.instruments, market), Portfolio(book, book.unit("row", 1))
    state = hyperliquid.account_state(prepared, book, "row")
    agree(state.account_value, expected["accountValue"])
    agree(state.withdrawable, expected["withdrawable"])
    agree(state.margin_used[1], expected["marginUsed"])
    agree(prepared.requirement(isolated).equity["positions"].initial, expected["unrealizedPnl"])
    agree(hyperliquid.liquidation_price(isolated, market, method, "P"), expected["liquidationPx"])


@pytest.mark.parametrize("row", rows("hyperliquid", called("hl-liq-")))
def test_liquidation_price(row):
    """Within what half a digit of the printed margin moves, or 3e-8; the general search finds the same price."""
    i, expected = row["inputs"], row["expected"]["liquidation_price"]
    size = i["size"] if i["side"] == "long" else -i["size"]
    portfolio, market = linear_account([(i["coin"], size, i["entry"], i["entry"])], wallet=i["margin"], settlement="USDC")
    method = method_of(i["coin"], half_of_initial((0.0,), (i["max_leverage"],)), leverage={i["coin"]: i["leverage"]})
    found = hyperliquid.liquidation_price(portfolio, market, method, i["coin"])
    agree(found, expected, tolerance=max(3e-8 * expected, 1.1 * MICRO / i["size"]))
    [general] = liquidation_prices(portfolio, market, method)
    agree(general.below if size > 0 else general.above, found, tolerance=1e-9 * i["entry"])


@pytest.mark.parametrize("row", rows("hyperliquid", called("hl-meta-tier"), kind="fragment"))
def test_margin_table(row):
    i, expected = row["inputs"], row["expected"]
    found = table_of(i["table_id"], i["tiers"])
    for name, printed in (("maintenance", "maintenance_rates"), ("deductions", "maintenance_deductions")):
        assert getattr(found, name) == pytest.approx(expected[printed], rel=1e-12), name


# ---- portfolio margin -------------------------------------------------------------------------


def pool(tokens, borrowed=0):
    """Tokens ``(name, amount, price, ltv)`` and dollars owed."""
    rules = PoolRules(collateral={name: TokenRule(ltv=ltv, supply_cap=1e9) for name, _, _, ltv in tokens})
    method = hyperliquid_portfolio.PortfolioMargin(name="row", rules=rules)
    balances = {name: str(amount) for name, amount, *_ in tokens} | {"USDC": -Fraction(str(borrowed))}
    prices = {name: price for name, _, price, _ in tokens}
    return method.requirement(*account([], {}, prices, {}, currency="USDC", balances=balances))


def figures(found, expected, **names):
    for printed, name in names.items():
        if printed in expected:
            agree(found.outputs[name][0], expected[printed], printed)


@pytest.mark.parametrize("row", rows("hyperliquid", called("hl-pm-borrowable")))
def test_borrowable(row):
    i = row["inputs"]
    figures(pool([("T", i["balance"], i["price"], i["ltv"])]), row["expected"], borrowable_usdc="borrowable")


@pytest.mark.parametrize("row", rows("hyperliquid", called("hl-pm-health-factor")))
def test_health_factor(row):
    i = row["inputs"]
    found = pool([(c["coin"], c["size"], c["price"], c["ltv"]) for c in i["collateral"]], i["borrowed"])
    figures(found, row["expected"], weighted_value="weighted_value")
    agree(100 * hyperliquid_portfolio.borrow_health(found), row["expected"]["health_factor_pct"])


@pytest.mark.parametrize("row", rows("hyperliquid", called("hl-pm-net-balance")))
def test_net_balance(row):
    i = row["inputs"]
    figures(pool([("T", i["equity"], 1.0, 0.5)], i["borrowed"]), row["expected"], net_balance="net_balance")


@pytest.mark.parametrize("row", rows("hyperliquid", called("hl-pm-partial", "hl-pm-full")))
def test_borrow_thresholds(row):
    """A threshold that the page computes with a rate rounded to a tenth of a percent is compared within that rounding.

    Whether the account passes such a threshold is left out: exactly, the example stands on it.
    """
    i, expected = row["inputs"], row["expected"]
    found = pool([("HYPE", i["hype"], i["price"], i["ltv"])], i["borrowed"])
    figures(found, expected, collateral_value="collateral_value")
    part = "full" if "full_liquidation" in expected else "partial"
    rounded = "ambiguous" in row
    tolerance = expected["collateral_value"] * 0.0005 if rounded else None
    agree(found.outputs[f"{part}_threshold"][0], expected["threshold"], tolerance=tolerance)
    if not rounded:
        assert (hyperliquid_portfolio.borrow_liquidation(found) == part) == expected[f"{part}_liquidation"]


@pytest.mark.parametrize("row", rows("hyperliquid", called("hl-collateral-thresholds")))
def test_thresholds(row):
    i = row["inputs"]
    found = pool([("T", 1, i["collateral_value"], i["ltv"])])
    figures(found, row["expected"], partial="partial_threshold", full="full_threshold")


def test_a_debt_on_its_threshold_is_not_above_it():
    """10 HYPE at 30 with LTV 0.5 carry exactly 250: in doubles the threshold is 249.99999999999997."""
    states = [hyperliquid_portfolio.borrow_liquidation(pool([("HYPE", 10, 30.0, 0.5)], d)) for d in (225, 226, 250, "250.01")]
    assert states == ["none", "partial", "partial", "full"]


def test_the_tier_at_the_price_counts_not_the_current_one():
    """A long of two tiers that is liquidated in the first, a short that is in the second."""
    tiers = half_of_initial((0.0, 1000.0), (10.0, 5.0))
    for size, wallet, mark in ((10.0, 300, 101.0), (-10.0, 100, 95.0)):
        portfolio, market = linear_account([("A", size, 100.0, mark)], wallet=wallet, settlement="USDC")
        found = hyperliquid.liquidation_price(portfolio, market, method_of("A", tiers), "A")
        [general] = liquidation_prices(portfolio, market, method_of("A", tiers))
        agree(found, general.below if size > 0 else general.above, tolerance=1e-8)
        assert (found * 10 < 1000) == (mark * 10 > 1000)
    assert bracket(0.025, 16300.0).deductions == pytest.approx((0.0, 16300.0))
