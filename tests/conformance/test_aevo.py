"""Aevo portfolio margin: its published row."""

import pytest

from conformance.rows import agree, rows
from conformance.simple_accounts import account, perpetual
from crossmargin.venues import aevo


@pytest.mark.parametrize("row", rows("aevo"))
def test_levels_are_what_the_scan_loses(row):
    """One perpetual bought at the spot loses the distance to the lowest level, one sold that to the highest."""
    spot = row["inputs"]["spot"]
    method = aevo.portfolio_margin("USD", max_move=row["inputs"]["max_move"])
    for lots, level in ((1, "down"), (-1, "up")):
        portfolio, market = account([perpetual("P", "ETH")], {"P": lots}, {"ETH": spot}, {"P": spot})
        agree(method.requirement(portfolio, market).components["scan loss"].initial, abs(row["expected"][level] - spot))
