"""The stable price of Mango v4 against its twin, its limits, and its way into health."""

import numpy as np
import pytest

from crossmargin import InvalidInputError, Market
from crossmargin.venues.mango_stable_price import SECOND, SLOTS, StablePrice, StablePriceRule
from reference.mango import StablePrice as Twin
from venues.mango_desk import MARKET, health_of, method_of

GAPS = np.array([3, 9, 10, 11, 60, 599, 600, 601, 3_600, 5_000, 11_000, 40_000, 82_800, 86_400, 86_401, 90_000, 200_000])
ODDS = np.array([2, 2, 4, 4, 40, 8, 8, 8, 8, 6, 3, 2, 1, 1, 1, 1, 1]) / 100
READINGS = ("chained", "one figure")


@pytest.mark.parametrize("reading", READINGS)
def test_against_the_twin(reading):
    """Five hundred oracles of a hundred prices each, with gaps of seconds to days."""
    random = np.random.default_rng(31)
    for run in range(500):
        start, at = float(random.lognormal()), int(random.integers(0, 10**9))
        limits = {"slot_growth": float(random.choice([0.06, 0.5])), "growth": float(random.choice([0.0003, 0.001]))}
        rule = StablePriceRule(passed_slots=reading, **limits)
        model, twin = StablePrice.starting(start, at * SECOND, rule), Twin(start, at, chained=reading == "chained", **limits)
        price = start
        for gap in random.choice(GAPS, size=100, p=ODDS).tolist():
            at, price = at + gap, price * float(random.lognormal(sigma=0.2))
            model = model.updated(price, at * SECOND, rule)
            twin.show(price, at)
            assert model.price == pytest.approx(twin.stable, rel=1e-11), run
        assert model.at == twin.at * SECOND
        ring = [twin.delayed(twin.hour - 24 + slot) for slot in range(SLOTS)]
        assert list(model.slots[model.slot :] + model.slots[: model.slot]) == pytest.approx(ring, rel=1e-11)


def test_updates_closer_than_ten_seconds_are_ignored():
    model = StablePrice.starting(1.0)
    assert model.updated(2.0, 10_000_000_000 - 1) is model  # ns
    assert model.updated(2.0, 0) is model
    assert model.updated(2.0, -5) is model
    assert model.updated(2.0, 10_000_000_000).price == pytest.approx(1.003)


def test_limits_of_a_second_and_of_nothing():
    rule = StablePriceRule(slot_seconds=1, least_step=1, growth=0.0, slot_growth=0.0)
    moved = StablePrice.starting(1.0, 0, rule).updated(2.0, SECOND, rule)
    assert (moved.price, moved.slot, moved.slots) == (1.0, 1, (1.0,) * SLOTS)
    assert StablePrice.starting(1.0).summed == StablePrice.starting(1.0).at == 0


def test_a_long_gap_counts_as_ten_minutes():
    model = StablePrice.starting(1.0)
    assert model.updated(9.0, 600 * SECOND).price == model.updated(9.0, 3_599 * SECOND).price == pytest.approx(1.18)


def test_the_stable_price_follows_slower_far_from_a_day_ago():
    far = StablePrice(price=2.0, slots=(1.0,) * SLOTS, slot=0, at=0, summed=0.0, since=0)
    assert far.updated(9.0, 100 * SECOND).price == pytest.approx(2.0 * (1 + 0.0003 * 0.25 * 100))
    assert far.updated(0.1, 100 * SECOND).price == pytest.approx(2.0 * (1 - 0.0003 * 0.25 * 100))
    assert far.updated(2.001, 100 * SECOND).price == 2.001


@pytest.mark.parametrize(("reading", "figures"), [("chained", [1.06, 1.06**2, 1.06**3]), ("one figure", [1.06] * 3)])
def test_slots_that_passed_unseen(reading, figures):
    """After ten minutes' worth of 100 in three hours the average is 5.6, beyond every limit."""
    rule = StablePriceRule(passed_slots=reading)
    model = StablePrice.starting(1.0).updated(100.0, 3 * 3_600 * SECOND, rule)
    assert model.slots == pytest.approx([*figures, *[1.0] * 21])
    assert (model.slot, model.summed, model.since) == (3, 0.0, 3 * 3_600 * SECOND)


def test_after_more_than_a_day_all_slots_are_the_first():
    model = StablePrice.starting(1.0).updated(1_000.0, 90_000 * SECOND)
    assert model.slots == pytest.approx([1.06] * SLOTS)


def test_health_reads_the_model():
    """Owned at the lower of oracle and stable price, owed at the higher."""
    model = StablePrice.starting(18.0).updated(30.0, 600 * SECOND)
    seen = [o for key, o in MARKET.seen.items() if key != ("A", "slow_price")]
    market = Market.of([*seen, model.observation("A")], as_of=model.at, quote="USD")
    assert model.price == pytest.approx(18.0 * 1.18)
    assert health_of(method_of(), market, A=10)[0] == pytest.approx(10 * 20.0 * 0.8)
    assert health_of(method_of(), market, A=-10)[0] == pytest.approx(-10 * 18.0 * 1.18 * 1.2)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda: StablePrice.starting(0.0), "price must be > 0, was 0.0"),
        (lambda: StablePrice.starting(1.0, -1), "at must lie in"),
        (lambda: StablePrice.starting(1.0).updated(-1.0, 60 * SECOND), "price must be > 0, was -1.0"),
        (lambda: StablePriceRule(growth=-0.1), "growth must be >= 0, was -0.1 of stable price rule"),
        (lambda: StablePriceRule(most_step=5), "most_step must lie in"),
        (lambda: StablePriceRule(slot_seconds=0), "slot_seconds must lie in"),
        (lambda: StablePriceRule(passed_slots="none"), "passed_slots must be one of chained, one figure"),
    ],
)
def test_refused(broken, message):
    with pytest.raises(InvalidInputError) as refused:
        broken()
    assert message in str(refused.value)
