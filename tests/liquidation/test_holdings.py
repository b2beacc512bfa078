"""Accounts of an engine as books, and runs of events: the same as the engine's own, and money stays."""

import numpy as np
import pytest
from account.gate_desks import prepared

from crossmargin._core import cascade
from crossmargin._core.events import Kind
from crossmargin._core.status import Status
from crossmargin.account import Capacity, RiskEngine
from crossmargin.account.engine import held_by
from crossmargin.errors import KernelError
from crossmargin.liquidation.holdings import EngineHoldings, apply, events, trades, transfers

N = 12


def engine_of(name="scenario of coins", seed=0):
    """Accounts with positions, balances, orders and funding that is due."""
    base, rng = prepared(name), np.random.default_rng(seed)
    engine = RiskEngine(base, orders="venue", capacity=Capacity(accounts=N + 2, slots=16, orders=64))
    holdable = {kind: np.flatnonzero(mask) for kind, mask in held_by(base, "venue").items()}
    for n in range(N):
        engine.open(f"a{n}", base.instruments.assets[int(holdable["balance"][0])].id)
        for asset in holdable["balance"].tolist():
            engine.event(Kind.DEPOSIT, 0, n, asset, int(rng.integers(1, 10**9)))
        for item in rng.choice(holdable["position"], 3, replace=False).tolist():
            engine.event(Kind.BRING, 0, n, item, int(rng.integers(1, 50)) * (-1) ** n, int(rng.integers(-(10**6), 10**6)))
            engine.event(Kind.REST, 0, n, 100 + item, item, (-1) ** n * 3, 1000 + n)
    for item in holdable["position"].tolist():
        engine.event(Kind.FUND, 0, 0, item, int(rng.integers(-(2**34), 2**34)))
    return engine


def columns(book):
    tables = (book.positions, book.balances, book.orders)
    return [{name: t[name].tolist() for name in t.columns if name != "account"} | {"start": t.start.tolist()} for t in tables]


def test_all_accounts_are_the_engines_book():
    engine = engine_of()
    found, own = EngineHoldings(engine)(np.arange(N)), engine.book()
    assert columns(found) == columns(own)
    assert found.currency.tolist() == own.currency.tolist()
    assert len(found.orders) > 0


def test_some_accounts_are_a_part_of_it():
    engine, some = engine_of(), np.array([1, 4, 11])
    assert columns(EngineHoldings(engine)(some)) == columns(engine.book().taken(some))
    assert len(EngineHoldings(engine)(np.zeros(0, dtype=np.int64))) == 0


def test_an_account_that_was_never_opened_is_refused():
    with pytest.raises(KernelError, match="account 12: UNKNOWN"):
        EngineHoldings(engine_of())(np.array([3, N]))


def test_a_liquidation_takes_what_a_withdrawal_may_not():
    """The transfer is not judged; what it takes another account receives, and nothing is lost."""
    engine = engine_of()
    before = dict(((a, asset), atoms) for a, asset, atoms in engine.balances())
    asset, atoms = 0, before[3, 0] + 10**12
    assert engine.event(Kind.TRANSFER, 0, 3, asset, atoms, 4) == Status.REFUSED
    assert apply(engine, transfers(np.array([3]), asset, np.array([atoms]), 4)) == 1
    after = dict(((a, asset), atoms) for a, asset, atoms in engine.balances())
    assert after[3, 0] == before[3, 0] - atoms
    assert after[4, 0] == before[4, 0] + atoms
    assert not any(engine.imbalance().values())
    assert engine.event(Kind.TRANSFER, 0, 3, asset, 1, 4, 2) == Status.MALFORMED


def test_a_run_of_trades_is_each_trade():
    one, other = engine_of(), engine_of()
    items = [int(i) for i in np.flatnonzero(held_by(one.prepared, "venue")["position"])[:2]]
    account, lots = np.array([0, 1, 2, 5]), np.array([4, -2, 0, 7])
    rows = trades(account, np.array([items[0], items[1], items[0], items[1]]), lots, np.array([900, 1100, 1, 1000]))
    assert apply(one, rows) == 3
    for a, i, q, t in ((0, items[0], 4, 900), (1, items[1], -2, 1100), (5, items[1], 7, 1000)):
        sides = (a, 0, -1, 0) if q > 0 else (-1, 0, a, 0)
        assert other.trade(*sides, i, abs(q), t) == Status.OK
    assert one.positions() == other.positions()
    assert one.totals() == other.totals()


def test_the_first_refused_event_stops_a_run():
    engine = engine_of()
    rows = events(Kind.MODE, np.array([0, 1, N, 2]), 2)
    rows[:, 1] = engine.time
    assert cascade.apply_many(engine, rows) == (2, Status.UNKNOWN)
    assert [mode for mode, _ in engine.modes()[:3]] == [2, 2, 0]
    with pytest.raises(KernelError, match="event 2 of a liquidation, MODE: UNKNOWN"):
        apply(engine, events(Kind.MODE, np.array([0, 1, N, 2]), 2))
    assert cascade.apply_many(engine, rows[:, :5].copy()) == (0, Status.SHAPE)
