"""Write the example files ``market-maker.json``, ``crypto.json`` and ``eth-options.json`` from published data.

``python seeds/make.py [folder]``: the folder (default ``../shared``) holds ``data/`` and ``vectors/``; the
files are written beside this script, and the figures that ``README.md`` quotes are printed. Needs pyarrow
and mpmath. Black-76 is solved with 40 digits and rounded once, so every machine writes the same bytes.
"""

import csv
import gzip
import json
import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import exp, log, sqrt
from pathlib import Path
from statistics import NormalDist, mean, median, pstdev
from typing import Any

import mpmath
import pyarrow.parquet as pq
from mpmath import mp, mpf

HERE = Path(__file__).parent
YEAR = 365 * 86_400
mp.dps = 40
Record = dict[str, Any]
Held = tuple[Record, int, str]  # instrument, lots, price paid

# ---------------------------------------------------------------- what the market maker holds: a choice
DAY = datetime(2015, 12, 23, 21, tzinfo=UTC)  # 16:00 in New York
CHAIN = "data/lean/option_chains_eod_iv_greeks.parquet"
EQUITY = "data/lean/equity_daily_raw_unadjusted.parquet"
INDEX = "data/skfolio/sp500_index.csv.gz"
NEAR = 0.12  # pairs for a forward: strikes this near to the index
RATE_SPAN = 500  # pairs for the rate: strikes at least this far apart
LEAST_TIME_VALUE = 0.7  # USD; below, a mid quote says little about volatility
TICK = {"SPX": "0.05", "GOOG": "0.01"}
# Lots by expiry, strike and right: wings bought, near strikes sold, calendars; 0 is listed, not held.
BOOK = {
    "SPX": {
        "2016-01-15": "1855P 30  1920P -24  1975P -40  2025P -18  2045P 12  2065P 10  2120C -45  2165C 60",
        "2016-02-19": "1920P 22  1940P -10  2035C 0  2070P 8  2075C -26  2110P 0  2135C 20  2190C -60",
        "2016-03-18": "1995C 0  2040P -20  2080C -14  2130P 0  2155C 18  2200C -55  2220C 48",
        "2016-06-17": "1900C 0  1975P 15  2175P -6  2200C -30  2225P 0",
        "2016-09-16": "1850P -12  1950P 8  2080C 12  2225C -15  2300C 25",
    },
    "GOOG": {
        "2016-01-15": "682.5P 40 692.5P -35 702.5C 12 717.5C -10 727.5C 15 757.5P -20 762.5P 14 787.5C 40",
        "2016-01-22": "710P 30  717.5P -25  742.5P -18  752.5P 0  777.5C -30  787.5C 20  802.5C 45",
        "2016-01-29": "727.5P 20  732.5P -22  747.5P 16  757.5P 0  767.5C -26  782.5C 24",
        "2016-03-18": "785C -20  785P 0  825C -28  835C 36",
    },
}
FUTURE = {
    "id": "SPX-20160318", "kind": "future", "underlying": "SPX", "settlement": "USD", "contract_size": "50",
    "tick": "0.25", "expiry": "2016-03-18T21:00:00Z",
}  # fmt: skip
STOCK = {
    "id": "GOOG", "kind": "spot", "underlying": "GOOG", "settlement": "USD", "contract_size": "1",
    "tick": "0.01",
}  # fmt: skip
MAKER_ASSETS = [{"id": "USD", "decimals": 2}, {"id": "SPY", "decimals": 0, "underlying": "SPX"}]
MAKER_BALANCES = {"USD": "2500000", "SPY": "3000"}
MAKER_ORDERS = [  # instrument, side, lots, ticks from the mark
    ("SPX-20160115-1975-P", "buy", 20, -4),
    ("SPX-20160115-2120-C", "sell", 15, 3),
    ("SPX-20160219-2075-C", "buy", 10, -8),
    ("SPX-20160318-2200-C", "sell", 25, 4),
    ("SPX-20160318", "buy", 6, -20),
    ("GOOG-20160122-777.5-C", "buy", 12, -15),
    ("GOOG-20160129-747.5-P", "sell", 10, 25),
    ("GOOG", "sell", 300, 40),
]

