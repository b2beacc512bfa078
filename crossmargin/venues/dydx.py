"""dYdX v4: cross margin of linear perpetuals against USDC, in the venue's own integers.

    n = trunc(base price)          NC = quote balance + sum of n
    IMR = ceil(|n| r)              r = max(base rate scaled by open interest, the user's own)
    MMR = ceil(ceil(|n| base) fraction)

Every figure is in quote quanta (1e-6 USDC) until the last step, ``atom``, states it in quote currency; each division
is one ``mul_div`` over a ratio in lowest terms. ``Prepared.exact`` computes in integers of any size; float64 gives
the same integers while every product ``x by`` of a ``mul_div`` and every sum is at most 2^53. Nothing nets, resting
orders reserve nothing, prices are the oracle's alone. An isolated account is a pocket with a balance of its own.
Rules: ``dydx_rules``; figures of a set: ``dydx_parameters``.
"""

from fractions import Fraction
from typing import Any, ClassVar

import msgspec
import numpy as np

from crossmargin import _checks as check
from crossmargin.instruments import Instrument, Instruments, Kind, Payoff
from crossmargin.margin.listing import Listing
from crossmargin.margin.method import Method
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.program import Program
from crossmargin.margin.prepared import Prepared
from crossmargin.market import Market
from crossmargin.portfolio import Book, Order, Portfolio
from crossmargin.portfolio.portfolio import Position, ticks_of
from crossmargin.venues import dydx_tables as tables
from crossmargin.venues.dydx_parameters import (
    CLAMP_FACTOR,
    DATE,
    EQUITY_TIERS,
    MARKETS,
    ONE,
    SOURCE,
    EquityTier,
    PerpMarket,
)
from crossmargin.venues.dydx_rules import (
    QUOTE_DECIMALS,
    Outcome,
    Risk,
    allowed_change,
    clamped_funding,
    most_orders,
    settlement,
)

SHORT_TERM = 1 << 8  # flag of an order that lives a few blocks: no stateful order, so equity tiers do not count it


