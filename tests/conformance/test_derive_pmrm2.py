"""Derive portfolio margin v2: every published row, in the batch, the incremental and the slow evaluator."""

import numpy as np
import pytest

from conformance.derive_accounts import (
    AS_OF, UNDERLYING, instruments_of, market_of, method_of, options_of, portfolio_of,
)  # fmt: skip
from conformance.rows import load, rows
from crossmargin import ImprudentParametersError, Market, Observation
from crossmargin.instruments import expiry_key
from crossmargin.margin.plan.incremental import Incremental
from crossmargin.margin.plan.quantum import Quanta
from crossmargin.margin.prepared import quantities
from crossmargin.venues.derive_volatility import with_surface

FILE = load("derive_pmrm2")
# Rows that sweep a parameter past what prudence allows, and the rule that each breaks.
IMPRUDENT = {
    "test_87": "initial >= maintenance",
    "test_97": "discount on the losing side",
    "test_98": "discount on the losing side",
}


def imprudent_rule(row):
    return next((rule for name, rule in IMPRUDENT.items() if row["name"].startswith(f"{name}_")), None)


def prepared_of(row):
    rule = imprudent_rule(row)
    instruments = instruments_of(row)
    method = method_of(FILE, row, allow=(rule,) if rule else ())
    return method.prepare(instruments, market_of(row)), portfolio_of(row, instruments)


def largest(prepared, portfolio):
    """The largest quantity of each holding that the row needs."""
    held = quantities(prepared.bound, portfolio)
    return {name: max(1.0, *np.abs(lots), 0.0) if len(lots) else 1.0 for name, (_, lots) in held.items()}


def close(found, expected):
    assert np.allclose(found, expected, rtol=1e-8, atol=1e-8), (found, expected)


@pytest.mark.parametrize("row", rows("derive_pmrm2"))
def test_batch(row):
    prepared, portfolio = prepared_of(row)
    found, expected = prepared.requirement(portfolio), row["expected"]
    close([found.surplus_initial, found.surplus_maintenance], [expected["IM"], expected["MM"]])
    close(found.outputs["scenarios"], expected["scenario_pnl"])
    close(found.outputs["basis"][0], expected["forward_contingency"])
    close(found.equity_initial, expected["portfolio_mtm"])
    close(found.equity["options"].initial, expected["option_mtm"])
    close(found.equity["collateral"].initial, expected["collateral_mtm"])


@pytest.mark.parametrize("row", rows("derive_pmrm2"))
def test_slow_evaluator_and_explanation(row):
    prepared, portfolio = prepared_of(row)
    trace = prepared.trace(portfolio)
    close(trace.output("equity") - trace.output("requirement"), [row["expected"]["IM"], row["expected"]["MM"]])
    for level in ("initial", "maintenance"):
        explained = prepared.explain(portfolio, level)
        parts = sum(leaf.value for leaf in explained.leaves())
        assert parts == pytest.approx(explained.value, rel=1e-12, abs=1e-12 * abs(trace.output("equity")[0]) + 1e-12)


@pytest.mark.parametrize("row", rows("derive_pmrm2"))
def test_incremental(row):
    prepared, portfolio = prepared_of(row)
    quanta = Quanta.of(prepared.bound, largest(prepared, portfolio))
    account = prepared.incremental(portfolio, quanta, items=128)
    found, batch = account.outputs(), prepared.values(portfolio.book, tuple(prepared.wanted), quantum=quanta)
    surplus = found["equity"] - found["requirement"]
    close(surplus, [row["expected"]["IM"], row["expected"]["MM"]])
    assert all((found[name] == batch[name][0]).all() for name in found)
    joined = Incremental(prepared.bound, {"surplus": prepared.wanted["surplus"]}, quanta, items=128)
    for holding, (keys, amounts) in quantities(prepared.bound, portfolio).items():
        for key, lots in zip(keys.tolist(), amounts.tolist(), strict=True):
            joined.apply(holding, key, lots)
    assert (joined.outputs()["surplus"] == batch["surplus"][0]).all()


@pytest.mark.parametrize("row", rows("derive_pmrm2"))
def test_prepared_figures(row):
    prepared, _ = prepared_of(row)
    tables, expected = prepared.bound.tables, row["expected"]
    pairs = np.hstack([tables["discount_long"], tables["discount_short"]])
    published = sorted(map(tuple, expected["static_discounts_pos_neg"]))
    assert len(pairs) == len(published)
    if row["name"].split("_")[1] != "66":  # the model behind row 66 reports (1, 1) for an expired expiry
        close(sorted(map(tuple, pairs.tolist())), published)
    close(tables["scan_factor"][0, 0], expected["im_loss_factor"])


def test_one_program_for_all_rows():
    hashes = {prepared_of(row)[0].program.hash for row in FILE["vectors"]}
    assert len(hashes) <= 1


@pytest.mark.parametrize("row", [r for r in rows("derive_pmrm2") if r.values[0] and imprudent_rule(r.values[0])])
def test_rows_past_prudence_name_their_rule(row):
    with pytest.raises(ImprudentParametersError) as refused:
        method_of(FILE, row)
    assert refused.value.rule == imprudent_rule(row)


def surfaces(row):
    """The row's market with SVI slices in place of volatilities."""
    market = market_of(row)
    seen = {key: o for key, o in market.seen.items() if key[1] != "volatility"}
    for expiry in row["market"]["expiries"]:
        key = expiry_key(UNDERLYING, AS_OF + expiry["sec_to_expiry"] * 10**9)
        for name, value in expiry["svi"].items():
            field = {"fwd": "svi_forward", "tau": "svi_years"}.get(name, f"svi_{name}")
            seen[key, field] = Observation(subject=key, field=field, value=value, confidence=expiry["vol_conf"])
    return Market(market.as_of, market.quote, seen)


def has_surface(row):
    return all("svi" in expiry for expiry in row["market"]["expiries"]) and row["portfolio"]["options"]


# The Python model behind these rows caps the variance at 20, the chain at 144: their mark_vol is sqrt(20 / tau0).
CAPPED = {"44", "45", "66"}


@pytest.mark.parametrize("row", [r for r in rows("derive_pmrm2") if r.values[0] is None or has_surface(r.values[0])])
def test_volatilities_of_the_surface(row):
    """The slice gives every option's volatility to 1e-9, and with it the same margins."""
    instruments, rule = instruments_of(row), imprudent_rule(row)
    seen = with_surface(instruments, surfaces(row))
    for name, option in options_of(row).items():
        if row["name"].split("_")[1] not in CAPPED:
            assert seen.value("volatility", name) == pytest.approx(option["mark_vol"], rel=1e-9)
    found = method_of(FILE, row, allow=(rule,) if rule else ()).requirement(portfolio_of(row, instruments), surfaces(row))
    close([found.surplus_initial, found.surplus_maintenance], [row["expected"]["IM"], row["expected"]["MM"]])
