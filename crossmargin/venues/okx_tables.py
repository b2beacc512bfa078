"""Tables of OKX portfolio margin, and the rules of single figures that fill them.

Notation: S index in quote currency, q coins of one lot, x relative move. A scenario moves a price by S x, while the
cash delta of MR4, MR7 and MR9 is read at the mark.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from crossmargin._checks import Floats
from crossmargin._core import black_strict as black  # the same bits at every level
from crossmargin.errors import raise_for_status
from crossmargin.instruments import YEAR_NS, Instruments, Kind
from crossmargin.market import Market
from crossmargin.scenario.revalue import Options, asset_prices, inverse_linear, lot_values, marks
from crossmargin.venues.okx_parameters import Rules, Slices, UnitRules

MOVES = (-1.0, -2 / 3, -1 / 3, 0.0, 1 / 3, 2 / 3, 1.0)  # of the greatest move
SHOCKS = {"down": -1.0, "same": 0.0, "up": 1.0}
DAY = 1.0 / 365.0
FAR = 1e300
QUOTES = ("usdt", "usdc", "usd")


# ---- rules of single figures -----------------------------------------------------------------


def volatility_change(p: Rules, volatility: Floats, days: Floats) -> Floats:
    """Size of the shock in points: the larger of a relative and an absolute one by time to expiry, or as read."""
    relative = np.interp(days, p.shock_days, p.shock_relative) * volatility
    points = np.interp(days, p.shock_days, p.shock_points)
    return {"larger": np.maximum(relative, points), "relative": relative, "absolute": points}[p.volatility]


def basis_rate(unit: UnitRules, years: Floats | float) -> Floats:
    """MR4 of a leg: ``max(minimum, annualised t)`` of its cash delta."""
    return np.maximum(unit.basis_minimum, unit.basis_annualised * np.asarray(years))


def option_close(p: Rules, slippage: float, delta: float, mark: float, index: float, *, long: bool) -> float:
    """MR7 of one option on one coin: slippage of at least one delta, a long one's at most its mark, and the fee."""
    slipped = max(slippage, slippage * abs(delta))
    return (min(slipped, mark) if long else slipped) + min(p.taker_fee * index, p.option_fee_cap * mark)


def tier_edges(slices: Slices, *, beyond: float | None = None) -> tuple[list[float], list[float]]:
    """Edges and rates of marginal slices (width, rate); beyond them ``beyond``, or the last rate."""
    edges = np.cumsum([0.0, *(width for width, _ in slices)]).tolist()
    rates = [rate for _, rate in slices]
    last = rates[-1] if rates else 0.0
    return edges, [*rates, last if beyond is None else beyond]


def liquidation_fee_rate(p: Rules) -> float:
    """``fee (1 + borrow rate)``: what the margin ratio adds to the maintenance, of what is owed."""
    return p.liquidation_fee * (1.0 + p.borrow_mmr)


# ---- tables ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Feed:
    """Instruments with the market they stand under; columns follow the instruments."""

    rules: Rules
    instruments: Instruments
    market: Market
    mark: Floats
    index: Floats
    settled: Floats  # quote currency per unit of the settlement asset
    coins: Floats  # coins of one lot
    options: Options

    @classmethod
    def of(cls, rules: Rules, instruments: Instruments, market: Market) -> "Feed":
        mark = marks(instruments, market)
        options = Options.of(instruments, market)
        return cls(
            rules, instruments, market, mark,
            index=np.array([market.value("index", row.underlying) for row in instruments]),
            settled=asset_prices(instruments, market)[instruments.settlement],
            coins=instruments.multiplier / np.where(inverse_linear(instruments), mark, 1.0),
            options=replace(options, discount=np.ones(len(options))),
        )  # fmt: skip

    def unit(self, row: int) -> UnitRules:
        return self.rules.unit(self.instruments.rows[row].underlying)

    @property
    def is_option(self) -> np.ndarray:
        return np.array([row.kind is Kind.OPTION for row in self.instruments], dtype=bool)

    @property
    def own_coin(self) -> np.ndarray:
        return np.array([row.settlement == row.underlying for row in self.instruments], dtype=bool)

    @property
    def mark_value(self) -> Floats:
        """Mark of one coin in quote currency; a coin-settled option's mark is in coin."""
        dollars = np.where(self.own_coin, 1.0, self.settled)
        return self.mark * np.where(self.is_option & self.own_coin, self.index, dollars)


