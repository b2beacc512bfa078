"""Paradex: cross and portfolio margin and the check of an order, every published row of two files."""

from fractions import Fraction

import pytest

from conformance.paradex_accounts import cross_account, portfolio_account
from conformance.rows import LIQUIDATION, agree, called, rows
from crossmargin import Order
from crossmargin.liquidation.venues import paradex as losses
from crossmargin.venues import paradex


def sizes(expected, found, net):
    agree(found.outputs["buy_open_size"][0], expected["buy_open_size"])
    agree(found.outputs["sell_open_size"][0], expected["sell_open_size"])
    agree(found.outputs["net_imr"][0], expected[net])
    agree(found.initial, expected[net])  # fees and open loss are left out of the example


@pytest.mark.parametrize("row", rows("paradex", called("paradex-cross-imr")))
def test_cross_margin(row):
    i = row["inputs"]
    method, portfolio, market = cross_account(
        position=i["position"], buys=[i["buy_orders"]], sells=[i["sell_orders"]], mark=i["mark"], imf=i["imf"]
    )
    sizes(row["expected"], method.requirement(portfolio, market), "net_imr")


@pytest.mark.parametrize("row", rows("docs_examples", called("paradex_cross_imr")))
def test_cross_margin_as_documented(row):
    p = row["portfolio"]
    method, portfolio, market = cross_account(
        position=p["perp"], buys=[p["open_buys"]], sells=[p["open_sells"]], mark=row["market"]["mark"], imf=row["params"]["imf"]
    )
    sizes(row["expected"], method.requirement(portfolio, market), "net_IMR")


def min_delta(row, figures):
    method, portfolio, market = portfolio_account(**figures)
    found = method.requirement(portfolio, market).outputs
    for name, expected in row["expected"].items():
        agree(abs(found[name][0]) if name == "net_delta" else found[name][0], abs(expected), name)
    assert (found["net_delta"][0] < 0) == (row["expected"]["net_delta"] < 0)


@pytest.mark.parametrize("row", rows("paradex", called("paradex-pm-min-delta")))
def test_minimum_delta(row):
    i = row["inputs"]
    min_delta(row, {"perpetuals": i["perp"], "calls": -i["short_calls"], "delta": i["call_delta"], "spot": i["spot"],
                    "unhedged": i["unhedged"], "hedged": i["hedged"]})  # fmt: skip


@pytest.mark.parametrize("row", rows("docs_examples", called("paradex_pm_min_delta")))
def test_minimum_delta_as_documented(row):
    [option], params = row["portfolio"]["options"], row["params"]
    min_delta(row, {"perpetuals": row["portfolio"]["perp"], "calls": option["amount"], "delta": option["delta"],
                    "spot": row["market"]["spot"], "unhedged": params["unhedged_factor"],
                    "hedged": params["hedged_factor"]})  # fmt: skip


@pytest.mark.parametrize("row", rows("paradex", called("paradex-order-risk-check")))
def test_order_check(row):
    i, expected = row["inputs"], row["expected"]
    terms = {"position": i["size"], "imf": i["imf"], "collateral": i["collateral"], "entry": i["entry"]}
    method, portfolio, market = cross_account(mark=i["entry"], **terms)
    agree(method.requirement(portfolio, market).initial, expected["imr_at_100"])
    method, portfolio, market = cross_account(mark=i["mark"], **terms)
    found = method.requirement(portfolio, market)
    agree(found.initial, expected["imr_at_98"])
    agree(found.equity["positions"].initial, expected["upnl"])
    agree(found.equity_initial, expected["account_value"])
    first, second = (Order(id=n, instrument="P", side="sell", lots=lots, limit=str(i["mark"])) for n, lots in ((1, 5), (2, 8)))
    assert paradex.order_accepted(portfolio, first, market, method) == (expected["sell_5"] == "accepted")
    resting = portfolio.holding(orders=[first])
    assert paradex.order_accepted(resting, second, market, method) == (expected["then_sell_8"] == "accepted")
    assert paradex.opposite_orders(resting, second) == expected["open_size_after"]


@pytest.mark.parametrize("row", rows("paradex", called("paradex-position-limit"), kind="fragment"))
def test_position_limit(row):
    bought, sold = paradex.position_limits(row["inputs"]["limit"], row["inputs"]["position"])
    agree(bought, row["expected"]["max_buy"])
    agree(sold, row["expected"]["max_sell"])


def account_value(i, mark):
    """Profit of the bankrupt account's position at a mark, and the account's value: whole USDC."""
    held = {"position": i["alice"]["size"], "entry": i["alice"]["entry"], "collateral": i["balance_each"]}
    method, portfolio, market = cross_account(mark=mark, imf=0.02, **held)
    found = method.requirement(portfolio, market)
    return found.equity["positions"].initial, round(found.equity_initial)


@pytest.mark.parametrize("row", rows("paradex", called("paradex-socialised-loss"), kind="fragment"))
def test_socialised_loss(row):
    """Atoms are whole USDC. The formula's reading, which counts the fund among the balances, gives a fifth."""
    i, expected = row["inputs"], row["expected"]
    profit, value = account_value(i, i["alice"]["mark"])
    agree(profit, expected["alice_upnl"])
    agree(value, expected["alice_account_value"])
    assert losses.bankruptcy(value) == expected["bankruptcy"]
    fund, balances = i["insurance_fund"], [i["balance_each"]] * i["users"]
    cut = losses.socialised_loss([value], balances, fund)
    paid = cut.withdraw(i["withdraw"])
    assert cut.shortfall == expected["exchange_bankruptcy"]
    assert cut.factor == expected["factor"]
    assert (paid.to_fund, paid.to_user) == (expected["to_fund"], expected["to_user"])
    assert losses.socialised_loss([value], balances, fund, total_with_fund=True).factor == Fraction(1, 5)
    _, later = account_value(i, 70)
    assert losses.taken_over(later, fund) == expected["fund_after_mark_70"]  # without the 125 just paid in
    assert losses.socialised_loss([losses.taken_over(later, fund)], balances, 0).factor == 0


@pytest.mark.parametrize("row", rows("docs_examples", called("paradex_socialised"), kind="fragment"))
def test_socialised_loss_as_documented(row):
    p, expected = row["portfolio"], row["expected"]
    value = p["balances"][0] + p["upnl_of_bankrupt"]
    cut = losses.socialised_loss([value], p["balances"], p["insurance_fund"])
    assert losses.bankruptcy(value) == expected["bankruptcy_amount"]
    assert cut.shortfall == expected["exchange_bankruptcy_amount"]
    assert cut.factor == expected["loss_factor"]
    assert cut.withdraw(500).to_user == expected["withdraw_500_receives"]


@pytest.mark.parametrize("row", [
    *rows("paradex", called("paradex-partial-liquidation"), kind="fragment", skip=LIQUIDATION),
    *rows("docs_examples", called("paradex_liquidation"), kind="fragment", skip=LIQUIDATION),
])  # fmt: skip
def test_rows_of_later_issues(row):
    raise AssertionError(row)
