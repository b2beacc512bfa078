"""Latency of the gate: one Markdown table, every measure beside its floor.

    python benchmarks/gate_latency.py [--quick] [--cases a,b,c,d,e] [--output docs/latency.md]

(a) between marks, hot and on many accounts in random order; (b) the first check after a mark; (c) a mixed stream;
(d) a mark and the sweep after it; (e) every method of the gate's tests, both order policies.
"""

import argparse
import sys
from pathlib import Path
from time import perf_counter

from harness import pin
from latency_calls import after_mark, cold, cold_derive, hot, hot_derive
from latency_host import Host
from latency_methods import methods
from latency_report import Row, document
from latency_sizes import FULL, QUICK
from latency_streams import mixed, swept
from machine import description

CASES = {"a": (hot, hot_derive, cold, cold_derive), "b": (after_mark,), "c": (mixed,), "d": (swept,), "e": (methods,)}
NOTES = (
    "(a) The empty method from Python is `check` of a gate that was never made: it reads the same four integers, asks "
    "which thread calls and answers BUSY; nothing was compiled for it. That it makes a `Status` of the answer, as `check` "
    "does, is part of what it costs: `sweep` of the same gate, which answers a plain integer, stands beside it.",
    "(a) The bare kernel is one pass over a row and a state of the engine's widths; the hand-fused check is that of "
    "`plan_check.py`, which compares its figures with the plan's. The cold floor reads an account's word of a line, then the "
    "lines of its state that a check reads and those of the instrument's rows, from memory in pages of the usual size, as the "
    "engine's are; the engine finds a state without the word, so that it may be faster than this.",
    "(b) One account, otherwise hot. The tables of both marks are made before; the swap is not timed, the rebuild of the account is.",
    "(c) A mark is `engine.mark` between two batches and is not timed; a quarter of the sweep follows each quarter of a batch, "
    "so that events meet accounts that it has not reached. By Zipf's law the busiest account has a twelfth of all orders, "
    "more than a thousand in each of its instruments.",
    "(d) Bytes: the account's state, slots, levels and owner, once; a row of lots and one of costs a term.",
    '(e) "each" is a check back to back; ' "the batch is `values(book)` of 256 copies of the account, by 256.",
    "This process was kept on one core while another one ran other work, which shares the last cache and the memory: that, and "
    "interrupts, show in p99 and p99.9.",
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small counts: all forms agree, nothing is judged")
    parser.add_argument("--cases", default="a,b,c,d,e")
    parser.add_argument("--output", type=Path)
    found = parser.parse_args()
    if unknown := set(found.cases.split(",")) - set(CASES):
        parser.error(f"cases must be among {', '.join(CASES)}, were {', '.join(sorted(unknown))}")
    return found


def main() -> None:
    given = arguments()
    pin(1)
    host = Host()
    sizes = QUICK if given.quick else FULL
    empty, agreed = host.empty(sizes.calls), 0
    rows = [Row("-", "the counter itself: an empty loop", empty)]
    for case in given.cases.split(","):
        for part in CASES[case]:
            start = perf_counter()
            found, compared = part(host, sizes, empty)
            rows, agreed = rows + found, agreed + compared
            print(f"({case}) {part.__name__}: {perf_counter() - start:.1f} s", file=sys.stderr)
    command = " ".join(["python benchmarks/gate_latency.py", *(["--quick"] if given.quick else []),
                        *(["--output docs/latency.md"] if given.output else [])])  # fmt: skip
    text = document(description(), rows, NOTES, command, host.tick(), agreed, judged=not given.quick)
    print(text)
    if given.output:
        given.output.write_text(text)


if __name__ == "__main__":
    main()
