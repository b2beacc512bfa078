"""Reads rows of dydx_v4.json as methods, markets and accounts; it knows no margin rule.

A row that publishes two states is two accounts of one perpetual at a price of 1 whose whole notional is maintenance
margin.
"""

from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction

from crossmargin import Account, Asset, Instrument, Instruments, Market, Observation, Portfolio
from crossmargin.instruments import Kind
from crossmargin.margin.plan.evaluate import evaluate
from crossmargin.margin.prepared import quantities
from crossmargin.venues.dydx import CrossMargin
from crossmargin.venues.dydx_parameters import ONE, LiquidityTier, PerpMarket

PERP, COIN, QUOTE = "BTC-USD", "BTC", "USDC"
MICRO = 10**6
LOTS = 2**53  # a book holds no more lots


@dataclass(frozen=True)
class Case:
    """One account, ready to be asked."""

    method: CrossMargin
    portfolio: Portfolio
    market: Market

    @property
    def prepared(self):
        return self.method.prepare(self.portfolio.instruments, self.market)


def kind_of(row):
    return row["name"].partition(":")[0]


def tier_of(p):
    """Rates as a row gives them; a row of initial margin alone gives no fraction."""
    return LiquidityTier(
        initial=int(p["initial_margin_ppm"]), maintenance_fraction=int(p.get("maintenance_fraction_ppm", ONE)),
        lower_cap=int(p.get("oi_lower_cap", 0)), upper_cap=int(p.get("oi_upper_cap", 0)),
    )  # fmt: skip


def account(*, base=0, price=1, tier, atomic=-6, interest=0, balance=0, orders=(), lot=1, **method):
    """``base`` and ``interest`` in base quanta, ``balance`` in quote quanta, ``price`` of a coin: any exact number."""
    quantum = Fraction(10) ** atomic
    counted = abs(base) if abs(base) > LOTS else lot  # base quanta of a lot
    instruments = Instruments.of(
        [Instrument(id=PERP, kind=Kind.PERPETUAL, underlying=COIN, settlement=QUOTE, lot=quantum * counted,
                    tick=Fraction(1, MICRO))],
        [Asset(id=QUOTE, decimals=6), Asset(id=COIN, decimals=8, underlying=COIN)],
    )  # fmt: skip
    market, stated = market_of({(COIN, "index"): Fraction(price), (PERP, "open_interest"): interest * quantum})
    perp = PerpMarket(underlying=COIN, atomic_resolution=atomic, tier=tier,
                      price=stated.get((COIN, "index")), open_interest=stated.get((PERP, "open_interest")))  # fmt: skip
    made = CrossMargin(name="row", source="dydxprotocol/v4-chain tests", quote=QUOTE, markets=(perp,), **method)
    portfolio = Portfolio.of(
        instruments, account=Account(id="row", currency=QUOTE), positions={PERP: base // counted} if base else {},
        balances={QUOTE: Fraction(balance, MICRO)}, orders=orders,
    )  # fmt: skip
    return Case(made, portfolio, market)


def desk(perps, *, tier, positions, balance=0, markets=(), name="row", lot=1):
    """An account of several perpetuals: ``perps`` by coin, (price of a coin, resolution); ``lot`` in base quanta.

    ``balance`` in quote quanta, ``positions`` in lots by coin; ``markets`` replace those made of ``tier``.
    """
    listed = [
        Instrument(id=f"{coin}-USD", kind=Kind.PERPETUAL, underlying=coin, settlement=QUOTE, tick=Fraction(1, MICRO),
                   lot=lot * Fraction(10) ** atomic)
        for coin, (_, atomic) in perps.items()
    ]  # fmt: skip
    coins = [Asset(id=coin, decimals=8, underlying=coin) for coin in perps]
    market, _ = market_of({(coin, "index"): Fraction(price) for coin, (price, _) in perps.items()})
    made = markets or [PerpMarket(underlying=coin, atomic_resolution=n, tier=tier) for coin, (_, n) in perps.items()]
    portfolio = Portfolio.of(
        Instruments.of(listed, [Asset(id=QUOTE, decimals=6), *coins]), account=Account(id=name, currency=QUOTE),
        positions={f"{coin}-USD": base for coin, base in positions.items() if base},
        balances={QUOTE: Fraction(balance, MICRO)},
    )  # fmt: skip
    method = CrossMargin(name="row", source="dydxprotocol/v4-chain tests", quote=QUOTE, markets=tuple(made))
    return Case(method, portfolio, market)


def market_of(figures):
    """A market in quote currency, and the figures that float64 does not hold, as decimals."""
    seen = [Observation(subject=s, field=f, value=float(value)) for (s, f), value in figures.items()]
    stated = {key: decimal(value) for key, value in figures.items() if Fraction(str(float(value))) != value}
    return Market.of(seen, as_of=0, quote=QUOTE), stated


def decimal(value):
    with localcontext(prec=200):
        return Decimal(value.numerator) / Decimal(value.denominator)


def margin_account(row):
    """An account of one position in base quanta."""
    p, seen = row["params"], row["market"]
    return account(
        base=int(row["portfolio"]["base_quantums"]), price=int(seen["price"]) * Fraction(10) ** int(seen["exponent"]),
        tier=tier_of(p), atomic=int(p["atomic_resolution"]), interest=int(seen["open_interest_base_quantums"]),
    )  # fmt: skip


def notional_account(row):
    """At a price of 1 and a resolution of 1e-6, base quanta are quote quanta."""
    held, seen = row["portfolio"], row["market"]
    return account(base=int(held["notional"]), tier=tier_of(row["params"]), interest=int(seen["open_interest_notional"]))


def state_account(state):
    """Net collateral and maintenance margin as an account: what the position is worth is asked in full."""
    collateral, maintenance = int(state["NC"]), int(state["MMR"])
    tier = LiquidityTier(initial=ONE, maintenance_fraction=ONE)
    return account(base=maintenance, tier=tier, balance=collateral - maintenance)


def liquidated_account(row):
    """The account of a row of liquidation, its perpetuals by their numbers."""
    held, seen = row["portfolio"], row["market"]["perpetuals"]
    return desk(
        {str(p["id"]): (int(p["price"]) * Fraction(10) ** p["exponent"], p["atomic_resolution"]) for p in seen},
        tier=tier_of(row["params"]), balance=int(held["usdc_quantums"]),
        positions={str(p["perpetual_id"]): int(p["base_quantums"]) for p in held["positions"]},
    )  # fmt: skip


def block_account(row):
    """One position of a row that gives no margin rates: its notional is what is asked for."""
    seen = row["market"]
    return account(
        base=int(row["portfolio"]["base_quantums"]), price=int(seen["price"]) * Fraction(10) ** int(seen["exponent"]),
        tier=LiquidityTier(initial=ONE, maintenance_fraction=ONE), atomic=int(seen["atomic_resolution"]),
    )  # fmt: skip


def largest_product(case):
    """The largest ``|x by|`` of a division in the exact run: float64 holds it up to 2^53."""
    prepared = case.prepared
    bound = prepared.bound.exactly(case.method.tables(case.portfolio.instruments, case.market))
    trace = evaluate(bound, quantities(bound, case.portfolio, object))
    divisions = [node for node in bound.program.nodes if node.op == "mul_div"]
    products = [trace.operand(n.args[0], n.key) * trace.operand(n.args[1], n.key) for n in divisions]
    return max((abs(int(x)) for found in products for x in found.ravel()), default=0)
