"""Debts of accounts that hold no position: what they own pays what they owe, at the marks, with the fund as other side.

An account can be below its margin by a haircut alone: it owns one asset, owes another, and is worth more than nothing.
No trade in an instrument helps it. Its assets, the largest value first, go to the fund for what it owes, so that no
more than the debt is sold; each exchange is rounded by an atom against the account.
"""

import numpy as np

from crossmargin._checks import Floats, Integers
from crossmargin.account import RiskEngine
from crossmargin.liquidation.holdings import EngineHoldings, apply, transfers
from crossmargin.market import Market
from crossmargin.portfolio import Book
from crossmargin.scenario.revalue import asset_prices


def pay_debts(
    engine: RiskEngine, holdings: EngineHoldings, accounts: Integers, market: Market, fund: int
) -> int:
    """Exchange balances of accounts without positions until they owe nothing, as far as they own; how many did."""
    book = holdings(accounts)
    price = asset_prices(book.instruments, market) * book.instruments.atom
    idle = np.flatnonzero(np.diff(book.positions.start) == 0)
    moves = [(row, *move) for row in idle.tolist() for move in exchanges(*balances(book, row), price)]
    row, asset, atoms = np.array(moves, dtype=np.int64).reshape(-1, 3).T
    owner = accounts[row]
    apply(
        engine,
        transfers(owner, asset, np.maximum(-atoms, 0), fund),
        transfers(np.full(len(owner), fund), asset, np.maximum(atoms, 0), owner),
    )
    return len(np.unique(row))


def balances(book: Book, unit: int) -> tuple[Integers, Integers]:
    """Assets and atoms of one unit."""
    rows = book.balances.rows(unit)
    return book.balances["asset"][rows], book.balances["atoms"][rows]


def exchanges(asset: Integers, atoms: Integers, price: Floats) -> list[tuple[int, int]]:
    """What an account gives (< 0) and gets (> 0), asset by asset; nothing where it owes nothing or owns nothing.

    ``price``: of an atom of each asset, quote currency.
    """
    worth = atoms * price[asset]
    owed, owned = -worth[worth < 0].sum(), worth[worth > 0].sum()
    if owed <= 0 or owned <= 0:
        return []
    paid, left = min(owned / owed, 1.0), min(owed, owned)
    found = []
    for place in np.argsort(-worth, kind="stable").tolist():
        if worth[place] <= 0 or left <= 0:
            break
        given = min(int(np.ceil(left / price[asset[place]])), int(atoms[place]))
        left -= given * price[asset[place]]
        found.append((int(asset[place]), -given))
    owing = np.flatnonzero(worth < 0).tolist()
    found += [(int(asset[place]), int(np.floor(-atoms[place] * paid))) for place in owing]
    return [move for move in found if move[1]]
