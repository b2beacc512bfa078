"""Deribit's superseded portfolio margin and its copies against their twin: a thousand random accounts."""

from functools import cache

import msgspec
import numpy as np
import pytest
from reference import superseded as twin

from crossmargin import Account, Portfolio
from crossmargin.venues import dederi, superseded
from venues.desks import Desk, agree, changed, check_incremental, check_slow_evaluator

# No strike stands under two expiries, and expiries of options have no rate: both are looked at alone, below.
NAMES = """
    BTC-USDC BTC-USDC-0.5 BTC-USDC-10 BTC-USDC-31 BTC-USDC-91 ETH-USDC ETH-USDC-10 ETH-USDC-91
    BTC-USDC-0.4-60000-call BTC-USDC-0.4-60000-put BTC-USDC-9-66000-call BTC-USDC-9-66000-put
    BTC-USDC-9-54000-put BTC-USDC-29.99-58000-call BTC-USDC-30-62000-put BTC-USDC-30-62000-call
    BTC-USDC-90-80000-call BTC-USDC-300-45000-put ETH-USDC-0.4-3000-put ETH-USDC-9-3300-call
    ETH-USDC-9-3300-put ETH-USDC-30-2700-put ETH-USDC-90-4500-call
""".split()
PER_CASE = 170
ABSOLUTE = superseded.SupersededMargin(
    name="absolute", moves=superseded.grid(0.3, 0.1), volatility_move=0.4, power=0.4, mode="absolute",
    future_rate=0.003, future_count="gross", option_rate=0.002, option_count="gross",
)  # fmt: skip
CASES = {
    "superseded": superseded.deribit(), "older": superseded.deribit(older=True),
    "quoted": superseded.blog_copy(), "dederi": dederi.portfolio_margin(), "absolute": ABSOLUTE,
    "dederi with options": msgspec.structs.replace(dederi.portfolio_margin(), option_rate=0.004),
}  # fmt: skip
COUNTS = {"short": "net short per strike", "gross": "gross"}


def rules(method):
    return {
        "moves": method.moves, "volatility_move": method.volatility_move, "power": method.power,
        "volatility": method.mode, "future_rate": method.future_rate, "future_count": method.future_count,
        "option_rate": method.option_rate, "option_count": COUNTS[method.option_count],
    }  # fmt: skip


@cache
def desk(case):
    """Forwards are the index grown at the rate where the method reads them so."""
    seed = 500 + list(CASES).index(case)
    return Desk.of(NAMES, seed, PER_CASE, grown=CASES[case].forwards == "basis", rates=False)


@cache
def prepared(case):
    return CASES[case].prepare(desk(case).instruments, desk(case).market)


@cache
def found(case):
    return prepared(case).values(desk(case).book, tuple(prepared(case).wanted))


def positions(case, unit):
    return dollars(CASES[case], desk(case), unit)


def dollars(method, own, unit):
    """In dollars; an undated contract moves with the index where forwards grow, with its mark elsewhere."""
    held, facts = own.dollar_positions(unit), own.facts()
    if method.forwards == "market":
        return held
    index = {name: price * facts["price"]["USDC"] for name, price in facts["index"].items()}
    return [p if p["expiry_ns"] else p | {"forward": index[p["underlying"]]} for p in held]


@cache
def expected(case):
    facts, raw = desk(case).facts(), rules(CASES[case])
    return [twin.portfolio_margin(raw, facts, positions(case, unit)) for unit in range(PER_CASE)]


def units(case, name):
    return np.array([sum(unit[name] for unit in row["units"].values()) for row in expected(case)])


@pytest.mark.parametrize("case", CASES)
def test_requirement_and_equity(case):
    """One requirement at both levels."""
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
        vectors = [[0.0] * (3 * len(CASES[case].moves)), *(one["outcomes"] for one in row["units"].values())]
        agree(found(case)["scenarios"][unit], np.sum(vectors, axis=0))


@pytest.mark.parametrize("case", ["superseded", "dederi"])
def test_rates_discount_nothing(case):
    """An expiry's rate is what its futures stand above the index, and no discount of its options."""
    own = Desk.of(NAMES, 7, 20, grown=CASES[case].forwards == "basis")
    made = CASES[case].prepare(own.instruments, own.market).values(own.book, ("part worst loss",))
    facts, raw = own.facts(), rules(CASES[case])
    rows = [twin.portfolio_margin(raw, facts, dollars(CASES[case], own, unit))["units"] for unit in range(20)]
    agree(made["part worst loss"][:, 0], [sum(unit["worst_loss"] for unit in row.values()) for row in rows])


def test_one_strike_of_two_expiries():
    """Ten sold for a near date, four of the same strike bought for a far one: six are short."""
    names = ["BTC-USDC-9-66000-call", "BTC-USDC-90-66000-put"]
    own = Desk.of(names, 1, 2)
    made = superseded.deribit().prepare(own.instruments, own.market)
    held = {names[0]: -100, names[1]: 40}
    owner = Account(id="a", currency="USD")
    found = made.requirement(Portfolio.of(own.instruments, account=owner, positions=held))
    expected = 6 * 0.01 * own.facts()["index"]["BTC"]
    assert found.components["option contingency"].initial == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("case", "terms"), [
    ("superseded", {"loss", "future", "no future", "option", "no option", "netted"}),
    ("older", {"future", "option"}), ("quoted", {"loss", "option"}), ("dederi", {"loss", "future"}),
    ("dederi with options", {"option", "netted"}), ("absolute", {"loss", "future", "option"}),
])  # fmt: skip
def test_every_term_decides_somewhere(case, terms):
    counts = dict.fromkeys(terms, 0)
    for unit, row in enumerate(expected(case)):
        for name, one in row["units"].items():
            held = [p for p in positions(case, unit) if p["underlying"] == name]
            for term in terms & set(decided(one, held)):
                counts[term] += 1
    assert min(counts.values()) >= 5, counts


def decided(one, held):
    """What adds to a unit, and which kinds it holds that add nothing."""
    if one["worst_loss"] > 0:
        yield "loss"
    if netted(held):
        yield "netted"
    for kind in ("future", "option"):
        if one[f"{kind}_contingency"] > 0:
            yield kind
        elif any(twin.is_option(p) == (kind == "option") for p in held):
            yield f"no {kind}"


def netted(held):
    """A call and a put of one strike on opposite sides."""
    options = [p for p in held if twin.is_option(p)]
    return any(p["strike"] == q["strike"] and p["coins"] * q["coins"] < 0 for p in options for q in options)


FIGURES = [("volatility_move", 0.0), ("power", 0.0), ("future_rate", 0.0), ("option_rate", 0.0),
           ("mode", "absolute"), ("future_count", "gross"), ("option_count", "gross"),
           ("moves", (-0.02, 0.0, 0.02))]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), FIGURES)
def test_every_figure_decides_somewhere(field, value):
    other = msgspec.structs.replace(superseded.deribit(), **{field: value})
    assert changed(superseded.deribit(), desk("superseded"), other) > 0


@pytest.mark.parametrize("case", CASES)
def test_slow_evaluator_and_explanation(case):
    check_slow_evaluator(prepared(case), desk(case).book)


@pytest.mark.parametrize("case", CASES)
def test_incremental(case):
    check_incremental(prepared(case), desk(case).book)
