"""Tables of Deribit portfolio margin, and the rules of single figures that fill them.

Notation: x relative move, S index, F forward, q base coins of one lot; coin-settled figures in coin, others in dollars.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from crossmargin._checks import Floats, Integers
from crossmargin.instruments import YEAR_NS, Instruments, Kind
from crossmargin.market import Market
from crossmargin.scenario.revalue import Options, asset_prices, inverse_linear, lot_values, marks, model_deltas
from crossmargin.scenario.sets import VolatilityRule
from crossmargin.venues.deribit_parameters import Currency, Engine, Pair, Readings

EXTENDED = (-0.66, -0.33, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0)
SHOCKS = ("down", "same", "up")
UNIT = 1e-9  # decimals that the venue rounds to
WINDOW_NS = 30 * 60 * 10**9  # settlement window before an expiry


def pair_of(underlying: str) -> str:
    return f"{underlying.lower()}_usd"


def currency_of(engine: Engine, asset: str) -> str:
    """Key of a settlement currency's rules: its own, or ``usd`` for everything else."""
    return asset.lower() if asset.lower() in engine.currency else "usd"


# ---- rules of single figures -----------------------------------------------------------------


def price_moves(pair: Pair, buckets: int) -> Floats:
    """``price_range k / buckets`` for k = -buckets .. buckets."""
    return pair.price_range * np.arange(-buckets, buckets + 1) / buckets


def volatility_shock(pair: Pair, volatility: Floats, days: Floats, shock: str, floor: str = "shocked") -> Floats:
    """``max(vol (1 + up t), floor)`` or ``max(vol (1 - down t), 0)``, ``t = (30 / days)^power``.

    The floor is of what is shocked, or, if so read, already of its base.
    """
    least = pair.min_volatility_for_shock_up
    rule = VolatilityRule(
        short_power=pair.short_term_vega_power, long_power=pair.long_term_vega_power, floor_up=least
    )
    size = {"down": -pair.volatility_range_down, "same": 0.0, "up": pair.volatility_range_up}[shock]
    base = np.maximum(volatility, least) if shock == "up" and floor == "base" else volatility
    return rule.shocked(base, days, np.full_like(base, size)[:, None])[:, 0]


def extended_scale(pair: Pair, *, coin: bool) -> Floats:
    """What a tail profit counts: ``factor range / |m|``, in coin times ``(1 + m) / (1 +- range)``, the range's edge."""
    m = np.array(EXTENDED)
    scale = pair.extended_table_factor * pair.price_range / np.abs(m)
    return scale * (1.0 + m) / (1.0 + np.sign(m) * pair.price_range) if coin else scale


def extended_dampener(pair: Pair, dollars: float, index: float, *, coin: bool) -> Floats:
    """``(max(|m| / range, 1) - 1) dampener``, in coin at the edge of the range."""
    m = np.array(EXTENDED)
    size = (np.maximum(np.abs(m) / pair.price_range, 1.0) - 1.0) * dollars
    return size / (index * (1.0 + np.sign(m) * pair.price_range)) if coin else size


def roll_rate(currency: Currency, years: Floats, growth: str) -> Floats:
    """``max(min_annualised_move, exp(a t) - 1)``, or ``a t`` if so read."""
    moved = (
        np.expm1(currency.annualised_move_risk * years)
        if growth == "exponential"
        else currency.annualised_move_risk * years
    )
    return np.maximum(currency.min_annualised_move, moved)


def settlement_decay(minutes_into: Floats | float, window: float = 30.0) -> Floats:
    """Share of a delta that is left in the settlement window: ``1 - t / window``."""
    return np.maximum(1.0 - np.asarray(minutes_into, dtype=np.float64) / window, 0.0)


def net_transaction_delta(delta: Floats | float, mark: Floats | float, minutes_into: Floats | float) -> Floats:
    """Delta of a coin-settled option net of its premium in coin, decayed in the settlement window."""
    return (np.asarray(delta) - np.asarray(mark)) * settlement_decay(minutes_into)


