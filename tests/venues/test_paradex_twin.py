"""Paradex portfolio margin against its twin: a thousand random accounts, four parameter sets."""

from functools import cache

import msgspec
import numpy as np
import pytest
from reference import paradex as twin

from crossmargin.venues.paradex import PortfolioMargin
from crossmargin.venues.paradex_parameters import MAJOR, MINOR, Rules
from venues.desks import Desk, agree, changed, check_incremental, check_slow_evaluator

NAMES = """
    BTC-USDC ETH-USDC HYPE-USDC BTC-USDC-0.4-60000-call BTC-USDC-0.4-58000-put BTC-USDC-9-66000-call
    BTC-USDC-9-54000-put BTC-USDC-29.99-60000-call BTC-USDC-30-60000-put BTC-USDC-30.01-63000-put
    BTC-USDC-90-80000-call BTC-USDC-90-45000-put BTC-USDC-300-100000-call ETH-USDC-0.4-3000-put
    ETH-USDC-9-3300-call ETH-USDC-30-2700-put ETH-USDC-30-3000-call ETH-USDC-90-4500-call
    ETH-USDC-300-2000-put HYPE-USDC-9-40-put HYPE-USDC-9-44-call HYPE-USDC-90-60-call HYPE-USDC-90-30-put
""".split()
PER_CASE, CASES = 250, range(4)
OUTPUTS = {"scan": "scan", "min_delta_risk": "minimum_delta", "part funding provision": "funding_provision",
           "part fee provision": "fee_provision"}  # fmt: skip


def turn(k, *figures):
    return figures[k % len(figures)]


def rules(k):
    """The published figures, but of ETH, whose step, shocks and least margin go round."""
    other = {
        "step": turn(k, 0.04, 0.05, 0.02, 0.1), "volatility_up": turn(k, 0.4, 0.3),
        "volatility_down": turn(k, 0.22, 0.5), "minimum_up": turn(k, 0.4, 0.6, 0.1),
        "unhedged": turn(k, 0.02, 0.08), "hedged": turn(k, 0.01, 0.05),
    }  # fmt: skip
    assets = {"BTC": MAJOR, "ETH": msgspec.structs.replace(MAJOR, **other), "HYPE": MINOR}
    return Rules(assets=assets, funding_hours=turn(k, 8.0, 24.0), fee_rate=turn(k, 0.0003, 0.002))


def method(k):
    return PortfolioMargin(name="random", rules=rules(k))


def twin_rules(k):
    return {
        name: {
            "spot": rule.step, "up": rule.volatility_up, "down": rule.volatility_down, "tails": rule.tails,
            "minimum_up": rule.minimum_up, "unhedged": rule.unhedged, "hedged": rule.hedged,
        } for name, rule in rules(k).assets.items()
    }  # fmt: skip


@cache
def desk(k):
    return Desk.of(NAMES, 400 + k, PER_CASE)


@cache
def prepared(k):
    return method(k).prepare(desk(k).instruments, desk(k).market)


@cache
def found(k):
    return prepared(k).values(desk(k).book, tuple(prepared(k).wanted))


@cache
def expected(k):
    own, provisions = desk(k), {"funding_hours": rules(k).funding_hours, "fee_rate": rules(k).fee_rate}
    facts, raw = own.facts(), twin_rules(k)
    return [twin.portfolio_margin(raw, facts, own.dollar_positions(u), provisions) for u in range(len(own))]


def units(k, name):
    return np.array([sum(unit[name] for unit in row["units"].values()) for row in expected(k)])


@pytest.mark.parametrize("k", CASES)
def test_requirement_and_equity(k):
    for level, name in enumerate(("initial", "maintenance")):
        agree(found(k)["requirement"][:, level], [row[name] for row in expected(k)])
    agree(found(k)["equity"][:, 0], [desk(k).worth(unit) for unit in range(PER_CASE)])
    made = prepared(k).requirements(desk(k).book)
    agree(np.stack([made.initial, made.maintenance]).T, found(k)["requirement"])


