"""Dutch auctions: edges by hand, and what holds of every auction of accounts that scale with what they hold."""

import importlib.util
import pathlib
from dataclasses import dataclass, replace
from math import inf, nan

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.errors import InvalidInputError
from crossmargin.liquidation.auction import (
    MAINNET,
    MINUTE,
    Auction,
    AuctionTerms,
    Figures,
    Phase,
    bid_price,
    bidder_requirement,
    buffer_margin,
    discount,
    insolvent_payment,
    largest_share,
    start_fee,
    withdrawals_blocked,
)
from crossmargin.liquidation.auction_study import Bidder, Outcome, Path, Summary, simulate
from crossmargin.venues.derive_1 import MAINNET as PMRM_1
from crossmargin.venues.derive_1 import PortfolioMargin1
from venues import derive_desk

TERMS = AuctionTerms(
    name="by hand", start=0.9, cutoff=0.5, fast_duration=10 * MINUTE, slow_duration=100 * MINUTE,
    insolvent_duration=20 * MINUTE, fee_rate=0.1, buffer=0.5,
)  # fmt: skip
POOR = Figures(value=100.0, surplus_maintenance=-40.0, cash=60.0)  # requirement 140, BM = -40 - 70 = -110
BROKE = Figures(value=-100.0, surplus_maintenance=-300.0, cash=-20.0)
INSOLVENT = Auction(terms=TERMS, started_at=0, phase=Phase.INSOLVENT)
SOLVENT = Auction(terms=TERMS, started_at=0, phase=Phase.SOLVENT)


def test_the_main_net_terms():
    named = {field: getattr(MAINNET, field) for field in ("start", "cutoff", "fee_rate", "buffer", "sell_all_below")}
    assert named == {"start": 0.95, "cutoff": 0.7, "fee_rate": 0.1, "buffer": 0.15, "sell_all_below": 0.0}
    durations = (MAINNET.fast_duration, MAINNET.slow_duration, MAINNET.insolvent_duration)
    assert durations == (900 * 10**9, 12 * 3600 * 10**9, 3600 * 10**9)
    assert MAINNET.date and MAINNET.source
    assert msgspec.json.decode(msgspec.json.encode(MAINNET), type=AuctionTerms) == MAINNET


@pytest.mark.parametrize(("change", "message"), [
    ({"start": 0.0}, r"start must lie in \(0, 1\], was 0.0"),
    ({"start": 1.1}, r"start must lie in \(0, 1\], was 1.1"),
    ({"start": nan}, "start must be finite, was nan"),
    ({"cutoff": 0.91}, r"cutoff must lie in \[0, 0.9\], was 0.91"),
    ({"cutoff": -0.1}, r"cutoff must lie in \[0, 0.9\], was -0.1"),
    ({"fast_duration": 0}, r"fast_duration must lie in \[1, .*\], was 0"),
    ({"slow_duration": -1}, r"slow_duration must lie in \[1, .*\], was -1"),
    ({"insolvent_duration": 1.5}, "insolvent_duration must be an integer, was 1.5"),
    ({"fee_rate": 1.5}, r"fee_rate must lie in \[0, 1\], was 1.5"),
    ({"buffer": -0.1}, "buffer must be >= 0, was -0.1"),
    ({"sell_all_below": inf}, "sell_all_below must be finite, was inf"),
])  # fmt: skip
def test_terms_that_are_refused(change, message):
    with pytest.raises(InvalidInputError, match=message):
        msgspec.structs.replace(TERMS, **change)


@pytest.mark.parametrize("name", ["value", "surplus_maintenance", "cash"])
@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_figures_that_are_refused(name, value):
    with pytest.raises(InvalidInputError, match=f"{name} must be finite"):
        replace(POOR, **{name: value})


