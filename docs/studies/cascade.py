"""Crash days under three margin methods: writes cascade.md, cascade_oil.svg and cascade_equity.svg beside this file.

    python docs/studies/cascade.py --data ../shared/data                               # about a minute
    python docs/studies/cascade.py --data ../shared/data --times 0.1 --output /tmp     # a look, with fewer accounts
"""

import argparse
from dataclasses import replace
from itertools import product
from pathlib import Path as File

import numpy as np
from cascade_days import EQUITY, FIRST, OIL, STOCK, Case, Data
from cascade_plot import plot
from cascade_runs import (
    ACCOUNTS, EDGE, FUND, LONG, METHODS, OFFSET, PENALTY, POSITIONS, SIZE, SPREAD, STEEPER, VIEWS, Setting, apart,
    arithmetic, run,
)  # fmt: skip
from study_page import written

HERE = File(__file__).resolve().parent
DAYS = {OIL: ("2020-03-09", "2020-03-18", "2020-04-27"), EQUITY: ("2020-03-09", "2020-03-12", "2020-03-16")}
SPREADS = (OIL, "2020-04-27")  # the day that WTI fell without Brent
MAIN, NEGATIVE = {OIL: "2020-03-09", EQUITY: "2020-03-16"}, "2020-04-20"
TRADED, HEADROOM = (1.0, 2.0, 4.0, 8.0, 16.0), (0.25, 0.5, 1.0, 2.0, 4.0)
FEWER, SEEDS = 0.4, 8  # accounts of a run where there are many runs; crowds


def percent(value, digits=1):
    return f"{100 * value:.{digits}f}"


