"""Ten-point margin by class and product groups: a slow twin on random books, points, floor, explanations."""

from functools import cache

import numpy as np
import pytest
from reference import class_groups as twin

from crossmargin import (
    Account,
    Asset,
    Book,
    Instrument,
    Instruments,
    InvalidInputError,
    Market,
    Observation,
    Portfolio,
)
from crossmargin.margin import TenPointMargin
from crossmargin.margin.class_groups import BROAD, EQUITY, HIGH_CAP, ProductGroup, Range, points

YEAR = 365 * 86_400 * 10**9
CLASSES = {  # price, range, product group
    "SPX": (4300.0, HIGH_CAP, "broad indices"), "NDX": (15000.0, BROAD, "broad indices"),
    "RUT": (1900.0, BROAD, "small"), "SPY": (430.0, HIGH_CAP, "broad indices"),
    "ACME": (50.0, EQUITY, "ACME"), "BOLT": (120.0, EQUITY, "BOLT"),
}  # fmt: skip
PRODUCTS = {"broad indices": 0.9, "small": 0.85}
PORTFOLIOS = {"indices": (("broad indices", "small"), 0.75)}
POINTS = [  # spelt out: fifths of the fall, then fifths of the rise
    (HIGH_CAP, (-0.08, -0.064, -0.048, -0.032, -0.016, 0.012, 0.024, 0.036, 0.048, 0.06)),
    (BROAD, (-0.10, -0.08, -0.06, -0.04, -0.02, 0.02, 0.04, 0.06, 0.08, 0.10)),
    (EQUITY, (-0.15, -0.12, -0.09, -0.06, -0.03, 0.03, 0.06, 0.09, 0.12, 0.15)),
]


@pytest.mark.parametrize(("given", "expected"), POINTS)
def test_ten_points_of_the_three_ranges(given, expected):
    """SEC release 34-46576 and FINRA 4210(g): +6 / -8 %, 10 % and 15 % either way, no point in the middle."""
    assert points(given) == pytest.approx(expected, abs=1e-15)
    assert points(given) == pytest.approx(twin.points(given.down, given.up), abs=1e-15)


def method(**changes):
    groups = {
        name: tuple(c for c, (_, _, product) in CLASSES.items() if product == name) for name in PRODUCTS
    }
    given = {
        "ranges": {name: r for name, (_, r, _) in CLASSES.items() if r is not EQUITY},
        "products": {
            name: ProductGroup(members=groups[name], offset=rate) for name, rate in PRODUCTS.items()
        },
        "portfolios": {
            name: ProductGroup(members=members, offset=rate) for name, (members, rate) in PORTFOLIOS.items()
        },
    }
    return TenPointMargin(**({"name": "customer portfolio margin"} | given | changes))


def contracts(rng):
    """A stock, and options of two expiries, of each class; one call far away, one option of ten shares."""
    for name, (price, *_) in CLASSES.items():
        yield {
            "id": f"{name} stock",
            "class": name,
            "kind": "spot",
            "multiplier": 1,
            "price": price * rng.uniform(0.99, 1.01),
        }
        for n in range(5):
            yield {
                "id": f"{name} {n}", "class": name,
                "kind": "call" if n == 3 else ("call", "put")[rng.integers(2)],
                "multiplier": (100, 10)[n == 4], "price": rng.uniform(0.1, 9),
                "strike": float(round(price * (2.0 if n == 3 else rng.uniform(0.8, 1.2)))),
                "years": (0.125, 0.5)[n % 2], "forward": price * (1.01, 1.03)[n % 2],
                "volatility": 0.15 if n == 3 else rng.uniform(0.15, 0.6),
            }  # fmt: skip


def instrument(c, settlement="USD"):
    option = c["kind"] != "spot"
    terms = {"strike": c["strike"], "right": c["kind"], "expiry": round(c["years"] * YEAR)} if option else {}
    return Instrument(
        id=c["id"], kind="option" if option else "spot", underlying=c["class"], settlement=settlement,
        contract_size=c["multiplier"], **terms,
    )  # fmt: skip