# ---- tables ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Feed:
    """Instruments of the set with the market they stand under; columns follow the instruments."""

    engine: Engine
    readings: Readings
    instruments: Instruments
    market: Market
    mark: Floats
    index: Floats
    coin: np.ndarray  # settled in their own coin
    base: Floats  # base coins of one lot
    options: Options

    @classmethod
    def of(cls, engine: Engine, readings: Readings, instruments: Instruments, market: Market) -> "Feed":
        mark = marks(instruments, market)
        base = instruments.multiplier / np.where(inverse_linear(instruments), mark, 1.0)
        found = Options.of(instruments, market)
        options = Options(**{**vars(found), "discount": np.ones(len(found))})
        return cls(
            engine, readings, instruments, market, mark,
            index=np.array([market.value("index", row.underlying) for row in instruments]),
            coin=np.array([row.settlement == row.underlying for row in instruments], dtype=bool),
            base=base, options=options,
        )  # fmt: skip

    def pair(self, row: int) -> Pair:
        return self.engine.currency_pair[pair_of(self.instruments.rows[row].underlying)]

    @property
    def minutes_into(self) -> Floats:
        """Minutes into the settlement window; perpetuals have none."""
        left = [np.inf if r.expiry is None else r.expiry - self.market.as_of for r in self.instruments]
        return np.maximum((WINDOW_NS - np.array(left, dtype=np.float64)) / 60e9, 0.0)


def row_labels(engine: Engine, instruments: Instruments) -> dict[str, tuple[str, ...]]:
    """Labels as explanations show them; moves in percent where every underlying has one range."""
    ranges = {engine.currency_pair[pair_of(row.underlying)].price_range for row in instruments}
    buckets = engine.general.buckets_count
    steps = range(-buckets, buckets + 1)
    scale, unit = (100 * ranges.pop() / buckets, "%") if len(ranges) == 1 else (1.0 / buckets, " range")
    standard = tuple(f"{scale * k:+.4g}{unit} vol {s}" for k in steps for s in SHOCKS)
    extended = tuple(f"extended {100 * m:+.4g}% vol up" for m in EXTENDED)
    return {"standard": standard, "extended": extended}


def instrument_tables(feed: Feed) -> dict[str, Any]:
    """One lot of each instrument: its profit in every scenario, its deltas and its value."""
    buckets = feed.engine.general.buckets_count
    standard = np.zeros((len(feed.instruments), 3 * (2 * buckets + 1)))
    extended = np.zeros((len(feed.instruments), len(EXTENDED)))
    for row in range(len(feed.instruments)):
        pair = feed.pair(row)
        standard[row] = np.repeat(linear_profit(feed, row, price_moves(pair, buckets)), 3)
        extended[row] = linear_profit(feed, row, np.array(EXTENDED)) * extended_scale(pair, coin=bool(feed.coin[row]))
    fill_options(feed, standard, extended)
    settled = asset_prices(feed.instruments, feed.market)[feed.instruments.settlement]
    per_coin = settled * np.where(feed.coin, 1.0, feed.index)
    deltas = option_deltas(feed) * per_coin
    future = np.where(option_mask(feed), 0.0, feed.base * settlement_decay(feed.minutes_into)) * per_coin
    return {
        "standard": standard * settled[:, None],
        "extended": extended * settled[:, None],
        "delta": future + deltas,
        "future_delta": future,
        "option_delta": deltas,
        "value": lot_values(feed.instruments, feed.mark) * settled,
        "cost_price": settled * feed.instruments.atom[feed.instruments.settlement],
    }


def option_mask(feed: Feed) -> np.ndarray:
    return np.array([row.kind is Kind.OPTION for row in feed.instruments], dtype=bool)


def linear_profit(feed: Feed, row: int, x: Floats) -> Floats:
    """A future or perpetual: ``q x / (1 + x)`` in coin, ``q S x`` in dollars."""
    return feed.base[row] * x / (1.0 + x) if feed.coin[row] else feed.base[row] * feed.index[row] * x


def fill_options(feed: Feed, standard: Floats, extended: Floats) -> None:
    """Options: ``(V(F(1 + x), vol') - V(F, vol)) / (S (1 + x))`` in coin, the change alone in dollars."""
    o, buckets = feed.options, feed.engine.general.buckets_count
    tail = np.array(EXTENDED)
    for i, row in enumerate(o.row.tolist()):
        pair, one = feed.pair(row), np.array([i])
        moves = np.repeat(price_moves(pair, buckets), 3)
        shocked = [shocked_volatility(feed, pair, i, shock) for shock in SHOCKS]
        here = option_profit(feed, one, moves, np.tile(shocked, 2 * buckets + 1))
        far = option_profit(feed, one, tail, np.full(len(tail), shocked[-1]))
        standard[row], extended[row] = here, far * extended_scale(pair, coin=bool(feed.coin[row]))


