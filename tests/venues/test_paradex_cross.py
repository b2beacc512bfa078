"""Paradex cross margin worked by hand: open sizes, options of each side, fees, open loss, the check of an order."""

from dataclasses import replace
from fractions import Fraction

import msgspec
import pytest

from conformance.simple_accounts import account, linear_option, perpetual
from crossmargin import InvalidInputError, Order, Position
from crossmargin.venues import paradex, paradex_cross
from crossmargin.venues.paradex_parameters import CrossRules, OptionRates

RULES = CrossRules(imf={"BTC": 0.1, "ETH": 0.2}, options={"BTC": OptionRates(long_itm=0.2, short_itm=0.15, short_otm=0.1)},
                   fee_rate=0.001)  # fmt: skip
INDEX, PEG = 50_000.0, 0.98


def asked(listed, held=None, marks=None, orders=(), balances=None, rules=RULES):
    """Requirement in USD of contracts settled in a coin worth 0.98, and what it was asked of."""
    prices = {"BTC": INDEX, "ETH": 2_000.0, "SOL": 100.0}
    book, market = account(listed, held or {}, prices, marks or {}, volatility=0.5, orders=orders, currency="USD",
                           balances=balances or {}, prices={"USDC": PEG})  # fmt: skip
    method = paradex.CrossMargin(name="test", rules=rules)
    return method.requirement(book, market), method, book, market


def order(number, side, lots, limit, name="P"):
    return Order(id=number, instrument=name, side=side, lots=lots, limit=str(limit))


def lines(found, level="initial"):
    return {part.name: part.value for part in found.explain(level)}


@pytest.mark.parametrize(("position", "buys", "sells", "size"), [
    (3, 0, 0, 3), (-3, 0, 0, 3), (3, 2, 0, 5), (3, 0, 2, 3), (3, 0, 8, 5), (-3, 1, 4, 7), (0, 2, 6, 6), (0, 6, 2, 6),
])  # fmt: skip
def test_a_perpetual_pays_for_the_larger_open_size(position, buys, sells, size):
    orders = [order(n, side, lots, 50_000) for n, (side, lots) in enumerate((("buy", buys), ("sell", sells))) if lots]
    found, *_ = asked([perpetual("P", "BTC", "USDC")], {"P": Position(position, 0)}, {"P": 50_000}, orders)
    notional = 50_000 * PEG
    assert lines(found)["net"] == pytest.approx(size * 0.1 * notional)
    assert lines(found)["fee provision"] == pytest.approx(size * 0.001 * notional)
    assert lines(found, "maintenance")["net"] == pytest.approx(0.5 * abs(position) * 0.1 * notional)
    assert lines(found, "maintenance")["fee provision"] == pytest.approx(0.5 * abs(position) * 0.001 * notional)
    assert lines(found)["open loss"] == pytest.approx(0.0, abs=1e-6)
    assert lines(found).get("options", 0.0) == 0.0
    assert found.initial == pytest.approx(sum(lines(found).values()))


@pytest.mark.parametrize(("right", "strike", "mark", "lots", "expected"), [
    ("call", 40_000.0, 12_000.0, 2, 10_000.0),  # long: 20 % of the index, below the mark
    ("call", 60_000.0, 700.0, 2, 700.0),  # long: the mark
    ("put", 60_000.0, 10_500.0, 1, 10_000.0),
    ("call", 40_000.0, 12_000.0, -2, 7_500.0),  # short in the money: 15 %
    ("call", 51_000.0, 3_000.0, -2, 6_500.0),  # 15 % less 1,000 out of the money
    ("call", 60_000.0, 700.0, -2, 5_000.0),  # at least 10 %
    ("put", 49_000.0, 3_000.0, -1, 6_500.0),
    ("put", 60_000.0, 10_500.0, -1, 7_500.0),
])  # fmt: skip
def test_an_option_by_its_side(right, strike, mark, lots, expected):
    listed = [linear_option("C", "BTC", strike, right, "USDC", days=30)]
    found, *_ = asked(listed, {"C": Position(lots, 0)}, {"C": mark})
    assert lines(found)["options"] == pytest.approx(abs(lots) * expected * PEG)
    assert lines(found, "maintenance")["options"] == pytest.approx(0.5 * abs(lots) * expected * PEG)
    assert lines(found)["net"] == 0.0
    assert found.equity_initial == pytest.approx(lots * mark * PEG)


@pytest.mark.parametrize(("orders", "loss"), [
    ([order(1, "buy", 2, 50_100)], 200.0), ([order(1, "buy", 2, 49_900)], 0.0),
    ([order(1, "sell", 2, 49_900)], 200.0), ([order(1, "sell", 2, 50_100)], 0.0),
    ([order(1, "buy", 1, 50_100), order(2, "buy", 1, 49_950)], 50.0),  # one side together
    ([order(1, "buy", 1, 50_100), order(2, "sell", 3, 49_800)], 700.0),  # sides apart
])  # fmt: skip
def test_open_loss(orders, loss):
    found, *_ = asked([perpetual("P", "BTC", "USDC")], {}, {"P": 50_000}, orders)
    assert lines(found)["open loss"] == pytest.approx(loss * PEG, abs=1e-6)
    assert lines(found, "maintenance").get("open loss", 0.0) == pytest.approx(0.0, abs=1e-6)


