"""Bybit portfolio margin against its twin: a thousand random accounts, four parameter sets."""

from functools import cache

import msgspec
import numpy as np
import pytest
from reference import bybit as twin

from crossmargin.venues.bybit import PortfolioMargin
from crossmargin.venues.bybit_parameters import Reported, Rules, UnitRules
from venues.desks import Desk, agree, changed, check_incremental, check_slow_evaluator

NAMES = """
    BTC-BTC BTC-USDT BTC-USDC BTC-BTC-9 BTC-USDT-90 BTC-USDC-90 ETH-ETH ETH-USDT ETH-USDC-30 SOL-USDT
    SOL-SOL BTC-USDT-0.4-60000-call BTC-USDT-9-54000-put BTC-USDT-30-66000-call BTC-USDC-29.99-60000-put
    BTC-USDC-30.01-60000-put BTC-USDC-90-80000-call BTC-USDC-185.23-45000-put BTC-USDT-9-60000-put
    ETH-USDT-0.4-3000-put ETH-USDT-30-3300-call ETH-USDC-30-2700-put ETH-USDC-300-4000-call
    SOL-USDT-9-150-call
""".split()
PER_CASE, CASES = 250, range(4)
REPORTED = Reported(futureDeltaContingency=7.0, optionVegaContingency=3.0, usdtUsdcContingency=2.0)
CENT_OF_CENT = 1e-4


def turn(k, j, *figures):
    """Figures go round over parameter sets and units."""
    return figures[(k + j) % len(figures)]


def grid(widest, n):
    return tuple(round(widest * (2 * i / (n - 1) - 1), 12) for i in range(n))


def rules(k):
    units = {
        name: UnitRules(
            moves=grid(turn(k, j, 0.1, 0.15, 0.25), turn(k, 0, 11, 5)), volatility_up=turn(k, j, 0.24, 0.5),
            volatility_down=turn(k, j, 0.2, 0.35, 0.9), power=turn(k, j, 0.3, 0.13, 0.5),
            future_rate=turn(k, j, 0.0003, 0.004, 0.0), option_rate=turn(k, j, 0.01, 0.002, 0.1),
        ) for j, name in enumerate(("BTC", "ETH", "SOL"))
    }  # fmt: skip
    return Rules(units=units, im_factor=turn(k, 0, 1.2, 1.5), spot_hedge=k != 3)


def method(k):
    return PortfolioMargin(name="random", rules=rules(k), reported=REPORTED)


@cache
def desk(k):
    return Desk.of(NAMES, 300 + k, PER_CASE)


@cache
def prepared(k):
    return method(k).prepare(desk(k).instruments, desk(k).market)


@cache
def found(k):
    return prepared(k).values(desk(k).book, tuple(prepared(k).wanted))


def positions(k, unit):
    """Marks in the settlement currency, as the twin reads them: those of inverse contracts are in dollars."""
    price = desk(k).facts()["price"]
    held = desk(k).positions(unit)
    return [p | {"mark": p["mark"] / price[p["settlement"]]} if p["inverse"] else p for p in held]


@cache
def expected(k):
    own, raw = desk(k), msgspec.to_builtins(rules(k))
    facts = own.facts()
    return [twin.portfolio_margin(raw, facts, positions(k, u), own.balances(u)) for u in range(len(own))]


def units(k, name):
    return np.array([sum(unit[name] for unit in row["units"].values()) for row in expected(k)])


@pytest.mark.parametrize("k", CASES)
def test_requirement_and_equity(k):
    """The reported amounts stand in the maintenance and are scaled in the initial."""
    reported = sum(msgspec.to_builtins(REPORTED).values())
    for level, (name, factor) in enumerate((("initial", rules(k).im_factor), ("maintenance", 1.0))):
        agree(found(k)["requirement"][:, level], [row[name] + factor * reported for row in expected(k)])
    agree(found(k)["equity"][:, 0], [desk(k).worth(unit) for unit in range(PER_CASE)])
    made = prepared(k).requirements(desk(k).book)
    agree(np.stack([made.initial, made.maintenance]).T, found(k)["requirement"])


@pytest.mark.parametrize("k", CASES)
def test_parts(k):
    for part, name in (("maxLoss", "max_loss"), ("futureContingency", "future_contingency"),
                       ("optionContingency", "option_contingency")):  # fmt: skip
        agree(found(k)[f"part {part}"][:, 1], units(k, name))
    agree(found(k)["contingencies"][:, 0], units(k, "future_contingency") + units(k, "option_contingency"))


