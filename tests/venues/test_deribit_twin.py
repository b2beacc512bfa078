"""Deribit portfolio margin against its twin: a thousand random accounts, every reading, four sets."""

from functools import cache
from itertools import product
from typing import NamedTuple, get_args

import msgspec
import numpy as np
import pytest
from reference import deribit as twin

from crossmargin.venues.deribit import PortfolioMargin, Readings, Reported
from crossmargin.venues.deribit_parameters import Currency, Engine, General, Pair
from venues.desks import AS_OF, Desk, agree, changed, check_incremental, check_slow_evaluator

# Ten minutes are 0.00694444 days: inside the settlement window.
NAMES = """
    BTC-BTC BTC-USDC BTC-BTC-0.00694444 BTC-BTC-90 BTC-USDC-90 ETH-ETH ETH-ETH-30 ETH-USDT SOL-USDC
    BTC-BTC-0.00694444-60000-call BTC-BTC-0.4-57000-put BTC-BTC-9-66000-call BTC-BTC-9-54000-put
    BTC-BTC-29.99-60000-call BTC-BTC-30.01-60000-put BTC-BTC-90-80000-call BTC-BTC-90-45000-put
    BTC-USDC-9-66000-call BTC-USDC-30-60000-put BTC-USDC-0.00694444-63000-put ETH-ETH-9-3300-call
    ETH-ETH-30-2700-put ETH-USDT-30-3000-call ETH-USDC-300-4500-call SOL-USDC-9-150-put
""".split()
READINGS = {field.name: get_args(field.type) for field in msgspec.structs.fields(Readings)}
PER_CASE = 63
REPORTED = Reported(open_orders_margin=11.0, mmp_margin=5.0, spot_margin=2.5)


class Case(NamedTuple):
    """One prepared method: readings, number of the parameter set, currency of a segregated account."""

    readings: tuple[str, ...]
    engine: int
    currency: str | None = None


