"""Hyperliquid: the shipped figures beside those of its documentation, and the bounds of its rules."""

from msgspec.structs import replace
import pytest

from crossmargin import InvalidInputError
from crossmargin.venues import hyperliquid, hyperliquid_portfolio
from crossmargin.venues import hyperliquid_parameters as parameters
from figures import shipped

POOL, TOKEN = parameters.POOL, parameters.POOL.collateral["BTC"]


def test_tiers_of_main_net():
    """A rate is half of what the most leverage asks."""
    for method in (hyperliquid.cross_margin(), hyperliquid_portfolio.portfolio_margin()):
        assert set(method.tiers) == set(shipped.HYPERLIQUID_TIERS)
        for name, (edge, first, second) in shipped.HYPERLIQUID_TIERS.items():
            found = method.tiers[name]
            assert (found.edges, found.leverage) == ((0, edge), (first, second))
            assert found.maintenance == pytest.approx((1 / first / 2, 1 / second / 2), rel=1e-12)
    assert hyperliquid.cross_margin().transfer_rate == shipped.HYPERLIQUID_TRANSFER


def test_portfolio_margin():
    assert {name: getattr(POOL, name) for name in shipped.HYPERLIQUID_POOL} == shipped.HYPERLIQUID_POOL
    assert set(POOL.collateral) == set(shipped.HYPERLIQUID_TOKENS)
    for name, figures in shipped.HYPERLIQUID_TOKENS.items():
        assert {field: getattr(POOL.collateral[name], field) for field in figures} == figures


def test_thresholds_of_a_token():
    """LTV 0.6: liquidated above 0.5 + 0.5 x 0.6 = 0.8; a borrow in part above 0.6 + 0.4 x 0.25 = 0.7."""
    token = parameters.TokenRule(ltv=0.6, supply_cap=1.0)
    assert (token.threshold, token.borrow_threshold(0.25)) == pytest.approx((0.8, 0.7), rel=1e-12)


@pytest.mark.parametrize(("record", "name", "edge", "outside"), [
    (TOKEN, "supply_cap", 0.0, -0.01), (POOL, "borrow_cap", 0.0, -0.01), (POOL, "offset", 0.0, -0.01),
    (POOL, "ratio", 0.01, 0.0), (POOL, "ratio", 1.0, 1.01),
])  # fmt: skip
def test_bounds(record, name, edge, outside):
    assert getattr(replace(record, **{name: edge}), name) == edge
    with pytest.raises(InvalidInputError, match=f"{name} must "):
        replace(record, **{name: outside})


@pytest.mark.parametrize("number", [1, 49])
def test_below_50_a_margin_table_is_its_most_leverage(number):
    assert parameters.table_of(number).leverage == (number,)


def test_from_50_on_a_margin_table_has_tiers():
    found = parameters.table_of(50, ((0.0, 10.0), (3e6, 5.0)))
    assert (found.edges, found.leverage) == ((0.0, 3e6), (10.0, 5.0))
