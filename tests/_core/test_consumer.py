"""A third package cimports the installed kernels, is compiled here, and answers as crossmargin does."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from crossmargin import load
from crossmargin._core import black
from crossmargin._core.status import Status
from crossmargin.account import RiskEngine
from crossmargin.margin import load_method

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
def built(tmp_path_factory):
    """Folder of the compiled package."""
    folder = tmp_path_factory.mktemp("consumer")
    shutil.copytree(SOURCE, folder, dirs_exist_ok=True)
    run([sys.executable, "setup.py", "build_ext", "--inplace"], folder)
    return folder


def module_of(folder, name):
    [path] = (folder / "quoter").glob(f"{name}.*.so")
    spec = importlib.util.spec_from_file_location(f"quoter.{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def values(built):
    return module_of(built, "values")


@pytest.fixture(scope="module")
def admission(built):
    return module_of(built, "admission")


@pytest.fixture
def engine():
    """One account with a million dollars."""
    desk = load(SOURCE.parents[2] / "seeds" / "market-maker.json")
    found = RiskEngine(load_method(desk.methods["isolated"]).prepare(desk.instruments, desk.market))
    found.deposit(found.open("a"), "USD", "1000000")
    return found


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


def test_the_gate_is_asked_by_its_address(admission, engine):
    rng = np.random.default_rng(1)
    lots, ticks = rng.integers(1, 400, 257) * rng.choice([-1, 1], 257), rng.integers(8000, 8400, 257)
    account, future = np.zeros_like(lots), np.full_like(lots, engine.instrument("SPX-20160318"))
    columns, status = [account, future, lots, ticks], np.full(257, -1, dtype=np.int32)
    accepted = admission.asked(engine.address, *columns, status)
    assert status.tolist() == engine.checks(*columns).tolist()
    assert set(status.tolist()) == {Status.OK, Status.REFUSED}
    assert accepted == np.count_nonzero(status == Status.OK)


def test_an_event_of_the_interface_file_is_applied(admission, engine):
    before = engine.sequence()
    assert admission.placed(engine.address, 0, 7, 0, 2, 8200) == (Status.OK, before + 1)
    assert admission.placed(engine.address, 0, 7, 0, 2, 8200) == (Status.DUPLICATE, before + 1)
    assert engine.orders() == [(0, 7, 0, 2, 2, 8200, 0, 0)]


def test_the_package_imports_as_any_other(values):
    """In a fresh interpreter, where the import itself compares signatures."""
    folder = Path(values.__file__).parents[1]
    text = run(
        [sys.executable, "-c", "from quoter import values; print(values.one_price(1, 1, 0, 1, 1, 1))"], folder
    )
    assert text.split() == ["0.0"]
