"""Bybit portfolio margin of a unified trading account: units, a grid of prices by volatilities, contingencies.

    unit maintenance = max loss + contingencies;   initial = im_factor * maintenance

At each price one volatility is chosen for the whole unit, the worst; the loss is the worst over prices. A perpetual
moves by its mark, an option from its printed mark to Black-76 at the shocked forward and volatility. Spot that hedges
may carry losses of its price level, never add to them. Source: the API's portfolio-margin page; what is open:
``bybit_parameters``.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from crossmargin._checks import Floats
from crossmargin.instruments import Asset, Instrument, Instruments, Kind, Payoff
from crossmargin.margin.listing import Listing
from crossmargin.margin.method import Method
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.program import Program
from crossmargin.market import Market
from crossmargin.scenario.revalue import Options, asset_prices, inverse_linear, lot_values, marks
from crossmargin.venues.bybit_parameters import SOURCE, Reported, Rules, UnitRules, parameters
from crossmargin.venues.dated import LATEST

SHOCKS = ("up", "same", "down")  # columns as the venue prints them
DAYS_OF_POWER = 30.0
NO_UNIT = "(currency)"
CENT_OF_CENT = 1e-4  # the venue prints profits rounded down to 4 decimals


class PortfolioMargin(Method, frozen=True, kw_only=True, tag="bybit_portfolio"):
    """Portfolio margin, in the quote currency."""

    rules: Rules
    reported: Reported = Reported()

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        balances = m.holding("balance", source="balance", axis="asset")

        # The worst volatility of each price, then what a spot hedge gains there, then the worst price.
        profit = positions.sum("profit", by="unit", rows="scenario").fold("price", "least")
        hedge = (balances.sum("coin", by="unit") * m.given("spot_move", key="unit", rows="price")).positive()
        level = profit + hedge
        loss = -m.min(level.worst(), 0)
        future = abs(positions.sum("future", by="each")).total()
        option = positions.sum("option", by="unit").short().total()
        factor = m.given("im_factor", rows="level")
        m.charge("maxLoss", loss.total() * factor)
        m.charge("futureContingency", future * factor)
        m.charge("optionContingency", option * factor)
        for name in Reported.__struct_fields__:
            m.charge(name, m.given(name, rows="level"))
        m.equity("positions", positions.sum("value") - costs.sum("cost_price"))
        m.equity("balances", balances.sum("unit_value"))

        printed = level.total().mul_div(m.given("per_unit"), 1, "floor") * m.given("unit")
        m.output("all_pnl", printed)
        m.output("profit", positions.sum("profit", rows="scenario"))
        m.output("spot_hedge_pnl", hedge.total())
        m.output("contingencies", future + option)
        return m.build()

    def takes(self, row: Instrument) -> bool:
        coin = row.payoff is Payoff.INVERSE and row.settlement == row.underlying and row.kind is not Kind.OPTION
        return (
            row.kind is not Kind.SPOT and row.underlying in self.rules.units and (coin or row.payoff is Payoff.LINEAR)
        )

    def listing(self, instruments: Instruments) -> Listing:
        return Listing.of(instruments, self.takes, lambda _: True)

    def unit_of(self, asset: Asset) -> str:
        """Unit of a coin; other assets hedge nothing."""
        return asset.underlying if asset.underlying in self.rules.units else NO_UNIT

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        listing = self.listing(instruments)
        keys, taken = listing.keys(("position", "cost")), listing.instruments
        coins = [self.unit_of(asset) for asset in taken.assets]
        keys.labels["unit"] = tuple(sorted({*taken.column("underlying"), *coins}))
        keys.add("instrument", "unit", taken.column("underlying"))
        keys.add("asset", "unit", coins)
        moves = next(iter(self.rules.units.values())).moves
        keys.rows["price"] = tuple(f"{100 * x:+.4g}%" for x in moves)
        keys.rows["scenario"] = tuple(f"{100 * x:+.4g}% vol {s}" for x in moves for s in SHOCKS)
        return keys.shape()

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Profits over the grid, contingencies, values."""
        taken = self.listing(instruments).instruments
        price = asset_prices(taken, market)
        settled, mark = price[taken.settlement], marks(taken, market)
        index = np.array([market.value("index", row.underlying) for row in taken])
        option = np.array([row.kind is Kind.OPTION for row in taken], dtype=bool)
        rules = [self.rules.units[row.underlying] for row in taken]
        coins = taken.multiplier / np.where(inverse_linear(taken), mark, 1.0)
        worth = coins * index
        n_prices = len(next(iter(self.rules.units.values())).moves)
        return {
            "profit": self.profits(taken, market, coins, np.where(inverse_linear(taken), 1.0, settled) * mark, settled),
            "future": worth * np.array([r.future_rate for r in rules]) * ~option,
            "option": worth * np.array([r.option_rate for r in rules]) * option,
            "scenario to price": np.repeat(np.arange(n_prices), len(SHOCKS)),
            "im_factor": [self.rules.im_factor, 1.0],
            "value": lot_values(taken, mark) * settled,
            "cost_price": settled * taken.atom[taken.settlement],
            "unit_value": price * taken.atom,
            "coin": [self.coin_value(asset, market) * a for asset, a in zip(taken.assets, taken.atom, strict=True)],
            "spot_move": self.spot_moves(self.axes(instruments)["labels"]["unit"], taken, n_prices),
            "unit": CENT_OF_CENT,
            "per_unit": round(1.0 / CENT_OF_CENT),
            **{
                name: [getattr(self.reported, name) * f for f in (self.rules.im_factor, 1.0)]
                for name in Reported.__struct_fields__
            },
        }

    def profits(self, taken: Instruments, market: Market, coins: Floats, value: Floats, settled: Floats) -> Floats:
        """Profit of one lot, quote currency, price-major; ``value`` is a coin's mark in it."""
        n_prices = len(next(iter(self.rules.units.values())).moves)
        moves = np.array([self.rules.units[row.underlying].moves for row in taken]).reshape(-1, n_prices)
        out = np.repeat((coins * value)[:, None] * moves, len(SHOCKS), axis=1)
        found = Options.of(taken, market)
        o = replace(found, discount=np.ones(len(found)))
        if len(o):
            x = np.repeat(moves[o.row], len(SHOCKS), axis=1)
            factors = np.array([self.factors(taken.rows[r].underlying, t) for r, t in zip(o.row, o.years, strict=True)])
            volatility = o.volatility[:, None] * np.tile(factors, moves.shape[1])
            change = o.values(o.forward[:, None] * (1.0 + x), volatility) - market.column("mark", o.names)[:, None]
            out[o.row] = (coins * settled)[o.row][:, None] * change
        return out

    def factors(self, underlying: str, years: float) -> tuple[float, float, float]:
        return volatility_factors(self.rules.units[underlying], years * 365.0)

    def coin_value(self, asset: Asset, market: Market) -> float:
        """Index of a coin; other assets hedge nothing."""
        return 0.0 if self.unit_of(asset) == NO_UNIT else market.value("index", str(asset.underlying))

    def spot_moves(self, units: tuple[str, ...], taken: Instruments, n_prices: int) -> Floats:
        """Moves of the spot of each unit that has contracts, 0 where spot does not hedge."""
        held = {row.underlying for row in taken}
        out = np.zeros((len(units), n_prices))
        for row, name in enumerate(units):
            if self.rules.spot_hedge and name in held:
                out[row] = self.rules.units[name].moves
        return out


def volatility_factors(unit: UnitRules, days: float) -> tuple[float, float, float]:
    """``1 + up s``, 1, ``1 - down s``, ``s = (30 / n)^power`` with n whole days to expiry, rounded up, at least 1."""
    s = (DAYS_OF_POWER / max(np.ceil(days - 1e-9), 1.0)) ** unit.power
    return 1.0 + unit.volatility_up * s, 1.0, max(1.0 - unit.volatility_down * s, 0.0)


def portfolio_margin(as_of: str = LATEST, *, reported: Reported | None = None) -> PortfolioMargin:
    """Portfolio margin with the parameter set in force."""
    date, rules = parameters(as_of)
    made = reported or Reported()
    return PortfolioMargin(name="Bybit portfolio margin", date=date, source=SOURCE, rules=rules, reported=made)
