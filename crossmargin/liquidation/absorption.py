"""What is left of accounts that cannot be restored: their positions go to the fund, their debts are paid, losses borne.

Positions go to the fund at the mark. An account without positions that is worth more than nothing pays what it owes
with what it owns (``debts``) and keeps the rest. One that is worth less gives all it owns, the fund pays what it
owes, and it ends with nothing. What the fund cannot pay is borne as ``waterfall`` says: by counterparties where a
ranking is given, then it stands as the debt of the shortfall account, the socialised loss.
"""

from dataclasses import dataclass

import numpy as np

from crossmargin._checks import Floats, Integers
from crossmargin.account import RiskEngine
from crossmargin.liquidation.debts import pay_debts
from crossmargin.liquidation.holdings import EngineHoldings, apply, trades, transfers
from crossmargin.liquidation.ledger_deleveraging import Deleveraged, Ranking, deleverage
from crossmargin.liquidation.shares import lowest
from crossmargin.liquidation.waterfall import Deficit, Waterfall
from crossmargin.liquidation.worth import Worth
from crossmargin.market import Market
from crossmargin.portfolio.tables import owners


@dataclass(frozen=True, slots=True, kw_only=True)
class Absorption:
    """Accounts that gave positions or all they owned, and what it cost, quote currency."""

    accounts: int = 0
    from_fund: float = 0.0
    deleveraged: float = 0.0  # passed on to counterparties
    socialised: float = 0.0


@dataclass(frozen=True)
class Backstop:
    """An engine's fund and the account that owes what it cannot pay, at one market."""

    engine: RiskEngine
    holdings: EngineHoldings
    market: Market
    fund: int
    shortfall: int

    def worth(self, accounts: Integers) -> Worth:
        return Worth(self.holdings(accounts), self.market)

    @property
    def of_fund(self) -> Worth:
        return self.worth(np.array([self.fund]))

    @property
    def unit(self) -> float:
        """An atom of the fund's currency, quote currency."""
        return float(self.of_fund.currency_atoms[0])

    def is_short(self, accounts: Integers) -> bool:
        """Whether the fund is worth less than what these accounts owe."""
        owed = -np.minimum(self.worth(accounts).of_units, 0.0).sum()
        return bool(owed > max(float(self.of_fund.of_units[0]), 0.0))

    def absorb(self, accounts: Integers, ranking: Ranking | None = None) -> Absorption:
        """Take positions of ``accounts`` over (ascending, the fund not one), let debts be paid, bear what is left."""
        if not len(accounts):
            return Absorption()
        passed = self.passed_on(accounts, ranking)
        held = self.take_positions(accounts)
        pay_debts(self.engine, self.holdings, accounts, self.market, self.fund)
        left = self.worth(accounts)
        gone = accounts[left.owing]
        paid, lost = self.borne(left.of_units[left.owing])
        self.take_balances(gone)
        self.owe(lost)
        return Absorption(
            accounts=len(np.union1d(held, gone)), from_fund=(paid + passed.from_fund) * self.unit,
            deleveraged=passed.borne * self.unit, socialised=lost * self.unit,
        )  # fmt: skip

    def passed_on(self, accounts: Integers, ranking: Ranking | None) -> Deleveraged:
        """What counterparties bear, where there is a ranking and the fund is short."""
        if ranking is None or not self.is_short(accounts):
            return Deleveraged()
        apart = (self.fund, self.shortfall)
        return deleverage(self.engine, self.holdings, accounts, self.market, ranking, fund=self.fund, apart=apart)

    def borne(self, value: Floats) -> tuple[int, int]:
        """Atoms of the fund's currency that it pays for accounts of these values, all < 0, and what it cannot."""
        owed = int(np.ceil(-value / self.unit - 1e-9).sum())  # of one moment and one asset: borne together
        if owed <= 0:
            return 0, 0
        own = self.of_fund
        asset = own.book.instruments.assets[int(own.book.currency[0])].id
        fall = Waterfall(fund=max(int(own.of_units[0] / self.unit), 0), asset=asset)
        loss = fall.bear(Deficit(account=f"{len(value)} accounts", atoms=owed)).loss
        return loss.from_fund, loss.socialised

    def take_positions(self, accounts: Integers) -> Integers:
        """Trade every position to the fund at the mark, to the nearest tick; whose they were."""
        worth = self.worth(accounts)
        table, instruments = worth.book.positions, worth.book.instruments
        ticks = np.rint(worth.marks / [float(row.tick) for row in instruments])
        ticks = np.maximum(ticks, [lowest(row) for row in instruments])
        owner, item = accounts[worth.owner], table["instrument"]
        apply(self.engine, trades(owner, item, -table["lots"], ticks[item].astype(np.int64), self.fund))
        return np.unique(owner)

    def take_balances(self, accounts: Integers) -> None:
        """Move what is owned to the fund, and let the fund pay what is owed."""
        table = self.holdings(accounts).balances
        owner, asset, atoms = accounts[owners(table.start)], table["asset"], table["atoms"]
        apply(
            self.engine,
            transfers(owner, asset, np.maximum(atoms, 0), self.fund),
            transfers(np.full(len(owner), self.fund), asset, np.maximum(-atoms, 0), owner),
        )

    def owe(self, atoms: int) -> None:
        """Let the shortfall account pay the fund, and owe it."""
        asset = int(self.of_fund.book.currency[0])
        apply(self.engine, transfers(np.array([self.shortfall]), asset, np.array([atoms]), self.fund))

    def top_up(self) -> float:
        """Bring a fund that is worth less than nothing, by what it took over, to nothing; what that socialises."""
        atoms = int(np.ceil(max(-float(self.of_fund.of_units[0]), 0.0) / self.unit - 1e-9))
        self.owe(atoms)
        return atoms * self.unit
