"""The matchers' kernels beside their slow twins, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import matching as twin

from crossmargin._core import matching
from crossmargin._core.status import Status
from crossmargin.margin.plan.matchers import COUNTING, FEATURES, Leg, padded_codes, spread_code

MAX_TYPES, MAX_UNITS = 128, 12
SIDES = {"A": 1.0, "B": -1.0}

# ---- spreads ---------------------------------------------------------------------------------

PLACES = 6
deltas = st.lists(st.integers(-80, 80).map(lambda n: n / 8), min_size=PLACES, max_size=PLACES)
period = st.tuples(st.integers(0, PLACES - 1), st.integers(0, PLACES - 1)).map(lambda p: (min(p), max(p)))
leg = st.tuples(period, st.sampled_from("AB"), st.sampled_from([0.25, 0.5, 1.0, 2.0, 3.0]))


def apart(legs):
    """Legs of one side share no place; the first of them stays."""
    kept, taken = [], set()
    for (first, last), side, ratio in legs:
        places = {(side, place) for place in range(first, last + 1)}
        if not places & taken:
            kept.append(((first, last), side, ratio))
            taken |= places
    return kept


spreads = st.lists(st.lists(leg, min_size=1, max_size=3).map(apart), max_size=5)


def formed(deltas, given_spreads, counting, rows=None):
    """Status, counts, deltas left and used."""
    written = [
        [Leg(SIDES[side], ratio, tuple(range(a, b + 1))) for (a, b), side, ratio in legs]
        for legs in given_spreads
    ]
    code = np.array(spread_code(written, len(deltas), counting, rows=rows))
    n_counts = int(code[0])
    out = np.full(n_counts + 2 * len(deltas), np.nan)
    status = matching.spreads(code, np.array(deltas, dtype=np.float64), out)
    return status, *np.split(out, [n_counts, n_counts + len(deltas)])


@given(deltas=deltas, given_spreads=spreads, counting=st.sampled_from(COUNTING))
def test_spreads_equal_the_twin(deltas, given_spreads, counting):
    """Rounded deltas are spread one to one: there fractions and whole spreads are the same."""
    if counting == "rounded":
        given_spreads = [[(p, side, 1.0) for p, side, _ in legs] for legs in given_spreads]
    status, counts, left, used = formed(deltas, given_spreads, counting)
    wanted, remaining = twin.spreads(dict(enumerate(deltas)), given_spreads, counting)
    start = [twin.rounded(x) if counting == "rounded" else x for x in deltas]
    assert status == Status.OK
    assert counts.tolist() == pytest.approx(wanted, rel=1e-12, abs=1e-12)
    assert left.tolist() == pytest.approx(list(remaining.values()), rel=1e-12, abs=1e-12)
    assert used.tolist() == pytest.approx(
        [abs(a) - abs(b) for a, b in zip(start, left, strict=True)], abs=1e-12
    )
    assert (used >= -1e-12).all()
    assert all(a * b >= -1e-12 for a, b in zip(start, left, strict=True))


@given(given_spreads=spreads, counting=st.sampled_from(COUNTING))
def test_no_deltas_form_nothing(given_spreads, counting):
    status, *outs = formed([0.0] * PLACES, given_spreads, counting)
    assert status == Status.OK
    assert not np.concatenate(outs).any()


@pytest.mark.parametrize(
    ("delta", "expected"), [(0.5, 0), (-0.5, 0), (1.5, 1), (-1.5, -1), (0.51, 1), (-2.51, -3)]
)
def test_rounding_takes_a_half_towards_zero(delta, expected):
    _, _, left, _ = formed([delta], [], "rounded")
    assert left.tolist() == [expected]


def test_rows_beyond_the_spreads_are_nothing():
    status, counts, left, used = formed(
        [2.0, -3.0], [[((0, 0), "A", 1.0), ((1, 1), "B", 1.0)]], "whole", rows=4
    )
    assert (status, counts.tolist(), left.tolist(), used.tolist()) == (
        Status.OK,
        [2, 0, 0, 0],
        [0, -1],
        [2, 2],
    )


def test_spreads_of_no_place():
    assert matching.spreads(np.array([0.0, 0.0, 0.0, 0.0]), np.zeros(0), np.zeros(0)) == Status.OK


@pytest.mark.parametrize(("code", "places", "rows"), [
    ([1.0, 2.0, 0.0], 2, 5), ([1.0, 2.0, 0.0, 0.0], 3, 5), ([1.0, 2.0, 0.0, 0.0], 2, 4),
    ([0.0, 0.0, 0.0, 0.0], 1, 0),
])  # fmt: skip
def test_spreads_of_another_shape_are_refused(code, places, rows):
    out = np.full(rows, np.nan)
    assert matching.spreads(np.array(code), np.zeros(places), out) == Status.SHAPE
    assert np.isnan(out).all()


# ---- strategies ------------------------------------------------------------------------------

CALL, PUT, STOCK = 0.0, 1.0, 2.0
PRICES = st.integers(0, 400).map(lambda n: n / 4)


def contract(kind, strike=0.0, premium=0.0, expiry=0.0, naked=0.0, owned=None):
    """Features of a contract of 100 a unit, one unit a lot."""
    owned = premium if owned is None else owned
    found = {"kind": kind, "units": 1.0, "strike": strike, "size": 100.0, "premium": premium,
             "expiry": expiry, "naked": naked, "owned": owned}  # fmt: skip
    return [found[name] for name in FEATURES]


def grouped(lots, features, straddles=1.0, exact=8.0):
    """Status, requirement, lower bound."""
    table, out = np.array(features, dtype=np.float64).reshape(-1, len(FEATURES)), np.full(2, np.nan)
    status = matching.group(np.array(lots, dtype=np.float64), table, np.array([straddles, exact]), out)
    return status, *out.tolist()


option = st.builds(
    contract, st.sampled_from([CALL, PUT]), st.integers(1, 8).map(float), PRICES,
    st.integers(1, 3).map(float), naked=st.integers(0, 4000).map(float),
)  # fmt: skip
stock = st.just(contract(STOCK))
held = st.lists(st.tuples(st.one_of(option, option, stock), st.integers(-3, 3)), max_size=5)


def payoff(f, price):
    value = price - f[2] if f[0] == CALL else f[2] - price
    return f[3] * max(value, 0.0)


def covering(long, short):
    """Cost of a long and a short option of one right, or None where the long expires first."""
    if long[0] != short[0] or long[0] == STOCK or long[5] < short[5]:
        return None
    return long[4] - short[4] - min(payoff(long, s) - payoff(short, s) for s in (0.0, long[2], short[2]))


def straddle(a, b):
    """The greater requirement and the other's price; of equal ones the greater price."""
    return max((a[6], b[4]), (b[6], a[4]))


