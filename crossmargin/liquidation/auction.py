"""Dutch auctions on a share of a whole account: every position and the cash together, at a falling price.

An auction starts when ``surplus_maintenance < 0``. While the account is worth something a bidder buys a share of it
for less than its value (solvent phase); once it is not, the insurance fund pays who takes a share (insolvent phase).
The bidder of share p receives p of every position and of the cash but for the *reserved cash* R: what earlier bidders
paid in, which is not for sale.

Money is account currency; ``value`` (MtM) and surplus (MM, and BM below) are signed; prices and payments are >= 0,
their names tell who pays; a share is in [0, 1], of the account as it stands, not as it once was; times and durations
are integer nanoseconds. Nothing here moves money: a ``Bid`` says what is to be traded and transferred.

Edges, in the order in which a bid meets them; NaN, infinities, a time before the start and a want outside (0, 1] are
refused with ``InvalidInputError``:

===========================  ==========================================================================================
no need: BM >= 0 or MM >= 0  nothing is sold and the auction ends; ``Auction.may_end`` says which of the two counts
value < 0 or R >= value      nothing is sold in the solvent phase, it must be restarted (``Bid.reopens``)
value < ``sell_all_below``   the whole account is for sale: where a first bid brings it there, splitting a bid buys more
beyond the slow phase        the price is 0: a share costs nothing, and with R = 0 all of it is for sale
insolvent with value > 0     the payment starts at 0
beyond insolvent_duration    the payment stays at the whole shortfall
fund too small               it pays what it has; the rest is ``unpaid``, so socialised
===========================  ==========================================================================================

Source: Derive v2-core at commit 7736900, src/liquidation/DutchAuction.sol and its tests.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from numpy.typing import ArrayLike

from crossmargin import _checks as check
from crossmargin.margin import Requirement
from crossmargin.margin.method import Parameters

MINUTE = 60 * 10**9


class Phase(StrEnum):
    """Who pays: the bidder, or the fund."""

    SOLVENT = "solvent"
    INSOLVENT = "insolvent"


class AuctionTerms(Parameters, frozen=True, kw_only=True):
    """Figures of an auction, as data with a date and a source.

    ``start`` and ``cutoff``: the shares of value asked at the start and at the end of the fast phase, in
    ``0 <= cutoff <= start <= 1``, ``start > 0``; ``*_duration``: nanoseconds, > 0; ``fee_rate``: of the value of the
    share that would be sold at the start, in [0, 1], paid by the account to the fund; ``buffer``: of the maintenance
    requirement, >= 0, how far above zero the account is brought; ``sell_all_below``: an account worth less, account
    currency >= 0, is sold whole.
    """

    name: str
    date: str = ""
    source: str = ""
    start: float
    cutoff: float
    fast_duration: int
    slow_duration: int
    insolvent_duration: int
    fee_rate: float
    buffer: float
    sell_all_below: float = 0.0

    def __post_init__(self) -> None:
        check.number("start", self.start, low=0.0, high=1.0, strict=True)
        check.number("cutoff", self.cutoff, low=0.0, high=self.start)
        for name in ("fast_duration", "slow_duration", "insolvent_duration"):
            check.integer(name, getattr(self, name), low=1)
        check.fraction("fee_rate", self.fee_rate)
        for name in ("buffer", "sell_all_below"):
            check.number(name, getattr(self, name), low=0.0)


MAINNET = AuctionTerms(  # the deployment script, not what the chain holds; it sets no value below which all is sold
    name="Derive main net", date="commit 7736900", source="derivexyz/v2-core, scripts/config-mainnet.sol",
    start=0.95, cutoff=0.70, fast_duration=15 * MINUTE, slow_duration=720 * MINUTE, insolvent_duration=60 * MINUTE,
    fee_rate=0.10, buffer=0.15,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a margin method says of the account now, account currency, finite and signed.

    ``value``: mark to market of all that is held, cash included; ``cash``: the part of it that is cash, R included,
    negative if owed.
    """

    value: float
    surplus_maintenance: float
    cash: float

    def __post_init__(self) -> None:
        for name in ("value", "surplus_maintenance", "cash"):
            check.number(name, getattr(self, name))

    @classmethod
    def of(cls, requirement: Requirement, cash: float) -> "Figures":
        """Read them of a method whose maintenance equity is the mark to market, without haircuts."""
        return cls(value=requirement.equity_maintenance, surplus_maintenance=requirement.surplus_maintenance, cash=cash)