def market_of(table, made):
    by_name, found = {c["id"]: c for c in made}, {("EUR", "index"): 2.0}
    for row, key in zip(table, table.expiry_keys, strict=True):
        c = by_name[row.id]
        found[row.id, "mark"] = c["price"]
        if row.kind == "option":
            found |= {(key, "forward"): c["forward"], (row.id, "volatility"): c["volatility"]}
    return Market.of(
        [Observation(subject=s, field=f, value=v) for (s, f), v in found.items()], as_of=0, quote="USD"
    )


@cache
def desk(settlement="USD", seed=3):
    """Prepared method, and the twin's contracts with their losses, in the order of the instruments."""
    made = sorted(contracts(np.random.default_rng(seed)), key=lambda c: c["id"])
    table = Instruments.of([instrument(c, settlement) for c in made], [Asset(id="USD"), Asset(id="EUR")])
    return method().prepare(table, market_of(table, made)), [described(c) for c in made]


def described(c):
    r, size = CLASSES[c["class"]][1], float(c["multiplier"])
    if c["kind"] == "spot":
        value = lambda move: size * c["price"] * (1 + move)  # noqa: E731
    else:
        value = twin.option(c["kind"], c["forward"], c["strike"], c["volatility"], c["years"], size)
    losses = twin.losses(twin.points(r.down, r.up), value)
    return {"class": c["class"], "losses": losses, "option": c["kind"] != "spot", "multiplier": size}


def required_by_twin(held):
    """Products and portfolio groups of one member carry their own gains in full."""
    groups = {name: {"product": product} for name, (_, _, product) in CLASSES.items()}
    offsets = dict.fromkeys((product for _, _, product in CLASSES.values()), 1.0) | PRODUCTS
    of = {p: next((n for n, (members, _) in PORTFOLIOS.items() if p in members), p) for p in offsets}
    portfolios = dict.fromkeys(of.values(), 1.0) | {name: rate for name, (_, rate) in PORTFOLIOS.items()}
    return twin.requirement(groups, held, offsets, of, portfolios)


def random_lots(seed, n, count):
    rng = np.random.default_rng(seed)
    lots = rng.integers(-9, 10, (n, count)) * (rng.random((n, count)) < rng.random((n, 1)) ** 2)
    lots[0] = 0
    return lots


def book_of(instruments, lots, currency="USD"):
    owner, item = np.nonzero(lots)
    return Book.of(
        instruments, [Account(id=f"{i:05}", currency=currency) for i in range(len(lots))],
        positions={"account": owner, "instrument": item, "lots": lots[owner, item].astype(np.int64)},
    )  # fmt: skip


def test_the_twin_on_random_books():
    prepared, described = desk()
    lots = random_lots(1, 1000, len(described))
    lots[1:60] *= [
        row.id.endswith(" 3") for row in prepared.instruments
    ]  # far options alone: the floor binds
    found = prepared.requirements(book_of(prepared.instruments, lots))
    floors = 0
    for unit, row in enumerate(lots.tolist()):
        held = [c | {"qty": n} for c, n in zip(described, row, strict=True) if n]
        expected = required_by_twin(held)
        assert found.initial[unit] == pytest.approx(expected, rel=1e-10, abs=1e-6), unit
        floors += 0 < expected == pytest.approx(twin.minimum(held, 0.375))
    assert (found.maintenance == found.initial).all()
    assert floors > 10


