"""Leverage brackets: deductions, the price in the bracket that holds there, refusals."""

import numpy as np
import pytest

from conformance.bracket_accounts import LOT, atoms, linear_account, lots_of
from conformance.simple_accounts import account, perpetual
from crossmargin import ImprudentParametersError, InvalidInputError, Position
from crossmargin.account import liquidation_prices
from crossmargin.margin.brackets import Brackets, bracket_rows, bracket_tables, half_of_initial, position_price
from crossmargin.venues.binance import CrossMargin

FOUR = Brackets(edges=(0.0, 10.0, 20.0, 50.0), maintenance=(0.01, 0.02, 0.05, 0.1), leverage=(50.0, 25.0, 10.0, 5.0))


def whole(brackets, notional):
    n = np.searchsorted(brackets.edges, notional, side="right") - 1
    return notional * brackets.maintenance[n] - brackets.deductions[n]


def test_deductions_make_the_margin_continuous():
    assert FOUR.deductions == pytest.approx((0.0, 0.1, 0.7, 3.2))
    for n, edge in enumerate(FOUR.edges[1:]):
        below = edge * FOUR.maintenance[n] - FOUR.deductions[n]
        assert whole(FOUR, edge) == pytest.approx(below, abs=1e-12)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("size", [1.0, -1.0, 7.0, -7.0])
@pytest.mark.parametrize("price", [0.5, 3.0, 9.0, 15.0, 30.0, 200.0])
def test_a_price_is_found_again_in_whatever_bracket_it_lies(price, size, inverse):
    """The rest that leaves nothing at a price leads back to it, and to no other price."""
    notional = abs(size) / price if inverse else abs(size) * price
    value = -size / price if inverse else size * price
    found = FOUR.crossing(whole(FOUR, notional) - value, size, inverse=inverse)
    assert found == pytest.approx(price, rel=1e-12)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("edge", FOUR.edges[1:])
@pytest.mark.parametrize("size", [0.3, -0.3])
def test_a_price_on_an_edge_is_found(edge, size, inverse):
    price = abs(size) / edge if inverse else edge / abs(size)
    value = -size / price if inverse else size * price
    assert FOUR.crossing(whole(FOUR, edge) - value, size, inverse=inverse) == pytest.approx(price, rel=1e-12)


def test_nothing_is_reached():
    assert FOUR.crossing(5.0, 1.0, inverse=False) is None  # a long whose wallet covers its whole notional
    assert FOUR.crossing(-5.0, -1.0, inverse=False) is None  # a short that nothing could save
    assert FOUR.crossing(0.0, 0.05, inverse=True) is None
    portfolio, market = linear_account([("A", 1.0, 10.0, 10.0), ("B", 1.0, 10.0, 10.0)], wallet=-1)
    method = CrossMargin(name="x", settlement="USDT", brackets={"A": FOUR, "B": FOUR})
    flat = portfolio.holding(positions={"B": portfolio.positions["B"]})
    assert position_price(flat, market, method, FOUR, flat.instruments.instrument("A")) is None
    assert position_price(flat, market, method, FOUR, flat.instruments.instrument("B")) > 10


def test_the_account_may_be_stated_in_another_currency():
    swap = perpetual("P", "A", "USDC", lot=LOT)
    held = {"P": Position(lots_of(5), atoms(5 * 10))}
    portfolio, market = account([swap], held, {"A": 9.0}, {"P": 10.0}, currency="USD", balances={"USDC": "20"}, prices={"USDC": 0.9})
    method = CrossMargin(name="x", settlement="USDC", brackets={"A": FOUR})
    found = position_price(portfolio, market, method, FOUR, swap)
    [general] = liquidation_prices(portfolio, market, method)
    assert found == pytest.approx(general.below / 9.0 * 10.0, rel=1e-9)  # the mark follows the index


def test_shorter_schedules_end_in_brackets_that_nothing_reaches():
    tables = bracket_tables([half_of_initial((0.0,), (10.0,)), FOUR])
    assert tables["bracket_rates"][0] == [0.05] * 4
    assert tables["bracket_edges"][0][1:] == [1e300] * 3
    assert bracket_rows([]) == {"bracket_edges tier": ("0",)}


def test_edges_in_another_unit():
    assert FOUR.in_unit(2.0).edges == (0.0, 5.0, 10.0, 25.0)
    assert FOUR.in_unit(2.0).deductions == pytest.approx(tuple(d / 2 for d in FOUR.deductions))


REFUSED = [
    ({"edges": (1.0,)}, "edges must start at 0"),
    ({"edges": (0.0, 0.0), "maintenance": (0.1, 0.1), "leverage": (1.0, 1.0)}, "edges of brackets must ascend"),
    ({"maintenance": (0.1, 0.2)}, "maintenance must have length 1"),
    ({"maintenance": (1.0,), "leverage": (1.0,)}, r"maintenance rates must lie in \[0, 1\) and not fall"),
    ({"leverage": (0.0,)}, "leverage must be > 0"),
]


@pytest.mark.parametrize(("changed", "message"), REFUSED)
def test_refusals(changed, message):
    with pytest.raises(InvalidInputError, match=message):
        Brackets(**{"maintenance": (0.1,), "leverage": (5.0,)} | changed)


def test_a_leverage_below_the_maintenance_margin_is_imprudent():
    with pytest.raises(ImprudentParametersError, match="1 / leverage must be >= maintenance rate, was 1 / 20.0 below 0.1"):
        Brackets(maintenance=(0.1,), leverage=(20.0,))
