"""Changes one constant or sign of a module at a time: some test of it must fail, or a reason be listed.

``python -P tests/mutation.py [--sample K] [--lone] [--list] [module ...]``; a module is a file name without
its ending, patterns allowed. Survivors are printed as keys of ``tests/survivors.py``, with the reason listed
there; one without a reason, or a reason without its survivor, is a failure. The changes: ``mutants.py``;
which tests judge which module: ``mutation_table.py``.

Without a module all venues run, and of margin what has no open survivors. Everything runs on copies of the
working tree and of the installed package; a mutant lives in memory, in a forked process. Published rows take
part where they are at hand.
"""

import argparse
import ast
import gc
import importlib.util
import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from hypothesis import Phase, settings

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from mutants import Mutant, mutants_of
from mutation_table import chosen, tests_of

COPIES = "CROSSMARGIN_MUTATION"  # set in the process that runs on the copies: their folder
SECONDS = 60  # a mutant that takes longer, and longer than 5 times its tests, is killed
PROCESSES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
PRELOADED = ("mpmath", "msgspec", "numpy", "scipy.optimize")  # once, not in every child
ARGUMENTS = ["-x", "-q", "--tb=no", "--assert=plain", "-p", "no:cacheprovider"]
SURVIVED, UNUSED, KILLED = 0, 3, 10  # exit codes; from 10 on the place of the test file that failed
Task = Callable[[], int]  # gives an exit code


# ---- copies -----------------------------------------------------------------------------------


def copied(folder: Path) -> None:
    """Copy the working tree, and the package with its kernels as installed: later edits do not matter."""
    listed = ["git", "ls-files", "-co", "--exclude-standard"]
    for name in subprocess.check_output(listed, cwd=ROOT, text=True).splitlines():
        if (ROOT / name).is_file():
            (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / "tree" / name)
    code = "import json, crossmargin as p; print(json.dumps([*p.__path__, *p._core.__path__]))"
    found = subprocess.check_output([sys.executable, "-P", "-c", code], cwd=folder, text=True)
    package, core = json.loads(found)
    kept = shutil.ignore_patterns("__pycache__", "*.c", "*.cpp", "*.html")
    shutil.copytree(package, folder / "crossmargin", ignore=kept)
    shutil.copytree(core, folder / "crossmargin" / "_core", ignore=kept, dirs_exist_ok=True)


def on_copies(folder: Path, *, lone: bool) -> int:
    """Run this script again, on copies; its exit code."""
    copied(folder)
    env = {key: value for key, value in os.environ.items()
           if key not in {"CROSSMARGIN_FUZZ", "CROSSMARGIN_WRITE_COUNTS"}}  # fmt: skip
    rows = folder / "absent" if lone else env.get("CROSSMARGIN_VECTORS", ROOT.parent / "shared" / "vectors")
    env |= {
        COPIES: str(folder), "PYTHONPATH": str(folder), "CROSSMARGIN_VECTORS": str(Path(rows).resolve()),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis"), "PYTEST_DEBUG_TEMPROOT": str(folder),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "OPENBLAS_NUM_THREADS": "1",
    }  # fmt: skip
    command = [sys.executable, "-P", str(folder / "tree" / "tests" / "mutation.py"), *sys.argv[1:]]
    return subprocess.run(command, cwd=folder / "tree", env=env, check=False).returncode


# ---- one forked run -----------------------------------------------------------------------------


class Changed(SourceFileLoader):
    """Finds and loads one module from changed code instead of its file."""

    def __init__(self, name: str, path: str, code: CodeType) -> None:
        super().__init__(name, path)
        self.code, self.imported = code, False

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        return importlib.util.spec_from_loader(name, self) if name == self.name else None

    def get_code(self, fullname: str) -> CodeType:
        self.imported = True
        return self.code


class Quick:
    """Hypothesis need not shrink: the first counterexample is enough."""

    def pytest_sessionstart(self) -> None:
        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutation", settings(), phases=phases, report_multiple_bugs=False)
        settings.load_profile("mutation")


def passes(file: str) -> bool:
    """Whether the tests of a file pass, or are skipped."""
    found = pytest.main([*ARGUMENTS, file], plugins=[Quick()])
    return found in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}


def judge(name: str, path: Path, tree: ast.Module, files: list[str], order: list[str]) -> int:
    """Run the tests of one module, in a child, until one fails; the exit code."""
    loader = Changed(name, str(path), compile(tree, str(path), "exec"))
    sys.meta_path.insert(0, loader)
    for file in order:
        if not passes(file):
            return KILLED + files.index(file)
    return SURVIVED if loader.imported else UNUSED


def forked(task: Task, output: int, limit: float) -> int:
    """Start a child that ends with the task's result or after a limit of seconds; output on a descriptor."""
    pid = os.fork()
    if pid:
        return pid
    code = UNUSED
    try:
        signal.alarm(round(limit))
        os.dup2(output, 1)
        os.dup2(output, 2)
        code = task()
    finally:
        os._exit(code)


def results(tasks: Iterator[tuple[Any, Task]], output: int, limit: float) -> Iterator[tuple[Any, int, float]]:
    """Each task's label, exit code (negative: the signal that ended it) and seconds, a few at a time."""
    running: dict[int, tuple[Any, float]] = {}
    more = True
    while more or running:
        while more and len(running) < PROCESSES:
            label, task = next(tasks, (None, None))
            more = task is not None
            if more:
                running[forked(task, output, limit)] = (label, time.monotonic())
        if running:
            pid, status = os.wait()
            label, start = running.pop(pid)
            yield label, os.waitstatus_to_exitcode(status), time.monotonic() - start


