"""The face of the covariance kernels: what they refuse, and that nothing is written then."""

import numpy as np
import pytest

from crossmargin._core import covariance
from crossmargin._core.status import Status

GROUP, LEVEL = np.array([0, 0, 1, -1]), np.array([0, 1, 0, 7])
START, TABLE = np.array([0, 2, 3]), np.array([0, -1])
COEFFICIENT, FIGURES = np.array([0.5, 2.0]), np.array([1.0, 0.3, 0.3, 1.0])
TERM = (GROUP, LEVEL, START, TABLE, COEFFICIENT, FIGURES)
X = np.array([1.0, 10.0, 100.0, 1000.0])


def changed(place, value):
    return tuple(np.asarray(value) if number == place else array for number, array in enumerate(TERM))


def test_a_term_by_hand():
    y = np.zeros(4)
    assert covariance.check_term(*TERM) == (Status.OK, -1)
    assert covariance.correlate(*TERM, X, np.empty(6), y) == Status.OK
    assert y.tolist() == [0.5 * (1.0 + 3.0), 0.5 * (0.3 + 10.0), 200.0, 0.0]  # the last factor is outside
    assert covariance.correlate(*TERM, X, np.empty(6), y) == Status.OK
    assert y[2] == 400.0  # it adds


def test_concordance_by_hand():
    y, c = np.zeros(4), np.array([2.0, 1.0, 5.0, 1.0])
    order = np.argsort(c, kind="stable")
    assert covariance.concordant(*TERM, X, order, c, np.empty(3), y) == Status.OK
    assert y == pytest.approx([0.5 * (1.0 + 0.3 * 10.0 / 2), 0.5 * (0.3 * 1.0 / 2 + 10.0), 200.0, 0.0])


def test_a_column_by_hand():
    out = np.zeros(4)
    assert covariance.column(*TERM, 1, np.arange(4), out) == Status.OK
    assert out.tolist() == [0.15, 0.5, 0.0, 0.0]


@pytest.mark.parametrize(("term", "status"), [
    (changed(0, [0, 0, 2, -1]), Status.UNKNOWN),  # a group that is not there
    (changed(1, [0, 2, 0, 0]), Status.UNKNOWN),  # a level beyond its group
    (changed(1, [0, -1, 0, 0]), Status.UNKNOWN),
    (changed(2, [0, 0, 3]), Status.SHAPE),  # a group without levels
    (changed(3, [1, -1]), Status.SHAPE),  # a table beyond the figures
    (changed(4, [0.5, np.inf]), Status.NOT_FINITE),
    (changed(2, [0, 2]), Status.SHAPE),
    (changed(1, [0, 1, 0]), Status.SHAPE),
])  # fmt: skip
def test_unsound_terms(term, status):
    assert covariance.check_term(*term)[0] == status


def test_sizes_are_refused_and_nothing_is_written():
    y = np.zeros(4)
    for x, scratch, out in ((X[:3].copy(), np.empty(6), y), (X, np.empty(5), y), (X, np.empty(6), np.zeros(3))):
        assert covariance.correlate(*TERM, x, scratch, out) == Status.SHAPE
    order, c = np.arange(4), np.ones(4)
    for seat, weight, scratch in ((order[:3].copy(), c, np.empty(3)), (order, c[:3].copy(), np.empty(3)), (order, c, np.empty(2))):
        assert covariance.concordant(*TERM, X, seat, weight, scratch, y) == Status.SHAPE
    wild = ((np.array([0, 1, 2, 4]), c, Status.UNKNOWN), (order, np.array([1.0, 0.0, 1.0, 1.0]), Status.DOMAIN))
    for seat, weight, status in wild:
        assert covariance.concordant(*TERM, X, seat, weight, np.empty(3), y) == status
    assert covariance.column(*TERM, 4, np.arange(4), y) == Status.SHAPE
    assert covariance.column(*TERM, 0, np.array([4]), y[:1].copy()) == Status.UNKNOWN
    assert not y.any()
