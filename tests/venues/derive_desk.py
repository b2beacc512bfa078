"""A desk at Derive's portfolio margins: ETH at 1000, options of no volatility a year from expiry, and perpetuals.

An option is then worth its distance from the forward. ``1000-C`` is a call, any other name a perpetual.
"""

from crossmargin import Account, Asset, Instrument, Instruments, Market, Observation, Portfolio
from crossmargin.instruments import YEAR_NS, Kind, Right, expiry_key

AS_OF = 1_700_000_000 * 10**9
EXPIRY = expiry_key("ETH", AS_OF + YEAR_NS)


def listed(name):
    if "-" not in name:
        return Instrument(id=name, kind=Kind.PERPETUAL, underlying="ETH", settlement="USDC")
    strike, right = name.split("-")
    return Instrument(id=name, kind=Kind.OPTION, underlying="ETH", settlement="USDC", strike=float(strike),
                      right=Right.CALL if right == "C" else Right.PUT, expiry=AS_OF + YEAR_NS)  # fmt: skip


def asked(method, held=None, balances=None, feeds=None):
    """Lots or positions by name, coins listed if held; ``feeds`` replaces a value or (value, confidence)."""
    held, balances = held or {}, balances or {}
    coins = [Asset(id=name, decimals=9, underlying="ETH") for name in balances if name != "USDC"]
    instruments = Instruments.of(map(listed, held), [Asset(id="USDC", decimals=9), *coins])
    seen = {("ETH", "index"): 1000.0, (EXPIRY, "forward"): 1000.0}
    seen |= {(name, "volatility") if "-" in name else (name, "mark"): 0.0 if "-" in name else 1000.0 for name in held}
    pairs = {key: found if isinstance(found, tuple) else (found, 1.0) for key, found in (seen | (feeds or {})).items()}
    given = [Observation(subject=s, field=f, value=v, confidence=c) for (s, f), (v, c) in pairs.items()]
    owner = Account(id="a", currency="USDC")
    portfolio = Portfolio.of(instruments, account=owner, positions=held, balances=balances)
    return method.requirement(portfolio, Market.of(given, as_of=AS_OF, quote="USDC"))
