"""One file: instruments, market, book and the parameters of methods, as of one moment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from crossmargin import _checks as check
from crossmargin.errors import InvalidInputError
from crossmargin.instruments import Asset, Instrument, Instruments, Kind, Payoff, Right, exact, time_ns
from crossmargin.market import Market, Observation
from crossmargin.portfolio import Account, Book, Portfolio
from crossmargin.portfolio.portfolio import ticks_of
from crossmargin.records import AccountRecord, InstrumentRecord, ObservationRecord, SnapshotRecord

MAX_BYTES = 1 << 30


@dataclass(frozen=True)
class Snapshot:
    """What a file holds; ``methods`` maps a name to the JSON text of a method's parameters."""

    title: str
    as_of: int
    instruments: Instruments
    market: Market
    book: Book
    methods: Mapping[str, bytes]

    @property
    def portfolio(self) -> Portfolio:
        """The only account of the file; with several, use ``account(id)``."""
        if len(self.book.accounts) != 1:
            raise check.refuse("snapshot", "hold one account for .portfolio", len(self.book.accounts))
        return self.account(self.book.accounts[0].id)

    def account(self, name: str) -> Portfolio:
        return Portfolio(self.book, self.book.unit(name))


def load(path: str | Path) -> Snapshot:
    """Read a snapshot file; every refusal names the file and the field."""
    data = read_file(path)
    try:
        return loads(data)
    except InvalidInputError as error:
        raise type(error)(f"{Path(path).name}: {error}") from error


def read_file(path: str | Path) -> bytes:
    """All bytes of a file, or a refusal that names it."""
    try:
        return read(Path(path))
    except OSError as error:
        raise check.refuse("file", "be readable", str(path), f"({error.strerror})") from error
    except InvalidInputError as error:
        raise type(error)(f"{Path(path).name}: {error}") from error


def read(file: Path) -> bytes:
    """All bytes of a file of bearable size; a device may have no end."""
    if "\0" in str(file):
        raise check.refuse("file", "be a path", str(file))
    data = bytearray()
    with file.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            data += chunk
            if len(data) > MAX_BYTES:
                raise check.refuse("file", f"hold at most {MAX_BYTES} bytes", "more")
    return bytes(data)


def loads(data: bytes) -> Snapshot:
    """Decode and check the JSON text of a snapshot."""
    try:
        record = msgspec.json.decode(data, type=SnapshotRecord)
        json.loads(data.decode(), object_pairs_hook=once, **UNREAD)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidInputError(f"snapshot must follow the format: {error}") from error
    return snapshot_of(record)


UNREAD: dict[str, Any] = {"parse_int": len, "parse_float": len, "parse_constant": len}


def once(pairs: list[tuple[str, Any]]) -> None:
    """Refuse a repeated name, of which JSON readers silently keep one; keep nothing of the rest."""
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise check.refuse("name", "be unique in its object", next(n for n in names if names.count(n) > 1))


def snapshot_of(record: SnapshotRecord) -> Snapshot:
    as_of = time_ns("as_of", record.as_of)
    assets = [Asset(id=a.id, decimals=a.decimals, underlying=a.underlying) for a in record.assets]
    instruments = Instruments.of([instrument_of(r) for r in record.instruments], assets)
    check.known("quote", record.quote, instruments.asset_index, "asset")
    observations = [observation_of(r, as_of) for r in record.observations]
    market = Market.of(observations, as_of=as_of, quote=record.quote)
    methods = {check.text("method name", name): bytes(raw) for name, raw in record.methods.items()}
    return Snapshot(record.title, as_of, instruments, market, book_of(record.accounts, instruments), methods)


def instrument_of(record: InstrumentRecord) -> Instrument:
    where = f"of instrument {record.id!r}"
    return Instrument(
        id=record.id,
        kind=Kind(record.kind),
        underlying=record.underlying,
        settlement=record.settlement,
        payoff=Payoff(record.payoff),
        contract_size=Fraction(record.contract_size),
        tick=Fraction(record.tick),
        lot=Fraction(record.lot),
        strike=record.strike,
        right=None if record.right is None else Right(record.right),
        expiry=None if record.expiry is None else time_ns("expiry", record.expiry, where),
    )


def observation_of(record: ObservationRecord, as_of: int) -> Observation:
    where = f"of observation {record.subject!r} {record.field!r}"
    published = as_of if record.published is None else time_ns("published", record.published, where)
    return Observation(
        subject=record.subject,
        field=record.field,
        value=record.value,
        confidence=record.confidence,
        published=published,
        source=record.source,
    )


def book_of(records: list[AccountRecord], instruments: Instruments) -> Book:
    accounts = [Account(id=r.id, currency=r.currency, owner=r.owner, parent=r.parent) for r in records]
    rows = [(row, f"of account {record.id!r}", record) for row, record in enumerate(records)]
    return Book.of(
        instruments,
        accounts,
        positions=columns_of([position_row(instruments, row, where, p) for row, where, r in rows for p in r.positions]),
        balances=columns_of([balance_row(instruments, row, where, b) for row, where, r in rows for b in r.balances]),
        orders=columns_of([order_row(instruments, row, where, o) for row, where, r in rows for o in r.orders]),
    )


def columns_of(rows: list[dict[str, int]]) -> dict[str, list[int]]:
    """Turn rows into columns."""
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def position_row(instruments: Instruments, account: int, where: str, record: Any) -> dict[str, int]:
    item = check.known("instrument", record.instrument, instruments.index, "instrument", where)
    settlement = instruments.asset(instruments.rows[item].settlement)
    cost = settlement.atoms(record.open_cost, "open_cost", f"of {record.instrument!r} {where}")
    return {"account": account, "pocket": record.pocket, "instrument": item, "lots": record.lots, "open_cost": cost}


def balance_row(instruments: Instruments, account: int, where: str, record: Any) -> dict[str, int]:
    item = check.known("asset", record.asset, instruments.asset_index, "asset", where)
    atoms = instruments.assets[item].atoms(record.amount, "amount", f"of {record.asset!r} {where}")
    return {"account": account, "pocket": record.pocket, "asset": item, "atoms": atoms}


def order_row(instruments: Instruments, account: int, where: str, record: Any) -> dict[str, int]:
    item = check.known("instrument", record.instrument, instruments.index, "instrument", where)
    ticks = ticks_of(instruments.rows[item], exact("limit", record.limit, where))
    side = 1 if record.side == "buy" else -1
    return {"account": account, "pocket": record.pocket, "id": record.id, "instrument": item, "side": side,
            "lots": record.lots, "ticks": ticks}  # fmt: skip
