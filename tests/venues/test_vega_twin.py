"""Vega against its twin: a thousand random accounts with orders, funding of every sign, and capped futures."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from reference import vega as twin

from crossmargin import ImprudentParametersError, Market, Observation
from crossmargin.errors import MissingPriceError
from crossmargin.venues.vega import MarginCalculator, MarketRules, funding_payment
from crossmargin.venues.vega_capped import FullCollateral
from venues.desks import Desk, agree, check_incremental, check_slow_evaluator
from venues.ordered import orders_of, positions_of, with_orders

NAMES = "BTC-USDC ETH-USDC SOL-USDC BTC-USDC-30".split()
PER_CASE, CASES = 500, range(2)


def terms(**changed):
    base = {"slippage": 0.01, "risk_long": 0.05, "risk_short": 0.06, "funding_factor": 0.5, "interest": 0.1, "years": 0.01,
            "lower": -0.02, "upper": 0.03}  # fmt: skip
    return base | changed


RULES = [
    {"BTC-USDC": terms(), "ETH-USDC": terms(lower=None, interest=-0.5), "SOL-USDC": terms(upper=None, funding_factor=1.0),
     "BTC-USDC-30": terms(funding_factor=0.0, slippage=0.0, risk_short=0.2)},
    {"BTC-USDC": terms(lower=0.0, upper=0.0), "ETH-USDC": terms(lower=None, upper=None), "SOL-USDC": terms(years=0.0),
     "BTC-USDC-30": terms(funding_factor=0.0)},
]  # fmt: skip


@cache
def desk(k):
    """Average prices up to 8 % apart."""
    made, rng = with_orders(Desk.of(NAMES, 500 + k, PER_CASE, currency="USDC"), 520 + k), np.random.default_rng(k)
    averages = {row.id: made.market.value("mark", row.id) * rng.uniform(0.96, 1.04) for row in made.instruments}
    averages |= {name: made.market.value("index", name) * rng.uniform(0.96, 1.04) for name in ("BTC", "ETH", "SOL")}
    seen = [Observation(subject=s, field="average_price", value=value) for s, value in averages.items()]
    return replace(made, market=Market.of([*made.market.seen.values(), *seen], as_of=made.market.as_of, quote="USD"))


@cache
def prepared(k):
    markets = {name: MarketRules(**figures) for name, figures in RULES[k].items()}
    return MarginCalculator(name="random", markets=markets).prepare(desk(k).instruments, desk(k).market)


@cache
def expected(k):
    own, market = desk(k), desk(k).market
    averages = {
        row.id: (market.value("average_price", row.underlying), market.value("average_price", row.id)) for row in own.instruments
    }
    marks = {name: market.value("mark", name) for name in NAMES}
    return [twin.maintenance(RULES[k], averages, marks, positions_of(own, u), orders_of(own, u)) for u in range(len(own))]


@pytest.mark.parametrize("k", CASES)
def test_levels(k):
    found = prepared(k).values(desk(k).book, tuple(prepared(k).wanted))
    price = desk(k).facts()["price"]["USDC"]
    whole = price * np.array([row["size"] + row["funding"] for row in expected(k)])
    agree(found["requirement"], whole[:, None] * [1.2, 1.0, 1.1, 1.4])
    agree(found["part funding"][:, 1], price * np.array([row["funding"] for row in expected(k)]))
    assert (found["part funding"][:, 1] > 0).sum() >= 50
    agree(found["equity"][:, 0], [desk(k).worth(unit) for unit in range(len(desk(k)))])


@pytest.mark.parametrize("k", CASES)
def test_slow_evaluator_and_incremental(k):
    check_slow_evaluator(prepared(k), desk(k).book)
    check_incremental(prepared(k), desk(k).book)


def test_refusals():
    with pytest.raises(ImprudentParametersError, match="initial must be at least 1.1, was 1.0"):
        MarginCalculator(name="x", markets={}, initial=1.0)
    bare = with_orders(Desk.of(NAMES, 1, 3, currency="USDC"), 1)
    with pytest.raises(MissingPriceError, match="average_price of 'BTC'"):
        prepared(0).method.prepare(bare.instruments, bare.market)


@pytest.mark.parametrize("given", [{"interest": 1.0}, {"years": 1.0}, {}])
def test_nothing_is_due_between_equal_prices_without_time_or_interest(given):
    assert funding_payment(MarketRules(risk_long=0.1, risk_short=0.1, **given), 100.0, 100.0) == 0.0


HIGHEST = {"BTC-USDC-9": 90_000.0, "ETH-USDC-9": 5_000.0, "ETH-USDC-30": 4_000.0}


def test_capped_futures():
    own = with_orders(Desk.of(list(HIGHEST), 540, PER_CASE, currency="USDC"), 541)
    ready = FullCollateral(name="capped", maximum=HIGHEST).prepare(own.instruments, own.market)
    found = ready.values(own.book, ("requirement", "equity", "order_margin"))
    price = own.facts()["price"]["USDC"]
    rows = [twin.full_collateral(HIGHEST, positions_of(own, u), orders_of(own, u)) for u in range(len(own))]
    agree(found["requirement"][:, 0], price * np.array([row["positions"] + row["orders"] for row in rows]))
    agree(found["order_margin"][:, 0], price * np.array([row["orders"] for row in rows]))
    agree(found["equity"][:, 0], [own.balances(u).get("USDC", 0.0) * price for u in range(len(own))])
    check_slow_evaluator(ready, own.book)
    check_incremental(ready, own.book)
