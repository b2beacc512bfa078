"""What everything is worth at one moment: a read-only view of resolved observations."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.errors import MissingPriceError
from crossmargin.market.observation import FIELDS, Observation

Key = tuple[str, str]  # (subject, field)


@dataclass(frozen=True, slots=True)
class Market:
    """Observations by (subject, field) as of ``as_of`` (ns UTC), priced in the ``quote`` currency."""

    as_of: int
    quote: str
    seen: Mapping[Key, Observation]

    @classmethod
    def of(cls, observations: Iterable[Observation], *, as_of: int, quote: str = "USD") -> "Market":
        """Keep, per subject and field, the latest observation published not after ``as_of``.

        Two observations of one subject and field with one publication time are refused.
        """
        check.integer("as_of", as_of)
        given = list(observations)
        check.unique("observation (subject, field, time)", ((o.subject, o.field, o.published) for o in given))
        past = sorted((o for o in given if o.published <= as_of), key=lambda o: o.published)
        return cls(as_of, check.text("quote", quote), {(o.subject, o.field): o for o in past})

    def value(self, field: str, subject: str) -> float:
        """One figure; absent raises ``MissingPriceError``: there is no silent zero."""
        found = self.seen.get((subject, check.one_of("field", field, tuple(FIELDS))))
        if found is None:
            raise MissingPriceError(f"market must hold {field} of {subject!r}, was absent at {self.as_of} ns")
        return found.value

    def get(self, field: str, subject: str, default: float) -> float:
        """One figure or ``default``, for fields whose absence has a documented meaning."""
        found = self.seen.get((subject, field))
        return default if found is None else found.value

    def has(self, field: str, subject: str) -> bool:
        return (subject, field) in self.seen

    def confidence(self, field: str, subject: str) -> float:
        found = self.seen.get((subject, field))
        return 1.0 if found is None else found.confidence

    def column(self, field: str, subjects: Sequence[str]) -> Floats:
        """Figures of many subjects, shape (n,); the first absent one is named."""
        return np.array([self.value(field, subject) for subject in subjects], dtype=np.float64)

    def price(self, asset: str, underlying: str | None = None) -> float:
        """Value of one unit of an asset in quote currency; the quote currency itself is 1."""
        if asset == self.quote:
            return 1.0
        subject = asset if underlying is None or self.has("index", asset) else underlying
        found = self.value("index", subject)
        if found < 0:
            raise check.refuse("index", "be >= 0 for an asset", found, f"of {subject!r}")
        return found

    def replacing(self, values: Mapping[Key, float]) -> "Market":
        """Return the same market with some figures replaced; each must have been there."""
        seen = dict(self.seen)
        for (subject, field), value in values.items():
            self.value(field, subject)
            seen[subject, field] = replace(seen[subject, field], value=value)
        return Market(self.as_of, self.quote, seen)
