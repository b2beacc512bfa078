"""Plans of venues that compute in integers: the gate's figures are those of Python's integers, to the last unit."""

from fractions import Fraction

import numpy as np
import pytest
from account.gate_desks import DESKS, prepared
from conformance import drift_accounts
from conformance.through_gate import loaded
from venues import test_dydx_twin as dydx_twin

from crossmargin._core.events import Kind
from crossmargin._core.status import Status
from crossmargin.account import Capacity, RiskEngine
from crossmargin.venues import drift, dydx

QUANTA = 10**6  # of the quote currency
FIGURES = ("equity_initial", "equity_maintenance", "initial", "maintenance")


def exactly(case):
    """The four figures in whole quanta, by Python's integers."""
    found = case.prepared.exact(case.portfolio)
    pairs = [found[name] * 2 if len(found[name]) == 1 else found[name][:2] for name in ("equity", "requirement")]
    return [Fraction(value) * QUANTA for pair in pairs for value in pair]


def at_the_gate(case):
    figures = loaded(case.prepared, case.portfolio).figures(0)
    return [figures[name] * QUANTA for name in FIGURES]


def in_doubles(case):
    found = case.prepared.requirement(case.portfolio)
    return [round(getattr(found, name) * QUANTA) for name in FIGURES]


def test_the_gate_is_exact_where_doubles_hold_the_result():
    """Products of up to 126 bits lie between: float64 alone is some quanta off in a few of these accounts."""
    compared = off = 0
    for seed in range(8):
        for case, *_ in dydx_twin.states(np.random.default_rng(seed), most=13):
            expected = exactly(case)
            if all(value.denominator == 1 and abs(value) < 2**51 for value in expected):
                assert [round(value) for value in at_the_gate(case)] == expected
                off += in_doubles(case) != expected
                compared += 1
    assert compared > 100
    assert off > 0


def test_what_leaves_64_bits_is_valued_in_doubles():
    """Nothing is wrapped: the figure is the nearest that float64 has."""
    beyond = 0
    for case, *_ in dydx_twin.states(np.random.default_rng(3), digits=18, most=15):
        for found, expected in zip(at_the_gate(case), exactly(case), strict=True):
            assert found == pytest.approx(float(expected), rel=1e-9, abs=1.0)
            beyond += abs(expected) > 2**63
    assert beyond > 0


def test_only_those_venues_run_so():
    assert drift.DriftMargin.integers
    assert dydx.CrossMargin.integers
    assert not any(prepared(name).method.integers for name in DESKS)


@pytest.mark.parametrize("usdc", [0, 5_000, 10_000])
@pytest.mark.parametrize("lots", [0, 10, -10])
def test_worst_fills_of_no_orders_are_the_venues_figures(usdc, lots):
    """Caps of 1e30 that never bind may not coarsen the quantum of a sum beyond what it holds."""
    case = drift_accounts.simple([], kind=drift.DriftMargin, positions=[])
    found = {}
    for policy in ("venue", "worst_fill"):
        engine = RiskEngine(case.prepared, orders=policy, capacity=Capacity(accounts=2, slots=4, orders=4))
        account = engine.open("a", "USDC")
        if usdc:
            assert engine.deposit(account, "USDC", str(usdc)) == Status.OK
        if lots:
            row = engine.instrument("SOL-PERP")
            assert engine.event(Kind.BRING, 0, account, row, lots * drift_accounts.NANO, lots * 100 * 10**6) == Status.OK
        found[policy] = engine.figures(account)
    assert found["worst_fill"]["surplus_initial"] == pytest.approx(found["venue"]["surplus_initial"], abs=2e-6)
    assert found["venue"]["equity_initial"] == pytest.approx(usdc, abs=2e-6)
    assert (found["venue"]["initial"] > 0) is bool(lots)
