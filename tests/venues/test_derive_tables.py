"""Derive portfolio margin v2 worked by hand: absent feeds, several perpetuals, covers, skews, basis, volatilities.

Options have no volatility and a year left, index and forward are 1000, the scenarios move the spot by 20 %. At
maintenance the loss counts 0.8.
"""

from math import exp
from types import SimpleNamespace

import numpy as np
import pytest
from msgspec.structs import replace

from crossmargin import Position
from crossmargin.venues.derive import PortfolioMargin2
from crossmargin.venues.derive_parameters import MAINNET, CollateralRule, Scenario
from crossmargin.venues.derive_tables import skew_multiplier, volatility_shock
from venues import derive_desk
from venues.derive_desk import EXPIRY

RULES = replace(MAINNET, scenarios=(Scenario(1.2, "none"), Scenario(0.8, "none")), long_rate_mult=0.5, short_rate_mult=0.5)
COINS = (CollateralRule(asset="ETH", maintenance=0.1, initial_extra=0.05, risk_cancelling=True),
         CollateralRule(asset="WETH", maintenance=0.2, initial_extra=0.1))  # fmt: skip


def asked(*args, rules=RULES):
    method = PortfolioMargin2(name="x", underlying="ETH", cash="USDC", rules=rules, collateral=COINS)
    return derive_desk.asked(method, *args)


def surplus(*args, **named):
    found = asked(*args, **named)
    return found.surplus_initial, found.surplus_maintenance


@pytest.mark.parametrize(("rate", "present", "counts"), [
    (None, 1.0, 0.95 * exp(-0.16)), (-0.05, 1.0, 0.95 * exp(-0.16)), (0.05, exp(-0.05), 0.95 * exp(-0.16 - 0.025)),
])  # fmt: skip
def test_a_long_call_with_its_premium_unpaid(rate, present, counts):
    """Worth 500, 300 at 0.8, discounted by the rate; 480 of premium is owed, 7 are in cash."""
    feeds = {} if rate is None else {(EXPIRY, "rate"): rate}
    found = surplus({"500-C": Position(1, 480 * 10**9)}, {"USDC": "7"}, feeds)
    equity, loss = 500 * present - 480 + 7, 500 * present - 300 * present * counts
    assert found == pytest.approx((equity - loss, equity - 0.8 * loss))


@pytest.mark.parametrize(("rate", "present"), [(None, 1.0), (-0.05, 1.0), (0.05, exp(-0.05))])
def test_a_short_call_counts_at_most_what_it_would_undiscounted(rate, present):
    """700 is owed at 1.2: the static figure 1.04 exp(0.16 + r / 2) is above 1 / D. 0.3 % of the index, 0.5 % at initial."""
    found = surplus({"500-C": -1}, {}, {} if rate is None else {(EXPIRY, "rate"): rate})
    loss = 700 - 500 * present
    assert found == pytest.approx((-500 * present - loss - 5, -500 * present - 0.8 * loss - 3))


def test_a_short_static_discount_below_that():
    """A rate of 0.5 undiscounts 1.65 times; 1.04 exp(0.01 + 0.1) is less."""
    rules = replace(RULES, short_rate_add=0.01, short_rate_mult=0.2)
    found = surplus({"500-C": -1}, {}, {(EXPIRY, "rate"): 0.5}, rules=rules)
    owed = 700 * exp(-0.5) * 1.04 * exp(0.11)
    assert found[1] == pytest.approx(-500 * exp(-0.5) - 0.8 * (owed - 500 * exp(-0.5)) - 3)


@pytest.mark.parametrize(("peg", "value", "factor"), [(None, 1000, 1.0), (1.25, 800, 1.0), (0.8, 1250, 1.0 + 0.19 * 4)])
def test_coins_against_the_peg(peg, value, factor):
    """Two coins that move with the spot and one that does not; haircuts of 10 % and 20 %, 15 % and 30 % at initial."""
    feeds = {("WETH", "index"): 1000.0} | ({} if peg is None else {("USDC", "peg"): peg})
    found = surplus({}, {"ETH": "2", "WETH": "1"}, feeds)
    loss = 0.2 * 2 * value
    assert found == pytest.approx((3 * value - factor * loss - 0.6 * value, 3 * value - 0.8 * loss - 0.4 * value))


@pytest.mark.parametrize(("confidences", "doubt"), [((0.5, 0.3), 0.7), ((0.3, 0.5), 0.7), ((1.0, 0.54), 0.46), ((0.55, 1.0), 0)])
def test_the_least_sure_of_two_perpetuals_decides(confidences, doubt):
    """Two lots of one and one short of the other: the index times one net lot, 4 % of it and 3 %; 20 % of a mark."""
    feeds = {(name, "mark"): (1000.0, c) for name, c in zip(("P1", "P2"), confidences, strict=True)}
    held = {"P1": Position(2, 2000 * 10**9), "P2": Position(-1, -1000 * 10**9)}
    assert surplus(held, {}, feeds) == pytest.approx((-200 - 40 - 1000 * doubt, -160 - 30))


