"""Drift v2's close-out: what a step leaves of a shortage by the venue's plan, fees and shares at the edges, losses."""

from dataclasses import replace
from fractions import Fraction

import pytest
from conformance.drift_accounts import (
    MICRO,
    NANO,
    PERP,
    QUOTE,
    TOKEN,
    book_of,
    instruments_of,
    market_of,
    method_of,
)
from conformance.dydx_accounts import desk as dydx_desk
from hypothesis import assume, given
from hypothesis import strategies as st

from crossmargin import Account, Asset, Instrument, Instruments, InvalidInputError, Order, Portfolio, Position
from crossmargin.instruments import Kind
from crossmargin.liquidation.venues.drift import (
    GRACE,
    LiquidationRules,
    PerpPosition,
    PerpStep,
    allowed_share,
    base_to_cover,
    diverges,
    liquidatable,
    liquidation_fee,
    max_liquidation_fee,
    perp_insurance_fee,
    perp_position,
    perp_step,
    shortage,
)
from crossmargin.liquidation.venues.drift_bankruptcy import (
    PerpLoss,
    deposit_index_delta,
    deposits_of,
    funding_delta,
    is_bankrupt,
    perp_loss,
)
from crossmargin.liquidation.venues.drift_spot import (
    Side,
    asset_for_liability,
    liability_for_asset,
    liability_to_cover,
    spot_insurance_fee,
)
from crossmargin.venues.drift import DriftMargin
from crossmargin.venues.drift_parameters import PerpMarket, SpotMarket, UserSettings
from crossmargin.venues.dydx_parameters import LARGE_CAP

ONE = 10_000
RULES = LiquidationRules(liquidator_fee=10_000, insurance_fee=5_000)
SOL = PerpPosition(base=10 * NANO, oracle=100 * MICRO, quote_price=MICRO, ratio=700, maintenance=500)


# ---- a step, valued again by the venue's plan -----------------------------------------------------


def account(lots, *, cost=0, cash=0, price=100, quote_price=1, perp=None, step=1):
    """An account of one perpetual, as a method prepared and a portfolio; ``cash`` and ``cost`` in quote 1e-6."""
    row = Instrument(id=PERP, kind=Kind.PERPETUAL, underlying=TOKEN, settlement=QUOTE, lot=Fraction(step, NANO),
                     tick=Fraction(1, MICRO))  # fmt: skip
    assets = [Asset(id=QUOTE, decimals=6), Asset(id=TOKEN, decimals=9, underlying=TOKEN)]
    method = method_of(kind=DriftMargin, perp={"initial": 1000, "maintenance": 500} | (perp or {}))
    instruments = Instruments.of([row], assets)
    prepared = method.prepare(instruments, market_of({QUOTE: quote_price, TOKEN: price}))
    held = Portfolio.of(instruments, account=Account(id="row", currency=QUOTE),
                        positions={PERP: Position(lots, cost)}, balances={QUOTE: Fraction(cash, MICRO)})  # fmt: skip
    return prepared, held


