"""Kernels with lanes at the level that is loaded: every size about a lane's width beside the slow twins, NaN, infinity.

``test_levels.py`` runs this file at the other levels of the machine.
"""

import os
from math import fsum

import numpy as np
import pytest
from levels import POOLS, SIZES, contemplate_many, gains, holdings, mixed, options, scan, time_values
from margin.plan.lab import INSTRUMENTS, N_ITEMS, ROWS, Lab, outputs, table
from reference import black as exact
from reference import scenario as twin

from crossmargin import Account, Book, _core
from crossmargin._core import black, scenario
from crossmargin._core.status import Status
from crossmargin.errors import KernelError

OK = (Status.OK, -1)
UNIT = 2.0**-53
BAD = (np.nan, np.inf, -np.inf)
WIDTHS = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33)  # elements about 2, 4 and 8 lanes
each_size = pytest.mark.parametrize("n", SIZES)
each_pool = pytest.mark.parametrize("pool", POOLS)


def test_the_level_that_is_asked_for_is_loaded():
    assert _core.level == os.environ.get("CROSSMARGIN_ISA", _core.level)


# ---- sums ----------------------------------------------------------------------------------
def room(array, item, quantity):
    """How far a sum in order may be from the exact one, by scenario: each term is rounded at most twice."""
    terms = np.abs(quantity[:, None] * array[item])
    return (len(item) + 1) * UNIT * terms.sum(axis=0)


def units(start):
    return list(zip(start[:-1].tolist(), start[1:].tolist(), strict=True))


@each_pool
@each_size
def test_scans_and_gains_equal_the_twin(pool, n):
    array, start, item, quantity = holdings(pool, n, seed=1)
    status, loss, row = scan(array, start, item, quantity)
    assert status == OK
    for unit, (a, b) in enumerate(units(start)):
        exact_gains, slack = twin.gains(array, item[a:b], quantity[a:b]), room(array, item[a:b], quantity[a:b])
        status, out = gains(array, item[a:b], quantity[a:b])
        assert status == OK
        assert (np.abs(out - exact_gains) <= slack).all()
        least = min(exact_gains, default=0.0)
        assert abs(loss[unit] - max(0.0, -least)) <= slack.max(initial=0.0)
        assert row[unit] == (exact_gains.index(least) if n else -1)


