"""The host in C: compiled as C and as C++, it verifies itself; its numbers are those of the interface."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crossmargin._core.events import Kind
from crossmargin._core.status import Status
from crossmargin.account.decision import FIGURES

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "hosts" / "c"
N = 20_000
LANGUAGES = {"C": "cc", "C++": "c++ -x c++"}


def runner():
    spec = importlib.util.spec_from_file_location("c_host_run", FOLDER / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answer(method, compiler):
    """What the command prints; warnings of the compiler are failures."""
    command = [sys.executable, FOLDER / "run.py", str(N), method]
    done = subprocess.run(command, env=os.environ | {"CC": compiler}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def counts(text, row):
    """Checks by status in one row of the report."""
    line = re.search(rf"^{row}: (\d+) checks/s; statuses(.*)$", text, re.M)
    assert int(line[1]) > 0
    return {int(status): int(n) for status, n in re.findall(r"(\d+): (\d+)", line[2])}


@pytest.mark.slow_build
@pytest.mark.parametrize(("language", "method"), [("C", "portfolio"), ("C++", "isolated")])
def test_it_runs_and_verifies(language, method, monkeypatch):
    monkeypatch.setenv("CC", LANGUAGES[language])
    if lacking := runner().missing():
        pytest.skip(lacking)
    text = answer(method, LANGUAGES[language])
    found = counts(text, "lock free")
    assert set(found) == {Status.OK, Status.REFUSED}
    assert sum(found.values()) == N
    assert counts(text, "lock free, in batches") == counts(text, "lock held by Python") == found
    assert re.search(r"session: [1-9]\d* trades, [1-9]\d* orders refused, 0 events failed, 0 checks disagreed", text)
    assert re.search(r"Python took [1-9]\d* turns of a loop; statuses the same", text)
    [drained] = re.findall(r"reader: [1-9]\d* reads, \d+ again, 0 torn; (\d+) events drained, 0 gaps", text)
    assert f"\nsequence {drained}\n" in text
    kept = r"imbalance \{'SPY': 0, 'USD': 0\}, lots sum to 0, no order rests"
    assert re.search(rf"verified after [1-9]\d* trades: {kept}", text)


def numbers():
    """Every number that the host's enumerations give a name."""
    text = (FOLDER / "session.h").read_text()
    return {name: int(value) for name, value in re.findall(r"\b([A-Z_]+) = (\d+)[,\s]", text)}


def test_its_numbers_are_those_of_the_interface():
    found = numbers()
    assert {name: found[name] for name in ("DEPOSIT", "TRADE")} == {"DEPOSIT": Kind.DEPOSIT, "TRADE": Kind.TRADE}
    for name in ("OK", "REFUSED", "BUSY", "BACKPRESSURE"):
        assert found[name] == Status[name]
    assert found["N_STATUSES"] == max(Status) + 1
    for name in ("SURPLUS_MAINTENANCE", "MAINTENANCE", "EQUITY_MAINTENANCE"):
        assert found[name] == FIGURES.index(name.lower())
    assert (found["N_FIGURES"], found["WORDS"]) == (len(FIGURES), 12)


def test_what_is_missing_is_said(monkeypatch):
    monkeypatch.setenv("CC", "a-compiler-that-is-not-here")
    module = runner()
    if os.name == "nt":
        assert "POSIX" in module.missing()
        return
    assert module.missing() == "no C compiler 'a-compiler-that-is-not-here'"
    monkeypatch.setenv("CC", "cc")
    monkeypatch.setattr(module.sysconfig, "get_path", lambda name: os.devnull)
    assert shutil.which("cc") is None or "no Python.h" in module.missing()
