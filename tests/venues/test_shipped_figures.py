"""Every figure of the shipped parameter sets beside its source's; defaults; the bounds of each record."""

from msgspec.structs import replace
import pytest

from crossmargin import ImprudentParametersError, InvalidInputError
from crossmargin.venues import aevo, bybit_options, dederi, deribit_standard, derive_1, okx_options, superseded
from crossmargin.venues import (
    bybit_parameters as bybit, deribit_parameters as deribit, derive_parameters as derive,
    derive_standard_parameters as standard, drift_parameters as drift, mango_parameters as mango, okx_parameters as okx,
    paradex_parameters as paradex,
)  # fmt: skip
from figures import shipped

NO_FIGURES = {"allow_imprudent", "scenarios"}
OKX_NEW, OKX_OLD = okx.rules_2025(), okx.rules_2024()
BYBIT, DERIBIT = dict(bybit.SETS), dict(deribit.SETS)


def agree(record, stated, silent=()):
    """The figures are those stated; what the source is silent about is named, so that none is forgotten."""
    assert {name: getattr(record, name) for name in stated} == stated
    assert set(record.__struct_fields__) - NO_FIGURES == {*stated, *silent}


# ---- figures of a source ---------------------------------------------------------------------------------------------


def grid(widest, inner):
    """Spot multipliers from moves in percent: the widest with volatility up alone, the others and 0 with all three."""
    around = [0, *inner, *(-move for move in inner)]
    pairs = [(widest, "up"), (-widest, "up"), *((m, d) for m in around for d in ("up", "none", "down"))]
    return [(round(1 + move / 100, 9), direction, 1.0) for move, direction in pairs]


def test_derive_scenarios():
    tails = [(spot, "up", share) for spot, share in shipped.DERIVE_2_TAILS]
    second = [*grid(*shipped.DERIVE_2_MOVES), *tails, (1, "linear", 1), (1, "abs", 1)]
    for record, stated in ((derive.MAINNET, second), (derive_1.MAINNET, grid(*shipped.DERIVE_1_MOVES))):
        found = [(round(s.spot, 9), s.direction, s.dampening) for s in record.scenarios]
        assert sorted(found) == sorted(stated)
    assert len(derive.MAINNET.scenarios) == shipped.DERIVE_2_COUNT
    assert len(derive_1.MAINNET.scenarios) == shipped.DERIVE_1_COUNT


def test_derive_portfolio_margin():
    agree(derive.MAINNET, shipped.DERIVE_2)
    agree(derive_1.MAINNET, shipped.DERIVE_1)


def test_derive_standard_manager():
    agree(standard.MAINNET, shipped.DERIVE_STANDARD, silent=("base_margin_factor", "base_im_scale"))
    agree(standard.MAINNET_DEPEG, shipped.DERIVE_STANDARD_DEPEG)
    agree(standard.TEST, shipped.DERIVE_STANDARD_TEST, silent=("base_margin_factor",))  # a figure of each row
    agree(standard.TEST_DEPEG, shipped.DERIVE_STANDARD_TEST_DEPEG)
    markets = standard.MAINNET_MARKETS
    assert {name: (m.base_margin_factor, m.base_im_scale) for name, m in markets.items()} == shipped.DERIVE_COLLATERAL
    for market in markets.values():
        assert replace(market, base_margin_factor=0.0, base_im_scale=1.0) == standard.MAINNET


def test_deribit_portfolio_margin():
    kinds = {"currency": deribit.Currency, "currency_pair": deribit.Pair}
    for (date, kind, name), stated in shipped.DERIBIT.items():
        silent = set(kinds[kind].__struct_fields__) - set(stated) if date == "2026-09" else ()
        agree(getattr(DERIBIT[date], kind)[name], stated, silent)
    for engine in (*DERIBIT.values(), deribit.Engine(general=deribit.General(), currency={}, currency_pair={})):
        agree(engine.general, shipped.DERIBIT_GENERAL)


def test_deribit_figures_without_a_source_stand_as_before():
    first, second, third = (DERIBIT[date] for date in ("2024-06", "2026-02", "2026-09"))
    assert second.currency["btc"] == first.currency["btc"]
    assert second.currency_pair["btc_usd"] == first.currency_pair["btc_usd"]
    for kind in ("currency", "currency_pair"):
        for name, record in getattr(third, kind).items():
            named = shipped.DERIBIT.get(("2026-09", kind, name), {})
            before = getattr(second, kind)[name]
            agree(record, {field: getattr(before, field) for field in record.__struct_fields__} | named)


