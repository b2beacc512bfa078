"""Speed of a Dutch auction against what it brings: writes auction.md and auction.svg beside this file.

    python docs/studies/auction.py --data ../shared/data                               # some minutes
    python docs/studies/auction.py --data ../shared/data --times 0.03 --output /tmp    # a look
"""

import argparse
import csv
import gzip
from dataclasses import dataclass, replace
from datetime import date
from itertools import product
from math import isnan, log10
from pathlib import Path as File

import msgspec
import numpy as np
from study_page import written

from crossmargin import Account, Asset, Instrument, Instruments, Market, Observation, Portfolio
from crossmargin.instruments import Kind, Right, expiry_key
from crossmargin.liquidation.auction import MAINNET, MINUTE
from crossmargin.liquidation.auction_study import Bidder, Path, Summary, simulate
from crossmargin.margin import Haircut, TieredMargin, Tiers
from crossmargin.venues import derive_1

HERE = File(__file__).resolve().parent
SEED = 20_200_316
FAST = (1, 5, 15, 60, 240)  # minutes
GBM, CRASH = "Brownian", "March 2020"
PATHS = {GBM: 40, CRASH: 10}  # of the crash, for each day
HOURS, VOLATILITY, SPOT = 6, 0.8, 2_000.0  # of the Brownian paths
DAYS = ("2020-03-09", "2020-03-12", "2020-03-16")
SESSION = 390  # minutes of a trading day
NIGHT = 17 * 60 + 30  # minutes from a close to the next open
EXPIRY = 30 * 24 * 60 * MINUTE  # of the options, from the first moment
HEADROOM = {GBM: -0.02, CRASH: 0.05}  # surplus at the first moment, of the requirement
EDGES, CAPITAL, BIDDERS, FUND = (0.05, 0.20), 0.05, 40, 0.05  # capital and fund: of the requirement
LONG, THIN, STRADDLE = "long, 23 %", "long, 5 %", "short straddle"
HELD = {LONG: {"LINEAR": 1}, THIN: {"LINEAR": 1}, STRADDLE: {"C": -1, "P": -1}}
COST = {LONG: 0.001, THIN: 0.001, STRADDLE: 0.01}  # to close or hedge, of the index for each unit held
PORTFOLIO = derive_1.PortfolioMargin1(name="v1", underlying="U", cash="USD", base="BASE", rules=derive_1.MAINNET)
FLAT = {"LINEAR": Tiers(edges=(0.0,), initial=(0.10,), maintenance=(0.05,))}
RATE = TieredMargin(name="one rate", collateral=(Haircut(asset="USD"),), schedules=FLAT)
METHODS = {LONG: PORTFOLIO, THIN: RATE, STRADDLE: PORTFOLIO}


@dataclass(frozen=True)
class Prices:
    """Index and volatility minute by minute; ``times`` in nanoseconds from the first moment."""

    times: np.ndarray
    index: np.ndarray
    volatility: np.ndarray


def brownian(rng):
    """Six hours, a minute a step, without drift; what options imply is what happens."""
    steps = HOURS * 60
    moves = rng.normal(size=steps) * VOLATILITY / np.sqrt(365 * 24 * 60) - 0.5 * VOLATILITY**2 / (365 * 24 * 60)
    index = SPOT * np.exp(np.concatenate(([0.0], np.cumsum(moves))))
    return Prices(np.arange(steps + 1) * MINUTE, index, np.full(steps + 1, VOLATILITY))


def bridge(rng, first, last, steps, deviation):
    """``steps`` further points of a Brownian bridge in logarithms, ``deviation`` a step."""
    walk = np.concatenate(([0.0], np.cumsum(rng.normal(size=steps) * deviation)))
    part = np.arange(steps + 1) / steps
    return np.exp(np.log(first) + np.log(last / first) * part + walk - walk[-1] * part)[1:]


