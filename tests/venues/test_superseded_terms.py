"""The superseded model worked by hand: no loss, no rates, what undated and expired futures move with."""

import pytest

from conformance.simple_accounts import account, future, perpetual
from crossmargin import Market, Observation
from crossmargin.venues.superseded import SupersededMargin

UP = SupersededMargin(name="test", moves=(0.1,), volatility_move=0.0, power=0.0, forwards="basis")


def asked(method, listed, lots, rate=0.0):
    """One contract at an index of 50,000; its expiry at a rate."""
    book, market = account([listed], {listed.id: lots}, {"BTC": 50_000.0}, {listed.id: 50_000.0}, currency="USD")
    key = book.instruments.expiry_keys[0]
    seen = {**market.seen, (key, "rate"): Observation(subject=key, field="rate", value=rate)}
    return method.requirement(book, Market(market.as_of, market.quote, seen))


def test_where_no_scenario_loses_nothing_is_required():
    assert asked(UP, perpetual("P", "BTC"), 3).initial == 0.0
    assert asked(UP, perpetual("P", "BTC"), -3).initial == pytest.approx(15_000)


def test_rates_not_given_charge_nothing():
    assert (UP.future_rate, UP.option_rate) == (0.0, 0.0)


@pytest.mark.parametrize(("listed", "moved"), [
    (perpetual("F", "BTC"), 5_000.0), (future("F", "BTC", days=0), 5_000.0), (future("F", "BTC", days=-10), 5_000.0),
    (future("F", "BTC", days=36.5), 5_000.0 * 1.105170918),  # e^0.1: a rate of 1 for a tenth of a year
])  # fmt: skip
def test_only_a_future_to_come_grows_with_its_rate(listed, moved):
    assert asked(UP, listed, 1, rate=1.0).outputs["scenarios"] == pytest.approx([moved] * 3, rel=1e-9)
