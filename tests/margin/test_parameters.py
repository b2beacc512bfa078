"""Parameters: every bad value is refused by name, imprudence by its rule, JSON with one clear error."""

import json

import pytest
from margin import cases

from crossmargin import ImprudentParametersError, InvalidInputError
from crossmargin.errors import UnknownReferenceError
from crossmargin.margin import (
    Charges,
    Grid,
    Haircut,
    IsolatedMargin,
    LinearRate,
    OptionRates,
    ScaledRate,
    ScenarioMargin,
    Tail,
    TieredMargin,
    Tiers,
    load_method,
)

NAN, INF = float("nan"), float("inf")
GRID = Grid(moves=(-0.1, 0.1))
GOOD = {
    Haircut: {"asset": "USD", "edges": (0.0, 5.0), "initial": (0.1, 0.2), "maintenance": (0.05, 0.1)},
    Charges: {"size_edges": (0.0, 1.0), "size_rates": (0.1, 0.2)},
    Tiers: {"edges": (0.0, 5.0), "initial": (0.1, 0.2), "maintenance": (0.05, 0.1)},
    LinearRate: {"base": (0.1, 0.05), "slope": (0.1, 0.05)},
    ScaledRate: {"base": (0.1, 0.05), "slope": (0.1, 0.05)},
    OptionRates: {"rate": (0.2, 0.1), "floor": (0.1, 0.1)},
    Grid: {"moves": (-0.1, 0.1), "volatility": (0.0, 0.2), "tails": (Tail(move=0.5, weight=0.5),)},
    ScenarioMargin: {"name": "x", "scenarios": GRID, "collateral": ()},
    IsolatedMargin: {"name": "x", "scenarios": GRID, "collateral": ()},
}
BAD = [
    (Haircut, "edges", (), "edges must start at 0"),
    (Haircut, "edges", (1.0, 5.0), "edges must start at 0"),
    (Haircut, "edges", (0.0, 0.0), "edges of collateral 'USD' must ascend strictly"),
    (Haircut, "edges", (0.0, NAN), "edges must be finite"),
    (Haircut, "edges", (0.0, INF), "edges must be finite"),
    (Haircut, "edges", (0.0,), "initial haircuts must have length 1, was 2"),
    (Haircut, "initial", (0.1,), "initial haircuts must have length 2, was 1"),
    (Haircut, "initial", (0.1, 1.01), r"initial haircut must lie in \[0, 1\], was 1.01 of collateral 'USD'"),
    (Haircut, "maintenance", (-0.1, 0.1), "maintenance haircut must lie in"),
    (Haircut, "maintenance", (0.1, NAN), "maintenance haircut must be finite"),
    (Haircut, "maintenance", (0.1, "a"), "maintenance haircut must be a number"),
    (Haircut, "cap", 0.0, "cap must be > 0"),
    (Haircut, "cap", NAN, "cap must be finite"),
    (Haircut, "debt_weight", -0.1, "debt_weight must be >= 0"),
    (Haircut, "debt_weight", INF, "debt_weight must be finite"),
    (Charges, "short_option", (-0.1, 0.0), "short_option initial must be >= 0"),
    (Charges, "basis", (0.1, NAN), "basis maintenance must be finite"),
    (Charges, "minimum", (INF, 0.0), "minimum initial must be finite"),
    (Charges, "size_edges", (-1.0, 1.0), "size_edges must be >= 0"),
    (Charges, "size_edges", (), "size_edges must be >= 0"),
    (Charges, "size_edges", (0.0,), "size_edges must be >= 0 and as many as size_rates"),
    (Charges, "size_edges", (1.0, 1.0), "size_edges must ascend strictly"),
    (Charges, "size_edges", (0.0, NAN), "size_edges must be finite"),
    (Charges, "size_rates", (0.2, 0.1), "size_rates must ascend strictly"),
    (Charges, "size_rates", (0.2, NAN), "size_rates must be finite"),
    (Tiers, "edges", (1.0, 2.0), "edges must start at 0"),
    (Tiers, "edges", (0.0, 0.0), "edges of tiers must ascend strictly"),
    (Tiers, "edges", (0.0, NAN), "edges must be finite"),
    (Tiers, "initial", (0.1,), "initial tier rates must have length 2"),
    (Tiers, "initial", (0.2, 0.1), "initial tier rates must lie in .* and not fall"),
    (Tiers, "initial", (0.2, 1.1), "initial tier rates must lie in"),
    (Tiers, "maintenance", (-0.1, 0.1), "maintenance tier rates must lie in"),
    (Tiers, "maintenance", (NAN, 0.1), "maintenance tier rates must be finite"),
    (LinearRate, "base", (-0.1, -0.1), "base initial must be >= 0"),
    (LinearRate, "slope", (0.1, NAN), "slope maintenance must be finite"),
    (ScaledRate, "base", (INF, 0.0), "base initial must be finite"),
    (OptionRates, "rate", (1.1, 0.1), "rate initial must lie in"),
    (OptionRates, "floor", (0.1, -0.1), "floor maintenance must lie in"),
    (Grid, "moves", (), "must hold at least one scenario"),
    (Grid, "moves", (-1.0,), "move must be > -1"),
    (Grid, "moves", (NAN,), "move must be finite"),
    (Grid, "volatility", (), "must hold at least one scenario"),
    (Grid, "volatility", (INF,), "volatility must be finite"),
    (Grid, "ranges", {"BTC": 10.0}, "move must be > -1"),
    (Grid, "ranges", {"BTC": NAN}, "move must be finite"),
    (Grid, "mode", "abs", "mode must be one of relative, absolute"),
    (Grid, "short_power", -1.0, "short_power must be >= 0"),
    (Grid, "long_power", NAN, "long_power must be finite"),
    (Grid, "floor_days", 0.0, "floor_days must be > 0"),
    (Grid, "floor_up", -0.1, "floor_up must be >= 0"),
    (Grid, "tails", (Tail(move=-1.0),), "move must be > -1"),
    (Grid, "tails", (Tail(move=0.1, weight=0.0),), "weight must lie in"),
    (Grid, "tails", (Tail(move=0.1, weight=1.1),), "weight must lie in"),
    (Grid, "tails", (Tail(move=0.1, volatility=NAN),), "volatility must be finite"),
    (ScenarioMargin, "factor", (0.0, 0.0), "factor maintenance must be > 0, was 0.0 of 'x'"),
    (ScenarioMargin, "factor", (1.0, NAN), "factor maintenance must be finite"),
    (IsolatedMargin, "factor", (1.0, -1.0), "factor maintenance must be >= 0"),
    (ScenarioMargin, "tail", -0.1, "tail must lie in"),
    (IsolatedMargin, "tail", 1.1, "tail must lie in"),
    (ScenarioMargin, "tail", NAN, "tail must be finite"),
    (
        ScenarioMargin,
        "groups",
        {"a": ["BTC"], "b": ["BTC"]},
        "underlying in groups must be unique, was 'BTC'",
    ),
    (ScenarioMargin, "offsets", {"BTC": 0.5}, 'offsets must be given with between_groups "joint"'),
    (ScenarioMargin, "offsets", {"BTC": 1.5}, "offset must lie in .* of group 'BTC'"),
]
IMPRUDENT = [
    (Tiers, "maintenance", (0.05, 0.3)),
    (LinearRate, "base", (0.1, 0.2)),
    (LinearRate, "slope", (0.1, 0.2)),
    (ScaledRate, "slope", (0.1, 0.2)),
    (OptionRates, "rate", (0.1, 0.2)),
    (OptionRates, "floor", (0.1, 0.2)),
    (ScenarioMargin, "factor", (1.0, 1.1)),
    (IsolatedMargin, "factor", (1.0, 1.1)),
]


