"""What is left of accounts that cannot be restored: the fund takes it over, and pays what they owe beyond it.

A taken account's positions go to the fund at the mark, its balances follow, what it owes the fund pays; so its value
moves, positive or negative, and the account ends with nothing. What the fund cannot pay is borne as ``waterfall`` says:
it stands as the debt of the shortfall account, the socialised loss.
"""

from dataclasses import dataclass, replace

import numpy as np

from crossmargin._checks import Floats, Integers
from crossmargin.account import RiskEngine
from crossmargin.liquidation.debts import pay_debts
from crossmargin.liquidation.holdings import EngineHoldings, apply, trades, transfers
from crossmargin.liquidation.ledger_deleveraging import Deleveraged, Ranking, deleverage
from crossmargin.liquidation.shares import by_unit
from crossmargin.liquidation.waterfall import Deficit, Waterfall
from crossmargin.market import Market
from crossmargin.portfolio import Book
from crossmargin.scenario.revalue import asset_prices, inverse_linear, lot_values, mark_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Absorption:
    """Accounts taken and what it cost, quote currency: the fund's payments, and what nobody paid."""

    accounts: int = 0
    from_fund: float = 0.0
    deleveraged: float = 0.0  # passed on to counterparties
    socialised: float = 0.0


def absorb(
    engine: RiskEngine, holdings: EngineHoldings, accounts: Integers, market: Market, *, fund: int, shortfall: int,
    ranking: Ranking | None = None,
) -> Absorption:  # fmt: skip
    """Take over what is worth less than nothing or still holds positions; ``accounts`` ascending, the fund not one.

    What holds no position and is worth more pays its debts with what it owns (``debts``), and stays.

    With a ``ranking`` what the fund cannot pay is passed on to counterparties first, as far as positions are open.
    """
    if not len(accounts):
        return Absorption()
    passed = Deleveraged()
    if ranking is not None and fund_is_short(holdings, accounts, market, fund):
        passed = deleverage(engine, holdings, accounts, market, ranking, fund=fund, apart=(fund, shortfall))
    pay_debts(engine, holdings, accounts, market, fund)
    book = holdings(accounts)
    value, atom = values(book, market), (book.instruments.atom * asset_prices(book.instruments, market))[book.currency]
    taken = (np.diff(book.positions.start) > 0) | (np.rint(value / atom) < 0)
    if not taken.any():
        return with_passed(Absorption(), passed, holdings, market, fund)
    part, rows = book.taken(np.flatnonzero(taken)), accounts[taken]
    paid, lost = borne(holdings, market, value[taken], fund)
    take_positions(engine, rows, part, market, fund)
    take_balances(engine, rows, holdings(rows), fund)
    atoms, asset, unit = in_atoms(holdings, market, fund, lost)
    apply(engine, transfers(np.array([shortfall]), asset, np.array([atoms]), fund))
    found = Absorption(accounts=len(rows), from_fund=paid * unit, socialised=atoms * unit)
    return with_passed(found, passed, holdings, market, fund)


def with_passed(
    found: Absorption, passed: Deleveraged, holdings: EngineHoldings, market: Market, fund: int
) -> Absorption:
    """The same with what was passed on before."""
    unit = in_atoms(holdings, market, fund, 0.0)[2]
    return replace(found, from_fund=found.from_fund + passed.from_fund * unit, deleveraged=passed.borne * unit)


def fund_is_short(holdings: EngineHoldings, accounts: Integers, market: Market, fund: int) -> bool:
    """Whether the fund is worth less than what these accounts owe."""
    owed = -np.minimum(values(holdings(accounts), market), 0.0).sum()
    return bool(owed > max(float(values(holdings(np.array([fund])), market)[0]), 0.0))


def values(book: Book, market: Market) -> Floats:
    """What each unit is worth at the marks, without haircuts: balances and the profit of positions, quote currency."""
    instruments, price = book.instruments, asset_prices(book.instruments, market)
    held, owned = book.positions, book.balances
    mark = marks(book, market)
    profit = held["lots"] * lot_values(instruments, mark)[held["instrument"]]
    settlement = instruments.settlement[held["instrument"]]
    profit -= held["open_cost"] * instruments.atom[settlement]
    worth = owned["atoms"] * (instruments.atom * price)[owned["asset"]]
    return by_unit(held, profit * price[settlement]) + by_unit(owned, worth)


def marks(book: Book, market: Market) -> Floats:
    return np.array([mark_of(row.id, row.kind, row.underlying, market) for row in book.instruments])


def borne(holdings: EngineHoldings, market: Market, value: Floats, fund: int) -> tuple[int, float]:
    """Atoms of the fund's currency that the fund pays, and what it cannot, quote currency."""
    own = holdings(np.array([fund]))
    asset = int(own.currency[0])
    unit = float(own.instruments.atom[asset] * asset_prices(own.instruments, market)[asset])
    fall = Waterfall(fund=max(int(values(own, market)[0] / unit), 0), asset=own.instruments.assets[asset].id)
    owed = int(np.ceil(-np.minimum(value, 0.0) / unit - 1e-9).sum())  # of one moment and one asset: borne together
    if owed <= 0:
        return 0, 0.0
    loss = fall.bear(Deficit(account=f"{len(value)} accounts", atoms=owed)).loss
    return loss.from_fund, unit * loss.socialised


def in_atoms(holdings: EngineHoldings, market: Market, fund: int, amount: float) -> tuple[int, int, float]:
    """An amount in atoms of the fund's currency, that asset, and what an atom is worth."""
    book = holdings(np.array([fund]))
    asset = int(book.currency[0])
    unit = float(book.instruments.atom[asset] * asset_prices(book.instruments, market)[asset])
    return round(amount / unit), asset, unit


def take_positions(engine: RiskEngine, accounts: Integers, book: Book, market: Market, fund: int) -> None:
    """Trade every position to the fund at the mark, to the nearest tick."""
    table, instruments = book.positions, book.instruments
    tick = np.array([float(row.tick) for row in instruments])
    ticks = np.rint(marks(book, market) / tick).astype(np.int64)
    ticks = np.where(inverse_linear(instruments), np.maximum(ticks, 1), ticks)
    owner = accounts[np.repeat(np.arange(len(book)), np.diff(table.start))]
    apply(engine, trades(owner, table["instrument"], -table["lots"], ticks[table["instrument"]], fund))


def take_balances(engine: RiskEngine, accounts: Integers, book: Book, fund: int) -> None:
    """Move what is owned to the fund, and let the fund pay what is owed."""
    table = book.balances
    owner = accounts[np.repeat(np.arange(len(book)), np.diff(table.start))]
    asset, atoms = table["asset"], table["atoms"]
    apply(
        engine,
        transfers(owner, asset, np.maximum(atoms, 0), fund),
        transfers(np.full(len(owner), fund), asset, np.maximum(-atoms, 0), owner),
    )


def top_up(engine: RiskEngine, holdings: EngineHoldings, market: Market, *, fund: int, shortfall: int) -> float:
    """Bring a fund that is worth less than nothing, by what it took over, to nothing; what that socialises."""
    value = float(values(holdings(np.array([fund])), market)[0])
    atoms, asset, unit = in_atoms(holdings, market, fund, max(-value, 0.0))
    apply(engine, transfers(np.array([shortfall]), asset, np.array([atoms]), fund))
    return atoms * unit
