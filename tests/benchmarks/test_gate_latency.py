"""A small run of the latency table: every case is in it, and C, Python and many at once answered alike."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from crossmargin import _core

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))  # for this import alone: tests have modules of the same names
from floors.library import compiler  # noqa: E402

sys.path.remove(str(ROOT / "benchmarks"))

LINES = (
    "the counter itself", "hot, from C", "`engine.check` from Python", "`check_many`", "Derive, 10 expiries", "in random order",
    "cold floor, p99", "after a mark, 16 terms", "after a mark, 256 terms", "after a mark, 4,096 terms", ": amend", ": cancel",
    ": place", ": fill", "`engine.mark` of one underlying", "sweep of", "bytes touched", "Derive v2, worst_fill", "OKX, venue",
)  # fmt: skip


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="the counter is x86-64's")
@pytest.mark.skipif(compiler() is None, reason="the host is in C: it needs a compiler")
@pytest.mark.skipif(getattr(_core, "level", "") != "avx512", reason="the bare-kernel floor is written for AVX-512")
def test_a_small_run(tmp_path):
    target = tmp_path / "latency.md"
    command = [sys.executable, str(ROOT / "benchmarks" / "gate_latency.py"), "--quick", "--output", str(target)]
    done = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    text = target.read_text()
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert {row[0] for row in rows} >= {f"| {case}" for case in "abcde"}
    assert [part for part in LINES if part not in text] == []
    assert "gave the same answer to all of" in text
    assert "no target is judged" in text


def test_an_unknown_case_is_refused():
    command = [sys.executable, str(ROOT / "benchmarks" / "gate_latency.py"), "--cases", "a,f"]
    done = subprocess.run(command, text=True, capture_output=True)
    assert done.returncode == 2
    assert "cases must be among a, b, c, d, e" in done.stderr
