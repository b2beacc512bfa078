"""Paradex: cross and portfolio margin and the check of an order, every published row of two files."""

from fractions import Fraction

import pytest

from conformance.paradex_accounts import cross_account, portfolio_account
from conformance.rows import agree, called, rows
from conformance.simple_accounts import account, perpetual
from crossmargin import Order, Position
from crossmargin.liquidation.close_out import Closing, CommonShare, Costs, Outcome, Penalty, close_out
from crossmargin.liquidation.venues import paradex as losses
from crossmargin.venues import paradex
from crossmargin.venues.paradex_parameters import CrossRules


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


def liquidated(positions, marks, collateral, mmf, **rule):
    """An account in hundredths of a contract, its margin ``mmf`` of the notional; the penalty is half of what is freed:
    the page's text says 70 %, its table is built with 50 %, which one row names and the other's check uses."""
    listed = [perpetual(name, name, "USDC", lot=Fraction(1, 100)) for name in positions]
    lots = {name: round(100 * size) for name, (size, _) in positions.items()}
    held = {name: Position(lots[name], lots[name] * entry * 10**7) for name, (_, entry) in positions.items()}
    portfolio, market = account(listed, held, marks, marks, balances={"USDC": str(collateral)})
    method = paradex.CrossMargin(name="row", rules=CrossRules(imf=dict.fromkeys(positions, 2 * mmf)))
    terms = {"penalty": Penalty(rate="0.5", base="released"), "costs": Costs()}
    closing = Closing(prepared=method.prepare(portfolio.instruments, market), portfolio=portfolio, **terms)
    return closing, close_out(closing.prepared, portfolio, CommonShare(**rule), **terms)


@pytest.mark.parametrize("row", rows("paradex", called("paradex-partial-liquidation")))
def test_partial_liquidation(row):
    i, expected = row["inputs"], row["expected"]
    assert i["liquidation_fee"] == 0.5
    positions = {p["m"]: (p["q"], p["entry"]) for p in i["positions"]}
    marks, rule = {p["m"]: p["mark"] for p in i["positions"]}, {"step": i["share_step"], "below": i["target_ratio"]}
    closing, found = liquidated(positions, marks, i["collateral"], i["mmf"], **rule)
    agree(closing.requirement.maintenance, expected["mmr"])
    agree(closing.requirement.equity_maintenance, expected["account_value"])
    _, after = CommonShare(**rule).considered(closing)
    for place, line in enumerate(expected["table"]):
        agree(after.maintenance[place], line["new_mmr"], line["share"])
        agree(after.penalty[place], line["penalty"], line["share"])
        agree(after.equity[place], line["new_account_value"], line["share"])
        agree(after.maintenance[place] / after.equity[place], line["new_margin_ratio"], line["share"])
    assert {name: -trade for name, trade in found.traded.items()} == {
        name: round(100 * size * expected["chosen_share"]) for name, (size, _) in positions.items()}  # fmt: skip
    agree(found.penalty, expected["penalty"])
    realised = found.requirement.equity["positions"].maintenance - closing.requirement.equity["positions"].maintenance
    agree(realised, expected["realised_loss"])
    agree(float(found.account.amounts["USDC"]), expected["remaining_collateral"])
    for name, size in expected["remaining"].items():
        assert found.account.positions[name].lots == round(100 * size)
    assert found.outcome == Outcome.RESTORED


@pytest.mark.parametrize("row", rows("docs_examples", called("paradex_liquidation")))
def test_partial_liquidation_as_documented(row):
    """One line of the table: the share of the row is the only step, whatever ratio it leads to."""
    p, expected, allowed = row["portfolio"], row["expected"], row["tolerance"]["abs"]
    positions = {name: (held["size"], held["entry"]) for name, held in p["positions"].items()}
    share = row["params"]["share"]
    _, found = liquidated(positions, row["market"], p["collateral"], p["mmf"], step=share, below=1.0)
    assert {name: -trade for name, trade in found.traded.items()} == {
        name: round(100 * size * share) for name, (size, _) in positions.items()}  # fmt: skip
    agree(found.requirement.maintenance, expected["new_MMR"], tolerance=allowed)
    agree(found.penalty, expected["penalty"], tolerance=allowed)
    agree(found.requirement.equity_maintenance, expected["new_account_value"], tolerance=allowed)
    agree(found.requirement.margin_usage, expected["new_margin_ratio"], tolerance=allowed)
