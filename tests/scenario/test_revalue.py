"""Risk arrays against the slow twin, moved markets, dollar deltas, and what must be refused by name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.errors import InvalidInputError, KernelError, MissingPriceError
from crossmargin.instruments import Kind, Payoff, expiry_key
from crossmargin.scenario import ScenarioSet, VolatilityRule, dollar_deltas, moved_market, risk_array
from crossmargin.scenario.revalue import Options, marks
from reference import revalue as twin
from strategies import (
    ALL,
    AS_OF,
    ASSETS,
    CALL,
    COIN_CALL,
    FIGURES,
    INVERSE,
    LATE,
    LINEAR,
    SOON,
    SPOT,
    instrument,
    instruments,
    market,
)

TABLE = instruments()
SOON_KEY, LATE_KEY = expiry_key("BTC", SOON), expiry_key("BTC", LATE)
RULES = st.builds(
    VolatilityRule,
    mode=st.sampled_from(["relative", "absolute"]),
    short_power=st.floats(0, 0.5),
    long_power=st.floats(0, 0.5),
    floor_up=st.floats(0, 0.8),
)
ROWS = st.lists(
    st.tuples(st.floats(-0.9, 3.0), st.floats(-1.5, 1.5), st.floats(0.01, 1.0)), min_size=1, max_size=5
)


def scenario_set(rows, rule=None):
    move, shock, weight = (list(column) for column in zip(*rows, strict=True))
    return ScenarioSet.of("s", move=move, volatility=shock, weight=weight, underlyings=("BTC",), rule=rule)


@given(ROWS, RULES, st.sampled_from(["shocked", "base", "coin"]))
def test_risk_arrays_equal_the_slow_twin(rows, rule, conversion):
    found = risk_array(TABLE, market(), scenario_set(rows, rule), conversion=conversion)
    plain = [({"BTC": m}, {"BTC": v}, w) for m, v, w in rows]
    lots, units = twin.risk_array(TABLE, FIGURES, AS_OF, plain, rule, conversion=conversion)
    scale = np.abs(found.value * found.settlement_price)[:, None] + 30_000 * TABLE.multiplier[:, None]
    np.testing.assert_allclose(found.lots / scale, np.array(lots) / scale, rtol=0, atol=2e-14)
    np.testing.assert_allclose(found.units, units, rtol=1e-14, atol=0)


def test_figures_of_one_lot_by_hand():
    found = risk_array(TABLE, market(), scenario_set([(0.1, 0.0, 1.0), (-0.5, 0.0, 0.4)]))
    at = TABLE.index
    # linear in USDC at 0.999: 0.01 x 30,010 x 10 %
    np.testing.assert_allclose(found.lots[at["LINEAR"]], [30.01 * 0.999, -150.05 * 0.999 * 0.4], rtol=1e-14)
    # inverse: -10 / P BTC, the profit paid in a coin that itself moved
    coins = [-10 / 33_165 + 10 / 30_150, -10 / 15_075 + 10 / 30_150]
    np.testing.assert_allclose(
        found.lots[at["INVERSE"]], [coins[0] * 33_000, coins[1] * 15_000 * 0.4], rtol=1e-12
    )
    # quanto: 1e-6 BTC a point
    np.testing.assert_allclose(found.lots[at["QUANTO"]][0], 3_002 * 1e-6 * 33_000, rtol=1e-12)
    np.testing.assert_allclose(found.units[TABLE.asset_index["BTC"]], [3_000.0, -6_000.0], rtol=1e-14)
    assert found.units[TABLE.asset_index["USDC"]].tolist() == [0.0, 0.0]


def test_nothing_moves_nothing_gains():
    found = risk_array(TABLE, market(), scenario_set([(0.0, 0.0, 1.0)]))
    np.testing.assert_array_equal(found.lots, 0.0)
    np.testing.assert_array_equal(found.units, 0.0)


def test_the_order_of_instruments_does_not_matter():
    scenarios = scenario_set([(0.1, 0.2, 1.0), (-0.3, 0.0, 0.5)])
    np.testing.assert_array_equal(
        risk_array(instruments(ALL[::-1]), market(), scenarios).lots,
        risk_array(TABLE, market(), scenarios).lots,
    )


def test_empty_tables_and_assets_alone():
    empty = risk_array(instruments([]), market(), scenario_set([(0.1, 0.0, 1.0)]))
    assert empty.lots.shape == (0, 1)
    assert empty.units[0, 0] == 3000.0
    assert dollar_deltas(instruments([]), market()).shape == (0,)
    assert len(Options.of(instruments([LINEAR]), market())) == 0


# ---------------------------------------------------------------- deltas
@pytest.mark.parametrize("conversion", ["shocked", "base"])
def test_dollar_deltas_are_the_slope_of_the_risk(conversion):
    h = 1e-5
    found = risk_array(TABLE, market(), scenario_set([(h, 0.0, 1.0), (-h, 0.0, 1.0)]), conversion=conversion)
    slope = (found.lots[:, 0] - found.lots[:, 1]) / (2 * h)
    np.testing.assert_allclose(slope, dollar_deltas(TABLE, market()), rtol=1e-6)


def test_dollar_delta_of_a_linear_and_an_inverse_lot():
    found = dict(zip((row.id for row in TABLE), dollar_deltas(TABLE, market()), strict=True))
    assert found["LINEAR"] == pytest.approx(300.1 * 0.999, rel=1e-14)
    assert found["INVERSE"] == pytest.approx(10 / 30_150 * 30_000, rel=1e-14)
    assert found["SPOT"] == pytest.approx(30.0, rel=1e-14)


# ---------------------------------------------------------------- moved market
@given(st.floats(-0.95, 9.0))
def test_a_moved_market_by_explicit_expectations(x):
    found = moved_market(TABLE, market(), {"BTC": x})
    expected = dict(FIGURES)
    for subject, field in (
        ("BTC", "index"),
        ("LINEAR", "mark"),
        ("INVERSE", "mark"),
        ("QUANTO", "mark"),
        (SOON_KEY, "forward"),
    ):
        expected[subject, field] *= 1 + x
    expected[LATE_KEY, "forward"] = 400.0 + 30_500.0 * (1 + x)  # the fixed part stays
    rule = VolatilityRule()
    for row in ALL:
        if row.kind is Kind.OPTION:
            expected[row.id, "mark"] = twin.shocked_mark(row, FIGURES, AS_OF, rule, x, 0.0)
    assert found.seen.keys() == FIGURES.keys()
    for key, value in expected.items():
        assert found.seen[key].value == pytest.approx(value, rel=1e-12, abs=1e-9)


def test_a_moved_market_revalues_as_the_scenario_did():
    x = 0.07
    before = marks(TABLE, market())
    gains = risk_array(TABLE, market(), scenario_set([(x, 0.0, 1.0)]), conversion="base").lots[:, 0]
    after = marks(TABLE, moved_market(TABLE, market(), {"BTC": x}))
    for row, gain, old, new in zip(TABLE, gains, before, after, strict=True):
        price = twin.asset_price(FIGURES, "USD", {a.id: a for a in ASSETS}[row.settlement])
        assert gain == pytest.approx((twin.lot_value(row, new) - twin.lot_value(row, old)) * price, rel=1e-9)


def test_other_underlyings_stay():
    other = instrument("ETH", Kind.PERPETUAL, underlying="ETH")
    seen = FIGURES | {("ETH", "index"): 2_000.0, ("ETH", "mark"): 2_001.0}
    found = moved_market(instruments([*ALL, other]), market(seen), {"ETH": 0.5})
    assert found.value("mark", "ETH") == 3_001.5
    assert found.value("index", "ETH") == 3_000.0
    assert all(found.seen[key].value == value for key, value in FIGURES.items())
    assert moved_market(TABLE, market(), {}) == market()


def test_a_move_of_everything_is_refused():
    for x in (-1.0, -2.0, float("nan"), float("inf")):
        with pytest.raises(InvalidInputError, match="^move must be"):
            moved_market(TABLE, market(), {"BTC": x})


# ---------------------------------------------------------------- bad markets
NEEDED = {
    "SPOT": ["BTC index"],
    "LINEAR": ["LINEAR mark", "BTC index", "USDC index"],
    "INVERSE": ["INVERSE mark", "BTC index"],
    "CALL": ["CALL mark", "CALL volatility", f"{SOON_KEY} forward"],
    "COIN_CALL": ["COIN_CALL mark", "COIN_CALL volatility", f"{LATE_KEY} forward", "BTC index"],
}


@pytest.mark.parametrize(("name", "absent"), [(name, key) for name, keys in NEEDED.items() for key in keys])
def test_a_missing_observation_is_named(name, absent):
    subject, field = absent.rsplit(" ", 1)
    row = next(row for row in ALL if row.id == name)
    held = {key: value for key, value in FIGURES.items() if key != (subject, field)}
    with pytest.raises(
        MissingPriceError, match=f"^market must hold {field} of '{subject}', was absent at {AS_OF} ns$"
    ):
        risk_array(instruments([row]), market(held), scenario_set([(0.1, 0.0, 1.0)]))


@pytest.mark.parametrize("absent", [(SOON_KEY, "rate"), (LATE_KEY, "forward_fixed")])
def test_absent_rates_and_fixings_are_zero(absent):
    scenarios = scenario_set([(0.1, 0.1, 1.0)])
    left_out, zero = ({k: v for k, v in FIGURES.items() if k != absent}, FIGURES | {absent: 0.0})
    np.testing.assert_array_equal(
        *(risk_array(TABLE, market(seen), scenarios).lots for seen in (left_out, zero))
    )


@pytest.mark.parametrize("price", [-36.98, 0.0])
def test_linear_instruments_take_any_finite_price(price):
    found = risk_array(
        instruments([LINEAR, SPOT]),
        market(FIGURES | {("LINEAR", "mark"): price}),
        scenario_set([(0.5, 0.0, 1.0)]),
    )
    assert found.lots[0, 0] == pytest.approx(price * 0.01 * 0.5 * 0.999, rel=1e-14, abs=0)


@pytest.mark.parametrize("price", [-1.0, 0.0])
def test_inverse_instruments_take_a_positive_price(price):
    with pytest.raises(
        InvalidInputError, match=f"^mark must be > 0 for an inverse payoff, was {price} of 'INVERSE'$"
    ):
        risk_array(TABLE, market(FIGURES | {("INVERSE", "mark"): price}), scenario_set([(0.1, 0.0, 1.0)]))


def test_a_negative_forward_is_outside_the_domain_of_the_named_instrument():
    bad = market(FIGURES | {(SOON_KEY, "forward"): -36.98})
    with pytest.raises(KernelError, match="^Black-76 value of 'CALL' at forward -36.98: DOMAIN$"):
        risk_array(instruments([CALL, LINEAR]), bad, scenario_set([(0.0, 0.0, 1.0)]))
    with pytest.raises(KernelError, match="^Black-76 delta of 'CALL' at forward -36.98: DOMAIN$"):
        dollar_deltas(instruments([CALL]), bad)


def test_a_forward_that_a_scenario_makes_negative_is_named_too():
    bad = market(FIGURES | {(LATE_KEY, "forward_fixed"): 40_000.0})  # the moving part is below zero
    with pytest.raises(KernelError, match="^Black-76 value of 'PUT' at forward -5500: DOMAIN$"):
        risk_array(
            instruments([r for r in ALL if r.id in {"CALL", "PUT"}]),
            bad,
            scenario_set([(0.0, 0.0, 1.0), (4.0, 0.0, 1.0)]),
        )


def test_a_zero_forward_and_a_zero_strike_have_their_limits():
    zero = instrument("ZERO", Kind.OPTION, strike=0.0, right="call", expiry=SOON)
    seen = FIGURES | {("ZERO", "mark"): 30_000.0, ("ZERO", "volatility"): 0.5}
    found = risk_array(instruments([zero]), market(seen), scenario_set([(0.1, 0.0, 1.0)]))
    discount = np.exp(-0.04 / 12)
    assert found.lots[0, 0] == pytest.approx(3_012.0 * discount, rel=1e-12)  # worth its forward
    dead = risk_array(
        instruments([CALL]), market(FIGURES | {(SOON_KEY, "forward"): 0.0}), scenario_set([(0.1, 0.0, 1.0)])
    )
    assert dead.lots.tolist() == [[0.0]]
    with pytest.raises(
        InvalidInputError, match="^forward must be > 0 for an inverse payoff, was 0.0 of 'COIN_CALL'$"
    ):
        risk_array(
            instruments([COIN_CALL]),
            market(FIGURES | {(LATE_KEY, "forward"): 0.0, (LATE_KEY, "forward_fixed"): 0.0}),
            scenario_set([(0.1, 0.0, 1.0)]),
        )


def test_figures_beyond_all_floats_are_refused_by_name():
    huge = market(FIGURES | {("LINEAR", "mark"): 1e308})
    with pytest.raises(InvalidInputError, match="^gain must be finite, was inf of 'LINEAR'$"):
        risk_array(instruments([LINEAR]), huge, scenario_set([(9.0, 0.0, 1.0)]))
    with pytest.raises(InvalidInputError, match="^gain must be finite, was inf of 'BTC'$"):
        risk_array(
            instruments([]), market(FIGURES | {("BTC", "index"): 1e308}), scenario_set([(9.0, 0.0, 1.0)])
        )


def test_unmoved_underlyings_and_unknown_conversions_are_refused():
    with pytest.raises(
        InvalidInputError, match="^scenario set 's' must move every underlying held, was 'BTC'$"
    ):
        risk_array(TABLE, market(), ScenarioSet.of("s", move=[0.1], underlyings=("ETH",)))
    with pytest.raises(InvalidInputError, match="^conversion must be one of shocked, base, coin, was 'spot'$"):
        risk_array(TABLE, market(), scenario_set([(0.1, 0.0, 1.0)]), conversion="spot")


def test_an_expired_option_is_worth_its_exercise():
    late = market(FIGURES, as_of=SOON + 1)
    found = risk_array(instruments([CALL]), late, scenario_set([(0.1, 0.0, 1.0)]))
    assert found.lots[0, 0] == pytest.approx(0.1 * (33_132.0 - 32_000.0), rel=1e-12)
    assert Payoff.INVERSE is INVERSE.payoff


def test_an_inverse_profit_in_coin_is_the_published_form():
    """``q x / (1 + x)`` coins for q coins of a long inverse contract (Deribit portfolio margin, futures)."""
    x = np.array([-0.16, -0.04, 0.04, 0.16])
    found = risk_array(TABLE, market(), scenario_set([(m, 0.0, 1.0) for m in x]), conversion="coin")
    row = next(i for i, r in enumerate(TABLE) if r.payoff == "inverse" and r.kind != "option")
    coins = TABLE.multiplier[row] / market().value("mark", TABLE.rows[row].id)
    np.testing.assert_allclose(found.lots[row], coins * x / (1 + x), rtol=1e-12)
