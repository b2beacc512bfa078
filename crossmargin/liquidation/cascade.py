"""Many accounts and one market: forced trades move prices, and prices force trades, until no account is left to close.

A round: the engine takes the market's figures (``RiskEngine.mark``), the index names who is below maintenance, the
close-out decides shares, the ledger applies trades and penalties as events, the fund absorbs what is left of accounts
without equity, and the flow moves the next round's prices. Margin, ledger, index and close-out are those of live use;
this file holds the order of things and the market alone. Every random figure comes from a generator keyed by seed
and round, and accounts are taken in order, so that a round is a pure function of seed, round and state.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import fsum  # rounded once: the same in any order

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats, Integers
from crossmargin._core import cascade
from crossmargin.account import RiskEngine
from crossmargin.errors import raise_for_status
from crossmargin.liquidation.absorption import Absorption, absorb, fund_is_short, values
from crossmargin.liquidation.holdings import EngineHoldings, apply, trades, transfers
from crossmargin.liquidation.impact import Contagion, Impact, Liquidators, Liquidity, NoImpact, Oracle
from crossmargin.liquidation.index import Found, LiquidationIndex
from crossmargin.liquidation.ledger_deleveraging import Ranking
from crossmargin.liquidation.shares import (
    RESTORED,
    TAKEOVER,
    Prices,
    Shares,
    by_unit,
    closing_lots,
    common_shares,
    currency_atoms,
)
from crossmargin.liquidation.trigger import Thresholds
from crossmargin.market import Market
from crossmargin.portfolio import Book
from crossmargin.scenario.revalue import asset_prices, dollar_deltas, inverse_linear, mark_of, moved_market


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeRules:
    """How accounts are closed and how the market answers; ``penalty`` is a rate of the closed notional."""

    steps: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8, 1.0)
    thresholds: Thresholds = field(default_factory=Thresholds)
    penalty: float = 0.005
    half_spread: float = 0.0
    impact: Impact = field(default_factory=NoImpact)
    liquidity: Liquidity = field(default_factory=Liquidity)
    contagion: Contagion = field(default_factory=Contagion)
    oracle: Oracle = field(default_factory=Oracle)
    liquidators: Liquidators = field(default_factory=Liquidators)
    ranking: Ranking | None = None  # by which accounts are deleveraged for what the fund cannot pay; None: nobody is
    max_rounds: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round did; money in quote currency, factors of each underlying's price at the start."""

    number: int
    factor: dict[str, float]  # true, when the round began
    seen: dict[str, float]  # by the engine
    revalued: int
    below: int  # accounts below maintenance
    liquidated: int
    restored: int
    taken_over: int
    notional: float
    penalty: float
    from_fund: float
    deleveraged: float
    socialised: float
    fund: float  # afterwards


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeResult:
    """All rounds; ``ended`` says whether nobody was left to close or the rounds ran out."""

    rounds: tuple[Round, ...]
    underlyings: tuple[str, ...]
    accounts: Integers  # liquidated at least once
    ended: bool

    def total(self, name: str) -> float:
        return float(sum(getattr(row, name) for row in self.rounds))

    @property
    def final(self) -> dict[str, float]:
        """Factor of each price at the end."""
        return self.rounds[-1].factor if self.rounds else {}


