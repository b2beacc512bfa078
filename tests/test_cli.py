"""Commands: tables and data, one-line errors with exit code 2, and never a traceback."""

import io
import json
import math
import subprocess
import sys
import sysconfig
from fractions import Fraction
from math import ceil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

import crossmargin as cm
from conftest import FACTOR
from crossmargin import cli
from crossmargin.account import impact, liquidation_prices
from crossmargin.errors import InvalidInputError
from crossmargin.liquidation.cascade import CascadeRules
from crossmargin.liquidation.comparison import compare_methods, same_usage
from crossmargin.liquidation.crowd import Crowd
from crossmargin.liquidation.impact import LinearImpact
from crossmargin.portfolio.portfolio import fill_cost
from crossmargin.scenario.revalue import moved_market
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
        (("avalanche",), "No such command 'avalanche'."),
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


# ---------------------------------------------------------------- liquidate
OPTIONS = SEEDS / "eth-options.json"


def asked(name, method, moves=None):
    """Portfolio, market after the moves, and method of an example file."""
    desk = cm.load(SEEDS / f"{name}.json")
    market = moved_market(desk.instruments, desk.market, moves) if moves else desk.market
    return desk.portfolio, market, cm.margin.load_method(desk.methods[method])


def arguments_of(method, moves):
    return ["--method", method, *(f"--shock={name}={move}" for name, move in moves.items())]


STATES = [
    ("crypto", "portfolio", {}, "healthy"),
    ("eth-options", "isolated", {}, "margin call"),
    ("market-maker", "isolated", {}, "liquidatable"),
    ("eth-options", "portfolio", {"ETH": 2.0}, "bankrupt"),
    ("crypto", "tiered", {"BTC": -0.3, "ETH": 1.5}, "liquidatable"),
]


@pytest.mark.parametrize(("name", "method", "moves", "state"), STATES)
def test_liquidate_as_data(run, name, method, moves, state):
    portfolio, market, margin = asked(name, method, moves)
    expected = margin.requirement(portfolio, market)
    data = data_of(run("liquidate", SEEDS / f"{name}.json", *arguments_of(method, moves), "--json"))
    assert (data["state"], data["shock"], data["method"]) == (state, moves, method)
    for figure in ("equity_maintenance", "maintenance", "surplus_initial", "surplus_maintenance"):
        assert data[figure] == getattr(expected, figure)
    for prices in data["prices"]:
        for side, figure in (("liquidation", "surplus_maintenance"), ("bankruptcy", "equity_maintenance")):
            for price in prices[side]["all_prices"]:
                there = moved_market(portfolio.instruments, market, {prices["underlying"]: price / prices["index"] - 1})
                found = getattr(margin.requirement(portfolio, there), figure)
                assert found == pytest.approx(0, abs=1e-6 * max(abs(expected.equity_maintenance), expected.maintenance))
    below = expected.surplus_maintenance < 0
    assert (data["close_out"] is not None) == (data["deposit"] is not None) == below
    atom = float(portfolio.instruments.atom[portfolio.instruments.asset_index[portfolio.account.currency]])
    assert not below or abs(data["deposit"] + expected.surplus_maintenance) < 1.5 * atom  # the least whole atoms
    assert (data["breach"] is not None) == (below and bool(moves))


@pytest.mark.parametrize("rule", ["smallest", "share", "staged", "whole"])
def test_the_steps_of_a_close_out_lead_to_its_end(run, rule):
    """Booked at their prices, trade by trade, they leave the surplus that the last step names."""
    moves = {"ETH": 0.3}
    portfolio, market, margin = asked("eth-options", "isolated", moves)
    terms = ["--rule", rule, "--penalty", "0.01", "--half-spread", "0.002"]
    data = data_of(run("liquidate", OPTIONS, *arguments_of("isolated", moves), *terms, "--json"))
    closed = data["close_out"]
    assert closed["outcome"] == "restored"
    held = {name: [p.lots, p.open_cost] for name, p in portfolio.positions.items()}
    cash, paid = portfolio.balances["USDC"], 0
    for number, step in enumerate(closed["steps"]):
        assert step["reason"]
        if number:
            assert step["surplus_before"] == closed["steps"][number - 1]["surplus_after"]
        for trade in step["trades"]:
            row = portfolio.instruments.instrument(trade["instrument"])
            ticks = Fraction(trade["price"]) / row.tick
            assert ticks.denominator == 1
            cost = fill_cost(row, 6, trade["lots"], int(ticks))
            held[row.id][0] += trade["lots"]
            held[row.id][1] += cost  # all of it: equity is the same, wherever a profit stands
            paid += ceil(Fraction("0.01") * abs(cost))
    assert [(p["asset"], Fraction(p["liquidator"]), Fraction(p["fund"])) for p in closed["payments"]] == [
        ("USDC", 0, Fraction(paid, 10**6))
    ]
    after = portfolio.holding(
        positions={name: cm.Position(*pair) for name, pair in held.items()},
        balances={"USDC": Fraction(cash - paid, 10**6)},
    )  # fmt: skip
    end = margin.requirement(after, market).surplus_maintenance
    assert end == pytest.approx(closed["surplus_maintenance"], abs=1e-4) == closed["steps"][-1]["surplus_after"]