class CrossMargin(Method, frozen=True, kw_only=True, tag="dydx"):
    """Margin of one set of markets and one user; ``quote`` settles them and is the only collateral.

    ``chosen_rates``: initial rates, parts per million, that the user set per underlying. ``maker_fee``: parts per
    million of a fill, negative a rebate. ``clamp_factor`` bounds funding rates.
    """

    integers: ClassVar[bool] = True
    quote: str
    markets: tuple[PerpMarket, ...]
    chosen_rates: dict[str, int] = msgspec.field(default_factory=dict)
    maker_fee: int = 0
    clamp_factor: int = CLAMP_FACTOR
    equity_tiers: tuple[EquityTier, ...] = EQUITY_TIERS

    def __post_init__(self) -> None:
        check.text("quote", self.quote)
        check.unique("market", (row.underlying for row in self.markets))
        check.unique("equity tier", (row.equity for row in self.equity_tiers))
        check.integer("maker_fee", self.maker_fee, low=-ONE, high=ONE)
        check.integer("clamp_factor", self.clamp_factor, low=0)
        for underlying, rate in self.chosen_rates.items():
            check.known("chosen rate", underlying, self.market_of, "market")
            check.integer("chosen rate", rate, f"of {underlying!r}", low=0, high=ONE)

    @property
    def market_of(self) -> dict[str, PerpMarket]:
        return {row.underlying: row for row in self.markets}

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        balances = m.holding("balance", source="balance", axis="asset")

        # What is held, at the oracle's price; the quote balance is what is left of the cost of positions.
        value = positions.sum(by="each").mul_div(*tables.ratio(m, "notional"))
        m.equity("positions", (value.total() - costs.sum()) * m.given("atom"))
        m.equity("balance", balances.sum() * m.given("atom"))

        # Both levels round up twice; the second factor is 1 at initial.
        charged = (
            abs(value)
            .mul_div(*tables.ratio(m, "rate", "level"), "ceil")
            .mul_div(*tables.ratio(m, "part", "level"), "ceil")
        )
        m.charge("perpetuals", charged.total() * m.given("atom"))
        return m.build()

    def takes(self, row: Instrument) -> bool:
        linear = row.kind is Kind.PERPETUAL and row.payoff is Payoff.LINEAR
        return linear and row.settlement == self.quote and row.underlying in self.market_of

    def listing(self, instruments: Instruments) -> Listing:
        return Listing.of(instruments, self.takes, lambda asset: asset.id == self.quote)

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        return self.listing(instruments).keys(("position", "cost")).shape()

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Quote quanta of a lot, rates by level, and the unit; what open interest scales is read here."""
        taken = [(row, self.market_of[row.underlying]) for row in self.listing(instruments).instruments]
        chosen = [self.chosen_rates.get(row.underlying, 0) for row, _ in taken]
        return {
            **tables.rate_tables(taken, chosen, market),
            **tables.terms("notional", [[tables.lot_quanta(row, perp, market)] for row, perp in taken], 1),
            "atom": tables.quote_atom(self.quote, instruments, market),
        }


def cross_margin(quote: str = "USDC") -> CrossMargin:
    """The shipped markets."""
    return CrossMargin(name="dYdX v4 cross margin", date=DATE, source=SOURCE, quote=quote, markets=MARKETS)


# ---- two results of the plan: changes and orders ----------------------------------------------------


def risk(prepared: Prepared, portfolio: Portfolio) -> Risk:
    """Collateral and margins of an account in exact quote quanta."""
    values = prepared.exact(portfolio)
    atom = prepared.method.tables(prepared.instruments, prepared.market)["atom"]
    net, initial, maintenance = (int(figure / atom) for figure in (values["equity"][0], *values["requirement"]))
    return Risk(net_collateral=net, initial=initial, maintenance=maintenance)


def filled_at_limit(method: CrossMargin, portfolio: Portfolio, order: Order) -> Portfolio:
    """The account after a whole fill as maker: quote quanta toward 0, the fee up; resting orders stay."""
    row = portfolio.instruments.instrument(order.instrument)
    quanta = int(order.lots * ticks_of(row, order.limit) * row.value_ratio(QUOTE_DECIMALS))
    fee = -(-quanta * method.maker_fee // ONE)
    old = portfolio.positions.get(row.id, Position(0))
    paid = quanta if order.side == "buy" else -quanta
    new = Position(old.lots + order.signed_lots, old.open_cost + paid + fee)
    return portfolio.holding(positions={**portfolio.positions, row.id: new})


def order_outcome(portfolio: Portfolio, order: Order, market: Market, method: CrossMargin) -> Outcome:
    """Whether an order may be placed: alone, as if it filled wholly at its limit; other resting orders do not count.

    A stateful order must fit the equity tier too. Funding is taken as settled (``settle_funding``).
    """
    prepared, filled = method.prepare(portfolio.instruments, market), filled_at_limit(method, portfolio, order)
    before = risk(prepared, portfolio)
    stateful = sum(not o.flags & SHORT_TERM for o in (*portfolio.orders, order))
    if not order.flags & SHORT_TERM and stateful > most_orders(method.equity_tiers, before.net_collateral):
        return Outcome.EQUITY_TIER_LIMIT
    if mixes_isolated(method, filled):
        return Outcome.ISOLATED_MARKET
    return allowed_change(before, risk(prepared, filled))


def mixes_isolated(method: CrossMargin, portfolio: Portfolio) -> bool:
    """Whether an account holds an isolated market beside another one."""
    held = {portfolio.instruments.instrument(name).underlying for name, p in portfolio.positions.items() if p.lots}
    return len(held) > 1 and any(method.market_of[name].isolated for name in held if name in method.market_of)


# ---- funding ---------------------------------------------------------------------------------------------


def funding_rate(method: CrossMargin, underlying: str, rate: int) -> int:
    """The funding rate that applies, parts per million: ``rate`` within the cap of the market's tier."""
    perp = check.known("underlying", underlying, method.market_of, "market")
    return clamped_funding(perp.tier, method.clamp_factor, rate)


def funding_received(method: CrossMargin, portfolio: Portfolio, indices: dict[str, int]) -> int:
    """Quote quanta that funding brings up to these indices: one floor of the account's sum, the holder bears it."""
    table, rows = portfolio.book.positions, portfolio.book.positions.rows(portfolio.unit)
    columns, found = (table[name][rows].tolist() for name in ("instrument", "lots", "funding_index")), 0
    for item, lots, last in zip(*columns, strict=True):
        row = portfolio.instruments.rows[item]
        perp = check.known("position", row.underlying, method.market_of, "market")
        now = check.known("funding index", row.id, indices, "instrument")
        found += settlement(lots * tables.lot_base(row, perp), last, now)
    return found // ONE


def settle_funding(method: CrossMargin, portfolio: Portfolio, indices: dict[str, int]) -> Portfolio:
    """The account alone after funding: its quote balance moved, its positions at the indices of now.

    ``indices`` by instrument id, 1e-6 quote quanta per base quantum.
    """
    received = Fraction(funding_received(method, portfolio, indices), 10**QUOTE_DECIMALS)
    balances = {**portfolio.amounts, method.quote: portfolio.amounts.get(method.quote, Fraction(0)) + received}
    moved = portfolio.holding(balances=balances).book
    columns = {name: column.copy() for name, column in moved.positions.columns.items() if name != "balance_pocket"}
    ids = [moved.instruments.rows[item].id for item in columns["instrument"].tolist()]
    columns["funding_index"] = np.array([indices[name] for name in ids], dtype=np.int64)
    return Portfolio(rebuilt(moved, columns), 0)


def rebuilt(book: Book, positions: dict[str, Any]) -> Book:
    """The same book with other columns of positions."""
    balances, orders = (
        {name: column for name, column in table.columns.items() if name not in {"balance_pocket", "unit"}}
        for table in (book.balances, book.orders)
    )
    return Book.of(book.instruments, book.accounts, positions=positions, balances=balances, orders=orders)
