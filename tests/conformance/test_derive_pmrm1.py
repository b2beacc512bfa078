"""Derive portfolio margin v1: every published row, in the batch, the incremental and the slow evaluator."""

from math import copysign, trunc

import numpy as np
import pytest

from conformance.derive_first_accounts import instruments_of, market_of, method_of, portfolio_of
from conformance.rows import load, rows
from crossmargin.margin.plan.quantum import Quanta
from crossmargin.margin.prepared import quantities

FILE = load("derive_pmrm1")


def prepared_of(row):
    instruments = instruments_of(row)
    return method_of(FILE, row).prepare(instruments, market_of(row)), portfolio_of(row, instruments)


def agree(name, found, expected, tolerance):
    """Truncated figures are compared as integers; the others were stored as float64, so 1e-12 relative too."""
    if name.endswith("_truncated"):
        assert trunc(found + copysign(1e-9, found)) == expected, (name, found, expected)
        return
    assert abs(found - expected) <= max(tolerance["abs"], 1e-12 * abs(expected)), (name, found, expected)


def compare(row, found):
    for name, expected in row["expected"].items():
        agree(name, found[name.removesuffix("_truncated")], expected, row["tolerance"])


def figures(outputs):
    """What the rows name, of the outputs of a plan; the venue's contingencies are <= 0 (basis) and >= 0 (static)."""
    names = {"IM": ("surplus", 0), "MM": ("surplus", 1), "mtm_incl_cash": ("equity", 0),
             "basis_contingency": ("basis contingency", 0), "static_contingency": ("static contingency", 0)}  # fmt: skip
    return {name: float(outputs[output][row]) for name, (output, row) in names.items()}


@pytest.mark.parametrize("row", rows("derive_pmrm1"))
def test_batch(row):
    prepared, portfolio = prepared_of(row)
    compare(row, figures(prepared.requirement(portfolio).outputs))


@pytest.mark.parametrize("row", rows("derive_pmrm1"))
def test_slow_evaluator_and_explanation(row):
    prepared, portfolio = prepared_of(row)
    trace = prepared.trace(portfolio)
    compare(row, figures({name: trace.output(name) for name, _ in prepared.program.outputs}))
    for level in ("initial", "maintenance"):
        explained = prepared.explain(portfolio, level)
        parts = sum(leaf.value for leaf in explained.leaves())
        assert parts == pytest.approx(explained.value, rel=1e-12, abs=1e-12 * (1 + abs(trace.output("equity")[0])))


@pytest.mark.parametrize("row", rows("derive_pmrm1"))
def test_incremental(row):
    prepared, portfolio = prepared_of(row)
    held = quantities(prepared.bound, portfolio)
    quanta = Quanta.of(prepared.bound, {name: max([1.0, *np.abs(lots)]) for name, (_, lots) in held.items()})
    found = prepared.incremental(portfolio, quanta).outputs()
    batch = prepared.values(portfolio.book, tuple(prepared.wanted), quantum=quanta)
    assert all((found[name] == batch[name][0]).all() for name in found)
    shown = figures(found)
    for name, expected in row["expected"].items():
        if not name.endswith("_truncated"):
            assert shown[name] == pytest.approx(expected, rel=1e-8, abs=1e-8)


def test_one_program_for_all_rows():
    assert len({prepared_of(row)[0].program.hash for row in FILE["vectors"]}) <= 1
