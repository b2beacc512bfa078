"""The smallest reduction that restores an account: a linear programme over cuts of its surplus, then whole lots.

The surplus S of an account is a function of the lots x closed of each position, concave where the margin is convex. It
is known only by its values, so any method will do: the plan values x and its neighbours in one batch, and their
differences give a plane above S,

    S(x) <= S(x_k) + g_k (x - x_k)         (Kelley's cutting planes)

and the programme is: least ``cost . x`` with every plane at the target or above, ``0 <= x <= held``. Its solution is
rounded up to whole lots and valued; while it is below the target, it gives the next plane. Differences are central, so
that a position whose hedge would break counts 0 at the ridge of both; a plane that a valued point shows to be too low
(S not concave) is raised.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats, Integers
from crossmargin.liquidation.close_out_account import Closing
from crossmargin.liquidation.close_out_steps import Proposal, Step
from crossmargin.portfolio.tables import MAX_LOTS

PROBE = 10_000  # atoms that a difference spans at least: rounding of single atoms must not tilt a plane
LEAST = 1e-6  # of the notional, added to the cost: of reductions that cost the same, the smaller one
SHARES = (0.25, 0.5, 0.75, 1.0)  # of the whole account, valued at the start


@dataclass(frozen=True, slots=True, kw_only=True)
class Smallest:
    """The reduction of least cost (spread, impact, fee, penalty) whose surplus is at the target.

    Each step closes the part that restores the most surplus per cost; what would lower it alone, a hedge, goes last and
    on both sides at once. Where no reduction gets to the target the whole account is closed, or, where that lowers the
    surplus, what raises it. A penalty on released margin is in the surplus and not in the cost: it is the same rate of
    whatever restores the account. ``cuts``: most planes a search may use.
    """

    cuts: int = 60

    def __post_init__(self) -> None:
        check.integer("cuts", self.cuts, low=1)

    def next(self, closing: Closing, steps: tuple[Step, ...]) -> Proposal | None:
        remaining = closing.vector(steps[-1].remaining) if steps else np.zeros(len(closing.legs), dtype=np.int64)
        if remaining.any():
            return piece(closing, remaining)
        search = Search(closing)
        found = search.smallest(self.cuts)
        if found is not None:
            return piece(closing, found)
        if not closing.worse(search.surplus_at(closing.lots)):
            reason = "no reduction restores the target: the whole account is closed"
            return Proposal(closed=closing.mapping(closing.lots), reason=reason)
        best = search.best()
        return None if best is None else piece(closing, best)


# ---- the order of a reduction ------------------------------------------------------------------


def piece(closing: Closing, left: Integers) -> Proposal:
    """The part of a reduction that goes first: most surplus per cost of one position, up to where it stops rising."""
    size = peaks(closing, left)
    gain = closing.reduced(np.diag(size)).surplus - closing.surplus
    good = (size > 0) & (np.rint(gain / closing.atom) > 0)
    if not good.any():
        reason = "hedged positions on both sides at once: each alone would lower the surplus"
        return Proposal(closed=closing.mapping(left), reason=reason)
    cost = weights(closing) * size
    rate = np.divide(gain, cost, out=np.full(len(gain), np.inf), where=cost > 0)
    place = int(np.argmax(np.where(good, rate, -np.inf)))
    first = np.zeros_like(left)
    first[place] = size[place]
    paid = closing.cost[place] / closing.lots[place] * size[place]
    reason = f"most surplus per cost: {gain[place]:.6g} for {paid:.6g}"
    return Proposal(closed=closing.mapping(first), reason=reason, remaining=closing.mapping(left - first))


def peaks(closing: Closing, left: Integers) -> Integers:
    """Lots of each leg alone, at most ``left``, up to which the surplus does not fall; by bisection."""
    low, high, middle = np.zeros_like(left), left, left
    while (low < high).any():
        before = np.maximum(middle - probes(closing), 0)
        found = closing.reduced(np.vstack([np.diag(middle), np.diag(before)])).surplus
        rising = np.rint((found[: len(left)] - found[len(left) :]) / closing.atom) >= 0
        low, high = np.where(rising, middle, low), np.where(rising, high, middle - 1)
        middle = (low + high + 1) // 2
    return low


def weights(closing: Closing) -> Floats:
    """Cost of one lot of each leg, account currency."""
    return (closing.cost + LEAST * closing.notional) / closing.lots


def probes(closing: Closing) -> Integers:
    """Lots over which differences are taken: one, more where a lot is worth few atoms."""
    atoms = np.array([abs(float(leg.mark_value)) for leg in closing.legs])
    return np.clip(np.ceil(PROBE / np.maximum(atoms, 1e-3)).astype(np.int64), 1, closing.lots)


# ---- the search --------------------------------------------------------------------------------


@dataclass
class Search:
    """Valued reductions of one account, and the planes above its surplus that they gave."""

    closing: Closing
    points: list[Integers] = field(default_factory=list)
    surpluses: list[float] = field(default_factory=list)
    looked: list[Integers] = field(default_factory=list)
    slopes: list[Floats] = field(default_factory=list)

    def __post_init__(self) -> None:
        lots = self.closing.lots
        shares = [np.ceil(share * lots).astype(np.int64) for share in SHARES]
        self.value(np.vstack([np.zeros_like(lots), np.diag(lots), *shares]))

    def value(self, points: Integers) -> Floats:
        """Surplus of reductions, kept where they are within what is held."""
        found = self.closing.reduced(points).surplus
        inside = (points >= 0).all(axis=1)
        self.points.extend(points[inside])
        self.surpluses.extend(found[inside].tolist())
        return found

    def surplus_at(self, point: Integers) -> float:
        """Surplus of a reduction that was valued."""
        place = next(i for i, known in enumerate(self.points) if (known == point).all())
        return self.surpluses[place]

    def smallest(self, cuts: int) -> Integers | None:
        """The reduction of least cost at the target, to whole lots; ``None`` where none is known."""
        point = np.zeros_like(self.closing.lots)
        for _ in range(cuts):
            if self.closing.met(self.look(point)):
                break
            after = self.programme()
            if any((after == known).all() for known in self.looked):
                break
            point = after
        return self.lifted(point)

    def look(self, point: Integers) -> float:
        """Value a reduction and its neighbours, and note the slope there."""
        step, lots = np.diag(probes(self.closing)), self.closing.lots
        up, down = np.minimum(point + step, lots), np.maximum(point - step, lots - MAX_LOTS)
        found = self.value(np.vstack([point, up, down]))
        n, span = len(lots), np.diag(up - down)
        self.looked.append(point)
        self.slopes.append((found[1 : n + 1] - found[n + 1 :]) / span)
        return float(found[0])

    def planes(self) -> tuple[Floats, Floats]:
        """Slopes g (k, n) and levels b (k,) with ``S <= b + g x`` at every point that was valued."""
        slopes, points = np.array(self.slopes), np.array(self.points, dtype=np.float64)
        return slopes, np.max(np.array(self.surpluses) - slopes @ points.T, axis=1)

    def programme(self) -> Integers:
        """Least cost with every plane at the target; where none has it, the most surplus. Rounded up to whole lots."""
        from scipy.optimize import linprog

        lots, (slopes, levels) = self.closing.lots, self.planes()
        cost, gain = weights(self.closing) * lots, slopes * lots
        short = max(self.closing.target - self.surpluses[0], self.closing.atom)
        needed, rise = (self.closing.target - levels) / short, gain / short
        found = linprog(cost / max(cost.max(), self.closing.atom), A_ub=-rise, b_ub=-needed, bounds=(0, 1))
        if found.x is None:
            most = np.append(np.zeros(len(lots)), -1.0)
            above = np.column_stack([-rise, np.ones(len(rise))])
            found = linprog(most, A_ub=above, b_ub=-needed, bounds=[(0, 1)] * len(lots) + [(None, None)])
        share = np.zeros(len(lots)) if found.x is None else found.x[: len(lots)]
        return np.clip(np.ceil(share * lots - 1e-6).astype(np.int64), 0, lots)

    def best(self) -> Integers | None:
        """Of what was valued and each leg alone at its best, the highest surplus, if it is above today's."""
        self.value(np.diag(peaks(self.closing, self.closing.lots)))
        place = int(np.argmax(self.surpluses))
        raised = round((self.surpluses[place] - self.closing.surplus) / self.closing.atom) > 0
        return self.points[place] if raised else None

    # ---- to whole lots -------------------------------------------------------------------------

    def lifted(self, point: Integers) -> Integers | None:
        """The cheapest reduction known at the target; on the way to it from one below, as far as needed."""
        good = np.flatnonzero(self.closing.met(self.surpluses))
        if not len(good):
            return None
        cost = [float(weights(self.closing) @ self.points[i]) for i in good]
        end = self.points[good[int(np.argmin(cost))]]
        if self.closing.met(self.surplus_at(point)):
            return self.trimmed(end)
        size = int(np.abs(end - point).max())
        return self.trimmed(self.least(size, lambda n: point - (point - end) * n // size))

    def trimmed(self, point: Integers) -> Integers:
        """Give back what is not needed, the dearest lots first."""
        while True:
            held = np.flatnonzero(point)
            fewer = point - np.eye(len(point), dtype=np.int64)[held]
            spare = held[self.closing.met(self.value(fewer))]
            if not len(spare):
                return point
            point = self.shortened(point, int(spare[np.argmax(weights(self.closing)[spare])]))

    def shortened(self, point: Integers, place: int) -> Integers:
        """The same with as few lots of one leg as keep the target."""
        own = np.arange(len(point)) == place
        return self.least(int(point[place]), lambda n: np.where(own, n, point))

    def least(self, high: int, reduction: Callable[[int], Integers]) -> Integers:
        """The reduction of the smallest n in [0, high] at the target, by bisection; that of ``high`` is."""
        low = 0
        while low < high:
            middle = (low + high) // 2
            enough = bool(self.closing.met(self.value(reduction(middle)[None])[0]))
            low, high = (low, middle) if enough else (middle + 1, high)
        return reduction(high)
