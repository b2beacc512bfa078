"""The face of the venues: names, and methods from JSON."""

import msgspec
import pytest

import crossmargin as cm
from crossmargin.errors import InvalidInputError
from crossmargin.venues import okx
from crossmargin.venues.derive_parameters import MAINNET


def test_a_venue_loads_when_it_is_named():
    assert cm.venues.derive.PortfolioMargin2.__name__ == "PortfolioMargin2"
    with pytest.raises(AttributeError, match="must hold one of aevo, .*, derive, .*, was 'nasdaq'"):
        _ = cm.venues.nasdaq


def test_a_venue_method_round_trips_through_json():
    method = cm.venues.derive.PortfolioMargin2(name="main net", underlying="ETH", cash="USDC", rules=MAINNET)
    assert cm.venues.load_method(msgspec.json.encode(method)) == method


def test_methods_of_no_venue_are_read_too():
    desk = cm.load("seeds/crypto.json")
    assert cm.venues.load_method(desk.methods["portfolio"]) == cm.margin.load_method(desk.methods["portfolio"])


def test_an_unknown_method_is_refused():
    with pytest.raises(InvalidInputError, match="method"):
        cm.venues.load_method(b'{"method": "astrology", "name": "x"}')


@pytest.mark.parametrize(("as_of", "move", "edge"), [
    ("2024-12-31", 0.15, 10_000), ("2025-01-06", 0.12, 10_000), ("2025-01-14", 0.12, 10_000), ("2025-01-15", 0.12, 250_000),
])  # fmt: skip
def test_okx_changed_its_moves_and_its_tiers_on_two_days(as_of, move, edge):
    """exchanges: moves of 2025-01-06, MR7 tiers since 2025-01-15."""
    rules = okx.portfolio_margin(as_of).rules
    assert rules.units["BTC"].max_move == move
    assert rules.close_edges[1] == edge
