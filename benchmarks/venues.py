"""Requirements of whole books at three venues beside a NumPy peer of the same rules: 64 positions an account.

What is asked: what does an account cost, in one call and in a batch, beside vectorised NumPy; and does it
grow with the number of accounts? Peers prepare outside the clock and take their fastest form (sparse, dense
or reduceat sums, blocks of accounts that stay in cache); results are compared first. One thread for either.

    python benchmarks/venues.py [rounds] [accounts] [accounts of the largest batch]
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # before NumPy is loaded
    os.environ[name] = "1"

import sys
import time
from collections.abc import Callable

import numpy as np

from crossmargin import Book
from crossmargin.margin.prepared import Prepared
from machine import level, processor
from peers import deribit, derive, okx  # beside this file
from peers.sums import FORMS, Rows
from venue_desks import DESKS, POSITIONS

PEERS = {"Derive v2": derive.Peer, "Deribit": deribit.Peer, "OKX": okx.Peer}
CALLS, TRIALS = 20, 3
BLOCKS = (64, 256, 1024)
OUTPUTS = ("equity", "requirement")
COLUMNS = ("initial", "maintenance", "equity_initial", "equity_maintenance")
RATIOS = (("one call", "ours, one call", "peer, one call"), ("batch", "ours, batch", "peer, batch"),
          ("call / evaluation", "ours, evaluation", "peer, one call"))  # fmt: skip
Call = Callable[[], object]


def seconds(call: Call, times: int = 1) -> float:
    """Seconds of one of several calls in a row."""
    start = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - start) / times


def best(rounds: int, calls: dict[str, tuple[Call, int]]) -> dict[str, float]:
    """Least seconds of each call, interleaved over the rounds."""
    least = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, (call, times) in calls.items():
            least[name] = min(least[name], seconds(call, times))
    return least


def in_blocks(peer, form: str, book: Book, block: int) -> np.ndarray:
    """The peer's figures of a book, some accounts at a time."""
    cuts = [*range(0, len(book), block), len(book)]
    return np.hstack([peer.batch(form, Rows.of(book, *cut)) for cut in zip(cuts, cuts[1:], strict=False)])


def figures(prepared: Prepared, book: Book) -> np.ndarray:
    """Ours in the order of the peer's."""
    found = prepared.requirements(book)
    return np.array([getattr(found, name) for name in COLUMNS])


def fastest(peer, book: Book, expected: np.ndarray) -> tuple[str, int, str]:
    """The peer's best form and block on this machine, each compared with ours first; what each form costs."""
    taken = {}
    for form in FORMS:
        for block in BLOCKS:
            compare(in_blocks(peer, form, book, block), expected)
            call = lambda form=form, block=block: in_blocks(peer, form, book, block)  # noqa: E731
            taken[form, block] = min(seconds(call) for _ in range(TRIALS))
    form, block = min(taken, key=taken.get)
    costs = {f: min(taken[f, b] for b in BLOCKS) / len(book) * 1e6 for f in FORMS}
    return form, block, ", ".join(f"{f} {cost:.2f}" for f, cost in costs.items())


def compare(found: np.ndarray, expected: np.ndarray) -> None:
    assert np.allclose(found, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max()), (found, expected)


def measure(name: str, rounds: int, accounts: int, largest: int) -> tuple[dict[str, float], str]:
    """Microseconds an account of one venue, and what the peer's forms cost."""
    prepared, book_of = DESKS[name]()
    peer = PEERS[name](prepared)
    one, many = book_of(1), book_of(accounts)
    expected = figures(prepared, many)
    form, block, forms = fastest(peer, many, expected)
    compare(np.array(peer.one(one)), figures(prepared, one)[:, 0])
    calls: dict[str, tuple[Call, int]] = {
        "ours, one call": (lambda: prepared.requirements(one), CALLS),
        "peer, one call": (lambda: peer.one(one), CALLS),
        "ours, evaluation": (lambda: prepared.values(many, OUTPUTS), 1),
        "ours, batch": (lambda: prepared.requirements(many), 1),
        "peer, batch": (lambda: in_blocks(peer, form, many, block), 1),
    }
    sizes = dict.fromkeys(["ours, one call", "peer, one call"], 1) | dict.fromkeys(list(calls)[2:], accounts)
    for size in dict.fromkeys((largest // 100, largest // 10, largest)):
        calls[f"{size:,} accounts"] = (lambda book=book_of(size): prepared.requirements(book), 1)
        sizes[f"{size:,} accounts"] = size
    found = {label: taken / sizes[label] * 1e6 for label, taken in best(rounds, calls).items()}
    return found, f"{form}, blocks of {block}; by form {forms}"


def print_table(title: str, rows: list[tuple[str, ...]]) -> None:
    print(f"\n{title}")
    for first, *rest in rows:
        print(f"  {first:<22}", *(f"{text:>16}" for text in rest))


def columns(found: dict[str, dict[str, float]], labels: list[str]) -> list[tuple[str, ...]]:
    """A row a method."""
    rows = [(name, *(f"{costs[label]:.2f}" for label in labels)) for name, costs in found.items()]
    return [("method", *labels), *rows]


def ratios(found: dict[str, dict[str, float]]) -> list[tuple[str, ...]]:
    """How many times ours the peer takes."""
    rows = [(name, *(f"{costs[theirs] / costs[ours]:.2f}" for _, ours, theirs in RATIOS))
            for name, costs in found.items()]  # fmt: skip
    return [("method", *(title for title, *_ in RATIOS)), *rows]


def main(rounds: int = 11, accounts: int = 1_000, largest: int = 10_000) -> dict[str, dict[str, float]]:
    measured = {name: measure(name, rounds, accounts, largest) for name in DESKS}
    found = {name: costs for name, (costs, _) in measured.items()}
    sizes = [label for label in next(iter(found.values())) if label.endswith("accounts")]
    print(f"{processor()}; instruction level: {level()}")
    print(f"NumPy {np.__version__}; least of {rounds} rounds, interleaved; one thread")
    print_table(
        f"Microseconds an account of {POSITIONS} positions, batches of {accounts:,}",
        columns(found, [label for label in next(iter(found.values())) if label not in sizes]),
    )
    print_table("Peer over ours (last: the peer's call over our evaluation in a batch)", ratios(found))
    print_table("Ours by size of the batch, microseconds an account", columns(found, sizes))
    print_table(
        f"The peer's form in a batch of {accounts:,}, microseconds an account",
        [(name, form) for name, (_, form) in measured.items()],
    )
    return found


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
