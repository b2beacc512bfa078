"""Risk arrays: what one lot of every instrument gains or loses in every scenario.

Values are in the settlement asset of each instrument, per lot. Linear: ``m P``; inverse ``-m / P``
(an inverse option, whose price is in coin: ``m P``); with m contract size times lot. An option is
revalued by Black-76 at its forward and volatility; its value is the mark plus the change of the
model, so that a mark off the model stays off by the same amount.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from crossmargin import _checks as check
from crossmargin._checks import Floats, Integers
from crossmargin._core import black_strict as black  # the same bits at every level
from crossmargin.errors import raise_for_status
from crossmargin.instruments import YEAR_NS, Instruments, Kind, Payoff, Right
from crossmargin.market import Market
from crossmargin.scenario.sets import ScenarioSet, VolatilityRule


@dataclass(frozen=True)
class Options:
    """What Black-76 needs of the options of a table, shape (n_options,); ``row`` is their instrument."""

    row: Integers
    forward: Floats
    variable: Floats  # the part of the forward that moves with the index
    strike: Floats
    volatility: Floats
    years: Floats
    discount: Floats
    sign: Floats
    names: tuple[str, ...]
    coin: NDArray[np.bool_]  # inverse: quoted and settled in coin

    @classmethod
    def of(cls, instruments: Instruments, market: Market) -> "Options":
        """Read forwards, rates (absent: undiscounted) and volatilities of every option."""
        row = instruments.select(Kind.OPTION)
        held = [instruments.rows[i] for i in row]
        keys = [instruments.expiry_keys[i] for i in row]
        expiry = np.array([option.expiry for option in held], dtype=np.int64)
        years = np.maximum(expiry - market.as_of, 0) / YEAR_NS
        forward = market.column("forward", keys)
        rate = np.array([market.get("rate", key, 0.0) for key in keys])
        fixed = np.array([market.get("forward_fixed", key, 0.0) for key in keys])
        return cls(
            row=row,
            forward=forward,
            variable=forward - fixed,
            strike=np.array([option.strike for option in held], dtype=np.float64),
            volatility=market.column("volatility", [option.id for option in held]),
            years=years,
            discount=np.exp(-rate * years),
            sign=np.array([1.0 if option.right is Right.CALL else -1.0 for option in held]),
            names=tuple(option.id for option in held),
            coin=np.array([option.payoff is Payoff.INVERSE for option in held], dtype=bool),
        )

    def __len__(self) -> int:
        return len(self.row)

    def values(self, forward: Floats, volatility: Floats) -> Floats:
        """Black-76 values at shocked forwards and volatilities, shape (n_options, n_scenarios)."""
        out = np.empty(forward.shape)
        status, where = black.revalue(
            self.strike, self.years, self.discount, self.sign,
            np.ascontiguousarray(forward), np.ascontiguousarray(volatility), out,
        )  # fmt: skip
        if status:
            row, column = divmod(where, forward.shape[1])
            raise_for_status(status, self.failure("value", row, forward[row, column]))
        return out

    def quotes(self, forward: Floats, volatility: Floats) -> Floats:
        """Values in the unit of the mark: an inverse option is quoted in coin."""
        out = self.values(forward, volatility)
        for row in np.flatnonzero(self.coin & (forward <= 0).any(axis=1)):
            worst = forward[row].min()
            raise check.refuse("forward", "be > 0 for an inverse payoff", worst, f"of {self.names[row]!r}")
        out[self.coin] /= forward[self.coin]
        return out

    def failure(self, what: str, row: int, forward: float) -> str:
        """Say what a kernel refused, and of which instrument."""
        return f"Black-76 {what} of {self.names[row]!r} at forward {forward:g}"

    @cached_property
    def model(self) -> Floats:
        """Black-76 quote at the market, shape (n_options, 1)."""
        return self.quotes(self.forward[:, None], self.volatility[:, None])


@dataclass(frozen=True)
class RiskArray:
    """Gain > 0 of one lot (``lots``: instruments, scenarios) and one unit of asset (``units``), quote currency.

    ``lots`` is the profit of the contract converted at the shocked price of its settlement asset, at the
    unshocked one (``conversion="base"``), or left in that asset (``conversion="coin"``). ``units`` is the
    change in price of one unit of each asset. Both carry the weight of their scenario.
    """

    scenarios: ScenarioSet
    value: Floats  # of one lot, settlement asset, (n_instruments,)
    settlement_price: Floats  # quote currency per unit, (n_instruments,)
    asset_price: Floats  # (n_assets,)
    lots: Floats
    units: Floats


def marks(instruments: Instruments, market: Market) -> Floats:
    """Price of each instrument: its mark; spot without one takes its index."""
    price = np.array([mark_of(row.id, row.kind, row.underlying, market) for row in instruments])
    for row in np.flatnonzero(inverse_linear(instruments) & (price <= 0)):
        raise check.refuse("mark", "be > 0 for an inverse payoff", price[row], f"of {instruments.rows[row].id!r}")
    return price


def mark_of(name: str, kind: Kind, underlying: str, market: Market) -> float:
    if kind is Kind.SPOT and not market.has("mark", name):
        return market.value("index", underlying)
    return market.value("mark", name)


def inverse_linear(instruments: Instruments) -> np.ndarray:
    """Which instruments are worth ``-m / P``: inverse, and no option."""
    return np.array([r.payoff is Payoff.INVERSE and r.kind is not Kind.OPTION for r in instruments], dtype=bool)


def lot_values(instruments: Instruments, price: Floats) -> Floats:
    """Value of one lot at these prices, settlement asset; ``price`` is (n,) or (n, n_scenarios)."""
    size = instruments.multiplier.reshape(-1, *[1] * (price.ndim - 1))
    inverse = inverse_linear(instruments)
    with np.errstate(over="ignore"):  # callers refuse what is not finite
        value = size * price
        value[inverse] = -size[inverse] / price[inverse]
    return value


def asset_prices(instruments: Instruments, market: Market) -> Floats:
    """Quote currency per unit of each asset."""
    return np.array([market.price(asset.id, asset.underlying) for asset in instruments.assets])


def asset_moves(instruments: Instruments, scenarios: ScenarioSet) -> Floats:
    """Relative move of each asset's price, shape (n_assets, n_scenarios); 0 without an underlying."""
    out = np.zeros((len(instruments.assets), len(scenarios)))
    for row, asset in enumerate(instruments.assets):
        if asset.underlying is not None:
            out[row] = scenarios.move[:, scenarios.column(asset.underlying)]
    return out


