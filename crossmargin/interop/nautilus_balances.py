"""A requirement of a whole account as nautilus's margin balances, one for each collateral currency."""

from decimal import ROUND_CEILING, Decimal
from math import isfinite
from typing import Any

from crossmargin import _checks as check
from crossmargin.interop.nautilus_mirror import Mirror

from nautilus_trader.model.objects import AccountBalance, MarginBalance, Money  # isort: skip  behind what names the extra


def shares(mirror: Mirror, totals: dict[Any, Any]) -> dict[Any, tuple[float, float]]:
    """(share of the requirement, price) of each currency, by the value it brings; all on the quote if none does."""
    market, assets = mirror.engine.market, mirror.instruments
    price = {c: market.price(c.code, assets.asset(c.code).underlying) for c in totals}
    value = {c: max(float(total), 0.0) * price[c] for c, total in totals.items()}
    whole = sum(value.values())
    if not whole:
        value, whole = {c: float(c.code == mirror.quote) for c in totals}, 1.0
    return {c: (value[c] / whole, price[c]) for c in totals}


def amount(figure: float, share: float, price: float, currency: Any) -> Any:
    """A part of a requirement as money of a currency: rounded up, so that together the parts never fall short."""
    if not isfinite(figure):
        raise check.refuse("requirement", "be finite", figure)
    wanted = Decimal(max(figure, 0.0) * share / price) if share else Decimal(0)
    return Money(wanted.quantize(Decimal(1).scaleb(-currency.precision), rounding=ROUND_CEILING), currency)


def balance(total: Any, initial: Any) -> Any:
    """Total, locked and free: locked is the initial requirement, as far as there is money."""
    locked = min(initial, max(total, Money(0, total.currency)))
    return AccountBalance(total, locked, Money(total.as_decimal() - locked.as_decimal(), total.currency))


def write_margins(account: Any, mirror: Mirror) -> None:
    """Write the engine's figures into a nautilus margin account."""
    figures, totals = mirror.engine.figures(mirror.account), account.balances_total()
    for currency, (share, price) in shares(mirror, totals).items():
        initial, maintenance = (amount(figures[level], share, price, currency) for level in ("initial", "maintenance"))
        account.update_margin(MarginBalance(initial, maintenance))
        account.update_balances([balance(totals[currency], initial)])
