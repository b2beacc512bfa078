"""Which modules the mutation run changes, and which tests judge each of them."""

from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MARGIN = ("brackets", "class_groups", "scenario_array", "scenario_array_parameters", "scenario_array_tables", "strategy")
# Test files by module, the first pattern that fits, then EVERY; a pattern of files that finds none is an error.
TESTS = {
    "deribit*": ("conformance/test_deribit.py", "venues/test_deribit*.py"),
    "okx*": ("conformance/test_okx.py", "venues/test_okx*.py"),
    "bybit*": ("conformance/test_bybit.py", "venues/test_bybit*.py"),
    "paradex*": ("conformance/test_paradex.py", "venues/test_paradex*.py"),
    "aevo": ("conformance/test_aevo.py", "venues/test_aevo*.py"),
    "dederi": ("conformance/test_dederi.py", "venues/test_dederi*.py"),
    "superseded": ("conformance/test_de*.py", "venues/test_superseded*.py", "venues/test_dederi*.py"),
    "dated": (),
    "catalogue": ("account/test_comparison.py",),
    "derive_1": ("conformance/test_derive_pmrm1.py", "venues/test_derive_1*.py"),
    "derive_standard*": ("conformance/test_derive_srm.py", "venues/test_derive_standard*.py"),
    "derive*": ("conformance/test_derive_pmrm*.py", "venues/test_derive.py", "venues/test_derive_*.py"),
    "drift*": ("conformance/test_drift_v2.py", "venues/test_drift*.py"),
    "binance*": ("conformance/test_binance.py", "venues/test_binance*.py"),
    "hyperliquid*": ("conformance/test_hyperliquid.py", "venues/test_hyperliquid*.py"),
    "kraken*": ("conformance/test_kraken.py", "venues/test_kraken*.py"),
    "vega*": ("conformance/test_vega.py", "venues/test_vega*.py"),
    "brackets": ("margin/test_brackets.py", "conformance/test_binance.py", "venues/test_binance*.py"),
    "mango*": ("conformance/test_mango_v4.py", "venues/test_mango*.py"),
    "scenario_array*": ("conformance/test_span.py", "margin/test_scenario_array*.py"),
    "class_groups": ("margin/test_class_groups*.py",),
    "strategy": ("conformance/test_strategy_regt_cboe.py", "margin/test_strategy*.py"),
}
EVERY = ("venues/test_parameters.py", "venues/test_venues.py")


def chosen(package: Path, patterns: list[str]) -> list[Path]:
    """Files of the modules, those of margin first: they must not be imported when the venues' turn comes."""
    files = [package / "margin" / f"{name}.py" for name in MARGIN]
    files += sorted(path for path in (package / "venues").glob("*.py") if path.stem != "__init__")
    for pattern in patterns:
        if not any(fnmatch(path.stem, pattern) for path in files):
            known = ", ".join(path.stem for path in files)
            raise SystemExit(f"module must be one of {known}, was {pattern!r}")
    return [path for path in files if not patterns or any(fnmatch(path.stem, p) for p in patterns)]


def tests_of(stem: str) -> list[str]:
    """Test files of a module."""
    patterns = next((found for pattern, found in TESTS.items() if fnmatch(stem, pattern)), None)
    if patterns is None:
        raise SystemExit(f"{stem} must have its tests in the table TESTS of tests/mutation_table.py")
    found: list[str] = []
    for pattern in (*patterns, *EVERY):
        files = sorted(str(path) for path in (ROOT / "tests").glob(pattern))
        if not files:
            raise SystemExit(f"tests of {stem} are missing: no file tests/{pattern}")
        found += [path for path in files if path not in found]
    return found