def test_liquidate_says_that_a_healthy_account_is_and_how_far_it_is(run):
    code, out, err = run("liquidate", OPTIONS)
    assert (code, err) == (0, "")
    assert "options: healthy, its equity covers the initial margin, nothing is closed" in out
    portfolio, market, margin = asked("eth-options", "portfolio")
    [price] = liquidation_prices(portfolio, market, margin)
    move = price.above / price.index - 1
    assert f"{price.above:,.2f} ({move:+.1%})" in out
    assert f"it is liquidated at {move:+.2%} (ETH {price.above:,.2f})" in out  # the only underlying
    assert "Close-out" not in out


def test_liquidate_tells_steps_reasons_penalty_and_deposit(run):
    code, out, err = run("liquidate", OPTIONS, "--method", "isolated", "--shock", "ETH=0.3", "--penalty", "0.005")
    assert (code, err) == (0, "")
    for text in (
        "Liquidation of options under isolated after ETH +30.00%",
        "options: liquidatable, its equity is below the maintenance margin",
        "ETH-20240703-2700-C lost most",
        "most surplus per cost",
        "restored: maintenance is met",
        "insurance fund",
        "a deposit of 65,706.04 USDC before it would have avoided it",
    ):
        assert text in out


def test_liquidate_knows_the_methods_of_venues(run):
    data = data_of(run("liquidate", OPTIONS, "--method", "Derive portfolio v2", "--json"))
    compared = data_of(run("compare", OPTIONS, "--json"))["methods"]["Derive portfolio v2"]
    assert data["maintenance"] == compared["maintenance"]


def test_the_readme_shows_what_liquidate_prints(run):
    readme = (SEEDS.parent / "README.md").read_text()
    first, _, block = readme.partition("$ crossmargin liquidate ")[2].partition("```")[0].partition("\n")
    _, out, _ = run("liquidate", *first.split())
    assert [line.rstrip() for line in out.splitlines()] == [line.rstrip() for line in block.splitlines()]


UNFIT = [
    (["--shock", "BTC"], "shock must read UNDERLYING=NUMBER, was 'BTC'"),
    (["--shock", "BTC=x"], "shock must read UNDERLYING=NUMBER, was 'BTC=x'"),
    (["--shock", "DOGE=0.1"], "shock must be one of BTC, ETH, was 'DOGE'"),
    (["--shock", "BTC=nan"], "shock must be finite, was nan of 'BTC'"),
    (["--shock", "BTC=-1"], "shock must be > -1, was -1.0 of 'BTC'"),
    (["--shock", "BTC=0.1", "--shock", "BTC=0.2"], "shock must be unique, was 'BTC' at row 1"),
    (["--penalty", "1.5"], "penalty must lie in [0, 1], was 1.5"),
    (["--penalty", "nan"], "penalty must be finite, was nan"),
    (["--method", "nope"], "method must name a known method of the file or of a venue, was 'nope'"),
    (["--html", "/no/such/folder/a.html"], "html must be a file in a folder that exists, was '/no/such/folder/a.html'"),
]


@pytest.mark.parametrize(("arguments", "message"), UNFIT)
def test_unfit_arguments_are_one_line(run, arguments, message):
    shock = [] if "--shock" in arguments else ["--shock", "BTC=0.1"]
    assert refused(run("liquidate", SEEDS / "crypto.json", *arguments)) == message
    assert refused(run("cascade", SEEDS / "crypto.json", *shock, *arguments)) == message


