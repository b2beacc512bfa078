"""Small accounts that several adapters are made of: linear contracts, one market, one account."""

from fractions import Fraction

from crossmargin import Account, Asset, Instrument, Instruments, Market, Observation, Portfolio
from crossmargin.instruments import Kind

AS_OF = 1_735_000_000 * 10**9
DAY = 86_400 * 10**9
FINE = Fraction(1, 10**6)


def perpetual(name, underlying, settlement="USD", **terms):
    return Instrument(id=name, kind=Kind.PERPETUAL, underlying=underlying, settlement=settlement, tick=FINE, **terms)


def future(name, underlying, settlement="USD", *, days, **terms):
    return Instrument(id=name, kind=Kind.FUTURE, underlying=underlying, settlement=settlement, tick=FINE,
                      expiry=AS_OF + int(days * DAY), **terms)  # fmt: skip


def linear_option(name, underlying, strike, right, settlement="USD", *, days, **terms):
    return Instrument(id=name, kind=Kind.OPTION, underlying=underlying, settlement=settlement, tick=FINE, strike=strike,
                      right=right, expiry=AS_OF + int(days * DAY), **terms)  # fmt: skip


def account(
    instruments, positions, indices, marks, *, currency=None, balances=None, orders=(), volatility=None, forwards=None,
    prices=None, as_of=AS_OF,
):  # fmt: skip
    """Portfolio and market: indices by underlying, marks by instrument, one volatility or one an option.

    Forwards are the index unless given by underlying; settlement assets other than an underlying are worth 1.
    """
    settled = sorted({i.settlement for i in instruments} | {currency or "USD"} | set(balances or {}))
    assets = [Asset(id=name, decimals=9, underlying=name if name in indices else None) for name in settled]
    table = Instruments.of(instruments, assets)
    seen = {(name, "index"): value for name, value in indices.items()}
    seen |= {(name, "index"): (prices or {}).get(name, 1.0) for name in settled if name not in indices}
    seen |= {(name, "mark"): value for name, value in marks.items()}
    seen |= {(key, "forward"): (forwards or indices)[key.rpartition("@")[0]] for key in table.expiry_keys}
    for row in instruments:
        if row.kind is Kind.OPTION:
            seen[row.id, "volatility"] = volatility[row.id] if isinstance(volatility, dict) else volatility
    observations = [Observation(subject=s, field=f, value=float(value)) for (s, f), value in seen.items()]
    owner = Account(id="row", currency=currency or settled[-1])
    portfolio = Portfolio.of(table, account=owner, positions=positions, balances=balances or {}, orders=orders)
    return portfolio, Market.of(observations, as_of=as_of, quote="USD")
