"""Random desks: contracts by name, a market, and a book of accounts, with what the twins read of them.

Contracts are named ``BTC-USDC`` (perpetual), ``BTC-BTC-9`` (future of nine days, inverse) and
``BTC-BTC-9-54000-call``; settled in their own coin they are inverse.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import exp

import numpy as np
from reference.venues_black import SIGN, black, years

from crossmargin import Account, Asset, Book, Instrument, Instruments, Market, Observation, Portfolio
from crossmargin.instruments import Kind, Payoff, Right, expiry_key
from crossmargin.margin.plan.quantum import Quanta
from crossmargin.margin.prepared import quantities

AS_OF = 1_735_000_000 * 10**9
LEVEL = {"BTC": 60_000.0, "ETH": 3_000.0, "SOL": 150.0, "HYPE": 40.0}
STABLE = {"USD": 1.0, "USDC": 0.9996, "USDT": 1.0007}
RTOL, FLOOR = 1e-9, 1e-6  # dollars


def contract(name):
    underlying, settlement, days, strike, right = (*name.split("-"), None, None, None)[:5]
    inverse, option = settlement == underlying, strike is not None
    return Instrument(
        id=name, underlying=underlying, settlement=settlement,
        kind=Kind.OPTION if option else Kind.FUTURE if days else Kind.PERPETUAL,
        payoff=Payoff.INVERSE if inverse else Payoff.LINEAR,
        contract_size=Fraction(10 if inverse and not option else 1),
        lot=Fraction(1, 10) if option else Fraction(1, 1 if inverse else 1000), tick=Fraction(1, 10**6),
        strike=float(strike) if option else None, right=Right(right) if option else None,
        expiry=AS_OF + round(float(days) * 86_400) * 10**9 if days else None,
    )  # fmt: skip


def listed(names):
    rows = [contract(name) for name in names]
    assets = {row.settlement for row in rows} | {row.underlying for row in rows} | {"USD"}
    made = [Asset(id=name, decimals=8, underlying=name if name in LEVEL else None) for name in assets]
    return Instruments.of(rows, made)


def market_of(instruments, rng, *, grown=False, rates=True):
    """Marks off every model, a rate for each expiry; ``grown`` forwards are the index grown at that rate.

    Without ``rates`` an expiry of options has none.
    """
    rows = list(zip(instruments, instruments.expiry_keys, strict=True))
    unrated = {key for row, key in rows if row.kind is Kind.OPTION and not rates}
    seen = {(name, "index"): STABLE[name] * rng.uniform(0.999, 1.001) for name in ("USDC", "USDT")}
    seen |= {(name, "index"): price * rng.uniform(0.92, 1.1) for name, price in LEVEL.items()}
    for row, key in rows:
        index = seen[row.underlying, "index"]
        if row.expiry is None:
            seen[row.id, "mark"] = index * rng.uniform(0.998, 1.002)
            seen[row.id, "funding"] = rng.normal() * 1e-4
            continue
        rate = 0.0 if key in unrated else seen.setdefault((key, "rate"), rng.uniform(0.02, 0.15))
        forward = index * (exp(rate * years(row.expiry, AS_OF)) if grown else rng.uniform(0.99, 1.02))
        forward = seen.setdefault((key, "forward"), forward)
        seen[row.id, "mark"] = forward * rng.uniform(0.999, 1.001)
        if row.kind is Kind.OPTION:
            seen[row.id, "volatility"] = volatility = rng.uniform(0.25, 1.4)
            seen[row.id, "mark"] = option_mark(row, forward, volatility) * rng.uniform(0.9, 1.1)
    given = [Observation(subject=subject, field=field, value=v) for (subject, field), v in seen.items()]
    return Market.of(given, as_of=AS_OF, quote="USD")


def option_mark(row, forward, volatility):
    value = black(forward, row.strike, volatility, years(row.expiry, AS_OF), 1.0, SIGN[row.right])
    return value / forward if row.payoff is Payoff.INVERSE else value


def coins(row, mark):
    """Coins of one lot."""
    size = float(row.contract_size * row.lot)
    return size / mark if row.payoff is Payoff.INVERSE and row.kind is not Kind.OPTION else size


def lot_value(row, mark):
    """Worth of one lot, settlement asset; an inverse future is worth minus its dollars in coin."""
    owed = row.payoff is Payoff.INVERSE and row.kind is not Kind.OPTION
    return -coins(row, mark) if owed else coins(row, mark) * mark


def price_of(market, asset):
    return 1.0 if asset == "USD" else market.value("index", asset)


def book_of(instruments, market, rng, n, currency="USD"):
    """Accounts of all sizes; the first is empty, the second holds balances alone.

    An account in another currency than USD holds no other.
    """
    held = {"account": [], "instrument": [], "lots": [], "open_cost": []}
    owned = {"account": [], "asset": [], "atoms": []}
    for account in range(1, n):
        scale = rng.lognormal(11.0, 1.8)
        bought = rng.random() < 1 / 6
        picked = picks(instruments, rng, options=bought)
        for item in picked if account > 1 else ():
            row = position_row(instruments, market, rng, account, item, scale, bought=bought)
            for name, value in zip(held, row, strict=True):
                held[name].append(value)
        for item, asset in enumerate(instruments.assets):
            if rng.random() < 0.6 and currency in ("USD", asset.id):
                dollars = scale * rng.normal(0.5, 1.0)
                row = (account, item, int(dollars / price_of(market, asset.id) * 10**asset.decimals))
                for name, value in zip(owned, row, strict=True):
                    owned[name].append(value)
    accounts = [Account(id=f"{row:04}", currency=currency) for row in range(n)]
    return Book.of(instruments, accounts, positions=held, balances=owned)


def picks(instruments, rng, *, options):
    """Some instruments, or options of the last day alone: bought, time takes most from them."""
    rows = enumerate(instruments)
    items = [i for i, row in rows if not options or (row.strike and row.expiry - AS_OF < 86_400 * 10**9)]
    return rng.choice(items, min(rng.integers(1, 11), len(items)), replace=False)


def position_row(instruments, market, rng, account, item, scale, *, bought):
    row = instruments.rows[item]
    mark = market.value("mark", row.id)
    each = coins(row, mark) * market.value("index", row.underlying)
    lots = (1 if bought else int(rng.choice([-1, 1]))) * max(round(scale * rng.lognormal(0, 0.7) / each), 1)
    cost = lots * lot_value(row, mark) * rng.uniform(0.95, 1.05)
    return account, item, lots, round(cost * 10 ** instruments.asset(row.settlement).decimals)


@dataclass(frozen=True)
class Desk:
    """A random market over some contracts and a book of accounts, in the products' and the twins' forms."""

    instruments: Instruments
    market: Market
    book: Book

    @classmethod
    def of(cls, names, seed, n, *, currency="USD", grown=False, rates=True):
        rng = np.random.default_rng(seed)
        instruments = listed(names)
        market = market_of(instruments, rng, grown=grown, rates=rates)
        return cls(instruments, market, book_of(instruments, market, rng, n, currency))

    def facts(self):
        """The market as the twins read it."""
        price = {asset.id: price_of(self.market, asset.id) for asset in self.instruments.assets}
        funding = {r.id: self.market.get("funding", r.id, 0.0) for r in self.instruments}
        index = {row.underlying: self.market.value("index", row.underlying) for row in self.instruments}
        return {
            "as_of_ns": AS_OF, "index": index, "price": STABLE | price, "coin_price": price,
            "funding": funding,
        }  # fmt: skip

    def positions(self, unit):
        return [self.position(name, p) for name, p in Portfolio(self.book, unit).positions.items()]

    def position(self, name, held):
        """One position with everything that a twin may read of it."""
        row = self.instruments.instrument(name)
        mark, key = self.market.value("mark", name), expiry_key(row.underlying, row.expiry)
        size = held.lots * coins(row, mark)
        inverse = row.payoff is Payoff.INVERSE
        return {
            "id": name, "kind": str(row.kind), "underlying": row.underlying, "settlement": row.settlement,
            "quote": "USD" if inverse else row.settlement, "inverse": inverse, "coins": size, "base": size,
            "mark": mark, "forward": self.market.get("forward", key, mark), "strike": row.strike,
            "right": row.right and str(row.right), "volatility": self.market.get("volatility", name, 0.0),
            "expiry_ns": row.expiry, "value": held.lots * lot_value(row, mark),
            "cost": held.open_cost / 10 ** self.instruments.asset(row.settlement).decimals,
        }  # fmt: skip

    def dollar_positions(self, unit):
        """The same with marks, forwards and strikes of linear contracts in dollars."""
        price = self.facts()["price"]
        names = ("mark", "forward", "strike")
        held = self.positions(unit)
        return [p | {name: p[name] and p[name] * price[p["settlement"]] for name in names} for p in held]

    def balances(self, unit):
        held = Portfolio(self.book, unit).balances
        return {name: atoms / 10 ** self.instruments.asset(name).decimals for name, atoms in held.items()}

    def worth(self, unit):
        """Open profit and balances, in dollars."""
        price = self.facts()["price"]
        profit = sum((p["value"] - p["cost"]) * price[p["settlement"]] for p in self.positions(unit))
        return profit + sum(amount * price[name] for name, amount in self.balances(unit).items())

    def __len__(self):
        return len(self.book)


def agree(found, expected, *, rtol=RTOL, floor=FLOOR):
    """Every account within the tolerance; the worst one is shown."""
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    off = np.abs(found - expected) / (floor + rtol * np.abs(expected))
    at = np.unravel_index(np.argmax(off), off.shape) if off.size else ()
    assert off.size and off[at] <= 1, (at, found[at], expected[at])


def changed(method, desk, other):
    """In how many accounts another method requires something else."""
    both = [m.prepare(desk.instruments, desk.market) for m in (method, other)]
    one, two = (prepared.values(desk.book, ("requirement", "equity")) for prepared in both)
    far = [~np.isclose(one[name], two[name], rtol=1e-7, atol=1e-3).all(axis=1) for name in one]
    return int(np.sum(far[0] | far[1]))


def check_slow_evaluator(prepared, book, count=20):
    """The slow evaluator follows the batch, and parts of explanations sum to the whole."""
    names = tuple(prepared.wanted)
    batch = prepared.values(book, names)
    for unit, portfolio in some(book, count):
        trace = prepared.trace(portfolio)
        for name, node in prepared.wanted.items():
            assert np.allclose(trace.values[node][0], batch[name][unit], rtol=1e-10, atol=1e-4), name
        check_explanation(prepared, portfolio)


def some(book, count):
    """Accounts all over a book, each in a book of its own."""
    units = np.linspace(0, len(book) - 1, count).astype(int).tolist()
    return [(unit, Portfolio(book, unit).alone()) for unit in units]


def check_explanation(prepared, portfolio):
    for level in ("initial", "maintenance"):
        explained = prepared.explain(portfolio, level)
        parts = [leaf.value for leaf in explained.leaves()]
        assert abs(sum(parts) - explained.value) <= 1e-11 * (1 + sum(map(abs, parts)))


def check_incremental(prepared, book, count=20):
    """Exactly the batch under the same quanta, and within ten cents of the batch without any."""
    batch = prepared.values(book, ("equity", "requirement"))
    for unit, portfolio in some(book, count):
        held = quantities(prepared.bound, portfolio)
        most = {name: max([1.0, *np.abs(lots)]) for name, (_, lots) in held.items()}
        quanta = Quanta.of(prepared.bound, most)
        found = prepared.incremental(portfolio, quanta).outputs()
        rounded = prepared.values(portfolio.book, tuple(prepared.wanted), quantum=quanta)
        for name, value in found.items():
            assert (value == rounded[name][0]).all(), name
        for name, values in batch.items():
            close = np.allclose(found[name], values[unit], rtol=1e-8, atol=0.1)
            assert close, (name, found[name], values[unit])
