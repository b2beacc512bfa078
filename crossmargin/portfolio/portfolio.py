"""One account of a book, by name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction

from crossmargin import _checks as check
from crossmargin.instruments import Instrument, Instruments, exact
from crossmargin.portfolio.accounts import Account
from crossmargin.portfolio.book import Book
from crossmargin.portfolio.tables import MAX_LOTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A resting or contemplated order: ``side`` is "buy" or "sell", ``limit`` a decimal price."""

    id: int
    instrument: str
    side: str
    lots: int
    limit: str
    flags: int = 0

    def __post_init__(self) -> None:
        check.integer("order id", self.id)
        check.one_of("side", self.side, ("buy", "sell"), f"of order {self.id}")
        check.integer("lots", self.lots, f"of order {self.id}", low=1, high=MAX_LOTS)

    @property
    def signed_lots(self) -> int:
        return self.lots if self.side == "buy" else -self.lots


@dataclass(frozen=True, slots=True)
class Position:
    """Signed lots and what they cost, in atoms of the settlement asset."""

    lots: int
    open_cost: int = 0


@dataclass(frozen=True)
class Portfolio:
    """A view of one unit of a book (an account's cross pocket unless named)."""

    book: Book
    unit: int

    @classmethod
    def of(
        cls,
        instruments: Instruments,
        *,
        account: Account | None = None,
        positions: Mapping[str, Position | int] | None = None,
        balances: Mapping[str, str | int | Fraction] | None = None,
        orders: Iterable[Order] = (),
    ) -> "Portfolio":
        """Build a book of one account: lots by instrument id, decimal amounts by asset id."""
        if not instruments.assets:
            raise check.refuse("assets", "hold at least one", "none")
        owner = account or Account(id="account", currency=instruments.assets[0].id)
        book = Book.of(
            instruments,
            [owner],
            positions=position_columns(instruments, positions or {}),
            balances=balance_columns(instruments, balances or {}),
            orders=order_columns(instruments, orders),
        )
        return cls(book, book.unit(owner.id))

    @property
    def instruments(self) -> Instruments:
        return self.book.instruments

    @property
    def account(self) -> Account:
        return self.book.accounts[int(self.book.unit_account[self.unit])]

    @property
    def positions(self) -> dict[str, Position]:
        """Positions by instrument id; hedge-mode pockets of one instrument are summed."""
        table, rows = self.book.positions, self.book.positions.rows(self.unit)
        held: dict[str, Position] = {}
        columns = (table[name][rows].tolist() for name in ("instrument", "lots", "open_cost"))
        for item, lots, cost in zip(*columns, strict=True):
            name = self.instruments.rows[item].id
            old = held.get(name, Position(0))
            held[name] = Position(old.lots + lots, old.open_cost + cost)
        return held

    @property
    def balances(self) -> dict[str, int]:
        """Atoms by asset id, summed over locations."""
        table, rows = self.book.balances, self.book.balances.rows(self.unit)
        held: dict[str, int] = {}
        for item, atoms in zip(table["asset"][rows].tolist(), table["atoms"][rows].tolist(), strict=True):
            name = self.instruments.assets[item].id
            held[name] = held.get(name, 0) + atoms
        return held

    @property
    def orders(self) -> tuple[Order, ...]:
        table, rows = self.book.orders, self.book.orders.rows(self.unit)
        columns = (table[name][rows].tolist() for name in ("id", "instrument", "side", "lots", "ticks", "flags"))
        return tuple(order_of(self.instruments, *row) for row in zip(*columns, strict=True))

    def filled(self, orders: Iterable[Order]) -> "Portfolio":
        """Return the account after these orders filled wholly at their limits, fees apart.

        Of the account's own orders those no longer rest.
        """
        positions, done = self.positions, list(orders)
        for row, order in enumerate(done):
            check.known("instrument", order.instrument, self.instruments.index, "instrument", f"at order {row}")
            instrument = self.instruments.instrument(order.instrument)
            decimals = self.instruments.asset(instrument.settlement).decimals
            old = positions.get(instrument.id, Position(0))
            cost = fill_cost(instrument, decimals, order.signed_lots, ticks_of(instrument, order.limit))
            positions[instrument.id] = Position(old.lots + order.signed_lots, old.open_cost + cost)
        resting = [order for order in self.orders if order not in done]
        return self.holding(positions=positions, orders=resting)

    def alone(self) -> "Portfolio":
        """Return the same account in a book of its own."""
        return self.holding()

    def holding(
        self,
        *,
        positions: Mapping[str, Position | int] | None = None,
        balances: Mapping[str, str | int | Fraction] | None = None,
        orders: Iterable[Order] | None = None,
    ) -> "Portfolio":
        """Return the same account with other holdings; what is not given stays."""
        return Portfolio.of(
            self.instruments,
            account=self.account,
            positions=self.positions if positions is None else positions,
            balances=self.amounts if balances is None else balances,
            orders=self.orders if orders is None else orders,
        )

    @property
    def amounts(self) -> dict[str, Fraction]:
        """Exact amounts by asset id."""
        return {name: Fraction(n, 10 ** self.instruments.asset(name).decimals) for name, n in self.balances.items()}


