"""One account by name: amounts, fills, and the exact cost of a fill."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin import Account, Instruments, Order, Portfolio, Position
from crossmargin.errors import InvalidInputError, UnknownReferenceError
from crossmargin.instruments import Kind, Payoff
from crossmargin.portfolio.portfolio import decimal_text, fill_cost, ticks_of
from strategies import ALL, ASSETS, INVERSE, LINEAR, OWNER, QUANTO, instrument, instruments

TABLE = instruments()
LINES = (LINEAR, INVERSE, QUANTO)
DECIMALS = {asset.id: asset.decimals for asset in ASSETS}

fills = st.tuples(
    st.sampled_from(LINES), st.sampled_from(["buy", "sell"]), st.integers(1, 10**5), st.integers(1, 10**6)
)


def order(number, instrument, side, lots, ticks):
    return Order(
        id=number, instrument=instrument.id, side=side, lots=lots, limit=decimal_text(ticks * instrument.tick)
    )


def half_even(value):
    """Round a fraction half to even by its definition."""
    low = value.numerator // value.denominator
    rest = value - low
    if rest == Fraction(1, 2):
        return low + low % 2
    return low + (rest > Fraction(1, 2))


@given(
    st.integers(-(2**53), 2**53),
    st.integers(-(10**9), 10**9),
    st.integers(0, 9),
    st.fractions(Fraction(1, 1000), 1000),
    st.integers(0, 6),
)
def test_a_linear_fill_costs_lots_times_price_rounded_half_to_even(lots, ticks, decimals, size, places):
    row = instrument("X", Kind.PERPETUAL, contract_size=size, tick=Fraction(1, 10**places))
    assert fill_cost(row, decimals, lots, ticks) == half_even(lots * ticks * row.tick * size * 10**decimals)


@given(st.integers(-(2**53), 2**53), st.integers(1, 10**9), st.integers(0, 9), st.integers(0, 6))
def test_an_inverse_fill_costs_minus_notional_over_price(lots, ticks, decimals, places):
    row = instrument(
        "X",
        Kind.PERPETUAL,
        settlement="BTC",
        payoff=Payoff.INVERSE,
        contract_size=100,
        tick=Fraction(1, 10**places),
    )
    assert fill_cost(row, decimals, lots, ticks) == half_even(
        -lots * 100 * Fraction(10**decimals) / (ticks * row.tick)
    )


@pytest.mark.parametrize(("lots", "cost"), [(1, 0), (2, 1), (3, 2), (5, 2), (-1, 0), (-3, -2), (-5, -2)])
def test_ties_go_to_even(lots, cost):
    assert fill_cost(instrument("X", Kind.SPOT, tick=Fraction(1, 2)), 0, lots, 1) == cost


def test_only_a_linear_limit_may_be_zero_or_negative():
    assert fill_cost(instrument("X", Kind.SPOT, tick=1), 0, 3, -37) == -111
    assert fill_cost(instrument("X", Kind.SPOT, tick=1), 0, 3, 0) == 0
    for ticks in (0, -1):
        with pytest.raises(
            InvalidInputError, match=f"^limit must be > 0 for an inverse payoff, was {ticks} of INVERSE$"
        ):
            fill_cost(INVERSE, 8, 1, ticks)


# ---------------------------------------------------------------- filled
@given(st.lists(fills, max_size=6), st.integers(-(10**6), 10**6))
def test_filled_adds_lots_and_costs(drawn, lots):
    before = Portfolio.of(
        TABLE, account=OWNER, positions={"LINEAR": Position(lots, 17)}, balances={"USDC": "12.5"}
    )
    orders = [order(i, *fill) for i, fill in enumerate(drawn)]
    after = before.filled(orders)
    expected = {"LINEAR": [lots, 17]}
    for row, side, count, ticks in drawn:
        signed = count if side == "buy" else -count
        held = expected.setdefault(row.id, [0, 0])
        held[0] += signed
        held[1] += fill_cost(row, DECIMALS[row.settlement], signed, ticks)
    assert after.positions == {name: Position(*held) for name, held in expected.items()}
    assert after.balances == before.balances
    assert after.account == OWNER


@given(st.lists(fills, max_size=5))
def test_filling_and_undoing_returns_to_the_start(drawn):
    before = Portfolio.of(TABLE, account=OWNER, positions={row.id: 0 for row in LINES})
    other = {"buy": "sell", "sell": "buy"}
    there = [order(i, *fill) for i, fill in enumerate(drawn)]
    back = [order(i, row, other[side], lots, ticks) for i, (row, side, lots, ticks) in enumerate(drawn)]
    assert before.filled(there).filled(back).positions == before.positions


def test_filled_changes_nothing_of_the_original():
    resting = Order(id=1, instrument="LINEAR", side="buy", lots=2, limit="30000.5")
    before = Portfolio.of(TABLE, account=OWNER, orders=[resting])
    after = before.filled([resting])
    assert (before.positions, before.orders) == ({}, (resting,))
    assert (after.positions["LINEAR"].lots, after.orders) == (2, ())
    other = Order(id=2, instrument="LINEAR", side="sell", lots=2, limit="30000.5")
    assert before.filled([other]).orders == (resting,)


def test_filled_refuses_unknown_instruments_and_prices_between_ticks():
    held = Portfolio.of(TABLE, account=OWNER)
    with pytest.raises(
        UnknownReferenceError, match="^instrument must name a known instrument, was 'X' at order 0$"
    ):
        held.filled([Order(id=1, instrument="X", side="buy", lots=1, limit="1")])
    with pytest.raises(
        InvalidInputError, match="^limit must be a multiple of the tick 1/2, was '30000.3' of LINEAR$"
    ):
        held.filled([Order(id=1, instrument="LINEAR", side="buy", lots=1, limit="30000.3")])
    with pytest.raises(InvalidInputError, match="^limit in ticks must lie in"):
        held.filled([Order(id=1, instrument="LINEAR", side="buy", lots=1, limit="9" * 30)])
    for limit in ("nan", "1e999999999", "", None, "inf"):
        with pytest.raises(InvalidInputError, match="^limit must be a decimal number, was .* of LINEAR$"):
            held.filled([Order(id=1, instrument="LINEAR", side="buy", lots=1, limit=limit)])


# ---------------------------------------------------------------- orders and views
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("side", "hold"),
        ("side", None),
        ("lots", 0),
        ("lots", -1),
        ("lots", 1.5),
        ("lots", True),
        ("lots", 2**53 + 1),
        ("lots", float("nan")),
        ("id", "7"),
        ("id", 2**63),
    ],
)
def test_bad_orders_are_refused(name, value):
    with pytest.raises(InvalidInputError, match=f"^(order )?{name} must"):
        Order(**{"id": 1, "instrument": "LINEAR", "side": "buy", "lots": 1, "limit": "1"} | {name: value})


@given(st.integers(-(2**62), 2**62), st.integers(0, 30))
def test_limits_are_exact_decimals(ticks, places):
    text = decimal_text(ticks * Fraction(1, 10**places))
    assert Fraction(text) == Fraction(ticks, 10**places)
    assert "E" not in text
    assert ticks_of(instrument("X", Kind.SPOT, tick=Fraction(1, 10**places)), text) == ticks


def test_a_view_gives_back_what_was_put_in():
    orders = (
        Order(id=3, instrument="COIN_CALL", side="buy", lots=1, limit="0.0905"),
        Order(id=1, instrument="LINEAR", side="sell", lots=4, limit="30001.5"),
    )
    held = Portfolio.of(
        TABLE,
        account=OWNER,
        positions={"PUT": -3, "CALL": Position(2, -5)},
        balances={"USD": "-3.50", "BTC": Fraction(1, 8)},
        orders=orders,
    )
    assert held.positions == {"CALL": Position(2, -5), "PUT": Position(-3)}
    assert held.balances == {"BTC": 12_500_000, "USD": -350}
    assert held.amounts == {"BTC": Fraction(1, 8), "USD": Fraction(-7, 2)}
    assert set(held.orders) == set(orders)
    assert [o.signed_lots for o in held.orders] == [1, -4]
    assert held.account is OWNER
    assert held.alone().positions == held.positions
    assert held.holding(balances={}).balances == {}


@given(
    st.lists(
        st.tuples(st.sampled_from([row.id for row in ALL]), st.integers(-99, 99)), unique_by=lambda p: p[0]
    )
)
def test_holdings_do_not_depend_on_their_order(pairs):
    one, other = (Portfolio.of(TABLE, account=OWNER, positions=dict(rows)) for rows in (pairs, pairs[::-1]))
    assert one.positions == other.positions
    assert list(one.positions) == sorted(one.positions)


@pytest.mark.parametrize(
    ("holdings", "message"),
    [
        ({"positions": {"X": 1}}, "instrument must name a known instrument, was 'X'"),
        ({"positions": {"CALL": 1.5}}, "positions.lots must be 64-bit integers, was 1.5 at row 0"),
        ({"positions": {"CALL": float("nan")}}, "positions.lots must be 64-bit integers, was nan at row 0"),
        (
            {"positions": {"CALL": 2**53 + 1}},
            f"positions.lots must stay within ±{2**53}, was {2**53 + 1} at row 0",
        ),
        ({"balances": {"EUR": 1}}, "asset must name a known asset, was 'EUR'"),
        ({"balances": {"USD": "0.001"}}, "balance must be a multiple of 1e-2 USD, was '0.001' of USD"),
        ({"balances": {"USD": float("inf")}}, "balance must be a decimal number, was inf of USD"),
        ({"balances": {"USD": Decimal("NaN")}}, "balance must be a decimal number, was NaN of USD"),
    ],
)
def test_bad_holdings_are_refused(holdings, message):
    with pytest.raises(InvalidInputError) as error:
        Portfolio.of(TABLE, account=OWNER, **holdings)
    assert str(error.value) == message


def test_an_account_needs_an_asset_to_be_stated_in():
    assert Portfolio.of(TABLE).account == Account(id="account", currency="BTC")
    with pytest.raises(InvalidInputError, match="^assets must hold at least one, was 'none'$"):
        Portfolio.of(Instruments.of([], []))
