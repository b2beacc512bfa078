"""The C floors: compiled when they are asked for, for the instruction level that ours uses; loops are in C.

``library`` is None where they cannot be built: no C compiler, or a processor that is no x86-64.
"""

import ctypes
import platform
import shutil
import subprocess
import sysconfig
import tempfile
from functools import cache, partial
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
FLAGS = ("-O3", "-fno-math-errno", "-fno-trapping-math", "-fPIC")
LEVELS = {
    "baseline": ("-march=x86-64-v2",),
    "avx2": ("-march=x86-64-v3",),
    "avx512": ("-march=x86-64-v4", "-mprefer-vector-width=512"),
}
GATHER = "-mtune=icelake-server"  # lookups in a table are vectorised under this tuning alone
SOURCES = {"margin": (), "limits": (), "black_polynomial": (), "black_table": (GATHER,), "latency": (),
           "derive_check": ("-ffp-contract=off",)}


def compiler() -> str | None:
    """The compiler that built the interpreter, else ``cc``; None where there is none."""
    named = (sysconfig.get_config_var("CC") or "cc").split()[0]
    return shutil.which(named) or shutil.which("cc")


@cache
def library(level: str) -> ctypes.CDLL | None:
    """The floors of one instruction level."""
    command = compiler()
    if command is None or platform.machine() not in {"x86_64", "AMD64"}:
        return None
    with tempfile.TemporaryDirectory() as folder:
        flags = (*FLAGS, *LEVELS[level])
        objects = [built(command, Path(folder), name, (*flags, *more)) for name, more in SOURCES.items()]
        target = Path(folder) / "floors.so"
        subprocess.run([command, "-shared", *objects, "-o", target, "-lm"], check=True)
        return ctypes.CDLL(str(target))


def built(command: str, folder: Path, name: str, flags: tuple[str, ...]) -> Path:
    """One object file."""
    target = folder / f"{name}.o"
    subprocess.run([command, *flags, "-c", HERE / f"{name}.c", "-o", target], check=True)
    return target


def bound(found: ctypes.CDLL | None, name: str, *arguments: np.ndarray | int) -> partial | None:
    """A function with its arguments: addresses of arrays, and lengths; None where the library is absent."""
    if found is None:
        return None
    for array in arguments:
        assert isinstance(array, int) or array.flags.c_contiguous
    call = partial(getattr(found, name), *map(argument, arguments))
    call.keep = arguments  # the arrays live as long as the call
    return call


def argument(value: np.ndarray | int) -> ctypes.c_void_p | ctypes.c_long:
    return ctypes.c_long(value) if isinstance(value, int) else ctypes.c_void_p(value.ctypes.data)
