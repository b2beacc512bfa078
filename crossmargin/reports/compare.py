"""Methods side by side: what one account costs under each, as plain data and as a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

from crossmargin.account import Comparison, Impact, LiquidationPrices
from crossmargin.margin import Netting, Requirement
from crossmargin.validation import Revaluation

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One method's answers about an account."""

    name: str
    requirement: Requirement
    netting: Netting
    prices: Sequence[LiquidationPrices]


MONEY = (
    ("equity initial", "equity_initial"),
    ("equity maintenance", "equity_maintenance"),
    ("initial", "initial"),
    ("maintenance", "maintenance"),
    ("surplus initial", "surplus_initial"),
    ("surplus maintenance", "surplus_maintenance"),
)


def money(value: float | None) -> str:
    if value is None:
        return "none"
    return f"{value if abs(value) >= 0.005 else 0.0:,.2f}"  # no "-0.00"


def ratio(value: float) -> str:
    return f"{value:.3f}" if isfinite(value) else str(value)


def rows(columns: Sequence[Column]) -> list[tuple[str, ...]]:
    """Lines of the table: a label, then one cell per method."""
    found = [(label, *(money(getattr(c.requirement, name)) for c in columns)) for label, name in MONEY]
    found.append(("health factor", *(ratio(c.requirement.health_factor) for c in columns)))
    found.append(("each position alone", *(money(c.netting.isolated) for c in columns)))
    found.append(("freed by netting", *(money(c.netting.benefit) for c in columns)))
    found.append(("capital efficiency", *(ratio(c.netting.efficiency) for c in columns)))
    found.append(("worst scenario", *(c.requirement.worst_scenario or "-" for c in columns)))
    return found + price_rows(columns)


def price_rows(columns: Sequence[Column]) -> list[tuple[str, ...]]:
    """Liquidation prices below and above the index, per underlying."""
    names = [price.underlying for price in columns[0].prices] if columns else []
    lines = []
    for number, name in enumerate(names):
        index = columns[0].prices[number].index
        cells = [price_cell(c, number) for c in columns]
        lines.append((f"liquidation {name} ({index:,.2f})", *cells))
    return lines


def price_cell(column: Column, number: int) -> str:
    if column.requirement.surplus_maintenance < 0:
        return "liquidatable now"
    price = column.prices[number]
    return f"{money(price.below)} / {money(price.above)}"


def table(columns: Sequence[Column]) -> "Table":
    """The lines as a rich table; names are text, never markup."""
    from rich.table import Table
    from rich.text import Text

    currency = columns[0].requirement.currency if columns else ""
    made = Table(title=Text(f"Margin of {columns[0].requirement.account}, {currency}") if columns else None)
    made.add_column("")
    for column in columns:
        made.add_column(Text(column.name), justify="right", no_wrap=True)
    for line in rows(columns):
        made.add_row(*map(Text, line))
    return made


def venue_rows(found: Comparison) -> list[tuple[str, ...]]:
    """One line a method: margins, health, what netting is worth, what binds."""
    return [
        (
            name, *map(money, (r.initial, r.maintenance, r.surplus_initial)), f"{r.health_factor:.2f}",
            f"{netted.efficiency:.2f}", r.worst_scenario or "-",
        )
        for name, (r, netted) in found.held.items()
    ]  # fmt: skip


VENUE_HEAD = ("method", "initial", "maintenance", "surplus", "health", "efficiency", "worst scenario")