# ---------------------------------------------------------------- what the crypto desk holds: a choice
MOMENT = datetime(2024, 6, 17, 10, 22, 20, tzinfo=UTC)
BTC_ROW = "deribit-pme-doc-btc-perp-plus-future"
FLY_ROW = "test_26_structures_vega_neutral_fly"
BOOK_ROW = "test_72_VolShockParameters_VOLRANGEUP_min"
OPTIONS = {  # row: strike and right, quantity in ETH, price paid against the mark in percent
    FLY_ROW: "2700C -60 2  2700P -25 3  3100C -80 -1  2375P 60 -2",
    BOOK_ROW: "2665P 30 1  2125P -40 4  3965C 90 -5  3249C -45 2  1459P 50 3  3036P -10 -1  2711C 28 -1"
    "  2490C -15 1  3140C 35 -2  4104C -50 3",
}
INVERSE = {"settlement": "BTC", "payoff": "inverse", "contract_size": "10"}
LINEAR = {"settlement": "USDC", "payoff": "linear", "contract_size": "1"}
DELTA_ONE = [
    {"id": "BTC-PERPETUAL", "kind": "perpetual", "underlying": "BTC", **INVERSE, "tick": "0.5", "lot": "1"},
    {"id": "BTC-28JUN24", "kind": "future", "underlying": "BTC", **INVERSE, "tick": "2.5", "lot": "1",
     "expiry": "2024-06-28T08:00:00Z"},
    {"id": "BTC-USDC-PERPETUAL", "kind": "perpetual", "underlying": "BTC", **LINEAR, "tick": "0.5",
     "lot": "0.001"},
    {"id": "ETH-USDC-PERPETUAL", "kind": "perpetual", "underlying": "ETH", **LINEAR, "tick": "0.01",
     "lot": "0.01"},
]  # fmt: skip
INVERSE_LOTS = {"BTC-PERPETUAL": -20_000, "BTC-28JUN24": -60_000}  # the linear ones are sized to hedge
PAID = {
    "BTC-PERPETUAL": "65820.5",
    "BTC-28JUN24": "67450",
    "BTC-USDC-PERPETUAL": "65990.5",
    "ETH-USDC-PERPETUAL": "2676.35",
}
DESK_ASSETS = [
    {"id": "USD", "decimals": 2},
    {"id": "USDC", "decimals": 6},
    {"id": "BTC", "decimals": 8, "underlying": "BTC"},
    {"id": "ETH", "decimals": 9, "underlying": "ETH"},
]
DESK_BALANCES = {"USDC": "250000", "BTC": "12.5", "ETH": "150"}
DESK_ORDERS = [
    ("BTC-PERPETUAL", "buy", 5_000, -120),
    ("BTC-USDC-PERPETUAL", "sell", 250, 180),
    ("ETH-20240703-3100-C", "sell", 2_000, 12),
    ("ETH-20240703-2375-P", "buy", 1_500, -10),
    ("ETH-USDC-PERPETUAL", "sell", 2_500, 900),
]


# ---------------------------------------------------------------- Black-76
def black(right: str, F: float, K: float, sigma: Any, tau: Any, rate: float) -> Any:
    """Compute the discounted Black-76 value, as an mpf."""
    sign, v = (1 if right == "call" else -1), sigma * mpmath.sqrt(tau)
    d1 = mpmath.log(mpf(F) / mpf(K)) / v + v / 2
    undiscounted = F * mpmath.ncdf(sign * d1) - K * mpmath.ncdf(sign * (d1 - v))
    return mpmath.exp(-mpf(rate) * tau) * sign * undiscounted


def forward_delta(right: str, F: float, K: float, sigma: float, tau: Any, rate: float) -> float:
    sign, v = (1 if right == "call" else -1), sigma * mpmath.sqrt(tau)
    d1 = mpmath.log(mpf(F) / mpf(K)) / v + v / 2
    return float(mpmath.exp(-mpf(rate) * tau) * sign * mpmath.ncdf(sign * d1))


