"""Prepared methods for the gate's tests: those of the seeds and one of each venue, with a cash asset to deposit."""

from functools import cache
from pathlib import Path

from venues import derive_desk, mango_desk
from venues import test_binance_twin as binance
from venues import test_bybit_twin as bybit
from venues import test_deribit_twin as deribit
from venues import test_hyperliquid_twin as hyperliquid
from venues import test_okx_twin as okx
from venues import test_paradex_twin as paradex

from crossmargin import Asset, Instruments, Market, Observation, load
from crossmargin.margin import load_method
from crossmargin.venues import catalogue

SEEDS = Path(__file__).resolve().parents[2] / "seeds"


def seed(file, name):
    desk = load(SEEDS / f"{file}.json")
    return load_method(desk.methods[name]).prepare(desk.instruments, desk.market)


def derive(name):
    """Derive's methods as shipped, over options of two strikes and a perpetual."""
    names = ("1000-C", "1000-P", "900-P", "1100-C", "ETH")
    instruments = Instruments.of(map(derive_desk.listed, names), [Asset(id="USDC", decimals=6)])
    seen = {("USDC", "peg"): 1.0, ("ETH", "index"): 1000.0, (derive_desk.EXPIRY, "forward"): 1010.0, ("ETH", "mark"): 1001.0}
    seen |= {(name, "volatility"): 0.6 for name in names if "-" in name}
    given = [Observation(subject=s, field=f, value=v) for (s, f), v in seen.items()]
    market = Market.of(given, as_of=derive_desk.AS_OF, quote="USDC")
    return catalogue.MAKERS[name](instruments).prepare(instruments, market)


DESKS = {
    "isolated": lambda: seed("market-maker", "isolated"),
    "tiered": lambda: seed("crypto", "tiered"),
    "scenario": lambda: seed("market-maker", "portfolio"),
    "scenario of coins": lambda: seed("crypto", "portfolio"),
    "sensitivities": lambda: seed("crypto", "sensitivities"),
    "Derive v2": lambda: derive("Derive portfolio v2"),
    "Derive standard": lambda: derive("Derive standard"),
    "Deribit": lambda: deribit.prepared(deribit.CASES[0]),
    "OKX": lambda: okx.prepared(okx.CASES[0]),
    "Bybit": lambda: bybit.prepared(0),
    "Paradex": lambda: paradex.prepared(0),
    "Mango": lambda: mango_desk.method_of().prepare(mango_desk.INSTRUMENTS, mango_desk.MARKET),
    "Binance": lambda: binance.prepared(binance.CASES[0]),
    "Hyperliquid": lambda: hyperliquid.prepared(0),
}


@cache
def prepared(name):
    return DESKS[name]()