def session(rng, day):
    """The close before, then a session from the real open to the close, by high and low in either order, bridged."""
    o, h, l, c = (day[name] for name in ("open", "high", "low", "close"))
    deviation = np.log(h / l) / np.sqrt(4 * np.log(2)) / np.sqrt(SESSION)  # by the day's range (Parkinson)
    part, index = SESSION // 3, [day["before"], o]
    early, late = (h, l) if rng.random() < 0.5 else (l, h)
    for first, last in ((o, early), (early, late), (late, c)):
        index.extend(np.clip(bridge(rng, first, last, part, deviation), l, h))
    minutes = np.concatenate(([0], day["night"] + np.arange(3 * part + 1)))
    implied = np.concatenate(([day["implied before"]], np.linspace(*day["implied"], 3 * part + 1)))
    return Prices(minutes * MINUTE, np.array(index), implied / 100)


def read_days(data):
    """Real days: SPY's open, high, low and close, the close before, and the VIX at open and close."""
    from pyarrow import parquet

    columns = parquet.read_table(data / "lean" / "equity_daily_raw_unadjusted.parquet").to_pydict()
    spy = {str(d.date()): row for s, d, *row in zip(*columns.values(), strict=True) if s == "SPY"}
    with gzip.open(data / "pddl" / "vix_daily_1990_2026.csv.gz", "rt") as file:
        vix = {row["DATE"]: row for row in csv.DictReader(file)}
    found, order = {}, sorted(spy)
    for name in DAYS:
        before = order[order.index(name) - 1]
        gap = (date.fromisoformat(name) - date.fromisoformat(before)).days
        found[name] = dict(zip(("open", "high", "low", "close"), spy[name], strict=False)) | {
            "before": spy[before][3], "night": NIGHT + (gap - 1) * 1_440, "implied before": float(vix[before]["CLOSE"]),
            "implied": (float(vix[name]["OPEN"]), float(vix[name]["CLOSE"])),
        }  # fmt: skip
    return found


def listed(name, strike):
    """What an account holds: a linear contract, or a call and a put of one strike and expiry."""
    call = {"kind": Kind.OPTION, "strike": strike, "expiry": EXPIRY, "right": Right.CALL}
    kinds = {"LINEAR": {"kind": Kind.PERPETUAL}, "C": call, "P": call | {"right": Right.PUT}}
    rows = [Instrument(id=item, underlying="U", settlement="USD", **kinds[item]) for item in HELD[name]]
    return Instruments.of(rows, [Asset(id="USD", decimals=9)])


def market_at(prices, moment):
    index, volatility = float(prices.index[moment]), float(prices.volatility[moment])
    key = expiry_key("U", EXPIRY)
    seen = {
        ("U", "index"): index, ("USD", "peg"): 1.0, ("LINEAR", "mark"): index, (key, "forward"): index,
        (key, "rate"): 0.0, ("C", "volatility"): volatility, ("P", "volatility"): volatility,
    }  # fmt: skip
    given = [Observation(subject=subject, field=name, value=value) for (subject, name), value in seen.items()]
    return Market.of(given, as_of=int(prices.times[moment]), quote="USD")


def path_of(name, prices):
    """An account's positions by its method's plan, and the cost to close them."""
    instruments = listed(name, float(prices.index[0]))
    portfolio = Portfolio.of(instruments, account=Account(id="a", currency="USD"), positions=HELD[name])
    markets = [market_at(prices, moment) for moment in range(len(prices.times))]
    prepared = METHODS[name].prepare(instruments, markets[0])
    return Path.along(prepared, portfolio, markets, COST[name] * prices.index)


def all_paths(data, times):
    """(case, account) to paths; each case draws from a generator of its own."""
    found = {(case, name): [] for case in PATHS for name in HELD}
    days, draws = read_days(data), {case: np.random.default_rng((SEED, n)) for n, case in enumerate(PATHS)}
    for case, n_paths in PATHS.items():
        for _ in range(max(round(n_paths * times), 1)):
            drawn = [brownian(draws[case])] if case == GBM else [session(draws[case], day) for day in days.values()]
            for prices, name in product(drawn, HELD):
                found[case, name].append(path_of(name, prices))
    return found


