"""Parameter sets of the venues: dates, structure, prudence, JSON in and out, what each method can hold."""

import json

import msgspec
import pytest

import crossmargin as cm
from conformance.simple_accounts import account, future, linear_option, perpetual
from crossmargin import ImprudentParametersError, InvalidInputError
from crossmargin.margin import ScenarioArrayMargin, StrategyMargin, TenPointMargin
from crossmargin.margin.class_groups import ProductGroup, Range
from crossmargin.margin.scenario_array_parameters import Array, Commodity, Credit, CreditLeg, Spread, SpreadLeg
from crossmargin.margin.strategy import Product
from crossmargin.margin.brackets import half_of_initial
from crossmargin.venues import (
    binance, binance_parameters, binance_portfolio, bybit, bybit_options, bybit_parameters, deribit, deribit_parameters,
    deribit_standard, derive_1, dydx, hyperliquid, hyperliquid_parameters, hyperliquid_portfolio, kraken, okx, vega,
    vega_capped,
)  # fmt: skip
from crossmargin.venues import okx_options, okx_parameters, paradex, paradex_parameters, superseded
from crossmargin.venues.derive_parameters import MAINNET

NAN = float("nan")
UNIT = okx_parameters.rules_2025().units["BTC"]
USD_M = binance.usd_margin({"BTC": half_of_initial((0.0,), (50.0,))}, "USDC")
BINANCE = binance_portfolio.PortfolioMargin(name="pool", rules=binance_parameters.PoolRules(
    brackets={"USDC": USD_M.brackets}, collateral=(cm.margin.Haircut(asset="USDC"),)))  # fmt: skip
