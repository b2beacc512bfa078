"""Derive's standard manager: edges first, then figures of the venue's own tests, then refusals."""

from fractions import Fraction
from math import copysign, trunc

import msgspec
import pytest

from crossmargin import Account, Asset, Instruments, InvalidInputError, Portfolio, Position
from crossmargin.errors import ImprudentParametersError, MissingPriceError, UnknownReferenceError
from crossmargin.instruments import Kind, Payoff, expiry_key
from crossmargin.margin.method import decode
from crossmargin.venues import derive_standard_parameters as figures
from crossmargin.venues.derive_standard import StandardManager
from crossmargin.venues.derive_standard_tables import coin_haircut, isolated_call, isolated_put, oracle_contingency
from venues.derive_standard_desk import AS_OF, LOT, METHOD, RULES, listed, market, option, run, surplus


# ---- edges ------------------------------------------------------------------------------------


def test_nothing_held_requires_nothing():
    prepared, portfolio = run()
    found = prepared.requirement(portfolio)
    assert (found.initial, found.maintenance, found.equity_initial, found.surplus_initial) == (0, 0, 0, 0)
    assert all(line.initial == line.maintenance == 0 for line in found.components.values())


def test_cash_alone_is_surplus_and_debt_is_not_refused():
    assert surplus(cash="12.5") == (12.5, 12.5)
    assert surplus(cash="-12.5") == (-12.5, -12.5)


def test_account_without_options_where_none_is_listed():
    prepared, portfolio = run({"ETH-PERP": -1})
    assert prepared.bound.rows["price"] == ("settlement 0",)
    assert prepared.requirement(portfolio).components["options"].initial == 0


def test_a_closed_position_counts_no_strike():
    held = {"ETH-892800-1800-C": -1, "ETH-892800-3000-P": 0}
    assert surplus(held) == surplus({"ETH-892800-1800-C": -1})


def test_a_listed_strike_that_is_not_held_changes_nothing():
    """With more calls sold than owned the payoff falls past the last strike held: only ``unpaired`` charges it."""
    held = {"ETH-892800-1100-C": -1.01, "ETH-892800-1200-C": 1}
    prepared, _ = run(held | {"ETH-892800-9000-C": 1})
    lots = {name: round(Fraction(str(amount)) / LOT) for name, amount in held.items()}
    account = Account(id="a", currency="USDC")
    alone = prepared.requirement(Portfolio.of(prepared.instruments, account=account, positions=lots))
    assert (alone.surplus_initial, alone.surplus_maintenance) == pytest.approx(surplus(held), rel=1e-13)


def test_confidence_at_the_threshold_is_no_doubt():
    held = {"ETH-892800-1500-C": -1, "ETH-PERP": 1}
    at = {("ETH", "index"): (2000.0, 0.4)}
    assert surplus(held, feeds=at, coins={"ETH": 1}) == surplus(held, coins={"ETH": 1})


def test_rates_do_not_discount():
    rate = {(expiry_key("ETH", AS_OF + 892_800 * 10**9), "rate"): (0.5, 1.0)}
    assert surplus({"ETH-892800-1500-C": -1}, feeds=rate) == surplus({"ETH-892800-1500-C": -1})


def test_debt_of_a_coin_counts_in_full():
    assert surplus(coins={"ETH": -1}) == pytest.approx((-2000, -2000), rel=1e-15)


def test_a_premium_still_owed_lowers_equity():
    prepared, portfolio = run({"ETH-892800-2000-C": 1})
    owed = portfolio.holding(positions={"ETH-892800-2000-C": Position(10**6, 50 * 10**9)})
    assert prepared.requirement(owed).surplus_initial == pytest.approx(-50, rel=1e-12)


# ---- figures of the venue's own tests -------------------------------------------------------------
# derivexyz/v2-core, TestStandardManager_Portfolio_Cases.t.sol and test-cases-portfolio.json: whole units, truncated.

