"""Scenario-array margin: figures published, a slow twin on random books, refusals, prudence, worst fills."""

import msgspec
import numpy as np
import pytest
from margin.scenario_array_desk import book_of, desk, random_lots
from reference.fills import filled_book

from crossmargin import Account, Asset, ImprudentParametersError, Instrument, Instruments, InvalidInputError, Market
from crossmargin import Observation, Order, Portfolio
from crossmargin.margin import ScenarioArrayMargin
from crossmargin.margin.scenario_array_parameters import (
    Array, Commodity, Credit, CreditLeg, Delivery, Scan, Spread, SpreadLeg, sixteen,
)  # fmt: skip

# ---- published figures -----------------------------------------------------------------------

RISKKIT = "riskkit tests/test_span_engine.py, synthetic exchange"
CME = "riskkit tests/test_span_private.py, CME file cme.20250912.c.pa2, combined commodity CX-GC"
GOLD = (0, 0, -5333, -5333, 5333, 5333, -10667, -10667, 10667, 10667, -16000, -16000, 16000, 16000, -15840, 15840)
CALL = (-1500, 1400, -4200, -1600, 1100, 3900, -7300, -4900, 3100, 5900, -10500, -8400, 4900, 7600, -11300, 3100)
FAR_PUT = (-8, 6, 4, 9, -11, 2, 7, 12, -18, -3, 10, 14, -27, -9, 10, -30)
FRONT, NEXT, JUNE = "202509", "202510", "202606"
# source, kind, array, month, option's value and lots of each position, then what is published
PUBLISHED = [
    (RISKKIT, [("put", FAR_PUT, NEXT, 150, -1)], {"initial": 50, "scan": 30, "total": 200, "minimum": 50, "worst": 16}),
    (RISKKIT, [("future", GOLD, FRONT, 0, 3), ("future", GOLD, FRONT, 0, -3)], {"initial": 0, "scan": 0, "total": 0}),
    (RISKKIT, [("call", CALL, NEXT, 12000, 1)], {"scan": 7600, "total": -4400, "worst": 14}),
    (CME, [("put", (0,) * 15 + (-12878,), NEXT, 10740, -1)], {"initial": 12878, "total": 23618, "worst": 16}),
    (CME, [("future", GOLD, FRONT, 0, 1)], {"initial": 16000, "scan": 16000, "worst": 13}),
    (CME, [("future", GOLD, FRONT, 0, 1), ("future", GOLD, NEXT, 0, -1)], {"initial": 300, "scan": 0, "month": 300}),
    (CME, [("future", GOLD, FRONT, 0, 1), ("future", GOLD, JUNE, 0, -1)], {"initial": 1000, "month": 1000}),
    (CME, [("future", GOLD, FRONT, 0, -2)], {"initial": 32000, "worst": 11}),
]
READ = {
    "initial": lambda r: r.initial, "scan": lambda r: r.components["scan risk"].initial,
    "total": lambda r: r.outputs["total_requirement"][0], "minimum": lambda r: r.outputs["minimum"][0],
    "month": lambda r: r.components["inter-month charge"].initial,
    "worst": lambda r: int(r.worst_scenario.partition(":")[0]),
}  # fmt: skip


def gold(**changes):
    spreads = tuple(Spread(legs=(SpreadLeg(FRONT, "A"), SpreadLeg(m, "B")), rate=r) for m, r in ((NEXT, 300), (JUNE, 1000)))
    rules = {"price_scan_range": 16000.0, "series_spreads": spreads, "short_option_minimum": 50.0}
    return Commodity(**(rules | changes))


def observe(subject, field, value):
    return Observation(subject=subject, field=field, value=float(value))


def instrument(name, kind, underlying="GC"):
    terms = {} if kind == "future" else {"right": kind, "strike": 1.0}
    return Instrument(
        id=name, kind="option" if terms else "future", underlying=underlying, settlement="USD", expiry=90 * 86_400 * 10**9,
        **terms,
    )  # fmt: skip


def account(held):
    """Portfolio, market and arrays of positions whose arrays are given."""
    table = Instruments.of([instrument(f"P{i}", kind) for i, (kind, *_) in enumerate(held)], [Asset(id="USD")])
    figures = [observe(f"P{i}", "mark", value) for i, (_, _, _, value, _) in enumerate(held)]
    figures += [observe(key, "forward", 1e6) for key in set(table.expiry_keys)]
    figures += [observe(f"P{i}", "volatility", 0) for i in range(len(held))]
    positions = {f"P{i}": lots for i, (*_, lots) in enumerate(held)}
    portfolio = Portfolio.of(table, account=Account(id="a", currency="USD"), positions=positions)
    arrays = {f"P{i}": Array(losses=losses, month=month) for i, (_, losses, month, _, _) in enumerate(held)}
    return portfolio, Market.of(figures, as_of=0, quote="USD"), arrays


