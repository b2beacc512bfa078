"""A method made ready for one list of instruments and one market: run it, replace its marks, explain it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import frexp
from typing import TYPE_CHECKING, Any

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.instruments import Instruments
from crossmargin.margin.explanation import Explanation, explain
from crossmargin.margin.plan.batch import check_held, run
from crossmargin.margin.plan.binding import Binding
from crossmargin.margin.plan.empty import check_empty
from crossmargin.margin.plan.evaluate import Quantities, Trace, evaluate
from crossmargin.margin.plan.incremental import Incremental
from crossmargin.margin.plan.layout import Layout, lay_out
from crossmargin.margin.plan.orders import Bound, Fill, WorstFill
from crossmargin.margin.plan.program import Part, Program
from crossmargin.margin.plan.quantum import Quanta
from crossmargin.margin.requirement import Component, Requirement, Requirements
from crossmargin.market import Market
from crossmargin.portfolio import Book, Order, Portfolio
from crossmargin.portfolio.feeds import FEEDS
from crossmargin.portfolio.portfolio import fill_cost, ticks_of

if TYPE_CHECKING:
    from crossmargin.margin.method import Method

ORDER_POLICIES = ("venue", "worst_fill", "none")


@dataclass(frozen=True)
class Prepared:
    """A method's plan with its risk arrays filled; a new mark replaces tables, never the program."""

    method: "Method"
    instruments: Instruments
    market: Market
    bound: Binding
    checked: bool = False  # under these figures every sum is 0 on an empty key; without it nothing is skipped

    @property
    def program(self) -> Program:
        return self.bound.program

    @cached_property
    def layout(self) -> Layout:
        return lay_out(self.bound, checked=self.checked)

    @cached_property
    def wanted(self) -> dict[str, int]:
        """Account nodes that a requirement reads: outputs, then parts."""
        return dict(self.program.outputs) | {f"part {p.name}": p.node for p in self.program.parts}

    def remark(self, market: Market) -> "Prepared":
        """Return the same program over the figures of another market, checked again where these were."""
        bound = self.bound.remarked(self.method.tables(self.instruments, market))
        fresh = Prepared(self.method, self.instruments, market, bound)
        return fresh.verified() if self.checked else fresh

    def verified(self) -> "Prepared":
        """The same, once every summed expression is found to be 0 where nothing is held."""
        check_empty(self.bound)
        return replace(self, checked=True)

    def values(
        self,
        book: Book,
        names: Sequence[str],
        *,
        threads: int = 1,
        quantum: float | Quanta | None = None,
        doubted: bool = False,
    ) -> dict[str, Floats]:
        """Raw outputs of every unit by name, quote currency, shape (n_units, rows).

        ``doubted`` values accounts too that hold what an oracle's fault traps: what figures they would have, were its
        price right.
        """
        layout = self.layout if quantum is None else self.layout.rounded(quanta_of(self.bound, quantum))
        self.check_book(layout, book, doubted=doubted)
        nodes = [self.wanted[name] for name in names]
        out = run(layout, book, nodes, threads=threads)
        found, at = {}, 0
        for name, node in zip(names, nodes, strict=True):
            width = self.bound.n_rows(self.program.nodes[node])
            found[name], at = out[:, at : at + width], at + width
        return found

    def check_book(self, layout: Layout, book: Book, *, doubted: bool = False) -> None:
        """Refuse a book over other instruments, of holdings that the method does not know or here cannot value."""
        self.check_instruments(book)
        check_held(layout, book)
        if not doubted:
            self.method.check_book(self.instruments, self.market, book)

    def check_instruments(self, book: Book) -> None:
        """Item numbers of a book mean something only among the instruments that were prepared."""
        if book.instruments is not self.instruments and book.instruments != self.instruments:
            raise check.refuse("book", "be over the instruments that were prepared", f"{len(book.instruments)} others")

    def requirements(self, book: Book, *, threads: int = 1, quantum: float | Quanta | None = None) -> Requirements:
        """Margin of every unit of a book, in each account's currency.

        ``quantum`` rounds every term of every sum to its multiples, so that sums are exact and independent
        of order: a power of two for all sums of money, or a ``Quanta``; without it sums run in the order
        of the sorted book.
        """
        found = self.values(book, ("equity", "requirement"), threads=threads, quantum=quantum)
        price = self.currency_prices(book)[:, None]
        equity, required = (level_columns(np.divide(value, price, out=value)) for value in found.values())
        return Requirements(
            method=self.method.method_name,
            parameters=self.method.parameters_name,
            initial=required[:, 0],
            maintenance=required[:, 1],
            equity_initial=equity[:, 0],
            equity_maintenance=equity[:, 1],
        )

    def requirement(self, portfolio: Portfolio, *, orders: str = "venue", doubted: bool = False) -> Requirement:
        """Margin of one account, with its components and its explanation; ``doubted`` as in ``values``.

        ``orders``: "venue" charges resting orders as the method's own rule does, "none" leaves them out,
        "worst_fill" adds the component ``orders``: what the worst subset and part of fills would take
        from surplus_initial, never less (``order_bound`` tells whether exactly that or a bound).
        """
        check.one_of("orders", orders, ORDER_POLICIES)
        held = portfolio.alone() if orders == "venue" else portfolio.holding(orders=())
        found = self.values(held.book, tuple(self.wanted), doubted=doubted)
        price = float(self.currency_prices(held.book)[0])
        rows = {name: level_columns(value)[0] / price for name, value in found.items()}
        components = self.components("charge", rows)
        bound = self.worst_surplus(portfolio) if orders == "worst_fill" else None
        charge = 0.0 if bound is None else max(float(rows["surplus"][0]) - bound.surplus / price, 0.0)
        if bound is not None:
            components["orders"] = Component(initial=charge, maintenance=0.0)
        return Requirement(
            method=self.method.method_name,
            parameters=self.method.parameters_name,
            account=portfolio.account.id,
            currency=portfolio.account.currency,
            initial=float(rows["requirement"][0]) + charge,
            maintenance=float(rows["requirement"][1]),
            equity_initial=float(rows["equity"][0]),
            equity_maintenance=float(rows["equity"][1]),
            components=components,
            equity=self.components("equity", rows),
            outputs={name: tuple((found[name][0] / price).tolist()) for name, _ in self.program.outputs},
            order_bound="none" if bound is None else bound.quality,
            explainer=lambda level: self.explain(held, level, charge if level == "initial" else 0.0),
        )

    @cached_property
    def worst_fill(self) -> WorstFill:
        """Normal forms of the initial surplus, found once."""
        return WorstFill(self.bound, 0)

    def worst_surplus(self, portfolio: Portfolio) -> Bound:
        """Lower bound of surplus_initial over all fills of the resting orders, quote currency."""
        self.method.check_book(self.instruments, self.market, portfolio.alone().book)
        fills = [self.fill(order) for order in portfolio.orders]
        return self.worst_fill.of(quantities(self.bound, portfolio.holding(orders=())), fills)

    def fill(self, order: Order) -> Fill:
        """What a whole fill of an order at its limit adds."""
        row = self.instruments.index[order.instrument]
        instrument = self.instruments.rows[row]
        decimals = self.instruments.asset(instrument.settlement).decimals
        cost = fill_cost(instrument, decimals, order.signed_lots, ticks_of(instrument, order.limit))
        return Fill(row, float(order.signed_lots), float(cost))

    def components(self, side: str, rows: dict[str, Floats]) -> dict[str, Component]:
        parts: list[Part] = [p for p in self.program.parts if p.side == side]
        figures = [(part.name, rows[f"part {part.name}"]) for part in parts]
        return {name: Component(initial=float(v[0]), maintenance=float(v[1])) for name, v in figures}

    def incremental(self, portfolio: Portfolio, quanta: Quanta, *, items: int = 64) -> Incremental:
        """The account as accumulators that change item by item; capacity ``items`` per axis."""
        self.method.check_book(self.instruments, self.market, portfolio.book)
        made = Incremental(self.bound, self.wanted, quanta, items=items)
        for name, (keys, lots) in quantities(self.bound, portfolio).items():
            for key, amount in zip(keys.tolist(), lots.tolist(), strict=True):
                made.apply(name, key, made.quantity(name, key) + amount)
        return made

    def explain(self, portfolio: Portfolio, level: str = "initial", orders: float = 0.0) -> Explanation:
        """Why the requirement is what it is, by component, instrument and scenario.

        ``orders`` is the charge of resting orders, account currency: a component of its own.
        """
        price = float(self.currency_prices(single(portfolio))[0])
        found = explain(self.trace(portfolio), level, self.bound.rows["level"], 1.0 / price)
        return found.with_part(Explanation("orders", orders)) if orders else found

    def trace(self, portfolio: Portfolio) -> Trace:
        """Every node's value for one account, by the slow evaluator."""
        self.check_book(self.layout, portfolio.book)
        return evaluate(self.bound, quantities(self.bound, portfolio))

    def exact(self, portfolio: Portfolio) -> dict[str, tuple[Any, ...]]:
        """Outputs in integers or fractions, quote currency, for methods whose tables are exact."""
        self.method.check_book(self.instruments, self.market, portfolio.book)
        bound = self.bound.exactly(self.method.tables(self.instruments, self.market))
        trace = evaluate(bound, quantities(bound, portfolio, object))
        return {name: tuple(trace.values[node][0].tolist()) for name, node in self.wanted.items()}

    def currency_prices(self, book: Book) -> Floats:
        """Quote currency per unit of each unit's account currency."""
        held = np.flatnonzero(np.bincount(book.currency, minlength=len(self.prices)))
        for row in held[np.isnan(self.prices[held])]:
            asset = book.instruments.assets[row]
            self.prices[row] = self.market.price(asset.id, asset.underlying)
        return self.prices[book.currency]

    @cached_property
    def prices(self) -> Floats:
        """Price of each asset as an account currency, NaN until it is asked for."""
        return np.full(len(self.instruments.assets), np.nan)


