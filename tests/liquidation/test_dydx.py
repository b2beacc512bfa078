"""dYdX v4's close-out: what a bankruptcy price leaves, prices and limits at their edges, queue, deleveraging, gate."""

from fractions import Fraction

import pytest
from conformance.drift_accounts import PERP as DRIFT_PERP
from conformance.drift_accounts import simple as drift_account
from conformance.dydx_accounts import desk
from hypothesis import assume, given
from hypothesis import strategies as st

from crossmargin import InvalidInputError, Portfolio
from crossmargin.liquidation.venues.dydx import (
    MAX_SUBTICKS,
    BlockUse,
    ClobPair,
    FillOutcome,
    LiquidationFill,
    LiquidationOrder,
    LiquidationRules,
    bankruptcy_quote,
    closing,
    fill_outcome,
    fill_quote,
    fillable_price,
    insurance_change,
    limit_subticks,
    liquidated_lots,
    liquidation_fill,
    liquidation_order,
    liquidation_queue,
    position_limits,
)
from crossmargin.liquidation.venues.dydx_deleveraging import (
    DeleveragingFill,
    DeleveragingPrice,
    WithdrawalGate,
    collateral_pool,
    deleverage,
    deleveraging_price,
    traded,
)
from crossmargin.venues.drift import DriftMargin
from crossmargin.venues.dydx import risk
from crossmargin.venues.dydx_parameters import LARGE_CAP, ONE, LiquidityTier, PerpMarket

PERPS = {"BTC": (Fraction(50_000), -8), "ETH": (Fraction(3_000), -9)}
TIER = LiquidityTier(initial=200_000, maintenance_fraction=500_000)
TENTH = LiquidityTier(initial=100_000, maintenance_fraction=ONE)
DOLLAR = 10**6
BOOK = ClobPair(exponent=-8, tick=100)


def btc(base, balance, *, tier=TIER, name="row", **more):
    return desk(PERPS, tier=tier, positions={"BTC": base}, balance=balance, name=name, **more)


def coin(base, balance, *, tier=TIER, name="row", price=1):
    """At a price of 1 a base quantum is worth a quote quantum."""
    return desk({"C": (Fraction(price), -6)}, tier=tier, positions={"C": base}, balance=balance, name=name)


def part_of(case, instrument, lots):
    return closing(case.prepared, case.portfolio, instrument, lots)


# ---- bankruptcy and fillable price ----------------------------------------------------------------


sizes = st.integers(-(10**11), 10**11)
tiers = st.builds(LiquidityTier, initial=st.integers(1, ONE), maintenance_fraction=st.integers(1, ONE))
prices = st.fractions(Fraction(1, 100), 10**5, max_denominator=10**4)


@given(sizes, sizes, prices, tiers, st.integers(-(10**14), 10**14), st.floats(0, 1))
def test_a_part_closed_at_the_bankruptcy_price_never_lowers_the_ratio(first, second, price, tier, cash, share):
    """``NC' TMMR >= TNC MMR'`` and less than one quantum above, all of them the plan's own figures."""
    case = desk({"BTC": (price, -8), "ETH": (Fraction(3_000), -9)}, tier=tier, balance=cash,
                positions={"BTC": first, "ETH": second})  # fmt: skip
    before = risk(case.prepared, case.portfolio)
    assume(first != 0 and before.maintenance > 0)
    lots = -max(1, round(abs(first) * share)) * (1 if first > 0 else -1)
    quote = bankruptcy_quote(part_of(case, "BTC-USD", lots))
    after = risk(case.prepared, traded(case.portfolio, "BTC-USD", lots, quote))
    above = after.net_collateral * before.maintenance - before.net_collateral * after.maintenance
    assert 0 <= above < before.maintenance
    assert after.maintenance <= before.maintenance


@given(sizes.filter(bool), prices, tiers, st.integers(-(10**14), 10**14))
def test_an_account_closed_whole_at_its_bankruptcy_price_is_left_with_nothing(base, price, tier, cash):
    case = desk({"BTC": (price, -8)}, tier=tier, positions={"BTC": base}, balance=cash)
    assume(risk(case.prepared, case.portfolio).maintenance > 0)
    quote = bankruptcy_quote(part_of(case, "BTC-USD", -base))
    after = risk(case.prepared, traded(case.portfolio, "BTC-USD", -base, quote))
    assert (after.net_collateral, after.maintenance) == (0, 0)


