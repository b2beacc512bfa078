"""Deribit's superseded portfolio margin and its copies against their twin: a thousand random accounts."""

from functools import cache

import msgspec
import numpy as np
import pytest
from reference import superseded as twin

from crossmargin import Portfolio
from crossmargin.venues import dederi, superseded
from venues.desks import Desk, agree, changed, check_evaluators

# No strike stands under two expiries: what then nets is looked at alone, below.
NAMES = """
    BTC-USDC BTC-USDC-0.4 BTC-USDC-9 BTC-USDC-30 BTC-USDC-90 ETH-USDC ETH-USDC-9 ETH-USDC-90
    BTC-USDC-0.4-60000-call BTC-USDC-0.4-60000-put BTC-USDC-9-66000-call BTC-USDC-9-66000-put BTC-USDC-9-54000-put
    BTC-USDC-29.99-58000-call BTC-USDC-30-62000-put BTC-USDC-30-62000-call BTC-USDC-90-80000-call BTC-USDC-300-45000-put
    ETH-USDC-0.4-3000-put ETH-USDC-9-3300-call ETH-USDC-9-3300-put ETH-USDC-30-2700-put ETH-USDC-90-4500-call
""".split()
PER_CASE = 170
ABSOLUTE = superseded.SupersededMargin(
    name="absolute", moves=superseded.grid(0.3, 0.1), volatility_move=0.4, power=0.4, mode="absolute", future_rate=0.003,
    future_count="gross", option_rate=0.002, option_count="gross",
)  # fmt: skip
CASES = {
    "superseded": superseded.deribit(), "older": superseded.deribit(older=True), "quoted": superseded.blog_copy(),
    "dederi": dederi.portfolio_margin(), "absolute": ABSOLUTE,
    "dederi with options": msgspec.structs.replace(dederi.portfolio_margin(), option_rate=0.004, name="options pay"),
}  # fmt: skip
COUNTS = {"short": "net short per strike", "gross": "gross"}


def rules(method):
    return {
        "moves": method.moves, "volatility_move": method.volatility_move, "power": method.power, "volatility": method.mode,
        "future_rate": method.future_rate, "future_count": method.future_count, "option_rate": method.option_rate,
        "option_count": COUNTS[method.option_count],
    }  # fmt: skip


@cache
def desk(case):
    """Forwards are the index grown at the rate where the method reads them so."""
    return Desk.of(NAMES, 500 + list(CASES).index(case), PER_CASE, grown=CASES[case].forwards == "basis")


@cache
def prepared(case):
    return CASES[case].prepare(desk(case).instruments, desk(case).market)


@cache
def found(case):
    return prepared(case).values(desk(case).book, tuple(prepared(case).wanted))


def positions(case, unit):
    """In dollars; an undated contract moves with the index where forwards grow, with its mark elsewhere."""
    own = desk(case).dollar_positions(unit)
    if CASES[case].forwards == "market":
        return own
    facts = desk(case).facts()
    index = {name: price * facts["price"]["USDC"] for name, price in facts["index"].items()}
    return [p if p["expiry_ns"] else p | {"forward": index[p["underlying"]]} for p in own]


@cache
def expected(case):
    facts, raw = desk(case).facts(), rules(CASES[case])
    return [twin.portfolio_margin(raw, facts, positions(case, unit)) for unit in range(PER_CASE)]


def units(case, name):
    return np.array([sum(unit[name] for unit in row["units"].values()) for row in expected(case)])


@pytest.mark.parametrize("case", CASES)
def test_requirement_and_equity(case):
    """One requirement at both levels; nothing is discounted, whatever rate an expiry has."""
    for level in (0, 1):
        required = found(case)["requirement"][:, min(level, found(case)["requirement"].shape[1] - 1)]
        agree(required, [row["maintenance"] for row in expected(case)])
    agree(found(case)["equity"][:, 0], [desk(case).worth(unit) for unit in range(PER_CASE)])
    made = prepared(case).requirements(desk(case).book)
    agree(made.initial, made.maintenance)
    agree(made.initial, found(case)["requirement"][:, 0])


@pytest.mark.parametrize("case", CASES)
def test_parts(case):
    for part, name in (("worst loss", "worst_loss"), ("future contingency", "future_contingency"),
                       ("option contingency", "option_contingency")):  # fmt: skip
        agree(found(case)[f"part {part}"][:, 0], units(case, name))


@pytest.mark.parametrize("case", CASES)
def test_scenarios(case):
    for unit, row in enumerate(expected(case)):
        whole = sum((np.array(one["outcomes"]) for one in row["units"].values()), np.zeros(3 * len(CASES[case].moves)))
        agree(found(case)["scenarios"][unit], whole)


def test_one_strike_of_two_expiries():
    """Ten sold for a near date and four bought of the same strike for a far one: six are short of that strike."""
    names = ["BTC-USDC-9-66000-call", "BTC-USDC-90-66000-put"]
    own = Desk.of(names, 1, 2)
    made = superseded.deribit().prepare(own.instruments, own.market)
    held = Portfolio.of(own.instruments, positions={names[0]: -100, names[1]: 40})
    facts = own.facts()
    paid = made.requirement(held).components["option contingency"].initial
    assert paid * facts["price"][held.account.currency] == pytest.approx(6 * 0.01 * facts["index"]["BTC"], rel=1e-12)


def test_every_term_decides_somewhere():
    counts = {case: dict.fromkeys(("loss", "futures", "options", "no futures", "no options", "netted"), 0) for case in CASES}
    for case, count in counts.items():
        for unit, row in enumerate(expected(case)):
            for name, one in row["units"].items():
                held = [p for p in positions(case, unit) if p["underlying"] == name]
                count["loss"] += one["worst_loss"] > 0
                for kind in ("future", "option"):
                    pays = one[f"{kind}_contingency"] > 0
                    count[f"{kind}s"] += pays
                    count[f"no {kind}s"] += not pays and any((p["kind"] == "option") == (kind == "option") for p in held)
                count["netted"] += netted(held)
    assert all(count["loss"] >= 50 for count in counts.values())
    for case, name in (("superseded", "futures"), ("superseded", "no futures"), ("superseded", "options"), ("older", "options"),
                       ("superseded", "no options"), ("superseded", "netted"), ("dederi", "futures"), ("quoted", "options"),
                       ("dederi with options", "options"), ("absolute", "options"), ("absolute", "futures")):  # fmt: skip
        assert counts[case][name] >= 5, (case, name, counts[case])


def netted(held):
    """A call and a put of one strike on opposite sides."""
    options = [p for p in held if twin.is_option(p)]
    return any(p["strike"] == q["strike"] and p["coins"] * q["coins"] < 0 for p in options for q in options)


FIGURES = [("volatility_move", 0.0), ("power", 0.0), ("future_rate", 0.0), ("option_rate", 0.0), ("mode", "absolute"),
           ("future_count", "gross"), ("option_count", "gross"), ("moves", (-0.02, 0.0, 0.02))]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), FIGURES)
def test_every_figure_decides_somewhere(field, value):
    other = msgspec.structs.replace(superseded.deribit(), **{field: value})
    assert changed(superseded.deribit(), desk("superseded"), other) > 0


@pytest.mark.parametrize("case", CASES)
def test_evaluators_and_explanation(case):
    check_evaluators(prepared(case), desk(case).book, 4)
