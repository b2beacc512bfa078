"""Deribit portfolio margin (engine of April 2024), segregated and cross.

    initial = risk_matrix + open_orders_margin + mmp_margin + spot_margin;  maintenance = mm_factor * risk_matrix
    risk_matrix = worst_case + roll_shock + delta_shock

A bucket is an underlying settled in one currency; its profits and losses are those in that currency, at the shocked
price, times the currency's price now, so that every sum is in the quote currency. What a bucket gains counts
``pnl_offset``, at most ``max_offsetable_pnl``. Source: the venue's pages and API, rules of ``deribit_tables``; what
they leave open is a reading of ``deribit_parameters``. Correlation contingency and the rules of the reported amounts
are not public.
"""

from typing import Any

import numpy as np

from crossmargin.instruments import Instrument, Instruments, Kind, Payoff
from crossmargin.margin.collateral import level_tables
from crossmargin.margin.listing import Listing
from crossmargin.margin.method import Method
from crossmargin.margin.plan.builder import Builder, Held
from crossmargin.margin.plan.expression import Expression
from crossmargin.margin.plan.program import Program
from crossmargin.margin.requirement import Requirement
from crossmargin.market import Market
from crossmargin.venues import deribit_tables as tables
from crossmargin.venues.dated import LATEST
from crossmargin.venues.deribit_parameters import SOURCE, Engine, Readings, Reported, load_parameters, parameters

__all__ = ["Engine", "PortfolioMargin", "Readings", "Reported", "load_parameters", "portfolio_margin"]


