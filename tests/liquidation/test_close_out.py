"""Close-outs of one account: the smallest against every lattice point, the other rules by hand, what holds for all."""

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from account.gate_desks import SEEDS, prepared
from conformance.simple_accounts import account as account_of
from conformance.simple_accounts import perpetual
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin import Account, Instrument, Market, Observation, Order, Portfolio, Position, load
from crossmargin._core.events import Kind
from crossmargin._core.status import Status
from crossmargin.account import Capacity, RiskEngine
from crossmargin.errors import InvalidInputError
from crossmargin.liquidation.close_out import (
    Closing, CommonShare, Costs, Outcome, Penalty, Smallest, Staged, Whole, close_out,
)  # fmt: skip
from crossmargin.liquidation.close_out_costs import closing_ticks
from crossmargin.portfolio.portfolio import fill_cost
from crossmargin.scenario.revalue import mark_of
from crossmargin.venues import paradex
from crossmargin.venues.paradex_parameters import CrossRules

CASH = {  # desk: account currency, asset of the collateral
    "isolated": ("USD", "USD"), "scenario": ("USD", "USD"), "tiered": ("USD", "USDC"), "sensitivities": ("USD", "USDC"),
    "scenario of coins": ("USD", "USDC"), "Derive v2": ("USDC", "USDC"), "Derive standard": ("USDC", "USDC"),
    "Deribit": ("USD", "USDC"), "Bybit": ("USD", "USDC"), "Paradex": ("USDC", "USDC"), "Hyperliquid": ("USDC", "USDC"),
}  # fmt: skip
COSTS = Costs(half_spread=0.001, impact=0.0005, fee=0.0002)
NOTIONAL, RELEASED = Penalty(rate="0.002", liquidator="0.4", fund="0.6"), Penalty(rate="0.5", base="released")
SECOND = 10**9


def holdable(desk):
    """Instruments with a price, in order."""
    market = prepared(desk).market
    return [row.id for row in prepared(desk).instruments if market.has("mark", row.id)]


def in_trouble(desk, lots, short, moved=1.02):
    """Positions bought or sold at ``moved`` times their marks, and cash: equity is ``1 - short`` of maintenance."""
    method, (currency, cash) = prepared(desk), CASH[desk]
    owner, held = Account(id="account", currency=currency), {}
    for name, size in lots.items():
        row = method.instruments.instrument(name)
        ticks = max(round(moved * mark_of(name, row.kind, row.underlying, method.market) / float(row.tick)), 1)
        held[name] = Position(size, fill_cost(row, method.instruments.asset(row.settlement).decimals, size, ticks))
    portfolio = Portfolio.of(method.instruments, account=owner, positions=held)
    found, asset = method.requirement(portfolio), method.instruments.asset(cash)
    price = method.market.price(asset.id, asset.underlying) / method.market.price(currency)
    needed = ((1.0 - short) * found.maintenance - found.equity_maintenance) / price
    return portfolio.holding(balances={cash: Fraction(round(needed * 10**asset.decimals), 10**asset.decimals)})


def closing_of(desk, portfolio, **terms):
    return Closing(prepared=prepared(desk), portfolio=portfolio, **{"costs": COSTS, "penalty": NOTIONAL, **terms})


def closed(found, closing):
    """Lots closed of each leg."""
    return np.array([abs(found.traded.get(name, 0)) for name in closing.names])


# ---- the smallest reduction, against all ------------------------------------------------------


ONE = [(desk, place) for desk in CASH for place in (0, -1)]


@pytest.mark.parametrize(("desk", "place"), ONE)
@pytest.mark.parametrize("penalty", [NOTIONAL, RELEASED], ids=["notional", "released"])
def test_one_position_loses_the_least_number_of_lots(desk, place, penalty):
    for lots, short in [(37, 0.04), (-53, 0.3), (41, 0.75), (-7, 0.9), (29, 1.2)]:
        portfolio = in_trouble(desk, {holdable(desk)[place]: lots}, short)
        closing = closing_of(desk, portfolio, penalty=penalty)
        every = closing.met(closing.reduced(np.arange(abs(lots) + 1)[:, None]).surplus)
        found = close_out(prepared(desk), portfolio, Smallest(), costs=COSTS, penalty=penalty)
        if every.any():
            assert (found.outcome, closed(found, closing)) == (Outcome.RESTORED, np.argmax(every))
            assert 0 < np.argmax(every)
        else:
            assert found.outcome in {Outcome.CLOSED, Outcome.TAKEOVER}


