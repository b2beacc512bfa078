"""Tables of Drift v2: what marks, feeds, pools, parameters and a user's settings decide, in integers.

Rows of ``level`` are initial, maintenance, fill; fill is the floor of the mean of the other two. Initial and
fill read prices strictly, beside their five-minute average; maintenance reads the oracle alone.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from crossmargin import _checks as check
from crossmargin.instruments import Asset, Instrument, Instruments, Kind, Payoff, exact
from crossmargin.market import Market
from crossmargin.venues.drift_parameters import ONE, PerpMarket, SpotMarket, UserSettings

if TYPE_CHECKING:
    from crossmargin.venues.drift import DriftMargin

LEVELS = ("initial", "maintenance", "fill")
STRICT = (True, False, True)
QUOTE_DECIMALS = 6
PRICE_ONE, BASE_ONE = 10**6, 10**9
UNLIMITED = 10**30  # a cap that nothing reaches

Levels = list[int]
Tables = dict[str, Any]

# The figures of the rule that no market sets; account tables.
CONSTANTS = {
    "price_one": PRICE_ONE,
    "base_one": BASE_ONE,
    "ratio_one": ONE,
    "imf_one": 10**6,
    "root_scale": 10,  # sizes of 1e-9 under the root become 1e-5
    "premium_divisor": 10**7,  # 1e5 of the root, 1e6 of the factor, over 1e4 of the ratio
    "discount_divisor": 10**5,
    "discount_top": 11 * 10**9,  # 1.1 in 1e-6 times 1e-4
    "profit_size": 1_000,  # quote 1e-6 to size 1e-9
    "share_one": 10**6,
    "share_half": 5 * 10**5,
}


def fill(initial: int, maintenance: int) -> Levels:
    """A figure by level: ``fill = floor((initial + maintenance) / 2)``."""
    return [initial, maintenance, (initial + maintenance) // 2]


def scaled_asset_weight(weight: int, scale_start: int, deposits_value: int) -> int:
    """Initial asset weight of a large pool: ``floor(w start / deposits)`` where deposits > start, 3.4."""
    return weight if deposits_value <= scale_start else weight * scale_start // deposits_value


def scaled_profit_weight(weight: int, max_imbalance: int, net_profit: int) -> int:
    """Initial weight of a gain while the market owes more than the maximum: ``floor(w maximum / net)``, 3.3."""
    return weight if max_imbalance == 0 or net_profit <= max_imbalance else weight * max_imbalance // net_profit


def least_remainder(ratio: int) -> int:
    """What the size premium builds on: ``r - floor(r / 5)``, 3.1."""
    return ratio - ratio // 5


# ---- prices --------------------------------------------------------------------------------


def price_of(name: str, value: float) -> int:
    """A price in 1e-6, to the nearest; it must be above 0."""
    return round(exact(name, check.positive("price", value, f"of {name!r}")) * PRICE_ONE)


def oracle_and_average(market: Market, asset: Asset) -> tuple[int, int]:
    """The oracle's price of a token and its five-minute average; without an average, the oracle."""
    oracle = market.price(asset.id, asset.underlying)
    slower = market.get("average_price", asset.underlying or asset.id, oracle)
    return price_of(asset.id, oracle), price_of(asset.id, market.get("average_price", asset.id, slower))


def strictly(oracle: int, average: int) -> Levels:
    """The second price that a level looks at: the average if strict, else the oracle again."""
    return [average if strict else oracle for strict in STRICT]


def keyed(names: Sequence[str], rows: Iterable[Any], width: int = 1) -> Any:
    """A table of one row of figures a key; it may have no key."""
    return np.array(list(rows), dtype=object).reshape(len(names), width)


# ---- perpetuals ------------------------------------------------------------------------------


