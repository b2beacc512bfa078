"""Prices along every path are where the whole account, revalued there, has no surplus left; beside brute force."""

from pathlib import Path

import numpy as np
import pytest

from crossmargin import load
from crossmargin.account import liquidation_prices
from crossmargin.errors import InvalidInputError
from crossmargin.liquidation.prices import account_prices, common_moves, surface
from crossmargin.margin import load_method
from crossmargin.scenario.revalue import moved_market

SEEDS = Path(__file__).resolve().parents[2] / "seeds"


def desk(file="crypto", name="portfolio"):
    found = load(SEEDS / f"{file}.json")
    return found.portfolio, found.market, load_method(found.methods[name])


def surplus(portfolio, market, method, moves, points=0.0, name="surplus_maintenance"):
    there = moved_market(portfolio.instruments, market, moves, points)
    return getattr(method.requirement(portfolio, there), name)


@pytest.mark.parametrize(("file", "name"), [("crypto", "portfolio"), ("crypto", "tiered"), ("market-maker", "portfolio")])
def test_both_prices_of_every_underlying(file, name):
    portfolio, market, method = desk(file, name)
    found = account_prices(portfolio, market, method)
    assert found
    scale = max(abs(method.requirement(portfolio, market).equity_maintenance), 1.0)
    for prices in found:
        for side, figure in ((prices.liquidation, "surplus_maintenance"), (prices.bankruptcy, "equity_maintenance")):
            for price in side.all_prices:
                x = price / side.index - 1.0
                assert surplus(portfolio, market, method, {side.underlying: x}, name=figure) == pytest.approx(0, abs=1e-6 * scale)
        assert prices.liquidation == next(
            p for p in liquidation_prices(portfolio, market, method) if p.underlying == prices.liquidation.underlying
        )


def test_brute_force_finds_no_other_crossing():
    """On a grid of its own the sign changes exactly between neighbours of the prices found."""
    portfolio, market, method = desk()
    [prices] = [p for p in account_prices(portfolio, market, method) if p.liquidation.underlying == "BTC"]
    grid = np.linspace(-0.9, 2.0, 117)
    signs = np.sign([surplus(portfolio, market, method, {"BTC": float(x)}) for x in grid])
    crossings = np.flatnonzero(signs[:-1] * signs[1:] < 0)
    moves = np.array(prices.liquidation.all_prices) / prices.liquidation.index - 1.0
    inside = moves[(moves > grid[0]) & (moves < grid[-1])]
    assert len(crossings) == len(inside)
    assert all(grid[i] <= x <= grid[i + 1] for i, x in zip(crossings, np.sort(inside), strict=True))


def test_a_common_move_weighs_each_underlying():
    portfolio, market, method = desk()
    names = sorted(common_moves(portfolio, market, method).betas)
    betas = {name: 1.0 + 0.5 * row for row, name in enumerate(names)}
    found = common_moves(portfolio, market, method, betas)
    assert found.below is not None or found.above is not None
    for x in found.all_moves:
        moves = {name: max(beta * x, -1 + 1e-9) for name, beta in betas.items()}
        assert surplus(portfolio, market, method, moves) == pytest.approx(0, abs=1e-3)
    x = found.below if found.below is not None else found.above
    prices = {name: pair[0 if found.below is not None else 1] for name, pair in found.prices.items()}
    assert prices == {n: market.value("index", n) * (1 + max(b * x, -1 + 1e-9)) for n, b in betas.items()}


def test_a_surface_is_the_surplus_at_its_points():
    portfolio, market, method = desk("market-maker")
    found = surface(portfolio, market, method, underlying="SPX", moves=[-0.1, 0.0, 0.2], volatilities=[0.0, 0.3])
    assert found.surplus.shape == (2, 3)
    assert found.surplus[0, 1] == pytest.approx(method.requirement(portfolio, market).surplus_maintenance, rel=1e-9)
    assert found.surplus[1, 2] == pytest.approx(surplus(portfolio, market, method, {"SPX": 0.2}, 0.3))
    assert found.surplus[1, 1] != found.surplus[0, 1]
    assert found.underlyings == ("SPX",)


def test_an_account_without_positions_has_no_price():
    portfolio, market, method = desk()
    empty = portfolio.holding(positions={}, orders=(), balances={"USD": "100"})
    assert account_prices(empty, market, method) == ()
    found = common_moves(empty, market, method)
    assert (found.below, found.above, found.all_moves) == (None, None, ())


@pytest.mark.parametrize(("call", "message"), [
    (lambda *a: common_moves(*a, {"DOGE": 1.0}), "beta must be one of"),
    (lambda *a: common_moves(*a, {"BTC": float("nan")}), "beta must be finite"),
    (lambda *a: surface(*a, underlying="DOGE"), "underlying must be one of"),
    (lambda *a: surface(*a, moves=[-1.0]), "moves must be > -1, was -1.0 at row 0"),
])  # fmt: skip
def test_bad_paths_are_refused(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call(*desk())
