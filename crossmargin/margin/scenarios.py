"""Scenario sets as parameters of a method: a grid with ranges by underlying, and damped tails."""

import msgspec

from crossmargin.scenario.sets import EVERY, ScenarioSet, VolatilityRule, grid, tails


class Tail(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One extreme scenario: a move, a volatility shock, and the share of it that counts."""

    move: float
    volatility: float = 0.0
    weight: float = 1.0


class Grid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``moves`` in units of each underlying's range, by ``volatility`` shocks scaled by the term rule."""

    moves: tuple[float, ...]
    volatility: tuple[float, ...] = (0.0,)
    ranges: dict[str, float] = msgspec.field(default_factory=lambda: {EVERY: 1.0})
    tails: tuple[Tail, ...] = ()
    mode: str = "relative"
    short_power: float = 0.3
    long_power: float = 0.13
    floor_days: float = 1.0
    floor_up: float = 0.0

    def __post_init__(self) -> None:
        self.build("grid")  # refuses now what would fail at prepare

    def build(self, name: str) -> ScenarioSet:
        """Make the scenario set."""
        rule = VolatilityRule(
            mode=self.mode,
            short_power=self.short_power,
            long_power=self.long_power,
            floor_days=self.floor_days,
            floor_up=self.floor_up,
        )
        made = grid(name, moves=self.moves, volatility=self.volatility, scale=self.ranges, rule=rule)
        rows = [(tail.move, tail.volatility, tail.weight) for tail in self.tails]
        return made + tails("tails", rows, underlyings=tuple(self.ranges), rule=rule) if rows else made