def discount(terms: AuctionTerms, elapsed: int) -> float:
    """Share d of the value that is asked: start to cutoff over the fast phase, to 0 over the slow one, then 0.

    ``elapsed``: nanoseconds since the start, >= 0. It never rises.
    """
    check.integer("elapsed", elapsed, low=0)
    if elapsed < terms.fast_duration:
        fallen = (terms.start - terms.cutoff) * (elapsed / terms.fast_duration)
        return max(terms.start - fallen, terms.cutoff)  # rounding may not undercut what follows
    return terms.cutoff * max(1.0 - (elapsed - terms.fast_duration) / terms.slow_duration, 0.0)


def buffer_margin(terms: AuctionTerms, figures: Figures) -> float:
    """``BM = MM + (MM - value) buffer``: the surplus less a share of the requirement, brought to 0 by a sale."""
    return figures.surplus_maintenance + (figures.surplus_maintenance - figures.value) * terms.buffer


def largest_share(terms: AuctionTerms, figures: Figures, asked: float, reserved: float = 0.0) -> float:
    """Share whose sale at ``asked`` (the discount d) brings BM to 0.

    Cash counts one for one in value and MM, so in BM too. Selling share f leaves a BM of ``R + (BM - R)(1 - f)`` and
    brings ``(value - R) d f``; their sum is 0 at ``f = BM / (BM - value d - R (1 - d))``. Exact where requirement and
    value of the positions are proportional to the quantities. 0 if ``BM >= 0``; 1 if ``value < sell_all_below``, or
    if no sale helps (``value d + R (1 - d) <= 0``).
    """
    check.fraction("asked", asked)
    lacking = buffer_margin(terms, figures)
    brought = figures.value * asked + reserved * (1.0 - asked)
    if lacking >= 0:
        return 0.0
    if figures.value < terms.sell_all_below or brought <= 0:
        return 1.0
    return lacking / (lacking - brought)


def start_fee(terms: AuctionTerms, figures: Figures) -> float:
    """Fee the account pays the fund at the start: ``f value fee_rate`` with f at d = 1, R = 0; 0 if value <= 0."""
    return largest_share(terms, figures, 1.0) * max(figures.value, 0.0) * terms.fee_rate


def bid_price(figures: Figures, share: float, asked: float, reserved: float = 0.0) -> float:
    """``(value - R) d p``: what the bidder of share p pays into the account at ``asked``, the discount d."""
    return (figures.value - reserved) * check.fraction("asked", asked) * check.fraction("share", share)


def insolvent_payment(terms: AuctionTerms, figures: Figures, share: float, elapsed: int) -> float:
    """What the fund owes who takes share p: ``p (L + (-MM - L) min(elapsed / insolvent_duration, 1))``; 0 if MM >= 0.

    ``L = -min(value, 0)``, the loss that is taken over; ``elapsed`` counts from the start of the insolvent phase.
    """
    check.integer("elapsed", elapsed, low=0)
    check.fraction("share", share)
    if figures.surplus_maintenance >= 0:
        return 0.0
    loss = max(-figures.value, 0.0)
    passed = min(elapsed / terms.insolvent_duration, 1.0)
    return share * (loss + (-figures.surplus_maintenance - loss) * passed)


def bidder_requirement(terms: AuctionTerms, figures: Figures, share: float, price: float, reserved: float) -> float:
    """Cash that a bidder must hold, and nothing else, before it pays: ``price + |BM - R| p``.

    After the price the rest carries the share's own lack of margin. In the insolvent phase price and R are 0.
    """
    return price + abs(buffer_margin(terms, figures) - reserved) * check.fraction("share", share)


