"""Liquidation of a live engine: marks in, and trades, transfers and modes out as events that its one ledger applies."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from crossmargin import _checks as check
from crossmargin._core import cascade
from crossmargin._core.ledger import Trading
from crossmargin.account import RiskEngine
from crossmargin.errors import KernelError, raise_for_status
from crossmargin.liquidation.absorption import Absorption, Backstop
from crossmargin.liquidation.close_out import CloseOut, Costs, Outcome, Penalty, Rule, Smallest, close_out
from crossmargin.liquidation.holdings import EngineHoldings, apply, cancel_all, transfers
from crossmargin.liquidation.index import LiquidationIndex
from crossmargin.liquidation.ledger_deleveraging import Ranking
from crossmargin.liquidation.narrative import Narrative, narrative
from crossmargin.liquidation.trigger import Thresholds
from crossmargin.margin import Prepared, Requirement
from crossmargin.market import Market, Observation, OracleGuard
from crossmargin.portfolio import Portfolio


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one mark led to: narratives by account, accounts left alone for their oracles, what the fund paid."""

    narratives: tuple[Narrative, ...]
    held_back: tuple[str, ...]
    failed: Mapping[str, str]  # accounts that the ledger could not close, and what it answered
    revalued: int
    absorbed: Absorption

    @property
    def liquidated(self) -> tuple[str, ...]:
        return tuple(n.account for n in self.narratives if n.closed is not None)