def hedges(k, unit, move, names):
    """What spot gains at a step of the grid of each of these coins."""
    own, facts, raw = desk(k).balances(unit), desk(k).facts(), msgspec.to_builtins(rules(k))
    return sum(twin.spot_hedge(raw, facts, name, own, raw["units"][name]["moves"][move]) for name in names)


@pytest.mark.parametrize("k", CASES)
def test_profits_by_price(k):
    """All units, coins without contracts included, rounded down as the venue prints them."""
    steps = len(rules(k).units["BTC"].moves)
    for unit, row in enumerate(expected(k)):
        alone = [name for name in rules(k).units if name not in row["units"]]
        profit = np.array([hedges(k, unit, move, alone) for move in range(steps)], dtype=float)
        spot = np.array([hedges(k, unit, move, rules(k).units) for move in range(steps)])
        profit += sum((np.array(one["all_pnl"]) for one in row["units"].values()), np.zeros(steps))
        printed = found(k)["all_pnl"][unit]
        slack = 1e-6 + 1e-9 * np.abs(profit)
        assert (printed <= profit + slack).all()
        assert (printed > profit - CENT_OF_CENT - slack).all()
        agree(found(k)["spot_hedge_pnl"][unit], spot)


@pytest.mark.parametrize("k", CASES)
def test_profits_by_scenario(k):
    """Prices outside, volatilities up, same, down inside, all units of an account added."""
    facts, raw = desk(k).facts(), msgspec.to_builtins(rules(k))
    for unit in range(0, PER_CASE, 5):
        held = [(p, raw["units"][p["underlying"]]) for p in positions(k, unit)]
        whole = [
            sum(twin.profit(rule, facts, p, rule["moves"][move], column) for p, rule in held)
            for move in range(len(raw["units"]["BTC"]["moves"]))
            for column in range(3)
        ]
        agree(found(k)["profit"][unit], whole)


def test_every_term_decides_somewhere():
    counts = dict.fromkeys(("loss", "no loss", "future", "option", "spot", "lone coin", *"012"), 0)
    for k in CASES:
        for unit, row in enumerate(expected(k)):
            owned = desk(k).balances(unit)
            for name, one in row["units"].items():
                counts["loss"] += one["max_loss"] > 0
                counts["no loss"] += one["max_loss"] == 0
                counts["future"] += one["future_contingency"] > 0
                counts["option"] += one["option_contingency"] > 0
                counts["spot"] += hedged(k, unit, name, one)
                for column in columns_taken(k, unit, name):
                    counts[str(column)] += 1
            counts["lone coin"] += bool(set(owned) & set(rules(k).units) - set(row["units"]))
    assert min(counts.values()) >= 10, counts


def hedged(k, unit, name, one):
    """A loss that would be larger without the coin."""
    bare = [profit - hedges(k, unit, i, [name]) for i, profit in enumerate(one["all_pnl"])]
    return max(0.0, -min(bare)) > one["max_loss"] + 1e-6


def columns_taken(k, unit, name):
    """Volatilities that some price of the unit chooses."""
    rule, facts = msgspec.to_builtins(rules(k))["units"][name], desk(k).facts()
    held = [p for p in positions(k, unit) if p["underlying"] == name]
    if unit % 20 or all(p["kind"] != "option" for p in held):
        return set()
    profits = [
        [sum(twin.profit(rule, facts, p, move, column) for p in held) for column in range(3)]
        for move in rule["moves"]
    ]
    return set(np.argmin(profits, axis=1).tolist())


FIGURES = ["volatility_up", "volatility_down", "power", "future_rate", "option_rate"]


@pytest.mark.parametrize("field", FIGURES)
def test_every_figure_decides_somewhere(field):
    """With another figure some accounts require something else: the comparison sees it."""
    count = 0
    for k in CASES:
        named = {name: msgspec.structs.replace(unit, **{field: 0.0}) for name, unit in rules(k).units.items()}
        other = msgspec.structs.replace(method(k), rules=msgspec.structs.replace(rules(k), units=named))
        count += changed(method(k), desk(k), other)
    assert count > 0


@pytest.mark.parametrize("k", CASES)
def test_slow_evaluator_and_explanation(k):
    check_slow_evaluator(prepared(k), desk(k).book)


@pytest.mark.parametrize("k", CASES)
def test_incremental(k):
    check_incremental(prepared(k), desk(k).book)