PAIRS = [
    ("isolated", {"GOOG": -40, "SPX-20160219-1920-P": -25}),
    ("isolated", {"SPX-20160115-1975-P": -30, "SPX-20160115-2120-C": -35}),
    ("scenario", {"SPX-20160115-1975-P": -30, "SPX-20160318": -8}),
    ("scenario", {"SPX-20160318": 20, "SPX-20160318-2040-P": -33}),
    ("scenario", {"SPX-20160318": -12, "GOOG": 45}),
    ("tiered", {"BTC-USDC-PERPETUAL": 50, "ETH-USDC-PERPETUAL": -45}),
    ("tiered", {"BTC-28JUN24": -40, "ETH-20240703-3100-C": -38}),
    ("scenario of coins", {"BTC-PERPETUAL": 40, "BTC-USDC-PERPETUAL": -5}),
    ("scenario of coins", {"ETH-20240703-2700-P": -40, "ETH-USDC-PERPETUAL": -32}),
    ("Paradex", {"BTC-USDC": 40, "BTC-USDC-30-60000-put": -30}),
]


@pytest.mark.parametrize(("desk", "lots"), PAIRS, ids=[f"{desk}: {', '.join(lots)}" for desk, lots in PAIRS])
@pytest.mark.parametrize("short", [0.05, 0.4, 0.8])
def test_no_cheaper_reduction_of_two_positions_exists(desk, lots, short):
    """Over the whole lattice, up to one lot of each: that is what rounding a programme's solution up may cost."""
    portfolio = in_trouble(desk, lots, short)
    closing = closing_of(desk, portfolio)
    grid = np.array([(a, b) for a in range(closing.lots[0] + 1) for b in range(closing.lots[1] + 1)])
    good = closing.met(closing.reduced(grid).surplus)
    each = closing.cost / closing.lots
    found = close_out(prepared(desk), portfolio, Smallest(), costs=COSTS, penalty=NOTIONAL)
    assert good.any() == (found.outcome == Outcome.RESTORED)
    if good.any():
        assert closed(found, closing) @ each <= (grid[good] @ each).min() + each.sum()
        spare = closed(found, closing) - np.eye(2, dtype=int)
        assert not closing.met(closing.reduced(spare[(spare >= 0).all(axis=1)]).surplus).any()


def test_costs_decide_which_position_goes():
    lots = {"BTC-USDC-PERPETUAL": 300, "ETH-USDC-PERPETUAL": 800}
    portfolio = in_trouble("tiered", lots, 0.2)
    for dear, cheap in permutations(lots):
        costs = Costs(half_spread={dear: 0.002}, default=0.0001)
        found = close_out(prepared("tiered"), portfolio, Smallest(), costs=costs)
        assert found.outcome == Outcome.RESTORED
        assert list(found.traded) == [cheap]


def test_without_costs_the_smaller_reduction_is_taken():
    """Equal rates a notional and no cost: what is closed is no more than the shortfall needs."""
    portfolio = in_trouble("tiered", {"BTC-USDC-PERPETUAL": 50, "ETH-USDC-PERPETUAL": 800}, 0.2)
    found = close_out(prepared("tiered"), portfolio, Smallest())
    closing = closing_of("tiered", portfolio, costs=Costs(), penalty=Penalty())
    less = closed(found, closing) - np.eye(2, dtype=int)
    assert found.outcome == Outcome.RESTORED
    assert not closing.met(closing.reduced(less[(less >= 0).all(axis=1)]).surplus).any()