NO_PEG = {("USDC", "peg"): (0.1, 1.0)}
FORWARD_2004_75 = {(expiry_key("ETH", AS_OF + 1_497_600 * 10**9), "forward"): (2004.75, 0.4)}
GENERAL = dict(
    cash="-3522.42", coins={"ETH": 4, "BTC": 19}, profit={"ETH-PERP": -12, "BTC-PERP": 7920},
    held={
        "ETH-PERP": 2, "BTC-PERP": -4, "ETH-288000-7400-P": -1, "ETH-1497600-7400-P": -1, "ETH-1497600-2000-C": -4,
        "ETH-1497600-2000-P": 2.1, "ETH-1497600-2500-C": 14, "ETH-1497600-2500-P": 32.1, "ETH-4953600-1000-C": 100,
        "BTC-892800-24450-C": -1.2, "BTC-892800-24800-C": 1.2, "BTC-4953600-10000-P": -11,
    },
    feeds=FORWARD_2004_75 | {("ETH", "index"): (2000.0, 0.2), ("USDC", "peg"): (0.97, 1.0)},
)  # fmt: skip
PUBLISHED = [
    ("test_long_ATM_call", dict(held={"ETH-892800-2000-C": 1}), (0, 0)),
    ("test_short_ITM_call", dict(held={"ETH-892800-1500-C": -1}), (-802, -652)),
    ("test_short_OTM_put", dict(held={"ETH-892800-1100-P": -1}), (-200, -150)),
    ("test_short_put_with_0_strike_MaxLoss", dict(held={"ETH-1497600-100-P": -1}), (-100, -100)),
    ("test_short_call_spread_with_MaxLoss",
     dict(held={"ETH-892800-1800-C": -1, "ETH-892800-2000-C": 1}), (-200, -200)),
    ("test_short_call_spread_with_iso_margin",
     dict(held={"ETH-892800-2300-C": -1, "ETH-892800-4000-C": 1}), (-203, -153)),
    ("test_short_call_spread_with_offset",
     dict(held={"ETH-892800-1100-C": -1.01, "ETH-892800-1200-C": 1}), (-125, -123)),
    ("test_ITM_put_with_IM_multiple_of_MM", dict(held={"ETH-288000-7400-P": -1}), (-6094, -5804)),
    ("test_USDC_depeg", dict(held={"ETH-1497600-2000-P": -1}, feeds=NO_PEG), (-2496, -234)),
    ("test_long_perp_and_USDC_depeg",
     dict(held={"ETH-PERP": 1}, profit={"ETH-PERP": -4}, feeds=NO_PEG), (-2246, -104)),
    ("test_long_ITM_perp", dict(held={"ETH-PERP": 1}, profit={"ETH-PERP": 601}), (470, 500)),
    ("test_base_asset_low_spot_confidence",
     dict(coins={"ETH": 1}, feeds={("ETH", "index"): (2000.0, 0.1)}), (880, 1600)),
    ("test_short_call_low_spot_vol_fwd_confidence",
     dict(held={"ETH-1497600-2000-C": -1}, feeds=FORWARD_2004_75 | {("ETH", "index"): (2000.0, 0.2)}),
     (-1029, -239)),
    ("test_short_eth_call_with_btc_collateral",
     dict(held={"ETH-1497600-2000-C": -1}, coins={"BTC": 1}), (22010, 22160)),
    ("test_general_portfolio", GENERAL, (371310, 394499)),
]  # fmt: skip
CASES = pytest.mark.parametrize("account, expected", [pytest.param(a, e, id=name) for name, a, e in PUBLISHED])


def whole(value):
    return trunc(value + copysign(1e-9, value))


@CASES
def test_published(account, expected):
    assert tuple(map(whole, surplus(**account))) == expected


@CASES
def test_slow_evaluator_and_explanation_agree(account, expected):
    prepared, portfolio = run(**account)
    trace, size = prepared.trace(portfolio), 1 + abs(prepared.requirement(portfolio).equity_initial)
    assert tuple(map(whole, trace.output("equity") - trace.output("requirement"))) == expected
    for level in ("initial", "maintenance"):
        explained = prepared.explain(portfolio, level)
        parts = sum(leaf.value for leaf in explained.leaves())
        assert parts == pytest.approx(explained.value, rel=1e-12, abs=1e-12 * size)


def test_a_new_mark_replaces_tables_only():
    held = {"ETH-892800-1500-C": -1, "ETH-PERP": 2}
    moved = {("ETH", "index"): (1800.0, 0.3), ("ETH-PERP", "mark"): (1805.0, 1.0)}
    (prepared, portfolio), (fresh, _) = run(held), run(held, feeds=moved)
    marked = prepared.remark(fresh.market)
    assert marked.program is prepared.program
    assert marked.requirement(portfolio) == fresh.requirement(portfolio)


def test_one_program_for_every_account_and_parameter():
    mainnet = StandardManager(name="main net", markets=figures.MAINNET_MARKETS, depeg=figures.MAINNET_DEPEG)
    found = {run(**account)[0].program.hash for _, account, _ in PUBLISHED} | {mainnet.program().hash}
    assert len(found) == 1


