"""Where and with what a benchmark ran."""

import datetime
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from crossmargin import _core
from floors.library import FLAGS, LEVELS, compiler

PACKAGES = ("numpy", "scipy", "numba", "lbriv", "open-source-risk-engine", "Cython")
HERE = Path(__file__).parent
# Cores that this process may use, before anything is pinned; those for the benchmarks last.
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def level() -> str:
    """The instruction level that the compiled kernels use: "baseline", "avx2" or "avx512"."""
    return getattr(_core, "level", "baseline")


def processor() -> str:
    """Model name as the system gives it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def output(*command: str) -> str:
    """First line of what a command prints; "unknown" where it fails."""
    try:
        found = subprocess.run(command, cwd=HERE, text=True, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.partition("\n")[0].strip()


def version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"


def commit() -> str:
    """Commit of the sources, and whether they differ from it."""
    changed = output("git", "status", "--porcelain", "--untracked-files=no")
    return output("git", "rev-parse", "--short", "HEAD") + (", changed" if changed not in {"", "unknown"} else "")


def description() -> list[tuple[str, str]]:
    """What a reader needs to judge the figures."""
    command = compiler()
    return [
        ("processor", f"{processor()}, {len(CORES)} cores"),
        ("instruction level in use", level()),
        ("floors", f"{output(command, '--version')}, {' '.join((*FLAGS, *LEVELS[level()]))}" if command else "absent"),
        ("versions", ", ".join([f"Python {platform.python_version()}", *(f"{p} {version(p)}" for p in PACKAGES)])),
        ("date", datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")),
        ("commit", commit()),
    ]
