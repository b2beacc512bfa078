"""A Derive desk for the benchmarks: one underlying, ten expiries, random options; made, not seen."""

import numpy as np

from crossmargin import Account, Asset, Book, Instrument, Instruments, Market, Observation
from crossmargin.instruments import Kind, Right, expiry_key
from crossmargin.venues.derive import PortfolioMargin2
from crossmargin.venues.derive_parameters import MAINNET, CollateralRule

AS_OF = 1_700_000_000 * 10**9
DAY = 86_400 * 10**9
EXPIRIES = 10
STRIKES = 40


def instruments() -> Instruments:
    """Ten expiries by forty strikes by two rights, and a perpetual: 801 instruments."""
    options = [
        Instrument(
            id=f"U-{day:03d}-{strike:05d}-{right[0].upper()}", kind=Kind.OPTION, underlying="U", settlement="USDC",
            lot="0.01", strike=float(strike), right=Right(right), expiry=AS_OF + day * DAY,
        )
        for day in days() for strike in range(1020, 1020 + 50 * STRIKES, 50) for right in ("call", "put")
    ]  # fmt: skip
    perpetual = Instrument(id="U-PERP", kind=Kind.PERPETUAL, underlying="U", settlement="USDC", lot="0.01")
    return Instruments.of([*options, perpetual], [Asset(id="USDC", decimals=6), Asset(id="WETH", decimals=8)])


def days() -> list[int]:
    return [7 * (k + 1) for k in range(EXPIRIES)]


def market(table: Instruments) -> Market:
    seen = [
        Observation(subject="U", field="index", value=2000.0),
        Observation(subject="WETH", field="index", value=2000.0),
        Observation(subject="USDC", field="peg", value=1.0),
        Observation(subject="U-PERP", field="mark", value=2001.0),
    ]
    for day in days():
        key = expiry_key("U", AS_OF + day * DAY)
        seen += [Observation(subject=key, field="forward", value=2000.0 * (1 + day / 3650)),
                 Observation(subject=key, field="rate", value=0.05)]
    seen += [Observation(subject=row.id, field="volatility", value=0.6) for row in table if row.strike is not None]
    return Market.of(seen, as_of=AS_OF, quote="USDC")


def method() -> PortfolioMargin2:
    collateral = (CollateralRule(asset="WETH", maintenance=0.1, initial_extra=0.05, risk_cancelling=True),)
    return PortfolioMargin2(name="main net", underlying="U", cash="USDC", rules=MAINNET, collateral=collateral)


def book(table: Instruments, accounts: int, positions: int = 64, seed: int = 0) -> Book:
    """Accounts with the same number of positions in random instruments, cash and coins."""
    rng = np.random.default_rng(seed)
    chosen = np.argsort(rng.random((accounts, len(table))), axis=1)[:, :positions]
    owner = np.repeat(np.arange(accounts), positions)
    return Book.of(
        table,
        [Account(id=f"{n:07d}", currency="USDC") for n in range(accounts)],
        positions={"account": owner, "instrument": chosen.ravel(), "lots": rng.integers(-500, 501, owner.size)},
        balances={
            "account": np.repeat(np.arange(accounts), 2), "asset": np.tile([0, 1], accounts),
            "atoms": rng.integers(10**11, 10**12, 2 * accounts),
        },
    )  # fmt: skip
