"""Figures of the shipped parameter sets as their sources print them, before any module reads them.

``chain`` is the specification of on-chain engines, ``venue`` that of exchanges, each with its section; ``row`` is a
published row by name. ``script`` is derivexyz/v2-core at commit 037ee3a, scripts/config-mainnet.sol. What a source does
not give is absent here.
"""

# ---- Derive portfolio margin v2: chain 1.2, "Mainnet defaults" -------------------------------------------------------

DERIVE_2 = {
    "basis_spot_up": 1.045, "basis_spot_down": 0.955, "basis_add_factor": 0.5, "basis_mult_factor": 2,
    "peg_loss_threshold": 0.99, "peg_loss_factor": 4, "conf_threshold": 0.55, "conf_margin": 1,
    "mm_perp": 0.03, "im_perp_extra": 0.01, "mm_option": 0.003, "im_option_extra": 0.002,
    "im_factor": 1, "mm_factor": 0.8,
    "long_rate_mult": 0, "short_rate_mult": 0, "long_rate_add": 0.16, "short_rate_add": 0.16,
    "long_base_static_discount": 0.95, "short_base_static_discount": 1.04,  # of 131 cases; the script's look exchanged
    "vol_range_up": 0.5, "vol_range_down": 0.3, "short_term_power": 0.3, "long_term_power": 0.13,
    "dte_floor_days": 1, "min_vol_up_shock": 0.4,
    "skew_linear_base_cap": 0.25, "skew_abs_base_cap": 0.25, "skew_linear_c": -0.1, "skew_abs_c": -0.1,
    "skew_min_k_star": 0.01, "skew_width_scale": 4, "skew_vol_param_static": 0.6, "skew_vol_param_scale": 0,
}  # fmt: skip
DERIVE_2_MOVES = (18, (13.5, 9, 4.5))  # percent: the widest with volatility up alone, the others and 0 with all three
DERIVE_2_TAILS = (
    (0.34, 0.21), (0.67, 0.42), (1.5, 0.2772), (2, 0.1386), (3, 0.0693), (4, 0.0462), (5, 0.03465), (6, 0.02772),
)  # fmt: skip
DERIVE_2_COUNT = 33

# ---- Derive portfolio margin v1: chain 1.3, "Mainnet"; powers and the floor of days: script --------------------------

DERIVE_1 = {
    "basis_spot_up": 1.05, "basis_spot_down": 0.95, "basis_add_factor": 1, "basis_mult_factor": 1.2, "im_factor": 1.25,
    "base_percent": 0.03, "perp_percent": 0.03, "option_percent": 0.02, "base_static_discount": 0.95,
    "rate_mult_scale": 1, "rate_add_scale": 0.12, "vol_range_up": 0.6, "vol_range_down": 0.3,
    "peg_loss_threshold": 0.99, "peg_loss_factor": 4, "conf_threshold": 0.55, "conf_margin": 1,
    "short_term_power": 0.3, "long_term_power": 0.13, "dte_floor_seconds": 86_400,
}  # fmt: skip
DERIVE_1_MOVES = (20, (15, 10, 5))
DERIVE_1_COUNT = 23

# ---- Derive standard manager: chain 1.4, "Mainnet"; the tests' own: row param_sets "srm" of derive_srm ---------------

DERIVE_STANDARD = {
    "perp_mm": 0.065, "perp_im": 0.10, "max_spot_req": 0.15, "min_spot_req": 0.13, "mm_call_spot": 0.09,
    "mm_put_spot": 0.09, "mm_put_mtm": 0.09, "unpaired_im_scale": 1.2, "unpaired_mm_scale": 1.1,
    "im_put_vs_mm_scale": 1.05, "perp_conf_threshold": 0.55, "option_conf_threshold": 0.55,
    "base_conf_threshold": 0.55, "oracle_contingency_factor": 1,
}  # fmt: skip
DERIVE_STANDARD_DEPEG = {"threshold": 0.99, "factor": 2}
DERIVE_STANDARD_TEST = {
    "perp_mm": 0.05, "perp_im": 0.065, "max_spot_req": 0.15, "min_spot_req": 0.1, "mm_call_spot": 0.075,
    "mm_put_spot": 0.075, "mm_put_mtm": 0.075, "unpaired_im_scale": 1.2, "unpaired_mm_scale": 1.1,
    "im_put_vs_mm_scale": 1.05, "perp_conf_threshold": 0.4, "option_conf_threshold": 0.4, "base_conf_threshold": 0.4,
    "oracle_contingency_factor": 0.4, "base_im_scale": 1.0,
}  # fmt: skip
DERIVE_STANDARD_TEST_DEPEG = {"threshold": 0.98, "factor": 1.2}
DERIVE_COLLATERAL = {  # script, getSRMParams: marginFactor, IMScale
    "ETH": (0.8, 0.9375), "BTC": (0.75, 0.93), "USDT": (0.98, 0.98), "WSTETH": (0.8, 0.9375),
}  # fmt: skip

