"""OKX: portfolio margin unit and account, spot offset, depeg and discount tiers, options, every published row."""

from fractions import Fraction

import msgspec
import pytest

from conformance.okx_accounts import collateral_account, hedged_account, option_account, unit_account
from conformance.rows import agree, called, rows
from crossmargin import Order
from crossmargin.venues import okx
from crossmargin.venues.okx_parameters import rules_2024, rules_2025

TERMS = ("mr1", "mr2", "mr3", "mr4", "mr5", "mr6", "mr7", "mr9")  # mr8 is printed with the unit but is the account's


@pytest.mark.parametrize("row", rows("okx", called("okx-position-builder-btc")))
def test_unit(row):
    prepared, portfolio = unit_account(row)
    found, expected = prepared.requirement(portfolio), row["expected"]
    for name in TERMS:
        agree(found.outputs[name][0], expected[name], name)
    agree(found.initial, expected["imr"])
    agree(found.maintenance, expected["mmr"])
    agree(found.equity_initial, expected["upl_usd"])
    labels = prepared.bound.rows["mr1"]
    scenarios = dict(zip(labels, found.outputs["mr1_scenarios"], strict=True))
    for move, profit in expected["mr1_scenarios_volSame"].items():
        agree(scenarios[f"{float(move) / 0.12:+.4g} max move vol same"], profit, move)
    agree(found.outputs["mr6"][0], -expected["mr6_worst_pnl"] / 2)  # half of the worst loss
    assert found.explain().children[0].note == "BTC: +1 max move vol down"  # the volatility does not matter here


@pytest.mark.parametrize("row", rows("okx", called("okx-position-builder-account"), kind="fragment"))
def test_account_totals(row):
    """The units' margins are inputs; ``upl`` and ``acctLever`` need balances that the row does not print."""
    inputs, expected, rules = row["inputs"], row["expected"], okx.portfolio_margin().rules
    liability = -inputs["adj_equity"]
    borrowed = okx.borrow_margin(liability, rules.borrow_mmr)
    agree(borrowed, expected["borrowMmr"])
    agree(okx.borrow_margin(liability, rules.borrow_imr), inputs["borrow_imr_usdt"])
    maintenance = okx.account_margin(inputs["deriv_mmr"], borrowed)
    agree(maintenance, expected["totalMmr"])
    initial = okx.initial_of(inputs["deriv_mmr"], rules.im_factor)
    agree(okx.account_margin(initial, inputs["borrow_imr_usdt"]), expected["totalImr"])
    fee = okx.liquidation_fee(liability, okx.tables.liquidation_fee_rate(rules))
    agree(okx.margin_ratio(inputs["adj_equity"], maintenance, fee), expected["marginRatio"])


@pytest.mark.parametrize("row", rows("okx", called("okx-position-builder-account"), kind="fragment"))
def test_borrowing_of_an_account(row):
    """The same liability as an account of its own: a negative currency is borrowed and required for."""
    inputs = row["inputs"]
    prices = {"USDT": inputs["adj_equity"] / inputs["usdt_available_equity"]}
    prepared, portfolio = collateral_account({}, prices, {"USDT": str(inputs["usdt_available_equity"])})
    found = prepared.requirement(portfolio)
    agree(found.outputs["mr8"][0], row["expected"]["borrowMmr"])
    agree(found.components["mr8"].initial, inputs["borrow_imr_usdt"])
    agree(found.equity_initial, inputs["adj_equity"])


@pytest.mark.parametrize("row", rows("okx", called("okx-spot-offset-2024"), kind="fragment"))
def test_spot_offset_identity(row):
    """No price is printed, so the terms are taken as given: only their combination is compared."""
    expected = row["expected"]
    same = expected.get("mr1_to_mr6", 0.0)
    mr = {f"mr{n}": float(expected.get(f"mr{n}", same)) for n in range(1, 8)}
    agree(okx.unit_margin(max, **mr), expected["mmr"])


@pytest.mark.parametrize("row", rows("okx", called("okx-spot-offset-2024"), kind="fragment"))
def test_spot_offset_of_an_account(row):
    """Spot hedges the swap whole: no scenario loses. Where MR4 covers the basis it is charged on both legs."""
    inputs, expected = row["inputs"], row["expected"]
    before = row["id"].endswith("before")
    price = 67_130.0  # not published: MR7 over the size at 0.45 %; it cancels in the ratio below
    prepared, portfolio = hedged_account(inputs, price, basis=not before)
    found = prepared.requirement(portfolio).outputs
    for name in ("mr1", "mr2", "mr3", "mr5", "mr6"):
        agree(found[name][0], expected.get(name, expected.get("mr1_to_mr6")), name, tolerance=1e-6)
    if before:
        agree(found["mr4"][0], 0.0)
    else:
        ratio = expected["mr4"] / expected["mr7"]
        assert found["mr4"][0] / found["mr7"][0] == pytest.approx(ratio, rel=1e-4)


