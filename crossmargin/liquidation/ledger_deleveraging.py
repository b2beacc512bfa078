"""Deleveraging on the ledger: what a fund cannot pay for bankrupt accounts is passed on to counterparties by rank.

Who bears what is ``waterfall``'s answer; here the counterparties are read from the ledger, and trades at the bankruptcy
price and transfers go back to it as events.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from crossmargin._checks import Floats, Integers
from crossmargin._core.events import Kind
from crossmargin.account import RiskEngine
from crossmargin.liquidation.deleveraging import Counterparties, OpenPosition, leveraged_return
from crossmargin.liquidation.holdings import EngineHoldings, apply, events, transfers
from crossmargin.liquidation.waterfall import Borne, Deficit, Waterfall
from crossmargin.liquidation.worth import Worth
from crossmargin.market import Market

# A score of positions from profit, open cost, notional and the account's equity, columns in one unit of money.
Ranking = Callable[[Floats, Floats, Floats, Floats], Floats]
BY_RETURN: Ranking = leveraged_return


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleveraged:
    """What was passed on: accounts closed, lots traded, and atoms of the fund's currency by who bore them."""

    accounts: int = 0
    lots: int = 0
    from_fund: int = 0
    borne: int = 0


def deleverage(
    engine: RiskEngine, holdings: EngineHoldings, accounts: Integers, market: Market, ranking: Ranking, *,
    fund: int, apart: tuple[int, ...],
) -> Deleveraged:  # fmt: skip
    """Close bankrupt ``accounts`` (ascending) against those of the engine, ``apart`` and themselves left out.

    Positions that settle in another asset than the fund's currency stay for a takeover.
    """
    desk = Desk(Worth(holdings(np.arange(len(holdings))), market), fund)
    others = desk.counterparties(ranking, {*accounts.tolist(), *apart})
    fall = Waterfall(fund=max(int(desk.worth.of_units[fund] / desk.unit), 0), asset=desk.asset_id)
    total = Deleveraged()
    for account in accounts.tolist():
        owed, positions = desk.owed(account), desk.positions(account)
        if owed <= 0 or not positions:
            continue
        borne = fall.bear(Deficit(account=name(account), atoms=owed, positions=positions), counterparties=others)
        carry_out(engine, borne, fund, desk.asset)
        fall, others = borne.waterfall, dict(borne.counterparties)
        total = Deleveraged(
            accounts=total.accounts + 1, lots=total.lots + sum(trade.lots for trade in borne.trades),
            from_fund=total.from_fund + borne.loss.from_fund, borne=total.borne + borne.loss.deleveraged,
        )  # fmt: skip
    return total


def name(account: int) -> str:
    """A handle as an id whose order is that of handles."""
    return f"{account:010}"


class Desk:
    """Every account's positions and worth, in the fund's currency."""

    def __init__(self, worth: Worth, fund: int) -> None:
        self.worth, self.book = worth, worth.book
        self.asset = int(self.book.currency[fund])
        self.unit = float(worth.atoms[self.asset])
        self.item, self.lots = self.book.positions["instrument"], self.book.positions["lots"]

    @property
    def asset_id(self) -> str:
        return self.book.instruments.assets[self.asset].id

    def owed(self, account: int) -> int:
        """Atoms that an account is worth less than nothing."""
        return int(np.ceil(-self.worth.of_units[account] / self.unit - 1e-9))

    def counterparties(self, ranking: Ranking, out: set[int]) -> Mapping[str, Counterparties]:
        """Positions by instrument with their score."""
        worth = self.worth
        cost = np.where(worth.cost == 0, 1.0, worth.cost)
        score = ranking(worth.notional - worth.cost, cost, worth.notional, worth.of_units[worth.owner])
        kept = ~np.isin(worth.owner, list(out))
        found = {}
        for row, instrument in enumerate(self.book.instruments):
            rows = np.flatnonzero((self.item == row) & kept)
            found[instrument.id] = Counterparties.of(
                [name(a) for a in worth.owner[rows].tolist()], self.lots[rows], score[rows]
            )
        return found

    def positions(self, account: int) -> tuple[OpenPosition, ...]:
        """Open positions that settle in the fund's currency, weighed by notional."""
        instruments, found = self.book.instruments, []
        for row in range(*self.book.positions.rows(account).indices(len(self.lots))):
            item = int(self.item[row])
            if self.lots[row] and instruments.settlement[item] == self.asset:
                terms = instruments.rows[item]
                ticks = round(float(self.worth.marks[item]) / float(terms.tick))
                found.append(OpenPosition(
                    instrument=terms, decimals=instruments.assets[self.asset].decimals, lots=int(self.lots[row]),
                    ticks=ticks, weight=max(int(abs(self.worth.notional[row])), 1),
                ))  # fmt: skip
        return tuple(found)


def carry_out(engine: RiskEngine, borne: Borne, fund: int, asset: int) -> None:
    """Apply a deficit's trades and transfers."""
    sides = [(int(t.buyer), int(t.seller), engine.instrument(t.instrument), t.lots, t.ticks) for t in borne.trades]
    buyer, seller, item, lots, ticks = np.array(sides, dtype=np.int64).reshape(-1, 5).T
    ends = [(handle(t.payer, fund), handle(t.payee, fund), t.atoms) for t in borne.transfers]
    payer, payee, atoms = (np.array([end[i] for end in ends], dtype=np.int64) for i in range(3))
    traded = events(Kind.TRADE, buyer, 0, seller, 0, item, lots, ticks)
    apply(engine, traded, transfers(payer, asset, atoms, payee))


def handle(account: str, fund: int) -> int:
    return fund if account.startswith("fund:") else int(account)