CASES = [Case(chosen, (i + i // 4) % 4) for i, chosen in enumerate(product(*READINGS.values()))]
CASES += [Case(CASES[0].readings, 1, "BTC"), Case(CASES[-1].readings, 2, "USDC")]


def turn(k, j, *figures):
    """Figures go round over parameter sets and names."""
    return figures[(k + j) % len(figures)]


def engine(k):
    """Small caps, thresholds and dampeners, so that each of them decides somewhere."""
    currency = {
        name: Currency(
            max_offsetable_pnl=turn(k, j, 3e3, 1e9, 5e4, 0.0),
            annualised_move_risk=turn(k, j, 0.075, 0.3, 0.05),
            extended_dampener=turn(k, j, 500.0, 0.0, 5e3, 50.0), haircut=turn(k, j, 0.05, 0.0, 0.15),
            min_annualised_move=turn(k, j, 0.01, 0.005, 0.02), pnl_offset=turn(k, j, 0.6, 0.4, 1.0),
            equity_side_impact="both", correlation_set=False,
        ) for j, name in enumerate(("btc", "eth", "usd"))
    }  # fmt: skip
    pairs = {
        name: Pair(
            extended_table_factor=turn(k, j, 1.0, 0.9, 1.3), m_inc=turn(k, j, 5e-5, 1e-2, 1e-3),
            min_volatility_for_shock_up=turn(k, j, 0.5, 0.8), max_delta_shock=turn(k, j, 0.1, 0.01, 0.002),
            delta_total_liq_shock_threshold=turn(k, j, 2e4, 0.0, 1e5, 2e7),
            price_range=turn(k, j, 0.16, 0.14, 0.18, 0.25),
            volatility_range_down=turn(k, j, 0.25, 0.2), volatility_range_up=turn(k, j, 0.5, 0.4),
            long_term_vega_power=turn(k, j, 0.13, 0.2), short_term_vega_power=turn(k, j, 0.3, 0.25),
        ) for j, name in enumerate(("btc_usd", "eth_usd", "sol_usd"))
    }  # fmt: skip
    general = General(mm_factor=turn(k, 0, 0.8, 0.7), buckets_count=turn(k, 0, 4, 3))
    return Engine(general=general, currency=currency, currency_pair=pairs)


def method(case):
    readings = Readings(**dict(zip(READINGS, case.readings, strict=True)))
    return PortfolioMargin(
        name="random", engine=engine(case.engine), readings=readings, currency=case.currency,
        reported=REPORTED,
    )  # fmt: skip


@cache
def desk(case):
    names = [name for name in NAMES if case.currency in (None, name.split("-")[1])]
    return Desk.of(names, 100 + CASES.index(case), PER_CASE, currency=case.currency or "USD")


@cache
def prepared(case):
    return method(case).prepare(desk(case).instruments, desk(case).market)


@cache
def found(case):
    return prepared(case).values(desk(case).book, tuple(prepared(case).wanted))


@cache
def expected(case):
    own, rules = desk(case), msgspec.to_builtins(engine(case.engine))
    facts, readings = own.facts(), dict(zip(READINGS, case.readings, strict=True))
    return [twin.portfolio_margin(rules, readings, facts, own.positions(unit)) for unit in range(len(own))]


def column(case, name):
    return [row[name] for row in expected(case)]


@pytest.mark.parametrize("case", CASES)
def test_requirement(case):
    """Initial with the reported amounts; so close that the rounding of coins shows."""
    price = desk(case).facts()["price"][case.currency or "USD"]
    reported = sum(msgspec.to_builtins(REPORTED).values()) * price
    agree(found(case)["requirement"][:, 0], np.array(column(case, "initial")) + reported, rtol=1e-12)
    agree(found(case)["requirement"][:, 1], column(case, "maintenance"), rtol=1e-12)
    made = prepared(case).requirements(desk(case).book)
    agree(made.initial * price, found(case)["requirement"][:, 0])


@pytest.mark.parametrize("case", CASES)
def test_outputs(case):
    values = found(case)
    agree(values["worst_case"][:, 0], column(case, "worst_case"))
    agree(values["part roll_shock"][:, 0], column(case, "roll_shock"))
    agree(values["part delta_shock"][:, 0], column(case, "delta_shock"))
    names = ("worst_case", "roll_shock", "delta_shock")
    agree(values["risk_matrix"][:, 0], [sum(row[name] for name in names) for row in expected(case)])


@pytest.mark.parametrize("case", CASES)
def test_vectors_before_the_offset(case):
    """Buckets are added in dollars."""
    price = desk(case).facts()["coin_price"]
    rows = found(case)["pre_aggregated_risk_vectors"]
    for row, own in zip(rows, expected(case), strict=True):
        whole = np.zeros(len(row))
        for bucket, standard in own["standard"].items():
            whole += np.array(standard + own["extended"][bucket]) * price[bucket[1]]
        agree(row, whole)


@pytest.mark.parametrize("case", CASES)
def test_equity(case):
    """Worth of everything; the haircut of what is owned is initial's alone."""
    own, currency = desk(case), engine(case.engine).currency
    worth = np.array([own.worth(unit) for unit in range(len(own))])
    cut = [sum(max(amount, 0.0) * own.facts()["price"][name] * currency[twin.currency_key(name)].haircut
               for name, amount in own.balances(unit).items()) for unit in range(len(own))]  # fmt: skip
    agree(found(case)["equity"][:, 0], worth - cut)
    agree(found(case)["equity"][:, 1], worth)


FIGURES = [
    ("currency", "max_offsetable_pnl", 1e12), ("currency", "max_offsetable_pnl", 0.0),
    ("currency", "pnl_offset", 0.0),
    ("currency", "extended_dampener", 0.0), ("currency", "annualised_move_risk", 0.0),
    ("currency", "min_annualised_move", 0.0), ("currency", "haircut", 0.0),
    ("currency_pair", "extended_table_factor", 0.0), ("currency_pair", "m_inc", 0.0),
    ("currency_pair", "max_delta_shock", 1e9), ("currency_pair", "delta_total_liq_shock_threshold", 0.0),
    ("currency_pair", "min_volatility_for_shock_up", 0.0), ("currency_pair", "volatility_range_down", 0.0),
    ("currency_pair", "long_term_vega_power", 0.0), ("currency_pair", "short_term_vega_power", 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("section", "field", "value"), FIGURES)
def test_every_figure_decides_somewhere(section, field, value):
    """Without a figure some accounts require something else: the comparison sees it."""
    count = 0
    for case in CASES:
        made = method(case)
        rules = getattr(made.engine, section).items()
        table = {name: msgspec.structs.replace(rule, **{field: value}) for name, rule in rules}
        other = msgspec.structs.replace(made.engine, **{section: table})
        count += changed(made, desk(case), msgspec.structs.replace(made, engine=other))
    assert count > 0


@pytest.mark.parametrize("name", READINGS)
def test_every_reading_decides_somewhere(name):
    row = list(READINGS).index(name)
    first, second = READINGS[name]
    count = 0
    for case in (case for case in CASES[:16] if case.readings[row] == first):
        readings = msgspec.structs.replace(method(case).readings, **{name: second})
        count += changed(method(case), desk(case), msgspec.structs.replace(method(case), readings=readings))
    assert count > 0


def test_every_branch_is_taken():
    """Worst case in the tails and outside, delta shock, long options against the rest, the window."""
    counts = dict.fromkeys(("tail", "standard", "shock", "turned", "window", "many"), 0)
    for case in CASES:
        width = 3 * (2 * engine(case.engine).general.buckets_count + 1)
        worst = found(case)["aggregated_risk_vectors"]
        for unit in range(len(desk(case))):
            held = desk(case).positions(unit)
            counts["tail"] += worst[unit, width:].min() < worst[unit, :width].min()
            counts["standard"] += worst[unit, :width].min() < worst[unit, width:].min()
            counts["shock"] += found(case)["part delta_shock"][unit, 0] > 0
            counts["turned"] += turned(case, held)
            counts["window"] += any(p["expiry_ns"] and p["expiry_ns"] - AS_OF < twin.WINDOW_NS for p in held)
            counts["many"] += len({(p["underlying"], p["settlement"]) for p in held}) > 1
    assert min(counts.values()) >= 20, counts


def turned(case, held):
    """Long options that would turn the delta of the rest, and may not."""
    readings, facts = dict(zip(READINGS, case.readings, strict=True)), desk(case).facts()
    own = [p for p in held if p["underlying"] == p["settlement"]]
    long = sum(twin.coin_delta(readings, facts, p) for p in own if p["kind"] == "option" and p["base"] > 0)
    rest = sum(twin.coin_delta(readings, facts, p) for p in own) - long
    return rest * long < 0 and abs(long) > abs(rest) > 0 and twin.directional_delta(readings, facts, own) == 0


@pytest.mark.parametrize("case", [CASES[1], CASES[6], CASES[16]])
def test_slow_evaluator_and_explanation(case):
    check_slow_evaluator(prepared(case), desk(case).book)


@pytest.mark.parametrize("case", [CASES[1], CASES[6], CASES[16]])
def test_incremental(case):
    check_incremental(prepared(case), desk(case).book)
