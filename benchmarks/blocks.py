"""What dispatching the operations of a plan costs in a batch: a position's time by accounts a block.

An operation is dispatched once a block: if dispatch counted, larger blocks would be faster. Least of some rounds, interleaved.

    python benchmarks/blocks.py [accounts] [rounds]
"""

import sys
from time import perf_counter

import scan_desk
from crossmargin.margin.plan import batch

BLOCKS = (32, 64, 128, 256)


def main(accounts: int = 50_000, rounds: int = 11) -> dict[int, float]:
    prepared = scan_desk.prepared(2000)
    book = scan_desk.random_book(prepared.instruments, accounts)
    least = dict.fromkeys(BLOCKS, float("inf"))
    for _ in range(rounds):
        for units in BLOCKS:
            batch.BLOCK_UNITS = units
            start = perf_counter()
            prepared.requirements(book)
            least[units] = min(least[units], perf_counter() - start)
    for units, seconds in least.items():
        print(f"{units:>4} accounts a block: {seconds / len(book.positions) * 1e9:.2f} ns a position")
    return least


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
