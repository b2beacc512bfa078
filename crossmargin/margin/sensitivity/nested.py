"""Nested correlated norms: factors to buckets, buckets to classes, with their Euler contributions."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from crossmargin import _checks as check
from crossmargin._checks import Floats, Integers
from crossmargin.margin.sensitivity.correlation import Correlation

Clip = Literal["always", "where negative", "never"]


@dataclass(frozen=True, eq=False)
class Norm:
    """``K_p = sqrt(max(0, sum_ij R_ij x_i x_j))`` over the children i, j of each parent p; ``y = R x``.

    ``masked`` leaves out the pairs of which both are negative: ``x'Rx - n'Rn`` with ``n = min(x, 0)``.
    """

    x: Floats
    y: Floats
    parent: Integers
    n: int
    dropped: Floats | None = None

    @classmethod
    def of(
        cls,
        x: Floats,
        correlation: Correlation,
        parent: Integers,
        n: int,
        *,
        concordance: Floats | None = None,
        masked: bool = False,
    ) -> "Norm":
        negative = np.minimum(x, 0.0)
        dropped = negative * correlation.times(negative, concordance) if masked else None
        return cls(x, correlation.times(x, concordance), parent, n, dropped)

    @cached_property
    def terms(self) -> Floats:
        """What each child adds to the square of its parent."""
        return self.x * self.y if self.dropped is None else self.x * self.y - self.dropped

    @cached_property
    def square(self) -> Floats:
        return summed(self.terms, self.parent, self.n)

    @cached_property
    def value(self) -> Floats:
        return np.sqrt(np.maximum(self.square, 0.0))

    @cached_property
    def shares(self) -> Floats:
        """Euler contributions of the children: they sum to the norm of their parent."""
        return divided(self.terms, self.value[self.parent])


@dataclass(frozen=True, eq=False)
class Nested:
    """``T_c = sqrt(max(0, sum_b K_b^2 + sum_{b != b'} gamma g S_b S_b'))`` of each class c.

    ``S_b = sum x`` clipped to ``[-K_b, K_b]``: always (SIMM), or in every bucket of a class whose radicand is negative
    without it (MAR21.4(5)), or never (MAR21.5). ``between`` is gamma without its diagonal; ``g = min / max`` of
    ``concordance``. Contributions hold concordance fixed and sum to T. Sources: ISDA SIMM 2.5, paragraphs 7 to 10;
    MAR21.4.
    """

    buckets: Norm
    sums: Floats
    pull: Floats
    parent: Integers
    n: int
    clipped: NDArray[np.bool_]
    cross: Floats

    @classmethod
    def of(
        cls,
        buckets: Norm,
        between: Correlation,
        parent: Integers,
        n: int,
        *,
        concordance: Floats | None = None,
        clip: Clip = "always",
        masked: bool = False,
        sums: Floats | None = None,
    ) -> "Nested":
        check.one_of("clip", clip, get_args(Clip))

        def pull(values: Floats) -> Floats:
            return between.times(values, concordance)

        plain = summed(buckets.x, buckets.parent, buckets.n) if sums is None else sums
        bounded: Floats = np.clip(plain, -buckets.value, buckets.value)
        chosen = bounded if clip == "always" else plain
        if clip == "where negative":
            chosen = where_negative(buckets, plain, bounded, pull, parent, n)
        negative = np.minimum(chosen, 0.0)
        cross = chosen * pull(chosen) - (negative * pull(negative) if masked else 0.0)
        return cls(buckets, chosen, pull(chosen), parent, n, chosen != plain, cross)

    @cached_property
    def square(self) -> Floats:
        return summed(self.buckets.value**2 + self.cross, self.parent, self.n)

    @cached_property
    def value(self) -> Floats:
        return np.sqrt(np.maximum(self.square, 0.0))

    @cached_property
    def shares(self) -> Floats:
        """Euler contributions of the factors to their class."""
        norm, held = self.buckets, self.clipped
        through = divided(norm.value + np.where(held, self.pull * np.sign(self.sums), 0.0), self.value[self.parent])
        straight = divided(np.where(held, 0.0, self.pull), self.value[self.parent])
        return through[norm.parent] * norm.shares + straight[norm.parent] * norm.x


def where_negative(
    buckets: Norm, plain: Floats, bounded: Floats, pull: Callable[[Floats], Floats], parent: Integers, n: int
) -> Floats:
    """Sums as they are, but clipped in every bucket of a class whose radicand they would make negative."""
    square = summed(buckets.value**2 + plain * pull(plain), parent, n)
    return np.where(square[parent] < 0.0, bounded, plain)


def summed(x: Floats, parent: Integers, n: int) -> Floats:
    """Sum of the children of each parent, from left to right."""
    return np.asarray(np.bincount(parent, x, n), dtype=np.float64)


def divided(x: Floats, by: Floats) -> Floats:
    """``x / by``, 0 where ``by`` is 0: what a norm of nothing is made of."""
    return np.divide(x, by, out=np.zeros_like(x), where=by != 0.0)
