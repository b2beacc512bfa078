"""The adapter for nautilus_trader, in backtests: contracts, balances, and orders that never reach the venue."""

import json
import runpy
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

pytest.importorskip("nautilus_trader", reason="nautilus_trader is not installed; it needs Python 3.12 or later")

from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.examples.algorithms.twap import TWAPExecAlgorithm
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.currencies import BTC, USD, USDT
from nautilus_trader.model.data import Bar, BarType, IndexPriceUpdate, MarkPriceUpdate, QuoteTick, TradeTick
from nautilus_trader.model.enums import AccountType, AggressorSide, OmsType, OrderSide, TriggerType
from nautilus_trader.model.events import AccountState, OrderDenied, OrderInitialized, OrderModifyRejected, OrderSubmitted
from nautilus_trader.model.identifiers import ExecAlgorithmId, TradeId, Venue
from nautilus_trader.model.objects import AccountBalance, Money, Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider as Kit
from nautilus_trader.trading.strategy import Strategy

from crossmargin import Account, Asset, Portfolio, Position
from crossmargin.errors import InvalidInputError, MissingPriceError
from crossmargin.instruments import Kind, Payoff, Right
from crossmargin.interop.nautilus import PortfolioMarginActor, PortfolioMarginConfig, to_asset, to_instrument, to_instruments

# nautilus's own calls of pandas, whose next version drops them
pytestmark = pytest.mark.filterwarnings("ignore:Timestamp.utcnow:DeprecationWarning", "ignore::ResourceWarning")

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "hosts" / "nautilus" / "backtest.py"
START, MINUTE = 1_640_995_200 * 10**9, 60 * 10**9
BUY, SELL = OrderSide.BUY, OrderSide.SELL


# ---- contracts ------------------------------------------------------------------------------

CONTRACTS = [
    (Kit.btcusdt_perp_binance, Kind.PERPETUAL, "BTC", "USDT", Payoff.LINEAR, "1", "0.1", "0.001"),
    (Kit.btcusdt_future_binance, Kind.FUTURE, "BTC", "USDT", Payoff.LINEAR, "1", "0.01", "0.000001"),
    (Kit.ethusdt_binance, Kind.SPOT, "ETH", "USDT", Payoff.LINEAR, "1", "0.01", "0.00001"),
    (Kit.xbtusd_bitmex, Kind.PERPETUAL, "BTC", "BTC", Payoff.INVERSE, "1", "0.5", "1"),
    (Kit.aapl_option, Kind.OPTION, "AAPL", "USD", Payoff.LINEAR, "100", "0.01", "1"),
    (Kit.equity, Kind.SPOT, "AAPL", "USD", Payoff.LINEAR, "1", "0.01", "1"),
    (lambda: Kit.future(symbol="ESZ21", underlying="ES", venue="GLBX"), Kind.FUTURE, "ES", "USD", Payoff.LINEAR, "1", "0.01", "1"),
]


@pytest.mark.parametrize("row", CONTRACTS, ids=lambda row: f"{row[1]} {row[2]} {row[4]}")
def test_a_contract_keeps_its_terms(row):
    make, kind, underlying, settlement, payoff, size, tick, lot = row
    given, found = make(), to_instrument(make())
    assert found.id == str(given.id)
    assert (found.kind, found.underlying, found.settlement, found.payoff) == (kind, underlying, settlement, payoff)
    assert (found.contract_size, found.tick, found.lot) == (Fraction(size), Fraction(tick), Fraction(lot))
    assert found.expiry == (given.expiration_ns if kind in (Kind.FUTURE, Kind.OPTION) else None)


def test_an_option_keeps_strike_and_right():
    found = to_instrument(Kit.aapl_option())
    assert (found.strike, found.right) == (149.0, Right.CALL)


@pytest.mark.parametrize(("make", "words"), [
    (Kit.ethusd_bitmex, "settlement currency must be ETH"),
    (Kit.crypto_option, "settlement currency must be USD"),
    (Kit.audusd_cfd, "be spot, swap, future or option, was 'CFD'"),
    (Kit.binary_option, "be spot, swap, future or option"),
    (Kit.futures_spread, "be spot, swap, future or option"),
])  # fmt: skip
def test_what_nautilus_books_otherwise_is_refused(make, words):
    with pytest.raises(InvalidInputError, match=words):
        to_instrument(make())


