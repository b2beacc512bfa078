"""The file format: what is read, what is refused and how, the schema, and hostile bytes."""

import json
import re
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crossmargin as cm
from conftest import FACTOR
from crossmargin import Position, records, snapshot
from crossmargin.errors import InvalidInputError, UnknownReferenceError
from crossmargin.instruments import Kind, Right, time_ns
from crossmargin.margin import delta_gamma_vega
from strategies import SMALL, desk, encoded, small

ROOT = Path(__file__).resolve().parents[1]
SEEDS = sorted((ROOT / "seeds").glob("*.json"))


def refusal(data):
    with pytest.raises(InvalidInputError) as error:
        snapshot.loads(data)
    return str(error.value)


def changed(path, value):
    """The small file with one value replaced; ``path`` runs through names and row numbers."""
    record = small()
    *outer, last = path
    at = record
    for step in outer:
        at = at[step]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return record


# ---------------------------------------------------------------- what is read
def test_a_file_becomes_tables_market_and_book():
    found = desk()
    assert (found.title, found.as_of) == ("two positions", time_ns("t", "2024-01-01T00:00:00Z"))
    call = found.instruments.instrument("CALL")
    assert (call.kind, call.right, call.strike, call.lot) == (
        Kind.OPTION,
        Right.CALL,
        45000.0,
        Fraction(1, 10),
    )
    assert found.market.value("mark", "PERP") == 42010.0
    assert found.portfolio.positions == {"PERP": Position(1500, 6_000_000), "CALL": Position(-10, -180_050)}
    assert found.portfolio.balances == {"USD": 2_000_000, "BTC": 25_000_000}
    assert [(o.id, o.side, o.lots, o.limit) for o in found.portfolio.orders] == [(7, "sell", 500, "42100.5")]
    assert list(found.methods) == ["isolated", "portfolio"]
    assert json.loads(found.methods["portfolio"]) == SMALL["methods"]["portfolio"]


def test_observations_are_published_as_of_the_file_unless_said():
    record = changed(("observations", 0, "published"), "2023-12-31T23:00:00Z")
    record["observations"].append(
        {"subject": "BTC", "field": "index", "value": 1.0, "published": "2024-01-02T00:00:00Z"}
    )
    found = desk(record)
    assert found.market.value("index", "BTC") == 42000.0  # a later one is not yet known
    assert found.market.seen["PERP", "mark"].published == found.as_of


def test_several_accounts_are_asked_for_by_name():
    record = small()
    record["accounts"].append(
        record["accounts"][0] | {"id": "fund", "owner": "O", "parent": "desk", "positions": [], "orders": []}
    )
    found = desk(record)
    assert found.account("fund").positions == {}
    assert found.account("desk").positions["PERP"].lots == 1500
    with pytest.raises(InvalidInputError, match="^snapshot must hold one account for .portfolio, was 2$"):
        found.portfolio
    with pytest.raises(UnknownReferenceError, match="^account must name a known account, was 'x'$"):
        found.account("x")


@pytest.mark.parametrize("rows", ["instruments", "observations", "assets"])
def test_the_order_of_rows_does_not_matter(rows):
    found = desk(small(**{rows: SMALL[rows][::-1]}))
    assert found.instruments == desk().instruments
    assert found.market == desk().market
    assert found.portfolio.positions == desk().portfolio.positions


@pytest.mark.parametrize("rows", ["positions", "balances"])
def test_the_order_of_holdings_does_not_matter(rows):
    record = small()
    record["accounts"][0][rows].reverse()
    for table in ("positions", "balances", "orders"):
        one, other = (getattr(s.book, table) for s in (desk(record), desk()))
        assert {n: c.tolist() for n, c in one.columns.items()} == {
            n: c.tolist() for n, c in other.columns.items()
        }


@pytest.mark.parametrize("file", [f for f in SEEDS if f.name != "methods.json"], ids=lambda f: f.stem)
def test_the_example_files_load(file):
    found = cm.load(file)
    assert (next(iter(found.methods)), list(found.methods)[-1]) == ("isolated", "portfolio")
    assert len(found.portfolio.positions) >= 15