@dataclass(frozen=True)
class Setting:
    """How fast the price falls, and who bids: ``demand`` times edges and costs, ``wealth`` times the capital."""

    fast: int = 15
    demand: float = 1.0
    wealth: float = 1.0
    insolvent: int = 60

    def outcome(self, path, headroom):
        first = float(path.requirement[0])
        fast, insolvent = self.fast * MINUTE, self.insolvent * MINUTE
        terms = msgspec.structs.replace(MAINNET, fast_duration=fast, insolvent_duration=insolvent)
        edges = np.linspace(*EDGES, BIDDERS) * self.demand
        bidders = [Bidder(edge=float(edge), capital=CAPITAL * self.wealth * first) for edge in edges]
        cash, dearer = first * (1.0 + headroom) - float(path.worth[0]), replace(path, cost=path.cost * self.demand)
        return simulate(terms, dearer, cash, bidders, fund=FUND * first)

    def summary(self, paths, headroom):
        return Summary.of(self.outcome(path, headroom) for path in paths)


def percent(value, digits=1):
    return f"{100 * value:.{digits}f}"


HEAD = (
    "| account | {} | paths | brought, % of value | owner loses, % | ended, % | minutes: half, 90 % | sold, % "
    "| auctions | insolvent, % | deficit, % | socialised, % | open at the end, % |\n|---|" + "--:|" * 12
)


def line(name, label, s):
    brought = "-" if isnan(s.brought) else f"{percent(s.brought)} ± {percent(s.error)}"
    minutes = "-" if isnan(s.half) else f"{s.half / MINUTE:.0f}, {s.most / MINUTE:.0f}"
    cells = [name, label, s.n, brought, percent(s.lost, 2), percent(s.ended), minutes, percent(s.sold),
             f"{s.auctions:.2f}", percent(s.insolvent), percent(s.deficit, 2), percent(s.unpaid, 2), percent(s.open)]
    return "| " + " | ".join(map(str, cells)) + " |"


COLOUR = {LONG: "#0072b2", THIN: "#d55e00", STRADDLE: "#009e73"}
STROKE, DASH = 'stroke="{}" stroke-width="2" stroke-dasharray="{}"', {GBM: "none", CRASH: "6 4"}
WHITE = '<rect width="100%" height="100%" fill="white"/>'
WIDE, HIGH, LEFT, TOP, STEP = 250, 210, 60, 46, 330
PANELS = {  # figure: title, times what, lowest and highest tick, ticks; minutes by their logarithm
    "brought": ("brought, % of the value sold", 100.0, (60, 70, 80, 90, 100)),
    "lost": ("owner loses, % of requirement", 100.0, (0, 4, 8, 12, 16, 20)),
    "half": ("minutes to the end, half of the paths", 1 / MINUTE, (0.5, 1, 2, 5, 10, 20, 50, 100, 200)),
}


def within(value, ends, *, logarithmic):
    """Where a value stands between two ends, 0 to 1."""
    value, low, high = (log10(x) if logarithmic else x for x in (value, ends[0], ends[-1]))
    return (value - low) / (high - low)


