"""Loads published rows: the directory CROSSMARGIN_VECTORS, by default ``../shared/vectors``."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(os.environ.get("CROSSMARGIN_VECTORS", Path(__file__).resolve().parents[3] / "shared" / "vectors"))


def load(name: str) -> dict[str, Any]:
    """A whole file, or an empty one where the vectors are not at hand."""
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {"vectors": []}


def rows(name: str) -> list[Any]:
    """Rows as parameters of a test; without the file one skipped row that says so."""
    found = load(name)["vectors"]
    if not found:
        reason = f"{name}.json is not in CROSSMARGIN_VECTORS ({FOLDER.name}): published rows are not at hand"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason), id="absent")]
    return [pytest.param(row, id=row.get("name", row.get("id"))) for row in found]
