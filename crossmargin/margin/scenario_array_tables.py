"""Tables of scenario-array margin: arrays from files or from ranges, codes of spreads, rates, values."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from crossmargin._checks import Floats
from crossmargin.instruments import Instruments, Kind, Right
from crossmargin.margin.plan.matchers import Leg, padded_codes, spread_code
from crossmargin.margin.scenario_array_parameters import Commodity, Scan, Spread
from crossmargin.market import Market
from crossmargin.scenario.revalue import Options, asset_prices, lot_values, marks, model_deltas

if TYPE_CHECKING:
    from crossmargin.margin.scenario_array import ScenarioArrayMargin

SIDES = {"A": 1.0, "B": -1.0}
UNDATED = "000000"  # contract month of spot and perpetuals
DAYS = 365.0
FAR = 1e300


def month_of(expiry: int | None) -> str:
    return UNDATED if expiry is None else datetime.fromtimestamp(expiry // 10**9, UTC).strftime("%Y%m")


def months_of(labels: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Listed months of each commodity, ascending."""
    found: dict[str, list[str]] = {name: [] for name in labels["commodity"]}
    for label in labels["month"]:
        name, _, month = label.rpartition(":")
        found[name].append(month)
    return {name: tuple(sorted(months)) for name, months in found.items()}


def scan_label(number: int, scan: Scan) -> str:
    volatility = {1.0: " vol up", -1.0: " vol down"}.get(scan.volatility, "")
    return f"{number + 1}: {scan.move:+.3g} range{volatility}"


# ---- arrays ----------------------------------------------------------------------------------


def instrument_tables(method: "ScenarioArrayMargin", instruments: Instruments, market: Market) -> dict[str, Any]:
    """Gain of one lot in every scenario, quote currency, and what the risks are read from."""
    gain, delta = contracts(method, instruments, market)
    lot, price = instruments.lot_size, asset_prices(instruments, market)[instruments.settlement]
    gain = gain * (lot * price)[:, None]
    kinds = {
        name: np.array([row.right is right for row in instruments])
        for name, right in (("call", Right.CALL), ("put", Right.PUT))
    }
    still = [i for i, scan in enumerate(method.scenarios) if scan.move == 0.0]
    return {
        "gain": gain,
        "paired_gain": (gain + gain[:, pairs(method.scenarios)]) / 2,
        "time_gain": gain[:, still].mean(axis=1) if still else np.zeros(len(gain)),
        "delta": delta * lot,
        **{name: lot * of_right for name, of_right in kinds.items()},
    }


def contracts(method: "ScenarioArrayMargin", instruments: Instruments, market: Market) -> tuple[Floats, Floats]:
    """Gains and delta of one contract: as a file gives them (loss positive, no volatility needed), or computed."""
    gain, delta = np.zeros((len(instruments), len(method.scenarios))), np.zeros(len(instruments))
    own = [i for i, row in enumerate(instruments) if row.id not in method.arrays]
    rest = Instruments.of([instruments.rows[i] for i in own], instruments.assets)
    gain[own], delta[own] = computed_gains(method, rest, market), contract_deltas(rest, market)
    for name, array in method.arrays.items():
        if name in instruments.index:
            gain[instruments.index[name]] = -np.array(array.losses)
            delta[instruments.index[name]] = array.delta
    return gain, delta


def pairs(scenarios: Sequence[Scan]) -> list[int]:
    """The scenario of the same move and the opposite volatility; one without stands for itself."""
    index = {(s.move, s.volatility): i for i, s in enumerate(scenarios) if s.volatility != 0.0}
    return [index.get((s.move, -s.volatility), i) for i, s in enumerate(scenarios)]


def computed_gains(method: "ScenarioArrayMargin", instruments: Instruments, market: Market) -> Floats:
    """Gain of one contract from its commodity's ranges, rounded to the unit, settlement asset."""
    rules = [method.commodities[row.underlying] for row in instruments]
    move = np.array([s.move for s in method.scenarios])
    weight = np.array([s.weight for s in method.scenarios])
    size = np.array([float(row.contract_size) for row in instruments])
    mark = marks(instruments, market)
    spans = np.array([money_range(c, m * z) for c, m, z in zip(rules, mark, size, strict=True)])
    out = spans[:, None] * (weight * move)
    found = Options.of(instruments, market)
    if len(found):
        out[found.row] = weight * option_gains(method, found, [rules[i] for i in found.row], size[found.row])
    return np.rint(out / method.unit) * method.unit if method.unit else out


def money_range(c: Commodity, value: float) -> float:
    """Scan range of one contract: money, or a fraction of its value."""
    return c.price_scan_range if c.price_scan_range is not None else float(c.price_scan_fraction or 0.0) * value


def option_gains(method: "ScenarioArrayMargin", o: Options, rules: Sequence[Commodity], size: Floats) -> Floats:
    """``size (V(F + m range, shifted volatility, T - lookahead) - V)``; range in points, or a share of the forward."""
    move, shift = (np.array([getattr(s, name) for s in method.scenarios]) for name in ("move", "volatility"))
    points = np.array([money_range(c, f * z) / z for c, f, z in zip(rules, o.forward, size, strict=True)])
    later = replace(o, years=np.maximum(o.years - np.array([c.lookahead_days for c in rules]) / DAYS, 0.0))
    forward = o.forward[:, None] + points[:, None] * move
    span = np.array([c.volatility_scan_range for c in rules])[:, None] * shift
    relative = np.array([c.volatility_mode == "relative" for c in rules])[:, None]
    volatility = np.maximum(np.where(relative, o.volatility[:, None] * (1.0 + span), o.volatility[:, None] + span), 0.0)
    now = o.values(o.forward[:, None], o.volatility[:, None])
    return size[:, None] * (later.values(forward, volatility) - now)


