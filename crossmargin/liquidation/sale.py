"""A share of an account to a bidder, as events of the one ledger: what an auction's ``Bid`` says, in lots and atoms.

A bid of share p moves, in this order:

=========  ==========================================================================================================
positions  ``trunc(p lots)`` of each with their share of the open cost: the account realises no profit by it
balances   ``trunc(p atoms)`` of each, debts too; of the account's currency only what is not reserved
price      to the nearest atom, from the bidder to the account
payment    to the nearest atom, from the fund to the bidder; what it cannot pay the shortfall account owes
=========  ==========================================================================================================

Positions are traded at the tick nearest to what they cost, and a transfer makes up for the difference; no mark is
needed. A share is rounded toward zero, as at the venue, so nothing passes that is not held, and p = 1 leaves nothing
but what is reserved. All atoms that leave one account reach another. Money is in atoms, lots are signed. Who may bid
is the auction's to say (``auction.bidder_requirement``): transfers of a liquidation are not judged.

Source: Derive v2-core at commit 7736900, src/liquidation/DutchAuction.sol, src/risk-managers/BaseManager.sol.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Integers
from crossmargin.account import RiskEngine
from crossmargin.instruments import Instrument, Instruments
from crossmargin.liquidation.auction import Auction, Bid, Figures
from crossmargin.liquidation.holdings import EngineHoldings, apply, trades, transfers
from crossmargin.portfolio import Portfolio, Position
from crossmargin.portfolio.portfolio import fill_cost

MOST_TICKS = 2**40  # at which an inverse contract is handed over that cost nothing

# ---- a trade that brings what it should ---------------------------------------------------------


def trade_for(
    instruments: Instruments, account: int, other: int, instrument: str, lots: int, ticks: int, received: int
) -> Integers:
    """Events of a trade of signed ``lots`` against another account, by which the account receives so many atoms.

    ``received`` of the settlement asset, < 0: paid. What the ledger's cost at ``ticks`` differs from it, by its own
    rounding or by a price between two ticks, is a transfer.
    """
    terms, row = instruments.instrument(instrument), instruments.index[instrument]
    missing = received
    if lots:
        missing += fill_cost(terms, instruments.asset(terms.settlement).decimals, lots, ticks)
    traded = trades(np.array([account]), np.array([row]), np.array([lots]), np.array([ticks]), other)
    return np.concatenate([traded, moved(other, account, int(instruments.settlement[row]), missing)])


def moved(payer: int, payee: int, asset: int, atoms: int) -> Integers:
    """The transfer of signed atoms; nothing of 0."""
    giver, taker = (payer, payee) if atoms > 0 else (payee, payer)
    return transfers(np.array([giver]), asset, np.array([abs(atoms)]), taker)


def nearest_ticks(terms: Instrument, decimals: int, lots: int, cost: int) -> int:
    """Ticks at which ``lots`` (not 0) cost about so many atoms; an inverse contract's are > 0."""
    value = lots * terms.value_ratio(decimals)
    if not terms.costs_inversely:
        return round(cost / value)
    found = -value / cost if cost else Fraction(MOST_TICKS)
    return min(max(round(found), 1), MOST_TICKS)


# ---- the share of an account ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """What a bid moves: lots and their open cost, atoms of each asset, all signed as the account held them.

    ``price``, ``from_fund`` and ``unpaid``: atoms of the account's currency, >= 0.
    """

    positions: Mapping[str, Position]
    balances: Mapping[str, int]
    price: int
    from_fund: int
    unpaid: int

    @classmethod
    def of(cls, portfolio: Portfolio, bid: Bid) -> "Sale":
        """The share of what is held; what earlier bidders paid in is not for sale."""
        share, currency = Fraction(bid.share), portfolio.account.currency
        reserved = in_atoms(portfolio, bid.reserved - bid.price)
        held = {name: atoms - (reserved if name == currency else 0) for name, atoms in portfolio.balances.items()}
        return cls(
            positions={name: part(position, share) for name, position in portfolio.positions.items()},
            balances={name: int(share * atoms) for name, atoms in held.items()},
            price=in_atoms(portfolio, bid.price), from_fund=in_atoms(portfolio, bid.fund_pays),
            unpaid=in_atoms(portfolio, bid.payment) - in_atoms(portfolio, bid.fund_pays),
        )  # fmt: skip


def part(position: Position, share: Fraction) -> Position:
    """The share of a position, toward zero, with what the ledger releases of its open cost."""
    lots = int(share * position.lots)
    return Position(lots, int(Fraction(position.open_cost * lots, position.lots)) if position.lots else 0)


def in_atoms(portfolio: Portfolio, amount: float) -> int:
    """An amount of the account's currency to the nearest atom."""
    return round(Fraction(amount) * 10 ** portfolio.instruments.asset(portfolio.account.currency).decimals)