def implied(mark: float, right: str, F: float, K: float, tau: Any, rate: float) -> float:
    """Find the volatility at which Black-76 gives the mark; a mark with next to no time value is refused."""
    inner = max(F - K if right == "call" else K - F, 0.0) * float(mpmath.exp(-rate * tau))
    if mark - inner < LEAST_TIME_VALUE:
        raise SystemExit(f"{right} {K}: time value {mark - inner:.3f} is too small to imply a volatility")

    def miss(sigma: Any) -> Any:
        return black(right, F, K, sigma, tau, rate) - mpf(mark)

    bracket, tol = (mpf("0.01"), mpf(4)), mpf(10) ** -50
    return float(mpmath.findroot(miss, bracket, solver="anderson", tol=tol, maxsteps=200))


# ---------------------------------------------------------------- records
@dataclass
class Scene:
    """What a file will hold, as it is gathered; ``quotes`` is forward and rate by expiry subject."""

    moment: datetime
    spots: dict[str, float]
    items: dict[str, Record] = field(default_factory=dict)
    quotes: dict[str, tuple[float, float]] = field(default_factory=dict)
    marks: dict[str, float] = field(default_factory=dict)
    vols: dict[str, float] = field(default_factory=dict)
    observations: list[Record] = field(default_factory=list)

    def see(self, subject: str, name: str, value: float, source: str) -> None:
        self.observations.append({"subject": subject, "field": name, "value": float(value), "source": source})

    def quote(self, subject: str, forward: float, rate: float, sources: tuple[str, str]) -> None:
        self.quotes[subject] = (forward, rate)
        self.see(subject, "forward", forward, sources[0])
        self.see(subject, "rate", rate, sources[1])

    def add(self, item: Record, mark: float, source: str) -> None:
        self.items[item["id"]] = item
        self.marks[item["id"]] = mark
        self.see(item["id"], "mark", mark, source)

    def add_volatility(self, name: str, value: float, source: str) -> None:
        self.vols[name] = value
        self.see(name, "volatility", value, source)

    def terms(self, item: Record, sigma: Any) -> tuple[Any, ...]:
        """Arguments of ``black`` for an option at a volatility."""
        F, rate = self.quotes[expiry_subject(item)]
        return item["right"], F, item["strike"], sigma, self.years(item), rate

    def years(self, item: Record) -> Any:
        seconds = (datetime.fromisoformat(item["expiry"]) - self.moment).total_seconds()
        return mpf(int(seconds)) / YEAR

    def delta(self, held: Iterable[tuple[Record, int]], underlying: str) -> float:
        """Units of the underlying that move like these options when index and forwards move by one factor."""
        total = 0.0
        for item, lots in held:
            if item["underlying"] == underlying:
                terms = self.terms(item, self.vols[item["id"]])
                total += lots * float(size_of(item)) * forward_delta(*terms) * terms[1]
        return total / self.spots[underlying]

    def record(self, title: str, assets: list[Record], account: Record) -> Record:
        return {
            "format": "crossmargin/1",
            "title": title,
            "as_of": iso(self.moment),
            "quote": "USD",
            "assets": assets,
            "instruments": list(self.items.values()),
            "observations": self.observations,
            "accounts": [account],
        }

    def account(
        self, name: str, assets: list[Record], held: list[Held], balances: Record, orders: list[Any]
    ) -> Record:
        decimals = {a["id"]: a["decimals"] for a in assets}
        return {
            "id": name,
            "currency": "USD",
            "positions": [
                {"instrument": i["id"], "lots": n,
                 "open_cost": amount(cost(i, n, paid), decimals[i["settlement"]])}
                for i, n, paid in held
            ],
            "balances": [{"asset": a, "amount": n} for a, n in balances.items()],
            "orders": [self.order(n, *order) for n, order in enumerate(orders, 1)],
        }  # fmt: skip

    def order(self, number: int, name: str, side: str, lots: int, away: int) -> Record:
        limit = snap(self.marks[name], self.items[name]["tick"], away)
        return {"id": number, "instrument": name, "side": side, "lots": lots, "limit": limit}

    def profit(self, held: list[Held], asset: str) -> float:
        mine = [(i, n, paid) for i, n, paid in held if i["settlement"] == asset]
        return float(sum(cost(i, n, str(self.marks[i["id"]])) - cost(i, n, paid) for i, n, paid in mine))


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def expiry_subject(item: Record) -> str:
    return f"{item['underlying']}@{item['expiry']}"


