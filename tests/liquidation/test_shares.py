"""The share that thousands get in a few passes is the one that each gets alone, with every step explained."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from liquidation.desks import METHODS, prepared

from crossmargin import Portfolio
from crossmargin.errors import InvalidInputError
from crossmargin.liquidation.close_out import CommonShare, Costs, Outcome, Penalty, close_out
from crossmargin.liquidation.crowd import Crowd
from crossmargin.liquidation.shares import CLOSED, RESTORED, TAKEOVER, Prices, closing_lots, common_shares
from crossmargin.scenario.revalue import marks, moved_market


def fallen(method, seed, fall):
    """A crowd after a fall, and those of it that are below."""
    base = prepared(method)
    book = Crowd(accounts=60, positions=3, headroom=0.2, seed=seed).book(base, "USDC")
    after = base.remark(moved_market(base.instruments, base.market, {"BTC": fall, "ETH": fall / 3}))
    below = np.flatnonzero(np.rint(after.requirements(book).surplus_maintenance * 1e6) < 0)
    return after, book.taken(below)


@pytest.mark.parametrize("method", METHODS)
@given(seed=st.integers(0, 1000), fall=st.floats(-0.3, 0.3), penalty=st.sampled_from(["0", "0.004"]))
@settings(max_examples=8, phases=(Phase.explicit, Phase.generate))
def test_many_at_once_are_each_alone(method, seed, fall, penalty):
    """Zero costs beside the tick; the venue's extra ratio left out by ``below=1``."""
    after, book = fallen(method, seed, fall)
    if not len(book):
        return
    prices = Prices.at(after.instruments, after.market, marks(after.instruments, after.market))
    found = common_shares(after, book, prices, penalty=float(penalty))
    rule, charged = CommonShare(below=1.0), Penalty(rate=penalty)
    table = book.positions
    owner = np.repeat(np.arange(len(book)), np.diff(table.start))
    lots = closing_lots(table["lots"], found.share[owner])
    for unit in range(len(book)):
        alone = close_out(after, Portfolio(book, unit), rule, costs=Costs(), penalty=charged)
        rows = table.rows(unit)
        names = [after.instruments.rows[i].id for i in table["instrument"][rows].tolist()]
        traded = {name: n for name, n in zip(names, lots[rows].tolist(), strict=True) if n}
        outcome = {Outcome.RESTORED: RESTORED, Outcome.CLOSED: CLOSED, Outcome.TAKEOVER: TAKEOVER}[alone.outcome]
        assert (traded, found.outcome[unit]) == (alone.traded, outcome)


def test_lots_are_whole_and_rounded_up():
    lots = np.array([10, -10, 3, 0, 1])
    assert closing_lots(lots, np.full(5, 0.21)).tolist() == [-3, 3, -1, 0, -1]
    assert closing_lots(lots, np.full(5, 0.2)).tolist() == [-2, 2, -1, 0, -1]
    assert closing_lots(lots, np.ones(5)).tolist() == [-10, 10, -3, 0, -1]


@pytest.mark.parametrize("steps", [(0.5, 0.2, 1.0), (0.2, 0.9), (0.0, 1.0)])
def test_steps_that_do_not_rise_to_the_whole_are_refused(steps):
    after, book = fallen("portfolio", 1, -0.2)
    prices = Prices.at(after.instruments, after.market, marks(after.instruments, after.market))
    with pytest.raises(InvalidInputError, match="steps"):
        common_shares(after, book, prices, steps=steps)