def test_lots_smaller_than_a_contract_and_other_markets():
    swap = perpetual("P", "BTC", "USDC")
    small = replace(swap, lot=Fraction(1, 100), contract_size=Fraction(1, 2))
    found, *_ = asked([small, perpetual("Q", "ETH", "USDC")], {"P": Position(250, 0), "Q": Position(-4, 0)},
                      {"P": 50_000, "Q": 2_000}, [order(1, "buy", 50, 50_100)])  # fmt: skip
    lot = 0.005  # a hundredth of a contract of half a coin
    assert lines(found)["net"] == pytest.approx((300 * lot * 0.1 * 50_000 + 4 * 0.2 * 2_000) * PEG)
    assert lines(found)["open loss"] == pytest.approx(50 * lot * 100 * PEG)


def accepted(position, placed, *, cash, resting=(), limits=None, mark=100.0):
    rules = msgspec.structs.replace(RULES, limits=limits or {}, fee_rate=0.0)
    held = {"P": Position(position, int(position * mark * 10**9))}
    _, method, book, market = asked([perpetual("P", "BTC", "USDC")], held, {"P": mark}, resting, {"USDC": str(cash)}, rules)
    return paradex.order_accepted(book, placed, market, method)


@pytest.mark.parametrize(("position", "placed", "cash", "resting", "expected"), [
    (0, order(9, "buy", 10, 100), 100, (), True),  # initial 100 USDC, exactly covered
    (0, order(9, "buy", 10, 100), 99.99, (), False),
    (10, order(9, "buy", 1, 100), 50, (), False),
    (10, order(9, "sell", 10, 100), 0, (), True),  # a reduction is accepted below initial margin
    (-10, order(9, "buy", 10, 100), 0, (), True),
    (10, order(9, "sell", 11, 100), 0, (), False),  # all orders against the position exceed it
    (10, order(9, "sell", 5, 100), 0, (order(1, "sell", 6, 100),), False),
    (10, order(9, "sell", 5, 100), 0, (order(1, "sell", 5, 100),), True),
    (10, order(9, "sell", 5, 100), 0, (order(1, "buy", 6, 100),), True),
    (0, order(9, "sell", 1, 100), 0, (), False),
])  # fmt: skip
def test_an_order_is_covered_or_reduces(position, placed, cash, resting, expected):
    assert accepted(position, placed, cash=cash, resting=resting) is expected


@pytest.mark.parametrize(("position", "placed", "expected"), [
    (4, order(9, "buy", 6, 100), True), (4, order(9, "buy", 7, 100), False),
    (4, order(9, "sell", 14, 100), True), (4, order(9, "sell", 15, 100), False),
    (-4, order(9, "buy", 14, 100), True), (-4, order(9, "buy", 15, 100), False),
])  # fmt: skip
def test_position_limits(position, placed, expected):
    assert accepted(position, placed, cash=10_000, limits={"P": 10.0}) is expected


def test_without_a_position_nothing_reduces():
    """Neither by an order at hand nor by those that rest; an order of another market is not against this one."""
    swap = perpetual("P", "BTC", "USDC")
    resting = [order(1, "sell", 1, 100)]
    _, method, book, market = asked([swap], {}, {"P": 100}, resting, {"USDC": "1"})
    assert not paradex.order_accepted(book, order(2, "sell", 1, 100), market, method)
    assert paradex_cross.opposite_orders(book, order(2, "buy", 1, 100)) == 0
    assert paradex_cross.opposite_orders(book, order(2, "sell", 1, 100)) == 0


def test_limits_count_contracts():
    """Lots of a hundredth: a limit of one contract allows a hundred of them, beside half a contract held only fifty."""
    small = replace(perpetual("P", "BTC", "USDC"), lot=Fraction(1, 100))
    rules = msgspec.structs.replace(RULES, limits={"P": 1.0})
    held = {"P": Position(50, 50 * 10**9)}
    _, method, book, market = asked([small], held, {"P": 100}, (), {"USDC": "1000"}, rules)
    assert paradex.order_accepted(book, order(1, "buy", 50, 100), market, method)
    assert not paradex.order_accepted(book, order(1, "buy", 51, 100), market, method)
    assert paradex.order_accepted(book, order(1, "sell", 150, 100), market, method)
    assert not paradex.order_accepted(book, order(1, "sell", 151, 100), market, method)


def test_what_it_cannot_hold():
    with pytest.raises(InvalidInputError, match="position must be one that the method can hold, was 'S'"):
        asked([perpetual("S", "SOL", "USDC")], {"S": Position(1, 0)}, {"S": 100})
