"""Impact: contemplated less current, by figure and component; nothing changes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin import Order, impact
from crossmargin.account.impact import FIGURES
from crossmargin.errors import InvalidInputError, UnknownReferenceError
from strategies import desk, method_of

DESK = desk()
METHOD = method_of()
orders = st.lists(
    st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 3000), st.integers(80_000, 88_000)), max_size=3
)


@settings(max_examples=25)
@given(orders)
def test_delta_is_contemplated_less_current(drawn):
    given_orders = [
        Order(id=i, instrument="PERP", side=s, lots=n, limit=f"{t / 2:.1f}")
        for i, (s, n, t) in enumerate(drawn)
    ]
    before = (DESK.portfolio.positions, DESK.portfolio.balances, DESK.portfolio.orders)
    found = impact(DESK.portfolio, given_orders, DESK.market, METHOD)
    current = METHOD.requirement(DESK.portfolio, DESK.market)
    contemplated = METHOD.requirement(DESK.portfolio.filled(given_orders), DESK.market)
    assert tuple(found.delta) == FIGURES
    for name in FIGURES:
        assert getattr(found.current, name) == getattr(current, name)
        assert getattr(found.contemplated, name) == getattr(contemplated, name)
        assert found.delta[name] == getattr(contemplated, name) - getattr(current, name)
    assert found.components.keys() == contemplated.components.keys()
    for name, part in found.components.items():
        assert part.initial == contemplated.components[name].initial - current.components[name].initial
        assert (
            part.maintenance
            == contemplated.components[name].maintenance - current.components[name].maintenance
        )
    assert (DESK.portfolio.positions, DESK.portfolio.balances, DESK.portfolio.orders) == before


def test_no_orders_change_nothing():
    found = impact(DESK.portfolio, [], DESK.market, METHOD)
    assert set(found.delta.values()) == {0.0}
    assert found.accepted


def test_a_fill_away_from_the_mark_changes_equity_by_its_loss():
    order = Order(
        id=1, instrument="PERP", side="buy", lots=1000, limit="42110.0"
    )  # one contract, 100 over the mark
    found = impact(DESK.portfolio, [order], DESK.market, METHOD)
    assert found.delta["equity_initial"] == pytest.approx(-100.0, abs=1e-9)


def test_accepted_if_it_fits_or_makes_things_no_worse():
    too_much = Order(id=1, instrument="PERP", side="buy", lots=10**6, limit="42010.0")
    found = impact(DESK.portfolio, [too_much], DESK.market, METHOD)
    assert not found.accepted
    assert found.contemplated.surplus_initial < 0
    over = DESK.portfolio.filled([too_much])
    less = Order(id=2, instrument="PERP", side="sell", lots=1000, limit="42010.0")
    reduced = impact(over, [less], DESK.market, METHOD)
    assert reduced.contemplated.surplus_initial < 0
    assert reduced.accepted
    assert not impact(
        over, [Order(id=3, instrument="PERP", side="buy", lots=1, limit="42010.0")], DESK.market, METHOD
    ).accepted


def test_bad_orders_are_refused():
    with pytest.raises(
        UnknownReferenceError, match="^instrument must name a known instrument, was 'X' at order 1$"
    ):
        good, bad = (
            Order(id=i, instrument=name, side="buy", lots=1, limit="1")
            for i, name in enumerate(("PERP", "X"))
        )
        impact(DESK.portfolio, [good, bad], DESK.market, METHOD)
    with pytest.raises(InvalidInputError, match="^as_ must be one of filled, resting, was 'maybe'$"):
        impact(DESK.portfolio, [], DESK.market, METHOD, as_="maybe")