def option(underlying: str, strike: float, letter: str, expiry: datetime, **terms: str) -> Record:
    name = f"{underlying}-{expiry:%Y%m%d}-{strike:g}-{letter}"
    return {"id": name, "kind": "option", "underlying": underlying, **terms, "strike": strike,
            "right": "call" if letter == "C" else "put", "expiry": iso(expiry)}  # fmt: skip


def size_of(item: Record) -> Fraction:
    """Payoff units a lot."""
    return Fraction(item["contract_size"]) * Fraction(item.get("lot", "1"))


def cost(item: Record, lots: int, paid: str) -> Fraction:
    """Price ``lots`` in the settlement asset; an inverse long is short the coin."""
    if item.get("payoff") == "inverse":
        return -size_of(item) * lots / Fraction(paid)
    return size_of(item) * lots * Fraction(paid)


def amount(value: Fraction, decimals: int) -> str:
    """Decimal text, rounded half to even at ``decimals``, without trailing zeros."""
    atoms = round(value * 10**decimals)
    whole, part = divmod(abs(atoms), 10**decimals)
    digits = f"{part:0{decimals}d}".rstrip("0") if decimals else ""
    return ("-" if atoms < 0 else "") + str(whole) + ("." + digits if digits else "")


def snap(price: float, tick: str, away: int = 0) -> str:
    """Nearest tick to a price, moved by some ticks."""
    return amount((round(Fraction(str(price)) / Fraction(tick)) + away) * Fraction(tick), 9)


def words(text: str, size: int) -> list[tuple[str, ...]]:
    """Cut a line of choices into groups of ``size`` words."""
    parts = text.split()
    return list(zip(*(parts[i::size] for i in range(size)), strict=True))


# ---------------------------------------------------------------- the market maker
def maker_data(folder: Path) -> tuple[dict[str, list[Record]], dict[str, Record], float]:
    """Quote bars by underlying, daily bars by symbol, the S&P 500 close."""
    bars = {symbol: equity_bar(folder, symbol) for symbol in ("GOOG", "SPY")}
    with gzip.open(folder / INDEX, "rt") as file:
        level = next(float(value) for day, value in csv.reader(file) if day == "2015-12-23")
    return {u: chain(folder, u) for u in BOOK}, bars, level


def rows_of(path: Path, date: str, name: str, key: str) -> list[Record]:
    day = datetime(2015, 12, 23)  # noqa: DTZ001 - dates of the file carry no zone
    rows: list[Record] = pq.read_table(path, filters=[(date, "=", day), (name, "=", key)]).to_pylist()
    return rows


def equity_bar(folder: Path, symbol: str) -> Record:
    return rows_of(folder / EQUITY, "date", "symbol", symbol)[0]


def chain(folder: Path, underlying: str) -> list[Record]:
    """Rows of the day whose bar is of quotes: SPX has no others, traded rows of GOOG hold last trades."""
    rows = rows_of(folder / CHAIN, "quote_date", "underlying", underlying.lower())
    kept = [r for r in rows if present(r["strike"]) and r["close"] > 0]
    if underlying == "GOOG":
        kept = [r for r in kept if r["volume"] == 0 and not present(r["open_interest"])]
    return [{**r, "expiry": closing(r["expiry"])} for r in kept]


def present(value: float | None) -> bool:
    return value is not None and not math.isnan(value)


def closing(text: str) -> datetime:
    """21:00 UTC of a date written 2016-01-15 or 20160115.0."""
    return datetime.strptime(text.replace("-", "")[:8], "%Y%m%d").replace(hour=21, tzinfo=UTC)


def pairs(rows: list[Record], expiry: datetime, column: str) -> dict[float, float]:
    """Call less put by strike, where both are quoted."""
    side: dict[str, dict[float, float]] = {"C": {}, "P": {}}
    for row in rows:
        if row["expiry"] == expiry:
            side[row["right"]][row["strike"]] = row[column]
    return {K: side["C"][K] - side["P"][K] for K in sorted(side["C"].keys() & side["P"].keys())}


def growth(rate: float, expiry: datetime) -> float:
    return math.exp(rate * (expiry - DAY).total_seconds() / YEAR)