# ---- Deribit: venue 1.1, 1.2, 1.5 ------------------------------------------------------------------------------------

DERIBIT_GENERAL = {"mm_factor": 0.8, "buckets_count": 4, "vol_scenarios_count": 3}  # row pme-doc-btc, pme-capture-eth
DERIBIT = {  # venue 1.2, "Parameters seen", a column each; correlation_set: the two rows
    ("2024-06", "currency", "btc"): {
        "extended_dampener": 100_000, "min_annualised_move": 0.01, "annualised_move_risk": 0.075, "pnl_offset": 0,
        "max_offsetable_pnl": 0, "equity_side_impact": "both", "haircut": 0, "correlation_set": False,
    },
    ("2024-06", "currency", "usd"): {
        "extended_dampener": 25_000, "min_annualised_move": 0.01, "annualised_move_risk": 0.10, "pnl_offset": 0,
        "max_offsetable_pnl": 0, "equity_side_impact": "none", "haircut": 0, "correlation_set": False,
    },
    ("2024-06", "currency_pair", "btc_usd"): {
        "price_range": 0.16, "volatility_range_up": 0.50, "volatility_range_down": 0.25,
        "min_volatility_for_shock_up": 0.50, "short_term_vega_power": 0.30, "long_term_vega_power": 0.13,
        "delta_total_liq_shock_threshold": 20_000_000, "max_delta_shock": 0.10, "extended_table_factor": 1,
        "m_inc": 0.00005,
    },
    ("2026-02", "currency", "eth"): {
        "extended_dampener": 200_000, "min_annualised_move": 0.005, "annualised_move_risk": 0.05, "pnl_offset": 0.6,
        "max_offsetable_pnl": 20_000_000, "equity_side_impact": "both", "haircut": 0, "correlation_set": False,
    },
    ("2026-02", "currency", "usd"): {
        "extended_dampener": 25_000, "min_annualised_move": 0.01, "annualised_move_risk": 0.10, "pnl_offset": 0.4,
        "max_offsetable_pnl": 1_000_000, "equity_side_impact": "none", "haircut": 0, "correlation_set": False,
    },
    ("2026-02", "currency_pair", "eth_usd"): {
        "price_range": 0.18, "volatility_range_up": 0.40, "volatility_range_down": 0.25,
        "min_volatility_for_shock_up": 0.50, "short_term_vega_power": 0.30, "long_term_vega_power": 0.13,
        "delta_total_liq_shock_threshold": 20_000_000, "max_delta_shock": 0.10, "extended_table_factor": 1,
        "m_inc": 0.000004,
    },
    ("2026-09", "currency", "btc"): {"extended_dampener": 200_000, "min_annualised_move": 0.005},
    ("2026-09", "currency_pair", "btc_usd"): {
        "price_range": 0.14, "volatility_range_up": 0.40, "volatility_range_down": 0.25,
        "min_volatility_for_shock_up": 0.50, "short_term_vega_power": 0.30, "long_term_vega_power": 0.13,
        "delta_total_liq_shock_threshold": 20_000_000,
    },
}  # fmt: skip
DERIBIT_SCHEDULES = {  # venue 1.1: base IM %, base MM %, increment % a coin
    "btc_btc": (2, 1, 0.005), "eth_eth": (2, 1, 0.0004), "btc_usdc": (2, 1, 0.005), "sol_usdc": (4, 2, 0.0005),
}  # fmt: skip
DERIBIT_OPTIONS = {"rate": 0.15, "floor": 0.10, "maintenance": 0.075}
DERIBIT_SUPERSEDED = {  # venue 1.5
    "ends": (-0.10, 0.10), "volatility_move": 0.38, "power": 0.30, "option_rate": 0.01, "option_count": "short",
    "future_rate": 0.01, "future_count": "offsetting", "option_netting": "strike",
}  # fmt: skip
DERIBIT_OLDER = {
    "ends": (-0.125, 0.125), "volatility_move": 0.40, "power": 0.5, "option_rate": 0.01, "option_count": "gross",
    "future_rate": 0.02, "future_count": "offsetting",
}  # fmt: skip
DERIBIT_QUOTED = DERIBIT_SUPERSEDED | {"option_rate": 0.005, "option_count": "gross"}

