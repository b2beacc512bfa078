"""What orders would do: margin now, margin with them, and the difference."""

from collections.abc import Iterable
from dataclasses import dataclass

from crossmargin import _checks as check
from crossmargin.margin import Component, Method, Requirement
from crossmargin.market import Market
from crossmargin.portfolio import Order, Portfolio


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """``delta`` is contemplated less current, by figure; ``accepted`` if the account may do it:
    surplus_initial >= 0 after, or not lower while initial does not rise."""

    current: Requirement
    contemplated: Requirement
    delta: dict[str, float]
    components: dict[str, Component]

    @property
    def accepted(self) -> bool:
        after = self.contemplated.surplus_initial
        return after >= 0 or (self.delta["initial"] <= 0 and self.delta["surplus_initial"] >= 0)


FIGURES = (
    "initial", "maintenance", "equity_initial", "equity_maintenance", "surplus_initial", "surplus_maintenance",
)  # fmt: skip


def impact(
    portfolio: Portfolio, orders: Iterable[Order], market: Market, method: Method, *, as_: str = "filled"
) -> Impact:
    """Contemplate orders as if filled wholly at their limits; nothing is changed."""
    check.one_of("as_", as_, ("filled",))
    prepared = method.prepare(portfolio.instruments, market)
    current = prepared.requirement(portfolio)
    contemplated = prepared.requirement(portfolio.filled(orders))
    delta = {name: getattr(contemplated, name) - getattr(current, name) for name in FIGURES}
    return Impact(
        current=current, contemplated=contemplated, delta=delta, components=change(current, contemplated)
    )


def change(current: Requirement, contemplated: Requirement) -> dict[str, Component]:
    """Difference of each component."""
    return {
        name: Component(
            initial=after.initial - current.components[name].initial,
            maintenance=after.maintenance - current.components[name].maintenance,
        )
        for name, after in contemplated.components.items()
    }