def after(portfolio, position, step):
    """The account once a step was booked: the position's lots and what it cost."""
    old = portfolio.positions[PERP]
    assert step.base % position.step == 0
    new = Position(old.lots + step.base // position.step, old.open_cost - step.quote)
    return portfolio.holding(positions={PERP: new})


def margin_left(prepared, portfolio):
    """Collateral less requirement, each with its buffer, quote 1e-6: minus the shortage where it is below 0."""
    values = prepared.exact(portfolio)
    return int((values["equity_with_buffer"][1] - values["requirement_with_buffer"][1]) * MICRO)


class Short:
    """An account that lacks some collateral, drawn as numbers; it prints no plan."""

    def __init__(self, draw, imf, quotes):
        step, side = draw(st.sampled_from([1, 10**4, 10**7])), draw(st.sampled_from([-1, 1]))
        price, quoted = draw(st.integers(100, 10**7)) / 100, draw(st.sampled_from(quotes))
        lots = side * -(-draw(st.integers(200, 10**6)) * NANO // round(price * step))
        value = int(abs(lots) * step * price / 1000)
        perp = {"maintenance": draw(st.integers(100, 5_000)), "initial": 10_000, "imf": imf}
        self.prepared, alone = account(lots, cost=side * value, price=price, quote_price=quoted, perp=perp, step=step)
        required = -int(margin_left(self.prepared, alone) / quoted)
        profit, cash = self.split(draw, required - draw(st.integers(10, required)), value)
        self.portfolio = alone.holding(positions={PERP: Position(lots, side * value - profit)},
                                       balances={QUOTE: Fraction(cash, MICRO)})  # fmt: skip
        self.lacked = shortage(self.prepared, self.portfolio)
        self.position = perp_position(self.prepared, self.portfolio, PERP)

    def split(self, draw, wanted, value):
        """Collateral as profit and cash: a gain as part of it, or a loss that cash makes up for with its buffer."""
        if draw(st.booleans()):
            gain = draw(st.integers(0, wanted))
            return gain, wanted - gain
        loss = draw(st.integers(0, value // 2))
        return -loss, wanted + loss + loss * 200 // ONE

    def __repr__(self):
        return f"Short({self.position}, {self.portfolio.positions}, {self.portfolio.balances})"


@st.composite
def short_accounts(draw, *, imf=0, quotes=(1,)):
    return Short(draw, imf, quotes)


fees = st.builds(LiquidationRules, liquidator_fee=st.integers(0, 20_000), insurance_fee=st.integers(0, 20_000))


def loss_buffer(prepared, portfolio):
    """The buffer of a loss, by the plan."""
    values = prepared.exact(portfolio)
    return int((values["equity"][1] - values["equity_with_buffer"][1]) * MICRO)


def uncovered(case, rest):
    """What the step leaves of the shortage beyond the buffer of the loss that its fees made or grew."""
    grown = max(loss_buffer(case.prepared, rest) - loss_buffer(case.prepared, case.portfolio), 0)
    return -margin_left(case.prepared, rest) - grown


def rounding(position, lacked, rules):
    """Quote 1e-6 that floors can leave of a shortage ``s``: of ``freed`` a base, of one base, of each amount.

    ``base = floor(s 1e9 / freed)`` is less than one base short, and ``freed`` less than 1 above what a base frees.
    """
    fee = liquidation_fee(rules.liquidator_fee, 0, 0)
    insurance = perp_insurance_fee(lacked, position, fee, rules.insurance_fee)
    freed = position.price * (position.ratio * 100 - fee) // MICRO - position.oracle * insurance // MICRO
    return -(-lacked // freed) + position.price // NANO + 8


@given(short_accounts(), fees)
def test_a_step_covers_the_shortage_or_closes_the_position(case, rules):
    """Valued again by the plan: what is left of a shortage is rounding, and the buffer of what fees add to a loss."""
    prepared, portfolio, lacked, position = case.prepared, case.portfolio, case.lacked, case.position
    step = perp_step(position, lacked, rules)
    rest = after(portfolio, position, step)
    if step.whole:
        assert rest.positions[PERP].lots == 0
        return
    assert step.covers
    allowed, last_lot = rounding(position, lacked, rules), position.step * position.price * position.ratio
    assert uncovered(case, rest) <= allowed
    assert margin_left(prepared, rest) <= allowed + last_lot // (NANO * ONE)


@given(short_accounts(imf=1_000), fees)
def test_a_step_covers_no_less_where_size_raises_the_ratio(case, rules):
    step = perp_step(case.position, case.lacked, rules)
    rest = after(case.portfolio, case.position, step)
    assert step.whole or uncovered(case, rest) <= rounding(case.position, case.lacked, rules)


@given(short_accounts(quotes=(0.5, 0.99, 1.01, 2)), fees)
def test_a_dearer_quote_token_leaves_what_the_venue_forgets_of_the_insurance_fee(case, rules):
    """The insurance fee of a base counts at the oracle's price alone, but is paid in the quote token."""
    step = perp_step(case.position, case.lacked, rules)
    rest = after(case.portfolio, case.position, step)
    forgotten = step.insurance_fee * max(Fraction(case.position.quote_price, MICRO) - 1, 0)
    assert step.whole or uncovered(case, rest) <= rounding(case.position, case.lacked, rules) + forgotten + 4


@given(short_accounts(), fees)
def test_a_liquidation_ends_in_a_few_steps(case, rules):
    """Whole lots free more than rounding leaves: the plan sees no shortage, or no position."""
    prepared, portfolio, lacked, position = case.prepared, case.portfolio, case.lacked, case.position
    for _ in range(4):
        if lacked == 0 or position.base == 0:
            break
        portfolio = after(portfolio, position, perp_step(position, lacked, rules))
        lacked, position = shortage(prepared, portfolio), perp_position(prepared, portfolio, PERP)
    assert lacked == 0 or position.base == 0 or position.value(position.step) < MICRO


shares, slots, amounts = st.integers(0, ONE), st.integers(0, 3_000), st.integers(0, 10**12)


@given(short_accounts(), fees, shares, slots, amounts, amounts)
def test_a_step_takes_no_more_than_is_allowed_and_fees_of_what_it_takes(case, rules, initial, elapsed, freed, most):
    lacked, position = case.lacked, case.position
    paced = LiquidationRules(liquidator_fee=rules.liquidator_fee, insurance_fee=rules.insurance_fee,
                             initial_share=initial, duration=2_000)  # fmt: skip
    step, free = (perp_step(position, lacked, paced, elapsed=elapsed, freed=freed, most=m) for m in (most, None))
    assert abs(step.base) <= min(abs(free.base), most)
    assert abs(free.base) <= position.size
    assert step.base == 0 or (step.base > 0) == (position.base < 0)
    assert step.value == position.value(abs(step.base))
    assert step.insurance_fee * MICRO <= rules.insurance_fee * step.value
    insurance = perp_insurance_fee(lacked, position, rules.liquidator_fee, rules.insurance_fee)
    cover = base_to_cover(lacked, position, rules.liquidator_fee, insurance)
    if elapsed < GRACE and cover is not None:
        share = allowed_share(lacked, freed, elapsed, paced)
        assert abs(free.base) <= (cover + position.step) * share // ONE + position.step


def test_a_step_by_hand():
    """10 SOL at 100 lack $10: one frees 7 % less 1 % and 0.5 %, so 10 / 5.5 close, for 1 % and 0.5 % of their value."""
    step = perp_step(SOL, 10 * MICRO, RULES)
    assert step == PerpStep(base=-1_818_181_818, value=181_818_181, liquidator_fee=1_818_181, insurance_fee=909_090,
                            whole=False, covers=True)  # fmt: skip
    assert step.quote == 181_818_181 - 1_818_181 - 909_090
    bought = perp_step(replace(SOL, base=-SOL.base), 10 * MICRO, RULES)
    assert (bought.base, bought.quote) == (1_818_181_818, -181_818_181 - 1_818_181 - 909_090)


def test_a_step_closes_whole_lots_upward():
    lots = replace(SOL, step=NANO)
    assert perp_step(lots, 10 * MICRO, RULES).base == -2 * NANO
    assert perp_step(lots, 10 * MICRO, RULES, most=2 * NANO - 1).base == -NANO
    assert not perp_step(lots, 10 * MICRO, RULES, most=2 * NANO - 1).covers
    assert perp_step(lots, 54 * MICRO, RULES).base == -10 * NANO


def test_a_position_of_50_dollars_is_closed_whole():
    small = replace(SOL, base=NANO // 2, step=NANO // 100)
    assert (perp_step(small, MICRO, RULES).base, perp_step(small, MICRO, RULES).whole) == (-NANO // 2, True)
    above = replace(small, base=NANO // 2 + NANO // 100)
    assert not perp_step(above, MICRO, RULES).whole


def test_a_fee_as_high_as_the_ratio_closes_the_position():
    step = perp_step(replace(SOL, ratio=100), 10 * MICRO, RULES)
    assert (step.base, step.whole, step.covers) == (-SOL.base, True, False)
    paced = LiquidationRules(liquidator_fee=10_000, insurance_fee=0, initial_share=0, duration=100)
    assert perp_step(replace(SOL, ratio=100), 60 * MICRO, paced).base == 0
    assert perp_step(replace(SOL, ratio=100), 60 * MICRO, paced, elapsed=50).base == -SOL.base


def test_time_raises_the_fee_and_the_share():
    """$60 lacking, 10 % at once and all after 100 slots: at slot 50 60 %; past 1,500 slots the fee is 0.16 % higher."""
    paced = LiquidationRules(liquidator_fee=10_000, insurance_fee=0, initial_share=1_000, duration=100)
    large = replace(SOL, base=1_000 * NANO)
    assert perp_step(large, 60 * MICRO, paced).base == -NANO
    assert perp_step(large, 60 * MICRO, paced, elapsed=50).base == -6 * NANO
    late = perp_step(large, 60 * MICRO, paced, elapsed=1_600)
    assert late.base == -(60 * MICRO * NANO // 5_840_000)
    assert late.liquidator_fee == late.value * 11_600 // MICRO


def test_a_share_is_of_the_whole_lots_that_cover():
    """10.1 SOL cover $60.60, as lots 11, of which 95 % are 10.45, as lots 11."""
    paced = LiquidationRules(liquidator_fee=10_000, insurance_fee=0, initial_share=9_500, duration=100)
    assert perp_step(replace(SOL, base=1_000 * NANO, step=NANO), 60_600_000, paced).base == -11 * NANO


def test_the_markets_share_of_a_shortage_sets_the_insurance_fee():
    """95 % of 7 % - 1 % - a shortage of $59 of $1,000 is 0.095 %; of $58 as the market's share 0.19 %."""
    rates = [perp_step(SOL, 59 * MICRO, RULES, market_shortage=share) for share in (None, 58 * MICRO)]
    assert [round(step.insurance_fee * MICRO / step.value) for step in rates] == [950, 1_900]


@pytest.mark.parametrize("lacked", [0, -1])
def test_a_step_needs_a_shortage(lacked):
    with pytest.raises(InvalidInputError, match="shortage must lie in"):
        perp_step(SOL, lacked, RULES)


# ---- what the plan tells of a position --------------------------------------------------------------


def test_a_position_is_read_from_the_plan():
    """Its ratio at its size, raised by the market's factor, and the buffer; other perpetuals and orders count not."""
    rows = [Instrument(id=name, kind=Kind.PERPETUAL, underlying=name[:3], settlement=QUOTE, lot=Fraction(1, 100),
                       tick=Fraction(1, MICRO)) for name in ("BTC-PERP", "SOL-PERP")]  # fmt: skip
    assets = [Asset(id=QUOTE, decimals=6)]
    instruments = Instruments.of(rows, assets)
    perps = (PerpMarket(instrument="BTC-PERP", initial=2000, maintenance=1000),
             PerpMarket(instrument="SOL-PERP", initial=1000, maintenance=500, imf=100_000))  # fmt: skip
    method = DriftMargin(name="desk", quote=QUOTE, spot=(SpotMarket(asset=QUOTE),), perps=perps, buffer=300,
                         user=UserSettings(positions={"BTC-PERP": 9000, "SOL-PERP": 9000}))  # fmt: skip
    prepared = method.prepare(instruments, market_of({QUOTE: 1.01, "BTC": 50_000, "SOL": 100}))
    portfolio = Portfolio.of(
        instruments, account=Account(id="a", currency=QUOTE), positions={"BTC-PERP": -7, "SOL-PERP": 10_000},
        orders=[Order(id=1, instrument="SOL-PERP", side="buy", lots=10**6, limit="1")],
    )  # fmt: skip
    found = perp_position(prepared, portfolio, "SOL-PERP")
    # g = floor(sqrt(10 x 100e9 + 1)) = 1,000,000; 400 + floor(g 100,000 / 1e7) = 10,400
    assert found == PerpPosition(base=100 * NANO, oracle=100 * MICRO, quote_price=1_010_000, ratio=10_400 + 300,
                                 maintenance=500, step=NANO // 100)  # fmt: skip
    assert perp_position(prepared, portfolio, "BTC-PERP").ratio == 1000 + 300
    assert perp_position(prepared, portfolio.holding(positions={}), "SOL-PERP").base == 0


def test_another_market_or_method_is_refused():
    prepared, portfolio = account(1000)
    with pytest.raises(InvalidInputError, match="instrument must name a known perpetual market, was 'BTC'"):
        perp_position(prepared, portfolio, "BTC")
    strange = dydx_desk({"BTC": (1, -8)}, tier=LARGE_CAP, positions={})
    for asked in (liquidatable, shortage, lambda *account: perp_position(*account, PERP)):
        with pytest.raises(InvalidInputError, match="method must be Drift margin, was 'dydx'"):
            asked(strange.prepared, strange.portfolio)


def test_a_liquidation_begins_below_the_requirement_and_ends_above_it_with_the_buffer():
    """10 SOL at 100: 5 % are required to stay, 7 % to leave."""
    states = {}
    for cash in (49_999_999, 50_000_000, 69_999_999, 70_000_000):
        case = account(10 * NANO, cost=1_000 * MICRO, cash=cash)
        states[cash] = (liquidatable(*case), shortage(*case))
    assert states == {49_999_999: (True, 20_000_001), 50_000_000: (False, 20_000_000),
                      69_999_999: (False, 1), 70_000_000: (False, 0)}  # fmt: skip


@pytest.mark.parametrize(("oracle", "average", "blocked"), [(149, 100, False), (150, 100, True), (51, 100, False),
                                                            (50, 100, True)])  # fmt: skip
def test_an_oracle_half_off_its_average_blocks(oracle, average, blocked):
    assert diverges(oracle, average) is blocked


# ---- fees and shares --------------------------------------------------------------------------------


def test_the_fee_grows_by_all_slots_after_the_grace():
    found = [liquidation_fee(10_000, 13_000, elapsed) for elapsed in (0, 1_499, 1_500, 2_999, 3_000, 10**6)]
    assert found == [10_000, 10_000, 11_500, 12_999, 13_000, 13_000]
    assert [max_liquidation_fee(fee, 500) for fee in (10_000, 20_000)] == [30_000, 50_000]


def test_the_share_counts_what_was_freed():
    """Of $100 lacking and $100 freed half is allowed: nothing more; three quarters: $50 of the $100."""
    def share(initial, elapsed=0, freed=100, lacked=100, duration=1_000):
        rules = LiquidationRules(liquidator_fee=0, insurance_fee=0, initial_share=initial, duration=duration)
        return allowed_share(lacked * MICRO, freed * MICRO, elapsed, rules)

    assert [share(5_000), share(2_500, 500), share(2_500), share(0, 1_000), share(0, 9_000)] == [0, 5_000, 0, ONE, ONE]
    assert [share(1_000, freed=0, lacked=lacked) for lacked in (100, 50, 49)] == [1_000, 1_000, ONE]
    assert share(0, duration=0) == ONE


@given(st.integers(1, 10**12), st.integers(0, 10**12), st.integers(0, 500), st.integers(0, ONE), st.integers(1, 300))
def test_a_share_never_allows_more_than_its_part_of_all_that_was_lacking(lacked, freed, elapsed, initial, duration):
    rules = LiquidationRules(liquidator_fee=0, insurance_fee=0, initial_share=initial, duration=duration)
    share = allowed_share(lacked, freed, elapsed, rules)
    assert 0 <= share <= ONE
    if lacked >= 50 * MICRO:
        part = min(Fraction(1), Fraction(initial, ONE) + Fraction(elapsed, duration))
        assert lacked * Fraction(share, ONE) <= max(part * (lacked + freed) - freed, 0)


@given(st.integers(0, 10**12), st.integers(-(10**13), 10**13), st.integers(0, 10**9), st.integers(1, ONE),
       st.integers(0, 10**5), st.integers(0, 10**5))  # fmt: skip
def test_an_insurance_fee_leaves_a_base_that_frees_margin(lacked, base, oracle, ratio, fee, most):
    position = PerpPosition(base=base, oracle=oracle, quote_price=MICRO, ratio=ratio, maintenance=ratio)
    found = perp_insurance_fee(lacked, position, fee, most)
    assert 0 <= found <= most
    assert found == 0 or (base != 0 and oracle > 0 and found + fee < ratio * 100)
    cover = base_to_cover(lacked, position, fee, found)
    assert cover is None or cover >= 0
    if found > 0 and oracle * (ratio * 100 - fee - found) > MICRO:
        assert cover is not None


def test_insurance_is_charged_at_the_oracles_price_alone():
    """At a quote price of 2 a base of 100 frees 2 x (7 - 1) less 0.5, as the venue has it."""
    dear = replace(SOL, quote_price=2 * MICRO)
    assert base_to_cover(115 * MICRO, dear, 10_000, 5_000) == 10 * NANO
    assert perp_insurance_fee(40 * MICRO, dear, 10_000, 50_000) == 38_000  # 95 % of 7 % - 1 % - $40 of $2,000


# ---- tokens -----------------------------------------------------------------------------------------


USDC = Side(price=MICRO, decimals=6, weight=10_000, multiplier=1_010_000)
DEBT = Side(price=100 * MICRO, decimals=9, weight=11_000, multiplier=990_000)

tokens = st.builds(Side, price=st.integers(1, 10**11), decimals=st.integers(4, 12), weight=st.integers(5_000, 15_000))


@given(tokens, tokens, st.integers(MICRO, 2 * MICRO), st.integers(MICRO // 2, MICRO), st.integers(0, 10**15))
def test_a_liability_repaid_for_an_asset_costs_no_more_than_the_asset(asset, liability, up, down, amount):
    """The inverse rounds up, so what it repays takes the asset again, but for less than one atom of the liability."""
    asset, liability = replace(asset, multiplier=up), replace(liability, multiplier=down)
    repaid = liability_for_asset(amount, asset, liability)
    handed = asset_for_liability(repaid, asset, liability, held=-(10**40))
    atom = Fraction(liability.price * up * asset.one, asset.price * down * liability.one)
    assert amount <= handed <= amount + atom


def test_an_asset_within_a_dollar_of_what_is_held_is_taken_whole():
    repaid = NANO
    assert asset_for_liability(repaid, USDC, DEBT, 200 * MICRO) == 102_020_202
    for held, taken in ((103_020_201, 103_020_201), (103_020_202, 102_020_202), (101_020_203, 101_020_203)):
        assert asset_for_liability(repaid, USDC, DEBT, held) == taken
    sol = Side(price=100 * MICRO, decimals=9)  # a dollar is 0.01 of it
    assert asset_for_liability(NANO, sol, sol, NANO + 9_999_999) == NANO + 9_999_999
    assert asset_for_liability(NANO, sol, sol, NANO + NANO // 100) == NANO


@given(st.integers(1, 10**12), tokens, tokens, st.integers(MICRO, 11 * MICRO // 10), st.integers(0, 50_000))
def test_a_liability_to_cover_frees_the_shortage_but_for_rounding(lacked, asset, liability, multiplier, fee):
    """Repaying frees ``amount price (w_l - w_a m - fee w_l)``: the shortage less one atom, and what 1e-5 cuts of w."""
    asset = replace(asset, multiplier=multiplier)
    amount = liability_to_cover(lacked, asset, liability, fee)
    weight = Fraction(liability.weight, ONE) - Fraction(asset.weight * multiplier, ONE * MICRO)
    freed = (weight - Fraction(fee * liability.weight, MICRO * ONE)) * liability.price  # of a token
    if amount is None:
        assert freed <= 2 * liability.weight / ONE + liability.price / 10**5
        return
    assert amount >= 1
    slack = Fraction(liability.price, 10**5) + Fraction(liability.weight, ONE)  # cuts of weight and fee, a token
    atoms = max(1, 10 ** (liability.decimals - 6))
    assert (amount + 1) * (freed + slack) >= lacked * liability.one - atoms


def test_a_liability_that_frees_nothing_has_no_amount_and_a_small_one_is_an_atom():
    assert liability_to_cover(MICRO, replace(USDC, weight=10_900), DEBT, 0) is None
    assert liability_to_cover(MICRO, USDC, replace(DEBT, multiplier=MICRO), 90_000) is None
    assert liability_to_cover(1, replace(USDC, weight=0), Side(price=10**9, decimals=4), 0) == 1


def test_a_spot_insurance_fee_is_what_weights_leave_of_the_liability():
    """110 % - 101 % - a shortage of $5 of $100 is 4 %, of 110 % 3.6363 %."""
    terms = (USDC, replace(DEBT, multiplier=MICRO))
    assert spot_insurance_fee(5 * MICRO, NANO, *terms, 50_000) == 36_363
    assert spot_insurance_fee(5 * MICRO, NANO, *terms, 36_000) == 36_000
    assert spot_insurance_fee(9 * MICRO, NANO, *terms, 50_000) == 0
    assert spot_insurance_fee(0, NANO, USDC, replace(DEBT, weight=0), 50_000) == 0
    assert spot_insurance_fee(0, NANO, USDC, replace(DEBT, price=0), 50_000) == 0


# ---- bankruptcy -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("balances", "positions", "orders", "bankrupt"), [
    ([(0, QUOTE, -1)], [], [], True), ([], [(0, 0, 1)], [], True), ([], [], [], False),
    ([(0, QUOTE, -1), (0, TOKEN, 1)], [], [], False), ([(0, QUOTE, -1)], [(0, 1, 0)], [], False),
    ([(0, QUOTE, -1)], [(0, -1, 5)], [], False), ([(0, QUOTE, -1)], [(0, 0, -1)], [], False),
    ([(0, QUOTE, -1)], [], [(PERP, 1)], False), ([(0, QUOTE, -1), (0, TOKEN, 0)], [(0, 0, 0)], [], True),
])  # fmt: skip
def test_an_account_is_bankrupt_that_owes_and_has_nothing(balances, positions, orders, bankrupt):
    book = book_of(instruments_of(), balances=balances, positions=positions, orders=orders)
    assert is_bankrupt(Portfolio(book, 0)) is bankrupt


def loss_of(loss, **terms):
    given_ = {"insurance_fund": 1_000, "insurance_left": 300, "fee_pool": 50, "base_long": 4 * NANO,
              "base_short": -3 * NANO}  # fmt: skip
    return perp_loss(loss, **given_ | terms)


def test_a_loss_goes_to_insurance_then_fees_then_holders():
    assert loss_of(200) == PerpLoss(insurance=200, fees=0, socialised=0, funding=0)
    assert loss_of(320) == PerpLoss(insurance=300, fees=20, socialised=0, funding=0)
    assert loss_of(364) == PerpLoss(insurance=300, fees=50, socialised=14, funding=2_000)
    assert loss_of(200, insurance_fund=100) == PerpLoss(insurance=99, fees=50, socialised=51, funding=8_000)
    assert loss_of(9, insurance_left=-4) == PerpLoss(insurance=0, fees=9, socialised=0, funding=0)
    assert loss_of(9, insurance_fund=0, fee_pool=-5) == PerpLoss(insurance=0, fees=0, socialised=9, funding=2_000)


def test_a_loss_without_holders_cannot_be_shared():
    with pytest.raises(InvalidInputError, match="open interest must be > 0 where a loss is shared, was 0"):
        loss_of(400, base_long=0, base_short=0)
    assert loss_of(350, base_long=0, base_short=0).socialised == 0
    with pytest.raises(InvalidInputError, match="loss must lie in"):
        loss_of(-1)


@given(st.integers(0, 10**13), st.integers(0, 10**14), st.integers(-(10**14), 0))
def test_funding_takes_the_loss_and_less_than_a_unit_a_base_more(loss, long, short):
    assume(long - short > 0)
    taken = Fraction(funding_delta(loss, long, short) * (long - short), 1_000 * NANO)
    assert loss <= taken < loss + Fraction(long - short, NANO)
    assert funding_delta(-loss, long, short) == funding_delta(loss, long, short)


@given(st.integers(0, 10**13), st.integers(0, 10**16), st.integers(1, 10**12), st.integers(0, 12))
def test_a_cut_of_the_index_takes_the_loss_from_deposits(loss, balance, index, decimals):
    deposits = deposits_of(balance, index, decimals)
    cut = deposit_index_delta(loss, balance, index, decimals)
    assert 0 <= cut < index
    if deposits == 0:
        assert cut == 0
    elif cut < index - 1:
        assert loss * index <= cut * deposits < loss * index + deposits
    else:
        assert loss * index > (index - 2) * deposits


@pytest.mark.parametrize("terms", [{"liquidator_fee": -1}, {"insurance_fee": MICRO + 1}, {"initial_share": ONE + 1},
                                   {"duration": -1}])  # fmt: skip
def test_rules_are_checked(terms):
    with pytest.raises(InvalidInputError, match=next(iter(terms))):
        LiquidationRules(**{"liquidator_fee": 0, "insurance_fee": 0} | terms)


@pytest.mark.parametrize("terms", [{"price": -1}, {"decimals": 0.5}, {"multiplier": 0}, {"weight": -1}])
def test_sides_are_checked(terms):
    with pytest.raises(InvalidInputError, match=next(iter(terms))):
        Side(**{"price": 1, "decimals": 6} | terms)
