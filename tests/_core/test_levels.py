"""Instruction levels beside each other: each takes the public names, is refused where it cannot run, answers alike.

Another build, e.g. one without vectors, joins by the variable CROSSMARGIN_BESIDE, its folder; see ``tests/check.py``.
"""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import levels
import numpy as np
import pytest
from margin import cases
from margin.plan.lab import ROWS, Lab, book

from crossmargin import _core
from crossmargin._core import status
from crossmargin.margin.plan.quantum import Quanta

LANES = Path(__file__).with_name("test_lanes.py")
LOTS = {"position": 1e6, "cost": 1e12, "balance": 1e12}
DESKS = [("market-maker", "isolated"), ("market-maker", "portfolio"), ("market-maker", "array"),
         ("market-maker", "sensitivities"), ("crypto", "tiered"), ("crypto", "portfolio"),
         ("eth-options", "portfolio")]  # fmt: skip
UNITS = 4  # in the last place of the largest term
FUSED = [level for level in levels.USABLE if level != "baseline"]
each_level = pytest.mark.parametrize("level", levels.USABLE)


class Rows(Lab):
    """Sums of rows by item and bucket, of any number of rows, whose terms are no multiples of anything."""

    def __init__(self, n):
        super().__init__()
        self.n = n
        self.m.output("all", self.position.sum("t", rows="s"))
        self.m.output("worst", self.position.sum("t", by="bucket", rows="s").worst().total())

    def sized(self):
        return self.bind(rows=ROWS | {"s": tuple(f"s{i}" for i in range(self.n))})

    def tables(self, program, rows, seed):
        made = super().tables(program, rows, seed)
        return made | {"t": np.random.default_rng(self.n).normal(size=(len(made["t"]), self.n)) * 1000}


