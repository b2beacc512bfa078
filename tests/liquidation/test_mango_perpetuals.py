"""Mango v4 perpetuals closed out and their profit settled: five steps, limits, whole lots, value conserved."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import FACTOR
from crossmargin import InvalidInputError
from crossmargin.liquidation.venues.mango_perpetuals import close_out_perpetual
from crossmargin.liquidation.venues.mango_rules import Limit, PenaltyRates, Rules
from liquidation.mango_steps import (
    NEAR, applied, below_zero, check_step, close, equity, mosts, moved, standing_of, standings,
)


CANCELLED = 1e-9  # a health of 0 that float64 sums from amounts of other tokens, up to 1e4; drawn ones differ by 1e-4


@settings(max_examples=200 * FACTOR)
@given(standings, st.sampled_from([0, 1, 7, 100]), mosts)
def test_a_perpetual_is_closed_and_its_profit_settled(standing, most_lots, most_profit):
    below_zero(standing)
    held, price = standing.perpetual("P"), standing.token("Q").price
    found = close(standing, "P", most_lots, most_profit)
    account, liquidator = check_step(standing, found, away=found.platform * price)
    left, profit = account.perpetual("P"), account.perpetual("P").profit
    assert found.lots * held.lots <= 0
    assert abs(found.lots) <= min(most_lots, abs(held.lots))
    assert 0 <= found.settled <= most_profit
    ends = {
        Limit.HEALTH: account.health() >= -NEAR,
        Limit.POSITION: left.lots == 0 and profit <= NEAR,
        Limit.CALLER: abs(found.lots) == most_lots,
        Limit.SETTLE_LIMIT: found.settled == pytest.approx(most_profit),
    }
    assert ends[found.limit]
    assert found.limit is Limit.HEALTH or account.health() < 0
    premium = abs(found.lots) * held.size * held.price * held.penalty.liquidator + found.settled - found.paid
    assert equity(liquidator) == pytest.approx(premium * price, rel=1e-9, abs=NEAR)
    if found.lots and found.limit is Limit.HEALTH:  # one lot fewer would not do, or what other tokens leave at 0
        fewer = close(standing, "P", abs(found.lots) - 1, most_profit)
        health = applied(fewer, standing, liquidator)[0].health()
        assert health < CANCELLED
        assert fewer.limit is Limit.CALLER or health > -CANCELLED


@settings(max_examples=100 * FACTOR)
@given(standings)
def test_lots_alone_against_a_search_over_the_plan(standing):
    """Nothing settled: the fewest lots that bring health to 0, up to the profit at which more lots stop helping."""
    below_zero(standing)
    held = standing.perpetual("P")
    found = close(standing, most_profit=0.0)

    def closed(n):
        sold = n if held.lots > 0 else -n
        worth = held.size * held.price
        return moved(standing, {}, -sold, sold * worth - n * worth * held.penalty.total, "P")

    def done(n):
        enough = closed(n).perpetual("P").profit >= -NEAR and held.profit_weight == 0
        return n == abs(held.lots) or enough or closed(n).health() >= -NEAR

    expected = next(n for n in range(abs(held.lots) + 1) if done(n))
    assert (found.settled, abs(found.lots)) == (0.0, expected)


def long(lots=10, quote=-95, other=0.0, settle=0.0, profit=0.0, keeps=0.0, **penalty):
    """Price 10, base counts for 8: u = 10 x 8 - 95 = -15, g = 2; a settle token counts for 0.5, a debt for 1.5."""
    perp = {"settle": "Q", "lots": lots, "quote": quote, "price": 10, "weights": (0.8, 1.2, 0.8, 1.2, profit, profit)}
    rules = Rules(perpetuals=(PenaltyRates(subject="P", profit=keeps, **penalty),))
    given = {"Q": {"balance": settle, "weights": (0.5, 1.5) * 2}, "X": {"balance": other}}
    return standing_of(given, {"P": perp}, rules)


@pytest.mark.parametrize("balance, kept", [(0, 16), (280.8, 0)])
def test_no_lot_is_closed_for_the_rounding_of_amounts_that_cancel(balance, kept):
    """Profit -281.4 against 280.8, which float64 sums to -0.6000000000000227: a lot brings 4.8, and is enough."""
    short = {"settle": "Q", "lots": -3, "quote": -231, "price": 12, "weights": (1.0, 1.4, 1.0, 1.4, 0.0, 0.0)}
    gains = {"settle": "Q", "lots": kept, "price": 39, "weights": (0.9, 1.1, 0.9, 1.1, 0.5, 0.5)}
    token = {"balance": balance, "weights": (0.0, 1.05) * 2}
    found = close(standing_of({"Q": token}, {"P": short, "R": gains}, Rules()))
    assert (found.lots, found.limit) == (1, Limit.HEALTH)


def test_a_lot_closed_pays_both_penalties():
    found = close(long(other=16.0, liquidator=0.05, platform=0.02))  # h = -6.5; a lot gains 10 (1 - 0.07 - 0.8) x 1.5
    assert (found.lots, found.limit) == (-4, Limit.HEALTH)
    assert found.quote == pytest.approx(4 * 10 * 0.93)
    assert found.platform == pytest.approx(4 * 10 * 0.02)
    short = close(long(lots=-10, quote=105, other=16.0, liquidator=0.05, platform=0.02))
    assert (short.lots, short.limit) == (4, Limit.HEALTH)
    assert short.quote == pytest.approx(-4 * 10 * 1.07)
    assert short.platform == pytest.approx(4 * 10 * 0.02)


def test_a_rise_through_zero_is_counted_in_two_pieces():
    """e = -4, h = -4 x 1.5 - 3 = -9: 4 tokens bring 6, the next 3 / 0.5 = 6; 2 a lot."""
    found = close(long(quote=-90, settle=6.0, other=-3.0))
    assert (found.lots, found.limit) == (-5, Limit.HEALTH)


def test_profit_is_settled_lots_closed_and_what_they_bring_settled():
    """u = 20, e = 15, h = 7.5 - 12: 20 settled bring 5 tokens, the other 4 come of 2 lots, settled in turn."""
    found = close(long(quote=-60, other=-12.0, profit=0.75))
    assert (found.lots, found.limit) == (-2, Limit.HEALTH)
    assert (found.settled, found.paid) == (pytest.approx(24), pytest.approx(24))


def test_a_profit_that_counts_for_as_much_as_it_pays_is_left_where_it_is():
    found = close(long(quote=-60, other=-12.0, profit=0.75, keeps=0.25))  # 9 tokens are missing, 1.5 a lot
    assert (found.lots, found.settled, found.limit) == (-6, 0.0, Limit.HEALTH)


def test_what_no_rule_names_costs_nothing():
    for rules in (Rules(), Rules(perpetuals=(PenaltyRates(subject="P"),))):
        found = close(replace(long(quote=-60, other=-12.0, profit=0.75), rules=rules))
        assert (found.quote, found.platform, found.settled) == (20.0, 0.0, found.paid)


def test_the_liquidator_keeps_a_part_of_a_profit():
    found = close(long(quote=-60, other=-9.0, keeps=0.25))  # u = 20, h = -9: 20 settled pay 15, 2 a lot pay 1.5 more
    assert (found.lots, found.limit) == (-2, Limit.HEALTH)
    assert (found.settled, found.paid) == (pytest.approx(24), pytest.approx(18))


@pytest.mark.parametrize(
    ("most_lots", "most_profit", "lots", "settled", "limit"),
    [
        (100, 100.0, -10, 5.0, Limit.POSITION),  # 8 lots to u = 1, settled; 2 lots to u = 4, settled
        (100, 3.0, -9, 3.0, Limit.SETTLE_LIMIT),
        (100, 4.5, -10, 4.5, Limit.SETTLE_LIMIT),
        (100, 0.0, -8, 0.0, Limit.SETTLE_LIMIT),
        (4, 100.0, -4, 0.0, Limit.CALLER),
        (9, 100.0, -9, 3.0, Limit.CALLER),
        (0, 100.0, 0, 0.0, Limit.CALLER),
    ],
)
def test_what_ends_a_close_out(most_lots, most_profit, lots, settled, limit):
    found = close(long(other=-100.0), "P", most_lots, most_profit)
    assert (found.lots, found.settled, found.limit) == (lots, pytest.approx(settled), limit)


def test_half_a_native_unit_below_zero_no_more_lots_are_closed():
    """Step (5) alone has this line; a lot brings u = 2, of which half counts, at half."""
    for missing, sold in ((0.5, 0), (0.6, -2)):
        found = close(replace(long(quote=-80, other=-missing, profit=0.5), rules=Rules(native=1.0)), most_profit=0.0)
        assert (found.lots, found.limit) == (sold, Limit.HEALTH)


def test_half_a_native_unit_below_zero_is_as_good_as_health_zero():
    for missing, limit in ((0.5, Limit.HEALTH), (0.6, Limit.SETTLE_LIMIT)):
        found = close(replace(long(quote=-80, other=-missing), rules=Rules(native=1.0)), most_profit=0.0)
        assert (found.lots, found.limit) == (0, limit)


def test_nothing_is_closed_where_nothing_is_missing():
    found = close(long(other=100.0))
    assert (found.lots, found.quote, found.settled, found.limit) == (0, 0, 0, Limit.HEALTH)


@pytest.mark.parametrize("lots", [1, 3, 7, 10, 30])
def test_a_quotient_that_is_whole_but_for_its_rounding_asks_for_no_lot_more(lots):
    """In float64 1 - 0.9 < 0.1, so that 0.1 n over it exceeds n."""
    standing = long(lots=100, quote=-1000, settle=-1000)
    held = replace(standing.perpetual("P"), price=1.0, long_value=0.9)
    found = close_out_perpetual(-0.1 * 1.5 * lots, held, standing.token("Q"), most_lots=100, most_profit=0.0)
    assert found.lots == -lots


def test_what_rounding_leaves_of_health_closes_no_lot():
    """Settling 0.063 brings health to 0, in float64 to -1e-13."""
    standing = standing_of(
        {"A": {"balance": -39.9, "price": 13, "weights": (0, 1.05) * 2},
         "Q": {"balance": 12.4, "price": 46, "weights": (0.95, 1.05) * 2}},
        {"P": {"settle": "Q", "lots": 1, "size": 0.5, "weights": (0.6, 1.1, 0.6, 1.1, 0, 0)}},
    )  # fmt: skip
    found = close(standing, most_profit=0.3)
    assert (found.lots, found.limit) == (0, Limit.HEALTH)


def test_penalties_beyond_the_haircut_of_base_are_refused():
    with pytest.raises(InvalidInputError, match="health of closing a lot must be > 0, was 0.0 of perpetual 'P'"):
        close(long(liquidator=0.1, platform=0.1))
    for name, value in (("most_lots", -1), ("most_profit", -0.5)):
        with pytest.raises(InvalidInputError, match=f"{name.replace('_', ' ')} must"):
            close(long(), **{name: value})
