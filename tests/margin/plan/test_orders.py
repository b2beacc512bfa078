"""The worst fill is never too small, and exact where it says so, against every subset of fills."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.fills import checked_ratio, filled_book

from crossmargin import (
    Account, Asset, Instrument, Instruments, Market, Observation, Order, Portfolio, Position, impact, load, margin,
)  # fmt: skip
from crossmargin.errors import InvalidInputError
from crossmargin.instruments import Kind, Payoff
from crossmargin.margin.plan.orders import Fill, WorstFill
from crossmargin.margin.prepared import quantities

SEEDS = Path(__file__).resolve().parents[3] / "seeds"
CASES = [(seed, name) for seed in ("market-maker", "crypto") for name in ("isolated", "tiered", "portfolio")]


@cache
def case(seed, name):
    desk = load(SEEDS / f"{seed}.json")
    method = margin.load_method(desk.methods[name])
    return desk, method, method.prepare(desk.instruments, desk.market)


def orders_of(desk, drawn):
    """Orders near the mark: (instrument, side, lots, distance in ticks)."""
    found = []
    for number, (item, side, lots, away) in enumerate(drawn):
        row = desk.instruments.rows[item % len(desk.instruments)]
        ticks = max(round(desk.market.get("mark", row.id, 700.0) / float(row.tick)) + away, 1)
        found.append(Order(id=number, instrument=row.id, side=side, lots=lots, limit=str(float(ticks * row.tick))))
    return found


drawn_orders = st.lists(
    st.tuples(st.integers(0, 10**6), st.sampled_from(["buy", "sell"]), st.integers(1, 800), st.integers(-50, 50)),
    min_size=1, max_size=7,
)  # fmt: skip


def ratio_of(seed, name, orders):
    """Charge of the bound over the greatest of all fills; checked on the way."""
    desk, _, prepared = case(seed, name)
    portfolio = desk.portfolio.holding(orders=orders)
    bound = prepared.worst_surplus(portfolio)
    fills = [prepared.fill(order) for order in orders]
    surplus = prepared.requirements(filled_book(desk.portfolio, fills)).surplus_initial
    return checked_ratio(surplus, bound, 1e-9 * abs(surplus[0]) + 0.02)  # fills are rounded to lots and atoms


@pytest.mark.parametrize(("seed", "name"), CASES)
@given(drawn=drawn_orders)
def test_the_charge_is_never_below_the_greatest_over_all_fills(seed, name, drawn):
    assert not ratio_of(seed, name, orders_of(case(seed, name)[0], drawn)) < 0.99


def test_ratios_of_bound_to_truth_are_printed(capsys):
    rng = np.random.default_rng(7)
    lines = []
    for seed, name in CASES:
        desk = case(seed, name)[0]
        ratios = []
        for _ in range(12):
            drawn = [(int(rng.integers(10**6)), str(rng.choice(["buy", "sell"])), int(rng.integers(1, 800)),
                      int(rng.integers(-50, 50))) for _ in range(7)]  # fmt: skip
            ratios.append(ratio_of(seed, name, orders_of(desk, drawn)))
        ratios = [ratio for ratio in ratios if np.isfinite(ratio)]
        lines.append(f"{seed} {name}: median {np.median(ratios):.3f}, greatest {max(ratios):.3f} of {len(ratios)}")
        assert np.median(ratios) < 1.5
    with capsys.disabled():
        print("\nworst-fill charge over the greatest of all fills\n  " + "\n  ".join(lines))


def test_policies_of_a_requirement():
    desk, method, prepared = case("crypto", "portfolio")
    venue, none, worst = (prepared.requirement(desk.portfolio, orders=p) for p in ("venue", "none", "worst_fill"))
    assert venue.initial == none.initial
    assert "orders" not in none.components
    assert worst.initial == pytest.approx(none.initial + worst.components["orders"].initial)
    assert worst.components["orders"].initial > 0
    assert worst.maintenance == none.maintenance
    assert worst.order_bound in {"exact", "bound"}
    assert sum(leaf.value for leaf in worst.explain().leaves()) == pytest.approx(worst.initial, rel=1e-12)
    with pytest.raises(InvalidInputError, match="orders must be one of venue, worst_fill, none, was 'all'"):
        method.requirement(desk.portfolio, desk.market, orders="all")


def test_resting_orders_are_contemplated_beside_those_that_rest():
    desk, method, _ = case("crypto", "portfolio")
    order = Order(id=1, instrument="ETH-USDC-PERPETUAL", side="sell", lots=5000, limit="2700")
    found = impact(desk.portfolio, [order], desk.market, method, as_="resting")
    assert found.contemplated.maintenance == found.current.maintenance
    assert found.delta["initial"] > 0


def test_no_orders_cost_nothing():
    desk, _, prepared = case("market-maker", "portfolio")
    found = prepared.requirement(desk.portfolio.holding(orders=()), orders="worst_fill")
    assert found.components["orders"].initial == pytest.approx(0.0, abs=1e-6)
    assert found.order_bound == "exact"


def test_a_sum_that_climbs_by_another_way_stays_with_its_key():
    """The profit of a contract settled in another coin moves with that coin, and its scan with the underlying."""
    ids = ("A", "B")
    coins = [Asset(id=name, decimals=6, underlying=name) for name in ids]
    # A contract on A that settles in B, and one on B in A: the settlement leads to the other group.
    listed = [
        Instrument(id=f"{a}-in-{b}", kind=Kind.PERPETUAL, underlying=a, settlement=b, payoff=Payoff.QUANTO)
        for a, b in zip(ids, ids[::-1], strict=True)
    ]
    table = Instruments.of(listed, [*coins, Asset(id="USD")])
    seen = [Observation(subject=name, field="index", value=100.0) for name in ids]
    seen += [Observation(subject=row.id, field="mark", value=100.0) for row in listed]
    market = Market.of(seen, as_of=0)
    grid = margin.Grid(moves=(-1.0, -0.5, 0.0, 0.5, 1.0), ranges={"A": 0.3, "B": 0.2})
    haircuts = tuple(margin.Haircut(asset=name) for name in (*ids, "USD"))
    prepared = margin.ScenarioMargin(name="two coins", scenarios=grid, collateral=haircuts).prepare(table, market)
    portfolio = Portfolio.of(
        table,
        account=Account(id="x", currency="USD"),
        positions={"A-in-B": Position(40, 3_000 * 10**6), "B-in-A": Position(-30, -4_000 * 10**6)},
        balances={"A": "500", "B": "700", "USD": "1000"},
    )
    rng = np.random.default_rng(5)
    for _ in range(40):
        fills = [Fill(int(rng.integers(2)), float(n := rng.integers(-60, 61) or 1), float(n * 10**6 * rng.integers(60, 140)))
                 for _ in range(3)]  # fmt: skip
        surplus = prepared.requirements(filled_book(portfolio, fills)).surplus_initial
        bound = WorstFill(prepared.bound, 0).of(quantities(prepared.bound, portfolio), fills)
        assert not checked_ratio(surplus, bound, 1e-6 * abs(surplus[0])) < 1 - 1e-6