def test_a_whole_book_of_options_is_restored_by_a_few_of_them():
    """51 positions: no lot of the reduction can be given back, at a fraction of the cost of all."""
    desk = prepared("scenario")
    portfolio = load(SEEDS / "market-maker.json").portfolio.holding(balances={"USD": "100000"})
    found, whole = (close_out(desk, portfolio, rule, costs=COSTS, penalty=NOTIONAL) for rule in (Smallest(), Whole()))
    assert found.outcome == whole.outcome == Outcome.RESTORED
    assert found.cost + found.penalty < 0.05 * (whole.cost + whole.penalty)
    closing = closing_of("scenario", portfolio.holding(orders=()))
    less = closed(found, closing) - np.eye(len(closing.legs), dtype=int)
    assert not closing.met(closing.reduced(less[(less >= 0).all(axis=1)]).surplus).any()


# ---- hedges ------------------------------------------------------------------------------------


def pair(long, short, cash):
    """Two perpetuals on one underlying under a margin of 2 % of the net and 1 % of the hedged delta."""
    listed = [perpetual(name, "BTC", "USDC", lot=Fraction(1, 100)) for name in ("A", "B")]
    at = {"A": Position(long, long * 500 * 10**9), "B": Position(short, short * 500 * 10**9)}
    portfolio, market = account_of(listed, at, {"BTC": 50_000}, {"A": 50_000, "B": 50_000}, balances={"USDC": cash})
    return paradex.portfolio_margin().prepare(portfolio.instruments, market), portfolio


def test_the_unhedged_part_goes_first_and_alone_where_it_suffices():
    desk, portfolio = pair(1_000, -600, "13500")
    assert desk.requirement(portfolio).maintenance == pytest.approx(0.16 * 400 * 500 / 2)  # the scan of 4 BTC net
    found = close_out(desk, portfolio, Smallest(), costs=COSTS)
    assert found.outcome == Outcome.RESTORED
    assert set(found.traded) == {"A"}
    assert -400 < found.traded["A"] < 0


def test_a_hedge_comes_off_last_and_on_both_sides_at_once():
    desk, portfolio = pair(1_000, -600, "1700")
    found = close_out(desk, portfolio, Smallest(), costs=COSTS)
    first, last = found.steps
    assert [(trade.instrument, trade.lots) for trade in first.trades] == [("A", -400)]
    assert first.reason.startswith("most surplus per cost: ")
    sold, bought = last.trades
    assert (sold.instrument, bought.instrument) == ("A", "B")
    assert 0 <= -sold.lots - bought.lots <= 1 < bought.lots  # a hedge stays whole, up to a lot
    assert last.reason.startswith("hedged positions on both sides at once")
    assert found.outcome == Outcome.RESTORED
    hedged, broken = ({"A": Position(600 - n), "B": Position(-600)} for n in (0, 1))
    whole, less = (desk.requirement(portfolio.holding(positions=held)).maintenance for held in (hedged, broken))
    assert less > whole  # breaking it would have cost margin


# ---- properties of every rule ------------------------------------------------------------------

RULES = [Smallest(), CommonShare(), Staged(above=20_000.0), Whole()]


@st.composite
def cases(draw):
    desk = draw(st.sampled_from(["isolated", "tiered", "scenario", "scenario of coins", "Derive v2", "Hyperliquid"]))
    names = draw(st.lists(st.sampled_from(holdable(desk)), min_size=1, max_size=4, unique=True))
    sizes = st.integers(1, 400).flatmap(lambda n: st.sampled_from([n, -n]))
    lots = {name: draw(sizes) for name in names}
    costs = draw(st.sampled_from([Costs(), COSTS, Costs(half_spread=0.02, fee=0.01)]))
    penalty = draw(st.sampled_from([Penalty(), NOTIONAL, RELEASED, Penalty(rate="0.3")]))
    return desk, lots, draw(st.sampled_from([0.02, 0.3, 0.9, 1.5])), costs, penalty


def run(case, rule):
    desk, lots, short, costs, penalty = case
    portfolio = in_trouble(desk, lots, short)
    return prepared(desk), portfolio, close_out(prepared(desk), portfolio, rule, costs=costs, penalty=penalty)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
