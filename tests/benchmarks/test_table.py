"""The table of benchmarks: what it compares, how it judges, what it writes; and a small run of it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))  # for these imports alone: tests have modules of the same names
import harness  # noqa: E402
import report  # noqa: E402
from harness import Case, Clock, Entry, Gain, Line  # noqa: E402
from size_rows import Steps  # noqa: E402

sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture(autouse=True)
def cores():
    """Pinning is undone."""
    yield
    harness.pin(len(harness.CORES))


def entry(name, kind, values, *, target=None, items=2, work=200):
    kept = np.zeros(2)

    def run():
        kept[:] = values
        return sum(range(work))

    return Entry(name, kind, run, items, lambda: kept, target)


def case(*entries, **more):
    return Case(7, "a work", "two", "item", entries, **more)


def line(ratio, direction, target):
    return Line(case(entry("ours", "ours", 1.0)), 1.0, "floor", "C", 1.0, ratio, direction, target)


def test_least_time_of_an_item_and_its_ratios():
    ours, slow = entry("ours", "ours", 1.0, work=2_000), entry("NumPy", "peer", 1.0, work=40_000)
    floor = entry("C", "floor", 1.0, work=20)
    clock = Clock(rounds=3, least=0.0005)
    found = clock.measure(case(ours, slow, floor))
    assert found["C"] < found["ours"] < found["NumPy"]
    ratios = {line.name: (line.direction, line.ratio) for line in clock.lines}
    assert ratios == {"NumPy": (">=", found["NumPy"] / found["ours"]), "C": ("<=", found["ours"] / found["C"])}
    assert ratios["NumPy"][1] > 5


def test_items_divide_the_time():
    many, one = entry("many", "ours", 1.0, items=1_000), entry("one", "peer", 1.0, items=1)
    found = Clock(rounds=3, least=0.001).measure(case(many, one))
    assert 200 < found["one"] / found["many"] < 5_000


def test_results_that_differ_stop_the_run():
    with pytest.raises(AssertionError, match="row 7, a work, two: NumPy"):
        Clock(1, 0.0).measure(case(entry("ours", "ours", 1.0), entry("NumPy", "peer", 1.1), rtol=0.01))
    with pytest.raises(AssertionError, match="two: ours"):
        Clock(1, 0.0).measure(case(entry("ours", "ours", 1.0), rtol=0.01, expected=np.full(2, 2.0)))


def test_an_absent_entry_has_no_figure():
    clock = Clock(1, 0.0)
    clock.measure(case(entry("ours", "ours", 1.0), Entry("numba", "peer", None, 1, None, 3.0)))
    clock.measure(case(Entry("ours", "ours", None, 1), entry("C", "floor", 1.0, target=1.2)))
    assert [(found.ratio, found.met, found.miss) for found in clock.lines] == [(None, "absent", 0.0)] * 2
    cells = [report.cells(found, True) for found in clock.lines]
    assert cells[0][8] == "absent"
    assert cells[1][5] == "absent"


@pytest.mark.parametrize(
    ("ratio", "direction", "target", "met", "far"),
    [(1.2, "<=", 1.2, "yes", False), (1.3, "<=", 1.2, "no", False), (2.5, "<=", 1.2, "no", True),
     (20.0, ">=", 20.0, "yes", False), (19.0, ">=", 20.0, "no", False), (9.9, ">=", 20.0, "no", True)],
)  # fmt: skip
def test_a_target_missed_by_more_than_twice_fails(ratio, direction, target, met, far):
    found = line(ratio, direction, target)
    assert found.met == met
    assert bool(report.far([found])) == far


def test_a_known_miss_fails_where_it_grows(monkeypatch):
    monkeypatch.setitem(report.MISSES, (7, "a work", "C"), report.Miss(3.0, "latency"))
    assert not report.far([line(7.0, "<=", 1.2)])
    assert report.far([line(7.3, "<=", 1.2)])
    assert "- 7, a work, beside C: latency." in report.missed([line(7.0, "<=", 1.2)])


def test_gain_of_the_second_core():
    gain = Gain(("one", "two"), ("read one", "read two"), 0.9)
    found = {"one": 10.0, "two": 6.0, "read one": 4.0, "read two": 2.0}
    line = harness.shared_gain(case(entry("two", "ours", 1.0)), gain, found)
    assert line.ratio == pytest.approx((10 / 6) / (4 / 2))
    assert line.met == "no"
    assert harness.shared_gain(case(entry("two", "ours", 1.0)), gain, {"one": 10.0, "two": 6.0}).met == "absent"


def test_calls_at_the_same_time_all_run():
    done = []
    harness.together(lambda: done.append(1), lambda: done.append(2))
    assert sorted(done) == [1, 2]
    with pytest.raises(ZeroDivisionError):
        harness.together(lambda: 1 / 0, lambda: None)


def test_aligned_arrays_begin_a_row_of_the_cache():
    for shape in ((3, 45), (1,), (7, 48)):
        values = np.random.default_rng(0).random(shape)
        made = harness.aligned(values)
        assert made.ctypes.data % 64 == 0
        np.testing.assert_array_equal(made, values)


def test_document():
    steps = Steps(6, "price, ns an option", "C", "checks", (100, 10_000, 100_000), 100.0,
                  {"one thread": [12.0, 2.0, 3.5], "C": [2.0, 1.0, 1.6], "two threads": [40.0, 1.0, 1.4]})  # fmt: skip
    text = report.document([("processor", "P")], [line(3.0, "<=", 1.2)], [steps], "run", 11, judged=True)
    assert "- processor: P" in text
    assert "| 7 | a work | two | 1 | item | 1 | floor | C | 1 | 3.00 | <= 1.2 | no |" in text
    assert "| one thread | 12 | 2 | 3.5 | 1.75 | as C |" in text
    assert "| two threads | 40 | 1 | 1.4 | 1.40 | flat |" in text
    assert "one thread: a call of 100 takes 1.0 us more than its items at the least cost: checks." in text
    assert "Targets: 1, met 0, absent 0, missed 1." in text
    assert "- 7, a work, beside C: not looked into." in text
    assert "Missed by more than twice, or than twice what is known: 1." in text
    quick = report.document([], [line(3.0, "<=", 1.2)], [], "run", 3, judged=False)
    assert "| <= 1.2 | - |" in quick
    assert "no ratio is judged" in quick


def test_a_small_run(tmp_path):
    """Kernels, methods and floors agree; the file says where they ran."""
    target = tmp_path / "table.md"
    command = [sys.executable, str(ROOT / "benchmarks" / "table.py"), "--quick", "--output", str(target), "--rows"]
    done = subprocess.run([*command, "1,3,6,8"], cwd=tmp_path, env=os.environ, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    text = target.read_text()
    for part in ("processor", "instruction level in use", "commit", "| 3 | full margin, kernel | 64 x 45 | 1 |",
                 "NumPy with gather", "| 6 | Black-76 price |", "| 8 | revaluation over scenarios |"):  # fmt: skip
        assert part in text
    done = subprocess.run([*command, "2"], cwd=tmp_path, env=os.environ, text=True, capture_output=True)
    assert done.returncode == 2
    assert "rows must be among 1, 3, 4" in done.stderr
