"""An interpreted plan beside a hand-fused C check of the same rule: Derive, ten expiries, one account.

What is asked: what does the interpreter cost? Both compute the surplus at two levels if one option's
quantity changed, over random options, from the same state, with the same flags, interleaved in one run;
results are compared first. Also: apply, batch per account and per held key, memory per account.
"""

import ctypes
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import desk  # beside this file
from crossmargin.margin.plan.quantum import MAGIC, Quanta
from crossmargin.margin.prepared import Prepared
from crossmargin.portfolio import Portfolio

HERE = Path(__file__).parent
FLAGS = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-shared", "-fPIC"]
ROUNDS = 11
HOLDINGS = ("options", "perpetual", "perpetual cost", "premium", "collateral", "cash")
Pointer = ctypes.c_void_p


def compiled() -> ctypes.CDLL:
    """Build the floor with the flags of the package."""
    target = Path(tempfile.mkdtemp()) / "derive_check.so"
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    subprocess.run([compiler, *FLAGS, str(HERE / "floors/derive_check.c"), "-o", str(target), "-lm"], check=True)
    return ctypes.CDLL(str(target))


class Rule(ctypes.Structure):
    _fields_ = [(n, Pointer) for n in ("shocked", "skewed", "moved", "mark", "size", "expiry", "strike", "below",
                                       "above", "weight", "doubt", "dampening", "skew_dampening", "factor", "naked",
                                       "perp")] + [("rows", ctypes.c_int64), ("magic", ctypes.c_double)]  # fmt: skip


class State(ctypes.Structure):
    _fields_ = [(n, Pointer) for n in ("shocked", "skewed", "moved", "mark", "notional", "strike", "lots", "regular",
                                       "skew")] + [(n, ctypes.c_double) for n in ("basis", "naked", "notional_doubt",
                "equity", "perps")] + [("other", ctypes.c_double * 2)]  # fmt: skip


def address(array: np.ndarray) -> int:
    return array.ctypes.data


def fused(prepared: Prepared, portfolio: Portfolio, quantum: float) -> tuple[Rule, State, list[np.ndarray]]:
    """Lay the tables and the account's state out for the floor."""
    bound, trace = prepared.bound, prepared.trace(portfolio)
    t = {name: np.ascontiguousarray(table) for name, table in bound.tables.items()}
    expiry, strike = bound.maps["option", "expiry"], bound.maps["option", "strike"]
    keep = [*t.values(), expiry, strike]
    rule = Rule(*(address(t[n]) for n in ("shocked", "skewed", "forward_moved", "mark", "option_size")),
                address(expiry), address(strike),
                *(address(t[n]) for n in ("discount_short", "discount_long", "basis_weight", "doubt", "dampening",
                                          "skew_dampening", "scan_factor", "naked_charge", "perp_charge")),
                t["dampening"].shape[1], MAGIC * quantum)
    lots = np.zeros(bound.size("option"))
    lots[trace.keys["option"]] = trace.quantity["options"][:, 0]
    sums = {}
    for name, table in (("shocked", "shocked"), ("skewed", "skewed"), ("moved", "forward_moved"), ("mark", "mark")):
        sums[name] = np.zeros((bound.size("expiry"), t[table].shape[1]))
        np.add.at(sums[name], expiry, np.rint(lots[:, None] * t[table] / quantum) * quantum)
    notional, at = np.zeros(bound.size("expiry")), np.zeros(bound.size("strike"))
    np.add.at(notional, expiry, np.abs(lots * t["option_size"][:, 0]))
    np.add.at(at, strike, lots * t["option_size"][:, 0])
    v = sums["shocked"]
    gain = (v * np.where(v < 0, t["discount_short"], t["discount_long"]) - sums["mark"]) * t["dampening"]
    w = sums["skewed"]
    skew = -np.abs(w * np.where(w < 0, t["discount_short"], t["discount_long"]) - sums["mark"]) * t["skew_dampening"]
    others = {name: float(trace.output(name)[0]) for name in ("equity",)}
    regular = gain.sum(axis=0) + linear_rows(prepared, trace)
    parts = {p.name: trace.values[p.node][0] for p in bound.program.parts}
    other = parts["collateral haircut"] + parts["perpetuals"]
    arrays = [*sums.values(), notional, at, lots, regular, skew.sum(axis=0).copy()]
    state = State(*map(address, arrays), float((np.minimum((sums["moved"] - sums["mark"]).min(axis=1), 0)
                  * t["basis_weight"][:, 0]).sum()), float(np.maximum(-at, 0).sum()),
                  float((notional * t["doubt"][:, 0]).sum()), others["equity"], 0.0, tuple(other))
    return rule, state, keep + arrays + [gain]


