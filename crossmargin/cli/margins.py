"""Commands about margin: what an account costs, why, what would change it, and where it would be liquidated."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from crossmargin import _checks as check
from crossmargin.account import compare as compare_methods
from crossmargin.account import impact as impact_of
from crossmargin.account import liquidation_prices, only_held
from crossmargin.cli.shared import (
    AccountName,
    File,
    Json,
    Level,
    MethodName,
    OrderText,
    Policy,
    Resting,
    Underlying,
    app,
    chosen,
    method_of,
    out,
    print_json,
    progress,
    show,
)
from crossmargin.margin import DeltaGammaVegaMargin, netting
from crossmargin.margin.sensitivity import Simm, read_crif, read_simm_xml
from crossmargin.portfolio import Order, Portfolio
from crossmargin.reports import compare, tree
from crossmargin.snapshot import Snapshot, load
from crossmargin.validation import revalue as revaluation
from crossmargin.venues import catalogue


@app.command()
def margin(file: File, account: AccountName = "", orders: Policy = "venue", as_json: Json = False) -> None:
    """Margin of an account under every method of the file, side by side, and why."""
    snapshot = load(file)
    portfolio = chosen(snapshot, account)
    with progress() as step:
        columns = [column(snapshot, portfolio, name, orders, step) for name in snapshot.methods]
    if not columns:
        raise check.refuse("methods", "name at least one method", "none", f"in {file.name}")
    explained = columns[-1].requirement.explain()
    if as_json:
        print_json({"methods": {c.name: compare.plain(c) for c in columns}, "explanation": explained.plain()})
        return
    show(compare.table(columns))
    out.print(
        f"{columns[-1].name}: why (worst scenario: {explained.worst_scenario or 'none'})", markup=False, emoji=False
    )
    out.print(tree(explained))


@app.command()
def explain(
    file: File, method: MethodName = "", level: Level = "initial", account: AccountName = "", as_json: Json = False
) -> None:
    """Why a requirement is what it is: components, instruments, scenarios; the parts sum to the whole."""
    check.one_of("level", level, ("initial", "maintenance"))
    snapshot = load(file)
    found = method_of(snapshot, method)
    explained = found.requirement(chosen(snapshot, account), snapshot.market).explain(level)
    if as_json:
        print_json(explained.plain())
        return
    out.print(tree(explained, most=10**6))


@app.command()
def impact(
    file: File,
    order: OrderText = [],  # noqa: B006  typer reads the default
    method: MethodName = "",
    account: AccountName = "",
    resting: Resting = False,
    as_json: Json = False,
) -> None:
    """What orders would do to the margin: those given, or the account's resting ones."""
    snapshot = load(file)
    portfolio = chosen(snapshot, account)
    orders = [parse_order(text, number) for number, text in enumerate(order)] or list(portfolio.orders)
    as_ = "resting" if resting else "filled"
    found = impact_of(portfolio, orders, snapshot.market, method_of(snapshot, method), as_=as_)
    if as_json:
        print_json({"accepted": found.accepted, **compare.impact_plain(found)})
        return
    show(compare.impact_table(found))
    out.print("accepted" if found.accepted else "refused: surplus initial would be negative and not better")


@app.command("liquidation-price")
def liquidation_price(
    file: File, underlying: Underlying = "", method: MethodName = "", account: AccountName = "", as_json: Json = False
) -> None:
    """Index prices at which the account becomes liquidatable, every other position counted."""
    snapshot = load(file)
    portfolio = chosen(snapshot, account)
    with progress() as step:
        step("searching prices")
        found = liquidation_prices(
            portfolio, snapshot.market, method_of(snapshot, method), underlying=underlying or None
        )
    if as_json:
        print_json([compare.price_plain(price) for price in found])
        return
    show(compare.price_table(found, portfolio.account.currency))


