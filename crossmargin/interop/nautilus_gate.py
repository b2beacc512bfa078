"""The gate between nautilus's strategies and its venues: a handler in the place of the execution engine's own."""

from collections.abc import Callable, Sequence
from typing import Any

from crossmargin._core.status import Status
from crossmargin.account import Decision
from crossmargin.account.decision import REASONS
from crossmargin.errors import InvalidInputError
from crossmargin.interop.nautilus_mirror import Mirror

# isort: split
# Behind the modules above, which name the extra where the library is missing.
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import ModifyOrder, SubmitOrder, SubmitOrderList
from nautilus_trader.model.events import OrderDenied, OrderModifyRejected

ENDPOINT = "ExecEngine.execute"  # the last one before a venue


class PreTradeGate:
    """What an actor with a ``mirror`` needs to judge orders. ``accepted`` counts them, ``refused`` lists the others."""

    mirror: Mirror
    accepted: int
    refused: list[tuple[str, str]]
    cache: Any
    clock: Any
    msgbus: Any
    venue: Any
    refresh: Callable[[], None]  # marks the mirror's engine, if prices moved
    revalue: Callable[[], None]  # writes the balances anew

    def guard(self, kernel: Any) -> None:
        """Stand between strategies and venues from now on; of a ``BacktestEngine``, its ``kernel``."""
        self.onward = kernel.exec_engine.execute
        kernel.msgbus.deregister(endpoint=ENDPOINT, handler=self.onward)
        kernel.msgbus.register(endpoint=ENDPOINT, handler=self.execute)

    def check_order(self, order: Any) -> Decision:
        """What the gate answers to an order now, and why; changes nothing. A missing price raises, by name."""
        self.refresh()
        return self.mirror.decision(order)

    def execute(self, command: Any) -> None:
        """Let a command through, or answer for the venue."""
        if command.instrument_id.venue != self.venue or self.admits(command):
            self.onward(command)

    def admits(self, command: Any) -> bool:
        if isinstance(command, SubmitOrder):
            return self.submits([command.order])
        if isinstance(command, SubmitOrderList):
            return self.submits(command.order_list.orders)
        return not isinstance(command, ModifyOrder) or self.modifies(command)

    # ---- new orders ------------------------------------------------------------------------

    def submits(self, orders: Sequence[Any]) -> bool:
        """All orders rest, each judged beside those before it, or all are denied, which takes out those that rest."""
        for order in orders:
            reason = self.refusal(order)
            if reason:
                self.deny(orders, reason)
                return False
        self.accepted += len(orders)
        self.revalue()
        return True

    def refusal(self, order: Any) -> str:
        """Place an order; why it cannot be, empty if it could."""
        try:
            self.refresh()
            decision = self.mirror.place(order, self.clock.timestamp_ns())
        except InvalidInputError as error:  # a price that is missing, a size between lots, an instrument not listed
            return f"crossmargin: {error}"
        return "" if decision.accepted else text_of(decision)

    def deny(self, orders: Sequence[Any], reason: str) -> None:
        for order in orders:
            self.refused.append((str(order.client_order_id), reason))
            names = (order.trader_id, order.strategy_id, order.instrument_id, order.client_order_id)
            denied = OrderDenied(*names, reason, UUID4(), self.clock.timestamp_ns())
            self.msgbus.send(endpoint="ExecEngine.process", msg=denied)

    # ---- amendments ------------------------------------------------------------------------

    def modifies(self, command: Any) -> bool:
        """An order that does not rest here passes: what it then becomes is booked by the venue's events."""
        order = self.cache.order(command.client_order_id)
        if order is None or str(command.client_order_id) not in self.mirror.numbers:
            return True
        reason = self.amendment(order, command)
        if reason:
            self.reject(order, reason)
        else:
            self.revalue()
        return not reason

    def amendment(self, order: Any, command: Any) -> str:
        """Amend an order; why it cannot be, empty if it could."""
        try:
            self.refresh()
            price = command.price if order.has_price else command.trigger_price
            status = self.mirror.amend(order, command.quantity, price, self.clock.timestamp_ns())
        except InvalidInputError as error:
            return f"crossmargin: {error}"
        return "" if status == Status.OK else f"crossmargin {status.name}: {REASONS.get(status, '')}"

    def reject(self, order: Any, reason: str) -> None:
        self.refused.append((str(order.client_order_id), reason))
        now = self.clock.timestamp_ns()
        rejected = OrderModifyRejected(
            order.trader_id, order.strategy_id, order.instrument_id, order.client_order_id, order.venue_order_id,
            order.account_id, reason, UUID4(), now, now,
        )  # fmt: skip
        self.msgbus.send(endpoint="ExecEngine.process", msg=rejected)


def text_of(decision: Decision) -> str:
    """One line for the order's event: nautilus's log and the strategy see no more than this."""
    figures = f"initial {decision.initial:,.2f}, equity {decision.equity_initial:,.2f}"
    return f"crossmargin {decision.status.name}: {decision.reason} ({figures} with it)"