def rate_of(rows: list[Record]) -> float:
    """Mean rate in the slope of parity: call less put falls by the discount factor a point of strike."""
    found: dict[str, float] = {}
    for expiry in sorted({r["expiry"] for r in rows if r["expiry"] < DAY + timedelta(days=365)}):
        held = pairs(rows, expiry, "close")
        if held and max(held) - min(held) >= RATE_SPAN:
            slope = (held[min(held)] - held[max(held)]) / (max(held) - min(held))
            found[f"{expiry:%Y-%m-%d}"] = -math.log(slope) * YEAR / (expiry - DAY).total_seconds()
    print("rate by expiry", {day: round(rate, 5) for day, rate in found.items()})
    return round(mean(found.values()), 4)


def parity(rows: list[Record], expiry: datetime, spot: float, rate: float, column: str) -> list[float]:
    """Forward of each pair near the money: K + (C - P) exp(r T)."""
    held = pairs(rows, expiry, column)
    return [K + gap * growth(rate, expiry) for K, gap in held.items() if abs(K / spot - 1) <= NEAR]


def add_forwards(scene: Scene, rows: list[Record], underlying: str, rate: float) -> None:
    for day in BOOK[underlying]:
        expiry, spot = closing(day), scene.spots[underlying]
        found = parity(rows, expiry, spot, rate, "close")
        forward = round(median(found), 4)
        scene.quote(f"{underlying}@{iso(expiry)}", forward, rate, ("put-call parity", "SPX parity slope"))
        beside = f"scatter {pstdev(found):.3f} spot carried at the rate {spot * growth(rate, expiry):.2f}"
        print(f"{underlying} {day} forward {forward} pairs {len(found)} {beside}")


def listed(rows: list[Record], underlying: str) -> list[tuple[Record, Record, int]]:
    """Each option of the book: instrument, row of the chain, lots."""
    index = {(r["expiry"], r["strike"], r["right"]): r for r in rows}
    terms = {"settlement": "USD", "contract_size": "100", "tick": TICK[underlying]}
    found = []
    for day, text in BOOK[underlying].items():
        for name, lots in words(text, 2):
            strike, letter = float(name[:-1]), name[-1]
            item = option(underlying, strike, letter, closing(day), **terms)
            found.append((item, index[closing(day), strike, letter], int(lots)))
    return found


def add_options(scene: Scene, listing: list[tuple[Record, Record, int]]) -> None:
    for item, row, _ in listing:
        right, F, K, _, tau, rate = scene.terms(item, None)
        scene.add(item, row["close"], "chain close")
        scene.add_volatility(item["id"], implied(row["close"], right, F, K, tau, rate), "Black-76 of mark")


def report_volatility(scene: Scene, underlying: str, listing: list[tuple[Record, Record, int]]) -> None:
    """Print how far the vendor's volatilities lie from those of the marks."""
    mine = [(i, r["implied_volatility"] - scene.vols[i["id"]]) for i, r, _ in listing]
    below = [gap for i, gap in mine if i["strike"] < scene.quotes[expiry_subject(i)][0]]
    above = [gap for i, gap in mine if i["strike"] >= scene.quotes[expiry_subject(i)][0]]
    for name, gaps in (("all", below + above), ("below the forward", below), ("above the forward", above)):
        print(f"{underlying} vendor less own volatility, {name}: {summary(gaps)}")


def report_greeks(scene: Scene, underlying: str, listing: list[tuple[Record, Record, int]]) -> None:
    """Print how far the vendor's Greeks lie from those of Black-76 at our volatility and forward."""
    for number, name in enumerate(("delta", "gamma", "vega")):
        mine = [greeks(scene, item, underlying)[number] for item, _, _ in listing]
        gaps = [row[name] - own for own, (_, row, _) in zip(mine, listing, strict=True)]
        print(f"{underlying} vendor less own {name}: n {len(gaps)} mean {mean(gaps):+.5f} median {median(gaps):+.5f} "
              f"least {min(gaps):+.5f} most {max(gaps):+.5f}; own mean size {mean(map(abs, mine)):.5f}")  # fmt: skip


