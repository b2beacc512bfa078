"""Assets and instruments: exact amounts, times, terms by kind, tables."""

from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin import Asset, Instrument, Instruments
from crossmargin.errors import InvalidInputError, UnknownReferenceError
from crossmargin.instruments import Kind, Payoff, Right, exact, expiry_key, time_ns, time_text
from strategies import ALL, ASSETS, CALL, INVERSE, LINEAR, NOT_TEXT, SOON, instruments

HOSTILE_DECIMALS = (
    "nan",
    "inf",
    "-Infinity",
    "",
    " 1",
    "1 ",
    "1_000",
    "0x10",
    "1/3",
    "1/0",
    "1e999999999",
    "--1",
    "1e",
    ".",
    "9" * 5000,
    float("nan"),
    float("inf"),
    None,
    True,
    [1],
    b"1",
    "1\n",
    "١٢",
)


def spot(**terms):
    return Instrument(**{"id": "S", "kind": Kind.SPOT, "underlying": "U", "settlement": "USD"} | terms)


def option(**terms):
    return spot(**{"kind": Kind.OPTION, "strike": 10.0, "right": Right.CALL, "expiry": SOON} | terms)


# ---------------------------------------------------------------- decimals and atoms
@pytest.mark.parametrize("value", HOSTILE_DECIMALS)
def test_exact_refuses_what_is_no_decimal(value):
    with pytest.raises(InvalidInputError, match="^amount must be a decimal number, was .* of X$"):
        exact("amount", value, "of X")


@given(
    st.fractions()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False, places=12)
    | st.floats(allow_nan=False, allow_infinity=False)
)
def test_exact_reads_the_shortest_decimal_form(value):
    assert exact("amount", value) == (value if isinstance(value, Fraction) else Fraction(str(value)))


@given(st.integers(0, 9), st.integers(-(2**63) + 1, 2**63 - 1))
def test_atoms_round_trip(decimals, atoms):
    asset = Asset(id="A", decimals=decimals)
    assert asset.atoms(Fraction(atoms, 10**decimals)) == atoms
    text = f"{'-' if atoms < 0 else ''}{abs(atoms) // 10**decimals}.{abs(atoms) % 10**decimals:0{decimals}d}"
    assert asset.atoms(text.rstrip(".") if decimals else text[:-2]) == atoms


@pytest.mark.parametrize(
    ("amount", "rule"),
    [
        ("0.001", "be a multiple of 1e-2 USD"),
        ("1e17", "fit 64 bits of atoms"),
        (2**63, "fit 64 bits of atoms"),
        ("-1e400", "fit 64 bits of atoms"),
    ],
)
def test_atoms_refuses_rather_than_rounds(amount, rule):
    with pytest.raises(InvalidInputError, match=f"^balance must {rule}, was .* at row 3$"):
        Asset(id="USD").atoms(amount, "balance", "at row 3")


@pytest.mark.parametrize("decimals", [-1, 10, 1.5, True, None, "2", float("nan"), 10**30])
def test_asset_decimals_are_a_small_integer(decimals):
    with pytest.raises(InvalidInputError, match="^decimals must .* of asset 'A'$"):
        Asset(id="A", decimals=decimals)


@pytest.mark.parametrize("text", NOT_TEXT)
def test_ids_are_printable_text(text):
    with pytest.raises(InvalidInputError, match="^asset id must"):
        Asset(id=text)
    with pytest.raises(InvalidInputError, match="^instrument id must"):
        spot(id=text)
    for name in ("underlying", "settlement"):
        with pytest.raises(InvalidInputError, match=f"^{name} must"):
            spot(**{name: text})
    if text is not None:
        with pytest.raises(InvalidInputError, match="^underlying must .* of asset 'A'$"):
            Asset(id="A", underlying=text)


# ---------------------------------------------------------------- times
@given(
    st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1)),
    st.integers(-14 * 60, 14 * 60),
    st.integers(0, 999),
)
def test_times_are_exact_nanoseconds_utc(moment, offset, nanoseconds):
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
    delta = aware - datetime(1970, 1, 1, tzinfo=UTC)
    expected = delta // timedelta(microseconds=1) * 1000
    assert time_ns("as_of", aware) == expected
    assert time_ns("as_of", aware.isoformat()) == expected
    text = f"{aware:%Y-%m-%dT%H:%M:%S}.{aware.microsecond:06d}{nanoseconds:03d}{aware.isoformat()[-6:]}"
    assert time_ns("as_of", text) == expected + nanoseconds


@given(st.integers(-(2**63), 2**63 - 1))
def test_time_text_is_read_back_to_the_second(nanoseconds):
    assert time_ns("t", nanoseconds) == nanoseconds
    seconds = nanoseconds // 10**9
    if seconds * 10**9 >= -(2**63):
        assert time_ns("t", time_text(nanoseconds)) == seconds * 10**9


@pytest.mark.parametrize(
    "moment",
    [
        "",
        "now",
        "2024-01-01",
        "2024-01-01T00:00:00",
        "2024-13-01T00:00:00Z",
        datetime(2024, 1, 1),
        None,
        1.5,
        True,
        2**63,
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59Z",
        "2024-01-01T00:00:00.1234567891Z",
        "2024-01-01T00:00:00+99:00",
        "\x00",
        "é" * 30,
    ],
)
def test_times_without_meaning_are_refused(moment):
    with pytest.raises(InvalidInputError, match="^expiry must .* of X$"):
        time_ns("expiry", moment, "of X")


