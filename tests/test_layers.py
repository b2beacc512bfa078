"""Imports run only downwards; kernels import nothing above; every sub-package is in the wheel."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "crossmargin"
CORE = ROOT / "_core"

# From the top down; what stands in one line may not import its neighbour.
LAYERS = [
    {"cli", "serve"},
    {"reports"},
    {"scale"},
    {"interop"},
    {"predict"},
    {"optimize"},
    {"validation"},
    {"liquidation"},
    {"account"},
    {"venues"},
    {"margin"},
    {"scenario"},
    {"calibration"},
    {"snapshot"},
    {"records"},
    {"portfolio"},
    {"market"},
    {"instruments"},
    {"_checks"},
    {"errors"},
    {"_core"},
]
HEIGHT = {name: len(LAYERS) - row for row, names in enumerate(LAYERS) for name in names}
BANNED = {"_core", "pandas"}  # `import _core` works from the repository's root by accident
LAZY = {
    "scipy",
    "rich",
    "typer",
    "click",
    "plotly",
    "pyarrow",
    "ray",
    "matplotlib",
}  # inside functions only, but for cli and serve
HOSTS = {"nautilus_trader"}  # whose classes an adapter extends: at module level, in interop alone

FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = [path for path in FILES if path != PACKAGE / "__init__.py"]


def layer(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(tree):
    """(dotted name, at module level) of every import; ``from a import b`` gives a.b."""
    deep = {
        id(node)
        for outer in ast.walk(tree)
        if isinstance(outer, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(outer)
    }
    deep |= {
        id(node)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.If) and "TYPE_CHECKING" in ast.unparse(outer.test)
        for node in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) not in deep) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from ((f"{base}.{alias.name}", id(node) not in deep) for alias in node.names)


def imports(path):
    return list(imported(ast.parse(path.read_text())))


def name_of(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_run_only_downwards(path):
    own = layer(path)
    for name, _ in imports(path):
        if name.startswith("crossmargin."):
            other = name.split(".")[1]
            assert other in HEIGHT, f"{name} is in no layer"
            assert other == own or HEIGHT[other] < HEIGHT[own], f"{own} imports {other} above it"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_are_absolute_and_light(path):
    for name, at_top in imports(path):
        first = name.split(".")[0]
        assert not name.startswith("."), f"relative import {name}"
        assert first not in BANNED, name
        assert first not in HOSTS or layer(path) == "interop", name
        assert not (at_top and first in LAZY) or layer(path) in {"cli", "serve"}, f"{name} at module level"


def test_every_module_has_its_layer():
    assert {layer(path) for path in MODULES} <= HEIGHT.keys()


def test_the_rule_catches_what_it_should():
    code = "from crossmargin.margin import x\ndef f():\n    import scipy.stats\nfrom . import y\nimport _core"
    assert list(imported(ast.parse(code))) == [
        ("crossmargin.margin.x", True),
        ("..y", True),
        ("_core", True),
        ("scipy.stats", False),
    ]


KERNELS = sorted([*CORE.glob("*.pyx"), *CORE.glob("*.pxd"), *CORE.glob("*.pyi"), *CORE.glob("*.py")])
IMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+c?import|c?import\s+([\w.]+))", flags=re.M)
GROUND = {"libc", "cpython", "cython", "numpy", "collections", "enum", "typing", "os", "sys", "importlib"}


@pytest.mark.parametrize("path", KERNELS, ids=name_of)
def test_kernels_import_nothing_above(path):
    for names in IMPORT.findall(path.read_text()):
        name = names[0] or names[1]
        assert name.startswith("crossmargin._core") or name.split(".")[0] in GROUND, name


def test_every_sub_package_is_in_the_wheel():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {".".join(path.parent.relative_to(ROOT).parts) for path in FILES}
    assert set(listed) == folders | {"crossmargin._core"}
    for folder in folders:
        assert (ROOT / folder.replace(".", "/") / "__init__.py").exists(), folder