def test_deribit_standard_margin():
    found = deribit_standard.SCHEDULES
    for name, percent in shipped.DERIBIT_SCHEDULES.items():
        assert [*found[name].base, found[name].increment] == pytest.approx([p / 100 for p in percent], rel=1e-12)
    assert set(found) == set(shipped.DERIBIT_SCHEDULES)
    agree(deribit_standard.OptionRates(), shipped.DERIBIT_OPTIONS)


@pytest.mark.parametrize(("method", "stated"), [
    (superseded.deribit(), shipped.DERIBIT_SUPERSEDED), (superseded.deribit(older=True), shipped.DERIBIT_OLDER),
    (superseded.blog_copy(), shipped.DERIBIT_QUOTED), (dederi.portfolio_margin(), shipped.DEDERI),
    (aevo.portfolio_margin().scenarios, shipped.AEVO),
])  # fmt: skip
def test_deribits_superseded_model_and_its_copies(method, stated):
    found = {"ends": (method.moves[0], method.moves[-1]), "widest": set(getattr(method, "ranges", {}).values())}
    assert {name: found[name] if name in found else getattr(method, name) for name in stated} == stated


def by_group(groups, column):
    """Figures by name, ``others`` among them."""
    return {name: row[column] for row in groups for name in row[0].split()}


@pytest.mark.parametrize(("rules", "column"), [(OKX_NEW, 1), (OKX_OLD, 2)], ids=["2025", "2024"])
@pytest.mark.parametrize(("field", "groups"), [
    ("max_move", shipped.OKX_MOVES), ("extreme_move", shipped.OKX_EXTREMES), ("basis_annualised", shipped.OKX_BASIS),
])  # fmt: skip
def test_okx_moves_by_group(rules, column, field, groups):
    stated = by_group(groups, column)
    for name in {*stated, *rules.units}:
        assert getattr(rules.unit(name), field) == stated.get(name, stated["others"]), name


@pytest.mark.parametrize(("rules", "tiers"), [(OKX_NEW, "new"), (OKX_OLD, "old")], ids=["2025", "2024"])
def test_okx_figures_of_all_units(rules, tiers):
    agree(rules, shipped.OKX | {"close_edges": (0, *shipped.OKX_CLOSE_UP_TO[tiers])}, silent=(
        "units", "other", "volatility", "taker_fee", "vega_rate", "rate_move", "depeg_in_maximum", "spot", "discount",
    ))  # fmt: skip
    assert rules.discount["USDT"] == shipped.OKX_DISCOUNT_USDT
    assert {rate for _, rate in rules.discount["BTC"]} == {shipped.OKX_DISCOUNT_BTC}


def test_okx_figures_of_its_samples():
    for name, stated in shipped.OKX_SAMPLE.items():
        assert {field: getattr(OKX_NEW.unit(name), field) for field in stated} == stated
    assert {OKX_OLD.unit(name).basis_minimum for name in ("BTC", "ETH")} == {shipped.OKX_FORWARD_MOVE}
    agree(okx_options.OptionRates(), shipped.OKX_OPTIONS, silent=("factor_edges", "factors"))


def test_bybit():
    for date, rules in BYBIT.items():
        assert rules.im_factor == shipped.BYBIT_IM_FACTOR
        for unit in rules.units.values():
            agree(unit, shipped.BYBIT | {"moves": shipped.BYBIT_MOVES[date]}, silent=("option_rate",))
    for as_of, date in (("2025-01-09", "2024"), ("2025-01-10", "2025-01-10")):
        assert bybit.parameters(as_of)[0] == date
    agree(bybit_options.OptionRates(), shipped.BYBIT_OPTIONS)


def test_paradex():
    for kinds, found in ((shipped.PARADEX, paradex.RULES.assets), (shipped.PARADEX_OPTIONS, paradex.CROSS.options)):
        stated = {name: figures for names, figures in kinds.items() for name in names.split()}
        assert set(found) == set(stated)
        for name, figures in stated.items():
            agree(found[name], figures)
    agree(paradex.RULES, shipped.PARADEX_RULES, silent=("assets", "fee_rate"))
    assert paradex.CROSS.mm_factor == shipped.PARADEX_CROSS_MM_FACTOR
    imf = shipped.PARADEX_CROSS_IMF
    assert paradex.CROSS.imf == imf | {"ETH": imf["BTC"]}  # ETH's is not given: read as BTC's


