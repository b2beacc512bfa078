"""Tables of Derive portfolio margin v2: what marks, clocks, feeds and parameters decide.

Notation: S spot, F forward = fixed + variable, r rate floored at 0, tau years, D = exp(-r tau).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.instruments import Instruments, Kind
from crossmargin.market import Market
from crossmargin.scenario.revalue import Options
from crossmargin.venues.derive_parameters import CollateralRule, Portfolio2, Scenario
from crossmargin.venues.derive_volatility import with_surface

DAYS_OF_POWER = 30.0  # where the short-term power ends and the long-term one begins


class Doubts(Protocol):
    """Parameters of what low confidence costs."""

    @property
    def conf_threshold(self) -> float: ...

    @property
    def conf_margin(self) -> float: ...


class Shocks(Protocol):
    """Parameters of a volatility shock."""

    @property
    def short_term_power(self) -> float: ...

    @property
    def long_term_power(self) -> float: ...

    @property
    def dte_floor_days(self) -> float: ...

    @property
    def vol_range_up(self) -> float: ...

    @property
    def vol_range_down(self) -> float: ...


@dataclass(frozen=True)
class Feeds:
    """What the venue's oracles say, for one underlying; expiry columns follow ``expiries``."""

    instruments: Instruments
    market: Market
    underlying: str
    cash: str
    expiries: tuple[str, ...]
    options: Options
    size: Floats  # contracts per lot of each option
    expiry: np.ndarray  # row in ``expiries`` of each option
    spot: float
    spot_confidence: float

    @classmethod
    def of(
        cls, instruments: Instruments, market: Market, underlying: str, cash: str, expiries: tuple[str, ...]
    ) -> "Feeds":
        market = with_surface(instruments, market)
        raw = Options.of(instruments, market)
        keys = [instruments.expiry_keys[i] for i in raw.row]
        floored = np.array([max(market.get("rate", key, 0.0), 0.0) for key in keys])
        options = replace(raw, discount=np.exp(-floored * raw.years))
        index = {key: row for row, key in enumerate(expiries)}
        return cls(
            instruments, market, underlying, cash, expiries, options,
            size=instruments.multiplier[raw.row],
            expiry=np.array([index[key] for key in keys], dtype=np.int64),
            spot=market.value("index", underlying),
            spot_confidence=market.confidence("index", underlying),
        )  # fmt: skip

    @property
    def years(self) -> Floats:
        """Years to each expiry."""
        found = np.zeros(len(self.expiries))
        found[self.expiry] = self.options.years
        return found

    @property
    def rates(self) -> Floats:
        return np.array([max(self.market.get("rate", key, 0.0), 0.0) for key in self.expiries])

    @property
    def stable(self) -> float:
        """Price of the cash asset against its peg; 1 if no feed says."""
        return self.market.get("peg", self.cash, 1.0)

    @property
    def perpetual_confidence(self) -> float:
        """Lowest confidence of the perpetuals' marks; without one that of the spot, which it is read beside."""
        names = [self.instruments.rows[i].id for i in self.instruments.select(Kind.PERPETUAL)]
        return min((self.market.confidence("mark", name) for name in names), default=self.spot_confidence)

    def confidences(self) -> Floats:
        """Lowest of spot, forward, rate and volatility confidence of each expiry, without the perpetual's."""
        found = np.full(len(self.expiries), self.spot_confidence)
        for row, key in enumerate(self.expiries):
            found[row] = min(found[row], self.market.confidence("forward", key), self.market.confidence("rate", key))
        for option, row in zip(self.options.row, self.expiry, strict=True):
            name = self.instruments.rows[option].id
            found[row] = min(found[row], self.market.confidence("volatility", name))
        return found


def row_labels(p: Portfolio2) -> dict[str, tuple[str, ...]]:
    """Labels of the scenario rows, as explanations show them."""
    regular, skew = split(p)
    return {
        "regular": tuple(f"spot x{s.spot:g} vol {s.direction}" for s in regular),
        "skew": tuple(f"skew {s.direction}" for s in skew),
        "basis": ("forward up", "forward down"),
    }


