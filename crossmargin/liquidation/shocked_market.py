"""The market of a cascade: factors of the first prices round by round, and what trades do to them."""

from collections.abc import Mapping

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats, Integers
from crossmargin.liquidation.cascade_rounds import CascadeRules
from crossmargin.liquidation.impact import bounded
from crossmargin.liquidation.shares import Prices
from crossmargin.margin import Prepared
from crossmargin.market import Market
from crossmargin.scenario.revalue import asset_prices, dollar_deltas, inverse_linear, mark_of, moved_market


class ShockedMarket:
    """Prices of underlyings with a ``depth``, as factors of those at the start; all else of the market stays."""

    def __init__(self, prepared: Prepared, depth: Mapping[str, float], rules: CascadeRules) -> None:
        self.instruments, self.base, self.rules = prepared.instruments, prepared.market, rules
        self.underlyings = tuple(sorted(depth))
        for name in self.underlyings:
            check.positive("depth", depth[name], f"of {name!r}")
            self.base.value("index", name)
        self.depth = np.array([depth[name] for name in self.underlyings])
        self.volatility = np.full(len(self.underlyings), rules.liquidity.calm)
        self.path: list[Floats] = [np.ones(len(self.underlyings))]
        place = {name: row for row, name in enumerate(self.underlyings)}
        self.column = np.array([place.get(row.underlying, -1) for row in self.instruments], dtype=np.int64)

    @property
    def factor(self) -> Floats:
        """The true factors now."""
        return self.path[-1]

    def shock(self, given: Mapping[str, float]) -> None:
        """Move underlyings by fractions, each above -1."""
        unknown = sorted(set(given) - set(self.underlyings))
        if unknown:
            raise check.refuse("shock", f"name underlyings with a depth: {', '.join(self.underlyings)}", unknown[0])
        moves = [check.number("shock", given.get(name, 0.0), low=-1.0, strict=True) for name in self.underlyings]
        self.move(np.array(moves))

    def seen(self, random: np.random.Generator) -> Floats:
        """The factors that the oracle gives."""
        return self.rules.oracle.sees(self.path, random)

    def named(self, factor: Floats) -> dict[str, float]:
        return dict(zip(self.underlyings, factor.tolist(), strict=True))

    def at(self, factor: Floats) -> Market:
        """The market at factors of the first one's prices."""
        return moved_market(self.instruments, self.base, self.named(factor - 1.0))

    def slip(self, flow: Floats) -> Floats:
        """How far prices are from the marks while a flow trades: half of what stays, and what does not."""
        permanent, temporary = self.rules.impact.moves(flow, self.now(), self.volatility)
        return bounded(permanent / 2 + temporary)

    def lags(self) -> bool:
        """Whether the oracle has still to see what happened since the factors that it gave last, a round ago."""
        last = max(len(self.path) - 2 - self.rules.oracle.lag, 0)
        return self.rules.oracle.lag > 0 and any(not np.array_equal(f, self.path[-1]) for f in self.path[last:])

    def now(self) -> Floats:
        """Depth at the present volatility and price: so many units of the underlying, whatever they cost."""
        return self.rules.liquidity.depth(self.depth, self.volatility) * self.path[-1]

    def flow(self, market: Market, item: Integers, lots: Integers) -> Floats:
        """Signed notional that trades bring to each underlying: lots times dollar delta, whatever their order."""
        column = self.column
        net = np.bincount(item, weights=lots, minlength=len(column))  # whole lots: exact
        size = (net * dollar_deltas(self.instruments, market))[column >= 0]
        return np.bincount(column[column >= 0], weights=size, minlength=len(self.underlyings)).astype(np.float64)

    def prices(self, market: Market, slip: Floats) -> Prices:
        """Marks, moved by what an underlying's price slips: by delta, an inverse contract by its price."""
        instruments, column = self.instruments, self.column
        mark = np.array([mark_of(r.id, r.kind, r.underlying, market) for r in instruments])
        settled = asset_prices(instruments, market)[instruments.settlement]
        slope = dollar_deltas(instruments, market) / (instruments.multiplier * settled)
        slope = np.where(inverse_linear(instruments), mark, slope)
        moved = np.where(column >= 0, slip[column], 0.0) * slope
        return Prices.at(instruments, market, mark + moved, self.rules.half_spread)

    def answer(self, flow: Floats) -> None:
        """The next round's prices: what the flow moved for good, and what others follow."""
        permanent, _ = self.rules.impact.moves(flow, self.now(), self.volatility)
        self.move(self.rules.contagion.spread(permanent, self.volatility, self.rules.liquidity.calm))

    def move(self, move: Floats) -> None:
        """Prices and volatility after a move, the shock or a round's: the next to trade meets both."""
        self.volatility = self.rules.liquidity.after(self.volatility, move)
        self.path.append(self.path[-1] * (1.0 + move))

