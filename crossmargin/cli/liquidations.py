"""The command about one account's liquidation: state, prices, and the close-out where it is below maintenance."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import typer

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.account import only_held
from crossmargin.account.health import State, health
from crossmargin.account.liquidation import held_underlyings
from crossmargin.cli.shared import (
    AccountName,
    File,
    Html,
    Json,
    MethodName,
    PenaltyRate,
    Shocks,
    any_method_of,
    app,
    chosen,
    out,
    page_at,
    parse_shocks,
    print_json,
    progress,
    say,
    show,
    write_page,
)
from crossmargin.instruments import exact, time_text
from crossmargin.liquidation.close_out import CommonShare, Costs, Penalty, Rule, Smallest, Staged, Whole, close_out
from crossmargin.liquidation.narrative import Narrative, narrative
from crossmargin.liquidation.prices import BANKRUPTCY, Surface, account_prices, common_moves, surface
from crossmargin.margin import Method
from crossmargin.market import Market
from crossmargin.portfolio import Portfolio
from crossmargin.reports import liquidations as report
from crossmargin.reports.liquidation_page import liquidation_page
from crossmargin.scenario.revalue import moved_market
from crossmargin.snapshot import load

RULES: dict[str, type[Rule]] = {"smallest": Smallest, "share": CommonShare, "staged": Staged, "whole": Whole}
VOLATILITIES = (-0.2, -0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)
MOST_SURFACES = 4  # underlyings drawn each on its own, beside all together

RuleName = Annotated[str, typer.Option("--rule", help="How positions are closed: smallest, share, staged or whole.")]
HalfSpread = Annotated[float, typer.Option("--half-spread", help="Half of the spread, a fraction of the mark.")]


@app.command()
def liquidate(
    file: File,
    account: AccountName = "",
    method: MethodName = "",
    rule: RuleName = "smallest",
    shock: Shocks = [],  # noqa: B006  typer reads the default
    penalty: PenaltyRate = 0.0,
    half_spread: HalfSpread = 0.0,
    as_json: Json = False,
    html: Html = None,
) -> None:
    """Where an account would be liquidated and, if it is below maintenance, its close-out step by step and why."""
    page_at(html)
    rules = check.known("rule", rule, RULES, f"rule ({', '.join(RULES)})")()
    rate = exact("penalty", check.fraction("penalty", penalty))
    terms = {"costs": Costs(half_spread=half_spread), "penalty": Penalty(rate=rate)}
    snapshot = load(file)
    held = chosen(snapshot, account)
    if method and method not in snapshot.methods:
        held = only_held(held)  # a venue refuses what it does not list, held or not
    name, margin = any_method_of(snapshot, method, held.instruments)
    moves = parse_shocks(shock, held_underlyings(held))
    with progress() as step:
        found, market = answer(held, snapshot.market, margin, name, moves, rules, terms, step)
        if html is not None:
            note = f"{file.name} as of {time_text(snapshot.as_of)}; close-out by the rule {rule}"
            write_page(html, liquidation_page(found, surfaces(found, market, margin.trusting(), step), note))
    if as_json:
        print_json(report.plain(found))
        return
    print_answer(found)
    if html is not None:
        say(f"page: {html}")


def answer(
    held: Portfolio, market: Market, method: Method, name: str, moves: Mapping[str, float], rule: Rule,
    terms: Mapping[str, Any], step: Any,
) -> tuple[report.Liquidation, Market]:  # fmt: skip
    """The account in the market after the moves; a price that is only supposed is trusted."""
    after, trusted = (moved_market(held.instruments, market, moves), method.trusting()) if moves else (market, method)
    standing = health(held, after, trusted)
    step("searching prices")
    prices = account_prices(held, after, trusted)
    step("searching common moves")
    common, ruin = (common_moves(held, after, trusted, threshold=t) for t in ("surplus_maintenance", BANKRUPTCY))
    told = None
    if standing.state in {State.LIQUIDATABLE, State.BANKRUPT}:
        step("closing out")
        told = closed_out(held, market, after, trusted, rule, terms)
    found = report.Liquidation(
        method=name, moves=moves, portfolio=held, health=standing, prices=prices, common=common, ruin=ruin,
        narrative=told,
    )  # fmt: skip
    return found, after


def closed_out(
    held: Portfolio, before: Market, after: Market, method: Method, rule: Rule, terms: Mapping[str, Any]
) -> Narrative:
    """Close the account out and say why."""
    old, new = (method.prepare(held.instruments, market) for market in (before, after))
    closed = close_out(new, held, rule, **terms)
    return narrative(old, new, held, new.requirement(held), closed, name=held.account.id, held_back={})


def print_answer(found: report.Liquidation) -> None:
    say(report.title(found))
    say(report.state_line(found))
    say(report.figure_line(found))
    say(report.common_line(found))
    out.print()
    show(report.price_table(found))
    if found.narrative is None or found.closed is None:
        return
    for line in found.narrative.why() if found.moves else ():
        say(line)
    if found.closed.steps:
        show(report.step_table(found))
    for line in report.end_lines(found):
        say(line)


# ---- surfaces ------------------------------------------------------------------------------


def surfaces(found: report.Liquidation, market: Market, method: Method, step: Any) -> list[Surface]:
    """Surplus over price and volatility: along all underlyings together, then along each if they are few."""
    held = [prices.liquidation.underlying for prices in found.prices]
    each = held if len(held) <= MOST_SURFACES else []
    wanted: list[tuple[str | None, Floats]] = [(name, moves_along(found, name)) for name in each]
    if len(held) > 1:
        wanted.insert(0, (None, spread(found.common.below, found.common.above)))
    made = []
    for name, moves in wanted:
        step(f"surface of {name or 'all underlyings'}")
        made.append(
            surface(found.portfolio, market, method, underlying=name, moves=moves, volatilities=VOLATILITIES)
        )
    return made


def moves_along(found: report.Liquidation, name: str) -> Floats:
    [side] = [p.liquidation for p in found.prices if p.liquidation.underlying == name]
    below, above = (None if price is None else price / side.index - 1.0 for price in (side.below, side.above))
    return spread(below, above)


def spread(below: float | None, above: float | None) -> Floats:
    """Moves of an axis: half of the price on both sides, and further where the surplus is 0 beyond."""
    low = -0.5 if below is None else max(min(1.2 * below, -0.5), -0.95)
    high = 0.5 if above is None else max(1.2 * above, 0.5)
    return np.linspace(low, high, 41)
