"""What a margin method answers: requirement, equity, surplus, and why."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.errors import ImprudentParametersError
from crossmargin.margin.explanation import Explanation

LEVELS = ("initial", "maintenance")


def level_pair(name: str, pair: Sequence[float], place: str = "", *, high: float = inf) -> None:
    """Two figures >= 0, initial and maintenance; prudence wants the first not below the second."""
    if len(pair) != len(LEVELS):
        raise check.refuse(name, "have two figures, initial and maintenance", tuple(pair), place)
    for level, figure in zip(LEVELS, pair, strict=True):
        check.number(f"{name} {level}", figure, place, low=0.0, high=high)
    if pair[0] < pair[1]:
        message = f"{name} must not rise from initial to maintenance, was {tuple(pair)} {place}".rstrip()
        raise ImprudentParametersError("initial >= maintenance", message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One line of a requirement (a charge, >= 0 as a rule) or of equity, at each level."""

    initial: float
    maintenance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """Margin of one account, in its currency.

    ``surplus_initial = equity_initial - initial``, likewise for maintenance; an account passes at
    surplus >= 0. ``health_factor = equity_maintenance / maintenance``, for people; with maintenance 0
    it is inf, or -inf if equity is negative. ``margin_usage`` is its inverse direction.
    """

    method: str
    parameters: str
    account: str
    currency: str
    initial: float
    maintenance: float
    equity_initial: float
    equity_maintenance: float
    components: Mapping[str, Component]
    equity: Mapping[str, Component]
    outputs: Mapping[str, tuple[float, ...]]
    order_bound: str = "none"  # of the component orders: exact, bound, or none where it is not asked for
    explainer: Callable[[str], Explanation] = field(repr=False, compare=False)

    @property
    def surplus_initial(self) -> float:
        return self.equity_initial - self.initial

    @property
    def surplus_maintenance(self) -> float:
        return self.equity_maintenance - self.maintenance

    @property
    def health_factor(self) -> float:
        return health_factor(self.equity_maintenance, self.maintenance)

    @property
    def margin_usage(self) -> float:
        """Maintenance over equity; inf where equity is not positive but something is required."""
        if self.equity_maintenance > 0:
            return self.maintenance / self.equity_maintenance
        return 0.0 if self.maintenance == 0 else inf

    @property
    def free_collateral(self) -> float:
        return max(self.surplus_initial, 0.0)

    @property
    def shortfall(self) -> float:
        return max(-self.surplus_maintenance, 0.0)

    @property
    def worst_scenario(self) -> str | None:
        """The scenario that carries most of the initial requirement; ``None`` without scenarios."""
        return self.explain().worst_scenario

    def explain(self, level: str = "initial") -> Explanation:
        """Why: the requirement by component, instrument and scenario; parts sum to the whole."""
        return self.explainer(level)


def health_factor(equity: float, maintenance: float) -> float:
    if maintenance == 0:
        return inf if equity >= 0 else -inf
    return equity / maintenance


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """Margin of every unit of a book, columns of shape (n_units,), each in its account's currency."""

    method: str
    parameters: str
    initial: Floats
    maintenance: Floats
    equity_initial: Floats
    equity_maintenance: Floats

    @property
    def surplus_initial(self) -> Floats:
        return self.equity_initial - self.initial

    @property
    def surplus_maintenance(self) -> Floats:
        return self.equity_maintenance - self.maintenance

    def __len__(self) -> int:
        return len(self.initial)
