"""Derive portfolio margin v1 worked by hand: options of no volatility, worth their distance from the forward.

Index and forward are 1000, a year is left, the rate is 0 unless given, and the scenarios move the spot by 20 %. A gain
in value counts ``0.95 exp(-0.12)``, a basis move ``1 + 1.2`` times.
"""

from math import exp

import pytest
from msgspec.structs import replace

from crossmargin import ImprudentParametersError, InvalidInputError, Position
from crossmargin.venues.derive_1 import MAINNET, PortfolioMargin1
from crossmargin.venues.derive_parameters import Scenario
from venues import derive_desk
from venues.derive_desk import EXPIRY

RULES = replace(MAINNET, scenarios=(Scenario(1.2, "up"), Scenario(0.8, "up")))
COUNTS = 0.95 * exp(-0.12)


def asked(*args, rules=RULES):
    return derive_desk.asked(PortfolioMargin1(name="x", underlying="ETH", cash="USDC", base="ETH", rules=rules), *args)


def surplus(*args, **named):
    found = asked(*args, **named)
    return found.surplus_initial, found.surplus_maintenance


@pytest.mark.parametrize(("rate", "counts"), [(None, COUNTS), (0.05, 0.95 * exp(-0.17)), (-0.05, COUNTS)])
def test_a_long_call_with_its_premium_unpaid(rate, counts):
    """Worth 500, 300 at 0.8: what counts of that less 500 is lost. 480 of premium is owed, 7 are in cash."""
    feeds = {} if rate is None else {(EXPIRY, "rate"): rate}
    found = surplus({"500-C": Position(1, 480 * 10**9)}, {"USDC": "7"}, feeds)
    loss = 500 - 300 * counts
    assert found == pytest.approx((500 - 480 + 7 - 1.25 * loss, 500 - 480 + 7 - loss))


def test_a_short_call_is_neither_discounted_nor_covered():
    """Worth -500, -700 at 1.2; 2 % of the index for a naked lot, scaled at initial too."""
    assert surplus({"500-C": -1}) == pytest.approx((-500 - 1.25 * 220, -500 - 220))


def test_an_account_that_gains_everywhere_loses_nothing():
    """Ten straddles: 2000 at either end, most of which counts, and 500 at either forward move."""
    found = asked({"1000-C": 10, "1000-P": 10})
    assert (found.surplus_initial, found.surplus_maintenance) == (0.0, 0.0)
    assert found.outputs["basis contingency"][0] == 0.0
    assert found.outputs["scenarios"] == pytest.approx((2000 * COUNTS,) * 2)


def test_the_basis_may_be_worse_than_every_scenario():
    """A short straddle where the spot does not move: 50 lost either way, times 1 + 1.2, and both naked."""
    still = replace(RULES, scenarios=(Scenario(1.0, "none"),))
    found = asked({"1000-C": -1, "1000-P": -1}, rules=still)
    assert found.outputs["basis contingency"][0] == pytest.approx(-110)
    assert found.outputs["static contingency"][0] == pytest.approx(40)  # call and put, 2 % of 1000 each
    assert found.surplus_maintenance == pytest.approx(-150)


@pytest.mark.parametrize(("peg", "worth", "factor"), [(None, 2000, 1.25), (1.25, 1600, 1.25), (0.8, 2500, 1.25 + 0.19 * 4)])
def test_two_coins_against_the_peg(peg, worth, factor):
    """Worth and move are in cash; 3 % of the index is not. Below 0.99 the initial factor grows by 4 a unit."""
    found = surplus({}, {"USDC": "0", "ETH": "2"}, {} if peg is None else {("USDC", "peg"): peg})
    loss = 0.2 * worth + 2 * 30
    assert found == pytest.approx((worth - factor * loss, worth - loss))


@pytest.mark.parametrize("lots", [3, -3])
def test_a_perpetual_bought_away_from_its_mark(lots):
    """Three lots at 1010, bought or sold at 980: 20 % of the mark, and 3 % of the index."""
    found = surplus({"P": Position(lots, lots * 980 * 10**9)}, {}, {("P", "mark"): 1010.0})
    profit, loss = lots * 30, 3 * (0.2 * 1010 + 30)
    assert found == pytest.approx((profit - 1.25 * loss, profit - loss))


@pytest.mark.parametrize(("index", "mark", "doubt"), [(0.3, 0.5, 0.7), (0.5, 0.2, 0.8), (0.9, 0.55, 0.0), (0.9, 0.54, 0.46)])
def test_doubt_of_a_perpetual_is_that_of_the_worse_feed(index, mark, doubt):
    """Below 0.55 the missing part of the index is charged, at initial alone."""
    feeds = {("ETH", "index"): (1000.0, index), ("P", "mark"): (1000.0, mark)}
    assert surplus({"P": Position(1, 1000 * 10**9)}, {}, feeds) == pytest.approx((-1.25 * 230 - 1000 * doubt, -230))


@pytest.mark.parametrize(("perpetuals", "mark", "doubt"), [
    ({}, 0.1, 0.6), ({"P": 1}, 0.1, 0.9), ({"P": -1}, 0.1, 0.9), ({"P": 1}, 0.9, 0.6),
])  # fmt: skip
def test_an_expiry_doubts_the_perpetual_if_one_is_held(perpetuals, mark, doubt):
    """A lot either side: two times the index, doubted by its forward of 0.4 or the perpetual's mark."""
    held = {"500-C": 1, "600-C": -1, "P": 0} | perpetuals
    feeds = {(EXPIRY, "forward"): (1000.0, 0.4), ("P", "mark"): (1000.0, mark)}
    found = asked(held, {}, feeds).components["confidence contingency"]
    of_perpetual = 900 if perpetuals and mark == 0.1 else 0
    assert (found.initial, found.maintenance) == pytest.approx((2000 * doubt + of_perpetual, 0))


def test_doubt_of_the_coin_reads_the_index_alone():
    feeds = {("ETH", "index"): (1000.0, 0.5)}
    found = asked({}, {"ETH": "2"}, feeds).components["confidence contingency"]
    assert (found.initial, found.maintenance) == pytest.approx((1000, 0))


def test_rates_of_the_coin_are_not_those_of_the_perpetual():
    rules = replace(RULES, base_percent=0.05, perp_percent=0.02)
    assert surplus({}, {"ETH": "1"}, rules=rules)[1] == pytest.approx(1000 - 200 - 50)
    assert surplus({"P": Position(1, 1000 * 10**9)}, rules=rules)[1] == pytest.approx(-200 - 20)


@pytest.mark.parametrize(("name", "accepted", "refused", "rule"), [
    ("base_static_discount", 1.0, 1.01, "discount on the losing side"), ("im_factor", 1.0, 0.99, "initial >= maintenance"),
])  # fmt: skip
def test_edges_of_prudence(name, accepted, refused, rule):
    assert getattr(replace(RULES, **{name: accepted}), name) == accepted
    with pytest.raises(ImprudentParametersError) as error:
        replace(RULES, **{name: refused})
    assert error.value.rule == rule
    assert getattr(replace(RULES, **{name: refused, "allow_imprudent": (rule,)}), name) == refused


@pytest.mark.parametrize("scenario", [Scenario(1.0, "linear"), Scenario(1.5, "up", 0.5), Scenario(1.5, "up", 1.5)])
def test_skews_and_tails_are_refused(scenario):
    with pytest.raises(InvalidInputError, match="scenarios must hold neither skews nor tails"):
        replace(RULES, scenarios=(scenario,))
