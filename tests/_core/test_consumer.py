"""A third package cimports the installed kernels, is compiled here, and answers as crossmargin does."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from crossmargin._core import black
from crossmargin._core.status import Status

SOURCE = Path(__file__).with_name("consumer")
pytestmark = pytest.mark.slow_build


def run(command, folder):
    """Run in a folder of its own, so that no source tree is in reach; shows the output of a failure."""
    environ = os.environ | {"CFLAGS": "-O0"}
    done = subprocess.run(
        command, cwd=folder, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def values(tmp_path_factory):
    """The compiled module."""
    folder = tmp_path_factory.mktemp("consumer")
    shutil.copytree(SOURCE, folder, dirs_exist_ok=True)
    run([sys.executable, "setup.py", "build_ext", "--inplace"], folder)
    [path] = (folder / "quoter").glob("values.*.so")
    spec = importlib.util.spec_from_file_location("quoter.values", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def columns(n=257):
    rng = np.random.default_rng(0)
    F, K = rng.uniform(10, 200, n), rng.uniform(10, 200, n)
    sigma, T, D = rng.uniform(0.0, 2.0, n), rng.uniform(0.0, 3.0, n), rng.uniform(0.5, 1.0, n)
    return [F, K, sigma, T, D, rng.choice([-1.0, 1.0], n)]


def test_prices_equal_to_the_bit(values):
    options = columns()
    mine, theirs = np.empty(257), np.empty(257)
    assert values.prices(*options, mine) == (0, -1)
    assert tuple(black.value(*options, theirs)) == (0, -1)
    assert mine.tobytes() == theirs.tobytes()
    assert (mine > 0).any()


def test_a_refusal_crosses_the_border(values):
    options = columns()
    options[1][7], options[1][9] = -1.0, np.nan
    mine, theirs = np.empty(257), np.empty(257)
    assert values.prices(*options, mine) == (int(Status.DOMAIN), 7)
    assert tuple(black.value(*options, theirs)) == (Status.DOMAIN, 7)
    assert np.flatnonzero(np.isnan(mine)).tolist() == [7, 9]
    assert mine.tobytes() == theirs.tobytes()


def test_one_option_on_the_stack(values):
    assert values.one_price(100, 100, 0.2, 1.0, 1.0, 1.0) == pytest.approx(7.965567455405804, rel=1e-14)
    with pytest.raises(ArithmeticError, match=str(int(Status.NOT_FINITE))):
        values.one_price(float("nan"), 100, 0.2, 1.0, 1.0, 1.0)


def test_several_kernels_together(values):
    status, found, delta = values.round_trip(100, 110, 0.35, 0.5, 0.99, -1.0)
    assert status == 0
    assert found == pytest.approx(0.35, rel=1e-12)
    assert -1 < delta < -0.5


def test_codes_are_compiled_in(values):
    assert values.codes() == {name: int(Status[name]) for name in ("OK", "DOMAIN", "NOT_FINITE")}


def test_the_package_imports_as_any_other(values):
    """In a fresh interpreter, where the import itself compares signatures."""
    folder = Path(values.__file__).parents[1]
    text = run(
        [sys.executable, "-c", "from quoter import values; print(values.one_price(1, 1, 0, 1, 1, 1))"], folder
    )
    assert text.split() == ["0.0"]