def pair_cost(a, x, b, y, straddles):
    """Cost of two signed units as a pair, or None."""
    delivered = {(CALL, -1): (STOCK, 1), (PUT, -1): (STOCK, -1)}
    if delivered.get((a[0], x)) == (b[0], y) or delivered.get((b[0], y)) == (a[0], x):
        return 0.0  # the stock's own charge stands beside the groups
    if x != y:
        return covering(a, b) if x > 0 else covering(b, a)
    return sum(straddle(a, b)) if straddles and x < 0 and {a[0], b[0]} == {CALL, PUT} else None


def by_pairs(lots, features, straddles):
    """Least cost of singles and pairs, by the twin."""
    units = [(f, 1 if n > 0 else -1, abs(n)) for f, n in zip(features, lots, strict=True) if n]
    alone = [f[7] if sign > 0 else f[6] for f, sign, _ in units]
    prices = {
        (i, j): pair_cost(a, x, b, y, straddles)
        for i, (a, x, _) in enumerate(units)
        for j, (b, y, _) in enumerate(units)
        if i != j
    }
    allowed = {pair: cost for pair, cost in prices.items() if cost is not None}
    return twin.cheapest_pairs(alone, allowed, [n for _, _, n in units])


@given(held=held, straddles=st.sampled_from([0.0, 1.0]))
def test_groups_cost_no_more_than_the_cheapest_pairs(held, straddles):
    features, lots = [f for f, _ in held], [n for _, n in held]
    pairs = by_pairs(lots, features, straddles)
    for exact in (0.0, 8.0):
        status, cost, lower = grouped(lots, features, straddles, exact)
        assert status == Status.OK
        assert cost <= pairs + 1e-6
        assert lower <= cost