def perp_tables(method: "DriftMargin", instruments: Instruments, market: Market, names: Sequence[str]) -> Tables:
    """Figures of each perpetual."""
    found = [method.perp_of[name] for name in names]
    rows = [instruments.instrument(name) for name in names]
    oracle = [perp_price(p, row, market) for p, row in zip(found, rows, strict=True)]
    quote = [oracle_and_average(market, quote_asset(instruments, row)) for row in rows]
    short = [short_price(p, price) for p, price in zip(found, oracle, strict=True)]
    return {
        "lot_base": keyed(names, [whole("lot", row.lot * row.contract_size * BASE_ONE, row.id) for row in rows]),
        "oracle": keyed(names, oracle),
        "short_price": keyed(names, short),
        "quote": keyed(names, [[now] * 3 for now, _ in quote], 3),
        "quote_average": keyed(names, [strictly(*pair) for pair in quote], 3),
        **ratio_tables(found, method.user, names),
        **profit_tables(found, names),
    }


def perp_price(market_of: PerpMarket, row: Instrument, market: Market) -> int:
    """The oracle's price, or what a market in settlement settled at."""
    if market_of.settled_at is not None:
        return market_of.settled_at
    return price_of(row.underlying, market.value("index", row.underlying))


def short_price(market_of: PerpMarket, price: int) -> int:
    """What one unit sold short can cost: its price, or what a prediction contract at this price has left to 1."""
    if market_of.contract != "prediction":
        return price
    check.number("price of a prediction contract", price / PRICE_ONE, f"of {market_of.instrument!r}", low=0, high=1)
    return PRICE_ONE - price


def quote_asset(instruments: Instruments, row: Instrument) -> Asset:
    """The settlement asset, which must count in 1e-6, as the venue's quote amounts do."""
    check.one_of("payoff", row.payoff, (Payoff.LINEAR,), f"of {row.id!r}")
    asset = instruments.asset(row.settlement)
    check.one_of("decimals", asset.decimals, (QUOTE_DECIMALS,), f"of quote asset {asset.id!r}")
    return asset


def whole(name: str, value: Fraction, of: str) -> int:
    """An amount that must be a whole number of the venue's units."""
    if value.denominator != 1:
        raise check.refuse(name, "be a whole number of the venue's base units", value, f"of {of!r}")
    return int(value)


