"""Black-76 kernels: the accuracy rule against 50 digits, QuantLib, limits, bad input, properties."""

import warnings
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin._core import black
from crossmargin._core.status import Status
from reference import black as twin

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import QuantLib as ql

OK = (Status.OK, -1)


def columns(*figures):
    """Equally long float64 columns."""
    return [np.array(c) for c in np.broadcast_arrays(*(np.asarray(f, dtype=float) for f in figures))]


def prices(*arguments):
    """Values of columns that are all in the domain."""
    arrays = columns(*np.atleast_1d(*arguments))
    out = np.full(arrays[0].shape, np.nan)
    assert black.value(*arrays, out) == OK
    return out


def all_greeks(*arguments):
    """The five columns, which must be answered."""
    arrays = columns(*np.atleast_1d(*arguments))
    out = [np.full(arrays[0].shape, np.nan) for _ in range(5)]
    assert black.greeks(*arrays, *out) == OK
    return out


def implied(*arguments):
    """Volatilities of (price, F, K, T, D, sign) or (time value, F, K, T, D)."""
    arrays = columns(*np.atleast_1d(*arguments))
    out = np.full(arrays[0].shape, np.nan)
    face = black.implied_volatility if len(arrays) == 6 else black.implied_from_time_value
    assert face(*arrays, out) == OK
    return out


def options(x, v, seed, sign=None):
    """F, K, sigma, T, D, sign with ln(F/K) about x and sigma sqrt(T) about v; default out of the money."""
    draw = np.random.default_rng(seed)
    x, v = (np.ravel(a) for a in np.broadcast_arrays(x, v))
    F = 10.0 ** draw.uniform(-3, 5, x.size)
    T = 10.0 ** draw.uniform(-3, 1, x.size)
    K = F * np.exp(-x)
    D = draw.uniform(0.7, 1.05, x.size)
    outer = np.where(F <= K, 1.0, -1.0)
    return F, K, v / np.sqrt(T), T, D, outer if sign is None else sign * outer


def region(name):
    """Pairs (x, v) of one region of the plane."""
    draw = np.random.default_rng(11)
    side = draw.choice([-1.0, 1.0], 120)
    unit = draw.uniform(0, 1, 120)
    if name == "core":
        v = 10.0 ** (3 * unit - 2)
        return draw.normal(0, 1.5, 120) * v, v
    if name == "near the money":
        v = 10.0 ** (2 * unit - 2)
        return side * v * 10.0 ** draw.uniform(-6, -0.5, 120), v
    if name == "wings":
        v = 0.02 + 0.6 * unit
        return side * v * draw.uniform(4, 36, 120), v
    if name == "wide wings":
        v = 0.4 + 3.6 * unit
        return side * v * np.maximum(v / 2, draw.uniform(2, 34, 120)), v
    if name == "tiny v":
        v = 10.0 ** (10 * unit - 12)
        return side * v * draw.uniform(0, 30, 120), v
    if name == "large v":
        return side * draw.uniform(0, 10, 120), 2 + 40 * unit
    if name == "turn":  # where near = 0 and the inverse changes its function
        v = 10.0 ** (3 * unit - 2)
        return side * v * v / 2 * (1 + draw.normal(0, 0.01, 120)), v
    if name == "seam":  # h t = 1.5 and t = 0.5, where the price changes its form
        v = np.where(unit < 0.5, 0.1 + unit, 1 + 1e-3 * side)
        return np.where(unit < 0.5, 3 * (1 + 1e-3 * side), unit), v
    raise ValueError(name)


REGIONS = ["core", "near the money", "wings", "wide wings", "tiny v", "large v", "turn", "seam"]


