"""dYdX v4: rounding edges, rates, units, what is liquidatable, shipped sets, refusals."""

from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from conformance.dydx_accounts import COIN, PERP, QUOTE, account, largest_product

import crossmargin as cm
from crossmargin import InvalidInputError, Order, Portfolio, Position
from crossmargin.account import health
from crossmargin.errors import MissingPriceError
from crossmargin.venues import dydx
from crossmargin.venues.dydx_parameters import (
    EQUITY_TIERS,
    LARGE_CAP,
    LONG_TAIL,
    MARKETS,
    MID_CAP,
    ONE,
    SAFETY,
    EquityTier,
    LiquidityTier,
    PerpMarket,
)
from crossmargin.venues.dydx_rules import Outcome, Risk, maintenance_rate, most_orders, risk_order, scaled_rate

TENTH = LiquidityTier(initial=100_000, maintenance_fraction=400_000)
DOLLAR = 10**6


def quanta(**terms):
    case = account(**terms)
    found = dydx.risk(case.prepared, case.portfolio)
    return found.net_collateral, found.initial, found.maintenance


def test_maintenance_rounds_up_twice():
    """21 x 10 % is 2.1, so 3; 40 % of it 1.2, so 2. One ceiling, or the reported rate of 4 %, would give 1."""
    assert quanta(base=21, tier=TENTH) == (21, 3, 2)
    assert maintenance_rate(TENTH) == 40_000


