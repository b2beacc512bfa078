"""Compile _core/*.pyx as crossmargin._core.*; everything else is in pyproject.toml."""

import os
from pathlib import Path
from shutil import copy2

from Cython.Build import cythonize
from setuptools import Extension, setup

ROOT = Path(__file__).resolve().parent
CORE = ROOT / "_core"

DEBUG = os.environ.get("CROSSMARGIN_DEBUG") == "1"
TRACE = os.environ.get("CROSSMARGIN_TRACE") == "1"
ANNOTATE = os.environ.get("CROSSMARGIN_ANNOTATE") == "1"
SANITIZE = os.environ.get("CROSSMARGIN_SANITIZE", "")  # e.g. "address,undefined"

# 3.13+: coverage.py sees compiled lines only through the older trace hook.
TRACE_MACROS = [("CYTHON_TRACE_NOGIL", "1"), ("CYTHON_USE_SYS_MONITORING", "0")]

# Both -fno-* flags are needed for gcc to vectorise the loops; contraction is off so that a
# product and a sum round alike on every machine. Never -ffast-math: it breaks NaN checks.
FLAGS = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": DEBUG,
    "initializedcheck": DEBUG,
    "wraparound": False,
    "cdivision": True,
    "binding": True,
    "freethreading_compatible": False,
    "linetrace": TRACE,
}


def cimport_root() -> str:
    """Mirror _core's interface files to <root>/crossmargin/_core, where cimport looks."""
    root = ROOT / "build" / "cimport"
    package = root / "crossmargin" / "_core"
    package.mkdir(parents=True, exist_ok=True)
    (root / "crossmargin" / "__init__.py").touch()
    interface = [p for p in CORE.iterdir() if p.suffix in {".pxd", ".pyi"}]
    for old in package.iterdir():
        if not (CORE / old.name).exists():
            old.unlink()
    for path in [*interface, CORE / "__init__.py"]:
        copy2(path, package / path.name)  # keeps mtimes: rebuilds stay minimal
    return str(root.relative_to(ROOT))


def compile_flags() -> list[str]:
    if os.name == "nt":
        return ["/O2"]
    if SANITIZE:
        return ["-O1", "-g", "-fno-omit-frame-pointer", "-ffp-contract=off", f"-fsanitize={SANITIZE}"]
    return FLAGS


def extension(path: Path) -> Extension:
    return Extension(
        f"crossmargin._core.{path.stem}",
        [f"_core/{path.name}"],
        define_macros=TRACE_MACROS if TRACE else [],
        include_dirs=["_core"],
        extra_compile_args=compile_flags(),
        extra_link_args=[f"-fsanitize={SANITIZE}"] if SANITIZE else [],
    )


setup(
    ext_modules=cythonize(
        [extension(p) for p in sorted(CORE.glob("*.pyx"))],
        compiler_directives=DIRECTIVES,
        include_path=[cimport_root()],
        build_dir=None if TRACE else "build/c",
        annotate=ANNOTATE,
    ),
)
