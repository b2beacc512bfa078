"""Tables of liquidations and cascades: what is shortened is told, what is nothing is said to be."""

from dataclasses import replace

import pytest

from crossmargin.liquidation.cascade import CascadeResult, CascadeRules, Round
from crossmargin.liquidation.close_out import ClosingTrade, Step
from crossmargin.liquidation.impact import LinearImpact, NoImpact, SquareRootImpact
from crossmargin.reports import cascades, liquidations
from strategies import desk

ROUND = Round(
    number=0, factor={"BTC": 0.8}, seen={"BTC": 0.8}, revalued=5, below=4321, liquidated=3, restored=1, taken_over=1,
    notional=1234567.8, penalty=-0.2, from_fund=0.0, deleveraged=7.0, socialised=12.5, fund=100.0,
)  # fmt: skip


def result(n, *, ended=True):
    rounds = tuple(replace(ROUND, number=number) for number in range(n))
    return CascadeResult(rounds=rounds, underlyings=("BTC",), accounts=[], ended=ended)


def test_a_round_in_cells():
    head, [cells] = cascades.round_head(result(1)), cascades.round_rows(result(1))
    assert dict(zip(head, cells, strict=True)) == {
        "round": "0", "BTC": "-20.00%", "below": "4,321", "liquidated": "3", "restored": "1", "taken over": "1",
        "notional": "1,234,568", "penalty": "0", "fund paid": "0", "deleveraged": "7", "socialised": "12", "fund": "100",
    }  # fmt: skip


@pytest.mark.parametrize(("n", "lines"), [(1, 1), (16, 16), (17, 16), (100, 16)])
def test_of_many_rounds_the_first_and_the_last_are_shown(n, lines):
    rows = cascades.round_rows(result(n))
    assert len(rows) == lines
    assert (rows[0][0], rows[-1][0]) == ("0", str(n - 1))
    if n > lines:
        assert [row[0] for row in rows[11:14]] == ["11", f"{n - 15} more", str(n - 3)]
    assert len(cascades.round_rows(result(n), shorten=False)) == n


def test_how_a_cascade_ended():
    assert cascades.end_line("a", result(3)) == "a: ended after 3 rounds, no account is left to close"
    assert cascades.end_line("a", result(3, ended=False)) == (
        "a: stopped after 3 rounds, accounts still below maintenance: 4,321"
    )


@pytest.mark.parametrize(("impact", "text"), [
    (NoImpact(), "no"), (LinearImpact(), "linear (permanent 1, temporary 0.5)"),
    (SquareRootImpact(permanent=0.5), "square root (coefficient 1, permanent 0.5)"),
])  # fmt: skip
def test_an_impact_in_words(impact, text):
    assert cascades.impact_text(CascadeRules(impact=impact)) == text


def test_of_many_trades_the_number_is_told():
    portfolio = desk().portfolio
    trade = ClosingTrade(instrument="PERP", lots=-30, ticks=84_001, asset="USD", cost=1, fee=0)
    row = portfolio.instruments.instrument("PERP")
    text = f"sell {float(30 * row.lot):g} PERP at {float(84_001 * row.tick):,}"
    assert liquidations.trade_text(portfolio, trade) == text
    step = Step(trades=(trade,) * 5, margin_freed=0.0, surplus_before=0.0, surplus_after=0.0, reason="why")
    assert liquidations.trade_lines(portfolio, step, 5) == [text] * 5
    assert liquidations.trade_lines(portfolio, step, 3) == [text] * 3 + ["and 2 more"]
    assert liquidations.trade_text(portfolio, replace(trade, lots=2)).startswith("buy ")


@pytest.mark.parametrize(("price", "text"), [(None, "none"), (90.0, "90.00 (-10.0%)"), (125.0, "125.00 (+25.0%)")])
def test_a_price_with_its_distance(price, text):
    assert liquidations.away(price, 100.0) == text
