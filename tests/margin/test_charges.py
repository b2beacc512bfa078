"""Charges beside the scan, one by one, on positions whose figures a person can check."""

import json

import pytest
from margin import cases
from margin.twins import agree_on_random

from crossmargin import Portfolio
from crossmargin.margin import load_method

ZERO = {"moves": [0.0]}  # a scan that loses nothing, so that charges stand alone


def requirement(positions, charges, moves=ZERO, **changes):
    desk = cases.desk("zoo")
    raw = {"method": "scenario", "name": "c", "scenarios": moves, "collateral": [], "charges": charges}
    method = load_method(json.dumps(raw | changes).encode())
    return method.prepare(desk.instruments, desk.market).requirement(
        cases.plain_portfolio(desk.instruments, positions)
    )


def part(found, name):
    return found.components[name].initial, found.components[name].maintenance


def test_basis_charges_what_nets_across_expiries():
    """2 BTC of perpetual at 30010 (USDC at 0.999) against 45000 USD of inverse future: the lesser nets."""
    found = requirement({"LINEAR": 200, "INVERSE": -4500}, {"basis": [0.02, 0.01]})
    assert part(found, "basis across expiries") == pytest.approx(
        (0.02 * 45_000 * 30_000 / 30_150, 0.01 * 45_000 * 30_000 / 30_150)
    )


def test_basis_is_nothing_within_one_expiry():
    found = requirement({"LINEAR": 200, "SPOT": -2000}, {"basis": [0.02, 0.01]})
    assert part(found, "basis across expiries") == (0.0, 0.0)


def test_basis_is_nothing_for_one_direction():
    found = requirement({"LINEAR": 200, "INVERSE": 4500}, {"basis": [0.02, 0.01]})
    assert part(found, "basis across expiries") == (0.0, 0.0)


def test_size_charges_each_slice_of_the_net_delta():
    """3 BTC of spot: 90000 USD, of which 40000 beyond 50000 and 10000 beyond 80000."""
    found = requirement({"SPOT": 3000}, {"size_edges": [50_000, 80_000], "size_rates": [0.02, 0.05]})
    assert part(found, "size") == pytest.approx((30_000 * 0.02 + 10_000 * 0.05,) * 2)


def test_size_looks_at_the_net_delta():
    found = requirement({"SPOT": 3000, "LINEAR": -300}, {"size_edges": [50_000], "size_rates": [0.02]})
    assert part(found, "size") == (0.0, 0.0)


def test_short_option_minimum_counts_shorts_alone():
    """10 lots of 0.1 at an index of 30000; the long puts offset nothing and cost nothing."""
    found = requirement({"CALL": -10, "PUT": 4}, {"short_option": [0.02, 0.01]})
    assert part(found, "short option minimum") == pytest.approx((600, 300))


def test_short_option_minimum_tops_up_the_lines_before_it():
    moves = {"moves": [-0.01, 0.01]}
    free = requirement({"CALL": -10}, {}, moves).initial
    found = requirement({"CALL": -10}, {"short_option": [0.02, 0.0]}, moves)
    assert 0 < free < 600
    assert part(found, "short option minimum") == pytest.approx((600 - free, 0))
    assert found.initial == pytest.approx(600)


def test_contract_minimum_is_gross():
    """2 BTC of spot and 2 BTC short: 120000 USD gross."""
    found = requirement({"SPOT": 2000, "LINEAR": -200}, {"minimum": [0.01, 0.005]})
    assert part(found, "minimum") == pytest.approx((1200, 600))


def test_an_inverse_contract_counts_its_size():
    assert part(requirement({"INVERSE": -7}, {"minimum": [0.5, 0.5]}), "minimum") == pytest.approx((35, 35))


def test_the_minimum_comes_last():
    """1200 in all: 600 of the short option minimum are part of it."""
    found = requirement({"CALL": -10, "SPOT": 1000}, {"short_option": [0.02, 0.01], "minimum": [0.02, 0.01]})
    assert part(found, "minimum") == pytest.approx((600, 300))
    assert found.initial == pytest.approx(1200)


def test_components_sum_to_the_requirement():
    charges = {
        "short_option": [0.02, 0.01],
        "basis": [0.02, 0.01],
        "minimum": [0.05, 0.02],
        "size_edges": [100.0],
        "size_rates": [0.1],
    }
    found = requirement({"CALL": -10, "LINEAR": 50, "INVERSE": -90}, charges, {"moves": [-0.2, 0.2]})
    assert list(found.components) == [
        "scan loss",
        "basis across expiries",
        "size",
        "short option minimum",
        "minimum",
    ]
    assert sum(c.initial for c in found.components.values()) == pytest.approx(found.initial, rel=1e-15)
    assert sum(c.maintenance for c in found.components.values()) == pytest.approx(
        found.maintenance, rel=1e-15
    )


@pytest.mark.parametrize("name", ["crypto", "market-maker"])
def test_heavy_charges_equal_their_twin(name):
    desk = cases.desk(name)
    charges = {
        "short_option": [0.2, 0.1],
        "basis": [0.1, 0.05],
        "minimum": [0.3, 0.2],
        "size_edges": [0, 1e4, 1e5],
        "size_rates": [0.01, 0.03, 0.2],
    }
    assert agree_on_random(desk, desk.method("portfolio", charges=charges), 40, 41) > 35


def test_no_charge_is_negative():
    desk = cases.desk("zoo")
    found = [desk.prepared("portfolio").requirement(p) for p in zoo_accounts(desk, 60)]
    assert all(
        line.initial >= 0 and line.maintenance >= 0 for one in found for line in one.components.values()
    )


def zoo_accounts(desk, n):
    book = cases.random_book(desk, n, 42)
    return [Portfolio(book, unit) for unit in range(n)]
