"""Who bears a deficit: the account, the insurance fund, counterparties by deleveraging, then all by a socialised loss.

    from_account = min(deficit, what the account has left)
    from_fund    = min(rest, fund, what the fund may pay for this deficit)
    deleveraged  = floor(rest x share of the open positions for which there are counterparties)
    socialised   = what is left

All money is in whole atoms of one asset, and the four parts sum to the deficit exactly. Nothing here moves money: what
is borne comes out as trades and transfers, which bring what the account lacks beyond its own part down to ``unpaid``.
Each counterparty gives exactly its share: the trade is at the bankruptcy price on a whole tick, and what the tick
leaves is a transfer beside it, of an atom or more either way.

For one sequence of deficits a larger fund never raises the socialised loss: it leaves less to every deficit, a
position is closed against others only where something is left to bear, and lots that nobody had to give are there for
the next. This holds without ``backing``: who is left out because of the price gives more once some of its lots are
closed, so that a fund that spares it may leave it out of the next deficit. Inputs are sorted by account and
instrument, so that where they are stored never matters.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fractions import Fraction
from math import lcm

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Integers
from crossmargin.liquidation.deleveraging import Allocation, Counterparties, Deleveraged, OpenPosition, by_rank
from crossmargin.liquidation.socialisation import capped, largest_remainder, pro_rata


class Bearer(StrEnum):
    """Who pays a transfer, after the account itself."""

    FUND = "insurance fund"
    DELEVERAGING = "deleveraging"
    SOCIALISED = "socialised loss"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """Lots (> 0) that change hands at a price in ticks, without fees."""

    buyer: str
    seller: str
    instrument: str
    lots: int
    ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Atoms (> 0) of an asset from one account to another; the fund's account is ``fund:<asset>``."""

    payer: str
    payee: str
    asset: str
    atoms: int
    bearer: Bearer


