"""Mutants that no test need kill, each with its reason: (module, function, change) as the run prints it."""

COMMON_FACTOR = "both sides of the comparison carry the factor"
HAS_A_STRIKE = "an option has a strike: what stands for none is never read"
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
    ("derive_standard_tables", "", "NO_PRICE: -1.0 -> -1.26"):
        "a mark of the end of a list: any negative figure is one",
    ("derive_tables", "Feeds.perpetual_confidence", "default=1.0 -> default=1.26"):
        "read only in a minimum with other confidences, at most 1 each",
    ("deribit_standard", "option_table", "row.strike or 0.0 -> row.strike or 0.01"): HAS_A_STRIKE,
    ("paradex_cross", "CrossMargin.option_rates", "row.strike or 0.0 -> row.strike or 0.01"): HAS_A_STRIKE,
    ("okx_options", "OptionMargin.rate", "row.strike or 0.0 -> row.strike or 0.01"): HAS_A_STRIKE,
    ("paradex_cross", "within_limit", "low=0.0 -> low=0.01"): "an order has a lot at least: its size is above any such bound",
    ("bybit_options", "OptionMargin.tables", "row.strike or 0.0 -> row.strike or 0.01"): HAS_A_STRIKE,
    ("bybit_options", "OptionMargin.program", "neg=0 -> neg=1"): "short lots are never negative",
    ("deribit", "PortfolioMargin.program",
     "m.min(aggregated.total('group').worst(), 0) -> m.min(aggregated.total('group').worst(), 1)"):
        "the scenario that moves nothing gains 0, so that the worst is never above",
    ("kraken", "", "(1.0,) -> (1.26,)"): "the leverage of brackets that keep nothing is never read",
}
