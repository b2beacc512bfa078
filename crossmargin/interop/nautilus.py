"""Portfolio margin inside nautilus_trader: account-wide margin balances and a pre-trade gate; extra ``nautilus``.

nautilus charges one instrument at a time and lets a margin account submit any order (its ``RiskEngine`` returns before
any check for margin accounts). ``PortfolioMarginActor`` keeps a ``crossmargin.account.RiskEngine`` in step with one
account and writes what that engine says:

- ``MarginBalance(initial, maintenance, instrument_id=None)`` for each collateral currency. A requirement is one sum of
  money behind everything; it is shared out by the value that each currency brings, and rounded up.
- ``locked`` is the initial requirement. nautilus itself would add maintenance to it, since its initial margin is of
  orders alone; a portfolio's initial requirement covers positions and orders, so that would count positions twice.
- nautilus's own charge by instrument is switched off (``NoInstrumentMargin``), or both would be locked.

**How orders are refused.** nautilus's kernel makes its own risk engine and takes no other, and a compiled method cannot
be replaced on an instance, so ``_check_orders_risk_for_account`` is out of reach without a fork. A strategy's
``submit_order`` can be overridden, but only strategy by strategy, and execution algorithms go round it. What works for
all of them is the message bus: ``guard(kernel)`` puts the actor at the endpoint ``ExecEngine.execute``, the last one
before a venue: behind nautilus's own checks, and behind its order emulator, which sends past its risk engine. An order
that is refused gets ``OrderDenied`` with the reason, an amendment ``OrderModifyRejected``; everything else passes on.
Tested with nautilus_trader 1.231.0, in backtests.

Limits: one account of one venue, a margin account without a base currency, whose contracts are all listed. Triggered
orders are charged from submission as if they rested at their trigger. Spreads, CFDs, quanto contracts and options in
coin are refused. A method of options needs forwards and volatilities: override ``observations`` to feed them.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from crossmargin import _checks as check
from crossmargin.errors import MissingPriceError
from crossmargin.instruments import Instruments, Kind
from crossmargin.interop.nautilus_balances import write_margins
from crossmargin.interop.nautilus_gate import PreTradeGate
from crossmargin.interop.nautilus_instruments import to_asset, to_instrument, to_instruments, underlying_of
from crossmargin.interop.nautilus_mirror import Mirror
from crossmargin.margin import load_method
from crossmargin.market import Observation

# isort: split
# Behind the modules above, which name the extra where the library is missing.
from nautilus_trader.accounting.margin_models import MarginModel
from nautilus_trader.common.actor import Actor
from nautilus_trader.common.config import ActorConfig
from nautilus_trader.model.data import BarType
from nautilus_trader.model.events import OrderAccepted, OrderFilled, OrderModifyRejected, OrderUpdated
from nautilus_trader.model.identifiers import InstrumentId, Venue
from nautilus_trader.model.objects import Currency, Money

__all__ = [
    "NoInstrumentMargin", "PortfolioMarginActor", "PortfolioMarginConfig", "to_asset", "to_instrument",
    "to_instruments",
]  # fmt: skip

FIRST = 100  # priority: the engine hears of a fill before a strategy answers it with another order
INDEX_OF = (Kind.SPOT, Kind.PERPETUAL, Kind.FUTURE)  # whose price is the underlying's, the best first


def index_instruments(table: Instruments) -> dict[str, str]:
    """The instrument whose price is the index of each underlying."""
    rows = [row for kind in reversed(INDEX_OF) for row in table if row.kind is kind]
    return {row.underlying: row.id for row in rows}


class NoInstrumentMargin(MarginModel):  # type: ignore[misc]
    """Charges nothing by instrument: the account-wide balance is the whole requirement."""

    def calculate_margin_init(self, instrument: Any, *_: Any, **__: Any) -> Any:
        return Money(0, instrument.get_cost_currency())

    def calculate_margin_maint(self, instrument: Any, *_: Any, **__: Any) -> Any:
        return Money(0, instrument.get_cost_currency())


class PortfolioMarginConfig(ActorConfig, frozen=True, kw_only=True):  # type: ignore[call-arg, misc]
    """``method``: JSON of any method of ``crossmargin.margin``. ``quote``: the currency of its figures.

    ``prices``: what marks the instruments; "bar" takes the close of each of ``bar_types``. ``indices``: whose price is
    the index of an underlying (default: its spot pair, else its perpetual, else its future); with "mark", index price
    updates rule where they come. ``slippage``: a market order is judged as filled that fraction beyond the mark.
    ``mark_every``: nanoseconds between two revaluations; orders and fills always see the latest prices.
    """

    venue: str
    method: str
    quote: str
    instrument_ids: tuple[str, ...]
    currencies: tuple[str, ...] = ()  # collateral beyond the settlement currencies
    prices: Literal["mark", "quote", "trade", "bar"] = "quote"
    bar_types: tuple[str, ...] = ()
    indices: dict[str, str] = {}  # noqa: RUF012  a record, not a class attribute
    slippage: str = "0"
    fee: str = "0"
    orders: str = "worst_fill"
    mark_every: int = 0


class PortfolioMarginActor(PreTradeGate, Actor):  # type: ignore[misc]
    """Keeps the account-wide margin of one nautilus account, and refuses the orders that it cannot carry.

    ``mirror.engine`` is the ``RiskEngine``. ``accepted`` counts the orders let through, ``refused`` lists the others
    as (client order id, reason).
    """

    def __init__(self, config: PortfolioMarginConfig) -> None:
        super().__init__(config)
        self.venue = Venue(config.venue)
        self.clear()

    def clear(self) -> None:
        self.mirror: Any = None
        self.accepted, self.refused, self.marked = 0, [], 0

    # ---- nautilus calls --------------------------------------------------------------------

    def on_start(self) -> None:
        found = [self.instrument_of(InstrumentId.from_str(name)) for name in self.config.instrument_ids]
        currencies = [Currency.from_str(code) for code in (self.config.quote, *self.config.currencies)]
        table = to_instruments(found, currencies, quote=self.config.quote)
        self.index_names = index_instruments(table) | self.config.indices
        self.mirror = Mirror(
            load_method(self.config.method.encode()), table, quote=self.config.quote,
            slippage=Fraction(self.config.slippage), orders=self.config.orders, fee=self.config.fee,
        )  # fmt: skip
        self.subscribe(found)

    def instrument_of(self, name: Any) -> Any:
        found = self.cache.instrument(name)
        if found is None:
            raise check.refuse("instrument_ids", "name instruments in the cache", str(name))
        return found

    def subscribe(self, instruments: Iterable[Any]) -> None:
        """Orders and positions at the first place, then prices."""
        self.msgbus.subscribe(topic="events.order.*", handler=self.on_order_event, priority=FIRST)
        self.msgbus.subscribe(topic="events.position.*", handler=self.on_position_event, priority=FIRST)
        self.msgbus.subscribe(topic="events.account.*", handler=self.on_account_event, priority=FIRST)
        sources = {
            "mark": self.subscribe_mark_prices, "quote": self.subscribe_quote_ticks,
            "trade": self.subscribe_trade_ticks,
        }  # fmt: skip
        for instrument in instruments if self.config.prices != "bar" else ():
            sources[self.config.prices](instrument.id)
            if self.config.prices == "mark":
                self.subscribe_index_prices(instrument.id)
        for bar_type in self.config.bar_types:
            self.subscribe_bars(BarType.from_str(bar_type))

    def on_reset(self) -> None:
        self.clear()

    def on_quote_tick(self, tick: Any) -> None:
        self.see(tick.instrument_id, (tick.bid_price.as_decimal() + tick.ask_price.as_decimal()) / 2, tick)

    def on_trade_tick(self, tick: Any) -> None:
        self.see(tick.instrument_id, tick.price.as_decimal(), tick)

    def on_bar(self, bar: Any) -> None:
        self.see(bar.bar_type.instrument_id, bar.close.as_decimal(), bar)

    def on_mark_price(self, mark_price: Any) -> None:
        self.see(mark_price.instrument_id, mark_price.value.as_decimal(), mark_price)

    def on_index_price(self, index_price: Any) -> None:
        subject = underlying_of(self.cache.instrument(index_price.instrument_id))
        self.index_names.pop(subject, None)  # the venue's own index rules from now on
        value = float(index_price.value)
        self.note([Observation(subject=subject, field="index", value=value, published=index_price.ts_event)])

    # ---- prices ----------------------------------------------------------------------------

    def see(self, instrument_id: Any, price: Decimal, data: Any) -> None:
        if str(instrument_id) in self.mirror.instruments.index:
            self.note(self.observations(str(instrument_id), float(price), data))

    def observations(self, name: str, price: float, data: Any) -> Iterator[Observation]:
        """What one price says: the mark, the forward of a future's expiry, the index if it is the underlying's."""
        terms = self.mirror.instruments.instrument(name)
        expiry = self.mirror.instruments.expiry_keys[self.mirror.instruments.index[name]]
        subjects = [(name, "mark")]
        subjects += [(expiry, "forward")] if terms.kind is Kind.FUTURE else []
        subjects += [(terms.underlying, "index")] if self.index_names.get(terms.underlying) == name else []
        source, published = self.config.prices, data.ts_event
        for subject, field in subjects:
            yield Observation(subject=subject, field=field, value=price, published=published, source=source)

    def note(self, observations: Iterable[Observation]) -> None:
        self.mirror.observe(observations)
        if self.clock.timestamp_ns() - self.marked >= self.config.mark_every:
            self.revalue()

    def revalue(self) -> None:
        """Mark, and write; before every price has been seen there is nothing to write."""
        try:
            self.refresh()
        except MissingPriceError as error:
            self.log.debug(f"no margin yet: {error}")  # noqa: G004  nautilus formats nothing
            return
        self.marked = self.clock.timestamp_ns()
        write_margins(self.nautilus_account(), self.mirror)

    def refresh(self) -> None:
        """Bring the engine to the latest prices; when it opens, to what the account then holds."""
        if self.mirror.refresh(self.clock.timestamp_ns()):
            self.adopt()

    def adopt(self) -> None:
        account = self.nautilus_account()
        account.set_margin_model(NoInstrumentMargin())
        for instrument_id in account.margins():
            account.clear_margin(instrument_id)
        self.mirror.bring(self.positions())
        for order in self.cache.orders_open(venue=self.venue):
            self.mirror.rest(order, 0)
        self.reconcile()

    # ---- what happens ----------------------------------------------------------------------

    def on_order_event(self, event: Any) -> None:
        """A fill is a trade, an order that changed is written down anew, one that is done is taken out."""
        if not self.follows(event.instrument_id.venue):
            return
        order = self.cache.order(event.client_order_id)
        if isinstance(event, OrderFilled):
            self.mirror.fill(event, closed=order is None or order.is_closed)
            self.reconcile()
        elif order is not None and order.is_closed:
            self.mirror.cancel(order, self.clock.timestamp_ns())
        elif order is not None and self.differs(event, order):
            self.mirror.rest(order, self.clock.timestamp_ns())
        else:
            return
        self.revalue()

    def differs(self, event: Any, order: Any) -> bool:
        """Whether the venue says something new of an order; one that was sent from elsewhere is new as a whole."""
        known = str(order.client_order_id) in self.mirror.numbers
        return isinstance(event, OrderUpdated | OrderModifyRejected) or (isinstance(event, OrderAccepted) and not known)

    def on_position_event(self, event: Any) -> None:
        """Positions come by fills; here the two books are held against each other."""
        if not self.follows(event.instrument_id.venue):
            return
        name, held = str(event.instrument_id), self.positions(event.instrument_id)
        row = self.mirror.engine.instrument(name)
        wanted = sum(Fraction(p.signed_decimal_qty()) for p in held) / self.mirror.instruments.rows[row].lot
        if wanted != self.mirror.lots_held(row):
            raise check.refuse("position", f"be {wanted} lots as in nautilus", self.mirror.lots_held(row), f"of {name}")

    def on_account_event(self, event: Any) -> None:
        """Deposits, funding and the like; what nautilus calculates of fills comes with the fills."""
        if self.follows(self.venue) and event.is_reported and event.account_id == self.nautilus_account().id:
            self.reconcile()
            self.revalue()

    def follows(self, venue: Any) -> bool:
        """Whether the engine keeps the books of a venue now: from its opening on, and not after a reset."""
        return venue == self.venue and self.mirror is not None and self.mirror.opened is not None

    def reconcile(self) -> None:
        totals = self.nautilus_account().balances_total().values()
        self.mirror.reconcile(totals, self.positions(), self.clock.timestamp_ns())

    def positions(self, instrument_id: Any = None) -> list[Any]:
        return list(self.cache.positions_open(venue=self.venue, instrument_id=instrument_id))

    def nautilus_account(self) -> Any:
        account = self.cache.account_for_venue(self.venue)
        if account is None or not account.is_margin_account or account.base_currency is not None:
            rule = "be a margin account without a base currency"
            raise check.refuse("account", rule, repr(account), f"of {self.venue}")
        return account