HYPE = hyperliquid_parameters.POOL.collateral["HYPE"]
VEGA = vega.MarketRules(risk_long=0.1, risk_short=0.1)
STRUCTURE = [
    (deribit_parameters.BTC_2024, "haircut", 1.5, r"haircut must lie in \[0, 1\], was 1.5 of currency"),
    (deribit_parameters.BTC_2024, "extended_dampener", -1.0, "extended_dampener must be >= 0"),
    (deribit_parameters.BTC_USD_2024, "price_range", 0.0, "price_range must"),
    (deribit_parameters.BTC_USD_2024, "m_inc", NAN, "m_inc must be finite"),
    (deribit_parameters.BTC_USD_2024, "volatility_range_down", 1.1, "volatility_range_down must lie in"),
    (deribit_parameters.GENERAL, "vol_scenarios_count", 5, "vol_scenarios_count must lie in"),
    (deribit.Reported(), "spot_margin", -1.0, "spot_margin must be >= 0"),
    (deribit_standard.SCHEDULES["btc_btc"], "increment", -0.1, "increment must be >= 0"),
    (deribit_standard.OptionRates(), "floor", 1.1, "floor must lie in"),
    (superseded.deribit(), "moves", (-1.0,), "moves must be > -1"),
    (superseded.deribit(), "future_rate", NAN, "future_rate must be finite"),
    (UNIT, "max_move", 1.2, "max_move must lie in"),
    (okx_parameters.rules_2025(), "close_edges", (1.0, 2.0), "close_edges must start at 0"),
    (okx_parameters.rules_2025(), "close_multipliers", (1.0,), "close_edges must start at 0 and be as many"),
    (okx_parameters.rules_2025(), "depeg", ((0.0, 0.1),), "width of depeg must be > 0"),
    (okx_parameters.rules_2025(), "discount", {"BTC": ((1.0, 1.1),)}, "rate of discount of 'BTC' must lie in"),
    (okx_parameters.rules_2025(), "shock_days", (0.0, 0.0, 1.0), "shock_days must ascend strictly"),
    (okx_options.OptionRates(), "factor_edges", (1.0,), "factor_edges must start at 0"),
    (okx_options.OptionRates(), "factors", (0.5,), "factor must be >= 1"),
    (bybit_parameters.UnitRules(moves=(-0.1, 0.1)), "moves", (0.1, -0.1), "moves must ascend strictly"),
    (bybit_parameters.UnitRules(moves=(0.0,)), "volatility_down", 1.5, "volatility_down must lie in"),
    (bybit.Reported(), "usdtUsdcContingency", NAN, "usdtUsdcContingency must be finite"),
    (bybit_options.OptionRates(), "mm_factor", -0.1, "mm_factor must lie in"),
    (paradex_parameters.MAJOR, "step", 0.25, "step must leave a price above zero after four"),
    (paradex_parameters.MAJOR, "tails", ((-1.0, 0.5),), "tail move must"),
    (paradex_parameters.RULES, "fee_rate", -0.1, "fee_rate must be >= 0"),
    (paradex_parameters.CROSS, "imf", {"BTC": 2.0}, "imf must lie in .* of 'BTC'"),
    (paradex_parameters.CROSS, "limits", {"P": -1.0}, "limit must be >= 0, was -1.0 of 'P'"),
    (derive_1.MAINNET, "im_factor", NAN, "im_factor must be finite"),
    (USD_M, "leverage", {"P": 0.0}, "leverage must be > 0, was 0.0 of 'P'"),
    (BINANCE.rules, "loan_rate", 1.5, r"loan_rate must lie in \[0, 1\], was 1.5 of pool rules"),
    (BINANCE.rules, "maintenance", 0.9, "maintenance must be >= 1, was 0.9"),
    (BINANCE.rules, "initial", 1.0, "initial must be >= 1.05, was 1.0"),
    (BINANCE, "rules", binance_parameters.PoolRules(brackets={}, collateral=(), loans={"L": "USDC"}),
     "asset owed must name a known collateral asset, was 'USDC' of 'L'"),
    (binance_parameters.States(), "below", (1.0, 1.1, 1.2, 1.5), "-below must ascend strictly"),
    (hyperliquid.cross_margin(), "leverage", {"P": -1.0}, "leverage must be > 0"),
    (hyperliquid.cross_margin(), "transfer_rate", 1.5, "transfer_rate must lie in"),
    (HYPE, "ltv", 1.5, "ltv must lie in"),
    (HYPE, "supply_cap", -1.0, "supply_cap must be >= 0"),
    (hyperliquid_parameters.POOL, "offset", -1.0, "offset must be >= 0"),
    (hyperliquid_parameters.POOL, "full", 1.5, "full must lie in"),
    (hyperliquid_parameters.POOL, "ratio", 0.0, "ratio must lie in"),
    (hyperliquid_portfolio.portfolio_margin(), "rules", hyperliquid_parameters.PoolRules(
        collateral={"USDC": HYPE}), "collateral must not hold the borrowed token"),
    (kraken.multi_collateral(), "initial_multiple", 0.9, "initial_multiple must be >= 1"),
    (VEGA, "risk_long", -0.1, "risk_long must be >= 0"),
    (VEGA, "funding_factor", 1.1, "funding_factor must lie in"),
    (msgspec.structs.replace(VEGA, upper=0.1), "lower", 0.2, "lower must be at most upper, was 0.2"),
    (vega_capped.FullCollateral(name="x", maximum={}), "maximum", {"F": 0.0}, "maximum must be > 0, was 0.0 of 'F'"),
    (Commodity(price_scan_range=1.0), "price_scan_fraction", 0.5, "price_scan_range must be given, or"),
    (Commodity(price_scan_range=1.0), "counting", "half", "counting must be one of fraction, whole, rounded"),
    (CreditLeg("A", "A", 1.0, 0.5), "credit", 2.0, "credit must lie in"),
    (Range(0.1, 0.1), "down", 2.0, "down must lie in"),
    (ProductGroup(members=("A",), offset=0.5), "offset", 1.5, "offset must lie in"),
    (Product(), "leverage", 0.0, "leverage must be > 0"),
]  # fmt: skip
ORDER = "initial >= maintenance"
PRUDENCE = [
    (deribit_parameters.parameters()[1], "general", deribit_parameters.General(mm_factor=1.1)),
    (okx_parameters.rules_2025(), "im_factor", 0.9),
    (okx_parameters.rules_2025(), "borrow_imr", 0.01),
    (bybit_parameters.rules(0.1), "im_factor", 0.9),
    (paradex_parameters.RULES, "mm_factor", 1.1),
    (paradex_parameters.CROSS, "mm_factor", 1.1),
    (derive_1.MAINNET, "im_factor", 0.9),
]  # fmt: skip
METHODS = [
    deribit.portfolio_margin(currency="BTC"), deribit_standard.standard_margin(), superseded.deribit(), okx.portfolio_margin(),
    okx_options.option_margin(), bybit.portfolio_margin(), bybit_options.option_margin(), paradex.portfolio_margin(),
    paradex.cross_margin(), dydx.cross_margin(), cm.venues.aevo.portfolio_margin("USDC"), cm.venues.dederi.portfolio_margin(),
    derive_1.PortfolioMargin1(name="v1", underlying="ETH", cash="USDC", base="ETH", rules=derive_1.MAINNET),
    ScenarioArrayMargin(name="array", commodities={"A": Commodity(price_scan_range=10.0)}), TenPointMargin(name="ten"),
    StrategyMargin(name="strategy"), USD_M, binance.coin_margin("ETH"), BINANCE, hyperliquid.cross_margin(),
    hyperliquid_portfolio.portfolio_margin(), kraken.multi_collateral(), vega.MarginCalculator(name="v", markets={"P": VEGA}),
    vega_capped.FullCollateral(name="capped", maximum={"F": 1e5}),
]  # fmt: skip


