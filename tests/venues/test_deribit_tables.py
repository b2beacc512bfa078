"""Deribit's engine by hand at its edges: tail dampeners, the settlement window, roll rates, the delta shock's turn."""

import numpy as np
import pytest
from msgspec.structs import replace

from conformance.simple_accounts import account, future, linear_option, perpetual
from crossmargin.venues.deribit import portfolio_margin
from crossmargin.venues.deribit_parameters import BTC_USD_2024, GENERAL, USD_2024, Engine
from crossmargin.venues.deribit_tables import extended_dampener, settlement_decay, volatility_shock

INDEX, MOVE = 50_000.0, 0.1
WIDE = replace(BTC_USD_2024, price_range=0.3)


def asked(listed, held, **changed):
    """Contracts in USDC with a delta shock of ``m_inc`` a coin from the first coin on, up to all of it."""
    pair = replace(BTC_USD_2024, delta_total_liq_shock_threshold=0, m_inc=0.01, max_delta_shock=1.0)
    usd = replace(USD_2024, min_annualised_move=0.0, annualised_move_risk=MOVE, **changed)
    engine = Engine(general=GENERAL, currency={"usd": usd}, currency_pair={"btc_usd": pair})
    marks = {row.id: INDEX for row in listed}
    book, market = account(listed, held, {"BTC": INDEX}, marks, volatility=0.0, currency="USD")
    return replace(portfolio_margin(), engine=engine).requirement(book, market)


@pytest.mark.parametrize(("volatility", "floor", "expected"), [
    (0.2, "shocked", 0.5), (0.2, "base", 0.75), (0.4, "shocked", 0.6), (0.4, "base", 0.75), (0.6, "base", 0.9),
])  # fmt: skip
def test_the_floor_of_a_shock_up(volatility, floor, expected):
    """30 days from expiry a shock is up by half, with a floor of 0.5; down by a quarter, without one."""
    at = {shock: volatility_shock(BTC_USD_2024, np.array([volatility]), np.array([30.0]), shock, floor)
          for shock in ("down", "same", "up")}  # fmt: skip
    assert {shock: found.tolist() for shock, found in at.items()} == {
        "down": pytest.approx([0.75 * volatility]), "same": [volatility], "up": pytest.approx([expected]),
    }  # fmt: skip


def test_the_dampener_of_tails_beyond_the_range():
    """Range 0.3: the tail of -0.33 is 1.1 ranges out, so that 0.1 of the dollars dampens it; 0.5 is 5/3 ranges out."""
    assert extended_dampener(WIDE, 6000.0, INDEX, coin=False)[1:4] == pytest.approx([600, 4000, 14_000])
    coins = extended_dampener(WIDE, 6000.0, INDEX, coin=True)[1:4]
    assert coins == pytest.approx([600 / 35_000, 4000 / 65_000, 14_000 / 65_000])


def test_a_tail_within_the_range_has_no_dampener():
    """Range 0.4: the tail of -0.33 is inside."""
    assert extended_dampener(replace(WIDE, price_range=0.4), 6000.0, INDEX, coin=False)[1] == 0.0


def test_deltas_fade_out_over_half_an_hour():
    assert settlement_decay(np.array([0.0, 15.0, 30.0, 45.0])).tolist() == [1.0, 0.5, 0.0, 0.0]


@pytest.mark.parametrize(("days", "rate"), [
    (None, 0.0), (73.0, np.expm1(0.02)), (-1.0, 0.0),  # a fifth of a year; past it the delta has faded out
])  # fmt: skip
def test_roll_shock_grows_from_nothing(days, rate):
    """Without a least move a perpetual rolls at no rate: 10 % a year of two coins."""
    held = perpetual("P", "BTC", "USDC") if days is None else future("P", "BTC", "USDC", days=days)
    found = asked([held], {"P": 2}).components["roll_shock"].initial
    assert found == pytest.approx(2 * INDEX * rate, rel=1e-12, abs=0)


@pytest.mark.parametrize(("future_lots", "calls", "puts", "coins"), [
    (-3, 1, 0, 2), (-3, 3, 0, 0), (-1, 2, 0, 0), (-3, 0, 1, 3), (3, 0, 1, 2), (1, 0, 2, 0), (3, 1, 0, 3), (0, 2, 0, 0),
    (0, -2, 0, 2), (1, -3, 0, 2), (1, 0, -3, 4),
])  # fmt: skip
def test_long_options_reduce_what_the_delta_shock_reads_and_never_turn_it(future_lots, calls, puts, coins):
    """Options deep in the money, a coin each: |D| of the futures and short options, less what long ones offset.

    The shock is 1 % of the coins a coin: 0.01 D^2 indices.
    """
    listed = [perpetual("P", "BTC", "USDC"), linear_option("C", "BTC", 25_000.0, "call", "USDC", days=30),
              linear_option("D", "BTC", 100_000.0, "put", "USDC", days=30)]  # fmt: skip
    found = asked(listed, {"P": future_lots, "C": calls, "D": puts}).components["delta_shock"].initial
    assert found == pytest.approx(coins * INDEX * 0.01 * coins, rel=1e-9, abs=0)