@pytest.mark.parametrize("kind", GOOD)
def test_good_figures_are_kept(kind):
    made = kind(**GOOD[kind])
    assert all(getattr(made, name) == value for name, value in GOOD[kind].items())


@pytest.mark.parametrize(("kind", "name", "value", "message"), BAD)
def test_a_bad_figure_is_refused_by_name(kind, name, value, message):
    with pytest.raises(InvalidInputError, match=message):
        kind(**GOOD[kind] | {name: value})


@pytest.mark.parametrize(("kind", "name", "value"), IMPRUDENT)
def test_maintenance_above_initial_is_refused_by_rule(kind, name, value):
    with pytest.raises(ImprudentParametersError, match="^initial >= maintenance: ") as refused:
        kind(**GOOD[kind] | {name: value})
    assert refused.value.rule == "initial >= maintenance"


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (Haircut, "maintenance", (0.1, 0.3)),
        (Charges, "short_option", (0.1, 0.2)),
        (Charges, "basis", (0.1, 0.2)),
        (Charges, "minimum", (0.1, 0.2)),
    ],
)
def test_lenient_haircuts_and_charges_are_refused_by_rule(kind, name, value):
    with pytest.raises(ImprudentParametersError):
        kind(**GOOD[kind] | {name: value})


def test_a_negative_charge_is_refused():
    with pytest.raises(InvalidInputError, match="size_rates"):
        Charges(size_rates=(-0.5,))


