"""OKX portfolio margin against its twin: a thousand random accounts, every reading, four parameter sets."""

from functools import cache
from itertools import product

import msgspec
import numpy as np
import pytest
from reference import okx as twin

from crossmargin.venues.okx import PortfolioMargin
from crossmargin.venues.okx_parameters import Rules, UnitRules
from venues.desks import Desk, agree, changed, check_incremental, check_slow_evaluator

NAMES = """
    BTC-BTC BTC-USDT BTC-USDC BTC-BTC-9 BTC-USDT-90 BTC-USDC-90 ETH-ETH ETH-USDT ETH-USDC-30 SOL-USDT
    SOL-SOL BTC-BTC-0.4-60000-call BTC-BTC-0.4-58000-put BTC-BTC-9-54000-put BTC-BTC-30-66000-call
    BTC-BTC-45-60000-put BTC-BTC-90-80000-call BTC-USDT-0.4-61000-call BTC-USDT-0.4-60000-put
    BTC-USDT-45-70000-call BTC-USDC-90-50000-put ETH-ETH-0.4-3000-put ETH-ETH-0.4-3100-call
    ETH-ETH-30-3300-call ETH-USDC-30-2700-put ETH-USDT-90-4000-call SOL-USDT-9-150-call
""".split()
PER_CASE = 84
READINGS = product(("larger", "relative", "absolute"), ("none", "hedge"), (0, 1))
CASES = [(*chosen, k % 4) for k, chosen in enumerate(READINGS)]
MR = ("mr1", "mr2", "mr4", "mr6", "mr7", "mr9")


def turn(k, j, *figures):
    """Figures go round over parameter sets and names."""
    return figures[(k + j) % len(figures)]


def unit_rules(k, j):
    return UnitRules(
        max_move=turn(k, j, 0.12, 0.15, 0.25, 0.05), extreme_move=turn(k, j, 0.24, 0.6, 0.36, 0.5),
        basis_minimum=turn(k, j, 0.002, 0.008, 0.0), basis_annualised=turn(k, j, 0.05, 0.15, 0.3, 0.0),
        close_rate=turn(k, j, 0.0045, 0.007, 0.03),
    )  # fmt: skip


def rules(volatility, spot, k):
    """SOL takes the rules of units without a name; assets without a discount count nothing."""
    return Rules(
        units={name: unit_rules(k, j) for j, name in enumerate(("BTC", "ETH"))}, other=unit_rules(k, 2),
        im_factor=turn(k, 0, 1.3, 1.5), borrow_mmr=turn(k, 0, 0.02, 0.04), borrow_imr=turn(k, 0, 0.1, 0.2),
        volatility=volatility, spot=spot, taker_fee=turn(k, 0, 0.0003, 0.002, 0.01),
        option_fee_cap=turn(k, 0, 0.125, 0.07),
        close_edges=turn(k, 0, (0, 100, 500, 2e3), (0, 1e3, 3e3, 2e4)),
        close_multipliers=turn(k, 0, (1, 2, 4, 6), (1, 3, 8, 12)),
        depeg=turn(k, 0, ((1e4, 0.005), (4e4, 0.01)), ((5e3, 0.0075), (2e4, 0.0175), (5e4, 0.025)), ()),
        discount={"USDT": ((2e4, 1.0), (3e4, 0.975), (1e5, 0.9)), "USD": ((1e4, 0.99), (1e12, 0.95)),
                  "BTC": ((0.5, 0.98), (2.0, 0.9)), "ETH": ((1e12, 0.93),)},
    )  # fmt: skip


def method(case):
    volatility, spot, _, k = case
    return PortfolioMargin(name="random", rules=rules(volatility, spot, k))


@cache
def desk(case):
    return Desk.of(NAMES, 200 + CASES.index(case), PER_CASE)


@cache
def prepared(case):
    return method(case).prepare(desk(case).instruments, desk(case).market)


@cache
def found(case):
    return prepared(case).values(desk(case).book, tuple(prepared(case).wanted))


@cache
def expected(case):
    own, made = desk(case), method(case).rules
    facts = own.facts()
    units = {name: msgspec.to_builtins(made.unit(name)) for name in ("BTC", "ETH", "SOL")}
    raw = msgspec.to_builtins(made) | {"units": units}
    return [twin.portfolio_margin(raw, facts, own.positions(u), own.balances(u)) for u in range(len(own))]


