"""What was seen: one figure about one subject, with its doubt and its time."""

from dataclasses import dataclass

from crossmargin import _checks as check

# The closed vocabulary. Subjects: U underlying, I instrument, A asset, E expiry (``U@time``).
FIELDS = {
    "index": "oracle price of U or A, quote currency",
    "mark": "the venue's valuation of I, quote currency (inverse: quote per coin)",
    "forward": "forward price of E; the part that moves with the index, quote currency",
    "forward_fixed": "part of the settlement average of E that is already fixed, quote currency",
    "rate": "continuous interest rate of E or A, fraction a year",
    "svi_a": "level a of the SVI slice of E, total variance",
    "svi_b": "slope b of the SVI slice of E",
    "svi_rho": "rotation rho of the SVI slice of E, in (-1, 1)",
    "svi_m": "shift m of the SVI slice of E, log-moneyness",
    "svi_sigma": "smoothing sigma of the SVI slice of E, log-moneyness",
    "svi_forward": "forward price of E at which its SVI slice was fitted",
    "svi_years": "years to E when its SVI slice was fitted",
    "volatility": "Black-76 volatility of I, or of U for sensitivity methods, fraction a year",
    "slow_price": "slowly moving price of U, I or A against manipulation",
    "average_price": "time-weighted average of U, I or A",
    "open_interest": "contracts outstanding of I",
    "deposits": "total deposits of A, units of A",
    "borrows": "total borrows of A, units of A",
    "borrow_rate": "rate a year paid by borrowers of A",
    "spread": "bid-ask spread of I, fraction of mark",
    "depth": "quantity of I within one spread of mark",
    "funding": "funding rate of I a hour, fraction",
    "peg": "price of a stablecoin A against its peg",
}

POSITIVE = {"volatility", "open_interest", "deposits", "borrows", "spread", "depth"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """``value`` of ``field`` about ``subject``; ``confidence`` in [0, 1], ``published`` in ns UTC."""

    subject: str
    field: str
    value: float
    confidence: float = 1.0
    published: int = 0
    source: str = ""

    def __post_init__(self) -> None:
        where = f"of observation {self.subject!r} {self.field!r}"
        check.text("subject", self.subject, where)
        check.one_of("field", self.field, tuple(FIELDS), where)
        low = 0.0 if self.field in POSITIVE else float("-inf")
        object.__setattr__(self, "value", check.number("value", self.value, where, low=low))
        check.fraction("confidence", self.confidence, where)
        check.integer("published", self.published, where)
