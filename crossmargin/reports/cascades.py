"""A cascade under one or several methods: rounds, totals side by side, as tables and as data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from crossmargin.liquidation.cascade import CascadeResult, CascadeRules, Round
from crossmargin.liquidation.comparison import MethodOutcome
from crossmargin.liquidation.crowd import Crowd
from crossmargin.reports.compare import finite
from crossmargin.reports.liquidations import made_table, shock_text

if TYPE_CHECKING:
    from rich.table import Table

FIRST, LAST = 12, 3  # rounds that are shown of many


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeReport:
    """What was asked and what came of it; money in ``quote``.

    ``same_cash``: all methods met the same cash. ``depth`` and ``index`` by underlying, before the shock.
    ``left_out``: for each method the instruments that it cannot hold, with the reasons: nobody holds those.
    """

    source: str
    quote: str
    crowd: Crowd
    cash: str
    same_cash: bool
    instruments: Sequence[str]
    index: Mapping[str, float]
    shock: Mapping[str, float]
    depth: Mapping[str, float]
    rules: CascadeRules
    fund: float
    seed: int
    outcomes: Mapping[str, MethodOutcome]
    left_out: Mapping[str, Mapping[str, str]]


# ---- sentences -----------------------------------------------------------------------------


def title(found: CascadeReport) -> str:
    return f"Cascade after {shock_text(found.shock)}"


def made_line(found: CascadeReport) -> str:
    """That the accounts are drawn and of no exchange, and how."""
    crowd = found.crowd
    equity = (
        "as much cash as the most demanding method asks" if found.same_cash and len(found.outcomes) > 1
        else "initial margin under each method and a headroom on it"
    )  # fmt: skip
    return (
        f"The accounts are made, not those of the file: {crowd.accounts:,} drawn with seed {crowd.seed} over "
        f"instruments of {found.source} ({len(found.instruments)} of them), up to {crowd.positions} positions each, "
        f"median notional {whole(crowd.size)} {found.quote}; equity is {equity} (mean {crowd.headroom:g} of it)."
    )


def market_line(found: CascadeReport) -> str:
    depths = ", ".join(f"{name} {whole(depth)}" for name, depth in found.depth.items())
    oracle, liquidators = found.rules.oracle, found.rules.liquidators
    parts = [
        f"impact {impact_text(found.rules)}", f"depth {depths}", f"penalty {found.rules.penalty:.2%}",
        f"insurance fund {whole(found.fund)}", *(f"oracle lag {oracle.lag}" for _ in [0] if oracle.lag),
        *(f"oracle noise {oracle.noise:g}" for _ in [0] if oracle.noise),
        *(f"delay {liquidators.delay}" for _ in [0] if liquidators.delay),
        *(f"capacity {whole(liquidators.capacity)} a round" for _ in [0] if liquidators.capacity < float("inf")),
    ]  # fmt: skip
    return f"{'; '.join(parts)}; money in {found.quote}"


def impact_text(rules: CascadeRules) -> str:
    """The model's name with its figures."""
    name = "".join(f" {c.lower()}" if c.isupper() else c for c in type(rules.impact).__name__.removesuffix("Impact"))
    figures = ", ".join(f"{key} {value:g}" for key, value in asdict(rules.impact).items())  # type: ignore[call-overload]
    return f"{name.strip()} ({figures})" if figures else name.strip()


def left_out_lines(found: CascadeReport) -> list[str]:
    """Instruments that nobody holds, since a method cannot."""
    return [
        f"left out, since {method} cannot hold them: {', '.join(reasons)} ({next(iter(reasons.values()))})"
        for method, reasons in found.left_out.items() if reasons
    ]  # fmt: skip


def end_line(name: str, result: CascadeResult) -> str:
    if result.ended:
        return f"{name}: ended after {len(result.rounds)} rounds, no account is left to close"
    below = result.rounds[-1].below if result.rounds else 0
    return f"{name}: stopped after {len(result.rounds)} rounds, accounts still below maintenance: {below:,}"


def whole(value: float) -> str:
    return f"{value if abs(value) >= 0.5 else 0.0:,.0f}"


# ---- tables --------------------------------------------------------------------------------


COUNTS = ("below", "liquidated", "restored", "taken_over")
MONEY = ("notional", "penalty", "from_fund", "deleveraged", "socialised", "fund")
LABELS = {"taken_over": "taken over", "from_fund": "fund paid"}
TOTALS = {
    "notional": "notional closed", "penalty": "penalties", "from_fund": "paid by the fund",
    "deleveraged": "passed on by deleveraging", "socialised": "socialised loss",
}  # fmt: skip


