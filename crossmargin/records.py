"""The records of a snapshot file, as msgspec decodes and validates them; ``docs/format.md`` explains.

Money, sizes and limits are decimal strings, so that no amount is rounded on the way in.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

Id = Annotated[str, Meta(min_length=1, max_length=200)]
Decimal = Annotated[str, Meta(pattern=r"^-?[0-9]{1,30}(\.[0-9]{1,30})?$")]
Time = Annotated[str, Meta(max_length=40)]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class Record(Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True, kw_only=True):
    """Base: unknown fields are refused, since a typing error must not be read as a default."""


class AssetRecord(Record, frozen=True):
    """An asset: ``10**-decimals`` is its atom; ``underlying`` moves its price, none if absent."""

    id: Id
    decimals: Annotated[int, Meta(ge=0, le=9)] = 2
    underlying: Id | None = None


class InstrumentRecord(Record, frozen=True):
    """A contract specification; strike, right and expiry as its kind demands."""

    id: Id
    kind: Literal["spot", "perpetual", "future", "option"]
    underlying: Id
    settlement: Id
    payoff: Literal["linear", "inverse", "quanto"] = "linear"
    contract_size: Decimal = "1"
    tick: Decimal = "0.01"
    lot: Decimal = "1"
    strike: Annotated[float, Meta(ge=0)] | None = None
    right: Literal["call", "put"] | None = None
    expiry: Time | None = None


class ObservationRecord(Record, frozen=True):
    """One figure about one subject; fields and their units stand in ``crossmargin.market.FIELDS``."""

    subject: Id
    field: Id
    value: float
    confidence: Annotated[float, Meta(ge=0, le=1)] = 1.0
    published: Time | None = None
    source: str = ""


class PositionRecord(Record, frozen=True):
    """Signed lots; ``open_cost`` is what they cost, in units of the settlement asset."""

    instrument: Id
    lots: Int64
    open_cost: Decimal = "0"
    pocket: Annotated[int, Meta(ge=0)] = 0


class BalanceRecord(Record, frozen=True):
    """A signed amount of an asset; negative is debt."""

    asset: Id
    amount: Decimal
    pocket: Annotated[int, Meta(ge=0)] = 0


class OrderRecord(Record, frozen=True):
    """A resting order: open lots and limit price."""

    id: Int64
    instrument: Id
    side: Literal["buy", "sell"]
    lots: Annotated[int, Meta(ge=1, le=2**53)]
    limit: Decimal
    pocket: Annotated[int, Meta(ge=0)] = 0


class AccountRecord(Record, frozen=True):
    """An account and all that it holds."""

    id: Id
    currency: Id
    owner: str = ""
    parent: str = ""
    positions: list[PositionRecord] = []
    balances: list[BalanceRecord] = []
    orders: list[OrderRecord] = []


class SnapshotRecord(Record, frozen=True):
    """One file: everything as of one moment. ``methods`` is read by the layer that knows methods."""

    format: Literal["crossmargin/1"]
    as_of: Time
    quote: Id
    assets: Annotated[list[AssetRecord], Meta(min_length=1)]
    instruments: list[InstrumentRecord]
    observations: list[ObservationRecord]
    accounts: Annotated[list[AccountRecord], Meta(min_length=1)]
    methods: dict[str, Raw] = {}
    title: str = ""


def schema() -> dict[str, object]:
    """JSON Schema of the snapshot format."""
    return msgspec.json.schema(SnapshotRecord)
