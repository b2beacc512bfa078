"""Scenario-array margin: every published row, in the batch and the slow evaluator."""

import pytest

from conformance.clearing_accounts import span_account
from conformance.rows import rows


def computable(found):
    """Rows as parameters; one gives targets without parameters to compute them from."""
    for parameter in found:
        row = parameter.values[0]
        if row and not row["params"]:
            reason = "published targets without inputs: a model of another kind, nothing to compute them from"
            yield pytest.param(row, marks=pytest.mark.skip(reason=reason), id=parameter.id)
        else:
            yield parameter


ROWS = list(computable(rows("span")))
ARRAYS = ("pnl_by_scenario", "risk_array_loss_positive")


def number_of(scenario):
    """Number of a scenario, which its label starts with."""
    return int(scenario.partition(":")[0])


def line(name):
    return lambda found: found.components[name].initial


def output(name, sign=1):
    return lambda found: sign * found.outputs[name][0]


def option_value(sign=1):
    return lambda found: sign * found.equity["net option value"].initial


READ = {
    "scan_risk": line("scan risk"),
    "intra_commodity_charge": line("inter-month charge"),
    "short_option_minimum": output("minimum"),
    "span_requirement": lambda found: found.initial,
    "net_option_value": option_value(),
    "short_option_value": option_value(-1),
    "total_requirement": output("total_requirement"),
    "total_initial_margin": output("total_requirement"),
    "span_margin_required": output("total_requirement"),
    "active_scenario": lambda found: number_of(found.worst_scenario),
    "pnl_by_scenario": lambda found: found.outputs["scenarios"],
    "risk_array_loss_positive": lambda found: [-gain for gain in found.outputs["scenarios"]],
    "extreme": lambda found: max(-gain for gain in found.outputs["scenarios"][-2:]),
}


def compare(name, found, expected, tolerance):
    many = name in ARRAYS
    assert not many or len(found) == len(expected)
    for one, wanted in zip(found, expected, strict=True) if many else [(found, expected)]:
        assert abs(one - wanted) <= tolerance, (name, one, wanted)


def value_of_one(row, name):
    """``long_option_value_w12``: value of that option alone, a short one's as money owed."""
    side, _, code = name.partition("_option_value_")
    method, portfolio, market = span_account(row)
    alone = portfolio.holding(positions={code: row["inputs"]["qty"][code]})
    return option_value({"long": 1, "short": -1}[side])(method.requirement(alone, market))


def theoretical_price(row):
    """The mark that the row's market holds."""
    _, _, market = span_account(row)
    return market.value("mark", "P0")


def read(row, name, requirement):
    if name == "theoretical_price":
        return theoretical_price(row)
    if name in READ:
        return READ[name](requirement)
    return value_of_one(row, name)


@pytest.mark.parametrize("row", ROWS)
def test_batch(row):
    method, portfolio, market = span_account(row)
    requirement = method.requirement(portfolio, market)
    for name, expected in row["expected"].items():
        compare(name, read(row, name, requirement), expected, row["tolerance"])


@pytest.mark.parametrize("row", ROWS)
def test_slow_evaluator_and_explanation(row):
    method, portfolio, market = span_account(row)
    prepared = method.prepare(portfolio.instruments, market)
    trace, requirement = prepared.trace(portfolio), prepared.requirement(portfolio)
    for name, _ in prepared.program.outputs:
        assert requirement.outputs[name] == pytest.approx(trace.output(name).tolist(), rel=1e-12, abs=1e-9)
    for level in ("initial", "maintenance"):
        parts = sum(leaf.value for leaf in prepared.explain(portfolio, level).leaves())
        assert parts == pytest.approx(getattr(requirement, level), rel=1e-12, abs=1e-9)


def test_the_put_without_a_public_array_pins_totals_alone():
    """Its scan risk and scenario are inputs: they are reproduced because they are given."""
    given = [p.values[0] for p in ROWS if p.values[0] and "scan_risk_given" in p.values[0]["inputs"]]
    for row in given:
        method, portfolio, market = span_account(row)
        requirement = method.requirement(portfolio, market)
        assert READ["scan_risk"](requirement) == row["inputs"]["scan_risk_given"]
        assert READ["active_scenario"](requirement) == row["inputs"]["active_scenario_given"]
