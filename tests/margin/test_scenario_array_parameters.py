"""Scenario-array margin: refusals of bad parameters, prudence, the sixteen scenarios."""

import msgspec
import pytest
from margin.scenario_array_desk import book_of, desk, random_lots

from crossmargin import (
    Asset, ImprudentParametersError, Instrument, Instruments, InvalidInputError, Market, Observation,
)  # fmt: skip
from crossmargin.margin import ScenarioArrayMargin
from crossmargin.margin.scenario_array_parameters import (
    Array, Commodity, Credit, CreditLeg, Delivery, Scan, Spread, SpreadLeg, sixteen,
)  # fmt: skip

APRIL = "197004"


def gold(**changes):
    return Commodity(**({"price_scan_range": 16000.0, "short_option_minimum": 50.0} | changes))


def made(**changes):
    return ScenarioArrayMargin(**({"name": "gold", "commodities": {"GC": gold()}} | changes))


def prepared(rules, underlying="GC"):
    """Some errors are seen where months are known: of one future, in 197004."""
    future = Instrument(
        id="P0", kind="future", underlying=underlying, settlement="USD", expiry=100 * 86_400 * 10**9
    )
    market = Market.of([Observation(subject="P0", field="mark", value=1.0)], as_of=0, quote="USD")
    return made(commodities={"GC": rules}).prepare(Instruments.of([future], [Asset(id="USD")]), market)


def legs(*given):
    return (Spread(legs=tuple(SpreadLeg(*leg) for leg in given), rate=1.0),)


REFUSED = [
    (lambda: made(arrays={"P0": Array(losses=(1.0, 2.0))}), "losses must have length 16, was 2 of 'P0'"),
    (lambda: made(unit=-1.0), "unit must"),
    (lambda: Array(losses=(1.0, float("nan"))), "losses"),
    (lambda: Scan(1.0, 2.0), r"volatility must .*, was 2.* of scan"),
    (lambda: Scan(1.0, 0.0, -1.0), "weight must .*, was -1"),
    (lambda: gold(price_scan_fraction=0.1), "price_scan_range must be given, or price_scan_fraction"),
    (lambda: gold(price_scan_range=None), "price_scan_range must be given, or price_scan_fraction"),
    (lambda: gold(price_scan_range=None, price_scan_fraction=1.5), "price_scan_fraction must"),
    (lambda: gold(volatility_scan_range=-0.1), "volatility_scan_range must"),
    (lambda: gold(counting="halves"), "counting must be one of fraction, whole, rounded, was 'halves'"),
    (lambda: gold(tier_spreads=legs(("1", "A"), ("2", "B"))), "tier must name a known tier, was '1'"),
    (lambda: Spread(legs=(), rate=-1.0), "rate must"),
    (lambda: Delivery(month=APRIL, outright_rate=-1.0), f"outright_rate must .* of delivery '{APRIL}'"),
    (lambda: CreditLeg("GC", "A", 0.0, 0.5), "ratio must"),
    (lambda: CreditLeg("GC", "A", 1.0, 1.5), "credit must"),
    (lambda: made(credits=(Credit(legs=(CreditLeg("SI", "A", 1, 0.5),)),)), "a known commodity, was 'SI'"),
    (lambda: prepared(gold(series_spreads=legs((APRIL, "A", 0.0)))), "ratio must"),
    (lambda: prepared(gold(series_spreads=legs((APRIL, "A"), (APRIL, "A")))), "must not share a place"),
    (lambda: prepared(gold(series_spreads=(Spread(legs=(), rate=1.0),))), "legs must be at least one"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "message"), REFUSED, ids=[message[:40] for _, message in REFUSED])
def test_bad_parameters_are_refused(build, message):
    with pytest.raises(InvalidInputError, match=message):
        build()


def test_instruments_of_no_commodity_are_refused():
    with pytest.raises(InvalidInputError, match="known commodity, was 'SI' of instrument 'P0'"):
        prepared(gold(), underlying="SI")


def test_a_factor_that_rises_is_imprudent():
    with pytest.raises(
        ImprudentParametersError, match="factor must not rise from initial to maintenance"
    ) as refused:
        made(factor=(1.0, 1.1))
    assert refused.value.rule == "initial >= maintenance"


def test_prudent_changes_never_lower_the_requirement():
    """A wider range, a greater minimum, a smaller credit, a greater factor."""
    d = desk()
    book = book_of(d.instruments, random_lots(5, 100, len(d.contracts)))
    before = d.prepared.requirements(book).initial
    without = msgspec.structs.replace(d.method, credits=())
    greater = msgspec.structs.replace(d.method, factor=(1.3, 1.0))
    rules = {
        n: msgspec.structs.replace(c, short_option_minimum=500.0) for n, c in d.method.commodities.items()
    }
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
