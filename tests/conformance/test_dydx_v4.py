"""dYdX v4: every published row of margins, rates, funding, the order of risk and liquidation, to the integer."""

from fractions import Fraction

import pytest

from conformance.dydx_accounts import (
    block_account,
    kind_of,
    largest_product,
    liquidated_account,
    margin_account,
    notional_account,
    state_account,
    tier_of,
)
from conformance.rows import called, load, rows
from crossmargin.liquidation.venues import dydx as liquidation
from crossmargin.venues import dydx
from crossmargin.venues.dydx_rules import (
    Risk,
    funding_cap,
    maintenance_rate,
    risk_order,
    scaled_rate,
    settlement,
    undercollateralized_change,
)

FILE = "dydx_v4"
READERS = {"margin_req": margin_account, "imr_quote": notional_account}
FIGURES = {"IMR": "initial", "MMR": "maintenance"}
MARGINS = rows(FILE, called("margin_req", "imr_quote"))


@pytest.mark.parametrize("row", MARGINS)
def test_margins(row):
    case = READERS[kind_of(row)](row)
    found = dydx.risk(case.prepared, case.portfolio)
    assert {key: getattr(found, FIGURES[key]) for key in row["expected"]} == integers(row["expected"])


def integers(figures):
    return {key: int(value) for key, value in figures.items()}


@pytest.mark.parametrize("row", MARGINS)
def test_margins_in_floats(row):
    """Batch and slow evaluator give the same integers where float64 holds every product, else to its precision."""
    case = READERS[kind_of(row)](row)
    exact, found = (dydx.risk(case.prepared, case.portfolio), case.prepared.requirement(case.portfolio))
    if largest_product(case) <= 2**53:
        assert Risk.of(found) == exact
    assert found.initial == pytest.approx(exact.initial / 1e6, rel=1e-14)
    assert found.maintenance == pytest.approx(exact.maintenance / 1e6, rel=1e-14)


@pytest.mark.parametrize("row", rows(FILE, called("oimf_ppm"), kind="fragment"))
def test_initial_rate_by_open_interest(row):
    found = scaled_rate(tier_of(row["params"]), int(row["market"]["open_interest_notional"]))
    assert found == int(row["expected"]["effective_imf_ppm"])


@pytest.mark.parametrize("row", rows(FILE, called("mm_ppm"), kind="fragment"))
def test_maintenance_rate(row):
    assert maintenance_rate(tier_of(row["params"])) == int(row["expected"]["maintenance_margin_ppm"])


@pytest.mark.parametrize("row", rows(FILE, called("funding_clamp"), kind="fragment"))
def test_funding_cap(row):
    p = row["params"]
    assert funding_cap(tier_of(p), int(p["clamp_factor_ppm"])) == int(row["expected"]["max_abs_funding_ppm"])


@pytest.mark.parametrize("row", rows(FILE, called("funding_settlement_ppm"), kind="fragment"))
def test_funding_settlement(row):
    held = integers(row["portfolio"])
    found = settlement(held["base_quantums"], held["last_funding_index"], int(row["market"]["funding_index"]))
    assert found == int(row["expected"]["net_settlement_ppm"])


def risk_of(state):
    case = state_account(state)
    return dydx.risk(case.prepared, case.portfolio)


@pytest.mark.parametrize("row", rows(FILE, called("risk_order")))
def test_risk_order(row):
    first, second = (risk_of(row["portfolio"][name]) for name in ("first", "second"))
    assert risk_order(first, second) == int(row["expected"]["cmp"])


@pytest.mark.parametrize("row", rows(FILE, called("is_liquidatable")))
def test_liquidatable(row):
    assert risk_of(row["portfolio"]).liquidatable is row["expected"]["liquidatable"]


@pytest.mark.parametrize("row", rows(FILE, called("under_collat_transition"), kind="fragment"))
def test_change_below_initial_margin(row):
    """A row gives no initial margin of the new state: it pins the rule for states that fail it."""
    states = (row["portfolio"][name] for name in ("old", "new"))
    old, new = (
        Risk(net_collateral=int(s["NC"]), initial=int(s.get("IMR", 0)), maintenance=int(s["MMR"])) for s in states
    )
    assert undercollateralized_change(old, new) == row["expected"]["result"]


def closing(row):
    """The part that a row closes, by the venue's plan; a row closes base quanta, which are lots here."""
    case, p = liquidated_account(row), row["params"]
    return liquidation.closing(case.prepared, case.portfolio, f"{p['perpetual_id']}-USD", int(p["delta_quantums"]))


@pytest.mark.parametrize("row", rows(FILE, called("bankruptcy_price")))
def test_bankruptcy_price(row):
    assert liquidation.bankruptcy_quote(closing(row)) == int(row["expected"]["bankruptcy_quote_quantums"])


@pytest.mark.parametrize("row", rows(FILE, called("fillable_price")))
def test_fillable_price(row):
    p = row["params"]
    rules = liquidation.LiquidationRules(
        bankruptcy_adjustment=int(p["bankruptcy_adjustment_ppm"]),
        spread_to_maintenance=int(p["spread_to_mm_ratio_ppm"]),
    )
    expected = Fraction(row["expected"]["fillable_price_quote_per_base_quantum"])
    assert liquidation.fillable_price(closing(row), rules) == expected


@pytest.mark.parametrize("row", rows(FILE, called("insurance_delta")))
def test_insurance_change(row):
    case, p, held = liquidated_account(row), row["params"], row["portfolio"]
    fill = liquidation.liquidation_fill(
        case.prepared, case.portfolio, "0-USD", int(held["fill_base_quantums"]) * (1 if held["is_buy"] else -1),
        pair=liquidation.ClobPair(exponent=int(p["quantum_conversion_exponent"])), subticks=int(held["fill_subticks"]),
        rules=liquidation.LiquidationRules(max_fee=int(p["max_liquidation_fee_ppm"])),
    )  # fmt: skip
    assert fill.insurance == int(row["expected"]["insurance_fund_delta"])


@pytest.mark.parametrize("row", rows(FILE, called("position_block_limit"), kind="fragment"))
def test_limits_of_a_position_in_a_block(row):
    case, p = block_account(row), row["params"]
    rules = liquidation.LiquidationRules(
        min_position_notional=int(p["min_position_notional"]), max_position_portion=int(p["max_portion_ppm"])
    )
    notional = dydx.risk(case.prepared, case.portfolio).net_collateral
    assert liquidation.position_limits(rules, notional) == tuple(int(row["expected"][k]) for k in ("min", "max"))


LIQUIDATED = ("bankruptcy_price", "fillable_price", "insurance_delta", "position_block_limit")


def test_every_row_has_a_test():
    kinds = {*READERS, "oimf_ppm", "mm_ppm", "funding_clamp", "funding_settlement_ppm", "risk_order", "is_liquidatable",
             "under_collat_transition", *LIQUIDATED}  # fmt: skip
    assert {kind_of(row) for row in load(FILE)["vectors"]} <= kinds