def plans():
    """Cases of ``levels.PLANS``, prepared here once for every level."""
    found = {}
    for seed, method in DESKS:
        desk = cases.desk(seed)
        prepared, accounts = desk.prepared(method), cases.random_book(desk, 40, 5)
        quanta = Quanta.of(prepared.bound, LOTS)
        found |= {f"{seed} {method} {i}": ("batch", prepared, accounts, q) for i, q in enumerate((2.0**-20, quanta))}
        found[f"{seed} {method} account"] = ("incremental", prepared, accounts, quanta)
    sizes = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 45, 48, 97)
    return found | {f"rows {n}": ("slots", Rows(n).sized(), book(n), 2.0**-20) for n in sizes}


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Answers by level."""
    folder = tmp_path_factory.mktemp("levels")
    given = folder / "cases"
    given.write_bytes(pickle.dumps(plans()))
    builds = {level: levels.at_level(level) for level in levels.USABLE}
    if beside := os.environ.get("CROSSMARGIN_BESIDE"):
        builds[Path(beside).name] = levels.at_level("baseline") | {"PYTHONPATH": beside}
    if len(builds) == 1:
        pytest.skip("this build or processor has one level, and no other build is named")
    return {name: levels.answered(given, folder / f"{name}.npz", env) for name, env in builds.items()}


def pairs(answers, prefix):
    """(name, answers of the lowest level, answers of another)."""
    first, *others = answers.values()
    for other in others:
        assert other.keys() == first.keys()
        yield from ((name, first[name], other[name]) for name in first if name.startswith(prefix))


def apart(one, other, scale):
    """Largest distance in units in the last place of a scale; what is not finite must be the same."""
    one, other, scale = np.broadcast_arrays(one, other, scale)
    plain = np.isfinite(one) & np.isfinite(other)
    np.testing.assert_array_equal(one[~plain], other[~plain])
    units = np.spacing(np.minimum(np.abs(scale[plain]), np.finfo(float).max / 4))
    return float((np.abs(one[plain] - other[plain]) / units).max(initial=0.0))


# ---- sums ----------------------------------------------------------------------------------
def largest_terms(pool, n_scenarios):
    """Of every answer of ``levels.sums``."""
    array, start, item, quantity = levels.holdings(pool, n_scenarios)
    terms = np.abs(quantity[:, None] * array[item])
    units = zip(start[:-1], start[1:], strict=True)
    return {
        "loss": np.array([terms[a:b].max(initial=0.0) for a, b in units]),
        "gain": terms[: start[2]].max(axis=0, initial=0.0),
        "least": np.maximum(terms, np.abs(array[0])).max(axis=1, initial=0.0),
        "row": 0.0,
    }


def test_plain_sums_differ_by_units_of_their_largest_term(answers):
    seen = set()
    for name, one, other in pairs(answers, "sums/"):
        _, pool, n, what = name.split("/")
        if what == "row":
            np.testing.assert_array_equal(one, other, err_msg=name)
        assert apart(one, other, largest_terms(int(pool), int(n))[what]) <= UNITS, name
        seen.add((pool, n, what))
    assert len(seen) == 4 * len(levels.POOLS) * len(levels.SIZES)


# ---- prices --------------------------------------------------------------------------------
def scales(columns):
    """The largest figure of each formula: a bound for a price, the figure at the money for a sensitivity."""
    F, K, sigma, T, D, _ = columns
    with np.errstate(all="ignore"):
        price, root = D * np.maximum(F, K), np.sqrt(T)
        decay = 0.4 * D * F * sigma / (2 * root) + np.abs(np.log(D)) / T * price
        found = {"value": price, "delta": D, "gamma": 0.4 * D / (F * sigma * root), "vega": 0.4 * D * F * root,
                 "theta": decay, "grid": 1.5 * price[:, None], "codes": 0.0}  # fmt: skip
    return found | {"value again": price}


@pytest.mark.parametrize(("kind", "columns"), [("plain", levels.options()), ("mixed", levels.mixed())])
def test_prices_differ_by_units_of_their_largest_figure(answers, kind, columns):
    scale, seen = scales(columns), 0
    for name, one, other in pairs(answers, f"black/{kind}/"):
        what = name.rpartition("/")[2]
        if what == "implied":  # each level may err by 8 + kappa of 2^-53, and kappa >= 1/2 since years count as a root
            np.testing.assert_allclose(other, one, rtol=17 * 2.0**-53, atol=0, err_msg=name)
        else:
            assert apart(one, other, scale[what]) <= UNITS, name
        seen += 1
    assert seen == 9 * (len(answers) - 1)


def test_mixed_options_are_refused_at_every_level(answers):
    for found in answers.values():
        for what in ("value", "vega"):
            bad = np.isnan(found[f"black/mixed/{what}"])
            assert np.flatnonzero(bad).tolist() == list(range(0, 97, 3))
        assert found["black/mixed/codes"][:, 0].all()
        assert (found["black/mixed/codes"][:, 1] == 0).all()


# ---- bits ----------------------------------------------------------------------------------
def test_with_a_quantum_every_level_gives_the_same_bits(answers):
    seen = 0
    for name, one, other in pairs(answers, "quantum/"):
        assert one.tobytes() == other.tobytes(), name
        assert np.isfinite(one).all(), name
        seen += one.size
    assert seen > 10_000


def test_a_quantum_is_what_makes_them_equal(answers):
    """The answers without one do differ, so that the comparison above says something."""
    if not {"baseline", "avx2"} <= answers.keys():
        pytest.skip("no level fuses beside one that does not")
    assert any(one.tobytes() != other.tobytes() for _, one, other in pairs(answers, "sums/"))


@pytest.mark.skipif(len(FUSED) < 2, reason="fewer than two levels fuse here")
def test_levels_that_fuse_give_the_same_bits(answers):
    """Lanes never run along a sum, so that their number does not show."""
    one, other = (answers[level] for level in FUSED)
    assert [name for name in one if not np.array_equal(one[name], other[name], equal_nan=True)] == []


# ---- which level is taken ------------------------------------------------------------------
def told(code, level):
    """Output of a process that asks for a level; (return code, output, errors)."""
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, env=levels.at_level(level), text=True, capture_output=True)
    return done.returncode, done.stdout, done.stderr


NAMES = """
import json, sys
from importlib import import_module
from pathlib import Path
from crossmargin import _core
from crossmargin._core import {0}
found = {{n: import_module(f"crossmargin._core.{{n}}") for n in _core.LEVELLED}}
maps = Path("/proc/self/maps")
mapped = {{line.split()[-1] for line in maps.read_text().splitlines() if "_core" in line}} if maps.exists() else ()
print(json.dumps([_core.level, {{n: m.__file__ for n, m in found.items()}},
                  all(getattr(_core, n) is m for n, m in found.items()) and {0} is found["{0}"], sorted(mapped)]))
