"""Drift v2: published figures written in, rounding edges, a plain twin on random accounts, and refusals."""

from fractions import Fraction

import numpy as np
import pytest
from conftest import FACTOR
from conformance.drift_accounts import MICRO, NANO, PAIR, PERP, QUOTE, TOKEN, Figure, case_of, method_of, simple
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin import ImprudentParametersError, InvalidInputError, Portfolio
from crossmargin.margin.plan.evaluate import evaluate
from crossmargin.margin.plan.explain import attribute
from crossmargin.margin.prepared import quantities
from crossmargin.venues.drift import DriftMargin
from crossmargin.venues.drift_parameters import PerpMarket, SpotMarket, UserSettings
from crossmargin.venues.drift_tables import LEVELS, scaled_asset_weight, scaled_profit_weight
from reference import drift as twin

SOL_WEIGHTS = {"initial_asset": 8000, "maintenance_asset": 9000,
               "initial_liability": 12000, "maintenance_liability": 11000}  # fmt: skip
RAW_WEIGHTS = {"init_asset_w": 8000, "maint_asset_w": 9000, "init_liab_w": 12000, "maint_liab_w": 11000}
LEVERAGED = {"initial": 1000, "maintenance": 500, "imf": 50, "leveraged_initial": 100, "leveraged_maintenance": 50}


def units(case, pocket=0):
    return case.prepared.exact(Portfolio(case.book, case.book.unit("row", pocket)))


def found(case):
    return [figure.of(units(case, figure.pocket)) for figure in case.figures]


def ratio(expected, size, level, **user):
    return simple([Figure("perp ratio", expected, level)], perp=LEVERAGED, positions=[(0, size, 0)],
                  user=UserSettings(**user))  # fmt: skip


def weight(expected, atoms, **token):
    return simple([Figure("token weight", expected)], token=token, balances=[(0, TOKEN, atoms)])


def prediction(price, lots, cost, **expected):
    figures = [Figure(f"perp {name}", value) for name, value in expected.items()]
    perp = {"initial": 10000, "maintenance": 9999, "contract": "prediction", "profit_initial": 0}
    return simple(figures, perp=perp, prices={TOKEN: price}, positions=[(0, lots, cost)])