def test_unfit_terms_of_a_close_out_are_one_line(run):
    assert refused(run("liquidate", OPTIONS, "--rule", "fast")) == (
        "rule must name a known rule (smallest, share, staged, whole), was 'fast'"
    )
    assert refused(run("liquidate", OPTIONS, "--half-spread", "-0.1")) == "half_spread must lie in [0, 1], was -0.1"


# ---------------------------------------------------------------- cascade
SMALL = ["--accounts", "300", "--seed", "3"]


def crowd_of(run, *arguments, name="eth-options", shock="ETH=0.3"):
    return data_of(run("cascade", SEEDS / f"{name}.json", "--shock", shock, *SMALL, *arguments, "--json"))


def test_a_cascade_is_what_the_library_runs(run):
    data = crowd_of(run, "--method", "isolated", "--method", "portfolio", "--depth", "ETH=1e9", "--fund", "50000")
    desk = cm.load(OPTIONS)
    methods = {
        name: cm.margin.load_method(desk.methods[name]).prepare(desk.instruments, desk.market)
        for name in ("isolated", "portfolio")
    }
    books = same_usage(methods, Crowd(accounts=300, seed=3), "USDC")
    rules = CascadeRules(impact=LinearImpact(), max_rounds=100)
    found = compare_methods(methods, books, {"ETH": 0.3}, depth={"ETH": 1e9}, fund=50_000.0, rules=rules, seed=3)
    assert list(data["methods"]) == list(methods)
    for name, outcome in found.items():
        told = data["methods"][name]
        assert told["accounts_liquidated"] == len(outcome.result.accounts) > 0
        assert told["ended"] == outcome.result.ended
        for row, known in zip(told["rounds"], outcome.result.rounds, strict=True):
            assert (row["liquidated"], row["notional"], row["factor"]) == (known.liquidated, known.notional, known.factor)
    assert (data["accounts"], data["seed"], data["depth"]) == ("made", 3, {"ETH": 1e9})


@pytest.mark.parametrize(("name", "shock"), [("crypto", "BTC=-0.2"), ("market-maker", "SPX=-0.1"), ("eth-options", "ETH=0.2")])
def test_a_seed_repeats_a_cascade(run, name, shock):
    one, again = (crowd_of(run, "--noise", "0.01", "--rounds", "5", name=name, shock=shock) for _ in range(2))
    assert one == again
    assert crowd_of(run, "--noise", "0.01", "--rounds", "5", "--seed", "4", name=name, shock=shock)["methods"] != one["methods"]


def test_what_a_method_cannot_hold_is_left_out_with_a_sentence(run):
    data = crowd_of(run, "--method", "Hyperliquid cross", "--method", "portfolio")
    assert data["instruments"] == ["ETH-USDC-PERPETUAL"]
    assert set(data["left_out"]["Hyperliquid cross"]) == {row.id for row in cm.load(OPTIONS).instruments} - {"ETH-USDC-PERPETUAL"}
    assert data["left_out"]["portfolio"] == {}
    code, out, err = run("cascade", OPTIONS, "--shock", "ETH=0.3", *SMALL, "--method", "Hyperliquid cross")
    assert (code, err) == (0, "")
    assert "left out, since Hyperliquid cross cannot hold them: ETH-20240703-2375-P, " in out


def test_a_cascade_says_that_its_accounts_are_made(run):
    code, out, err = run("cascade", OPTIONS, "--shock", "ETH=0.3", *SMALL, "--rounds", "1", "--depth", "1e8")
    assert (code, err) == (0, "")
    assert "The accounts are made, not those of the file: 300 drawn with seed 3" in out
    assert "portfolio: stopped after 1 rounds, accounts still below maintenance" in out
    for text in ("socialised", "Totals, USD", "depth ETH 100,000,000", "impact linear (permanent 1, temporary 0.5)"):
        assert text in out


def test_the_same_cash_under_all_methods(run):
    both = ["--method", "isolated", "--method", "portfolio"]
    usage, cash = crowd_of(run, *both)["methods"], crowd_of(run, *both, "--same-cash")["methods"]
    assert usage["portfolio"]["equity"] < usage["isolated"]["equity"]
    assert cash["portfolio"]["equity"] == cash["isolated"]["equity"]
    assert cash["portfolio"]["accounts_liquidated"] < cash["isolated"]["accounts_liquidated"]