@settings(max_examples=15, deadline=None)
@given(case=cases())
def test_no_step_lowers_the_surplus_and_the_end_is_one_of_three(rule, case):
    desk, portfolio, found = run(case, rule)
    surplus = desk.requirement(portfolio).surplus_maintenance
    atom = 10.0 ** -portfolio.instruments.asset(portfolio.account.currency).decimals
    for step in found.steps:
        assert step.surplus_before == surplus
        assert step.surplus_after >= surplus - atom
        assert step.reason
        surplus = step.surplus_after
    assert found.requirement.surplus_maintenance == surplus == desk.requirement(found.account).surplus_maintenance
    restored, left = round(surplus / atom) >= 0, any(p.lots for p in found.account.positions.values())
    assert found.outcome == (Outcome.RESTORED if restored else Outcome.TAKEOVER if left else Outcome.CLOSED)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
@settings(max_examples=15, deadline=None)
@given(case=cases())
def test_positions_shrink_toward_zero_by_whole_lots(rule, case):
    _, portfolio, found = run(case, rule)
    held = {name: position.lots for name, position in portfolio.positions.items()}
    for step in found.steps:
        assert step.trades
        for trade in step.trades:
            after = held[trade.instrument] + trade.lots
            assert isinstance(trade.lots, int)
            assert held[trade.instrument] * trade.lots < 0
            assert held[trade.instrument] * after >= 0
            held[trade.instrument] = after
    assert {name: n for name, n in held.items() if n} == {name: p.lots for name, p in found.account.positions.items()}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
@settings(max_examples=15, deadline=None)
@given(case=cases())
def test_the_ledger_comes_to_the_same_account(rule, case):
    """Trades, fees and payments applied event by event by the engine: every position, cost and balance to the atom."""
    desk, portfolio, found = run(case, rule)
    engine = RiskEngine(desk, orders="venue", capacity=Capacity(accounts=1, slots=8, orders=8, journal=0, notional=1e9))
    rows, assets = portfolio.instruments.index, portfolio.instruments.asset_index
    handle = engine.open("account", portfolio.account.currency)
    for name, atoms in portfolio.balances.items():
        assert engine.event(Kind.ADJUST, 0, handle, assets[name], atoms) == Status.OK
    for name, held in portfolio.positions.items():
        assert engine.event(Kind.BRING, 0, handle, rows[name], held.lots, held.open_cost) == Status.OK
    for step in found.steps:
        for trade in step.trades:
            sides = (handle, 0, -1, 0) if trade.lots > 0 else (-1, 0, handle, 0)
            fees = (trade.fee, 0) if trade.lots > 0 else (0, trade.fee)
            status = engine.trade(*sides, rows[trade.instrument], abs(trade.lots), trade.ticks, *fees)
            assert status == Status.OK
        for payment in step.payments:
            assert engine.event(Kind.ADJUST, 0, handle, assets[payment.asset], -payment.charge.total) == Status.OK
    ledger = engine.portfolio("account")
    assert ledger.positions == found.account.positions
    assert {k: v for k, v in ledger.balances.items() if v} == found.account.balances


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
@settings(max_examples=15, deadline=None)
@given(case=cases())
def test_atoms_are_conserved(rule, case):
    """Balances less open costs fall by what was paid: for trades, for fees, to liquidator and fund."""
    _, portfolio, found = run(case, rule)
    instruments = portfolio.instruments

    def worth(held):
        total = dict.fromkeys(instruments.asset_index, 0) | held.balances
        for name, position in held.positions.items():
            total[instruments.instrument(name).settlement] -= position.open_cost
        return total

    paid = dict.fromkeys(instruments.asset_index, 0)
    for trade in (trade for step in found.steps for trade in step.trades):
        paid[trade.asset] += trade.cost + trade.fee
    for payment in found.payments:
        paid[payment.asset] += payment.charge.liquidator + payment.charge.fund
    before, after = worth(portfolio), worth(found.account)
    assert {name: before[name] - after[name] for name in before} == paid


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
@settings(max_examples=15, deadline=None)
@given(case=cases(), seed=st.randoms(use_true_random=False))
def test_the_order_in_which_positions_are_stored_does_not_matter(rule, case, seed):
    desk, portfolio, found = run(case, rule)
    held = list(portfolio.positions.items())
    seed.shuffle(held)
    again = close_out(desk, portfolio.holding(positions=dict(held)), rule, costs=case[3], penalty=case[4])
    assert again.steps == found.steps
    assert (again.outcome, again.account.positions, again.account.balances) == (
        found.outcome, found.account.positions, found.account.balances)  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(case=cases())