# ---- defaults: what no source states charges and changes nothing -----------------------------------------------------

UNIT, STANDARD = okx.UnitRules(**dict.fromkeys(okx.UnitRules.__struct_fields__, 0.5)), standard.MAINNET
TOKEN = mango.TokenRule(asset="T", initial_asset=0.8, initial_debt=1.2, maintenance_asset=0.9, maintenance_debt=1.1)
PERPETUAL = mango.PerpetualRule(
    instrument="P", initial_long=0.8, initial_short=1.2, maintenance_long=0.9, maintenance_short=1.1,
    initial_profit=0.95, maintenance_profit=0.98,
)  # fmt: skip
SPOT, PERP = drift.SpotMarket(asset="T"), drift.PerpMarket(instrument="P", initial=1000, maintenance=500)
USER = drift.UserSettings()
LEVERAGED = replace(PERP, leveraged_initial=200, leveraged_maintenance=100)
DEFAULTS = [
    (OKX_NEW, 0.0, "taker_fee vega_rate rate_move"),
    (BYBIT["2024"].units["BTC"], 0.0, "option_rate"),
    (bybit.Reported(), 0.0, "futureDeltaContingency optionVegaContingency usdtUsdcContingency"),
    *((record, 0.0, "fee_rate") for record in (paradex.RULES, paradex.CROSS)),
    (deribit.Reported(), 0.0, "open_orders_margin mmp_margin spot_margin"),
    (derive.Scenario(1.1, "up"), 1.0, "dampening"), (STANDARD, 0.0, "base_margin_factor"),
    (STANDARD, 1.0, "base_im_scale"), (SPOT, 0, "imf scale_start"),
    (SPOT, shipped.DRIFT_ONE, "initial_asset maintenance_asset initial_liability maintenance_liability"),
    (PERP, 0, "imf leveraged_initial leveraged_maintenance profit_imf max_imbalance net_profit"),
    (PERP, shipped.DRIFT_ONE, "profit_initial profit_maintenance"),
    (USER, 0, "ratio override"),
]  # fmt: skip


@pytest.mark.parametrize(("record", "value", "names"), DEFAULTS)
def test_defaults(record, value, names):
    assert {getattr(record, name) for name in names.split()} == {value}


# ---- bounds ----------------------------------------------------------------------------------------------------------

