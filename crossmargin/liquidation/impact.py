"""What forced trading does to a market: impact, liquidity, spill-over, oracle and liquidators, each a small model.

Units: ``flow`` is signed notional of a round, quote currency, > 0 buys; ``depth`` is the notional that moves a price by
one hundred per cent if impact is linear; moves are fractions of the price; ``volatility`` is the standard deviation
of a round's move. A round stands for whatever time the parameters are stated for.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats


class Impact(Protocol):
    """How far a round's flow moves the price, for good and while it trades."""

    def moves(self, flow: Floats, depth: Floats, volatility: Floats) -> tuple[Floats, Floats]:
        """(permanent move, temporary move on top of it), fractions of the price."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NoImpact:
    """Prices do not answer to what is traded."""

    def moves(self, flow: Floats, depth: Floats, volatility: Floats) -> tuple[Floats, Floats]:
        return np.zeros_like(flow), np.zeros_like(flow)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearImpact:
    """``permanent flow / depth`` and ``temporary flow / depth`` (Kyle 1985, Econometrica 53(6))."""

    permanent: float = 1.0
    temporary: float = 0.5

    def __post_init__(self) -> None:
        check.number("permanent", self.permanent, low=0.0)
        check.number("temporary", self.temporary, low=0.0)

    def moves(self, flow: Floats, depth: Floats, volatility: Floats) -> tuple[Floats, Floats]:
        share = flow / depth
        return bounded(self.permanent * share), self.temporary * share


@dataclass(frozen=True, slots=True, kw_only=True)
class SquareRootImpact:
    """``coefficient volatility sign(flow) sqrt(|flow| / depth)``, ``depth`` being the round's ordinary volume.

    The square-root law (Almgren, Thum, Hauptmann, Li 2005, Risk 18(7); Toth et al. 2011, Phys. Rev. X 1, 021006);
    ``permanent`` is the share of it that stays. The law is of a whole order: taken round by round it moves the price
    too far for the small flows at a cascade's end, which may then go on without one.
    """

    coefficient: float = 1.0
    permanent: float = 2.0 / 3.0

    def __post_init__(self) -> None:
        check.number("coefficient", self.coefficient, low=0.0)
        check.fraction("permanent", self.permanent)

    def moves(self, flow: Floats, depth: Floats, volatility: Floats) -> tuple[Floats, Floats]:
        whole = self.coefficient * volatility * np.sign(flow) * np.sqrt(np.abs(flow) / depth)
        return bounded(self.permanent * whole), (1.0 - self.permanent) * whole


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthImpact:
    """A book walked to the level at which the flow is filled: ``shares`` of the depth within ``distances``.

    ``permanent`` is the share of the walked distance that is not refilled before the next round. Beyond the last level
    the price goes on as between the last two.
    """

    distances: tuple[float, ...]
    shares: tuple[float, ...]
    permanent: float = 0.5

    def __post_init__(self) -> None:
        check.ascending("distances", np.asarray(self.distances))
        check.ascending("shares", np.asarray(self.shares))
        if len(self.distances) != len(self.shares) or len(self.distances) < 2:
            raise check.refuse("shares", "be one for each of two or more distances", self.shares)
        check.fraction("permanent", self.permanent)

    def moves(self, flow: Floats, depth: Floats, volatility: Floats) -> tuple[Floats, Floats]:
        share = np.abs(flow) / depth
        walked = np.interp(share, (0.0, *self.shares), (0.0, *self.distances))
        slope = (self.distances[-1] - self.distances[-2]) / (self.shares[-1] - self.shares[-2])
        walked = np.sign(flow) * (walked + slope * np.maximum(share - self.shares[-1], 0.0))
        return bounded(self.permanent * walked), (1.0 - self.permanent) * walked


def bounded(move: Floats) -> Floats:
    """A price keeps above 0 and within ten times itself in one round: what no flow of a round can move further."""
    return np.clip(move, -0.95, 9.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Liquidity:
    """Depth that shrinks as volatility rises: ``depth (calm / volatility)^exponent``, no less than ``least`` of it.

    ``memory``: weight of the past in the volatility, an exponential average of squared moves; 1 keeps it at ``calm``.
    A round in which nothing is forced moves by ``calm``, so that volatility falls back to it and no further.
    """

    calm: float = 0.01
    exponent: float = 1.0
    least: float = 0.05
    memory: float = 0.8

    def __post_init__(self) -> None:
        check.positive("calm", self.calm)
        check.number("exponent", self.exponent, low=0.0)
        check.fraction("least", self.least)
        check.fraction("memory", self.memory)

    def after(self, volatility: Floats, move: Floats) -> Floats:
        """``sqrt(memory volatility^2 + (1 - memory) max(|move|, calm)^2)``."""
        moved = np.maximum(np.abs(move), self.calm)
        return np.sqrt(self.memory * volatility**2 + (1.0 - self.memory) * moved**2)

    def depth(self, depth: Floats, volatility: Floats) -> Floats:
        share = (self.calm / np.maximum(volatility, self.calm)) ** self.exponent
        return depth * np.maximum(share, self.least)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contagion:
    """Underlyings follow each other's forced moves: by ``calm`` of the move, by ``stressed`` as volatility rises.

    ``correlation = calm + (stressed - calm) min(1, volatility / calm volatility - 1)``: all fall, and together.
    """

    calm: float = 0.0
    stressed: float = 0.0

    def __post_init__(self) -> None:
        check.fraction("calm", self.calm)
        check.fraction("stressed", self.stressed)

    def spread(self, move: Floats, volatility: Floats, calm: float) -> Floats:
        """Each one's own move, and the largest of the others' times the correlation."""
        stress = np.clip(volatility / calm - 1.0, 0.0, 1.0).max(initial=0.0)
        correlation = self.calm + (self.stressed - self.calm) * stress
        others = np.array([largest(np.delete(move, row)) for row in range(len(move))])
        return bounded(np.where(np.abs(move) >= np.abs(correlation * others), move, correlation * others))


def largest(moves: Floats) -> float:
    """The move of the greatest size, 0 of none."""
    return float(moves[np.argmax(np.abs(moves))]) if len(moves) else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    """What the engine sees: the price of ``lag`` rounds ago, times ``exp(noise z)`` with z standard normal."""

    lag: int = 0
    noise: float = 0.0

    def __post_init__(self) -> None:
        check.integer("lag", self.lag, low=0)
        check.number("noise", self.noise, low=0.0)

    def sees(self, path: list[Floats], random: np.random.Generator) -> Floats:
        """Of the path of true factors, one a round, what is seen at its end."""
        factor = path[max(len(path) - 1 - self.lag, 0)]
        return factor * np.exp(self.noise * random.standard_normal(len(factor))) if self.noise else factor


@dataclass(frozen=True, slots=True, kw_only=True)
class Liquidators:
    """``capacity``: notional that they take in a round, quote currency; ``delay``: rounds from trigger to close-out."""

    capacity: float = np.inf
    delay: int = 0

    def __post_init__(self) -> None:
        if not self.capacity > 0:
            raise check.refuse("capacity", "be > 0", self.capacity)
        check.integer("delay", self.delay, low=0)
