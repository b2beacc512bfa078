"""Compiled intervals beside their twin: every node of every method, over random holdings and orders."""

import numpy as np
import pytest
from account.gate_desks import DESKS, prepared
from conftest import FACTOR

from crossmargin import Account, Book, Portfolio
from crossmargin._core.status import Status
from crossmargin.account.tables import interval_of
from crossmargin.margin.plan.evaluate import evaluate
from crossmargin.margin.plan.intervals import Intervals
from crossmargin.margin.plan.orders import Fill, WorstFill, touched
from crossmargin.margin.prepared import quantities
from crossmargin.portfolio.feeds import FEEDS

MOST = 32  # nodes a run


def drawn(base, rng):
    """Four positions, balances, and three orders that may be in anything; what is ordered is among the rows."""
    refused = base.layout.refused(len(base.instruments), len(base.instruments.assets))
    free, assets = np.flatnonzero(~refused["position"]), np.flatnonzero(~refused["balance"])
    held = rng.choice(free, min(len(free), 4), replace=False)
    orders = rng.choice(free, 3)
    extra = sorted(set(orders.tolist()) - set(held.tolist()))
    items, n = [*held, *extra], len(held)
    lots = [*rng.integers(-3000, 3000, n), *[0] * len(extra)]
    cost = [*(rng.normal(size=n) * 1e9).astype(np.int64), *[0] * len(extra)]
    book = Book.of(
        base.instruments, [Account(id="a", currency=base.instruments.assets[0].id)],
        positions={"account": [0] * len(items), "instrument": items, "lots": lots, "open_cost": cost},
        balances={"account": [0] * len(assets), "asset": assets, "atoms": rng.integers(-(10**10), 10**11, len(assets))},
    )  # fmt: skip
    return book, orders.astype(np.int64), (rng.integers(-3000, 3000, 3) | 1).astype(float), rng.normal(size=3) * 1e9


@pytest.mark.parametrize("name", DESKS)
def test_every_node_has_the_ends_of_the_twin(name):
    base, rng = prepared(name), np.random.default_rng(7)
    nodes = [n for n, x in base.program if x.key == "account" and not x.free and n not in base.layout.zeros]
    moved = 0
    for _ in range(10 * FACTOR):
        book, item, lots, cost = drawn(base, rng)
        fills = [Fill(int(i), float(q), float(c)) for i, q, c in zip(item, lots, cost, strict=True)]
        orders = [WorstFill(base.bound, 0).placed(fill) for fill in fills]
        twin = Intervals(evaluate(base.bound, touched(quantities(base.bound, Portfolio(book, 0)), orders)), orders)
        feeds = tuple(tuple(np.ascontiguousarray(x) for x in FEEDS[feed](book)) for feed in FEEDS)
        for first in range(0, len(nodes), MOST):
            some = nodes[first : first + MOST]
            made = interval_of(base.layout, [(n, 1.0) for n in some] + [(n, -1.0) for n in some], 200)
            out = np.zeros(2 * len(some))
            assert made.shares(feeds, item, lots, cost, out) == Status.OK
            for place, node in enumerate(some):
                low, high = (end[0, 0] for end in twin.of(node))
                allowed = 1e-9 * (abs(low) + abs(high)) + 1e-6
                for found, expected in ((out[place], low), (-out[len(some) + place], high)):
                    assert found == expected or abs(found - expected) <= allowed, (node, base.program.nodes[node].op)
                moved += low != high
    assert moved > len(nodes)  # orders moved something


def test_what_does_not_fit_is_refused():
    base = prepared("tiered")
    made = interval_of(base.layout, [(base.wanted["equity"], 1.0)], 10)
    nothing = np.zeros(1, dtype=np.int64)
    assert made.shares((), nothing, np.zeros(1), np.zeros(1), np.zeros(1)) == Status.SHAPE
