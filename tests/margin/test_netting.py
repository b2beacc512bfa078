"""What netting is worth: isolated sum, benefit and efficiency."""

import pytest
from margin import cases

from crossmargin.margin import Netting, netting


@pytest.mark.parametrize("method", ["isolated", "portfolio", "tiered"])
@pytest.mark.parametrize("name", ["crypto", "market-maker"])
def test_isolated_is_the_sum_of_positions_held_alone(name, method):
    desk, held = cases.desk(name), cases.account(name)
    prepared = desk.prepared(method)
    alone = [cases.plain_portfolio(desk.instruments, {n: p}) for n, p in held.positions.items()]
    found = netting(prepared, held)
    assert found.isolated == pytest.approx(sum(prepared.requirement(one).initial for one in alone), rel=1e-12)
    assert found.initial == prepared.requirement(held.holding(orders=())).initial


def test_a_hedged_book_is_more_efficient_than_one():
    for name in ("crypto", "market-maker"):
        found = netting(cases.desk(name).prepared("portfolio"), cases.account(name))
        assert found.efficiency > 1
        assert found.benefit == pytest.approx(found.isolated - found.initial)
        assert found.benefit == pytest.approx(found.initial * (found.efficiency - 1), rel=1e-12)


def test_one_position_has_no_benefit():
    desk = cases.desk("crypto")
    held = cases.plain_portfolio(desk.instruments, {"ETH-USDC-PERPETUAL": 500})
    found = netting(desk.prepared("portfolio"), held)
    assert (found.benefit, found.efficiency) == (0.0, 1.0)


def test_a_flat_position_is_left_out():
    desk = cases.desk("crypto")
    held = cases.plain_portfolio(
        desk.instruments, {"ETH-USDC-PERPETUAL": cases.lots(0, 77), "BTC-PERPETUAL": 10}
    )
    assert netting(desk.prepared("tiered"), held).efficiency == 1.0


def test_nothing_held():
    desk = cases.desk("crypto")
    found = netting(desk.prepared("portfolio"), cases.plain_portfolio(desk.instruments))
    assert (found.isolated, found.initial, found.benefit, found.efficiency) == (0.0, 0.0, 0.0, 1.0)


def test_a_perfect_hedge_is_infinitely_efficient():
    assert Netting(isolated=5.0, initial=0.0).efficiency == float("inf")
    assert Netting(isolated=5.0, initial=0.0).benefit == 5.0


def test_balances_are_no_position():
    """Coins of the account widen its own scan, not the isolated sum."""
    desk = cases.desk("crypto")
    prepared = desk.prepared("portfolio")
    positions = {"ETH-USDC-PERPETUAL": 500}
    with_coin = netting(prepared, cases.plain_portfolio(desk.instruments, positions, {"ETH": "10"}))
    without = netting(prepared, cases.plain_portfolio(desk.instruments, positions))
    assert with_coin.isolated == without.isolated
    assert with_coin.initial > without.initial


def test_figures_are_in_the_account_currency():
    desk = cases.desk("crypto")
    found = [
        netting(
            desk.prepared("portfolio"),
            cases.plain_portfolio(desk.instruments, {"BTC-PERPETUAL": 50}, currency=c),
        )
        for c in ("USD", "BTC")
    ]
    assert found[1].isolated * 65_666.19 == pytest.approx(found[0].isolated, rel=1e-12)