def events_of(
    instruments: Instruments, sale: Sale, currency: str, *, account: int, bidder: int, fund: int, shortfall: int
) -> Integers:
    """A sale as a run of events."""
    asset = instruments.asset_index[currency]
    runs = [handed_over(instruments, account, bidder, name, held) for name, held in sale.positions.items()]
    runs += [moved(account, bidder, instruments.asset_index[name], atoms) for name, atoms in sale.balances.items()]
    paid = ((bidder, account, sale.price), (fund, bidder, sale.from_fund), (shortfall, bidder, sale.unpaid))
    return np.concatenate([*runs, *(moved(payer, payee, asset, atoms) for payer, payee, atoms in paid)])


def handed_over(instruments: Instruments, account: int, bidder: int, instrument: str, held: Position) -> Integers:
    """A position to the bidder for what it cost: the account's balance stays."""
    terms = instruments.instrument(instrument)
    decimals = instruments.asset(terms.settlement).decimals
    ticks = nearest_ticks(terms, decimals, held.lots, held.open_cost) if held.lots else 0
    return trade_for(instruments, account, bidder, instrument, -held.lots, ticks, held.open_cost)


# ---- at an engine -----------------------------------------------------------------------------------


def portfolio_of(engine: RiskEngine, account: int, holdings: EngineHoldings | None = None) -> Portfolio:
    """An account as it stands; ``holdings`` saves their making where accounts are many."""
    return (holdings or EngineHoldings(engine)).portfolio(account)


def account_figures(engine: RiskEngine, account: int, *, holdings: EngineHoldings | None = None) -> Figures:
    """What an auction reads of an account: the engine's own figures at the last marks, and its cash.

    The method's maintenance equity must be the mark to market, without haircuts. In account currency.
    """
    held, found = portfolio_of(engine, account, holdings), engine.figures(account)
    price = float(engine.prepared.currency_prices(held.book)[0])
    cash = float(held.amounts.get(held.account.currency, Fraction(0)))
    named = {"value": "equity_maintenance", "surplus_maintenance": "surplus_maintenance"}
    return Figures(cash=cash, **{name: found[figure] / price for name, figure in named.items()})


def pay_start_fee(
    engine: RiskEngine, account: int, auction: Auction, *, fund: int, holdings: EngineHoldings | None = None
) -> int:
    """Move the start fee to the fund, before the first bid; its atoms of the account's currency."""
    held = portfolio_of(engine, account, holdings)
    atoms = in_atoms(held, auction.fee)
    apply(engine, moved(account, fund, engine.instruments.asset_index[held.account.currency], atoms))
    return atoms


def sell_share(
    engine: RiskEngine, account: int, bidder: int, bid: Bid, *, fund: int, shortfall: int,
    holdings: EngineHoldings | None = None,
) -> Sale:  # fmt: skip
    """Apply a bid to an engine's ledger; what it moved.

    ``fund`` pays in the insolvent phase, ``shortfall`` owes what the fund cannot pay: both may be no party of the
    sale. Refused before anything moves: a bid of the account for itself, and a bidder without room for the positions.
    The account's resting orders stay; who closes it out cancels them first.
    """
    check.unique("account", (account, bidder))
    if {account, bidder} & {fund, shortfall}:
        raise check.refuse("fund and shortfall", "be no party of the sale", (fund, shortfall))
    held = portfolio_of(engine, account, holdings)
    sale = Sale.of(held, bid)
    room_for(portfolio_of(engine, bidder, holdings), sale, engine.opened.slots)
    run = events_of(engine.instruments, sale, held.account.currency, account=account, bidder=bidder, fund=fund,
                    shortfall=shortfall)  # fmt: skip
    apply(engine, run)
    return sale


def room_for(bidder: Portfolio, sale: Sale, slots: int) -> None:
    """Refuse a sale that would leave the bidder with more instruments than an account has room for."""
    taken = {name for name, held in sale.positions.items() if held.lots}
    kept = {*bidder.positions, *(order.instrument for order in bidder.orders)}
    if len(taken | kept) > slots:
        raise check.refuse("instruments of the bidder", f"be at most {slots}", len(taken | kept))
