"""One account's liquidation: its state, the prices that end it, the close-out step by step, as text and as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from crossmargin.account import LiquidationPrices
from crossmargin.account.health import Health, State
from crossmargin.liquidation.close_out import CloseOut, ClosingTrade, Outcome, Step
from crossmargin.liquidation.narrative import Narrative
from crossmargin.liquidation.prices import AccountPrices, CommonMoves
from crossmargin.portfolio import Portfolio
from crossmargin.portfolio.portfolio import decimal_text
from crossmargin.reports.compare import MONEY, finite, money, ratio

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Liquidation:
    """One account under one method, after ``moves`` of its underlyings (none: as it is).

    ``common`` and ``ruin`` are the common moves of all underlyings to liquidation and to bankruptcy; ``narrative`` is
    there where the account is below maintenance.
    """

    method: str
    moves: Mapping[str, float]
    portfolio: Portfolio
    health: Health
    prices: Sequence[AccountPrices]
    common: CommonMoves
    ruin: CommonMoves
    narrative: Narrative | None

    @property
    def closed(self) -> CloseOut | None:
        return self.narrative.closed if self.narrative else None

    @property
    def below(self) -> bool:
        """Whether the account is below maintenance."""
        return self.health.state in {State.LIQUIDATABLE, State.BANKRUPT}


MEANINGS = {
    State.HEALTHY: "its equity covers the initial margin, nothing is closed",
    State.MARGIN_CALL: "its equity is below the initial margin and covers maintenance, nothing is closed",
    State.LIQUIDATABLE: "its equity is below the maintenance margin",
    State.BANKRUPT: "its equity is below 0",
}
OUTCOMES = {
    Outcome.RESTORED: "restored: maintenance is met",
    Outcome.CLOSED: "closed: no position is left and the surplus is still below 0, a loss for the insurance fund",
    Outcome.TAKEOVER: "takeover: every further step would lower the surplus, the liquidator takes over what is left",
}


# ---- sentences -----------------------------------------------------------------------------


def title(found: Liquidation) -> str:
    moved = f" after {shock_text(found.moves)}" if found.moves else ""
    return f"Liquidation of {found.portfolio.account.id} under {found.method}{moved}"


def shock_text(moves: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {move:+.2%}" for name, move in moves.items())


def state_line(found: Liquidation) -> str:
    return f"{found.portfolio.account.id}: {found.health.state}, {MEANINGS[found.health.state]}"


def figure_line(found: Liquidation) -> str:
    """What decides the state."""
    r = found.health.requirement
    equity, required, surplus, initial = map(
        money, (r.equity_maintenance, r.maintenance, r.surplus_maintenance, r.surplus_initial)
    )
    return (
        f"equity {equity}, maintenance {required}, surplus {surplus} {r.currency}; "
        f"surplus on initial margin {initial}; health factor {ratio(r.health_factor)}"
    )


def common_line(found: Liquidation) -> str:
    """The distance along a common move of all underlyings."""
    what, never = ("meets maintenance again", "does not meet maintenance again") if found.below else (
        "is liquidated", "is not liquidated")
    ends = ((found.common.below, 0), (found.common.above, 1))
    reached = [
        f"{x:+.2%} ({', '.join(f'{name} {money(pair[side])}' for name, pair in found.common.prices.items())})"
        for x, side in ends if x is not None
    ]  # fmt: skip
    if not reached:
        return f"it {never} by any common move of its underlyings from -100% to +900%"
    return f"by a common move of all its underlyings it {what} at {' or '.join(reached)}"


def end_lines(found: Liquidation) -> list[str]:
    """How the close-out ended, what was paid, and what would have avoided it."""
    closed = found.closed
    if closed is None or found.narrative is None:
        return []
    currency = found.portfolio.account.currency
    surplus, penalty, cost = map(money, (closed.requirement.surplus_maintenance, closed.penalty, closed.cost))
    return [
        f"{OUTCOMES[closed.outcome]}; surplus {surplus} {currency}",
        f"penalty {penalty} {currency}{payees(found)}; trades and fees cost {cost} {currency}",
        *found.narrative.avoided(),
    ]  # fmt: skip


def payees(found: Liquidation) -> str:
    """Who receives the penalty, asset by asset."""
    parts = [
        f"{name} {money(amount(found.portfolio, payment.asset, atoms))} {payment.asset}"
        for payment in (found.closed.payments if found.closed else ())
        for name, atoms in (("liquidator", payment.charge.liquidator), ("insurance fund", payment.charge.fund)) if atoms
    ]  # fmt: skip
    return f" ({', '.join(parts)})" if parts else ""


def amount(portfolio: Portfolio, asset: str, atoms: int) -> float:
    return float(Fraction(atoms, 10 ** portfolio.instruments.asset(asset).decimals))


# ---- tables --------------------------------------------------------------------------------


STEP_HEAD = ("step", "trades", "cost", "penalty", "margin freed", "surplus after")


def figure_rows(found: Liquidation) -> list[tuple[str, str]]:
    r = found.health.requirement
    return [*((label, money(getattr(r, name))) for label, name in MONEY), ("health factor", ratio(r.health_factor))]


def price_head(found: Liquidation) -> tuple[str, ...]:
    first = "met again below" if found.below else "liquidation below"
    return ("underlying", "index", first, "above", "bankruptcy below", "above")


def price_title(found: Liquidation) -> str:
    """What the prices of a table are: of an account below maintenance, where it would be above again."""
    currency = found.portfolio.account.currency
    if found.below:
        return f"Prices at which maintenance is met again, and of bankruptcy, {currency}"
    return f"Liquidation and bankruptcy prices, {currency}"


def price_rows(found: Liquidation) -> list[tuple[str, ...]]:
    """Prices with their distance from the index."""
    return [
        (
            prices.liquidation.underlying, money(prices.liquidation.index),
            *(away(price, side.index) for side in (prices.liquidation, prices.bankruptcy)
              for price in (side.below, side.above)),
        )
        for prices in found.prices
    ]  # fmt: skip


def away(price: float | None, index: float) -> str:
    return "none" if price is None else f"{money(price)} ({price / index - 1.0:+.1%})"


def step_rows(found: Liquidation, most: int) -> list[tuple[str, ...]]:
    """A line a step, its reason below its trades; of more trades than ``most`` the number is told."""
    steps = found.closed.steps if found.closed else ()
    return [
        (
            str(number), "\n".join([*trade_lines(found.portfolio, step, most), step.reason]),
            *map(money, (step.cost, step.penalty, step.margin_freed, step.surplus_after)),
        )
        for number, step in enumerate(steps, 1)
    ]  # fmt: skip


def trade_lines(portfolio: Portfolio, step: Step, most: int) -> list[str]:
    shown = [trade_text(portfolio, trade) for trade in step.trades[:most]]
    return [*shown, f"and {len(step.trades) - most} more"] if len(step.trades) > most else shown


def trade_text(portfolio: Portfolio, trade: ClosingTrade) -> str:
    row = portfolio.instruments.instrument(trade.instrument)
    side = "buy" if trade.lots > 0 else "sell"
    return f"{side} {float(abs(trade.lots) * row.lot):,.10g} {row.id} at {float(trade.ticks * row.tick):,.10g}"


def price_table(found: Liquidation) -> "Table":
    return made_table(price_title(found), price_head(found), price_rows(found), left=("underlying",))


def step_table(found: Liquidation, most: int = 6) -> "Table":
    heading = f"Close-out, {found.portfolio.account.currency}"
    return made_table(heading, STEP_HEAD, step_rows(found, most), left=("trades",))


def made_table(heading: str, head: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[str]) -> "Table":
    """A table of texts; names are text, never markup."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(title=Text(heading), box=box.SIMPLE)
    for name in head:
        made.add_column(name, justify="left" if name in left else "right", no_wrap=True)
    for cells in rows:
        made.add_row(*map(Text, cells))
    return made


