"""What closing lots does to one account: trades, fees, penalty, and the margin after them by its method's own plan."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossmargin._checks import Floats, Integers
from crossmargin.account.health import currency_atom
from crossmargin.liquidation.close_out_costs import Costs
from crossmargin.liquidation.close_out_legs import Leg, legs_of, mirrored, price_of
from crossmargin.liquidation.close_out_steps import Payment, Proposal, Step, merged
from crossmargin.liquidation.penalty import Charge, Penalty
from crossmargin.margin import Prepared, Requirement
from crossmargin.portfolio import Book, Portfolio, Position
from crossmargin.portfolio.accounts import Accounts


@dataclass(frozen=True, slots=True)
class Reduced:
    """Margin after each of several reductions, cost and penalty paid: columns (k,), account currency."""

    maintenance: Floats
    equity: Floats
    penalty: Floats

    @property
    def surplus(self) -> Floats:
        return self.equity - self.maintenance


@dataclass(frozen=True, kw_only=True)
class Closing:
    """An account in close-out, without resting orders, under a method, with what trades cost it.

    Reductions are lots closed of each leg, in the order of instruments; every one is valued by the method's plan.
    """

    prepared: Prepared
    portfolio: Portfolio
    costs: Costs
    penalty: Penalty
    target: float = 0.0
    time: int = 0
    last_part: int | None = None

    @cached_property
    def requirement(self) -> Requirement:
        return self.prepared.requirement(self.portfolio)

    @property
    def surplus(self) -> float:
        return self.requirement.surplus_maintenance

    @cached_property
    def atom(self) -> float:
        """Of the account's currency."""
        return currency_atom(self.portfolio)

    def met(self, surplus: ArrayLike) -> NDArray[np.bool_]:
        """Whether a surplus, to the nearest atom, is at the target or above."""
        return np.rint((np.asarray(surplus) - self.target) / self.atom) >= 0

    def worse(self, surplus: ArrayLike) -> NDArray[np.bool_]:
        """Whether a surplus, to the nearest atom, is below that of the account as it stands."""
        return np.rint((np.asarray(surplus) - self.surplus) / self.atom) < 0

    # ---- legs ------------------------------------------------------------------------------

    @cached_property
    def legs(self) -> tuple[Leg, ...]:
        return legs_of(self.prepared, self.portfolio, self.costs)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(leg.instrument.id for leg in self.legs)

    @cached_property
    def lots(self) -> Integers:
        """Lots of each leg that can be closed, > 0."""
        return np.array([abs(leg.held.lots) for leg in self.legs], dtype=np.int64)

    @cached_property
    def notional(self) -> Floats:
        """Value of each position at its mark, >= 0, account currency."""
        return np.array([abs(leg.held.lots) * abs(float(leg.mark_value)) * leg.price for leg in self.legs])

    @cached_property
    def cost(self) -> Floats:
        """What closing a whole position loses against its mark, with fee and the penalty on its notional."""
        whole = [(leg, abs(leg.held.lots)) for leg in self.legs]
        atoms = [float(leg.loss(n)) + leg.fee(n) + self.charged(leg, n) for leg, n in whole]
        return np.array([a * leg.price for a, leg in zip(atoms, self.legs, strict=True)])

    def vector(self, closed: Mapping[str, int]) -> Integers:
        return np.array([closed.get(name, 0) for name in self.names], dtype=np.int64)

    def mapping(self, closed: Integers) -> dict[str, int]:
        return {name: lots for name, lots in zip(self.names, closed.tolist(), strict=True) if lots}

    def charged(self, leg: Leg, closed: int) -> int:
        """Penalty on the notional of a trade, atoms of its settlement asset."""
        if self.penalty.base != "notional":
            return 0
        return mirrored(self.penalty.of(abs(leg.cost(closed))).total, closed)

    # ---- many reductions at once -----------------------------------------------------------

    def reduced(self, closed: ArrayLike) -> Reduced:
        """Margin after each reduction, shape (k, n_legs), each from the account as it stands, in one batch."""
        rows = np.asarray(closed, dtype=np.int64).reshape(-1, len(self.legs))
        after = np.array([self.after(row) for row in rows.tolist()], dtype=np.int64).reshape(*rows.shape, 4)
        charged = np.zeros(len(rows), dtype=np.int64)
        found = self.prepared.requirements(self.book(after, charged))
        if self.penalty.base == "released":
            charged = np.array([self.on_released(figure) for figure in found.maintenance.tolist()], dtype=np.int64)
            found = self.prepared.requirements(self.book(after, charged))
        paid = after[:, :, 3] @ np.array([leg.price for leg in self.legs]) + charged * self.atom
        return Reduced(found.maintenance, found.equity_maintenance, paid)

    def on_released(self, maintenance: float) -> int:
        """Penalty on the maintenance margin that is freed, atoms of the account's currency."""
        return self.charge_on_released(maintenance).total

    def charge_on_released(self, maintenance: float) -> Charge:
        freed = round((self.requirement.maintenance - maintenance) / self.atom)
        return self.penalty.of(max(freed, 0))

    @cached_property
    def known(self) -> dict[tuple[int, int], tuple[int, int, int, int]]:
        return {}

    def after(self, closed: list[int]) -> list[tuple[int, int, int, int]]:
        """Of each leg: lots, open cost, atoms that reach the balance, and the penalty among them."""
        for place, lots in enumerate(closed):
            if (place, lots) not in self.known:
                self.known[place, lots] = self.leg_after(self.legs[place], lots)
        return [self.known[key] for key in enumerate(closed)]

    def leg_after(self, leg: Leg, closed: int) -> tuple[int, int, int, int]:
        released, penalty = leg.released(closed), self.charged(leg, closed)
        paid = leg.cost(closed) + leg.fee(closed) + penalty
        return leg.held.lots - leg.side * closed, leg.held.open_cost - released, -paid - released, penalty

    def book(self, after: Integers, charged: Integers) -> Book:
        """One account a reduction; ``charged`` is taken from the balance in the account's currency."""
        n, owner = len(after), self.portfolio.account
        items = [leg.row for leg in self.legs] + [row for row, _ in self.idle]
        idle = np.tile(np.array([cost for _, cost in self.idle], dtype=np.int64), (n, 1))
        atoms = np.tile(self.atoms, (n, 1))
        for place, leg in enumerate(self.legs):
            atoms[:, leg.asset_row] += after[:, place, 2]
        atoms[:, self.currency_row] -= charged
        holder, asset = np.nonzero(atoms)
        return Book.of(
            self.prepared.instruments,
            Accounts.of(
                np.char.mod("%09d", np.arange(n)), currency=owner.currency, owner=owner.owner, parent=owner.parent,
                mode=owner.mode, method=owner.method,
            ),
            positions={
                "account": np.repeat(np.arange(n), len(items)), "instrument": np.tile(items, n),
                "lots": np.hstack([after[:, :, 0], np.zeros_like(idle)]).ravel(),
                "open_cost": np.hstack([after[:, :, 1], idle]).ravel(),
            },
            balances={"account": holder, "asset": asset, "atoms": atoms[holder, asset]},
        )  # fmt: skip

    @cached_property
    def idle(self) -> tuple[tuple[int, int], ...]:
        """Instrument row and open cost of positions without lots."""
        index = self.prepared.instruments.index
        return tuple((index[name], p.open_cost) for name, p in sorted(self.portfolio.positions.items()) if not p.lots)

    @cached_property
    def atoms(self) -> Integers:
        """Balance in every asset."""
        held = self.portfolio.balances
        return np.array([held.get(asset.id, 0) for asset in self.prepared.instruments.assets], dtype=np.int64)

    @property
    def currency_row(self) -> int:
        return self.prepared.instruments.asset_index[self.portfolio.account.currency]

    # ---- one reduction ---------------------------------------------------------------------

    def take(self, proposal: Proposal) -> tuple[Step, "Closing"]:
        """The step that a proposal is, and the account after it."""
        closed = self.vector(proposal.closed).tolist()
        portfolio, charge = self.settled(closed, 0), Charge()
        if self.penalty.base == "released":
            charge = self.charge_on_released(self.prepared.requirement(portfolio).maintenance)
            portfolio = self.settled(closed, charge.total)
        after = replace(self, portfolio=portfolio, last_part=self.time if proposal.part else self.last_part)
        return self.step(proposal, closed, charge, after), after

    def settled(self, closed: list[int], charged: int) -> Portfolio:
        """The account after a reduction, ``charged`` atoms taken from the balance in its currency."""
        atoms, held = self.atoms.copy(), {n: p for n, p in self.portfolio.positions.items() if not p.lots}
        for leg, (lots, open_cost, change, _) in zip(self.legs, self.after(closed), strict=True):
            atoms[leg.asset_row] += change
            if lots:
                held[leg.instrument.id] = Position(lots, open_cost)
        atoms[self.currency_row] -= charged
        named = zip(self.prepared.instruments.assets, atoms.tolist(), strict=True)
        balances = {asset.id: Fraction(n, 10**asset.decimals) for asset, n in named if n}
        return self.portfolio.holding(positions=held, balances=balances)

    def step(self, proposal: Proposal, closed: list[int], charge: Charge, after: "Closing") -> Step:
        """Trades, payments and figures; ``charge`` is the penalty on released margin."""
        pairs = [(leg, lots) for leg, lots in zip(self.legs, closed, strict=True) if lots]
        payments = [Payment(self.portfolio.account.currency, charge)]
        if self.penalty.base == "notional":
            payments = [Payment(leg.asset.id, self.penalty.of(abs(leg.cost(lots)))) for leg, lots in pairs]
        paid = merged(payments)
        return Step(
            trades=tuple(leg.trade(lots) for leg, lots in pairs),
            payments=paid,
            cost=sum((float(leg.loss(lots)) + leg.fee(lots)) * leg.price for leg, lots in pairs),
            penalty=sum(payment.charge.total * self.price_of(payment.asset) for payment in paid),
            margin_freed=self.requirement.maintenance - after.requirement.maintenance,
            surplus_before=self.surplus,
            surplus_after=after.surplus,
            reason=proposal.reason,
            remaining=proposal.remaining,
            part=proposal.part,
        )

    def price_of(self, asset: str) -> float:
        """Account currency per atom."""
        return price_of(self.prepared, self.portfolio, self.prepared.instruments.asset(asset))