def test_the_currency_of_settlement_is_a_unit():
    """Settled in euros of two dollars, an account in euros requires what one in dollars does of dollars."""
    (plain, described), (euros, _) = desk(), desk("EUR")
    lots = random_lots(2, 100, len(described))
    one = plain.requirements(book_of(plain.instruments, lots)).initial
    two = euros.requirements(book_of(euros.instruments, lots, currency="EUR")).initial
    np.testing.assert_allclose(two, one, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize(("lots", "expected"), [
    ([1, 0], 37.5), ([0, 2], 75.0), ([3, -3], 225.0), ([0, 0], 0.0),
])  # fmt: skip
def test_the_floor_counts_every_option(lots, expected):
    """37.50 a contract of 100 shares, long or short, whatever offsets it; far calls gain and lose nothing."""
    far = {
        "class": "ACME",
        "kind": "call",
        "multiplier": 100,
        "price": 0.0,
        "years": 0.125,
        "volatility": 0.2,
    }
    made = [far | {"id": f"C{i}", "strike": 500.0 + i, "forward": 50.0} for i in range(2)]
    table = Instruments.of([instrument(c) for c in made], [Asset(id="USD"), Asset(id="EUR")])
    portfolio = Portfolio.of(
        table,
        account=Account(id="a", currency="USD"),
        positions={f"C{i}": n for i, n in enumerate(lots) if n},
    )
    found = method().requirement(portfolio, market_of(table, made))
    assert found.initial == pytest.approx(expected, abs=1e-9)
    assert found.components["minimum"].initial == pytest.approx(expected, abs=1e-9)


def test_a_share_is_charged_its_range():
    """15 % of one share; an offset pair of indices is charged what the rate does not carry."""
    prepared, described = desk()
    names = [row.id for row in prepared.instruments]

    def alone(**held):
        portfolio = Portfolio.of(prepared.instruments, account=Account(id="a", currency="USD"),
                                 positions={f"{name} stock": n for name, n in held.items()})  # fmt: skip
        return prepared.requirement(portfolio).initial

    losses = {name: described[names.index(f"{name} stock")]["losses"] for name in CLASSES}
    assert alone(ACME=1) == pytest.approx(losses["ACME"][0])
    assert alone(ACME=-1) == pytest.approx(-losses["ACME"][-1])
    spread = [max(10 * a, 0) - 0.9 * max(-10 * a, 0) + max(-b, 0) - 0.9 * max(b, 0)
              for a, b in zip(losses["SPY"], losses["SPX"], strict=True)]  # fmt: skip
    assert alone(SPY=10, SPX=-1) == pytest.approx(max(spread))


def test_slow_evaluator_and_explanation():
    prepared, described = desk()
    book = book_of(prepared.instruments, random_lots(9, 30, len(described)))
    for unit in range(len(book)):
        portfolio = Portfolio(book, unit)
        found, trace = prepared.requirement(portfolio), prepared.trace(portfolio)
        for name, _ in prepared.program.outputs:
            assert found.outputs[name] == pytest.approx(trace.output(name).tolist(), rel=1e-12, abs=1e-8)
        for level in ("initial", "maintenance"):
            tree = found.explain(level)
            assert sum(leaf.value for leaf in tree.leaves()) == pytest.approx(
                getattr(found, level), rel=1e-12, abs=1e-7
            )
            for child in tree:
                assert not child.children or sum(c.value for c in child) == pytest.approx(
                    child.value, rel=1e-12, abs=1e-7
                )


def group(*members, offset=0.5):
    return ProductGroup(members=members, offset=offset)


@pytest.mark.parametrize(("build", "message"), [
    (lambda: Range(1.2, 0.1), "down must"), (lambda: Range(0.1, -0.1), "up must"),
    (lambda: group("A", offset=1.5), "offset must"), (lambda: method(minimum=-1.0), "minimum must"),
    (lambda: method(products={"p": group("A", "B"), "q": group("B")}), "class in products must be unique"),
    (lambda: method(portfolios={"p": group("A"), "q": group("A")}), "product in portfolios must be unique"),
])  # fmt: skip
def test_bad_parameters_are_refused(build, message):
    with pytest.raises(InvalidInputError, match=message):
        build()


def test_prudent_changes_never_lower_the_requirement():
    """Smaller offsets, wider ranges, a greater minimum."""
    prepared, described = desk()
    book = book_of(prepared.instruments, random_lots(4, 200, len(described)))
    before = prepared.requirements(book).initial
    less = {
        name: ProductGroup(members=g.members, offset=g.offset / 2) for name, g in method().products.items()
    }
    for changed in (method(products=less), method(minimum=2.5)):
        after = changed.prepare(prepared.instruments, prepared.market).requirements(book).initial
        assert (after >= before - 1e-6).all()
        assert (after > before + 1).any()
