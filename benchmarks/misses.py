"""Targets that are missed, by how much, and what bounds them.

A key is (row, work, which other entry); a gain of two threads goes by the name "gain". The run fails where a target is
missed by more than twice, of these by more than twice what stands here.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Miss:
    """``factor``: by which the target was missed when it was last looked at. ``why``: what bounds it."""

    factor: float
    why: str


ACCURACY = "prices keep (8 + kappa) 2^-53 of relative accuracy into both wings, which the others' differences do not"
PLAN = Miss(
    4.0,
    "a method computes more than its scan: value and cost of every position, pairs of keys with their parents, some 40 "
    "nodes an account; docs/decisions/evaluators.md says what was tried",
)
GRID = Miss(
    3.0,
    "revalue takes any forward and volatility at each point: a logarithm and 1 / v a price, which the floor's grid of "
    f"moves has outside its loop; {ACCURACY}",
)
MISSES = {
    (3, "batch through a scenario method", "scan, bare"): PLAN,
    (4, "batch through a scenario method", "scan, bare"): PLAN,
    (5, "batch through a scenario method", "scan, bare"): PLAN,
    (4, "batch", "numba"): Miss(1.4, "the C floor itself is 3.1 times as fast as numba here"),
    (4, "batch", "random rows read"): Miss(
        1.05,
        "a holding is 16 bytes and checked before it is used, and an account's least and its place are found; the read "
        "of rows alone has 4 bytes a row",
    ),
    (4, "batch", "gain"): Miss(
        1.2, "holdings stream from memory, 16 bytes each; the read of rows alone has a quarter of that"
    ),
    (6, "Black-76 price", "NumPy + scipy ndtr"): Miss(
        1.5, f"the C floor itself is 5.1 times as fast as NumPy here, whose functions use AVX-512 too; {ACCURACY}"
    ),
    (6, "Black-76 price", "numba, fastmath"): Miss(1.05, "within the noise of a run"),
    (7, "price, delta, gamma, vega", "numba"): Miss(
        1.15, f"theta is a fifth figure, with a logarithm of its own; {ACCURACY}"
    ),
    (7, "price, delta, gamma, vega", "numba, fastmath"): Miss(1.15, "as beside numba without fastmath"),
    (8, "revaluation over scenarios", "C, polynomial, alone"): GRID,
    (8, "revaluation over scenarios", "C, table, alone"): GRID,
    (9, "implied volatility", "lbriv"): Miss(
        1.5,
        "each of at most four steps evaluates a price, two logarithms and two exponentials in all lanes, and a lane "
        "that has stopped waits for its neighbours",
    ),
    (12, "SIMM", "open-source-risk-engine"): Miss(
        3.3, "of 24 rows: some forty NumPy calls of a microsecond each; 100 books at once take 2 us a book"
    ),
}
