"""Turns rows of deribit.json into instruments, market, portfolio and method."""

import json
from datetime import UTC, datetime
from fractions import Fraction

import msgspec

from crossmargin import Account, Asset, Instrument, Instruments, Market, Observation, Portfolio, Position
from crossmargin.instruments import Kind, Payoff
from crossmargin.venues import deribit
from crossmargin.venues.deribit import PortfolioMargin, Reported

LOT = Fraction(1, 10**9)
REPORTED = ("open_orders_margin", "mmp_margin", "spot_margin")


def expiry_of(name: str) -> int | None:
    """08:00 UTC of the date in an instrument's name; a perpetual has none."""
    date = name.partition("-")[2]
    if date == "PERPETUAL":
        return None
    return int(datetime.strptime(date, "%d%b%y").replace(hour=8, tzinfo=UTC).timestamp()) * 10**9


def instruments_of(row: dict) -> Instruments:
    """Positions are given in base coins: a contract is worth one coin at its mark."""
    inputs = row["inputs"]
    made = []
    for name in inputs["positions_base"]:
        expiry = expiry_of(name)
        made.append(Instrument(
            id=name, kind=Kind.PERPETUAL if expiry is None else Kind.FUTURE, underlying=inputs["currency"],
            settlement=inputs["currency"], payoff=Payoff.INVERSE,
            contract_size=Fraction(str(inputs["mark_price"][name])), lot=LOT, expiry=expiry,
        ))  # fmt: skip
    return Instruments.of(made, [Asset(id=inputs["currency"], decimals=9, underlying=inputs["currency"])])


def market_of(row: dict) -> Market:
    inputs = row["inputs"]
    [index] = inputs["index_price"].values()
    seen = [Observation(subject=inputs["currency"], field="index", value=index)]
    seen += [Observation(subject=name, field="mark", value=mark) for name, mark in inputs["mark_price"].items()]
    return Market.of(seen, as_of=inputs["timestamp_ms"] * 10**6, quote="USD")


def portfolio_of(row: dict, instruments: Instruments) -> Portfolio:
    """Opened at the mark, so that nothing is gained yet."""
    held = {}
    for name, base in row["inputs"]["positions_base"].items():
        lots = int(Fraction(str(base)) / LOT)
        held[name] = Position(lots, -lots)
    return Portfolio.of(instruments, account=Account(id="row", currency=row["inputs"]["currency"]), positions=held)


def method_of(row: dict) -> PortfolioMargin:
    """The row's parameters through the reader of the venue's own form."""
    engine = deribit.load_parameters(json.dumps({"result": row["inputs"]["model_params"]}).encode())
    reported = Reported(**{name: row["inputs"][name] for name in REPORTED})
    made = deribit.portfolio_margin(currency=row["inputs"]["currency"], reported=reported)
    return msgspec.structs.replace(made, engine=engine, name=row["id"], date="", source=row["source"])