# ---- all runs -------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What became of the mutants of all modules."""

    known: set[tuple[str, str, str]]
    ran: set[tuple[str, str, str]]
    survivors: list[Mutant]
    late: list[Mutant]


def timed(files: list[str]) -> dict[str, float]:
    """Seconds that each test file takes without a mutant; they must pass."""
    found = {}
    with tempfile.TemporaryFile() as log:
        tasks = ((file, lambda file=file: not passes(file)) for file in files)
        for file, code, seconds in results(tasks, log.fileno(), 10 * SECONDS):
            if code:
                log.seek(0)
                print(log.read().decode()[-3000:])
                raise SystemExit(f"{Path(file).relative_to(ROOT)} must pass without a mutant, was {code}")
            found[file] = seconds
    return found


def run(path: Path, seconds: dict[str, float], mutants: list[Mutant], tally: Tally) -> None:
    """Every mutant of one module against its test files (with their seconds), sharp and quick ones first."""
    name, files = f"crossmargin.{path.parent.name}.{path.stem}", list(seconds)
    start, kills, survivors = time.monotonic(), Counter(), 0

    def tasks() -> Iterator[tuple[Mutant | None, Task]]:
        same = ast.parse(path.read_text())
        yield None, lambda: judge(name, path, same, files, files)
        for mutant in mutants:
            order = sorted(files, key=lambda file: seconds[file] / (1 + kills[file]))
            yield mutant, lambda: judge(name, path, mutant.tree(), files, order)

    limit = max(SECONDS, 5 * sum(seconds.values()))
    with Path(os.devnull).open("w") as devnull:
        for mutant, code, _ in results(tasks(), devnull.fileno(), limit):
            if code == UNUSED or (mutant is None and code):
                raise SystemExit(f"{name}: its tests never import it, or fail without a mutant, was {code}")
            if mutant is None:
                continue
            tally.ran.add(mutant.key)
            if code == SURVIVED:
                survivors += 1
                tally.survivors.append(mutant)
            elif code == -signal.SIGALRM:
                tally.late.append(mutant)
            elif code >= KILLED:
                kills[files[code - KILLED]] += 1
    spent = time.monotonic() - start
    print(f"{name}: {len(mutants)} mutants, {survivors} survive, {spent:.0f} s", flush=True)


def report(tally: Tally, reasons: dict[tuple[str, str, str], str], modules: set[str]) -> int:
    """Print survivors, stale reasons (of these modules, of all without) and the last line; count failures."""
    for mutant in sorted(tally.survivors, key=lambda m: (m.place, m.line)):
        print(f"{mutant.place}:{mutant.line}\n    {mutant.key}: {reasons.get(mutant.key, 'NO REASON')!r},")
    survived = {mutant.key for mutant in tally.survivors}
    open_ = [key for key in survived if not reasons.get(key)]
    mine = [key for key in reasons if not modules or key[0] in modules]
    stale = [key for key in mine if key not in tally.known or key in tally.ran - survived]
    for key in stale:
        print(f"listed in tests/survivors.py, but {'killed' if key in tally.known else 'no mutant'}: {key}")
    for mutant in tally.late:
        print(f"killed by the limit of time alone: {mutant.place}:{mutant.line} {mutant.key}")
    words = f"{len(open_)} without a reason" if open_ else "all with reasons"
    total, left = len(tally.ran), len(survived)
    print(f"mutants: {total}, killed {total - left}, survivors {left} ({words})")
    return len(open_) + len(stale)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("modules", nargs="*", help="file names without .py, patterns allowed; default: all venues")
    parser.add_argument("--sample", type=int, default=1, metavar="K", help="run every K-th mutant only")
    parser.add_argument("--lone", action="store_true", help="without the published rows, as in a lone clone")
    parser.add_argument("--list", action="store_true", help="print the mutants and run none")
    return parser.parse_args()


def main(folder: Path, options: argparse.Namespace) -> int:
    """Run the mutants of the chosen modules on the copies; the number of failures."""
    paths = chosen(folder / "crossmargin", options.modules)
    found = {path: list(mutants_of(path, str(path.relative_to(folder)))) for path in paths}
    if options.list:
        for mutant in (m for mutants in found.values() for m in mutants):
            print(f"{mutant.place}:{mutant.line} {mutant.key}")
        print(f"mutants: {sum(map(len, found.values()))}")
        return 0
    if not Path(os.environ["CROSSMARGIN_VECTORS"]).exists():
        print("published rows are not at hand: judged by the project's own tests alone")
    files = {path: tests_of(path.stem) for path in paths}
    for name in PRELOADED:
        importlib.import_module(name)
    seconds = timed(sorted({file for of_module in files.values() for file in of_module}))
    tally = Tally({m.key for mutants in found.values() for m in mutants}, set(), [], [])
    for path, mutants in found.items():
        if path.parent.name == "venues":
            importlib.import_module("crossmargin")  # from now on no child need import what lies below
        gc.freeze()
        run(path, {file: seconds[file] for file in files[path]}, mutants[:: options.sample], tally)
    reasons = runpy.run_path(str(ROOT / "tests" / "survivors.py"))["SURVIVORS"]
    return report(tally, reasons, {path.stem for path in paths} if options.modules else set())


if __name__ == "__main__":
    given = arguments()
    if COPIES in os.environ:
        sys.exit(bool(main(Path(os.environ[COPIES]), given)))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the copies go too
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(on_copies(Path(temporary), lone=given.lone))
