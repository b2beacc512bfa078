"""Many accounts and one market: forced trades move prices, and prices force trades, until no account is left to close.

A round: the engine takes the market's figures (``RiskEngine.mark``), the index names who is below maintenance, the
close-out decides shares, the ledger applies trades and penalties as events, the fund absorbs what is left of accounts
without equity, and the flow moves the next round's prices. Margin, ledger, index and close-out are those of live use;
this file holds the order of things, ``shocked_market`` the market. Every random figure comes from a generator keyed
by seed and round, and accounts are taken in order, so that a round is a pure function of seed, round and state.
"""

from collections.abc import Callable, Mapping
from math import fsum  # rounded once: the same in any order

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats, Integers
from crossmargin._core import cascade
from crossmargin.account import RiskEngine
from crossmargin.errors import raise_for_status
from crossmargin.liquidation.absorption import Backstop
from crossmargin.liquidation.cascade_rounds import LEFT, CascadeResult, CascadeRules, Closing, Round
from crossmargin.liquidation.holdings import EngineHoldings, apply, cancel_all, trades, transfers
from crossmargin.liquidation.index import Found, LiquidationIndex
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
from crossmargin.liquidation.shocked_market import ShockedMarket
from crossmargin.liquidation.worth import Worth
from crossmargin.market import Market
from crossmargin.portfolio import Book
from crossmargin.portfolio.tables import owners

