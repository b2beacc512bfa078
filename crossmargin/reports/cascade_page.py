"""The page of a cascade: prices, what is closed, and who bears it, round by round, methods side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from crossmargin.liquidation.comparison import MethodOutcome
from crossmargin.reports import pages
from crossmargin.reports.cascades import (
    CascadeReport,
    end_line,
    left_out_lines,
    made_line,
    market_line,
    round_head,
    round_rows,
    rows_of,
    title,
    total_head,
    total_rows,
)

Outcomes = Mapping[str, MethodOutcome]


def cascade_page(found: CascadeReport) -> str:
    """One file of HTML."""
    results = {name: outcome.result for name, outcome in found.outcomes.items()}
    parts = [
        pages.paragraph(made_line(found), "lead"),
        pages.paragraph(market_line(found), "note"),
        *(pages.paragraph(text, "note") for text in left_out_lines(found)),
        *(pages.paragraph(end_line(name, result)) for name, result in results.items()),
        pages.table(total_head(found), total_rows(found)),
        *figures(found),
    ]
    for name, result in results.items():
        parts.append(pages.heading(f"{name}, by round"))
        parts.append(pages.table(round_head(result), round_rows(result, shorten=False)))
    return pages.page(title(found), parts)


def figures(found: CascadeReport) -> list[str]:
    outcomes, money = found.outcomes, found.quote
    return [
        pages.heading("Prices as a share of those before the shock"),
        pages.paragraph("Dotted: as the margin engine sees them, where its oracle lags or errs.", "note"),
        prices(found),
        pages.heading("Notional closed"),
        chart("notional", bars(outcomes, "notional"), f"closed in a round, {money}"),
        pages.heading("Accounts"),
        pages.paragraph("Dotted: below maintenance. Solid: closed, in part or whole.", "note"),
        chart("accounts", lines(outcomes, "liquidated") + lines(outcomes, "below", dash="dot"), "accounts"),
        pages.heading("Insurance fund"),
        chart("fund", lines(outcomes, "fund"), f"fund after the round, {money}"),
        pages.heading("Socialised loss"),
        chart("socialised", bars(outcomes, "socialised"), f"loss in a round that nobody paid, {money}"),
    ]


def chart(name: str, traces: Sequence[dict[str, Any]], label: str) -> str:
    """A figure over rounds."""
    return pages.figure(
        name, traces, height=340, barmode="group", showlegend=True, hovermode="x unified",
        xaxis=rounds_axis(), yaxis={"title": {"text": label}, "tickformat": ",.3~s", "rangemode": "tozero"},
    )  # fmt: skip


def rounds_axis(**more: Any) -> dict[str, Any]:
    return {"title": {"text": "round"}, "tickformat": "d", **more}


def colour(number: int) -> str:
    return pages.COLOURS[number % len(pages.COLOURS)]


def bars(outcomes: Outcomes, field: str) -> list[dict[str, Any]]:
    return [
        {
            "type": "bar", "name": name, "x": [row.number for row in rows], "y": [getattr(row, field) for row in rows],
            "marker": {"color": colour(number)}, "hovertemplate": "%{y:,.0f}",
        }
        for number, (name, rows) in enumerate(rows_of(outcomes))
    ]  # fmt: skip


def lines(outcomes: Outcomes, field: str, *, dash: str = "solid") -> list[dict[str, Any]]:
    return [
        {
            **stroke(name, number, dash), "x": [row.number for row in rows],
            "y": [getattr(row, field) for row in rows], "hovertemplate": "%{y:,.0f}", "showlegend": dash == "solid",
        }
        for number, (name, rows) in enumerate(rows_of(outcomes))
    ]  # fmt: skip


def stroke(name: str, number: int, dash: str) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "lines+markers", "name": name, "legendgroup": name,
        "line": {"color": colour(number), "dash": dash}, "marker": {"size": 5},
    }  # fmt: skip


# ---- prices --------------------------------------------------------------------------------


def prices(found: CascadeReport) -> str:
    """True prices and those the engine sees, an underlying above the other."""
    names = list(found.depth)
    traces = [trace for place, name in enumerate(names, 1) for trace in price_traces(found, name, place)]
    axes: dict[str, Any] = {}
    for place, name in enumerate(names, 1):
        axes[f"xaxis{place}"] = rounds_axis() if place == len(names) else {"tickformat": "d"}
        axes[f"yaxis{place}"] = {"title": {"text": f"{name} ({found.index[name]:,.2f})"}, "tickformat": ".2~%"}
    grid = {"rows": len(names), "columns": 1, "pattern": "independent"}
    return pages.figure("prices", traces, height=120 + 240 * len(names), grid=grid, showlegend=True, **axes)


def price_traces(found: CascadeReport, underlying: str, place: int) -> list[dict[str, Any]]:
    traces = []
    for number, (name, rows) in enumerate(rows_of(found.outcomes)):
        for field, dash in (("factor", "solid"), ("seen", "dot")):
            y = [getattr(row, field)[underlying] for row in rows]
            if field == "seen" and y == [row.factor[underlying] for row in rows]:
                continue
            shown = field == "factor" and place == 1
            traces.append({
                **stroke(name, number, dash), "x": [row.number for row in rows], "y": y, "showlegend": shown,
                "xaxis": f"x{place}", "yaxis": f"y{place}", "hovertemplate": f"{field} %{{y:.2%}}",
            })  # fmt: skip
    return traces
