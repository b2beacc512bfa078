"""Tiered cross margin: one collateral pool behind positions that are each charged by their size.

Linear contracts net within a market (an instrument, or a whole underlying) and are charged by one
of three schedules on the net size:

- tiers: marginal rates on notional N, ``sum_j (r_j - r_{j-1}) max(N - e_j, 0)``, the same as
  ``r_i N - deduction_i``; cited by Binance, Bybit and Hyperliquid as maintenance tiers;
- linear: the rate of the *whole* size grows with it, ``N min(base + slope q, 1)`` (Deribit standard margin);
- scaled: the rate grows with the root of the size, ``N min(base + slope sqrt(q), 1)`` (size factor of Drift).

Options: a short contract pays ``index max(floor, rate - out-of-the-money share) + mark``, a long one its
own mark, so that a premium is never borrowed against.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.errors import ImprudentParametersError
from crossmargin.instruments import Instruments, Kind, Right
from crossmargin.margin.charges import index_notionals
from crossmargin.margin.collateral import FAR, Haircut, by_level, collateral, collateral_tables
from crossmargin.margin.keys import Keys
from crossmargin.margin.method import Method
from crossmargin.margin.plan.builder import Builder, Held
from crossmargin.margin.plan.expression import Expression
from crossmargin.margin.plan.program import Program
from crossmargin.margin.requirement import LEVELS, level_pair
from crossmargin.market import Market
from crossmargin.scenario.revalue import asset_prices, lot_values, marks


class Tiers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="tiers"):
    """Marginal rates on notional, quote currency; ``edges`` ascend from 0."""

    edges: tuple[float, ...]
    initial: tuple[float, ...]
    maintenance: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.edges or self.edges[0] != 0:
            raise check.refuse("edges", "start at 0", self.edges, "of tiers")
        check.ascending("edges of tiers", check.floats("edges", self.edges))
        for level in LEVELS:
            rates = check.floats(f"{level} tier rates", getattr(self, level), size=len(self.edges))
            check.require_all(f"{level} tier rates", "lie in [0, 1] and not fall", rates, rising(rates))
        prudent(self.initial, self.maintenance)


class Rate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """A rate (initial, maintenance) of the whole notional that grows with size q in units."""

    base: tuple[float, float]
    slope: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        for name in ("base", "slope"):
            level_pair(name, getattr(self, name), "of rate")


class LinearRate(Rate, frozen=True, kw_only=True, tag="linear"):
    """``base + slope * q``."""


class ScaledRate(Rate, frozen=True, kw_only=True, tag="scaled"):
    """``base + slope * sqrt(q)``."""


class OptionRates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Short option: ``max(floor, rate - out-of-the-money share)`` of the index, plus the mark."""

    rate: tuple[float, float] = (0.15, 0.075)
    floor: tuple[float, float] = (0.10, 0.075)

    def __post_init__(self) -> None:
        for name in ("rate", "floor"):
            level_pair(name, getattr(self, name), "of option rates", high=1.0)


def rising(rates: Floats) -> np.ndarray:
    steps = np.diff(rates, prepend=0.0)
    return (steps >= 0) & (rates <= 1)


def prudent(initial: Sequence[float], maintenance: Sequence[float]) -> None:
    for high, low in zip(initial, maintenance, strict=True):
        if high < low:
            raise ImprudentParametersError(
                "initial >= maintenance", f"initial rate must be >= maintenance rate, was {high} below {low}"
            )


