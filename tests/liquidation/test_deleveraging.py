"""Deleveraging: rankings by hand, lots against a walk written plainly, prices against the definition in fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.errors import InvalidInputError
from crossmargin.liquidation import deleveraging as adl
from crossmargin.liquidation.deleveraging import EXCLUDED, Counterparties, OpenPosition, by_size, deleverage
from crossmargin.liquidation.venues import bybit, hyperliquid
from strategies import INVERSE, LINEAR

SMALL = st.integers(-30, 30)
SCORES = st.sampled_from([EXCLUDED, 0.0, 1.0, 2.5, -4.0])
SIDES = st.lists(st.tuples(SMALL, SCORES), max_size=8)


def linear(lots, ticks, weight=1):
    """One lot and tick is 5,000 atoms of USDC."""
    return OpenPosition(instrument=LINEAR, decimals=6, lots=lots, ticks=ticks, weight=weight)


def inverse(lots, ticks):
    """A lot at 60,000 ticks is a third of 100,000 satoshi."""
    return OpenPosition(instrument=INVERSE, decimals=8, lots=lots, ticks=ticks)


# ---- rankings ---------------------------------------------------------------------------------


def test_price_ratio_times_leverage_by_hand():
    """(110 / 100) (1100 / 550) = 2.2; (110 / 55) (1100 / 1100) = 2; nobody without equity."""
    found = adl.leveraged_price_ratio(110.0, [100.0, 55.0, 100.0, 100.0], [1100.0, -1100.0, 1100.0, 5.0], [550.0, 1100.0, 0.0, -1.0])
    assert found.tolist() == pytest.approx([2.2, 2.0, EXCLUDED, EXCLUDED], rel=1e-15)


def test_return_times_leverage_by_hand():
    """A gain of 20 on 100 at 5 times is 1; one of 10 at 20 times is 2; a loss, no gain and no equity stand aside."""
    gain, cost = [20.0, 10.0, -5.0, 0.0, 30.0], [100.0, -100.0, 100.0, 100.0, 100.0]
    found = adl.leveraged_return(gain, cost, [500.0, -400.0, 500.0, 500.0, 500.0], [100.0, 20.0, 100.0, 100.0, -1.0])
    assert found.tolist() == pytest.approx([1.0, 2.0, EXCLUDED, EXCLUDED, EXCLUDED], rel=1e-15)
    assert bybit.ranking is adl.leveraged_return
    small = adl.leveraged_return([0.001, 0.25], [0.5, 0.5], [0.002, 0.4], [0.5, 0.5])  # parts of a unit of money
    assert small.tolist() == pytest.approx([0.002 * 0.004, 0.5 * 0.8], rel=1e-14)


def test_rankings_refuse_what_no_ranking_can_order():
    with pytest.raises(InvalidInputError, match=r"entry must be > 0, was 0.0 at row 1"):
        adl.leveraged_price_ratio(1.0, [1.0, 0.0], [1.0, 1.0], [1.0, 1.0])
    with pytest.raises(InvalidInputError, match=r"mark must be > 0, was 0.0"):
        adl.leveraged_price_ratio(0.0, [1.0], [1.0], [1.0])
    with pytest.raises(InvalidInputError, match=r"cost must differ from 0, was 0.0 at row 0"):
        adl.leveraged_return([1.0], [0.0], [1.0], [1.0])
    with pytest.raises(InvalidInputError, match="equity must have length 1, was 2"):
        adl.leveraged_return([1.0], [1.0], [1.0], [1.0, 2.0])
    with pytest.raises(InvalidInputError, match="score must be a number or -inf, was nan at row 1"):
        deleverage(1, [-1, -1], [0.0, np.nan])
    with pytest.raises(InvalidInputError, match="score must be a number or -inf, was inf at row 0"):
        Counterparties.of(["a"], [1], [np.inf])


def test_the_index_of_hyperliquid_as_printed_and_mirrored():
    """Mark 50: a short from 100 has won and one from 40 has lost; printed, the loser stands first."""
    terms = {"lots": [-2, -2, 2], "mark": 50.0, "entry": [100.0, 40.0, 40.0], "equity": [25.0, 25.0, 25.0], "size": 0.5}
    assert hyperliquid.ranking(**terms).tolist() == pytest.approx([0.5 * 2, 1.25 * 2, 1.25 * 2], rel=1e-15)
    assert hyperliquid.ranking(**terms, shorts="mirrored").tolist() == pytest.approx([4.0, 1.6, 2.5], rel=1e-15)
    won = hyperliquid.ranking(**terms, in_profit=True)
    assert won.tolist() == pytest.approx([1.0, EXCLUDED, 2.5], rel=1e-15)
    little = hyperliquid.ranking([0.5], 50.0, [49.5], [25.0], in_profit=True)
    assert little.tolist() == pytest.approx([50 / 49.5 * 1.0], rel=1e-15)
    with pytest.raises(InvalidInputError, match="shorts must be one of printed, mirrored, was 'other'"):
        hyperliquid.ranking(**terms, shorts="other")


def test_hyperliquid_closes_at_the_previous_mark():
    """Long 10 at 60,000 ticks, before at 60,003: two shorts give 9 lots, 3 ticks of 5,000 atoms each."""
    others = Counterparties.of(["b", "a", "me", "c"], [-4, -5, -9, 3], [2.0, 1.0, 9.0, 9.0])
    found = hyperliquid.deleverage_at(60_003, "me", linear(10, 60_000), others)
    assert [(t.buyer, t.seller, t.lots, t.ticks) for t in found.trades] == [("a", "me", 5, 60_003), ("b", "me", 4, 60_003)]
    assert (found.brings, found.uncovered) == (9 * 3 * 5_000, 1)
    fallen = hyperliquid.deleverage_at(59_999, "me", linear(10, 60_000), others)
    assert fallen.brings == -9 * 5_000


def test_whose_bankruptcy_price_overlaps():
    """7 atoms in 2 lots: 3.5 a lot; 2 lots need 7, 3 need 10.5, none needs nothing."""
    found = adl.overlapping(Fraction(7, 2), [-2, 2, -3, 3, 0, 1], [7, 6, 10, 11, 0, -1])
    assert found.tolist() == [True, False, False, True, True, False]
    large = 2**53
    assert adl.overlapping(Fraction(2**62), [large, -large], [2**62, 2**62]).tolist() == [False, False]


# ---- lots -------------------------------------------------------------------------------------


def test_lots_by_rank_by_hand():
    """A long of 10: the shorts of score 3 first, b before d; the long c is never asked."""
    held, score = [-4, -8, 5, -6], [1.0, 3.0, 9.0, 3.0]
    assert deleverage(10, held, score).taken.tolist() == [0, 8, 0, 2]
    found = deleverage(20, held, score)
    assert (found.taken.tolist(), found.uncovered) == ([4, 8, 0, 6], 2)
    assert deleverage(-3, held, score).taken.tolist() == [0, 0, 3, 0]
    assert deleverage(20, held, [1.0, EXCLUDED, 9.0, 3.0]).uncovered == 10
    assert deleverage(0, held, score).taken.tolist() == [0, 0, 0, 0]
    assert deleverage(5, [], []).uncovered == 5


def test_lots_by_size_by_hand():
    """10 of 18: 2.22, 4.44 and 3.33; the one lot that is left goes to .44."""
    assert deleverage(10, [-4, -8, 5, -6], [0.0] * 4, allocation=by_size).taken.tolist() == [2, 5, 0, 3]
    assert deleverage(30, [-4, -8, 5, -6], [0.0] * 4, allocation=by_size).uncovered == 12
    assert deleverage(3, [-4, -8], [0.0, EXCLUDED], allocation=by_size).taken.tolist() == [3, 0]
    assert deleverage(3, [4], [0.0], allocation=by_size).uncovered == 3


def walked(lots, sides):
    """The rule said plainly: from the greatest score down, equal ones by row, each gives what it can."""
    taken = [0] * len(sides)
    for row in sorted(range(len(sides)), key=lambda row: (-sides[row][1], row)):
        held, score = sides[row]
        if held * lots < 0 and score != EXCLUDED:
            taken[row] = min(abs(held), abs(lots) - sum(taken))
    return taken


@given(lots=SMALL, sides=SIDES)
def test_lots_are_those_of_a_plain_walk(lots, sides):
    found = deleverage(lots, [held for held, _ in sides], [score for _, score in sides])
    assert found.taken.tolist() == walked(lots, sides)


@given(lots=SMALL, sides=SIDES, allocation=st.sampled_from([adl.by_rank, by_size]))
def test_nobody_flips_and_no_lot_is_lost(lots, sides, allocation):
    held = np.array([held for held, _ in sides], dtype=np.int64)
    found = deleverage(lots, held, [score for _, score in sides], allocation=allocation)
    taken = found.taken
    assert int(taken.sum()) + found.uncovered == abs(lots)
    assert (taken >= 0).all()
    assert (taken <= abs(held)).all()
    assert (held[taken > 0] * lots < 0).all()
    able = sum(abs(h) for h, score in sides if h * lots < 0 and score != EXCLUDED)
    assert found.uncovered == max(0, abs(lots) - able)


def test_lots_beyond_64_bits_together():
    """2,000 holders of 2**53 lots: their sum is no 64-bit integer."""
    most = 2**53
    held = [-most] * 2_000
    for allocation in (adl.by_rank, by_size):
        found = deleverage(most, held, np.zeros(2_000), allocation=allocation)
        assert int(found.taken.sum()) == most
        assert found.uncovered == 0
    with pytest.raises(InvalidInputError, match="held must stay within"):
        deleverage(1, [-most - 1], [0.0])
    with pytest.raises(InvalidInputError, match="lots must lie in"):
        deleverage(most + 1, [-1], [0.0])


# ---- prices -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("position", "atoms", "ticks"), [
    (linear(100, 60_000), 1_000_000, 60_002),  # 2 ticks of 100 lots and 5,000 atoms
    (linear(-100, 60_000), 1_000_000, 59_998),
    (linear(100, 60_000), 1_200_000, 60_002),  # 2.4 ticks, toward the mark
    (linear(-100, 60_000), 1_200_000, 59_998),
    (linear(-100, 3), 1_499_999, 1),
    (linear(-100, 3), 1_500_000, 3),  # no positive price brings it
    (linear(100, -7), 1_000_000, -5),  # a price may be negative already
    (linear(-1, -2**62), 2**76, -2**62),  # no price of 64 bits
    (linear(1, 2**63 - 2), 5_000, 2**63 - 1),
    (linear(1, 2**63 - 2), 10_000, 2**63 - 2),  # one beyond
    (inverse(6000, 60_000), 20_000_000, 66_666),  # 2 BTC short of a coin: 1 / b = 9 / 600,000
    (inverse(-6000, 60_000), 20_000_000, 54_546),  # 1 / b = 11 / 600,000
    (inverse(6000, 60_000), 200_000_000, 60_000),  # more than the whole coin value
    (inverse(6000, 60_000), 199_999_999, 12_000_000_000_000),
])  # fmt: skip
def test_bankruptcy_prices_by_hand(position, atoms, ticks):
    assert position.bankruptcy_ticks(abs(position.lots), atoms) == ticks


def test_no_lots_and_no_loss_trade_at_the_mark():
    assert linear(5, 100).bankruptcy_ticks(0, 7) == 100
    assert linear(5, 100).bankruptcy_ticks(5, 0) == 100


@given(long=st.booleans(), size=st.integers(1, 500), mark=st.integers(1, 10**5), atoms=st.integers(1, 10**8), coin=st.booleans())
def test_a_tick_beyond_the_bankruptcy_price_brings_more(long, size, mark, atoms, coin):
    """In fractions: the price brings at most the loss, the next tick away from the mark more than it."""
    position = (inverse if coin else linear)(size if long else -size, mark)
    ratio = position.instrument.value_ratio(position.decimals)
    side = 1 if long else -1

    def brings(ticks):
        return side * size * ratio * (Fraction(1, mark) - Fraction(1, ticks) if coin else ticks - mark)

    most = {(True, True): size * ratio / mark, (False, False): size * ratio * mark}.get((long, coin))
    price = position.bankruptcy_ticks(size, atoms)
    if most is not None and atoms >= most:  # the price would be infinite, or 0 and below
        assert price == mark
    else:
        assert 0 <= brings(price) <= atoms
        assert price + side == 0 or brings(price + side) > atoms


def test_positions_are_checked():
    with pytest.raises(InvalidInputError, match="lots must differ from 0, was 0 of LINEAR"):
        linear(0, 1)
    with pytest.raises(InvalidInputError, match="weight must lie in .*, was 0 of LINEAR"):
        linear(1, 1, weight=0)
    with pytest.raises(InvalidInputError, match="must be > 0 for an inverse payoff, was 0 of INVERSE"):
        inverse(1, 0)
    with pytest.raises(InvalidInputError, match="decimals must lie in .*, was -1 of LINEAR"):
        OpenPosition(instrument=LINEAR, decimals=-1, lots=1, ticks=1)
    assert OpenPosition(instrument=LINEAR, decimals=0, lots=1, ticks=400).value(1) == 2  # 200 USDC a coin, a lot of 0.01


# ---- counterparties ---------------------------------------------------------------------------


def test_counterparties_are_sorted_by_account():
    found = Counterparties.of(["c", "a", "b"], [3, 1, 2], [30.0, 10.0, 20.0], [300, 100, 200])
    assert found.account == ("a", "b", "c")
    assert (found.lots.tolist(), found.score.tolist(), found.backing.tolist()) == ([1, 2, 3], [10.0, 20.0, 30.0], [100, 200, 300])


def test_equal_scores_go_by_account_id_wherever_they_are_stored():
    """dYdX draws whom it walks first; here that is the smallest id."""
    for order in (["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"]):
        found = Counterparties.of(order, [-5, -5, -5])
        assert found.close(7, Fraction(0), adl.by_rank).taken.tolist() == [5, 2, 0]


def test_who_is_left_out_gives_nothing():
    found = Counterparties.of(["a", "b"], [-5, -5]).without(frozenset({"a", "0", "z"}))
    assert found.close(7, Fraction(0), adl.by_rank).taken.tolist() == [0, 5]
    assert found.without(frozenset({"z"})) is found


def test_backing_leaves_out_whose_price_does_not_overlap():
    """3 atoms a lot: a has 14 behind 5 lots and is skipped, b has 15; what is given is no backing of the rest."""
    found = Counterparties.of(["a", "b"], [-5, -5], backing=[14, 15])
    closed = found.close(4, Fraction(3), adl.by_rank)
    assert closed.taken.tolist() == [0, 4]
    left = found.after(closed.taken, np.array([0, 12]))
    assert (left.lots.tolist(), left.backing.tolist()) == ([-5, -1], [14, 3])


def test_counterparties_are_checked():
    with pytest.raises(InvalidInputError, match="account must be unique, was 'a' at row 1"):
        Counterparties.of(["a", "a"], [1, 2])
    with pytest.raises(InvalidInputError, match="lots must have length 1, was 2"):
        Counterparties.of(["a"], [1, 2])
    with pytest.raises(InvalidInputError, match="account must be a printable text .* at row 0"):
        Counterparties.of([""], [1])