@each_size
def test_the_worst_may_lie_anywhere_and_the_first_of_several_is_taken(n):
    array = np.ones((n + 1, n))
    array[np.arange(n), np.arange(n)] = -2.0
    array[n, n // 2 :] = -3.0
    start, item, quantity = np.arange(n + 2), np.arange(n + 1), np.ones(n + 1)
    for times in (1, 9):  # with nine holdings an instrument rows are copied
        book = start * times, np.repeat(item, times), np.repeat(quantity, times)
        status, loss, row = scan(array, *book)
        assert status == OK
        assert loss.tolist() == [2.0 * times] * n + [3.0 * times if n else 0.0]
        assert row.tolist() == [*range(n), n // 2 if n else -1]


@each_size
def test_orders_equal_the_twin(n):
    array, _, item, quantity = holdings(120, n, seed=2)
    status, out = contemplate_many(array[0], array, item, quantity)
    assert status == OK
    for i, q, found in zip(item, quantity, out, strict=True):
        expected = [fsum((array[0, s], q * array[i, s])) for s in range(n)]
        slack = 2 * UNIT * (np.abs(array[0]) + np.abs(q * array[i])).max(initial=0.0)
        assert abs(found - min(expected, default=0.0)) <= slack
        assert scenario.contemplate(array[0], array[i], float(q)) == (Status.OK, found)


@pytest.mark.parametrize("figure", [*BAD, -1, 120, -(2**40), 2**40], ids=str)
@pytest.mark.parametrize("n", WIDTHS)
def test_a_bad_holding_is_found_wherever_it_lies(n, figure):
    array, _, item, quantity = holdings(120, 45, most=400)
    status = Status.NOT_FINITE if isinstance(figure, float) else Status.UNKNOWN
    for at in range(n):
        keys, lots = item[:n].copy(), quantity[:n].copy()
        (lots if isinstance(figure, float) else keys)[at] = figure
        assert gains(array, keys, lots)[0] == (status, at)
        assert np.isnan(gains(array, keys, lots)[1]).all()
        found, out = contemplate_many(array[0], array, keys, lots)
        assert found == (status, at)
        assert np.isnan(out).all()


@pytest.mark.parametrize("at", [0, 7, 4090, 4096, 5000, 8999])
def test_a_scan_is_written_up_to_the_unit_that_is_refused(at):
    """Holdings are checked some thousands at a time, so the place lies in the first such piece, or beyond it."""
    array, _, item, quantity = holdings(40, 17, most=4000)
    item, quantity = np.resize(item, 9000), np.resize(quantity, 9000)
    start = np.arange(0, 9001, 9)
    _, whole, rows = scan(array, start, item, quantity)
    for figure in BAD:
        lots = quantity.copy()
        lots[at:] = figure  # the first is named
        status, loss, row = scan(array, start, item, lots)
        unit = at // 9
        assert status == (Status.NOT_FINITE, at)
        assert loss[:unit].tobytes() == whole[:unit].tobytes()
        assert row[:unit].tolist() == rows[:unit].tolist()
        assert np.isnan(loss[unit:]).all()
        assert (row[unit:] == -7).all()


@pytest.mark.parametrize("quantity", BAD)
def test_an_order_that_is_not_finite_is_refused(quantity):
    assert scenario.contemplate(np.ones(45), np.ones(45), quantity)[0] == Status.NOT_FINITE


@pytest.mark.parametrize("n", WIDTHS)
def test_what_is_not_finite_in_rows_stays_in_its_scenario(n):
    """A published array is finite; here a NaN gain is passed over as the worst and an infinite one counts."""
    for at in range(n):
        for figure in BAD:
            array = np.stack([np.arange(1.0, n + 1), np.full(n, 0.5)])
            array[0, at] = figure
            expected = array[0] + array[1]
            _, out = gains(array, np.array([0, 1]), np.ones(2))
            np.testing.assert_array_equal(out, expected)
            numbers = [x for x in expected if x == x]
            least = min(numbers, default=np.inf)
            _, loss, row = scan(array, np.array([0, 2]), np.array([0, 1]), np.ones(2))
            assert loss[0] == max(0.0, -least)
            assert row[0] == (expected.tolist().index(least) if np.isfinite(least) or least < 0 else 0)
            for gain, other in ((array[0], array[1]), (array[1], array[0])):
                assert scenario.contemplate(gain, other, 1.0) == (Status.OK, least)


def test_the_largest_figures_are_sums_as_any_other():
    most = np.finfo(float).max
    array = np.array([[most, -most, most / 2] * 7])
    _, out = gains(array, np.array([0, 0]), np.ones(2))
    np.testing.assert_array_equal(out, [np.inf, -np.inf, most] * 7)
    _, loss, row = scan(array, np.array([0, 2]), np.array([0, 0]), np.ones(2))
    assert (loss[0], row[0]) == (np.inf, 1)


class Rows(Lab):
    """Sums of n rows by account, from a table that is given."""

    def __init__(self, table):
        super().__init__()
        self.table = table
        self.m.output("sums", self.position.sum("t", rows="s"))

    def of(self, held, quantum):
        rows = ROWS | {"s": tuple(f"s{i}" for i in range(self.table.shape[1]))}
        return outputs(self.bind(rows=rows), ["sums"], held, quantum=quantum)["sums"]

    def tables(self, program, rows, seed):
        return super().tables(program, rows, seed) | {"t": self.table}


def two_held():
    """An account with a lot of each of the first two items."""
    rows = [(0, 0, 1, 0), (0, 1, 1, 0)]
    positions = table(("account", "instrument", "lots", "open_cost"), rows)
    return Book.of(INSTRUMENTS, [Account(id="a", currency="USD")], positions=positions)


@pytest.mark.parametrize("n", WIDTHS)
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_rounded_sums_end_at_the_range_of_their_quantum(n, side):
    """2^51 quanta is the most that a term or a sum may be, in whichever scenario it lies."""
    most = side * 2.0**51
    for at in range(n):
        for one, two, held in ((most, 0.0, True), (most / 2, most / 2, True), (most, -most, True),
                               (most + side, 0.0, False), (most / 2, most / 2 + side, False)):  # fmt: skip
            figures = np.zeros((N_ITEMS, n))
            figures[:2, at] = one, two
            if held:
                assert Rows(figures).of(two_held(), 1.0)[0].tolist() == [0.0] * at + [one + two] + [0.0] * (n - at - 1)
            else:
                with pytest.raises(KernelError, match="RANGE"):
                    Rows(figures).of(two_held(), 1.0)


# ---- prices --------------------------------------------------------------------------------
def cut(columns, at):
    return [np.ascontiguousarray(c[at]) for c in columns]


@pytest.mark.parametrize("kind", ["plain", "mixed"])
@pytest.mark.parametrize("n", [*WIDTHS, 97])
def test_elements_do_not_depend_on_their_neighbours(kind, n):
    """Beginnings, ends and shuffles of columns have the bits of the whole."""
    columns, draw = options(97, seed=1) if kind == "plain" else mixed(), np.random.default_rng(n)
    values = time_values(columns[0], columns[1], columns[4])
    _, whole = answers(columns, values)
    for at in (np.arange(n), np.arange(97 - n, 97), draw.permutation(97)[:n], np.full(n, 4), np.arange(n)[::-1]):
        _, part = answers(cut(columns, at), values[at])
        for name in whole:
            assert part[name].tobytes() == whole[name][at].tobytes(), name


def answers(columns, values):
    """Every face on columns and time values: ([(status, index)], arrays by name)."""
    F, K, sigma, T, D, sign = columns
    names = ("value", "again", "delta", "gamma", "vega", "theta", "implied", "of price", "revalued")
    found = {name: np.zeros(len(F)) for name in names}
    with np.errstate(invalid="ignore"):
        price = values + D * np.maximum(sign * (F - K), 0.0)
    codes = [black.value(*columns, found["value"]), black.greeks(*columns, *(found[name] for name in names[1:6]))]
    codes += [black.implied_from_time_value(values, F, K, T, D, found["implied"])]
    codes += [black.implied_volatility(price, F, K, T, D, sign, found["of price"])]
    codes += [black.revalue(K, T, D, sign, F[:, None], sigma[:, None], found["revalued"][:, None])]
    return codes, found


@pytest.mark.parametrize("figure", BAD)
@pytest.mark.parametrize("n", WIDTHS)
def test_a_bad_element_is_found_wherever_it_lies_and_spares_the_others(n, figure):
    columns = options(n, seed=n)
    values = time_values(columns[0], columns[1], columns[4])
    _, clean = answers(columns, values)
    for at in range(n):
        spoilt = [c.copy() for c in columns]
        spoilt[at % 5][at] = figure
        codes, found = answers(spoilt, values)
        for code, bad in zip(codes, ("value", "again", "implied", "of price", "revalued"), strict=True):
            inverse = bad in {"implied", "of price"} and at % 5 == 2  # volatility is what it finds
            assert code == (OK if inverse else (Status.NOT_FINITE, at)), bad
        for name, x in found.items():
            others = np.arange(n) != at
            assert x[others].tobytes() == clean[name][others].tobytes()
            assert np.isnan(x[at]) == (name not in {"implied", "of price"} or at % 5 != 2)


@pytest.mark.parametrize("n", WIDTHS)
def test_revaluations_have_the_bits_of_values(n):
    """Lanes run over the scenarios of one option, and none reaches into the next row."""
    F, K, sigma, T, D, sign = options(8, seed=n)
    forward, volatility = (np.outer(x, np.linspace(0.6, 1.4, n)) for x in (F, sigma))
    forward[2, n // 2], volatility[5, 0] = -1.0, np.nan
    out = np.zeros((8, n))
    assert black.revalue(K, T, D, sign, forward, volatility, out) == (Status.DOMAIN, 2 * n + n // 2)
    long = [np.repeat(x, n) for x in (K, T, D, sign)]
    alone = np.zeros(8 * n)
    black.value(forward.ravel(), long[0], volatility.ravel(), *long[1:], alone)
    assert out.tobytes() == alone.tobytes()
    assert np.isnan(out).sum() == 2


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 9, 17])
def test_nothing_is_written_behind_the_end(n):
    columns = options(n, seed=n)
    for face, count in ((black.value, 1), (black.greeks, 5)):
        behind = [np.full(n + 16, -7.0) for _ in range(count)]
        face(*columns, *(x[8 : 8 + n] for x in behind))
        for x in behind:
            assert (x[:8] == -7.0).all()
            assert (x[8 + n :] == -7.0).all()
            assert (x[8 : 8 + n] != -7.0).all()
    array, _, item, quantity = holdings(120, n)
    out = np.full(n + 16, -7.0)
    scenario.gains(array, item, quantity, out[8 : 8 + n])
    assert (out[:8] == -7.0).all()
    assert (out[8 + n :] == -7.0).all()


def test_prices_and_volatilities_keep_the_accuracy_rule():
    """Every fourth option is one that the lanes leave to the scalar point."""
    columns = options(61, seed=3)
    F, K, sigma, T, D, _ = columns
    values = time_values(F, K, D, seed=3)
    codes, found = answers(columns, values)
    assert codes[0] == codes[2] == OK
    for at, row in enumerate(zip(*columns, strict=True)):
        price = exact.value(*row)
        assert abs(exact.mpf(found["value"][at]) - price) <= 1e-15 * row[4] * max(row[:2])
        back = exact.time_value(F[at], K[at], exact.mpf(found["implied"][at]), T[at], D[at])
        vega = exact.greeks(F[at], K[at], found["implied"][at], T[at], D[at], 1)[3]
        kappa = exact.implied_condition(F[at], K[at], found["implied"][at], T[at], D[at])
        allowed = (8 + kappa) * exact.UNIT * found["implied"][at] * vega
        assert abs(back - exact.mpf(values[at])) <= allowed * (1 + exact.mpf(2) ** -20)