@pytest.mark.parametrize(("source", "held", "expected"), PUBLISHED)
def test_published_figures(source, held, expected):
    portfolio, market, arrays = account(held)
    method = ScenarioArrayMargin(name="gold", source=source, commodities={"GC": gold()}, arrays=arrays)
    found = method.requirement(portfolio, market)
    assert {name: READ[name](found) for name in expected} == pytest.approx(expected, abs=1e-9)
    assert sum(leaf.value for leaf in found.explain().leaves()) == pytest.approx(found.initial, abs=1e-9)


def test_an_array_from_the_range_is_the_published_one():
    """CME gold 2025-09-12: 16000 USD, extreme 3 x 0.33."""
    portfolio, market, _ = account([("future", GOLD, FRONT, 0, 1)])
    found = ScenarioArrayMargin(name="gold", commodities={"GC": gold()}).requirement(portfolio, market)
    assert found.outputs["scenarios"] == tuple(-loss for loss in GOLD)


# ---- the twin --------------------------------------------------------------------------------

TURNS = (0, 1, 2)
LINES = {"scan risk": "scan_risk", "inter-month charge": "intra", "delivery charge": "delivery",
         "inter-commodity credit": "credit"}  # fmt: skip
OUTPUTS = {"time risk": "time_risk", "volatility risk": "volatility_risk", "net delta": "net_delta",
           "minimum": "short_option_minimum"}  # fmt: skip


def close(found, expected):
    return found == pytest.approx(expected, rel=1e-10, abs=1e-7)


def agree(values, unit, expected):
    """Every figure of one account against the twin's, summed over commodities; initial is 1.1 times maintenance."""
    figures = expected["commodities"].values()
    assert close(values["requirement"][unit, 1], expected["requirement"])
    assert close(values["requirement"][unit, 0], 1.1 * expected["requirement"])
    assert close(values["total_requirement"][unit, 0], expected["total"])
    for line, name in LINES.items():
        sign = -1 if name == "credit" else 1
        assert close(values[f"part {line}"][unit, 1], sign * sum(own[name] for own in figures)), line
    for output, name in OUTPUTS.items():
        assert close(values[output][unit, 0], sum(own[name] for own in figures)), output
    assert close(values["price risk"][unit, 0], sum(own["price_risk"] for own in figures))


@pytest.mark.parametrize("turn", TURNS)
def test_the_twin_on_random_books(turn):
    """In each turn the rules of counting, price risk and minimum stand with another commodity; 1,002 books in all."""
    d = desk(turn)
    lots = random_lots(turn, 334, len(d.contracts))
    prepared = d.prepared
    values = prepared.values(book_of(d.instruments, lots), tuple(prepared.wanted))
    credits = 0
    for unit, held in enumerate(lots.tolist()):
        expected = d.twin(held)
        agree(values, unit, expected)
        credits += any(own["credit"] for own in expected["commodities"].values())
    assert credits > 100


@pytest.mark.parametrize("turn", TURNS)
def test_slow_evaluator_and_explanation(turn):
    d = desk(turn)
    book = book_of(d.instruments, random_lots(100 + turn, 12, len(d.contracts)))
    prepared = d.prepared
    for unit in range(len(book)):
        portfolio = Portfolio(book, unit)
        found, trace = prepared.requirement(portfolio), prepared.trace(portfolio)
        for name, _ in prepared.program.outputs:
            assert found.outputs[name] == pytest.approx(trace.output(name).tolist(), rel=1e-12, abs=1e-9)
        for level in ("initial", "maintenance"):
            tree = found.explain(level)
            for whole, parts in ((tree, tree.children), (tree, tree.leaves()), *((c, c.children) for c in tree if c.children)):
                assert sum(part.value for part in parts) == pytest.approx(whole.value, rel=1e-12, abs=1e-8)
            assert tree.value == pytest.approx(getattr(found, level), rel=1e-12, abs=1e-8)


def test_one_program_whatever_the_figures():
    assert len({desk(turn).prepared.program.hash for turn in TURNS}) == 1


# ---- orders ----------------------------------------------------------------------------------


def orders_at_mark(d, rng, n):
    """Fills at the mark leave the equity as it is."""
    for number, row in enumerate(rng.choice(len(d.contracts), n, replace=False).tolist()):
        side, mark = ("buy", "sell")[rng.integers(2)], d.contracts[row]["mark"]
        yield Order(id=number, instrument=d.contracts[row]["id"], side=side, lots=int(rng.integers(1, 6)), limit=str(mark))


@pytest.mark.parametrize("seed", range(6))
def test_the_worst_fill_is_no_less_than_any_subset_of_fills(seed):
    d, rng = desk(seed % 3), np.random.default_rng(seed)
    prepared = d.prepared
    alone = Portfolio(book_of(d.instruments, random_lots(200 + seed, 2, len(d.contracts))), 1).alone()
    portfolio = alone.holding(orders=list(orders_at_mark(d, rng, 4)))
    fills = [prepared.fill(order) for order in portfolio.orders]
    bound = prepared.requirement(portfolio, orders="worst_fill")
    filled = prepared.requirements(filled_book(alone, fills, partial=20, seed=seed))
    assert bound.initial >= filled.initial.max() - 1e-6
    assert bound.surplus_initial <= filled.surplus_initial.min() + 1e-6
    assert bound.order_bound in ("exact", "bound")
    assert np.isfinite(bound.initial)