def test_impact_oracle_and_liquidators_reach_the_run(run):
    plain = crowd_of(run, "--impact", "none")["methods"]["portfolio"]["rounds"]
    assert {row["factor"]["ETH"] for row in plain} == {1.3}
    late = crowd_of(run, "--impact", "none", "--delay", "2", "--lag", "1")["methods"]["portfolio"]["rounds"]
    assert [row["liquidated"] for row in late[:3]] == [0, 0, 0]
    assert late[0]["seen"]["ETH"] == 1.0
    assert late[3]["liquidated"] == plain[0]["liquidated"] > 0
    slow = crowd_of(run, "--impact", "root", "--permanent", "0.5", "--capacity", "1000000")
    assert slow["rules"] == {
        "impact": "SquareRootImpact", "coefficient": 1.0, "permanent": 0.5, "penalty": 0.005, "lag": 0, "noise": 0.0,
        "delay": 0, "capacity": 1000000.0, "deleverage": False, "max_rounds": 100,
    }  # fmt: skip
    assert len(slow["methods"]["portfolio"]["rounds"]) > len(plain)
    assert crowd_of(run)["rules"]["capacity_reason"] == "no limit"


def test_what_the_fund_cannot_pay_may_be_passed_on(run):
    plain, passed = (crowd_of(run, *more, shock="ETH=1.0")["methods"]["portfolio"]["totals"] for more in ([], ["--deleverage"]))
    assert plain["deleveraged"] == 0.0 < passed["deleveraged"]
    assert passed["socialised"] < plain["socialised"]


IMPOSSIBLE = [
    (["--seed", "-1"], "seed must lie in [0, 9223372036854775807], was -1"),
    (["--accounts", "0"], "accounts must lie in [1, 1000000], was 0"),
    (["--positions", "0"], "positions must lie in [1, 9223372036854775807], was 0"),
    (["--headroom", "nan"], "headroom must be finite, was nan"),
    (["--size", "-1"], "size must be > 0, was -1.0"),
    (["--size", "1e300"], "figures of the file must be such that every answer is finite, was beyond all figures of float64"),
    (["--depth", "x"], "depth must read UNDERLYING=NUMBER, was 'x'"),
    (["--depth", "DOGE=1"], "depth must be one of BTC, ETH, was 'DOGE'"),
    (["--depth", "0"], "depth must be > 0, was 0.0 of 'BTC'"),
    (["--depth", "1e9", "--depth", "2e9"], "depth must be unique, was 'for all' at row 1"),
    (["--impact", "cubic"], "impact must name a known impact (linear, root, none), was 'cubic'"),
    (["--impact", "root", "--temporary", "1"], "temporary must be left out of impact root, was 1.0"),
    (["--permanent", "-1"], "permanent must be >= 0, was -1.0"),
    (["--lag", "-1"], "lag must lie in [0, 9223372036854775807], was -1"),
    (["--noise", "-1"], "noise must be >= 0, was -1.0"),
    (["--delay", "-1"], "delay must lie in [0, 9223372036854775807], was -1"),
    (["--capacity", "0"], "capacity must be > 0, was 0.0"),
    (["--fund", "-1"], "fund must be >= 0, was -1.0"),
    (["--rounds", "0"], "rounds must lie in [1, 9223372036854775807], was 0"),
    (["--cash", "DOGE"], "cash must name a known asset, was 'DOGE'"),
    (["--method", "tiered", "--method", "tiered"], "method must be unique, was 'tiered' at row 1"),
]


@pytest.mark.parametrize(("arguments", "message"), IMPOSSIBLE)
def test_impossible_cascades_are_one_line(run, arguments, message):
    accounts = [] if "--accounts" in arguments else ["--accounts", "50"]
    assert refused(run("cascade", SEEDS / "crypto.json", "--shock", "ETH=-0.5", *accounts, *arguments, "--json")) == message


def test_a_cascade_wants_a_shock_and_something_to_hold(run):
    assert refused(run("cascade", OPTIONS)) == "Missing option '--shock'."
    found = refused(run("cascade", OPTIONS, "--shock", "ETH=0.1", "--method", "Kraken multi-collateral"))
    assert found.startswith("instruments must be ones that every method can hold, was 'none' (Kraken multi-collateral: ")


def test_rounds_are_shown_on_a_terminal_alone(monkeypatch):
    for terminal in (True, False):
        stream = io.StringIO()
        monkeypatch.setattr(cli.cascades, "err", Console(file=stream, force_terminal=terminal, width=100))
        with cli.cascades.rounds_bar(10) as step:
            step("portfolio", 7)
        assert ("portfolio: round 7" in stream.getvalue()) is terminal
        assert bool(stream.getvalue()) is terminal
