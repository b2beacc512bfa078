"""Accounts of venues that charge by brackets: contracts with a size, an entry and a mark, and a wallet."""

from fractions import Fraction

from conformance.simple_accounts import account, perpetual
from crossmargin import Position
from crossmargin.instruments import Payoff
from crossmargin.margin.brackets import Brackets

LOT = Fraction(1, 10**9)
ANY = 1.0  # a most leverage that no figure of the row reads


def bracket(mmr, cum=0.0, leverage=ANY):
    """The schedule of one known bracket: nothing is asked below the notional at which rate and amount cancel."""
    if not cum:
        return Brackets(maintenance=(mmr,), leverage=(leverage,))
    return Brackets(edges=(0.0, cum / mmr), maintenance=(0.0, mmr), leverage=(leverage, leverage))


def lots_of(size):
    return int(Fraction(str(size)) / LOT)


def atoms(amount):
    return round(amount * 10**9)


def linear_account(positions, *, wallet, settlement="USDT"):
    """Positions ``(underlying, signed size, entry, mark)`` in perpetuals named as the underlying, one wallet."""
    listed = [perpetual(name, name, settlement, lot=LOT) for name, *_ in positions]
    held = {
        name: Position(lots_of(size), atoms(Fraction(str(size)) * Fraction(str(entry))))
        for name, size, entry, _ in positions
    }
    marks = {name: mark for name, _, _, mark in positions}
    return account(listed, held, marks, marks, currency=settlement, balances={settlement: str(wallet)})


def inverse_account(coin, contracts, *, size, entry, mark, wallet=0, lot=1):
    """One coin-settled perpetual of ``size`` dollars a contract, traded in lots of some contracts."""
    swap = perpetual("P", coin, coin, payoff=Payoff.INVERSE, contract_size=Fraction(str(size)), lot=Fraction(lot))
    cost = -contracts * Fraction(str(size)) / Fraction(str(entry))
    return account([swap], {"P": Position(int(contracts / Fraction(lot)), atoms(cost))}, {coin: mark}, {"P": mark}, currency=coin,
                   balances={coin: str(wallet)})  # fmt: skip