# ---- Dederi: venue 1.5; volatility of the model it copied ------------------------------------------------------------

DEDERI = {
    "moves": (-0.15, -0.12, -0.09, -0.06, -0.03, 0, 0.03, 0.06, 0.09, 0.12, 0.15), "future_rate": 0.006,
    "future_count": "gross", "forwards": "basis", "volatility_move": 0.38, "power": 0.30,
}  # fmt: skip

# ---- Aevo: venue 7 ---------------------------------------------------------------------------------------------------

AEVO = {
    "moves": (-1, -0.5, 0, 0.5, 1), "widest": {0.20}, "volatility": (0.5, 0, -0.25), "mode": "absolute",
    "short_power": 0, "long_power": 0,
}  # fmt: skip

# ---- OKX: venue 2, 2.1 -----------------------------------------------------------------------------------------------

OKX = {
    "im_factor": 1.3, "borrow_imr": 0.10, "borrow_mmr": 0.02, "liquidation_fee": 0.001, "option_fee_cap": 0.125,
    "shock_days": (0, 30, 60), "shock_relative": (0.50, 0.35, 0.25), "shock_points": (0.30, 0.25, 0.20),
    "depeg": ((1e6, 0.005), (4e6, 0.01)),  # MR9, 0-1M and 1-5M
    "close_multipliers": (1, 2, 4, 6, 8, 10, 12),
}  # fmt: skip
OKX_CLOSE_UP_TO = {  # MR7
    "old": (10e3, 70e3, 170e3, 300e3, 470e3, 700e3), "new": (250e3, 500e3, 1e6, 2e6, 3e6, 4e6),
}  # fmt: skip
OKX_MOVES = (  # MR1, "Maximum moves (6 Jan 2025)": now, before
    ("BTC ETH", 0.12, 0.15), ("LTC BCH EOS OKB DOT BSV LINK FIL ADA TRX UNI XRP", 0.18, 0.20), ("others", 0.25, 0.25),
)  # fmt: skip
OKX_EXTREMES = (  # MR6 by its own list
    ("BTC ETH", 0.24, 0.30), ("SOL DOGE PEPE XRP BNB SHIB LTC ORDI WLD BCH ADA", 0.36, 0.40), ("others", 0.50, 0.50),
)  # fmt: skip
OKX_BASIS = (  # MR4 annualised: now; before, a forward move alone
    ("BTC ETH", 0.05, 0), ("LTC BCH EOS OKB DOT BSV LINK FIL ADA TRX UNI XRP", 0.15, 0), ("others", 0.30, 0),
)  # fmt: skip
OKX_SAMPLE = {  # MR4, MR7
    "BTC": {"basis_minimum": 0.002, "close_rate": 0.0045}, "LTC": {"basis_minimum": 0.008, "close_rate": 0.007},
}  # fmt: skip
OKX_FORWARD_MOVE = 0.006  # MR4 before, BTC and ETH
OKX_DISCOUNT_USDT = ((5e6, 1.0), (5e6, 0.975), (1e6, 0.95))  # row okx-discount-usdt-11m
OKX_DISCOUNT_BTC = 1.0  # row okx-discount-btc-zrx
OKX_OPTIONS = {"a": 0.10, "b": 0.15, "c": {"BTC": 0.03, "ETH": 0.05}, "fee": 0.0002}  # fee: row okx-option-buy-close