class TieredMargin(Method, frozen=True, kw_only=True, tag="tiered"):
    """One pool of equity; positions charged by market and size."""

    collateral: tuple[Haircut, ...]
    schedules: dict[str, Tiers | LinearRate | ScaledRate]  # by market: instrument or underlying
    net_by: Literal["instrument", "underlying"] = "instrument"
    options: OptionRates = OptionRates()

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        balances = m.holding("balance", source="balance", axis="asset")
        m.equity("positions", positions.sum("value") - costs.sum("cost_price"))
        collateral(m, balances)
        for kind, charge in ((Tiers, tier_charge), (LinearRate, linear_charge), (ScaledRate, scaled_charge)):
            if any(isinstance(schedule, kind) for schedule in self.schedules.values()):
                m.charge(str(kind.__struct_config__.tag), charge(m, positions))
        lots = positions.sum(by="each")
        m.charge("short options", (lots.short() * option_table(m, "short_option")).total())
        m.charge("long options", (lots.positive() * option_table(m, "long_option")).total())
        return m.build()

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        keys = Keys.of(instruments)
        keys.add("instrument", "market", self.markets(instruments))
        width = max([1, *(len(h.edges) for h in self.collateral)]) + 1
        keys.rows["collateral_edges tier"] = tuple(str(i) for i in range(width))
        keys.rows["tier_edges tier"] = tuple(str(i) for i in range(self.tier_count))
        return keys.shape()

    @property
    def tier_count(self) -> int:
        return max([1, *(len(s.edges) for s in self.schedules.values() if isinstance(s, Tiers))])

    def markets(self, instruments: Instruments) -> list[str]:
        """Market of each instrument; options are charged by themselves."""
        return [getattr(row, "id" if self.net_by == "instrument" else "underlying") for row in instruments]

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        settled = asset_prices(instruments, market)[instruments.settlement]
        value = lot_values(instruments, marks(instruments, market)) * settled
        markets = self.markets(instruments)
        linear = np.array([row.kind is not Kind.OPTION for row in instruments])
        for row, name in zip(instruments, markets, strict=True):
            if row.kind is not Kind.OPTION:
                check.known("schedule", name, self.schedules, "market", f"of instrument {row.id!r}")
        notional = index_notionals(instruments, market) * linear
        return {
            "value": value,
            "cost_price": settled * instruments.atom[instruments.settlement],
            "notional": notional,
            "units": notional / np.array([market.value("index", row.underlying) for row in instruments]),
            **option_tables(self.options, instruments, market, value),
            **self.schedule_tables(sorted(set(markets)), instruments, market),
            **collateral_tables(self.collateral, instruments, market),
        }

    def schedule_tables(self, names: list[str], instruments: Instruments, market: Market) -> dict[str, Any]:
        found = [self.schedules.get(name) for name in names]
        index_of = dict(zip(self.markets(instruments), instruments.column("underlying"), strict=True))
        return {
            "unit_price": [market.value("index", index_of[name]) for name in names],
            "tier_edges": [padded(s.edges if isinstance(s, Tiers) else [0.0], self.tier_count, FAR) for s in found],
            **{f"tier_{level}": [tier_rates(s, level, self.tier_count) for s in found] for level in LEVELS},
            **{
                f"{kind}_{part}": [getattr(s, part) if isinstance(s, of) else (0.0, 0.0) for s in found]
                for kind, of in (("linear", LinearRate), ("scaled", ScaledRate))
                for part in ("base", "slope")
            },
        }


def padded(values: Sequence[float], width: int, filler: float) -> list[float]:
    return [*values, *[filler] * (width - len(values))]


def tier_rates(schedule: Tiers | LinearRate | ScaledRate | None, level: str, width: int) -> list[float]:
    rates = getattr(schedule, level) if isinstance(schedule, Tiers) else [0.0]
    return padded(rates, width, rates[-1])


def option_table(m: Builder, name: str) -> Expression:
    return m.given(name, key="instrument", rows="level")


def tier_charge(m: Builder, positions: Held) -> Expression:
    """Marginal tiers on the net notional of each market."""
    notional = positions.sum("notional", by="market")
    charges = {level: notional.tiers("tier_edges", f"tier_{level}", key="market").total() for level in LEVELS}
    return by_level(m, charges)


def linear_charge(m: Builder, positions: Held) -> Expression:
    """Notional times a rate that grows with the whole size."""
    return sized_charge(m, abs(positions.sum("units", by="market")), "linear", root=False)


def scaled_charge(m: Builder, positions: Held) -> Expression:
    """Notional times a rate that grows with the root of the size."""
    return sized_charge(m, abs(positions.sum("units", by="market")), "scaled", root=True)


def sized_charge(m: Builder, size: Expression, kind: str, *, root: bool) -> Expression:
    base, slope = (m.given(f"{kind}_{part}", key="market", rows="level") for part in ("base", "slope"))
    rate = m.min((size.root() if root else size) * slope + base, 1)
    return (size * m.given("unit_price", key="market") * rate).total()


def option_tables(rates: OptionRates, instruments: Instruments, market: Market, value: Floats) -> dict[str, Any]:
    """Charge of one short and one long lot of each option, by level; 0 for the rest."""
    short, long = np.zeros((len(instruments), 2)), np.zeros((len(instruments), 2))
    notional = index_notionals(instruments, market)
    for i in instruments.select(Kind.OPTION):
        row = instruments.rows[i]
        index = market.value("index", row.underlying)
        away = row.strike - index if row.right is Right.CALL else index - row.strike
        out = max(away, 0.0) / index
        per_index = [max(rates.rate[k] - out, rates.floor[k]) for k in range(2)]
        short[i] = np.array(per_index) * notional[i] + value[i]
        long[i] = value[i]
    return {"short_option": short, "long_option": long}
