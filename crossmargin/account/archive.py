"""What a journal's header and snapshots hold besides events: instruments, market and parameters as text, exactly."""

from fractions import Fraction
from typing import Any

import msgspec

from crossmargin.errors import InvalidInputError
from crossmargin.instruments import Asset, Instrument, Instruments, Kind, Payoff, Right
from crossmargin.market import Market, Observation

ROW = ("id", "kind", "underlying", "settlement", "payoff", "contract_size", "tick", "lot", "strike", "right", "expiry")
SEEN = ("subject", "field", "value", "confidence", "published", "source")


class JournalError(InvalidInputError):
    """A journal that cannot be trusted or does not fit; ``last_good`` is the last event before the fault."""

    def __init__(self, message: str, last_good: int = 0) -> None:
        super().__init__(message)
        self.last_good = last_good


def instruments_text(instruments: Instruments) -> bytes:
    """Contracts and assets; sizes as fractions, so that none is rounded."""
    rows = [{name: plain(getattr(row, name)) for name in ROW} for row in instruments]
    assets = [{"id": a.id, "decimals": a.decimals, "underlying": a.underlying} for a in instruments.assets]
    return msgspec.json.encode({"rows": rows, "assets": assets})


def plain(value: Any) -> Any:
    return str(value) if isinstance(value, (Fraction, str)) else value


def instruments_of(text: bytes) -> Instruments:
    found = msgspec.json.decode(text)
    return Instruments.of(map(instrument_of, found["rows"]), (Asset(**asset) for asset in found["assets"]))


def instrument_of(row: dict[str, Any]) -> Instrument:
    sizes = {name: Fraction(row[name]) for name in ("contract_size", "tick", "lot")}
    right = None if row["right"] is None else Right(row["right"])
    return Instrument(**row | sizes | {"kind": Kind(row["kind"]), "payoff": Payoff(row["payoff"]), "right": right})


def market_text(market: Market) -> bytes:
    """Observations; floats in their shortest form that reads back to the same bits."""
    seen = [[getattr(o, name) for name in SEEN] for o in market.seen.values()]
    return msgspec.json.encode({"as_of": market.as_of, "quote": market.quote, "seen": seen})


def market_of(text: bytes) -> Market:
    found = msgspec.json.decode(text)
    seen = [Observation(**dict(zip(SEEN, row, strict=True))) for row in found["seen"]]
    return Market(found["as_of"], found["quote"], {(o.subject, o.field): o for o in seen})