def split(p: Portfolio2) -> tuple[list[Scenario], list[Scenario]]:
    return [s for s in p.scenarios if not s.skew], [s for s in p.scenarios if s.skew]


# ---- options -------------------------------------------------------------------------------


def option_tables(p: Portfolio2, feed: Feeds) -> dict[str, Any]:
    """Values of one lot at the mark, in every scenario, under skews and forward moves."""
    regular, skew = split(p)
    o, size = feed.options, feed.size[:, None]
    spots = np.array([s.spot for s in regular])
    moved = forwards(o, np.array([p.basis_spot_up, p.basis_spot_down]))
    return {
        "mark": o.model * size,
        "premium_atom": feed.instruments.atom[feed.instruments.settlement[o.row]].reshape(-1, 1),
        "option_size": feed.size,
        "shocked": o.values(forwards(o, spots), shocked_volatility(p, o, regular)) * size,
        "skewed": o.values(forwards(o, np.ones(len(skew))), skewed_volatility(p, o, skew)) * size,
        "forward_moved": o.values(moved, np.repeat(o.volatility[:, None], 2, axis=1)) * size,
    }


def forwards(o: Options, spots: Floats) -> Floats:
    """``F' = s variable + fixed``: what is already averaged does not move."""
    return o.variable[:, None] * spots + (o.forward - o.variable)[:, None]


def volatility_shock(p: Shocks, days: Floats, direction: str) -> Floats:
    """Multiplier of volatility: ``1 + up x^power`` or ``max(0, 1 - down x^power)``, ``x = 30 / days``.

    Days are floored at ``dte_floor_days``; the power is the short-term one up to 30 days.
    """
    if direction == "none":
        return np.ones_like(days)
    power = np.where(days <= DAYS_OF_POWER, p.short_term_power, p.long_term_power)
    scale = (DAYS_OF_POWER / np.maximum(days, p.dte_floor_days)) ** power
    return 1.0 + p.vol_range_up * scale if direction == "up" else np.maximum(0.0, 1.0 - p.vol_range_down * scale)


def shocked_volatility(p: Portfolio2, o: Options, scenarios: list[Scenario]) -> Floats:
    """Shocked volatility of each option, not below ``min_vol_up_shock`` where it goes up."""
    days = o.years * 365.0
    columns = [o.volatility * volatility_shock(p, days, s.direction) for s in scenarios]
    floors = [p.min_vol_up_shock if s.direction == "up" else 0.0 for s in scenarios]
    return np.maximum(np.array(columns).reshape(len(scenarios), len(o)).T, floors)


def skewed_volatility(p: Portfolio2, o: Options, scenarios: list[Scenario]) -> Floats:
    columns = [o.volatility * skew_multiplier(p, o, s.direction) for s in scenarios]
    return np.array(columns).reshape(len(scenarios), len(o)).T


def skew_multiplier(p: Portfolio2, o: Options, direction: str) -> Floats:
    """``max(0, 1 + h)``: h grows with log-moneyness k up to a cap; "abs" takes |k|."""
    root = np.sqrt(o.years)
    linear = direction == "linear"
    c, base = (p.skew_linear_c, p.skew_linear_base_cap) if linear else (p.skew_abs_c, p.skew_abs_base_cap)
    cap = c * root + base
    width = root * p.skew_width_scale * (p.skew_vol_param_static + root * p.skew_vol_param_scale)
    k = np.log(o.strike / o.forward)
    k = k if linear else np.abs(k)
    h = k * cap / np.maximum(p.skew_min_k_star, width)
    return np.maximum(0.0, 1.0 + np.where(k >= 0, np.minimum(h, cap), np.maximum(h, -cap)))


# ---- expiries ------------------------------------------------------------------------------


def expiry_tables(p: Portfolio2, feed: Feeds) -> dict[str, Any]:
    long, short = static_discounts(p, feed.rates, feed.years)
    regular, skew = split(p)
    confidence = feed.confidences()
    with_perp = np.minimum(confidence, feed.perpetual_confidence)
    return {
        "discount_long": long,
        "discount_short": short,
        "dampening": [s.dampening for s in regular],
        "skew_dampening": [s.dampening for s in skew],
        "basis_weight": p.basis_add_factor + p.basis_mult_factor * feed.years,
        "doubt": doubt(p, confidence) * feed.spot,
        "doubt_with_perp": doubt(p, with_perp) * feed.spot,
    }


