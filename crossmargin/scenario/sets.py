"""Scenario sets: an ordered, named list of joint moves of the risk factors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from crossmargin import _checks as check
from crossmargin._checks import Floats

EVERY = "*"  # a column that holds for every underlying without one of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class VolatilityRule:
    """How a volatility shock v of a scenario moves the volatility of an option.

    relative: ``sigma' = sigma (1 + v t)``; absolute: ``sigma' = sigma + v t``, with the term scaling
    ``t = (reference / max(days, floor_days))**p``, p short up to the reference and long beyond; then
    not below ``floor_up`` if v > 0, and not below 0. Sources: Deribit portfolio margin (April 2024),
    Paradex risk system.
    """

    mode: str = "relative"
    short_power: float = 0.0
    long_power: float = 0.0
    reference_days: float = 30.0
    floor_days: float = 1.0
    floor_up: float = 0.0

    def __post_init__(self) -> None:
        check.one_of("mode", self.mode, ("relative", "absolute"))
        for name in ("short_power", "long_power", "floor_up"):
            check.number(name, getattr(self, name), low=0.0)
        check.positive("reference_days", self.reference_days)
        check.positive("floor_days", self.floor_days)

    def term(self, days: Floats) -> Floats:
        """Scaling of a shock at each time to expiry, shape (n,)."""
        power = np.where(days <= self.reference_days, self.short_power, self.long_power)
        return (self.reference_days / np.maximum(days, self.floor_days)) ** power

    def shocked(self, volatility: Floats, days: Floats, shock: Floats) -> Floats:
        """Shocked volatilities, shape (n_options, n_scenarios); ``shock`` has that shape too."""
        with np.errstate(over="ignore", invalid="ignore"):
            change = shock * self.term(days)[:, None]
            base = volatility[:, None]
            moved = base * (1.0 + change) if self.mode == "relative" else base + change
        check.require_all("shocked volatility", "be finite", moved, np.isfinite(moved))
        return np.maximum(moved, np.where(shock > 0.0, self.floor_up, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioSet:
    """Joint moves, shape (n_scenarios, n_underlyings).

    ``move`` is the relative move of each index, > -1; ``volatility`` the shock that ``rule`` scales;
    ``weight`` (n_scenarios,) multiplies gain and loss of a scenario (damped tails), in (0, 1].
    """

    name: str
    labels: tuple[str, ...]
    underlyings: tuple[str, ...]
    move: Floats
    volatility: Floats
    weight: Floats
    rule: VolatilityRule = VolatilityRule()

    @classmethod
    def of(
        cls,
        name: str,
        *,
        move: ArrayLike,
        volatility: ArrayLike = 0.0,
        weight: ArrayLike = 1.0,
        underlyings: Sequence[str] = (EVERY,),
        labels: Sequence[str] | None = None,
        rule: VolatilityRule | None = None,
    ) -> "ScenarioSet":
        """Check and broadcast; a one-dimensional ``move`` holds for every underlying."""
        moves = as_columns("move", move, len(underlyings))
        if not len(moves):
            raise check.refuse(f"scenario set {name!r}", "hold at least one scenario", 0)
        shocks = as_columns("volatility", volatility, len(underlyings), len(moves))
        weights = as_columns("weight", weight, 1, len(moves))[:, 0]
        check.require_all("move", "be > -1", moves, moves > -1.0)
        check.require_all("weight", "lie in (0, 1]", weights, (weights > 0) & (weights <= 1))
        check.unique("underlying", underlyings)
        names = tuple(labels) if labels is not None else tuple(map(label, moves[:, 0], shocks[:, 0]))
        if len(names) != len(moves):
            raise check.refuse("labels", f"have length {len(moves)}", len(names))
        for row, text in enumerate(names):
            check.text("label", text, f"at row {row}")
        return cls(
            name=check.text("name", name),
            labels=names,
            underlyings=tuple(underlyings),
            move=moves,
            volatility=shocks,
            weight=weights,
            rule=rule or VolatilityRule(),
        )

    def __len__(self) -> int:
        return len(self.labels)

    def columns(self, underlyings: Sequence[str]) -> tuple[Floats, Floats]:
        """Moves and volatility shocks of each underlying, shape (n_scenarios, len(underlyings))."""
        found = [self.column(name) for name in underlyings]
        return self.move[:, found], self.volatility[:, found]

    def column(self, underlying: str) -> int:
        for name in (underlying, EVERY):
            if name in self.underlyings:
                return self.underlyings.index(name)
        raise check.refuse(f"scenario set {self.name!r}", "move every underlying held", underlying)

    def __add__(self, other: "ScenarioSet") -> "ScenarioSet":
        """Join two sets over the same underlyings and volatility rule."""
        if (self.underlyings, self.rule) != (other.underlyings, other.rule):
            raise check.refuse("scenario sets", "share underlyings and volatility rule to be joined", other.name)
        return replace(
            self,
            name=f"{self.name}+{other.name}",
            labels=self.labels + other.labels,
            move=check.frozen(np.concatenate([self.move, other.move])),
            volatility=check.frozen(np.concatenate([self.volatility, other.volatility])),
            weight=check.frozen(np.concatenate([self.weight, other.weight])),
        )


def as_columns(name: str, values: ArrayLike, width: int, size: int | None = None) -> Floats:
    """Turn values into (n_scenarios, n_underlyings); one column may serve several, and one number all
    rows where ``size`` gives their count.
    """
    array = check.as_array(name, values, np.float64, "hold numbers")
    array = array[:, None] if array.ndim == 1 else array
    try:
        shaped = np.broadcast_to(array, (len(array) if size is None else size, width))
    except (TypeError, ValueError):
        rows = "" if size is None else f"{size} rows and "
        raise check.refuse(name, f"have {rows}one column or {width}", f"shape {array.shape}") from None
    return check.floats(name, shaped, ndim=2)


def label(move: float, volatility: float) -> str:
    """``-4.5% vol+40%``, as reports print a scenario."""
    price = f"{move:+.4g}" if abs(move) >= 10 else f"{100 * move:+.4g}%"
    return price if volatility == 0 else f"{price} vol{100 * volatility:+.4g}%"


def grid(
    name: str,
    *,
    moves: Sequence[float],
    volatility: Sequence[float] = (0.0,),
    scale: Mapping[str, float] | None = None,
    rule: VolatilityRule | None = None,
) -> ScenarioSet:
    """Every price move with every volatility shock, price-major.

    ``scale`` gives each underlying its own range: its move is ``scale * move``.
    """
    pairs = [(move, shock) for move in moves for shock in volatility]
    ranges = dict(scale or {EVERY: 1.0})
    move = np.outer([pair[0] for pair in pairs], list(ranges.values())) if pairs else np.zeros((0, len(ranges)))
    labels = [scaled_label(move, shock, ranges) for move, shock in pairs]
    shocks = np.array([[pair[1]] for pair in pairs]).reshape(len(pairs), 1)
    return ScenarioSet.of(name, move=move, volatility=shocks, underlyings=tuple(ranges), labels=labels, rule=rule)


def scaled_label(move: float, shock: float, ranges: Mapping[str, float]) -> str:
    if list(ranges) == [EVERY]:
        return label(move * ranges[EVERY], shock)
    price = f"{move:+.4g} range"
    return price if shock == 0 else f"{price} vol{100 * shock:+.4g}%"


def tails(
    name: str,
    rows: Sequence[tuple[float, float, float]],
    *,
    underlyings: Sequence[str] = (EVERY,),
    rule: VolatilityRule | None = None,
) -> ScenarioSet:
    """Extreme moves (move, volatility shock, weight): counted in part, since rarely seen."""
    columns = np.array(rows, dtype=np.float64).reshape(len(rows), 3)
    return ScenarioSet.of(
        name,
        move=columns[:, 0],
        volatility=columns[:, 1],
        weight=columns[:, 2],
        underlyings=underlyings,
        labels=[f"{label(m, v)} x{w:.4g}" for m, v, w in rows],
        rule=rule,
    )