__all__ = ["Cascade", "CascadeResult", "CascadeRules", "Round"]


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
        self.market = ShockedMarket(engine.prepared, depth, self.rules)
        self.holdings = EngineHoldings(engine)
        self.index = LiquidationIndex(engine.prepared, self.holdings, len(engine.account_names))
        self.since: dict[int, int] = {}  # round in which an account was found below maintenance
        self.liquidated: set[int] = set()

    def run(self, shock: Mapping[str, float], *, step: Callable[[Round], None] | None = None) -> CascadeResult:
        """Move the underlyings by ``shock`` (fractions) and go on until no account is left to close."""
        self.market.shock(shock)
        rounds: list[Round] = []
        pending = True
        while pending and len(rounds) < self.rules.max_rounds:
            done, pending = self.round(len(rounds))
            rounds.append(done)
            if step is not None:
                step(done)
        return CascadeResult(
            rounds=tuple(rounds), underlyings=self.market.underlyings, ended=not pending,
            accounts=np.array(sorted(self.liquidated), dtype=np.int64),
        )  # fmt: skip

    # ---- one round -------------------------------------------------------------------------

    def round(self, number: int) -> tuple[Round, bool]:
        """One round, and whether another is needed."""
        random = np.random.Generator(np.random.Philox(key=self.seed, counter=number))
        market = self.market
        factor, seen = market.factor, market.seen(random)
        found = self.mark(seen)
        others = found.liquidatable[~np.isin(found.liquidatable, (self.fund, self.shortfall))]
        due = self.due(others, number)
        true = market.at(factor)
        closing = self.close(due, true) if len(due) else Closing.nothing(len(market.underlyings))
        backstop = self.backstop(true)
        topped = backstop.top_up()
        market.answer(closing.flow)
        waiting = len(others) > len(due) or closing.unfinished
        lagging = market.lags()
        moving = not np.array_equal(market.factor, factor)
        done = Round(
            number=number, factor=market.named(factor), seen=market.named(seen), revalued=len(found.revalued),
            below=len(others), liquidated=closing.liquidated, restored=closing.restored,
            taken_over=closing.taken_over, notional=closing.notional, penalty=closing.penalty,
            from_fund=closing.absorbed.from_fund, deleveraged=closing.absorbed.deleveraged,
            socialised=closing.absorbed.socialised + topped, fund=float(backstop.of_fund.of_units[0]),
        )  # fmt: skip
        return done, waiting or lagging or moving

    def mark(self, seen: Floats) -> Found:
        """Let the engine and the index see these prices."""
        market = self.market.at(seen)
        now = self.engine.market.seen
        changed = [o for key, o in market.seen.items() if now[key].value != o.value]
        if changed:
            raise_for_status(self.engine.mark(changed, time=self.engine.time or market.as_of), "mark")
        return self.index.remark(self.engine.prepared)

    def due(self, liquidatable: Integers, number: int) -> Integers:
        """Who is closed now: found ``delay`` rounds ago or earlier, and below ever since; ascending."""
        self.since = {account: self.since.get(account, number) for account in liquidatable.tolist()}
        old = [a for a, first in self.since.items() if number - first >= self.rules.liquidators.delay]
        return np.array(old, dtype=np.int64)

    def close(self, accounts: Integers, true: Market) -> Closing:
        """Decide, trade, charge and absorb; ``true``: the market, whatever the oracle sees."""
        cancel_all(self.engine, accounts)
        book = self.holdings(accounts)
        plain = self.market.prices(true, np.zeros(len(self.market.underlyings)))
        chosen = common_shares(
            self.engine.prepared, book, plain, steps=self.rules.steps, penalty=self.rules.penalty,
            thresholds=self.rules.thresholds,
        )  # fmt: skip
        chosen, cut = self.within_capacity(accounts, book, plain, self.left_to_others(accounts, book, true, chosen))
        return self.execute(accounts, book, chosen, true, unfinished=cut)

    def left_to_others(self, accounts: Integers, book: Book, market: Market, chosen: Shares) -> Shares:
        """Bankrupt accounts that the fund cannot pay for are not closed in the market but against counterparties."""
        if self.rules.ranking is None or not self.backstop(market).is_short(accounts):
            return chosen
        bankrupt = Worth(book, market).of_units < 0
        share, outcome = np.where(bankrupt, 0.0, chosen.share), np.where(bankrupt, TAKEOVER, chosen.outcome)
        return Shares(share=share, outcome=outcome)

    def within_capacity(
        self, accounts: Integers, book: Book, prices: Prices, chosen: Shares
    ) -> tuple[Shares, bool]:
        """Leave what liquidators cannot take this round: the account whose exit is nearest goes last."""
        table = book.positions
        share = chosen.share[owners(table.start)]
        size = by_unit(table, np.abs(closing_lots(table["lots"], share)) * prices.notional[table["instrument"]])
        if size.sum() <= self.rules.liquidators.capacity:
            return chosen, False
        order = np.argsort(self.index.surplus[accounts], kind="stable")
        taken = np.cumsum(size[order]) <= self.rules.liquidators.capacity
        taken[0] = True  # one account is always taken, or nothing would ever end
        left = order[~taken]
        share = chosen.share.copy()
        share[left] = 0.0
        outcome = chosen.outcome.copy()
        outcome[left] = LEFT
        return Shares(share=share, outcome=outcome), True

    def execute(
        self, accounts: Integers, book: Book, chosen: Shares, true: Market, *, unfinished: bool
    ) -> Closing:
        """Trade at prices that the round's whole flow moved; then penalties, takeovers and deficits."""
        table, since = book.positions, self.engine.sequence()
        unit = owners(table.start)
        lots = closing_lots(table["lots"], chosen.share[unit])
        flow = self.market.flow(true, table["instrument"], lots)
        prices = self.market.prices(true, self.market.slip(flow))
        apply(self.engine, trades(accounts[unit], table["instrument"], lots, prices.of(table["instrument"], lots)))
        notional = by_unit(table, np.abs(lots) * prices.notional[table["instrument"]])
        penalty = self.charge(accounts, book, self.rules.penalty * notional)
        gone = (chosen.outcome == TAKEOVER) | (chosen.share == 1.0)
        absorbed = self.backstop(true).absorb(accounts[gone], self.rules.ranking)
        touched = self.touched(since)
        self.index.update(touched)
        acted = chosen.outcome != LEFT
        self.liquidated.update(accounts[acted].tolist())
        again = bool(self.index.below(touched[~np.isin(touched, (self.fund, self.shortfall))]).any())
        return Closing(
            flow=flow, liquidated=int(acted.sum()), restored=int((chosen.outcome == RESTORED).sum()),
            taken_over=int((chosen.outcome == TAKEOVER).sum()), notional=fsum(notional), penalty=penalty,
            absorbed=absorbed, unfinished=unfinished or again,
        )  # fmt: skip

    def touched(self, since: int) -> Integers:
        """Accounts that the ledger changed, counterparties among them, ascending."""
        room = np.zeros(self.engine.capacity.accounts, dtype=np.int64)
        count = cascade.changed(self.engine, since, room)
        return room[:count] if count >= 0 else np.arange(len(self.holdings))

    def charge(self, accounts: Integers, book: Book, penalty: Floats) -> float:
        """Take penalties for the fund, in atoms of each account's currency rounded up, no more than equity is left."""
        fresh = self.holdings(accounts)
        equity = self.engine.prepared.values(fresh, ("equity",))["equity"][:, -1]
        atom = currency_atoms(self.engine.prepared, book)
        atoms = np.ceil(np.minimum(penalty, np.maximum(np.floor(equity / atom) * atom, 0.0)) / atom - 1e-9)
        apply(self.engine, transfers(accounts, book.currency, atoms.astype(np.int64), self.fund))
        return fsum(atoms * atom)

    def backstop(self, market: Market) -> Backstop:
        return Backstop(self.engine, self.holdings, market, self.fund, self.shortfall)
