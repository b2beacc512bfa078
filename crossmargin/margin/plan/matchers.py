"""What the two matchers read: how spreads are written down as a table, and the features of a contract.

``match`` forms spreads of the deltas of one parent's children by priority; ``group`` finds the cheapest grouping of one
underlying's contracts into strategies. Both recompute the group they touch; kernels: ``_core.matching``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin._core import matching
from crossmargin.errors import raise_for_status

Array = NDArray[Any]
COUNTING = ("fraction", "whole", "rounded")  # fractions of spreads; whole ones; whole ones of rounded deltas
MOST_PLACES = 256
FEATURES = ("kind", "units", "strike", "size", "premium", "expiry", "naked", "owned")
BOUND = ("requirement", "lower bound")


@dataclass(frozen=True, slots=True)
class Leg:
    """``side`` +1 is the long side as written; ``places`` are used first to last."""

    side: float
    ratio: float
    places: tuple[int, ...]


Spread = Sequence[Leg]


def spread_code(spreads: Sequence[Spread], n_places: int, counting: str, *, rows: int | None = None) -> list[float]:
    """Write spreads in priority order as the numbers that the kernel reads; ``rows`` of counts, at least as many."""
    check.one_of("counting", counting, COUNTING)
    check.integer("places", n_places, "of spreads", low=0, high=MOST_PLACES)
    code = [float(rows or len(spreads)), float(n_places), float(len(spreads)), float(COUNTING.index(counting))]
    for number, spread in enumerate(spreads):
        check_legs(spread, n_places, f"of spread {number + 1}")
        code.append(float(len(spread)))
        for leg in spread:
            code += [leg.side, leg.ratio, float(len(leg.places)), *map(float, leg.places)]
    return code


def check_legs(spread: Spread, n_places: int, where: str) -> None:
    """Two legs of a side that share a place would use its delta twice."""
    if not spread:
        raise check.refuse("legs", "be at least one", 0, where)
    taken: set[tuple[float, int]] = set()
    for leg in spread:
        check.one_of("side", leg.side, (1.0, -1.0), where)
        check.positive("ratio", leg.ratio, where)
        for place in leg.places:
            check.integer("place", place, where, low=0, high=n_places - 1)
            if (leg.side, place) in taken:
                raise check.refuse("legs of one side", "not share a place", place, where)
            taken.add((leg.side, place))


def padded_codes(codes: Sequence[list[float]]) -> Floats:
    """One row a parent, zeros behind."""
    width = max((len(code) for code in codes), default=4)
    return np.array([code + [0.0] * (width - len(code)) for code in codes], dtype=np.float64).reshape(-1, width)


def match_rows(counts: Sequence[str], places: Sequence[str]) -> tuple[str, ...]:
    """Labels of a match: spreads formed, then what is left and what was used at each place."""
    return (*counts, *(f"left {p}" for p in places), *(f"used {p}" for p in places))


def spreads(delta: Array, place: Array, code: Array, rows: int) -> Array:
    """Run the kernel for one parent."""
    at, out = np.zeros(int(code[1])), np.zeros(rows)
    np.add.at(at, place[:, 0].astype(int), delta)
    raise_for_status(matching.spreads(np.ascontiguousarray(code), at, out), "spreads")
    return out


def strategies(lots: Array, feature: Array, rule: Array, rows: int) -> Array:
    """Run the kernel for one parent."""
    out, held = np.zeros(rows), lots != 0
    count, kinds, how = (np.ascontiguousarray(v, dtype=np.float64) for v in (lots[held], feature[held], rule))
    raise_for_status(matching.group(count, kinds, how, out), "strategies")
    return out


def greatest_alone(feature: Array) -> Array:
    """Most that a lot of each contract may add to a grouping or take from it, (n, 1)."""
    units, premium, naked, owned = (
        np.abs(feature[:, [FEATURES.index(n)]]) for n in ("units", "premium", "naked", "owned")
    )
    return units * np.maximum(premium, np.maximum(naked, owned))


def least_ratio(code: Array) -> float:
    """Smallest ratio of any leg: no delta forms more spreads than its size by it."""
    at, found = 4, 1.0
    for _ in range(int(code[2])):
        n_legs, at = int(code[at]), at + 1
        for _ in range(n_legs):
            found, at = min(found, float(code[at + 1])), at + 3 + int(code[at + 2])
    return found
