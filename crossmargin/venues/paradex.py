"""Paradex portfolio margin (beta): a scan of 24 scenarios, a least margin of the delta, provisions.

    net = max(SCAN, min delta) of each underlying;   min delta = (u |net| + h (gross - |net|) / 2) S
    initial = net + funding provision + fee provision;   maintenance = 0.5 net + provisions

Perpetuals move by their mark, options by Black-76; a tail counts its weight. A volatility goes up by at least the least
up-shock at any tenor (read so). Spot is collateral and stays outside the scan. Source: ``paradex_parameters``.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from crossmargin._checks import Floats
from crossmargin.instruments import Instrument, Instruments, Kind, Payoff
from crossmargin.margin.listing import Listing
from crossmargin.margin.method import Method
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.program import Program
from crossmargin.market import Market
from crossmargin.scenario.revalue import Options, asset_prices, lot_values, marks, model_deltas
from crossmargin.scenario.sets import VolatilityRule
from crossmargin.venues.paradex_cross import CrossMargin, cross_margin, opposite_orders, order_accepted, position_limits
from crossmargin.venues.paradex_parameters import DATE, RULES, SOURCE, AssetRules, Rules

__all__ = [
    "CrossMargin", "PortfolioMargin", "cross_margin", "opposite_orders", "order_accepted", "portfolio_margin",
    "position_limits",
]  # fmt: skip

STEPS = (-4, -3, -2, -1, 0, 1, 2, 3, 4)


class PortfolioMargin(Method, frozen=True, kw_only=True, tag="paradex_portfolio"):
    """Portfolio margin of linear perpetuals and options, in the quote currency."""

    rules: Rules

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        balances = m.holding("balance", source="balance", axis="asset")
        scan = -m.min(positions.sum("gain", by="underlying", rows="scenario").worst(), 0)

        # A hedge counts half: what long and short deltas have in common pays the hedged rate.
        net = abs(positions.sum("delta", by="underlying"))
        gross = abs(positions.sum("delta", by="each")).total("underlying")
        least = net * m.given("unhedged", key="underlying") + (gross - net) * m.given("half_hedged", key="underlying")
        factor = m.given("net_factor", rows="level")
        whole = m.max(scan, least).total() * factor
        m.charges(whole, {"scan": scan.total() * factor, "minimum delta": whole - scan.total() * factor})
        funding = positions.sum("funding", by="each").positive().total()
        fees = abs(positions.sum("fee", by="each")).total()
        m.charge("funding provision", funding)
        m.charge("fee provision", fees)
        m.equity("positions", positions.sum("value") - costs.sum("cost_price"))
        m.equity("balances", balances.sum("unit_value"))
        m.output("scan", scan.total())
        m.output("min_delta_risk", least.total())
        m.output("net_delta", positions.sum("delta"))
        m.output("gross_delta", gross.total())
        m.output("hedged_delta", (gross - net).total() * m.given("half"))
        return m.build()

    def takes(self, row: Instrument) -> bool:
        kinds = {Kind.PERPETUAL, Kind.OPTION}
        return row.kind in kinds and row.payoff is Payoff.LINEAR and row.underlying in self.rules.assets

    def listing(self, instruments: Instruments) -> Listing:
        return Listing.of(instruments, self.takes, lambda _: True)

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        listing = self.listing(instruments)
        keys = listing.keys(("position", "cost"))
        keys.add("instrument", "underlying", listing.instruments.column("underlying"))
        tails = next(iter(self.rules.assets.values())).tails
        keys.rows["scenario"] = (
            *(f"{step:+d} steps vol {shock}" for step, shock in standard()),
            *(f"tail {100 * move:+.4g}%" for move, _ in tails),
        )
        return keys.shape()

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Gains in every scenario, deltas, provisions, values."""
        taken = self.listing(instruments).instruments
        mark, price = marks(taken, market), asset_prices(taken, market)
        settled = price[taken.settlement]
        rules = [self.rules.assets[name] for name in self.axes(instruments)["labels"]["underlying"]]
        index = np.array([market.value("index", name) for name in self.axes(instruments)["labels"]["underlying"]])
        own_index = np.array([market.value("index", row.underlying) for row in taken])
        perpetual = np.array([row.kind is Kind.PERPETUAL for row in taken], dtype=bool)
        rate = np.array([market.get("funding", row.id, 0.0) for row in taken]) * self.rules.funding_hours
        notional = taken.multiplier * np.where(perpetual, mark * settled, own_index)
        return {
            "gain": self.gains(taken, market, mark) * settled[:, None],
            "delta": deltas(taken, market),
            "unhedged": np.array([r.unhedged for r in rules]) * index,
            "half_hedged": np.array([r.hedged for r in rules]) * index / 2,
            "half": 0.5,
            "net_factor": [1.0, self.rules.mm_factor],
            "funding": notional * rate * perpetual,
            "fee": notional * self.rules.fee_rate,
            "value": lot_values(taken, mark) * settled,
            "cost_price": settled * taken.atom[taken.settlement],
            "unit_value": price * taken.atom,
        }

    def gains(self, taken: Instruments, market: Market, mark: Floats) -> Floats:
        """Gain of one lot in every scenario, settlement asset."""
        rules = [self.rules.assets[row.underlying] for row in taken]
        moves, weights, shocks = scenarios(rules, len(next(iter(self.rules.assets.values())).tails))
        out = (taken.multiplier * mark)[:, None] * moves * weights
        o = replace(Options.of(taken, market), discount=np.ones(len(taken.select(Kind.OPTION))))
        if len(o):
            changed = np.array([
                volatility_shock(rules[r], v, t * 365.0, shocks)
                for r, v, t in zip(o.row.tolist(), o.volatility.tolist(), o.years.tolist(), strict=True)
            ])  # fmt: skip
            moved = o.values(o.forward[:, None] * (1.0 + moves[o.row]), changed)
            base = o.values(o.forward[:, None], o.volatility[:, None])
            out[o.row] = taken.multiplier[o.row][:, None] * (moved - base) * weights[o.row]
        return out