def venue_table(found: Comparison, title: str) -> "Table":
    """The lines as a rich table."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(title=Text(title), box=box.SIMPLE)
    for name in VENUE_HEAD:
        made.add_column(name, justify="left" if name in {"method", "worst scenario"} else "right", no_wrap=True)
    for line in venue_rows(found):
        made.add_row(*map(Text, line))
    return made


def venue_plain(found: Comparison) -> dict[str, Any]:
    held = {name: plain(Column(name=name, requirement=r, netting=n, prices=())) for name, (r, n) in found.held.items()}
    return {"methods": held, "left_out": dict(found.left_out)}


def plain(column: Column) -> dict[str, Any]:
    """One method's answers as data for JSON; a figure that is not finite is null with its reason."""
    r = column.requirement
    names = [name for _, name in MONEY] + ["health_factor", "margin_usage"]
    found: dict[str, Any] = {
        "method": r.method,
        "parameters": r.parameters,
        "account": r.account,
        "currency": r.currency,
    }
    for name in names:
        found |= finite(name, getattr(r, name))
    found |= {"isolated": column.netting.isolated, "netting_benefit": column.netting.benefit}
    found |= finite("capital_efficiency", column.netting.efficiency)
    found["worst_scenario"] = r.worst_scenario
    found["components"] = {n: {"initial": c.initial, "maintenance": c.maintenance} for n, c in r.components.items()}
    found["liquidation_prices"] = [price_plain(price) for price in column.prices]
    return found


def price_plain(price: LiquidationPrices) -> dict[str, Any]:
    return {
        "underlying": price.underlying,
        "index": price.index,
        "below": price.below,
        "above": price.above,
        "all_prices": list(price.all_prices),
    }


def finite(name: str, value: float) -> dict[str, Any]:
    """Name a figure; one that is not finite is null with its reason."""
    if isfinite(value):
        return {name: value}
    return {name: None, f"{name}_reason": REASONS[name, value > 0]}


REASONS = {
    ("health_factor", True): "nothing is required",
    ("health_factor", False): "negative equity, nothing required",
    ("margin_usage", True): "no equity, something required",
    ("capital_efficiency", True): "nothing is required",
    ("capacity", True): "no limit",
}


def impact_rows(found: Impact) -> list[tuple[str, ...]]:
    """Current, contemplated and delta of every figure and component."""
    lines = [
        (name.replace("_", " "), *map(money, (getattr(found.current, name), getattr(found.contemplated, name), delta)))
        for name, delta in found.delta.items()
    ]
    for name, delta in found.components.items():
        now, then = found.current.components[name].initial, found.contemplated.components[name].initial
        lines.append((f"initial: {name}", *map(money, (now, then, delta.initial))))
    return lines


def impact_table(found: Impact) -> "Table":
    from rich.table import Table
    from rich.text import Text

    made = Table(title=Text(f"Impact on {found.current.account}, {found.current.currency}"))
    for name in ("", "current", "contemplated", "delta"):
        made.add_column(name, justify="right" if name else "left")
    for line in impact_rows(found):
        made.add_row(*map(Text, line))
    return made


def impact_plain(found: Impact) -> dict[str, Any]:
    return {
        "current": {name: getattr(found.current, name) for name in found.delta},
        "contemplated": {name: getattr(found.contemplated, name) for name in found.delta},
        "delta": found.delta,
        "components": {n: {"initial": c.initial, "maintenance": c.maintenance} for n, c in found.components.items()},
    }


def price_table(prices: Sequence[LiquidationPrices], currency: str) -> "Table":
    from rich.table import Table
    from rich.text import Text

    made = Table(title=Text(f"Liquidation prices, {currency}"))
    for name in ("underlying", "index", "below", "above"):
        made.add_column(name, justify="left" if name == "underlying" else "right")
    for price in prices:
        made.add_row(Text(price.underlying), *map(money, (price.index, price.below, price.above)))
    return made


def revaluation_table(found: Revaluation, account: str, quote: str) -> "Table":
    """The steps from delta alone to the quantile, and what they sum to."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(title=Text(f"Loss of {account}, {quote}, {found.draws:,} draws"), box=box.SIMPLE)
    made.add_column("step")
    made.add_column("adds", justify="right")
    made.add_column("loss", justify="right")
    total = 0.0
    for name, value in found.steps.items():
        total += value
        made.add_row(Text(name), money(value), money(total))
    made.add_section()
    made.add_row("initial before its factor", "", money(found.requirement))
    made.add_row("quantile of full revaluation", "", money(found.quantile))
    made.add_row("its 95 % interval", money(found.low), money(found.high))
    return made