class PortfolioMargin(Method, frozen=True, kw_only=True, tag="deribit_portfolio"):
    """Portfolio margin; ``currency`` names the only settlement currency (segregated), none is cross collateral.

    ``reported`` is in that currency, in the quote currency where there is none.
    """

    engine: Engine
    currency: str | None = None
    reported: Reported = Reported()
    readings: Readings = Readings()

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        balances = m.holding("balance", source="balance", axis="asset")

        # Risk vectors of a bucket: losses whole, tail losses less their dampener, gains in part.
        standard = positions.sum("standard", by="bucket", rows="standard")
        extended = positions.sum("extended", by="bucket", rows="extended")
        dampener = m.given("dampener", key="bucket", rows="extended")
        netted = m.concat("scenario", standard, dampened(extended, dampener))
        aggregated = offset(m, netted)

        # Worst case, roll shock gross across expiries, delta shock.
        worst = -m.min(aggregated.total("group").worst(), 0)
        delta = positions.sum("delta", by="expiry")
        roll = (abs(delta) * m.given("roll_rate", key="expiry")).total("group")
        shock = delta_shock(m, positions).total("group")

        # The worst case is rounded before the sum, the initial margin after it, the maintenance margin not.
        unit, factor = m.given("rounding_unit", key="group"), m.given("matrix_factor", rows="level")
        matrix = worst + worst.residual(unit) + roll + shock
        m.charge("worst_case", worst.total() * factor)
        m.charge("roll_shock", roll.total() * factor)
        m.charge("delta_shock", shock.total() * factor)
        of_worst, of_sum = (x.residual(unit).total() for x in (worst, matrix))
        m.charge("rounding", of_worst * factor + of_sum * m.given("at_initial", rows="level"))
        for name in Reported.__struct_fields__:
            m.charge(name, m.given(name, rows="level"))

        m.equity("positions", positions.sum("value") - costs.sum("cost_price"))
        owned = balances.sum("unit_value", by="each")
        m.equity("balances", (owned - owned.positive() * m.given("haircut", key="asset", rows="level")).total())
        for name, vectors in (("pre_aggregated", m.concat("vector", standard, extended)), ("aggregated", aggregated)):
            m.output(f"{name}_risk_vectors", vectors.total())
        m.output("worst_case", (worst + worst.residual(unit)).total())
        m.output("risk_matrix", matrix.total())
        return m.build()

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        """Instruments by expiry, bucket and group; whatever the parameter set does not name cannot be held."""
        listing = self.listing(instruments)
        keys = listing.keys(("position", "cost"))
        buckets = [f"{row.underlying.lower()}_{row.settlement.lower()}" for row in listing.instruments]
        expiries = [
            f"{b}@{e.rpartition('@')[2]}" for b, e in zip(buckets, listing.instruments.expiry_keys, strict=True)
        ]
        keys.add("instrument", "expiry", expiries)
        keys.add("expiry", "bucket", [name.partition("@")[0] for name in keys.labels["expiry"]])
        joint = self.readings.between_buckets == "joint"
        keys.add("bucket", "group", [name.partition("_")[0] if joint else name for name in keys.labels["bucket"]])
        keys.rows |= tables.row_labels(self.engine, listing.instruments)
        return keys.shape()

    def listing(self, instruments: Instruments) -> Listing:
        return Listing.of(instruments, self.takes, lambda asset: self.takes_asset(asset.id))

    def takes(self, row: Instrument) -> bool:
        """Coin-settled inverse and dollar-settled linear contracts of the pairs and currencies of the set."""
        if tables.pair_of(row.underlying) not in self.engine.currency_pair or not self.takes_asset(row.settlement):
            return False
        coin = row.settlement == row.underlying and row.payoff is Payoff.INVERSE
        dollar = tables.currency_of(self.engine, row.settlement) == "usd" and row.payoff is Payoff.LINEAR
        return row.kind is not Kind.SPOT and (coin or dollar)

    def takes_asset(self, name: str) -> bool:
        known = tables.currency_of(self.engine, name) in self.engine.currency
        return known and (self.currency is None or name == self.currency)

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Everything that a mark, a clock or a parameter decides."""
        shape = self.axes(instruments)
        feed = tables.Feed.of(self.engine, self.readings, self.listing(instruments).instruments, market)
        return (
            tables.instrument_tables(feed)
            | tables.bucket_tables(feed, shape)
            | tables.balance_tables(feed)
            | level_tables()
            | {"matrix_factor": [1.0, self.engine.general.mm_factor]}
            | self.reported_tables(market, instruments)
        )

    def reported_tables(self, market: Market, instruments: Instruments) -> dict[str, Any]:
        """Reported amounts in the quote currency; maintenance carries none of them."""
        price = 1.0
        if self.currency is not None:
            asset = instruments.asset(self.currency)
            price = market.price(asset.id, asset.underlying)
        return {name: [getattr(self.reported, name) * price, 0.0] for name in Reported.__struct_fields__}


def dampened(extended: Expression, dampener: Expression) -> Expression:
    """``sign(x) max(|x| - d, 0)``."""
    return (extended - dampener).positive() - (extended + dampener).short()


def offset(m: Builder, netted: Expression) -> Expression:
    """``min(gain pnl_offset, max_offsetable_pnl) - loss``."""
    gain = netted.positive() * m.given("pnl_offset", key="bucket")
    return m.min(gain, m.given("max_offsetable_pnl", key="bucket")) - netted.short()


def delta_shock(m: Builder, positions: Held) -> Expression:
    """``|D| min(m_inc max(|D| - threshold, 0), max_delta_shock)`` of each bucket.

    D1 sums long options, D2 futures and short options; long options may reduce D2, never turn it.
    """
    lots = positions.sum(by="each")
    d1 = (lots.positive() * m.given("option_delta", key="instrument")).total("bucket")
    d2 = positions.sum("future_delta", by="bucket")
    d2 -= (lots.short() * m.given("option_delta", key="instrument")).total("bucket")
    falling, rising = m.min(m.max(d1 + d2, d2), 0), m.max(m.min(d1 + d2, d2), 0)
    size = abs(d2.pick(neg=falling, zero=rising, pos=rising))
    beyond = (size - m.given("delta_threshold", key="bucket")).positive()
    rate = m.min(beyond * m.given("m_inc", key="bucket"), m.given("max_delta_shock", key="bucket"))
    return size * rate


def portfolio_margin(
    as_of: str = LATEST,
    *,
    currency: str | None = None,
    reported: Reported | None = None,
    readings: Readings | None = None,
) -> PortfolioMargin:
    """The engine with the parameter set in force; segregated where a settlement currency is named."""
    date, engine = parameters(as_of)
    kind = "cross" if currency is None else f"segregated {currency}"
    return PortfolioMargin(
        name=f"Deribit portfolio margin, {kind}", date=date, source=SOURCE, engine=engine, currency=currency,
        reported=reported or Reported(), readings=readings or Readings(),
    )  # fmt: skip


def worst_case_bucket(found: Requirement, buckets_count: int = 4) -> dict[str, Any]:
    """The venue's field: ``bucket`` (1 the lowest price), ``side`` of the middle one, ``source``, ``index`` from 1."""
    vectors = np.array(found.outputs["aggregated_risk_vectors"])
    at, standard = int(vectors.argmin()), 3 * (2 * buckets_count + 1)
    if at >= standard:
        return {"bucket": at - standard + 1, "side": "", "source": "extended", "index": at - standard + 1}
    bucket, middle = at // 3 + 1, buckets_count + 1
    side = "left" if bucket < middle else ("right" if bucket > middle else "middle")
    return {"bucket": bucket, "side": side, "source": "standard", "index": at + 1}