def greeks(scene: Scene, item: Record, underlying: str) -> tuple[float, float, float]:
    """Delta and gamma to the index (the forward moves with it in proportion), vega per 0.01 of volatility."""
    forward, rate = scene.quotes[expiry_subject(item)]
    years, sigma = float(scene.years(item)), scene.vols[item["id"]]
    carry, discount, spread = forward / scene.spots[underlying], exp(-rate * years), sigma * sqrt(years)
    d1 = log(forward / item["strike"]) / spread + spread / 2
    sign = 1 if item["right"] == "call" else -1
    normal = NormalDist()
    delta = discount * carry * sign * normal.cdf(sign * d1)
    gamma = discount * carry**2 * normal.pdf(d1) / (forward * spread)
    return delta, gamma, discount * forward * normal.pdf(d1) * sqrt(years) / 100


def summary(gaps: list[float]) -> str:
    inside = sum(abs(g) <= 0.03 for g in gaps)
    return (f"n {len(gaps)} mean {mean(gaps):+.4f} median {median(gaps):+.4f} "
            f"least {min(gaps):+.4f} most {max(gaps):+.4f} within 0.03 {inside}")  # fmt: skip


def hedges(scene: Scene, held: list[Held], bar: Record, opened: float) -> list[Held]:
    """Choose the future and the stock that bring the delta of the options to zero, to the nearest lot."""
    options = [(i, n) for i, n, _ in held]
    spx, goog = scene.delta(options, "SPX"), scene.delta(options, "GOOG")
    unit = 50 * scene.marks[FUTURE["id"]] / scene.spots["SPX"]
    futures, shares = -round(spx / unit), -round(goog)
    print(f"delta SPX {spx:.2f} + {futures} futures = {spx + futures * unit:.2f}")
    print(f"delta GOOG {goog:.2f} + {shares} shares = {goog + shares:.2f}")
    return [(FUTURE, futures, snap(opened, FUTURE["tick"])), (STOCK, shares, str(bar["open"]))]


def market_maker(folder: Path) -> Record:
    rows, bars, level = maker_data(folder)
    rate = rate_of(rows["SPX"])
    scene = Scene(DAY, {"SPX": level, "GOOG": bars["GOOG"]["close"]})
    for subject, value in (*scene.spots.items(), ("SPY", bars["SPY"]["close"])):
        scene.see(subject, "index", value, "daily close")
    for underlying in BOOK:
        add_forwards(scene, rows[underlying], underlying, rate)
    scene.add(FUTURE, scene.quotes[expiry_subject(FUTURE)][0], "put-call parity")
    scene.add(STOCK, bars["GOOG"]["close"], "daily close")
    listing = {underlying: listed(rows[underlying], underlying) for underlying in BOOK}
    for underlying, found in listing.items():
        add_options(scene, found)
        report_volatility(scene, underlying, found)
        report_greeks(scene, underlying, found)
    held = [(item, lots, str(row["open"])) for found in listing.values() for item, row, lots in found if lots]
    opened = median(parity(rows["SPX"], closing(FUTURE["expiry"][:10]), level, rate, "open"))
    held = hedges(scene, held, bars["GOOG"], opened) + held
    report(scene, held, MAKER_BALANCES, {"USD": 1.0, "SPY": bars["SPY"]["close"]})
    account = scene.account("mm-1", MAKER_ASSETS, held, MAKER_BALANCES, MAKER_ORDERS)
    return scene.record("Market maker in SPX and GOOG options, 2015-12-23", MAKER_ASSETS, account)


# ---------------------------------------------------------------- the crypto desk
def vector(folder: Path, file: str, key: str, name: str) -> Record:
    rows = json.loads((folder / "vectors" / file).read_text())["vectors"]
    return next(r for r in rows if r[key] == name)


def desk_options(row: Record, text: str) -> list[tuple[Record, float, int, float]]:
    """Instrument, volatility, lots and price paid in percent of the chosen options of a row."""
    found = {f"{o['strike']:g}{'C' if o['is_call'] else 'P'}": o for o in row["portfolio"]["options"]}
    terms = {"settlement": "USDC", "contract_size": "1", "tick": "0.1", "lot": "0.01"}
    return [
        (option("ETH", o["strike"], name[-1], MOMENT + timedelta(seconds=o["sec_to_expiry"]), **terms),
         o["mark_vol"], int(quantity) * 100, float(edge))
        for name, quantity, edge in words(text, 3) for o in [found[name]]
    ]  # fmt: skip