@pytest.mark.parametrize(
    ("kind", "name"),
    [(Charges, "basis"), (LinearRate, "base"), (OptionRates, "rate"), (ScenarioMargin, "factor")],
)
def test_a_pair_must_have_two_levels(kind, name):
    with pytest.raises(InvalidInputError, match=name):
        kind(**GOOD[kind] | {name: (0.5,)})


# ---------------------------------------------------------------- what only a list of instruments can tell
def prepare(name, **changes):
    desk = cases.desk("crypto")
    return desk.method(name, **changes).prepare(desk.instruments, desk.market)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        (
            "portfolio",
            {"collateral": [{"asset": "NOPE"}]},
            "collateral asset must name a known asset, was 'NOPE'",
        ),
        (
            "tiered",
            {"collateral": [{"asset": "NOPE"}]},
            "collateral asset must name a known asset, was 'NOPE'",
        ),
        ("tiered", {"schedules": {}}, "schedule must name a known market, was 'BTC-28JUN24'"),
    ],
)
def test_what_the_instruments_do_not_know_is_refused(name, changes, message):
    with pytest.raises(UnknownReferenceError, match=message):
        prepare(name, **changes)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        (
            "portfolio",
            {"collateral": [{"asset": "USD"}, {"asset": "USD"}]},
            "collateral asset must be unique, was 'USD'",
        ),
        (
            "portfolio",
            {"groups": {}, "between_groups": "joint", "offsets": {"DOGE": 0.5}},
            "offset group must be one of",
        ),
        (
            "portfolio",
            {"groups": {"ETH": ["BTC"], "b": ["ETH"]}},
            "group must not be the name of an underlying of another",
        ),
        (
            "portfolio",
            {"scenarios": {"moves": [0.1], "ranges": {"BTC": 0.1}}},
            "move every underlying held, was 'ETH'",
        ),
        ("isolated", {"name": ""}, "name must be a printable text"),
    ],
)
def test_what_the_instruments_forbid_is_refused(name, changes, message):
    desk = cases.desk("crypto")
    method = load_method(json.dumps(desk.methods[name] | changes).encode())
    with pytest.raises(InvalidInputError, match=message):
        method.prepare(desk.instruments, desk.market)


def test_a_group_named_like_an_underlying_outside_is_refused():
    with pytest.raises(InvalidInputError, match="group"):
        prepare("portfolio", groups={"BTC": ["ETH"]})


# ---------------------------------------------------------------- JSON
GOOD_JSON = {"method": "scenario", "name": "x", "scenarios": {"moves": [0.1]}, "collateral": []}
SCHEDULE = {"kind": "tiers", "edges": [0], "initial": [0.2], "maintenance": [0.1]}
TIERED_JSON = {"method": "tiered", "name": "x", "collateral": [], "schedules": {"a": SCHEDULE}}