def standard() -> list[tuple[int, str]]:
    """Steps and shocks of the 16 rows before the tails; the widest moves come with volatility up alone."""
    shocks = {step: ("up",) if abs(step) == 4 else ("down", "up") for step in STEPS}
    return [(step, shock) for step in STEPS for shock in shocks[step]]


def scenarios(rules: list[AssetRules], n_tails: int) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Moves and weights of each row of rules, (n, 24), and the shock of each scenario."""
    rows = standard()
    moves = np.array([[*(r.step * step for step, _ in rows), *(move for move, _ in r.tails)] for r in rules])
    weights = np.array([[*(1.0 for _ in rows), *(weight for _, weight in r.tails)] for r in rules])
    shape = (len(rules), len(rows) + n_tails)
    return moves.reshape(shape), weights.reshape(shape), (*(shock for _, shock in rows), *(["up"] * n_tails))


def volatility_shock(p: AssetRules, volatility: float, days: float, shocks: tuple[str, ...]) -> Floats:
    """``vol (1 + v t)``, ``t = (30 / max(1, days))^p``; up at least by ``minimum_up``, down not below 0."""
    term = float(VolatilityRule(short_power=p.short_power, long_power=p.long_power).term(np.array([days]))[0])
    size = {"up": max(p.volatility_up * term, p.minimum_up), "down": -p.volatility_down * term}
    return np.maximum(volatility * (1.0 + np.array([size[shock] for shock in shocks])), 0.0)


def deltas(taken: Instruments, market: Market) -> Floats:
    """Delta of one lot in contracts of the underlying."""
    out = taken.multiplier.copy()
    o = replace(Options.of(taken, market), discount=np.ones(len(taken.select(Kind.OPTION))))
    if len(o):
        out[o.row] *= model_deltas(o)
    return out


def portfolio_margin() -> PortfolioMargin:
    return PortfolioMargin(name="Paradex portfolio margin", date=DATE, source=SOURCE, rules=RULES)
