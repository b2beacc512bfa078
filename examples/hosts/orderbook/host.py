"""A venue's order handling around the books of orderly-chaos, without a gate and with one in front."""

from collections import Counter
from collections.abc import Iterable
from functools import partial

from orderly_chaos import LimitOrderBook, Side, Trade

from crossmargin.account import RiskEngine
from crossmargin.errors import raise_for_status

PLACE, AMEND, CANCEL = range(3)
Message = tuple[int, int, int, int, int, int]  # kind, account, order, instrument, signed lots, ticks


class Host:
    """One book an instrument, and the open lots of every order."""

    def __init__(self, instruments: Iterable[int]) -> None:
        self.books = {n: LimitOrderBook(on_trade=partial(self.traded, n)) for n in instruments}
        self.account: dict[int, int] = {}  # of each resting order
        self.lots: dict[int, int] = {}  # signed, open
        self.ticks: dict[int, int] = {}
        self.late = self.trades = 0

    def run(self, messages: Iterable[Message]) -> None:
        """Take messages in their order."""
        take = (self.place, self.amend, self.cancel)
        for kind, account, order, instrument, lots, ticks in messages:
            take[kind](account, order, instrument, lots, ticks)

    def place(self, account: int, order: int, instrument: int, lots: int, ticks: int) -> None:
        """Match a new order and rest what is left."""
        self.account[order], self.lots[order], self.ticks[order] = account, lots, ticks
        self.books[instrument].limit(Side.BUY if lots > 0 else Side.SELL, order, abs(lots), ticks)

    def amend(self, account: int, order: int, instrument: int, lots: int, ticks: int) -> None:
        """Less at the same limit keeps its place in the queue; all else joins it anew."""
        if order not in self.lots:  # it was filled, or refused
            self.late += 1
            return
        less = abs(self.lots[order]) - abs(lots)
        if ticks == self.ticks[order] and less > 0:
            self.lots[order] = lots
            self.books[instrument].reduce(order, less)
        else:
            self.books[instrument].cancel(order)
            Host.place(self, account, order, instrument, lots, ticks)

    def cancel(self, account: int, order: int, instrument: int, lots: int, ticks: int) -> None:
        """Take an order out of the book."""
        if order not in self.lots:
            self.late += 1
            return
        self.books[instrument].cancel(order)
        self.forget(order)

    def traded(self, instrument: int, trade: Trade) -> None:
        """What the book says of each trade: both orders have less open."""
        self.trades += 1
        taken = trade.quantity if trade.taker_side is Side.BUY else -trade.quantity
        self.filled(trade.taker_id, taken)
        self.filled(trade.maker_id, -taken)

    def filled(self, order: int, lots: int) -> None:
        self.lots[order] -= lots
        if not self.lots[order]:
            self.forget(order)

    def forget(self, order: int) -> None:
        del self.account[order], self.lots[order], self.ticks[order]


class GatedHost(Host):
    """The same with an engine asked before the book accepts, and told of every trade and cancel."""

    def __init__(self, instruments: Iterable[int], engine: RiskEngine) -> None:
        super().__init__(instruments)
        self.engine = engine
        self.refused: Counter[int] = Counter()  # messages by the gate's status

    def place(self, account: int, order: int, instrument: int, lots: int, ticks: int) -> None:
        """The book never sees what the gate refuses."""
        status = self.engine.place(account, order, instrument, lots, ticks)
        if status:
            self.refused[status] += 1
        else:
            super().place(account, order, instrument, lots, ticks)

    def amend(self, account: int, order: int, instrument: int, lots: int, ticks: int) -> None:
        """A refused amendment leaves the order as it is."""
        status = self.engine.amend(account, order, lots, ticks) if order in self.lots else 0
        if status:
            self.refused[status] += 1
        else:
            super().amend(account, order, instrument, lots, ticks)

    def cancel(self, account: int, order: int, instrument: int, lots: int, ticks: int) -> None:
        """The book first: until it lets go the order may still trade and must stay reserved."""
        resting = order in self.lots
        super().cancel(account, order, instrument, lots, ticks)
        if resting:
            raise_for_status(self.engine.cancel(account, order), "cancel")

    def traded(self, instrument: int, trade: Trade) -> None:
        """Both sides at once, at the price of the order that rested."""
        buy, sell = trade.taker_id, trade.maker_id
        if trade.taker_side is Side.SELL:
            buy, sell = sell, buy
        buyer, seller = self.account[buy], self.account[sell]
        status = self.engine.trade(buyer, buy, seller, sell, instrument, trade.quantity, trade.price)
        raise_for_status(status, "trade")
        super().traded(instrument, trade)