# ---- parameters ------------------------------------------------------------------------------


def made(**changes):
    return ScenarioArrayMargin(**({"name": "gold", "commodities": {"GC": gold()}} | changes))


def prepared_gold(rules, instruments=("future",), **changes):
    """Some errors are seen where months are known."""
    table = Instruments.of([instrument(f"P{i}", kind) for i, kind in enumerate(instruments)], [Asset(id="USD")])
    market = Market.of([observe("P0", "mark", 1.0)], as_of=0, quote="USD")
    return made(commodities={"GC": rules}, **changes).prepare(table, market)


def legs(*given):
    return (Spread(legs=tuple(SpreadLeg(*leg) for leg in given), rate=1.0),)


JANUARY = "197004"  # expiry of the instruments here
REFUSED = [
    (lambda: made(arrays={"P0": Array(losses=(1.0, 2.0))}), "losses must have length 16, was 2 of 'P0'"),
    (lambda: made(unit=-1.0), "unit must"),
    (lambda: Array(losses=(1.0, float("nan"))), "losses"),
    (lambda: Scan(1.0, 2.0), r"volatility must .*, was 2.* of scan"),
    (lambda: Scan(1.0, 0.0, -1.0), "weight must .*, was -1"),
    (lambda: gold(price_scan_fraction=0.1), "price_scan_range must be given, or price_scan_fraction, not both"),
    (lambda: gold(price_scan_range=None), "price_scan_range must be given, or price_scan_fraction"),
    (lambda: gold(price_scan_range=None, price_scan_fraction=1.5), "price_scan_fraction must"),
    (lambda: gold(volatility_scan_range=-0.1), "volatility_scan_range must"),
    (lambda: gold(counting="halves"), "counting must be one of fraction, whole, rounded, was 'halves'"),
    (lambda: gold(tier_spreads=legs(("1", "A"), ("2", "B"))), "tier must name a known tier, was '1'"),
    (lambda: Spread(legs=(), rate=-1.0), "rate must"),
    (lambda: Delivery(month=FRONT, outright_rate=-1.0), f"outright_rate must .* of delivery '{FRONT}'"),
    (lambda: CreditLeg("GC", "A", 0.0, 0.5), "ratio must"),
    (lambda: CreditLeg("GC", "A", 1.0, 1.5), "credit must"),
    (lambda: made(credits=(Credit(legs=(CreditLeg("SI", "A", 1, 0.5),)),)), "commodity must name a known commodity, was 'SI'"),
    (lambda: prepared_gold(gold(series_spreads=legs((JANUARY, "A", 0.0)))), "ratio must"),
    (lambda: prepared_gold(gold(series_spreads=legs((JANUARY, "A"), (JANUARY, "A")))), "legs of one side must not share a place"),
    (lambda: prepared_gold(gold(series_spreads=(Spread(legs=(), rate=1.0),))), "legs must be at least one"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "message"), REFUSED, ids=[message[:40] for _, message in REFUSED])
def test_bad_parameters_are_refused(build, message):
    with pytest.raises(InvalidInputError, match=message):
        build()


def test_instruments_of_no_commodity_are_refused():
    table = Instruments.of([instrument("P0", "future", underlying="SI")], [Asset(id="USD")])
    with pytest.raises(InvalidInputError, match="underlying must name a known commodity, was 'SI' of instrument 'P0'"):
        made().prepare(table, Market.of([observe("P0", "mark", 1.0)], as_of=0, quote="USD"))


def test_a_factor_that_rises_is_imprudent():
    with pytest.raises(ImprudentParametersError, match="factor must not rise from initial to maintenance") as refused:
        made(factor=(1.0, 1.1))
    assert refused.value.rule == "initial >= maintenance"


def test_prudent_changes_never_lower_the_requirement():
    """A wider range, a greater minimum, a smaller credit, a greater factor."""
    d = desk()
    book = book_of(d.instruments, random_lots(5, 100, len(d.contracts)))
    before = d.prepared.requirements(book).initial
    without = msgspec.structs.replace(d.method, credits=())
    greater = msgspec.structs.replace(d.method, factor=(1.3, 1.0))
    rules = {n: msgspec.structs.replace(c, short_option_minimum=500.0) for n, c in d.method.commodities.items()}
    minimum = msgspec.structs.replace(d.method, commodities=rules)
    for method in (without, greater, minimum):
        after = method.prepare(d.instruments, d.market).requirements(book).initial
        assert (after >= before - 1e-6).all()
        assert (after > before).any()


def test_sixteen_scenarios_as_described():
    """Thirds with volatility up and down, extremes without."""
    found = sixteen()
    assert [(s.volatility, s.weight) for s in found[:14]] == [(1.0, 1.0), (-1.0, 1.0)] * 7
    assert [(s.move, s.volatility, s.weight) for s in found[14:]] == [(3.0, 0.0, 0.33), (-3.0, 0.0, 0.33)]
    assert [s.move for s in found[:14:2]] == pytest.approx([0, 1 / 3, -1 / 3, 2 / 3, -2 / 3, 1, -1])