def shocked_prices(instruments: Instruments, market: Market, scenarios: ScenarioSet) -> Floats:
    """Price of each instrument in each scenario, shape (n_instruments, n_scenarios)."""
    move, shock = scenarios.columns(instruments.column("underlying"))
    price = marks(instruments, market)[:, None] * (1.0 + move.T)
    options = Options.of(instruments, market)
    if len(options):
        price[options.row] = shocked_options(market, options, scenarios, move.T, shock.T)
    return price


def shocked_options(market: Market, options: Options, scenarios: ScenarioSet, move: Floats, shock: Floats) -> Floats:
    days = options.years * 365.0
    forward = options.forward[:, None] + options.variable[:, None] * move[options.row]
    volatility = scenarios.rule.shocked(options.volatility, days, shock[options.row])
    mark = market.column("mark", options.names)
    return mark[:, None] + (options.quotes(forward, volatility) - options.model)  # no move, no gain


def risk_array(
    instruments: Instruments, market: Market, scenarios: ScenarioSet, *, conversion: str = "shocked"
) -> RiskArray:
    """Revalue every instrument and asset in every scenario, in one pass."""
    check.one_of("conversion", conversion, ("shocked", "base", "coin"))
    price = asset_prices(instruments, market)
    moves = asset_moves(instruments, scenarios)
    settled = price[instruments.settlement]
    shocked_price = settled[:, None] * (1.0 + moves[instruments.settlement])
    base, coin = settled[:, None], np.ones((len(settled), 1))
    converted = {"shocked": shocked_price, "base": base, "coin": coin}[conversion]
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
        value = lot_values(instruments, marks(instruments, market))
        shocked = lot_values(instruments, shocked_prices(instruments, market, scenarios))
        lots = (shocked - value[:, None]) * converted * scenarios.weight
        units = price[:, None] * moves * scenarios.weight
    require_finite([row.id for row in instruments], lots)
    require_finite([asset.id for asset in instruments.assets], units)
    return RiskArray(scenarios, value, settled, price, lots, units)


