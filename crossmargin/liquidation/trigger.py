"""When an account is liquidated and when it is let go: states with an exit line above the entry line."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.account.health import state_numbers
from crossmargin.margin import Requirements

HEALTHY, MARGIN_CALL, LIQUIDATABLE, BANKRUPT = range(4)  # as ``account.health.State`` counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Three lines of one account: initial, maintenance, and the exit line between them or above.

    An account enters liquidation when ``surplus_maintenance < 0`` and leaves it when

        ``(1 - exit) surplus_maintenance + exit surplus_initial >= buffer maintenance``

    ``exit`` 0 is the entry line itself, 1 the initial line, near which Mango v4's LiquidationEnd lies (4.1); ``buffer``
    is a share of the maintenance margin, as Drift v2 adds to its requirement (3.5). Figures are rounded to the nearest
    atom of the account's currency before they are compared with 0.
    """

    exit: float = 0.0
    buffer: float = 0.0

    def __post_init__(self) -> None:
        check.fraction("exit", self.exit)
        check.number("buffer", self.buffer, low=0.0)

    def exit_surplus(self, initial: Floats, maintenance: Floats, required: Floats) -> Floats:
        """What an account in liquidation still lacks to leave it, where negative; account currency."""
        return (1.0 - self.exit) * maintenance + self.exit * initial - self.buffer * required


def liquidating(
    found: Requirements, atom: Floats, before: NDArray[np.bool_], thresholds: Thresholds
) -> NDArray[np.bool_]:
    """Who is in liquidation now: who enters, and who was in it and has not met the exit line, shape (n_units,)."""
    surplus = found.surplus_maintenance
    left = thresholds.exit_surplus(found.surplus_initial, surplus, found.maintenance)
    return (np.rint(surplus / atom) < 0) | (before & (np.rint(left / atom) < 0))


def states(found: Requirements, atom: Floats, held: NDArray[np.bool_]) -> NDArray[np.int64]:
    """State of every unit by number: who is in liquidation (``held``) stays liquidatable until the exit line."""
    numbers = state_numbers(found.equity_maintenance, found.surplus_maintenance, found.surplus_initial, atom=atom)
    return np.where(held & (numbers < LIQUIDATABLE), LIQUIDATABLE, numbers)