def test_every_kind_of_method_is_read():
    assert type(load_method(json.dumps(GOOD_JSON).encode())) is ScenarioMargin
    assert type(load_method(json.dumps(GOOD_JSON | {"method": "isolated"}).encode())) is IsolatedMargin
    read = load_method(json.dumps(TIERED_JSON).encode())
    assert type(read) is TieredMargin
    assert read.schedules["a"] == Tiers(edges=(0,), initial=(0.2,), maintenance=(0.1,))


def test_names_and_dates_are_told():
    read = load_method(json.dumps(GOOD_JSON | {"date": "2024-01-01", "source": "page 3"}).encode())
    assert (read.method_name, read.parameters_name, read.source) == ("scenario", "x (2024-01-01)", "page 3")
    assert load_method(json.dumps(GOOD_JSON).encode()).parameters_name == "x"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nope": 1}, "unknown field `nope`"),
        ({"method": "nope"}, "Invalid value 'nope'"),
        ({"name": 3}, r"Expected `str`, got `int` - at `\$.name`"),
        ({"scenarios": {"moves": ["a"]}}, r"Expected `float`, got `str` - at `\$.scenarios.moves\[0\]`"),
        ({"scenarios": {"moves": [0.1], "nope": 1}}, r"unknown field `nope` - at `\$.scenarios`"),
        ({"scenarios": {"moves": [-2]}}, "move must be > -1"),
        ({"factor": [1.0]}, r"length 2 - at `\$.factor`"),
        ({"tail": "0.1"}, r"Expected `float`, got `str` - at `\$.tail`"),
        ({"between_groups": "both"}, r"Invalid enum value 'both' - at `\$.between_groups`"),
        ({"collateral": [{"asset": "USD", "cap": 0}]}, "cap must be > 0, was 0.0 of collateral 'USD'"),
        ({"collateral": [{"asset": "USD", "nope": 0}]}, r"unknown field `nope` - at `\$.collateral\[0\]`"),
        ({"charges": {"basis": [0, -1]}}, "basis maintenance must be >= 0"),
        ({"groups": {"a": "BTC"}}, r"Expected `array`, got `str` - at `\$.groups"),
        (TIERED_JSON | {"schedules": {"a": {"kind": "nope"}}}, r"Invalid value 'nope' - at `\$.schedules"),
        (TIERED_JSON | {"schedules": {"a": SCHEDULE | {"slope": [0, 0]}}}, "unknown field `slope`"),
        (TIERED_JSON | {"net_by": "all"}, r"Invalid enum value 'all' - at `\$.net_by`"),
    ],
)
def test_a_bad_field_is_refused_once_and_by_place(changes, message):
    raw = changes if changes.get("method") == "tiered" else GOOD_JSON | changes
    with pytest.raises(InvalidInputError, match=message) as refused:
        load_method(json.dumps(raw).encode())
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("missing", ["method", "name", "scenarios", "collateral"])
def test_a_missing_field_is_named(missing):
    raw = {name: value for name, value in GOOD_JSON.items() if name != missing}
    with pytest.raises(InvalidInputError, match=f"missing required field `{missing}`"):
        load_method(json.dumps(raw).encode())


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[1]", b"null", b"\xff", b"[" * 100_000, b'{"method":"scenario","tail":NaN}']
)
def test_what_is_no_method_is_refused(raw):
    with pytest.raises(InvalidInputError, match="^method must"):
        load_method(raw)


def test_imprudence_in_json_keeps_its_rule():
    with pytest.raises(ImprudentParametersError, match="factor") as refused:
        load_method(json.dumps(GOOD_JSON | {"factor": [1.0, 1.5]}).encode())
    assert refused.value.rule == "initial >= maintenance"


def test_parameters_are_immutable():
    with pytest.raises(AttributeError):
        load_method(json.dumps(GOOD_JSON).encode()).tail = 0.5