@pytest.mark.parametrize("side", [1.0, -1.0], ids=["out of the money", "in the money"])
@pytest.mark.parametrize("name", REGIONS)
def test_price_keeps_the_accuracy_rule(name, side):
    rows = options(*region(name), seed=5, sign=side)
    for got, F, K, sigma, T, D, sign in zip(prices(*rows), *rows, strict=True):
        expected = twin.value(F, K, sigma, T, D, sign)
        error = abs(twin.mpf(got) - expected)
        assert error <= 1e-15 * D * max(F, K)
        if expected > 1e-290 * F:
            assert error <= (8 + twin.condition(F, K, sigma, T, D, sign)) * twin.UNIT * expected
        if expected > 1e-6 * F and sigma * np.sqrt(T) >= 0.05:
            assert error <= 1e-13 * expected


def test_price_out_of_the_money_is_within_1e_15_of_the_forward():
    rows = options(*region("core"), seed=6)
    for got, F, K, sigma, T, D, sign in zip(prices(*rows), *rows, strict=True):
        assert abs(twin.mpf(got) - twin.value(F, K, sigma, T, D, sign)) <= 1e-15 * F


@pytest.mark.parametrize("steps", [1, 2, 3, 1000])
def test_price_one_step_of_float64_beside_the_money(steps):
    K = 1.0 + steps * 2.0**-52
    for sigma, sign in product([1e-15, 1e-8, 0.3], [1, -1]):
        expected = twin.value(1.0, K, sigma, 1.0, 1.0, sign)
        allowed = (8 + twin.condition(1.0, K, sigma, 1.0, 1.0, sign)) * twin.UNIT * expected
        assert abs(twin.mpf(prices(1.0, K, sigma, 1.0, 1.0, sign)[0]) - expected) <= allowed


def test_price_by_hand():
    # At the money 2 Phi(v / 2) - 1 = 2 Phi(0.1) - 1 = 0.0796557 of the forward.
    assert prices(100.0, 100.0, 0.2, 1.0, 1.0, 1.0)[0] == pytest.approx(7.965567455405804, rel=1e-15)


@pytest.mark.parametrize("name", ["core", "wings", "tiny v", "large v"])
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_greeks_agree_with_the_twin(name, side):
    rows = options(*region(name), seed=7, sign=side)
    answers = all_greeks(*rows)
    for *got, F, K, sigma, T, D, sign in zip(*answers, *rows, strict=True):
        want = twin.greeks(F, K, sigma, T, D, sign)
        d1, _ = twin.distances(F, K, sigma, T)
        v = twin.mpf(sigma) * twin.digits.sqrt(twin.mpf(T))
        slack = (20 + 3 * d1 * d1 + 3 * abs(d1) * (1 + 1 / v)) * twin.UNIT  # inputs move d1 by 1 / v
        for mine, exact in zip(got[1:4], want[1:4], strict=True):
            assert abs(twin.mpf(mine) - exact) <= slack * abs(exact) + 1e-300
        carried = -twin.digits.log(twin.mpf(D)) / twin.mpf(T) * want[0]
        decay = abs(want[4] - carried)
        room = (20 + twin.condition(F, K, sigma, T, D, sign)) * twin.UNIT if want[0] > 1e-290 * F else 1
        assert abs(twin.mpf(got[4]) - want[4]) <= slack * decay + room * abs(carried) + 1e-290 * F / T


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("K", "sigma", "T"), [(90.0, 0.4, 0.5), (140.0, 0.7, 2.0), (100.0, 0.05, 0.01)])
def test_greeks_are_the_derivatives_of_the_price(K, sigma, T, sign):
    F, D = 100.0, 0.97
    rate = -twin.digits.log(twin.mpf(D)) / twin.mpf(T)
    diff = twin.digits.diff
    expected = [
        diff(lambda f: twin.value(f, K, sigma, T, D, sign), F),
        diff(lambda f: twin.value(f, K, sigma, T, D, sign), F, 2),
        diff(lambda s: twin.value(F, K, s, T, D, sign), sigma),
        -diff(lambda t: twin.value(F, K, sigma, t, twin.digits.exp(-rate * t), sign), T),
    ]
    got = [float(g[0]) for g in all_greeks(F, K, sigma, T, D, sign)][1:]
    assert got == pytest.approx([float(e) for e in expected], rel=1e-12, abs=1e-290)


