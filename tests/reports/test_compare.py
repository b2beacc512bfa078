"""Methods side by side, as text and as data: formatting only, and no figure that JSON cannot hold."""

import json
from dataclasses import replace
from math import inf

import pytest
from rich.console import Console

from crossmargin import Portfolio, impact, liquidation_prices
from crossmargin.margin import Netting, netting
from crossmargin.reports import Column, compare, plain, rows, table
from strategies import desk, method_of, small

DESK = desk()
FIGURES = [
    "equity_initial",
    "equity_maintenance",
    "initial",
    "maintenance",
    "surplus_initial",
    "surplus_maintenance",
    "health_factor",
    "margin_usage",
    "isolated",
    "netting_benefit",
    "capital_efficiency",
    "worst_scenario",
    "components",
    "liquidation_prices",
]


def column(name="portfolio", portfolio=DESK.portfolio, found=DESK):
    method = method_of(name)
    prepared = method.prepare(found.instruments, found.market)
    return Column(
        name=name,
        requirement=prepared.requirement(portfolio),
        netting=netting(prepared, portfolio),
        prices=liquidation_prices(portfolio, found.market, method),
    )


COLUMN = column()


def printed(renderable):
    console = Console(width=200)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234.5, "1,234.50"),
        (-0.004, "0.00"),
        (-0.006, "-0.01"),
        (0.0, "0.00"),
        (None, "none"),
        (1e9, "1,000,000,000.00"),
    ],
)
def test_money(value, text):
    assert compare.money(value) == text


def test_rows_have_a_label_and_a_cell_per_method():
    found = rows([column("isolated"), COLUMN])
    assert {len(line) for line in found} == {3}
    by_label = {line[0]: line[2] for line in found}
    assert by_label["initial"] == f"{COLUMN.requirement.initial:,.2f}"
    assert by_label["health factor"] == f"{COLUMN.requirement.health_factor:.3f}"
    assert by_label["worst scenario"] == COLUMN.requirement.worst_scenario
    assert by_label["freed by netting"] == f"{COLUMN.netting.isolated - COLUMN.netting.initial:,.2f}"
    assert (
        by_label["liquidation BTC (42,000.00)"]
        == f"{compare.money(COLUMN.prices[0].below)} / {compare.money(COLUMN.prices[0].above)}"
    )


def test_no_columns_are_no_error():
    assert [line[0] for line in rows([])][:2] == ["equity initial", "equity maintenance"]
    assert table([]).title is None


def test_an_account_below_maintenance_is_liquidatable_now():
    poor = DESK.portfolio.holding(balances={})
    line = rows([column(portfolio=poor)])[-1]
    assert line[1] == "liquidatable now"


def test_plain_holds_every_figure():
    found = plain(COLUMN)
    assert list(found) == ["method", "parameters", "account", "currency", *FIGURES]
    assert (found["method"], found["parameters"], found["account"], found["currency"]) == (
        "scenario",
        "whole (2024-01-01)",
        "desk",
        "USD",
    )
    for name in FIGURES[:8]:
        assert found[name] == getattr(COLUMN.requirement, name)
    assert sum(part["initial"] for part in found["components"].values()) == pytest.approx(
        found["initial"], rel=1e-12
    )
    assert list(found["liquidation_prices"][0]) == ["underlying", "index", "below", "above", "all_prices"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize(
    ("cash", "expected"),
    [
        ("100", {"health_factor_reason": "nothing is required"}),
        ("-100", {"health_factor_reason": "negative equity, nothing required"}),
    ],
)
def test_what_is_not_finite_is_null_with_its_reason(cash, expected):
    empty = DESK.portfolio.holding(positions={}, balances={"USD": cash}, orders=())
    found = plain(column("isolated", portfolio=empty))
    assert found["health_factor"] is None
    assert {name: reason for name, reason in found.items() if name.endswith("_reason")} == expected


def test_usage_without_equity_is_null_because_something_is_required():
    broke = DESK.portfolio.holding(balances={"USD": "-100000"})
    found = plain(column(portfolio=broke))
    assert found["margin_usage"] is None
    assert found["margin_usage_reason"] == "no equity, something required"
    free = plain(replace(COLUMN, netting=Netting(isolated=5.0, initial=0.0)))
    assert (free["capital_efficiency"], free["capital_efficiency_reason"]) == (None, "nothing is required")
    assert compare.ratio(inf) == "inf"


NAMES = ["[bold]", "[/red]", "[/]", "\\[x]", ":smile:"]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_text_and_never_markup(name):
    record = small()
    record["accounts"][0]["id"] = name
    found = desk(record)
    one = replace(column(portfolio=found.portfolio, found=found), name=name)
    text = printed(table([one]))
    assert f"Margin of {name}, USD" in " ".join(text.split())
    assert text.count(name) == 2
    assert name in printed(compare.impact_table(impact(found.portfolio, [], found.market, method_of())))
    assert name in printed(compare.price_table([replace(one.prices[0], underlying=name)], "USD"))


def test_impact_as_text_and_data():
    found = impact(DESK.portfolio, DESK.portfolio.orders, DESK.market, method_of())
    lines = {line[0]: line[1:] for line in compare.impact_rows(found)}
    assert lines["initial"] == tuple(
        map(compare.money, (found.current.initial, found.contemplated.initial, found.delta["initial"]))
    )
    assert "initial: scan loss" in lines
    data = compare.impact_plain(found)
    assert list(data) == ["current", "contemplated", "delta", "components"]
    for name, value in data["delta"].items():
        assert value == data["contemplated"][name] - data["current"][name]
    assert json.loads(json.dumps(data, allow_nan=False)) == data


def test_price_table_says_none_where_none_is():
    safe = Portfolio.of(
        DESK.instruments, account=DESK.portfolio.account, positions={"PERP": 1}, balances={"USD": "1000000"}
    )
    (price,) = liquidation_prices(safe, DESK.market, method_of())
    assert printed(compare.price_table([price], "USD")).split("BTC")[1].replace("│", "").split()[:3] == [
        "42,000.00",
        "none",
        "none",
    ]
