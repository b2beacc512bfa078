"""One book under many methods: what each asks for it, and what each cannot hold."""

from collections.abc import Mapping
from dataclasses import dataclass

from crossmargin.errors import CrossmarginError
from crossmargin.instruments import Instruments
from crossmargin.margin import Method, Netting, Requirement, netting
from crossmargin.market import Market
from crossmargin.portfolio import Portfolio


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """``held``: requirement and netting of each method that can hold the book; ``left_out``: why the others cannot."""

    held: Mapping[str, tuple[Requirement, Netting]]
    left_out: Mapping[str, str]


def compare(
    portfolio: Portfolio, market: Market, methods: Mapping[str, Method], *, orders: str = "venue"
) -> Comparison:
    """Ask every method for the same account.

    A method that refuses the book, an instrument or an asset of it, or misses an observation is left out with its
    reason, which names the instrument; nothing is dropped from the book to make it fit.
    """
    held, left_out = {}, {}
    for name, method in methods.items():
        try:
            prepared = method.prepare(portfolio.instruments, market)
            held[name] = (prepared.requirement(portfolio, orders=orders), netting(prepared, portfolio))
        except CrossmarginError as error:
            left_out[name] = str(error)
    return Comparison(held=held, left_out=left_out)


def only_held(portfolio: Portfolio) -> Portfolio:
    """The same account over a table of what it holds, has on order and is stated in, and nothing else."""
    table = portfolio.instruments
    names = {name for name, position in portfolio.positions.items() if position.lots}
    names |= {order.instrument for order in portfolio.orders}
    rows = [row for row in table if row.id in names]
    assets = {row.settlement for row in rows} | {name for name, atoms in portfolio.balances.items() if atoms}
    kept = [asset for asset in table.assets if asset.id in assets | {portfolio.account.currency}]
    positions = {name: position for name, position in portfolio.positions.items() if name in names}
    return Portfolio.of(
        Instruments.of(rows, kept), account=portfolio.account, positions=positions,
        balances={name: amount for name, amount in portfolio.amounts.items() if amount}, orders=portfolio.orders,
    )  # fmt: skip
