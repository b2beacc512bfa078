"""What the tests hold: a small market of every kind of instrument, books and bad figures."""

import json
from copy import deepcopy
from fractions import Fraction

from hypothesis import strategies as st

from crossmargin import Account, Asset, Instrument, Instruments, Market, Observation
from crossmargin.instruments import YEAR_NS, Kind, Payoff, Right, expiry_key
from crossmargin.margin import load_method
from crossmargin.snapshot import loads

AS_OF = 1_700_000_000 * 10**9
SOON, LATE = AS_OF + YEAR_NS // 12, AS_OF + YEAR_NS // 2

USD = Asset(id="USD", decimals=2)
USDC = Asset(id="USDC", decimals=6)
BTC = Asset(id="BTC", decimals=8, underlying="BTC")
ASSETS = (USD, USDC, BTC)


def instrument(name, kind, **terms):
    """A contract on BTC settled in USD unless said otherwise."""
    given = {"id": name, "kind": kind, "underlying": "BTC", "settlement": "USD", **terms}
    return Instrument(**given)


SPOT = instrument("SPOT", Kind.SPOT, lot=Fraction(1, 1000))
LINEAR = instrument("LINEAR", Kind.PERPETUAL, settlement="USDC", lot=Fraction(1, 100), tick=Fraction(1, 2))
INVERSE = instrument(
    "INVERSE",
    Kind.FUTURE,
    settlement="BTC",
    payoff=Payoff.INVERSE,
    contract_size=Fraction(10),
    tick=Fraction(1, 2),
    expiry=SOON,
)
QUANTO = instrument(
    "QUANTO", Kind.PERPETUAL, settlement="BTC", payoff=Payoff.QUANTO, contract_size=Fraction(1, 10**6)
)
CALL = instrument("CALL", Kind.OPTION, strike=32_000.0, right=Right.CALL, expiry=SOON, lot=Fraction(1, 10))
PUT = instrument("PUT", Kind.OPTION, settlement="USDC", strike=28_000.0, right=Right.PUT, expiry=LATE)
COIN_CALL = instrument(
    "COIN_CALL",
    Kind.OPTION,
    settlement="BTC",
    payoff=Payoff.INVERSE,
    strike=31_000.0,
    right=Right.CALL,
    expiry=LATE,
    tick=Fraction(1, 10_000),
    lot=Fraction(1, 10),
)
COIN_PUT = instrument(
    "COIN_PUT",
    Kind.OPTION,
    settlement="BTC",
    payoff=Payoff.INVERSE,
    strike=29_000.0,
    right=Right.PUT,
    expiry=SOON,
    tick=Fraction(1, 10_000),
    lot=Fraction(1, 10),
)
ALL = (SPOT, LINEAR, INVERSE, QUANTO, CALL, PUT, COIN_CALL, COIN_PUT)

FIGURES = {
    ("BTC", "index"): 30_000.0,
    ("USDC", "index"): 0.999,
    ("LINEAR", "mark"): 30_010.0,
    ("INVERSE", "mark"): 30_150.0,
    ("QUANTO", "mark"): 30_020.0,
    ("CALL", "mark"): 900.0,
    ("PUT", "mark"): 1_400.0,
    ("COIN_CALL", "mark"): 0.09,
    ("COIN_PUT", "mark"): 0.025,
    ("CALL", "volatility"): 0.55,
    ("PUT", "volatility"): 0.6,
    ("COIN_CALL", "volatility"): 0.58,
    ("COIN_PUT", "volatility"): 0.62,
    (expiry_key("BTC", SOON), "forward"): 30_120.0,
    (expiry_key("BTC", LATE), "forward"): 30_900.0,
    (expiry_key("BTC", LATE), "forward_fixed"): 400.0,
    (expiry_key("BTC", SOON), "rate"): 0.04,
}


def market(figures=FIGURES, as_of=AS_OF):
    """The figures as observations."""
    seen = [Observation(subject=s, field=f, value=v, published=as_of) for (s, f), v in figures.items()]
    return Market.of(seen, as_of=as_of)


def instruments(rows=ALL, assets=ASSETS):
    return Instruments.of(rows, assets)


OWNER = Account(id="owner", currency="USD")

# ---------------------------------------------------------------- a small file of one account
SMALL = {
    "format": "crossmargin/1",
    "as_of": "2024-01-01T00:00:00Z",
    "quote": "USD",
    "title": "two positions",
    "assets": [{"id": "USD"}, {"id": "BTC", "decimals": 8, "underlying": "BTC"}],
    "instruments": [
        {
            "id": "PERP",
            "kind": "perpetual",
            "underlying": "BTC",
            "settlement": "USD",
            "lot": "0.001",
            "tick": "0.5",
        },
        {
            "id": "CALL",
            "kind": "option",
            "underlying": "BTC",
            "settlement": "USD",
            "strike": 45000.0,
            "right": "call",
            "expiry": "2024-03-29T08:00:00Z",
            "lot": "0.1",
        },
    ],
    "observations": [
        {"subject": "BTC", "field": "index", "value": 42000.0},
        {"subject": "PERP", "field": "mark", "value": 42010.0},
        {"subject": "BTC@2024-03-29T08:00:00Z", "field": "forward", "value": 42500.0},
        {"subject": "CALL", "field": "mark", "value": 2000.0},
        {"subject": "CALL", "field": "volatility", "value": 0.5},
    ],
    "accounts": [
        {
            "id": "desk",
            "currency": "USD",
            "positions": [
                {"instrument": "PERP", "lots": 1500, "open_cost": "60000"},
                {"instrument": "CALL", "lots": -10, "open_cost": "-1800.50"},
            ],
            "balances": [{"asset": "USD", "amount": "20000"}, {"asset": "BTC", "amount": "0.25"}],
            "orders": [{"id": 7, "instrument": "PERP", "side": "sell", "lots": 500, "limit": "42100.5"}],
        }
    ],
    "methods": {
        "isolated": {
            "method": "isolated",
            "name": "alone",
            "scenarios": {"moves": [-0.1, 0.0, 0.1]},
            "collateral": [{"asset": "USD"}],
            "factor": [1.0, 0.8],
        },
        "portfolio": {
            "method": "scenario",
            "name": "whole",
            "date": "2024-01-01",
            "scenarios": {"moves": [-0.2, -0.1, 0.0, 0.1, 0.2], "volatility": [-0.2, 0.3]},
            "collateral": [{"asset": "USD"}, {"asset": "BTC", "initial": [0.1], "maintenance": [0.05]}],
            "factor": [1.0, 0.8],
        },
    },
}


def small(**changes):
    """A deep copy of the small file with some top fields replaced."""
    return deepcopy(SMALL) | changes


def encoded(record):
    return json.dumps(record).encode()


def desk(record=None):
    return loads(encoded(SMALL if record is None else record))


def method_of(name="portfolio", **changes):
    """A method of the small file, with some parameters replaced."""
    return load_method(encoded(SMALL["methods"][name] | changes))


# ---------------------------------------------------------------- figures that must be refused
NOT_FINITE = (float("nan"), float("inf"), float("-inf"), 10**400)
NOT_NUMBERS = ("1", None, True, [1.0], 1 + 2j, object())
NOT_TEXT = ("", "a\nb", "\x1b[31m", "x" * 201, None, 3, "\ud800")

lots = st.integers(-(10**6), 10**6)
decimals = st.fractions(Fraction(1, 10**6), 10**6).map(lambda f: Fraction(int(f * 10**6) or 1, 10**6))
finite = st.floats(-1e12, 1e12)