def row_labels(p: Rules) -> dict[str, tuple[str, ...]]:
    widths = {"close_edges tier": len(p.close_edges), "depeg_edges tier": len(tier_edges(p.depeg)[0])}
    widest = max([0, *map(len, p.discount.values())]) + 1  # the tier beyond the slices included
    return {
        "mr1": tuple(f"{x:+.4g} max move vol {s}" for x in MOVES for s in SHOCKS),
        "mr6": ("extreme move down", "extreme move up"),
        "discount_edges tier": tuple(map(str, range(widest))),
        **{name: tuple(map(str, range(width))) for name, width in widths.items()},
    }


def instrument_tables(feed: Feed) -> dict[str, Any]:
    """One lot of each contract: profits, deltas, day, vega, rate, cost of closing, value."""
    n, o, q = len(feed.instruments), feed.options, feed.coins
    wide = np.array([feed.unit(row).max_move for row in range(n)])
    far = np.array([feed.unit(row).extreme_move for row in range(n)])
    mr1 = (q * feed.index)[:, None] * wide[:, None] * np.repeat(MOVES, len(SHOCKS))
    mr6 = (q * feed.index)[:, None] * both_ways(far)
    greeks = option_greeks(o)
    size = q[o.row][:, None]
    mr1[o.row], mr6[o.row] = size * shocked(feed, wide[o.row]), size * extreme(o, far[o.row])
    delta, cash = q.copy(), q * feed.mark_value
    delta[o.row] = q[o.row] * greeks["delta"]
    cash[o.row] = delta[o.row] * feed.index[o.row]
    in_options = {name: np.zeros(n) for name in ("day_gain", "vega", "rho")}
    in_options["day_gain"][o.row] = q[o.row] * (value(replace(o, years=np.maximum(o.years - DAY, 0.0))) - value(o))
    in_options["vega"][o.row] = q[o.row] * greeks["vega"]
    in_options["rho"][o.row] = q[o.row] * o.years * value(o)  # falls by that; MR5 reads its size alone
    return {
        "mr1_profit": mr1, "mr6_profit": mr6, "index_delta": delta * feed.index, "cash_delta": cash, **in_options,
        **quote_deltas(feed, cash), **close_tables(feed, cash, greeks["delta"]),
        "value": lot_values(feed.instruments, feed.mark) * feed.settled,
        "cost": feed.instruments.atom[feed.instruments.settlement] * feed.settled,
    }  # fmt: skip


def value(o: Options) -> Floats:
    """Black-76 value of one coin, quote currency."""
    return o.values(o.forward[:, None], o.volatility[:, None])[:, 0]


def option_greeks(o: Options) -> dict[str, Floats]:
    outs = {name: np.empty(len(o)) for name in ("value", "delta", "gamma", "vega", "theta")}
    if len(o):
        status, where = black.greeks(o.forward, o.strike, o.volatility, o.years, o.discount, o.sign, *outs.values())
        if status:
            raise_for_status(status, o.failure("greeks", where, o.forward[where]))
    return outs


def shocked(feed: Feed, wide: Floats) -> Floats:
    """Change in value of one coin over the grid of MR1."""
    o = feed.options
    x = wide[:, None] * np.repeat(MOVES, len(SHOCKS))
    change = volatility_change(feed.rules, o.volatility, o.years * 365.0)[:, None]
    volatility = np.maximum(o.volatility[:, None] + change * np.tile(list(SHOCKS.values()), len(MOVES)), 0.0)
    return o.values(o.forward[:, None] * (1.0 + x), volatility) - value(o)[:, None]


def both_ways(far: Floats) -> Floats:
    """Moves down and up by the same."""
    return np.stack([-far, far], axis=1)


def extreme(o: Options, far: Floats) -> Floats:
    """Change in value of one coin at the extreme moves, volatility unchanged."""
    moved = o.forward[:, None] * (1.0 + both_ways(far))
    return o.values(moved, np.repeat(o.volatility[:, None], 2, axis=1)) - value(o)[:, None]


