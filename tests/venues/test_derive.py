"""Derive portfolio margin v2 on figures of the venue's own tests, written into this project."""

import msgspec
import numpy as np
import pytest
from conformance.derive_accounts import instruments_of, market_of, method_of, portfolio_of
from venues.derive_rows import GRID, PARAMETERS, ROWS

from crossmargin import ImprudentParametersError, InvalidInputError
from crossmargin.venues.derive_parameters import MAINNET, CollateralRule, Scenario

IDS = [row["name"] for row in ROWS]


def case(row):
    """The row as a prepared method and a portfolio."""
    file = {"param_sets": {"own": PARAMETERS | row["changed"]}, "scenario_grids": {"own": GRID}}
    full = row | {"params": {"param_set": "own", "scenario_grid": "own"}, "source": row["name"]}
    instruments = instruments_of(full)
    return method_of(file, full).prepare(instruments, market_of(full)), portfolio_of(full, instruments)


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_published_figures(row):
    prepared, portfolio = case(row)
    found = prepared.requirement(portfolio)
    surplus = [found.surplus_initial, found.surplus_maintenance]
    assert np.allclose(surplus, [row["IM"], row["MM"]], rtol=1e-8, atol=1e-8)
    parts = sum(leaf.value for leaf in found.explain().leaves())
    assert parts == pytest.approx(found.initial, rel=1e-12, abs=1e-9)


def test_one_program_for_every_account():
    assert len({case(row)[0].program.hash for row in ROWS}) == 1


def test_components_speak_of_the_charges():
    prepared, portfolio = case(ROWS[IDS.index("test_50_discounting_simple_discounting")])
    found = prepared.requirement(portfolio)
    assert list(found.components) == [
        "scan loss", "perpetuals", "naked shorts", "collateral haircut", "oracle confidence",
    ]  # fmt: skip
    assert found.components["naked shorts"].initial > 0
    assert found.worst_scenario.startswith("spot x")


@pytest.mark.parametrize(("name", "value", "rule"), [
    ("im_factor", 0.7, "initial >= maintenance"),
    ("long_base_static_discount", 1.05, "discount on the losing side"),
    ("short_base_static_discount", 0.95, "discount on the losing side"),
])  # fmt: skip
def test_lenient_parameters_are_refused_by_rule(name, value, rule):
    with pytest.raises(ImprudentParametersError) as refused:
        msgspec.structs.replace(MAINNET, **{name: value})
    assert refused.value.rule == rule
    allowed = msgspec.structs.replace(MAINNET, **{name: value, "allow_imprudent": (rule,)})
    assert getattr(allowed, name) == value


def test_parameters_of_no_structure_are_refused():
    with pytest.raises(InvalidInputError, match="spot multiplier must be 1 in a skew scenario, was 1.1"):
        Scenario(1.1, "linear")
    with pytest.raises(InvalidInputError, match="scenarios must end with at most two skew scenarios"):
        msgspec.structs.replace(MAINNET, scenarios=MAINNET.scenarios[::-1])
    with pytest.raises(InvalidInputError, match="vol_range_up must be finite, was nan"):
        msgspec.structs.replace(MAINNET, vol_range_up=float("nan"))
    with pytest.raises(InvalidInputError, match=r"maintenance must lie in \[0, 1\], was 2"):
        CollateralRule(asset="WETH", maintenance=2, initial_extra=0)
