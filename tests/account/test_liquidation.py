"""Liquidation and bankruptcy prices: roots of the surplus, against a dense scan, every position counted."""

import numpy as np
import pytest

from crossmargin import Instruments, Market, Observation, Portfolio, Position, liquidation_prices
from crossmargin.errors import MissingPriceError
from crossmargin.instruments import Kind
from crossmargin.scenario import moved_market
from strategies import AS_OF, FIGURES, OWNER, USD, desk, instrument, instruments, market, method_of

TABLE = instruments()
METHOD = method_of(
    collateral=[
        {"asset": "USD"},
        {"asset": "USDC"},
        {"asset": "BTC", "initial": [0.1], "maintenance": [0.05]},
    ]
)
LINEAR_COST = 30_010 * 10**4  # one lot of LINEAR at its mark, atoms of USDC
BOOKS = {
    "long": ({"LINEAR": Position(100, 100 * LINEAR_COST)}, {"USDC": "9000"}),
    "short": ({"LINEAR": Position(-100, -100 * LINEAR_COST)}, {"USDC": "20000"}),
    "inverse long on its coin": ({"INVERSE": Position(6000, -6000 * 33_167)}, {"BTC": "1"}),
    "short straddle": (
        {"CALL": Position(-20, -20 * 9_000), "PUT": Position(-1, -1_400 * 10**6)},
        {"USD": "20000"},
    ),
    "hedged wings": (
        {"CALL": Position(-50), "LINEAR": Position(300, 300 * LINEAR_COST), "COIN_PUT": Position(10)},
        {"USD": "40000"},
    ),
    "coin options": ({"COIN_CALL": Position(-30), "COIN_PUT": Position(-20)}, {"BTC": "3", "USD": "5000"}),
    "safe": ({"LINEAR": Position(1, LINEAR_COST)}, {"USD": "1000000"}),
}


def holding(name):
    positions, balances = BOOKS[name]
    return Portfolio.of(TABLE, account=OWNER, positions=positions, balances=balances)


def surplus(portfolio, price, name="surplus_maintenance", method=METHOD):
    moved = moved_market(TABLE, market(), {"BTC": price / 30_000 - 1})
    return getattr(method.requirement(portfolio, moved), name)


@pytest.mark.parametrize("threshold", ["surplus_maintenance", "equity_maintenance"])
@pytest.mark.parametrize("name", BOOKS)
def test_the_surplus_is_zero_at_every_price(name, threshold):
    portfolio = holding(name)
    (found,) = liquidation_prices(portfolio, market(), METHOD, threshold=threshold)
    assert (found.underlying, found.index) == ("BTC", 30_000.0)
    for price in found.all_prices:
        slope = (
            abs(surplus(portfolio, price * 1.0001, threshold) - surplus(portfolio, price * 0.9999, threshold))
            / 2e-4
        )
        assert abs(surplus(portfolio, price, threshold)) <= 1e-9 * max(slope, 1e4)
    below, above = (
        [p for p in found.all_prices if side(p)] for side in (lambda p: p < 30_000, lambda p: p >= 30_000)
    )
    assert found.below == (max(below) if below else None)
    assert found.above == (min(above) if above else None)


@pytest.mark.parametrize("name", BOOKS)
def test_prices_are_those_of_a_dense_scan(name):
    portfolio = holding(name)
    (found,) = liquidation_prices(portfolio, market(), METHOD)
    grid = np.concatenate([np.linspace(30, 45_000, 180), np.geomspace(45_500, 300_000, 50)])
    signs = np.array([surplus(portfolio, price) >= 0 for price in grid])
    cells = [(grid[i], grid[i + 1]) for i in np.flatnonzero(signs[1:] != signs[:-1])]
    inside = [p for p in found.all_prices if grid[0] <= p <= grid[-1]]
    assert len(inside) == len(cells)
    for price, (low, high) in zip(inside, cells, strict=True):
        assert low <= price <= high