@dataclass(frozen=True, slots=True, kw_only=True)
class Deficit:
    """A loss of an account to be borne: ``atoms`` > 0, of which it pays what it has ``available`` first.

    ``positions`` could not be closed; the loss counts them at the mark. Without any there is nothing to deleverage.
    """

    account: str
    atoms: int
    available: int = 0
    positions: tuple[OpenPosition, ...] = ()

    def __post_init__(self) -> None:
        check.text("account", self.account)
        where = f"of {self.account!r}"
        if check.integer("deficit", self.atoms, where) <= 0:
            raise check.refuse("deficit", "be > 0", self.atoms, where)
        check.integer("available", self.available, where, low=0)
        check.unique(f"positions {where}", [held.instrument.id for held in self.positions])


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Who bears a deficit, atoms, each >= 0."""

    from_account: int
    from_fund: int
    deleveraged: int
    socialised: int

    @property
    def total(self) -> int:
        return self.from_account + self.from_fund + self.deleveraged + self.socialised


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Borne:
    """A deficit borne: its parts, the waterfall after it, and what a driver is to apply to the ledger.

    ``unpaid`` of the socialised loss is charged to nobody yet: without holders all of it, which an index or a haircut
    on withdrawals then collects (``socialisation``). ``counterparties`` and ``holders`` are as they are afterwards.
    """

    account: str
    loss: Loss
    waterfall: "Waterfall"
    trades: tuple[Trade, ...]
    transfers: tuple[Transfer, ...]
    unpaid: int
    counterparties: Mapping[str, Counterparties] = field(repr=False)
    holders: Mapping[str, int] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Closed:
    """What deleveraging closes of one position, and the ``atoms`` of the loss that it passes on."""

    position: OpenPosition
    others: Counterparties
    found: Deleveraged
    atoms: int = 0

    @property
    def covered(self) -> int:
        """Lots closed."""
        return abs(self.position.lots) - self.found.uncovered

    @property
    def ticks(self) -> int:
        """The bankruptcy price of what is closed."""
        return self.position.bankruptcy_ticks(self.covered, self.atoms)

    @property
    def given(self) -> Integers:
        """Atoms that each counterparty bears, shape (n,): by lots."""
        return pro_rata(self.atoms, self.found.taken)

    @property
    def left(self) -> Counterparties:
        return self.others.after(self.found.taken, self.given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    """An insurance fund of ``fund`` atoms (>= 0) of an asset, and how lots are taken after it."""

    fund: int
    asset: str
    allocation: Allocation = by_rank

    def __post_init__(self) -> None:
        check.integer("fund", self.fund, low=0)
        check.text("asset", self.asset)

    def bear(
        self,
        deficit: Deficit,
        *,
        counterparties: Mapping[str, Counterparties] | None = None,
        holders: Mapping[str, int] | None = None,
        limit: int | None = None,
    ) -> Borne:
        """Say who bears a deficit.

        ``counterparties`` by instrument may be deleveraged; ``holders``: atoms at most that accounts can be charged of
        a socialised loss, shared in proportion; ``limit``: the most that the fund may pay for this deficit (dYdX: per
        block; Drift: per market; Bybit: down to its drawdown). The account itself is left out of both.
        """
        out = frozenset({deficit.account})
        others = {name: held.without(out) for name, held in (counterparties or {}).items()}
        most = {name: atoms for name, atoms in sorted((holders or {}).items()) if name not in out}
        allowed = self.fund if limit is None else min(self.fund, check.integer("limit", limit, low=0))
        own = min(deficit.atoms, deficit.available)
        fund = min(deficit.atoms - own, allowed)
        rest = deficit.atoms - own - fund
        closed = passed_on(rest, self.closed(deficit, rest, others))
        given = sum(c.atoms for c in closed)
        charged, unpaid = capped(rest - given, list(most.values()))
        shares = dict(zip(most, charged.tolist(), strict=True))
        return Borne(
            account=deficit.account, waterfall=replace(self, fund=self.fund - fund), unpaid=unpaid,
            loss=Loss(from_account=own, from_fund=fund, deleveraged=given, socialised=rest - given),
            trades=tuple(trade for c in closed for trade in trades_of(deficit.account, c, c.ticks)),
            transfers=self.transfers(deficit.account, fund, closed, shares),
            counterparties=others | {c.position.instrument.id: c.left for c in closed},
            holders={name: atoms - shares[name] for name, atoms in most.items()},
        )  # fmt: skip

    def closed(self, deficit: Deficit, rest: int, others: Mapping[str, Counterparties]) -> list[Closed]:
        """Positions by instrument with the lots that counterparties take; none where nothing is left to bear."""
        whole = sum(held.weight for held in deficit.positions)
        found = []
        for held in sorted(deficit.positions, key=lambda held: held.instrument.id) if rest else ():
            check.one_of("settlement", held.instrument.settlement, (self.asset,), f"of {held.instrument.id}")
            against = others.get(held.instrument.id, Counterparties.of((), ()))
            per_lot = Fraction(rest * held.weight, whole * abs(held.lots))
            taken = against.close(held.lots, per_lot, self.allocation)
            found.append(Closed(position=held, others=against, found=taken))
        return found

    def transfers(
        self, account: str, fund: int, closed: Sequence[Closed], shares: Mapping[str, int]
    ) -> tuple[Transfer, ...]:
        """Who pays the account what, in the order of the waterfall; a negative amount is paid by it, 0 is none."""
        parts: list[tuple[Bearer, Mapping[str, int]]] = [
            (Bearer.FUND, {f"fund:{self.asset}": fund}),
            *((Bearer.DELEVERAGING, beside(c)) for c in closed),
            (Bearer.SOCIALISED, shares),
        ]
        return tuple(
            Transfer(payer=payer, payee=payee, asset=self.asset, atoms=abs(atoms), bearer=bearer)
            for bearer, amounts in parts
            for name, atoms in amounts.items()
            for payer, payee in [(name, account) if atoms > 0 else (account, name)]
            if atoms
        )

    def bear_all(
        self,
        deficits: Iterable[Deficit],
        *,
        counterparties: Mapping[str, Counterparties] | None = None,
        holders: Mapping[str, int] | None = None,
    ) -> tuple[Borne, ...]:
        """Deficits of one moment, borne one after the other by account id, whatever order they come in.

        Each meets the fund, the lots and the holders that those before it left; none of the accounts bears another's.
        For deficits one after the other in time call ``bear`` of the ``waterfall`` that the one before left.
        """
        ordered = sorted(deficits, key=lambda deficit: deficit.account)
        check.unique("account", [deficit.account for deficit in ordered])
        out = frozenset(deficit.account for deficit in ordered)
        others = {name: held.without(out) for name, held in (counterparties or {}).items()}
        most = {name: atoms for name, atoms in (holders or {}).items() if name not in out}
        now, found = self, list[Borne]()
        for deficit in ordered:
            borne = now.bear(deficit, counterparties=others, holders=most)
            now, others, most = borne.waterfall, dict(borne.counterparties), dict(borne.holders)
            found.append(borne)
        return tuple(found)


def passed_on(rest: int, closed: Sequence[Closed]) -> list[Closed]:
    """The positions closed with the atoms of ``rest`` that each passes on.

    A position bears the loss by its weight, and passes on the share of its lots that is covered:
    ``floor(rest sum(w covered / lots) / sum(w))``, divided by ``w covered / lots`` (largest remainders).
    """
    scale = lcm(*(abs(c.position.lots) for c in closed))
    parts = [c.position.weight * c.covered * (scale // abs(c.position.lots)) for c in closed]
    whole = scale * sum(c.position.weight for c in closed)
    given = rest * sum(parts) // whole if closed else 0
    shares = largest_remainder(given, np.array(parts, dtype=object))
    return [replace(c, atoms=int(atoms)) for c, atoms in zip(closed, shares, strict=True)]


def trades_of(account: str, closed: Closed, ticks: int) -> list[Trade]:
    """Trades that close an account's position against its counterparties at a price, by account id."""
    name, taken, sells = closed.position.instrument.id, closed.found.taken, closed.position.lots > 0
    return [
        Trade(buyer=buyer, seller=seller, instrument=name, lots=int(taken[row]), ticks=ticks)
        for row in np.flatnonzero(taken).tolist()
        for other in [closed.others.account[row]]
        for buyer, seller in [(other, account) if sells else (account, other)]
    ]


def beside(closed: Closed) -> dict[str, int]:
    """What each counterparty owes beside its trade: its atoms less what the trade brings over the value at the mark.

    A trade's part of the value at the mark is counted from what stays open upwards, so that the parts sum to the
    change of the whole position's value, rounding and all.
    """
    held, ticks, left = closed.position, closed.ticks, closed.found.uncovered
    given, owed = closed.given, dict[str, int]()
    for row in np.flatnonzero(closed.found.taken).tolist():
        lots = int(closed.found.taken[row])
        at_mark = held.value(left + lots) - held.value(left)
        owed[closed.others.account[row]] = int(given[row]) - (held.value(lots, ticks) - at_mark)
        left += lots
    return owed
