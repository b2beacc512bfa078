"""What an auction brings on a price path: who bids when, and what account, fund and everybody else lose.

The account is any that scales: positions of a worth and a maintenance requirement, both proportional to what is held,
and cash. A margin method gives worth and requirement of the positions as first held, moment by moment; this module
sells shares of them by the rules of ``auction`` to bidders who wait for their price.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import nan

import numpy as np
from numpy.typing import ArrayLike

from crossmargin import _checks as check
from crossmargin._checks import Floats, Integers
from crossmargin.liquidation.auction import Auction, AuctionTerms, Bid, Figures, Phase, bidder_requirement
from crossmargin.margin import Prepared
from crossmargin.market import Market
from crossmargin.portfolio import Portfolio


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """Positions as first held, moment by moment; columns of shape (n_moments,), account currency.

    ``times``: nanoseconds, ascending; ``worth``: mark to market without cash; ``requirement``: maintenance, >= 0;
    ``cost``: what a bidder expects to pay to close or hedge all of it, >= 0.
    """

    times: Integers
    worth: Floats
    requirement: Floats
    cost: Floats

    @classmethod
    def of(cls, times: ArrayLike, worth: ArrayLike, requirement: ArrayLike, cost: ArrayLike) -> "Path":
        moments = check.integers("times", times)
        check.ascending("times", moments.astype(float))
        columns = {"worth": worth, "requirement": requirement, "cost": cost}
        found = {name: check.floats(name, values, size=len(moments)) for name, values in columns.items()}
        for name in ("requirement", "cost"):
            check.require_all(name, "be >= 0", found[name], found[name] >= 0)
        return cls(times=moments, **found)

    @classmethod
    def along(cls, prepared: Prepared, portfolio: Portfolio, markets: Iterable[Market], cost: ArrayLike) -> "Path":
        """Read worth and requirement of positions, without balances, off a method's plan at each market."""
        rows = []
        for market in markets:
            prepared = prepared.remark(market)
            found = prepared.requirements(portfolio.book)
            rows.append((market.as_of, found.equity_maintenance[portfolio.unit], found.maintenance[portfolio.unit]))
        times, worth, requirement = zip(*rows, strict=True)
        return cls.of(times, worth, requirement, cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bidder:
    """Takes a share once its expected gain is ``edge`` times the cash that it must hold for it (``capital`` in all).

    Expected gain of the whole account: its value without reserved cash, less the price, less the path's cost.
    """

    edge: float
    capital: float

    def __post_init__(self) -> None:
        check.number("edge", self.edge, low=0.0)
        check.number("capital", self.capital, low=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an account; money in account currency, times in nanoseconds.

    ``value`` and ``requirement`` are those of the first start; ``taken`` is the value of the shares that bidders paid
    ``proceeds`` for; ``sold`` the share of the account as first held that is gone. ``solvent_after``: from the first
    start to the end of that auction, ``None`` if it did not end. ``fund_paid`` and ``unpaid``: the deficit, and
    what of it is socialised. ``insolvent``: the fund was asked for; ``open``: an auction runs at the end of the path.
    """

    auctions: int = 0
    value: float = 0.0
    requirement: float = 0.0
    taken: float = 0.0
    proceeds: float = 0.0
    sold: float = 0.0
    fee: float = 0.0
    fund_paid: float = 0.0
    unpaid: float = 0.0
    started_at: int | None = None
    solvent_after: int | None = None
    insolvent: bool = False
    open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Means over the outcomes in which an auction began, ``n`` of them.

    ``brought``: proceeds over the value taken, of those that sold while solvent, with its standard ``error`` (nan
    where there is none). ``half`` and ``most``: nanoseconds to the end of the first auction, median and 90 %, of the
    share that ``ended``. ``lost``, ``deficit``, ``unpaid``: what the owner gave up in discount and fees, what fund and
    everybody paid, and everybody's part, as shares of the first requirement.
    """

    n: int
    brought: float
    error: float
    half: float
    most: float
    ended: float
    sold: float
    auctions: float
    insolvent: float
    open: float
    lost: float
    deficit: float
    unpaid: float

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> "Summary":
        found = [outcome for outcome in outcomes if outcome.auctions]
        if not found:
            raise check.refuse("outcomes", "hold at least one auction", "none")
        check.require_each("requirement", "be > 0", np.array([o.requirement for o in found]), lambda rows: rows > 0)
        brought = [o.proceeds / o.taken for o in found if o.taken > 0]
        ended = [o.solvent_after for o in found if o.solvent_after is not None]
        plain = ("sold", "auctions", "insolvent", "open")
        shares = {name: [getattr(o, name) for o in found] for name in plain} | {
            "lost": [(o.taken - o.proceeds + o.fee) / o.requirement for o in found],
            "deficit": [(o.fund_paid + o.unpaid) / o.requirement for o in found],
            "unpaid": [o.unpaid / o.requirement for o in found],
        }
        return cls(
            n=len(found), brought=float(np.mean(brought)) if brought else nan, ended=len(ended) / len(found),
            error=float(np.std(brought, ddof=1)) / len(brought) ** 0.5 if len(brought) > 1 else nan,
            half=float(np.median(ended)) if ended else nan, most=float(np.quantile(ended, 0.9)) if ended else nan,
            **{name: float(np.mean(values)) for name, values in shares.items()},
        )  # fmt: skip


def simulate(terms: AuctionTerms, path: Path, cash: float, bidders: Sequence[Bidder], *, fund: float = 0.0) -> Outcome:
    """Walk the path: an auction starts whenever the account is below maintenance and none runs.

    Bidders are asked at every moment, the least demanding first; ``fund`` is the insurance fund's balance, to which
    fees are added.
    """
    check.number("cash", cash)
    queue = sorted(bidders, key=lambda bidder: bidder.edge)
    state = Walk(terms, path, cash, check.number("fund", fund, low=0.0), [b.capital for b in queue])
    for moment in range(len(path.times)):
        state.supervise(moment)
        for number, bidder in enumerate(queue):
            if not state.offer(moment, number, bidder.edge):
                break  # who demands more will not either
    return replace(state.outcome, open=state.auction is not None)


@dataclass(slots=True)
class Walk:
    """The account on its way: what is kept of the positions, its cash, the fund, and what bidders have left."""

    terms: AuctionTerms
    path: Path
    cash: float
    fund: float
    left: list[float]
    kept: float = 1.0
    auction: Auction | None = None
    outcome: Outcome = field(default_factory=Outcome)

    def figures(self, moment: int) -> Figures:
        value = float(self.path.worth[moment]) * self.kept + self.cash
        surplus = value - float(self.path.requirement[moment]) * self.kept
        return Figures(value=value, surplus_maintenance=surplus, cash=self.cash)

    def supervise(self, moment: int) -> None:
        """Start, end or reopen."""
        figures, time = self.figures(moment), int(self.path.times[moment])
        if self.auction is None:
            if figures.surplus_maintenance < 0:
                self.start(figures, time)
        elif self.auction.may_end(figures, time):
            self.end(time)
        elif self.auction.must_reopen(figures):
            self.auction = self.auction.restart(figures, time)
        if self.auction is not None and self.auction.phase == Phase.INSOLVENT:
            self.outcome = replace(self.outcome, insolvent=True)

    def start(self, figures: Figures, time: int) -> None:
        self.auction, seen = Auction.start(self.terms, figures, time), self.outcome
        fee, requirement = self.auction.fee, figures.value - figures.surplus_maintenance
        if seen.started_at is None:
            seen = replace(seen, started_at=time, value=figures.value, requirement=requirement)
        self.cash, self.fund = self.cash - fee, self.fund + fee
        self.outcome = replace(seen, auctions=seen.auctions + 1, fee=seen.fee + fee)

    def end(self, time: int) -> None:
        self.auction = None
        if self.outcome.solvent_after is None and self.outcome.started_at is not None:
            self.outcome = replace(self.outcome, solvent_after=time - self.outcome.started_at)

    def offer(self, moment: int, number: int, edge: float) -> bool:
        """One bidder looks at the account as it stands, and bids if it gains enough; False if not."""
        figures, time = self.figures(moment), int(self.path.times[moment])
        if self.auction is None or self.auction.must_reopen(figures):
            return False
        if self.left[number] <= 0:
            return True
        quote, reserved = self.auction.quote(figures, time), self.auction.reserved
        tied = bidder_requirement(self.terms, figures, 1.0, max(quote, 0.0), reserved)
        gain = figures.value - reserved - quote - float(self.path.cost[moment]) * self.kept
        if tied <= 0 or gain < edge * tied:
            return False
        bid = self.auction.bid(figures, min(self.left[number] / tied, 1.0), time, self.fund)
        self.left[number] -= tied * bid.share
        self.book(bid, figures.value - reserved, time)
        return True

    def book(self, bid: Bid, worth: float, time: int) -> None:
        """Apply a bid on an account of which ``worth`` was for sale."""
        self.kept *= 1.0 - bid.share
        self.cash, self.fund, self.auction, seen = bid.cash, self.fund - bid.fund_pays, bid.auction, self.outcome
        taken = worth * bid.share if bid.auction.phase == Phase.SOLVENT else 0.0
        self.outcome = replace(
            seen, taken=seen.taken + taken, proceeds=seen.proceeds + bid.price, sold=1.0 - self.kept,
            fund_paid=seen.fund_paid + bid.fund_pays, unpaid=seen.unpaid + bid.unpaid,
        )  # fmt: skip
        if bid.ends:
            self.end(time)