def test_greeks_repeat_the_price():
    rows = options(*region("core"), seed=8)
    np.testing.assert_array_equal(all_greeks(*rows)[0], prices(*rows))


@pytest.mark.parametrize("sign", [1, -1])
def test_quantlib_agrees(sign):
    kind = ql.Option.Call if sign > 0 else ql.Option.Put
    F, D = 100.0, 0.95
    for K, sigma, T in product([60.0, 95.0, 100.0, 130.0], [0.1, 0.5, 1.2], [0.05, 1.0, 3.0]):
        deviation = sigma * T**0.5
        value, *rest = (float(g[0]) for g in all_greeks(F, K, sigma, T, D, sign))
        other = ql.BlackCalculator(ql.PlainVanillaPayoff(kind, K), F, deviation, D)
        assert value == pytest.approx(ql.blackFormula(kind, K, F, deviation, D), rel=1e-9, abs=1e-12)
        expected = [other.deltaForward(), other.gammaForward(), other.vega(T), other.theta(F, T)]
        assert rest == pytest.approx(expected, rel=1e-9, abs=1e-12)
        if K != F and value > 1e-6:
            found = ql.blackFormulaImpliedStdDev(kind, K, F, value, D, 0.0, deviation, 1e-12, 1000)
            assert implied(value, F, K, T, D, sign)[0] * T**0.5 == pytest.approx(found, rel=1e-7)


@pytest.mark.parametrize("name", REGIONS)
def test_implied_volatility_keeps_the_accuracy_rule(name):
    F, K, sigma, T, D, _ = (a[:40] for a in options(*region(name), seed=9))
    exact = [twin.time_value(*row) for row in zip(F, K, sigma, T, D, strict=True)]
    given_ = np.array([float(p) for p in exact])
    keep = (given_ > 1e-290 * F) & (given_ < D * np.minimum(F, K) * (1 - 1e-14))
    assert keep.sum() >= 8
    rows = [a[keep] for a in (given_, F, K, T, D)]
    for got, start, price, *option in zip(implied(*rows), sigma[keep], *rows, strict=True):
        root = polished(twin.mpf(start), price, *option)
        allowed = (8 + twin.implied_condition(option[0], option[1], root, *option[2:])) * twin.UNIT * root
        assert abs(twin.mpf(got) - root) <= allowed


def polished(sigma, price, F, K, T, D):
    """The root for the rounded price, by Newton from the volatility that made the exact one."""
    for _ in range(3):
        now, _, _, vega, _ = twin.greeks(F, K, sigma, T, D, twin.outer_sign(F, K))
        sigma -= (now - twin.mpf(price)) / vega
    return sigma


@pytest.mark.parametrize("row", [(3.0, 100.0, 110.0, 0.5, 0.98, 1), (12.0, 100.0, 110.0, 0.5, 0.98, -1)])
def test_implied_volatility_agrees_with_root_finding(row):
    assert implied(*row)[0] == pytest.approx(float(twin.implied_volatility(*row)), rel=1e-13)


def test_implied_volatility_of_prices_in_the_money():
    F, K, sigma, T, D, sign = options(np.linspace(-0.5, 0.5, 21), 0.4, seed=10, sign=-1.0)
    found = implied(prices(F, K, sigma, T, D, sign), F, K, T, D, sign)
    np.testing.assert_allclose(found, sigma, rtol=1e-13)