@given(
    held=st.lists(st.tuples(st.one_of(option, stock), st.integers(1, 4)), max_size=5),
    straddles=st.sampled_from([0.0, 1.0]),
)
def test_shorts_and_stock_are_paired_as_cheaply_as_can_be(held, straddles):
    """Without a long option no set forms: the requirement is that of the cheapest pairs."""
    features = [f for f, _ in held]
    lots = [n if f[0] == STOCK and i % 2 else -n for i, (f, n) in enumerate(held)]
    wanted = by_pairs(lots, features, straddles)
    for exact in (0.0, 8.0):
        assert grouped(lots, features, straddles, exact)[1] == pytest.approx(wanted, rel=1e-12, abs=1e-6)


@given(held=held, straddles=st.sampled_from([0.0, 1.0]))
def test_every_partition_lies_between_the_bound_and_the_search(held, straddles):
    features, lots = [f for f, _ in held], [n for _, n in held]
    if sum(map(abs, lots)) <= MAX_UNITS:
        _, exact, low = grouped(lots, features, straddles, float(MAX_UNITS))
        _, searched, lower = grouped(lots, features, straddles, 0.0)
        assert exact == low
        assert lower - 1e-6 <= exact <= searched + 1e-6


def test_a_part_of_a_unit_stands_alone():
    short = contract(CALL, 50.0, 200.0, 1.0, naked=1000.0)
    assert grouped([-2.25], [short]) == (Status.OK, 2250.0, 2250.0)


def test_nothing_held_requires_nothing():
    assert grouped([], []) == (Status.OK, 0.0, 0.0)
    assert grouped([0.0], [contract(CALL, 50.0, naked=9.0)]) == (Status.OK, 0.0, 0.0)


@pytest.mark.parametrize(("n", "status"), [(MAX_TYPES, Status.OK), (MAX_TYPES + 1, Status.CAPACITY)])
def test_more_contracts_than_there_is_room_for(n, status):
    found, cost, _ = grouped([-1.0] * n, [contract(CALL, float(i), naked=10.0) for i in range(n)])
    assert found == status
    assert np.isnan(cost) if status else cost == 10.0 * n


@pytest.mark.parametrize(("lots", "rows", "columns", "rule", "out"), [
    (2, 1, 8, 2, 2), (1, 1, 7, 2, 2), (1, 1, 8, 1, 2), (1, 1, 8, 2, 3), (0, 1, 8, 2, 2),
])  # fmt: skip
def test_groups_of_another_shape_are_refused(lots, rows, columns, rule, out):
    found = np.full(out, np.nan)
    assert matching.group(np.ones(lots), np.ones((rows, columns)), np.ones(rule), found) == Status.SHAPE
    assert np.isnan(found).all()


def test_codes_are_padded_to_one_width():
    made = padded_codes(
        [spread_code([[Leg(1.0, 1.0, (0, 1))]], 2, "whole"), spread_code([], 2, "fraction", rows=1)]
    )
    assert made.shape == (2, 4 + 1 + 3 + 2)
    assert made[1].tolist() == [1.0, 2.0] + [0.0] * 8
