"""The command about cascades: a made crowd over the market of a file, a shock, and what follows under each method."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from crossmargin import _checks as check
from crossmargin.account import compare as compare_account
from crossmargin.cli.shared import (
    File,
    Html,
    Json,
    PenaltyRate,
    Shocks,
    any_method_of,
    app,
    err,
    named_number,
    out,
    page_at,
    parse_shocks,
    print_json,
    read_number,
    say,
    show,
    write_page,
)
from crossmargin.errors import CrossmarginError
from crossmargin.instruments import Instrument, Instruments, time_text
from crossmargin.liquidation.cascade import CascadeRules
from crossmargin.liquidation.comparison import compare_methods, same_usage
from crossmargin.liquidation.comparison import same_cash as richest
from crossmargin.liquidation.crowd import Crowd
from crossmargin.liquidation.impact import Impact, LinearImpact, Liquidators, NoImpact, Oracle, SquareRootImpact
from crossmargin.liquidation.ledger_deleveraging import BY_RETURN
from crossmargin.margin import Method, Prepared
from crossmargin.portfolio import Account, Portfolio, Position
from crossmargin.reports import cascades as report
from crossmargin.reports.cascade_page import cascade_page
from crossmargin.snapshot import Snapshot, load
from crossmargin.venues import catalogue

DEPTH = 1e10  # quote currency: a calm market moves by 1 % for a hundred million
MOST_ACCOUNTS = 1_000_000
IMPACTS: dict[str, tuple[type[Any], tuple[str, ...]]] = {  # with the figures that each takes
    "linear": (LinearImpact, ("permanent", "temporary")),
    "root": (SquareRootImpact, ("permanent",)),
    "none": (NoImpact, ()),
}

Methods = Annotated[list[str], typer.Option("--method", help="A method of the file or of a venue; repeatable.")]
Accounts = Annotated[int, typer.Option("--accounts", help="How many accounts are made.")]
Positions = Annotated[int, typer.Option("--positions", help="Positions of each, at most.")]
Headroom = Annotated[float, typer.Option("--headroom", help="Mean equity above initial margin, a fraction of it.")]
Size = Annotated[float, typer.Option("--size", help="Median notional of a position, quote currency.")]
SameCash = Annotated[bool, typer.Option("--same-cash", help="The same cash under every method, the largest.")]
Cash = Annotated[str, typer.Option("--cash", help="Asset of the cash; the currency of the file's first account.")]
Depths = Annotated[
    list[str], typer.Option("--depth", help="Notional that moves a calm price by 100 %: BTC=1e9, or one number.")
]
ImpactName = Annotated[str, typer.Option("--impact", help="linear, root or none.")]
Permanent = Annotated[float | None, typer.Option("--permanent", help="Part of an impact that stays.")]
Temporary = Annotated[float | None, typer.Option("--temporary", help="Part that is paid and passes, linear alone.")]
Lag = Annotated[int, typer.Option("--lag", help="Rounds by which the oracle is late.")]
Noise = Annotated[float, typer.Option("--noise", help="Standard deviation of the oracle's error, a fraction.")]
Delay = Annotated[int, typer.Option("--delay", help="Rounds from trigger to close-out.")]
Capacity = Annotated[float | None, typer.Option("--capacity", help="Notional that liquidators take in a round.")]
Fund = Annotated[float, typer.Option("--fund", help="What the insurance fund holds, quote currency.")]
Deleverage = Annotated[bool, typer.Option("--deleverage", help="Pass on to counterparties what the fund cannot pay.")]
Rounds = Annotated[int, typer.Option("--rounds", help="Rounds after which the run stops.")]
Seed = Annotated[int, typer.Option("--seed", help="Of the accounts and the oracle's errors.")]


@app.command()
def cascade(
    file: File,
    shock: Shocks,
    method: Methods = [],  # noqa: B006  typer reads the default
    accounts: Accounts = 10_000,
    positions: Positions = 5,
    headroom: Headroom = 0.5,
    size: Size = 10_000.0,
    same_cash: SameCash = False,
    cash: Cash = "",
    depth: Depths = [],  # noqa: B006
    impact: ImpactName = "linear",
    permanent: Permanent = None,
    temporary: Temporary = None,
    lag: Lag = 0,
    noise: Noise = 0.0,
    delay: Delay = 0,
    capacity: Capacity = None,
    penalty: PenaltyRate = 0.005,
    fund: Fund = 0.0,
    deleverage: Deleverage = False,
    rounds: Rounds = 100,
    seed: Seed = 0,
    as_json: Json = False,
    html: Html = None,
) -> None:
    """What a shock does to many made accounts and to prices, round by round, under one or several methods."""
    page_at(html)
    check.integer("seed", seed, low=0)
    check.integer("accounts", accounts, low=1, high=MOST_ACCOUNTS)
    crowd = Crowd(accounts=accounts, positions=positions, headroom=headroom, size=size, seed=seed)
    rules = CascadeRules(
        impact=impact_of(impact, {"permanent": permanent, "temporary": temporary}),
        oracle=Oracle(lag=lag, noise=noise), penalty=check.fraction("penalty", penalty),
        liquidators=Liquidators(capacity=np.inf if capacity is None else capacity, delay=delay),
        ranking=BY_RETURN if deleverage else None, max_rounds=check.integer("rounds", rounds, low=1),
    )  # fmt: skip
    setting = Setting.of(load(file), file.name, method, cash)
    found = setting.run(crowd, rules, shock, depth, check.number("fund", fund, low=0.0), same_cash=same_cash)
    if html is not None:
        write_page(html, cascade_page(found))
    if as_json:
        print_json(report.plain(found))
        return
    print_report(found)
    if html is not None:
        say(f"page: {html}")


def print_report(found: report.CascadeReport) -> None:
    say(report.title(found))
    for line in (report.made_line(found), report.market_line(found), *report.left_out_lines(found)):
        say(line)
    out.print()
    for name, outcome in found.outcomes.items():
        show(report.round_table(name, outcome.result))
        say(report.end_line(name, outcome.result))
        out.print()
    show(report.total_table(found))


# ---- arguments -----------------------------------------------------------------------------


def impact_of(name: str, figures: Mapping[str, float | None]) -> Impact:
    """An impact model by name; a figure that it does not take is refused."""
    kind, takes = check.known("impact", name, IMPACTS, f"impact ({', '.join(IMPACTS)})")
    given = {key: value for key, value in figures.items() if value is not None}
    for key, value in given.items():
        if key not in takes:
            raise check.refuse(key, f"be left out of impact {name}", value)
    found: Impact = kind(**given)
    return found


def parse_depths(texts: Sequence[str], underlyings: Sequence[str]) -> dict[str, float]:
    """A depth for each underlying: named, else the one number for all, else ``DEPTH``."""
    for_all = [value for text in texts if (value := read_number(text)) is not None]
    named = [named_number("depth", text, underlyings) for text in texts if read_number(text) is None]
    check.unique("depth", [name for name, _ in named])
    check.unique("depth", ["for all" for _ in for_all])
    found = dict.fromkeys(underlyings, for_all[0] if for_all else DEPTH) | dict(named)
    return {name: check.positive("depth", value, f"of {name!r}") for name, value in found.items()}


# ---- the run -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Methods over the instruments that all of them can hold; what each cannot, with the reason."""

    snapshot: Snapshot
    source: str
    cash: str
    methods: Mapping[str, Prepared]
    instruments: Instruments
    left_out: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, snapshot: Snapshot, source: str, names: Sequence[str], cash: str) -> "Setting":
        wanted = cash or currency_of(snapshot)
        check.known("cash", wanted, snapshot.instruments.asset_index, "asset")
        check.unique("method", names)
        methods = dict(any_method_of(snapshot, name, snapshot.instruments) for name in names or [""])
        left_out = {name: refusals(snapshot, method, wanted) for name, method in methods.items()}
        prepared = prepared_over(snapshot, methods, left_out, wanted)
        return cls(
            snapshot=snapshot, source=f"{source} as of {time_text(snapshot.as_of)}", cash=wanted, methods=prepared,
            instruments=next(iter(prepared.values())).instruments, left_out=left_out,
        )  # fmt: skip

    @property
    def underlyings(self) -> list[str]:
        return sorted({row.underlying for row in self.instruments})

    def run(
        self, crowd: Crowd, rules: CascadeRules, shock: list[str], depth: list[str], fund: float, *, same_cash: bool
    ) -> report.CascadeReport:
        """The same crowd under each method."""
        moves, depths = parse_shocks(shock, self.underlyings), parse_depths(depth, self.underlyings)
        books = (richest if same_cash else same_usage)(self.methods, crowd, self.cash)
        with rounds_bar(rules.max_rounds) as step:
            outcomes = compare_methods(
                self.methods, books, moves, depth=depths, fund=fund, rules=rules, seed=crowd.seed,
                step=lambda name, done: step(name, done.number),
            )  # fmt: skip
        index = {name: self.snapshot.market.value("index", name) for name in self.underlyings}
        return report.CascadeReport(
            source=self.source, quote=self.snapshot.market.quote, crowd=crowd, cash=self.cash, same_cash=same_cash,
            instruments=[row.id for row in self.instruments], index=index, shock=moves, depth=depths, rules=rules,
            fund=fund, seed=crowd.seed, outcomes=outcomes, left_out=self.left_out,
        )  # fmt: skip