def quanta_of(bound: Binding, quantum: float | Quanta) -> Quanta:
    """Quanta as given, or one power of two for every sum of money."""
    if isinstance(quantum, Quanta):
        return quantum
    if frexp(check.positive("quantum", quantum))[0] != 0.5:  # the mantissa of a power of two
        raise check.refuse("quantum", "be a power of two", quantum)
    return Quanta.uniform(bound, quantum)


def level_columns(values: Floats) -> Floats:
    """A value without a level row is the same at every level; initial and maintenance come first."""
    return np.broadcast_to(values, (len(values), 2)) if values.shape[1] == 1 else values


def single(portfolio: Portfolio) -> Book:
    """A book with this unit alone."""
    return portfolio.book if len(portfolio.book) == 1 else portfolio.alone().book


def quantities(bound: Binding, portfolio: Portfolio, dtype: type = float) -> Quantities:
    """Items and amounts of each holding, as the slow evaluator reads them."""
    feeds: dict[str, tuple[Any, Any]] = {}
    for holding in bound.program.holdings:
        start, item, amount = FEEDS[holding.source](portfolio.book)
        rows = slice(int(start[portfolio.unit]), int(start[portfolio.unit + 1]))
        keys = bound.items[holding.name][item[rows]]
        feeds[holding.name] = (keys[keys >= 0], amount[rows][keys >= 0].astype(dtype))
    return feeds
