"""A small Mango market: four tokens, four spot markets, one perpetual; slow prices differ from the oracle's."""

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from crossmargin import Account, Asset, Book, Instrument, Instruments, Market, Observation, Order, Portfolio, Position
from crossmargin.instruments import Kind
from crossmargin.venues.mango import Health
from crossmargin.venues.mango_parameters import PerpetualRule, TokenRule

TOKENS = ("A", "B", "C", "Q")
MARKETS = (("A", "Q"), ("B", "Q"), ("B", "A"), ("C", "B"))
# Asset and debt weight at initial, then at maintenance; of the perpetual long, short and profit.
WEIGHTS = {"A": (0.8, 1.2, 0.9, 1.1), "B": (0.5, 1.5, 0.7, 1.3), "C": (0.0, 1.8, 0.0, 1.4), "Q": (1.0,) * 4}
SWAP = {"initial_long": 0.8, "initial_short": 1.2, "maintenance_long": 0.9, "maintenance_short": 1.1,
        "initial_profit": 0.5, "maintenance_profit": 0.75}  # fmt: skip
LOT, TICK = Fraction(1, 2), Fraction(1, 4)  # of the perpetual, of the spot markets


def token_rule(name, **more):
    fields = ("initial_asset", "initial_debt", "maintenance_asset", "maintenance_debt")
    return TokenRule(asset=name, **dict(zip(fields, WEIGHTS[name], strict=True)) | more)


def method_of(*changed, swap=None, allow=()):
    """The desk's method; a changed token rule replaces the one of its asset."""
    rules = {name: token_rule(name) for name in TOKENS} | {rule.asset: rule for rule in changed}
    perpetual = PerpetualRule(instrument="SWAP", **SWAP | (swap or {}))
    return Health(name="test", tokens=tuple(rules.values()), perpetuals=(perpetual,), allow_imprudent=allow)


def instruments_of(prefixes=("", "", "", "")):
    """Prefixes of the ids of the spot markets change their order."""
    spot = [
        Instrument(id=f"{prefix}{base}/{quote}", kind=Kind.SPOT, underlying=base, settlement=quote, tick=TICK)
        for prefix, (base, quote) in zip(prefixes, MARKETS, strict=True)
    ]
    swap = Instrument(id="SWAP", kind=Kind.PERPETUAL, underlying="U", settlement="Q", lot=LOT)
    return Instruments.of([*spot, swap], [*(Asset(id=name, decimals=2) for name in TOKENS), Asset(id="USD")])


INSTRUMENTS = instruments_of()


def market_of(index, slow, totals=()):
    seen = [Observation(subject=name, field="index", value=value) for name, value in index.items()]
    seen += [Observation(subject=name, field="slow_price", value=value) for name, value in slow.items()]
    seen += [Observation(subject=name, field=field, value=value) for name, field, value in totals]
    return Market.of(seen, as_of=0, quote="USD")


PRICES = {"A": 20.0, "B": 5.0, "C": 3.0, "Q": 1.0, "U": 20.0}
MARKET = market_of(PRICES, {"A": 18.0, "B": 6.0, "C": 3.0, "Q": 1.0, "U": 25.0})


# ---- accounts ---------------------------------------------------------------------------------

sides = st.sampled_from(["buy", "sell"])
lots = st.integers(1, 30)
limits = st.integers(1, 80).map(lambda ticks: ticks * TICK)
prices = st.fixed_dictionaries({name: st.integers(1, 60).map(float) for name in (*TOKENS, "U")})
accounts = st.fixed_dictionaries({
    "balances": st.fixed_dictionaries({name: st.integers(-60, 60) for name in TOKENS}),
    "swap": st.tuples(st.integers(-30, 30).map(lambda lots: lots * LOT), st.integers(-300, 300)),
    "swap_orders": st.lists(st.tuples(sides, lots.map(lambda lots: lots * LOT)), max_size=3),
    "spot": st.lists(st.tuples(st.sampled_from(MARKETS), sides, lots, limits), max_size=6),
})  # fmt: skip


def portfolio_of(account, instruments=INSTRUMENTS, name="a"):
    """An account of the strategy; the swap's quote is the negative of its open cost."""
    names = {(row.underlying, row.settlement): row.id for row in instruments}
    lines = [(names[pair], side, quantity, limit) for pair, side, quantity, limit in account["spot"]]
    lines += [("SWAP", side, int(quantity / LOT), 1) for side, quantity in account["swap_orders"]]
    base, quote = account["swap"]
    return Portfolio.of(
        instruments,
        account=Account(id=name, currency="USD"),
        balances=account["balances"],
        positions={"SWAP": Position(int(base / LOT), -100 * quote)},
        orders=[Order(id=i, instrument=n, side=s, lots=q, limit=p) for i, (n, s, q, p) in enumerate(lines)],
    )


def book_of(portfolios):
    """One book of accounts that each stand alone."""
    books = [portfolio.book for portfolio in portfolios]
    fields = {
        "positions": ("instrument", "lots", "open_cost"),
        "balances": ("asset", "atoms"),
        "orders": ("id", "instrument", "side", "lots", "ticks", "flags"),
    }
    tables = {}
    for name, columns in fields.items():
        parts = [getattr(book, name) for book in books]
        tables[name] = {column: np.concatenate([part[column] for part in parts]) for column in columns}
        tables[name]["account"] = np.repeat(np.arange(len(books)), [len(part) for part in parts])
    return Book.of(books[0].instruments, [b.accounts[0] for b in books], **tables)


def health_of(method, market=MARKET, **balances):
    """Health of an account with balances alone, at every level."""
    portfolio = Portfolio.of(INSTRUMENTS, account=Account(id="a", currency="USD"), balances=balances)
    return method.prepare(INSTRUMENTS, market).requirement(portfolio).outputs["surplus"]
