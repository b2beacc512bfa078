"""A ``RiskEngine`` kept in step with one nautilus margin account: orders, fills, money and prices.

The engine opens once every price that the method reads has been seen; until then ``refresh`` raises
``MissingPriceError``, and nothing is charged or accepted at a guess. What the venue reports is booked without judging
it; only ``place`` and ``amend`` judge.
"""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from math import ceil, floor
from typing import Any

from crossmargin import _checks as check
from crossmargin._core.events import Kind as Event
from crossmargin._core.ledger import Flag
from crossmargin._core.status import Status
from crossmargin.account import Capacity, Decision, RiskEngine
from crossmargin.account.decision import REASONS, decide
from crossmargin.errors import raise_for_status
from crossmargin.instruments import Instrument, Instruments, Kind, exact
from crossmargin.interop.nautilus_instruments import fraction
from crossmargin.margin import Method
from crossmargin.market import Market, Observation
from crossmargin.portfolio.portfolio import fill_cost

ORDERS = 16384  # that may rest at once
OTHER = -1  # the other side of every trade lies at the venue


class Mirror:
    """One account of one venue. ``slippage``: how far from the mark an order without a price is taken to fill."""

    def __init__(
        self, method: Method, instruments: Instruments, *, quote: str, slippage: Fraction = Fraction(0), **options: Any
    ) -> None:
        self.method, self.instruments, self.quote, self.slippage = method, instruments, quote, slippage
        room = Capacity(accounts=1, slots=max(len(instruments), 1), orders=ORDERS, journal=0)
        self.options = {"capacity": room} | options
        self.seen: dict[tuple[str, str], Observation] = {}  # not yet in the engine
        self.numbers: dict[str, int] = {}  # of orders that rest, by client order id
        self.last = 0
        self.opened: RiskEngine | None = None

    @property
    def engine(self) -> RiskEngine:
        """The engine; opened by ``refresh``."""
        if self.opened is None:
            raise check.refuse("engine", "be open: prices that the method reads are missing", None)
        return self.opened

    @property
    def account(self) -> int:
        return 0

    # ---- prices ----------------------------------------------------------------------------

    def observe(self, observations: Iterable[Observation]) -> None:
        """Note figures; the engine takes all of them together, at the next ``refresh``."""
        self.seen.update({(o.subject, o.field): o for o in observations})

    def refresh(self, time: int) -> bool:
        """Bring the engine to the figures noted; whether it has opened only now. A missing price raises, by name."""
        if self.opened is None:
            self.opened = self.open(time)
            return True
        if self.seen:
            must(self.opened.mark(list(self.seen.values()), time=self.at(time)), "mark")
            self.seen.clear()
        return False

    def open(self, time: int) -> RiskEngine:
        market = Market.of(self.seen.values(), as_of=time, quote=self.quote)
        engine = RiskEngine(self.method.prepare(self.instruments, market), **self.options)
        engine.open("nautilus", self.quote, time=time)
        self.seen.clear()
        return engine

    def at(self, time: int) -> int:
        """A time that does not go back: nautilus stamps events by the venue's clock and by its own."""
        return max(time, self.engine.time)

    # ---- what rests ------------------------------------------------------------------------

    def terms(self, order: Any, quantity: Any = None) -> tuple[int, int, int, int]:
        """(instrument, signed lots open, ticks, flags) of a nautilus order, of another quantity if given."""
        if order.is_quote_quantity:
            raise check.refuse("quantity", "count contracts, not quote currency", str(order.quantity), name_of(order))
        row = self.engine.instrument(str(order.instrument_id))
        leaves = order.leaves_qty if quantity is None else quantity - order.filled_qty
        sign = 1 if order.is_buy else -1
        lots = sign * self.engine.lots(str(order.instrument_id), fraction(leaves))
        return row, lots, self.limit(row, order, sign), int(Flag.REDUCE_ONLY) if order.is_reduce_only else 0

    def limit(self, row: int, order: Any, sign: int) -> int:
        """Ticks at which an order may fill at worst: its price, its trigger, or the mark and the slippage beyond it."""
        if order.has_price or order.has_trigger_price:
            price = order.price if order.has_price else order.trigger_price
            return self.engine.ticks(str(order.instrument_id), fraction(price))
        terms = self.instruments.rows[row]
        beyond = exact("mark", self.engine.market.value("mark", terms.id)) * (1 + sign * self.slippage) / terms.tick
        return ceil(beyond) if sign > 0 else max(floor(beyond), 1)

    def decision(self, order: Any) -> Decision:
        """What ``place`` would answer and why; of a reduce-only order, about the part that reduces."""
        row, lots, ticks, flags = self.terms(order)
        if flags & Flag.REDUCE_ONLY:
            lots = reducing(lots, self.lots_held(row))
        return decide(self.engine, self.account, row, lots, ticks)

    def place(self, order: Any, time: int) -> Decision:
        """Check and rest an order in one step: until the venue answers, nothing else can use the margin."""
        asked, name = self.decision(order), str(order.client_order_id)
        row, lots, ticks, flags = self.terms(order)
        number = self.last + 1
        status = Status(self.engine.place(self.account, number, row, lots, ticks, flags, self.at(time)))
        if status == Status.OK:
            self.last = self.numbers[name] = number
        return asked if status == asked.status else answered(asked, status)

    def amend(self, order: Any, quantity: Any, price: Any, time: int) -> Status:
        """Judge another size or price of an order that rests, and take it if the account carries it."""
        row, lots, ticks, _ = self.terms(order, quantity)
        if price is not None:
            ticks = self.engine.ticks(self.instruments.rows[row].id, fraction(price))
        number = self.numbers[str(order.client_order_id)]
        return Status(self.engine.amend(self.account, number, lots, ticks, self.at(time)))

    def cancel(self, order: Any, time: int) -> None:
        number = self.numbers.pop(str(order.client_order_id), None)
        if number is not None:
            must(self.engine.cancel(self.account, number, self.at(time)), name_of(order))

    def rest(self, order: Any, time: int) -> None:
        """An order as the venue has it, unjudged, in the place of what was written down of it."""
        self.cancel(order, time)
        row, lots, ticks, flags = self.terms(order)
        self.last += 1
        resting = (self.account, self.last, row, lots, ticks, flags)
        must(self.engine.event(Event.REST, self.at(time), *resting), name_of(order))
        self.numbers[str(order.client_order_id)] = self.last

    # ---- what is held ----------------------------------------------------------------------

    def lots_held(self, row: int) -> int:
        return sum(lots for _, item, lots, _, _ in self.engine.positions() if item == row)

    def fill(self, fill: Any, *, closed: bool) -> None:
        """A fill as a trade whose other side lies elsewhere, at its price and fee. ``closed``: its order is done."""
        terms = self.instruments.rows[self.engine.instrument(str(fill.instrument_id))]
        lots, name = self.engine.lots(terms.id, fraction(fill.last_qty)), str(fill.client_order_id)
        ticks, fee = self.engine.ticks(terms.id, fraction(fill.last_px)), self.fee(fill, terms)
        number, time = self.numbers.get(name, 0), self.at(fill.ts_event)
        status = self.trade(number, fill.is_buy, terms.id, lots, ticks, fee, time)
        if status == Status.OVERFILL:  # more than was written down of the order
            must(self.engine.cancel(self.account, number, time), name)
            del self.numbers[name]
            status = self.trade(0, fill.is_buy, terms.id, lots, ticks, fee, time)
        must(status, f"fill of {name}")
        if closed:
            self.numbers.pop(name, None)

    def trade(self, number: int, buys: bool, instrument: str, lots: int, ticks: int, fee: int, time: int) -> int:
        row, mine, other = self.engine.instrument(instrument), (self.account, number), (OTHER, 0)
        buyer, seller = (mine, other) if buys else (other, mine)
        return self.engine.trade(*buyer, *seller, row, lots, ticks, fee if buys else 0, 0 if buys else fee, time)

    def fee(self, fill: Any, terms: Instrument) -> int:
        """Atoms of the settlement asset; a commission in another currency reaches the engine with the balances."""
        paid = fill.commission
        if paid is None or paid.currency.code != terms.settlement:
            return 0
        return self.instruments.asset(terms.settlement).atoms(fraction(paid))

    def bring(self, positions: Iterable[Any]) -> None:
        """Positions that were open before the engine."""
        for position in positions:
            name = str(position.instrument_id)
            row, lots = self.engine.instrument(name), self.engine.lots(name, Fraction(position.signed_decimal_qty()))
            must(self.engine.event(Event.BRING, 0, self.account, row, lots, self.cost(position)), name)

    def cost(self, position: Any) -> int:
        """Atoms that an open nautilus position cost."""
        terms = self.instruments.instrument(str(position.instrument_id))
        lots = int(Fraction(position.signed_decimal_qty()) / terms.lot)
        ticks = exact("avg_px_open", position.avg_px_open) / terms.tick
        return fill_cost(terms, self.instruments.asset(terms.settlement).decimals, lots, ticks)  # type: ignore[arg-type]

    # ---- money -----------------------------------------------------------------------------

    def reconcile(self, totals: Iterable[Any], positions: Iterable[Any], time: int) -> None:
        """Bring balances to nautilus's ``totals`` (Money): deposits, funding, commissions and rounding.

        nautilus pays an option's premium out of the balance, the engine carries it as open cost, and under hedging
        positions net only here. So not the balances are made equal, but balances less what open positions cost.
        """
        spent = self.spent(positions)
        for money in totals:
            asset = check.known("currency", money.currency.code, self.instruments.asset_index, "asset")
            atoms = self.instruments.assets[asset].atoms(fraction(money)) - spent.get(asset, 0) - self.cash(asset)
            if atoms:
                must(self.engine.event(Event.ADJUST, self.at(time), self.account, asset, atoms), str(money))

    def spent(self, positions: Iterable[Any]) -> dict[int, int]:
        """Atoms of each asset that open nautilus positions cost without having been paid out of the balance."""
        found: dict[int, int] = {}
        for position in positions:
            terms = self.instruments.instrument(str(position.instrument_id))
            if terms.kind is not Kind.OPTION:
                asset = self.instruments.asset_index[terms.settlement]
                found[asset] = found.get(asset, 0) + self.cost(position)
        return found

    def cash(self, asset: int) -> int:
        """Atoms of the engine's balance less what its positions in this asset cost."""
        settlement = self.instruments.settlement
        held = sum(atoms for _, row, atoms in self.engine.balances() if row == asset)
        return held - sum(cost for _, item, _, cost, _ in self.engine.positions() if settlement[item] == asset)


def must(status: int, what: str) -> None:
    """What a venue did cannot be refused: a status here means that the engine is out of step, and is raised."""
    raise_for_status(status, what)


def name_of(order: Any) -> str:
    return f"of order {order.client_order_id}"


def reducing(lots: int, held: int) -> int:
    """The part of an order that closes what is held; one lot if none does, so that there is something to ask about."""
    sign = 1 if lots > 0 else -1
    return sign * (min(abs(lots), abs(held)) if held * sign < 0 else 1)


def answered(asked: Decision, status: Status) -> Decision:
    """The figures of a decision with the answer of ``place``, which also knows that an order only reduces."""
    return replace(asked, status=status, reason=REASONS.get(status, status.name or str(int(status))))
