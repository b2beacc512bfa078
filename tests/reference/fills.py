"""Every subset of fills, and random partial ones, as a book of accounts: the brute force beside a bound."""

from itertools import product

import numpy as np

from crossmargin import Account, Book


def filled_book(portfolio, fills, partial=100, seed=0):
    """One account a subset of whole fills, then ``partial`` random partial ones, rounded to lots."""
    shares = np.array(list(product((0.0, 1.0), repeat=len(fills))))
    shares = np.vstack([shares, np.random.default_rng(seed).random((partial, len(fills)))])
    table, held = portfolio.instruments, portfolio.positions
    items = sorted({table.index[name] for name in held} | {fill.instrument for fill in fills})
    start = [held.get(table.rows[i].id) for i in items]
    lots = np.tile([0 if p is None else p.lots for p in start], (len(shares), 1)).astype(float)
    cost = np.tile([0 if p is None else p.open_cost for p in start], (len(shares), 1)).astype(float)
    for number, fill in enumerate(fills):
        column = items.index(fill.instrument)
        filled = np.rint(shares[:, number] * fill.lots)  # whole lots, and their part of the cost
        lots[:, column] += filled
        cost[:, column] += np.rint(fill.cost * (filled / fill.lots))
    owner = np.arange(len(shares))
    balances = portfolio.balances
    return Book.of(
        table,
        [Account(id=f"{n:06d}", currency=portfolio.account.currency) for n in owner],
        positions={
            "account": np.repeat(owner, len(items)), "instrument": np.tile(items, len(owner)),
            "lots": lots.astype(np.int64).ravel(), "open_cost": cost.astype(np.int64).ravel(),
        },
        balances={
            "account": np.repeat(owner, len(balances)),
            "asset": np.tile([table.asset_index[name] for name in balances], len(owner)),
            "atoms": np.tile(np.array(list(balances.values()), dtype=np.int64), len(owner)),
        },
    )  # fmt: skip


def checked_ratio(surplus, bound, rounding):
    """The charge of a bound over the greatest of all fills, NaN where that is nothing.

    ``surplus`` of every fill, the unfilled account first. The charge is never below the truth, and equal
    where the bound calls itself exact, within ``rounding``.
    """
    charge, truth = surplus[0] - bound.surplus, surplus[0] - surplus.min()
    assert charge >= truth - rounding
    if bound.quality == "exact":
        assert charge <= truth + rounding
    return charge / truth if truth > rounding else np.nan