PAIR, MAJOR, SKEW = deribit.BTC_USD_2024, paradex.MAJOR, derive.Scenario(1.0, "linear")
SHIFT = mango.Shift(start=10, end=20, asset=0.9, debt=1.1)
BYBIT_UNIT, OFFICIAL = BYBIT["2024"].units["BTC"], DERIBIT["2024-06"]
FROM_ZERO = [
    (SKEW, "dampening"), (STANDARD, "base_margin_factor option_conf_threshold"), (deribit.GENERAL, "mm_factor"),
    (standard.MAINNET_DEPEG, "factor threshold"), (deribit.BTC_2024, "extended_dampener haircut"), (PAIR, "m_inc"),
    (deribit.Reported(), "mmp_margin"), (UNIT, "close_rate"), (OKX_NEW, "liquidation_fee"), (BYBIT_UNIT, "future_rate"),
    (bybit.Reported(), "optionVegaContingency"), (MAJOR, "volatility_up step"), (paradex.RULES, "fee_rate mm_factor"),
    (paradex.CROSS, "fee_rate mm_factor"), (SHIFT, "asset debt"), (TOKEN, "initial_asset maintenance_debt"),
    (PERPETUAL, "initial_long initial_short maintenance_long maintenance_short initial_profit maintenance_profit"),
]
TO_ONE = [
    (STANDARD, " ".join(sorted(standard.SHARES))), (standard.MAINNET_DEPEG, "threshold"), (UNIT, "close_rate"),
    (deribit.BTC_2024, "haircut pnl_offset"), (PAIR, "price_range volatility_range_down"),
    (MAJOR, "volatility_down unhedged hedged"), (paradex.OptionRates(), "long_itm short_itm short_otm"),
    (paradex.RULES, "mm_factor"), (paradex.CROSS, "mm_factor"), (derive.MAINNET, "long_base_static_discount"),
    (BYBIT_UNIT, "volatility_down"),
]
BOUNDS = [  # record, field, accepted, refused
    *((record, name, 0.0, -0.01) for record, names in FROM_ZERO for name in names.split()),
    *((record, name, 1.0, 1.01) for record, names in TO_ONE for name in names.split()),
    *((record, name, 0, -1) for record, name in ((SPOT, "imf"), (PERP, "initial"), (USER, "ratio"))),
    *((rules, "im_factor", 1.0, 0.99) for rules in (OKX_NEW, BYBIT["2024"], derive_1.MAINNET)),
    (SKEW, "spot", 1.0, 1.01), (derive.Scenario(0.5, "up"), "spot", 0.01, 0.0), (PAIR, "price_range", 0.001, 0.0),
    (derive.MAINNET, "im_factor", 0.8, 0.79), (OKX_NEW, "borrow_imr", 0.02, 0.019),
    (derive.MAINNET, "scenarios", (SKEW,) * 2, (SKEW,) * 3), (derive.MAINNET, "short_base_static_discount", 1.0, 0.99),
    (deribit.GENERAL, "buckets_count", 1, 0), (deribit.GENERAL, "buckets_count", 100, 101),
    (deribit.GENERAL, "vol_scenarios_count", 3, 4), (deribit.GENERAL, "vol_scenarios_count", 3, 2),
    (OFFICIAL, "general", deribit.General(mm_factor=1.0), deribit.General(mm_factor=1.01)),
    (OKX_NEW, "shock_points", (1.0, 0.0, 0.0), (1.01, 0.0, 0.0)),
    (OKX_NEW, "depeg", ((0.1, 0.0),), ((0.1, -0.01),)), (OKX_NEW, "depeg", ((0.1, 1.0),), ((0.1, 1.01),)),
    (OKX_NEW, "discount", {"X": ((0.1, 1.0),)}, {"X": ((0.1, 1.01),)}),
    (OKX_NEW, "close_edges", tuple(range(7)), tuple(range(1, 8))), (MAJOR, "step", 0.2499, 0.25),
    (OKX_NEW, "close_multipliers", (0.0,) * 7, (-0.01,) * 7), (BYBIT_UNIT, "moves", (-0.99,), (-1.0,)),
    (BYBIT["2024"], "units", {"A": BYBIT_UNIT}, {"A": BYBIT_UNIT, "B": replace(BYBIT_UNIT, moves=(0.0,))}),
    (MAJOR, "tails", ((-0.99, 1.0),), ((-1.0, 1.0),)), (MAJOR, "tails", ((0.5, 1.0),), ((0.5, 1.01),)),
    (paradex.RULES, "assets", {"A": MAJOR, "B": MAJOR}, {"A": MAJOR, "B": replace(MAJOR, tails=MAJOR.tails[1:])}),
    (paradex.CROSS, "imf", {"X": 1.0}, {"X": 1.01}), (paradex.CROSS, "limits", {"X": 0.0}, {"X": -0.01}),
    (SHIFT, "end", 11, 10), (TOKEN, "deposit_scale_start", 0.01, 0.0), (USER, "positions", {"P": 0}, {"P": -1}),
]  # fmt: skip


@pytest.mark.parametrize(("record", "name", "accepted", "refused"), BOUNDS)
def test_bounds(record, name, accepted, refused):
    assert getattr(replace(record, **{name: accepted}), name) == accepted
    with pytest.raises(InvalidInputError):
        replace(record, **{name: refused})


def test_a_negative_factor_is_refused_even_where_a_lenient_one_is_allowed():
    for rules in (BYBIT["2024"], derive_1.MAINNET):
        lenient = replace(rules, im_factor=0.0, allow_imprudent=("initial >= maintenance",))
        with pytest.raises(InvalidInputError, match="im_factor must be >= 0"):
            replace(lenient, im_factor=-0.01)


