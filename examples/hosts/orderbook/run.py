"""A million orders through the books of a venue, without a gate and with one: ``run.py [n_orders] [method]``.

``method``: one of the seed's, "portfolio" if not given.
"""

import sys
from collections.abc import Callable, Sequence

import measure
from crossmargin._core.status import Status
from host import PLACE, Message
from stream import stream
from venue import LISTED, N_ACCOUNTS, listings, opened, prepared
from verify import verify

from crossmargin.account import RiskEngine


def main(n: int, method: str) -> None:
    """Draw the stream, time it, and compare books and gate at its end."""
    base = prepared(method)
    rows = listings(base)
    instruments = [row.instrument for row in rows]
    messages = stream(rows, N_ACCOUNTS, n)
    introduce(messages, method)
    together(instruments, lambda: opened(base), messages)
    alone(instruments, lambda: opened(base), messages)


def introduce(messages: Sequence[Message], method: str) -> None:
    """What the stream is made of, and who judges it."""
    placed = sum(message[0] == PLACE for message in messages) / len(messages)
    print(f"{len(messages):,} orders: {placed:.1%} new, {1 - placed:.1%} cancels and amendments")
    print(f"{N_ACCOUNTS} accounts, {len(LISTED)} instruments, method {method!r}")


def together(instruments: Sequence[int], engine: Callable[[], RiskEngine], messages: Sequence[Message]) -> None:
    """The host without and with the gate; the last run must leave both sides equal."""
    n = len(messages)
    bare, gated, host = measure.hosts(instruments, engine, messages)
    print(f"host without the gate {n / bare:9,.0f} orders/s {bare / n * 1e9:6,.0f} ns an order")
    print(f"host with the gate    {n / gated:9,.0f} orders/s {gated / n * 1e9:6,.0f} ns an order")
    reasons = ", ".join(f"{Status(status).name} {count:,}" for status, count in host.refused.items()) or "none"
    print(f"refused {host.refused.total() / n:.2%} ({reasons}), too late {host.late / n:.2%}, trades {host.trades:,}")
    verify(host)
    print(f"verified: imbalance 0, lots sum to 0, the same {len(host.lots):,} orders rest in the books and at the gate")


def alone(instruments: Sequence[int], engine: Callable[[], RiskEngine], messages: Sequence[Message]) -> None:
    """The calls that the host makes of each side, made again of that side alone."""
    asked, told = measure.recorded(instruments, engine(), messages)
    gate, book = measure.of_gate(engine, asked), measure.of_books(instruments, told)
    own(len(messages), "gate", gate, asked)
    own(len(messages), "books", book, told)
    print(f"gate / books: {gate / book:.2f}")


def own(n: int, name: str, taken: float, log: measure.Log) -> None:
    each, calling = (1e9 / n * figure for figure in (taken, measure.of_nothing(log)))
    print(f"the {name} alone: {each:,.0f} ns an order, {calling:,.0f} of them calling; {len(log):,} calls")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else 1_000_000, given[1] if len(given) > 1 else "portfolio")
