"""Measures what the project promises about speed, beside peers and C floors, and writes docs/benchmarks.md.

    python benchmarks/table.py                         # everything; exits 1 where a target is missed by far (misses.py)
    python benchmarks/table.py --rows 4,6 [--output F] # some rows, to the screen or a file
    python benchmarks/table.py --quick                 # small sizes: shows that all forms agree, judges no ratio

CROSSMARGIN_CALIBRATION names a calibration of ISDA SIMM 2.6 in XML for row 12.
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy is loaded

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import black_rows
import covariance_rows
import scenario_rows
import simm_rows
from harness import Case, Clock
from machine import description
from method_rows import methods
from report import document, far
from size_rows import Steps, steps
from sizes import FULL, QUICK, Sizes

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
CASES: dict[int, Callable[[Sizes], Iterator[Case]]] = (
    scenario_rows.ROWS | black_rows.ROWS | covariance_rows.ROWS | simm_rows.ROWS
)
BY_SIZE = 13
EVERY = (*sorted(CASES), BY_SIZE)


def measured(sizes: Sizes, rows: set[int]) -> tuple[Clock, list[Steps]]:
    """Lines of the rows asked for, in their order, and costs by size."""
    clock = Clock(sizes.rounds, sizes.least)
    for row in sorted(rows & set(CASES)):
        for case in CASES[row](sizes):
            clock.measure(case)
    for case in methods(sizes, rows):
        clock.measure(case)
    clock.lines.sort(key=lambda line: line.case.row)  # stable: the methods after the kernels of their row
    return clock, list(steps(sizes, clock)) if BY_SIZE in rows else []


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default=",".join(map(str, EVERY)), help="numbers of rows, with commas between")
    parser.add_argument("--quick", action="store_true", help="small sizes, 3 rounds; only agreement is judged")
    parser.add_argument("--output", type=Path, help="file to write; a whole full run writes docs/benchmarks.md")
    given = parser.parse_args()
    given.rows = {int(row) for row in given.rows.split(",")}
    if unknown := given.rows - set(EVERY):
        parser.error(f"rows must be among {', '.join(map(str, EVERY))}, was {sorted(unknown)}")
    if given.output is None and not given.quick and given.rows == set(EVERY):
        given.output = DOCUMENT
    return given


def main() -> int:
    given = arguments()
    sizes = QUICK if given.quick else FULL
    clock, found = measured(sizes, given.rows)
    command = " ".join(["python benchmarks/table.py", *sys.argv[1:]])
    text = document(description(), clock.lines, found, command, sizes.rounds, judged=not given.quick)
    if given.output is None:
        print(text)
    else:
        given.output.write_text(text)
    failed = [] if given.quick else far(clock.lines)
    for line in failed:
        where = f"row {line.case.row}, {line.case.work}, {line.case.size}: {line.name}"
        print(f"missed by a factor of {line.miss:.1f}: {where}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