def test_isolated_rules_of_one_contract():
    """TestStandardManager.t.sol: index 1500, no volatility; the venue prints -1212 and -212 for halves."""
    assert isolated_call(RULES, 1400.0, 1500.0, 100.0) == pytest.approx([325, 212.5])  # ShortATMCall
    assert isolated_call(RULES, 400.0, 1500.0, 1100.0) == pytest.approx([1325, 1212.5])  # ShortITMCall
    assert isolated_call(RULES, 1600.0, 1500.0, 0.0) == pytest.approx([150, 112.5])  # ShortOTMCall
    assert isolated_put(RULES, 3000.0, 1500.0, 1500.0) == pytest.approx([1725, 1612.5])  # ShortITMPut


def test_rules_of_doubt_and_coin():
    assert oracle_contingency(0.8, 0.9, 0.1, 1500.0) == pytest.approx([30, 0])  # oracle_contingency_on_options
    assert coin_haircut(RULES, 2000.0, 1.0) == pytest.approx([400, 400])  # test_borrowing_ETH: 1600 of 2000 counts


def test_main_net_set():
    """scripts/config-mainnet.sol: perpetual 10 % and 6.5 %; a short call far out of the money 13 % and 9 %."""
    mainnet = StandardManager(name="main net", markets=figures.MAINNET_MARKETS, depeg=figures.MAINNET_DEPEG)
    assert surplus({"ETH-PERP": -1}, profit={"ETH-PERP": 0}, method=mainnet) == pytest.approx((-200.1, -130.065))
    assert surplus({"ETH-892800-9000-C": -1}, method=mainnet) == pytest.approx((-260, -180))
    assert surplus(coins={"ETH": 1}, method=mainnet) == pytest.approx((1500, 1600))


# ---- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule, figure",
    [
        ("initial >= maintenance", {"perp_mm": 0.07}),
        ("initial >= maintenance", {"mm_call_spot": 0.11}),
        ("initial >= maintenance", {"im_put_vs_mm_scale": 0.9}),
        ("initial >= maintenance", {"unpaired_mm_scale": 1.3}),
        ("initial >= maintenance", {"base_im_scale": 1.1}),
        ("haircut in [0, 1]", {"base_margin_factor": 1.2}),
        ("unpaired calls cost the forward", {"unpaired_mm_scale": 0.9}),
    ],
)
def test_imprudent_figures_are_refused_by_rule(rule, figure):
    lenient = {"ETH": msgspec.structs.replace(RULES, **figure)}
    with pytest.raises(ImprudentParametersError, match="ETH") as refused:
        StandardManager(name="x", markets=lenient, depeg=figures.TEST_DEPEG)
    assert refused.value.rule == rule
    allowed = StandardManager(name="x", markets=lenient, depeg=figures.TEST_DEPEG, allow_imprudent=(rule,))
    assert allowed.parameters_name == f"x allowing {rule}"


@pytest.mark.parametrize("figure", [{"perp_im": -0.1}, {"perp_im": float("nan")}, {"option_conf_threshold": 1.5}])
def test_malformed_figures_are_refused(figure):
    with pytest.raises(InvalidInputError, match=next(iter(figure))):
        msgspec.structs.replace(RULES, **figure)


def test_parameters_survive_a_file_and_unknown_fields_do_not():
    assert decode(msgspec.json.encode(METHOD), StandardManager) == METHOD
    with pytest.raises(InvalidInputError, match="typo"):
        decode(msgspec.json.encode(METHOD).replace(b'"cash"', b'"typo"'), StandardManager)


@pytest.mark.parametrize(
    "error, word, changes",
    [
        (UnknownReferenceError, "underlying", {"underlying": "SOL"}),
        (InvalidInputError, "payoff", {"payoff": Payoff.INVERSE}),
        (InvalidInputError, "settlement", {"settlement": "ETH"}),
        (InvalidInputError, "kind", {"kind": Kind.FUTURE, "strike": None, "right": None}),
    ],
)
def test_what_the_manager_cannot_hold_is_refused(error, word, changes):
    assets = [Asset(id="USDC", decimals=9), Asset(id="ETH", decimals=9, underlying="ETH")]
    instruments = Instruments.of([option("ETH-892800-2000-C", **changes)], assets)
    with pytest.raises(error, match=word):
        METHOD.prepare(instruments, market([]))


def test_missing_and_senseless_feeds_are_refused():
    instruments = listed(["ETH-892800-2000-C"])
    with pytest.raises(MissingPriceError, match="volatility"):
        METHOD.prepare(instruments, market([]))
    with pytest.raises(InvalidInputError, match="index"):
        METHOD.prepare(instruments, market(["ETH-892800-2000-C"], {("ETH", "index"): (0.0, 1.0)}))
    with pytest.raises(InvalidInputError, match="peg"):
        METHOD.prepare(instruments, market(["ETH-892800-2000-C"], {("USDC", "peg"): (0.0, 1.0)}))
