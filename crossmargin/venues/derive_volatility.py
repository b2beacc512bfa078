"""Derive's volatility surface: one SVI slice an expiry, frozen between updates of its feed.

    k = ln(K / F0), within 4 sqrt(a + b s);  w = a + b (rho (k - m) + sqrt((k - m)^2 + s^2));  sigma = sqrt(w / tau0)

F0 and tau0 are the feed's own forward and time, not those of now. A negative w is refused, w is capped at
144. Source: Derive v2-core, LyraVolFeed and SVI; the parametrisation is Gatheral's (2004).
"""

from dataclasses import dataclass
from math import log, sqrt

from crossmargin import _checks as check
from crossmargin.instruments import Instrument, Instruments, Kind
from crossmargin.market import Market, Observation

MOST_VARIANCE, WIDTH = 144.0, 4.0
FIELDS = ("svi_a", "svi_b", "svi_rho", "svi_m", "svi_sigma", "svi_forward", "svi_years")


@dataclass(frozen=True, slots=True)
class Slice:
    """SVI parameters of one expiry: ``sigma`` is s, ``forward`` F0, ``years`` tau0."""

    a: float
    b: float
    rho: float
    m: float
    sigma: float
    forward: float
    years: float

    @classmethod
    def of(cls, market: Market, expiry: str) -> "Slice":
        return cls(*(market.value(name, expiry) for name in FIELDS))


def svi_volatility(svi: Slice, strike: float | None, where: str = "") -> float:
    """Volatility of a strike, fraction a year; of none or 0 that of the lower end of the clamp."""
    check.positive("svi_forward", svi.forward, where)
    check.positive("svi_years", svi.years, where)
    width = WIDTH * sqrt(max(svi.a + svi.b * svi.sigma, 0.0))
    k = min(max(log(strike / svi.forward), -width), width) if strike else -width
    w = svi.a + svi.b * (svi.rho * (k - svi.m) + sqrt((k - svi.m) ** 2 + svi.sigma**2))
    return sqrt(min(check.number("total variance", w, where, low=0.0), MOST_VARIANCE) / svi.years)


def with_surface(instruments: Instruments, market: Market) -> Market:
    """The market with a volatility for every option that has none of its own but a slice for its expiry."""
    seen = dict(market.seen)
    for row, instrument in enumerate(instruments):
        expiry = instruments.expiry_keys[row]
        absent = instrument.kind is Kind.OPTION and not market.has("volatility", instrument.id)
        if absent and any(market.has(name, expiry) for name in FIELDS):
            seen[instrument.id, "volatility"] = from_surface(instrument, market, expiry)
    return Market(market.as_of, market.quote, seen)


def from_surface(instrument: Instrument, market: Market, expiry: str) -> Observation:
    slice_ = Slice.of(market, expiry)
    volatility = svi_volatility(slice_, instrument.strike, f"of {instrument.id!r}")
    confidence = min(market.confidence(name, expiry) for name in FIELDS)
    return Observation(subject=instrument.id, field="volatility", value=volatility, confidence=confidence)
