"""Health: where an account or every account of a book stands against its thresholds."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from crossmargin._checks import Floats
from crossmargin.margin import Method, Prepared, Requirement
from crossmargin.market import Market
from crossmargin.portfolio import Book, Portfolio


class State(StrEnum):
    """In order of trouble; at a surplus of exactly 0 an account passes."""

    HEALTHY = "healthy"  # surplus_initial >= 0
    MARGIN_CALL = "margin call"  # below initial
    LIQUIDATABLE = "liquidatable"  # below maintenance
    BANKRUPT = "bankrupt"  # equity below 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """One account's standing."""

    state: State
    health_factor: float
    surplus_initial: float
    surplus_maintenance: float
    requirement: Requirement


def health(portfolio: Portfolio, market: Market, method: Method) -> Health:
    """Standing of one account under one method."""
    found = method.requirement(portfolio, market)
    number = int(state_numbers(found.equity_maintenance, found.surplus_maintenance, found.surplus_initial))
    return Health(
        state=tuple(State)[number],
        health_factor=found.health_factor,
        surplus_initial=found.surplus_initial,
        surplus_maintenance=found.surplus_maintenance,
        requirement=found,
    )


def states(prepared: Prepared, book: Book, *, threads: int = 1) -> NDArray[np.str_]:
    """State of every unit of a book, shape (n_units,)."""
    found = prepared.requirements(book, threads=threads)
    numbers = state_numbers(found.equity_maintenance, found.surplus_maintenance, found.surplus_initial)
    return np.array([str(state) for state in State])[numbers]


def state_numbers(
    equity: Floats | float, maintenance: Floats | float, initial: Floats | float
) -> NDArray[np.int64]:
    """Position in ``State``: bankrupt before liquidatable before margin call."""
    conditions = [np.asarray(equity) < 0, np.asarray(maintenance) < 0, np.asarray(initial) < 0]
    return np.select(conditions, [3, 2, 1], 0)