def test_where_the_smallest_gives_up_no_position_alone_would_help(case):
    desk, _, found = run(case, Smallest())
    if found.outcome != Outcome.TAKEOVER:
        return
    closing = Closing(prepared=desk, portfolio=found.account, costs=case[3], penalty=case[4])
    for place, lots in enumerate(closing.lots):
        alone = np.outer(np.arange(1, lots + 1), np.arange(len(closing.legs)) == place)
        gain = closing.reduced(alone).surplus - closing.surplus
        assert gain.max() <= 3 * closing.atom  # what rounding of cost, fee and penalty to atoms may give


# ---- rules one by one --------------------------------------------------------------------------


def perpetuals(sizes, cash, *, mark=100.0, paid=100.0, imf=0.1, fee_rate=0.0, **terms):
    """Perpetuals of one contract a lot under maintenance of half ``imf``; each with its own underlying."""
    listed = [perpetual(name, name, "USDC", **terms) for name in sizes]
    held = {name: Position(n, int(n * paid * 10**9)) for name, n in sizes.items()}
    marks = dict.fromkeys(sizes, mark)
    portfolio, market = account_of(listed, held, marks, marks, balances={"USDC": cash})
    method = paradex.CrossMargin(name="test", rules=CrossRules(imf=dict.fromkeys(sizes, imf), fee_rate=fee_rate))
    return method.prepare(portfolio.instruments, market), portfolio


def test_the_least_lots_by_hand():
    # 100 contracts at 100, maintenance 5 % = 500 against 400: each lot sold frees 5 and costs 0.1 of spread and
    # 0.25 of penalty, so 100 / 4.65 = 21.5: 22 lots
    desk, portfolio = perpetuals({"A": 100}, "400")
    penalty = Penalty(rate=Fraction(1, 400), liquidator="0.2", fund="0.8")
    found = close_out(desk, portfolio, Smallest(), costs=Costs(half_spread=0.001), penalty=penalty)
    [step] = found.steps
    [trade] = step.trades
    assert (trade.instrument, trade.lots, trade.ticks, trade.asset) == ("A", -22, 99_900_000, "USDC")
    assert (trade.cost, trade.fee) == (-2_197_800_000_000, 0)
    assert step.cost == pytest.approx(2.2)
    assert step.penalty == pytest.approx(2_197.8 / 400)
    assert step.margin_freed == pytest.approx(110)
    assert (step.surplus_before, step.surplus_after) == (pytest.approx(-100), pytest.approx(110 - 100 - 2.2 - 5.4945))
    [payment] = step.payments
    assert (payment.asset, payment.charge.liquidator, payment.charge.fund) == ("USDC", 1_098_900_000, 4_395_600_000)
    assert found.account.positions == {"A": Position(78, 780 * 10**10)}
    assert found.account.balances == {"USDC": (400 * 10**9 - 2_200_000_000 - 5_494_500_000)}
    assert found.outcome == Outcome.RESTORED
    assert found.explain() == (
        "-22 A at 99900000 ticks: surplus -100.00 to 2.31; most surplus per cost: 102.305 for 7.6945",
        "restored: surplus 2.31",
    )


def test_a_target_above_zero_asks_for_more():
    desk, portfolio = perpetuals({"A": 100}, "400")
    assert close_out(desk, portfolio, Smallest(), target=100.0).traded == {"A": -40}
    assert close_out(desk, portfolio, Smallest(), target=-100.0).steps == ()
    with pytest.raises(InvalidInputError, match="^target must be finite, was nan$"):
        close_out(desk, portfolio, Smallest(), target=float("nan"))


