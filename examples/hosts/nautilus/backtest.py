"""A nautilus backtest whose orders pass crossmargin's gate: ``python examples/hosts/nautilus/backtest.py``.

The nautilus wheel holds no market data. Contracts come from its test kit, prices from the test kit's generator of bars:
BTC rises for an hour, then falls for an hour, and ETH with it. The test kit leaves some margin rates at 0 or 1; all
contracts here carry 5 % initial and 2.5 % maintenance, so that what nautilus would charge alone is a fair comparison.
"""

from decimal import Decimal
from pathlib import Path

from nautilus_trader.accounting.margin_models import LeveragedMarginModel
from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.test_kit.providers import TestDataGenerator, TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

from crossmargin.interop.nautilus import PortfolioMarginActor, PortfolioMarginConfig

HERE = Path(__file__).parent
MINUTE = 60 * 10**9
START = 1_640_995_200 * 10**9  # 2022-01-01, between activation and expiry of the test kit's future
RATES = {"margin_init": "0.05", "margin_maint": "0.025"}
VENUE = Venue("BINANCE")
BTC_PERP, BTC_FUTURE, ETH_PERP = "BTCUSDT-PERP.BINANCE", "BTCUSDT_220325.BINANCE", "ETHUSDT-PERP.BINANCE"

# (minute, label, contract, side, quantity, share of the price at which it rests; None: at market)
ORDERS = (
    (5, "buy 6 BTC", BTC_PERP, OrderSide.BUY, "6", None),
    (10, "buy 40 more", BTC_PERP, OrderSide.BUY, "40", None),
    (20, "hedge with the future", BTC_FUTURE, OrderSide.SELL, "6", None),
    (25, "buy 10 BTC unhedged", BTC_PERP, OrderSide.BUY, "10", None),
    (30, "sell 10 futures against it", BTC_FUTURE, OrderSide.SELL, "10", None),
    (40, "sell 40 ETH", ETH_PERP, OrderSide.SELL, "40", None),
    (50, "rest a bid for 4 BTC", BTC_PERP, OrderSide.BUY, "4", "0.97"),
    (55, "rest a bid for 40 BTC", BTC_PERP, OrderSide.BUY, "40", "0.98"),
    (90, "lift the hedge", BTC_FUTURE, OrderSide.BUY, "16", None),
    (95, "sell 4 BTC", BTC_PERP, OrderSide.SELL, "4", None),
)


def with_rates(instrument):
    """The same contract with the rates of this example."""
    return type(instrument).from_dict(type(instrument).to_dict(instrument) | RATES)


def instruments():
    kit = TestInstrumentProvider
    made = (kit.btcusdt_perp_binance(), kit.btcusdt_future_binance(), kit.ethusdt_perp_binance())
    return {str(row.id): with_rates(row) for row in made}


def bar_type(name):
    return BarType.from_str(f"{name}-1-MINUTE-LAST-EXTERNAL")


def bars(instrument, price, ticks):
    """An hour up and an hour down, so many ticks a minute."""
    level = Price(price, instrument.price_precision)
    size = Quantity(1000, instrument.size_precision)
    first = Bar(bar_type(instrument.id), level, level, level, level, size, START, START)
    up = TestDataGenerator.generate_monotonic_bars(instrument, first, 60, MINUTE, ticks)
    down = TestDataGenerator.generate_monotonic_bars(instrument, up[-1], 61, MINUTE, ticks, increasing_series=False)
    return [*up, *down[1:]]