def add_desk_forwards(scene: Scene, row: Record, wanted: set[str]) -> None:
    """Forward (the fixed part is zero in these rows) and rate of the expiries that are used."""
    for e in row["market"]["expiries"]:
        subject = f"ETH@{iso(MOMENT + timedelta(seconds=e['sec_to_expiry']))}"
        if e["forward_fixed_part"]:
            raise SystemExit(f"{row['name']}: the forward of {subject} is partly fixed")
        if subject in wanted:
            scene.quote(subject, e["forward"], max(e["rate"], 0.0), ("Derive test row", "Derive test row"))


def add_desk_options(scene: Scene, options: list[tuple[Record, float, int, float]]) -> list[Held]:
    held = []
    for item, sigma, lots, edge in options:
        mark = float(black(*scene.terms(item, mpf(sigma))))
        scene.add(item, mark, "Black-76")
        scene.add_volatility(item["id"], sigma, "Derive test row")
        held.append((item, lots, snap(mark * (1 + edge / 100), item["tick"])))
    return held


def add_delta_one(scene: Scene, deribit: Record, eth_perpetual: float) -> None:
    marks = {**deribit, "BTC-USDC-PERPETUAL": deribit["BTC-PERPETUAL"], "ETH-USDC-PERPETUAL": eth_perpetual}
    source = {"BTC-USDC-PERPETUAL": "mark of BTC-PERPETUAL", "ETH-USDC-PERPETUAL": "Derive test row"}
    for item in DELTA_ONE:
        scene.add(item, marks[item["id"]], source.get(item["id"], "Deribit example"))


def delta_one_positions(scene: Scene, options: list[Held]) -> list[Held]:
    """Inverse positions as chosen; the linear perpetuals bring the delta of each coin to zero."""
    held = [(scene.items[name], lots, PAID[name]) for name, lots in INVERSE_LOTS.items()]
    coins = {a: float(DESK_BALANCES[a]) for a in ("BTC", "ETH")}
    coins["BTC"] -= float(sum(cost(*position) for position in held))
    coins["ETH"] += scene.delta([(i, n) for i, n, _ in options], "ETH")
    for underlying, before in coins.items():
        held.append(hedge(scene, scene.items[f"{underlying}-USDC-PERPETUAL"], before))
    return held


def crypto(folder: Path) -> Record:
    deribit = vector(folder, "deribit.json", "id", BTC_ROW)["inputs"]
    rows = {name: vector(folder, "derive_pmrm2.json", "name", name) for name in OPTIONS}
    market = rows[BOOK_ROW]["market"]
    scene = Scene(MOMENT, {"BTC": deribit["index_price"]["btc_usd"], "ETH": market["spot"]})
    prices = {**scene.spots, "USDC": market["stable"]}
    for subject, value in prices.items():
        scene.see(subject, "index", value, "Deribit example" if subject == "BTC" else "Derive test row")
    future = next(item for item in DELTA_ONE if item["kind"] == "future")
    forward = deribit["mark_price"][future["id"]]
    scene.quote(expiry_subject(future), forward, 0.0, ("Deribit example", "assumed"))
    options = [o for name, text in OPTIONS.items() for o in desk_options(rows[name], text)]
    for row in rows.values():
        add_desk_forwards(scene, row, {expiry_subject(o[0]) for o in options} - scene.quotes.keys())
    add_delta_one(scene, deribit["mark_price"], market["perp_price"])
    held = add_desk_options(scene, options)
    held = delta_one_positions(scene, held) + held
    report(scene, held, DESK_BALANCES, prices)
    account = scene.account("desk", DESK_ASSETS, held, DESK_BALANCES, DESK_ORDERS)
    return scene.record("Crypto desk: BTC basis, ETH options, three collateral assets", DESK_ASSETS, account)