@pytest.mark.parametrize(("base", "share"), [(-1.1, 1.0), (-1.5, 0.4)])
def test_a_skew_takes_no_more_than_all_volatility(base, share):
    """A cap below -1 leaves no volatility: an option out of the money loses its value, of which a share counts."""
    rules = replace(RULES, scenarios=(Scenario(1.0, "abs", share),), skew_abs_base_cap=base, skew_abs_c=0.0,
                    basis_add_factor=0.0, basis_mult_factor=0.0)  # fmt: skip
    found = asked({"1001-C": -1}, {}, {("1001-C", "volatility"): 0.5}, rules=rules)
    assert found.equity_initial == pytest.approx(-197.0, abs=0.5)  # 0.4 * 1000 * 0.5, less half the distance
    assert found.components["scan loss"].initial == pytest.approx(-share * found.equity_initial, rel=1e-12)


CURVE = replace(RULES, skew_linear_base_cap=0.3, skew_linear_c=-0.05, skew_abs_base_cap=0.6, skew_abs_c=-0.1,
                skew_vol_param_scale=-0.1, skew_min_k_star=0.5)  # fmt: skip


@pytest.mark.parametrize(("years", "k", "linear", "absolute"), [
    (1, 1.0, 1.125, 1.25),  # caps 0.25 and 0.5 over 4 (0.6 - 0.1) = 2
    (1, -1.0, 0.875, 1.25), (1, 3.0, 1.25, 1.5), (1, -3.0, 0.75, 1.5),
    (4, 1.6, 1.1, 1.2),  # caps 0.2 and 0.4 over 2 * 4 (0.6 - 0.2) = 3.2
    (36, 0.25, 1.0, 1.0),  # 0.6 - 0.6 leaves no width: caps 0 over 0.5
    (100, 0.1, 0.8, 0.6), (100, -0.1, 1.2, 0.6),  # caps -0.2 and -0.4: the bound of k's own side alone
])  # fmt: skip
def test_skews_by_moneyness(years, k, linear, absolute):
    option = SimpleNamespace(years=np.array([float(years)]), strike=np.array([1000 * exp(k)]), forward=np.array([1000.0]))
    found = [skew_multiplier(CURVE, option, name)[0] for name in ("linear", "abs")]
    assert found == pytest.approx([linear, absolute])


def test_a_coin_that_cancels_covers_a_perpetual_sold():
    """Neither gains nor loses by the spot: 10 % of the coin and 3 % of the index, 15 % and 4 % at initial."""
    found = surplus({"P": Position(-1, -1000 * 10**9)}, {"ETH": "1"})
    assert found == pytest.approx((1000 - 150 - 40, 1000 - 100 - 30))


@pytest.mark.parametrize(("lots", "index", "forward", "mark", "doubt"), [
    (0, 1.0, 0.4, 0.1, 0.6), (1, 1.0, 0.4, 0.1, 0.9), (-1, 1.0, 0.4, 0.1, 0.9), (1, 1.0, 0.4, 0.9, 0.6),
    (1, 1.0, 1.0, 0.9, 0.0), (1, 0.3, 0.4, 0.9, 0.7), (0, 0.3, 0.4, 0.9, 0.7),
])  # fmt: skip
def test_an_expiry_doubts_the_perpetual_if_one_is_held(lots, index, forward, mark, doubt):
    """A lot either side: two times the index, and one of the perpetual if it is held, by the least of its two feeds."""
    feeds = {("ETH", "index"): (1000.0, index), (EXPIRY, "forward"): (1000.0, forward), ("P", "mark"): (1000.0, mark)}
    found = asked({"500-C": 1, "600-C": -1, "P": lots}, {}, feeds).components["oracle confidence"]
    least = min(index, mark)
    of_perpetual = 1000 * abs(lots) * (1 - least) if least < 0.55 else 0
    assert (found.initial, found.maintenance) == pytest.approx((2000 * doubt + of_perpetual, 0))


def test_a_coin_that_cancels_covers_a_call_sold():
    """The call owes 200 more where the coin gains 200: the basis is left, a forward 45 up without its spot, 2.5 times."""
    found = surplus({"500-C": -1}, {"ETH": "1"})
    assert found == pytest.approx((1000 - 500 - 112.5 - 150 - 5, 1000 - 500 - 0.8 * 112.5 - 100 - 3))


@pytest.mark.parametrize(("lots", "basis"), [(-10, -10 * 45 * 2.5), (10, 0.0)])
def test_the_basis_counts_losses_alone(lots, basis):
    """A straddle moves by 45 whichever way the forward does, 0.5 + 2 times; where nothing moves it is worth nothing."""
    found = asked({"1000-C": lots, "1000-P": lots}, rules=replace(RULES, scenarios=(Scenario(1.0, "none"),)))
    assert found.outputs["scenarios"] == (0.0,)
    assert found.outputs["basis"][0] == pytest.approx(basis, abs=0)
    assert found.components["scan loss"].maintenance == pytest.approx(-0.8 * basis, abs=0)


@pytest.mark.parametrize(("days", "up", "down"), [
    (30.0, 1.5, 0.7), (7.5, 1 + 0.5 * 2, 1 - 0.3 * 2), (120.0, 1 + 0.5 / 4, 1 - 0.3 / 4), (0.3, 3.5, 0.0), (0.1, 3.5, 0.0),
])  # fmt: skip
def test_volatility_by_time_left(days, up, down):
    """Up by half, down by 0.3, times (30 / days) to the power 1/2 or, beyond 30 days, 1; days from 1.2 on."""
    rules = replace(RULES, short_term_power=0.5, long_term_power=1.0, dte_floor_days=1.2)
    found = [volatility_shock(rules, np.array([days]), direction)[0] for direction in ("up", "none", "down")]
    assert found == pytest.approx([up, 1.0, down], abs=0)
