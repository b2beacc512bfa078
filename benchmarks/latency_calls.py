"""Single checks: (a) between marks, hot and cold, from C and from Python; (b) the first one after a mark."""

import ctypes
from timeit import repeat

import numpy as np

import desk
import plan_check
from crossmargin._core.events import Kind
from crossmargin.account import RiskEngine
from crossmargin.account.tables import ALL_BITS
from crossmargin.margin.plan.quantum import MAGIC
from crossmargin.portfolio import Portfolio
from latency_desks import bring, derive, engine_of, enrol, holdings, moved, one_slot, questions, rest, signed
from latency_host import FAR, Host, Questions, agree, plain
from latency_report import Row, against
from latency_sizes import Sizes

HOT = 16  # instruments whose rows stay in the first caches


def singly(spread, empty, each: float) -> float:
    """A call alone, by the greater of its two measures."""
    return max((spread - empty)[0], each)


def hot(host: Host, sizes: Sizes, empty) -> tuple[list[Row], int]:
    """One account whose lines stay in the first caches."""
    rng, prepared = np.random.default_rng(0), one_slot(1, 500)
    engine = engine_of(prepared, 1, HOT, 64)
    enrol(host, engine, 1)
    items = holdings(rng, 1, HOT, len(prepared.instruments))
    bring(host, engine, items, signed(rng, items.shape))
    asked = questions(rng, 1_024, 1, items[0])
    agreed = agree(engine, asked)
    compiled = engine.source.compiled(prepared)
    width = compiled.alternatives[0][2]
    spread, each = host.checks(engine, sizes.calls, asked), host.stream(engine, sizes.calls, asked)
    floor = bare_kernel(host, sizes.calls, compiled, asked) if host.has_kernel else None
    ours = singly(spread, empty, each)
    work = "one slot and worst, 45 scenarios, hot, from C"
    rows = [Row("a", work, spread, each, f"bare kernel, {width} wide", floor, against(each, floor), None,
                "<= 25 ns, or ratio <= 5", ours <= 25 or (floor is not None and each <= 5 * floor))]  # fmt: skip
    rows += from_python(engine, asked, sizes, ours)
    many = np.zeros(len(asked[0]), dtype=np.int32)
    times = max(sizes.calls // len(many), 1)
    taken = host.least(lambda: [engine.check_many(*asked, many) for _ in range(times)]) / times / len(many)
    rows.append(Row("a", "the same, `check_many`, hot", None, taken, "bare kernel", floor, against(taken, floor),
                    count=times * len(many)))  # fmt: skip
    return rows, agreed


def bare_kernel(host: Host, n: int, compiled, asked: Questions) -> float:
    """Least over a state plus a multiple of a row, on states and rows of the engine's widths."""
    width, instruments = compiled.alternatives[0][2], compiled.n_instruments
    state, rows = plain((1, compiled.laid.state + 8)), plain((instruments, compiled.block))
    given = (state, state.shape[1], rows, compiled.block, asked[0], asked[1], float(MAGIC * 2.0**-10), width)
    return host.least(lambda: host.call("kernels", n, len(asked[0]), *given)) / n


def from_python(engine: RiskEngine, asked: Questions, sizes: Sizes, ours: float) -> list[Row]:
    """The method of a gate beside that of one that was never made: it reads four integers and answers BUSY."""
    question = tuple(int(column[0]) for column in asked)
    never = RiskEngine.__new__(RiskEngine)
    least = []
    for call, given in ((engine.check, "a, i, q, t"), (never.check, "a, i, q, t"), (never.sweep, "a, i")):
        names = {"call": call, "asked": question}
        found = repeat(f"call({given})", "a, i, q, t = asked", globals=names, number=sizes.python, repeat=11)
        least.append(1e9 * min(found) / sizes.python)
    allowed, plain_answer = (empty + 1.2 * ours for empty in least[1:])
    return [
        Row("a", "the same, hot, `engine.check` from Python", None, least[0], f"empty method {least[1]:.1f} + 1.2 x C",
            allowed, least[0] / allowed, 1.0, count=sizes.python),
        Row("a", "the same, held against one that answers a plain integer", None, least[0],
            f"empty method of two integers {least[2]:.1f} + 1.2 x C", plain_answer, least[0] / plain_answer,
            count=sizes.python),
    ]  # fmt: skip


def hot_derive(host: Host, sizes: Sizes, empty) -> tuple[list[Row], int]:
    """Derive's main net rule, ten expiries, 64 positions of one account."""
    rng, prepared = np.random.default_rng(1), derive()
    book = desk.book(prepared.instruments, 1)
    held = Portfolio(book, 0)
    items, lots = (book.positions.columns[name][None, :] for name in ("instrument", "lots"))
    engine = engine_of(prepared, 1, 80, 64)
    enrol(host, engine, 1)
    bring(host, engine, items, lots)
    asked = questions(rng, 4_096, 1, np.arange(len(prepared.instruments) - 1))
    agreed = agree(engine, asked)
    spread, each = host.checks(engine, sizes.calls, asked), host.stream(engine, sizes.calls, asked)
    floor = fused(host, sizes, prepared, held)
    rows = [Row("a", "Derive, 10 expiries, 64 positions, hot, from C", spread, each, "hand-fused C check, back to back",
                floor, against(each, floor), 3.0)]  # fmt: skip
    return rows, agreed


def fused(host: Host, sizes: Sizes, prepared, held: Portfolio) -> float:
    """The same rule fused by hand, back to back; its figures are compared with the plan's in ``plan_check``."""
    rng = np.random.default_rng(1)
    rule, state, keep = plan_check.fused(prepared, held, 2.0**-20)
    n = 4_096
    item, lots = rng.integers(0, prepared.bound.size("option"), n), rng.integers(-500, 501, n).astype(np.float64)
    out, times = np.empty((n, 2)), max(sizes.calls // (8 * n), 1)
    call = lambda: host.library.fused_check_many(  # noqa: E731
        ctypes.byref(rule), ctypes.byref(state), ctypes.c_int64(n),
        *(ctypes.c_void_p(a.ctypes.data) for a in (item, lots, out)))
    taken = host.least(lambda: [call() for _ in range(times)]) / (n * times)
    assert len(keep) > 0
    return taken


def cold(host: Host, sizes: Sizes, empty) -> tuple[list[Row], int]:
    """Many accounts in random order: their lines come from memory."""
    rng, prepared, n = np.random.default_rng(2), one_slot(1, 500), sizes.accounts
    engine = engine_of(prepared, n, 4, 64)
    enrol(host, engine, n)
    items = holdings(rng, n, 3, len(prepared.instruments))
    bring(host, engine, items, signed(rng, items.shape))
    asked = questions(rng, sizes.asked, n, np.arange(len(prepared.instruments)))
    engine.sweep(0, n)
    agreed = agree(engine, asked)
    spread, each = host.checks(engine, sizes.cold, asked, FAR), host.stream(engine, sizes.cold, asked)
    many = np.zeros(sizes.asked, dtype=np.int32)
    ahead = host.least(lambda: engine.check_many(*asked, many)) / sizes.asked
    compiled = engine.source.compiled(prepared)
    index, rows = plain((n, 8), np.int64), plain((len(prepared.instruments), compiled.block))
    index[:, 0] = np.arange(n)
    stride = compiled.laid.state + 8
    states = plain((n, stride))
    read = 1 + compiled.alternatives[0][2] // 8  # lines of a state that a check reads: its head, the sums of all rows
    lines = (index, states, stride, read, rows, rows.shape[1], rows.shape[1] // 8, asked[0], asked[1])
    bucket = np.zeros(FAR, dtype=np.int64)
    host.call("cold", sizes.cold, sizes.asked, *lines, bucket, len(bucket))
    floor = host.spread(bucket)
    ahead_floor = host.least(lambda: host.call("cold_many", sizes.asked, sizes.asked, *lines)) / sizes.asked
    ours, theirs = spread - empty, floor - empty
    work = f"one slot and worst, {n:,} accounts of 3 positions in random order, cold, from C"
    return [
        Row("a", work, spread, each, "cold floor, p50", theirs[0], against(ours[0], theirs[0]), 1.5),
        Row("a", "the same", spread, None, "cold floor, p99", theirs[1], against(ours[1], theirs[1]), 2.0),
        Row("a", "the same lines read, nothing decided (cold floor)", floor),
        Row("a", "the same, `check_many`", None, ahead, "the same lines asked for 8 ahead", ahead_floor,
            against(ahead, ahead_floor), 1.5, count=sizes.asked),
    ], agreed  # fmt: skip


def cold_derive(host: Host, sizes: Sizes, empty) -> tuple[list[Row], int]:
    """Derive's desk on as many accounts as a GB of states holds."""
    rng, prepared, n = np.random.default_rng(3), derive(), sizes.wide_accounts
    engine = engine_of(prepared, n, 80, 64)
    enrol(host, engine, n)
    items = holdings(rng, n, 64, len(prepared.instruments))
    bring(host, engine, items, signed(rng, items.shape))
    asked = questions(rng, sizes.asked, n, np.arange(len(prepared.instruments) - 1))
    engine.sweep(0, n)
    agreed = agree(engine, asked, 500)
    spread, each = host.checks(engine, sizes.cold // 4, asked, FAR), host.stream(engine, sizes.cold // 4, asked)
    state = engine.source.compiled(prepared).laid.state * 8
    return [Row("a", f"Derive, {n:,} accounts of 64 positions in random order, cold, from C ({state:,} bytes a state)",
                spread, each)], agreed  # fmt: skip


def after_mark(host: Host, sizes: Sizes, empty) -> tuple[list[Row], int]:
    """One account, stale after each of many marks: tables are made before and swapped."""
    rng, prepared = np.random.default_rng(4), one_slot(1, 2_050)
    rows, agreed = [], 0
    for terms in (16, 256, 4_096):
        half = terms // 2
        engine = engine_of(prepared, 1, half, 4_096)
        enrol(host, engine, 1)
        items = holdings(rng, 1, half, len(prepared.instruments))
        bring(host, engine, items, signed(rng, items.shape))
        rest(host, engine, items, half, rng)
        asked = questions(rng, 64, 1, items[0])
        tables = [engine.source.of(engine.remarked(moved("U00", index), 0)) for index in (2_010.0, 1_990.0)]
        bucket, none = np.zeros(FAR, dtype=np.int64), np.zeros(5, dtype=np.int64)
        before = engine.counts()[2]
        for number in range(sizes.marks):
            assert engine.load(Kind.MARK, 0, tables[number % 2], ALL_BITS, none) == 0
            host.time(engine, 1, asked, bucket)
        assert engine.counts()[2] - before == sizes.marks  # every one rebuilt the account
        spread = host.spread(bucket)
        rows.append(Row("b", f"first check after a mark, {terms:,} terms ({half:,} positions, {half:,} levels)", spread,
                        None, "a term", (spread - empty)[0] / terms))  # fmt: skip
        agreed += agree(engine, asked)
    return rows, agreed