def require_finite(names: Sequence[str], gain: Floats) -> None:
    """Refuse figures too large to revalue, by the name of their row."""
    for name, row in zip(names, gain, strict=True):
        if not np.isfinite(row).all():
            raise check.refuse("gain", "be finite", row[~np.isfinite(row)][0], f"of {name!r}")


def dollar_deltas(instruments: Instruments, market: Market) -> Floats:
    """Quote-currency change of one lot per unit relative move of its underlying, shape (n_instruments,)."""
    value = lot_values(instruments, marks(instruments, market))
    price = asset_prices(instruments, market)[instruments.settlement]
    sign = np.where(inverse_linear(instruments), -1.0, 1.0)
    delta = sign * value * price
    options = Options.of(instruments, market)
    if len(options):
        size = instruments.multiplier[options.row] * price[options.row]
        delta[options.row] = option_deltas(options) * options.variable * size
    return delta


def option_deltas(options: Options) -> Floats:
    """Change of each option's quote per unit of its forward; an inverse one, V / F, loses V / F^2 of it."""
    delta = model_deltas(options)
    forward, coin = options.forward[options.coin], options.coin
    delta[coin] = (delta[coin] - options.model[coin, 0]) / forward
    return delta


def model_deltas(options: Options) -> Floats:
    """Discounted Black-76 delta to the forward."""
    outs = [np.empty(len(options)) for _ in range(5)]
    status, where = black.greeks(
        options.forward, options.strike, options.volatility, options.years, options.discount, options.sign, *outs
    )
    if status:
        raise_for_status(status, options.failure("delta", where, options.forward[where]))
    return outs[1]


def moved_market(
    instruments: Instruments, market: Market, moves: Mapping[str, float], volatility: float = 0.0
) -> Market:
    """Return the market after relative moves of indices, with ``volatility`` points more on the options they move.

    Forwards, marks of linear instruments and coins as collateral move by (1 + x); options by their
    model; other underlyings, rates and time stay (design of liquidation prices).
    """
    names = tuple(moves)
    point = ScenarioSet.of(
        "move", move=[[moves[name] for name in names]], volatility=[[volatility] * len(names)], underlyings=names,
        labels=["move"], rule=VolatilityRule(mode="absolute"),
    )  # fmt: skip
    touched = [row for row in instruments if row.underlying in moves and market.has("mark", row.id)]
    part = Instruments.of(touched, instruments.assets)
    prices = shocked_prices(part, market, point)[:, 0] if touched else np.zeros(0)
    new = {(row.id, "mark"): float(p) for row, p in zip(part, prices, strict=True)}
    if volatility:
        new |= shifted_volatilities(instruments, market, moves, volatility)
    return market.replacing(new | scaled_observations(instruments, market, moves))


def shifted_volatilities(
    instruments: Instruments, market: Market, moves: Mapping[str, float], points: float
) -> dict[tuple[str, str], float]:
    """Volatilities of the options of some underlyings, not below 0."""
    options = (row.id for row in instruments if row.underlying in moves and market.has("volatility", row.id))
    return {(name, "volatility"): max(market.value("volatility", name) + points, 0.0) for name in options}


def scaled_observations(
    instruments: Instruments, market: Market, moves: Mapping[str, float]
) -> dict[tuple[str, str], float]:
    """Indices of the moved underlyings and their assets, and the moving part of their forwards."""
    follows = {name: name for name in moves} | {
        a.id: a.underlying for a in instruments.assets if a.underlying is not None and a.underlying in moves
    }
    new = {
        (subject, "index"): market.value("index", subject) * (1.0 + moves[underlying])
        for subject, underlying in follows.items()
        if market.has("index", subject)
    }
    for subject, field in market.seen:
        underlying = subject.rpartition("@")[0]
        if field == "forward" and underlying in moves:
            fixed = market.get("forward_fixed", subject, 0.0)
            forward = market.value("forward", subject)
            new[subject, field] = forward + (forward - fixed) * moves[underlying]
    return new