def table(head, rows, texts=1):
    """Markdown; the first columns are text."""
    lines = [head, ["---"] * texts + ["--:"] * (len(head) - texts), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def calibrated(cases):
    """What differs by underlying and day, and what by day or market."""
    own = [
        [f"{market}, {day}", name, *map(percent, (case.shock[name], case.initial[name])), percent(case.impact[name], 2)]
        for (market, day), case in cases.items() for name in case.price
    ]  # fmt: skip
    joint = [
        [f"{market}, {day}", percent(c.calm), *(f"{x:.2f}" for x in (c.exponent, *c.correlations))]
        for (market, day), c in cases.items()
    ]
    first = table(["market, day", "underlying", "move, %", "initial, %", "impact of a day's volume, %"], own, 2)
    head = ["market, day", "deviation of a day before, %", "depth exponent", "correlation: calm", "stressed"]
    return first + "\n\n" + table(head, joint)


OUTCOME = ["leverage", "accounts closed, %", "rounds", "notional closed, %", "fall of the day, %", "further, points",
           "fund paid, %", "socialised, %", "taken over"]  # fmt: skip


def outcome(f):
    return [f"{f.leverage:.2f}", percent(f.row.share_liquidated), f.n_rounds, percent(f.closed.sum()),
            percent(1.0 - f.path[1]), percent(f.further, 2), percent(f.fund, 2), percent(f.socialised, 2),
            f.row.taken_over]  # fmt: skip


def outcomes(found):
    rows = [
        [f"{market}, {day}", view, name, *outcome(f)]
        for (market, day, view), three in found.items() for name, f in three.items()
    ]  # fmt: skip
    return table(["market, day", "accounts have", "margin", *OUTCOME], rows, 3)


def rounds(found, market):
    """Price, accounts and notional of each round, of the main day."""
    columns = {(v, m): found[market, MAIN[market], v][m] for v, m in product(VIEWS, METHODS)}
    rows = []
    for n in range(max(f.row.n_rounds for f in columns.values())):
        going = ((f, n < f.row.n_rounds) for f in columns.values())
        three = ([f.path[n + 1], f.liquidated[n], f.closed[n]] if on else [] for f, on in going)
        rows.append([n, *("; ".join(map(percent, figures)) for figures in three)])
    return table(["round", *(f"{name}, {view}" for view, name in columns)], rows)


def features():
    """One thing changed at a time."""
    return {
        "as stated": {}, "no contagion": {"contagion": False}, "depth does not shrink": {"exponent": 0.0},
        "depth shrinks as volatility rises": {"exponent": 1.0}, "square root of the flow": {"root": True},
        "oracle a round late": {"lag": 1}, "oracle two rounds late": {"lag": 2},
        "two rounds late, depth does not shrink": {"lag": 2, "exponent": 0.0},
        "liquidators a round late": {"delay": 1}, "liquidators two rounds late": {"delay": 2},
        "they take 5 % a round": {"capacity": 0.05}, "they take 1 % a round": {"capacity": 0.01},
        "half of positions long": {"long": 0.5}, "80 % of positions long": {"long": 0.8},
    }  # fmt: skip


def changed(cases, market, base):
    rows = []
    for label, change in features().items():
        three = run(cases[market, MAIN[market]], "same usage", replace(base, **change)).values()
        kinds = [lambda f: f.n_rounds, lambda f: percent(f.row.share_liquidated), lambda f: percent(f.further, 2),
                 lambda f: percent(f.deficits[-1], 2)]  # fmt: skip
        rows.append([label, *(figure(f) for figure in kinds for f in three)])
    kinds = ("rounds", "accounts closed, %", "further, points", "deficits, %")
    return table(["", *(f"{kind}: {name}" for kind in kinds for name in METHODS)], rows)


def swept(case, view, base):
    return {
        (traded, headroom): run(case, view, replace(base, traded=traded, headroom=headroom))
        for traded, headroom in product(TRADED, HEADROOM)
    }


def sensitivity(sweep, figure, digits):
    """Isolated / tiered / portfolio, by days of volume down and headroom across."""
    rows = []
    for traded in TRADED:
        cells = [" / ".join(percent(figure(f), digits) for f in sweep[traded, h].values()) for h in HEADROOM]
        rows.append([f"{traded:g}", *cells])
    return table(["days of volume", *(f"headroom {h:.0%}" for h in HEADROOM)], rows)


def order(sweeps):
    """In how many settings portfolio margin ends lower than isolated margin, and by how much."""
    rows = []
    for (market, view), sweep in sweeps.items():
        gap = np.array([three["portfolio"].further - three["isolated"].further for three in sweep.values()])
        rows.append([f"{market}, {view}", len(gap), int((gap > 1e-4).sum()), int((gap < -1e-4).sum()),
                     *(percent(x, 2) for x in (gap.min(), np.median(gap), gap.max()))])  # fmt: skip
    head = ["", "settings", "lower", "higher", "least, points", "middle, points", "most, points"]
    return table(head, rows)


def spread(found):
    """Mean and standard deviation of each figure."""
    pairs = zip(np.mean(found, axis=0), np.std(found, axis=0, ddof=1), strict=True)
    return [f"{percent(m, 2)} ± {percent(s, 2)}" for m, s in pairs]


def seeds(cases, base):
    """Mean and standard deviation over crowds."""
    rows = []
    for market, view in product(DAYS, VIEWS):
        runs = [run(cases[market, MAIN[market]], view, replace(base, seed=seed)) for seed in range(SEEDS)]
        made = {}
        for name in METHODS:
            found = [np.array([f.row.share_liquidated, f.further, f.deficits[-1]]) for f in (r[name] for r in runs)]
            made[name] = found
            rows.append([f"{market}, {MAIN[market]}", view, name, *spread(found)])
        gaps = [portfolio - isolated for isolated, portfolio in zip(made["isolated"], made["portfolio"], strict=True)]
        rows.append([f"{market}, {MAIN[market]}", view, "portfolio less isolated", *spread(gaps)])
    head = ["market, day", "accounts have", "margin", "accounts closed, %", "further, points", "deficits, %"]
    return table(head, rows, 3)


def negative(data, base):
    """Three tables of the day of -36.98."""
    case, twin = Case.of(data, OIL, NEGATIVE), Case.of(data, OIL, MAIN[OIL])
    plain = [
        [c.day, view, name, *map(percent, pair)]
        for c in (twin, case) for view in VIEWS for name, pair in arithmetic(c, view, base).items()
    ]  # fmt: skip
    first = table(["day", "accounts have", "margin", "deficits, %", "accounts below 0, %"], plain, 3)
    shifted = {(OIL, NEGATIVE, view): run(case.shifted(), view, base) for view in VIEWS}
    again = {(OIL, f"{MAIN[OIL]}, {how}", view): run(c, view, base)
             for how, c in (("relative", twin), ("absolute", twin.shifted())) for view in VIEWS}  # fmt: skip
    return {"arithmetic": first, "negative": outcomes(shifted), "twin": outcomes(again)}


def assumed(base):
    span = lambda values: f"{values[0]:g} to {values[-1]:g}"  # noqa: E731
    return table(["", "assumed", "looked at"], [
        ["accounts", f"{base.accounts:,}, {POSITIONS[OIL]} positions of 4 contracts (oil), {POSITIONS[EQUITY]} of 12 "
         f"(equity), notional {SIZE:,.0f} times a lognormal of spread 1", f"{SEEDS} seeds"],
        ["chance that a position is long", f"{LONG:.0%}", "50 %, 80 %"],
        ["headroom: cash beyond initial margin, of it", f"exponential, mean {base.headroom:g}", span(HEADROOM)],
        ["gross notional, in average days of volume", f"{base.traded:g}", span(TRADED)],
        ["impact", "linear, temporary half of permanent", "square root"],
        ["initial margin of a stock", f"{STOCK:.0%}", ""],
        ["portfolio: a gain against others' losses", f"{OFFSET:.0%}", ""],
        ["tiered: rate of an underlying's net notional", f"times {STEEPER:g} beyond {EDGE:,.0f}", ""],
        ["penalty, half the spread", f"{PENALTY:.1%} of closed notional, {SPREAD:.2%} of the price", ""],
        ["insurance fund", f"{FUND:.0%} of gross notional, and the penalties", ""],
    ], 3)  # fmt: skip


def sections(data, base):
    """What the page says between its marks, and the outcomes that the pictures show."""
    cases = {(market, day): Case.of(data, market, day) for market, days in DAYS.items() for day in days}
    found = {(*key, view): run(case, view, base) for key, case in cases.items() for view in VIEWS}
    fewer = replace(base, accounts=max(round(base.accounts * FEWER), 1))
    sweeps = {(m, view): swept(cases[m, MAIN[m]], view, fewer) for m in DAYS for view in VIEWS}
    parts = {"assumed": assumed(base), "calibrated": calibrated(cases), "outcomes": outcomes(found)}
    parts["spreads"] = spreads(cases[SPREADS], found[*SPREADS, "same usage"], base)
    for market in DAYS:
        parts[f"rounds {market}"] = rounds(found, market)
        parts[f"features {market}"] = changed(cases, market, base)
        parts[f"further {market}"] = sensitivity(sweeps[market, "same usage"], lambda f: f.further, 1)
        parts[f"deficits {market}"] = sensitivity(sweeps[market, "same usage"], lambda f: f.deficits[-1], 2)
    parts |= {"order": order(sweeps), "seeds": seeds(cases, fewer), **negative(data, base)}
    return parts, {m: {(v, n): f for v in VIEWS for n, f in found[m, MAIN[m], v].items()} for m in DAYS}


def spreads(case, found, base):
    """Of all accounts and of those closed: how many are long the first underlying and short the other."""
    spread = apart(case, "same usage", base)
    closed = {name: f.row.result.accounts for name, f in found.items()}
    whole = percent(spread.mean())
    rows = [[name, len(x), whole, percent(spread[x].mean()) if len(x) else "-"] for name, x in closed.items()]
    return table(["margin", "closed", "long WTI, short Brent, % of all", "% of those closed"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=File, required=True, help="folder with lean/, pddl/ and skfolio/")
    parser.add_argument("--times", type=float, default=1.0, help="accounts, as a multiple of the page's")
    parser.add_argument("--output", type=File, default=HERE)
    given = parser.parse_args()
    if not all((given.data / folder).is_dir() for folder in ("lean", "pddl", "skfolio")):
        print(f"skipped: no real prices in {given.data}, and the page needs them")
        return
    parts, shown = sections(Data(given.data), Setting(accounts=max(round(ACCOUNTS * given.times), 10)))
    (given.output / "cascade.md").write_text(written((HERE / "cascade.md").read_text(), parts))
    for market, lines in shown.items():
        (given.output / f"cascade_{market}.svg").write_text(plot(lines, f"{FIRST[market]}, {MAIN[market]}"))


if __name__ == "__main__":
    main()
