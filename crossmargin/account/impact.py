"""What orders would do: margin now, margin with them, and the difference."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from crossmargin import _checks as check
from crossmargin.account.health import currency_atom
from crossmargin.margin import Component, Method, Requirement
from crossmargin.market import Market
from crossmargin.portfolio import Order, Portfolio


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """``delta`` is contemplated less current, by figure; ``accepted`` if the account may do it:
    surplus_initial, to the nearest ``atom``, >= 0 after, or not lower while initial does not rise.
    """

    current: Requirement
    contemplated: Requirement
    delta: dict[str, float]
    components: dict[str, Component]
    atom: float  # of the account's currency

    @property
    def accepted(self) -> bool:
        after = np.rint(self.contemplated.surplus_initial / self.atom)
        return bool(after >= 0) or (self.delta["initial"] <= 0 and self.delta["surplus_initial"] >= 0)


FIGURES = (
    "initial", "maintenance", "equity_initial", "equity_maintenance", "surplus_initial", "surplus_maintenance",
)  # fmt: skip


def impact(
    portfolio: Portfolio, orders: Iterable[Order], market: Market, method: Method, *, as_: str = "filled"
) -> Impact:
    """What orders would do, with nothing changed.

    ``as_="filled"``: they fill wholly at their limits. ``as_="resting"``: they join the resting orders, all
    charged at their worst fill.
    """
    check.one_of("as_", as_, ("filled", "resting"))
    prepared, given = method.prepare(portfolio.instruments, market), tuple(orders)
    if as_ == "filled":
        current, contemplated = (prepared.requirement(held) for held in (portfolio, portfolio.filled(given)))
    else:
        resting = portfolio.holding(orders=(*portfolio.orders, *renumbered(portfolio, given)))
        current, contemplated = (prepared.requirement(held, orders="worst_fill") for held in (portfolio, resting))
    delta = {name: getattr(contemplated, name) - getattr(current, name) for name in FIGURES}
    parts = change(current, contemplated)
    atom = currency_atom(portfolio)
    return Impact(current=current, contemplated=contemplated, delta=delta, components=parts, atom=atom)


def renumbered(portfolio: Portfolio, orders: tuple[Order, ...]) -> tuple[Order, ...]:
    """Orders under numbers that no resting order has."""
    start = max((order.id for order in portfolio.orders), default=0) + 1
    return tuple(replace(order, id=start + number) for number, order in enumerate(orders))


def change(current: Requirement, contemplated: Requirement) -> dict[str, Component]:
    """Difference of each component."""
    return {
        name: Component(
            initial=after.initial - current.components[name].initial,
            maintenance=after.maintenance - current.components[name].maintenance,
        )
        for name, after in contemplated.components.items()
    }
