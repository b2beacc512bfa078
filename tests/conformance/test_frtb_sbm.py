"""Standardised approach (MAR21): its published rows as tests of the nested norm."""

import numpy as np
import pytest

from conformance.rows import called, rows
from conformance.sbm_figures import calibration
from crossmargin.margin.sensitivity.correlation import Correlation
from crossmargin.margin.sensitivity.curvature import curvature
from crossmargin.margin.sensitivity.margin import Sensitivity, SensitivityMargin, bare

LABELS = ("risk_factor", "qualifier", "tenor", "option_tenor")


def sensitivity(entry):
    name = f"{entry['risk_class']} {entry['risk_measure']}"
    labels = {label: entry[label] for label in LABELS if label in entry}
    return Sensitivity(risk_class=name, bucket=entry["bucket"], labels=labels, amount=entry["amount"])


@pytest.mark.parametrize("row", rows("frtb_sbm", called("FRTB SBM equity", "FRTB SBM commodity", "FRTB SBM csr",
                                                        "FRTB SBM girr", "FRTB SBM non_girr")))  # fmt: skip
def test_classes(row):
    held = [sensitivity(entry) for entry in row["inputs"]]
    found, expected = SensitivityMargin(calibration()).margin(held), row["expected"]
    near = {"rel": 0, "abs": row["tolerance"]}
    assert found.totals == pytest.approx(expected["scenario_totals"], **near)
    assert found.margin == pytest.approx(expected["total_capital"], **near)
    assert {found.scenario} == {entry["selected_scenario"] for entry in expected["per_class"]}
    for entry in expected["per_class"]:
        one = found.classes[f"{entry['risk_class']} {entry['risk_measure']}"]
        assert one.value == pytest.approx(entry["selected_capital"], **near)
        assert one.nested.shares.sum() == pytest.approx(one.value, rel=1e-12)
    buckets = [(name, k, s) for one in found.classes.values()
               for name, k, s in zip(one.buckets, one.nested.buckets.value, one.nested.sums, strict=True)]  # fmt: skip
    for name, k, s in sorted((entry["bucket_id"], entry["kb"], entry["sb"])
                             for entry in expected["buckets_of_selected_scenario"]):  # fmt: skip
        assert any(b == name and k == pytest.approx(at, **near) and s == pytest.approx(of, **near)
                   for b, at, of in buckets), name  # fmt: skip
    weighted = {entry["sensitivity_id"]: entry["scaled_amount"] for entry in expected["weighted"]}
    for entry in row["inputs"]:
        one, key = found.classes[sensitivity(entry).risk_class], sensitivity(entry).key
        at = one.keys.index(key)  # every input of these rows is a factor of its own
        assert one.nested.buckets.x[at] == pytest.approx(weighted[entry["sensitivity_id"]], **near)


@pytest.mark.parametrize("row", rows("frtb_sbm", called("FRTB SBM curvature"), kind="fragment"))
def test_curvature_side(row):
    one = Correlation.dense([[1.0]])
    up, down = (np.array([row["inputs"][f"cvr_{side}"]]) for side in ("up", "down"))
    found, upward = curvature(up, down, one, np.array([0]), bare(np.eye(1)))
    expected = row["expected"]
    assert found.value[0] == pytest.approx(expected["capital"], rel=0, abs=row["tolerance"])
    assert found.sums[0] == pytest.approx(expected["S_b"], rel=0, abs=row["tolerance"])
    assert ("up" if upward[0] else "down") == expected["selected"]
    for name, x in (("K_up", up), ("K_down", down)):
        alone, _ = curvature(x, np.full(1, -1.0), one, np.array([0]), bare(np.eye(1)))
        assert alone.value[0] == pytest.approx(expected[name], rel=0, abs=row["tolerance"])


@pytest.mark.parametrize("row", rows("frtb_sbm", called("ultima"), skip="the sensitivities of its buckets are not "
                                     "published, a total alone"))  # fmt: skip
def test_without_inputs(row):
    raise AssertionError("not run")
