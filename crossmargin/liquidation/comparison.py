"""The same shock under several margin methods: what a method does to all accounts together, not to one.

Two ways to make accounts comparable. *Same cash*: every account holds the largest cash that any of the methods asks of
it, so that methods differ in whom they close and nothing else. *Same usage*: every account's equity is its own initial
margin times its headroom under each method, so that a method that asks less lets it run more leverage on its money.
Positions and headroom are the same draws in both, under every method.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats, Integers
from crossmargin.liquidation.cascade import Cascade, CascadeResult, CascadeRules, Round
from crossmargin.liquidation.crowd import Crowd, engine_of
from crossmargin.margin import Prepared
from crossmargin.margin.charges import index_notionals
from crossmargin.portfolio import Book
from crossmargin.portfolio.tables import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodOutcome:
    """A cascade under one method; money in quote currency, equity and notional of all accounts before the shock."""

    name: str
    accounts: int
    notional: float  # gross
    equity: float
    fund: float  # what the insurance fund held
    result: CascadeResult

    @property
    def leverage(self) -> float:
        """Gross notional on equity: above 0, since every account has cash for its margin."""
        return self.notional / self.equity

    @property
    def n_rounds(self) -> int:
        return len(self.result.rounds)

    @property
    def liquidated(self) -> Integers:
        """Accounts closed in each round, in part or whole; one may come again in a later round."""
        return np.array([row.liquidated for row in self.result.rounds], dtype=np.int64)

    @property
    def closed(self) -> Floats:
        """Notional closed in each round."""
        return np.array([row.notional for row in self.result.rounds])

    @property
    def path(self) -> dict[str, Floats]:
        """Factor of each underlying's first price, as each round began: the first is the shock alone."""
        return {u: np.array([row.factor[u] for row in self.result.rounds]) for u in self.result.underlyings}

    @property
    def share_liquidated(self) -> float:
        """Accounts closed at least once, of all."""
        return len(self.result.accounts) / self.accounts

    @property
    def insurance_used(self) -> float:
        """What the fund paid of deficits; penalties that it received stand in the rounds."""
        return self.result.total("from_fund")

    @property
    def socialised(self) -> float:
        return self.result.total("socialised")

    @property
    def taken_over(self) -> int:
        """Times an account went to the fund as it stood, since no trade would have helped it."""
        return int(self.result.total("taken_over"))


def same_usage(methods: Mapping[str, Prepared], crowd: Crowd, cash: str) -> dict[str, Book]:
    """The crowd's accounts, equity ``initial (1 + headroom)`` under each method, in cash atoms rounded up."""
    return {name: crowd.book(prepared, cash) for name, prepared in methods.items()}


def same_cash(methods: Mapping[str, Prepared], crowd: Crowd, cash: str) -> dict[str, Book]:
    """The crowd's accounts with the largest cash of ``same_usage``, account by account: one book for all methods."""
    books = list(same_usage(methods, crowd, cash).values())
    table = books[0].balances
    most = np.maximum.reduce([book.balances["atoms"] for book in books])
    richest = replace(books[0], balances=Table({**table.columns, "atoms": most}, table.start))
    return dict.fromkeys(methods, richest)


def compare_methods(
    methods: Mapping[str, Prepared],
    books: Mapping[str, Book],
    shock: Mapping[str, float],
    *,
    depth: Mapping[str, float],
    fund: float = 0.0,
    rules: CascadeRules | None = None,
    seed: int = 0,
    step: Callable[[str, Round], None] | None = None,
) -> dict[str, MethodOutcome]:
    """Run one shock through the accounts of each method's book, each in an engine of its own.

    ``methods`` must be ready over the same market; ``depth``, ``shock``, ``rules`` and ``seed`` as ``Cascade`` takes
    them, ``fund`` what the insurance fund holds, quote currency; ``step`` is told each method's rounds. Raises
    ``InvalidInputError`` where a method has no book, or where the books hold different positions: what differs then
    would not be the method.
    """
    check_same(methods, books)
    check.number("fund", fund, low=0.0)
    return {
        name: outcome(name, prepared, books[name], shock, depth, fund, rules, seed, step)
        for name, prepared in methods.items()
    }


def check_same(methods: Mapping[str, Prepared], books: Mapping[str, Book]) -> None:
    """Refuse what would compare more than methods."""
    if not methods or set(methods) != set(books):
        raise check.refuse("books", f"be one for each method: {', '.join(methods)}", ", ".join(books) or None)
    (first, *others), markets = [books[name] for name in methods], [p.market for p in methods.values()]
    for name, book in zip(list(methods)[1:], others, strict=True):
        if not same_positions(first, book):
            raise check.refuse("books", "hold the same positions under all methods", "others", f"of {name!r}")
    for name, market in zip(methods, markets, strict=True):
        if market.seen != markets[0].seen:
            raise check.refuse("methods", "be ready over the same market", "another", f"of {name!r}")


def same_positions(one: Book, other: Book) -> bool:
    if one is other:
        return True
    names = ("instrument", "lots", "open_cost")
    mine, theirs = one.positions, other.positions
    return np.array_equal(mine.start, theirs.start) and all(np.array_equal(mine[n], theirs[n]) for n in names)


def outcome(
    name: str, prepared: Prepared, book: Book, shock: Mapping[str, float], depth: Mapping[str, float], fund: float,
    rules: CascadeRules | None, seed: int, step: Callable[[str, Round], None] | None,
) -> MethodOutcome:  # fmt: skip
    """One method's cascade."""
    engine = engine_of(prepared, book, fund=fund)
    cascade = Cascade(engine, depth, fund=len(book), shortfall=len(book) + 1, rules=rules, seed=seed)
    equity = float(prepared.values(book, ("equity",))["equity"][:, -1].sum())
    return MethodOutcome(
        name=name, accounts=len(book), notional=sum(gross(prepared, book).values()), equity=equity, fund=fund,
        result=cascade.run(shock, step=None if step is None else partial(step, name)),
    )  # fmt: skip


def gross(prepared: Prepared, book: Book) -> dict[str, float]:
    """Gross notional of all accounts by underlying, quote currency: what a depth is to be measured by."""
    table, instruments = book.positions, prepared.instruments
    size = np.abs(table["lots"] * index_notionals(instruments, prepared.market)[table["instrument"]])
    each = np.bincount(table["instrument"], weights=size, minlength=len(instruments))
    found: dict[str, float] = {}
    for row, amount in zip(instruments, each.tolist(), strict=True):
        found[row.underlying] = found.get(row.underlying, 0.0) + amount
    return found