# ---------------------------------------------------------------- what is refused
ACCOUNT = ("accounts", 0)
BAD = [
    (("format",), "crossmargin/2", "Invalid enum value 'crossmargin/2' - at `$.format`"),
    (("format",), ..., "Object missing required field `format`"),
    (("unknown",), 1, "unknown field `unknown`"),
    (("as_of",), "yesterday", "as_of must be an ISO 8601 time, was 'yesterday'"),
    (("as_of",), "2024-01-01T00:00:00", "as_of must carry a time zone"),
    (("as_of",), 17, "Expected `str`, got `int` - at `$.as_of`"),
    (("quote",), "EUR", "quote must name a known asset, was 'EUR'"),
    (("assets",), [], "Expected `array` of length >= 1 - at `$.assets`"),
    (("assets", 0, "decimals"), 10, "Expected `int` <= 9 - at `$.assets[0].decimals`"),
    (("assets", 0, "decimals"), 1.5, "Expected `int`, got `float`"),
    (("assets", 1, "id"), "USD", "asset id must be unique, was 'USD' at row 1"),
    (("assets", 0, "id"), "\n", "asset id must be a printable text"),
    (("assets", 0, "id"), "x" * 201, "Expected `str` of length <= 200"),
    (("instruments",), None, "Expected `array`, got `null` - at `$.instruments`"),
    (("instruments", 0, "id"), "CALL", "instrument id must be unique, was 'CALL' at row 1"),
    (("instruments", 0, "kind"), "swap", "Invalid enum value 'swap'"),
    (
        ("instruments", 0, "settlement"),
        "EUR",
        "settlement must name a known asset, was 'EUR' of instrument 'PERP'",
    ),
    (("instruments", 0, "lot"), "0", "lot must lie in [1e-30, 1e30], was 0 of instrument 'PERP'"),
    (("instruments", 0, "lot"), "-1", "lot must lie in [1e-30, 1e30], was -1 of instrument 'PERP'"),
    (("instruments", 0, "lot"), 0.001, "Expected `str`, got `float` - at `$.instruments[0].lot`"),
    (("instruments", 0, "tick"), "1e-2", "Expected `str` matching regex"),
    (("instruments", 0, "tick"), "1" * 31, "Expected `str` matching regex"),
    (("instruments", 0, "expiry"), "2024-03-29T08:00:00Z", "expiry must be absent for kind perpetual"),
    (
        ("instruments", 1, "expiry"),
        ...,
        "expiry must be given for kind option, was None of instrument 'CALL'",
    ),
    (
        ("instruments", 1, "expiry"),
        "2024-02-30T08:00:00Z",
        "expiry must be an ISO 8601 time, was '2024-02-30T08:00:00Z' of instrument 'CALL'",
    ),
    (("instruments", 1, "expiry"), "9024-02-20T08:00:00Z", "expiry must lie in"),
    (("instruments", 1, "strike"), -1.0, "Expected `float` >= 0.0"),
    (("instruments", 1, "strike"), "45000", "Expected `float | null`, got `str`"),
    (("observations", 0, "field"), "price", "field must be one of index, mark"),
    (("observations", 0, "value"), "42000", "Expected `float`, got `str`"),
    (("observations", 0, "value"), None, "Expected `float`, got `null`"),
    (("observations", 4, "value"), -0.5, "value must be >= 0, was -0.5 of observation 'CALL' 'volatility'"),
    (("observations", 0, "confidence"), 1.1, "Expected `float` <= 1.0"),
    (("accounts",), [], "Expected `array` of length >= 1 - at `$.accounts`"),
    ((*ACCOUNT, "currency"), "EUR", "currency must name a known asset, was 'EUR' of 'desk'"),
    (
        (*ACCOUNT, "positions", 0, "instrument"),
        "X",
        "instrument must name a known instrument, was 'X' of account 'desk'",
    ),
    ((*ACCOUNT, "positions", 0, "instrument"), "CALL", "positions key must be unique within an account"),
    ((*ACCOUNT, "positions", 0, "lots"), 1.5, "Expected `int`, got `float`"),
    ((*ACCOUNT, "positions", 0, "lots"), 2**63, "Expected `int` <= 9223372036854775807"),
    (
        (*ACCOUNT, "positions", 0, "lots"),
        2**53 + 1,
        "positions.lots must stay within ±9007199254740992, was 9007199254740993 at row 0",
    ),
    (
        (*ACCOUNT, "positions", 0, "open_cost"),
        "0.001",
        "open_cost must be a multiple of 1e-2 USD, was '0.001' of 'PERP' of account 'desk'",
    ),
    ((*ACCOUNT, "positions", 0, "open_cost"), "9" * 25, "open_cost must fit 64 bits of atoms"),
    ((*ACCOUNT, "positions", 0, "pocket"), -1, "Expected `int` >= 0"),
    ((*ACCOUNT, "balances", 0, "asset"), "EUR", "asset must name a known asset, was 'EUR' of account 'desk'"),
    ((*ACCOUNT, "balances", 0, "asset"), "BTC", "balances key must be unique within an account"),
    ((*ACCOUNT, "balances", 0, "amount"), "NaN", "Expected `str` matching regex"),
    ((*ACCOUNT, "balances", 0, "amount"), "1,000", "Expected `str` matching regex"),
    ((*ACCOUNT, "orders", 0, "side"), "hold", "Invalid enum value 'hold'"),
    ((*ACCOUNT, "orders", 0, "lots"), 0, "Expected `int` >= 1"),
    ((*ACCOUNT, "orders", 0, "limit"), "42100.3", "limit must be a multiple of the tick 1/2"),
    ((*ACCOUNT, "orders", 0, "limit"), "9" * 30, "limit in ticks must lie in"),
    ((*ACCOUNT, "orders", 0, "id"), "7", "Expected `int`, got `str`"),
    (("methods",), [], "Expected `object`, got `array` - at `$.methods`"),
    (("methods", "\x1b[31m"), {}, "method name must be a printable text"),
    (("title",), 3, "Expected `str`, got `int`"),
]