def test_implied_volatility_of_no_time_value_is_zero():
    F, K, sign = [100.0] * 4 + [0.0, 5.0], [80.0, 120.0, 100.0, 100.0, 7.0, 0.0], [1, -1, 1, -1, -1, 1]
    flat = prices(F, K, 0.0, 0.5, 0.9, sign)
    np.testing.assert_array_equal(implied(flat, F, K, 0.5, 0.9, sign), 0.0)
    np.testing.assert_array_equal(implied(flat, F, K, 0.0, 0.9, sign), 0.0)


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ((-1e-9, 100.0, 110.0, 1.0, 1.0, 1), Status.DOMAIN),  # below zero
        ((19.99, 120.0, 100.0, 1.0, 1.0, 1), Status.DOMAIN),  # below intrinsic value
        ((100.0, 100.0, 110.0, 1.0, 1.0, 1), Status.DOMAIN),  # at the bound, reached by no volatility
        ((99.0, 100.0, 110.0, 1.0, 0.9, 1), Status.DOMAIN),  # above the discounted bound
        ((110.0, 100.0, 110.0, 1.0, 1.0, -1), Status.DOMAIN),  # a put's bound is its strike
        ((1.0, 100.0, 110.0, 0.0, 1.0, 1), Status.DOMAIN),  # time value without time
        ((1.0, 0.0, 110.0, 1.0, 1.0, 1), Status.DOMAIN),  # a call on nothing
        ((1e-300, 100.0, 100.0, 1.0, 1.0, 1), Status.RANGE),  # underflows per unit of forward
        ((np.nan, 100.0, 110.0, 1.0, 1.0, 1), Status.NOT_FINITE),
        ((1.0, 100.0, np.inf, 1.0, 1.0, 1), Status.NOT_FINITE),
        ((1.0, 100.0, 110.0, -1.0, 1.0, 1), Status.DOMAIN),
        ((1.0, 100.0, 110.0, 1.0, 0.0, 1), Status.DOMAIN),
        ((1.0, 100.0, 110.0, 1.0, 1.0, 2), Status.DOMAIN),
    ],
)
def test_implied_volatility_refuses_what_has_none(row, status):
    good = (3.0, 100.0, 110.0, 0.5, 0.98, 1.0)
    arrays = columns(*np.array([good, row, good, row], dtype=float).T)
    out = np.zeros(4)
    assert black.implied_volatility(*arrays, out) == (status, 1)
    np.testing.assert_array_equal(np.isnan(out), [False, True, False, True])
    assert out[2] == out[0] > 0


def test_implied_from_time_value_reports_the_first_bad_element():
    arrays = columns([1.0, 1.0, -1.0, np.nan], 100.0, 110.0, 1.0, 1.0)
    out = np.zeros(4)
    assert black.implied_from_time_value(*arrays, out) == (Status.DOMAIN, 2)
    np.testing.assert_array_equal(np.isnan(out), [False, False, True, True])


LIMITS = {
    # F, K, sigma, T, D, sign: value, delta, gamma, vega, theta; r = -ln(D) / T
    (100, 0, 0.5, 2, 0.9, 1): (90, 0.9, 0, 0, -np.log(0.9) / 2 * 90),
    (100, 0, 0.5, 2, 0.9, -1): (0, 0, 0, 0, 0),
    (0, 50, 0.5, 2, 0.9, 1): (0, 0, 0, 0, 0),
    (0, 50, 0.5, 2, 0.9, -1): (45, -0.9, 0, 0, -np.log(0.9) / 2 * 45),
    (0, 0, 0.5, 2, 0.9, 1): (0, 0.9, 0, 0, 0),
    (0, 0, 0.5, 2, 0.9, -1): (0, 0, 0, 0, 0),
    (100, 80, 0, 2, 0.9, 1): (18, 0.9, 0, 0, -np.log(0.9) / 2 * 18),
    (100, 80, 0, 2, 0.9, -1): (0, 0, 0, 0, 0),
    (100, 120, 0.5, 0, 1, -1): (20, -1, 0, 0, 0),
    (100, 100, 0, 4, 0.9, 1): (0, 0.45, np.inf, 180 / np.sqrt(2 * np.pi), 0),
    (100, 100, 0, 4, 0.9, -1): (0, -0.45, np.inf, 180 / np.sqrt(2 * np.pi), 0),
    (100, 100, 0.5, 0, 1, 1): (0, 0.5, np.inf, 0, -np.inf),
    (100, 80, 1e6, 2, 0.9, 1): (90, 0.9, 0, 0, -np.log(0.9) / 2 * 90),
    (100, 80, 1e300, 1e300, 0.9, -1): (72, 0, 0, 0, -np.log(0.9) / 1e300 * 72),
    (100, 1e-300, 0.2, 1, 1, 1): (100, 1, 0, 0, 0),
    (1e300, 1e-300, 0.2, 1, 1, -1): (0, 0, 0, 0, 0),
}


