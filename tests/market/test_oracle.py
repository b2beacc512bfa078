"""Guards of an oracle: each limit alone, at it and beyond."""

import pytest

from crossmargin import InvalidInputError, Market, Observation
from crossmargin.market import OracleGuard


def faults(guard, *, value=100.0, confidence=1.0, published=0, as_of=50, average=None):
    seen = [Observation(subject="A", field="index", value=value, confidence=confidence, published=published)]
    if average is not None:
        seen.append(Observation(subject="A", field="average_price", value=average))
    return guard.faults(Market.of(seen, as_of=as_of), "A")


def test_without_limits_a_positive_price_is_usable():
    assert faults(OracleGuard(), confidence=0.0, as_of=10**18, average=1e-9) == ()
    assert OracleGuard().faults(Market.of([], as_of=0), "A") == ("missing",)


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_price_must_be_positive(value):
    assert faults(OracleGuard(), value=value) == ("not positive",)
    assert faults(OracleGuard(max_ratio=5.0), value=value) == ("not positive", "volatile")


@pytest.mark.parametrize(("published", "found"), [(40, ()), (39, ("stale",))])
def test_age(published, found):
    assert faults(OracleGuard(max_age=10), published=published) == found


@pytest.mark.parametrize(("limit", "confidence", "found"), [
    (0.02, 0.98, ()), (0.02, 0.979, ("uncertain",)), (0.05, 0.95, ()), (0.1, 0.9, ()), (1.0, 0.0, ()),
])  # fmt: skip
def test_deviation(limit, confidence, found):
    assert faults(OracleGuard(max_deviation=limit), confidence=confidence) == found


@pytest.mark.parametrize(("average", "found"), [
    (20.0, ()), (19.0, ("volatile",)), (500.0, ()), (501.0, ("volatile",)), (None, ()), (0.0, ("volatile",)),
])  # fmt: skip
def test_distance_from_the_average(average, found):
    assert faults(OracleGuard(max_ratio=5.0), average=average) == found


def test_all_that_is_wrong_is_told_in_order():
    guard = OracleGuard(max_age=1, max_deviation=0.1, max_ratio=2.0)
    assert faults(guard, confidence=0.5, average=1.0) == ("stale", "uncertain", "volatile")


@pytest.mark.parametrize("broken", [{"max_age": -1}, {"max_age": 0.5}, {"max_deviation": 1.5}, {"max_ratio": 0.5}])
def test_limits_are_checked(broken):
    with pytest.raises(InvalidInputError, match="of oracle guard"):
        OracleGuard(**broken)