# ---------------------------------------------------------------- the options desk: what most venues can hold
def eth_options(folder: Path) -> Record:
    """The ETH options of the crypto desk, hedged by the linear perpetual, on USDC alone."""
    rows = {name: vector(folder, "derive_pmrm2.json", "name", name) for name in OPTIONS}
    market = rows[BOOK_ROW]["market"]
    scene = Scene(MOMENT, {"ETH": market["spot"]})
    stable = (("USDC", name, market["stable"]) for name in ("index", "peg"))
    for subject, name, value in (("ETH", "index", market["spot"]), *stable):
        scene.see(subject, name, value, "Derive test row")
    options = [o for name, text in OPTIONS.items() for o in desk_options(rows[name], text)]
    for row in rows.values():
        add_desk_forwards(scene, row, {expiry_subject(o[0]) for o in options} - scene.quotes.keys())
    scene.add(DELTA_ONE[-1], market["perp_price"], "Derive test row")
    held = add_desk_options(scene, options)
    held = [hedge(scene, DELTA_ONE[-1], scene.delta([(i, n) for i, n, _ in held], "ETH")), *held]
    balances = {"USDC": "150000"}
    report(scene, held, balances, {"USDC": market["stable"]})
    account = scene.account("options", DESK_ASSETS[:2], held, balances, []) | {"currency": "USDC"}
    return scene.record("ETH options hedged with the perpetual, on USDC", DESK_ASSETS[:2], account)


def hedge(scene: Scene, item: Record, before: float) -> Held:
    """Bring a delta to zero with one linear contract, to the nearest lot."""
    unit = float(size_of(item)) * scene.marks[item["id"]] / scene.spots[item["underlying"]]
    lots = -round(before / unit)
    print(f"delta {item['underlying']} {before:.4f} + {lots} lots of {item['id']} = {before + lots * unit:.4f}")
    return item, lots, PAID[item["id"]]


# ---------------------------------------------------------------- writing
def report(scene: Scene, held: list[Held], balances: dict[str, str], prices: dict[str, float]) -> None:
    """Print counts, profit by settlement asset, equity and how closely Black-76 gives the marks."""
    profit = {asset: scene.profit(held, asset) for asset in balances}
    equity = sum((float(n) + profit[a]) * prices[a] for a, n in balances.items())
    options = [scene.items[name] for name in scene.vols]
    misses = [black(*scene.terms(i, scene.vols[i["id"]])) - scene.marks[i["id"]] for i in options]
    gross = sum(i["kind"] == "option" for i, _, _ in held)
    print(f"options {len(options)} expiries {len(scene.quotes)} positions {len(held)}, in options {gross}")
    print("profit", {a: round(p, 8) for a, p in profit.items() if p}, f"equity {equity:.2f}")
    print(f"largest |Black-76 - mark| {float(max(map(abs, misses))):.0e}")


def lines(records: list[Record], indent: str) -> str:
    return "[\n" + ",\n".join(f"{indent}  {json.dumps(r)}" for r in records) + f"\n{indent}]"


def value_text(value: Any, indent: str) -> str:
    return lines(value, indent) if isinstance(value, list) else json.dumps(value)


def object_text(texts: dict[str, str], indent: str) -> str:
    return "{\n" + ",\n".join(f'{indent}  "{k}": {text}' for k, text in texts.items()) + f"\n{indent}}}"


def account_text(account: Record) -> str:
    return object_text({k: value_text(v, "      ") for k, v in account.items()}, "    ")


def method_text(method: Record) -> str:
    return object_text({k: json.dumps(v) for k, v in method.items()}, "    ")


def text_of(snapshot: Record) -> str:
    """Write JSON with one record a line."""
    plain = {k: v for k, v in snapshot.items() if k not in {"accounts", "methods"}}
    texts = {k: value_text(v, "  ") for k, v in plain.items()}
    texts["accounts"] = "[\n    " + ",\n    ".join(map(account_text, snapshot["accounts"])) + "\n  ]"
    texts["methods"] = object_text({k: method_text(v) for k, v in snapshot["methods"].items()}, "  ")
    return object_text(texts, "") + "\n"


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared")
    writers: dict[str, Callable[[Path], Record]] = {
        "market-maker.json": market_maker, "crypto.json": crypto, "eth-options.json": eth_options,
    }  # fmt: skip
    methods = json.loads((HERE / "methods.json").read_text())  # written by hand
    for name, build in writers.items():
        print(f"--- {name}")
        snapshot = build(folder) | {"methods": methods[name.removesuffix(".json")]}
        (HERE / name).write_text(text_of(snapshot))


if __name__ == "__main__":
    main()
