"""Deribit: portfolio margin engine, standard margin and the superseded model, every published row."""

import numpy as np
import pytest

from conformance.deribit_accounts import instruments_of, market_of, method_of, portfolio_of
from conformance.rows import agree, called, rows
from conformance.simple_accounts import account, future, linear_option, perpetual
from crossmargin.venues import deribit, superseded
from crossmargin.venues.deribit_standard import Schedule, StandardMargin
from crossmargin.venues.deribit_tables import net_transaction_delta

ENGINE = rows("deribit", called("deribit-pme"))
FIGURES = {"worst_case": "worst_case", "risk_matrix_margin": "risk_matrix"}


def of_buckets(vectors, buckets_count=4):
    """A vector in the form of the rows: futures do not depend on volatility, so one figure a price bucket."""
    n = 2 * buckets_count + 1
    standard = np.array(vectors[: 3 * n]).reshape(n, 3)
    assert (standard == standard[:, :1]).all()
    return {"standard_per_price_bucket": standard[:, 0], "extended": np.array(vectors[3 * n :])}


def compare_vectors(found, expected):
    for part, figures in expected.items():
        np.testing.assert_allclose(found[part], figures, rtol=1e-12, atol=1e-15)


def lone(row, name):
    """The row's account with one of its positions alone."""
    instruments = instruments_of(row)
    whole = portfolio_of(row, instruments)
    return method_of(row).requirement(whole.holding(positions={name: whole.positions[name]}), market_of(row))


@pytest.mark.parametrize("row", ENGINE)
def test_engine(row):
    found, expected = method_of(row).requirement(portfolio_of(row, instruments_of(row)), market_of(row)), row["expected"]
    agree(found.initial, expected["initial_margin"])
    agree(found.maintenance, expected["maintenance_margin"])
    agree(found.outputs["worst_case"][0], expected["worst_case"], tolerance=0.5e-9)  # the venue's sum takes it rounded
    agree(found.outputs["risk_matrix"][0], expected["risk_matrix_margin"])
    for name in ("roll_shock", "delta_shock"):
        agree(found.components[name].initial, expected[name], tolerance=1e-12)
    assert expected["correlation_contingency"] == 0  # no rule of it is public
    assert deribit.worst_case_bucket(found) == expected["worst_case_bucket"]


@pytest.mark.parametrize("row", ENGINE)
def test_risk_vectors(row):
    expected = row["expected"]
    found = method_of(row).requirement(portfolio_of(row, instruments_of(row)), market_of(row)).outputs
    for name in ("pre_aggregated_risk_vectors", "aggregated_risk_vectors"):
        for vectors in expected.get(name, {}).values():
            compare_vectors(of_buckets(found[name]), vectors)
    for instrument, vectors in expected.get("initial_risk_vectors", {}).items():
        compare_vectors(of_buckets(lone(row, instrument).outputs["pre_aggregated_risk_vectors"]), vectors)


@pytest.mark.parametrize("row", rows("deribit", called("deribit-sm")))
def test_standard_margin(row):
    inputs, expected = row["inputs"], row["expected"]
    rates = (inputs["im_base_pct"] / 100, inputs["mm_base_pct"] / 100)
    schedule = Schedule(base=rates, increment=inputs["increment_pct_per_unit"] / 100)
    method = StandardMargin(name=row["id"], schedules={"sol_usdc": schedule})
    price = inputs["index_price_usdc"]
    portfolio, market = account([perpetual("SOL_USDC", "SOL", "USDC")], {"SOL_USDC": inputs["position_base"]},
                                {"SOL": price}, {"SOL_USDC": price})  # fmt: skip
    found = method.requirement(portfolio, market)
    agree(found.initial, expected["initial_margin_usdc"])
    agree(100 * found.outputs["futures rate"][0], expected["initial_margin_rate_pct"])
    if "maintenance_margin_usdc" in expected:
        agree(found.maintenance, expected["maintenance_margin_usdc"])


@pytest.mark.parametrize("row", rows("deribit", called("deribit-legacy-pm-ivshock"), kind="fragment"))
def test_volatility_move_of_the_superseded_model(row):
    inputs = row["inputs"]
    found = superseded.volatility_move(inputs["base_iv_move"], inputs["power"], np.array([float(inputs["dte"])]))[0]
    percent = "iv_move_pct" in row["expected"]
    agree(100 * found if percent else found, row["expected"]["iv_move_pct" if percent else "value"])


def in_coins(instruments, positions):
    """An account in BTC of linear contracts on it."""
    marks = {i.id: 20_000.0 for i in instruments if i.strike is None} | {i.id: 900.0 for i in instruments if i.strike}
    return account(instruments, positions, {"BTC": 20_000.0}, marks, currency="BTC", volatility=0.6)


@pytest.mark.parametrize("row", rows("deribit", called("deribit-legacy-pm-offsetting")))
def test_offsetting_futures_of_the_superseded_model(row):
    inputs = row["inputs"]
    method = superseded.deribit(older=row["id"].endswith("2pct"))
    assert method.future_rate == inputs["rate"]
    listed = [future("A", "BTC", days=30), future("B", "BTC", days=90)]
    portfolio, market = in_coins(listed, {"A": inputs["future_a"], "B": inputs["future_b"]})
    found = method.requirement(portfolio, market)
    agree(found.components["future contingency"].initial, row["expected"]["contingency_btc"])


@pytest.mark.parametrize("row", rows("deribit", called("deribit-legacy-pm-all-options")))
def test_option_count_of_the_superseded_model(row):
    gross, rate = row["inputs"]["gross_options"], row["inputs"]["rate"]
    method = superseded.deribit(older=True) if rate == 0.01 else superseded.blog_copy()
    assert method.option_rate == rate
    listed = [linear_option("C", "BTC", 20_000.0, "call", days=30), linear_option("P", "BTC", 20_000.0, "put", days=30)]
    portfolio, market = in_coins(listed, {"C": gross // 2, "P": -(gross // 2)})
    found = method.requirement(portfolio, market)
    agree(found.components["option contingency"].initial, row["expected"]["contingency_btc"])


@pytest.mark.parametrize("row", rows("deribit", called("deribit-delta-decay"), kind="fragment"))
def test_delta_in_the_settlement_window(row):
    inputs, minutes = row["inputs"], row["inputs"]["minutes_into_settlement"]
    assert inputs["window_minutes"] == 30
    agree(net_transaction_delta(inputs["delta_before"], 0.0, minutes), row["expected"]["decayed_delta"])
    found = net_transaction_delta(inputs["delta_before"], inputs["mark_price_coin"], minutes)
    agree(found, row["expected"]["net_transaction_delta"])
