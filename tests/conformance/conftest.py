"""Counts published rows: which passed, by file; a full run with the vectors may not pass fewer than docs/venues.md says."""

import os
import re
from collections import defaultdict
from pathlib import Path

import pytest
from conformance import through_gate
from conformance.rows import FOLDER, load

PAGE = Path(__file__).resolve().parents[2] / "docs" / "venues.md"
WRITE = os.environ.get("CROSSMARGIN_WRITE_COUNTS") == "1"  # write the table of docs/venues.md anew
START, END = "<!-- counts -->", "<!-- end of counts -->"
HEAD = "| file | rows | passed | whole accounts | fragments | left out |\n|---|--:|--:|--:|--:|---|\n"


class Counts:
    """What became of each published row; a row passes if every test of it did."""

    def __init__(self):
        self.of_item, self.kinds = {}, {}
        self.passed, self.failed, self.skipped = defaultdict(set), defaultdict(set), defaultdict(dict)

    def collect(self, items):
        for item in items:
            for mark in item.iter_markers("published"):
                self.of_item[item.nodeid] = mark.args
                file, row, kind = mark.args
                if self.kinds.get((file, row)) != "account":
                    self.kinds[file, row] = kind

    def report(self, report):
        if report.nodeid not in self.of_item:
            return
        file, row, _ = self.of_item[report.nodeid]
        if report.skipped:
            self.skipped[file][row] = report.longrepr[2].removeprefix("Skipped: ")
        elif report.failed:
            self.failed[file].add(row)
        elif report.when == "call":
            self.passed[file].add(row)

    def table(self):
        """One line a file, in the order of names."""
        found = {}
        for file in sorted({file for file, _ in self.kinds}):
            good = self.passed[file] - self.failed[file]
            whole = sum(self.kinds[file, row] == "account" for row in good)
            reasons = defaultdict(int)
            for row, reason in self.skipped[file].items():
                reasons[reason] += row not in good
            left = "; ".join(f"{n}: {reason}" for reason, n in reasons.items() if n)
            found[file] = (len(load(file)["vectors"]), len(good), whole, len(good) - whole, left)
        return found


counts = Counts()


@pytest.fixture(scope="module", autouse=True)
def every_account_passes_through_the_gate():
    """The figures that rows are compared with are the engine's, whatever method they ask."""
    original = through_gate.Prepared.requirement
    through_gate.patch()
    yield
    through_gate.Prepared.requirement = original


def pytest_collection_modifyitems(items):
    counts.collect(items)


def pytest_runtest_logreport(report):
    counts.report(report)


def stated():
    """Rows that the page says pass, by file."""
    text = PAGE.read_text() if PAGE.exists() else ""
    block = text.partition(START)[2].partition(END)[0]
    lines = re.findall(r"^\| `(\w+)` \| \d+ \| (\d+) \|", block, flags=re.M)
    return {file: int(passed) for file, passed in lines}


def fewer(table):
    """Files of which fewer rows passed than the page states, if this run took in all of their tests."""
    return [f"{file}: {table[file][1]} of {n}" for file, n in stated().items() if file in table and table[file][1] < n]


def whole_run(config):
    """Nothing selected by name, mark or node; the conformance folder or more."""
    chosen = config.option.keyword or config.option.markexpr not in {"", "not slow_build"}
    return not chosen and not any("::" in a or a.endswith(".py") for a in config.args)


def pytest_terminal_summary(terminalreporter, config):
    table = counts.table()
    if not table or not FOLDER.exists():
        return
    terminalreporter.section("published rows")
    gate = through_gate.taken
    terminalreporter.write_line(f"through the gate: {gate['accounts']} accounts, {gate['left out']} left out")
    for file, (n, good, whole, fragments, left) in table.items():
        note = f"; left out {left}" if left else ""
        terminalreporter.write_line(f"{file}: {good} of {n} rows passed ({whole} accounts, {fragments} fragments){note}")
    total = sum(row[1] for row in table.values())
    terminalreporter.write_line(f"together: {total} rows")
    if WRITE:
        write(table)


def write(table):
    lines = [f"| `{f}` | {n} | {g} | {w} | {x} | {left} |" for f, (n, g, w, x, left) in table.items()]
    text = PAGE.read_text()
    head, tail = text.partition(START)[0], text.partition(END)[2]
    PAGE.write_text(f"{head}{START}\n{HEAD}" + "\n".join(lines) + f"\n{END}{tail}")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session, exitstatus):
    short = fewer(counts.table()) if FOLDER.exists() and whole_run(session.config) else []
    if short and not WRITE:
        print(f"\nfewer published rows passed than docs/venues.md states: {', '.join(short)}")
        session.exitstatus = 1
