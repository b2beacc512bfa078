"""Scenario-array margin: figures published, a slow twin on random books, worst fills."""

import numpy as np
import pytest
from margin.scenario_array_desk import book_of, desk, random_lots
from reference.fills import filled_book

from crossmargin import Account, Asset, Instrument, Instruments, Market, Observation, Order, Portfolio
from crossmargin.margin import ScenarioArrayMargin
from crossmargin.margin.scenario_array_parameters import Array, Commodity, Spread, SpreadLeg

# ---- published figures -----------------------------------------------------------------------

RISKKIT = "riskkit tests/test_span_engine.py, synthetic exchange"
CME = "riskkit tests/test_span_private.py, CME file cme.20250912.c.pa2, combined commodity CX-GC"
GOLD = (0, 0, -5333, -5333, 5333, 5333, -10667, -10667, 10667, 10667,
        -16000, -16000, 16000, 16000, -15840, 15840)  # fmt: skip
CALL = (-1500, 1400, -4200, -1600, 1100, 3900, -7300, -4900, 3100, 5900,
        -10500, -8400, 4900, 7600, -11300, 3100)  # fmt: skip
FAR_PUT = (-8, 6, 4, 9, -11, 2, 7, 12, -18, -3, 10, 14, -27, -9, 10, -30)
FRONT, NEXT, JUNE = "202509", "202510", "202606"
# source, kind, array, month, option's value and lots of each position, then what is published
PUBLISHED = [
    (
        RISKKIT,
        [("put", FAR_PUT, NEXT, 150, -1)],
        {"initial": 50, "scan": 30, "total": 200, "minimum": 50, "worst": 16},
    ),
    (
        RISKKIT,
        [("future", GOLD, FRONT, 0, 3), ("future", GOLD, FRONT, 0, -3)],
        {"initial": 0, "scan": 0, "total": 0},
    ),
    (RISKKIT, [("call", CALL, NEXT, 12000, 1)], {"scan": 7600, "total": -4400, "worst": 14}),
    (CME, [("put", (0,) * 15 + (-12878,), NEXT, 10740, -1)], {"initial": 12878, "total": 23618, "worst": 16}),
    (CME, [("future", GOLD, FRONT, 0, 1)], {"initial": 16000, "scan": 16000, "worst": 13}),
    (
        CME,
        [("future", GOLD, FRONT, 0, 1), ("future", GOLD, NEXT, 0, -1)],
        {"initial": 300, "scan": 0, "month": 300},
    ),
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
    spreads = tuple(
        Spread(legs=(SpreadLeg(FRONT, "A"), SpreadLeg(m, "B")), rate=r)
        for m, r in ((NEXT, 300), (JUNE, 1000))
    )
    rules = {"price_scan_range": 16000.0, "series_spreads": spreads, "short_option_minimum": 50.0}
    return Commodity(**(rules | changes))


def observe(subject, field, value):
    return Observation(subject=subject, field=field, value=float(value))


def instrument(name, kind, underlying="GC"):
    terms = {} if kind == "future" else {"right": kind, "strike": 1.0}
    return Instrument(
        id=name, kind="option" if terms else "future", underlying=underlying, settlement="USD",
        expiry=90 * 86_400 * 10**9, **terms,
    )  # fmt: skip


def account(held):
    """Portfolio, market and arrays of positions whose arrays are given."""
    table = Instruments.of(
        [instrument(f"P{i}", kind) for i, (kind, *_) in enumerate(held)], [Asset(id="USD")]
    )
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
    """Every figure against the twin's, summed over commodities; initial is 1.1 times maintenance."""
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
    """In each turn the rules stand with another commodity; 1,002 books in all."""
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
            for whole, parts in (
                (tree, tree.children),
                (tree, tree.leaves()),
                *((c, c.children) for c in tree if c.children),
            ):
                assert sum(part.value for part in parts) == pytest.approx(whole.value, rel=1e-12, abs=1e-8)
            assert tree.value == pytest.approx(getattr(found, level), rel=1e-12, abs=1e-8)


def test_one_program_whatever_the_figures():
    assert len({desk(turn).prepared.program.hash for turn in TURNS}) == 1


@pytest.mark.parametrize("turn", TURNS)
def test_the_currency_of_settlement_is_a_unit(turn):
    """Settled in euros of two dollars, an account in euros requires what one in dollars does of dollars."""
    plain, euros = desk(turn), desk(turn, settlement="EUR")
    lots = random_lots(300 + turn, 60, len(plain.contracts))
    one = plain.prepared.requirements(book_of(plain.instruments, lots))
    two = euros.prepared.requirements(book_of(euros.instruments, lots, currency="EUR"))
    np.testing.assert_allclose(two.initial, one.initial, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(two.equity_initial, one.equity_initial, rtol=1e-9, atol=1e-6)


# ---- orders ----------------------------------------------------------------------------------


def orders_at_mark(d, rng, n):
    """Fills at the mark leave the equity as it is."""
    for number, row in enumerate(rng.choice(len(d.contracts), n, replace=False).tolist()):
        side, mark = ("buy", "sell")[rng.integers(2)], d.contracts[row]["mark"]
        yield Order(
            id=number,
            instrument=d.contracts[row]["id"],
            side=side,
            lots=int(rng.integers(1, 6)),
            limit=str(mark),
        )


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