@pytest.mark.parametrize(
    ("path", "value", "message"), BAD, ids=lambda x: ".".join(map(str, x)) if isinstance(x, tuple) else ""
)
def test_a_bad_file_names_field_rule_and_value(path, value, message):
    assert message in refusal(encoded(changed(path, value)))


def test_an_observation_without_a_value_is_missed_where_it_is_read():
    found = desk(changed(("observations", 1, "subject"), "OTHER"))
    with pytest.raises(cm.InvalidInputError, match="^market must hold mark of 'PERP', was absent at"):
        cm.margin.load_method(found.methods["isolated"]).requirement(found.portfolio, found.market)


def test_repeated_observations_and_orders_are_refused():
    record = small(observations=[*SMALL["observations"], SMALL["observations"][0]])
    assert refusal(encoded(record)).startswith(
        "observation (subject, field, time) must be unique, was ('BTC', 'index', "
    )
    record = small()
    record["accounts"][0]["orders"] *= 2
    assert refusal(encoded(record)) == "orders key must be unique within an account, was 'id 7' at row 1"
    record = small(accounts=SMALL["accounts"] * 2)
    assert refusal(encoded(record)) == "account id must be unique, was 'desk' at row 1"


TEXT = encoded(SMALL)
HOSTILE = {
    "empty": b"",
    "blank": b" \n",
    "truncated": TEXT[: len(TEXT) // 2],
    "trailing": TEXT + b"{}",
    "array": b"[]",
    "number": b"1",
    "null": b"null",
    "string": b'"crossmargin/1"',
    "deep": b"[" * 200_000,
    "deep object": b'{"a":' * 200_000,
    "deep method": TEXT.replace(b'"alone"', b"[" * 200_000 + b"]" * 200_000),
    "deep unbalanced method": TEXT.replace(b'"alone"', b"[" * 200_000),
    "huge figure": TEXT.replace(b"42000.0", b"1e400"),
    "huge negative figure": TEXT.replace(b"42000.0", b"-1e400"),
    "long integer": TEXT.replace(b"1500", b"9" * 100_000),
    "NaN": TEXT.replace(b"42000.0", b"NaN"),
    "Infinity": TEXT.replace(b"42000.0", b"-Infinity"),
    "NaN in a method": TEXT.replace(b"0.8", b"NaN"),
    "invalid UTF-8": TEXT.replace(b"desk", b"d\xffsk"),
    "invalid UTF-8 in a method": TEXT.replace(b"alone", b"\xff\xfe"),
    "UTF-16": json.dumps(SMALL).encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + TEXT,
    "zero bytes": TEXT.replace(b"desk", b"d\0sk"),
    "lone surrogate": TEXT.replace(b"desk", b"\\ud800"),
    "repeated name": TEXT.replace(b'"lots": 1500', b'"lots": 1500, "lots": 1'),
    "repeated name by escape": TEXT.replace(b'"lots": 1500', b'"lots": 1500, "l\\u006fts": 1'),
    "repeated name in a method": TEXT.replace(b'"name": "alone"', b'"name": "alone", "name": "b"'),
    "repeated method": TEXT.replace(b'"isolated": {', b'"portfolio": {'),
    "comment": b"// a comment\n" + TEXT,
    "single quotes": TEXT.replace(b'"', b"'"),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_refused_in_one_line(data):
    assert data != TEXT
    message = refusal(data)
    assert len(message) < 300
    assert "\n" not in message


def test_a_repeated_name_is_named():
    assert refusal(HOSTILE["repeated name"]) == "name must be unique in its object, was 'lots'"


def test_many_digits_are_no_trouble_where_they_mean_little():
    found = snapshot.loads(TEXT.replace(b"42000.0", b"42000." + b"0" * 5000))
    assert found.market.value("index", "BTC") == 42000.0
    long = snapshot.loads(TEXT.replace(b'"date": "2024-01-01"', b'"date": ' + b"9" * 6000))
    with pytest.raises(InvalidInputError, match="^method must"):
        cm.margin.load_method(long.methods["portfolio"])


# ---------------------------------------------------------------- mutations
INSERTS = [
    b"",
    b"0",
    b"-",
    b"e9",
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"\xff",
    b"\\",
    b"\n",
    b"true",
    b"1e400",
    b"NaN",
    b'"":0,',
]
mutations = st.lists(
    st.tuples(
        st.integers(0, len(TEXT)), st.integers(0, 12), st.sampled_from(INSERTS) | st.binary(max_size=4)
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=1500 * FACTOR)
@given(mutations)
def test_any_mutation_loads_or_is_refused(changes):
    data = TEXT
    for start, length, insert in changes:
        data = data[:start] + insert + data[start + length :]
    try:
        found = snapshot.loads(data)
    except InvalidInputError as error:
        assert str(error)
    else:
        assert len(found.book) >= 1


leaves = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


def paths(record, at=()):
    """Every place of a JSON value."""
    yield at
    inner = (
        record.items() if isinstance(record, dict) else enumerate(record) if isinstance(record, list) else ()
    )
    for step, value in inner:
        yield from paths(value, (*at, step))


PLACES = [p for p in paths(SMALL) if p]


@settings(max_examples=700 * FACTOR)
@given(st.sampled_from(PLACES), values)
def test_any_value_in_any_place_loads_or_is_refused(path, value):
    try:
        found = snapshot.loads(encoded(changed(path, value)))
        for data in found.methods.values():
            cm.margin.load_method(data)
    except InvalidInputError as error:
        assert str(error)
    else:
        assert found.methods is not None


# ---------------------------------------------------------------- files
def test_load_names_the_file(tmp_path):
    file = tmp_path / "a.json"
    file.write_bytes(encoded(changed(("quote",), "EUR")))
    with pytest.raises(UnknownReferenceError, match="^a.json: quote must name a known asset, was 'EUR'$"):
        cm.load(file)
    file.write_bytes(TEXT)
    assert cm.load(str(file)).portfolio.positions == desk().portfolio.positions


@pytest.mark.parametrize("name", ["absent.json", ".", "a\0b", "x" * 5000])
def test_unreadable_paths_are_refused(tmp_path, name):
    with pytest.raises(InvalidInputError, match="file must be "):
        cm.load(tmp_path / name)


def test_a_file_has_a_bearable_size(tmp_path, monkeypatch):
    file = tmp_path / "a.json"
    file.write_bytes(TEXT)
    monkeypatch.setattr(snapshot, "MAX_BYTES", len(TEXT) - 1)
    with pytest.raises(
        InvalidInputError, match=f"^a.json: file must hold at most {len(TEXT) - 1} bytes, was 'more'$"
    ):
        cm.load(file)
    monkeypatch.setattr(snapshot, "MAX_BYTES", len(TEXT))
    assert cm.load(file).title == "two positions"


# ---------------------------------------------------------------- the documents
RECORDS = [
    kind
    for kind in vars(records).values()
    if isinstance(kind, type) and issubclass(kind, records.Record) and kind is not records.Record
]
FORMAT = ROOT / "docs" / "format.md"


def test_the_schema_in_the_docs_is_current():
    written = json.loads((ROOT / "docs" / "snapshot.schema.json").read_text())
    assert written == records.schema()


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_every_field_is_explained(kind):
    text = FORMAT.read_text()
    for field in msgspec.structs.fields(kind):
        assert f"`{field.encode_name}`" in text


def test_every_observation_field_is_explained():
    text = FORMAT.read_text()
    for field in cm.market.FIELDS:
        assert f"`{field}`" in text


def test_every_parameter_of_a_method_is_explained():
    text = FORMAT.read_text()
    margin = cm.margin
    for kind in (
        margin.IsolatedMargin,
        margin.TieredMargin,
        margin.ScenarioMargin,
        margin.Grid,
        margin.Tail,
        margin.Haircut,
        margin.Charges,
        margin.Tiers,
        margin.LinearRate,
        margin.ScaledRate,
        margin.OptionRates,
        margin.ScenarioArrayMargin,
        margin.TenPointMargin,
        margin.StrategyMargin,
        margin.DeltaGammaVegaMargin,
        delta_gamma_vega.Factor,
    ):
        for field in msgspec.structs.fields(kind):
            assert f"`{field.encode_name}`" in text, (kind.__name__, field.encode_name)


def test_the_example_of_the_docs_is_a_valid_file():
    examples = re.findall(r"```json\n(.*?)```", FORMAT.read_text(), flags=re.S)
    assert len(examples) == 1
    found = snapshot.loads(examples[0].encode())
    for data in found.methods.values():
        answer = cm.margin.load_method(data).requirement(found.portfolio, found.market)
        assert answer.initial > answer.maintenance > 0
