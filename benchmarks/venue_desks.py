"""Desks of Deribit and OKX for the benchmarks: one underlying, ten expiries, two futures; made, not seen."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np

import desk  # beside this file
from crossmargin import Account, Asset, Book, Instrument, Instruments, Market, Observation
from crossmargin.instruments import Kind, Payoff, Right, expiry_key
from crossmargin.margin.prepared import Prepared
from crossmargin.scenario.revalue import Options, lot_values
from crossmargin.venues import deribit, okx

INDEX = 60_000.0
POSITIONS = 64
FAR = desk.AS_OF + 180 * desk.DAY  # the dated future stands alone


def contracts(settlement: str, payoff: Payoff, **sizes: Fraction) -> list[Instrument]:
    """Ten expiries by forty strikes by two rights, a perpetual and a dated future: 802 instruments."""
    same = {"underlying": "BTC", "settlement": settlement, "payoff": payoff}
    options = [
        Instrument(
            id=f"BTC-{day:03d}-{strike:06d}-{right[0].upper()}", kind=Kind.OPTION, strike=float(strike),
            right=Right(right), expiry=desk.AS_OF + day * desk.DAY, lot=Fraction(1, 10), **same,
        )
        for day in desk.days() for strike in range(30_000, 30_000 + 1_500 * desk.STRIKES, 1_500)
        for right in ("call", "put")
    ]  # fmt: skip
    perpetual = Instrument(id="BTC-PERP", kind=Kind.PERPETUAL, **same, **sizes)
    return [*options, perpetual, Instrument(id="BTC-F180", kind=Kind.FUTURE, expiry=FAR, **same, **sizes)]


def market(table: Instruments, quote: str, **prices: float) -> Market:
    """Forwards, a smile, and marks that are the model's."""
    seen = [Observation(subject=name, field="index", value=price) for name, price in prices.items()]
    for day in desk.days():
        key = expiry_key("BTC", desk.AS_OF + day * desk.DAY)
        seen.append(Observation(subject=key, field="forward", value=INDEX * (1 + day / 3650)))
    futures = {"BTC-PERP": INDEX * 1.0005, "BTC-F180": INDEX * 1.05}
    seen += [Observation(subject=name, field="mark", value=mark) for name, mark in futures.items()]
    for row in table:
        if row.strike is not None:
            smile = 0.55 + 0.2 * np.log(row.strike / INDEX) ** 2
            seen.append(Observation(subject=row.id, field="volatility", value=float(smile)))
    bare = Market.of(seen, as_of=desk.AS_OF, quote=quote)
    options = Options.of(table, bare)
    seen += [Observation(subject=name, field="mark", value=float(mark))
             for name, mark in zip(options.names, options.model[:, 0], strict=True)]  # fmt: skip
    return Market.of(seen, as_of=desk.AS_OF, quote=quote)


def book(table: Instruments, view: Market, currency: str, accounts: int, most: int) -> Book:
    """Random positions of at most ``most`` lots, opened near the mark, and a balance of every asset."""
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(accounts), POSITIONS)
    item = np.argsort(rng.random((accounts, len(table))), axis=1)[:, :POSITIONS].ravel()
    lots = rng.integers(-most, most + 1, owner.size)
    value = lot_values(table, view.column("mark", [row.id for row in table]))
    cost = lots * (value / table.atom[table.settlement])[item] * rng.uniform(0.9, 1.1, owner.size)
    held = len(table.assets)
    size = np.array([{"BTC": 20.0, "USDT": 4e5}[asset.id] for asset in table.assets]) / table.atom
    amount = rng.uniform(-0.5, 1.0, (accounts, held)) * size
    return Book.of(
        table,
        [Account(id=f"{n:07d}", currency=currency) for n in range(accounts)],
        positions={"account": owner, "instrument": item, "lots": lots, "open_cost": cost.astype(np.int64)},
        balances={
            "account": np.repeat(np.arange(accounts), held), "asset": np.tile(np.arange(held), accounts),
            "atoms": amount.ravel().astype(np.int64),
        },
    )  # fmt: skip


Desk = tuple[Prepared, Callable[[int], Book]]


def derive_desk() -> Desk:
    """The desk of ``desk``, with forwards in doubt so that every charge is reached."""
    table = desk.instruments()
    sure = desk.market(table)
    doubted = dict(sure.seen)
    for key, seen in sure.seen.items():
        if seen.field == "forward":
            doubted[key] = replace(seen, confidence=0.5)
    view = Market(sure.as_of, sure.quote, doubted)
    return desk.method().prepare(table, view), lambda accounts: desk.book(table, accounts)


def deribit_desk() -> Desk:
    """Coin-settled options and futures, segregated."""
    coin = Asset(id="BTC", decimals=8, underlying="BTC")
    table = Instruments.of(contracts("BTC", Payoff.INVERSE, contract_size=Fraction(100)), [coin])
    view = market(table, "USD", BTC=INDEX)
    method = deribit.portfolio_margin(currency="BTC")
    return method.prepare(table, view), lambda accounts: book(table, view, "BTC", accounts, most=2_000)


def okx_desk() -> Desk:
    """Linear contracts in USDT, and coins that hedge them."""
    assets = [Asset(id="BTC", decimals=8, underlying="BTC"), Asset(id="USDT", decimals=6)]
    table = Instruments.of(contracts("USDT", Payoff.LINEAR, lot=Fraction(1, 100)), assets)
    view = market(table, "USD", BTC=INDEX, USDT=0.9995)
    method = okx.portfolio_margin()
    return method.prepare(table, view), lambda accounts: book(table, view, "USDT", accounts, most=50)


DESKS = {"Derive v2": derive_desk, "Deribit": deribit_desk, "OKX": okx_desk}
