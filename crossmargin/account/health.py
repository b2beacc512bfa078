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
    figures = (found.equity_maintenance, found.surplus_maintenance, found.surplus_initial)
    number = int(state_numbers(*figures, atom=currency_atom(portfolio)))
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
    figures = (found.equity_maintenance, found.surplus_maintenance, found.surplus_initial)
    numbers = state_numbers(*figures, atom=book.instruments.atom[book.currency])
    return np.array([str(state) for state in State])[numbers]


def currency_atom(portfolio: Portfolio) -> float:
    """Smallest unit of the account's currency."""
    return float(portfolio.instruments.atom[portfolio.book.currency[portfolio.unit]])


def state_numbers(
    equity: Floats | float, maintenance: Floats | float, initial: Floats | float, *, atom: Floats | float
) -> NDArray[np.int64]:
    """Position in ``State``: bankrupt before liquidatable before margin call.

    Each figure is rounded to the nearest atom of the account's currency before it is compared with 0.
    """
    conditions = [np.rint(figure / atom) < 0 for figure in (equity, maintenance, initial)]
    return np.select(conditions, [3, 2, 1], 0)
