"""Parameter sets of Kraken Futures: margin levels and haircuts of the help centre, as of 2026-11."""

from crossmargin.margin.brackets import half_of_initial
from crossmargin.margin.collateral import Haircut

DATE = "2026-11"
SOURCE = "support.kraken.com (collateral currencies, equity protection process); levels by ccxt pull request 24844"
SCHEDULES = {"BTC": half_of_initial((0.0, 1e6, 2e6, 5e6), (50.0, 25.0, 20.0, 10.0))}
RATES = {
    0.0: ("USD",),
    0.01: ("USDC", "USDT", "EUR", "GBP"),
    0.03: ("BTC", "ETH", "PAXG"),
    0.05: ("ADA", "DOGE", "MATIC", "XRP"),
    0.075: ("LINK", "ATOM", "LTC", "DOT", "SOL"),
    0.10: ("ARB", "FIL"),
}


def haircut(asset: str, rate: float) -> Haircut:
    """One rate of any amount, at both levels."""
    return Haircut(asset=asset, initial=(rate,), maintenance=(rate,))


HAIRCUTS = tuple(haircut(asset, rate) for rate, assets in RATES.items() for asset in assets)
