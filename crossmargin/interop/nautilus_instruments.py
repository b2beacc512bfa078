"""nautilus instruments and currencies as crossmargin's: what a contract is, in exact fractions.

A contract settles here in the currency in which nautilus books its profits (``get_cost_currency``). Where the contract
names another one (quanto contracts), or is an option quoted in coin, nautilus keeps other books than the venue: those
are refused, and so are classes of instrument that crossmargin has no kind for.
"""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from crossmargin import _checks as check
from crossmargin.errors import MissingExtraError
from crossmargin.instruments import Asset, Instrument, Instruments, Kind, Payoff, Right

try:
    from nautilus_trader.model.enums import InstrumentClass, OptionKind
except ImportError as error:
    raise MissingExtraError(
        "nautilus_trader must be installed, was not: pip install 'crossmargin[nautilus]' (Python 3.12 or later)"
    ) from error

KINDS = {
    InstrumentClass.SPOT: Kind.SPOT,
    InstrumentClass.SWAP: Kind.PERPETUAL,
    InstrumentClass.FUTURE: Kind.FUTURE,
    InstrumentClass.OPTION: Kind.OPTION,
}
RIGHTS = {OptionKind.CALL: Right.CALL, OptionKind.PUT: Right.PUT}


def fraction(value: Any) -> Fraction:
    """A nautilus price, quantity or money, exactly."""
    return Fraction(value.as_decimal())


def kind_of(instrument: Any) -> Kind:
    given = InstrumentClass(instrument.instrument_class)
    found = KINDS.get(given)
    if found is None:
        raise check.refuse("instrument_class", "be spot, swap, future or option", given.name, place(instrument))
    return found


def place(instrument: Any) -> str:
    return f"of instrument {str(instrument.id)!r}"


def underlying_of(instrument: Any) -> str:
    """The base currency's code, the underlying that the contract names, or, of a share, its symbol."""
    base, named = instrument.get_base_currency(), getattr(instrument, "underlying", None)
    if base is not None:
        return str(base.code)
    return str(named) if named is not None else str(instrument.id.symbol)


def settlement_of(instrument: Any) -> str:
    """Code of the currency in which nautilus books profits; refused where the contract settles in another one."""
    booked, settled = instrument.get_cost_currency(), instrument.get_settlement_currency()
    if booked != settled:
        rule = f"be {booked}, in which nautilus books it"
        raise check.refuse("settlement currency", rule, settled, place(instrument))
    return str(booked.code)


def payoff_of(instrument: Any, kind: Kind) -> Payoff:
    if not instrument.is_inverse:
        return Payoff.LINEAR
    if kind is Kind.OPTION:
        raise check.refuse("is_inverse", "be false for an option", instrument.is_inverse, place(instrument))
    return Payoff.INVERSE


def terms_of(instrument: Any, kind: Kind) -> dict[str, Any]:
    """Expiry, and strike and right of an option."""
    if kind not in {Kind.FUTURE, Kind.OPTION}:
        return {}
    terms: dict[str, Any] = {"expiry": int(instrument.expiration_ns)}
    if kind is Kind.OPTION:
        terms |= {"strike": float(instrument.strike_price), "right": RIGHTS[OptionKind(instrument.option_kind)]}
    return terms


def to_instrument(instrument: Any) -> Instrument:
    """One nautilus instrument; its id keeps the venue (``BTCUSDT-PERP.BINANCE``)."""
    kind = kind_of(instrument)
    return Instrument(
        id=str(instrument.id),
        kind=kind,
        underlying=underlying_of(instrument),
        settlement=settlement_of(instrument),
        payoff=payoff_of(instrument, kind),
        contract_size=fraction(instrument.multiplier),
        tick=fraction(instrument.price_increment),
        lot=fraction(instrument.size_increment),
        **terms_of(instrument, kind),
    )


def to_asset(currency: Any, quote: str) -> Asset:
    """One nautilus currency, to its own precision; other ones than the quote move with their own index."""
    code = str(currency.code)
    return Asset(id=code, decimals=int(currency.precision), underlying=None if code == quote else code)


def to_instruments(instruments: Iterable[Any], currencies: Iterable[Any] = (), *, quote: str) -> Instruments:
    """A table of nautilus instruments, with the currencies that they settle in and others that may be held."""
    given = list(instruments)
    held = {currency.code: currency for currency in (*currencies, *(row.get_cost_currency() for row in given))}
    return Instruments.of(map(to_instrument, given), [to_asset(currency, quote) for currency in held.values()])