class Liquidator:
    """Watches the accounts of an engine and closes them out by a rule.

    ``fund``, ``liquidator``, ``shortfall``: accounts that are never liquidated: the insurance fund, the other side of
    close-outs (who earns its share of penalties), and the account that owes what the fund cannot pay. ``guards``:
    limits of each underlying's oracle. Where one fails, the accounts that it moves are not closed on its price; their
    own cancels, deposits and reduce-only orders stay open, and the next mark without a fault looks at them again.

    ``ranking``: by which counterparties are deleveraged for what the fund cannot pay, as far as positions are open;
    without one nobody is, and it stands as the shortfall account's debt.

    An account in liquidation takes what reduces alone (``Trading.REDUCING``) until it is beyond the exit line; then it
    takes again what it took before. Until then every look goes on with it.
    """

    def __init__(
        self,
        engine: RiskEngine,
        rule: Rule | None = None,
        *,
        fund: str,
        liquidator: str,
        shortfall: str,
        costs: Costs | None = None,
        penalty: Penalty | None = None,
        thresholds: Thresholds | None = None,
        guards: Mapping[str, OracleGuard] | None = None,
        ranking: Ranking | None = None,
    ) -> None:
        self.engine, self.rule = engine, rule or Smallest()
        self.fund, self.liquidator, self.shortfall = (engine.account(n) for n in (fund, liquidator, shortfall))
        check.unique("account", (fund, liquidator, shortfall))
        self.costs, self.penalty = costs or Costs(), penalty or Penalty()
        self.ranking = ranking
        self.thresholds, self.guards = thresholds or Thresholds(), dict(guards or {})
        self.holdings = EngineHoldings(engine)
        self.index = LiquidationIndex(engine.prepared, self.holdings, len(engine.account_names))
        self.last_part: dict[int, int] = {}
        self.inside: dict[int, int] = {}  # accounts in liquidation, and what they took before
        self.seen = engine.sequence()  # of the events that the index knows

    # ---- marks -----------------------------------------------------------------------------

    def mark(self, observations: Iterable[Observation], *, time: int = 0) -> Report:
        """Let the engine take new figures, then close out whom they brought below maintenance."""
        raise_for_status(self.engine.mark(observations, time=time), "mark")
        return self.look()

    def look(self) -> Report:
        """Close out whoever is below now: after a mark, a withdrawal, funding or a new parameter set."""
        before, after = self.index.prepared, self.engine.prepared
        self.refresh()
        found = self.index.remark(after)
        due = sorted({*found.liquidatable.tolist(), *filter(self.is_inside, self.inside)} - self.apart)
        doubted = self.doubted(due, after.market)
        narratives: dict[int, Narrative] = {}
        failed: dict[int, str] = {}
        for account in due:
            try:
                narratives[account] = self.close(account, before, doubted.get(account, {}))
            except KernelError as error:  # of this account alone: the ledger took none of that event
                failed[account] = str(error)
        absorbed = self.absorb([a for a, told in narratives.items() if self.is_lost(a, told)])
        self.refresh()
        self.release()
        return Report(
            narratives=tuple(narratives.values()), held_back=tuple(map(self.name, doubted)),
            revalued=len(found.revalued), failed={self.name(a): text for a, text in failed.items()}, absorbed=absorbed,
        )  # fmt: skip

    def absorb(self, accounts: list[int]) -> Absorption:
        """What no step restores goes to the fund; a fund below nothing is the shortfall's."""
        backstop = Backstop(self.engine, self.holdings, self.engine.market, self.fund, self.shortfall)
        found = backstop.absorb(np.array(accounts, dtype=np.int64), self.ranking)
        return replace(found, socialised=found.socialised + backstop.top_up())

    def refresh(self) -> None:
        """Take in what events since did to accounts: to those that they named, or to all."""
        n = len(self.engine.account_names)
        room = np.zeros(self.engine.capacity.accounts, dtype=np.int64)
        count = cascade.changed(self.engine, self.seen, room)
        if count < 0 or n != self.index.n_accounts:
            self.index = LiquidationIndex(self.index.prepared, self.holdings, n)
        else:
            self.index.update(room[:count])
        self.seen = self.engine.sequence()

    @property
    def apart(self) -> set[int]:
        return {self.fund, self.liquidator, self.shortfall}

    def name(self, account: int) -> str:
        return self.engine.account_names[account]

    # ---- oracles ---------------------------------------------------------------------------

    def doubted(self, accounts: Iterable[int], market: Market) -> dict[int, dict[str, tuple[str, ...]]]:
        """Accounts that an oracle with a fault moves, by a guard or by the method's own doubts, with the faults."""
        guarded = {name: found for name, guard in self.guards.items() if (found := guard.faults(market, name))}
        doubts = self.engine.prepared.method.doubts(self.engine.instruments, market)
        if not guarded and not doubts:
            return {}
        faults: dict[int, dict[str, tuple[str, ...]]] = {}
        for account in accounts:
            moved_by = self.moved_by(account)
            here = {name: what for name, what in guarded.items() if name in moved_by}
            faults[account] = here | doubts.of_account(self.portfolio(account))
        return {account: every for account, every in faults.items() if every}

    def moved_by(self, account: int) -> set[str]:
        """Underlyings of what an account holds, and of what that settles in."""
        held, instruments = self.portfolio(account), self.engine.instruments
        rows = [instruments.instrument(name) for name in held.positions]
        assets = {row.settlement for row in rows} | set(held.balances)
        return {row.underlying for row in rows} | {instruments.asset(name).underlying or name for name in assets}

    def portfolio(self, account: int) -> Portfolio:
        return self.holdings.portfolio(account)

    # ---- one account -----------------------------------------------------------------------

    def close(self, account: int, before: Prepared, faults: Mapping[str, tuple[str, ...]]) -> Narrative:
        """Close one account out, or say why it is left; what is decided is applied."""
        held, prepared = self.portfolio(account), self.engine.prepared
        found = prepared.requirement(held, doubted=True)
        closed = None
        if not faults:
            self.stop(account)
            closed = close_out(
                prepared, held, self.rule, target=self.target(found), costs=self.costs, penalty=self.penalty,
                time=self.engine.time, last_part=self.last_part.get(account),
            )  # fmt: skip
            self.carry_out(account, closed)
            if closed.last_part is not None:
                self.last_part[account] = closed.last_part
        return narrative(before, prepared, held, found, closed, name=self.name(account), held_back=faults)

    def exit(self, found: Requirement) -> float:
        """What an account is beyond its exit line, account currency; < 0: still inside."""
        figures = (found.surplus_initial, found.surplus_maintenance, found.maintenance)
        return float(self.thresholds.exit_surplus(*(np.array(figure) for figure in figures)))

    def target(self, found: Requirement) -> float:
        """``surplus_maintenance`` at the exit line, as the lines lie before the close-out."""
        return max(found.surplus_maintenance - self.exit(found), 0.0)

    def requirement(self, account: int) -> Requirement:
        return self.engine.prepared.requirement(self.portfolio(account), doubted=True)

    def is_inside(self, account: int) -> bool:
        """Whether an account in liquidation is not beyond its exit line yet."""
        found = self.requirement(account)
        return bool(np.rint(self.exit(found) / self.atom(found)) < 0)

    def atom(self, found: Requirement) -> float:
        instruments = self.engine.instruments
        return float(instruments.atom[instruments.asset_index[found.currency]])

    def stop(self, account: int) -> None:
        """Take no more than what reduces, and cancel what rests."""
        if account not in self.inside:
            self.inside[account] = self.engine.modes()[account][0]
        raise_for_status(self.engine.mode(account, Trading.REDUCING), f"mode of {self.name(account)}")
        cancel_all(self.engine, np.array([account]))

    def carry_out(self, account: int, closed: CloseOut) -> None:
        """Trades against the liquidator with their fees, and penalties by who receives them."""
        for trade in (trade for step in closed.steps for trade in step.trades):
            sides = (account, 0, self.liquidator, 0) if trade.lots > 0 else (self.liquidator, 0, account, 0)
            fees = (trade.fee, 0) if trade.lots > 0 else (0, trade.fee)
            row = self.engine.instrument(trade.instrument)
            status = self.engine.trade(*sides, row, abs(trade.lots), trade.ticks, *fees)
            raise_for_status(status, f"close-out of {self.name(account)} in {trade.instrument}")
        for payment in closed.payments:
            asset = int(self.engine.instruments.asset_index[payment.asset])
            shares = np.array([payment.charge.liquidator, payment.charge.fund], dtype=np.int64)
            payees = np.array([self.liquidator, self.fund])
            apply(self.engine, transfers(np.full(2, account), np.full(2, asset), shares, payees))

    def is_lost(self, account: int, told: Narrative) -> bool:
        """Whether the account is below and nothing of its own restores it: it was closed as far as it goes."""
        if told.closed is None or told.closed.outcome is Outcome.RESTORED:
            return False
        found = self.requirement(account)
        return bool(np.rint(found.surplus_maintenance / self.atom(found)) < 0)

    def release(self) -> None:
        """Let the accounts that are beyond the exit line take again what they took before."""
        for account in [a for a in self.inside if not self.is_inside(a)]:
            self.engine.mode(account, Trading(self.inside.pop(account)))
        self.seen = self.engine.sequence()
