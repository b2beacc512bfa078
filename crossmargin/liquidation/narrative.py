"""Why an account was liquidated: the price that broke its threshold, what lost most, and what would have avoided it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, inf

import numpy as np

from crossmargin.account.health import currency_atom
from crossmargin.instruments import Asset
from crossmargin.liquidation.close_out_steps import CloseOut
from crossmargin.liquidation.worth import Worth
from crossmargin.margin import Prepared, Requirement
from crossmargin.margin.frontier import BOTTOM
from crossmargin.market import Market
from crossmargin.portfolio import Portfolio
from crossmargin.scenario.revalue import moved_market


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """Between the last mark and this one: ``at`` in [0, 1] is how far along the way the surplus reached 0.

    ``prices`` are the indices there, ``None`` where the account was below before (by a withdrawal, interest, funding or
    new parameters, not by a price). ``lost`` is what each position and balance gained over the way, account currency,
    the worst first; ``moves`` the relative move of each index.
    """

    at: float | None = None
    prices: Mapping[str, float] | None = None
    moves: Mapping[str, float] = field(default_factory=dict)
    lost: Mapping[str, float] = field(default_factory=dict)

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
    deposit: float  # of the account's currency that would have kept it from it; inf: none of it would
    decimals: int  # of the figures that are printed
    held_back: Mapping[str, tuple[str, ...]]  # oracle faults for which nobody was closed

    def lines(self) -> tuple[str, ...]:
        """Sentences in order."""
        if self.held_back:
            return (self.stands(), *self.steps())
        return (self.stands(), *self.why(), *self.steps(), *self.avoided())

    def stands(self) -> str:
        surplus, health = self.before.surplus_maintenance, self.before.health_factor
        return f"{self.account}: surplus maintenance {self.money(surplus)}, health factor {health:.4f}"

    def money(self, amount: float) -> str:
        return f"{amount:,.{self.decimals}f} {self.currency}"

    def why(self) -> list[str]:
        found = []
        if self.breach.prices is not None:
            prices = ", ".join(f"{name} {price:,.2f} ({self.breach.moves[name]:+.2%} in all)"
                               for name, price in self.breach.prices.items() if self.breach.moves[name])  # fmt: skip
            found.append(f"the threshold broke at {prices}")
        else:
            found.append("the account was below its threshold before this mark: no price of it broke it")
        if self.breach.worst is not None:
            found.append(f"{self.breach.worst} lost most: {self.money(self.breach.lost[self.breach.worst])}")
        return found

    def steps(self) -> list[str]:
        if self.held_back:
            faults = "; ".join(f"{name}: {', '.join(what)}" for name, what in self.held_back.items())
            return [f"not closed: its prices cannot be trusted now ({faults}); what reduces risk stays open"]
        return [] if self.closed is None else [f"step {n}: {line}" for n, line in enumerate(self.closed.explain(), 1)]

    def avoided(self) -> list[str]:
        if self.deposit == inf:
            return [f"no deposit of {self.currency} would have avoided it"]
        return [f"a deposit of {self.money(self.deposit)} before it would have avoided it"] if self.deposit else []


def narrative(
    old: Prepared, new: Prepared, portfolio: Portfolio, before: Requirement, closed: CloseOut | None, *,
    name: str, held_back: Mapping[str, tuple[str, ...]],
) -> Narrative:  # fmt: skip
    """The narrative of an account as it was before the close-out; nothing is supposed of one that is held back."""
    return Narrative(
        account=name, currency=before.currency, before=before, closed=closed, held_back=held_back,
        breach=Breach() if held_back else breach(old, new, portfolio),
        deposit=0.0 if held_back else deposit_needed(new, portfolio),
        decimals=places(portfolio.instruments.asset(before.currency)),
    )  # fmt: skip


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
    """What each position and each balance gained between two markets, account currency, valued in it at both."""
    (before, owned), (after, owns) = (worth_in_currency(p.market, portfolio) for p in (old, new))
    found = {name: after[name] - before[name] for name in before} | {name: owns[name] - owned[name] for name in owned}
    return {name: gain for name, gain in found.items() if gain}


def worth_in_currency(market: Market, portfolio: Portfolio) -> tuple[dict[str, float], dict[str, float]]:
    """Profit of each position and value of each balance at the marks, account currency."""
    worth, instruments = Worth(portfolio.alone().book, market), portfolio.instruments
    unit = worth.prices[instruments.asset_index[portfolio.account.currency]]
    profit = ((worth.notional - worth.cost) / unit).tolist()
    names = [instruments.rows[row].id for row in worth.book.positions["instrument"].tolist()]
    value = worth.atoms / unit
    held = {name: atoms * float(value[instruments.asset_index[name]]) for name, atoms in portfolio.balances.items()}
    return dict(zip(names, profit, strict=True)), held


def deposit_needed(prepared: Prepared, portfolio: Portfolio) -> float:
    """The least amount of the account's currency with which ``surplus_maintenance`` is not below 0, whole atoms.

    Found by the plan, so that a haircut on it counts; inf where 128 times what is missing would not do.
    """
    currency, atom = portfolio.account.currency, currency_atom(portfolio)
    held = portfolio.balances

    def surplus(atoms: int) -> float:
        richer = {**held, currency: held.get(currency, 0) + atoms}
        amounts = {name: Fraction(n, 10 ** portfolio.instruments.asset(name).decimals) for name, n in richer.items()}
        return prepared.requirement(portfolio.holding(balances=amounts)).surplus_maintenance

    low, high = 0, max(ceil(-surplus(0) / atom), 0)
    if not high:
        return 0.0
    for _ in range(8):
        if np.rint(surplus(high) / atom) >= 0:
            break
        low, high = high, 2 * high
    else:
        return inf
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if np.rint(surplus(middle) / atom) >= 0 else (middle, high)
    return high * atom


def places(asset: Asset) -> int:
    """Decimals to print: cents of money, all of a coin."""
    return min(asset.decimals, 2) if asset.underlying is None else asset.decimals
