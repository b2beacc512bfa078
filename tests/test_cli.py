"""Commands: tables and data, one-line errors with exit code 2, and never a traceback."""

import json
import math
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import FACTOR
from crossmargin import cli
from crossmargin.account import impact, liquidation_prices
from crossmargin.errors import InvalidInputError
from strategies import desk, encoded, method_of, small
from test_snapshot import HOSTILE, PLACES, TEXT, changed, mutations, values

SCRIPT = Path(sysconfig.get_path("scripts")) / "crossmargin"
SEEDS = Path(__file__).resolve().parents[1] / "seeds"
COMMANDS = ("margin", "explain", "impact", "liquidation-price")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "desk.json"
    path.write_bytes(TEXT)
    return path


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command in this process: exit code, standard output, standard error."""

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["crossmargin", *map(str, arguments)])
        with pytest.raises(SystemExit) as done:
            cli.main()
        code = done.value.code
        return (0 if code is None else code, *capsys.readouterr())

    return command


def finite(data):
    """Every number of a JSON value is finite."""
    if isinstance(data, dict):
        return all(map(finite, data.values()))
    if isinstance(data, list):
        return all(map(finite, data))
    return not isinstance(data, float) or math.isfinite(data)


def data_of(found):
    code, out, err = found
    assert (code, err) == (0, "")
    data = json.loads(out, parse_constant=pytest.fail)
    assert finite(data)
    return data


def refused(found):
    """The one line that a refusal prints."""
    code, out, err = found
    assert (code, out) == (2, "")
    assert err.startswith("crossmargin: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert "Traceback" not in err
    return err[len("crossmargin: ") : -1]


# ---------------------------------------------------------------- data
def test_margin_as_data(run, file):
    data = data_of(run("margin", file, "--json"))
    assert list(data) == ["methods", "explanation"]
    assert list(data["methods"]) == ["isolated", "portfolio"]
    expected = method_of().requirement(desk().portfolio, desk().market)
    found = data["methods"]["portfolio"]
    for name in (
        "initial",
        "maintenance",
        "equity_initial",
        "surplus_initial",
        "surplus_maintenance",
        "health_factor",
        "worst_scenario",
    ):
        assert found[name] == getattr(expected, name)
    assert data["explanation"]["value"] == pytest.approx(expected.initial, rel=1e-12)
    assert sum(child["value"] for child in data["explanation"]["children"]) == pytest.approx(
        expected.initial, rel=1e-12
    )


@pytest.mark.parametrize("level", ["initial", "maintenance"])
def test_explain_as_data(run, file, level):
    data = data_of(run("explain", file, "--level", level, "--method", "isolated", "--json"))
    expected = method_of("isolated").requirement(desk().portfolio, desk().market)
    assert data["name"] == f"{level} requirement"
    assert data["value"] == pytest.approx(getattr(expected, level), rel=1e-12)
    for component in data["children"]:
        if "children" in component:
            assert sum(leaf["value"] for leaf in component["children"]) == pytest.approx(
                component["value"], rel=1e-9, abs=1e-9
            )


def test_impact_as_data(run, file):
    given_order = data_of(
        run("impact", file, "--order", "buy 100 PERP 42010.5", "--order", "sell 2 CALL 1999.99", "--json")
    )
    orders = [cli.parse_order("buy 100 PERP 42010.5", 0), cli.parse_order("sell 2 CALL 1999.99", 1)]
    expected = impact(desk().portfolio, orders, desk().market, method_of())
    assert list(given_order) == ["accepted", "current", "contemplated", "delta", "components"]
    assert (given_order["accepted"], given_order["delta"]) == (expected.accepted, expected.delta)
    resting = data_of(run("impact", file, "--json"))
    assert (
        resting["delta"]
        == impact(desk().portfolio, desk().portfolio.orders, desk().market, method_of()).delta
    )


def test_liquidation_price_as_data(run, file):
    data = data_of(run("liquidation-price", file, "--json"))
    (expected,) = liquidation_prices(desk().portfolio, desk().market, method_of())
    assert data == [
        {
            "underlying": "BTC",
            "index": 42000.0,
            "below": expected.below,
            "above": expected.above,
            "all_prices": list(expected.all_prices),
        }
    ]
    assert (
        data_of(run("liquidation-price", file, "--underlying", "BTC", "--method", "portfolio", "--json"))
        == data
    )


def test_an_account_without_positions_has_null_and_a_reason(run, tmp_path):
    record = small()
    record["accounts"][0] |= {"positions": [], "orders": [], "balances": [{"asset": "USD", "amount": "5"}]}
    file = tmp_path / "a.json"
    file.write_bytes(encoded(record))
    found = data_of(run("margin", file, "--json"))["methods"]["portfolio"]
    assert (found["health_factor"], found["health_factor_reason"]) == (None, "nothing is required")
    assert found["liquidation_prices"] == []
    assert data_of(run("liquidation-price", file, "--json")) == []
    for command in COMMANDS:
        assert run(command, file)[0] == 0


# ---------------------------------------------------------------- text
@pytest.mark.parametrize("command", COMMANDS)
def test_text_goes_to_standard_output(run, file, command):
    code, out, err = run(command, file)
    assert (code, err) == (0, "")
    assert {
        "margin": "surplus maintenance",
        "explain": "scan loss",
        "impact": "accepted",
        "liquidation-price": "42,000.00",
    }[command] in out


def test_one_of_several_accounts(run, tmp_path):
    record = small()
    record["accounts"].append(record["accounts"][0] | {"id": "fund"})
    file = tmp_path / "a.json"
    file.write_bytes(encoded(record))
    for command in COMMANDS:
        assert refused(run(command, file)) == "snapshot must hold one account for .portfolio, was 2"
        assert run(command, file, "--account", "fund")[0] == 0
        assert refused(run(command, file, "--account", "x")) == "account must name a known account, was 'x'"


@pytest.mark.parametrize("name", ["[/red]", "[bold]", ":smile:"])
def test_names_are_printed_as_they_are(run, tmp_path, name):
    text = TEXT.replace(b"PERP", name.encode()).replace(b"portfolio", name.encode() + b"m")
    file = tmp_path / "a.json"
    file.write_bytes(text)
    assert name in run("explain", file)[1]
    assert f"{name}m: why" in run("margin", file)[1]
    assert run("impact", file)[0] == run("liquidation-price", file)[0] == 0


def test_help_explains_the_commands(run):
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    assert all(command in out for command in COMMANDS)
    for command in COMMANDS:
        code, out, err = run(command, "--help")
        assert (code, err) == (0, "")
        assert "--json" in out


# ---------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing command."),
        (("cascade",), "No such command 'cascade'."),
        (("margin",), "Missing argument 'FILE'."),
        (("margin", "{file}", "--bogus"), "No such option: --bogus"),
        (("margin", "{file}", "more"), "Got unexpected extra argument"),
        (("impact", "{file}", "--order"), "requires an argument"),
        (("--bogus",), "No such option: --bogus"),
        (("margin", "absent.json"), "file must be readable, was 'absent.json' (No such file or directory)"),
        (("margin", "."), "file must be readable, was '.' (Is a directory)"),
        (("explain", "{file}", "--level", "x"), "level must be one of initial, maintenance, was 'x'"),
        (("explain", "{file}", "--method", "x"), "method must name a known method of the file, was 'x'"),
        (
            ("liquidation-price", "{file}", "--underlying", "X"),
            "market must hold index of 'X', was absent at",
        ),
        (
            ("impact", "{file}", "--order", "buy"),
            "order must read \"buy|sell LOTS INSTRUMENT LIMIT\", was 'buy'",
        ),
        (("impact", "{file}", "--order", ""), "order must read"),
        (
            ("impact", "{file}", "--order", "hold 1 PERP 1"),
            "side must be one of buy, sell, was 'hold' of order 0",
        ),
        (
            ("impact", "{file}", "--order", "buy 0 PERP 1"),
            "lots must lie in [1, 9007199254740992], was 0 of order 0",
        ),
        (("impact", "{file}", "--order", "buy -1 PERP 1"), "order must read"),
        (("impact", "{file}", "--order", "buy 1.5 PERP 1"), "order must read"),
        (("impact", "{file}", "--order", f"buy {'9' * 5000} PERP 1"), "order must read"),
        (("impact", "{file}", "--order", "buy 9999999999999999 PERP 1"), "lots must lie in"),
        (
            ("impact", "{file}", "--order", "buy 9007199254740992 PERP 42000"),
            "positions.open_cost must be 64-bit integers",
        ),
        (
            ("impact", "{file}", "--order", "buy 1 X 1"),
            "instrument must name a known instrument, was 'X' at order 0",
        ),
        (
            ("impact", "{file}", "--order", "buy 1 PERP 42000.3"),
            "limit must be a multiple of the tick 1/2, was '42000.3' of PERP",
        ),
        (
            ("impact", "{file}", "--order", "buy 1 PERP nan"),
            "limit must be a decimal number, was 'nan' of PERP",
        ),
        (("impact", "{file}", "--order", "buy 1 PERP 1e999999999"), "limit must be a decimal number"),
        (("impact", "{file}", "--order", "buy 1 PERP 1e400"), "limit in ticks must lie in"),
        (
            ("impact", "{file}", "--order", "buy 1 \x1b[31m 1"),
            "instrument must name a known instrument, was '\\x1b[31m' at order 0",
        ),
    ],
)
def test_bad_arguments_are_one_line(run, file, arguments, message):
    assert message in refused(run(*(a.format(file=file) for a in arguments)))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_one_line(run, tmp_path, command, name):
    file = tmp_path / "h.json"
    file.write_bytes(HOSTILE[name])
    assert refused(run(command, file)).startswith("h.json: ")


METHODS = [
    ({}, "methods must name at least one method, was 'none'"),
    ({"a": {}}, "method must Object missing required field"),
    ({"a": {"method": "magic"}}, "method must Invalid value 'magic'"),
    ({"a": 3}, "method must Expected `object`"),
    ({"a": None}, "method must Expected `object`"),
]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("methods", "message"), METHODS)
def test_bad_methods_are_one_line(run, tmp_path, command, methods, message):
    file = tmp_path / "a.json"
    file.write_bytes(encoded(small(methods=methods)))
    assert message in refused(run(command, file))


PARAMETERS = [
    (("scenarios", "moves"), [], "must hold at least one scenario"),
    (("scenarios", "moves"), [-1.0], "move must be > -1, was -1.0"),
    (("scenarios", "moves"), [1e400], "method must"),
    (("scenarios", "moves"), [1e308], "Black-76 value of 'CALL' at forward inf: NOT_FINITE"),
    (("scenarios", "short_power"), -1, "short_power must be >= 0"),
    (("scenarios", "ranges"), {"ETH": 0.1}, "must move every underlying held, was 'BTC'"),
    (("collateral", 0, "asset"), "EUR", "collateral asset must name a known asset, was 'EUR'"),
    (("collateral", 0, "initial"), [1.5], "initial haircut must lie in [0, 1], was 1.5"),
    (("factor",), [0.8, 1.0], "initial >= maintenance"),
    (("factor",), [1.0], "method must"),
    (("tail",), 2, "tail must lie in [0, 1], was 2"),
    (("unknown",), 2, "unknown field `unknown`"),
]


@pytest.mark.parametrize(("path", "value", "message"), PARAMETERS)
def test_bad_parameters_are_one_line(run, tmp_path, path, value, message):
    record = changed(("methods", "portfolio", *path), value)
    file = tmp_path / "a.json"
    file.write_bytes(encoded(record).replace(b"Infinity", b"1e400"))
    assert message in refused(run("explain", file))


def test_an_answer_beyond_all_figures_is_one_line(run, tmp_path):
    file = tmp_path / "a.json"
    for path, value in (
        (("charges",), {"short_option": [1e308, 1e308]}),
        (("collateral", 1, "debt_weight"), 1e308),
    ):
        file.write_bytes(encoded(changed(("methods", "portfolio", *path), value)))
        for command in ("explain", "impact", "margin"):
            assert "finite" in refused(run(command, file, "--json"))


def test_an_index_of_zero_is_answered_or_refused_by_every_method(run, tmp_path):
    record = json.loads((SEEDS / "crypto.json").read_text())
    index = next(o for o in record["observations"] if (o["subject"], o["field"]) == ("ETH", "index"))
    index["value"] = 0.0
    (tmp_path / "m.json").write_bytes(encoded(record))
    for method in record["methods"]:
        answered_or_refused(run("explain", tmp_path / "m.json", "--method", method, "--json"))


MARKETS = [
    (0, "value", 0.0, None),
    (0, "value", -5.0, "index must be >= 0 for an asset, was -5.0 of 'BTC'"),
    (1, "value", 0.0, None),
    (1, "value", -36.98, None),
    (1, "subject", "OTHER", "market must hold mark of 'PERP', was absent"),
    (2, "value", -1.0, "Black-76 value of 'CALL' at forward"),
    (2, "value", 0.0, None),
    (3, "subject", "OTHER", "market must hold mark of 'CALL', was absent"),
    (4, "value", 0.0, None),
    (4, "value", 1e300, None),
    (4, "field", "spread", "market must hold volatility of 'CALL', was absent"),
    (1, "value", 1.7e308, "gain must be finite, was inf of 'PERP'"),
]


@pytest.mark.parametrize(("row", "name", "value", "message"), MARKETS)
def test_every_price_has_a_defined_outcome(run, tmp_path, row, name, value, message):
    file = tmp_path / "a.json"
    file.write_bytes(encoded(changed(("observations", row, name), value)))
    for command in ("margin", "impact"):
        found = run(command, file, "--json")
        if message is None:
            data_of(found)
        else:
            assert message in refused(found)


# ---------------------------------------------------------------- fuzz
def answered_or_refused(found):
    code, out, err = found
    if code == 0:
        assert finite(json.loads(out))
        assert err == ""
    else:
        assert refused(found)


FIXED = {"suppress_health_check": [HealthCheck.function_scoped_fixture]}


@settings(max_examples=60 * FACTOR, **FIXED)
@given(st.sampled_from(["explain", "impact"]), mutations)
def test_any_mutation_is_answered_or_refused(run, tmp_path, command, changes):
    data = TEXT
    for start, length, insert in changes:
        data = data[:start] + insert + data[start + length :]
    (tmp_path / "m.json").write_bytes(data)
    answered_or_refused(run(command, tmp_path / "m.json", "--json"))


FIGURES = [p for p in PLACES if p[0] in {"methods", "observations", "accounts"}]
figures = st.floats() | st.integers(-5, 5) | st.lists(st.floats(-2, 2), max_size=3) | values


@settings(max_examples=100 * FACTOR, **FIXED)
@given(st.sampled_from(["explain", "impact"]), st.sampled_from(FIGURES), figures)
def test_any_figure_is_answered_or_refused(run, tmp_path, command, path, value):
    (tmp_path / "m.json").write_bytes(encoded(changed(path, value)))
    answered_or_refused(run(command, tmp_path / "m.json", "--json"))


@given(st.text(max_size=30))
def test_any_order_text_is_an_order_or_refused(text):
    try:
        order = cli.parse_order(text, 0)
    except InvalidInputError as error:
        assert str(error)
    else:
        assert text.split() == [order.side, text.split()[1], order.instrument, order.limit]


# ---------------------------------------------------------------- the installed script
def script(*arguments, **options):
    return subprocess.run(
        [SCRIPT, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False, **options
    )


def test_the_installed_script_answers():
    found = script("margin", SEEDS / "market-maker.json", "--json")
    data = data_of((found.returncode, found.stdout, found.stderr))
    assert list(data["methods"]) == ["isolated", "tiered", "array", "ten point", "sensitivities", "portfolio"]
    assert data["methods"]["portfolio"]["initial"] > data["methods"]["portfolio"]["maintenance"] > 0


def test_the_installed_script_refuses_in_one_line(tmp_path):
    (tmp_path / "h.json").write_bytes(HOSTILE["deep"])
    for arguments in ([], ["margin"], ["explain", tmp_path / "h.json"]):
        found = script(*arguments)
        assert refused((found.returncode, found.stdout, found.stderr))


def test_a_closed_pipe_is_no_error():
    command = f'"{SCRIPT}" explain "{SEEDS / "market-maker.json"}" | head -n 1'
    found = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert found.stdout.startswith("initial requirement")
    assert found.stderr == ""


def test_names_survive_a_terminal_that_knows_ascii_alone(tmp_path):
    (tmp_path / "a.json").write_bytes(encoded(changed(("accounts", 0, "id"), "désk")))
    found = script("margin", tmp_path / "a.json", env={"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin"})
    assert (found.returncode, found.stderr) == (0, "")
    assert "sk, USD" in found.stdout


# ---------------------------------------------------------------- compare
def test_compare_prints_a_line_a_venue_and_who_cannot(run):
    code, out, err = run("compare", SEEDS / "eth-options.json")
    assert (code, err) == (0, "")
    assert "Margin of options, USDC" in out
    lines = [line.split("  ")[1] for line in out.splitlines() if line.startswith("  ") and "." in line]
    assert lines == [
        "Derive portfolio v2", "Derive standard", "Deribit portfolio", "OKX portfolio", "Bybit portfolio",
        "Paradex portfolio", "Paradex cross", "Aevo portfolio", "isolated", "sensitivities", "portfolio",
    ]  # fmt: skip
    assert "left out: OKX options: position must be one that the method can hold, was 'ETH-USDC-PERPETUAL'" in out


def test_compare_as_data(run):
    data = data_of(run("compare", SEEDS / "crypto.json", "--json"))
    assert data["methods"]["Bybit portfolio"]["initial"] > data["methods"]["Bybit portfolio"]["maintenance"] > 0
    assert data["methods"]["OKX portfolio"]["components"].keys() >= {"mr1", "mr4", "mr7", "mr8", "mr9"}
    assert "BTC-28JUN24" in data["left_out"]["Paradex cross"]


def test_the_readme_shows_what_compare_prints(run):
    readme = (SEEDS.parent / "README.md").read_text()
    block = readme.partition("$ crossmargin compare seeds/eth-options.json\n")[2].partition("```")[0]
    _, out, _ = run("compare", "seeds/eth-options.json")
    assert [line.rstrip() for line in out.splitlines()] == [line.rstrip() for line in block.splitlines()]


@pytest.mark.parametrize("name", ["market-maker", "crypto", "eth-options"])
def test_revalue_tells_the_steps_to_the_quantile(run, name):
    file = SEEDS / f"{name}.json"
    data = data_of(run("revalue", file, "--draws", "500", "--json"))
    steps = sum(data[step] for step in ("delta", "vega", "gamma", "skew", "beyond"))
    assert steps == pytest.approx(data["quantile"], rel=1e-9)
    code, shown, _ = run("revalue", file, "--draws", "500")
    assert code == 0
    assert f"{data['quantile']:,.2f}" in shown
    assert f"{data['requirement']:,.2f}" in shown


def test_revalue_wants_a_delta_gamma_vega_method(run):
    found = refused(run("revalue", SEEDS / "crypto.json", "--method", "portfolio"))
    assert found == "method must be a delta_gamma_vega method, was 'scenario'"


SIMM = SEEDS.parents[1] / "shared" / "data" / "simm"


@pytest.mark.skipif(not SIMM.exists(), reason="a calibration of SIMM is the user's own, none is part of the project")
def test_simm_prints_a_tree_that_sums(run):
    calibration = SIMM / "simmcalibration_2.6.xml.gz"
    data = data_of(run("simm", SIMM / "crif.csv", "--calibration", calibration, "--json"))
    assert data["value"] == pytest.approx(1086219.458910127, abs=1e-6)  # open-source-risk-engine's example
    code, shown, _ = run("simm", SIMM / "crif.csv", "--calibration", calibration)
    assert code == 0
    assert "1,086,219.46" in shown and "64,143.55" in shown
    assert refused(run("simm", SIMM / "crif.csv", "--calibration", calibration, "--days", "3")) == (
        "days must be one of 10, 1, was 3"
    )
    assert refused(run("simm", SIMM / "crif.csv", "--calibration", calibration, "--portfolio", "x")).startswith("portfolio")


def test_simm_names_what_it_cannot_read(run, tmp_path):
    absent, text = tmp_path / "none.csv", tmp_path / "text.xml"
    text.write_text("not XML")
    assert "file must be readable" in refused(run("simm", absent, "--calibration", absent))
    assert "calibration must be XML" in refused(run("simm", absent, "--calibration", text))
    packed = tmp_path / "packed.xml.gz"
    packed.write_bytes(b"not gzip")
    assert "calibration must be text, or gzipped text" in refused(run("simm", absent, "--calibration", packed))
