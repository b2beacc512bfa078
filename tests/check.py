"""What ``make check`` runs, one step after the other; writes the summary to docs/checks.md.

Steps: the tests, lint and types, the benchmarks, mutants, long fuzzing, kernels at lower instruction levels and without
vectors, bounds-checked kernels, sanitized kernels, threads under their sanitizer, the hosts of the examples.
"""

import datetime
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

PYTHON = sys.executable
BIN = Path(PYTHON).parent
BUILT = ROOT / "build" / "check"
LEVEL_TESTS = "tests/_core/test_levels.py"  # compares levels, whichever is loaded
GATE = ("bounds", "gate_machine", "gate_fuzz", "gate_threads", "doubts", "pairs", "reserve")
GATE_TESTS = [f"tests/account/test_{name}.py" for name in GATE]
LEDGER_TESTS = [f"tests/liquidation/test_{name}.py" for name in ("holdings", "cascade", "liquidator")]
KERNEL_TESTS = ["tests/_core", "tests/margin/plan", "tests/margin/sensitivity", "tests/margin/test_delta_gamma_vega.py",
                *GATE_TESTS, *LEDGER_TESTS]


def runtime(name: str) -> str:
    """Path of a compiler's runtime library."""
    return subprocess.check_output(["cc", f"-print-file-name={name}"], text=True).strip()


def install(folder: str, **environment: str) -> dict[str, str]:
    """Build the package into a folder with other flags; returns the environment that imports it."""
    target, temporary = BUILT / folder, BUILT / f"{folder}-src"
    subprocess.run(["rm", "-rf", str(target), str(temporary)], check=True)
    temporary.mkdir(parents=True)
    files = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True).split("\n")
    subprocess.run(["cp", "--parents", "-t", str(temporary), *[f for f in files if (ROOT / f).is_file()]],
                   cwd=ROOT, check=True)
    environ = os.environ | environment
    subprocess.run(
        [PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(temporary)],
        cwd=BUILT, env=environ, check=True,
    )
    return environ | {"PYTHONPATH": str(target)}


def loaded_from(folder: str, env: dict[str, str]) -> None:
    """Make sure that the tests will import this build and no other."""
    code = "import crossmargin; print(crossmargin.__file__)"
    found = subprocess.check_output([PYTHON, "-P", "-c", code], cwd=BUILT, env=env, text=True)
    if str(BUILT / folder) not in found:
        raise SystemExit(f"the {folder} build is not what is imported, but {found}")


def pytest(*arguments: str, env: dict[str, str] | None = None) -> list[str]:
    return run([str(BIN / "pytest"), "-q", *arguments], env)


