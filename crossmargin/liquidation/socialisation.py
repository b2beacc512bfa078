"""Socialised loss: shares of a loss in whole atoms, by weight, by an index of positions or deposits, or on withdrawals.

Every function divides ``loss`` atoms among rows and says where the last atom goes; none moves money. Rows come in the
order of account ids, which breaks ties. What whole atoms cannot express has a name and is never negative:

===================  ================  ============================================================================
function             paid              what is left
===================  ================  ============================================================================
pro_rata             the loss exactly  nothing
by_funding_index     loss or more      ``rounding``: paid beyond the loss, for the rounding account of the asset
.. rounded down      loss or less      ``unpaid``: what nobody is charged
by_deposit_index     loss or more, as  ``dust``: what of the pool belongs to no depositor in whole atoms
                     the pool counts
Haircut              what withdrawals  the shortfall less what has been charged
                     are charged
===================  ================  ============================================================================

An index changes once, whatever the number of holders, and each settles at the next touch: by then the loss is charged
to those who held at the time. Conservation, to the atom: ``sum(paid) + unpaid == loss + rounding`` for the funding
index, ``pool == covered + sum(after) + dust`` for the deposit index.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossmargin import _checks as check
from crossmargin._checks import Integers
from crossmargin.portfolio.tables import MAX_LOTS, at_most

SAFE = 2.0**62  # sums and products that a float64 says are below it fit 64 bits
FUNDING_UNIT = 2**32  # of the ledger's funding index: units of an atom a lot


def pro_rata(atoms: int, weights: ArrayLike) -> Integers:
    """Divide atoms by weights (>= 0), shape (n,): ``floor(atoms w / W)``, and one more to the largest remainders.

    Equal remainders go by row. The sum is exact, and where ``atoms <= W`` nobody gets more than the weight, so weights
    may be capacities; each share is within one atom of ``atoms w / W``. Integers of any size inside. Refuses negative
    atoms and weights, and atoms where all weights are 0. (Largest remainder, the method of Hamilton.)
    """
    size, atoms = not_negative("weights", weights), check.integer("atoms", atoms, low=0)
    if atoms and not size.any():
        raise check.refuse("weights", f"have a sum > 0 to share {atoms} atoms", 0)
    return check.frozen(largest_remainder(atoms, size).astype(np.int64))


def not_negative(name: str, values: ArrayLike) -> Integers:
    """64-bit integers >= 0."""
    found = check.integers(name, values)
    check.require_all(name, "be >= 0", found, found >= 0)
    return found


def exact(values: NDArray[Any], factor: int = 1) -> NDArray[Any]:
    """The integers, as Python's own where a sum of them times ``factor`` might pass 64 bits."""
    if values.dtype == object or float(values.sum(dtype=np.float64)) * factor >= SAFE:
        return values.astype(object)
    return values


def largest_remainder(atoms: int, weights: NDArray[Any]) -> NDArray[Any]:
    """``pro_rata`` of checked integers, which may be Python's own: shares of the type that was needed."""
    total = int(exact(weights).sum())
    if not total:
        return np.zeros(len(weights), dtype=np.int64)
    products = exact(weights, max(atoms, 1)) * atoms
    shares, left = products // total, products % total
    order = np.argsort(-left, kind="stable")
    shares[order[: atoms - int(shares.sum())]] += 1
    return shares


def capped(atoms: int, capacities: ArrayLike) -> tuple[Integers, int]:
    """Charge atoms by capacities, nobody more than the own: what each pays, and what nobody can."""
    most = not_negative("capacities", capacities)
    charged = min(check.integer("atoms", atoms, low=0), int(exact(most).sum()))
    return pro_rata(charged, most), atoms - charged


# ---- by an index ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FundingLoss:
    """A loss spread as funding: ``change`` of the index a lot, against longs and against shorts alike, >= 0.

    ``paid`` (n,) atoms of each holder; ``rounding`` was paid beyond the loss; ``unpaid`` is charged to nobody.
    """

    change: int
    paid: Integers
    rounding: int
    unpaid: int