def currency_of(snapshot: Snapshot) -> str:
    """That of the file's first account, else the market's quote."""
    return snapshot.book.accounts[0].currency if len(snapshot.book.accounts) else snapshot.market.quote


def refusals(snapshot: Snapshot, method: Method, cash: str) -> dict[str, str]:
    """The instruments that a method cannot hold beside the cash, with its reasons.

    Asked of each in the table of the file and, since a method may refuse a table for another of its rows or assets,
    in a table of its own, with all assets and with those alone that it needs; whichever leaves more.
    """
    tables: list[Callable[[Instrument], Instruments]] = [
        lambda _: snapshot.instruments,
        lambda row: table_of(snapshot.instruments, [row], cash, narrow=False),
        lambda row: table_of(snapshot.instruments, [row], cash, narrow=True),
    ]  # fmt: skip
    found: list[dict[str, str]] = []
    for table in tables:
        asked = {row.id: reason(snapshot, method, row.id, table(row), cash) for row in snapshot.instruments}
        found.append({name: why for name, why in asked.items() if why})
        if not found[-1]:
            break
    return min(found, key=len)


def reason(snapshot: Snapshot, method: Method, name: str, table: Instruments, cash: str) -> str:
    """Why a method cannot hold a lot of an instrument and cash; empty if it can."""
    owner, held = Account(id="one", currency=cash), {name: Position(1, 0)}
    one = Portfolio.of(table, account=owner, positions=held, balances={cash: "1"})
    return compare_account(one, snapshot.market, {"": method}).left_out.get("", "")