@app.command("compare")
def compare_venues(file: File, account: AccountName = "", orders: Policy = "venue", as_json: Json = False) -> None:
    """One account at every venue that can hold it, and under every method of the file; who cannot hold it, and why."""
    snapshot = load(file)
    portfolio = only_held(chosen(snapshot, account))
    with progress() as step:
        step("asking every method")
        methods = catalogue.shipped(portfolio.instruments) | {
            name: method_of(snapshot, name) for name in snapshot.methods
        }
        found = compare_methods(portfolio, snapshot.market, methods, orders=orders)
    if as_json:
        print_json(compare.venue_plain(found))
        return
    title = f"Margin of {portfolio.account.id}, {portfolio.account.currency}"
    show(compare.venue_table(found, title))
    for name, reason in found.left_out.items():
        out.print(f"left out: {name}: {reason}", markup=False, emoji=False, highlight=False, soft_wrap=True)


@app.command()
def revalue(
    file: File,
    method: MethodName = "",
    account: AccountName = "",
    draws: Annotated[int, typer.Option(help="how many draws of the factors")] = 10_000,
    seed: Annotated[int, typer.Option(help="of the random draws")] = 1,
    as_json: Json = False,
) -> None:
    """A delta-gamma-vega requirement beside the quantile of a full revaluation, step by step."""
    snapshot = load(file)
    chosen_method = method_of(snapshot, method or sensitivities_in(snapshot))
    if not isinstance(chosen_method, DeltaGammaVegaMargin):
        raise check.refuse("method", "be a delta_gamma_vega method", chosen_method.method_name)
    portfolio = chosen(snapshot, account)
    with progress() as step:
        step("revaluing")
        found = revaluation(portfolio, snapshot.market, chosen_method, draws=draws, seed=seed)
    if as_json:
        print_json(asdict(found))
        return
    show(compare.revaluation_table(found, portfolio.account.id, snapshot.market.quote))


@app.command()
def simm(
    file: Annotated[Path, typer.Argument(help="sensitivities in the common risk interchange format")],
    calibration: Annotated[Path, typer.Option(help="the user's own licensed calibration, XML, maybe .gz")],
    days: Annotated[int, typer.Option(help="margin period of risk, 10 or 1")] = 10,
    portfolio: Annotated[str, typer.Option(help="its id; the file's only one otherwise")] = "",
    as_json: Json = False,
) -> None:
    """The margin of sensitivities by the structure of ISDA SIMM, and what each of them adds to it."""
    found = Simm(read_simm_xml(calibration, days=days)).margin(read_crif(file))
    name = portfolio or (found.portfolios[0] if len(found.portfolios) == 1 else "")
    check.one_of("portfolio", name, found.portfolios)
    explained = found.explain(name)
    if as_json:
        print_json(explained.plain())
        return
    out.print(tree(explained))


def sensitivities_in(snapshot: Snapshot) -> str:
    """The first delta-gamma-vega method of a file."""
    tag = DeltaGammaVegaMargin.__struct_config__.tag
    names = [name for name, text in snapshot.methods.items() if msgspec.json.decode(text).get("method") == tag]
    if not names:
        raise check.refuse("methods", f"hold one of method {tag!r}", sorted(snapshot.methods))
    return names[0]


def column(snapshot: Snapshot, portfolio: Portfolio, name: str, orders: str, step: Any) -> compare.Column:
    """One method's answers for the comparison."""
    step(name)
    method = method_of(snapshot, name)
    prepared = method.prepare(snapshot.instruments, snapshot.market)
    return compare.Column(
        name=name,
        requirement=prepared.requirement(portfolio, orders=orders),
        netting=netting(prepared, portfolio),
        prices=liquidation_prices(portfolio, snapshot.market, method),
    )


def parse_order(text: str, number: int) -> Order:
    """Read ``buy LOTS INSTRUMENT LIMIT``."""
    words = text.split()
    if len(words) != 4 or not words[1].isdecimal() or len(words[1]) > 16:
        raise check.refuse("order", 'read "buy|sell LOTS INSTRUMENT LIMIT"', text)
    return Order(id=number, side=words[0], lots=int(words[1]), instrument=words[2], limit=words[3])
