"""What trading frameworks compute or show, by the tiered method of no venue and the general search of prices.

Three conventions of an isolated liquidation price, side +1 or -1, margin m = q E / L:

- binance: margin and maintenance margin at the price looked for, ``q rate - cum``: ours;
- gate: the taker fee of closing is asked beside the rate: ours with the sum of both;
- bybit: the maintenance margin stays that of the entry: the price at which equity has fallen to that figure.

A fourth, ``margin_init / leverage``, divides a rate by a leverage: a rate of its own.
"""

from fractions import Fraction

import pytest

from conformance.bracket_accounts import bracket, linear_account
from conformance.rows import agree, called, rows
from crossmargin.account import liquidation_prices
from crossmargin.margin import Haircut, TieredMargin, Tiers
from crossmargin.venues import hyperliquid


def tiered(mmr, cum=0.0, initial=1.0):
    """The tiered method with one known bracket."""
    made = bracket(mmr, cum)
    tiers = Tiers(edges=made.edges, initial=(initial,) * len(made.edges), maintenance=made.maintenance)
    return TieredMargin(name="row", collateral=(Haircut(asset="USDT"),), schedules={"C": tiers})


def isolated(method, side, size, entry, margin):
    """One position with its margin as wallet, at its entry."""
    return method, *linear_account([("C", size if side == "long" else -size, entry, entry)], wallet=margin)


def price_of(method, portfolio, market, threshold="surplus_maintenance"):
    [found] = liquidation_prices(portfolio, market, method, threshold=threshold)
    return found.below if portfolio.positions["C"].lots > 0 else found.above


def margin_of(i):
    return Fraction(str(i["entry"])) * Fraction(str(i["amount"])) / i["leverage"]


def cut(amount):
    """To an atom of the wallet."""
    return f"{float(amount):.9f}"


@pytest.mark.parametrize("row", rows("frameworks", called("freqtrade-binance")))
def test_binance_convention(row):
    i = row["inputs"]
    case = isolated(tiered(i["mmr"], i["maintenance_amount"]), i["side"], i["amount"], i["entry"], cut(margin_of(i)))
    agree(price_of(*case), row["expected"]["liquidation_price"])


@pytest.mark.parametrize("row", rows("frameworks", called("freqtrade-gate")))
def test_gate_convention(row):
    i = row["inputs"]
    case = isolated(tiered(i["mmr"] + i["taker"]), i["side"], i["amount"], i["entry"], cut(margin_of(i)))
    agree(price_of(*case), row["expected"]["liquidation_price"])


@pytest.mark.parametrize("row", rows("frameworks", called("gate-isolated")))
def test_gate_in_an_issue(row):
    i = row["inputs"]
    case = isolated(tiered(i["mmr"] + i["taker"]), "long", i["size"], i["entry"], str(i["margin"]))
    agree(price_of(*case), row["expected"]["liquidation_price"])


@pytest.mark.parametrize("row", rows("frameworks", called("freqtrade-bybit")))
def test_bybit_convention(row):
    """Asserted figures are cut at six digits or more."""
    i = row["inputs"]
    method, portfolio, market = isolated(tiered(i["mmr"]), i["side"], i["amount"], i["entry"], cut(margin_of(i)))
    fixed = method.requirement(portfolio, market).maintenance
    less = portfolio.holding(balances={"USDT": cut(margin_of(i) - Fraction(fixed))})
    expected = row["expected"]["liquidation_price"]
    agree(price_of(method, less, market, "equity_maintenance"), expected, tolerance=max(1e-7 * expected, 1e-8))


@pytest.mark.parametrize("row", rows("frameworks", called("nautilus-leveraged")))
def test_leveraged_margin(row):
    i = row["inputs"]
    case = isolated(tiered(0.0, initial=i["margin_init"] / i["leverage"]), "long", i["qty"], i["price"], "0")
    agree(case[0].requirement(*case[1:]).initial, row["expected"]["margin_init"])


@pytest.mark.parametrize("row", rows("frameworks", called("nautilus-hl")))
def test_account_value_with_debt(row):
    """A net long book in one contract at the leverage that the margin used tells."""
    i, expected = row["inputs"], row["expected"]
    notional, raw = i["totalNtlPos"], i["totalRawUsd"]
    portfolio, market = linear_account([("C", 1, 0, notional)], wallet=raw, settlement="USDC")
    method = hyperliquid.CrossMargin(name="row", tiers={"C": bracket(0.005)}, leverage={"C": notional / i["totalMarginUsed"]})
    found = method.requirement(portfolio, market)
    agree(found.equity_initial, expected["accountValue"])
    agree(found.outputs["withdrawable"][0], expected["withdrawable"])
    agree(found.outputs["margin_used"][0], i["totalMarginUsed"])
