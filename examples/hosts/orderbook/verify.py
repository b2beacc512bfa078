"""What must hold once the stream has been taken: money, lots, and the same orders on both sides."""

from collections import Counter

from host import GatedHost
from orderly_chaos import Side

from crossmargin.account import RiskEngine


def verify(host: GatedHost) -> None:
    """Raise on the first rule that does not hold."""
    for asset, atoms in host.engine.imbalance().items():
        require(atoms == 0, f"{asset}: {atoms} atoms appeared or vanished")
    for instrument, lots in held(host.engine).items():
        require(lots == 0, f"instrument {instrument}: {lots} lots are held by nobody's counterparty")
    asked, resting = at_gate(host.engine), in_books(host)
    require(len(resting) == sum(map(len, host.books.values())), "a book holds orders that the host does not know")
    require(asked == resting, f"orders that rest on one side alone: {sorted(asked ^ resting)[:5]}")


def require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


def held(engine: RiskEngine) -> Counter[int]:
    """Lots of all accounts together, by instrument."""
    found: Counter[int] = Counter()
    for _, instrument, lots, _, _ in engine.positions():
        found[instrument] += lots
    return found


def at_gate(engine: RiskEngine) -> set[tuple[int, ...]]:
    """(account, order, instrument, signed open lots, ticks) of what rests at the gate."""
    rows = engine.orders()
    return {(account, order, instrument, lots, ticks) for account, order, instrument, lots, _, ticks, *_ in rows}


def in_books(host: GatedHost) -> set[tuple[int, ...]]:
    """The same as the books have it; the account is the host's knowledge."""
    found = set()
    for instrument, book in host.books.items():
        for number in filter(book.has, host.account):
            order = book.get(number)
            signed = order.quantity if order.side is Side.BUY else -order.quantity
            found.add((host.account[number], number, instrument, signed, order.price))
    return found