def test_an_account_at_the_target_is_left_alone_with_its_orders():
    desk, portfolio = perpetuals({"A": 100}, "500")
    resting = portfolio.holding(orders=[Order(id=1, instrument="A", side="sell", lots=5, limit="101")])
    for rule in RULES:
        found = close_out(desk, resting, rule)
        assert (found.steps, found.outcome, found.account) == ((), Outcome.RESTORED, resting)


def test_resting_orders_are_cancelled_first():
    """Mango charges orders at maintenance too: without them the account may be restored."""
    desk = prepared("Mango")
    held = Portfolio.of(desk.instruments, positions={"SWAP": Position(100, 100_000)}, balances={"Q": "150"})
    resting = held.holding(orders=[Order(id=1, instrument="SWAP", side="buy", lots=60, limit="20")])
    before, after = (desk.requirement(portfolio).surplus_maintenance for portfolio in (resting, held))
    assert before < 0 < after
    found = close_out(desk, resting, Smallest())
    [step] = found.steps
    assert (step.trades, step.surplus_before, step.surplus_after) == ((), before, after)
    assert step.reason == "resting orders cancelled: their margin comes free at no cost"
    assert (found.outcome, found.account.orders, found.traded) == (Outcome.RESTORED, (), {})
    poor = resting.holding(balances={"Q": "60"})
    found = close_out(desk, poor, Smallest())
    assert [bool(step.trades) for step in found.steps] == [False, True]
    assert found.steps[1].surplus_before == found.steps[0].surplus_after < 0
    assert (found.outcome, found.account.orders) == (Outcome.RESTORED, ())


def test_orders_that_do_not_weigh_are_cancelled_without_a_step():
    desk, portfolio = perpetuals({"A": 100}, "400")
    resting = portfolio.holding(orders=[Order(id=1, instrument="A", side="buy", lots=5, limit="99")])
    found = close_out(desk, resting, Smallest())
    assert found.account.orders == ()
    assert (len(found.steps), found.traded) == (1, {"A": -20})


def test_every_position_by_one_common_share():
    # maintenance 500 + 250 = 750 against 700; at 20 %: 600 of 700 - 0 is 86 %, below 90 %
    desk, portfolio = perpetuals({"A": 100, "B": -50}, "700")
    found = close_out(desk, portfolio, CommonShare())
    assert found.traded == {"A": -20, "B": 10}
    assert len(found.steps) == 1
    why = "common share 20%: the smallest in steps of 20% with maintenance below 90% of equity"
    assert found.steps[0].reason == why
    # a share of 1/3 and lots rounded up
    assert close_out(desk, portfolio, CommonShare(step=Fraction(1, 3))).traded == {"A": -34, "B": 17}
    # below 80 %: 450 of 700 at 40 %
    assert close_out(desk, portfolio, CommonShare(below=0.8)).traded == {"A": -40, "B": 20}


def test_a_ratio_at_the_limit_is_not_below_it():
    desk, portfolio = perpetuals({"A": 100}, "500")
    at = close_out(desk, portfolio, CommonShare(below=0.8), target=0.01)
    assert at.traded == {"A": -40}  # 400 of 500 after 20 % is 80 % itself


def test_no_common_share_suffices_and_all_is_closed():
    desk, portfolio = perpetuals({"A": 100, "B": -50}, "-10")
    found = close_out(desk, portfolio, CommonShare())
    assert found.traded == {"A": -100, "B": 50}
    assert found.outcome == Outcome.CLOSED
    assert found.steps[0].reason == "no common share brings maintenance below 90% of equity: all is closed"
    assert found.requirement.equity_maintenance == -10
    assert found.account.positions == {}


