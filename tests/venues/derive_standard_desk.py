"""A desk at Derive's standard manager: the market of the venue's own tests, and accounts in one line."""

from fractions import Fraction

import msgspec

from crossmargin import Account, Asset, Instrument, Instruments, Market, Observation, Portfolio, Position
from crossmargin.instruments import Kind, Right, expiry_key
from crossmargin.venues import derive_standard_parameters as figures
from crossmargin.venues.derive_standard import StandardManager

AS_OF = 1_700_000_000 * 10**9
LOT = Fraction(1, 10**6)
FORWARDS = {
    ("ETH", 288_000): 2000.91345, ("ETH", 892_800): 2002.83305, ("ETH", 1_497_600): 2004.7545,
    ("ETH", 4_953_600): 2015.7696,
    ("BTC", 892_800): 28039.66276, ("BTC", 4_953_600): 28220.77451,
}  # fmt: skip
FEEDS = {
    ("USDC", "peg"): (1.0, 1.0), ("ETH", "index"): (2000.0, 1.0), ("BTC", "index"): (28000.0, 1.0),
    ("ETH-PERP", "mark"): (2001.0, 1.0), ("BTC-PERP", "mark"): (28020.0, 1.0),
}  # fmt: skip
RULES = msgspec.structs.replace(figures.TEST, base_margin_factor=0.8)
METHOD = StandardManager(
    name="srm", date=figures.VERSION, source=figures.TEST_SOURCE, markets={"BTC": RULES, "ETH": RULES},
    depeg=figures.TEST_DEPEG,
)  # fmt: skip


def option(name, **changes):
    """``ETH-892800-1500-C`` as a contract."""
    underlying, seconds, strike, right = name.split("-")
    terms = dict(id=name, kind=Kind.OPTION, underlying=underlying, settlement="USDC", lot=LOT, strike=float(strike),
                 right=Right.CALL if right == "C" else Right.PUT, expiry=AS_OF + int(seconds) * 10**9)  # fmt: skip
    return Instrument(**terms | changes)


def perpetual(name):
    return Instrument(id=f"{name}-PERP", kind=Kind.PERPETUAL, underlying=name, settlement="USDC", lot=LOT)


def listed(names):
    perpetuals = [perpetual("BTC"), perpetual("ETH")]
    coins = [Asset(id=name, decimals=9, underlying=name) for name in ("BTC", "ETH")]
    return Instruments.of([*map(option, names), *perpetuals], [Asset(id="USDC", decimals=9), *coins])


def market(names, feeds=None):
    """The venue's test market: volatility 0.5 everywhere; ``feeds`` replaces (value, confidence)."""
    seen = dict(FEEDS)
    for (underlying, seconds), forward in FORWARDS.items():
        seen[expiry_key(underlying, AS_OF + seconds * 10**9), "forward"] = (forward, 1.0)
    seen |= {(name, "volatility"): (0.5, 1.0) for name in names} | (feeds or {})
    rows = [Observation(subject=s, field=f, value=v, confidence=c) for (s, f), (v, c) in seen.items()]
    return Market.of(rows, as_of=AS_OF, quote="USDC")


def run(held=None, coins=None, cash="0", profit=None, feeds=None, method=METHOD):
    """Prepared method and account: contracts by name, coins, cash, and profit of perpetuals at the mark."""
    held = held or {}
    names = [name for name in held if not name.endswith("PERP")]
    instruments = listed(names)
    seen, lots = market(names, feeds), {name: round(Fraction(str(amount)) / LOT) for name, amount in held.items()}
    for name, gain in (profit or {}).items():
        worth = lots[name] * LOT * Fraction(str(seen.value("mark", name)))
        lots[name] = Position(lots[name], int((worth - Fraction(str(gain))) * 10**9))
    account = Account(id="account", currency="USDC")
    portfolio = Portfolio.of(instruments, account=account, positions=lots, balances={"USDC": cash} | (coins or {}))
    return method.prepare(instruments, seen), portfolio


def surplus(*args, **named):
    prepared, portfolio = run(*args, **named)
    found = prepared.requirement(portfolio)
    return found.surplus_initial, found.surplus_maintenance