def ratio_tables(found: Sequence[PerpMarket], user: UserSettings, names: Sequence[str]) -> Tables:
    """Default ratios, those of high leverage mode and of the user, 3.2; in settlement all are 0."""
    asked = [[user_ratio(user, p.instrument, level) for level in LEVELS] for p in found]
    plain = [fill(p.initial, p.maintenance) for p in found]
    leveraged = [fill(p.leveraged_initial, p.leveraged_maintenance) for p in found]
    in_mode = [user.high_leverage and p.has_leverage_mode for p in found]
    ordinary = [[r[0], d[1] if mode else r[1], r[2]] for r, d, mode in zip(plain, leveraged, in_mode, strict=True)]
    return {
        "ratio": levels(names, ordinary),
        "ratio_remainder": levels(names, [[least_remainder(r) for r in row] for row in ordinary]),
        "ratio_imf": keyed(names, [p.imf for p in found]),
        "plain": levels(names, plain),
        "plain_remainder": levels(names, [[least_remainder(r) for r in row] for row in plain]),
        "plain_fifth": levels(names, [[max(1, r // 5) for r in row] for row in plain]),
        "leveraged": levels(names, leveraged),
        "leveraged_relief": levels(names, [relief(*pair) for pair in zip(plain, leveraged, strict=True)]),
        "in_leverage_mode": levels(names, [[int(mode), 0, int(mode)] for mode in in_mode]),
        "user_ratio": levels(names, asked),
        "asks_margin": keyed(names, [int(p.settled_at is None) for p in found]),
    }


def levels(names: Sequence[str], rows: Iterable[Any]) -> Any:
    return keyed(names, rows, len(LEVELS))


def relief(plain: Levels, leveraged: Levels) -> Levels:
    """``max(1, P - d)``: how far high leverage mode lowers a ratio."""
    return [max(1, p - d) for p, d in zip(plain, leveraged, strict=True)]


def user_ratio(user: UserSettings, instrument: str, level: str) -> int:
    """Least ratio that the user set: the account's and the position's at initial, the override always."""
    own = max(user.ratio, user.positions.get(instrument, 0)) if level == "initial" else 0
    return max(own, user.override)


def profit_tables(found: Sequence[PerpMarket], names: Sequence[str]) -> Tables:
    """Weights of unrealised gains; size counts at initial and fill alone, 3.3."""
    first = [scaled_profit_weight(p.profit_initial, p.max_imbalance, p.net_profit) for p in found]
    return {
        "profit_weight": levels(names, [[w, p.profit_maintenance, w] for w, p in zip(first, found, strict=True)]),
        "profit_imf": levels(names, [[p.profit_imf, 0, p.profit_imf] for p in found]),
    }


# ---- tokens ----------------------------------------------------------------------------------


def token_tables(method: "DriftMargin", instruments: Instruments, market: Market, names: Sequence[str]) -> Tables:
    """Figures of each token: its unit, its two prices and its weights, 3.4."""
    found = [method.spot_of[name] for name in names]
    assets = [instruments.asset(name) for name in names]
    price = [oracle_and_average(market, asset) for asset in assets]
    first = [initial_asset_weight(s, market, now) for s, (now, _) in zip(found, price, strict=True)]
    liability = [fill(s.initial_liability, s.maintenance_liability) for s in found]
    asked = [[user_ratio(method.user, "", level) * (name != method.quote) for level in LEVELS] for name in names]
    return {
        "token_one": keyed(names, [10**asset.decimals for asset in assets]),
        "price": levels(names, [[now] * 3 for now, _ in price]),
        "average": levels(names, [strictly(*pair) for pair in price]),
        "asset_weight": levels(names, [fill(w, s.maintenance_asset) for w, s in zip(first, found, strict=True)]),
        "liability": levels(names, liability),
        "liability_remainder": levels(names, [[least_remainder(w) for w in row] for row in liability]),
        "token_imf": keyed(names, [s.imf for s in found]),
        "user_liability": levels(names, [[ONE + m if m else 0 for m in row] for row in asked]),
        "user_asset": levels(names, [[max(0, ONE - m) if m else UNLIMITED for m in row] for row in asked]),
    }


def initial_asset_weight(spot: SpotMarket, market: Market, price: int) -> int:
    """The initial weight, after the scale of the pool's deposits where it has one."""
    if not spot.scale_start:
        return spot.initial_asset
    deposits = exact("deposits", market.value("deposits", spot.asset))
    return scaled_asset_weight(spot.initial_asset, spot.scale_start, int(deposits * price))


def order_tables(instruments: Instruments, names: Sequence[str]) -> Tables:
    """Token atoms of one lot of a spot order."""
    rows = [instruments.instrument(name) for name in names]
    atoms = [10 ** instruments.asset(row.underlying).decimals for row in rows]
    sizes = [whole("lot", row.lot * row.contract_size * one, row.id) for row, one in zip(rows, atoms, strict=True)]
    return {"order_atoms": keyed(names, sizes)}


def account_tables(method: "DriftMargin") -> Tables:
    """Figures of the account: units, the cap on gains at initial, orders and buffer."""
    return CONSTANTS | {
        "atom": Fraction(1, 10**QUOTE_DECIMALS),
        "profit_cap": [method.profit_cap, UNLIMITED, UNLIMITED],
        "order_charge": method.order_charge,
        "buffer": method.buffer,
    }


def listed(instruments: Instruments, method: "DriftMargin") -> dict[str, list[int]]:
    """Rows of the instruments and assets that the method knows, by axis."""
    rows, tokens = list(enumerate(instruments)), method.spot_of.keys() & instruments.asset_index.keys()
    return {
        "perp": [i for i, row in rows if row.kind is Kind.PERPETUAL and row.id in method.perp_of],
        "token": [i for i, asset in enumerate(instruments.assets) if asset.id in tokens],
        "pair": [i for i, row in rows if row.kind is Kind.SPOT and row.underlying in tokens],
    }