@pytest.mark.parametrize("row", LIMITS, ids=str)
def test_limits(row):
    got = [float(g[0]) for g in all_greeks(*row)]
    assert got == pytest.approx(LIMITS[row], rel=1e-14, abs=0)
    assert prices(*row)[0] == got[0]


BAD = [
    (0, -1.0, Status.DOMAIN),
    (1, -1.0, Status.DOMAIN),
    (2, -0.1, Status.DOMAIN),
    (3, -0.1, Status.DOMAIN),
    (4, 0.0, Status.DOMAIN),
    (4, -1.0, Status.DOMAIN),
    (5, 0.5, Status.DOMAIN),
    *((k, x, Status.NOT_FINITE) for k in range(6) for x in (np.nan, np.inf, -np.inf)),
]


@pytest.mark.parametrize(("column", "figure", "status"), BAD)
def test_bad_input_is_named_and_spares_the_others(column, figure, status):
    arrays = columns([100.0] * 4, 90.0, 0.3, 1.0, 0.9, 1.0)
    arrays[column][[1, 3]] = figure
    arrays[0][3] = np.nan  # a later failure of another kind does not change the answer
    out = np.zeros(4)
    greeks = [np.zeros(4) for _ in range(5)]
    assert black.value(*arrays, out) == (status, 1)
    assert black.greeks(*arrays, *greeks) == (status, 1)
    for answer in [out, *greeks]:
        np.testing.assert_array_equal(np.isnan(answer), [False, True, False, True])
    assert out[2] == out[0] == prices(100.0, 90.0, 0.3, 1.0, 0.9, 1.0)[0]


def test_a_price_that_overflows_is_out_of_range():
    out = np.zeros(1)
    assert black.value(*columns([1e308], 0.0, 0.3, 1.0, 10.0, 1.0), out) == (Status.RANGE, 0)
    assert np.isnan(out[0])


def shocked(n, scenarios):
    """Options and matrices of shocked forwards and volatilities."""
    F, K, sigma, T, D, sign = options(np.linspace(-0.4, 0.4, n), 0.3, seed=12)
    moves = np.linspace(0.0, 2.0, scenarios)
    forward = np.ascontiguousarray(F[:, None] * moves)
    volatility = np.ascontiguousarray(sigma[:, None] * moves[::-1])
    return (K, T, D, sign), forward, volatility


def test_revaluation_is_the_loop_over_value():
    option, forward, volatility = shocked(7, 11)
    out = np.zeros((7, 11))
    assert black.revalue(*option, forward, volatility, out) == OK
    K, T, D, sign = option
    for s in range(11):
        column = prices(forward[:, s], K, volatility[:, s], T, D, sign)
        np.testing.assert_array_equal(out[:, s], column)


def test_revaluation_counts_bad_elements_row_by_row():
    option, forward, volatility = shocked(3, 4)
    forward[1, 2] = -1.0
    volatility[2, 0] = np.nan
    out = np.zeros((3, 4))
    assert black.revalue(*option, forward, volatility, out) == (Status.DOMAIN, 1 * 4 + 2)
    assert np.argwhere(np.isnan(out)).tolist() == [[1, 2], [2, 0]]
    option[0][0] = np.inf
    assert black.revalue(*option, forward, volatility, out) == (Status.NOT_FINITE, 0)
    assert np.isnan(out[0]).all()


FACES = {"value": (6, 1), "greeks": (6, 5), "implied_volatility": (6, 1), "implied_from_time_value": (5, 1)}