def column(case, name):
    return np.array([row[name] for row in expected(case)])


def units(case, name):
    return np.array([sum(unit[name] for unit in row["units"].values()) for row in expected(case)])


@pytest.mark.parametrize("case", CASES)
def test_requirement_and_equity(case):
    for level, name in enumerate(("initial", "maintenance")):
        agree(found(case)["requirement"][:, level], column(case, name))
    agree(found(case)["equity"][:, 0], column(case, "equity"))
    made = prepared(case).requirements(desk(case).book)
    agree(np.stack([made.initial, made.maintenance]).T, found(case)["requirement"])


@pytest.mark.parametrize("case", CASES)
def test_outputs(case):
    for name in MR:
        agree(found(case)[name][:, 0], units(case, name))
    agree(found(case)["mr8"][:, 0], column(case, "mr8"))
    agree(found(case)["unit_mmr"][:, 0], units(case, "mmr"))


@pytest.mark.parametrize("case", CASES)
def test_margin_ratio(case):
    """Equity over maintenance and the fee on what is owed."""
    rates = method(case).rules
    fee = rates.liquidation_fee * (1 + rates.borrow_mmr) * column(case, "liability")
    below = column(case, "maintenance") + fee
    some = below > 0
    agree(found(case)["margin_ratio"][some, 0], column(case, "equity")[some] / below[some])


@pytest.mark.parametrize("case", CASES)
def test_components_say_what_each_term_adds(case):
    """The parts of the units, unscaled, sum to their maintenance."""
    names = [f"part {name}" for name in MR]
    parts = sum(found(case)[name] for name in names)
    agree(parts[:, 1], units(case, "mmr"))
    agree(parts[:, 0], units(case, "imr"))


def test_every_term_decides_somewhere():
    """Each of the maxima takes each of its terms, and what is added adds something."""
    counts = dict.fromkeys(("mr1", "mr2", "mr4", "mr6", "mr7", "mr8", "mr9", "spot"), 0)
    for case in CASES:
        for row in expected(case):
            for mr in row["units"].values():
                stress = max(("mr1", "mr2", "mr6"), key=mr.get)
                binds = mr["mr7"] > mr[stress] + mr["mr4"]
                counts["mr7" if binds else stress] += mr["mmr"] > 0
                counts["mr4"] += not binds and mr["mr4"] > 0
                counts["mr9"] += mr["mr9"] > 0
                counts["spot"] += mr["spot_in_use"] != 0
            counts["mr8"] += row["mr8"] > 0
    assert min(counts.values()) >= 10, counts


FIGURES = [
    ("taker_fee", 0.0), ("option_fee_cap", 0.0), ("depeg", ()), ("discount", {}), ("borrow_mmr", 0.0),
    ("borrow_imr", 0.5), ("close_multipliers", (1, 1, 1, 1)), ("shock_relative", (0.0, 0.0, 0.0)),
    ("shock_points", (0.0, 0.0, 0.0)), ("spot", "none"), ("depeg_in_maximum", True),
]  # fmt: skip
OF_UNIT = ["max_move", "extreme_move", "basis_minimum", "basis_annualised", "close_rate"]


@pytest.mark.parametrize(("field", "value"), FIGURES)
def test_every_figure_decides_somewhere(field, value):
    """With another figure some accounts require something else: the comparison sees it."""
    others = {case: msgspec.structs.replace(method(case).rules, **{field: value}) for case in CASES}
    assert count_changed(others) > 0


@pytest.mark.parametrize("field", OF_UNIT)
def test_every_figure_of_a_unit_decides_somewhere(field):
    others = {}
    for case in CASES:
        made = method(case).rules
        named = {name: msgspec.structs.replace(unit, **{field: 0.0}) for name, unit in made.units.items()}
        others[case] = msgspec.structs.replace(made, units=named)
    assert count_changed(others) > 0


def count_changed(others):
    return sum(
        changed(method(case), desk(case), msgspec.structs.replace(method(case), rules=other))
        for case, other in others.items()
    )


@pytest.mark.parametrize("case", CASES[1::5])
def test_slow_evaluator_and_explanation(case):
    check_slow_evaluator(prepared(case), desk(case).book)


@pytest.mark.parametrize("case", CASES[1::5])
def test_incremental(case):
    check_incremental(prepared(case), desk(case).book)
