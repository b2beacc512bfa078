"""Tables of Mango v4 health: what oracles, stable prices, pool totals and parameters decide, (keys, levels).

Notation: P oracle price, S stable price; low = min(P, S) and high = max(P, S) at initial, else both P.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.instruments import Asset, Instrument, Instruments
from crossmargin.margin.requirement import LEVELS as TWO_LEVELS
from crossmargin.market import Market
from crossmargin.venues.mango_parameters import PerpetualRule, TokenRule

LEVELS = (*TWO_LEVELS, "liquidation end")


def by_level(initial: Any, maintenance: Any, end: Any) -> Floats:
    """Columns side by side, shape (keys, levels)."""
    return np.stack([np.asarray(c, dtype=np.float64) for c in (initial, maintenance, end)], axis=1)


@dataclass(frozen=True)
class Prices:
    """Oracle prices (keys,) and the prices against an owner and against a debtor, (keys, levels)."""

    oracle: Floats
    low: Floats
    high: Floats

    @classmethod
    def of(cls, oracle: Sequence[float], stable: Sequence[float]) -> "Prices":
        """Take the worse of oracle and stable price at initial, the oracle alone at the other levels."""
        p, s = np.array(oracle, dtype=np.float64), np.array(stable, dtype=np.float64)
        check.require_all("index and slow_price", "be > 0", np.minimum(p, s), np.minimum(p, s) > 0)
        return cls(p, by_level(np.minimum(p, s), p, p), by_level(np.maximum(p, s), p, p))

    @classmethod
    def of_tokens(cls, market: Market, assets: Sequence[Asset], valued: Sequence[bool]) -> "Prices":
        """Prices of tokens; of one that no oracle values a stand-in, whose amounts are counted as none."""
        found = list(zip(assets, valued, strict=True))
        oracle = [market.price(asset.id, asset.underlying) if good else 1.0 for asset, good in found]
        return cls.of(oracle, [stable_price(market, asset) if good else 1.0 for asset, good in found])

    @classmethod
    def of_underlyings(cls, market: Market, names: Sequence[str], valued: Sequence[bool]) -> "Prices":
        """The same of the underlyings of perpetuals."""
        found = list(zip(names, valued, strict=True))
        return cls.of(*([market.value(f, n) if good else 1.0 for n, good in found] for f in ("index", "slow_price")))


def stable_price(market: Market, asset: Asset) -> float:
    """Read the slow price of a token, by its own name or its underlying's; 1 for the quote currency."""
    if asset.id == market.quote:
        return 1.0
    own = asset.underlying is None or market.has("slow_price", asset.id)
    return market.value("slow_price", asset.id if own else str(asset.underlying))


# ---- tokens --------------------------------------------------------------------------------


def token_tables(
    rules: Sequence[TokenRule], assets: Sequence[Asset], prices: Prices, market: Market, valued: Sequence[bool]
) -> dict[str, Any]:
    """Weighted prices of what is owned and owed, and how far they stand from the oracle's."""
    asset_weight, debt_weight = token_weights(rules, prices, market)
    asset, debt = asset_weight * prices.low, debt_weight * prices.high
    whole, counted = np.array([1.0 / 10**a.decimals for a in assets]), np.array(valued, dtype=np.float64)
    size = whole * counted
    return {
        "token_size": size,
        "unvalued_size": whole - size,
        "token_value": size * prices.oracle,
        "price": prices.oracle,
        "asset_value": asset,
        "debt_value": debt,
        "asset_discount": prices.oracle[:, None] - asset,
        "debt_premium": debt - prices.oracle[:, None],
    }


def token_weights(rules: Sequence[TokenRule], prices: Prices, market: Market) -> tuple[Floats, Floats]:
    """Asset and debt weights by level: initial is scaled, liquidation end is initial unscaled."""
    initial = np.array([(r.initial_asset, r.initial_debt) for r in rules]).reshape(-1, 2)
    now = np.array([r.maintenance(market.as_of) for r in rules]).reshape(-1, 2)
    dearer = prices.high[:, 0].tolist()
    scale = np.array([scales(r, p, market) for r, p in zip(rules, dearer, strict=True)]).reshape(-1, 2)
    asset, debt = (by_level(initial[:, i] * scale[:, i], now[:, i], initial[:, i]) for i in range(2))
    return asset, debt


def scales(rule: TokenRule, price: float, market: Market) -> tuple[float, float]:
    """Factors on initial weights: ``start / worth`` of deposits, ``worth / start`` of borrows beyond a start.

    Worth is at the higher of oracle and stable price; below a start the factor is 1.
    """
    deposits = excess(rule.asset, "deposits", rule.deposit_scale_start, price, market)
    return 1.0 / deposits, excess(rule.asset, "borrows", rule.borrow_scale_start, price, market)


def excess(asset: str, field: str, start: float | None, price: float, market: Market) -> float:
    """How many times a pool's total exceeds its scale start, at least 1."""
    return 1.0 if start is None else max(market.value(field, asset) * price / start, 1.0)


# ---- spot markets --------------------------------------------------------------------------


def spot_tables(
    rows: Sequence[Instrument], tokens: Prices, base: Sequence[int], quote: Sequence[int], valued: Sequence[bool]
) -> dict[str, Any]:
    """Sizes of a lot and of a lot times a tick; prices at which base and quote turn into each other.

    An order counts as none, in both of its tokens, where one of the two has no value.
    """
    b, q = np.array(base, dtype=np.int64), np.array(quote, dtype=np.int64)
    counted, tick = np.array(valued, dtype=np.float64), np.array([float(row.tick) for row in rows])
    size = sizes(rows) * counted[b] * counted[q]
    return {
        "base_size": size,
        "quote_size": size * tick,
        "tick": tick,
        "base_value": size * tokens.oracle[b],
        "quote_value": size * tick * tokens.oracle[q],
        "buying_price": tokens.high[b] / tokens.low[q],
        "bought_per_quote": tokens.low[q] / tokens.high[b],
        "selling_price": tokens.low[b] / tokens.high[q],
    }


def sizes(rows: Sequence[Instrument]) -> Floats:
    """Units of the underlying per lot."""
    return np.array([float(row.contract_size * row.lot) for row in rows])


# ---- perpetuals ----------------------------------------------------------------------------


def perpetual_tables(
    rules: Sequence[PerpetualRule],
    rows: Sequence[Instrument],
    instruments: Instruments,
    market: Market,
    valued: Sequence[bool],
) -> dict[str, Any]:
    """Prices of base in settle tokens, weighted by side, and the weight of a profit."""
    prices = Prices.of_underlyings(market, [row.underlying for row in rows], valued)
    counted = np.array(valued, dtype=np.float64)
    atoms = [1.0 / 10 ** instruments.asset(row.settlement).decimals for row in rows]
    return {
        "perpetual_size": sizes(rows) * counted,
        "cost_size": np.array(atoms) * counted,
        "unvalued_perpetual": 1.0 - counted,
        "perpetual_price": prices.oracle,
        "perpetual_low": prices.low,
        "perpetual_high": prices.high,
        "long_value": prices.low * perpetual_weights(rules, "long"),
        "short_value": prices.high * perpetual_weights(rules, "short"),
        "profit_weight": perpetual_weights(rules, "profit"),
    }


def perpetual_weights(rules: Sequence[PerpetualRule], what: str) -> Floats:
    """One weight by level; liquidation end is initial."""
    initial, maintenance = ([getattr(rule, f"{level}_{what}") for rule in rules] for level in TWO_LEVELS)
    return by_level(initial, maintenance, initial)
