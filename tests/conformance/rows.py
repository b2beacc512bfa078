"""Loads published rows: the directory CROSSMARGIN_VECTORS, by default ``../shared/vectors``; compares by their rules."""

import json
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from figures import own

FOLDER = Path(os.environ.get("CROSSMARGIN_VECTORS", Path(__file__).resolve().parents[3] / "shared" / "vectors"))


def load(name: str) -> dict[str, Any]:
    """A whole file, or the rows of it that the project carries where the vectors are not at hand."""
    path = FOLDER / f"{name}.json"
    if not path.exists():
        return own(name)
    found = json.loads(path.read_text())
    if not isinstance(found, dict):
        return {"vectors": found}
    return {"vectors": found["cases"]} | found if "cases" in found else found


def name_of(row: dict[str, Any]) -> str:
    return str(row.get("name", row.get("id")))


def rows(
    name: str, wanted: Callable[[dict[str, Any]], bool] = lambda _: True, *, kind: str = "account", skip: str = ""
) -> list[Any]:
    """Rows as parameters of a test; without the file one skipped row that says so.

    ``kind``: "account" where a row is run as a whole account, "fragment" where it pins one rule. ``skip`` leaves
    the rows out, with a reason.
    """
    found = [row for row in load(name)["vectors"] if wanted(row)]
    if not found and not FOLDER.exists():
        reason = "the project does not carry this row, and the published ones are not at hand"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason), id="absent")]
    if not found:
        reason = f"{name}.json is not in CROSSMARGIN_VECTORS ({FOLDER.name}): published rows are not at hand"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason), id="absent")]
    marks = [pytest.mark.skip(reason=skip)] if skip else []
    return [
        pytest.param(row, id=name_of(row), marks=[pytest.mark.published(name, name_of(row), kind), *marks])
        for row in found
    ]


def called(*names: str) -> Callable[[dict[str, Any]], bool]:
    """Take the rows of these names, or whose names begin with them."""
    return lambda row: name_of(row).startswith(names)


def half_a_unit(expected: float) -> float:
    """Half of the last digit as it is printed."""
    return 0.5 * 10.0 ** int(Decimal(repr(expected)).as_tuple().exponent)


def agree(found: float, expected: float, where: str = "", tolerance: float | None = None) -> None:
    """Within the row's tolerance; without one, half a unit of the last printed digit or 1e-8 of the figure."""
    allowed = max(half_a_unit(expected), 1e-8 * abs(expected)) if tolerance is None else tolerance
    assert abs(float(found) - expected) <= allowed * (1 + 1e-9), (where, float(found), expected)
