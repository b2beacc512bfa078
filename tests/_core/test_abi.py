"""The C interface of ``crossmargin._core`` is frozen.

Whoever compiles against the installed interface files would break: another Cython package that cimports a
kernel fails at its import when a name vanished or a signature changed; a host that reads the capsules by
name (C, C++, numba) calls with the wrong arguments; status codes are compiled in as numbers. So a name may
be added, none may vanish or change. On purpose? ``python tests/_core/test_abi.py`` writes the file again,
and the change belongs into the changelog.
"""

import ctypes
import json
import tomllib
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from crossmargin import _core
from crossmargin._core.status import Status

FROZEN = Path(__file__).with_name("abi.json")
SUFFIXES = (".so", ".pyd")

capsule_name = ctypes.pythonapi.PyCapsule_GetName
capsule_name.restype, capsule_name.argtypes = ctypes.c_char_p, [ctypes.py_object]


def compiled():
    """Every compiled module of the package."""
    names = [f"{_core.__name__}.{found.name}" for found in iter_modules(_core.__path__)]
    modules = [import_module(name) for name in names]
    return {m.__name__.rpartition(".")[2]: m for m in modules if str(m.__file__).endswith(SUFFIXES)}


def signatures(module):
    """C signature of every exported function and variable."""
    return {
        name: capsule_name(capsule).decode() for name, capsule in getattr(module, "__pyx_capi__", {}).items()
    }


def interface():
    modules = {name: found for name, module in compiled().items() if (found := signatures(module))}
    return {"functions": modules, "status": {code.name: int(code) for code in Status}}


def frozen():
    return json.loads(FROZEN.read_text())


@pytest.mark.parametrize("module", frozen()["functions"])
def test_no_function_vanished_or_changed(module):
    found = interface()["functions"].get(module, {})
    expected = frozen()["functions"][module]
    assert {name: found.get(name, "vanished") for name in expected} == expected


def test_no_status_changed_its_number():
    found, expected = interface()["status"], frozen()["status"]
    assert {name: found.get(name) for name in expected} == expected


def test_kernels_hold_no_interpreter():
    """Nothing that a host calls takes or returns a Python object, a memoryview or a cpdef flag."""
    for module, functions in interface()["functions"].items():
        for name, signature in functions.items():
            assert "PyObject" not in signature, (module, name)
            assert "memviewslice" not in signature, (module, name)
            assert "skip_dispatch" not in signature, (module, name)


def test_interface_files_are_installed_beside_their_modules():
    """A .pxd that is not beside its module is ignored in silence, and its functions are not exported."""
    folder = Path(_core.__path__[0])
    for name in frozen()["functions"]:
        assert (folder / f"{name}.pxd").is_file()
        assert (folder / f"{name}.pyi").is_file()


def test_no_installed_interface_holds_lanes():
    """Their width follows the flags of whoever compiles: a consumer would disagree with the kernels."""
    root = Path(__file__).resolve().parents[2]
    left_out = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["exclude-package-data"]
    patterns = left_out["crossmargin._core"]
    files = list((root / "_core").glob("*.pxd"))
    holders = [path.name for path in files if path.name == "simd.pxd" or "_core.simd cimport" in path.read_text()]
    assert len(holders) >= 4
    for name in holders:
        assert any(fnmatch(name, pattern) for pattern in patterns), name


if __name__ == "__main__":
    FROZEN.write_text(json.dumps(interface(), indent=2, sort_keys=True) + "\n")
