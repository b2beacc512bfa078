"""Crash days for cascade.py: what the files say of a market before a day, and how far it then moved."""

import csv
import gzip
from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from crossmargin.liquidation.impact import Contagion

OIL, EQUITY = "oil", "equity"
# Underlying: where its price stands, whose volumes it has, the exchange's contract and units of it (None: assumed).
LISTED = {
    OIL: {"WTI": ("pddl/wti_daily_1986_2026", "USO", ("CL", 1_000)),
          "Brent": ("pddl/brent_daily_1987_2026", "BNO", ("CL", 1_000))},
    EQUITY: {"S&P 500": ("skfolio/sp500_index", "SPY", ("ES", 50)), "AAPL": ("skfolio/sp500_dataset", "AAPL", None),
             "BAC": ("skfolio/sp500_dataset", "BAC", None), "IBM": ("lean", "IBM", None),
             "AIG": ("lean", "AIG", None), "FB": ("lean", "FB", None)},
}  # fmt: skip
FIRST = {OIL: "WTI", EQUITY: "S&P 500"}
WINDOW, CALM, STRESSED = 20, ("2019-01-01", "2019-12-31"), ("2020-03-01", "2020-03-31")
STOCK, LEAST = 0.15, 1 / 1.1  # assumed: initial rate of a stock; the exchange's maintenance of its initial, for all
SHIFT = 1_000.0  # dollars a barrel on every price, where a relative move has no meaning


class Data:
    """Closes and dollar volumes by name and day, and the exchange's margins."""

    def __init__(self, folder):
        self.folder, self.volume, self.margins = folder, defaultdict(dict), defaultdict(dict)
        self.closes = {"lean": defaultdict(dict)}
        self.read_lean()
        for name in {row[0] for market in LISTED.values() for row in market.values()} - {"lean"}:
            self.closes[name] = self.read(name)

    def rows(self, name):
        with gzip.open(self.folder / f"{name}.csv.gz", "rt") as file:
            yield from csv.reader(file)

    def read(self, name):
        (_, *heads), *rows = self.rows(name)
        return {head: {row[0][:10]: float(row[n]) for row in rows if row[n]} for n, head in enumerate(heads, 1)}

    def read_lean(self):
        from pyarrow import parquet

        columns = parquet.read_table(self.folder / "lean" / "equity_daily_raw_unadjusted.parquet").to_pydict()
        for symbol, when, _, _, _, close, volume in zip(*columns.values(), strict=True):
            self.closes["lean"][symbol][str(when.date())] = close
            self.volume[symbol][str(when.date())] = close * volume
        for _, symbol, when, *pair in list(self.rows("lean/futures_exchange_margins"))[1:]:
            self.margins[symbol][when] = tuple(map(float, pair))

    def prices(self, source, name):
        """Closes: a file with one series, or the column of that name."""
        series = self.closes[source]
        return series[name] if name in series else next(iter(series.values()))

    def margin(self, symbol, day):
        """Initial and maintenance a contract, of the last notice before a day."""
        return self.margins[symbol][max(when for when in self.margins[symbol] if when < day)]

    def returns(self, symbol, first, last):
        """Days' returns and dollar volumes."""
        closes = self.closes["lean"][symbol]
        days = sorted(closes)
        pairs = [(a, b) for a, b in zip(days, days[1:], strict=False) if first <= b <= last]
        moves = np.array([closes[b] / closes[a] - 1.0 for a, b in pairs])
        return moves, np.array([self.volume[symbol][b] for _, b in pairs])

    def daily_impact(self, symbol, first, last):
        """Amihud's illiquidity, mean of |return| / dollar volume, and what it makes of an average day's volume."""
        moves, volume = self.returns(symbol, first, last)
        illiquidity = float((np.abs(moves) / volume).mean())
        return illiquidity, illiquidity * float(volume.mean()), float(moves.std())

    def before(self, symbol, day):
        """The window that ends the day before."""
        days = [when for when in sorted(self.closes["lean"][symbol]) if when < day]
        return days[-WINDOW], days[-1]

    def correlation(self, symbols, period):
        series = [self.returns(symbol, *period)[0] for symbol in symbols]
        return float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in combinations(series, 2)]))

    def exponent(self, symbol):
        """How depth fell as volatility rose, from a calm year to March 2020: depth ~ volatility^-exponent."""
        (calm, _, before), (thin, _, after) = (self.daily_impact(symbol, *span) for span in (CALM, STRESSED))
        return float(np.log(thin / calm) / np.log(after / before))


@dataclass(frozen=True, kw_only=True)
class Case:
    """One market on one day: what is known before it, and its moves. Fractions of the price before, by underlying."""

    market: str
    day: str
    price: dict
    shock: dict
    initial: dict
    maintenance: float  # of initial
    impact: dict  # permanent move by a net flow of an average day's volume
    calm: float
    exponent: float
    contagion: Contagion
    scale: float = 1.0  # of every relative figure, where prices were shifted

    @classmethod
    def of(cls, data, market, day):
        listed = LISTED[market]
        price, shock, initial, impact, deviations = {}, {}, {}, {}, []
        for name, (source, symbol, contract) in listed.items():
            series = data.prices(source, name)
            price[name] = series[max(when for when in series if when < day)]
            shock[name] = series[day] / price[name] - 1.0
            initial[name] = data.margin(contract[0], day)[0] / contract[1] / price[name] if contract else STOCK
            _, impact[name], deviation = data.daily_impact(symbol, *data.before(symbol, day))
            deviations.append(deviation)
        symbols = [row[1] for row in listed.values()]
        return cls(
            market=market, day=day, price=price, shock=shock, initial=initial, maintenance=LEAST, impact=impact,
            calm=float(np.mean(deviations)), exponent=float(np.median([data.exponent(s) for s in symbols])),
            contagion=Contagion(calm=data.correlation(symbols, CALM), stressed=data.correlation(symbols, STRESSED)),
        )  # fmt: skip

    def shifted(self):
        """The same day on prices ``SHIFT`` higher, so that relative moves mean dollars: linear contracts alone."""
        part = {name: price / (price + SHIFT) for name, price in self.price.items()}
        scale = part[FIRST[self.market]]

        def less(figures):
            return {name: figure * part[name] for name, figure in figures.items()}

        return replace(
            self, price={name: price + SHIFT for name, price in self.price.items()}, shock=less(self.shock),
            initial=less(self.initial), impact=less(self.impact), calm=self.calm * scale, scale=scale,
        )  # fmt: skip

    def unshifted(self, name):
        """The price of an underlying as a part of the one that stands here."""
        return (self.price[name] - SHIFT) / self.price[name] if self.scale < 1.0 else 1.0

    @property
    def correlations(self):
        return self.contagion.calm, self.contagion.stressed
