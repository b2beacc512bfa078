"""The face of the compiled batch evaluator: runs books through a laid-out program."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats, Integers
from crossmargin._core import plan
from crossmargin.errors import raise_for_status
from crossmargin.margin.plan.layout import ARGUMENTS, DEAD, Layout, Needs
from crossmargin.portfolio import Book
from crossmargin.portfolio.feeds import FEEDS, Feed

BLOCK_UNITS, BLOCK_ROWS = 64, 4096


def sources_of(layout: Layout, book: Book) -> tuple[Feed, ...]:
    """The feed of each holding; position and balance columns are not copied."""
    made: dict[str, Feed] = {}
    for holding in layout.bound.program.holdings:
        if holding.source not in made:
            made[holding.source] = FEEDS[holding.source](book)
    return tuple(made[holding.source] for holding in layout.bound.program.holdings)


def run(layout: Layout, book: Book, wanted: Sequence[int], *, threads: int = 1) -> Floats:
    """Values of the wanted account nodes for every unit, side by side, shape (n_units, rows)."""
    return run_feeds(layout, sources_of(layout, book), len(book), wanted, threads=threads)


def run_feeds(
    layout: Layout,
    sources: tuple[Feed, ...],
    n_units: int,
    wanted: Sequence[int],
    *,
    threads: int = 1,
    by_key: bool = False,
) -> Floats:
    """Run over feeds; ``by_key``: their items are keys of the holding's axis, not of the source."""
    widths = [layout.bound.n_rows(layout.bound.program.nodes[number]) for number in wanted]
    out = np.empty((n_units, sum(widths)), dtype=np.float64)
    block_rows = capacity_of(sources)
    needs = layout.needs(block_rows * layout.breadth, tuple(wanted))
    parts = max(1, min(threads, n_units))
    bounds = [n_units * part // parts for part in range(parts + 1)]
    laid = layout.keyed if by_key else layout

    def part(first: int, last: int) -> int:
        return run_range(laid, needs, sources, wanted, (first, last), block_rows, out)

    if len(bounds) == 2:
        statuses = [part(*bounds)]
    else:
        with ThreadPoolExecutor(len(bounds) - 1) as pool:
            statuses = list(pool.map(part, bounds[:-1], bounds[1:]))
    for status in statuses:
        raise_for_status(status, "plan")
    return out


Arrays = tuple[Integers, Integers, Floats, Floats, Integers, Integers, Integers, Integers, Integers]


def run_range(
    layout: Layout,
    needs: Needs,
    sources: tuple[Feed, ...],
    wanted: Sequence[int],
    units: tuple[int, int],
    block_rows: int,
    out: Floats,
) -> int:
    """Run one range of units with scratch memory of its own."""
    pairs = block_rows * layout.breadth
    return plan.evaluate(
        *arrays_of(layout, needs), sources, np.array(wanted, dtype=np.int64),
        *units, BLOCK_UNITS, block_rows, pairs, *memory_of(layout, needs, pairs), out,
    )  # fmt: skip


def arrays_of(layout: Layout, needs: Needs) -> Arrays:
    """What the compiled evaluators read of a program, in their order."""
    holding = layout.holding.copy()
    holding[~needs.held, 1] = DEAD
    return (
        needs.nodes, layout.args, layout.constants, layout.magic, needs.relation, layout.maps, holding, layout.items,
        layout.key_start,
    )  # fmt: skip


def memory_of(layout: Layout, needs: Needs, pairs: int) -> tuple[Integers, Floats]:
    """Integers and doubles that an evaluation of so many pairs of an axis writes, cleared."""
    n_axes, n_relations, keys = len(layout.key_start) - 1, len(needs.relation), int(layout.key_start[-1])
    return (
        np.zeros(2 * keys + n_axes * (3 + 2 * pairs) + n_relations * (1 + pairs) + 1, dtype=np.int64),
        np.zeros((len(layout.holding) + ARGUMENTS) * pairs + needs.scratch, dtype=np.float64),
    )


def capacity_of(sources: tuple[Feed, ...]) -> int:
    """Rows of a block: the usual number, or those of the largest unit; a power of two, so that few layouts arise."""
    n_units = len(sources[0][0]) - 1
    total = sum(int(start[-1]) for start, _, _ in sources)
    largest = total
    if n_units > 1 and total > BLOCK_ROWS:
        largest = max(largest_unit(sources, units) for units in check.stretches(n_units, overlap=1))
    rows = max(min(BLOCK_ROWS, total), min(largest, total), min(BLOCK_UNITS, n_units), 1)
    return 1 << (rows - 1).bit_length()


def largest_unit(sources: tuple[Feed, ...], units: slice) -> int:
    """Most rows of all sources together that a unit of a stretch has."""
    return int(np.sum([np.diff(start[units]) for start, _, _ in sources], axis=0).max(initial=0))


def check_held(layout: Layout, book: Book) -> None:
    """Refuse a book that holds, or would by an order, what the method does not know."""
    refused = layout.refused(len(book.instruments), len(book.instruments.assets))
    columns = (
        ("position", book.positions["instrument"], book.instruments.rows),
        ("order", book.orders["instrument"], book.instruments.rows),
        ("balance", book.balances["asset"], book.instruments.assets),
    )
    for what, item, rows in columns:
        if not refused[what].any():
            continue
        for part in check.stretches(len(item)):
            bad = refused[what][item[part]]
            if bad.any():
                first = item[part.start + check.first(bad)]
                raise check.refuse(what, "be one that the method can hold", rows[first].id)
