"""Mango accounts drawn and written out, what a close-out step makes of one and of the liquidator, what always holds."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import assume
from hypothesis import strategies as st

from crossmargin import Account, Asset, Instrument, Instruments, Market, Observation, Portfolio, Position
from crossmargin.instruments import Kind
from crossmargin.liquidation.venues.mango import Standing
from crossmargin.liquidation.venues.mango_losses import LossCloseOut, close_out_loss
from crossmargin.liquidation.venues.mango_perpetuals import PerpetualCloseOut, close_out_perpetual
from crossmargin.liquidation.venues.mango_rules import InsuranceFund, PenaltyRates, Rules
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
        [Instrument(id=name, kind=Kind.PERPETUAL, underlying=f"{name} base", settlement=given["settle"],
                    lot=given["size"]) for name, given in perpetuals.items()],
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
    fields = ("initial_long", "initial_short", "maintenance_long", "maintenance_short", "initial_profit",
              "maintenance_profit")  # fmt: skip
    return PerpetualRule(instrument=name, **dict(zip(fields, weights, strict=True)))


def market_of(tokens, perpetuals):
    """Oracle and stable prices alike."""
    prices = {name: given["price"] for name, given in tokens.items()}
    prices |= {f"{name} base": given["price"] for name, given in perpetuals.items()}
    fields = ("index", "slow_price")
    seen = [Observation(subject=name, field=field, value=price) for name, price in prices.items() for field in fields]
    return Market.of(seen, as_of=0, quote=QUOTE)


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
                moved(liquidator, {found.asset: 0 if found.direct else -found.covered}))  # fmt: skip
    name = found.instrument
    settle = account.prepared.instruments.instrument(name).settlement
    if isinstance(found, PerpetualCloseOut):
        received = found.settled - found.quote - found.platform
        return (moved(account, {settle: found.paid}, found.lots, found.quote - found.settled, name),
                moved(liquidator, {settle: -found.paid}, -found.lots, received, name))  # fmt: skip
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


# ---- accounts of every kind: a maintenance weight is half way from initial to 1 ------------------------

NEAR = 1e-6  # quote currency: amounts are rounded to 1e-9 on their way into an account


def toward_one(weight):
    """A maintenance weight: half way to a price that counts in full."""
    return (1 + weight) / 2


def token_weights(asset, debt):
    return asset, debt, toward_one(asset), toward_one(debt)


def perpetual_weights(long, short, profit):
    return long, short, toward_one(long), toward_one(short), profit, toward_one(profit)


prices = st.integers(1, 60)
tokens = st.fixed_dictionaries({
    "balance": st.integers(-600, 600).map(lambda tenths: tenths / 10),
    "price": prices,
    "weights": st.builds(token_weights, st.sampled_from([0.0, 0.5, 0.8, 0.95]), st.sampled_from([1.05, 1.2, 1.5])),
})  # fmt: skip
perpetuals = st.fixed_dictionaries({
    "settle": st.just("Q"),
    "lots": st.integers(-40, 40),
    "quote": st.integers(-900, 900),
    "price": prices,
    "size": st.sampled_from([0.5, 1, 3]),
    "weights": st.builds(perpetual_weights, st.sampled_from([0.6, 0.9]), st.sampled_from([1.1, 1.4]),
                         st.sampled_from([0.0, 0.5, 0.9])),
})  # fmt: skip
penalties = st.builds(
    Rules,
    tokens=st.tuples(*(st.builds(PenaltyRates, subject=st.just(name), liquidator=st.sampled_from([0.0, 0.02]),
                                 platform=st.sampled_from([0.0, 0.01])) for name in "ABQ")),
    perpetuals=st.tuples(*(st.builds(PenaltyRates, subject=st.just(name), liquidator=st.sampled_from([0.0, 0.03]),
                                     platform=st.sampled_from([0.0, 0.01]), profit=st.sampled_from([0.0, 0.05]))
                           for name in ("P", "R"))),
)  # fmt: skip
standings = st.builds(
    standing_of, st.fixed_dictionaries(dict.fromkeys("ABQ", tokens)),
    st.fixed_dictionaries(dict.fromkeys("PR", perpetuals)), penalties,
)  # fmt: skip
mosts = st.sampled_from([0.0, 0.3, 7.0, 60.0, 1e6])
funds = st.builds(InsuranceFund, asset=st.sampled_from("AQ"), atoms=st.sampled_from([0, 1, 40, 10**6]),
                  price=st.sampled_from([0.25, 3.0]))  # fmt: skip


def below_zero(standing):
    """An account that a liquidation goes on with."""
    assume(standing.health() < -standing.rules.native)
    return standing


def equity(standing):
    """Mark-to-market value, the same at every level: what is transferred at oracle prices keeps it."""
    return standing.prepared.requirement(standing.portfolio).equity_maintenance


def check_step(standing, found, *, away=0.0, brought=0.0):
    """Health does not fall, the value of all parties stays. ``away``: to platform; ``brought``: borne by others."""
    account, liquidator = applied(found, standing, empty(standing))
    assert account.health() >= standing.health() - NEAR
    assert equity(account) + equity(liquidator) + away - brought == pytest.approx(equity(standing), rel=1e-12, abs=NEAR)
    return account, liquidator


# ---- steps as a liquidator takes them ------------------------------------------------------------------


def close(standing, name="P", most_lots=1000, most_profit=1e6):
    settle = standing.prepared.instruments.instrument(name).settlement
    return close_out_perpetual(
        standing.health(), standing.perpetual(name), standing.token(settle),
        most_lots=most_lots, most_profit=most_profit, native=standing.rules.native,
    )  # fmt: skip


def bear(standing, settle_limit=1e6, most=1e6, fund=InsuranceFund(asset="Q", atoms=0, price=1.0), name="P"):
    return close_out_loss(
        standing.health(), standing.perpetual(name), standing.token("Q"), room=standing.room("Q"),
        settle_limit=settle_limit, most=most, fund=fund,
    )  # fmt: skip