def shocked_volatility(feed: Feed, pair: Pair, i: int, shock: str) -> float:
    o, one = feed.options, np.array([i])
    found = volatility_shock(pair, o.volatility[one], o.years[one] * 365.0, shock, feed.readings.volatility_floor)
    return float(found[0])


def option_profit(feed: Feed, one: Integers, x: Floats, volatility: Floats) -> Floats:
    """Profit of one lot of one option over moves and volatilities."""
    o, row = feed.options, int(feed.options.row[one[0]])
    lone = Options(**{name: pick(value, one) for name, value in vars(o).items()})
    moved = lone.values(lone.forward[:, None] * (1.0 + x), volatility[None, :])[0]
    change = feed.base[row] * (moved - lone.values(lone.forward[:, None], lone.volatility[:, None])[0])
    return change / (feed.index[row] * (1.0 + x)) if feed.coin[row] else change


def pick(value: Any, rows: Integers) -> Any:
    """The same rows of any column of options."""
    return tuple(value[i] for i in rows) if isinstance(value, tuple) else value[rows]


def option_deltas(feed: Feed) -> Floats:
    """Deltas of one lot of each option in base coins, 0 for the rest; coin-settled ones net of premium if so read."""
    out, o = np.zeros(len(feed.instruments)), feed.options
    if not len(o):
        return out
    net = feed.coin[o.row] & (feed.readings.option_delta == "net of premium")
    premium = np.where(net, feed.mark[o.row], 0.0)
    out[o.row] = feed.base[o.row] * net_transaction_delta(model_deltas(o), premium, feed.minutes_into[o.row])
    return out


def bucket_tables(feed: Feed, shape: dict[str, Any]) -> dict[str, Any]:
    """Offsets, dampeners and shocks of every bucket; roll rates of every expiry; units of rounding of the groups."""
    labels, maps = shape["labels"], shape["maps"]
    bucket_of = maps["expiry", "bucket"][maps["instrument", "expiry"]]
    first = [int(np.flatnonzero(bucket_of == b)[0]) for b in range(len(labels["bucket"]))]
    rules = [feed.engine.currency[currency_of(feed.engine, feed.instruments.rows[row].settlement)] for row in first]
    pairs, index, coin = [feed.pair(row) for row in first], feed.index[first], feed.coin[first]
    price = asset_prices(feed.instruments, feed.market)[feed.instruments.settlement][first]
    joint = feed.readings.between_buckets == "joint"
    unit = np.full(len(labels["group"]), UNIT)
    if not joint:
        unit[maps["bucket", "group"]] *= price  # the venue rounds in the currency of the bucket
    bucket = maps["expiry", "bucket"]
    years = expiry_years(feed, maps["instrument", "expiry"], len(labels["expiry"]))
    rates = [roll_rate(rules[b], t, feed.readings.roll_growth) for b, t in zip(bucket.tolist(), years, strict=True)]
    per_coin = price * np.where(coin, 1.0, index)  # of a base coin
    return {
        "dampener": np.array([
            extended_dampener(p, c.extended_dampener, i, coin=bool(own)) * worth
            for p, c, i, own, worth in zip(pairs, rules, index, coin, price, strict=True)
        ]).reshape(-1, len(EXTENDED)),
        "pnl_offset": [c.pnl_offset for c in rules],
        "max_offsetable_pnl": [c.max_offsetable_pnl for c in rules],
        "m_inc": np.array([p.m_inc for p in pairs]) / per_coin,
        "max_delta_shock": [p.max_delta_shock for p in pairs],
        "delta_threshold": np.array([p.delta_total_liq_shock_threshold for p in pairs]) / index * per_coin,
        "rounding_unit": unit,
        "roll_rate": np.array(rates, dtype=np.float64),
    }  # fmt: skip


def expiry_years(feed: Feed, expiry: Integers, n: int) -> Floats:
    """Years to each expiry, 0 for perpetuals; negative once past, when the least rate holds."""
    years = np.zeros(n)
    years[expiry] = [(r.expiry or feed.market.as_of) - feed.market.as_of for r in feed.instruments]
    return years / YEAR_NS


def balance_tables(feed: Feed) -> dict[str, Any]:
    """Value of one atom of each asset, and the haircut of what is owned: of initial alone."""
    haircut = [feed.engine.currency[currency_of(feed.engine, a.id)].haircut for a in feed.instruments.assets]
    return {
        "unit_value": asset_prices(feed.instruments, feed.market) * feed.instruments.atom,
        "haircut": np.array([[h, 0.0] for h in haircut]).reshape(-1, 2),
    }