@pytest.mark.parametrize(("record", "name", "value", "message"), STRUCTURE)
def test_figures_of_no_structure_are_refused(record, name, value, message):
    with pytest.raises(InvalidInputError, match=message):
        msgspec.structs.replace(record, **{name: value})


@pytest.mark.parametrize(("record", "name", "value"), PRUDENCE)
def test_lenient_figures_are_refused_by_rule(record, name, value):
    with pytest.raises(ImprudentParametersError) as refused:
        msgspec.structs.replace(record, **{name: value})
    assert refused.value.rule == ORDER
    allowed = msgspec.structs.replace(record, **{name: value, "allow_imprudent": (ORDER,)})
    assert getattr(allowed, name) == value


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.method_name)
def test_methods_round_trip_through_json(method):
    assert cm.venues.load_method(msgspec.json.encode(method)) == method


def test_more_refusals_of_methods():
    array = {"commodities": {"A": Commodity(price_scan_range=10.0)}, "name": "x"}
    with pytest.raises(InvalidInputError, match="losses must have length 16, was 2 of 'I'"):
        ScenarioArrayMargin(**array, arrays={"I": Array(losses=(1.0, 2.0))})
    with pytest.raises(InvalidInputError, match="commodity must name a known commodity, was 'B' of credit"):
        ScenarioArrayMargin(**array, credits=(Credit(legs=(CreditLeg("B", "A", 1.0, 0.5),)),))
    with pytest.raises(InvalidInputError, match="tier must name a known tier, was 'near' of commodity"):
        Commodity(price_scan_range=1.0, tier_spreads=(Spread(legs=(SpreadLeg("near", "A"),), rate=1.0),))
    with pytest.raises(ImprudentParametersError, match="factor must not rise"):
        ScenarioArrayMargin(**array, factor=(1.0, 1.1))
    with pytest.raises(InvalidInputError, match="class in products must be unique"):
        TenPointMargin(name="x", products={n: ProductGroup(members=("A",), offset=0.5) for n in ("p", "q")})
    with pytest.raises(InvalidInputError, match=r"exact_contracts must lie in \[0, 12\]"):
        StrategyMargin(name="x", exact_contracts=13)
    with pytest.raises(ImprudentParametersError, match="stock_long must not rise"):
        StrategyMargin(name="x", stock_long=(0.2, 0.5))
    with pytest.raises(InvalidInputError, match="moves must be as many in every unit"):
        bybit_parameters.Rules(units={n: bybit_parameters.UnitRules(moves=m) for n, m in (("A", (0.0,)), ("B", (0.0, 0.1)))})
    with pytest.raises(InvalidInputError, match="scenarios must hold neither skews nor tails"):
        msgspec.structs.replace(derive_1.MAINNET, scenarios=MAINNET.scenarios)




