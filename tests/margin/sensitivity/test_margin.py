"""A sensitivity margin on a calibration of the user's own."""

import msgspec
import pytest

from crossmargin import InvalidInputError
from crossmargin.margin.sensitivity.calibration import Calibration, RiskClass, Scenario, Side, load_calibration
from crossmargin.margin.sensitivity.margin import Sensitivity, SensitivityMargin

SECTOR = RiskClass(weight={"tech": 0.2, "*": 0.3}, sides=[Side(label="name", rho={"tech": 0.5, "*": 0.1})],
                   gamma={"tech/oil": 0.25, "*": 0.0}, absolute=["other"])  # fmt: skip
CALIBRATION = Calibration(name="own", date="2026-01-01", source="tests", classes={"equity": SECTOR}, scenarios=[
    Scenario(name="given"), Scenario(name="high", times=1.25), Scenario(name="low", floor=0.75),
])  # fmt: skip


def held(*rows):
    return [Sensitivity(risk_class="equity", bucket=b, labels={"name": n}, amount=a) for b, n, a in rows]


def test_by_hand():
    found = SensitivityMargin(CALIBRATION).margin(held(("tech", "A", 10.0), ("tech", "B", 20.0), ("oil", "C", 10.0)))
    k = (4 + 16 + 2 * 0.5 * 8) ** 0.5  # WS 2 and 4
    assert found.scenarios["given"]["equity"].nested.buckets.value == pytest.approx([k, 3.0])
    assert found.totals["given"] == pytest.approx((k * k + 9.0 + 2 * 0.25 * 6.0 * 3.0) ** 0.5)
    high = 4 + 16 + 2 * 0.625 * 8 + 9.0 + 2 * 0.3125 * 18.0
    low = 4 + 16 + 2 * 0.375 * 8 + 9.0 + 2 * 0.1875 * 18.0
    assert found.totals == pytest.approx({"given": found.totals["given"], "high": high**0.5, "low": low**0.5})
    assert found.scenario == "high"
    assert found.margin == max(found.totals.values())


def test_sizes_add_up_where_asked():
    found = SensitivityMargin(CALIBRATION).margin(held(("other", "A", 10.0), ("other", "B", -20.0)))
    assert found.classes["equity"].nested.buckets.value == pytest.approx([9.0])


def test_same_factor_nets_and_parts_sum():
    rows = held(("tech", "A", 10.0), ("tech", "A", -4.0), ("oil", "C", 5.0))
    found = SensitivityMargin(CALIBRATION).margin(rows)
    assert len(found.classes["equity"].keys) == 2
    explained = found.explain()
    assert sum(leaf.value for leaf in explained.leaves()) == pytest.approx(found.margin, rel=1e-12)
    assert explained.note == found.scenario


def test_nothing_asks_nothing():
    assert SensitivityMargin(CALIBRATION).margin([]).margin == 0.0


def test_a_file(tmp_path):
    file = tmp_path / "own.json"
    file.write_bytes(msgspec.json.encode(CALIBRATION))
    assert load_calibration(file) == CALIBRATION
    file.write_text('{"name": "own", "colour": 1}')
    with pytest.raises(InvalidInputError, match="calibration must be a Calibration"):
        load_calibration(file)


def changed(**changes):
    return msgspec.structs.replace(CALIBRATION, classes={"equity": msgspec.structs.replace(SECTOR, **changes)})


@pytest.mark.parametrize(("calibration", "rows", "message"), [
    (CALIBRATION, [Sensitivity(risk_class="rates", bucket="1", amount=1.0)], "risk_class must name a known class, was 'rates'"),
    (CALIBRATION, held(("tech", "A", float("nan"))), "amount must be finite, was nan at row 0"),
    (changed(weight={"tech": 0.2}), held(("oil", "C", 1.0)), "weight of equity must have a figure for"),
    (changed(gamma={}), held(("oil", "C", 1.0), ("tech", "A", 1.0)), "gamma of equity must have a figure for"),
    (changed(sides=[Side(label="name", rho={"*": -0.9})]), held(*(("oil", n, 1.0) for n in "ABC")),
     "correlation of equity in bucket oil must be positive semi-definite"),
])  # fmt: skip
def test_refused(calibration, rows, message):
    with pytest.raises(InvalidInputError, match=message):
        SensitivityMargin(calibration).margin(rows)


def test_an_indefinite_bucket_is_repaired_or_kept_where_asked():
    bad = changed(sides=[Side(label="name", rho={"*": -0.9})])
    rows = held(*(("oil", n, 1.0) for n in "ABC"))
    asked = {how: SensitivityMargin(msgspec.structs.replace(bad, indefinite=how)).margin(rows) for how in ("keep", "repair")}
    assert asked["keep"].margin == 0.0  # the radicand is negative
    nearest = asked["repair"].scenarios["given"]["equity"]
    assert nearest.value == pytest.approx(0.0, abs=1e-5)  # the nearest matrix has -0.5 everywhere
