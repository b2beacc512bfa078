"""Which modules the mutation run changes, and which tests judge each of them."""

from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MARGIN = (
    "brackets", "class_groups", "scenario_array", "scenario_array_parameters", "scenario_array_tables", "strategy",
)  # fmt: skip
# Test files by module, the first that fits, then EVERY. A file must exist, a pattern with * may find none.
TESTS = {
    "deribit*": ("conformance/test_deribit.py", "venues/test_deribit*.py"),
    "okx*": ("conformance/test_okx.py", "venues/test_okx*.py"),
    "bybit*": ("conformance/test_bybit.py", "venues/test_bybit*.py"),
    "paradex*": ("conformance/test_paradex.py", "venues/test_paradex*.py"),
    "aevo": ("conformance/test_aevo.py", "venues/test_aevo*.py"),
    "dederi": ("conformance/test_dederi.py", "venues/test_superseded*.py", "venues/test_dederi*.py"),
    "superseded": ("conformance/test_dederi.py", "conformance/test_deribit.py", "venues/test_superseded*.py"),
    "dated": ("conformance/test_bybit.py",),
    "catalogue": ("account/test_comparison.py",),
    "derive_1": ("conformance/test_derive_pmrm1.py", "venues/test_derive_1*.py"),
    "derive_standard*": ("conformance/test_derive_srm.py", "venues/test_derive_standard*.py"),
    "derive*": ("conformance/test_derive_pmrm*.py", "venues/test_derive.py", "venues/test_derive_[!s]*.py"),
    "dydx*": ("conformance/test_dydx_v4.py", "venues/test_dydx*.py"),
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
# Modules of which a whole run leaves no survivor without a reason; `make check` runs a share of their mutants.
CLEAN = (
    "brackets", "aevo", "binance", "binance_orders", "dated", "dederi", "deribit_parameters", "derive_parameters",
    "derive_standard_parameters", "paradex_parameters", "drift_parameters", "dydx*", "drift_oracles", "mango_oracles",
    "hyperliquid*", "kraken*", "vega*", "binance_parameters", "catalogue", "drift", "drift_rules", "drift_tables", "mango",
    "mango_tables", "deribit_standard", "okx_options", "bybit_options", "paradex_cross",
)  # fmt: skip
EVERY = ("venues/test_parameters.py", "venues/test_shipped_figures.py", "venues/test_venues.py")


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
    found = [sorted(str(path) for path in (ROOT / "tests").glob(pattern)) for pattern in (*patterns, *EVERY)]
    named = zip((*patterns, *EVERY), found, strict=True)
    missing = [pattern for pattern, files in named if not files and "*" not in pattern]
    if missing or not any(found[: len(patterns)]):
        raise SystemExit(f"tests of {stem} are missing: {', '.join(missing or patterns)}")
    return list(dict.fromkeys(path for files in found for path in files))
