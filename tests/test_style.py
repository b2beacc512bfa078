"""Budgets of size: functions and files stay short."""

import ast
import re
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "crossmargin").rglob("*.py"))
KERNELS = sorted([*(ROOT / "_core").glob("*.pyx"), *(ROOT / "_core").glob("*.pxd")])
MEDIAN, NINE_IN_TEN, KERNEL, LINES = 7, 20, 40, 500


def counted(lines):
    """Lines of code among lines of source."""
    return sum(1 for line in lines if line.strip() and not line.strip().startswith("#"))


def without_docstring(body):
    first = body[0]
    documented = (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
    return body[1:] if documented else body


def functions(text):
    """Code lines of every function: body without docstring, blank lines and comments."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = without_docstring(node.body)
            yield node.name, counted(lines[body[0].lineno - 1 : body[-1].end_lineno]) if body else 0


DEFINITION = re.compile(r"^( *)(?:cdef|cpdef|def)\b[^=]*?\b(\w+)\s*\(")


def kernels(text):
    """(name, code lines, runs without the lock) of every Cython function, by indentation."""
    lines = text.splitlines()
    for start, line in enumerate(lines):
        found = DEFINITION.match(line)
        if not found:
            continue
        head = start
        while head < len(lines) - 1 and not lines[head].split("#")[0].rstrip().endswith(":"):
            head += 1
        body = []
        for inner in lines[head + 1 :]:
            if inner.strip() and len(inner) - len(inner.lstrip()) <= len(found[1]):
                break
            body.append(inner)
        code = re.sub(r'""".*?"""', "", "\n".join(body), flags=re.S).splitlines()
        if body:
            yield found[2], counted(code), "nogil" in " ".join(lines[start : head + 1])


def report(title, sizes):
    ordered = sorted(sizes)
    high = ordered[9 * len(ordered) // 10]
    print(f"{title}: {len(ordered)} functions, median {median(ordered):g}, nine in ten {high}")
    return median(ordered), high


def test_functions_of_the_package_are_short():
    found = [(size, path.name, name) for path in FILES for name, size in functions(path.read_text())]
    middle, high = report("crossmargin", [size for size, *_ in found])
    print("longest:", sorted(found)[-5:])
    assert middle <= MEDIAN
    assert high <= NINE_IN_TEN


def test_functions_of_the_core_are_short():
    found = [(size, free) for path in KERNELS for _, size, free in kernels(path.read_text())]
    middle, high = report("_core", [size for size, _ in found])
    assert middle <= MEDIAN + 3  # a kernel names its columns
    assert high <= NINE_IN_TEN + 5
    assert max(size for size, free in found if free) <= KERNEL


def test_no_name_of_a_method_or_venue_below_the_venues():
    """What runs plans knows none of them: kernels, accounts and reports name no method or venue."""
    names = ("derive", "deribit", "mango", "drift", "okx", "bybit", "paradex", "dydx", "binance", "hyperliquid",
             "kraken", "simm", "srm", "pmrm", "ScenarioMargin", "TieredMargin", "IsolatedMargin")  # fmt: skip
    pattern = re.compile("|".join(rf"\b{name}" for name in names), re.IGNORECASE)
    folders = [ROOT / "_core", ROOT / "crossmargin" / "account", ROOT / "crossmargin" / "reports"]
    files = [path for folder in folders for path in folder.rglob("*.p*") if path.suffix in {".py", ".pyx", ".pxd"}]
    found = [f"{path.name}: {match}" for path in files for match in pattern.findall(path.read_text())]
    assert len(files) > 15
    assert found == []


@pytest.mark.parametrize("path", FILES + KERNELS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_long(path):
    assert len(path.read_text().splitlines()) <= LINES


def test_the_measure_counts_code_alone():
    text = """
def f(a):
    'Docstring.'
    # comment

    b = 1
    return (a +
            b)
"""
    assert list(functions(text)) == [("f", 3)]
    text = """
cdef int f(int a,
           int b) noexcept nogil:
    # comment
    a += 1

    return a

def g():
    return 1
"""
    assert list(kernels(text)) == [("f", 2, True), ("g", 1, False)]
