"""Worst fills on the published accounts of the other venues: never too small, and how much too large."""

import numpy as np
import pytest
from reference.fills import checked_ratio, filled_book

from conformance import derive_standard_accounts as standard
from conformance.mango_accounts import is_valued
from conformance.mango_accounts import prepared_of as mango_case
from conformance.rows import load
from crossmargin import Position
from crossmargin.margin.plan.orders import Fill, WorstFill
from crossmargin.margin.prepared import quantities

STANDARD, MANGO = load("derive_srm"), load("mango_v4")
TRIALS, ORDERS = 40, 6


def standard_cases():
    """Accounts of Derive's standard manager with options."""
    for row in STANDARD["vectors"]:
        if "cash" in row["portfolio"] and "ETH" in row["portfolio"] and row["portfolio"]["ETH"]["options"]:
            instruments = standard.instruments_of(row)
            prepared = standard.method_of(STANDARD, row).prepare(instruments, standard.market_of(row))
            yield prepared, standard.portfolio_of(row, instruments), range(len(instruments)), 3e12


def mango_cases():
    """Accounts of Mango with a perpetual; spot orders reserve tokens and are the plan's own rule."""
    for row in MANGO["vectors"]:
        if is_valued(row) and "perp" in row["portfolio"]:
            prepared, portfolio = mango_case(row, MANGO["param_sets"])
            yield prepared, portfolio, prepared.instruments.select("perpetual"), 20


CASES = {"Derive standard manager": standard_cases, "Mango perpetuals": mango_cases}


def value_of_a_lot(prepared, portfolio, row, size):
    """Change of equity by ``size`` lots, a lot."""
    held = portfolio.positions
    name = prepared.instruments.rows[row].id
    old = held.get(name, Position(0))
    more = portfolio.holding(positions=held | {name: Position(old.lots + int(size), old.open_cost)})
    return (prepared.requirement(more).equity_initial - prepared.requirement(portfolio).equity_initial) / size


def random_fill(rng, prepared, portfolio, rows, size):
    row = int(rng.choice(list(rows)))
    lots = int(rng.choice([-1, 1]) * rng.uniform(0.1, 1) * size) or 1
    asset = prepared.instruments.assets[prepared.instruments.settlement[row]]
    value = value_of_a_lot(prepared, portfolio, row, size) * 10**asset.decimals
    return Fill(row, float(lots), float(round(lots * value * (1 + 0.02 * rng.normal()))))


@pytest.mark.parametrize("name", CASES)
def test_the_charge_is_never_too_small(name, capsys):
    rng, found = np.random.default_rng(3), []
    cases = list(CASES[name]())
    if not cases:
        pytest.skip("the published rows are not in CROSSMARGIN_VECTORS")
    for _ in range(TRIALS):
        prepared, portfolio, rows, size = cases[rng.integers(len(cases))]
        portfolio = portfolio.holding(orders=())
        fills = [random_fill(rng, prepared, portfolio, rows, size) for _ in range(ORDERS)]
        surplus = prepared.requirements(filled_book(portfolio, fills)).surplus_initial
        bound = WorstFill(prepared.bound, 0).of(quantities(prepared.bound, portfolio), fills)
        found.append(checked_ratio(surplus, bound, 1e-6 * max(abs(surplus[0]), 1.0)))
    found = [ratio for ratio in found if np.isfinite(ratio)]
    with capsys.disabled():
        print(f"\n{name}: median {np.median(found):.3f}, greatest {max(found):.3f} of {len(found)}")
    assert len(found) > TRIALS / 2
