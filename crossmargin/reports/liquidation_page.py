"""The page of one account's liquidation: its standing, its surplus over price and volatility, its close-out."""

from collections.abc import Sequence
from typing import Any

from crossmargin.liquidation.prices import Surface
from crossmargin.reports import pages
from crossmargin.reports.liquidations import (
    STEP_HEAD,
    Liquidation,
    common_line,
    end_lines,
    figure_rows,
    price_head,
    price_rows,
    price_title,
    state_line,
    step_rows,
    title,
)

PERCENT = "+.0%"


def liquidation_page(found: Liquidation, surfaces: Sequence[Surface], note: str) -> str:
    """One file of HTML; ``surfaces`` have a row at 0 points of volatility, ``note`` says where figures are from."""
    parts = [
        pages.paragraph(note, "note"),
        pages.paragraph(state_line(found), "lead"),
        pages.paragraph(common_line(found)),
        pages.table(("", found.portfolio.account.currency), figure_rows(found)),
        pages.heading(price_title(found)),
        pages.table(price_head(found), price_rows(found)),
        *surface_parts(surfaces),
        *close_out_parts(found),
    ]
    return pages.page(title(found), parts)


def surface_parts(surfaces: Sequence[Surface]) -> list[str]:
    if not surfaces:
        return []
    return [
        pages.heading("Surplus as prices move"),
        curves(surfaces),
        pages.heading("Surplus over price and volatility"),
        pages.paragraph("Red: below maintenance. Black line: a surplus of 0. Every point is revalued in full.", "note"),
        *(contour(f"surface-{number}", surface) for number, surface in enumerate(surfaces, 1)),
    ]  # fmt: skip


def name_of(surface: Surface) -> str:
    return " and ".join(surface.underlyings) if len(surface.underlyings) < 4 else "all underlyings"


def curves(surfaces: Sequence[Surface]) -> str:
    """Surplus along each path, volatility as it is."""
    traces = [
        {
            "type": "scatter", "mode": "lines", "name": name_of(s), "x": s.moves.tolist(),
            "y": s.surplus[s.volatilities.tolist().index(0.0)].tolist(),
            "line": {"color": pages.COLOURS[number % len(pages.COLOURS)]},
            "hovertemplate": "%{x:+.1%}: %{y:,.0f}",
        }
        for number, s in enumerate(surfaces)
    ]  # fmt: skip
    return pages.figure(
        "curves", traces, shapes=[pages.zero_line("y", 0.0), pages.zero_line("x", 0.0, "now")], showlegend=True,
        xaxis={"title": {"text": "move of the index"}, "tickformat": PERCENT},
        yaxis={"title": {"text": f"surplus maintenance, {surfaces[0].currency}"}, "tickformat": ",.3~s"},
    )  # fmt: skip


def contour(name: str, surface: Surface) -> str:
    """Surplus over moves and points of volatility, its zero as a line, the present market as a point."""
    moved = ", ".join(f"{u} ({surface.index[u]:,.2f})" for u in surface.underlyings)
    crosses = surface.surplus.min() < 0.0 < surface.surplus.max()
    none = "" if crosses else ", nowhere 0 in this range"
    return pages.figure(
        name, [shades(surface), *([zero(surface)] if crosses else []), here()], height=460,
        title={"text": f"{name_of(surface)}: surplus maintenance{none}", "font": {"size": 15}},
        xaxis={"title": {"text": f"move of {moved}"}, "tickformat": PERCENT},
        yaxis={"title": {"text": "points of volatility added"}, "tickformat": PERCENT},
    )  # fmt: skip


def grid(surface: Surface) -> dict[str, Any]:
    return {"x": surface.moves.tolist(), "y": surface.volatilities.tolist(), "z": surface.surplus.tolist()}


def shades(surface: Surface) -> dict[str, Any]:
    return {
        "type": "contour", **grid(surface), "zmid": 0.0, "colorscale": "RdBu", "ncontours": 24, "showlegend": False,
        "contours": {"coloring": "heatmap"}, "line": {"width": 0.4, "color": "#8c959f"},
        "colorbar": {"title": {"text": surface.currency}, "tickformat": ",.3~s"},
        "hovertemplate": "%{x:+.1%}, volatility %{y:+.0%}: %{z:,.0f}<extra></extra>",
    }  # fmt: skip


def zero(surface: Surface) -> dict[str, Any]:
    return {
        "type": "contour", **grid(surface), "name": "surplus 0", "showlegend": True, "hoverinfo": "skip",
        "contours": {"type": "constraint", "operation": "=", "value": 0.0}, "line": {"width": 3, "color": "#000000"},
        "fillcolor": "rgba(0,0,0,0)",
    }  # fmt: skip


def here() -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "markers", "name": "now", "x": [0.0], "y": [0.0], "hoverinfo": "skip",
        "marker": {"symbol": "x", "size": 11, "color": "#000000"},
    }  # fmt: skip


def close_out_parts(found: Liquidation) -> list[str]:
    if found.closed is None or found.narrative is None:
        return []
    why = found.narrative.why() if found.moves else []
    lines = [pages.paragraph(text) for text in (*why, *end_lines(found))]
    if not found.closed.steps:
        return [pages.heading("Close-out"), *lines]
    rows = step_rows(found, most=100)
    return [pages.heading("Close-out"), *lines, steps_figure(found), pages.table(STEP_HEAD, rows, texts=("trades",))]


def steps_figure(found: Liquidation) -> str:
    """The surplus before the first step and after each."""
    steps = found.closed.steps if found.closed else ()
    trace = {
        "type": "scatter", "mode": "lines+markers", "name": "surplus maintenance",
        "x": list(range(len(steps) + 1)), "y": [steps[0].surplus_before, *(step.surplus_after for step in steps)],
        "line": {"shape": "hv", "color": pages.COLOURS[0]}, "hovertemplate": "step %{x}: %{y:,.2f}<extra></extra>",
    }  # fmt: skip
    return pages.figure(
        "steps", [trace], height=320, shapes=[pages.zero_line("y", 0.0)],
        xaxis={"title": {"text": "steps taken"}, "dtick": 1 if len(steps) <= 20 else None},
        yaxis={"title": {"text": f"surplus maintenance, {found.portfolio.account.currency}"}, "tickformat": ",.3~s"},
    )  # fmt: skip
