"""Why an account was liquidated: the price that broke its threshold, what lost most, and what would have avoided it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from crossmargin.liquidation.close_out_steps import CloseOut
from crossmargin.margin import Prepared, Requirement
from crossmargin.margin.frontier import BOTTOM
from crossmargin.market import Market
from crossmargin.portfolio import Portfolio
from crossmargin.scenario.revalue import asset_prices, lot_values, mark_of, moved_market


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """Between the last mark and this one: ``at`` in [0, 1] is how far along the way the surplus reached 0.

    ``prices`` are the indices there, ``None`` where the account was below before (by a withdrawal, interest, funding or
    new parameters, not by a price). ``lost`` is what each position and balance gained over the way, account currency,
    the worst first; ``moves`` the relative move of each index.
    """

    at: float | None
    prices: Mapping[str, float] | None
    moves: Mapping[str, float]
    lost: Mapping[str, float]

    @property
    def worst(self) -> str | None:
        """What lost most; ``None`` where nothing lost."""
        name = next(iter(self.lost), None)
        return name if name is not None and self.lost[name] < 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrative:
    """The liquidation of one account, as its owner may read it; money in ``currency``."""

    account: str
    currency: str
    breach: Breach
    before: Requirement
    closed: CloseOut | None
    deposit: float  # that would have kept the account from it, at its weight as collateral 1
    held_back: Mapping[str, tuple[str, ...]]  # oracle faults for which nobody was closed

    def lines(self) -> tuple[str, ...]:
        """Sentences in order."""
        return tuple(line for part in (self.why(), self.steps(), self.avoided()) for line in part)

    def why(self) -> list[str]:
        surplus, health = self.before.surplus_maintenance, self.before.health_factor
        found = [f"{self.account}: surplus maintenance {surplus:,.2f} {self.currency}, health factor {health:.4f}"]
        if self.breach.prices is not None:
            prices = ", ".join(f"{name} {price:,.2f} ({self.breach.moves[name]:+.2%} in all)"
                               for name, price in self.breach.prices.items() if self.breach.moves[name])  # fmt: skip
            found.append(f"the threshold broke at {prices}")
        else:
            found.append("the account was below its threshold before this mark: no price of it broke it")
        if self.breach.worst is not None:
            found.append(f"{self.breach.worst} lost most: {self.breach.lost[self.breach.worst]:,.2f} {self.currency}")
        return found

    def steps(self) -> list[str]:
        if self.held_back:
            faults = "; ".join(f"{name}: {', '.join(what)}" for name, what in self.held_back.items())
            return [f"not closed: its prices cannot be trusted now ({faults}); what reduces risk stays open"]
        return [] if self.closed is None else [f"step {n}: {line}" for n, line in enumerate(self.closed.explain(), 1)]

    def avoided(self) -> list[str]:
        return [f"a deposit of {self.deposit:,.2f} {self.currency} before it would have avoided it"]


def breach(old: Prepared, new: Prepared, portfolio: Portfolio) -> Breach:
    """Where between two markets the account broke its threshold, and who lost what on the way."""
    moves = index_moves(old.market, new.market, portfolio)
    at = crossing(path_of(old, new, portfolio, moves), moves)
    prices = None if at is None else {
        name: old.market.value("index", name) * (1.0 + at * move) for name, move in moves.items()
    }  # fmt: skip
    gains = gains_of(old, new, portfolio)
    return Breach(at=at, prices=prices, moves=moves, lost=dict(sorted(gains.items(), key=lambda pair: pair[1])))


def index_moves(old: Market, new: Market, portfolio: Portfolio) -> dict[str, float]:
    """Relative move of every underlying held that has an index."""
    held = {portfolio.instruments.instrument(name).underlying for name in portfolio.positions}
    held |= {portfolio.instruments.asset(name).underlying or name for name in portfolio.balances}
    known = (name for name in sorted(held) if old.has("index", name) and old.value("index", name) > 0)
    return {name: new.value("index", name) / old.value("index", name) - 1.0 for name in known}


def path_of(
    old: Prepared, new: Prepared, portfolio: Portfolio, moves: Mapping[str, float]
) -> Callable[[float], float]:
    """``surplus_maintenance`` at a part of the way; its end is the market itself, whatever else moved."""

    def value(part: float) -> float:
        if part >= 1.0:
            return new.requirement(portfolio).surplus_maintenance
        scaled = {name: max(part * move, BOTTOM) for name, move in moves.items()}
        market = moved_market(portfolio.instruments, old.market, scaled)
        return old.remark(market).requirement(portfolio).surplus_maintenance

    return value


def crossing(function: Callable[[float], float], moves: Mapping[str, float]) -> float | None:
    """The first part of the way with a surplus of 0; ``None`` if it was below at the start or moved no index."""
    from scipy.optimize import brentq

    if not any(moves.values()) or function(0.0) < 0:
        return None
    if function(1.0 - 1e-9) >= 0:
        return 1.0  # the indices alone do not explain it: marks, volatilities or the last stretch did
    return float(brentq(function, 0.0, 1.0 - 1e-9, xtol=1e-9))


def gains_of(old: Prepared, new: Prepared, portfolio: Portfolio) -> dict[str, float]:
    """What each position and each balance gained between two markets, account currency."""
    instruments = portfolio.instruments
    price = asset_prices(instruments, new.market)
    unit = price[instruments.asset_index[portfolio.account.currency]]
    marks = (np.array([mark_of(r.id, r.kind, r.underlying, p.market) for r in instruments]) for p in (old, new))
    before, after = (lot_values(instruments, mark) for mark in marks)
    change = (after - before) * price[instruments.settlement] / unit
    found = {name: held.lots * float(change[instruments.index[name]]) for name, held in portfolio.positions.items()}
    coins = (price - asset_prices(instruments, old.market)) * instruments.atom / unit
    found |= {name: atoms * float(coins[instruments.asset_index[name]]) for name, atoms in portfolio.balances.items()}
    return {name: gain for name, gain in found.items() if gain}