def withdrawals_blocked(shortfalls: ArrayLike, fund: float) -> bool:
    """Whether the shortfalls ``-MM`` >= 0 of insolvent accounts, as last recorded, exceed the fund: if equal, no."""
    values = check.floats("shortfalls", shortfalls)
    check.require_all("shortfalls", "be >= 0", values, values >= 0)
    return sum(values.tolist()) > check.number("fund", fund, low=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bid:
    """What one bid does. Money is account currency, >= 0 but for cash; ``auction`` is the state after it.

    ``share`` of every position goes to the bidder, with ``transferred_cash`` (negative: debt). ``price`` goes from the
    bidder to the account, ``payment`` to the bidder: ``fund_pays`` from the fund, the rest is ``unpaid`` and so
    socialised. ``cash`` is the account's afterwards, ``reserved`` the part of it that is not for sale. ``ends``: the
    auction is over. ``reopens``: nothing was sold, it must be restarted as insolvent.
    """

    share: float
    price: float
    payment: float
    transferred_cash: float
    reserved: float
    cash: float
    fund_pays: float
    unpaid: float
    ends: bool
    reopens: bool
    auction: "Auction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Auction:
    """A running auction: its terms, the start of its phase (nanoseconds UTC), and R; ``fee`` was paid at the start."""

    terms: AuctionTerms
    started_at: int
    phase: Phase
    reserved: float = 0.0
    fee: float = 0.0

    def __post_init__(self) -> None:
        check.integer("started_at", self.started_at)
        check.one_of("phase", self.phase, tuple(Phase))
        for name in ("reserved", "fee"):
            check.number(name, getattr(self, name), low=0.0)
        if self.reserved and self.phase == Phase.INSOLVENT:
            raise check.refuse("reserved", "be 0 in the insolvent phase", self.reserved)

    @classmethod
    def start(cls, terms: AuctionTerms, figures: Figures, time: int) -> "Auction":
        """Open an auction of an account below maintenance; insolvent at once if it is worth nothing.

        Its ``fee`` is to be taken from the account's cash before the first bid; later figures are after it.
        """
        if figures.surplus_maintenance >= 0:
            raise check.refuse("surplus_maintenance", "be < 0 to start an auction", figures.surplus_maintenance)
        phase = Phase.SOLVENT if figures.value > 0 else Phase.INSOLVENT
        return cls(terms=terms, started_at=time, phase=phase, fee=start_fee(terms, figures))

    def elapsed(self, time: int) -> int:
        """Nanoseconds since the phase began."""
        return check.integer("time", time, low=self.started_at) - self.started_at

    def may_end(self, figures: Figures, time: int) -> bool:
        """Whether anyone may close it: BM >= 0 while a solvent auction runs, MM >= 0 after it or if insolvent."""
        full = self.terms.fast_duration + self.terms.slow_duration
        if self.elapsed(time) < full and self.phase == Phase.SOLVENT:
            return buffer_margin(self.terms, figures) >= 0
        return figures.surplus_maintenance >= 0

    def must_reopen(self, figures: Figures) -> bool:
        """Whether a solvent auction has nothing left to sell: value < 0 or R >= value."""
        return self.phase == Phase.SOLVENT and (figures.value < 0 or self.reserved >= figures.value)

    def quote(self, figures: Figures, time: int) -> float:
        """Price of the whole account now: what a bidder pays for it, or, negative, what the fund pays the bidder."""
        passed = self.elapsed(time)
        if self.phase == Phase.INSOLVENT:
            return -insolvent_payment(self.terms, figures, 1.0, passed)
        return bid_price(figures, 1.0, discount(self.terms, passed), self.reserved)

    def largest(self, figures: Figures, time: int) -> float:
        """Largest share that a bid may take now: ``largest_share`` while solvent, the whole of it afterwards."""
        passed = self.elapsed(time)
        if self.phase == Phase.INSOLVENT:
            return 0.0 if figures.surplus_maintenance >= 0 else 1.0
        return largest_share(self.terms, figures, discount(self.terms, passed), self.reserved)

    def bid(self, figures: Figures, want: float, time: int, fund: float = 0.0) -> Bid:
        """Sell ``min(want, largest)`` of the account as it stands, want in (0, 1].

        ``fund``: balance of the insurance fund, >= 0, read in the insolvent phase alone; of 0 all is unpaid.
        """
        wanted = check.number("want", want, low=0.0, high=1.0, strict=True)
        balance = check.number("fund", fund, low=0.0)
        if self.may_end(figures, time):
            return self.sale(figures, 0.0, 0.0, balance, ends=True)
        if self.must_reopen(figures):
            return self.sale(figures, 0.0, 0.0, balance, reopens=True)
        most = self.largest(figures, time)
        return self.sale(figures, min(wanted, most), self.quote(figures, time), balance, ends=wanted >= most)

    def sale(
        self, figures: Figures, share: float, whole: float, fund: float, *, ends: bool = False, reopens: bool = False
    ) -> Bid:
        """Book a share at the price ``whole`` of all of it, as ``quote`` has it."""
        price, payment = max(whole, 0.0) * share, max(-whole, 0.0) * share
        transferred = (figures.cash - self.reserved) * share
        paid = min(payment, fund)
        reserved = self.reserved + price
        return Bid(
            share=share, price=price, payment=payment, transferred_cash=transferred, reserved=reserved,
            cash=figures.cash - transferred + price, fund_pays=paid, unpaid=payment - paid, ends=ends,
            reopens=reopens, auction=replace(self, reserved=reserved),
        )  # fmt: skip

    def restart(self, figures: Figures, time: int) -> "Auction":
        """Reopen as insolvent an auction that has nothing left to sell; R is for sale again, no second fee is due."""
        if not self.must_reopen(figures):
            state = f"{self.phase} with {figures.value} of value and {self.reserved} reserved"
            raise check.refuse("auction", "be solvent with value < 0 or reserved >= value to restart", state)
        self.elapsed(time)
        return replace(self, started_at=time, phase=Phase.INSOLVENT, reserved=0.0)