def by_funding_index(
    loss: int, lots: ArrayLike, *, unit: int = FUNDING_UNIT, step: int = 1, round_up: bool = True
) -> FundingLoss:
    """Spread a loss over open interest, sides alike: ``change = step ceil(loss unit / (step OI))``, OI = sum |lots|.

    Each holder pays ``ceil(|lots| change / unit)`` atoms; ``unit`` is what an atom a lot counts in the index. Without
    ``round_up`` both are floors, and the rest is unpaid. With no open interest the index stays and all is unpaid.

    Drift v2 (specs/onchain.md 3.7) rounds up by ``unit=10**12, step=1000`` for a base unit of 1e9; Mango v4 (4.4) cuts
    at 48 bits: ``unit=2**48, round_up=False``. What a holder cannot pay is a new deficit: the index does not ask.
    """
    held = check.integers("lots", lots)
    at_most("lots", held, MAX_LOTS)
    size = exact(np.abs(held), unit)
    loss = check.integer("loss", loss, low=0)
    for name, value in (("unit", unit), ("step", step)):
        check.integer(name, value, low=1)
    interest = int(size.sum())
    if not interest:
        return FundingLoss(change=0, paid=check.frozen(np.zeros(len(size), np.int64)), rounding=0, unpaid=loss)
    change = step * divided(loss * unit, step * interest, up=round_up)
    paid = divided(exact(size, change) * change, unit, up=round_up)
    over = int(exact(paid).sum()) - loss
    return FundingLoss(
        change=change, paid=check.frozen(paid.astype(np.int64)), rounding=max(over, 0), unpaid=max(-over, 0)
    )


def divided(over: Any, by: int, *, up: bool) -> Any:
    """A quotient of integers, rounded up or down."""
    return -(-over // by) if up else over // by


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DepositLoss:
    """A loss taken from deposits by ``cut`` of their index: ``index`` after it, ``after`` and ``paid`` (n,) in atoms.

    ``pool`` is what all deposits were worth; ``covered`` of the loss went out of it, the rest is ``unpaid``.
    """

    cut: int
    index: int
    pool: int
    covered: int
    after: Integers
    paid: Integers
    dust: int
    unpaid: int


def by_deposit_index(loss: int, balances: ArrayLike, *, index: int, scale: int) -> DepositLoss:
    """Cut the deposit index by ``ceil(index covered / pool)``, ``pool = floor(sum(balances) index / scale)`` atoms.

    A deposit is worth ``floor(balance index / scale)`` atoms; ``covered`` is the loss, at most the pool. Since the cut
    is rounded up, ``dust`` is never negative: what is left of the pool belongs to depositors or to it. No deposits: no
    cut. Source: Drift v2 (specs/onchain.md 3.7; scale 10^(19 - decimals)) and Mango v4 (4.4).
    """
    held = not_negative("balances", balances).astype(object)
    loss = check.integer("loss", loss, low=0)
    for name, value in (("index", index), ("scale", scale)):
        check.integer(name, value, low=1)
    pool = int(held.sum()) * index // scale
    covered = min(loss, pool)
    cut = divided(index * covered, pool, up=True) if pool else 0
    before, after = (held * i // scale for i in (index, index - cut))
    return DepositLoss(
        cut=cut, index=index - cut, pool=pool, covered=covered, unpaid=loss - covered,
        after=check.frozen(after.astype(np.int64)), paid=check.frozen((before - after).astype(np.int64)),
        dust=pool - covered - int(after.sum()),
    )  # fmt: skip


# ---- on withdrawals ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """What becomes of a withdrawal, atoms: the user's part and the fund's; they sum to it."""

    to_user: int
    to_fund: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Haircut:
    """Withdrawals bear a shortfall E while it lasts: each is charged ``factor = E / (T + E)`` of itself.

    ``shortfall`` E is what deficits exceed the insurance fund by, ``total`` T the balances that could be withdrawn,
    both atoms >= 0. With E = 0 nothing is charged; with T = 0 the factor is 1. The charge rounds up, against the
    account, and never exceeds E for a withdrawal of at most T. T + E, not T: all of T withdrawn at one factor pays
    only ``E T / (T + E)``, so that, but for rounding, the factor is higher for who comes later. Source: Paradex
    (specs/exchanges.md 6).
    """

    shortfall: int
    total: int

    def __post_init__(self) -> None:
        for name in ("shortfall", "total"):
            check.integer(name, getattr(self, name), low=0)

    @property
    def factor(self) -> Fraction:
        """Share of a withdrawal that is charged, in [0, 1]."""
        return Fraction(self.shortfall, self.total + self.shortfall) if self.shortfall else Fraction(0)

    def withdraw(self, atoms: int) -> Withdrawal:
        """Divide a withdrawal."""
        atoms = check.integer("withdrawal", atoms, low=0)
        charge = ceil(self.factor * atoms)
        return Withdrawal(to_user=atoms - charge, to_fund=charge)

    def after(self, atoms: int) -> "Haircut":
        """The haircut once a withdrawal of at most the total is paid: both sides have changed."""
        paid = self.withdraw(check.integer("withdrawal", atoms, low=0, high=self.total))
        return Haircut(shortfall=self.shortfall - paid.to_fund, total=self.total - atoms)


def shortfall(values: Iterable[int], fund: int) -> int:
    """What the deficits of accounts exceed the fund by: ``max(0, sum max(0, -value) - fund)``, atoms."""
    return max(0, sum(max(0, -value) for value in values) - fund)
