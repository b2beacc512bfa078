"""Counts of the latency table: those of the full run, and small ones that show that all forms agree."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    calls: int  # hot, timed alone
    cold: int  # cold, timed alone
    asked: int  # different questions of cold calls
    python: int  # calls from Python a round
    accounts: int  # cold
    wide_accounts: int  # cold, with a state of many lines
    marks: int
    stream_accounts: int
    batches: int  # between two marks
    events: int  # of a batch
    swept: int  # accounts of the sweep
    method_calls: int  # of each method and policy


FULL = Sizes(
    calls=10_000_000, cold=10_000_000, asked=4_000_000, python=500_000, accounts=1_000_000, wide_accounts=20_000,
    marks=5_000, stream_accounts=200_000, batches=100, events=100_000, swept=100_000, method_calls=100_000,
)  # fmt: skip
QUICK = Sizes(
    calls=20_000, cold=20_000, asked=20_000, python=2_000, accounts=5_000, wide_accounts=200, marks=20,
    stream_accounts=2_000, batches=3, events=2_000, swept=1_000, method_calls=500,
)  # fmt: skip
