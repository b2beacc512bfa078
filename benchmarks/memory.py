"""Peak memory of a book and of its requirements, as a multiple of the input columns.

What is asked: does the boundary copy? Each step runs in a process of its own: it makes the columns of positions and
balances and the ids, reads its resident memory, does the step and reads the peak since (VmHWM, which
/proc/self/clear_refs resets). The peak is (input columns + growth) / input columns, so 1.00 is a step that takes no
memory at all. Ids are an input as well and not counted among the columns; the four columns of a requirement
are what was asked for, and are stated apart. Linux only.

    python benchmarks/memory.py [accounts] [positions an account]
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import desk  # beside this file
from crossmargin import Account, Book
from crossmargin.portfolio import Accounts

Columns = dict[str, np.ndarray]
STEPS = ("book", "requirements", "book, shuffled", "accounts", "account objects")
NAMES = ("initial", "maintenance", "equity_initial", "equity_maintenance")
INSTRUMENTS = 801  # of the desk


def columns(accounts: int, positions: int, seed: int = 0) -> tuple[Columns, Columns]:
    """Positions in distinct instruments and a balance of cash, in the order of a book."""
    rng = np.random.default_rng(seed)
    step = rng.integers(1, INSTRUMENTS // positions, (accounts, positions))
    held = {
        "account": np.repeat(np.arange(accounts), positions),
        "instrument": np.cumsum(step, axis=1, out=step).ravel(),
        "lots": rng.integers(-500, 501, accounts * positions),
        "open_cost": rng.integers(-(10**9), 10**9, accounts * positions),
    }
    cash = {"account": np.arange(accounts), "asset": np.zeros(accounts, dtype=np.int64),
            "atoms": rng.integers(10**11, 10**12, accounts)}  # fmt: skip
    return held, cash


def ids(accounts: int) -> np.ndarray:
    return np.char.zfill(np.arange(accounts).astype(f"U{len(str(accounts))}"), len(str(accounts)))


def bytes_of(*tables: Columns) -> int:
    return sum(column.nbytes for table in tables for column in table.values())


def status(field: str) -> int:
    """A figure of this process in bytes, as the kernel counts."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def prepared():
    """The method with everything loaded that a first run loads."""
    table = desk.instruments()
    made = desk.method().prepare(table, desk.market(table))
    made.requirements(desk.book(table, 200, 20))
    return made


def measure(step: str, accounts: int, positions: int) -> dict[str, float]:
    """Bytes of the input and of the peak beyond it, seconds of the step."""
    method, (held, cash), names = prepared(), columns(accounts, positions), ids(accounts)
    if step == "book, shuffled":
        order = np.random.default_rng(1).permutation(len(held["account"]))
        held = {name: column[order] for name, column in held.items()}
        del order
    before, start = status("VmRSS"), time.perf_counter()
    reset_peak()
    extra: dict[str, float] = {}
    if step == "account objects":
        kept = [Account(id=str(name), currency="USDC") for name in names]
    else:
        kept = Accounts.of(names, currency="USDC")
    if not step.startswith("account"):
        book = Book.of(method.instruments, kept, positions=held, balances=cash)
    if step == "requirements":
        extra["book"] = status("VmHWM") - before
        reset_peak()
        start = time.perf_counter()
        found = method.requirements(book)
        extra["outputs"] = sum(getattr(found, name).size * 8 for name in NAMES)
    return {"input": bytes_of(held, cash), "growth": status("VmHWM") - before, "seconds": time.perf_counter() - start, **extra}


def run(step: str, accounts: int, positions: int) -> dict[str, float]:
    """The step in a process of its own."""
    command = [sys.executable, __file__, str(accounts), str(positions), step]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main(accounts: int = 1_000_000, positions: int = 20) -> None:
    print(f"{accounts:,} accounts x {positions} positions")
    for step in STEPS:
        found = run(step, accounts, positions)
        given, growth, outputs = found["input"], found["growth"], found.get("outputs", 0)
        if step.startswith("account"):
            print(f"  {step:<16} {growth / 1e6:8.1f} MB, {growth / accounts:.0f} bytes an account, {found['seconds']:.1f} s")
            continue
        own = growth - outputs
        print(f"  {step:<16} {given / 1e6:8.1f} MB of columns, {own / 1e6:.1f} MB beside them: "
              f"peak {1 + own / given:.3f} of the columns, {found['seconds']:.1f} s")
        if outputs:
            print(f"  {'':<16} of it {found['book'] / 1e6:.1f} MB the peak of the book; {outputs / 1e6:.1f} MB of outputs apart")


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(json.dumps(measure(sys.argv[3], int(sys.argv[1]), int(sys.argv[2]))))
    else:
        main(*map(int, sys.argv[1:]))
