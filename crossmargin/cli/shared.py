"""What commands share: the application, its options and consoles, and how account and method of a file are chosen."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from crossmargin import _checks as check
from crossmargin.errors import InvalidInputError
from crossmargin.instruments import Instruments
from crossmargin.margin import Method
from crossmargin.portfolio import Portfolio
from crossmargin.reports import pages
from crossmargin.snapshot import Snapshot
from crossmargin.venues import catalogue, load_method

HELP = "Every command reads one snapshot file and prints a table or, with --json, data."
BEYOND = "figures of the file must be such that every answer is finite, was beyond all figures of float64"

app = typer.Typer(add_completion=False, help=HELP, pretty_exceptions_enable=False)
out = Console()
err = Console(stderr=True)

File = Annotated[Path, typer.Argument(help="Snapshot file, see docs/format.md.", metavar="FILE")]
AccountName = Annotated[str, typer.Option("--account", help="Account id; needed if the file holds several.")]
MethodName = Annotated[str, typer.Option("--method", help="Name of a method of the file; the last one by default.")]
Json = Annotated[bool, typer.Option("--json", help="Print data instead of tables.")]
Level = Annotated[str, typer.Option("--level", help="initial or maintenance.")]
Policy = Annotated[str, typer.Option("--orders", help="Resting orders: venue, worst_fill or none.")]
Resting = Annotated[bool, typer.Option("--resting", help="Contemplate the orders as resting, at their worst fill.")]
Underlying = Annotated[str, typer.Option("--underlying", help="Only this underlying.")]
OrderText = Annotated[list[str], typer.Option("--order", help='An order: "buy LOTS INSTRUMENT LIMIT"; repeatable.')]
Shocks = Annotated[list[str], typer.Option("--shock", help="A move of an underlying: BTC=-0.2; repeatable.")]
Html = Annotated[Path | None, typer.Option("--html", help="Write a page of figures, one file, to this path.")]

PenaltyRate = Annotated[float, typer.Option("--penalty", help="Penalty, a fraction of the notional closed.")]


def show(table: Table) -> None:
    """A table as wide as its figures, in a pipe too: a figure cut short is worse than a long line."""
    options = out.options.update(max_width=10_000)
    Console(width=max(out.width, Measurement.get(out, options, table).maximum)).print(table)


def chosen(snapshot: Snapshot, account: str) -> Portfolio:
    return snapshot.account(account) if account else snapshot.portfolio


def method_of(snapshot: Snapshot, name: str) -> Method:
    """A method of the file by name, the last where none is named."""
    if not snapshot.methods:
        raise check.refuse("methods", "name at least one method", "none")
    wanted = name or list(snapshot.methods)[-1]
    found: Method = load_method(check.known("method", wanted, snapshot.methods, "method of the file"))
    return found


@contextmanager
def progress() -> Iterator[Any]:
    """Show on a terminal what is being worked on; silent in a pipe."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("preparing")
        yield lambda text: bar.update(task, description=text)


def print_json(data: Any) -> None:
    try:
        text = json.dumps(data, indent=2, allow_nan=False)
    except ValueError:
        raise InvalidInputError(BEYOND) from None
    sys.stdout.write(text + "\n")


# ---- liquidation ---------------------------------------------------------------------------


def any_method_of(snapshot: Snapshot, name: str, instruments: Instruments) -> tuple[str, Method]:
    """A method of the file, the last where none is named, or a venue's for some instruments, with its name."""
    if not name or name in snapshot.methods:
        return name or list(snapshot.methods or [""])[-1], method_of(snapshot, name)
    shipped = catalogue.shipped(instruments)
    found: Method = check.known("method", name, shipped, "method of the file or of a venue")
    return name, found


def parse_shocks(texts: list[str], allowed: Sequence[str]) -> dict[str, float]:
    """Moves of underlyings, each > -1: of texts such as BTC=-0.2."""
    pairs = [named_number("shock", text, allowed) for text in texts]
    check.unique("shock", [name for name, _ in pairs])
    return {name: check.number("shock", move, f"of {name!r}", low=-1.0, strict=True) for name, move in pairs}


def named_number(name: str, text: str, allowed: Sequence[str]) -> tuple[str, float]:
    """Read UNDERLYING=NUMBER."""
    key, sign, figure = text.rpartition("=")
    value = read_number(figure)
    if not sign or value is None:
        raise check.refuse(name, "read UNDERLYING=NUMBER", text)
    return check.one_of(name, key, allowed), value


def read_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def say(text: str) -> None:
    """A sentence as it is, on one line."""
    out.print(text, markup=False, emoji=False, highlight=False, soft_wrap=True)


def page_at(path: Path | None) -> None:
    """Refuse early what no page can be written with or to."""
    if path is None:
        return
    pages.plotly("graph_objects")
    if not path.parent.is_dir():
        raise check.refuse("html", "be a file in a folder that exists", str(path))


def write_page(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise check.refuse("html", "be a file that can be written", str(path), f"({error.strerror})") from error