def round_head(result: CascadeResult) -> tuple[str, ...]:
    return ("round", *result.underlyings, *(LABELS.get(name, name) for name in COUNTS + MONEY))


def round_rows(result: CascadeResult, *, shorten: bool = True) -> list[tuple[str, ...]]:
    """A line a round; of many rounds the first, the last, and how many lie between."""
    rows, n = [round_cells(result, row) for row in result.rounds], len(result.rounds)
    if not shorten or n <= FIRST + LAST + 1:
        return rows
    gap = (f"{n - FIRST - LAST} more", *("" for _ in rows[0][1:]))
    return [*rows[:FIRST], gap, *rows[-LAST:]]


def round_cells(result: CascadeResult, row: Round) -> tuple[str, ...]:
    return (
        str(row.number), *(f"{row.factor[name] - 1.0:+.2%}" for name in result.underlyings),
        *(f"{getattr(row, name):,}" for name in COUNTS), *(whole(getattr(row, name)) for name in MONEY),
    )  # fmt: skip


def round_table(name: str, result: CascadeResult) -> "Table":
    return made_table(f"{name}, by round", round_head(result), round_rows(result), left=())


def total_head(found: CascadeReport) -> tuple[str, ...]:
    return ("", *found.outcomes)


def total_rows(found: CascadeReport) -> list[tuple[str, ...]]:
    """A line a figure, a column a method."""
    cells: list[tuple[str, Any]] = [
        ("gross notional of all", lambda o: whole(o.notional)),
        ("equity of all", lambda o: whole(o.equity)),
        ("leverage", lambda o: f"{o.leverage:.2f}"),
        ("rounds", lambda o: f"{len(o.result.rounds)}{'' if o.result.ended else ', stopped'}"),
        ("accounts liquidated", lambda o: f"{len(o.result.accounts):,} ({o.share_liquidated:.1%})"),
        *((label, lambda o, name=name: whole(o.result.total(name))) for name, label in TOTALS.items()),
        ("fund at the end", lambda o: whole(o.result.rounds[-1].fund)),
        *((f"{name} at the end", lambda o, name=name: f"{o.result.final[name] - 1.0:+.2%}") for name in found.depth),
    ]
    return [(label, *(cell(outcome) for outcome in found.outcomes.values())) for label, cell in cells]


def total_table(found: CascadeReport) -> "Table":
    return made_table(f"Totals, {found.quote}", total_head(found), total_rows(found), left=("",))


# ---- data ----------------------------------------------------------------------------------


def plain(found: CascadeReport) -> dict[str, Any]:
    """All of it as data for JSON."""
    return {
        "accounts": "made", "seed": found.seed, "crowd": asdict(found.crowd), "source": found.source,
        "quote": found.quote, "cash": found.cash, "same_cash": found.same_cash, "shock": dict(found.shock),
        "depth": dict(found.depth), "index": dict(found.index), "fund": found.fund, "rules": rules_plain(found.rules),
        "instruments": list(found.instruments),
        "left_out": {method: dict(reasons) for method, reasons in found.left_out.items()},
        "methods": {name: outcome_plain(outcome) for name, outcome in found.outcomes.items()},
    }  # fmt: skip


def rules_plain(rules: CascadeRules) -> dict[str, Any]:
    liquidators = rules.liquidators
    return {
        "impact": type(rules.impact).__name__, **asdict(rules.impact), "penalty": rules.penalty,  # type: ignore[call-overload]
        "lag": rules.oracle.lag, "noise": rules.oracle.noise, "delay": liquidators.delay,
        **finite("capacity", liquidators.capacity), "deleverage": rules.ranking is not None,
        "max_rounds": rules.max_rounds,
    }  # fmt: skip


def outcome_plain(outcome: MethodOutcome) -> dict[str, Any]:
    result = outcome.result
    return {
        "notional": outcome.notional, "equity": outcome.equity, "leverage": outcome.leverage,
        "ended": result.ended, "accounts_liquidated": len(result.accounts),
        "totals": {name: result.total(name) for name in TOTALS}, "final": result.final,
        "rounds": [asdict(row) for row in result.rounds],
    }  # fmt: skip


def rows_of(outcomes: Mapping[str, MethodOutcome]) -> Iterable[tuple[str, Sequence[Round]]]:
    return ((name, outcome.result.rounds) for name, outcome in outcomes.items())
