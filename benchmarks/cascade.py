"""A cascade over a crowd beside NumPy peers that revalue everybody every round; the same accounts are closed.

    python benchmarks/cascade.py [accounts] [--output docs/cascade.md]

20 positions an account in 40 perpetuals of 20 underlyings, 45 scenarios, linear impact without a temporary part.
"""

import argparse
import gc
import sys
import time
from pathlib import Path

import numpy as np
from machine import description
from peers.cascade import NumpyCascade

from crossmargin import Asset, Instrument, Instruments, Market, Observation
from crossmargin.instruments import Kind
from crossmargin.liquidation.cascade import Cascade, CascadeRules
from crossmargin.liquidation.crowd import Crowd, engine_of
from crossmargin.liquidation.impact import LinearImpact, Liquidity
from crossmargin.margin.collateral import Haircut
from crossmargin.margin.scenario_margin import ScenarioMargin
from crossmargin.margin.scenarios import Grid

NAMES = [f"U{n:02d}" for n in range(20)]
MOVES, FACTOR, SHOCK, PRICE = np.linspace(-0.15, 0.15, 9), 0.667, {"U00": -0.2}, 100.0


def prepared():
    listed = [
        Instrument(id=f"{n}-{k}", kind=Kind.PERPETUAL, underlying=n, settlement="USDC", lot="0.01", tick="0.01")
        for n in NAMES for k in "AB"
    ]  # fmt: skip
    table = Instruments.of(listed, [Asset(id="USDC", decimals=6)])
    seen = [Observation(subject="USDC", field="index", value=1.0)]
    seen += [Observation(subject=n, field="index", value=PRICE) for n in NAMES]
    seen += [Observation(subject=row.id, field="mark", value=PRICE) for row in table]
    grid = Grid(moves=tuple(MOVES.tolist()), volatility=(-0.3, -0.15, 0.0, 0.15, 0.3))
    cash = (Haircut(asset="USDC"),)
    method = ScenarioMargin(
        name="scan", scenarios=grid, collateral=cash, factor=(1.0, FACTOR), between_groups="joint",
        offsets=dict.fromkeys(NAMES, 1.0),
    )
    return method.prepare(table, Market.of(seen, as_of=1, quote="USDC"))


def ours(base, book, depth):
    """Rounds with the seconds that each took."""
    engine = engine_of(base, book, fund=1e9)
    begin = time.perf_counter()
    rules = CascadeRules(penalty=0.0, impact=LinearImpact(temporary=0.0), liquidity=Liquidity(exponent=0.0))
    made = Cascade(engine, depth, fund=len(book), shortfall=len(book) + 1, rules=rules)
    start, rounds = time.perf_counter(), []

    def took(row):
        nonlocal start
        rounds.append((row, time.perf_counter() - start))
        start = time.perf_counter()

    built = start - begin
    result = made.run(SHOCK, step=took)
    return result, rounds, built


def peer(base, book, rounds, total):
    """The same rounds at the same prices; seconds of each, and how many accounts it closed."""
    moves = np.repeat(MOVES, 5)
    made = NumpyCascade(book, base.instruments, np.full(len(base.instruments), PRICE), moves, FACTOR, total=total)
    found = []
    factors = [np.array([row.factor[r.underlying] for r in base.instruments]) for row, _ in rounds]
    for now, after in zip(factors, [*factors[1:], factors[-1]], strict=True):
        made.price = PRICE * now
        start = time.perf_counter()
        due, _ = made.round((after / now - 1) / 2)
        found.append((time.perf_counter() - start, len(due)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("accounts", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    base = prepared()
    book = Crowd(accounts=given.accounts, positions=20, headroom=1.0).book(base, "USDC")
    result, rounds, built = ours(base, book, dict.fromkeys(NAMES, 1e4 * given.accounts))
    gc.collect()
    others = {name: peer(base, book, rounds, name) for name in ("reduceat", "sparse")}
    lines = [
        "| round | below | revalued | share | ours, s | NumPy, s | ratio | SciPy rows, s | ratio |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for n, (row, seconds) in enumerate(rounds):
        (numpy, first), (sparse, second) = others["reduceat"][n], others["sparse"][n]
        if not first == second == row.below:
            sys.exit(f"round {n}: ours closes {row.below} accounts, the peers {first} and {second}")
        share = row.revalued / len(book)
        lines.append(
            f"| {row.number} | {row.below} | {row.revalued} | {share:.2%} | {seconds:.3f} | {numpy:.2f} "
            f"| {numpy / seconds:.0f} | {sparse:.2f} | {sparse / seconds:.1f} |"
        )
    mine = sum(s for _, s in rounds)
    whole = {name: sum(s for s, _ in found) for name, found in others.items()}
    lines.append(
        f"| all | {len(result.accounts)} | | | {mine:.2f} | {whole['reduceat']:.1f} | {whole['reduceat'] / mine:.0f} "
        f"| {whole['sparse']:.1f} | {whole['sparse'] / mine:.1f} |"
    )
    text = "\n".join(
        [
            "# A cascade beside peers", "", *(f"- {name}: {text}" for name, text in description()), "",
            f"{len(book):,} accounts of 20 positions, 45 scenarios, {len(rounds)} rounds, {len(rounds) / mine:.2f} rounds",
            f"a second; the index was built in {built:.1f} s. Both peers close the same accounts in every round, and nobody",
            f"else. Command: `python benchmarks/cascade.py {given.accounts}`; one core.", "", *lines, "",
        ]
    )  # fmt: skip
    print(text)
    if given.output is not None:
        given.output.write_text(text)


if __name__ == "__main__":
    main()
