"""Row 12: SIMM of 24, 240 and 2,400 sensitivities beside open-source-risk-engine and NumPy with BLAS.

Needs a calibration of version 2.6 in XML (ISDA's figures are the user's own); without one the row is absent.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from crossmargin.margin.sensitivity.simm import Simm
from crossmargin.margin.sensitivity.simm_xml import read_simm_xml
from harness import Case, Entry
from peers.engine import Engine
from peers.simm import Peer
from sensitivity import BOOKS, rows_of
from sizes import Sizes

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "simm" / "simmcalibration_2.6.xml.gz"


def calibration() -> Path | None:
    """The file named by CROSSMARGIN_CALIBRATION, or one in the folder beside the project; None where there is none."""
    path = Path(os.environ.get("CROSSMARGIN_CALIBRATION", BESIDE))
    return path if path.is_file() else None


class Kept:
    """A call and its total."""

    def __init__(self, call: Callable[[], object], total: Callable[[object], float]):
        self.call, self.total, self.found = call, total, None

    def __call__(self) -> None:
        self.found = self.call()

    def result(self) -> np.ndarray:
        return np.array([self.total(self.found)])


def entry(name: str, kind: str, kept: Kept | None, target: float | None = None) -> Entry:
    return Entry(name, kind, kept, 1, kept and kept.result, target)


def simm(sizes: Sizes) -> Iterator[Case]:
    """Row 12: of rows laid out before, and from the rows on."""
    path = calibration()
    if path is None:
        missing = [Entry("margin", "ours", None, 1), Entry("open-source-risk-engine", "peer", None, 1, None, 20.0)]
        yield Case(12, "SIMM", "no calibration given", "book", missing)
        return
    model, ore = Simm(read_simm_xml(path)), Engine.installed()
    for n in sizes.sensitivities:
        rows = rows_of(n)
        yield laid_out(model, ore, rows)
        yield batch(model, ore, rows)
        yield from_rows(model, ore, rows)


def laid_out(model: Simm, ore: Engine | None, rows: list) -> Case:
    """Margins of rows that each has laid out in its own way."""
    peer, amounts = Peer(model.calibration, rows), np.array([[row.amount for row in rows]])
    records = ore and ore.records(rows)
    entries = [
        entry("margin", "ours", Kept(model.prepare(rows).margin, lambda found: found.total)),
        entry("open-source-risk-engine", "peer", ore and Kept(lambda: ore.margin(records), ore.total), 20.0),
        entry("NumPy matrices", "peer", Kept(lambda: peer.margins(amounts), lambda found: found[0])),
    ]
    return Case(12, "SIMM", f"{len(rows):,} rows, laid out", "book", entries, rtol=1e-10)


def batch(model: Simm, ore: Engine | None, rows: list) -> Case:
    """Many books of the same rows in one call; the engine takes them one after the other."""
    many = model.prepare([replace(row, portfolio=str(book)) for book in range(BOOKS) for row in rows])
    records = ore and ore.records(rows)
    ours = Kept(many.margin, lambda found: found.totals[0])
    engine = ore and Kept(lambda: ore.margin(records), ore.total)
    entries = [Entry("margin", "ours", ours, BOOKS, ours.result), entry("open-source-risk-engine", "peer", engine)]
    return Case(12, "SIMM", f"{len(rows):,} rows, {BOOKS} books at once", "book", entries, rtol=1e-10)


def from_rows(model: Simm, ore: Engine | None, rows: list) -> Case:
    """Rows of one kind to the other's records, and the margin."""
    entries = [
        entry("prepare and margin", "ours", Kept(lambda: model.prepare(rows).margin(), lambda found: found.total)),
        entry("open-source-risk-engine", "peer", ore and Kept(lambda: ore.margin(ore.records(rows)), ore.total)),
    ]
    return Case(12, "SIMM", f"{len(rows):,} rows, laying out included", "book", entries, rtol=1e-10)


ROWS = {12: simm}
