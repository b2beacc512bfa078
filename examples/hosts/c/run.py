"""Compile host.c and run it: ``run.py [n_checks] [method]``; the variable CC names a compiler, ``c++ -x c++`` too."""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from crossmargin._core import get_include

FOLDER = Path(__file__).resolve().parent
SEED = FOLDER.parents[2] / "seeds" / "market-maker.json"


def words(name: str) -> list[str]:
    """A setting of the interpreter's own build, as arguments."""
    return shlex.split(str(sysconfig.get_config_var(name) or ""))


def compiler() -> list[str]:
    return shlex.split(os.environ.get("CC") or "cc")


def library_folders() -> list[Path]:
    """Where the interpreter's library lies: not always where it was configured to."""
    folders = (*words("LIBDIR"), *words("LIBPL"), f"{sys.base_prefix}/lib")
    return [Path(folder) for folder in dict.fromkeys(folders) if (Path(folder) / words("LDLIBRARY")[0]).is_file()]


def missing() -> str | None:
    """What this machine lacks to compile a program that holds an interpreter."""
    if os.name == "nt":
        return "host.c uses POSIX threads"
    if shutil.which(compiler()[0]) is None:
        return f"no C compiler {compiler()[0]!r}"
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        return "no Python.h: the interpreter's headers are not installed"
    if not library_folders():
        return f"no {words('LDLIBRARY')[0]} to link with"
    return None


def compiled(target: Path) -> Path:
    """The program."""
    include = [f"-I{folder}" for folder in (sysconfig.get_path("include"), get_include())]
    link = [part for folder in library_folders() for part in (f"-L{folder}", f"-Wl,-rpath,{folder}")]
    link.append(f"-lpython{sysconfig.get_config_var('LDVERSION')}")
    link += [*words("LIBS"), *words("SYSLIBS"), *words("LINKFORSHARED")]
    flags = ["-O2", "-Wall", "-Wextra", "-pthread"]
    command = [*compiler(), *flags, *include, str(FOLDER / "host.c"), "-o", str(target), *link]
    subprocess.run(command, check=True)  # noqa: S603  the compiler is the user's own choice
    return target


def main(n: str = "2000000", method: str = "portfolio") -> int:
    """Compile in a folder of its own and run; the program's answer."""
    if lacking := missing():
        sys.exit(lacking)
    with tempfile.TemporaryDirectory() as folder:
        program = compiled(Path(folder) / "host")
        command = [program, sys.executable, n, FOLDER / "venue.py", SEED, method]
        return subprocess.run(command, check=False).returncode  # noqa: S603  compiled here


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