def linear_rows(prepared: Prepared, trace) -> np.ndarray:
    """Rows of the perpetual and of cancelling collateral."""
    t, found = prepared.bound.tables, 0.0
    for holding, axis, table in (("perpetual", "perpetual", "perp_move"),
                                 ("collateral", "collateral", "cancelling_move")):
        found = found + (trace.quantity[holding] * t[table][trace.keys[axis]]).sum(axis=0)
    return found


def best(*calls: Callable[[], object]) -> list[float]:
    """Least seconds of each call, interleaved over the rounds."""
    least = [float("inf")] * len(calls)
    for _ in range(ROUNDS):
        for number, call in enumerate(calls):
            start = time.perf_counter()
            call()
            least[number] = min(least[number], time.perf_counter() - start)
    return least


def main(checks: int = 20_000, accounts: int = 2_000) -> list[tuple[str, str]]:
    table = desk.instruments()
    prepared = desk.method().prepare(table, desk.market(table))
    book = desk.book(table, 1)
    portfolio = Portfolio(book, 0)
    quantum = 2.0**-20
    quanta = Quanta(Quanta.uniform(prepared.bound, quantum).of_node, dict.fromkeys(HOLDINGS, 1e15))
    account = prepared.incremental(portfolio, quanta, items=256)
    rng = np.random.default_rng(1)
    item, lots = rng.integers(0, prepared.bound.size("option"), checks), rng.integers(-500, 501, checks).astype(float)
    surplus = dict(prepared.program.outputs)["surplus"]
    engine = type(account)(prepared.bound, {"surplus": surplus}, quanta, items=256)
    load(engine, prepared, portfolio)
    out, floor_out = np.empty((checks, 2)), np.empty((checks, 2))
    library = compiled()
    rule, state, keep = fused(prepared, portfolio, quantum)
    run_floor = lambda: library.fused_check_many(  # noqa: E731
        ctypes.byref(rule), ctypes.byref(state), ctypes.c_int64(checks), Pointer(address(item)),
        Pointer(address(lots)), Pointer(address(floor_out)))
    holding = engine.numbers["options"]
    run_plan = lambda: engine.account.contemplate_many(holding, item, lots, out)  # noqa: E731
    run_floor(), run_plan()
    assert np.allclose(out, floor_out, rtol=1e-9, atol=1e-3), (out[:3], floor_out[:3])
    floor_time, plan_time = (seconds / checks * 1e9 for seconds in best(run_floor, run_plan))
    many = desk.book(table, accounts)
    [batch] = best(lambda: prepared.values(many, ("surplus",)))
    keys = sum(len(prepared.trace(Portfolio(many, unit)).keys["expiry"]) for unit in range(20)) / 20
    rows = [
        ("hand-fused C check", f"{floor_time:.0f} ns"),
        ("interpreted check (contemplate)", f"{plan_time:.0f} ns, {plan_time / floor_time:.2f} times the fused one"),
        ("batch, 64 positions", f"{batch / accounts * 1e6:.2f} us an account, {batch / accounts / keys * 1e9:.0f} ns "
                                f"a held expiry ({keys:.1f} held)"),
        ("state of one account, 64 positions", f"{bytes_held(engine):,} bytes held, {engine.account.n_bytes:,} reserved"),
    ]
    for name, figure in rows:
        print(f"{name:<38} {figure}")
    return rows


def load(engine, prepared: Prepared, portfolio: Portfolio) -> None:
    from crossmargin.margin.prepared import quantities

    for name, (keys, amounts) in quantities(prepared.bound, portfolio).items():
        for key, amount in zip(keys.tolist(), amounts.tolist(), strict=True):
            engine.apply(name, key, amount)


def bytes_held(engine) -> int:
    return sum(len(block) for block in engine.state().values())


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