# ---- data ----------------------------------------------------------------------------------


def plain(found: Liquidation) -> dict[str, Any]:
    """The same as data for JSON; a figure that is not finite is null with its reason."""
    r = found.health.requirement
    data: dict[str, Any] = {
        "account": r.account, "currency": r.currency, "method": found.method, "parameters": r.parameters,
        "shock": dict(found.moves), "state": str(found.health.state),
    }  # fmt: skip
    for name in (*(name for _, name in MONEY), "health_factor"):
        data |= finite(name, getattr(r, name))
    data["prices"] = [prices_plain(prices) for prices in found.prices]
    data["common_move"] = {"liquidation": common_plain(found.common), "bankruptcy": common_plain(found.ruin)}
    return data | {"breach": breach_plain(found), **closed_plain(found)}


def prices_plain(found: AccountPrices) -> dict[str, Any]:
    sides = {"liquidation": found.liquidation, "bankruptcy": found.bankruptcy}
    return {
        "underlying": found.liquidation.underlying,
        "index": found.liquidation.index,
        **{name: side_plain(side) for name, side in sides.items()},
    }


def side_plain(side: LiquidationPrices) -> dict[str, Any]:
    return {"below": side.below, "above": side.above, "all_prices": list(side.all_prices)}


def common_plain(found: CommonMoves) -> dict[str, Any]:
    prices = {name: {"below": below, "above": above} for name, (below, above) in found.prices.items()}
    return {"below": found.below, "above": found.above, "prices": prices}


def breach_plain(found: Liquidation) -> dict[str, Any] | None:
    """Where on the way of the shock the threshold broke; null without a shock or where it did not break."""
    if found.narrative is None or not found.moves:
        return None
    b = found.narrative.breach
    return {"at": b.at, "prices": b.prices and dict(b.prices), "gains": dict(b.lost)}


def closed_plain(found: Liquidation) -> dict[str, Any]:
    closed = found.closed
    if closed is None or found.narrative is None:
        return {"close_out": None, "deposit": None}
    made = {
        "outcome": str(closed.outcome), "cost": closed.cost, "penalty": closed.penalty,
        "surplus_maintenance": closed.requirement.surplus_maintenance,
        "payments": [
            {"asset": p.asset, **{name: text_amount(found, p.asset, getattr(p.charge, name))
                                  for name in ("liquidator", "fund")}}
            for p in closed.payments
        ],
        "steps": [step_plain(found.portfolio, step) for step in closed.steps],
    }  # fmt: skip
    return {"close_out": made, "deposit": found.narrative.deposit}


def text_amount(found: Liquidation, asset: str, atoms: int) -> str:
    return decimal_text(Fraction(atoms, 10 ** found.portfolio.instruments.asset(asset).decimals))


def step_plain(portfolio: Portfolio, step: Step) -> dict[str, Any]:
    figures = ("cost", "penalty", "margin_freed", "surplus_before", "surplus_after", "reason")
    return {
        "trades": [
            {"instrument": t.instrument, "lots": t.lots,
             "price": decimal_text(t.ticks * portfolio.instruments.instrument(t.instrument).tick)}
            for t in step.trades
        ],
        **{name: getattr(step, name) for name in figures},
    }  # fmt: skip