"""


@each_level
@pytest.mark.parametrize("name", _core.LEVELLED)
def test_a_level_takes_the_public_names(level, name):
    """For importers and, by ``sys.modules``, for cimport: no module of another level is loaded at all."""
    code, out, errors = told(NAMES.format(name), level)
    assert code == 0, errors
    taken, files, same, mapped = json.loads(out)
    assert (taken, same) == (level, True)
    folder = "_core" if level == "baseline" else level
    assert {Path(file).parent.name for file in files.values()} == {folder}
    loaded = [Path(file) for file in mapped if Path(file).name.partition(".")[0] in _core.LEVELLED]
    assert {file.parent.name for file in loaded} <= {folder}


@each_level
def test_types_carry_the_public_name_and_functions_are_exported(level):
    """What a cimport of another package reads: the capsules of the level, and classes that pickle and print as ever."""
    code = """
import sys
from crossmargin._core import increment, plan, scenario
assert type(sys.modules["crossmargin._core.plan"].__pyx_capi__["run_block"]).__name__ == "PyCapsule"
assert scenario.__pyx_capi__.keys() == sys.modules["crossmargin._core.scenario"].__pyx_capi__.keys()
print(increment.Engine.__module__, sorted(scenario.__pyx_capi__)[0])
"""
    found, out, errors = told(code, level)
    assert found == 0, errors
    assert out.split() == ["crossmargin._core.increment", "accumulate"]


@pytest.mark.parametrize("asked", ["avx1024", "", "AVX2", *_core.LEVELS[len(levels.USABLE) :]])
def test_a_level_that_is_not_here_is_refused(asked):
    code, _, errors = told("import crossmargin._core", asked)
    assert code != 0
    listed = ", ".join(levels.USABLE)
    assert f"ImportError: CROSSMARGIN_ISA must be one of {listed} here, was {asked!r}" in errors


@pytest.mark.parametrize(("here", "built"), [(1, 2), (2, 2), (2, 1), (3, 2), (3, 0)])
def test_of_levels_that_are_built_the_highest_that_runs_is_taken(monkeypatch, here, built):
    monkeypatch.setattr(status, "levels_here", lambda: here)
    monkeypatch.setattr(status, "levels_built", lambda: built)
    monkeypatch.delenv("CROSSMARGIN_ISA", raising=False)
    assert _core.chosen() == _core.LEVELS[min(here - 1, built)]
    monkeypatch.setenv("CROSSMARGIN_ISA", "avx512")
    if min(here - 1, built) < 2:
        with pytest.raises(ImportError, match="CROSSMARGIN_ISA must be one of baseline.* here, was 'avx512'"):
            _core.chosen()


def test_a_processor_below_the_baseline_is_refused(monkeypatch):
    monkeypatch.setattr(status, "levels_here", lambda: 0)
    with pytest.raises(ImportError, match="the processor must have SSE4.2"):
        _core.chosen()


@pytest.mark.skipif("CROSSMARGIN_ISA" in os.environ, reason="a level is asked for")
def test_the_best_level_is_taken_unasked():
    assert _core.level == levels.USABLE[-1]


@pytest.mark.parametrize("level", [level for level in levels.USABLE if level != _core.level])
def test_lanes_keep_to_their_twins_at_every_other_level(level):
    command = [sys.executable, "-P", "-m", "pytest", "-q", str(LANES), "-p", "no:cacheprovider"]
    done = subprocess.run(command, env=levels.at_level(level), text=True, capture_output=True)
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout
    assert "failed" not in done.stdout


# ---- what is prepared ------------------------------------------------------------------------
PREPARED = """
from hashlib import sha256
from pathlib import Path
import crossmargin as cm
for seed in ("crypto", "eth-options", "market-maker"):
    desk = cm.load(Path(ROOT) / "seeds" / f"{seed}.json")
    for name in desk.methods:
        tables = cm.margin.load_method(desk.methods[name]).prepare(desk.instruments, desk.market).bound.tables
        figures = b"".join(tables[key].tobytes() for key in sorted(tables))
        print(seed, name, sha256(figures).hexdigest())
"""


def test_tables_that_a_method_prepares_are_the_same_at_every_level():
    """Prices of risk arrays are strict; NumPy's own functions do not follow ``CROSSMARGIN_ISA``."""
    code = f"ROOT = {str(Path(__file__).resolve().parents[2])!r}\n{PREPARED}"
    found = {
        level: subprocess.check_output([sys.executable, "-P", "-c", code], env=levels.at_level(level), text=True)
        for level in levels.USABLE
    }
    assert len(found["baseline"].splitlines()) > 9
    assert len(set(found.values())) == 1
