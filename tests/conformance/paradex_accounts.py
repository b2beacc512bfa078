"""Accounts of the Paradex examples, which two files tell in two forms."""

from fractions import Fraction
from math import exp, sqrt
from statistics import NormalDist

from conformance.simple_accounts import account, linear_option, perpetual
from crossmargin import Order, Position
from crossmargin.venues import paradex
from crossmargin.venues.paradex_parameters import CrossRules

VOLATILITY, DAYS = 0.6, 30.0


def cross_account(*, position, buys=(), sells=(), mark, imf, collateral=0, entry=None):
    """One perpetual with resting orders at the mark, in whole contracts."""
    swap = perpetual("P", "BTC", "USDC")
    orders = [
        Order(id=n, instrument="P", side=side, lots=size, limit=str(mark))
        for n, (side, size) in enumerate([("buy", b) for b in buys] + [("sell", s) for s in sells])
    ]
    held = {"P": Position(position, int(position * Fraction(str(mark if entry is None else entry)) * 10**9))}
    portfolio, market = account([swap], held, {"BTC": mark}, {"P": mark}, balances={"USDC": str(collateral)}, orders=orders)
    method = paradex.CrossMargin(name="row", rules=CrossRules(imf={"BTC": imf}))
    return method, portfolio, market


def strike_of_delta(forward, delta):
    """The strike at which a call has this delta: the row gives the delta, a market gives a strike."""
    v = VOLATILITY * sqrt(DAYS / 365.0)
    return forward * exp(-NormalDist().inv_cdf(delta) * v + v * v / 2)


def portfolio_account(*, perpetuals, calls, delta, spot, unhedged, hedged):
    """A perpetual and calls of a given delta, whose forward is the index."""
    strike = strike_of_delta(spot, delta)
    listed = [perpetual("P", "BTC", "USDC"), linear_option("C", "BTC", strike, "call", "USDC", days=DAYS)]
    held = {"P": perpetuals, "C": calls}
    portfolio, market = account(listed, held, {"BTC": spot}, {"P": spot, "C": 1000.0}, volatility=VOLATILITY)
    made = paradex.portfolio_margin()
    rules = made.rules.assets["BTC"]
    assert (rules.unhedged, rules.hedged) == (unhedged, hedged)
    return made, portfolio, market