@pytest.mark.parametrize(("minutes", "expected"), [
    (0, 0.9), (5, 0.7), (10, 0.5), (60, 0.25), (110, 0.0), (10_000, 0.0),
])  # fmt: skip
def test_discount_by_hand(minutes, expected):
    assert discount(TERMS, minutes * MINUTE) == pytest.approx(expected, abs=1e-15)


def test_shares_prices_and_payments_by_hand():
    assert buffer_margin(TERMS, POOR) == -110.0
    assert largest_share(TERMS, POOR, 0.9) == pytest.approx(110 / 200)
    assert largest_share(TERMS, POOR, 0.5, 20.0) == pytest.approx(110 / (110 + 50 + 10))
    assert start_fee(TERMS, POOR) == pytest.approx(110 / 210 * 100 * 0.1)
    assert bid_price(POOR, 0.25, 0.5, 20.0) == pytest.approx(10.0)
    assert bidder_requirement(TERMS, POOR, 0.25, 10.0, 20.0) == pytest.approx(10 + 130 / 4)
    assert insolvent_payment(TERMS, BROKE, 0.5, 0) == 50.0
    assert insolvent_payment(TERMS, BROKE, 0.5, 5 * MINUTE) == pytest.approx(75.0)
    assert insolvent_payment(TERMS, BROKE, 1.0, 20 * MINUTE) == 300.0


def test_a_solvent_bid_by_hand():
    """At 0.7 the whole costs 70; a quarter takes a quarter of the cash of 60 and leaves what was paid in reserve."""
    bid = SOLVENT.bid(POOR, 0.25, 5 * MINUTE)
    assert (bid.share, bid.price, bid.payment) == (0.25, pytest.approx(17.5), 0.0)
    assert (bid.transferred_cash, bid.cash, bid.reserved) == (15.0, pytest.approx(62.5), pytest.approx(17.5))
    assert (bid.fund_pays, bid.unpaid, bid.ends, bid.reopens) == (0.0, 0.0, False, False)
    assert bid.auction == replace(SOLVENT, reserved=bid.reserved)


def test_an_insolvent_bid_by_hand():
    """Half of the account, a quarter of the way: 75 are owed, the fund has 50. Debt goes along."""
    bid = INSOLVENT.bid(BROKE, 0.5, 5 * MINUTE, 50.0)
    assert (bid.share, bid.price, bid.payment) == (0.5, 0.0, pytest.approx(75.0))
    assert (bid.fund_pays, bid.unpaid) == (50.0, pytest.approx(25.0))
    assert (bid.transferred_cash, bid.cash, bid.reserved) == (-10.0, -10.0, 0.0)
    assert not bid.ends
    assert INSOLVENT.bid(BROKE, 1.0, 0).ends
    assert INSOLVENT.bid(BROKE, 1.0, 0).unpaid == 100.0  # no fund is given


def nothing(bid, figures):
    return (bid.share, bid.price, bid.payment, bid.transferred_cash, bid.cash) == (0.0, 0.0, 0.0, 0.0, figures.cash)


FULL = TERMS.fast_duration + TERMS.slow_duration


@pytest.mark.parametrize(("auction", "surplus", "time", "ends"), [
    (SOLVENT, 40.0, 0, True),  # BM = 40 - 30: at 100 / 3 it is 0
    (SOLVENT, 100 / 3 + 1e-9, 0, True),
    (SOLVENT, 33.0, 0, False),
    (SOLVENT, 33.0, FULL - 1, False),
    (SOLVENT, 33.0, FULL, True),  # afterwards MM decides
    (SOLVENT, 0.0, FULL, True),
    (SOLVENT, -1e-9, FULL, False),
    (INSOLVENT, 0.0, 0, True),
    (INSOLVENT, -1e-9, 0, False),
])  # fmt: skip
def test_when_nobody_is_in_need_nothing_is_sold(auction, surplus, time, ends):
    figures = replace(POOR, surplus_maintenance=surplus)
    bid = auction.bid(figures, 1e-6, time, 10.0)
    assert auction.may_end(figures, time) == ends == bid.ends == nothing(bid, figures)
    assert not bid.reopens