@pytest.mark.parametrize(("base", "value"), [(3, 1), (-3, -1), (1, 0), (-1, 0)])
def test_a_notional_is_cut_toward_zero(base, value):
    assert quanta(base=base, price=Fraction(1, 2), tier=SAFETY) == (value, abs(value), -(-abs(value) // 5))


def test_a_price_of_zero_asks_nothing():
    assert quanta(base=-7000, price=0, tier=LARGE_CAP, balance=5) == (5, 0, 0)


def test_positions_add_without_netting_and_cost_lowers_collateral():
    case = account(base=1000, tier=TENTH, balance=50)
    held = case.portfolio.holding(positions={PERP: Position(1000, 900)})
    assert dydx.risk(case.prepared, held) == Risk(net_collateral=150, initial=100, maintenance=40)


def test_open_interest_scales_the_initial_rate_alone():
    tier = LiquidityTier(initial=100_000, maintenance_fraction=400_000, lower_cap=1000, upper_cap=2000)
    rates = {0: 100_000, 1000: 100_000, 1001: 100_900, 1500: 550_000, 1999: 999_100, 2000: ONE, 10**30: ONE}
    for interest, rate in rates.items():
        assert scaled_rate(tier, interest) == rate
        assert quanta(base=ONE, tier=tier, interest=interest) == (ONE, rate, 40_000)
    same = LiquidityTier(initial=100_000, maintenance_fraction=400_000, lower_cap=1000, upper_cap=1000)
    assert [scaled_rate(same, interest) for interest in (999, 1000, 1001)] == [100_000, 100_000, ONE]


def test_a_users_own_rate_raises_initial_and_never_lowers_it():
    for chosen, initial in ((0, 100), (50_000, 100), (250_000, 250)):
        assert quanta(base=1000, tier=TENTH, chosen_rates={COIN: chosen}) == (1000, initial, 40)


def test_resting_orders_reserve_nothing_but_a_worst_fill_does():
    rise = Order(id=1, instrument=PERP, side="buy", lots=500, limit="1.5")
    case = account(base=1000, tier=TENTH, balance=1000, orders=[rise])
    plain, worst = (case.prepared.requirement(case.portfolio, orders=policy) for policy in ("venue", "worst_fill"))
    assert plain.initial == pytest.approx(100e-6)
    filled = case.prepared.requirement(case.portfolio.filled(case.portfolio.orders))
    assert worst.surplus_initial <= filled.surplus_initial + 1e-12 < plain.surplus_initial


def test_quantities_of_the_quote_asset_are_stated_in_the_markets_currency():
    """Off its peg, USDC scales equity and requirement alike; in the account's own currency nothing changes."""
    case = account(base=1000, tier=TENTH, balance=500)
    seen = [cm.Observation(subject=s, field="index", value=v) for s, v in ((COIN, 1.0), (QUOTE, 0.5))]
    dollars = cm.Market.of(seen, as_of=0, quote="USD")
    prepared = case.method.prepare(case.portfolio.instruments, dollars)
    assert prepared.exact(case.portfolio)["equity"] == (Fraction(750, 10**6),)
    assert dydx.risk(prepared, case.portfolio) == dydx.risk(case.prepared, case.portfolio)
    assert prepared.requirement(case.portfolio).initial == case.prepared.requirement(case.portfolio).initial


def test_without_a_position_nothing_can_be_liquidated():
    """The one place where the rule and the sign of a surplus part."""
    case = account(tier=TENTH, balance=-100)
    assert not dydx.risk(case.prepared, case.portfolio).liquidatable
    assert health(case.portfolio, case.market, case.method).state == "bankrupt"
    for balance, liquidatable in ((-960, False), (-961, True)):
        case = account(base=1000, tier=TENTH, balance=balance)
        assert dydx.risk(case.prepared, case.portfolio).liquidatable is liquidatable
        assert (health(case.portfolio, case.market, case.method).state == "liquidatable") is liquidatable
    assert Risk(net_collateral=0, initial=1, maintenance=1).liquidatable


def test_how_far_float64_is_exact():
    """A price of ten digits, in lots of 0.0001 BTC: 359 BTC and no more than 360."""
    for coins, fits in ((359, True), (360, False)):
        case = account(base=coins * 10**10, price=Fraction("50123.45678"), atomic=-10, tier=LARGE_CAP, lot=10**6)
        assert (largest_product(case) <= 2**53) is fits
        if fits:
            assert Risk.of(case.prepared.requirement(case.portfolio)) == dydx.risk(case.prepared, case.portfolio)


def test_nothing_is_riskier_by_a_division():
    """Ratios that a float cannot tell apart."""
    big = 10**30
    states = [Risk(net_collateral=big + n, initial=0, maintenance=big) for n in (0, 1)]
    assert (risk_order(*states), risk_order(*reversed(states))) == (1, -1)


# ---- sets and refusals --------------------------------------------------------------------------------------


def test_shipped_sets():
    """The figures of the genesis file; and the flag, which books carry, stays."""
    assert dydx.SHORT_TERM == 256
    tiers = [(tier.initial, tier.maintenance_fraction) for tier in (LARGE_CAP, MID_CAP, LONG_TAIL, SAFETY)]
    assert tiers == [(50_000, 600_000), (100_000, 500_000), (200_000, 500_000), (1_000_000, 200_000)]
    resolutions = {row.underlying: row.atomic_resolution for row in MARKETS}
    assert resolutions == {"BTC": -10, "ETH": -9, "LINK": -6, "MATIC": -5, "CRV": -5, "SOL": -7, "ADA": -5, "AVAX": -7,
                           "FIL": -6}  # fmt: skip
    assert {row.underlying for row in MARKETS if row.tier is LARGE_CAP} == {"BTC", "ETH"}
    assert {row.tier for row in MARKETS} == {LARGE_CAP, MID_CAP}
    assert dydx.cross_margin().clamp_factor == 6 * ONE


def test_methods_are_read_back_from_json():
    method = dydx.cross_margin()
    assert cm.venues.load_method(msgspec.json.encode(method)) == method
    stated = msgspec.structs.replace(MARKETS[0], price=Decimal("1844674407370955161.5"))
    longer = msgspec.structs.replace(method, markets=(stated,))
    assert cm.venues.load_method(msgspec.json.encode(longer)) == longer


def test_one_program_whatever_the_figures():
    first, second = account(base=5, tier=TENTH), account(base=2**60, tier=SAFETY, price=7)
    assert first.prepared.program.hash == second.prepared.program.hash == dydx.cross_margin().program().hash


def test_open_interest_is_read_where_it_scales():
    tier = LiquidityTier(initial=1, maintenance_fraction=1, upper_cap=5)
    for rates, missing in ((TENTH, False), (tier, True)):
        case = account(base=1, tier=rates)
        market = cm.Market.of([cm.Observation(subject=COIN, field="index", value=1.0)], as_of=0, quote=QUOTE)
        if missing:
            with pytest.raises(MissingPriceError, match="market must hold open_interest of 'BTC-USD'"):
                case.method.prepare(case.portfolio.instruments, market)
        else:
            case.method.prepare(case.portfolio.instruments, market)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda: LiquidityTier(initial=ONE + 1, maintenance_fraction=0), "initial must lie in [0, 1000000], was 1000001"),
        (lambda: LiquidityTier(initial=0, maintenance_fraction=-1), "maintenance_fraction must lie in"),
        (lambda: LiquidityTier(initial=0, maintenance_fraction=0, lower_cap=2, upper_cap=1), "lower_cap must lie in [0, 1]"),
        (lambda: LiquidityTier(initial=0, maintenance_fraction=0, upper_cap=2**64), "upper_cap must lie in"),
        (lambda: PerpMarket(underlying="A", atomic_resolution=31, tier=TENTH), "atomic_resolution must lie in"),
        (lambda: PerpMarket(underlying="A", atomic_resolution=-31, tier=TENTH), "atomic_resolution must lie in"),
        (lambda: PerpMarket(underlying="A", atomic_resolution=0, tier=TENTH, price=Decimal(-1)), "price must be >= 0, was -1 of 'A'"),
        (lambda: EquityTier(equity=0, orders=-1), "orders must lie in"),
        (lambda: account(tier=TENTH, chosen_rates={"ETH": 1}), "chosen rate must name a known market, was 'ETH'"),
        (lambda: account(tier=TENTH, chosen_rates={COIN: ONE + 1}), "chosen rate must lie in [0, 1000000]"),
        (lambda: account(tier=TENTH, maker_fee=2 * ONE), "maker_fee must lie in"),
        (lambda: account(tier=TENTH, clamp_factor=-1), "clamp_factor must lie in"),
        (lambda: account(tier=TENTH, price=-1).prepared, "price must be >= 0, was -1.0 of 'BTC'"),
        (lambda: dydx.CrossMargin(name="x", quote=QUOTE, markets=(MARKETS[0], MARKETS[0])), "market must be unique"),
    ],
)  # fmt: skip
def test_refused(broken, message):
    with pytest.raises(InvalidInputError) as refused:
        broken()
    assert message in str(refused.value)


