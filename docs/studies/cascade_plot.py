"""Four panels by round for cascade.py, as SVG."""

from html import escape
from math import floor, log10

import numpy as np

COLOUR = {"isolated": "#0072b2", "tiered": "#009e73", "portfolio": "#d55e00"}
DASH = {"same cash": "6 4", "same usage": "none"}
WHITE = '<rect width="100%" height="100%" fill="white"/>'
WIDE, HIGH, LEFT, TOP, STEP = 230, 210, 60, 46, 305
ROUNDS = 6  # shown; what ended before goes on flat
PANELS = {  # title: figures by round, and what stands after the last
    "price as the round begins, % of the day before": (lambda f: f.path[1:], "last"),
    "accounts closed in the round, %": (lambda f: f.liquidated, "zero"),
    "notional closed in the round, % of gross": (lambda f: f.closed, "zero"),
    "fund and socialised so far, % of gross": (lambda f: f.deficits, "last"),
}


def shown(figures, after):
    """The first rounds, in per cent."""
    rest = np.full(ROUNDS, figures[-1] if after == "last" else 0.0)
    return 100.0 * np.concatenate([figures, rest])[:ROUNDS]


def ticks_of(low, high):
    """About five round numbers that hold both ends."""
    raw = max(high - low, 1e-9) / 5
    unit = 10.0 ** floor(log10(raw))
    step = next(unit * times for times in (1, 2, 2.5, 5, 10) if unit * times >= raw)
    return np.arange(floor(low / step), -floor(-high / step) + 1) * step


def panel(number, title, lines, caption):
    """One axis system with a line for each view and method."""
    figures, after = PANELS[title]
    drawn = {key: shown(figures(f), after) for key, f in lines.items()}
    high = max(y.max() for y in drawn.values())
    ticks = ticks_of(min(y.min() for y in drawn.values()) if title.startswith("price") else 0.0, high)

    def up(y):
        return HIGH * (1.0 - (y - ticks[0]) / (ticks[-1] - ticks[0]))

    def across(n):
        return WIDE * n / (ROUNDS - 1)

    out = [f'<g transform="translate({LEFT + number * STEP},{TOP})">', f'<text x="0" y="-12">{title}</text>']
    for tick in ticks:
        out.append(f'<line x1="0" x2="{WIDE}" y1="{up(tick):.1f}" y2="{up(tick):.1f}" stroke="#ddd"/>')
        out.append(f'<text x="-6" y="{up(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for n in range(ROUNDS):
        out.append(f'<text x="{across(n):.1f}" y="{HIGH + 18}" text-anchor="middle">{n}</text>')
    out.append(f'<text x="{WIDE / 2}" y="{HIGH + 38}" text-anchor="middle">round, {escape(caption)}</text>')
    for (view, name), y in drawn.items():
        points = " ".join(f"{across(n):.1f},{up(v):.1f}" for n, v in enumerate(y.tolist()))
        style = f'stroke="{COLOUR[name]}" stroke-width="2" stroke-dasharray="{DASH[view]}"'
        out.append(f'<polyline points="{points}" fill="none" {style}/>')
    return [*out, "</g>"]


def plot(lines, caption):
    """Panels and a legend; ``lines``: (view, method) to what was found."""
    size = f'width="{LEFT + len(PANELS) * STEP}" height="{TOP + HIGH + 84}"'
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">', WHITE]
    out += [part for number, title in enumerate(PANELS) for part in panel(number, title, lines, caption)]
    for number, (view, name) in enumerate(lines):
        x, y = LEFT + number * 200, TOP + HIGH + 66
        style = f'stroke="{COLOUR[name]}" stroke-width="2" stroke-dasharray="{DASH[view]}"'
        out.append(f'<line x1="{x}" x2="{x + 30}" y1="{y}" y2="{y}" {style}/>')
        out.append(f'<text x="{x + 36}" y="{y + 4}">{name}, {view}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"
