"""Runs an account of a published row through the gate: the row's figures are then the engine's.

The account comes from elsewhere (its positions, balances and resting orders as they stand), under the venue's order
policy, at quanta far below the row's tolerance.
"""

from dataclasses import replace

import numpy as np

from crossmargin._core.events import Kind
from crossmargin._core.status import Status
from crossmargin.account import Capacity, RiskEngine
from crossmargin.account.tables import lot_value, price_or_one
from crossmargin.margin import Prepared
from crossmargin.portfolio.portfolio import ticks_of

taken = {"accounts": 0, "left out": 0}


def capacity_for(prepared, portfolio):
    """Room for this account alone: quanta follow from its largest position, sum by sum in the sum's own unit."""
    instruments, market = prepared.instruments, prepared.market
    size = [1.0]
    for name, held in portfolio.positions.items():
        atom = instruments.asset(instruments.instrument(name).settlement)
        cost = abs(held.open_cost) * 10.0**-atom.decimals * price_or_one(market, atom.id, atom.underlying)
        size.append(max(abs(held.lots) * lot_value(instruments.instrument(name), market), cost))
    for name, amount in portfolio.amounts.items():
        size.append(abs(float(amount)) * price_or_one(market, name, instruments.asset(name).underlying))
    for order in portfolio.orders:
        size.append(order.lots * lot_value(instruments.instrument(order.instrument), market))
    slots = len(portfolio.positions) + len(portfolio.orders) + 1
    return Capacity(accounts=1, slots=slots, orders=256, journal=0, notional=4.0 * max(size))


def loaded(prepared, portfolio):
    """An engine that holds the account; None if it holds costs without lots, which no event brings."""
    engine = RiskEngine(prepared, orders="venue", capacity=capacity_for(prepared, portfolio))
    instruments = prepared.instruments
    account = engine.open("row", portfolio.account.currency)
    events = [(Kind.ADJUST, instruments.asset_index[name], atoms) for name, atoms in portfolio.balances.items() if atoms]
    for name, held in portfolio.positions.items():
        if held.lots == 0 and held.open_cost:
            return None
        if held.lots:
            events.append((Kind.BRING, instruments.index[name], held.lots, held.open_cost))
    for number, order in enumerate(portfolio.orders):
        row = instruments.index[order.instrument]
        if order.flags:
            return None
        events.append((Kind.REST, number + 1, row, order.signed_lots, ticks_of(instruments.rows[row], order.limit), 0))
    for kind, *fields in events:
        status = engine.event(kind, 0, account, *fields)
        assert status == Status.OK, (kind, fields, Status(status).name)
    return engine


def through(original):
    """``Prepared.requirement`` whose figures are the gate's, where the policy is the venue's."""

    def requirement(self, portfolio, *, orders="venue"):
        found = original(self, portfolio, orders=orders)
        if orders != "venue" or not all(np.isfinite([found.initial, found.equity_initial])):
            return found
        engine = loaded(self, portfolio)
        if engine is None:
            taken["left out"] += 1
            return found
        taken["accounts"] += 1
        price = float(self.currency_prices(portfolio.alone().book)[0])
        figures = {name: value / price for name, value in engine.figures(0).items()}
        names = ("initial", "maintenance", "equity_initial", "equity_maintenance")
        return replace(found, **{name: figures[name] for name in names})

    return requirement


def patch():
    """From now on every whole account of a row passes through the gate."""
    Prepared.requirement = through(Prepared.requirement)
