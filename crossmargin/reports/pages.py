"""HTML pages in one file: figures with their library inside, tables, and nothing that a browser would fetch."""

from collections.abc import Iterable, Sequence
from html import escape
from importlib import import_module
from typing import Any

from crossmargin.errors import MissingExtraError

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555")  # told apart by all eyes
LAYOUT: dict[str, Any] = {
    "template": "plotly_white", "margin": {"l": 80, "r": 20, "t": 50, "b": 50}, "hovermode": "closest",
    "font": {"family": "system-ui, sans-serif", "size": 13}, "legend": {"orientation": "h", "y": -0.18},
}  # fmt: skip
POLICY = (  # scripts and styles of the page alone, and nothing from anywhere
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1b1f24; max-width: 1200px; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.1rem; margin-top: 2rem }
p.note { color: #57606a; margin: .2rem 0 } p.lead { font-size: 1.1rem; margin: .8rem 0 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .6rem 0 }
table { display: block; overflow-x: auto }
th, td { padding: .25rem .8rem .25rem 0; text-align: right; vertical-align: top; border-bottom: 1px solid #d0d7de }
th { color: #57606a; font-weight: 600; white-space: nowrap } td { white-space: pre-line }
td.text, th.text { text-align: left }
"""


def plotly(part: str) -> Any:
    """A part of the library of figures, or an error that names the extra."""
    try:
        return import_module(f"plotly.{part}")
    except ImportError as error:
        raise MissingExtraError("plotly must be installed, was not: pip install 'crossmargin[report]'") from error


def page(title: str, parts: Iterable[str]) -> str:
    """A whole page; ``parts`` are HTML, the title is text."""
    script = plotly("offline").get_plotlyjs()
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n<script>{script}</script>\n</head>\n"
        f"<body>\n<h1>{escape(title)}</h1>\n" + "\n".join(parts) + "\n</body>\n</html>\n"
    )


def heading(text: str) -> str:
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str, kind: str = "") -> str:
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, texts: Sequence[str] = ()) -> str:
    """Cells are text; the first column and those named in ``texts`` lie to the left, figures to the right."""
    left = [place == 0 or name in texts for place, name in enumerate(head)]
    body = "\n".join(line("td", cells, left) for cells in rows)
    return f"<table>\n<thead>{line('th', head, left)}</thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def line(tag: str, cells: Sequence[str], left: Sequence[bool]) -> str:
    made = (
        f'<{tag} class="text">{escape(cell)}</{tag}>' if text else f"<{tag}>{escape(cell)}</{tag}>"
        for cell, text in zip(cells, left, strict=True)
    )  # fmt: skip
    return f"<tr>{''.join(made)}</tr>"


def figure(name: str, traces: Sequence[dict[str, Any]], *, height: int = 420, **layout: Any) -> str:
    """A figure of traces as plotly describes them; ``name`` is its id on the page. Texts are text, never markup."""
    made = plotly("graph_objects").Figure(data=[escaped(t) for t in traces], layout=LAYOUT | escaped(layout))
    return str(
        plotly("io").to_html(
            made, full_html=False, include_plotlyjs=False, div_id=name, default_height=f"{height}px",
            config={"displayModeBar": False, "responsive": True},
        )
    )  # fmt: skip


def escaped(value: Any) -> Any:
    """The same with every text escaped: the library reads markup in labels."""
    if isinstance(value, str):
        return value if value.startswith("%{") else escape(value, quote=False)
    if isinstance(value, dict):
        return {key: item if key == "hovertemplate" else escaped(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [escaped(item) for item in value]
    return value


def zero_line(axis: str, value: float, text: str = "") -> dict[str, Any]:
    """A dashed line across a figure at a value of ``x`` or ``y``, with a label at its end."""
    other = "y" if axis == "x" else "x"
    return {
        "type": "line", f"{axis}0": value, f"{axis}1": value, f"{other}0": 0, f"{other}1": 1,
        f"{other}ref": "paper", "line": {"dash": "dash", "width": 1, "color": "#57606a"},
        "label": {"text": text, "textposition": "end", "font": {"size": 11, "color": "#57606a"}},
    }  # fmt: skip
