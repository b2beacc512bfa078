"""Mango v4: every published figure of health, in the batch, the incremental and the slow evaluator; liquidation steps;
the stable price.
"""

import re

import pytest

from conformance.mango_accounts import (
    LEVELS, LIQUIDATING, PERP, STABLE, is_refused, is_valued, loss_case, perpetual_case, prepared_of, stable_prices,
    token_case,
)
from conformance.rows import called, load, rows
from crossmargin import InvalidInputError, Market
from crossmargin.liquidation.venues.mango_losses import close_out_loss, funding_after
from crossmargin.liquidation.venues.mango_perpetuals import close_out_perpetual
from crossmargin.liquidation.venues.mango_rules import InsuranceFund, Limit
from crossmargin.liquidation.venues.mango_tokens import close_out_tokens
from crossmargin.margin.plan.quantum import Quanta
from liquidation.mango_steps import amount, applied, empty, lots, quote

SETS = load("mango_v4").get("param_sets", {})
ROWS = rows("mango_v4", is_valued)


def compare(found, row):
    expected = {name: figure for name, figure in row["expected"].items() if name in LEVELS}
    assert expected
    for name, figure in expected.items():
        assert found[LEVELS[name]] == pytest.approx(figure, rel=0, abs=row["tolerance"]["abs"]), name


@pytest.mark.parametrize("row", ROWS)
def test_batch(row):
    prepared, portfolio = prepared_of(row, SETS)
    found = prepared.requirement(portfolio)
    compare([found.surplus_initial, found.surplus_maintenance, found.outputs["surplus"][2]], row)