@pytest.mark.parametrize("face", FACES)
def test_unequal_lengths_write_nothing(face):
    count = sum(FACES[face])
    for short in range(count):
        arrays = [np.ones(2 if k == short else 3) for k in range(count)]
        assert getattr(black, face)(*arrays) == (Status.SHAPE, -1)
        assert all((a == 1.0).all() for a in arrays)


def test_unequal_shapes_write_nothing_in_revaluation():
    for wrong in range(7):
        arrays = [np.ones(3) for _ in range(4)] + [np.ones((3, 2)) for _ in range(3)]
        arrays[wrong] = np.ones(2) if wrong < 4 else np.ones((3, 3))
        assert black.revalue(*arrays) == (Status.SHAPE, -1)
        assert all((a == 1.0).all() for a in arrays)


@pytest.mark.parametrize("face", FACES)
def test_no_elements_are_no_failure(face):
    assert getattr(black, face)(*[np.empty(0)] * sum(FACES[face])) == OK


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_no_scenarios_are_no_failure(shape):
    option = [np.ones(shape[0])] * 4
    assert black.revalue(*option, *[np.ones(shape)] * 3) == OK


@pytest.mark.parametrize("face", FACES)
def test_none_is_refused(face):
    with pytest.raises(TypeError, match="None"):
        getattr(black, face)(*[None] * sum(FACES[face]))


def test_kernels_are_published_to_c():
    kernels = {"value", "greeks", "implied_volatility", "implied_from_time_value", "revalue"}
    assert {f"{k}_kernel" for k in kernels} <= set(black.__pyx_capi__)


option_figures = {
    "F": st.floats(1e-3, 1e5),
    "x": st.floats(-8, 8),
    "v": st.floats(1e-9, 20),
    "T": st.floats(1e-4, 30),
    "D": st.floats(0.2, 1.2),
}
fixed = settings(max_examples=200, derandomize=True, deadline=None, database=None)


@fixed
@given(**option_figures)
def test_call_minus_put_is_the_discounted_difference(F, x, v, T, D):
    K = F * np.exp(x)
    call, put = prices(F, K, v / T**0.5, T, D, [1.0, -1.0])
    assert call - put == pytest.approx(D * (F - K), rel=0, abs=2e-15 * D * max(F, K))


@fixed
@given(**option_figures, sign=st.sampled_from([1.0, -1.0]))
def test_price_lies_between_intrinsic_value_and_bound(F, x, v, T, D, sign):
    K = F * np.exp(x)
    price = prices(F, K, v / T**0.5, T, D, sign)[0]
    assert D * max(sign * (F - K), 0.0) <= price <= D * (F if sign > 0 else K)


@fixed
@given(**option_figures, sign=st.sampled_from([1.0, -1.0]), factor=st.floats(1, 3))
def test_price_grows_with_volatility(F, x, v, T, D, sign, factor):
    K = F * np.exp(x)
    low, high = prices(F, K, np.array([1.0, factor]) * v / T**0.5, T, D, sign)
    assert high >= low * (1 - 1e-12)


@fixed
@given(**option_figures)
def test_forward_and_strike_change_places_with_the_sign(F, x, v, T, D):
    K = F * np.exp(x)
    assert prices(F, K, v / T**0.5, T, D, 1.0)[0] == prices(K, F, v / T**0.5, T, D, -1.0)[0]


@fixed
@given(**option_figures)
def test_implied_volatility_finds_its_way_back(F, x, v, T, D):
    K = F * np.exp(x)
    sign = 1.0 if F <= K else -1.0
    price, _, _, vega, _ = (float(g[0]) for g in all_greeks(F, K, v / T**0.5, T, D, sign))
    if 1e-290 * F < price < D * min(F, K):
        found = implied(price, F, K, T, D)[0]
        spread = 1e-13 * (1 + price / vega * T**0.5 / v) * v / T**0.5
        assert found == pytest.approx(v / T**0.5, rel=0, abs=spread)
