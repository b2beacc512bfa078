"""The gate's face: hand-worked money, names and decimal strings, decisions, and what each event does and refuses."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from account.gate_desks import mango_desk, prepared
from venues.desks import listed, market_of

from crossmargin import Asset, Instrument, Instruments, Market, Observation
from crossmargin._core.events import Kind
from crossmargin._core.ledger import Flag, Trading
from crossmargin._core.status import Status
from crossmargin.account import Capacity, RiskEngine
from crossmargin.errors import InvalidInputError
from crossmargin.instruments import Kind as InstrumentKind
from crossmargin.instruments import Payoff
from crossmargin.margin import load_method
from crossmargin.portfolio.portfolio import fill_cost
from crossmargin.venues import deribit

ROOM = Capacity(accounts=4, slots=8, orders=16, journal=0)


def contract(name, payoff=Payoff.LINEAR, settlement="USD"):
    return Instrument(id=name, kind=InstrumentKind.PERPETUAL, underlying="X", settlement=settlement, payoff=payoff,
                      tick=Fraction(1, 100), lot=Fraction(1, 10))  # fmt: skip


def engine(**options):
    """One perpetual of 0.1 X a lot at 100.00, initial 10 %, in dollars and cents; ann and bob with 1,000 each."""
    instruments = Instruments.of([contract("X-PERP")], [Asset(id="USD", decimals=2)])
    seen = [Observation(subject=s, field=f, value=100.0) for s, f in (("X", "index"), ("X-PERP", "mark"))]
    made = RiskEngine(load_method(method()).prepare(instruments, Market.of(seen, as_of=1, quote="USD")), capacity=ROOM, **options)
    for name in ("ann", "bob"):
        made.deposit(made.open(name), "USD", "1000")
    return made


def method(initial=0.1, maintenance=0.05):
    """One rate of the notional, in a tier that nothing leaves."""
    tiers = {"kind": "tiers", "edges": [0], "initial": [initial], "maintenance": [maintenance]}
    cash = [{"asset": "USD"}]
    return json.dumps({"method": "tiered", "name": "flat", "collateral": cash, "schedules": {"X-PERP": tiers}}).encode()


def usd(made, account):
    return sum(atoms for holder, _, atoms in made.balances() if holder == account)


def test_a_round_trip_in_cents():
    """10 lots are 1 X: bought at 100.00, sold at 103.00, in two parts; 3.00 are made, and paid by the other side."""
    made = engine()
    assert made.trade(0, 0, 1, 0, 0, 10, 10_000) == Status.OK
    assert made.positions() == [(0, 0, 10, 10_000, 0), (1, 0, -10, -10_000, 0)]
    assert made.trade(1, 0, 0, 0, 0, 3, 10_300) == Status.OK
    assert (usd(made, 0), usd(made, 1)) == (100_090, 99_910)
    assert made.trade(1, 0, 0, 0, 0, 7, 10_300, 5, 2) == Status.OK
    assert made.positions() == []
    assert (usd(made, 0), usd(made, 1)) == (100_298, 99_695)
    assert made.totals()[1] == [7]
    assert made.imbalance() == {"USD": 0}


def test_a_flip_closes_and_opens():
    made = engine()
    made.trade(0, 0, 1, 0, 0, 4, 10_000)
    made.trade(1, 0, 0, 0, 0, 10, 9_900)
    assert made.positions()[0] == (0, 0, -6, -5_940, 0)
    assert usd(made, 0) == 100_000 - 40


def test_funding_is_owed_at_once_and_paid_when_the_position_moves():
    """Longs owe 0.05 a contract: 10 lots are 1 contract, 5 cents; the receiver's share is rounded against it."""
    made = engine()
    made.trade(0, 0, 1, 0, 0, 10, 10_000)
    before = made.figures(0)["equity_initial"]
    assert made.fund("X-PERP", "0.05") == Status.OK
    assert made.figures(0)["equity_initial"] == pytest.approx(before - 0.05)
    assert usd(made, 0) == 100_000
    made.trade(0, 0, 1, 0, 0, 1, 10_000)
    assert usd(made, 0) == 99_995
    assert usd(made, 1) + made.totals()[2][0] == 100_005
    assert made.imbalance() == {"USD": 0}


def test_expiry_settles_and_frees():
    made = engine()
    made.trade(0, 0, 1, 0, 0, 10, 10_000)
    made.place(0, 1, 0, 1, 9_000)
    assert made.expire("X-PERP", "101.5") == Status.OK
    assert (made.positions(), made.orders()) == ([], [])
    assert (usd(made, 0), usd(made, 1)) == (100_150, 99_850)
    assert made.place(0, 2, 0, 1, 9_000) == Status.HALTED
    assert made.expire("X-PERP", "101.5") == Status.HALTED


def test_interest_rounds_against_the_account():
    made = engine()
    made.event(Kind.ADJUST, 0, 0, 0, -200_001)  # a debt of 1,000.01
    assert made.interest("USD", "0.001", "0.0001") == Status.OK
    assert usd(made, 0) == -100_001 - 101
    assert usd(made, 1) == 100_000 + 9  # the rate too is rounded down, to 2^-32
    assert made.imbalance() == {"USD": 0}