@pytest.mark.parametrize("row", ROWS)
def test_slow_evaluator_and_explanation(row):
    prepared, portfolio = prepared_of(row, SETS)
    compare(prepared.trace(portfolio).output("surplus"), row)
    for level in prepared.bound.rows["level"]:
        explained = prepared.explain(portfolio, level)
        parts = sum(leaf.value for leaf in explained.leaves())
        assert parts == pytest.approx(explained.value, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("row", ROWS)
def test_incremental(row):
    prepared, portfolio = prepared_of(row, SETS)
    quanta = Quanta.of(prepared.bound, 2.0**20)
    found = prepared.incremental(portfolio, quanta).outputs()
    batch = prepared.values(portfolio.book, tuple(prepared.wanted), quantum=quanta)
    compare(found["surplus"], row)
    assert all((found[name] == batch[name][0]).all() for name in found)


@pytest.mark.parametrize("row", ROWS)
def test_levels_are_in_order_and_nothing_is_required_below_zero(row):
    prepared, portfolio = prepared_of(row, SETS)
    found = prepared.requirement(portfolio)
    initial, maintenance, end = found.outputs["surplus"]
    assert initial <= end <= maintenance
    assert found.initial >= found.maintenance >= 0


def test_one_program_for_all_rows():
    assert len({prepared_of(row.values[0], SETS)[0].program.hash for row in ROWS if row.values[0]}) <= 1


@pytest.mark.parametrize("row", rows("mango_v4", is_refused))
def test_refused(row):
    """No evaluator values the account, and an account that an engine holds already shows what it lacks."""
    prepared, portfolio = prepared_of(row, SETS)
    quanta = Quanta.of(prepared.bound, 2.0**20)
    empty = prepared.incremental(portfolio.holding(balances={}, orders=()), quanta)
    for name, atoms in portfolio.balances.items():
        empty.apply("balances", prepared.bound.labels["token"].index(name), float(atoms))
    assert empty.outputs()["unvalued"][0] > 0
    for ask in (prepared.requirement, prepared.trace, prepared.explain, lambda p: prepared.incremental(p, quanta)):
        with pytest.raises(InvalidInputError, match="must be >= 0 where its oracle is skipped"):
            ask(portfolio)


@pytest.mark.parametrize("row", rows("mango_v4", called(STABLE), kind="fragment"))
def test_stable_price(row):
    """The market holds the model's price; ``delay`` and a number is the figure of a slot, after a phase if it says one."""
    models, expected, allowed = stable_prices(row), dict(row["expected"]), row["tolerance"]
    markets = [Market.of([model.observation("T")], as_of=model.at) for model in models]
    found = [market.value("slow_price", "T") for market in markets]
    stable = expected.pop("stable_after_phase", None)
    assert stable is None or found == pytest.approx(stable, rel=0, abs=allowed["abs"])
    assert [model.slot for model in models] == expected.pop("last_index", [model.slot for model in models])
    for name, figure in expected.items():
        slot, phase = re.fullmatch(r"delay(\d+)(?:_after_phase(\d+))?", name).groups()
        model = models[int(phase) - 1 if phase else -1]
        assert model.slots[int(slot)] == pytest.approx(figure, rel=0, abs=allowed.get("abs_delay", allowed["abs"]))


# ---- liquidation: health before and after a step is the plan's ----------------------------------------


def agree(found, expected, row, key="abs"):
    assert found == pytest.approx(expected, rel=0, abs=row["tolerance"][key])


def after(found, standing):
    """Account and liquidator after a step, which took no health away; the gate values both accounts alike."""
    account, liquidator = applied(found, standing, empty(standing))
    assert account.health() >= standing.health() - 1e-8
    for one in (standing, account, liquidator):
        engine = one.prepared.requirement(one.portfolio).surplus_maintenance
        assert engine == pytest.approx(one.health("maintenance"), abs=1e-6)
    return account, liquidator


@pytest.mark.parametrize("row", rows("mango_v4", called("liq_token")))
def test_token_close_out(row):
    standing, portfolio = token_case(row, SETS), row["portfolio"]

    def step():
        most = portfolio["max_liab_transfer"]
        return close_out_tokens(standing.health(), standing.token("liab"), standing.token("asset"), most=most)

    expected = row["expected"].get("after") or row["expected"]
    if expected.get("success") is False:
        with pytest.raises(InvalidInputError, match="must be"):
            step()
        return
    found = step()
    account, liquidator = after(found, standing)
    key = "abs_after" if "after" in row["expected"] else "abs"
    for name in ("asset", "liab"):
        agree(amount(account, name), expected.get(name, expected.get(f"{name}_token")), row, key)
        assert amount(account, name) + amount(liquidator, name) == amount(standing, name)
    if "liq_end_health" in expected:
        agree(account.health(), expected["liq_end_health"], row, key)
    assert found.limit is not Limit.HEALTH or account.health() == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("row", rows("mango_v4", called("liq_perp_base")))
def test_perpetual_close_out(row):
    standing, portfolio = perpetual_case(row), row["portfolio"]
    assert portfolio["max_base"] * portfolio["perp_base"] >= 0
    found = close_out_perpetual(
        standing.health(), standing.perpetual(PERP), standing.token("settle"),
        most_lots=abs(portfolio["max_base"]), most_profit=portfolio["max_pnl"], native=standing.rules.native,
    )  # fmt: skip
    account, liquidator = after(found, standing)
    agree(amount(account, "settle"), row["expected"]["settle_token"], row)
    agree(quote(account, PERP), row["expected"]["perp_quote"], row)
    assert lots(account, PERP) == row["expected"]["perp_base"]
    assert quote(account, PERP) + quote(liquidator, PERP) == quote(standing, PERP)
    assert (found.limit is Limit.HEALTH) == (account.health() >= -0.5)


@pytest.mark.parametrize("row", rows("mango_v4", called("perp_bankruptcy")))
def test_loss_close_out(row):
    standing, portfolio, given = loss_case(row), row["portfolio"], row["params"]
    fund = InsuranceFund(asset="insurance", atoms=portfolio["insurance_fund"], price=given["insurance_price"])
    found = close_out_loss(
        standing.health(), standing.perpetual(PERP), standing.token("settle"), room=standing.room("settle"),
        settle_limit=portfolio["settle_limit"], most=portfolio["max_liab_transfer"], fund=fund,
    )  # fmt: skip
    account, liquidator = after(found, standing)
    agree(amount(account, "settle"), row["expected"]["liqee_settle_token"], row)
    agree(amount(liquidator, "settle"), row["expected"]["liqor_settle_token"], row)
    agree(quote(account, PERP), row["expected"]["liqee_perp"], row, "abs_perp")
    agree(quote(liquidator, PERP), row["expected"]["liqor_perp"], row, "abs_perp")
    agree(found.insurance, row["expected"]["liqor_insurance"], row)
    agree(found.socialised, row["expected"]["socialised_loss"], row)
    index, other = funding_after(0.0, 0.0, found.socialised, given["open_interest"])
    assert index == -other == found.socialised / given["open_interest"]
    left = {Limit.HEALTH: account.health(), Limit.POSITION: quote(account, PERP), Limit.CALLER: 0}[found.limit]
    assert left == pytest.approx(0, abs=1e-7)
    assert found.limit is not Limit.CALLER or account.health() < 0


def test_every_row_is_run():
    for row in load("mango_v4")["vectors"]:
        assert is_valued(row) or is_refused(row) or row["name"].startswith((*LIQUIDATING, STABLE)), row["name"]