EXPECTED = {
    "long": (True, False),
    "short": (False, True),
    "inverse long on its coin": (True, False),
    "short straddle": (True, True),
    "safe": (False, False),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_side_is_the_one_that_hurts(name):
    (found,) = liquidation_prices(holding(name), market(), METHOD)
    assert (found.below is not None, found.above is not None) == EXPECTED[name]


def test_a_linear_price_by_hand():
    # 1 contract long, 9,000 USDC, loss counted at 0.8 x 20 %: (9000 - (30010 - P)) - 0.16 P = 0 USDC
    (found,) = liquidation_prices(holding("long"), market(), METHOD)
    mark = (30_010 - 9_000) / 0.84
    assert found.below == pytest.approx(mark * 30_000 / 30_010, rel=1e-9)


def test_every_other_position_counts():
    alone = holding("long")
    helped = alone.holding(positions={**alone.positions, "PUT": Position(1, 1_400 * 10**6)})
    hurt = alone.holding(positions={**alone.positions, "PUT": Position(-1, -1_400 * 10**6)})
    prices = [liquidation_prices(p, market(), METHOD)[0].below for p in (helped, alone, hurt)]
    assert prices[0] is None or prices[0] < prices[1]
    assert prices[1] < prices[2]


def test_bankruptcy_lies_beyond_liquidation():
    for name in ("long", "short"):
        liquidation, bankruptcy = (
            liquidation_prices(holding(name), market(), METHOD, threshold=t)[0]
            for t in ("surplus_maintenance", "equity_maintenance")
        )
        if name == "long":
            assert bankruptcy.below < liquidation.below < 30_000
        else:
            assert bankruptcy.above > liquidation.above > 30_000


def test_each_underlying_held_has_its_own_prices():
    other = instrument("ETH", Kind.PERPETUAL, underlying="ETH")
    table = instruments([*TABLE, other])
    seen = market(FIGURES | {("ETH", "index"): 2_000.0, ("ETH", "mark"): 2_000.0})
    portfolio = Portfolio.of(
        table,
        account=OWNER,
        positions={"LINEAR": 0, "ETH": Position(5, 5 * 200_000)},
        balances={"USD": "5000"},
    )
    method = method_of()
    assert [p.underlying for p in liquidation_prices(portfolio, seen, method)] == ["ETH"]
    with_coin = portfolio.holding(balances={"USD": "5000", "BTC": "0.1"})
    assert [p.underlying for p in liquidation_prices(with_coin, seen, method)] == ["BTC", "ETH"]
    (only,) = liquidation_prices(with_coin, seen, method, underlying="ETH")
    assert only == liquidation_prices(with_coin, seen, method)[1]


def test_nothing_held_has_no_prices_and_an_unknown_underlying_no_index():
    found = desk()
    empty = found.portfolio.holding(positions={}, balances={"USD": 1})
    assert liquidation_prices(empty, found.market, method_of()) == ()
    with pytest.raises(MissingPriceError, match="^market must hold index of 'XX', was absent at"):
        liquidation_prices(found.portfolio, found.market, method_of(), underlying="XX")


def test_below_zero_a_falling_price_is_still_below():
    oil = instrument("OIL", Kind.FUTURE, underlying="OIL", contract_size=1000, expiry=AS_OF + 1)
    table = Instruments.of([oil], [USD])
    figures = {("OIL", "index"): -20.0, ("OIL", "mark"): -20.0}
    seen = Market.of([Observation(subject=s, field=f, value=v) for (s, f), v in figures.items()], as_of=AS_OF)
    portfolio = Portfolio.of(
        table, account=OWNER, positions={"OIL": Position(1, -2_000_000)}, balances={"USD": "10000"}
    )
    (found,) = liquidation_prices(portfolio, seen, method_of("isolated"))
    # 10,000 + 1000 (P + 20) = 0.8 x 0.1 x 1000 |P|
    assert found.below == pytest.approx(-30_000 / 1080, rel=1e-9)
    assert found.above is None
