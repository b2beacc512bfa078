"""Leverage brackets: maintenance rates by notional, the most leverage of each bracket, and prices at which they bind.

A notional N in bracket n, from ``edge_n`` up, pays ``N rate_n - deduction_n``, ``deduction_0 = 0``,
``deduction_n = deduction_{n-1} + edge_n (rate_n - rate_{n-1})``: the same as marginal rates, so that a plan charges
``tiers``. Binance calls the deduction the cumulative maintenance amount, Hyperliquid the maintenance deduction.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import structs

from crossmargin import _checks as check
from crossmargin.errors import ImprudentParametersError
from crossmargin.instruments import Instrument, Payoff
from crossmargin.margin.collateral import FAR
from crossmargin.margin.method import Method, Parameters
from crossmargin.margin.plan.expression import Expression
from crossmargin.margin.tiered import padded, rising
from crossmargin.market import Market
from crossmargin.portfolio import Portfolio
from crossmargin.portfolio.portfolio import Position


class Brackets(Parameters, frozen=True, kw_only=True):
    """``edges`` ascend from 0, in the unit of the notional; ``maintenance`` rates; ``leverage``, the most allowed."""

    edges: tuple[float, ...] = (0.0,)
    maintenance: tuple[float, ...]
    leverage: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.edges or self.edges[0] != 0:
            raise check.refuse("edges", "start at 0", self.edges, "of brackets")
        check.ascending("edges of brackets", check.floats("edges", self.edges))
        rates = check.floats("maintenance", self.maintenance, size=len(self.edges))
        check.require_all("maintenance rates", "lie in [0, 1) and not fall", rates, rising(rates) & (rates < 1))
        for most in check.floats("leverage", self.leverage, size=len(self.edges)):
            check.positive("leverage", float(most), "of brackets")
        for rate, most in zip(self.maintenance, self.leverage, strict=True):
            if rate * most > 1:
                raise ImprudentParametersError(
                    "initial >= maintenance", f"1 / leverage must be >= maintenance rate, was 1 / {most} below {rate}"
                )

    @property
    def deductions(self) -> tuple[float, ...]:
        """What ``N rate_n`` charges too much in each bracket."""
        steps = np.array(self.edges[1:]) * np.diff(self.maintenance)
        return tuple(np.cumsum([0.0, *steps]).tolist())

    def in_unit(self, price: float) -> "Brackets":
        """The same edges in an asset of this price."""
        return structs.replace(self, edges=tuple(edge / price for edge in self.edges))

    def crossing(self, rest: float, size: float, *, inverse: bool) -> float | None:
        """Price at which ``rest`` and a position of ``size`` are worth its maintenance margin, settlement asset.

        With z the price (inverse: 1 / price), s the size (inverse: its negative), the surplus is the least over the
        brackets of ``rest + d_n + (s - |s| r_n) z``, since rates rise: the bracket that holds at z asks most. Each
        rises with z where s > 0, so the surplus is 0 at the last of their roots, else at the first.
        """
        slope = -size if inverse else size
        found = [
            -(rest + off) / (slope - abs(size) * rate)
            for rate, off in zip(self.maintenance, self.deductions, strict=True)
        ]
        z = max(found) if slope > 0 else min(found)
        if z <= 0:
            return None
        return 1.0 / z if inverse else z


def half_of_initial(edges: Sequence[float], leverage: Sequence[float]) -> Brackets:
    """Brackets whose maintenance rate is half of the initial one at most leverage, ``1 / (2 leverage)``."""
    return Brackets(edges=tuple(edges), leverage=tuple(leverage), maintenance=tuple(0.5 / most for most in leverage))


def bracket_charge(notional: Expression, key: str = "instrument") -> Expression:
    """Maintenance margin of the notional of each key, by tables ``bracket_edges`` and ``bracket_rates``."""
    return notional.tiers("bracket_edges", "bracket_rates", key=key)


def bracket_rows(brackets: Sequence[Brackets]) -> dict[str, tuple[str, ...]]:
    """Row axis of the tables."""
    return {"bracket_edges tier": tuple(str(n) for n in range(width_of(brackets)))}


def bracket_tables(brackets: Sequence[Brackets]) -> dict[str, Any]:
    """Figures of ``bracket_charge``; shorter schedules end in brackets that nothing reaches."""
    width = width_of(brackets)
    return {
        "bracket_edges": [padded(b.edges, width, FAR) for b in brackets],
        "bracket_rates": [padded(b.maintenance, width, b.maintenance[-1]) for b in brackets],
    }


def width_of(brackets: Sequence[Brackets]) -> int:
    return max((len(b.edges) for b in brackets), default=1)


def position_price(
    portfolio: Portfolio, market: Market, method: Method, brackets: Brackets, instrument: Instrument
) -> float | None:
    """Mark of one instrument at which ``surplus_maintenance`` is 0, all else at its mark; None if there is none.

    Exact for methods whose requirement is a sum of brackets by instrument and whose equity moves with the mark by
    the position alone.
    """
    held = portfolio.positions.get(instrument.id, Position(0))
    if not held.lots:
        return None
    others = {name: p for name, p in portfolio.positions.items() if name != instrument.id}
    alone = method.requirement(portfolio.holding(positions=others, orders=()), market)
    asset = portfolio.instruments.asset(instrument.settlement)
    currency = portfolio.instruments.asset(portfolio.account.currency)
    rate = market.price(currency.id, currency.underlying) / market.price(asset.id, asset.underlying)
    rest = alone.surplus_maintenance * rate - held.open_cost / 10**asset.decimals
    inverse = instrument.payoff is Payoff.INVERSE
    size = held.lots * float(instrument.contract_size * instrument.lot)
    return brackets.crossing(rest, size, inverse=inverse)
