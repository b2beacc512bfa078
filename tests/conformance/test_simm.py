"""ISDA SIMM: the unit tests of version 2.5 in two periods of risk, and an example of open-source-risk-engine in 2.6.

ISDA's tables are not part of the project, so that a lone clone has no row to run.
"""

import json
from functools import cache

import pytest

from conformance.rows import FOLDER, load, rows
from conformance.simm_rows import calibration, crif, data
from crossmargin.margin.sensitivity.crif import Crif, read_crif
from crossmargin.margin.sensitivity.simm import MEASURES, Simm
from crossmargin.margin.sensitivity.simm_regulations import regulated
from crossmargin.margin.sensitivity.simm_xml import read_simm_xml

NAMES = {"delta": "delta", "vega": "vega", "curvature": "curvature", "basecorr": "base correlation"}
VERSIONS = ("2.4", "2.5A", "2.6", "2.7", "2.8+2506")


@cache
def figures():
    return json.loads((FOLDER / "simm_params_2.5.json").read_text())["params"]


@cache
def model(horizon):
    return Simm(calibration(figures(), horizon))


@cache
def pool():
    return load("simm")["pool"]


def check(margin, case, tolerance):
    assert margin.total == pytest.approx(case["total"], rel=0, abs=tolerance)
    expected = dict(case.get("components", {}))
    if case.get("measure"):
        expected[case["measure"]] = case["total"]
    for name, figure in expected.items():
        found = margin.add_ons.sum() if name == "addon" else margin.products([NAMES[name]]).sum()
        assert found == pytest.approx(figure, rel=0, abs=tolerance), name
    assert margin.shares.sum() + margin.add_ons.sum() == pytest.approx(margin.total, rel=1e-12)


@pytest.mark.parametrize("case", rows("simm"))
def test_case(case):
    margin = model(case["mpor"]).margin([crif(pool()[name]) for name in case["ids"]])
    check(margin, case, load("simm")["tolerance"])


@pytest.mark.parametrize("row", rows("simm_core"))
def test_core(row):
    inputs = row["inputs"]
    if isinstance(inputs, dict):
        inputs = [pool()[name] for name in inputs["pool_ids"]]
    check(model("10d").margin([crif(entry) for entry in inputs]), row["expected"], row["tolerance"])


def published(version, days=10):
    return read_simm_xml(data(f"simmcalibration_{version}.xml.gz"), days=days)


@pytest.mark.parametrize("row", rows("simm_ore"))
def test_example_of_an_engine(row):
    """From the engine's own files: sensitivities as given, then all of them negated."""
    prepared = Simm(published(row["params"]["version"], row["params"]["mpor_days"])).prepare(read_crif(data("crif.csv")))
    amounts = [entry.amount for entry in prepared.rows]
    for sign, expected in ((1.0, row["expected"]), (-1.0, row["expected_post"])):
        margin = prepared.margin([sign * amount for amount in amounts])
        classes = dict(zip(MEASURES, margin.table.sum(axis=(0, 1, 2)), strict=True))
        norms = {f"{cell.measure}:{name}": norm
                 for (cell, name), norm in zip(margin.layout.buckets, margin.nested.buckets.value, strict=True)}  # fmt: skip
        found = {"All": margin.total} | {name.capitalize(): value for name, value in (classes | norms).items()}
        found = {name.replace(":usd", ":USD"): value for name, value in found.items()}
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=0, abs=row["tolerance"]), (name, sign)
        if "Curvature" not in expected:
            assert found["Curvature"] == 0.0
    for side, expected in (("collect", row["expected"]), ("post", row["expected_post"])):
        found = regulated(Simm(published(row["params"]["version"])), read_crif(data("crif.csv")), side)
        assert set(found.margins) == {"collect": {"ESA", "USPR"}, "post": {"SEC", "CFTC"}}[side]
        assert found.total == pytest.approx(expected["All"], rel=0, abs=row["tolerance"])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("days", [10, 1])
def test_a_calibration_file_of_every_version_loads(version, days):
    if not FOLDER.exists():
        pytest.skip("calibration files are the user's own, none is part of the project")
    found = published(version, days)
    assert found.version in {version, "2.3.8"}  # the file called 2.4 names itself so
    assert Simm(found).margin(read_crif(data("crif.csv"))).total > 0.0


def test_a_file_and_the_published_figures_agree():
    """2.5A differs from 2.5 in the weights of interest rates alone."""
    if not FOLDER.exists():
        pytest.skip("calibration files are the user's own, none is part of the project")
    for days in (10, 1):
        file, table = published("2.5A", days), calibration(figures(), f"{days}d")
        for name in ("credit_qualifying", "credit_non_qualifying", "equity", "commodity", "fx", "psi"):
            assert getattr(file, name) == getattr(table, name), name


def test_unused_labels_do_not_split_a_factor():
    """simm-lib issue 10: a label on equity rows made two factors of one."""
    if not FOLDER.exists():
        pytest.skip("calibration files are the user's own, none is part of the project")
    entries = [Crif(product="Equity", risk_type="Risk_Equity", qualifier="A", bucket="1", label1=label, amount=10.0)
               for label in ("", "spot")]  # fmt: skip
    assert len(model("10d").prepare(entries).layout.factors) == 1