@pytest.mark.parametrize("k", CASES)
def test_outputs(k):
    for output, name in OUTPUTS.items():
        agree(found(k)[output][:, 0], units(k, name))
    for level in (0, 1):
        factor = (1.0, rules(k).mm_factor)[level]
        agree(found(k)["part scan"][:, level], units(k, "scan") * factor)
        agree(found(k)["part minimum delta"][:, level], (units(k, "net") - units(k, "scan")) * factor)


@pytest.mark.parametrize("k", CASES)
def test_deltas(k):
    """Net, gross and hedged, in contracts, underlyings added; both sides of a hedge are one."""
    facts = desk(k).facts()
    for unit in range(PER_CASE):
        deltas = {}
        for p in desk(k).dollar_positions(unit):
            deltas.setdefault(p["underlying"], []).append(twin.coin_delta(facts, p))
        net, gross = [sum(d) for d in deltas.values()], [sum(map(abs, d)) for d in deltas.values()]
        agree(found(k)["net_delta"][unit], [sum(net)])
        agree(found(k)["gross_delta"][unit], [sum(gross)])
        agree(found(k)["hedged_delta"][unit], [(sum(gross) - sum(map(abs, net))) / 2])


def test_every_term_decides_somewhere():
    counts = dict.fromkeys(("scan", "minimum", "tail", "standard", "funding", "received", "fee"), 0)
    for k in CASES:
        for unit, row in enumerate(expected(k)):
            for one in row["units"].values():
                counts["scan" if one["scan"] > one["minimum_delta"] else "minimum"] += 1
                tails, rest = min(one["outcomes"][16:]), min(one["outcomes"][:16])
                counts["tail"] += tails < min(rest, 0)
                counts["standard"] += rest < min(tails, 0)
                counts["funding"] += one["funding_provision"] > 0
                counts["fee"] += one["fee_provision"] > 0
            counts["received"] += received(k, unit)
    assert min(counts.values()) >= 10, counts


def received(k, unit):
    """A perpetual that funding pays."""
    rates = desk(k).facts()["funding"]
    return any(p["coins"] * rates[p["id"]] < 0 for p in desk(k).positions(unit))


OF_ASSET = ["step", "volatility_up", "volatility_down", "minimum_up", "unhedged", "hedged", "short_power",
            "long_power"]  # fmt: skip


@pytest.mark.parametrize("field", OF_ASSET)
def test_every_figure_decides_somewhere(field):
    """Without a figure some accounts require something else: the comparison sees it."""
    others = {}
    for k in CASES:
        assets = rules(k).assets.items()
        named = {name: msgspec.structs.replace(rule, **{field: 0.0}) for name, rule in assets}
        others[k] = msgspec.structs.replace(rules(k), assets=named)
    assert count_changed(others) > 0


@pytest.mark.parametrize(("field", "value"), [("funding_hours", 0.0), ("fee_rate", 0.0), ("mm_factor", 0.9)])
def test_every_figure_of_the_account_decides_somewhere(field, value):
    assert count_changed({k: msgspec.structs.replace(rules(k), **{field: value}) for k in CASES}) > 0


@pytest.mark.parametrize("number", range(8))
def test_every_tail_decides_somewhere(number):
    others = {}
    for k in CASES:
        named = {name: without_tail(rule, number) for name, rule in rules(k).assets.items()}
        others[k] = msgspec.structs.replace(rules(k), assets=named)
    assert count_changed(others) > 0


def without_tail(rule, number):
    weighted = tuple((move, 0.0 if i == number else weight) for i, (move, weight) in enumerate(rule.tails))
    return msgspec.structs.replace(rule, tails=weighted)


def count_changed(others):
    changes = {k: msgspec.structs.replace(method(k), rules=other) for k, other in others.items()}
    return sum(changed(method(k), desk(k), other) for k, other in changes.items())


@pytest.mark.parametrize("k", CASES)
def test_slow_evaluator_and_explanation(k):
    check_slow_evaluator(prepared(k), desk(k).book)


@pytest.mark.parametrize("k", CASES)
def test_incremental(k):
    check_incremental(prepared(k), desk(k).book)