ORDER, HAIRCUT, DEBT = drift.ORDERED, drift.HAIRCUT, drift.DEBT
PRUDENT = [  # record, its figures at the edge of prudence, and just outside it; rules then broken
    (STANDARD, {"perp_im": 0.065}, {"perp_im": 0.064}, [ORDER]),
    (STANDARD, {"min_spot_req": 0.09}, {"min_spot_req": 0.089}, [ORDER]),
    (STANDARD, {"im_put_vs_mm_scale": 1.0}, {"im_put_vs_mm_scale": 0.99}, [ORDER]),
    (STANDARD, {"unpaired_im_scale": 1.1}, {"unpaired_im_scale": 1.09}, [ORDER]),
    (STANDARD, {"base_im_scale": 1.0}, {"base_im_scale": 1.01}, [ORDER]),
    (STANDARD, {"base_margin_factor": 1.0}, {"base_margin_factor": 1.01}, [HAIRCUT]),
    (STANDARD, {"unpaired_mm_scale": 1.0}, {"unpaired_mm_scale": 0.99}, ["unpaired calls cost the forward"]),
    (SPOT, {"initial_asset": 10_000}, {"initial_asset": 9001, "maintenance_asset": 9000}, [ORDER]),
    (SPOT, {"initial_asset": 9000}, {"initial_asset": 9000, "maintenance_asset": 10_001}, [HAIRCUT]),
    (SPOT, {"initial_liability": 10_000}, {"initial_liability": 11_000, "maintenance_liability": 11_001}, [ORDER]),
    (SPOT, {"initial_liability": 12_000}, {"initial_liability": 12_000, "maintenance_liability": 9999}, [DEBT]),
    (PERP, {"initial": 500}, {"initial": 499}, [ORDER]),
    (PERP, {"profit_initial": 10_000}, {"profit_initial": 9001, "profit_maintenance": 9000}, [ORDER]),
    (PERP, {"profit_initial": 9000}, {"profit_initial": 9000, "profit_maintenance": 10_001}, [HAIRCUT]),
    (LEVERAGED, {"leveraged_initial": 100}, {"leveraged_initial": 99}, [ORDER]),
]  # fmt: skip


@pytest.mark.parametrize(("record", "edge", "outside", "rules"), PRUDENT)
def test_edges_of_prudence(record, edge, outside, rules):
    def broken(figures):
        found = replace(record, **figures)
        return [rule for rule, _ in (standard.imprudence("M", found) if record is STANDARD else found.imprudence())]

    assert (broken({}), broken(edge), broken(outside)) == ([], [], rules)


MANGO = [  # record, figures at the edge and just outside, rule
    (TOKEN, {"initial_asset": 0.9}, {"initial_asset": 0.91}, mango.ORDER),
    (TOKEN, {"initial_debt": 1.1}, {"initial_debt": 1.09}, mango.ORDER),
    (TOKEN, {"maintenance_asset": 1.0}, {"maintenance_asset": 1.01}, mango.SIDE),
    (TOKEN, {"maintenance_debt": 1.0}, {"maintenance_debt": 0.99}, mango.SIDE),
    (TOKEN, {"shift": SHIFT}, {"shift": replace(SHIFT, asset=0.79)}, mango.ORDER),
    (TOKEN, {"shift": SHIFT}, {"shift": replace(SHIFT, debt=1.21)}, mango.ORDER),
    (PERPETUAL, {"initial_long": 0.9}, {"initial_long": 0.91}, mango.ORDER),
    (PERPETUAL, {"initial_short": 1.1}, {"initial_short": 1.09}, mango.ORDER),
    (PERPETUAL, {"initial_profit": 0.98}, {"initial_profit": 0.99}, mango.ORDER),
    (PERPETUAL, {"maintenance_profit": 1.0}, {"maintenance_profit": 1.01}, mango.SIDE),
]


@pytest.mark.parametrize(("record", "edge", "outside", "rule"), MANGO)
def test_edges_of_prudence_of_mango(record, edge, outside, rule):
    mango.check_prudence(replace(record, **edge), ())
    with pytest.raises(ImprudentParametersError) as refused:
        mango.check_prudence(replace(record, **outside), ())
    assert refused.value.rule == rule
    mango.check_prudence(replace(record, **outside), (rule,))


def test_shifts_and_modes_at_their_ends():
    assert [SHIFT.share(now) for now in (9, 10, 15, 20, 21)] == [0.0, 0.0, 0.5, 1.0, 1.0]
    moved = replace(TOKEN, shift=mango.Shift(start=10, end=20, asset=0.5, debt=1.5))
    assert [moved.maintenance(now) for now in (10, 15, 20)] == [(0.9, 1.1), pytest.approx((0.7, 1.3)), (0.5, 1.5)]
    smallest = {"leveraged_initial": 1, "leveraged_maintenance": 1}
    assert [replace(PERP, **figures).has_leverage_mode for figures in ({}, smallest)] == [False, True]
