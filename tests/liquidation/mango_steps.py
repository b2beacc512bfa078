"""A Mango account at one weight for every level, and what a close-out step makes of it and of the liquidator."""

from dataclasses import replace
from fractions import Fraction

from crossmargin import Account, Asset, Instrument, Instruments, Market, Observation, Portfolio, Position
from crossmargin.instruments import Kind
from crossmargin.liquidation.venues.mango import Standing
from crossmargin.liquidation.venues.mango_losses import LossCloseOut
from crossmargin.liquidation.venues.mango_perpetuals import PerpetualCloseOut
from crossmargin.liquidation.venues.mango_rules import Rules
from crossmargin.liquidation.venues.mango_tokens import TokenBankruptcy, TokenCloseOut
from crossmargin.venues.mango import Health
from crossmargin.venues.mango_parameters import PerpetualRule, TokenRule

FINE = 9  # decimals, so that an account can hold parts of a native unit
QUOTE = "USD"
TOKEN = {"balance": 0, "price": 1, "weights": (1, 1, 1, 1)}
PERPETUAL = {"lots": 0, "quote": 0, "price": 1, "size": 1, "weights": (1, 1, 1, 1, 0, 0)}


def standing_of(tokens, perpetuals=(), rules=Rules(native=1.0)):
    """An account by token and by perpetual: what a row leaves out is as in TOKEN and PERPETUAL.

    ``weights`` in the order of ``TokenRule`` and ``PerpetualRule``; a perpetual also names its ``settle`` token.
    """
    tokens = {name: TOKEN | given for name, given in tokens.items()}
    perpetuals = {name: PERPETUAL | given for name, given in perpetuals.items()} if perpetuals else {}
    method = Health(
        name="liquidation", tokens=tuple(token_rule(name, given["weights"]) for name, given in tokens.items()),
        perpetuals=tuple(perpetual_rule(name, given["weights"]) for name, given in perpetuals.items()),
    )  # fmt: skip
    instruments = Instruments.of(
        [Instrument(id=name, kind=Kind.PERPETUAL, underlying=f"{name} base", settlement=given["settle"], lot=given["size"])
         for name, given in perpetuals.items()],
        [*(Asset(id=name, decimals=FINE) for name in tokens), Asset(id=QUOTE, decimals=0)],
    )  # fmt: skip
    portfolio = Portfolio.of(
        instruments, account=Account(id="account", currency=QUOTE),
        balances={name: fine(given["balance"]) for name, given in tokens.items()},
        positions={name: Position(given["lots"], -atoms(given["quote"])) for name, given in perpetuals.items()},
    )  # fmt: skip
    return Standing(method.prepare(instruments, market_of(tokens, perpetuals)), portfolio, rules)


def token_rule(name, weights):
    fields = ("initial_asset", "initial_debt", "maintenance_asset", "maintenance_debt")
    return TokenRule(asset=name, **dict(zip(fields, weights, strict=True)))


def perpetual_rule(name, weights):
    fields = ("initial_long", "initial_short", "maintenance_long", "maintenance_short", "initial_profit", "maintenance_profit")
    return PerpetualRule(instrument=name, **dict(zip(fields, weights, strict=True)))


def market_of(tokens, perpetuals):
    """Oracle and stable prices alike."""
    prices = {name: given["price"] for name, given in tokens.items()}
    prices |= {f"{name} base": given["price"] for name, given in perpetuals.items()}
    fields = ("index", "slow_price")
    return Market.of([Observation(subject=name, field=field, value=price) for name, price in prices.items() for field in fields],
                     as_of=0, quote=QUOTE)  # fmt: skip


def atoms(amount):
    """The nearest number of atoms."""
    return round(Fraction(amount) * 10**FINE)


def fine(amount):
    return Fraction(atoms(amount), 10**FINE)


def moved(standing, tokens=(), lots=0, quote=0.0, perpetual=None):
    """The account after tokens (by id), lots and quote of a perpetual came in, each amount to the nearest atom."""
    held = standing.portfolio
    balances = held.amounts
    for name, amount in dict(tokens).items():
        balances[name] = balances.get(name, Fraction(0)) + fine(amount)
    positions = held.positions
    if perpetual:
        old = positions.get(perpetual, Position(0))
        positions[perpetual] = Position(old.lots + lots, old.open_cost - atoms(quote))
    return replace(standing, portfolio=held.holding(balances=balances, positions=positions))


def applied(found, account, liquidator):
    """Account and liquidator after a step; what fund, platform and others pay and receive is not theirs."""
    if isinstance(found, TokenCloseOut):
        return (moved(account, {found.owed: found.repaid, found.owned: -found.taken}),
                moved(liquidator, {found.owed: -found.repaid, found.owned: found.taken - found.platform}))  # fmt: skip
    if isinstance(found, TokenBankruptcy):
        return (moved(account, {found.asset: found.covered + found.socialised}),
                moved(liquidator, {found.asset: -found.covered}))  # fmt: skip
    name = found.instrument
    settle = account.prepared.instruments.instrument(name).settlement
    if isinstance(found, PerpetualCloseOut):
        return (moved(account, {settle: found.paid}, found.lots, found.quote - found.settled, name),
                moved(liquidator, {settle: -found.paid}, -found.lots, found.settled - found.quote - found.platform, name))  # fmt: skip
    assert isinstance(found, LossCloseOut)
    return (moved(account, {settle: -found.settled}, 0, found.settled + found.covered + found.socialised, name),
            moved(liquidator, {settle: found.settled}, 0, -found.settled - found.covered, name))  # fmt: skip


def empty(standing):
    """A liquidator of the same market with nothing."""
    return replace(standing, portfolio=standing.portfolio.holding(balances={}, positions={}, orders=()))


def amount(standing, token):
    return float(standing.portfolio.amounts.get(token, 0))


def quote(standing, perpetual):
    """Settle tokens, the negative open cost."""
    return -standing.portfolio.positions.get(perpetual, Position(0)).open_cost / 10**FINE


def lots(standing, perpetual):
    return standing.portfolio.positions.get(perpetual, Position(0)).lots