def test_an_option_in_coin_is_refused():
    coined = Kit.crypto_option()
    terms = type(coined).to_dict(coined) | {"is_inverse": True}
    with pytest.raises(InvalidInputError, match="is_inverse must be false for an option"):
        to_instrument(type(coined).from_dict(terms))


def test_currencies_keep_their_precision_and_move_with_their_index():
    assert to_asset(USDT, "USDT") == Asset(id="USDT", decimals=8, underlying=None)
    assert to_asset(BTC, "USDT") == Asset(id="BTC", decimals=8, underlying="BTC")
    table = to_instruments([Kit.btcusdt_perp_binance(), Kit.ethusdt_perp_binance()], [BTC], quote="USDT")
    assert [asset.id for asset in table.assets] == ["BTC", "USDT"]


# ---- a backtest -----------------------------------------------------------------------------

def tiered(*collateral, **rates):
    schedules = {
        name: {"kind": "tiers", "edges": [0], "initial": [rate[0]], "maintenance": [rate[1]]} for name, rate in rates.items()
    }
    return json.dumps({
        "method": "tiered", "name": "test", "net_by": "underlying", "schedules": schedules,
        "collateral": [{"asset": name} for name in collateral],
    })  # fmt: skip


LINEAR = tiered("USDT", BTC=(0.1, 0.05), ETH=(0.1, 0.05))


def bar_type(instrument):
    return BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")


def bars_of(instrument, prices):
    """One flat bar a minute; ``None``: none that minute."""
    found = []
    for minute, price in enumerate(prices):
        if price is not None:
            level, time = Price(price, instrument.price_precision), START + minute * MINUTE
            found.append(Bar(bar_type(instrument), *[level] * 4, Quantity(10**6, instrument.size_precision), time, time))
    return found


