"""Mutants that no test need kill, each with its reason: (module, function, change) as the run prints it."""

COMMON_FACTOR = "both sides of the comparison carry the factor"
HAS_A_STRIKE = "an option has a strike: what stands for none is never read"
DECIMALS = "moves of few decimals: one place more or less rounds off the same error"
HEDGES_NOTHING = "coins of a unit without contracts: they hedge nothing, whatever their worth"
NEVER_REACHED = "a cap that nothing reaches, whatever its size"
STAND_IN = "the price of what no oracle values: its amounts are counted as none"

SURVIVORS: dict[tuple[str, str, str], str] = {
    ("mango", "reserves", "(bid - buying).pick -> (bid + buying).pick"):
        "up to the buying price quote / max(buying, bid) is quote * per_quote",
    ("mango_parameters", "check_prudence", "(sign, side): -1.0 -> -1.26"): COMMON_FACTOR,
    ("mango_parameters", "check_prudence", "(1.0, 'most') -> (1.26, 'most')"): COMMON_FACTOR,
    ("mango_tables", "Prices.of", "np.minimum(p, s) -> np.maximum(p, s)"):
        "only the figures that a refusal shows, not what it refuses",
    ("mango_tables", "Prices.of_tokens", "oracle: 1.0 -> 1.26"): STAND_IN,
    ("mango_tables", "Prices.of_tokens", "1.0 -> 1.26"): STAND_IN,
    ("mango_tables", "Prices.of_underlyings", "1.0 -> 1.26"): STAND_IN,
    ("drift_rules", "leveraged_ratio", "share: 0 -> 1"):
        "one millionth of a relief below 100 times the position rounds down to nothing",
    ("drift_rules", "root_of_size", "size * m.given('root_scale') + 1 -> size * m.given('root_scale') + 2"):
        "floor(sqrt(10 n + 1)) and floor(sqrt(10 n + 2)) differ at squares that end in 2: there are none",
    ("drift_tables", "", "10 ** 30 -> 11 ** 30"): NEVER_REACHED,
    ("drift_tables", "", "10 ** 30 -> 10 ** 31"): NEVER_REACHED,
    ("drift_tables", "token_tables", "'user_liability': 0 -> 1"):
        "a least weight of 1e-4 for a debt: every weight of a debt is above",
    ("derive_standard", "StandardManager.program", "neg=0 -> neg=1"):
        "a sum of absolute lots is never negative",
    ("hyperliquid_portfolio", "PortfolioMargin.program", "neg=0 -> neg=1"):
        "a debt and a margin together are never negative",
    ("deribit_standard", "option_table", "row.strike or 0.0 -> row.strike or 0.01"): HAS_A_STRIKE,
    ("paradex_cross", "CrossMargin.option_rates", "row.strike or 0.0 -> row.strike or 0.01"): HAS_A_STRIKE,
    ("okx_options", "OptionMargin.rate", "row.strike or 0.0 -> row.strike or 0.01"): HAS_A_STRIKE,
    ("paradex_cross", "within_limit", "low=0.0 -> low=0.01"):
        "an order has a lot at least: its size is above any such bound",
    ("bybit_options", "OptionMargin.tables", "row.strike or 0.0 -> row.strike or 0.01"): HAS_A_STRIKE,
    ("bybit_options", "OptionMargin.program", "neg=0 -> neg=1"): "short lots are never negative",
    ("deribit", "PortfolioMargin.program",
     "m.min(aggregated.total('group').worst(), 0) -> m.min(aggregated.total('group').worst(), 1)"):
        "the scenario that moves nothing gains 0, so that the worst is never above",
    ("okx", "unit_terms",
     "m.min(profit(m, positions, used, 'mr1').worst(), 0) -> m.min(profit(m, positions, used, 'mr1').worst(), 1)"):
        "the scenario that moves nothing gains 0, so that the worst is never above",
    ("okx_parameters", "", "(1000000000000.0, 1.0) -> (1250000000000.01, 1.0)"): NEVER_REACHED,
    ("okx_tables", "", "FAR = 1e+300 -> FAR = 1.25e+300"): NEVER_REACHED,
    ("okx_tables", "asset_tables", "[0.0] -> [0.01]"): NEVER_REACHED,
    ("okx_tables", "asset_tables", "index: 0.0 -> 0.01"): HEDGES_NOTHING,
    ("okx_tables", "asset_tables", "np.where(price > 0, price, 1.0) -> np.where(price > 0, price, 1.26)"):
        "edges of what is worth nothing: no amount of it reaches any",
    ("bybit", "PortfolioMargin.coin_value", "0.0 -> 0.01"): HEDGES_NOTHING,
    ("bybit_parameters", "grid",
     "round(widest * (2 * k / steps - 1.0), 12) -> round(widest * (2 * k / steps - 1.0), 13)"): DECIMALS,
    ("superseded", "grid", "round(k * step, 12) -> round(k * step, 13)"): DECIMALS,
    ("kraken", "", "(1.0,) -> (1.26,)"): "the leverage of brackets that keep nothing is never read",
}
