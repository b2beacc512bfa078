"""Sizes of every row of the table: those of the full run, and small ones that show that all forms agree."""

from dataclasses import dataclass

SCENARIOS = 45
PADDED = 48  # scenarios of a floor's row: whole lanes
POSITIONS = 64  # of one account in row 3
MOST_POSITIONS = 39  # of an account in a batch: 1 .. 39, 20 on average
HOT = 16  # instruments of row 1 that stay in the first cache
INSTRUMENTS, FAR = 2_000, 20_000  # a risk array within the second-level cache, and one beyond
GRID = (9, 5)  # moves, volatilities: 45 scenarios


@dataclass(frozen=True)
class Sizes:
    """``rounds`` of at least ``least`` seconds a measure; the rest counts items."""

    rounds: int
    least: float
    orders: int  # row 1
    units: int  # row 3: accounts that hold the same positions
    batches: tuple[int, ...]  # row 4: accounts
    far_batch: int  # row 5
    reads: int  # random rows of the rate
    book: int  # accounts of a method's book
    venue_book: int
    options: tuple[int, ...]  # rows 6, 7
    contracts: int  # row 8
    implied: int  # row 9
    covariances: tuple[tuple[int, int], ...]  # row 10: factors, accounts
    sensitivities: tuple[int, ...]  # row 12
    steps: tuple[int, ...]  # row 13


FULL = Sizes(
    rounds=11, least=0.01, orders=1_000, units=1_000, batches=(100_000, 1_000_000), far_batch=100_000, reads=200_000,
    book=100_000, venue_book=1_000, options=(2_000, 1_000_000), contracts=2_000, implied=200_000,
    covariances=((50, 100_000), (500, 100_000)), sensitivities=(24, 240, 2_400),
    steps=(100, 1_000, 10_000, 100_000, 1_000_000),
)  # fmt: skip
QUICK = Sizes(
    rounds=3, least=0.0005, orders=200, units=20, batches=(500,), far_batch=500, reads=2_000,
    book=300, venue_book=50, options=(1_000,), contracts=200, implied=1_000,
    covariances=((50, 1_000), (100, 500)), sensitivities=(24, 240), steps=(100, 1_000),
)  # fmt: skip