def quote_deltas(feed: Feed, cash: Floats) -> dict[str, Floats]:
    """Cash delta by quote currency: of the settlement asset for linear contracts, dollars for coin-settled ones."""
    quote = [row.settlement.lower() if row.settlement != row.underlying else "usd" for row in feed.instruments]
    return {f"{name}_delta": np.where([q == name for q in quote], cash, 0.0) for name in QUOTES}


def close_tables(feed: Feed, cash: Floats, delta: Floats) -> dict[str, Floats]:
    """MR7 of one lot, long and short."""
    rate = np.array([feed.unit(row).close_rate for row in range(len(feed.instruments))])
    long, short = np.abs(cash) * rate, np.abs(cash) * rate
    for d, row in zip(delta.tolist(), feed.options.row.tolist(), strict=True):
        slippage, price = rate[row] * feed.index[row], (feed.mark_value[row], feed.index[row])
        long[row] = feed.coins[row] * option_close(feed.rules, slippage, d, *price, long=True)
        short[row] = feed.coins[row] * option_close(feed.rules, slippage, d, *price, long=False)
    return {"close_long": long, "close_short": short}


def unit_tables(feed: Feed, units: tuple[str, ...]) -> dict[str, Any]:
    """Moves of the spot of each unit; the currencies' own unit takes part in none."""
    rules = [feed.rules.unit(name) for name in units]
    wide, far = (np.array([getattr(rule, name) for rule in rules]) for name in ("max_move", "extreme_move"))
    return {
        "mr1_move": wide[:, None] * np.repeat(MOVES, len(SHOCKS)),
        "mr6_move": both_ways(far),
        "spot_basis": [rule.basis_minimum for rule in rules],
    }


def expiry_tables(feed: Feed, shape: dict[str, Any]) -> dict[str, Any]:
    """MR4's rate of each expiry; a perpetual has no time, what expired pays the minimum."""
    years = np.zeros(len(shape["labels"]["expiry"]))
    left = [0.0 if r.expiry is None else (r.expiry - feed.market.as_of) / YEAR_NS for r in feed.instruments]
    years[shape["maps"]["instrument", "expiry"]] = left
    names = [name.rpartition("@")[0] for name in shape["labels"]["expiry"]]
    return {
        "basis_rate": [float(basis_rate(feed.rules.unit(u), t)) for u, t in zip(names, years.tolist(), strict=True)]
    }


def asset_tables(feed: Feed) -> dict[str, Any]:
    """Value and discount of each asset, quote currency; one that the discount does not name counts nothing."""
    assets, price = feed.instruments.assets, asset_prices(feed.instruments, feed.market)
    held = {row.underlying for row in feed.instruments}
    index = np.array([feed.market.value("index", a.underlying) if a.underlying in held else 0.0 for a in assets])
    found = [tier_edges(feed.rules.discount.get(asset.id, ()), beyond=0.0) for asset in assets]
    width = len(row_labels(feed.rules)["discount_edges tier"])
    edges = np.array([edges + [FAR] * (width - len(edges)) for edges, _ in found]).reshape(-1, width)
    return {
        "unit_value": price * feed.instruments.atom,
        "coin": index * feed.instruments.atom,
        "discount_edges": edges * np.where(price > 0, price, 1.0)[:, None],
        "discount_rates": [rates + [0.0] * (width - len(rates)) for _, rates in found],
    }


def account_tables(p: Rules) -> dict[str, Any]:
    """Rates of the account, by level where they differ."""
    edges, rates = tier_edges(p.depeg)
    return {
        "unit_factor": [p.im_factor, 1.0],
        "borrow_rate": [p.borrow_imr, p.borrow_mmr],
        "borrow_mmr": p.borrow_mmr,
        "liquidation_fee": liquidation_fee_rate(p),
        "extreme_share": 0.5,
        "close_edges": p.close_edges,
        "close_multipliers": p.close_multipliers,
        "vega_rate": p.vega_rate,
        "rate_move": p.rate_move,
        "depeg_edges": edges,
        "depeg_rates": rates,
        "depeg_within": float(p.depeg_in_maximum),
        "depeg_beside": float(not p.depeg_in_maximum),
        "spot_counts": float(p.spot == "hedge"),
    }