def test_an_order_at_its_limit_of_margin():
    """1,000 carry 100 X of 100 at 10 %: 1,000 lots, not one more, beside what rests."""
    made = engine()
    assert made.check(0, 0, 1000, 10_000) == Status.OK
    assert made.check(0, 0, 1001, 10_000) == Status.REFUSED
    assert made.place(0, 1, 0, 400, 10_000) == Status.OK
    assert made.check(0, 0, 600, 10_000) == Status.OK
    assert made.check(0, 0, 601, 10_000) == Status.REFUSED
    assert made.place(0, 2, 0, -1000, 10_000) == Status.OK  # the other side fills or not: the worse of both
    assert made.check(0, 0, -1, 10_000) == Status.REFUSED


def test_a_decision_says_what_it_would_take():
    made = engine()
    decision = made.evaluate("ann", "X-PERP", "150", "100.00")
    assert (decision.status, decision.accepted) == (Status.REFUSED, False)
    assert decision.surplus_initial == pytest.approx(-500)
    assert decision.largest == 1000
    assert decision.deposit == 500
    assert "surplus_initial" in decision.reason
    made.deposit(0, "USD", str(decision.deposit))
    assert made.evaluate("ann", "X-PERP", "150", "100.00").accepted
    assert made.orders() == []


def test_what_reduces_is_taken_from_an_account_in_trouble():
    """A fall of the index leaves the account below its margin: it may sell, not buy, and not outside the band."""
    made = engine()
    made.trade(0, 0, 1, 0, 0, 900, 10_000)
    assert made.mark([Observation(subject=s, field=f, value=92.0) for s, f in (("X", "index"), ("X-PERP", "mark"))]) == Status.OK
    assert made.figures(0)["surplus_initial"] < 0
    assert made.check(0, 0, 1, 9_200) == Status.REFUSED
    assert made.check(0, 0, -100, 9_200) == Status.OK
    assert made.check(0, 0, -100, 1_000) == Status.REFUSED  # equity lost exceeds the margin freed
    made.band("X-PERP", "91", "93")
    assert made.check(0, 0, -100, 9_350) == Status.PRICE
    assert made.withdraw(0, "USD", "1") == Status.REFUSED


def test_an_account_in_liquidation_only_reduces():
    made = engine()
    made.trade(0, 0, 1, 0, 0, 10, 10_000)
    assert made.mode(0, Trading.REDUCING) == Status.OK
    assert made.place(0, 1, 0, 1, 10_000) == Status.REFUSED
    assert made.place(0, 2, 0, -4, 10_000) == Status.OK
    assert made.trade(1, 0, 0, 2, 0, 4, 10_000) == Status.OK
    strict = engine(strict=True)
    strict.trade(0, 0, 1, 0, 0, 10, 10_000)
    strict.mode(0, Trading.REDUCING)
    assert strict.place(0, 1, 0, -4, 10_000) == Status.HALTED
    assert strict.place(0, 1, 0, -4, 10_000, Flag.REDUCE_ONLY) == Status.OK


def test_reduce_only_orders_are_cut_in_order_of_arrival():
    made = engine()
    made.trade(0, 0, 1, 0, 0, 10, 10_000)
    made.place(0, 1, 0, -6, 10_100, Flag.REDUCE_ONLY)
    made.place(0, 2, 0, -6, 10_200, Flag.REDUCE_ONLY)
    assert [(o[1], o[3], o[4]) for o in made.orders()] == [(1, -6, -6), (2, -6, -4)]
    made.trade(1, 0, 0, 0, 0, 5, 10_000)
    assert [(o[1], o[4]) for o in made.orders()] == [(1, -5), (2, 0)]
    assert made.trade(1, 0, 0, 2, 0, 1, 10_200) == Status.OVERFILL
    made.trade(0, 0, 1, 0, 0, 20, 10_000)
    assert [(o[1], o[4]) for o in made.orders()] == [(1, -6), (2, -6)]


def test_what_a_trade_may_not_be():
    made = engine()
    made.place(0, 1, 0, 5, 10_000)
    assert made.trade(0, 1, 1, 0, 0, 6, 10_000) == Status.OVERFILL
    assert made.trade(1, 0, 0, 1, 0, 5, 10_000) == Status.UNKNOWN  # the order buys
    assert made.trade(0, 9, 1, 0, 0, 5, 10_000) == Status.UNKNOWN
    assert made.trade(-1, 0, -1, 0, 0, 5, 10_000) == Status.MALFORMED
    assert made.trade(0, 1, 1, 0, 0, 5, 10_000) == Status.OK
    assert made.orders() == []


def test_a_stop_reserves_nothing_until_it_is_triggered():
    made = engine()
    assert made.place(0, 1, 0, 5_000, 10_000, Flag.STOP) == Status.OK
    assert made.check(0, 0, 1000, 10_000) == Status.OK
    assert made.trigger(0, 1) == Status.REFUSED
    assert made.amend(0, 1, 800, 10_000) == Status.OK
    assert made.trigger(0, 1) == Status.OK
    assert made.trigger(0, 1) == Status.UNKNOWN
    assert made.check(0, 0, 201, 10_000) == Status.REFUSED


