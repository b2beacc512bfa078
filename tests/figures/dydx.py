"""Published figures of dYdX v4: the numbers of the chain's own unit tests, and the test that states each table.

Source: dydxprotocol/v4-chain, commit 84d4664, folder protocol/. Rates in parts per million, money in quote quanta.
"""

# base quanta, price, exponent, resolution, open interest (base quanta), initial, fraction, caps; IMR, MMR
MARGINS = [
    (7000, 55550, -1, -6, 0, 1000000, 1000000, 0, 0, 38885000, 38885000),
    (7000, 55550, -1, -6, 0, 10000, 1000000, 0, 0, 388850, 388850), (-7000, 0, -1, -6, 0, 100, 1000000, 0, 0, 0, 0),
    (18446744073709551615, 18446744073709551615, -1, -6, 0, 100, 1000000, 0, 0, 3402823669209384634264811192843492, 3402823669209384634264811192843492),
    (12000, 367500, -1, -6, 0, 200000, 500000, 0, 0, 88200000, 44100000),
    (74523, 1234560, -1, -6, 0, 250000, 600000, 0, 0, 2300077872, 1380046724),
    (12000, 367500, -1, -6, 408163265, 200000, 500000, 10000000000000, 20000000000000, 264599559, 44100000),
    (12000, 367500, -1, -6, 1123456789, 200000, 500000, 25000000000000, 50000000000000, 318042585, 44100000),
]  # fmt: skip

# notional, open interest, initial, caps; IMR
NOTIONALS = [
    (500000, 0, 200000, 0, 0, 100000), (1, 0, 100000, 0, 0, 1), (500000, 1500000000000, 200000, 0, 0, 100000),
    (500000, 1500000000000, 200000, 1000000000000, 2000000000000, 300000),
    (500000, 80000000000000, 200000, 25000000000000, 50000000000000, 500000),
    (500000, 25000000000000, 200000, 25000000000000, 50000000000000, 100000),
    (500000, 28123456789123, 200000, 25000000000000, 60000000000000, 135697),
]  # fmt: skip

# open interest, initial, caps; rate
SCALED = [
    (0, 200000, 1000000, 2000000, 200000), (1500000, 200000, 1000000, 2000000, 600000),
    (1234567, 200000, 1000000, 2000000, 387653), (1000000, 200000, 1000000, 2000000, 200000),
    (2500000, 200000, 1000000, 2000000, 1000000),
]  # fmt: skip

# initial, fraction; rate
MAINTENANCE = [
    (150000, 800000, 120000), (450000, 770000, 346500), (637239, 289284, 184343), (1000000, 1000000, 1000000),
    (0, 1000000, 0), (1000000, 0, 0),
]  # fmt: skip

# clamp factor, initial, fraction; cap
CLAMPS = [
    (6000000, 150000, 800000, 180000), (6000000, 450000, 1000000, 0), (6000000, 0, 1000000, 0),
    (0, 1000000, 1000000, 0), (4294967295, 1000000, 0, 4294967295), (423978721, 745345, 564947, 137481459),
]  # fmt: skip

# base quanta, index last, now; settlement
SETTLEMENTS = [
    (1000000, 100000000000, 123456789123, -23456789123000000),
    (-1000000, 100000000000, 123456789123, 23456789123000000),
    (1000000, -100000000000, -123456789123, 23456789123000000),
    (-1000000, -100000000000, -123456789123, -23456789123000000), (1000000, 100, 100, 0),
    (10000000, 100, 0, 1000000000), (10000000, 100, -200, 3000000000), (-5000000, 100, 0, -500000000),
]  # fmt: skip

# collateral and maintenance margin of the first and of the second state; order
ORDERS = [
    (100, 50, 100, 100, -1), (100, 50, -100, 100, -1), (-100, 150, -100, 100, -1), (0, 150, 100, 100, 1),
    (-100, 50, -100, 100, 1), (100, 100, 100, 0, 1), (100, 100, 100, 100, 0), (100, 50, 200, 100, -1),
    (0, 50, 0, 100, -1), (0, 0, 200, 100, -1), (100, 0, 200, 0, 1),
]  # fmt: skip

# collateral, maintenance margin; liquidatable
LIQUIDATABLE = [
    (0, 100, True), (0, 0, False), (-100, 100, True), (75, 100, True), (100, 100, False),
]  # fmt: skip