@pytest.mark.parametrize(("value", "reserved", "reopens"), [
    (-1e-9, 0.0, True), (0.0, 0.0, True), (1e-9, 0.0, False), (50.0, 50.0, True), (50.0, 49.0, False), (50.0, 51.0, True),
])  # fmt: skip
def test_an_account_with_nothing_left_to_sell_is_reopened(value, reserved, reopens):
    figures, auction = replace(POOR, value=value), replace(SOLVENT, reserved=reserved)
    bid = auction.bid(figures, 0.01, MINUTE)
    assert auction.must_reopen(figures) == reopens == bid.reopens
    assert nothing(bid, figures) == reopens
    assert not bid.ends
    if not reopens:
        with pytest.raises(InvalidInputError, match="auction must be solvent with value < 0 or reserved >= value"):
            auction.restart(figures, MINUTE)
        return
    again = auction.restart(figures, 2 * MINUTE)
    assert (again.phase, again.started_at, again.reserved, again.terms) == (Phase.INSOLVENT, 2 * MINUTE, 0.0, TERMS)
    assert again.fee == auction.fee
    assert again.quote(figures, 2 * MINUTE) == min(value, 0.0)
    with pytest.raises(InvalidInputError, match="auction must be solvent"):
        again.restart(figures, 2 * MINUTE)


def test_what_is_worth_little_is_sold_whole():
    small = msgspec.structs.replace(TERMS, sell_all_below=100.0)
    assert largest_share(small, POOR, 0.9) == pytest.approx(110 / 200)  # not at the cutoff, below it
    assert largest_share(small, replace(POOR, value=99.9), 0.9) == 1.0
    assert largest_share(small, Figures(value=99.9, surplus_maintenance=60.0, cash=0.0), 0.9) == 0.0


def test_after_the_slow_phase_a_share_costs_nothing():
    bid = SOLVENT.bid(POOR, 1.0, FULL)
    assert (bid.share, bid.price, bid.transferred_cash, bid.ends) == (1.0, 0.0, POOR.cash, True)
    kept = replace(SOLVENT, reserved=30.0).bid(POOR, 1.0, FULL)
    assert (kept.share, kept.price, kept.cash) == (pytest.approx(110 / 140), 0.0, pytest.approx(60 - 30 * 110 / 140))


def test_a_value_in_the_insolvent_phase_is_paid_nothing_at_first():
    assert INSOLVENT.quote(POOR, 0) == 0.0
    assert INSOLVENT.quote(POOR, 10 * MINUTE) == -20.0
    assert INSOLVENT.quote(POOR, 20 * MINUTE) == INSOLVENT.quote(POOR, 10**18) == -40.0


