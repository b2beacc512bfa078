"""Explanations: parts sum to the whole, and name what binds."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from margin import cases
from reference import margin as twin

from crossmargin.margin import load_method

LEVELS = ("initial", "maintenance")
METHODS = ("isolated", "portfolio", "tiered")


def gross(desk, portfolio):
    return twin.gross(desk.world, *cases.holdings_of(portfolio))


def sums(tree, whole, scale):
    """Every line is the sum of its children, and the root is the whole."""
    slack = 1e-12 * scale
    assert tree.value == pytest.approx(whole, rel=1e-12, abs=slack)
    for line in (tree, *tree.children):
        if line.children:
            assert sum(child.value for child in line) == pytest.approx(line.value, rel=1e-12, abs=slack)
    assert sum(leaf.value for leaf in tree.leaves()) == pytest.approx(whole, rel=1e-12, abs=slack)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["crypto", "market-maker"])
def test_parts_of_a_seed_sum_to_the_whole(name, method, level):
    desk, portfolio = cases.desk(name), cases.account(name)
    found = desk.prepared(method).requirement(portfolio)
    sums(found.explain(level), getattr(found, level), gross(desk, portfolio))


@pytest.mark.parametrize("name", ["crypto", "market-maker", "zoo"])
@cases.examples(40)
@given(data=st.data())
def test_parts_of_random_accounts_sum_to_the_whole(name, data):
    desk = cases.desk(name)
    portfolio = cases.portfolio_of(desk, *data.draw(cases.holdings(name)))
    method, level = data.draw(st.sampled_from(METHODS)), data.draw(st.sampled_from(LEVELS))
    found = desk.prepared(method).requirement(portfolio)
    sums(found.explain(level), getattr(found, level), gross(desk, portfolio))


@pytest.mark.parametrize(
    "changes", [{"tail": 0.3}, {"groups": {}, "between_groups": "joint", "offsets": {"BTC": 0.4}}]
)
def test_parts_sum_under_tails_and_offsets(changes):
    desk = cases.desk("crypto")
    prepared = desk.method("portfolio", **changes).prepare(desk.instruments, desk.market)
    for seed in range(15):
        held = cases.draw_holdings(np.random.default_rng(seed), desk)
        portfolio = cases.portfolio_of(desk, *held)
        found = prepared.requirement(portfolio)
        sums(found.explain("maintenance"), found.maintenance, gross(desk, portfolio))


def test_figures_are_in_the_account_currency():
    desk = cases.desk("crypto")
    held = cases.draw_holdings(np.random.default_rng(3), desk)
    trees = [
        desk.prepared("portfolio").requirement(cases.portfolio_of(desk, *held, c)).explain()
        for c in ("USD", "BTC")
    ]
    for usd, coin in zip(*(tree.leaves() for tree in trees), strict=True):
        assert (coin.name, coin.value * 65_666.19) == (usd.name, pytest.approx(usd.value, rel=1e-12))


def test_components_keep_their_names_and_values():
    desk, portfolio = cases.desk("crypto"), cases.account("crypto")
    found = desk.prepared("portfolio").requirement(portfolio)
    lines = {line.name: line.value for line in found.explain("maintenance")}
    wanted = {name: part.maintenance for name, part in found.components.items()}
    assert lines == pytest.approx(wanted, rel=1e-9, abs=1e-6)


# ---------------------------------------------------------------- what binds
def simple(**changes):
    desk = cases.desk("zoo")
    raw = {
        "method": "scenario",
        "name": "s",
        "scenarios": {"moves": [-0.1, 0.0, 0.2]},
        "collateral": [{"asset": "USD"}],
    }
    return load_method(json.dumps(raw | changes).encode()).prepare(desk.instruments, desk.market)


def explained(prepared, positions, balances=None, level="initial"):
    return prepared.requirement(
        cases.plain_portfolio(cases.desk("zoo").instruments, positions, balances)
    ).explain(level)


def test_a_hedge_shows_as_a_negative_part():
    """2 BTC long lose, 1 BTC short gains in the same scenario."""
    tree = explained(simple(), {"SPOT": 2000, "LINEAR": -100})
    parts = {leaf.name: leaf.value for leaf in tree.children[0].leaves()}
    assert parts["SPOT"] == pytest.approx(6000)
    assert parts["LINEAR"] == pytest.approx(-30_010 * 0.999 * 0.1, rel=1e-3)


def test_the_binding_scenario_is_noted():
    tree = explained(simple(), {"SPOT": 2000})
    assert tree.worst_scenario == "-10%"
    assert tree.children[0].note == "BTC: -10%"


def test_the_heaviest_part_comes_first():
    tree = explained(simple(), {"SPOT": 10, "LINEAR": 500, "CALL": 1})
    sizes = [abs(leaf.value) for leaf in tree.children[0].leaves()]
    assert tree.children[0].children[0].name == "LINEAR"
    assert sizes == sorted(sizes, reverse=True)


def test_a_tie_goes_to_the_first_scenario():
    """Two scenarios of one move: the first is named, and carries the whole."""
    tree = explained(simple(scenarios={"moves": [0.1, -0.2, -0.2]}), {"SPOT": 1000})
    assert tree.worst_scenario == "-20%"
    assert tree.value == pytest.approx(6000)


def test_what_is_not_homogeneous_stands_alone():
    """A charge by size stops at its underlying."""
    tree = explained(simple(charges={"size_edges": [0.0, 10.0], "size_rates": [0.01, 0.02]}), {"SPOT": 1000})
    size = next(line for line in tree if line.name == "size")
    assert [(leaf.name, leaf.value) for leaf in size] == [("BTC", pytest.approx(0.1 + 29_990 * 0.02))]


def test_collateral_has_its_part():
    prepared = simple(collateral=[{"asset": "USD"}, {"asset": "BTC", "initial": [0.5], "maintenance": [0.5]}])
    tree = explained(prepared, {}, {"BTC": "2"})
    assert tree.value == pytest.approx(0.1 * 30_000)
    assert sum(leaf.value for leaf in tree.leaves()) == pytest.approx(3_000)


def test_nothing_held_explains_nothing():
    tree = explained(simple(), {})
    assert tree.value == 0.0
    assert all(leaf.value == 0.0 for leaf in tree.leaves())
    assert tree.worst_scenario is None or tree.worst_scenario == "-10%"


# ---------------------------------------------------------------- the tree itself
def test_the_tree_prints_one_line_a_node():
    text = str(explained(simple(), {"SPOT": 2000}))
    lines = text.splitlines()
    assert lines[0].split() == ["initial", "requirement", "6,000.00"]
    assert lines[1].split()[:3] == ["scan", "loss", "6,000.00"]
    assert lines[1].startswith("  scan loss")
    assert lines[1].endswith("(BTC: -10%)")
    assert lines[2].startswith("    SPOT")


def test_the_tree_is_plain_data():
    tree = explained(simple(), {"SPOT": 2000}, level="maintenance")
    plain = json.loads(json.dumps(tree.plain()))
    assert (plain["name"], plain["value"], plain["worst_scenario"]) == (
        "maintenance requirement",
        6000.0,
        "-10%",
    )
    assert plain["children"][0]["children"] == [{"name": "SPOT", "value": 6000.0}]


def test_an_unknown_level_is_refused():
    found = simple().requirement(cases.plain_portfolio(cases.desk("zoo").instruments, {"SPOT": 1}))
    with pytest.raises(ValueError, match="monthly|index"):
        found.explain("monthly")
