"""Tables of Derive's standard manager, and the rules of single components that fill them.

The rules take one number or a column each, and answer what one contract or coin requires, in cash units, with
(initial, maintenance) along the last axis. Notation: S index, F forward, K strike, m mark of one contract.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats, Integers
from crossmargin.instruments import Instruments, Kind, Right
from crossmargin.market import Market
from crossmargin.scenario.revalue import Options
from crossmargin.venues.derive_standard_parameters import Depeg, StandardRules

Figures = float | Floats
Rules = StandardRules | SimpleNamespace  # of one market, or a column of each figure


# ---- rules of single components ---------------------------------------------------------------


def levels(initial: Figures, maintenance: Figures) -> Floats:
    return np.stack(np.broadcast_arrays(initial, maintenance), axis=-1).astype(np.float64)


def spot_charge(p: Rules, away: Figures, index: Figures) -> Figures:
    """``max(min_spot_req, max_spot_req - away+ / S) S``: less, the further out of the money."""
    return np.maximum(p.min_spot_req, p.max_spot_req - np.maximum(away, 0.0) / index) * index


def isolated_call(p: Rules, strike: Figures, index: Figures, mark: Figures) -> Floats:
    """Charge a short call alone: initial ``m + spot_charge(K - S)``, maintenance ``m + mm_call_spot S``."""
    return levels(mark + spot_charge(p, strike - index, index), mark + p.mm_call_spot * index)


def isolated_put(p: Rules, strike: Figures, index: Figures, mark: Figures) -> Floats:
    """Charge a short put alone: maintenance ``m + max(mm_put_spot S, mm_put_mtm m)``.

    Initial is ``m + spot_charge(S - K)``, and never less than ``im_put_vs_mm_scale`` times maintenance.
    """
    maintenance = mark + np.maximum(p.mm_put_spot * index, p.mm_put_mtm * mark)
    alone = mark + spot_charge(p, index - strike, index)
    return levels(np.maximum(alone, p.im_put_vs_mm_scale * maintenance), maintenance)


def oracle_contingency(confidence: Figures, threshold: Figures, factor: Figures, index: Figures) -> Floats:
    """``(1 - c) factor S`` at initial where the confidence c is below the threshold, else 0."""
    return levels(np.where(confidence < threshold, (1.0 - confidence) * factor * index, 0.0), 0.0)


def depeg_contingency(depeg: Depeg, stable: Figures, index: Figures) -> Floats:
    """``max(threshold - stable, 0) factor S`` at initial, per perpetual or short option."""
    return levels(np.maximum(depeg.threshold - stable, 0.0) * depeg.factor * index, 0.0)


def coin_haircut(p: Rules, index: Figures, stable: Figures) -> Floats:
    """``S / stable - S base_margin_factor``, times ``base_im_scale`` at initial: mark less what counts."""
    counted = p.base_margin_factor * index
    return levels(index / stable - counted * p.base_im_scale, index / stable - counted)


# ---- tables -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Feed:
    """Instruments with the market and the rules that they stand under."""

    instruments: Instruments
    market: Market
    markets: Mapping[str, StandardRules]
    depeg: Depeg
    cash: str

    @property
    def stable(self) -> float:
        """Price of the cash asset against its peg."""
        return check.positive("peg", self.market.value("peg", self.cash), f"of {self.cash!r}")

    @property
    def atom(self) -> float:
        return float(self.instruments.atom[self.instruments.asset_index[self.cash]])

    def index(self, underlyings: Sequence[str]) -> Floats:
        """Index of each, > 0: rates of the money divide by it."""
        found = {name: self.market.value("index", name) for name in dict.fromkeys(underlyings)}
        price = {name: check.positive("index", value, f"of {name!r}") for name, value in found.items()}
        return np.array([price[name] for name in underlyings])

    def rules(self, underlyings: Sequence[str]) -> SimpleNamespace:
        """Every figure of the rules as a column over these underlyings."""
        number = {name: row for row, name in enumerate(self.markets)}
        row = np.array([number[underlying] for underlying in underlyings], dtype=np.int64)
        fields = StandardRules.__struct_fields__
        sets = [msgspec.structs.astuple(rules) for rules in self.markets.values()]
        figures = np.array(sets, dtype=np.float64).reshape(-1, len(fields))[row]
        return SimpleNamespace(**dict(zip(fields, figures.T, strict=True)))

    def confidence(self, *feeds: tuple[str, Sequence[str]]) -> Floats:
        """Least confidence of several feeds (field, subjects), a row a subject."""
        found = [[self.market.confidence(field, name) for name in names] for field, names in feeds]
        least: Floats = np.array(found, dtype=np.float64).min(axis=0)
        return least

    def held(self, kind: Kind) -> tuple[Integers, list[str], list[str]]:
        """Rows, ids and underlyings of the instruments of a kind."""
        rows = self.instruments.select(kind)
        found = [self.instruments.rows[row] for row in rows]
        return rows, [row.id for row in found], [row.underlying for row in found]


def option_tables(feed: Feed) -> dict[str, Any]:
    """One lot of each option: its mark, what it requires when short and alone, and its doubts."""
    rows, names, underlyings = feed.held(Kind.OPTION)
    options = Options.of(feed.instruments, feed.market)
    mark = replace(options, discount=np.ones(len(options))).model.ravel()
    p, index = feed.rules(underlyings), feed.index(underlyings)
    size = column(feed.instruments.multiplier[rows])
    alone = (rule(p, options.strike, index, mark) for rule in (isolated_call, isolated_put))
    calls = column(options.sign > 0)
    expiries = [feed.instruments.expiry_keys[row] for row in rows]
    least = feed.confidence(("index", underlyings), ("forward", expiries), ("volatility", names))
    doubt = oracle_contingency(least, p.option_conf_threshold, p.oracle_contingency_factor, index)
    return {
        "option_mark": size * column(mark),
        "premium_atom": np.full((len(rows), 1), feed.atom),
        "calls": size * calls,
        "isolated": size * np.where(calls, *alone),
        "option_doubt": size * doubt,
        "option_depeg": size * depeg_contingency(feed.depeg, feed.stable, index),
    }


def settlement_prices(instruments: Instruments) -> Floats:
    """Prices that decide each option's expiry: 0 and the listed strikes, ascending; (n_options, most prices).

    Payoffs are straight between them. Shorter lists repeat the price 0, which changes no minimum.
    """
    rows = instruments.select(Kind.OPTION)
    expiries = [instruments.expiry_keys[row] for row in rows]
    strikes: dict[str, set[float]] = {key: {0.0} for key in expiries}
    for key, row in zip(expiries, rows, strict=True):
        strikes[key].add(float(instruments.rows[row].strike))
    width = max((len(found) for found in strikes.values()), default=1)
    prices = {key: sorted(found) for key, found in strikes.items()}
    padded = [prices[key] + prices[key][:1] * (width - len(prices[key])) for key in expiries]
    return np.array(padded, dtype=np.float64).reshape(-1, width)


def payoff_tables(feed: Feed) -> dict[str, Any]:
    """One lot at each settlement price of its expiry: payoff, and 1 where the price is 0 or its strike."""
    rows, _, _ = feed.held(Kind.OPTION)
    options = [feed.instruments.rows[row] for row in rows]
    sign = column([1.0 if option.right is Right.CALL else -1.0 for option in options])
    strike, price = column([option.strike for option in options]), settlement_prices(feed.instruments)
    return {
        "payoff": column(feed.instruments.multiplier[rows]) * np.maximum(sign * (price - strike), 0.0),
        "settles_at": ((price == 0.0) | (price == strike)).astype(np.float64),
    }


def expiry_tables(feed: Feed, expiries: Sequence[str]) -> dict[str, Any]:
    """Cost of one call sold without cover, by expiry: ``unpaired scale F``."""
    instruments = feed.instruments
    of_expiry = dict(zip(instruments.expiry_keys, instruments.column("underlying"), strict=True))
    p = feed.rules([of_expiry[key] for key in expiries])
    forward = column(feed.market.column("forward", expiries))
    return {"unpaired": forward * levels(p.unpaired_im_scale, p.unpaired_mm_scale)}


def perpetual_tables(feed: Feed) -> dict[str, Any]:
    """One lot of each perpetual: its mark, the rates of it, and its doubts."""
    rows, names, underlyings = feed.held(Kind.PERPETUAL)
    p, index = feed.rules(underlyings), feed.index(underlyings)
    size = column(feed.instruments.multiplier[rows])
    mark = column(feed.market.column("mark", names))
    least = feed.confidence(("mark", names), ("index", underlyings))
    doubt = oracle_contingency(least, p.perp_conf_threshold, p.oracle_contingency_factor, index)
    return {
        "perpetual_mark": size * mark,
        "cost_atom": np.full((len(rows), 1), feed.atom),
        "perpetual_rate": size * mark * levels(p.perp_im, p.perp_mm),
        "perpetual_doubt": size * doubt,
        "perpetual_depeg": size * depeg_contingency(feed.depeg, feed.stable, index),
    }


def balance_tables(feed: Feed) -> dict[str, Any]:
    """One atom of cash and of each coin; a coin's mark to market is in stablecoin, its margin is not."""
    coins = [asset for asset in feed.instruments.assets if asset.id != feed.cash]
    underlyings = [str(asset.underlying) for asset in coins]
    p, index = feed.rules(underlyings), feed.index(underlyings)
    size = column([float(feed.instruments.atom[feed.instruments.asset_index[asset.id]]) for asset in coins])
    least = feed.confidence(("index", underlyings))
    doubt = oracle_contingency(least, p.base_conf_threshold, p.oracle_contingency_factor, index)
    return {
        "cash_atom": feed.atom,
        "coin_price": size * column(index / feed.stable),
        "coin_haircut": size * coin_haircut(p, index, feed.stable),
        "coin_doubt": size * doubt,
    }


def column(values: Any) -> Floats:
    return np.asarray(values, dtype=np.float64).reshape(-1, 1)