def panel(number, key, table):
    """One axis system with a line for each case and account."""
    title, times, ticks = PANELS[key]

    def up(y):
        return HIGH * (1 - within(y, ticks, logarithmic=key == "half"))

    def across(minutes):
        return WIDE * within(minutes, FAST, logarithmic=True)

    out = [f'<g transform="translate({LEFT + number * STEP},{TOP})">', f'<text x="0" y="-12">{title}</text>']
    for tick in ticks:
        out.append(f'<line x1="0" x2="{WIDE}" y1="{up(tick):.1f}" y2="{up(tick):.1f}" stroke="#ddd"/>')
        out.append(f'<text x="-6" y="{up(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for fast in FAST:
        out.append(f'<text x="{across(fast):.1f}" y="{HIGH + 18}" text-anchor="middle">{fast}</text>')
    out.append(f'<text x="{WIDE / 2}" y="{HIGH + 38}" text-anchor="middle">fast phase, minutes</text>')
    for (case, name), rows in table.items():
        points = [(across(setting.fast), up(times * getattr(found, key))) for setting, found in rows]
        path, style = " ".join(f"{x:.1f},{y:.1f}" for x, y in points), STROKE.format(COLOUR[name], DASH[case])
        out.append(f'<polyline points="{path}" fill="none" {style}/>')
        out.extend(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLOUR[name]}"/>' for x, y in points)
    return [*out, "</g>"]


def plot(table):
    """Three panels and a legend, as SVG."""
    size = f'width="{LEFT + 3 * STEP + 30}" height="{TOP + HIGH + 84}"'
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">', WHITE]
    out += [part for number, key in enumerate(PANELS) for part in panel(number, key, table)]
    for number, (case, name) in enumerate(table):
        x, y = LEFT + number * 202, TOP + HIGH + 66
        out.append(f'<line x1="{x}" x2="{x + 30}" y1="{y}" y2="{y}" {STROKE.format(COLOUR[name], DASH[case])}/>')
        out.append(f'<text x="{x + 36}" y="{y + 4}">{name}, {case}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"


def lines_of(table, title, label):
    """A table for each case."""
    parts = []
    for case in PATHS:
        lines = [line(k[1], label(s), row) for k, rows in table.items() if k[0] == case for s, row in rows]
        parts += ["\n".join([f"**{case}**", "", HEAD.format(title), *lines])] if lines else []
    return "\n\n".join(parts)


def asked(paths, keys, settings):
    return {key: [(s, s.summary(paths[key], HEADROOM[key[0]])) for s in settings] for key in keys}


def assumed():
    m, (least, most) = MAINNET, EDGES
    return {
        "terms": f"main net: start {m.start:.0%}, cutoff {m.cutoff:.0%}, fee {m.fee_rate:.0%}, buffer {m.buffer:.0%}",
        f"*{GBM}*": f"{HOURS} hours, {VOLATILITY:.0%} a year, no drift, {PATHS[GBM]} paths",
        f"*{CRASH}*": f"{', '.join(DAYS)}, {PATHS[CRASH]} bridges a day",
        "surplus at first": ", ".join(f"{h:.0%} of the requirement (*{case}*)" for case, h in HEADROOM.items()),
        "bidders": f"{BIDDERS}, edges from {least:.0%} to {most:.0%}, cash of {CAPITAL:.0%} of the first requirement",
        "cost to close": f"{COST[LONG]:.1%} of the index a linear unit, {COST[STRADDLE]:.1%} a straddle",
        "insurance fund": f"{FUND:.0%} of the first requirement, and the fees",
    }


def sections(paths, speed):
    """What the page says between its marks."""
    others = ((0.5, 1.0), (1.0, 1.0), (2.0, 1.0), (4.0, 1.0), (1.0, 0.25), (1.0, 0.1))
    bidders = asked(paths, speed, [Setting(demand=demand, wealth=wealth) for demand, wealth in others])
    gap = asked(paths, [(CRASH, THIN)], [Setting(insolvent=minutes) for minutes in (5, 15, 60, 240)])
    return {
        "assumed": "\n".join(["| | |", "|---|---|", *(f"| {what} | {figure} |" for what, figure in assumed().items())]),
        "speed": lines_of(speed, "fast phase, minutes", lambda s: s.fast),
        "bidders": lines_of(bidders, "edges and costs, capital", lambda s: f"x {s.demand:g}, x {s.wealth:g}"),
        "gap": lines_of(gap, "insolvent phase, minutes", lambda s: s.insolvent),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=File, required=True, help="folder with lean/ and pddl/ of the shared data")
    parser.add_argument("--times", type=float, default=1.0, help="paths, as a multiple of the page's")
    parser.add_argument("--output", type=File, default=HERE)
    given = parser.parse_args()
    if not (given.data / "lean").is_dir():
        parser.error(f"no real prices in {given.data}: the page needs them")
    paths = all_paths(given.data, given.times)
    speed = asked(paths, [key for key in paths if key != (CRASH, THIN)], [Setting(fast=fast) for fast in FAST])
    (given.output / "auction.md").write_text(written((HERE / "auction.md").read_text(), sections(paths, speed)))
    (given.output / "auction.svg").write_text(plot(speed))


if __name__ == "__main__":
    main()
