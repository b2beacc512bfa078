"""Scenario reduce beside its slow twin, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import scenario as twin

from crossmargin._core import scenario
from crossmargin._core.risk_table import RiskTable
from crossmargin._core.status import Status


def book(seed, units=30, items=12, n_scenarios=9):
    rng = np.random.default_rng(seed)
    array = rng.normal(size=(items, n_scenarios)) * 100
    sizes = rng.integers(0, 8, units)
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    item = rng.integers(0, items, start[-1])
    return array, start, item, rng.integers(-50, 51, start[-1]).astype(float)


def scan(array, start, item, quantity):
    units = len(start) - 1
    loss, row = np.full(units, np.nan), np.full(units, -7, dtype=np.int64)
    status = scenario.scan(array, start, item, quantity, np.empty(array.shape[1]), loss, row)
    return status, loss, row


@given(seed=st.integers(0, 2**32 - 1), n_scenarios=st.sampled_from([0, 1, 2, 16, 45]))
def test_it_equals_the_twin(seed, n_scenarios):
    array, start, item, quantity = book(seed, n_scenarios=n_scenarios)
    status, loss, row = scan(array, start, item, quantity)
    assert status == (Status.OK, -1)
    assert np.allclose(loss, twin.scan(array, start, item, quantity), rtol=1e-12, atol=1e-9)
    out = np.empty(n_scenarios)
    assert scenario.gains(array, item[: start[1]], quantity[: start[1]], out) == (Status.OK, -1)
    assert np.allclose(out, twin.gains(array, item[: start[1]], quantity[: start[1]]), rtol=1e-12, atol=1e-9)
    assert ((row == -1) == (n_scenarios == 0)).all()


def test_a_tie_takes_the_first_row_and_a_gain_is_no_loss():
    array = np.array([[5.0, -2.0, -2.0], [1.0, 2.0, 3.0]])
    start, item, quantity = np.array([0, 1, 2]), np.array([0, 1]), np.array([1.0, 1.0])
    _, loss, row = scan(array, start, item, quantity)
    assert loss.tolist() == [2.0, 0.0]
    assert row.tolist() == [1, 0]


@given(seed=st.integers(0, 2**32 - 1), quantity=st.integers(-100, 100))
def test_contemplating_an_order_is_holding_it(seed, quantity):
    array, start, item, held = book(seed)
    gain = np.empty(array.shape[1])
    scenario.gains(array, item[: start[3]], held[: start[3]], gain)
    status, least = scenario.contemplate(gain, array[4], float(quantity))
    with_it = np.empty(array.shape[1])
    scenario.gains(array, np.append(item[: start[3]], 4), np.append(held[: start[3]], float(quantity)), with_it)
    assert (status, least) == (Status.OK, with_it.min())


@pytest.mark.parametrize(("change", "expected"), [
    ("nan", (Status.NOT_FINITE, 5)), ("inf", (Status.NOT_FINITE, 5)), ("item", (Status.UNKNOWN, 5)),
    ("negative", (Status.UNKNOWN, 5)),
])  # fmt: skip
def test_a_bad_holding_is_named(change, expected):
    array, start, item, quantity = book(3)
    assert start[-1] > 5
    if change in {"nan", "inf"}:
        quantity[5] = float(change)
    else:
        item[5] = len(array) if change == "item" else -1
    assert scan(array, start, item, quantity)[0] == expected


def test_shapes_that_disagree_are_refused():
    array, start, item, quantity = book(1)
    work, loss, row = np.empty(9), np.empty(30), np.empty(30, dtype=np.int64)
    assert scenario.scan(array, start, item[:-1], quantity, work, loss, row)[0] == Status.SHAPE
    assert scenario.scan(array, start[::-1].copy(), item, quantity, work, loss, row)[0] == Status.SHAPE
    assert scenario.scan(array, start, item, quantity, work[:-1], loss, row)[0] == Status.SHAPE
    assert scenario.gains(array, item, quantity, work[:-1])[0] == Status.SHAPE
    assert scenario.contemplate(work, work[:-1], 1.0)[0] == Status.SHAPE
    assert scenario.contemplate(work, work, float("nan"))[0] == Status.NOT_FINITE
    with pytest.raises(TypeError):
        scenario.gains(None, item, quantity, work)


def test_nothing_held_loses_nothing():
    array = np.zeros((0, 4))
    empty = np.zeros(0, dtype=np.int64)
    status, loss, _ = scan(array, np.array([0, 0]), empty, np.zeros(0))
    assert (status[0], loss.tolist()) == (Status.OK, [0.0])


@given(seed=st.integers(0, 2**32 - 1), n_scenarios=st.sampled_from([1, 2, 7, 8, 9, 45, 97]))
def test_many_orders_are_each_contemplated_alone(seed, n_scenarios):
    array, start, item, quantity = book(seed, n_scenarios=n_scenarios)
    gain, out = np.random.default_rng(seed).normal(size=n_scenarios) * 100, np.empty(len(item))
    assert scenario.contemplate_many(gain, array, item, quantity, out) == (Status.OK, -1)
    alone = [scenario.contemplate(gain, array[i], q) for i, q in zip(item, quantity, strict=True)]
    assert [(Status.OK, found) for found in out] == alone


def test_many_orders_name_the_first_bad_one():
    array, start, item, quantity = book(3)
    out, gain = np.full(len(item), 7.0), np.zeros(9)
    quantity[4], item[6] = np.inf, len(array)
    assert scenario.contemplate_many(gain, array, item, quantity, out) == (Status.NOT_FINITE, 4)
    assert (out == 7.0).all()
    assert scenario.contemplate_many(gain[:-1], array, item, quantity, out)[0] == Status.SHAPE


@given(seed=st.integers(0, 2**32 - 1), n_scenarios=st.sampled_from([0, 1, 7, 8, 45, 97]))
def test_a_kept_table_answers_as_the_scan_of_its_array(seed, n_scenarios):
    array, start, item, quantity = book(seed, n_scenarios=n_scenarios)
    kept, (_, loss, row) = RiskTable(array), scan(array, start, item, quantity)
    found, at = np.empty(len(loss)), np.empty(len(loss), dtype=np.int64)
    assert kept.scan(start, item, quantity, found, at) == (Status.OK, -1)
    assert found.tobytes() == loss.tobytes()
    assert at.tobytes() == row.tobytes()
    for unit in range(len(loss)):
        held = slice(start[unit], start[unit + 1])
        assert (kept.loss(item[held], quantity[held]), kept.row) == (loss[unit], row[unit])


def test_a_kept_table_refuses_by_its_answer():
    array, start, item, quantity = book(3)
    kept = RiskTable(array)
    quantity[5] = np.nan
    assert (kept.loss(item, quantity), kept.row) == (-Status.NOT_FINITE, 5)
    quantity[5], item[2] = 1.0, -1
    assert (kept.loss(item, quantity), kept.row) == (-Status.UNKNOWN, 2)
    assert kept.loss(item, quantity.astype(np.float32)) == -Status.SHAPE
    assert kept.loss(item[:-1], quantity) == -Status.SHAPE
    assert kept.loss(item.astype(np.int32), quantity) == -Status.SHAPE
    assert kept.scan(start[::-1].copy(), item, quantity, np.empty(30), np.empty(30, dtype=np.int64))[0] == Status.SHAPE
    with pytest.raises(TypeError):
        kept.loss([1, 2], quantity)
    array[3, 2] = np.inf
    with pytest.raises(ValueError, match="array must be finite, was inf at row 3"):
        RiskTable(array)