def test_a_contract_may_be_many_coins():
    """Ten coins a contract, half a contract a lot; open interest is in contracts."""
    tier = LiquidityTier(initial=100_000, maintenance_fraction=400_000, lower_cap=100 * DOLLAR, upper_cap=300 * DOLLAR)
    swap = cm.Instrument(id=PERP, kind="perpetual", underlying=COIN, settlement=QUOTE, contract_size=Fraction(10),
                         lot=Fraction(1, 2))  # fmt: skip
    listed = cm.Instruments.of([swap], [cm.Asset(id=QUOTE, decimals=6)])
    perp = PerpMarket(underlying=COIN, atomic_resolution=-3, tier=tier)
    method = dydx.CrossMargin(name="ten", quote=QUOTE, markets=(perp,))
    seen = [(COIN, "index", 2.0), (PERP, "open_interest", 10.0)]
    market = cm.Market.of([cm.Observation(subject=s, field=f, value=v) for s, f, v in seen], as_of=0, quote=QUOTE)
    held = Portfolio.of(listed, positions={PERP: -3})
    assert dydx.risk(method.prepare(listed, market), held) == Risk(
        net_collateral=-30 * DOLLAR, initial=30 * DOLLAR * 55 // 100, maintenance=30 * DOLLAR * 4 // 100
    )
    assert dydx.settle_funding(method, held, {PERP: 10**6}).balances == {QUOTE: 15_000}
    with pytest.raises(InvalidInputError, match="open_interest must be >= 0"):
        msgspec.structs.replace(perp, open_interest=Decimal(-1))


def test_limits_of_figures_are_the_chains_own():
    LiquidityTier(initial=ONE, maintenance_fraction=ONE, lower_cap=2**64 - 1, upper_cap=2**64 - 1)
    assert most_orders((EquityTier(equity=0, orders=0),), 0) == 0
    still = account(tier=TENTH, clamp_factor=0).method
    assert dydx.funding_rate(still, COIN, 5) == 0
    for resolution in (-30, 30):
        PerpMarket(underlying="A", atomic_resolution=resolution, tier=TENTH)


def test_a_lot_holds_whole_base_quanta_and_the_quote_counts_in_millionths():
    case = account(base=1, tier=TENTH)
    coarse = msgspec.structs.replace(case.method.markets[0], atomic_resolution=-5)
    method = msgspec.structs.replace(case.method, markets=(coarse,))
    with pytest.raises(InvalidInputError, match="lot must hold whole base quanta, was 1/1000000 of 'BTC-USD'"):
        method.prepare(case.portfolio.instruments, case.market)
    cents = cm.Instruments.of([], [cm.Asset(id=QUOTE, decimals=2)])
    with pytest.raises(InvalidInputError, match="decimals must be one of 6, was 2 of 'USDC'"):
        case.method.prepare(cents, case.market)


def test_other_collateral_and_other_contracts_are_refused_by_name():
    case = account(base=1, tier=TENTH)
    with pytest.raises(InvalidInputError, match="balance must be one that the method can hold, was 'BTC'"):
        case.prepared.requirement(case.portfolio.holding(balances={COIN: 1}))
    nothing = msgspec.structs.replace(case.method, markets=())
    with pytest.raises(InvalidInputError, match="position must be one that the method can hold, was 'BTC-USD'"):
        nothing.requirement(case.portfolio, case.market)