def test_a_large_position_loses_a_fifth_first_and_the_rest_if_that_is_not_enough():
    # maintenance 7,500 + 4,000 + 250 of 150,000 + 80,000 + 5,000; 10,000 is there
    sizes = {"A": 1_500, "B": -800, "C": 50}
    desk, portfolio = perpetuals(sizes, "10000")
    found = close_out(desk, portfolio, Staged(), time=5 * SECOND)
    assert [[(t.instrument, t.lots) for t in step.trades] for step in found.steps] == [[("A", -300)], [("B", 800)]]
    assert found.steps[0].reason == "largest position without a turn, 20% of a notional above 100000"
    assert found.steps[1].reason == "largest position without a turn, whole: a notional of at most 100000"
    assert (found.outcome, found.last_part) == (Outcome.RESTORED, 5 * SECOND)
    desk, portfolio = perpetuals(sizes, "100")
    found = close_out(desk, portfolio, Staged(), time=5 * SECOND)
    assert [[(t.instrument, t.lots) for t in step.trades] for step in found.steps] == [
        [("A", -300)], [("B", 800)], [("C", -50)], [("A", -1_200)]]  # fmt: skip
    assert found.steps[3].reason == "largest position, whole: every position had its turn"


@pytest.mark.parametrize(("after", "lots"), [(0, -300), (1, -1_500), (30 * SECOND - 1, -1_500), (30 * SECOND, -300)])
def test_within_the_cool_down_positions_go_whole(after, lots):
    desk, portfolio = perpetuals({"A": 1_500}, "7000")
    found = close_out(desk, portfolio, Staged(), time=100 * SECOND + after, last_part=100 * SECOND)
    assert found.traded == {"A": lots}
    assert found.last_part == 100 * SECOND + (after if lots == -300 else 0)


def test_a_leg_of_a_hedge_waits_for_the_others():
    desk, portfolio = pair(100, -100, "200")  # maintenance 1 % of 1 BTC hedged, halved: 250
    found = close_out(desk, portfolio, Staged())
    [step] = found.steps
    assert [(trade.instrument, trade.lots) for trade in step.trades] == [("A", -100), ("B", 100)]
    assert step.reason == "each position alone would lower the surplus: all go at once"
    assert found.outcome == Outcome.RESTORED


def test_the_whole_account_at_once():
    desk, portfolio = perpetuals({"A": 100, "B": -50}, "740")
    found = close_out(desk, portfolio, Whole())
    assert found.traded == {"A": -100, "B": 50}
    assert (len(found.steps), found.outcome, found.account.positions) == (1, Outcome.RESTORED, {})
    assert found.account.balances == {"USDC": 740 * 10**9}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_a_penalty_above_the_margin_that_it_frees_is_a_takeover(rule):
    """Maintenance is 5 % of the notional and the penalty 6 %: whatever is closed makes it worse."""
    desk, portfolio = perpetuals({"A": 100, "B": -50}, "700")
    found = close_out(desk, portfolio, rule, penalty=Penalty(rate="0.06"))
    assert (found.steps, found.outcome, found.account.positions) == ((), Outcome.TAKEOVER, portfolio.positions)
    assert close_out(desk, portfolio, rule, penalty=Penalty(rate="0.04")).steps != ()


def test_what_helps_is_closed_before_a_takeover():
    # B would cost 30 % to close, A nothing: A goes, B cannot
    desk, portfolio = perpetuals({"A": 100, "B": -500}, "100")
    found = close_out(desk, portfolio, Smallest(), costs=Costs(half_spread={"B": 0.3}))
    assert found.traded == {"A": -100}
    assert found.outcome == Outcome.TAKEOVER


def test_a_deficit_is_closed_and_left_to_others():
    desk, portfolio = perpetuals({"A": 100}, "-30")
    found = close_out(desk, portfolio, Smallest())
    assert (found.outcome, found.traded) == (Outcome.CLOSED, {"A": -100})
    assert found.steps[0].reason == "no reduction restores the target: the whole account is closed"
    empty = close_out(desk, found.account, Smallest())
    assert (empty.steps, empty.outcome) == ((), Outcome.CLOSED)


def test_costs_without_lots_stay_as_they_are():
    desk, portfolio = perpetuals({"A": 100, "B": 0}, "430")
    held = portfolio.holding(positions={"A": portfolio.positions["A"], "B": Position(0, 30 * 10**9)})
    found = close_out(desk, held, Smallest())
    assert found.traded == {"A": -20}
    assert found.account.positions["B"] == Position(0, 30 * 10**9)
    assert close_out(desk, held, CommonShare(below=1.001)).traded == {"A": -20}


