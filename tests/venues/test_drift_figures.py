"""Drift v2: figures that the rule sets by itself, sizes of contracts, what a pool with a scale needs."""

from dataclasses import replace
from fractions import Fraction

import pytest

from conformance.drift_accounts import (
    MICRO, NANO, PAIR, PERP, QUOTE, TOKEN, Case, book_of, instruments_of, market_of, method_of, simple,
)  # fmt: skip
from crossmargin import Instruments, Portfolio
from crossmargin.errors import MissingPriceError
from crossmargin.venues.drift import DriftMargin


def units(case):
    return case.prepared.exact(Portfolio(case.book, case.book.unit("row")))


def test_figures_that_no_market_sets():
    """A cent an open order, 100 dollars of a gain, 2 % more until a liquidation ends."""
    made = DriftMargin(name="row", quote=QUOTE, spot=method_of().spot, perps=())
    assert (made.order_charge, made.profit_cap, made.buffer) == (10_000, 100 * MICRO, 200)


def test_the_buffer_adds_its_share_of_the_notional():
    """1 unit at 100: initial asks 10 %, 10; the end of a liquidation 2 % of 100 more."""
    found = units(simple([], kind=DriftMargin, positions=[(0, NANO, 100 * MICRO)]))
    assert (found["requirement"][0], found["requirement_with_buffer"][0]) == (10, 12)


def test_the_size_of_a_gain_is_its_amount_in_billionths():
    """A gain of 1e8 has a size of 1e11: g = sqrt(10 x 1e11 + 1) = 1e6, 1e6 x 1e5 / 1e5 more in 1e6 + 1e6, so that 11,000
    is halved to 5,500. A size one part in a thousand larger makes it 5,498."""
    found = units(simple([], perp={"profit_imf": 10**5}, positions=[(0, 0, -100 * MICRO)]))
    assert found["perp profit_weight"] == (5500, 10_000, 5500)


def test_the_size_of_a_gain_leaves_maintenance_alone_however_large():
    """A factor of one millionth would make 4e16, of size 4e19, count 1.1e10 / (1e6 + 2e10 / 1e5) = 9,166."""
    found = units(simple([], perp={"profit_imf": 1}, positions=[(0, 0, -4 * 10**16)]))
    assert found["perp profit_weight"] == (9166, 10_000, 9166)


def of_ten(**held):
    """Contracts of ten units each, at a price of 100."""
    listed = instruments_of()
    table = Instruments.of([replace(row, contract_size=Fraction(10)) for row in listed], listed.assets)
    return Case(method_of(kind=DriftMargin), table, market_of({TOKEN: 100}), book_of(table, **held), ())


def test_a_lot_of_a_perpetual_is_its_contracts_units():
    """1e8 lots of 1e-9 contracts of 10 are 1 unit: worth 100, of which initial asks 10 % and maintenance 5 %."""
    assert units(of_ten(positions=[(0, NANO // 10, 100 * MICRO)]))["requirement"] == (10, 5, 7.5)


@pytest.mark.parametrize(("row", "asked"), [(PERP, 10), (PAIR, 100)])
def test_a_lot_of_an_order_is_its_contracts_units(row, asked):
    """An ask for 1 unit: 10 % of 100, or a debt of 100 in the token; a cent for the order."""
    assert units(of_ten(orders=[(row, -NANO // 10)]))["requirement"][0] == pytest.approx(asked + 0.01, abs=1e-12)


def test_a_pools_deposits_are_needed_only_where_its_weight_scales():
    assert units(simple([], balances=[(0, TOKEN, NANO)]))["token weight"] == (10_000,) * 3
    with pytest.raises(MissingPriceError, match="deposits of 'SOL'"):
        simple([], token={"scale_start": 1}).prepared.requirement(None)