def test_the_set_in_force_is_the_latest_not_after_a_date():
    dates = [deribit_parameters.parameters(as_of)[0] for as_of in ("2024-06", "2026-01-31", "2026-02", "2026-08", "2026-09-01")]
    assert dates == ["2024-06", "2024-06", "2026-02", "2026-02", "2026-09"]
    assert deribit.portfolio_margin().date == "2026-09"
    for make, first in ((deribit.portfolio_margin, "2024-06"), (okx.portfolio_margin, "2024-05-31"), (bybit.portfolio_margin, "2024")):
        with pytest.raises(InvalidInputError, match=f"as_of must not be before {first}, the first set of .*, was '2019'"):
            make("2019")


def test_the_venues_own_form_is_read_with_and_without_envelope():
    engine = deribit_parameters.parameters()[1]
    plain = json.loads(msgspec.json.encode(engine))
    del plain["allow_imprudent"]
    for raw in (plain, {"jsonrpc": "2.0", "result": plain}, {"result": {"model_params": plain}}):
        assert deribit.load_parameters(json.dumps(raw).encode()) == engine
    with pytest.raises(InvalidInputError, match="unknown field `new_charge`"):
        deribit.load_parameters(json.dumps(plain | {"new_charge": 1}).encode())
    with pytest.raises(InvalidInputError, match="parameters must be JSON"):
        deribit.load_parameters(b"{")


def test_margin_tables_by_number():
    assert hyperliquid_parameters.table_of(20) == half_of_initial((0.0,), (20.0,))
    with pytest.raises(InvalidInputError, match="margin table must lie in"):
        hyperliquid_parameters.table_of(0)


def test_haircuts_of_kraken():
    shipped = {rate.asset: rate.initial for rate in kraken.multi_collateral().haircuts}
    page = {"USD": 0.0, "USDC": 0.01, "GBP": 0.01, "BTC": 0.03, "PAXG": 0.03, "XRP": 0.05, "SOL": 0.075, "FIL": 0.1}
    assert {name: shipped[name] for name in page} == {name: (rate,) for name, rate in page.items()}
    assert len(shipped) == 19


HOLDS = [
    (okx_options.option_margin(), "C", "P"),
    (bybit_options.option_margin(), "C", "P"),
    (paradex.portfolio_margin(), "P", "F"),
    (paradex.cross_margin(), "P", "F"),
    (deribit.portfolio_margin(), "F", "X"),
    (deribit_standard.standard_margin(), "P", "X"),
    (bybit.portfolio_margin(), "F", "X"),
    (StrategyMargin(name="s"), "C", "F"),
    (USD_M, "P", "X"),
    (BINANCE, "F", "C"),
    (hyperliquid.cross_margin(), "P", "F"),
    (hyperliquid_portfolio.portfolio_margin(), "P", "X"),
    (kraken.multi_collateral(), "F", "X"),
    (vega.MarginCalculator(name="v", markets={"P": VEGA}), "P", "F"),
    (vega_capped.FullCollateral(name="capped", maximum={"F": 1e5}), "F", "P"),
]


@pytest.mark.parametrize(("method", "good", "bad"), HOLDS, ids=lambda v: getattr(v, "method_name", v))
def test_what_a_method_cannot_hold_is_refused_by_name(method, good, bad):
    """Listed beside it, it changes nothing and needs no price; held, it is refused."""
    listed = [perpetual("P", "BTC", "USDC"), future("F", "BTC", "USDC", days=40), perpetual("X", "DOGE", "USDC"),
              linear_option("C", "BTC", 60_000.0, "call", "USDC", days=20)]  # fmt: skip
    marks = {"P": 60_000, "F": 61_000, "C": 2_000, "X": 1}
    made = [account(listed, {name: -1}, {"BTC": 60_000, "DOGE": 1}, marks, volatility=0.6) for name in (good, bad)]
    assert method.requirement(*made[0]).initial > 0
    with pytest.raises(InvalidInputError, match=f"position must be one that the method can hold, was '{bad}'"):
        method.requirement(*made[1])
