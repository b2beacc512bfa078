"""Compile _core/*.pyx as crossmargin._core.*; everything else is in pyproject.toml."""

import os
import sysconfig
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
PORTABLE = os.environ.get("CROSSMARGIN_PORTABLE") == "1"  # one lane, as a compiler without vectors has it

# 3.13+: coverage.py sees compiled lines only through the older trace hook.
TRACE_MACROS = [("CYTHON_TRACE_NOGIL", "1"), ("CYTHON_USE_SYS_MONITORING", "0")]

# Both -fno-* flags are needed for gcc to vectorise the loops; contraction is off so that a
# product and a sum round alike on every machine. Never -ffast-math: it breaks NaN checks.
FLAGS = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]

# Modules with loops over lanes are compiled once more for each level that a processor may have; _core/__init__.py
# takes the best. The sets are spelled out: older compilers lack their common names, and status.pyx asks for these.
LEVELLED = {"black", "black_strict", "scenario", "covariance", "plan", "increment", "worst", "standing", "gate"}
HEADERS = ("simd", "exact", "gate")
ON_X86 = (
    sysconfig.get_platform().lower().endswith(("x86_64", "amd64"))
    and "arm64" not in os.environ.get("ARCHFLAGS", "")
    and os.name != "nt"
)
BASELINE = ["-msse4.2", "-mpopcnt"]
AVX2 = [*BASELINE, "-mavx2", "-mfma", "-mbmi", "-mbmi2"]
MARCH = {
    "baseline": BASELINE,
    "avx2": AVX2,
    "avx512": [*AVX2, *(f"-mavx512{part}" for part in ("f", "bw", "cd", "dq", "vl")), "-mprefer-vector-width=512"],
}
LEVELS = ["avx2", "avx512"] if ON_X86 and not (DEBUG or TRACE or SANITIZE or PORTABLE) else []

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


def compile_flags(stem: str, level: str = "baseline") -> list[str]:
    if os.name == "nt":
        return ["/O2"]
    if SANITIZE:
        return ["-O1", "-g", "-fno-omit-frame-pointer", "-ffp-contract=off", f"-fsanitize={SANITIZE}"]
    asks_the_processor = stem == "status"  # runs everywhere, and says what does not
    return FLAGS + (MARCH[level] if ON_X86 and not asks_the_processor else [])


def macros(stem: str) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = TRACE_MACROS if TRACE else []
    if PORTABLE:
        found = [*found, ("CROSSMARGIN_PORTABLE", None), ("EXACT_PORTABLE", None)]
    if stem == "black_strict":
        found = [*found, ("LANES_UNFUSED", None)]
    return [*found, ("CROSSMARGIN_LEVELS", str(len(LEVELS)))] if stem == "status" else found


def extension(path: Path) -> Extension:
    return Extension(
        f"crossmargin._core.{path.stem}",
        [f"_core/{path.name}"],
        define_macros=macros(path.stem),
        include_dirs=["_core"],
        depends=[f"_core/{name}.h" for name in HEADERS],
        extra_compile_args=compile_flags(path.stem),
        extra_link_args=[f"-fsanitize={SANITIZE}"] if SANITIZE else [],
    )


def at_level(level: str, base: Extension) -> Extension:
    """The same C source compiled again: a copy of its own, so that objects do not collide."""
    [source] = map(Path, base.sources)
    copy = Path("build", "c", level, source.name)
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy2(source, copy)  # keeps mtimes: rebuilds stay minimal
    (CORE / level).mkdir(exist_ok=True)  # where an editable install puts what it builds
    return Extension(
        f"crossmargin._core.{level}.{source.stem}",
        [str(copy)],
        define_macros=macros(source.stem),
        include_dirs=["_core"],
        depends=[f"_core/{name}.h" for name in HEADERS],
        extra_compile_args=compile_flags(source.stem, level),
    )


baseline = cythonize(
    [extension(p) for p in sorted(CORE.glob("*.pyx"))],
    compiler_directives=DIRECTIVES,
    include_path=[cimport_root()],
    build_dir=None if TRACE else "build/c",
    annotate=ANNOTATE,
)
for header in ROOT.glob("**/gate_api.h" if TRACE else "build/c/_core/gate_api.h"):
    if header.parent != CORE:
        copy2(header, CORE / header.name)  # for C and C++ hosts; installed with the package
levelled = [base for base in baseline if base.name.rpartition(".")[2] in LEVELLED]
setup(ext_modules=[*baseline, *(at_level(level, base) for level in LEVELS for base in levelled)])
