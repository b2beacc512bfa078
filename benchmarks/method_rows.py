"""Rows 3, 4 and 5 through methods: requirements of a book beside the bare kernel and the C floor of the same scan.

A method reads the book's own columns and gives two requirements and two equities an account; the scan alone is what the
kernel and the floor do. Venues' methods have more to do: the floor says what the scan of their scenarios takes.
"""

from collections.abc import Iterator

import numpy as np

import scan_desk
from crossmargin import Book
from crossmargin.margin.prepared import Prepared
from harness import Case, Entry
from machine import CORES
from scenario_rows import TOLERANCE, Batch, Scan, floor
from sizes import FAR, INSTRUMENTS, POSITIONS, SCENARIOS, Sizes
from venue_desks import DESKS

BARE = 1.5  # what a method may take of the bare kernel's time
# Rows of the plan in which each venue's positions are revalued.
REVALUED = {"Derive v2": ("regular", "skew", "basis"), "Deribit": ("scenario",), "OKX": ("mr1", "mr6")}


class Requirements:
    """Ours, and the requirements it found last."""

    def __init__(self, prepared: Prepared, book: Book, threads: int = 1):
        self.prepared, self.book, self.threads, self.initial = prepared, book, threads, np.zeros(len(book))

    def __call__(self) -> None:
        self.initial = self.prepared.requirements(self.book, threads=self.threads).initial


def batch_of(book: Book, array: np.ndarray) -> Batch:
    """The positions of a book as holdings over an array."""
    held = book.positions
    return Batch(np.ascontiguousarray(array), np.ascontiguousarray(held.start, dtype=np.int64),
                 np.ascontiguousarray(held["instrument"], dtype=np.int64), held["lots"].astype(np.float64))  # fmt: skip


def case(row: int, prepared: Prepared, book: Book, threads: int = 1) -> Case:
    """A method of one scan, whose requirement is the scan loss."""
    batch = batch_of(book, prepared.bound.tables["gain"])
    ours, bare = Requirements(prepared, book, threads), Scan(batch, threads)
    (call, result), n = floor(batch), batch.figures
    entries = [
        Entry("requirements", "ours", ours, n, lambda: ours.initial, threads=threads),
        Entry("scan, bare", "ours", bare.run, n, bare.result, BARE, threads),
    ]
    if threads == 1:
        entries.append(Entry("C", "floor", call, n, result))
    size = f"{len(book):,} accounts, {len(prepared.instruments):,} instruments"
    tolerance = {"rtol": 1e-12, "atol": 1e-12 * np.abs(batch.array).max() * POSITIONS}
    return Case(row, "batch through a scenario method", size, "position x scenario", entries, **tolerance)


def scans(sizes: Sizes, rows: set[int]) -> Iterator[Case]:
    """The scenario method: 64 positions that all hold, then 20 on average in and beyond the second-level cache."""
    if 3 in rows:
        prepared = scan_desk.prepared(INSTRUMENTS)
        yield case(3, prepared, scan_desk.hot_book(prepared.instruments, sizes.units))
    for row, instruments in ((4, INSTRUMENTS), (5, FAR)):
        if row in rows:
            prepared = scan_desk.prepared(instruments)
            book = scan_desk.random_book(prepared.instruments, sizes.book)
            for threads in (1, 2)[: len(CORES)]:
                yield case(row, prepared, book, threads)


def venues(sizes: Sizes) -> Iterator[Case]:
    """Venues' methods: accounts of 64 positions, by position and scenario of the venue."""
    for name, desk in DESKS.items():
        prepared, book_of = desk()
        book, width = book_of(sizes.venue_book), sum(len(prepared.bound.rows[row]) for row in REVALUED[name])
        array = np.random.default_rng(0).standard_normal((len(prepared.instruments), width))
        batch = batch_of(book, array)
        scan, (call, result) = Scan(batch), floor(batch)
        entries = [
            Entry("requirements", "ours", Requirements(prepared, book), batch.figures),
            Entry("scan, bare", "ours", scan.run, batch.figures, scan.result),
            Entry("C, the scan alone", "floor", call, batch.figures, result),
        ]
        size = f"{len(book):,} accounts, {POSITIONS} positions x {width}"
        yield Case(4, f"batch at {name}", size, "position x scenario", entries, TOLERANCE["rtol"], 1e-8)


def methods(sizes: Sizes, rows: set[int]) -> Iterator[Case]:
    """Cases of the rows asked for."""
    yield from scans(sizes, rows)
    if 4 in rows:
        yield from venues(sizes)