def test_starts():
    auction = Auction.start(TERMS, POOR, 7)
    assert auction == Auction(terms=TERMS, started_at=7, phase=Phase.SOLVENT, fee=start_fee(TERMS, POOR))
    for value in (0.0, -5.0):
        broke = Auction.start(TERMS, replace(POOR, value=value), 7)
        assert (broke.phase, broke.fee) == (Phase.INSOLVENT, 0.0)
    with pytest.raises(InvalidInputError, match="surplus_maintenance must be < 0 to start an auction, was 0.0"):
        Auction.start(TERMS, replace(POOR, surplus_maintenance=0.0), 0)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: SOLVENT.bid(POOR, 0.0, 0), r"want must lie in \(0, 1\], was 0.0"),
    (lambda: SOLVENT.bid(POOR, nan, 0), "want must be finite, was nan"),
    (lambda: SOLVENT.bid(POOR, 0.5, -1), r"time must lie in \[0, .*\], was -1"),
    (lambda: SOLVENT.bid(POOR, 0.5, nan), "time must be an integer, was nan"),
    (lambda: SOLVENT.bid(POOR, 0.5, 0, -1.0), "fund must be >= 0, was -1.0"),
    (lambda: SOLVENT.restart(BROKE, -1), r"time must lie in \[0, .*\], was -1"),
    (lambda: SOLVENT.quote(POOR, -1), "time must lie in"),
    (lambda: SOLVENT.largest(POOR, -1), "time must lie in"),
    (lambda: SOLVENT.may_end(POOR, -1), "time must lie in"),
    (lambda: discount(TERMS, -1), r"elapsed must lie in \[0, .*\], was -1"),
    (lambda: discount(TERMS, nan), "elapsed must be an integer, was nan"),
    (lambda: insolvent_payment(TERMS, BROKE, 1.0, -1), "elapsed must lie in"),
    (lambda: insolvent_payment(TERMS, BROKE, 1.5, 0), r"share must lie in \[0, 1\], was 1.5"),
    (lambda: bid_price(POOR, -0.5, 0.5), r"share must lie in \[0, 1\], was -0.5"),
    (lambda: bid_price(POOR, 0.5, nan), "asked must be finite, was nan"),
    (lambda: largest_share(TERMS, POOR, 1.5), r"asked must lie in \[0, 1\], was 1.5"),
    (lambda: bidder_requirement(TERMS, POOR, 2.0, 0.0, 0.0), r"share must lie in \[0, 1\], was 2.0"),
    (lambda: replace(SOLVENT, phase="closed"), "phase must be one of solvent, insolvent, was 'closed'"),
    (lambda: replace(SOLVENT, reserved=-1.0), "reserved must be >= 0, was -1.0"),
    (lambda: replace(INSOLVENT, reserved=1.0), "reserved must be 0 in the insolvent phase, was 1.0"),
    (lambda: replace(SOLVENT, started_at=nan), "started_at must be an integer, was nan"),
    (lambda: withdrawals_blocked([1.0, -2.0], 5.0), "shortfalls must be >= 0, was -2.0 at row 1"),
    (lambda: withdrawals_blocked([nan], 5.0), "shortfalls must be finite, was nan at row 0"),
    (lambda: withdrawals_blocked([1.0], nan), "fund must be finite, was nan"),
])  # fmt: skip
def test_refusals(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()


def test_withdrawals_are_blocked_strictly_beyond_the_fund():
    assert withdrawals_blocked([100.0, 50.0], 149.0)
    assert not withdrawals_blocked([100.0, 50.0], 150.0)
    assert not withdrawals_blocked([], 0.0)


def test_figures_of_a_requirement():
    """A call of strike 500 sold at an index of 1000: worth -500, margin on top, 540 in cash."""
    method = PortfolioMargin1(name="x", underlying="ETH", cash="USDC", base="ETH", rules=PMRM_1)
    found = derive_desk.asked(method, {"500-C": -1}, {"USDC": "540"})
    figures = Figures.of(found, 540.0)
    assert figures.value == pytest.approx(40.0)
    assert figures.surplus_maintenance == found.surplus_maintenance < 0


# What holds of every auction: an account that scales is positions of a value and a requirement, and cash.


@dataclass(frozen=True)
class Held:
    """What is held: positions of ``worth`` that require ``margin``, and cash; all of it shrinks with a share."""

    worth: float
    margin: float
    cash: float

    @property
    def figures(self):
        value = self.worth + self.cash
        return Figures(value=value, surplus_maintenance=value - self.margin, cash=self.cash)

    @property
    def size(self):
        return abs(self.worth) + self.margin + abs(self.cash)

    def after(self, bid):
        return Held(self.worth * (1 - bid.share), self.margin * (1 - bid.share), bid.cash)


def in_need(least, most):
    """Accounts below maintenance whose value is between these shares of their requirement."""
    def made(margin, share, cash):
        return Held(margin * share - cash, margin, cash)

    return st.builds(made, st.floats(1.0, 1e6), st.floats(least, most), st.floats(-1e6, 1e6))


solvent, insolvent = in_need(0.01, 0.99), in_need(-2.0, -0.01)
fractions = st.floats(0.01, 1.0)
times = st.integers(0, 200 * MINUTE)


@st.composite
def terms(draw):
    start = draw(fractions)
    durations = {f"{name}_duration": draw(st.integers(1, 100 * MINUTE)) for name in ("fast", "slow", "insolvent")}
    cutoff, fee_rate = start * draw(st.floats(0, 1)), draw(st.floats(0, 0.2))
    return AuctionTerms(name="x", start=start, cutoff=cutoff, fee_rate=fee_rate, buffer=draw(st.floats(0, 1)), **durations)


def started(rules, account):
    """The auction of an account in need, and the account once the fee is paid."""
    auction = Auction.start(rules, account.figures, 0)
    return auction, replace(account, cash=account.cash - auction.fee)


@given(terms(), times, times)
def test_the_discount_never_rises(rules, first, second):
    early, late = sorted((first, second))
    assert 0.0 <= discount(rules, late) <= discount(rules, early) <= rules.start


@given(terms())
def test_the_discount_has_no_jump_upwards_where_the_phases_meet(rules):
    before, at = discount(rules, rules.fast_duration - 1), discount(rules, rules.fast_duration)
    assert before >= at == rules.cutoff


@given(terms(), solvent, st.lists(st.floats(0.01, 0.5), max_size=3), times)
def test_the_largest_share_brings_the_buffer_margin_to_zero(rules, account, wants, time):
    auction, account = started(rules, account)
    scale, left = 1e-9 * account.size, buffer_margin(rules, account.figures)
    for want in [*wants, 1.0]:
        if auction.may_end(account.figures, time):  # beyond the slow phase, where MM decides
            return
        bid = auction.bid(account.figures, want, time)
        auction, account = bid.auction, account.after(bid)
        before, left = left, buffer_margin(rules, account.figures)
        assert before - scale <= left <= scale
        if bid.ends:
            assert left == pytest.approx(0.0, abs=scale)
            return
    raise AssertionError("a bid for all takes the largest share")


def total(auction, account, wants, time, fund):
    """Share of the account at the first bid, net price, cash that went along and what was unpaid, of several bids."""
    share = price = cash = unpaid = 0.0
    for want in wants:
        bid = auction.bid(account.figures, want, time, fund)
        auction, account, fund = bid.auction, account.after(bid), fund - bid.fund_pays
        share += (1 - share) * bid.share
        price, cash, unpaid = price + bid.price - bid.payment, cash + bid.transferred_cash, unpaid + bid.unpaid
    return share, price, cash, unpaid


@given(terms(), st.one_of(solvent, insolvent), fractions, fractions, times, st.floats(0, 1e6))
def test_splitting_a_bid_changes_nothing(rules, account, first, second, time, fund):
    """Two bids at one time cost what one bid of the joint share costs: nobody gains by splitting."""
    auction, account = started(rules, account)
    joint = first + (1 - first) * second
    one = total(auction, account, [joint], time, fund)
    two = total(auction, account, [first, second], time, fund)
    scale = 1e-9 * account.size + 1e-9
    assert two[0] == pytest.approx(one[0], abs=1e-9)
    assert two[1:] == pytest.approx(one[1:], abs=scale)
    worth = account.worth
    gain_of_two, gain_of_one = (x[0] * worth + x[2] - x[1] for x in (two, one))
    assert gain_of_two <= gain_of_one + scale


def test_splitting_may_pay_where_small_accounts_are_sold_whole():
    """A known edge of ``sell_all_below``: a first bid brings the value under it, and the second takes the rest."""
    small = msgspec.structs.replace(TERMS, sell_all_below=90.0)
    auction, account = Auction(terms=small, started_at=0, phase=Phase.SOLVENT), Held(40.0, 140.0, 60.0)
    most = auction.largest(account.figures, 10 * MINUTE)
    whole, _, _, _ = total(auction, account, [1.0], 10 * MINUTE, 0.0)
    split, _, _, _ = total(auction, account, [0.5, 1.0], 10 * MINUTE, 0.0)
    assert whole == most < split == 1.0


@given(terms(), st.one_of(solvent, insolvent), st.lists(st.tuples(fractions, st.integers(0, 50 * MINUTE), st.floats(-1, 1)), max_size=6),
       st.floats(0, 1e6))  # fmt: skip
def test_cash_and_positions_are_conserved(rules, account, bids, fund):
    """Over a whole auction with moving prices: account, bidders and fund hold what they held, and what was unpaid."""
    before = account
    auction, account = started(rules, account)
    balance, bidders, unpaid, kept, given_away, time = fund + auction.fee, 0.0, 0.0, 1.0, 0.0, 0
    for want, later, move in bids:
        time += later
        account = replace(account, worth=account.worth * (1 + move), margin=account.margin * (1 + move / 2))
        if auction.must_reopen(account.figures):
            auction = auction.restart(account.figures, time)
        bid = auction.bid(account.figures, want, time, balance)
        assert bid.fund_pays <= balance
        assert bid.fund_pays + bid.unpaid == pytest.approx(bid.payment)
        assert min(bid.share, bid.price, bid.payment, bid.fund_pays, bid.unpaid, bid.reserved) >= 0.0
        bidders += bid.transferred_cash - bid.price + bid.payment
        balance, unpaid = balance - bid.fund_pays, unpaid + bid.unpaid
        given_away, kept = given_away + kept * bid.share, kept * (1 - bid.share)
        auction, account = bid.auction, account.after(bid)
        if bid.ends:
            break
    scale = 1e-9 * (before.size + fund + abs(bidders)) + 1e-6
    assert account.cash + bidders + balance == pytest.approx(before.cash + fund + unpaid, abs=scale)
    assert given_away + kept == pytest.approx(1.0)


@given(terms(), insolvent, fractions, times, st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_larger_fund_never_socialises_more(rules, account, want, time, fund, more):
    auction, account = started(rules, account)
    assert auction.phase == Phase.INSOLVENT
    small, large = (auction.bid(account.figures, want, time, balance) for balance in (fund, fund + more))
    assert large.unpaid <= small.unpaid
    assert large.fund_pays >= small.fund_pays
    assert (small.payment, small.share) == (large.payment, large.share)


@given(terms(), st.one_of(solvent, insolvent), times, times)
def test_waiting_pays_the_bidder_and_never_the_account(rules, account, first, second):
    auction, account = started(rules, account)
    early, late = sorted((first, second))
    assert auction.quote(account.figures, late) <= auction.quote(account.figures, early) + 1e-9 * account.size


# An auction on a path: terms without a fee, the positions worth 40 beside a cash of 60, and a requirement of 140.

FREE = msgspec.structs.replace(TERMS, fee_rate=0.0)


def still(minutes=30, worth=40.0, requirement=140.0, cost=0.0):
    column = np.ones(minutes + 1)
    return Path.of(np.arange(minutes + 1) * MINUTE, worth * column, requirement * column, cost * column)


def test_nobody_in_need_is_auctioned():
    assert simulate(FREE, still(requirement=100.0), 60.0, [Bidder(edge=0.0, capital=1e9)]) == Outcome()


def test_a_bidder_without_edge_takes_the_largest_share_at_once():
    found = simulate(TERMS, still(), 60.0, [Bidder(edge=0.0, capital=1e9)])
    fee = 110 / 210 * 100 * 0.1
    lacking, value = 110 + 1.5 * fee - fee / 2, 100 - fee  # BM = MM - requirement / 2 moves one for one with cash
    share = lacking / (lacking + 0.9 * value)
    assert (found.auctions, found.started_at, found.solvent_after) == (1, 0, 0)
    assert (found.value, found.requirement, found.fee) == (100.0, 140.0, pytest.approx(fee))
    assert found.sold == pytest.approx(share)
    assert (found.taken, found.proceeds) == (pytest.approx(share * value), pytest.approx(share * value * 0.9))
    assert not found.open and not found.insolvent


@pytest.mark.parametrize(("edge", "cost", "minute"), [(0.0, 40.0, 8), (0.1, 0.0, 3), (0.1, 30.0, 10), (0.0, 99.9, 110)])
def test_a_bidder_waits_for_its_price(edge, cost, minute):
    """Gain 100 (1 - d) - cost, cash held 100 d + 110: with an edge of 0.1 the former needs 10 d + 11."""
    found = simulate(FREE, still(120, cost=cost), 60.0, [Bidder(edge=edge, capital=1e9)])
    asked = discount(FREE, minute * MINUTE)
    assert found.solvent_after == minute * MINUTE
    assert found.proceeds == pytest.approx(asked * found.taken)
    early = discount(FREE, (minute - 1) * MINUTE)
    assert 100 * (1 - asked) - cost >= edge * (100 * asked + 110)
    assert 100 * (1 - early) - cost < edge * (100 * early + 110)


def test_capital_bounds_the_share_and_the_least_demanding_is_first():
    """At 0.9 the whole ties 200: 20 of cash carry a tenth. The second bidder wants more and waits."""
    bidders = [Bidder(edge=0.3, capital=1e9), Bidder(edge=0.0, capital=20.0)]
    alone = simulate(FREE, still(), 60.0, bidders[1:])
    assert (alone.sold, alone.proceeds, alone.open) == (pytest.approx(0.1), pytest.approx(9.0), True)
    assert alone.solvent_after is None
    both = simulate(FREE, still(), 60.0, bidders)
    assert both.solvent_after > 0 and both.sold > alone.sold and both.proceeds < 0.9 * both.taken
    assert simulate(FREE, still(), 60.0, []) == replace(alone, sold=0.0, taken=0.0, proceeds=0.0)


def test_an_insolvent_account_is_paid_for():
    """Worth -200 beside 100: 200 are lacking beyond the loss of 100, a gain of 10 a minute; 45 are met at minute 5."""
    path = still(worth=-200.0, requirement=200.0, cost=45.0)
    found = simulate(FREE, path, 100.0, [Bidder(edge=0.0, capital=1e9)], fund=60.0)
    assert found.insolvent and found.solvent_after == 5 * MINUTE and found.sold == 1.0
    assert (found.fund_paid, found.unpaid) == (60.0, pytest.approx(90.0))
    assert (found.taken, found.proceeds, found.fee) == (0.0, 0.0, 0.0)


def test_a_falling_account_is_reopened_and_another_need_another_auction():
    times, high = np.arange(4) * MINUTE, [140.0] * 4
    falls = Path.of(times, [40.0, -70.0, -70.0, -70.0], high, [1e3] * 4)
    found = simulate(FREE, falls, 60.0, [Bidder(edge=0.0, capital=1e9)])
    assert (found.auctions, found.insolvent, found.open, found.sold) == (1, True, True, 0.0)
    recovers = Path.of(times, [40.0, 400.0, 40.0, 400.0], high, [1e3] * 4)
    found = simulate(TERMS, recovers, 60.0, [Bidder(edge=0.0, capital=1e9)])
    assert (found.auctions, found.insolvent, found.open) == (2, False, False)
    assert found.solvent_after == MINUTE
    first = start_fee(TERMS, POOR)
    again = Figures(value=100 - first, surplus_maintenance=-40 - first, cash=60 - first)
    assert found.fee == pytest.approx(first + start_fee(TERMS, again))


def test_a_summary_by_hand():
    sold = Outcome(auctions=1, value=90.0, requirement=100.0, taken=40.0, proceeds=36.0, sold=0.4, fee=1.0,
                   started_at=0, solvent_after=10)  # fmt: skip
    more = replace(sold, auctions=3, taken=80.0, proceeds=56.0, sold=0.8, fee=2.0, solvent_after=20)
    broke = replace(sold, requirement=200.0, taken=0.0, proceeds=0.0, fee=0.0, solvent_after=None, insolvent=True,
                    open=True, fund_paid=10.0, unpaid=30.0, sold=0.0)  # fmt: skip
    found = Summary.of([Outcome(), sold, more, broke])
    assert (found.n, found.brought, found.error) == (3, pytest.approx(0.8), pytest.approx(0.1))
    assert (found.half, found.most, found.ended) == (15.0, pytest.approx(19.0), pytest.approx(2 / 3))
    assert (found.sold, found.auctions) == (pytest.approx(0.4), pytest.approx(5 / 3))
    assert (found.insolvent, found.open) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert found.lost == pytest.approx((0.05 + 0.26) / 3)
    assert (found.deficit, found.unpaid) == (pytest.approx(0.2 / 3), pytest.approx(0.15 / 3))
    one, none = Summary.of([sold]), Summary.of([broke])
    assert one.brought == pytest.approx(0.9) and np.isnan(one.error)
    assert all(np.isnan([none.brought, none.error, none.half, none.most]))


@pytest.mark.parametrize(("call", "message"), [
    (lambda: Summary.of([Outcome()]), "outcomes must hold at least one auction, was 'none'"),
    (lambda: Summary.of([Outcome(auctions=1)]), "requirement must be > 0, was 0.0 at row 0"),
    (lambda: Path.of([0, 0], [1, 1], [1, 1], [1, 1]), "times must ascend strictly"),
    (lambda: Path.of([0, 1], [1], [1, 1], [1, 1]), "worth must have length 2, was 1"),
    (lambda: Path.of([0], [1], [-1], [1]), "requirement must be >= 0, was -1.0 at row 0"),
    (lambda: Path.of([0], [1], [1], [-1]), "cost must be >= 0, was -1.0 at row 0"),
    (lambda: Path.of([0], [nan], [1], [1]), "worth must be finite, was nan at row 0"),
    (lambda: Bidder(edge=-0.1, capital=1.0), "edge must be >= 0, was -0.1"),
    (lambda: Bidder(edge=0.1, capital=nan), "capital must be finite, was nan"),
    (lambda: simulate(FREE, still(), nan, []), "cash must be finite, was nan"),
    (lambda: simulate(FREE, still(), 0.0, [], fund=-1.0), "fund must be >= 0, was -1.0"),
])  # fmt: skip
def test_studies_that_are_refused(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()


def test_the_command_of_the_study_walks_an_account(monkeypatch):
    """Half an hour of one Brownian path, under the plans of both methods; no file of prices is needed for it."""
    file = pathlib.Path(__file__).resolve().parents[2] / "docs" / "studies" / "auction.py"
    monkeypatch.syspath_prepend(file.parent)  # a script finds what lies beside it
    spec = importlib.util.spec_from_file_location("study_of_auctions", file)
    study = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(study)
    page = (file.parent / "auction.md").read_text()
    assert all(f"| {what} | {figure} |" in page for what, figure in study.assumed().items())
    drawn = study.brownian(np.random.default_rng(1))
    prices = study.Prices(drawn.times[:31], drawn.index[:31], drawn.volatility[:31])
    paths = {name: study.path_of(name, prices) for name in study.HELD}
    for name, rate in ((study.LONG, 0.23), (study.THIN, 0.05)):
        assert paths[name].worth == pytest.approx(prices.index)
        assert paths[name].requirement == pytest.approx(rate * prices.index)
    for path in paths.values():
        assert path.times.tolist() == prices.times.tolist()
        found = study.Setting(fast=5).summary([path], study.HEADROOM[study.GBM])
        assert found.n == 1 and 0.7 <= found.brought <= 0.95 and found.ended == 1.0