class Cascade:
    """A shock to the accounts of an engine, and what follows.

    ``depth``: of each underlying's market, quote currency, as the impact model reads it. ``fund``: account whose
    balances absorb what others owe; ``shortfall``: account that owes what the fund cannot pay: the socialised loss,
    which a haircut on withdrawals or an index then collects.
    """

    def __init__(
        self, engine: RiskEngine, depth: Mapping[str, float], *, fund: int, shortfall: int,
        rules: CascadeRules | None = None, seed: int = 0,
    ) -> None:  # fmt: skip
        self.engine, self.rules, self.seed = engine, rules or CascadeRules(), check.integer("seed", seed, low=0)
        self.fund, self.shortfall = fund, shortfall
        self.base: Market = engine.market
        self.underlyings = tuple(sorted(depth))
        for name in self.underlyings:
            check.positive("depth", depth[name], f"of {name!r}")
            self.base.value("index", name)
        self.depth = np.array([depth[name] for name in self.underlyings])
        self.volatility = np.full(len(self.underlyings), self.rules.liquidity.calm)
        self.holdings = EngineHoldings(engine)
        self.index = LiquidationIndex(engine.prepared, self.holdings, len(engine.account_names))
        self.path: list[Floats] = [np.ones(len(self.underlyings))]
        self.since: dict[int, int] = {}  # round in which an account was found below maintenance
        self.liquidated: set[int] = set()

    def run(self, shock: Mapping[str, float], *, step: Callable[[Round], None] | None = None) -> CascadeResult:
        """Move the underlyings by ``shock`` (fractions) and go on until no account is left to close."""
        unknown = sorted(set(shock) - set(self.underlyings))
        if unknown:
            raise check.refuse("shock", f"name underlyings with a depth: {', '.join(self.underlyings)}", unknown[0])
        move = np.array([check.number("shock", shock.get(name, 0.0), low=-1.0) for name in self.underlyings])
        self.move(move)
        rounds: list[Round] = []
        pending = True
        while pending and len(rounds) < self.rules.max_rounds:
            done, pending = self.round(len(rounds))
            rounds.append(done)
            if step is not None:
                step(done)
        return CascadeResult(
            rounds=tuple(rounds), underlyings=self.underlyings, ended=not pending,
            accounts=np.array(sorted(self.liquidated), dtype=np.int64),
        )  # fmt: skip

    # ---- one round -------------------------------------------------------------------------

    def round(self, number: int) -> tuple[Round, bool]:
        """One round, and whether another is needed."""
        random = np.random.Generator(np.random.Philox(key=self.seed, counter=number))
        factor, seen = self.path[-1], self.rules.oracle.sees(self.path, random)
        found = self.mark(seen)
        others = found.liquidatable[~np.isin(found.liquidatable, (self.fund, self.shortfall))]
        due = self.due(others, number)
        closing = self.close(due) if len(due) else Closing.nothing(len(self.underlyings))
        self.answer(closing.flow)
        waiting = len(others) > len(due) or closing.unfinished
        lagging = not np.array_equal(seen, self.path[-1]) and self.rules.oracle.lag > 0
        moving = bool((np.abs(self.path[-1] / factor - 1.0) > 0).any())
        done = Round(
            number=number, factor=self.named(factor), seen=self.named(seen), revalued=len(found.revalued),
            below=len(others), liquidated=closing.liquidated, restored=closing.restored,
            taken_over=closing.taken_over, notional=closing.notional, penalty=closing.penalty,
            from_fund=closing.absorbed.from_fund, deleveraged=closing.absorbed.deleveraged,
            socialised=closing.absorbed.socialised, fund=self.fund_value(),
        )  # fmt: skip
        return done, waiting or lagging or moving

    def named(self, factor: Floats) -> dict[str, float]:
        return dict(zip(self.underlyings, factor.tolist(), strict=True))

    def at(self, factor: Floats) -> Market:
        """The market at factors of the first one's prices."""
        return moved_market(self.engine.instruments, self.base, dict(self.named(factor - 1.0)))

    def mark(self, seen: Floats) -> Found:
        """Let the engine and the index see these prices."""
        market = self.at(seen)
        now = self.engine.market.seen
        changed = [o for key, o in market.seen.items() if now[key].value != o.value]
        if changed:
            raise_for_status(self.engine.mark(changed, time=self.engine.time or self.base.as_of), "mark")
        return self.index.remark(self.engine.prepared)

    def due(self, liquidatable: Integers, number: int) -> Integers:
        """Who is closed now: found ``delay`` rounds ago or earlier, and below ever since; ascending."""
        self.since = {account: self.since.get(account, number) for account in liquidatable.tolist()}
        old = [a for a, first in self.since.items() if number - first >= self.rules.liquidators.delay]
        return np.array(old, dtype=np.int64)

    def close(self, accounts: Integers) -> "Closing":
        """Decide, trade, charge and absorb."""
        book = self.holdings(accounts)
        true = self.at(self.path[-1])
        plain = self.prices(true, np.zeros(len(self.underlyings)))
        chosen = common_shares(
            self.engine.prepared, book, plain, steps=self.rules.steps, penalty=self.rules.penalty,
            thresholds=self.rules.thresholds,
        )  # fmt: skip
        chosen, cut = self.within_capacity(book, plain, self.left_to_others(book, true, chosen))
        return self.execute(accounts, book, chosen, true, unfinished=cut)

    def left_to_others(self, book: Book, market: Market, chosen: Shares) -> Shares:
        """Bankrupt accounts that the fund cannot pay for are not closed in the market but against counterparties."""
        if self.rules.ranking is None or not fund_is_short(self.holdings, self.rows(book), market, self.fund):
            return chosen
        bankrupt = values(book, market) < 0
        share, outcome = np.where(bankrupt, 0.0, chosen.share), np.where(bankrupt, TAKEOVER, chosen.outcome)
        return Shares(share=share, outcome=outcome)

    def within_capacity(self, book: Book, prices: Prices, chosen: Shares) -> tuple[Shares, bool]:
        """Leave what liquidators cannot take this round: the account whose exit is nearest goes last."""
        table = book.positions
        share = chosen.share[np.repeat(np.arange(len(book)), np.diff(table.start))]
        size = by_unit(table, np.abs(closing_lots(table["lots"], share)) * prices.notional[table["instrument"]])
        if size.sum() <= self.rules.liquidators.capacity:
            return chosen, False
        order = np.argsort(self.index.surplus[self.rows(book)], kind="stable")
        taken = np.cumsum(size[order]) <= self.rules.liquidators.capacity
        taken[0] = True  # one account is always taken, or nothing would ever end
        left = order[~taken]
        share = chosen.share.copy()
        share[left] = 0.0
        outcome = chosen.outcome.copy()
        outcome[left] = LEFT
        return Shares(share=share, outcome=outcome), True

    def rows(self, book: Book) -> Integers:
        return np.array([int(name) for name in book.accounts.ids], dtype=np.int64)

    def execute(
        self, accounts: Integers, book: Book, chosen: Shares, true: Market, *, unfinished: bool
    ) -> "Closing":
        """Trade at prices that the round's whole flow moved; then penalties, takeovers and deficits."""
        table, prepared, since = book.positions, self.engine.prepared, self.engine.sequence()
        unit = np.repeat(np.arange(len(book)), np.diff(table.start))
        lots = closing_lots(table["lots"], chosen.share[unit])
        flow = self.flow(true, table["instrument"], lots)
        permanent, temporary = self.rules.impact.moves(flow, self.now(), self.volatility)
        prices = self.prices(true, permanent / 2 + temporary)
        apply(self.engine, trades(accounts[unit], table["instrument"], lots, prices.of(table["instrument"], lots)))
        notional = by_unit(table, np.abs(lots) * prices.notional[table["instrument"]])
        penalty = self.charge(accounts, book, self.rules.penalty * notional)
        gone = (chosen.outcome == TAKEOVER) | (chosen.share == 1.0)
        absorbed = absorb(self.engine, self.holdings, accounts[gone], true, fund=self.fund, shortfall=self.shortfall,
                          ranking=self.rules.ranking)  # fmt: skip
        self.index.update(self.touched(since))
        acted = chosen.outcome != LEFT
        self.liquidated.update(accounts[acted].tolist())
        again = bool((self.index.surplus[accounts] < -currency_atoms(prepared, book)).any())
        return Closing(
            flow=flow, liquidated=int(acted.sum()), restored=int((chosen.outcome == RESTORED).sum()),
            taken_over=int((chosen.outcome == TAKEOVER).sum()), notional=fsum(notional), penalty=penalty,
            absorbed=absorbed, unfinished=unfinished or again,
        )  # fmt: skip

    def touched(self, since: int) -> Integers:
        """Accounts that the ledger changed, counterparties among them, ascending."""
        room = np.zeros(self.engine.capacity.accounts, dtype=np.int64)
        return room[: cascade.changed(self.engine, since, room)]

    def charge(self, accounts: Integers, book: Book, penalty: Floats) -> float:
        """Take penalties for the fund, in atoms of each account's currency rounded up, no more than equity is left."""
        fresh = self.holdings(accounts)
        equity = self.engine.prepared.values(fresh, ("equity",))["equity"][:, -1]
        atom = currency_atoms(self.engine.prepared, book)
        atoms = np.ceil(np.minimum(penalty, np.maximum(np.floor(equity / atom) * atom, 0.0)) / atom - 1e-9)
        apply(self.engine, transfers(accounts, book.currency, atoms.astype(np.int64), self.fund))
        return fsum(atoms * atom)

    # ---- the market ------------------------------------------------------------------------

    def now(self) -> Floats:
        """Depth at the present volatility and price: so many units of the underlying, whatever they cost."""
        return self.rules.liquidity.depth(self.depth, self.volatility) * self.path[-1]

    def column(self) -> Integers:
        """Underlying of each instrument among those with a depth, -1 for others."""
        place = {name: row for row, name in enumerate(self.underlyings)}
        return np.array([place.get(row.underlying, -1) for row in self.engine.instruments], dtype=np.int64)

    def flow(self, market: Market, item: Integers, lots: Integers) -> Floats:
        """Signed notional that trades bring to each underlying: lots times dollar delta, whatever their order."""
        column = self.column()
        net = np.bincount(item, weights=lots, minlength=len(column))  # whole lots: exact
        size = (net * dollar_deltas(self.engine.instruments, market))[column >= 0]
        return np.bincount(column[column >= 0], weights=size, minlength=len(self.underlyings)).astype(np.float64)

    def prices(self, market: Market, slip: Floats) -> Prices:
        """Marks, moved by what an underlying's price slips: by delta, an inverse contract by its price."""
        instruments, column = self.engine.instruments, self.column()
        mark = np.array([mark_of(r.id, r.kind, r.underlying, market) for r in instruments])
        settled = asset_prices(instruments, market)[instruments.settlement]
        slope = dollar_deltas(instruments, market) / (instruments.multiplier * settled)
        slope = np.where(inverse_linear(instruments), mark, slope)
        moved = np.where(column >= 0, slip[column], 0.0) * slope
        return Prices.at(self.engine.prepared, mark, moved, self.rules.half_spread)

    def answer(self, flow: Floats) -> None:
        """The next round's prices: what the flow moved for good, and what others follow."""
        permanent, _ = self.rules.impact.moves(flow, self.now(), self.volatility)
        self.move(self.rules.contagion.spread(permanent, self.volatility, self.rules.liquidity.calm))

    def move(self, move: Floats) -> None:
        """Prices and volatility after a move, the shock or a round's: the next to trade meets both."""
        self.volatility = self.rules.liquidity.after(self.volatility, move)
        self.path.append(self.path[-1] * (1.0 + move))

    def fund_value(self) -> float:
        book = self.holdings(np.array([self.fund]))
        return float(self.engine.prepared.values(book, ("equity",))["equity"][0, -1])


LEFT = 3  # beyond what liquidators take this round


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What a round's close-outs came to; money in quote currency."""

    flow: Floats
    liquidated: int = 0
    restored: int = 0
    taken_over: int = 0
    notional: float = 0.0
    penalty: float = 0.0
    absorbed: Absorption = field(default_factory=Absorption)
    unfinished: bool = False

    @classmethod
    def nothing(cls, n: int) -> "Closing":
        return cls(flow=np.zeros(n))