def contract_deltas(instruments: Instruments, market: Market) -> Floats:
    """Delta of one contract: 1, an option's by Black-76 where no file gives its composite delta."""
    out, o = np.ones(len(instruments)), Options.of(instruments, market)
    if len(o):
        out[o.row] = model_deltas(replace(o, discount=np.ones(len(o))))
    return out


# ---- spreads ---------------------------------------------------------------------------------


def codes(
    method: "ScenarioArrayMargin", names: Sequence[str], months: Mapping[str, tuple[str, ...]], counts: int, widest: int
) -> dict[str, Floats]:
    """What the matcher reads: a row a commodity for its months, one row for the commodities."""
    found = []
    for name in names:
        c = method.commodities[name]
        spreads = [legs_of(c, spread, months[name]) for spread in (*c.series_spreads, *c.tier_spreads)]
        found.append(spread_code(spreads, widest, c.counting, rows=counts))
    place = {name: i for i, name in enumerate(names)}
    inter = [
        [Leg(SIDES[leg.side], leg.ratio, (place[leg.commodity],) if leg.commodity in place else ()) for leg in c.legs]
        for c in method.credits
    ]
    return {
        "spread": padded_codes(found),
        "credit": padded_codes([spread_code(inter, len(names), "whole", rows=len(inter))]),
    }


def legs_of(c: Commodity, spread: Spread, months: tuple[str, ...]) -> list[Leg]:
    return [Leg(SIDES[leg.side], leg.ratio, c.months(leg.period, months)) for leg in spread.legs]


def money_prices(instruments: Instruments, market: Market, names: Sequence[str]) -> Floats:
    """Quote currency per unit of the asset that each commodity's money is in: that its contracts settle in."""
    settled = asset_prices(instruments, market)[instruments.settlement]
    own = dict(zip(instruments.column("underlying"), settled.tolist(), strict=True))
    return np.array([own[name] for name in names], dtype=np.float64)


def spread_tables(
    method: "ScenarioArrayMargin", instruments: Instruments, market: Market, shape: dict[str, Any]
) -> dict[str, Any]:
    """Codes, places and rates of spreads and credits."""
    labels, names = shape["labels"], shape["labels"]["commodity"]
    months = months_of(labels)
    n_rows, widest = len(shape["rows"]["spread match"]), max(map(len, months.values()), default=0)
    counts = n_rows - 2 * widest
    made = codes(method, names, months, counts, widest)
    rates, delivery = np.zeros((len(names), n_rows)), np.zeros((len(names), n_rows))
    for row, name in enumerate(names):
        c = method.commodities[name]
        for s, spread in enumerate((*c.series_spreads, *c.tier_spreads)):
            rates[row, s] = spread.rate
        for d in c.delivery:
            for place in c.months(d.month, months[name]):
                delivery[row, [counts + place, counts + widest + place]] = d.outright_rate, d.spread_rate
    weight = np.zeros((len(names), len(shape["rows"]["credit match"])))
    for s, credit in enumerate(method.credits):
        for leg in credit.legs:
            if leg.commodity in names:
                weight[names.index(leg.commodity), s] += leg.ratio * leg.credit
    money = money_prices(instruments, market, names).reshape(-1, 1)
    places = [months[label.rpartition(":")[0]].index(label.rpartition(":")[2]) for label in labels["month"]]
    return {
        **made,
        "spread place": np.array(places, dtype=np.float64),
        "credit place": np.arange(len(names), dtype=np.float64),
        "spread_rate": rates * money,
        "delivery_rate": delivery * money,
        "credit_weight": weight,
        "spread match to total": np.zeros(n_rows),
        "credit match to total": np.zeros(weight.shape[1]),
    }


def commodity_tables(
    method: "ScenarioArrayMargin", instruments: Instruments, market: Market, names: Sequence[str]
) -> dict[str, Any]:
    """Bounds of the weighted price risk, rates of the short option minimum."""
    rules = [method.commodities[name] for name in names]
    money = money_prices(instruments, market, names)
    spans = money * [scan_range(c, name, instruments, market) for c, name in zip(rules, names, strict=True)]
    gross = [c.short_option_count == "gross" for c in rules]
    minimum = money * np.array([c.short_option_minimum for c in rules])
    return {
        "price_risk_cap": [FAR if c.weighted_price_risk == 1 else span for c, span in zip(rules, spans, strict=True)],
        "price_risk_floor": [span if c.weighted_price_risk == 3 else 0.0 for c, span in zip(rules, spans, strict=True)],
        "minimum_gross": minimum * gross,
        "minimum_larger": minimum * np.logical_not(gross),
    }


def scan_range(c: Commodity, name: str, instruments: Instruments, market: Market) -> float:
    """Scan range of one delta, money: of the commodity, or its fraction of the index times the largest contract."""
    size = max(float(row.contract_size) for row in instruments if row.underlying == name)
    return money_range(c, market.value("index", name) * size if c.price_scan_range is None else 0.0)


def value_tables(instruments: Instruments, market: Market) -> dict[str, Any]:
    """Values of one lot and one atom, quote currency; premium-style options apart from futures."""
    price = asset_prices(instruments, market)
    settled = price[instruments.settlement]
    value, atom = (
        lot_values(instruments, marks(instruments, market)) * settled,
        settled * instruments.atom[instruments.settlement],
    )
    option = np.array([row.kind is Kind.OPTION for row in instruments], dtype=bool)
    return {
        "option_value": value * option,
        "future_value": value * ~option,
        "premium": atom * option,
        "future_cost": atom * ~option,
        "unit_value": price * instruments.atom,
    }