def test_a_bankruptcy_quote_rounds_up_to_the_account():
    """Of 100 long a sale of 33 frees 3 of a margin of 10: of 1 left the account gives 0.3, of -1 it is owed 0.3."""
    assert bankruptcy_quote(part_of(coin(100, -99, tier=TENTH), "C-USD", -33)) == 33
    assert bankruptcy_quote(part_of(coin(100, -101, tier=TENTH), "C-USD", -33)) == 34


@given(sizes.filter(bool), st.integers(-(10**14), 10**14), st.integers(0, 4 * ONE), st.integers(0, ONE))
def test_a_fillable_price_lies_between_the_oracle_and_the_whole_spread(base, cash, adjustment, spread):
    case = btc(base, cash)
    part = part_of(case, "BTC-USD", -base)
    rules = LiquidationRules(bankruptcy_adjustment=adjustment, spread_to_maintenance=spread)
    found, oracle = fillable_price(part, rules), Fraction(part.notional, base)
    widest = Fraction(part.maintenance * spread, ONE * abs(base))
    assert 0 <= (oracle - found if part.sells else found - oracle) <= widest
    if part.account.net_collateral <= 0 and adjustment >= ONE:
        assert abs(oracle - found) == widest
    if part.account.net_collateral >= part.account.maintenance:
        assert found == oracle