class Script(Strategy):
    """Does what the test says, minute by minute, and looks after each."""

    def __init__(self, steps, clock_of, looks):
        super().__init__(StrategyConfig(order_id_tag="T"))
        self.steps, self.clock_of, self.looks, self.orders, self.seen = dict(steps), clock_of, looks, [], []

    def on_start(self):
        self.subscribe_bars(bar_type(self.clock_of))

    def on_bar(self, bar):
        self.looks(self)
        step = self.steps.get((bar.ts_event - START) // MINUTE)
        if step:
            step(self)
            self.looks(self)

    def on_order_event(self, event):
        self.seen.append(event)

    def market(self, instrument, side, quantity, **terms):
        return self.send(self.order_factory.market(instrument.id, side, instrument.make_qty(quantity), **terms))

    def limit(self, instrument, side, quantity, price, **terms):
        size, at = instrument.make_qty(quantity), instrument.make_price(price)
        return self.send(self.order_factory.limit(instrument.id, side, size, at, **terms))

    def send(self, order):
        self.orders.append(order)
        self.submit_order(order)
        return order


class Run:
    """A backtest of steps over prices, with the actor between."""

    def __init__(self, paths, steps, *, method=LINEAR, money=(Money(10_000, USDT),), looks=lambda s: None, guarded=True,
                 oms=OmsType.NETTING, data=(), algorithm=None, **config):
        instruments = list(paths)
        self.venue = instruments[0].id.venue
        config = {"quote": "USDT", "prices": "bar", "bar_types": tuple(str(bar_type(i)) for i in instruments)} | config
        self.actor = PortfolioMarginActor(PortfolioMarginConfig(
            venue=str(self.venue), method=method, instrument_ids=tuple(str(i.id) for i in instruments), **config))
        self.script = Script(steps, instruments[0], lambda s: looks(self))
        self.engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
        self.engine.add_venue(self.venue, oms, AccountType.MARGIN, list(money), default_leverage=Decimal(10))
        for instrument, path in paths.items():
            self.engine.add_instrument(instrument)
            self.engine.add_data(path if isinstance(path[0], QuoteTick | TradeTick) else bars_of(instrument, path))
        if data:
            self.engine.add_data(list(data))
        self.engine.add_actor(self.actor)
        self.engine.add_strategy(self.script)
        if algorithm:
            self.engine.add_exec_algorithm(algorithm)
        if guarded:
            self.actor.guard(self.engine.kernel)
        self.engine.run()

    @property
    def risk(self):
        return self.actor.mirror.engine

    @property
    def account(self):
        return self.engine.cache.account_for_venue(self.venue)

    def figures(self):
        return self.risk.figures(0)

    def written(self):
        return {c.code: (float(b.initial), float(b.maintenance)) for c, b in self.account.account_margins().items()}


PERP, FUTURE, ETH = Kit.btcusdt_perp_binance(), Kit.btcusdt_future_binance(), Kit.ethusdt_perp_binance()


def independent(run):
    """The method's requirement of what nautilus's own cache holds, without the engine."""
    table, positions = run.risk.instruments, {}
    for held in run.engine.cache.positions_open(venue=run.venue):
        row = table.instrument(str(held.instrument_id))
        quantity = Fraction(held.signed_decimal_qty()) * row.contract_size
        if row.payoff is Payoff.INVERSE:
            quantity, price = -quantity, 1 / Fraction(held.avg_px_open)
        else:
            price = Fraction(held.avg_px_open)
        cost = round(quantity * price * 10 ** table.asset(row.settlement).decimals)
        positions[row.id] = Position(int(Fraction(held.signed_decimal_qty()) / row.lot), cost)
    balances = {c.code: str(m.as_decimal()) for c, m in run.account.balances_total().items()}
    owner = Account(id="nautilus", currency=run.risk.market.quote)
    return run.risk.prepared.requirement(Portfolio.of(table, account=owner, positions=positions, balances=balances))


def balances_hold(run):
    """total == locked + free; what is written is what the engine says, to an atom of each currency, and nothing else."""
    for balance in run.account.balances().values():
        assert balance.total == balance.locked + balance.free
        assert balance.locked <= balance.total
    if run.actor.mirror.opened is None:
        assert run.account.account_margins() == {}
        return
    figures, market = run.figures(), run.risk.market
    assert run.account.margins() == {}
    for place, level in enumerate(("initial", "maintenance")):
        written = {c: pair[place] * market.price(c, None if c == market.quote else c) for c, pair in run.written().items()}
        atoms = sum(10.0**-c.precision * market.price(c.code, None if c.code == market.quote else c.code) for c in run.account.account_margins())
        assert figures[level] - 1e-6 <= sum(written.values()) <= figures[level] + atoms + 1e-6
    locked = {c.code: float(b.locked) for c, b in run.account.balances().items()}
    totals = {c.code: float(b.total) for c, b in run.account.balances().items()}
    for code, (initial, _) in run.written().items():
        assert locked[code] == pytest.approx(min(initial, totals[code]), abs=1e-8)


def test_balances_are_the_engines_figures_at_every_step():
    looked = []

    def looks(run):
        balances_hold(run)
        looked.append(run.actor.mirror.opened is not None)

    steps = {
        1: lambda s: s.market(PERP, BUY, 1), 2: lambda s: s.market(ETH, SELL, 5), 3: lambda s: s.limit(PERP, SELL, "0.5", 41_000),
        5: lambda s: s.cancel_order(s.orders[2]), 6: lambda s: s.market(PERP, SELL, "1.4"), 8: lambda s: s.market(ETH, BUY, 5),
    }  # fmt: skip
    run = Run({PERP: [40_000, 40_010, 39_900, 40_300, 40_350, 40_100, 40_000, 39_950, 39_000, 39_500],
               ETH: [3000, 3001, 3010, 3020, 3000, 2990, 2980, 2970, 2960, 2950]}, steps, looks=looks, fee="0.0005")  # fmt: skip
    assert sum(looked) >= 14
    assert not run.actor.refused
    assert run.actor.accepted == 5
    assert not any(run.risk.imbalance().values())
    fees = sum((fee.as_decimal() for order in run.script.orders for fee in order.commissions()), Decimal(0))
    assert run.risk.totals()[1] == [fees * 10**8]
    found = independent(run)
    assert run.figures()["maintenance"] == pytest.approx(found.maintenance, abs=1e-6)
    assert run.figures()["equity_maintenance"] == pytest.approx(found.equity_maintenance, abs=1e-6)
    assert run.figures()["maintenance"] == pytest.approx(0.05 * 0.4 * 39_500, abs=1e-6)


def test_a_refused_order_never_reaches_the_venue():
    steps = {1: lambda s: s.market(PERP, BUY, 1), 2: lambda s: s.market(PERP, BUY, 5), 3: lambda s: s.limit(PERP, BUY, 5, 39_000)}
    run = Run({PERP: [40_000] * 6}, steps, looks=balances_hold)
    first, *others = run.script.orders
    assert first.is_closed
    assert first.filled_qty == first.quantity
    for order in others:
        assert [type(event) for event in order.events] == [OrderInitialized, OrderDenied]
        assert order.venue_order_id is None
        assert order.last_event.reason.startswith("crossmargin REFUSED: surplus_initial would fall below 0")
    assert [name for name, _ in run.actor.refused] == [str(order.client_order_id) for order in others]
    assert run.risk.orders() == []
    assert [lots for *_, lots, _, _ in run.risk.positions()] == [1000]


def test_what_was_sent_uses_margin_before_the_venue_answers():
    steps = {1: lambda s: [s.limit(PERP, BUY, 2, 40_000) for _ in range(2)]}
    run = Run({PERP: [40_000, 40_100, 40_100, 40_100]}, steps, looks=balances_hold)
    assert [bool(order.venue_order_id) for order in run.script.orders] == [True, False]
    assert run.script.orders[1].status_string() == "DENIED"


def test_without_the_gate_nautilus_lets_all_of_them_through():
    """What the gate is for; the actor still books what happened."""
    steps = {1: lambda s: s.market(PERP, BUY, 1), 2: lambda s: s.market(PERP, BUY, 5)}
    run = Run({PERP: [40_000] * 6}, steps, looks=balances_hold, guarded=False)
    assert all(order.filled_qty == order.quantity for order in run.script.orders)
    assert run.figures()["surplus_initial"] < 0
    assert [lots for *_, lots, _, _ in run.risk.positions()] == [6000]


def test_before_every_price_was_seen_orders_are_refused_by_the_missing_name():
    answers = []

    def ask(script):
        with pytest.raises(MissingPriceError, match="ETH"):
            run_of[0].check_order(script.order_factory.market(PERP.id, BUY, PERP.make_qty(1)))
        answers.append(script.market(PERP, BUY, "0.1"))

    run_of = []
    original = PortfolioMarginActor.on_start
    steps = {1: ask, 4: lambda s: answers.append(s.market(PERP, BUY, "0.1"))}

    class Known(PortfolioMarginActor):
        def on_start(self):
            run_of.append(self)
            original(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(Run.__init__.__globals__, "PortfolioMarginActor", Known)
        run = Run({PERP: [40_000] * 6, ETH: [None, None, None, 3000, 3000, 3000]}, steps, looks=balances_hold)
    early, late = answers
    assert "ETHUSDT-PERP.BINANCE" in early.last_event.reason
    assert early.venue_order_id is None
    assert late.is_closed
    assert run.actor.accepted == 1


def test_a_decision_changes_nothing_and_agrees_with_the_gate():
    asked = []

    def step(script, quantity):
        order = script.order_factory.limit(PERP.id, BUY, PERP.make_qty(quantity), PERP.make_price(39_000))
        before = run_risk().sequence(), run_risk().orders()
        asked.append(run_actor().check_order(order))
        assert (run_risk().sequence(), run_risk().orders()) == before
        script.send(order)

    holder = {}
    run_actor, run_risk = lambda: holder["run"].actor, lambda: holder["run"].risk
    steps = {1: lambda s: step(s, 2), 2: lambda s: step(s, 2)}
    Run({PERP: [40_000] * 5}, steps, looks=lambda run: holder.update(run=run))
    assert [decision.accepted for decision in asked] == [True, False]
    assert asked[0].initial == pytest.approx(0.1 * 2 * 40_000 + 2 * 1000 * 0, abs=2001)
    assert 0 < asked[1].largest < 2000
    assert [bool(order.venue_order_id) for order in holder["run"].script.orders] == [True, False]


def test_amendments_pass_the_gate():
    """A larger size than the account carries is rejected and changes nothing; another price is taken by both."""
    def grow(script):
        script.modify_order(script.orders[0], quantity=PERP.make_qty(9))

    def shift(script):
        script.modify_order(script.orders[0], quantity=PERP.make_qty("0.5"), price=PERP.make_price(39_500))

    resting = []
    steps = {1: lambda s: s.limit(PERP, BUY, 1, 39_000), 2: grow, 4: shift}
    run = Run({PERP: [40_000] * 7}, steps, looks=lambda run: resting.append(run.risk.orders()) if run.actor.mirror.opened else None)
    order = run.script.orders[0]
    assert [type(e) for e in order.events].count(OrderModifyRejected) == 1
    assert run.actor.refused[0][1].startswith("crossmargin REFUSED")
    assert (order.quantity, order.price) == (PERP.make_qty("0.5"), PERP.make_price(39_500))
    assert {row[3:6:2] for rows in resting for row in rows} == {(1000, 390_000), (500, 395_000)}
    assert [row[3:6:2] for row in run.risk.orders()] == [(500, 395_000)]


def test_an_amendment_that_the_venue_rejects_is_taken_back():
    def cross(script):
        script.modify_order(script.orders[0], price=PERP.make_price(41_000))

    steps = {1: lambda s: s.limit(PERP, BUY, 1, 39_000, post_only=True), 2: cross}
    run = Run({PERP: [40_000] * 6}, steps, looks=balances_hold)
    assert [type(event) for event in run.script.orders[0].events].count(OrderModifyRejected) == 1
    assert not run.actor.refused
    assert [row[3:6:2] for row in run.risk.orders()] == [(1000, 390_000)]


def test_orders_that_did_not_pass_the_gate_are_written_down_as_the_venue_has_them():
    def shift(script):
        script.modify_order(script.orders[0], quantity=PERP.make_qty(3), price=PERP.make_price(39_500))

    rested = []
    steps = {1: lambda s: s.limit(PERP, BUY, 5, 39_000), 3: shift}
    run = Run({PERP: [40_000] * 6}, steps, guarded=False,
              looks=lambda run: rested.append(run.risk.orders()) if run.actor.mirror.opened else None)  # fmt: skip
    assert {row[3:6:2] for rows in rested for row in rows} == {(5000, 390_000), (3000, 395_000)}
    assert run.figures()["initial"] == pytest.approx(0.1 * 3 * 40_000 - 3 * 500, abs=1e-3)  # filled below the mark


def test_cancelled_expired_and_rejected_orders_rest_no_longer():
    steps = {
        1: lambda s: s.limit(PERP, BUY, "0.1", 39_000), 2: lambda s: s.cancel_order(s.orders[0]),
        3: lambda s: s.limit(PERP, BUY, "0.1", 41_000, post_only=True),
    }  # fmt: skip
    run = Run({PERP: [40_000] * 6}, steps, looks=balances_hold)
    assert [order.status_string() for order in run.script.orders] == ["CANCELED", "REJECTED"]
    assert run.risk.orders() == []
    assert run.actor.mirror.numbers == {}


def test_of_an_order_list_all_rest_or_none():
    def bracket(script, quantity):
        script.submit_order_list(script.order_factory.bracket(
            instrument_id=PERP.id, order_side=BUY, quantity=PERP.make_qty(quantity), sl_trigger_price=PERP.make_price(39_000),
            tp_price=PERP.make_price(41_000)))

    run = Run({PERP: [40_000] * 5}, {1: lambda s: bracket(s, 9), 2: lambda s: bracket(s, 1)}, looks=balances_hold)
    orders = sorted(run.engine.cache.orders(), key=lambda order: order.ts_init)
    assert {order.status_string() for order in orders[:3]} == {"DENIED"}
    assert len(run.actor.refused) == 3
    assert run.actor.accepted == 3
    assert sorted((row[3], row[4]) for row in run.risk.orders()) == [(-1000, -1000), (-1000, 0)]  # one position, closed once


def test_an_account_in_trouble_may_reduce():
    steps = {
        1: lambda s: s.market(PERP, BUY, 2), 4: lambda s: s.market(PERP, BUY, "0.001"),
        5: lambda s: s.market(PERP, SELL, 1, reduce_only=True), 6: lambda s: s.market(PERP, SELL, "0.5"),
    }  # fmt: skip
    run = Run({PERP: [40_000, 40_000, 40_000, 37_500, 37_500, 37_500, 37_500, 37_500]}, steps, looks=balances_hold)
    assert [order.status_string() for order in run.script.orders] == ["FILLED", "DENIED", "FILLED", "FILLED"]


def test_a_requirement_is_shared_by_the_value_of_the_collateral():
    method = tiered("USDT", "BTC", BTC=(0.1, 0.05), ETH=(0.1, 0.05))
    run = Run({PERP: [40_000] * 5}, {1: lambda s: s.market(PERP, BUY, 1)}, method=method, currencies=("BTC",),
              money=(Money(30_000, USDT), Money("0.25", BTC)), looks=balances_hold)  # fmt: skip
    total = float(run.account.balance_total(USDT))
    share = total / (total + 10_000)
    assert run.written()["USDT"][1] == pytest.approx(2000 * share, abs=1e-6)
    assert run.written()["BTC"][1] == pytest.approx(2000 * (1 - share) / 40_000, abs=1e-7)


def test_inverse_contracts_and_their_coin():
    coin = Kit.xbtusd_bitmex()
    steps = {1: lambda s: s.market(coin, BUY, 10_000), 3: lambda s: s.market(coin, SELL, 4_000)}
    run = Run({coin: [40_000, 40_000, 41_000, 41_500, 42_000, 39_000]}, steps, method=tiered("BTC", "USD", BTC=(0.1, 0.05)),
              quote="USD", money=(Money(1, BTC),), looks=balances_hold)  # fmt: skip
    found = independent(run)
    assert run.account.balance_total(BTC) != Money(1, BTC)
    assert run.figures()["equity_maintenance"] == pytest.approx(found.equity_maintenance, abs=1e-3)
    assert run.figures()["maintenance"] == pytest.approx(0.05 * 6_000, abs=1e-6)


def test_an_option_premium_is_counted_once():
    """nautilus pays the premium out of the balance, the engine carries it as open cost."""
    expired, share = Kit.aapl_option(), Kit.equity(symbol="AAPL", venue="OPRA")
    option = type(expired).from_dict(type(expired).to_dict(expired) | {"expiration_ns": START + 10**6 * MINUTE})
    steps = {1: lambda s: s.market(option, BUY, 2), 3: lambda s: s.market(option, SELL, 1)}
    run = Run({share: [150] * 6, option: [5, 5, 6, 6, 7, 7]}, steps, method=tiered("USD", AAPL=(0.5, 0.25)), quote="USD",
              money=(Money(10_000, USD),), looks=balances_hold)  # fmt: skip
    assert not run.actor.refused
    total = float(run.account.balance_total(USD))
    assert total == pytest.approx(10_000 - 2 * 500 + 600, abs=50)
    assert run.figures()["equity_maintenance"] == pytest.approx(total + 700, abs=1e-6)


def test_hedged_positions_net_in_the_engine_alone():
    steps = {1: lambda s: s.market(PERP, BUY, 1), 2: lambda s: s.market(PERP, SELL, 1)}
    run = Run({PERP: [40_000, 40_000, 40_500, 41_000, 41_000]}, steps, oms=OmsType.HEDGING, looks=balances_hold)
    assert len(run.engine.cache.positions_open()) == 2
    assert run.risk.positions() == []
    fees = sum(float(fee) for order in run.script.orders for fee in order.commissions())
    assert run.figures()["equity_maintenance"] == pytest.approx(10_000 + 500 - fees, abs=1e-6)


def test_positions_and_orders_from_before_the_engine_are_brought():
    steps = {1: lambda s: (s.market(PERP, BUY, 1), s.limit(PERP, BUY, "0.5", 39_000))}
    run = Run({PERP: [40_000, 40_000, 40_100, 40_200, 40_300], ETH: [None, None, None, 3000, 3000]}, steps, guarded=False,
              looks=balances_hold)  # fmt: skip
    assert [lots for *_, lots, _, _ in run.risk.positions()] == [1000]
    assert [row[3:6:2] for row in run.risk.orders()] == [(500, 390_000)]
    assert run.figures()["equity_maintenance"] == pytest.approx(independent(run).equity_maintenance, abs=1e-6)


def test_money_that_comes_from_outside_is_seen():
    def deposit(script):
        account = script.cache.account_for_venue(PERP.id.venue)
        new = Money(25_000, USDT)
        locked = account.balance_locked(USDT)
        script.msgbus.send(endpoint="Portfolio.update_account", msg=AccountState(
            account.id, AccountType.MARGIN, None, True, [AccountBalance(new, locked, new - locked)],
            list(account.account_margins().values()), {}, UUID4(), script.clock.timestamp_ns(), script.clock.timestamp_ns()))

    steps = {1: lambda s: s.market(PERP, BUY, 5), 2: deposit, 3: lambda s: s.market(PERP, BUY, 5)}
    run = Run({PERP: [40_000] * 6}, steps, looks=balances_hold)
    assert [order.status_string() for order in run.script.orders] == ["DENIED", "FILLED"]


def ticks(kind, prices):
    found = []
    for minute, price in enumerate(prices):
        time, size = START + minute * MINUTE, PERP.make_qty(100)
        if kind == "quote":
            found.append(QuoteTick(PERP.id, PERP.make_price(price - 5), PERP.make_price(price + 5), size, size, time, time))
        else:
            found.append(TradeTick(PERP.id, PERP.make_price(price), size, AggressorSide.BUYER, TradeId(str(minute)), time, time))
    return found


@pytest.mark.parametrize("kind", ["quote", "trade"])
def test_quotes_and_trades_mark_as_well(kind):
    run = Run({PERP: ticks(kind, [40_000, 40_100, 40_200])}, {}, prices=kind, bar_types=())
    assert run.risk.market.value("mark", str(PERP.id)) == 40_200
    assert run.risk.market.value("index", "BTC") == 40_200


def test_mark_and_index_prices_of_the_venue_rule():
    times = [START + minute * MINUTE for minute in range(3)]
    data = [MarkPriceUpdate(PERP.id, PERP.make_price(40_000 + 10 * i), t, t) for i, t in enumerate(times)]
    data += [IndexPriceUpdate(PERP.id, PERP.make_price(39_990), times[1], times[1])]
    run = Run({PERP: [41_000] * 3}, {}, prices="mark", bar_types=(), data=data, looks=balances_hold)
    assert run.risk.market.value("mark", str(PERP.id)) == 40_020
    assert run.risk.market.value("index", "BTC") == 39_990


def test_marks_may_be_rare_but_orders_see_the_latest_price():
    """10,000 carries 2 BTC at the first price (8,000) and not at the second (12,000)."""
    path = [40_000, 40_000, 60_000, 60_000, 60_000]
    run = Run({PERP: path}, {2: lambda s: s.market(PERP, BUY, 2)}, mark_every=60 * MINUTE, looks=balances_hold)
    idle = Run({PERP: path}, {}, mark_every=60 * MINUTE, looks=balances_hold)
    assert run.script.orders[0].status_string() == "DENIED"
    assert run.risk.market.value("index", "BTC") == 60_000
    assert idle.risk.market.value("index", "BTC") == 40_000


def test_a_market_order_is_judged_beyond_the_mark():
    """10,000 carries 2.4 at the mark; at 1 % beyond it each contract costs 400 more than it is worth."""
    steps = {1: lambda s: s.market(PERP, BUY, "2.4")}
    plain = Run({PERP: [40_000] * 4}, steps)
    beyond = Run({PERP: [40_000] * 4}, steps, slippage="0.01")
    assert not plain.actor.refused
    assert beyond.actor.refused


def test_emulated_orders_pass_the_gate_when_they_are_released():
    """nautilus's emulator sends past nautilus's risk engine; not past the gate."""
    def emulate(script):
        for quantity in (9, 1):
            script.limit(PERP, BUY, quantity, 39_000, emulation_trigger=TriggerType.LAST_PRICE)

    path = [40_000, 40_000, 40_000, 38_900, 38_900, 38_900]
    run = Run({PERP: path}, {1: emulate}, data=ticks("trade", path), looks=balances_hold)
    large, small = (run.engine.cache.order(order.client_order_id) for order in run.script.orders)  # released as new ones
    assert (large.status_string(), small.status_string()) == ("DENIED", "FILLED")
    assert not any(isinstance(event, OrderSubmitted) for event in large.events)
    assert len(run.actor.refused) == 1


def test_the_slices_of_an_execution_algorithm_pass_the_gate():
    def twap(script):
        script.market(PERP, BUY, 4, exec_algorithm_id=ExecAlgorithmId("TWAP"),
                      exec_algorithm_params={"horizon_secs": 240, "interval_secs": 60})

    run = Run({PERP: [40_000] * 8}, {1: twap}, algorithm=TWAPExecAlgorithm(), looks=balances_hold)
    states = sorted(order.status_string() for order in run.engine.cache.orders())
    assert states.count("FILLED") == 2
    assert states.count("DENIED") == 2
    assert [lots for *_, lots, _, _ in run.risk.positions()] == [2000]


def test_stops_are_charged_from_submission():
    def stop(script, quantity):
        script.send(script.order_factory.stop_market(PERP.id, BUY, PERP.make_qty(quantity), PERP.make_price(41_000)))

    def shift(script, trigger):
        script.modify_order(script.orders[1], trigger_price=PERP.make_price(trigger))

    steps = {1: lambda s: stop(s, 9), 2: lambda s: stop(s, 1), 4: lambda s: shift(s, 42_000), 5: lambda s: shift(s, 60_000)}
    run = Run({PERP: [40_000] * 8}, steps, looks=balances_hold)
    assert len(run.actor.refused) == 2
    assert [order.status_string() for order in run.script.orders] == ["DENIED", "ACCEPTED"]
    assert [row[3:6:2] for row in run.risk.orders()] == [(1000, 420_000)]
    assert run.figures()["initial"] == pytest.approx(0.1 * 40_000 + 2_000, abs=1e-3)


def test_a_backtest_may_be_run_again():
    run = Run({PERP: [40_000] * 6}, {1: lambda s: s.market(PERP, BUY, 1), 2: lambda s: s.market(PERP, BUY, 5)})
    first = run.figures(), run.written(), len(run.actor.refused)
    run.engine.reset()
    run.engine.run()
    assert (run.figures(), run.written(), len(run.actor.refused)) == first
    assert run.actor.accepted == 1


def test_accounts_with_a_base_currency_are_refused():
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(Venue("BINANCE"), OmsType.NETTING, AccountType.MARGIN, [Money(10_000, USDT)], base_currency=USDT)
    engine.add_instrument(PERP)
    engine.add_data(bars_of(PERP, [40_000] * 3))
    engine.add_actor(PortfolioMarginActor(PortfolioMarginConfig(
        venue="BINANCE", method=LINEAR, quote="USDT", instrument_ids=(str(PERP.id),), prices="bar", bar_types=(str(bar_type(PERP)),))))
    with pytest.raises(InvalidInputError, match="margin account without a base currency"):
        engine.run()


def test_the_example_accepts_some_and_refuses_some(capsys):
    script, margin = runpy.run_path(str(EXAMPLE))["main"]()
    printed = capsys.readouterr().out
    assert margin.accepted == 7
    assert len(margin.refused) == 3
    assert "accepted 7, refused 3" in printed
    assert len(script.rows) == 10
    for _, _, _, figures, written, (orders, positions) in script.rows:
        assert figures["initial"] >= figures["maintenance"] > 0
        assert {currency.code for currency in written} == {"USDT", "BTC"}
        assert orders + positions > 0
