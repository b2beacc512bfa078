"""Compiled kernels on arrays, and nothing above them.

Every function here checks shapes, releases the interpreter lock, and answers with a ``Status``;
none raises for a figure. Faces in ``crossmargin`` convert, allocate, call and raise.

Modules with loops over lanes are built at several instruction levels, ``crossmargin._core.<level>.<name>``. The best
that the processor has is put in the place of ``crossmargin._core.<name>``, for importers and for cimport alike; the
variable ``CROSSMARGIN_ISA`` asks for a lower one. What was taken is ``level``.
"""

import os
import sys
from importlib import import_module

from crossmargin._core import status

LEVELS = ("baseline", "avx2", "avx512")
LEVELLED = (  # each after those that it cimports
    "scenario", "black", "black_strict", "covariance", "plan", "increment", "worst", "standing", "gate",
)  # fmt: skip


def chosen() -> str:
    """The highest level that is built and runs here, or the one asked for."""
    if status.levels_here() == 0:
        raise ImportError("the processor must have SSE4.2 and POPCNT (x86-64-v2)")
    usable = LEVELS[: min(status.levels_here(), status.levels_built() + 1)]
    asked = os.environ.get("CROSSMARGIN_ISA", usable[-1])
    if asked not in usable:
        raise ImportError(f"CROSSMARGIN_ISA must be one of {', '.join(usable)} here, was {asked!r}")
    return asked


def take(found: str) -> None:
    """Put the modules of a level in the place of the baseline's."""
    for name in LEVELLED:
        module = import_module(f"{__name__}.{found}.{name}")
        sys.modules[f"{__name__}.{name}"] = module
        globals()[name] = module


def get_include() -> str:
    """Folder of ``gate_api.h`` and of the headers that the interface files name, for compilers of hosts."""
    return os.path.dirname(os.path.abspath(__file__))


level = chosen()
if level != "baseline":
    take(level)
