"""Whether an oracle's price may be used: its age, its doubt, its distance from its average."""

import msgspec

from crossmargin import _checks as check
from crossmargin.market.market import Market

FAULTS = ("missing", "not positive", "stale", "uncertain", "volatile")


class OracleGuard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of an oracle; each one absent does not bind.

    ``max_age`` (ns): of the price since it was published. ``max_deviation``: of the price, as a share of it, where
    an observation's ``confidence`` is ``1 - deviation / price``. ``max_ratio``: of price to average, or the inverse.
    """

    max_age: int | None = None
    max_deviation: float | None = None
    max_ratio: float | None = None

    def __post_init__(self) -> None:
        if self.max_age is not None:
            check.integer("max_age", self.max_age, "of oracle guard", low=0)
        if self.max_deviation is not None:
            check.fraction("max_deviation", self.max_deviation, "of oracle guard")
        if self.max_ratio is not None:
            check.number("max_ratio", self.max_ratio, "of oracle guard", low=1.0)

    def faults(self, market: Market, subject: str, field: str = "index") -> tuple[str, ...]:
        """Everything that is wrong with a price, in the order of ``FAULTS``; nothing where it may be used."""
        found = market.seen.get((subject, field))
        if found is None:
            return ("missing",)
        age, average = market.as_of - found.published, market.get("average_price", subject, found.value)
        broken = {
            "not positive": found.value <= 0.0,
            "stale": self.max_age is not None and age > self.max_age,
            "uncertain": self.max_deviation is not None and found.confidence < 1.0 - self.max_deviation,
            "volatile": self.max_ratio is not None and apart(found.value, average) > self.max_ratio,
        }
        return tuple(fault for fault in FAULTS if broken.get(fault))


def apart(price: float, average: float) -> float:
    """How many times the greater of two prices is the lesser; without end where one is not positive."""
    low, high = sorted((price, average))
    return high / low if low > 0.0 else float("inf")