class Script(Strategy):
    """Sends the orders of the script and knows nothing of crossmargin; notes a bar later what became of each."""

    def __init__(self, margin):
        super().__init__(StrategyConfig(order_id_tag="001"))
        self.margin, self.denied, self.sent, self.rows = margin, {}, None, []

    def on_start(self):
        self.subscribe_bars(bar_type(BTC_PERP))

    def on_bar(self, bar):
        if self.sent:
            self.note(*self.sent)
        minute = (bar.ts_event - START) // MINUTE
        self.sent = None
        for due, label, name, side, quantity, share in ORDERS:
            if due == minute:
                instrument = self.cache.instrument(bar_type(name).instrument_id)
                self.sent = minute, label, self.order(instrument, side, instrument.make_qty(Decimal(quantity)), share)
                self.submit_order(self.sent[-1])

    def order(self, instrument, side, size, share):
        if share is None:
            return self.order_factory.market(instrument.id, side, size)
        price = self.cache.bar(bar_type(instrument.id)).close.as_decimal() * Decimal(share)
        return self.order_factory.limit(instrument.id, side, size, instrument.make_price(price))

    def on_order_denied(self, event):
        self.denied[event.client_order_id] = event.reason

    def note(self, minute, label, order):
        account = self.cache.account_for_venue(VENUE)
        figures = self.margin.mirror.engine.figures(self.margin.mirror.account)
        written, nautilus = account.account_margins(), alone(self.cache, account)
        self.rows.append((minute, label, order.client_order_id, figures, written, nautilus))


def alone(cache, account):
    """What nautilus's own model charges for the same positions and resting orders: (of orders, of positions)."""
    model, initial, maintenance = LeveragedMarginModel(), 0.0, 0.0
    for held in cache.positions_open(venue=VENUE):
        instrument, price = cache.instrument(held.instrument_id), Price(held.avg_px_open, 2)
        terms = (instrument, held.side, held.quantity, price, account.default_leverage)
        maintenance += model.calculate_margin_maint(*terms).as_double()
    for order in cache.orders_open(venue=VENUE):
        terms = (cache.instrument(order.instrument_id), order.leaves_qty, order.price, account.default_leverage)
        initial += model.calculate_margin_init(*terms).as_double()
    return initial, maintenance


def engine_with(strategy, margin):
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    posted = [Money(30_000, USDT), Money("0.50", BTC)]
    engine.add_venue(VENUE, OmsType.NETTING, AccountType.MARGIN, posted, default_leverage=Decimal(1))
    prices = {BTC_PERP: ("46000.0", 20), BTC_FUTURE: ("46500.00", 200), ETH_PERP: ("3700.00", 15)}
    for name, instrument in instruments().items():
        engine.add_instrument(instrument)
        price, ticks = prices[name]
        engine.add_data(bars(instrument, Decimal(price), 10 * ticks))
    engine.add_actor(margin)
    engine.add_strategy(strategy)
    margin.guard(engine.kernel)
    return engine


def money(balances):
    return ", ".join(f"{b.initial} / {b.maintenance}" for b in balances.values())


def report(script, margin):
    print(f"{'crossmargin, the account':>70} {'nautilus alone':>26}")
    heads = f"{'initial':>12} {'maintenance':>13} {'orders':>12} {'positions':>13}  written"
    print(f"minute {'order':26} {'answer':8} {heads}")
    for minute, label, order, figures, written, (initial, maintenance) in script.rows:
        answer = "refused" if order in script.denied else "accepted"
        ours = f"{figures['initial']:12,.2f} {figures['maintenance']:13,.2f}"
        print(f"{minute:6} {label:26} {answer:8} {ours} {initial:12,.2f} {maintenance:13,.2f}  {money(written)}")
    print(f"\naccepted {margin.accepted}, refused {len(margin.refused)}:")
    labels = {order: label for _, label, order, *_ in script.rows}
    for order, reason in script.denied.items():
        print(f"  {labels[order]}: {reason}")


def main():
    """Run the script; the strategy and the actor, for whoever wants to look further."""
    config = PortfolioMarginConfig(
        venue=str(VENUE), method=(HERE / "method.json").read_text(), quote="USDT", currencies=("BTC",),
        instrument_ids=tuple(instruments()), prices="bar", bar_types=tuple(map(str, map(bar_type, instruments()))),
        slippage="0.001", fee="0.0005",
    )  # fmt: skip
    margin = PortfolioMarginActor(config)
    script = Script(margin)
    engine = engine_with(script, margin)
    engine.run()
    report(script, margin)
    for currency, balance in engine.cache.account_for_venue(VENUE).balances().items():
        print(f"at the end {currency}: total {balance.total}, locked {balance.locked}, free {balance.free}")
    engine.dispose()
    return script, margin


if __name__ == "__main__":
    main()