# ---------------------------------------------------------------- terms
def test_enumerations_may_be_given_by_their_text():
    found = option(kind="option", right="put", payoff="inverse")
    assert (found.kind, found.right, found.payoff) == (Kind.OPTION, Right.PUT, Payoff.INVERSE)
    assert isinstance(found.kind, Kind)


@pytest.mark.parametrize(
    ("name", "value"),
    [("kind", "swap"), ("kind", None), ("kind", []), ("payoff", "square"), ("right", "both"), ("right", 1)],
)
def test_enumerations_are_closed(name, value):
    with pytest.raises(InvalidInputError, match=f"^{name} must be one of .* of instrument 'S'$"):
        option(**{name: value})


@pytest.mark.parametrize("name", ["contract_size", "tick", "lot"])
@pytest.mark.parametrize("value", [0, -1, "-0.01", "1e31", "1e-31", *HOSTILE_DECIMALS])
def test_sizes_are_positive_decimals(name, value):
    with pytest.raises(InvalidInputError, match=f"^{name} must .* of instrument 'S'$"):
        spot(**{name: value})


def test_a_tick_is_a_decimal():
    assert spot(tick=Fraction(1, 32)).tick == Fraction(1, 32)
    with pytest.raises(InvalidInputError, match="^tick must be a decimal, was 1/3 of instrument 'S'$"):
        spot(tick=Fraction(1, 3))


@pytest.mark.parametrize("strike", [-1.0, float("nan"), float("inf"), 10**400, "10", None, True])
def test_strikes_are_finite_and_not_negative(strike):
    with pytest.raises(InvalidInputError, match="^strike must .* of instrument 'S'$"):
        option(strike=strike)


@pytest.mark.parametrize("expiry", [1.5, "2024-01-01T00:00:00Z", 2**63, True, None])
def test_an_expiry_is_64_bit_nanoseconds(expiry):
    with pytest.raises(InvalidInputError, match="^expiry must .* of instrument 'S'$"):
        option(expiry=expiry)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("given_terms", [(), ("expiry",), ("strike", "right", "expiry"), ("strike",)])
def test_terms_are_those_of_the_kind(kind, given_terms):
    terms = {"strike": 0.0, "right": "put", "expiry": SOON}
    wanted = {Kind.OPTION: ("strike", "right", "expiry"), Kind.FUTURE: ("expiry",)}.get(kind, ())
    build = {"kind": kind} | {name: terms[name] for name in given_terms}
    if given_terms == wanted:
        assert spot(**build).kind is kind
    else:
        with pytest.raises(
            InvalidInputError, match=rf"must be (given|absent) for kind {kind}, was .* of instrument 'S'$"
        ):
            spot(**build)


def test_value_ratio_is_atoms_per_lot_and_tick():
    assert LINEAR.value_ratio(6) == Fraction(1, 100) * Fraction(1, 2) * 10**6
    assert INVERSE.value_ratio(8) == 10 * 10**8 / Fraction(1, 2)


# ---------------------------------------------------------------- tables
def test_tables_do_not_depend_on_the_order_given():
    for order in list(permutations(ALL))[::997]:
        for assets in permutations(ASSETS):
            found = Instruments.of(order, assets)
            assert found == instruments()
            assert [row.id for row in found] == sorted(row.id for row in ALL)
            assert found.settlement.tolist() == instruments().settlement.tolist()


def test_tables_refuse_repeated_ids_and_unknown_settlement():
    with pytest.raises(InvalidInputError, match="^instrument id must be unique, was 'CALL' at row 1$"):
        Instruments.of([CALL, CALL], ASSETS)
    with pytest.raises(InvalidInputError, match="^asset id must be unique, was 'USD' at row 3$"):
        Instruments.of([], [*ASSETS, ASSETS[0]])
    with pytest.raises(
        UnknownReferenceError, match="^settlement must name a known asset, was 'BTC' of instrument 'INVERSE'$"
    ):
        Instruments.of([INVERSE], ASSETS[:2])


def test_empty_tables_have_empty_columns():
    empty = Instruments.of([], [])
    assert len(empty) == 0
    for column in (empty.multiplier, empty.lot_size, empty.atom, empty.settlement):
        assert column.shape == (0,)
    assert empty.select(*Kind).tolist() == []
    assert empty.expiry_keys == ()


def test_unknown_names_are_refused_with_the_name():
    with pytest.raises(UnknownReferenceError, match="^instrument must name a known instrument, was 'X'$"):
        instruments().instrument("X")
    with pytest.raises(UnknownReferenceError, match="^asset must name a known asset, was None$"):
        instruments().asset(None)


def test_columns_follow_the_sorted_rows():
    found = instruments()
    assert found.multiplier.tolist() == [float(row.contract_size * row.lot) for row in found]
    assert found.lot_size.tolist() == [float(row.lot) for row in found]
    assert found.atom.tolist() == [1e-8, 1e-2, 1e-6]
    assert found.expiry_keys[found.index["CALL"]] == expiry_key("BTC", SOON) == "BTC@2023-12-15T08:13:20Z"
    assert found.expiry_keys[found.index["SPOT"]] == "BTC@perpetual"
    np.testing.assert_array_equal(
        found.select(Kind.OPTION), [i for i, row in enumerate(found) if row.kind is Kind.OPTION]
    )