# ---- Bybit: venue 3 --------------------------------------------------------------------------------------------------

BYBIT = {"volatility_up": 0.24, "volatility_down": 0.20, "power": 0.30, "future_rate": 0.0003}
BYBIT_IM_FACTOR = 1.2
BYBIT_MOVES = {
    "2025-01-10": (-0.10, -0.08, -0.06, -0.04, -0.02, 0, 0.02, 0.04, 0.06, 0.08, 0.10),
    "2024": (-0.15, -0.12, -0.09, -0.06, -0.03, 0, 0.03, 0.06, 0.09, 0.12, 0.15),  # "was +-15%", read as equal steps
}
BYBIT_OPTIONS = {"im_max_factor": 0.15, "im_min_factor": 0.10, "mm_factor": 0.03, "liq_fee_rate": 0.002}

# ---- Paradex: venue 6 ------------------------------------------------------------------------------------------------

PARADEX = {
    "BTC ETH": {
        "step": 0.04, "volatility_up": 0.40, "volatility_down": 0.22, "minimum_up": 0.40,
        "unhedged": 0.02, "hedged": 0.01, "short_power": 0.30, "long_power": 0.13, "tails": (
            (-0.66, 0.18), (-0.33, 0.36), (0.50, 0.24), (1.00, 0.12), (2.00, 0.06),
            (3.00, 0.04), (4.00, 0.03), (5.00, 0.024),
        ),
    },
    "HYPE CL": {
        "step": 0.07, "volatility_up": 0.64, "volatility_down": 0.352, "minimum_up": 0.60,
        "unhedged": 0.03, "hedged": 0.015, "short_power": 0.30, "long_power": 0.13, "tails": (
            (-0.66, 0.30), (-0.33, 0.50), (0.50, 0.40), (1.00, 0.20), (2.00, 0.10),
            (3.00, 0.07), (4.00, 0.05), (5.00, 0.04),
        ),
    },
}  # fmt: skip
PARADEX_RULES = {"mm_factor": 0.5, "funding_hours": 8}
PARADEX_CROSS_MM_FACTOR, PARADEX_CROSS_IMF = 0.5, {"BTC": 0.02}
PARADEX_OPTIONS = {
    "BTC ETH": {"long_itm": 0.20, "short_itm": 0.15, "short_otm": 0.10},
    "HYPE CL": {"long_itm": 0.30, "short_itm": 0.225, "short_otm": 0.15},
}

# ---- Drift: chain 3, units -------------------------------------------------------------------------------------------

DRIFT_ONE = 10**4

# ---- Binance: venue 4; the observed position: row binance-cm-pm-position-observed ------------------------------------

BINANCE_LOANS = {3: 0.10, 5: 0.08, 10: 0.05}  # leverage of the margin account: rate
BINANCE_STATES = {"reminder": 1.5, "reduce-only": 1.2, "liquidation": 1.05, "loss claim": 1.0}  # uniMMR below
BINANCE_POOL = {"loan_rate": 0.10, "initial": 1.2, "maintenance": 1.05}  # nothing opened below, liquidation below
BINANCE_COIN = {"leverage": 100, "maintenanceMargin": 2.06188e-05, "notional_eth": 0.00412376}

# ---- Hyperliquid: venue 5 --------------------------------------------------------------------------------------------

HYPERLIQUID_TIERS = {  # first tier up to, most leverage in it, most leverage above
    "BTC": (150e6, 40, 20), "ETH": (100e6, 25, 15), "SOL": (70e6, 20, 10), "XRP": (40e6, 20, 10),
}  # fmt: skip
HYPERLIQUID_TRANSFER = 0.10  # of the notional
HYPERLIQUID_POOL = {"borrow_cap": 50e6, "offset": 20, "ratio": 0.95, "partial": 1 / 2, "full": 2 / 3}
HYPERLIQUID_TOKENS = {  # LTV and supply cap
    "BTC": {"ltv": 0.5, "supply_cap": 200}, "HYPE": {"ltv": 0.5, "supply_cap": 1e6},
}  # fmt: skip
