"""What a cascade is given and what it says: rules, rounds, results."""

from dataclasses import dataclass, field

import numpy as np

from crossmargin._checks import Floats, Integers
from crossmargin.liquidation.absorption import Absorption
from crossmargin.liquidation.impact import Contagion, Impact, Liquidators, Liquidity, NoImpact, Oracle
from crossmargin.liquidation.ledger_deleveraging import Ranking
from crossmargin.liquidation.trigger import Thresholds


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeRules:
    """How accounts are closed and how the market answers; ``penalty`` is a rate of the closed notional."""

    steps: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8, 1.0)
    thresholds: Thresholds = field(default_factory=Thresholds)
    penalty: float = 0.005
    half_spread: float = 0.0
    impact: Impact = field(default_factory=NoImpact)
    liquidity: Liquidity = field(default_factory=Liquidity)
    contagion: Contagion = field(default_factory=Contagion)
    oracle: Oracle = field(default_factory=Oracle)
    liquidators: Liquidators = field(default_factory=Liquidators)
    ranking: Ranking | None = None  # by which accounts are deleveraged for what the fund cannot pay; None: nobody is
    max_rounds: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round did; money in quote currency, factors of each underlying's price at the start."""

    number: int
    factor: dict[str, float]  # true, when the round began
    seen: dict[str, float]  # by the engine
    revalued: int
    below: int  # accounts below maintenance
    liquidated: int
    restored: int
    taken_over: int
    notional: float
    penalty: float
    from_fund: float
    deleveraged: float
    socialised: float
    fund: float  # afterwards


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeResult:
    """All rounds; ``ended`` says whether nobody was left to close or the rounds ran out."""

    rounds: tuple[Round, ...]
    underlyings: tuple[str, ...]
    accounts: Integers  # liquidated at least once
    ended: bool

    def total(self, name: str) -> float:
        return float(sum(getattr(row, name) for row in self.rounds))

    @property
    def final(self) -> dict[str, float]:
        """Factor of each price at the end."""
        return self.rounds[-1].factor if self.rounds else {}


LEFT = 3  # beyond what liquidators take this round


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What a round's close-outs came to; money in quote currency."""

    flow: Floats
    liquidated: int = 0
    restored: int = 0
    taken_over: int = 0
    notional: float = 0.0
    penalty: float = 0.0
    absorbed: Absorption = field(default_factory=Absorption)
    unfinished: bool = False

    @classmethod
    def nothing(cls, n: int) -> "Closing":
        return cls(flow=np.zeros(n))

