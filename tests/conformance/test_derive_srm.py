"""Derive's standard manager: every published row, in the batch and the slow evaluator, alone and in one book."""

from math import copysign, trunc

import numpy as np
import pytest

from conformance.derive_standard_accounts import (
    LOT, instruments_of, listed_together, lone_option, market_of, method_of, portfolio_of, rules_of,
)  # fmt: skip
from conformance.rows import load, rows
from crossmargin import Book
from crossmargin.margin.plan.quantum import Quanta
from crossmargin.margin.prepared import quantities
from crossmargin.venues.derive_standard_tables import isolated_call, isolated_put, oracle_contingency

FILE = load("derive_srm")
FIGURES = {"IM": 0, "MM": 1, "IM_truncated": 0, "MM_truncated": 1}


def select(wanted, kind="account"):
    """Rows of the file that ``wanted`` takes; the skipped one where the file is absent."""
    return rows("derive_srm", wanted, kind=kind)


def is_account(row):
    return "cash" in row["portfolio"] and "ETH" in row["portfolio"]


def is_isolated(row):
    return row["name"].startswith("isolated_")


ACCOUNTS = select(is_account)


def agree(found, expected, tolerance, name=""):
    """The file's tolerance; a rule "truncate" compares integers, and a relative one is absolute 1e-12 at zero."""
    if name.endswith("_truncated"):
        assert trunc(found + copysign(1e-9, found)) == expected, (name, found, expected)
        return
    relative = tolerance.get("rel", tolerance.get("rel_achievable", 0.0))
    assert abs(found - expected) <= max(relative * abs(expected), 1e-12), (name, found, expected)


def compare(row, surplus, equity):
    for name, expected in row["expected"].items():
        found = equity[0] if name == "MTM" else surplus[FIGURES[name]]
        agree(float(found), expected, row["tolerance"], name)


def prepared_of(row):
    instruments = instruments_of(row)
    return method_of(FILE, row).prepare(instruments, market_of(row)), portfolio_of(row, instruments)


@pytest.mark.parametrize("row", ACCOUNTS)
def test_account(row):
    prepared, portfolio = prepared_of(row)
    found = prepared.requirement(portfolio)
    compare(row, (found.surplus_initial, found.surplus_maintenance), (found.equity_initial, found.equity_maintenance))


@pytest.mark.parametrize("row", ACCOUNTS)
def test_slow_evaluator(row):
    prepared, portfolio = prepared_of(row)
    trace = prepared.trace(portfolio)
    compare(row, trace.output("equity") - trace.output("requirement"), trace.output("equity"))


@pytest.mark.parametrize("row", ACCOUNTS)
def test_incremental(row):
    prepared, portfolio = prepared_of(row)
    held = quantities(prepared.bound, portfolio)
    quanta = Quanta.of(prepared.bound, {name: max([1.0, *np.abs(lots)]) for name, (_, lots) in held.items()})
    found = prepared.incremental(portfolio, quanta).outputs()
    batch = prepared.values(portfolio.book, tuple(prepared.wanted), quantum=quanta)
    compare(row, found["surplus"], found["equity"])
    assert all((found[name] == batch[name][0]).all() for name in found)


@pytest.mark.parametrize("row", ACCOUNTS)
def test_explanation_sums_to_the_whole(row):
    prepared, portfolio = prepared_of(row)
    size = np.abs(prepared.trace(portfolio).output("equity")).max()
    for level in ("initial", "maintenance"):
        explained = prepared.explain(portfolio, level)
        parts = sum(leaf.value for leaf in explained.leaves())
        assert parts == pytest.approx(explained.value, rel=1e-12, abs=1e-12 * (1 + size))


def book_of(members, instruments):
    """Accounts of several rows in one book over one list."""
    books = [portfolio_of(row, instruments).book for row in members]
    columns = {"positions": ("instrument", "lots", "open_cost"), "balances": ("asset", "atoms")}
    joined = {
        table: {name: np.concatenate([getattr(book, table)[name] for book in books]) for name in names}
        | {"account": np.concatenate([np.full(len(getattr(book, table)), i) for i, book in enumerate(books)])}
        for table, names in columns.items()
    }
    return Book.of(instruments, [book.accounts[0] for book in books], **joined)


@pytest.mark.skipif(not FILE["vectors"], reason="derive_srm.json is not at hand")
def test_rows_of_one_market_in_one_book():
    """Strikes that other accounts hold are listed too, and change nothing."""
    groups = listed_together([p.values[0] for p in ACCOUNTS])
    assert max(map(len, groups)) > 5
    for members in groups:
        instruments = instruments_of(*members)
        prepared = method_of(FILE, members[0]).prepare(instruments, market_of(*members))
        book = book_of(members, instruments)
        found = prepared.requirements(book, threads=2)
        for row in members:
            unit = book.unit(row["name"])
            surplus = found.surplus_initial[unit], found.surplus_maintenance[unit]
            compare(row, surplus, (found.equity_initial[unit],))


@pytest.mark.skipif(not FILE["vectors"], reason="derive_srm.json is not at hand")
def test_one_program_for_all_rows():
    assert len({prepared_of(p.values[0])[0].program.hash for p in ACCOUNTS}) == 1


@pytest.mark.parametrize("row", select(is_isolated, "fragment"))
def test_isolated_rule(row):
    """The rule of one short contract: no volatility, so the mark is the intrinsic value that the table computes."""
    option, index = row["portfolio"]["option"], float(row["market"]["spot"])
    prepared, _ = prepared_of(lone_option(row))
    mark = prepared.bound.tables["option_mark"][0, 0] / float(LOT)
    rule = isolated_call if option["is_call"] else isolated_put
    found = option["amount"] * rule(rules_of(FILE, row["params"]), float(option["strike"]), index, mark)
    for name, value in zip(("isolated_IM", "isolated_MM"), found, strict=True):
        agree(value, row["expected"][name], row["tolerance"])


@pytest.mark.parametrize("row", select(is_isolated))
def test_isolated_row_as_an_account(row):
    prepared, portfolio = prepared_of(lone_option(row))
    found = prepared.requirement(portfolio)
    for name, value in zip(("isolated_IM", "isolated_MM"), found.outputs["isolated"], strict=True):
        agree(-value, row["expected"][name], row["tolerance"])
    agree(found.surplus_initial, row["expected"]["isolated_IM"], row["tolerance"])
    agree(found.surplus_maintenance, row["expected"]["isolated_MM"], row["tolerance"])


@pytest.mark.parametrize("row", select(lambda row: row["name"] == "oracle_contingency_on_options", "fragment"))
def test_oracle_contingency_rule(row):
    """Cash covered the requirement exactly, so initial surplus afterwards is what the fall of confidence added."""
    p, market, amount = row["params"], row["market"], row["portfolio"]["option"]["amount"]
    rule = (p["option_conf_threshold"], p["oracle_contingency_factor"], market["spot"])
    before, after = (amount * oracle_contingency(market[f"spot_conf_{when}"], *rule) for when in ("before", "after"))
    agree(before[0], row["expected"]["IM_before"], row["tolerance"])
    agree(after[0], row["expected"]["IM_after"], row["tolerance"])
    agree(after[1] - before[1], row["expected"]["MM_change"], row["tolerance"])