def static_discounts(p: Portfolio2, rate: Floats, years: Floats) -> tuple[Floats, Floats]:
    """What a shocked value counts: long ``base exp(-tau (r mult + add))``, short ``min(1/D, base exp(+...))``."""
    long = p.long_base_static_discount * np.exp(-years * (rate * p.long_rate_mult + p.long_rate_add))
    short = p.short_base_static_discount * np.exp(years * (rate * p.short_rate_mult + p.short_rate_add))
    return long, np.minimum(np.exp(rate * years), short)


def doubt(p: Doubts, confidence: Floats) -> Floats:
    """Charge per notional of a feed's confidence c: ``(1 - c) factor`` below the threshold, else 0."""
    return np.where(confidence >= p.conf_threshold, 0.0, (1.0 - confidence) * p.conf_margin)


# ---- perpetual, collateral, account ----------------------------------------------------------


def perpetual_tables(p: Portfolio2, feed: Feeds) -> dict[str, Any]:
    rows = feed.instruments.select(Kind.PERPETUAL)
    size = feed.instruments.multiplier[rows]
    mark = feed.market.column("mark", [feed.instruments.rows[i].id for i in rows])
    moves = np.array([(s.spot - 1.0) * s.dampening for s in split(p)[0]])
    assets = [feed.instruments.settlement[i] for i in rows]
    return {
        "perp_move": np.outer(size * mark, moves),
        "perp_size": size.reshape(-1, 1),
        "perp_value": (size * mark).reshape(-1, 1),
        "cost_atom": feed.instruments.atom[assets].reshape(-1, 1) if len(rows) else np.zeros((0, 1)),
        "perp_charge": np.array([p.mm_perp + p.im_perp_extra, p.mm_perp]) * feed.spot,
        "doubt_of_perp": doubt(p, np.array(min(feed.spot_confidence, feed.perpetual_confidence))) * feed.spot,
    }


def collateral_tables(
    p: Portfolio2, feed: Feeds, rules: Sequence[CollateralRule], names: tuple[str, ...]
) -> dict[str, Any]:
    """Value of an atom ``price / stable``, its haircuts, and its move where it cancels risk."""
    by_asset = {rule.asset: rule for rule in rules}
    found = [check.known("collateral", name, by_asset, "collateral of the rules") for name in names]
    price = np.array([feed.market.value("index", name) for name in names])
    value = (
        price / feed.stable * np.array([float(feed.instruments.atom[feed.instruments.asset_index[n]]) for n in names])
    )
    moves = np.array([(s.spot - 1.0) * s.dampening for s in split(p)[0]])
    cancelling = np.array([rule.risk_cancelling for rule in found], dtype=np.float64)
    confidence = np.array([min(feed.spot_confidence, feed.market.confidence("index", n)) for n in names])
    haircut = np.array([[rule.maintenance + rule.initial_extra, rule.maintenance] for rule in found]).reshape(-1, 2)
    return {
        "value": value.reshape(-1, 1),
        "haircut": value.reshape(-1, 1) * haircut,
        "cancelling_move": np.outer(value * cancelling, moves),
        "doubt_of_collateral": doubt(p, confidence).reshape(-1, 1),
    }


def account_tables(p: Portfolio2, feed: Feeds) -> dict[str, Any]:
    """Factors by level; below the peg threshold the initial factor grows."""
    peg = max(p.peg_loss_threshold - feed.stable, 0.0) * p.peg_loss_factor
    return {
        "scan_factor": [p.im_factor + peg, p.mm_factor],
        "naked_charge": np.array([p.mm_option + p.im_option_extra, p.mm_option]) * feed.spot,
        "initial_only": [1.0, 0.0],
        "cash_atom": feed.instruments.atom[feed.instruments.asset_index[feed.cash]],
    }