# ---- costs -------------------------------------------------------------------------------------


def test_prices_are_rounded_against_the_account():
    row = Instrument(id="A", kind="perpetual", underlying="A", settlement="USD", tick="0.5")
    shift = Fraction(1, 100)
    assert closing_ticks(row, 100.0, shift, sells=True) == 198  # 99
    assert closing_ticks(row, 100.1, shift, sells=True) == 198  # 99.099
    assert closing_ticks(row, 100.1, shift, sells=False) == 203  # 101.101
    assert closing_ticks(row, 100.0, shift, sells=False) == 202
    assert closing_ticks(row, -20.0, shift, sells=True) == -41  # -20.2
    assert closing_ticks(row, -20.0, shift, sells=False) == -39  # -19.8
    assert closing_ticks(row, 0.1, Fraction(0), sells=True) == 0
    inverse = Instrument(id="I", kind="perpetual", underlying="A", settlement="A", payoff="inverse", tick="0.5")
    assert closing_ticks(inverse, 0.1, Fraction(0), sells=True) == 1


def test_costs_by_instrument():
    instruments = prepared("Hyperliquid").instruments
    names = [row.id for row in instruments]
    one = Costs(half_spread=0.01, impact=0.02, fee=0.0003)
    assert one.of(instruments, names[0]) == (Fraction(3, 100), Fraction(3, 10_000))
    some = Costs(half_spread={names[0]: 0.01}, default=0.005)
    assert some.of(instruments, names[0])[0] == Fraction(1, 100)
    assert some.of(instruments, names[1])[0] == Fraction(5, 1_000)
    each = Costs(impact=np.array([0.0, 0.1, 0.2, 0.3]))
    assert [float(each.of(instruments, name)[0]) for name in names] == [0.0, 0.1, 0.2, 0.3]


def test_costs_as_observed():
    """A spread of 4 basis points, half of it, and 1 basis point of impact: a quarter of a depth moves it by half."""
    desk, portfolio = perpetuals({"A": 100, "B": -50}, "400")
    seen = [Observation(subject="A", field=f, value=v) for f, v in (("spread", 0.0004), ("depth", 200.0))]
    found = Costs.observed(portfolio, Market.of(seen, as_of=0), fee=0.001)
    assert found.of(portfolio.instruments, "A") == (Fraction("0.0003"), Fraction("0.001"))
    assert found.of(portfolio.instruments, "B") == (0, Fraction("0.001"))


def test_costs_out_of_range_are_refused():
    instruments = prepared("Hyperliquid").instruments
    with pytest.raises(InvalidInputError, match=r"^half_spread must lie in \[0, 1\], was -0.1$"):
        Costs(half_spread=-0.1)
    with pytest.raises(InvalidInputError, match="^impact must be finite, was nan at row 1$"):
        Costs(impact=[0.0, float("nan")])
    with pytest.raises(InvalidInputError, match=r"^fee must lie in \[0, 1\], was 2 of 'X'$"):
        Costs(fee={"X": 2})
    with pytest.raises(InvalidInputError, match="^default must lie in"):
        Costs(default=1.5)
    with pytest.raises(InvalidInputError, match=r"^half_spread \+ impact must be below 1, was 1.0 of 'BTC-USDC'$"):
        Costs(half_spread=0.5, impact=0.5).of(instruments, "BTC-USDC")
    with pytest.raises(InvalidInputError, match="^fee must have length 4, was 2$"):
        Costs(fee=(0.1, 0.2)).of(instruments, "BTC-USDC")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CommonShare(step=0), r"^step must lie in \(0, 1\], was 0.0$"),
        (lambda: CommonShare(below=0), "^below must be > 0, was 0$"),
        (lambda: Staged(share=1.5), r"^share must lie in \(0, 1\], was 1.5$"),
        (lambda: Staged(above=-1.0), "^above must be >= 0, was -1.0$"),
        (lambda: Staged(cool_down=-1), "^cool_down must lie in"),
        (lambda: Smallest(cuts=0), "^cuts must lie in"),
    ],
)
def test_rules_out_of_range_are_refused(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make()