@pytest.mark.parametrize(("price", "sells", "subticks"), [
    (Fraction(50_001, 100), True, 50_001_000_000), (Fraction(50_001, 100), False, 50_001_000_000),
    (Fraction(1, 10**6) + Fraction(1, 10**20), True, 200), (Fraction(1, 10**6) + Fraction(1, 10**20), False, 100),
    (Fraction(0), True, 100), (Fraction(-5), True, 100), (Fraction(1, 10**9), False, 100),
    (Fraction(10**30), False, MAX_SUBTICKS // 100 * 100), (Fraction(10**30), True, MAX_SUBTICKS // 100 * 100),
])  # fmt: skip
def test_a_price_rounds_to_ticks_in_the_accounts_favour_within_64_bits(price, sells, subticks):
    assert limit_subticks(price, BOOK, sells=sells) == subticks


def test_an_account_without_maintenance_margin_has_no_bankruptcy_price():
    case = btc(10**7, -10**10, tier=LiquidityTier(initial=0, maintenance_fraction=ONE))
    for price in (bankruptcy_quote, lambda part: fillable_price(part, LiquidationRules())):
        with pytest.raises(InvalidInputError, match="maintenance margin must be > 0"):
            price(part_of(case, "BTC-USD", -(10**7)))


@pytest.mark.parametrize(("base", "lots"), [(10, 1), (10, -11), (-10, -1), (-10, 11), (10, 0), (0, 1), (0, 0)])
def test_only_what_is_held_closes(base, lots):
    case = btc(base, DOLLAR)
    with pytest.raises(InvalidInputError, match=f"lots must close at most the position of {base}, was '?{lots}"):
        part_of(case, "BTC-USD", lots)


def test_what_is_no_market_of_the_venue_is_refused():
    case, strange = btc(10, DOLLAR), drift_account([], kind=DriftMargin, positions=[(0, 10, 0)])
    markets = [PerpMarket(underlying="ETH", atomic_resolution=-9, tier=TIER)]
    without = desk(PERPS, tier=TIER, positions={}, markets=markets)
    with pytest.raises(InvalidInputError, match="underlying must name a known market, was 'BTC' of 'BTC-USD'"):
        closing(without.prepared, case.portfolio, "BTC-USD", -1)
    with pytest.raises(InvalidInputError, match="method must be dYdX cross margin, was 'drift'"):
        closing(strange.prepared, Portfolio(strange.book, 0), DRIFT_PERP, -1)


# ---- fills ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("base", "quote"), [(-3, 4), (3, -4), (-1, 1), (1, -1)])
def test_the_quote_of_a_fill_is_cut_toward_zero(base, quote):
    assert fill_quote(ClobPair(exponent=-1), base, 15) == quote


def test_the_fund_takes_what_is_left_up_to_the_fee_and_bears_every_loss():
    """100 long, 80 owed: the bankruptcy quote of all of it is 80."""
    part, rules = part_of(coin(100, -80), "C-USD", -100), LiquidationRules(max_fee=100_000)
    assert [insurance_change(part, quote, rules) for quote in (79, 80, 85, 88, 99)] == [-1, 0, 5, 8, 9]


def test_a_fill_says_what_is_traded_and_what_goes_to_the_fund():
    case = coin(100, -80)
    fill = liquidation_fill(case.prepared, case.portfolio, "C-USD", -50, pair=ClobPair(exponent=0), subticks=1,
                            rules=LiquidationRules(max_fee=20_000))  # fmt: skip
    assert fill == LiquidationFill(instrument="C-USD", base=-50, notional=50, quote=50, insurance=1)


# ---- limits of a block and the queue ----------------------------------------------------------------


LIMITS = LiquidationRules(min_position_notional=10, max_position_portion=250_000, max_account_notional=60,
                          max_insurance_lost=7)  # fmt: skip


@pytest.mark.parametrize(("notional", "limits"), [
    (100, (10, 25)), (-100, (10, 25)), (39, (10, 10)), (7, (7, 7)), (0, (0, 0)),
])  # fmt: skip
def test_a_block_takes_a_portion_of_a_position_at_least_the_minimum_at_most_all(notional, limits):
    assert position_limits(LIMITS, notional) == limits


@pytest.mark.parametrize(("base", "used", "lots"), [
    (100, 0, -25), (-100, 0, 25), (400, 0, -60), (400, 50, -10), (100, 60, -1), (10, 0, -10), (-9, 0, 9), (0, 0, 0),
])  # fmt: skip
def test_lots_of_a_block_follow_the_least_limit(base, used, lots):
    case = coin(base, 0)
    assert liquidated_lots(case.prepared, case.portfolio, "C-USD", LIMITS, BlockUse(notional=used)) == lots


def test_lots_are_whole_and_at_least_one():
    """At a price of 7, 25 % of 140 allows five lots; of three lots it allows less than one."""
    of = lambda base: coin(base, 0, price=7)  # noqa: E731
    rules = LiquidationRules(min_position_notional=0, max_position_portion=250_000, max_account_notional=10**9)
    found = [liquidated_lots(c.prepared, c.portfolio, "C-USD", rules, BlockUse()) for c in (of(20), of(23), of(3))]
    assert found == [-5, -5, -1]


def test_the_whole_position_trades_where_its_notional_allows_it():
    """3 lots at a half are worth 1, cut from 1.5: a limit of 1 would buy two of them."""
    case = coin(3, 0, price=Fraction(1, 2))
    assert liquidated_lots(case.prepared, case.portfolio, "C-USD", LIMITS, BlockUse()) == -3


def test_a_block_liquidates_a_perpetual_once():
    case, used = coin(100, 0), BlockUse(instruments=frozenset({"C-USD"}))
    assert liquidated_lots(case.prepared, case.portfolio, "C-USD", LIMITS, used) == 0
    assert liquidation_order(case.prepared, case.portfolio, "C-USD", pair=BOOK, rules=LIMITS, used=used) is None


@pytest.mark.parametrize(("notional", "insurance", "used", "fund", "outcome"), [
    (60, 0, {}, 0, FillOutcome.ACCEPTED), (61, 0, {}, 0, FillOutcome.ACCOUNT_NOTIONAL),
    (10, 0, {"notional": 51}, 0, FillOutcome.ACCOUNT_NOTIONAL), (10, -7, {}, 7, FillOutcome.ACCEPTED),
    (10, -7, {}, 6, FillOutcome.INSURANCE_FUND), (10, -7, {"insurance_lost": 1}, 99, FillOutcome.INSURANCE_LOST),
    (10, 3, {"insurance_lost": 99}, 0, FillOutcome.ACCEPTED),
    (10, 0, {"instruments": frozenset({"C-USD"})}, 0, FillOutcome.LIQUIDATED),
])  # fmt: skip
def test_a_fill_keeps_to_the_limits_and_the_fund(notional, insurance, used, fund, outcome):
    fill = LiquidationFill(instrument="C-USD", base=-10, notional=notional, quote=10, insurance=insurance)
    assert fill_outcome(fill, BlockUse(**used), LIMITS, fund) is outcome


def test_an_order_rests_at_the_fillable_price():
    """Of 0.1 BTC at 50,000 with 499 left of a margin of 500: the oracle less 0.2 % of 10 % of the margin."""
    case = btc(10**7, -4_501 * DOLLAR)
    rules = LiquidationRules(spread_to_maintenance=100_000, max_position_portion=ONE)
    order = liquidation_order(case.prepared, case.portfolio, "BTC-USD", pair=BOOK, rules=rules)
    assert (order.lots, order.subticks, order.oracle) == (-(10**7), 49_999_000_000, 5 * 10**10)
    assert order.notional == 5 * 10**9
    assert order.distance == Fraction(1, 50_000)


def test_a_larger_lot_changes_no_price():
    """Prices are of base quanta, whatever a lot holds of them."""
    orders = []
    for lot in (1, 50):
        case = btc(10**7 // lot, -4_501 * DOLLAR, lot=lot)
        orders.append(liquidation_order(case.prepared, case.portfolio, "BTC-USD", pair=BOOK, rules=LiquidationRules()))
        fill = liquidation_fill(case.prepared, case.portfolio, "BTC-USD", -1_000 // lot, pair=BOOK, subticks=10**10,
                                rules=LiquidationRules())  # fmt: skip
        assert (fill.base, fill.quote) == (-1_000, 100_000)
    one, fifty = orders
    assert one.subticks == fifty.subticks < one.oracle == fifty.oracle
    assert one.lots == 50 * fifty.lots


def test_the_queue_goes_by_distance_then_size_then_digest_then_ids():
    def order(account, subticks=90, notional=5, digest=b"", instrument="C"):
        return LiquidationOrder(account=account, instrument=instrument, lots=-1, subticks=subticks,
                                oracle=Fraction(100), notional=notional, digest=digest)  # fmt: skip

    ordered = [order("z", subticks=120), order("y", subticks=89), order("x", notional=6), order("b", subticks=110),
               order("w", instrument="A"), order("w"), order("a", digest=b"1")]  # fmt: skip
    assert liquidation_queue(ordered[::-1]) == liquidation_queue(ordered[3:] + ordered[:3]) == tuple(ordered)


def test_an_order_needs_an_oracle_price():
    with pytest.raises(InvalidInputError, match="oracle must be > 0, was 0 of 'C'"):
        LiquidationOrder(account="a", instrument="C", lots=1, subticks=1, oracle=Fraction(0), notional=0)


# ---- deleveraging -----------------------------------------------------------------------------------


def run(case, others, **more):
    return deleverage(case.prepared, case.portfolio, [other.portfolio for other in others], "C-USD", **more)


def fills(found):
    return [(fill.counterparty, fill.lots, fill.quote) for fill in found.fills]


@pytest.mark.parametrize(("collateral", "settled", "price"), [
    (-1, False, DeleveragingPrice.BANKRUPTCY), (-1, True, DeleveragingPrice.BANKRUPTCY),
    (0, False, DeleveragingPrice.NONE), (0, True, DeleveragingPrice.ORACLE),
])  # fmt: skip
def test_negative_collateral_closes_at_bankruptcy_and_final_settlement_at_the_oracle(collateral, settled, price):
    case = coin(100, collateral - 100)
    assert deleveraging_price(risk(case.prepared, case.portfolio), settled=settled) is price


def test_counterparties_take_over_at_the_bankruptcy_price_in_order_of_ids_from_a_number():
    """100 long with 120 owed sell at 1.2 to shorts; what is on the same side, or nothing, is passed over."""
    case = coin(100, -120)
    others = [coin(-30, 100, name="d"), coin(-200, 900, name="b"), coin(50, 0, name="a"), coin(-60, 150, name="c")]
    assert fills(run(case, others)) == [("b", -100, 120)]
    assert fills(run(case, others, start=2)) == [("c", -60, 72), ("d", -30, 36), ("b", -10, 12)]
    assert run(case, others, start=6) == run(case, others[::-1], start=2)


def test_a_holder_whose_bankruptcy_price_does_not_overlap_is_skipped():
    """A short of 40 with 47 can pay at most 47 for it, 1.175 each: less than 1.2; one with 48 pays all it has."""
    found = run(coin(100, -120), [coin(-40, 47, name="a"), coin(-40, 48, name="b")])
    assert (fills(found), found.skipped, found.lots_left) == ([("b", -40, 48)], ("a",), -60)


def test_an_account_of_collateral_is_deleveraged_in_final_settlement_alone():
    case, others = coin(-100, 130), [coin(100, 0, name="a")]
    assert run(case, others) == deleverage(case.prepared, case.portfolio, [], "C-USD")
    assert (fills(run(case, others)), run(case, others).lots_left) == ([], 100)
    assert run(case, others, settled=True).fills == (DeleveragingFill(counterparty="a", lots=100, quote=-100),)


def test_a_sale_at_the_oracles_price_may_not_cut_collateral_below_zero():
    """At a half, 4 lots are worth 2 and all of it is owed; one lot sells for 0, the 3 left are worth 1."""
    found = run(coin(4, -2, price=Fraction(1, 2)), [coin(-1, 5, name="a", price=Fraction(1, 2))], settled=True)
    assert (found.fills, found.skipped, found.lots_left) == ((), ("a",), -4)


holders = st.lists(st.tuples(st.integers(-500, 500), st.integers(-500, 2_000)), max_size=6)


@given(st.integers(1, 500), st.integers(1, 300), st.booleans(), holders, st.integers(0, 9))
def test_deleveraging_never_lowers_collateral_per_margin(size, deficit, short, held, start):
    """What closes and what is left are the position; all closed, the account is left with 0."""
    base = -size if short else size
    case = coin(base, -base - deficit)
    others = {f"{n:03}": coin(*terms, name=f"{n:03}") for n, terms in enumerate(held)}
    found = run(case, others.values(), start=start)
    assert sum(fill.lots for fill in found.fills) + found.lots_left == -base
    account, before = case.portfolio, risk(case.prepared, case.portfolio)
    for fill in found.fills:
        other = others[fill.counterparty]
        assert abs(fill.lots) <= abs(other.portfolio.positions["C-USD"].lots)
        own = bankruptcy_quote(part_of(other, "C-USD", -fill.lots))
        assert -fill.quote >= own or collateralized_after(other, fill)
        account = traded(account, "C-USD", fill.lots, fill.quote)
    after = risk(case.prepared, account)
    assert after.net_collateral * before.maintenance >= before.net_collateral * after.maintenance
    if found.lots_left == 0:
        assert after.net_collateral == 0


def collateralized_after(other, fill):
    """Above initial margin a holder may be left with less per margin than before."""
    after = risk(other.prepared, traded(other.portfolio, "C-USD", -fill.lots, -fill.quote))
    return after.net_collateral >= after.initial


@given(st.integers(1, 500), st.integers(1, 300), st.integers(-500, 2_000))
def test_a_holder_that_closes_whole_is_skipped_exactly_where_prices_do_not_overlap(size, deficit, cash):
    case, other = coin(size, -size - deficit), coin(-size, cash, name="other")
    quote = bankruptcy_quote(part_of(case, "C-USD", -size))
    overlap = -quote >= bankruptcy_quote(part_of(other, "C-USD", size))
    assert (run(case, [other]).skipped == ()) is overlap


def test_accounts_are_named_once():
    case = coin(100, -120)
    with pytest.raises(InvalidInputError, match="account must be unique, was 'row'"):
        run(case, [coin(-100, 500)])


# ---- withdrawals ------------------------------------------------------------------------------------


def test_withdrawals_stop_for_fifty_blocks_in_the_pool_that_saw_negative_collateral():
    gate = WithdrawalGate().saw_negative("", 100)
    assert [gate.is_open("", block) for block in (100, 149, 150)] == [False, False, True]
    assert gate.is_open("DOGE", 100)
    assert gate.saw_negative("", 90) == gate


def test_an_outage_of_five_minutes_stops_withdrawals_of_every_pool():
    minutes = 60 * 10**9
    gate = WithdrawalGate().after_block(7, 0, 5 * minutes)
    assert [gate.is_open("DOGE", block) for block in (7, 56, 57)] == [False, False, True]
    assert WithdrawalGate().after_block(7, 0, 5 * minutes - 1) == WithdrawalGate()


def test_an_isolated_market_has_a_pool_of_its_own():
    markets = [PerpMarket(underlying=c, atomic_resolution=-8, tier=LARGE_CAP, isolated=c == "ETH") for c in PERPS]
    method = btc(1, 0, markets=markets).method
    assert [collateral_pool(method, name) for name in PERPS] == ["", "ETH"]
    with pytest.raises(InvalidInputError, match="underlying must name a known market, was 'SOL'"):
        collateral_pool(method, "SOL")


def test_the_rules_of_the_main_nets_genesis():
    """A fee of 1.5 %, a spread of 150 %, 10 % of a position and at least $1,000, $100k an account, $1m of insurance."""
    rules = LiquidationRules()
    assert (rules.max_fee, rules.spread_to_maintenance, rules.bankruptcy_adjustment) == (15_000, 1_500_000, ONE)
    assert (rules.max_position_portion, rules.min_position_notional) == (100_000, 1_000 * DOLLAR)
    assert (rules.max_account_notional, rules.max_insurance_lost) == (100_000 * DOLLAR, 1_000_000 * DOLLAR)


@pytest.mark.parametrize("terms", [{"max_fee": -1}, {"max_position_portion": ONE + 1}, {"min_position_notional": 0.5}])
def test_rules_are_checked(terms):
    with pytest.raises(InvalidInputError, match=next(iter(terms))):
        LiquidationRules(**terms)
