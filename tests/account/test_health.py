"""States of an account against its thresholds; at exactly zero it passes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin import (
    Account,
    Asset,
    Book,
    Instrument,
    Instruments,
    Market,
    Observation,
    Portfolio,
    Position,
    health,
)
from crossmargin.account import State, states
from crossmargin.account.health import state_numbers
from crossmargin.instruments import Kind
from strategies import method_of

# One contract at 100 that may halve: initial 50, maintenance 25, exactly.
TABLE = Instruments.of(
    [Instrument(id="X", kind=Kind.PERPETUAL, underlying="U", settlement="USD")], [Asset(id="USD")]
)
MARKET = Market.of(
    [
        Observation(subject="U", field="index", value=100.0),
        Observation(subject="X", field="mark", value=100.0),
    ],
    as_of=0,
)
METHOD = method_of("isolated", scenarios={"moves": [-0.5, 0.5]}, factor=[1.0, 0.5])
CASES = [
    ("50.01", State.HEALTHY),
    ("50.00", State.HEALTHY),
    ("49.99", State.MARGIN_CALL),
    ("25.00", State.MARGIN_CALL),
    ("24.99", State.LIQUIDATABLE),
    ("0.00", State.LIQUIDATABLE),
    ("-0.01", State.BANKRUPT),
]


def holding(cash, lots=1):
    """Cash, and lots bought at the mark."""
    return Portfolio.of(TABLE, positions={"X": Position(lots, lots * 10_000)}, balances={"USD": cash})


@pytest.mark.parametrize(("cash", "state"), CASES)
@pytest.mark.parametrize("lots", [1, -1])
def test_states_by_equity(cash, state, lots):
    found = health(holding(cash, lots), MARKET, METHOD)
    assert found.state is state
    near = {"rel": 1e-14, "abs": 1e-14}
    assert found.surplus_initial == pytest.approx(float(cash) - 50.0, **near)
    assert found.surplus_maintenance == pytest.approx(float(cash) - 25.0, **near)
    assert found.health_factor == pytest.approx(float(cash) / 25.0, **near)
    assert found.requirement.free_collateral == max(found.surplus_initial, 0.0)
    assert found.requirement.shortfall == max(-found.surplus_maintenance, 0.0)


@given(st.integers(1, 10**6))
def test_a_surplus_of_nothing_but_rounding_is_zero(atoms):
    """Equity and requirement that agree to the atom agree, whatever float64 makes of cents."""
    requirement = 0.1 * atoms * 0.1
    off = atoms * 0.01 - requirement
    assert state_numbers(1.0, 1.0, off, atom=0.01) == 0
    assert state_numbers(1.0, off - 0.0051, 1.0, atom=0.01) == 2
    assert state_numbers(off - 0.0051, 1.0, 1.0, atom=0.01) == 3


@pytest.mark.parametrize(
    ("cash", "state", "factor"),
    [("0", State.HEALTHY, np.inf), ("1", State.HEALTHY, np.inf), ("-0.01", State.BANKRUPT, -np.inf)],
)
def test_an_account_that_holds_nothing(cash, state, factor):
    found = health(Portfolio.of(TABLE, balances={"USD": cash}), MARKET, METHOD)
    assert (found.state, found.health_factor) == (state, factor)


@pytest.mark.parametrize("threads", [1, 2])
def test_states_of_a_book(threads):
    rows = range(len(CASES))
    book = Book.of(
        TABLE,
        [Account(id=f"a{row}", currency="USD") for row in rows],
        positions={
            "account": rows,
            "instrument": [0] * len(CASES),
            "lots": [1] * len(CASES),
            "open_cost": [10_000] * len(CASES),
        },
        balances={
            "account": rows,
            "asset": [0] * len(CASES),
            "atoms": [round(float(c) * 100) for c, _ in CASES],
        },
    )
    found = states(METHOD.prepare(TABLE, MARKET), book, threads=threads)
    assert found.tolist() == [str(state) for _, state in CASES]


def test_states_of_an_empty_book():
    assert states(METHOD.prepare(TABLE, MARKET), Book.of(TABLE, [])).tolist() == []