# collateral, initial and maintenance margin of the old state; collateral and maintenance margin of the new one; result
CHANGES = [
    (-1, 0, 0, -1, 1, 'StillUndercollateralized'), (-1, 0, 0, 100, 1, 'StillUndercollateralized'),
    (-1, 0, 0, -1, 0, 'StillUndercollateralized'), (-2, 0, 0, -1, 0, 'Success'),
    (-2, 1, 1, -1, 0, 'StillUndercollateralized'),
]  # fmt: skip


def margin(rates, initial, fraction=None, lower=None, upper=None):
    """Parameters by the names that the vectors have."""
    found = {"initial_margin_ppm": initial, "maintenance_fraction_ppm": fraction, "oi_lower_cap": lower,
             "oi_upper_cap": upper}  # fmt: skip
    return rates | {name: value for name, value in found.items() if value is not None}


def numbered(kind, source, table, read):
    """Rows of one kind: parameters, portfolio, market and figures of each line."""
    keys = ("params", "portfolio", "market", "expected")
    return [
        {"name": f"{kind}: {number}", "source": source} | dict(zip(keys, read(*line), strict=True))
        for number, line in enumerate(table)
    ]


def state(collateral, maintenance):
    return {"NC": collateral, "MMR": maintenance}


RISK = "lib/margin/risk_test.go"
TIERS = "x/perpetuals/types/liquidity_tier_test.go"
PERPETUALS = "x/perpetuals/lib/lib_test.go"
ROWS = [
    *numbered(
        "margin_req", f"{PERPETUALS}::TestGetMarginRequirementsInQuoteQuantums_2", MARGINS,
        lambda base, price, exponent, resolution, interest, initial, fraction, lower, upper, imr, mmr: (
            margin({"atomic_resolution": resolution}, initial, fraction, lower, upper), {"base_quantums": base},
            {"price": price, "exponent": exponent, "open_interest_base_quantums": interest}, {"IMR": imr, "MMR": mmr},
        ),
    ),
    *numbered(
        "imr_quote", f"{TIERS}::TestGetInitialMarginQuoteQuantums", NOTIONALS,
        lambda notional, interest, initial, lower, upper, imr: (
            margin({}, initial, None, lower, upper), {"notional": notional}, {"open_interest_notional": interest},
            {"IMR": imr},
        ),
    ),
    *numbered(
        "oimf_ppm", f"{TIERS}::TestGetAdjustedInitialMarginPpm", SCALED,
        lambda interest, initial, lower, upper, rate: (
            margin({}, initial, None, lower, upper), {}, {"open_interest_notional": interest},
            {"effective_imf_ppm": rate},
        ),
    ),
    *numbered(
        "mm_ppm", f"{TIERS}::TestLiquidityTierGetMaintenanceMarginPpm", MAINTENANCE,
        lambda initial, fraction, rate: (margin({}, initial, fraction), {}, {}, {"maintenance_margin_ppm": rate}),
    ),
    *numbered(
        "funding_clamp", f"{TIERS}::TestLiquidityTierGetMaxAbsFundingClampPpm", CLAMPS,
        lambda clamp, initial, fraction, cap: (
            margin({"clamp_factor_ppm": clamp}, initial, fraction), {}, {}, {"max_abs_funding_ppm": cap},
        ),
    ),
    *numbered(
        "funding_settlement_ppm", "x/perpetuals/lib/lib_test.go::TestGetSettlementPpmWithPerpetual", SETTLEMENTS,
        lambda base, last, now, received: (
            {}, {"base_quantums": base, "last_funding_index": last}, {"funding_index": now},
            {"net_settlement_ppm": received},
        ),
    ),
    *numbered(
        "risk_order", f"{RISK}::TestRisk_Cmp", ORDERS,
        lambda nc, mmr, other_nc, other_mmr, order: (
            {}, {"first": state(nc, mmr), "second": state(other_nc, other_mmr)}, {}, {"cmp": order},
        ),
    ),
    *numbered(
        "is_liquidatable", f"{RISK}::TestRisk_IsLiquidatable", LIQUIDATABLE,
        lambda nc, mmr, is_so: ({}, state(nc, mmr), {}, {"liquidatable": is_so}),
    ),
    *numbered(
        "under_collat_transition",
        "x/subaccounts/lib/updates_test.go::TestIsValidStateTransitionForUndercollateralizedSubaccount_ZeroMarginRequirements",
        CHANGES,
        lambda nc, imr, mmr, new_nc, new_mmr, result: (
            {}, {"old": state(nc, mmr) | {"IMR": imr}, "new": state(new_nc, new_mmr)}, {}, {"result": result},
        ),
    ),
]  # fmt: skip