# Figures of the venue's own tests; the source is the test's name in programs/drift/src.
PUBLISHED = {
    # asks win a tie, so the worst side of equal orders is short
    "state/user worst_case_liability_value::perp": simple(
        [Figure("perp worst", -NANO), Figure("perp liability", 100 * MICRO)], orders=[(PERP, NANO), (PERP, -NANO)]
    ),
    # an order that closes a position is not worst, however large
    "state/user worst_case_liability_value::perp, flip": simple(
        [Figure("perp worst", -98 * NANO), Figure("perp liability", 9800 * MICRO)],
        positions=[(0, -98 * NANO, 0)], orders=[(PERP, 99 * NANO)],
    ),
    # a short prediction contract at 0.25 can lose 0.75
    "math/margin calculate_perp_position_value_and_pnl_prediction_market::long": prediction(
        0.25, -NANO, -750_000, requirement=750_000, counted=0
    ),
    # an ask that turns a deposit to debt: the present balance at the lower price, the ordered part at the higher
    "state/user deposit_and_open_ask_flips_to_borrow, twap 90": simple(
        [Figure("token value", -110 * MICRO), Figure("token weighted", -132 * MICRO),
         Figure("token order", 200 * MICRO), Figure("token contribution", 68 * MICRO)],
        token=SOL_WEIGHTS, averages={TOKEN: 90}, balances=[(0, TOKEN, NANO)], orders=[(PAIR, -2 * NANO)],
    ),
    # size: exactly at the edge of the premium, between the ratios, and under high leverage mode
    "math/margin spot_market_asset_weight, asset": weight(8357, 10**12, initial_asset=9000, imf=10**4),
    "math/margin spot_market_asset_weight, liability": weight(
        40422, -(10**12), initial_liability=11000, maintenance_liability=11000, imf=10**5
    ),
    "state/perp_market new_hlm_imf_size, normal": ratio(1300, 10**15, "initial"),
    "state/perp_market new_hlm_imf_size, 0.1 base": ratio(100, 10**8, "initial", high_leverage=True),
    "state/perp_market new_hlm_imf_size, 3000 base": ratio(221, 3 * 10**12, "initial", high_leverage=True),
    "state/perp_market new_hlm_imf_size, maintenance": ratio(67, 3 * 10**12, "maintenance", high_leverage=True),
    "state/perp_market get_margin_ratio::test, fill in high leverage mode": simple(
        [Figure("perp ratio", 150, "fill")], perp={"leveraged_initial": 200, "leveraged_maintenance": 100},
        user=UserSettings(high_leverage=True), positions=[(0, NANO, 0)],
    ),
    "math/margin calculate_user_equity_value_tests": simple(
        [Figure("perp profit_weight", 9516)], perp={"profit_imf": 1000}, positions=[(0, 0, -24_282_786_896)]
    ),
    # a user's ratio of 200 %: 100 SOL short at weight 3, 100 base at ratio 2
    "math/margin user_custom_margin_ratio": simple(
        [Figure("requirement", 50_000 * MICRO, unit=MICRO)], kind=DriftMargin, token=SOL_WEIGHTS,
        user=UserSettings(ratio=20_000), balances=[(0, QUOTE, 100 * MICRO), (0, TOKEN, -100 * NANO)],
        positions=[(0, 100 * NANO, 10_000 * MICRO)],
    ),
    # the cent of an open order, and orders booked beside the deposit
    "math/margin usdc_deposit_and_5x_sol_bid": simple(
        [Figure("requirement", 50_000_010_000, unit=MICRO), Figure("equity", 50_000 * MICRO, unit=MICRO)],
        kind=DriftMargin, token=SOL_WEIGHTS, balances=[(0, QUOTE, 10_000 * MICRO)], orders=[(PAIR, 500 * NANO)],
    ),
    # an isolated position stands on its own deposit
    "math/margin isolated_position_margin_requirement": simple(
        [Figure("requirement", 12_000 * MICRO, unit=MICRO),
         Figure("requirement", 1_000 * MICRO, pocket=1, unit=MICRO),
         Figure("equity", -900 * MICRO, pocket=1, unit=MICRO),
         Figure("requirement_with_buffer", 2_000 * MICRO, pocket=1, unit=MICRO),
         Figure("equity_with_buffer", -1_000 * MICRO, pocket=1, unit=MICRO)],
        kind=DriftMargin, token=SOL_WEIGHTS, buffer=1000,
        balances=[(0, QUOTE, 20_000 * MICRO), (0, TOKEN, -100 * NANO), (1, QUOTE, 100 * MICRO)],
        positions=[(1, 100 * NANO, 11_000 * MICRO)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("source", PUBLISHED)
def test_published_figures(source):
    case = PUBLISHED[source]
    assert found(case) == [figure.expected for figure in case.figures]


def test_nothing_held_asks_nothing():
    values = units(simple([], kind=DriftMargin))
    assert not any(any(rows) for rows in values.values())


def test_a_market_in_settlement_asks_nothing_and_stands_at_its_price():
    case = simple([Figure("requirement", 0, unit=MICRO), Figure("equity", -20 * MICRO, unit=MICRO)], kind=DriftMargin,
                  perp={"settled_at": 80 * MICRO}, user=UserSettings(ratio=20_000),
                  positions=[(0, NANO, 100 * MICRO)])  # fmt: skip
    assert found(case) == [0, -20 * MICRO]


def test_a_gain_counts_up_to_100_dollars_at_initial_alone():
    case = simple([], kind=DriftMargin, positions=[(0, 10 * NANO, 0)])
    assert units(case)["equity"] == (100, 1000, 1000)


def test_the_size_of_a_gain_leaves_maintenance_alone():
    case = simple([], perp={"profit_imf": 1000}, positions=[(0, 0, -24_282_786_896)])
    assert units(case)["perp profit_weight"] == (9516, 10_000, 9516)


def test_the_root_of_a_size_is_exact_on_a_square():
    """10 x 8 + 1 is 81: a factor of ten makes each unit of its root count one."""
    case = simple([], perp={"initial": 10, "maintenance": 10, "imf": 10**7}, positions=[(0, 8, 0)])
    assert units(case)["perp ratio"] == (8 + 9, 8 + 9, 8 + 9)


def test_a_pool_scales_past_its_start_and_not_at_it():
    start = 500_000 * MICRO
    assert [scaled_asset_weight(9000, start, start + more) for more in (0, 1)] == [9000, 8999]
    assert [scaled_profit_weight(10_000, 10, owed) for owed in (10, 20)] == [10_000, 5_000]
    assert scaled_profit_weight(9000, 0, start) == 9000


def test_one_program_whatever_the_figures():
    cases = [
        simple([], kind=DriftMargin),
        simple([], kind=DriftMargin, token=SOL_WEIGHTS | {"imf": 7}, perp=LEVERAGED | {"contract": "prediction"},
               user=UserSettings(high_leverage=True, ratio=5), prices={TOKEN: 0.5}),
        case_of({"name": "account", "params": {"sol": RAW_WEIGHTS, "perp": {}, "type": "initial"},
                 "portfolio": {}, "market": {}, "expected": {}}),  # nothing listed but quote
    ]  # fmt: skip
    assert len({case.prepared.program.hash for case in cases}) == 1


# ---- a plain twin on random accounts -----------------------------------------------------------

amounts = st.builds(lambda digits, zeros: digits * 10**zeros, st.integers(-9999, 9999), st.integers(0, 9))
opened = amounts.map(abs)
cents = st.integers(1, 200_000)
near_one = st.integers(900_000, 1_100_000)


@st.composite
def accounts(draw):
    """A case, and the same holdings as the twin reads them."""
    high, low = sorted(draw(st.lists(st.integers(1, 4000), min_size=2, max_size=2)), reverse=True)
    fast = sorted(draw(st.lists(st.integers(0, 900), min_size=2, max_size=2)), reverse=True)
    asset = sorted(draw(st.lists(st.integers(0, 10_000), min_size=2, max_size=2)))
    debt = sorted(draw(st.lists(st.integers(10_000, 20_000), min_size=2, max_size=2)), reverse=True)
    imf = draw(st.sampled_from([0, 50, 10_000]))
    prediction = draw(st.booleans())
    price = draw(st.integers(0, 10**6)) / MICRO if prediction else draw(cents) / 100
    price = max(price, 1e-6)
    average, quote_now, quote_average = draw(cents) / 100, draw(near_one) / MICRO, draw(near_one) / MICRO
    gains = sorted(draw(st.lists(st.integers(0, 10_000), min_size=2, max_size=2)))
    perp = {"initial": high, "maintenance": low, "imf": imf, "leveraged_initial": fast[0],
            "leveraged_maintenance": fast[1], "contract": "prediction" if prediction else "perpetual",
            "profit_initial": gains[0], "profit_maintenance": gains[1],
            "profit_imf": draw(st.sampled_from([0, 1000])), "max_imbalance": draw(st.sampled_from([0, 10**6])),
            "net_profit": draw(st.integers(-(10**6), 10**7)),
            "settled_at": draw(st.sampled_from([None, None, None, 80 * 10**4]))}  # fmt: skip
    user = UserSettings(ratio=draw(st.sampled_from([0, 3000, 15_000])), override=draw(st.sampled_from([0, 700])),
                        positions=draw(st.sampled_from([{}, {PERP: 4000}])), high_leverage=draw(st.booleans()))
    base, atoms, cost, cash = (draw(amounts) for _ in range(4))
    bids, asks, buys, sells = (draw(opened) for _ in range(4))
    token = {"initial_asset": asset[0], "maintenance_asset": asset[1], "initial_liability": debt[0],
             "maintenance_liability": debt[1], "imf": draw(st.sampled_from([0, 10_000])),
             "scale_start": draw(st.sampled_from([0, 10**8, 10**12]))}  # fmt: skip
    deposits = draw(st.integers(0, 10_000))
    case = simple(
        [], kind=DriftMargin, token=token, perp=perp, user=user, deposits=deposits,
        buffer=draw(st.sampled_from([0, 200, 1000])),
        prices={TOKEN: price, QUOTE: quote_now}, averages={TOKEN: average, QUOTE: quote_average},
        balances=[(0, TOKEN, atoms), (0, QUOTE, cash)], positions=[(0, base, cost)],
        orders=[(PERP, bids), (PERP, -asks), (PAIR, buys), (PAIR, -sells)],
    )  # fmt: skip
    held = ((base, cost, bids, asks), (atoms, buys, sells), cash, sum(n > 0 for n in (bids, asks, buys, sells)))
    seen = (price, average, quote_now, quote_average)
    now, mean, quote, quote_mean = (round(Fraction(str(x)) * MICRO) for x in seen)
    return case, (*held, now, (now, mean), (quote, quote_mean), deposits)


OUTPUTS = ("equity", "requirement", "equity_with_buffer", "requirement_with_buffer")


@settings(max_examples=1000 * FACTOR)
@given(accounts())
def test_integers_equal_the_twin(drawn):
    case, held = drawn
    values = units(case)
    for row, level in enumerate(LEVELS):
        expected = twin.account(case.method, level, *held)
        assert [values[name][row] * MICRO for name in OUTPUTS] == list(expected), level


@pytest.mark.parametrize("figures", [(1000, 500, 100, 50), (1000, 500, 1000, 500), (900, 7, 1200, 9), (7, 3, 2, 1)])
@pytest.mark.parametrize("imf", [0, 50, 10_000])
def test_ratios_by_size_equal_the_twin(figures, imf):
    """Sizes a decade apart pass every branch of high leverage mode: below, at and above half of the relief."""
    names = ("initial", "maintenance", "leveraged_initial", "leveraged_maintenance")
    perp, user = dict(zip(names, figures, strict=True)) | {"imf": imf}, UserSettings(high_leverage=True)
    for size in [digits * 10**zeros for zeros in range(0, 15, 2) for digits in (1, 4, 9, 16, 30)]:
        case = simple([], perp=perp, user=user, positions=[(0, size, 0)])
        expected = [twin.perp_ratio(case.method.perps[0], user, size, level) for level in LEVELS]
        assert list(units(case)["perp ratio"]) == expected, size


@given(accounts())
def test_floats_are_within_a_unit_a_rounding_of_the_integers(drawn):
    """A float product may fall on the other side of a whole number: a unit for each rounding of the rule, beside
    a relative 1e-12 for products past 2^53. (Published rows agree within one unit.)"""
    case, _ = drawn
    roundings = sum(node.op == "mul_div" and not node.free for node in case.prepared.program.nodes)
    exact, batch = units(case), case.prepared.values(case.book, OUTPUTS)
    trace = case.prepared.trace(Portfolio(case.book, 0))
    for name in OUTPUTS:
        wanted = [float(v) for v in exact[name]]
        assert np.allclose(batch[name][0], wanted, rtol=1e-12, atol=roundings * 1e-6)
        assert np.array_equal(batch[name][0], trace.output(name))


@given(accounts())
def test_parts_sum_to_the_whole_in_integers(drawn):
    """Each line of the requirement is spread over what is held; rounding is a line of its own."""
    case, _ = drawn
    bound = case.prepared.bound.exactly(case.method.tables(case.instruments, case.market))
    trace = evaluate(bound, quantities(bound, Portfolio(case.book, 0), object))
    for part in bound.program.parts:
        for row in range(len(LEVELS)):
            values = trace.values[part.node][0]
            assert attribute(trace, part.node, row).total() == values[row if len(values) > 1 else 0]


# ---- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        ({"perp": {"initial": 400}}, "initial >= maintenance"),
        ({"perp": {"leveraged_initial": 100, "leveraged_maintenance": 200}}, "initial >= maintenance"),
        ({"perp": {"profit_initial": 9000, "profit_maintenance": 8000}}, "initial >= maintenance"),
        ({"token": {"initial_asset": 9000, "maintenance_asset": 8000}}, "initial >= maintenance"),
        ({"token": {"initial_liability": 11000, "maintenance_liability": 12000}}, "initial >= maintenance"),
        ({"token": {"maintenance_asset": 10001}}, "haircut in [0, 1]"),
        ({"perp": {"profit_maintenance": 10001}}, "haircut in [0, 1]"),
        ({"token": {"initial_liability": 9999, "maintenance_liability": 9999}}, "debt at full price or above"),
    ],
)
def test_imprudent_parameters_name_their_rule(broken, rule):
    with pytest.raises(ImprudentParametersError) as refused:
        method_of(**broken)
    assert refused.value.rule == rule
    allowed = method_of(**broken, allow_imprudent=(rule,))
    assert rule in allowed.parameters_name


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda: PerpMarket(instrument=PERP, initial=-1, maintenance=0), "initial must be >= 0, was -1"),
        (lambda: UserSettings(positions={PERP: -1}), "position ratio must be >= 0"),
        (lambda: method_of(user=UserSettings(positions={"BTC-PERP": 1})), "must name a known perpetual market"),
        (lambda: DriftMargin(name="row", quote="USDT", spot=(), perps=()), "must name a known spot market"),
        (lambda: DriftMargin(name="row", quote=QUOTE, spot=(SpotMarket(asset=QUOTE, initial_asset=9000),), perps=()),
         "have weights of 1 at any size"),
        (lambda: simple([], prices={TOKEN: 0}).prepared, "must be > 0"),
        (lambda: simple([], prices={TOKEN: 1.5}, perp={"contract": "prediction"}).prepared, "must lie in [0, 1]"),
    ],
)  # fmt: skip
def test_refused(broken, message):
    with pytest.raises(InvalidInputError) as refused:
        broken()
    assert message in str(refused.value)