@pytest.mark.parametrize("row", rows("okx", called("okx-mr9")))
def test_depeg(row):
    """A position in one quote currency hedged in another by the row's size, under the row's slices."""
    inputs = row["inputs"]
    prepared, portfolio = hedged_account({"perp_contracts": -100, "contract_value_base": 1, "spot_btc": 100},
                                         inputs["hedged_size_usd"] / 100, depeg=inputs["marginal_rates"])  # fmt: skip
    agree(prepared.requirement(portfolio).outputs["mr9"][0], row["expected"]["mr9_usd"])


@pytest.mark.parametrize("row", rows("okx", called("okx-discount")))
def test_discount(row):
    inputs, expected = row["inputs"], row["expected"]
    if "tiers" in inputs:
        held, prices, discount = {"USDT": str(inputs["equity_usdt"])}, {"USDT": 1.0}, {"USDT": tuple(map(tuple, inputs["tiers"]))}
    else:
        held = {"BTC": str(inputs["btc"]), "ZRX": str(inputs["zrx"])}
        prices = {"BTC": inputs["btc_price"], "ZRX": 1.0}
        discount = {"BTC": ((1e9, inputs["btc_rate"]),), "ZRX": ((1e9, inputs["zrx_rate"]),)}
    prepared, portfolio = collateral_account(discount, prices, held)
    [figure] = expected.values()
    agree(prepared.requirement(portfolio).equity_initial, figure)


def order_component(row, *, side, held=0, price, **terms):
    """Charge of one order of the row's contracts, in coin."""
    inputs = row["inputs"]
    order = Order(id=1, instrument="C", side=side, lots=inputs["contracts"], limit=str(price))
    prepared, portfolio = option_account(inputs, held=held, orders=[order], **terms)
    return prepared.requirement(portfolio).components["orders"].initial


@pytest.mark.parametrize("row", rows("okx", called("okx-option-buy-open", "okx-option-sell-close")))
def test_option_orders(row):
    opens = "buy-open" in row["id"]
    side, held = ("buy", 0) if opens else ("sell", row["inputs"]["contracts"])
    found = order_component(row, side=side, held=held, price=row["inputs"]["order_price"])
    agree(found, row["expected"]["order_margin_btc"])


@pytest.mark.parametrize("row", rows("okx", called("okx-option-buy-close")))
def test_order_that_closes_a_short_option(row):
    """The position that the neighbouring row margins: its requirement per contract is the input here."""
    inputs = row["inputs"]
    short = {"otm_usd": 100, "underlying_mark": 5900, "margin_factor": 1.02, "option_mark_btc": 0.0575}
    prepared, portfolio = option_account(inputs | short, held=-1)
    agree(prepared.requirement(portfolio).components["short options"].initial, inputs["position_margin_per_contract"])
    found = order_component(row, side="buy", held=-inputs["contracts"], price=inputs["order_price"], short=short)
    agree(found, row["expected"]["order_margin_btc"])


@pytest.mark.parametrize("row", rows("okx", called("okx-option-short-call")))
def test_short_option(row):
    prepared, portfolio = option_account(row["inputs"], held=-1)
    found = prepared.requirement(portfolio)
    agree(found.components["short options"].initial, row["expected"]["position_margin_btc"])


def test_sets_differ_where_the_announcements_do():
    old, new = rules_2024(), rules_2025()
    assert [u.max_move for u in (old.unit("BTC"), old.unit("LTC"), old.unit("PEPE"))] == [0.15, 0.20, 0.25]
    assert [u.max_move for u in (new.unit("BTC"), new.unit("LTC"), new.unit("PEPE"))] == [0.12, 0.18, 0.25]
    assert [u.extreme_move for u in (old.unit("ETH"), old.unit("SOL"), old.unit("X"))] == [0.30, 0.40, 0.50]
    assert [u.extreme_move for u in (new.unit("ETH"), new.unit("SOL"), new.unit("X"))] == [0.24, 0.36, 0.50]
    assert msgspec.structs.replace(old, units={}).unit("BTC") == old.other
    assert Fraction(str(new.im_factor)) == Fraction(13, 10)