def run(command: list[str], env: dict[str, str] | None = None, cwd: Path = ROOT) -> list[str]:
    """Run one command, echo what it prints, and stop everything if it fails."""
    env = dict(env or os.environ)
    env["PATH"] = f"{BIN}{os.pathsep}{env['PATH']}"  # cython-lint calls its neighbours by name
    done = subprocess.run(command, cwd=cwd, env=env, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    print(done.stdout, end="", flush=True)
    if done.returncode:
        raise SystemExit(f"failed: {' '.join(command)}")
    return done.stdout.strip().split("\n")


def tests() -> list[str]:
    return pytest()


def lint() -> list[str]:
    run([str(BIN / "ruff"), "check", "crossmargin", "seeds"])
    run([str(BIN / "cython-lint"), "_core"])
    BUILT.mkdir(parents=True, exist_ok=True)  # away from the sources: the installed package is what is typed
    return run([str(BIN / "mypy"), "-p", "crossmargin", "--config-file", str(ROOT / "pyproject.toml")], cwd=BUILT)


def fuzz() -> list[str]:
    return pytest("-m", "not slow_build", env=os.environ | {"CROSSMARGIN_FUZZ": "8", "CROSSMARGIN_EVENTS": "1000000"})


def benchmarks() -> list[str]:
    """They assert that all forms agree; the table fails where a target is missed by far. `make bench` has all peers."""
    BUILT.mkdir(parents=True, exist_ok=True)
    run([PYTHON, "benchmarks/table.py", "--output", str(BUILT / "benchmarks.md")])
    run([PYTHON, "benchmarks/sensitivity.py", "3", "10000"])
    return run([PYTHON, "benchmarks/venues.py", "10", "1000", "1000"])


def mutation() -> list[str]:
    """Every constant and sign of every venue."""
    return run([PYTHON, "-P", "tests/mutation.py"])


def levels() -> list[str]:
    """The kernels at each level below the best that is here."""
    code = "from crossmargin import _core; print(*_core.LEVELS[: _core.LEVELS.index(_core.level)])"
    environ = {name: value for name, value in os.environ.items() if name != "CROSSMARGIN_ISA"}
    lower = subprocess.check_output([PYTHON, "-P", "-c", code], cwd=ROOT, env=environ, text=True).split()
    arguments = [*KERNEL_TESTS, "--ignore", LEVEL_TESTS, "-m", "not slow_build"]
    last = [pytest(*arguments, env=environ | {"CROSSMARGIN_ISA": level})[-1] for level in lower]
    return last or ["one level is here"]


def portable() -> list[str]:
    """One lane, as a compiler without vectors has it; then its answers beside those of every level."""
    env = install("portable", CROSSMARGIN_PORTABLE="1")
    loaded_from("portable", env)
    pytest(*KERNEL_TESTS, "-m", "not slow_build", env=env)
    return pytest(LEVEL_TESTS, env=os.environ | {"CROSSMARGIN_BESIDE": str(BUILT / "portable")})


def debug() -> list[str]:
    env = install("debug", CROSSMARGIN_DEBUG="1")
    loaded_from("debug", env)
    return pytest(*KERNEL_TESTS, "-m", "not slow_build", env=env)


def sanitized() -> list[str]:
    env = install("sanitize", CROSSMARGIN_SANITIZE="address,undefined", CFLAGS="-fno-sanitize-recover=undefined")
    # the C++ runtime too: its exceptions are intercepted before a C++ extension is loaded
    env |= {"LD_PRELOAD": " ".join(map(runtime, ("libasan.so", "libubsan.so", "libstdc++.so.6"))),
            "ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
    loaded_from("sanitize", env)
    module = next((BUILT / "sanitize" / "crossmargin" / "_core").glob("plan.*.so"))
    if b"__asan_report" not in module.read_bytes():
        raise SystemExit("the sanitized build holds no sanitizer")
    return pytest("--capture=sys", *KERNEL_TESTS, "-m", "not slow_build", env=env)  # a report must reach the log


def raced() -> list[str]:
    """Threads on one engine: the sanitizer must find nothing, and must find a race that is there on purpose."""
    env = install("threads", CROSSMARGIN_SANITIZE="thread")
    env |= {"LD_PRELOAD": runtime("libtsan.so"), "TSAN_OPTIONS": "exitcode=66 report_signal_unsafe=0"}
    loaded_from("threads", env)
    done = subprocess.run([PYTHON, "-P", "tests/account/race.py"], cwd=ROOT, env=env, capture_output=True, text=True)
    if done.returncode != 66 or "data race" not in done.stderr:
        raise SystemExit("the thread sanitizer did not report a race that is there on purpose")
    return pytest("--capture=sys", "tests/account/test_gate_threads.py", env=env)


def interpreter() -> str | None:
    """A Python that nautilus_trader runs on: this one, one on the path, or one that a version manager keeps beside it."""
    if sys.version_info >= (3, 12):
        return PYTHON
    beside = sorted(Path(sys.base_prefix).parent.glob("3.1[23].*/bin/python"))
    found = [*map(shutil.which, ("python3.12", "python3.13")), *map(str, beside)]
    return next((name for name in found if name and runs(name)), None)


def runs(name: str) -> bool:
    """A name on the path may be a version manager's that stands for nothing here."""
    return subprocess.run([name, "-c", "import venv"], capture_output=True).returncode == 0


def hosts() -> list[str]:
    """Every host runs as its page says; nautilus_trader's with a Python that has it."""
    run([PYTHON, "examples/hosts/orderbook/run.py", "100000"])
    run([PYTHON, "examples/hosts/c/run.py", "200000"])
    found = interpreter()
    if found is None:
        return ["no Python 3.12 or later here: the nautilus host was not run"]
    folder = BUILT / "nautilus"
    subprocess.run(["rm", "-rf", str(folder)], check=True)
    run([found, "-m", "venv", str(folder)])
    run([str(folder / "bin" / "pip"), "install", "--quiet", ".[nautilus,cli]", "pytest", "hypothesis"])
    run([str(folder / "bin" / "python"), "-P", "examples/hosts/nautilus/backtest.py"])
    return run([str(folder / "bin" / "pytest"), "-q", "tests/interop"])


STEPS = {"tests": tests, "lint and types": lint, "benchmarks": benchmarks, "mutants": mutation, "long fuzzing": fuzz,
         "instruction levels": levels, "portable path": portable, "bounds checks": debug,
         "address and undefined-behaviour sanitizers": sanitized, "thread sanitizer": raced, "hosts": hosts}


def chosen() -> list[str]:
    """All steps, or those named on the command line, whose lines are printed and written nowhere."""
    unknown = set(sys.argv[1:]) - set(STEPS)
    if unknown:
        raise SystemExit(f"steps must be among {', '.join(STEPS)}, was {', '.join(unknown)}")
    return sys.argv[1:] or list(STEPS)


def main() -> None:
    lines = []
    for name in chosen():
        step = STEPS[name]
        print(f"== {name}", flush=True)
        start = time.monotonic()
        last = re.sub(r"[=\s]*in [0-9.]+s.*|=+", "", step()[-1]).strip()
        lines.append(f"| {name} | {last} | {time.monotonic() - start:.0f} |")
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True).strip()
    date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    table = "\n".join(["| step | result | seconds |", "|---|---|--:|", *lines])
    text = f"# Last full check\n\n`make check` on {date} at commit {commit}, Python {sys.version.split()[0]}.\n\n{table}\n"
    if not sys.argv[1:]:
        (ROOT / "docs" / "checks.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