def test_beyond_the_range_of_exact_sums():
    """A trade that has happened is booked; the account is valued unrounded and takes nothing that increases."""
    instruments = engine().instruments
    made = RiskEngine(engine().prepared, capacity=Capacity(accounts=2, slots=2, orders=4, journal=0, notional=1e4))
    for name in ("ann", "bob"):
        made.deposit(made.open(name), "USD", "1000000")
    assert instruments == made.instruments
    assert made.trade(0, 0, 1, 0, 0, 5_000, 10_000) == Status.OK
    assert made.figures(0)["initial"] == pytest.approx(5_000)
    assert made.place(0, 1, 0, 1, 10_000) == Status.RANGE
    assert made.place(0, 1, 0, -1, 10_000) == Status.OK
    made.cancel(0, 1)
    made.event(Kind.ADJUST, 0, 0, 0, -99_500_000)
    made.trade(1, 0, 0, 0, 0, 4_900, 10_000)
    assert made.place(0, 2, 0, 1, 10_000) == Status.OK


def test_a_new_parameter_set_may_leave_accounts_below():
    made = engine()
    made.trade(0, 0, 1, 0, 0, 900, 10_000)
    assert made.parameters(load_method(method(0.2, 0.1))) == Status.OK
    assert made.figures(0)["surplus_initial"] == pytest.approx(-800)
    other = prepared("tiered")
    with pytest.raises(InvalidInputError, match="plan that the engine runs"):
        RiskEngine(other, capacity=ROOM).parameters(prepared("scenario of coins").method)


def test_an_inverse_option_costs_coins():
    """0.1 coin a lot at 0.05 coins each is 0.005; an inverse future of 10 dollars at 50,000 is minus 0.0002."""
    instruments = listed(["BTC-BTC-9-54000-call", "BTC-BTC-9"])
    rows = {row.id: row for row in instruments}
    assert fill_cost(rows["BTC-BTC-9-54000-call"], 8, 1, 50_000) == 500_000
    assert fill_cost(rows["BTC-BTC-9"], 8, 1, 50_000 * 10**6) == -20_000
    market = market_of(instruments, np.random.default_rng(0))
    made = RiskEngine(deribit.portfolio_margin().prepare(instruments, market), capacity=ROOM)
    for name in ("ann", "bob"):
        made.deposit(made.open(name, "BTC"), "BTC", "10")
    option = made.instrument("BTC-BTC-9-54000-call")
    made.trade(0, 0, 1, 0, option, 1, 40_000)
    made.trade(1, 0, 0, 0, option, 1, 50_000)
    assert [atoms for holder, _, atoms in made.balances() if holder == 0] == [10 * 10**8 + 100_000]


def test_a_spot_pair_exchanges_balances():
    """Orders of a pair that is never held: two A at 18.25 for 36.50 Q, on both sides."""
    made = RiskEngine(
        mango_desk.method_of().prepare(mango_desk.INSTRUMENTS, mango_desk.MARKET), orders="venue", capacity=ROOM
    )
    for name in ("ann", "bob"):
        handle = made.open(name)
        for asset in ("A", "Q"):
            made.deposit(handle, asset, "100")
    pair = made.instrument("A/Q")
    assert made.place(0, 1, pair, 2, 73) == Status.OK
    assert made.trade(0, 1, 1, 0, pair, 2, 73) == Status.OK
    names = [asset.id for asset in made.instruments.assets]
    held = {(holder, names[asset]): atoms for holder, asset, atoms in made.balances()}
    assert held == {(0, "A"): 10_200, (0, "Q"): 6_350, (1, "A"): 9_800, (1, "Q"): 13_650}
    assert made.positions() == []
    assert not any(made.imbalance().values())
    worst = RiskEngine(made.prepared, capacity=ROOM)
    worst.open("ann")
    assert worst.place(0, 1, pair, 2, 73) == Status.UNKNOWN


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda e: e.open("ann"), "account must not be open yet"),
        (lambda e: e.open("eve", "XXX"), "currency must"),
        (lambda e: e.deposit(0, "USD", "1.001"), "multiple of 1e-2"),
        (lambda e: e.deposit(0, "EUR", "1"), "asset must"),
        (lambda e: e.evaluate("ann", "X-PERP", "0.15", "100"), "multiple of the lot"),
        (lambda e: e.evaluate("eve", "X-PERP", "1", "100"), "account must"),
        (lambda e: e.evaluate("ann", "X-PERP", "1", "100.001"), "tick"),
        (lambda e: e.expire("Y", "1"), "instrument must"),
        (lambda e: Capacity(journal=3), "journal must be a power of two"),
        (lambda e: Capacity(accounts=0), "accounts must"),
        (lambda e: RiskEngine(e.prepared, orders="some"), "orders must"),
        (lambda e: RiskEngine(e.prepared, fee="2"), "fee must"),
    ],
)
def test_a_wrong_input_is_named(call, message):
    made = engine()
    with pytest.raises(InvalidInputError, match=message):
        call(made)