def position_columns(instruments: Instruments, held: Mapping[str, Position | int]) -> dict[str, list[int]]:
    rows = [(name, p if isinstance(p, Position) else Position(p)) for name, p in held.items()]
    return {
        "account": [0] * len(rows),
        "instrument": [check.known("instrument", name, instruments.index, "instrument") for name, _ in rows],
        "lots": [p.lots for _, p in rows],
        "open_cost": [p.open_cost for _, p in rows],
    }


def balance_columns(instruments: Instruments, held: Mapping[str, str | int | Fraction]) -> dict[str, list[int]]:
    return {
        "account": [0] * len(held),
        "asset": [check.known("asset", name, instruments.asset_index, "asset") for name in held],
        "atoms": [instruments.asset(name).atoms(amount, "balance", f"of {name}") for name, amount in held.items()],
    }


def order_columns(instruments: Instruments, orders: Iterable[Order]) -> dict[str, list[int]]:
    rows = list(orders)
    found = [check.known("instrument", o.instrument, instruments.index, "instrument") for o in rows]
    return {
        "account": [0] * len(rows),
        "id": [o.id for o in rows],
        "instrument": found,
        "side": [1 if o.side == "buy" else -1 for o in rows],
        "lots": [o.lots for o in rows],
        "ticks": [ticks_of(instruments.rows[i], o.limit) for i, o in zip(found, rows, strict=True)],
        "flags": [o.flags for o in rows],
    }


def order_of(instruments: Instruments, number: int, item: int, side: int, lots: int, ticks: int, flags: int) -> Order:
    instrument = instruments.rows[item]
    limit = decimal_text(ticks * instrument.tick)
    side_name = "buy" if side > 0 else "sell"
    return Order(id=number, instrument=instrument.id, side=side_name, lots=lots, limit=limit, flags=flags)


def decimal_text(value: Fraction) -> str:
    """Exact decimal form; ticks are decimals, so it ends."""
    with localcontext(prec=500):
        return f"{Decimal(value.numerator) / Decimal(value.denominator):f}"


def ticks_of(instrument: Instrument, price: str | Fraction) -> int:
    """Turn a price into whole ticks; a price between ticks is refused."""
    ticks = exact("limit", price, f"of {instrument.id}") / instrument.tick
    if ticks.denominator != 1:
        raise check.refuse("limit", f"be a multiple of the tick {instrument.tick}", price, f"of {instrument.id}")
    return check.integer("limit in ticks", int(ticks), f"of {instrument.id}")


def fill_cost(instrument: Instrument, decimals: int, lots: int, ticks: int) -> int:
    """Atoms paid for ``lots`` at ``ticks``: round half to even, once, as the ledger does."""
    ratio = instrument.value_ratio(decimals)
    if not instrument.costs_inversely:
        return round(lots * ticks * ratio)
    if ticks <= 0:
        raise check.refuse("limit", "be > 0 for an inverse payoff", ticks, f"of {instrument.id}")
    return round(-lots * ratio / ticks)