def prepared_over(
    snapshot: Snapshot, methods: Mapping[str, Method], left_out: Mapping[str, Mapping[str, str]], cash: str
) -> dict[str, Prepared]:
    """All methods over the instruments that each of them can hold."""
    reasons = {row: (name, why) for name, refused in left_out.items() for row, why in refused.items()}
    rows = [row for row in snapshot.instruments if row.id not in reasons]
    if not rows:
        name, why = next(iter(reasons.values()))
        raise check.refuse("instruments", "be ones that every method can hold", "none", f"({name}: {why})")
    try:
        table = table_of(snapshot.instruments, rows, cash, narrow=False)
        return {name: method.prepare(table, snapshot.market) for name, method in methods.items()}
    except CrossmarginError:
        table = table_of(snapshot.instruments, rows, cash, narrow=True)
        return {name: method.prepare(table, snapshot.market) for name, method in methods.items()}


def table_of(instruments: Instruments, rows: Sequence[Instrument], cash: str, *, narrow: bool) -> Instruments:
    """Some instruments with the assets of the file, or with those alone that they settle in and that are cash."""
    used = {row.settlement for row in rows} | {cash, catalogue.cash_of(instruments)}
    return Instruments.of(rows, [asset for asset in instruments.assets if not narrow or asset.id in used])


# ---- progress ------------------------------------------------------------------------------


@contextmanager
def rounds_bar(most: int) -> Iterator[Callable[[str, int], None]]:
    """Show on a terminal the rounds of each method; silent in a pipe."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("making accounts", total=most)
        yield lambda name, number: bar.update(task, description=f"{name}: round {number}", completed=number)
