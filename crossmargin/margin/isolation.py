"""What netting is worth: each position held alone under the same method."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crossmargin.margin.prepared import Prepared
from crossmargin.portfolio import Account, Book, Portfolio


@dataclass(frozen=True, slots=True, kw_only=True)
class Netting:
    """``isolated`` is the sum of initial requirements of each position held alone, orders excluded;
    ``benefit = isolated - initial``; ``efficiency = isolated / initial``, account currency.
    """

    isolated: float
    initial: float

    @property
    def benefit(self) -> float:
        return self.isolated - self.initial

    @property
    def efficiency(self) -> float:
        if self.initial == 0:
            return 1.0 if self.isolated == 0 else float("inf")
        return self.isolated / self.initial


def netting(prepared: Prepared, portfolio: Portfolio) -> Netting:
    """Compare the account with its positions held alone."""
    alone = prepared.requirements(apart(portfolio))
    isolated = float(np.sum(alone.initial))
    return Netting(isolated=isolated, initial=prepared.requirement(portfolio.holding(orders=())).initial)


def apart(portfolio: Portfolio) -> Book:
    """A book with one account per position, without balances."""
    held = [(name, position) for name, position in portfolio.positions.items() if position.lots]
    currency = portfolio.account.currency
    accounts: Sequence[Account] = [Account(id=name, currency=currency) for name, _ in held]
    columns = {
        "account": list(range(len(held))),
        "instrument": [portfolio.instruments.index[name] for name, _ in held],
        "lots": [position.lots for _, position in held],
        "open_cost": [position.open_cost for _, position in held],
    }
    return Book.of(portfolio.instruments, accounts, positions=columns if held else None)
