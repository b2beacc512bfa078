"""The resolved market: latest observation, no silent zero, replacement."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin import Market, Observation
from crossmargin.errors import InvalidInputError, MissingPriceError
from strategies import AS_OF, market


def seen(published, value, subject="BTC", field="index", confidence=1.0):
    return Observation(subject=subject, field=field, value=value, published=published, confidence=confidence)


@given(
    st.lists(st.integers(0, 20), unique=True, max_size=8),
    st.randoms(use_true_random=False),
    st.integers(0, 20),
)
def test_the_latest_published_counts_in_any_order(times, shuffler, as_of):
    rows = [seen(t, float(t)) for t in times]
    shuffler.shuffle(rows)
    found = Market.of(rows, as_of=as_of)
    past = [t for t in times if t <= as_of]
    assert found.get("index", "BTC", -1.0) == (max(past) if past else -1.0)
    assert found == Market.of(sorted(rows, key=lambda o: o.published), as_of=as_of)


@pytest.mark.parametrize("times", [(1, 1, 2), (1, 2, 1), (2, 1, 1), (9, 9, 1)])
def test_two_of_one_moment_are_refused_in_any_order(times):
    rule = r"^observation \(subject, field, time\) must be unique, was \('BTC', 'index', \d\) at row \d$"
    with pytest.raises(InvalidInputError, match=rule):
        Market.of([seen(t, 1.0) for t in times], as_of=5)


@pytest.mark.parametrize("as_of", [1.5, None, 2**63, "now"])
def test_as_of_is_64_bit_nanoseconds(as_of):
    with pytest.raises(InvalidInputError, match="^as_of must"):
        Market.of([], as_of=as_of)


def test_quote_is_text():
    with pytest.raises(InvalidInputError, match="^quote must be a printable text"):
        Market.of([], as_of=0, quote="")


def test_an_absent_figure_names_subject_and_field():
    empty = Market.of([], as_of=7)
    with pytest.raises(MissingPriceError, match="^market must hold mark of 'PERP', was absent at 7 ns$"):
        empty.value("mark", "PERP")
    with pytest.raises(MissingPriceError, match="^market must hold volatility of 'B', was absent"):
        Market.of([seen(1, 0.5, "A", "volatility")], as_of=7).column("volatility", ["A", "B"])
    assert empty.get("mark", "PERP", 3.0) == 3.0
    assert not empty.has("mark", "PERP")
    assert empty.confidence("mark", "PERP") == 1.0


def test_an_unknown_field_is_refused():
    with pytest.raises(InvalidInputError, match="^field must be one of .*, was 'price'$"):
        market().value("price", "BTC")


def test_a_column_is_in_the_order_asked():
    np.testing.assert_array_equal(market().column("mark", ["PUT", "CALL"]), [1400.0, 900.0])
    assert market().column("mark", []).shape == (0,)


def test_price_of_an_asset():
    found = market()
    assert found.price("USD") == 1.0  # the quote currency
    assert found.price("USDC") == 0.999
    assert found.price("wrapped", "BTC") == 30_000.0  # takes the index of what moves it
    assert found.price("BTC", "other") == 30_000.0  # its own index comes first
    with pytest.raises(MissingPriceError, match="^market must hold index of 'EUR'"):
        found.price("EUR")


def test_price_of_an_asset_is_never_negative():
    assert Market.of([seen(0, 0.0)], as_of=0).price("BTC") == 0.0
    with pytest.raises(InvalidInputError, match="^index must be >= 0 for an asset, was -36.98 of 'OIL'$"):
        Market.of([seen(0, -36.98, "OIL")], as_of=0).price("barrel", "OIL")


def test_replacing_makes_a_new_market():
    before = market()
    after = before.replacing({("BTC", "index"): 1.0})
    assert (before.value("index", "BTC"), after.value("index", "BTC")) == (30_000.0, 1.0)
    assert after.as_of == before.as_of == AS_OF
    with pytest.raises(MissingPriceError, match="^market must hold index of 'ETH'"):
        before.replacing({("ETH", "index"): 1.0})
    with pytest.raises(InvalidInputError, match="^value must be finite, was nan"):
        before.replacing({("BTC", "index"): float("nan")})
    assert before == market()
